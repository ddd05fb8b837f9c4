"""`AsyncioStream`: one asyncio protocol for each connection, and the byte stream over it.

This is the hot path of every request, so it is native: a wait is one future, a deadline one attribute, and flow
control pauses a transport only when somebody falls behind. It works alike on asyncio's own loop and on uvloop. TLS is
`TLSStream`, over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import os
import ssl
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast

from ..errors import StreamBroken, StreamBusy, StreamClosed, StreamTimeout, TransportError
from ..file_pieces import send_pieces, sendfile_works
from ..gathering import PIECE, joined, pieces
from ..lazy_alarm import LazyAlarm
from ..polling import forget_unsent
from ..stream import Buffer, ByteStream
from ..tls_stream import start_tls_over
from .peer_address import peer_address

__all__ = ["AsyncioStream"]

READ_HIGH_WATER: Final = 256 * 1024
"""Bytes waiting to be received above which the transport stops reading."""

READ_LOW_WATER: Final = 64 * 1024
"""Bytes waiting to be received below which the transport reads again."""

LARGE_CHUNK: Final = 16 * 1024
"""Bytes from which on a chunk is received alone: joining large ones took seven times the CPU on uvloop's bulk."""

SENDFILE_SIZE: Final = 1024**2
"""Bytes of a file that the kernel is given at a time."""

CLOSE_GRACE: Final = 5.0
"""Seconds that `aclose()` gives unsent bytes where no write deadline is set."""


class AsyncioStream(asyncio.Protocol):
    """A connection on asyncio or uvloop, as `ByteStream`; made by an `AsyncioRuntime` or its listeners."""

    __slots__ = (
        "_alarm",
        "_cause",
        "_chunks",
        "_closed",
        "_closers",
        "_eof_sent",
        "_input_over",
        "_loop",
        "_lost",
        "_on_connected",
        "_peer",
        "_reader",
        "_reading_paused",
        "_size",
        "_transport",
        "_writer",
        "_writing_paused",
        "read_deadline",
        "write_deadline",
    )

    _transport: asyncio.Transport

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_connected: Callable[[AsyncioStream], None] | None = None
    ) -> None:
        self.read_deadline = math.inf
        self.write_deadline = math.inf
        self._loop = loop
        self._on_connected = on_connected
        self._peer: Any = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._reader: asyncio.Future[bool] | None = None
        self._writer: asyncio.Future[bool] | None = None
        self._closers: list[asyncio.Future[bool]] = []
        self._alarm = LazyAlarm(loop.call_at, loop.time, self._ring)
        self._reading_paused = False
        self._writing_paused = False
        self._input_over = False  # end of stream or connection lost: no chunk will be added
        self._eof_sent = False
        self._closed = False  # by this side
        self._lost = False
        self._cause: Exception | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport that asyncio has connected."""
        self._transport = cast(asyncio.Transport, transport)
        if self._on_connected is not None:
            self._peer = peer_address(transport)
            self._on_connected(self)
            self._on_connected = None

    def data_received(self, data: bytes) -> None:
        """Keep the bytes for `receive()` and wake it; stop reading where nobody keeps up."""
        if self._closed:
            return
        self._chunks.append(data)
        self._size += len(data)
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(False)
        elif self._size > READ_HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Note that the peer has ended its direction; ours stays open."""
        self._input_over = True
        _wake(self._reader)
        return True

    def pause_writing(self) -> None:
        """Make `send()` wait: the transport holds more than its high-water mark."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Let `send()` go on: the transport has sent most of what it held."""
        self._writing_paused = False
        _wake(self._writer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody: the connection is gone, with the peer's end (None) or with an error."""
        self._lost = True
        self._cause = exc
        self._input_over = True
        self._alarm.retire()
        self._wake_all()

    # Receiving

    async def receive(self) -> bytes:
        """Return the next bytes as they came, at least one; ``b""`` at the end (see `ByteStream.receive`)."""
        if self._reader is not None:
            raise StreamBusy("another task is receiving from this stream")
        chunks = self._chunks
        while not chunks:
            if self._input_over:
                return self._end_of_input()
            self._reader = waiter = self._loop.create_future()
            if self.read_deadline < self._alarm.at:
                self._alarm.set(self.read_deadline)
            try:
                late = await waiter
            finally:
                self._reader = None
            if late and self._nothing_came():
                raise StreamTimeout("nothing was received before the read deadline")
        if len(chunks) == 1 and not self._reading_paused:
            self._size = 0
            return chunks.pop()
        return self._first_chunks(chunks)

    def receive_now(self) -> bytes | None:
        """Return what `receive()` would without waiting, None where it would wait. Raises as `receive()`."""
        if self._chunks:
            return self._first_chunks(self._chunks)
        return self._end_of_input() if self._input_over else None

    def _first_chunks(self, chunks: list[bytes]) -> bytes:
        if len(chunks) == 1:
            data = chunks.pop()
            self._size = 0
        elif len(chunks[0]) >= LARGE_CHUNK:
            data = chunks.pop(0)
            self._size -= len(data)
        else:
            data = b"".join(chunks)
            chunks.clear()
            self._size = 0
        if self._reading_paused and self._size <= READ_LOW_WATER:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    def _nothing_came(self) -> bool:
        return not self._chunks and not self._input_over

    def _end_of_input(self) -> bytes:
        if self._closed or self._cause is not None:
            raise self._refusal()
        return b""

    # Sending

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers`; return when what is unsent is below the high-water mark (see `ByteStream.send`)."""
        if self._writer is not None or self._closed or self._lost or self._eof_sent or self._transport.is_closing():
            self._check_sendable()
        only = buffers[0] if len(buffers) == 1 else b""
        small = only if type(only) is bytes and 0 < len(only) <= PIECE else joined(buffers)
        if small is not None:
            self._transport.write(small)
            if self._writing_paused:
                await self._drained()
            return
        for piece in pieces(buffers):
            self._check_sendable()
            self._transport.write(piece)
            if self._writing_paused:
                await self._drained()

    def send_now(self, data: bytes) -> None:
        """Send `data` if nothing waits before it and the kernel takes it at once: a last word before `abort()`.

        Past the transport, since uvloop's writes in its next turn only, and drops what it has when it is aborted.
        """
        if self._closed or self._lost or self._eof_sent or self._loop.is_closed() or self._transport.is_closing():
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.get_write_buffer_size():
            with contextlib.suppress(OSError):
                os.write(sock.fileno(), data)

    async def send_eof(self) -> None:
        """End this side's direction once all is sent."""
        if self._eof_sent:
            return
        self._check_sendable()
        self._eof_sent = True
        try:
            self._transport.write_eof()
        except OSError as error:  # asyncio shuts the socket down here and now
            raise StreamBroken(f"the connection was lost: {error}") from error

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset`, by the kernel's sendfile where it has one.

        The write deadline holds for the whole call. Raises EOFError where the file is shorter, and breaks the stream.
        """
        self._check_sendable()
        try:
            sent = 0
            if count > 0 and hasattr(os, "sendfile") and sendfile_works(file):
                sent = await self._sendfile(file, offset, count)
            await send_pieces(self.send, asyncio.to_thread, file, offset + sent, count - sent)
        except BaseException as error:
            if isinstance(error, StreamTimeout) and not self.closed:
                forget_unsent(self._transport.get_extra_info("socket"))
            self.abort()
            raise

    async def _sendfile(self, file: BinaryIO, offset: int, count: int) -> int:
        """Send what the kernel can of a file; return fewer than `count` where it cannot, or the file ended.

        Not by `loop.sendfile`: uvloop has none, asyncio's costs a task, and neither heeds a deadline or `abort()`.
        """
        await self._emptied()
        if self._transport.get_write_buffer_size():
            return 0
        target = self._transport.get_extra_info("socket").fileno()
        sent, watched = 0, -1
        try:
            while sent < count:
                self._check_sendable()
                wanted = min(count - sent, SENDFILE_SIZE)
                size = _sendfile_now(target, file.fileno(), offset + sent, wanted)
                if size == 0:
                    break
                sent += max(size, 0)
                if size < wanted:
                    if watched < 0:
                        watched = self._watch_for_room(target)
                    await self._writable_event()
                elif sent < count:
                    await asyncio.sleep(0)  # a client that takes all at once is not the only one
        finally:
            if watched >= 0:
                self._loop.remove_writer(watched)
                os.close(watched)
        return sent

    async def _emptied(self) -> None:
        """Wait until the transport has passed on all that it holds."""
        if not self._transport.get_write_buffer_size():
            return
        self._transport.set_write_buffer_limits(high=0)
        try:
            await self._drained()
        finally:
            if not self.closed:
                self._transport.set_write_buffer_limits()

    def _watch_for_room(self, target: int) -> int:
        """Return another descriptor of the socket `target`, whose room for more wakes the sender.

        The loop keeps that of a transport to itself. Whoever asks takes the watch off, and closes it.
        """
        descriptor = os.dup(target)
        try:
            self._loop.add_writer(descriptor, lambda: _wake(self._writer))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    async def _drained(self) -> None:
        """Wait for room in the transport; a wait that is cancelled or too long breaks the stream."""
        try:
            while self._writing_paused:
                await self._writable_event()
        except TransportError as error:
            if isinstance(error, StreamTimeout):
                forget_unsent(self._transport.get_extra_info("socket"))
                self.abort()
            raise
        except BaseException:
            self.abort()
            raise

    async def _writable_event(self) -> None:
        if self._closed or self._lost:
            raise self._refusal()
        if self.write_deadline < self._alarm.at:
            self._alarm.set(self.write_deadline)
        self._writer = waiter = self._loop.create_future()
        try:
            late = await waiter
        finally:
            self._writer = None
        if late and not self.closed:
            raise StreamTimeout("the peer took too little before the write deadline")

    def _check_sendable(self) -> None:
        if self._writer is not None:
            raise StreamBusy("another task is sending to this stream")
        if self._closed or self._lost or self._transport.is_closing():
            raise self._refusal()
        if self._eof_sent:
            raise StreamClosed("this side has ended its direction of the stream")

    # TLS

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> ByteStream:
        """Return a stream that speaks TLS over this one, which must not be used any more. Raises TLSFailed."""
        self._check_sendable()
        return await start_tls_over(
            self,
            context,
            server_side=server_side,
            server_hostname=server_hostname,
            now=self._loop.time,
            in_thread=asyncio.to_thread,
        )

    # State and end

    @property
    def readable(self) -> bool:
        """True when `receive()` would return or raise without waiting."""
        return bool(self._chunks) or self._input_over or self.closed

    @property
    def closed(self) -> bool:
        """True once the stream was aborted, closed or broken."""
        return self._closed or self._lost or self._transport.is_closing()

    def abort(self) -> None:
        """Drop the connection now; synchronous, idempotent, and safe even where the loop has been closed."""
        self._closed = True
        self._input_over = True
        self._chunks.clear()
        self._wake_all()
        if self._lost:
            return
        if self._loop.is_closed():
            _let_go(self._transport)
            return
        self._transport.abort()

    async def aclose(self) -> None:
        """Send what is unsent, say goodbye and close; at the write deadline, or when cancelled, abort."""
        if self._lost:
            self.abort()
            return
        closer = self._loop.create_future()
        self._closers.append(closer)
        timer = None
        try:
            if not self._closed:
                self._closed = self._input_over = True
                self._wake_all()
                if not self._transport.is_closing():  # a second close() makes asyncio's TLS deaf to abort()
                    self._transport.close()
            timer = self._loop.call_later(self._patience(), _wake, closer)
            await closer
        finally:
            if timer is not None:
                timer.cancel()
            self._closers.remove(closer)
            if not self._lost:
                forget_unsent(self._transport.get_extra_info("socket"))
            self.abort()

    def _patience(self) -> float:
        """Return how long, in seconds, a polite close may take."""
        patience = CLOSE_GRACE
        if self.write_deadline < math.inf:
            patience = max(0.0, self.write_deadline - self._loop.time())
        return patience

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the asyncio transport knows under `name`; of an accepted connection the peer is always known."""
        if name == "peername" and self._peer is not None:
            return self._peer
        try:
            return self._transport.get_extra_info(name, default)
        except (AttributeError, OSError, ValueError):  # uvloop asks the socket, which may be closed
            return default

    def know_peer(self, address: Any) -> None:
        """Take what ``accept()`` said of the peer, where the transport came too late to ask the socket."""
        if self._transport.get_extra_info("peername") is None:
            self._peer = address

    def _refusal(self) -> TransportError:
        if self._closed:
            return StreamClosed("this side has closed the stream")
        why = f": {self._cause}" if self._cause is not None else " by the peer"
        error = StreamBroken(f"the connection was lost{why}")
        error.__cause__ = self._cause
        return error

    def _wake_all(self) -> None:
        _wake(self._reader)
        _wake(self._writer)
        if self._lost:
            for closer in self._closers:
                _wake(closer)

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun."""
        for waiting, deadline in ((self._reader, self.read_deadline), (self._writer, self.write_deadline)):
            if waiting and deadline < self._alarm.at:
                self._alarm.set(deadline)

    def _ring(self, now: float) -> float:
        """Wake the waits whose deadline has passed; return the nearest one of the others."""
        upcoming = math.inf
        for waiter, deadline in ((self._reader, self.read_deadline), (self._writer, self.write_deadline)):
            if waiter is None:
                continue
            if deadline <= now:
                _wake(waiter, late=True)
            else:
                upcoming = min(upcoming, deadline)
        return upcoming


def _sendfile_now(target: int, source: int, offset: int, count: int) -> int:
    """Return how many bytes the kernel took: -1 for no room, 0 where the file ended, or the kernel cannot send it."""
    try:
        return os.sendfile(target, source, offset, count)
    except (BlockingIOError, InterruptedError):
        return -1
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            return 0
        raise StreamBroken(f"the connection was lost: {error}") from error


def _wake(waiter: asyncio.Future[bool] | None, *, late: bool = False) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(late)


def _let_go(transport: asyncio.Transport) -> None:
    """Close the socket of `transport`, whose loop is closed.

    asyncio has no verb for that: `abort()` needs the loop, and without it the transport would warn that it was never
    closed. uvloop has closed its own.
    """
    end = getattr(transport, "_call_connection_lost", None)
    if end is not None:
        with contextlib.suppress(RuntimeError):
            end(None)
