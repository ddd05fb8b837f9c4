"""`AnyioStream`: any anyio byte stream, on asyncio or trio, as `ByteStream`.

For streams that users bring: anyio's TLS, a process's pipes, a stream of their own. Each wait is in a cancel scope, so
that a deadline and a synchronous `abort()` can end it; our own sockets go without (`SocketStream`, `AsyncioStream`).
"""

from __future__ import annotations

import contextlib
import math
import ssl
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import anyio
from anyio.abc import ByteStream as AnyioByteStream
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSAttribute

from ..errors import StreamBroken, StreamBusy, StreamClosed, StreamTimeout, TransportError
from ..file_pieces import send_file_in_pieces
from ..gathering import joined, pieces
from ..polling import is_readable
from ..runtime import Runtime
from ..stream import Buffer, ByteStream
from ..tls_stream import start_tls_over

__all__ = ["AnyioStream"]

CLOSE_GRACE: Final = 5.0
"""Seconds that `aclose()` gives the stream below where no write deadline is set."""

PICK_UP: Final = 1.0
"""Seconds to pick up bytes that have come already where the read deadline has passed."""

_ATTRIBUTES: Final[dict[str, Any]] = {
    "peername": SocketAttribute.remote_address,
    "sockname": SocketAttribute.local_address,
    "socket": SocketAttribute.raw_socket,
    "ssl_object": TLSAttribute.ssl_object,
}


class AnyioStream:
    """`stream`, an `anyio.abc.ByteStream`, as drywire's `ByteStream` on `runtime`; owns it from then on."""

    def __init__(self, stream: AnyioByteStream, runtime: Runtime) -> None:
        self.read_deadline = math.inf
        self.write_deadline = math.inf
        self._stream = stream
        self._runtime = runtime
        self._receiving: anyio.CancelScope | None = None
        self._sending: anyio.CancelScope | None = None
        self._at_end = False
        self._eof_sent = False
        self._closed = False
        self._broken = False
        self._peer = self._extra("peername")

    async def receive(self) -> bytes:
        """Return the next bytes as they came, at least one; ``b""`` at the end (see `ByteStream.receive`)."""
        if self._receiving is not None:
            raise StreamBusy("another task is receiving from this stream")
        self._check_open()
        data = b""
        while not data and not self._at_end:
            data = await self._receive_once()
        return data

    async def _receive_once(self) -> bytes:
        data = b""
        deadline, now = self.read_deadline, self._runtime.now()
        if deadline <= now and self.readable:
            deadline = now + PICK_UP  # anyio would be cancelled before it looked
        with anyio.CancelScope(deadline=deadline) as scope:
            self._receiving = scope
            try:
                with self._errors():
                    data = await self._stream.receive()
            except anyio.EndOfStream:
                self._at_end = True
            finally:
                self._receiving = None
        if scope.cancelled_caught:
            self._check_open()
            if self._runtime.now() >= self.read_deadline:
                raise StreamTimeout("nothing was received before the read deadline")
        return data

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` in order; return when the stream below has taken them (see `ByteStream.send`)."""
        self._check_sendable()
        small = joined(buffers)
        for piece in pieces(buffers) if small is None else (small,):
            await self._sending_scope(self._stream.send, piece if type(piece) is bytes else bytes(piece))

    async def _sending_scope(self, verb: Callable[..., Any], *args: object) -> None:
        """Await ``verb(*args)`` until the write deadline; whatever ends it otherwise breaks the stream."""
        finished = False
        try:
            with anyio.CancelScope(deadline=self.write_deadline) as scope:
                self._sending = scope
                with self._errors():
                    await verb(*args)
                finished = True
            if scope.cancelled_caught:
                self._check_open()
                raise StreamTimeout("the peer took too little before the write deadline")
        finally:
            self._sending = None
            if not finished:
                self.abort()

    async def send_eof(self) -> None:
        """End this side's direction and keep receiving; does nothing where the stream below cannot."""
        if self._eof_sent:
            return
        self._check_sendable()
        self._eof_sent = True
        await self._sending_scope(self._send_eof)

    async def _send_eof(self) -> None:
        with contextlib.suppress(NotImplementedError):
            await self._stream.send_eof()

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
        """True when `receive()` would not wait, as far as the socket below tells; False where there is none."""
        if self.closed or self._at_end:
            return True
        sock = self._stream.extra(SocketAttribute.raw_socket, None)
        return sock is not None and is_readable(sock)

    @property
    def closed(self) -> bool:
        """True once the stream was aborted, closed or broken."""
        return self._closed or self._broken

    def abort(self) -> None:
        """Drop the connection: waits end now, the stream below is closed by a background task."""
        if self._closed:
            return
        self._closed = True
        for scope in (self._receiving, self._sending):
            if scope is not None:
                scope.cancel()
        with contextlib.suppress(RuntimeError):  # the loop is over, and the stream with it
            self._runtime.spawn(self._close_forcefully, name="drywire closes a stream")

    async def _close_forcefully(self) -> None:
        with contextlib.suppress(TransportError), self._errors():
            await anyio.aclose_forcefully(self._stream)

    async def aclose(self) -> None:
        """Close the stream below, politely until the write deadline."""
        if self._closed:
            return
        deadline = self.write_deadline if self.write_deadline < math.inf else self._runtime.now() + CLOSE_GRACE
        try:
            with anyio.CancelScope(deadline=deadline), contextlib.suppress(TransportError), self._errors():
                await self._stream.aclose()
        finally:
            self.abort()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``"peername"``, ``"sockname"``, ``"socket"`` or ``"ssl_object"`` where the stream below has it.

        The peer is the one at the beginning, whom a socket that is lost would not know any more.
        """
        if name == "peername":
            return default if self._peer is None else self._peer
        return self._extra(name, default)

    def _extra(self, name: str, default: Any = None) -> Any:
        attribute = _ATTRIBUTES.get(name)
        try:
            return default if attribute is None else self._stream.extra(attribute, default)
        except (AttributeError, OSError, ValueError):  # the socket below is closed
            return default

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun."""
        for scope, deadline in ((self._receiving, self.read_deadline), (self._sending, self.write_deadline)):
            if scope is not None:
                scope.deadline = min(scope.deadline, deadline)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in our errors what anyio's say."""
        try:
            yield
        except anyio.BusyResourceError as error:
            raise StreamBusy("the stream below is in use by another task") from error
        except anyio.ClosedResourceError as error:
            self._closed = True
            raise StreamClosed("this side has closed the stream") from error
        except (anyio.BrokenResourceError, OSError) as error:
            self._broken = True
            raise StreamBroken(f"the connection was lost: {error.__cause__ or error}") from error

    def _check_open(self) -> None:
        if self._closed:
            raise StreamClosed("this side has closed the stream")
        if self._broken:
            raise StreamBroken("the connection was lost")

    def _check_sendable(self) -> None:
        if self._sending is not None:
            raise StreamBusy("another task is sending to this stream")
        self._check_open()
        if self._eof_sent:
            raise StreamClosed("this side has ended its direction of the stream")
