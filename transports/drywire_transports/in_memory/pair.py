"""`memory_pair`: two streams joined in memory, on any runtime, with bounded buffers and every verb of the contract."""

from __future__ import annotations

import math
import ssl
from collections import deque
from typing import Any, BinaryIO, Final

from ..errors import StreamBroken, StreamBusy, StreamClosed, StreamTimeout
from ..file_pieces import send_file_in_pieces
from ..gathering import joined, pieces
from ..runtime import Runtime, Wake
from ..stream import Buffer, ByteStream
from ..tls_stream import start_tls_over

__all__ = ["MemoryStream", "memory_pair"]

HIGH_WATER: Final = 64 * 1024
"""Bytes on their way in one direction above which `send` waits, unless `memory_pair` is told another number."""


def memory_pair(
    runtime: Runtime, *, high_water: int = HIGH_WATER, names: tuple[str, str] = ("memory-a", "memory-b")
) -> tuple[MemoryStream, MemoryStream]:
    """Return the two ends of a connection in memory.

    What one end sends the other receives, in the same pieces where each is taken before the next. `high_water` is in
    bytes a direction. `names` are what the ends give as ``extra_info("sockname")``.
    """
    there, back = _Pipe(high_water), _Pipe(high_water)
    return MemoryStream(runtime, back, there, names), MemoryStream(runtime, there, back, (names[1], names[0]))


class _Pipe:
    """One direction: bytes under way, how it ended, and who waits at which end."""

    def __init__(self, high_water: int) -> None:
        self.high_water = high_water
        self.chunks: deque[bytes | memoryview] = deque()
        self.size = 0
        self.ended = False  # by its sender, in good order
        self.cut = False  # by an abort at either end
        self.reader: Wake | None = None
        self.writer: Wake | None = None

    def put(self, chunk: bytes | memoryview) -> None:
        self.chunks.append(chunk)
        self.size += len(chunk)
        self.wake()

    def take(self) -> bytes:
        data = b"".join(self.chunks)
        self.chunks.clear()
        self.size = 0
        self.wake()
        return data

    def cut_off(self) -> None:
        self.cut = True
        self.chunks.clear()
        self.size = 0
        self.wake()

    def wake(self) -> None:
        for waiting in (self.reader, self.writer):
            if waiting is not None:
                waiting.set()


class MemoryStream:
    """One end of a connection in memory; made by `memory_pair`."""

    def __init__(self, runtime: Runtime, incoming: _Pipe, outgoing: _Pipe, names: tuple[str, str]) -> None:
        self.read_deadline = math.inf
        self.write_deadline = math.inf
        self._runtime = runtime
        self._incoming = incoming
        self._outgoing = outgoing
        self._names = names
        self._closed = False

    async def receive(self) -> bytes:
        """Return the next bytes, at least one; ``b""`` at the end (see `ByteStream.receive`)."""
        pipe = self._incoming
        if pipe.reader is not None:
            raise StreamBusy("another task is receiving from this stream")
        while True:
            self._check_open()
            if pipe.chunks:
                return pipe.take()
            if pipe.cut:
                raise StreamBroken("the connection was lost: the peer has aborted it")
            if pipe.ended:
                return b""
            pipe.reader = self._runtime.wake()
            try:
                await self._runtime.park(pipe.reader, self.read_deadline)
            except StreamTimeout:
                if self._runtime.now() >= self.read_deadline:
                    raise StreamTimeout("nothing was received before the read deadline") from None
            finally:
                pipe.reader = None

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` in order; return when what is under way is below the high-water mark."""
        self._check_sendable()
        small = joined(buffers)
        for piece in pieces(buffers) if small is None else (small,):
            self._check_sendable()
            if piece:
                self._outgoing.put(piece)
            if self._outgoing.size > self._outgoing.high_water:
                await self._drained()

    async def _drained(self) -> None:
        pipe = self._outgoing
        try:
            while pipe.size > pipe.high_water:
                self._check_open()
                pipe.writer = self._runtime.wake()
                try:
                    await self._runtime.park(pipe.writer, self.write_deadline)
                except StreamTimeout:
                    if self._runtime.now() >= self.write_deadline:
                        raise StreamTimeout("the peer took too little before the write deadline") from None
                finally:
                    pipe.writer = None
        except BaseException:
            self.abort()
            raise
        self._check_open()
        if pipe.cut:
            raise StreamBroken("the connection was lost: the peer has aborted it")

    async def send_eof(self) -> None:
        """End this side's direction and keep receiving."""
        if not self._outgoing.ended:
            self._check_sendable()
            self._outgoing.ended = True
            self._outgoing.wake()

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset`. Raises EOFError where the file is shorter; breaks the stream."""
        await send_file_in_pieces(self, self._runtime.in_thread, file, offset, count)

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
            now=self._runtime.now,
            in_thread=self._runtime.in_thread,
        )

    @property
    def readable(self) -> bool:
        """True when `receive()` would return or raise without waiting."""
        return self._closed or bool(self._incoming.chunks) or self._incoming.ended or self._incoming.cut

    @property
    def closed(self) -> bool:
        """True once the stream was aborted or closed, by this side or, as a reset, by the peer."""
        return self._closed or self._outgoing.cut

    def abort(self) -> None:
        """Drop the connection: the peer finds it broken, and loses what it has not received."""
        if self._closed:
            return
        self._closed = True
        self._outgoing.cut_off()
        self._incoming.cut_off()

    async def aclose(self) -> None:
        """Close in good order: the peer receives what is under way, then the end; what it sends now is lost."""
        if self._closed:
            return
        self._closed = True
        self._outgoing.ended = True
        self._outgoing.wake()
        self._incoming.cut_off()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``"sockname"`` or ``"peername"``: the names given to `memory_pair`."""
        match name:
            case "sockname":
                return self._names[0]
            case "peername":
                return self._names[1]
            case _:
                return default

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun: it is woken, and waits anew."""
        for waiting in (self._incoming.reader, self._outgoing.writer):
            if waiting is not None:
                waiting.set()

    def _check_open(self) -> None:
        if self._closed:
            raise StreamClosed("this side has closed the stream")

    def _check_sendable(self) -> None:
        if self._outgoing.writer is not None:
            raise StreamBusy("another task is sending to this stream")
        self._check_open()
        if self._outgoing.ended:
            raise StreamClosed("this side has ended its direction of the stream")
        if self._outgoing.cut:
            raise StreamBroken("the connection was lost: the peer has aborted it")
