"""Streams that misbehave on a script, each one fault around any `ByteStream`; put one around another to combine them.

slow_reader = Delayed(Split(stream, [1]), runtime, seconds=0.01)
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from itertools import cycle
from typing import Any, BinaryIO

from ..errors import StreamBroken
from ..file_pieces import send_pieces
from ..runtime import Runtime
from ..stream import Buffer, ByteStream
from ..which import current_runtime

__all__ = ["Delayed", "EndsAfter", "ResetsAfter", "Split", "Wrapped"]


class Wrapped:
    """A stream that passes everything on to the one below; override what is to differ."""

    def __init__(self, below: ByteStream) -> None:
        self.below = below

    @property
    def read_deadline(self) -> float:
        """The read deadline of the stream below."""
        return self.below.read_deadline

    @read_deadline.setter
    def read_deadline(self, when: float) -> None:
        self.below.read_deadline = when

    @property
    def write_deadline(self) -> float:
        """The write deadline of the stream below."""
        return self.below.write_deadline

    @write_deadline.setter
    def write_deadline(self, when: float) -> None:
        self.below.write_deadline = when

    async def receive(self) -> bytes:
        """Receive from the stream below."""
        return await self.below.receive()

    async def send(self, *buffers: Buffer) -> None:
        """Send to the stream below."""
        await self.below.send(*buffers)

    async def send_eof(self) -> None:
        """End this side's direction of the stream below."""
        await self.below.send_eof()

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file to the stream below."""
        await self.below.send_file(file, offset, count)

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> ByteStream:
        """Start TLS on the stream below; the fault does not apply to what comes then."""
        return await self.below.start_tls(context, server_side=server_side, server_hostname=server_hostname)

    def apply_deadlines(self) -> None:
        """Apply the deadlines of the stream below."""
        self.below.apply_deadlines()

    @property
    def readable(self) -> bool:
        """Whether the stream below is readable."""
        return self.below.readable

    @property
    def closed(self) -> bool:
        """Whether the stream below is closed."""
        return self.below.closed

    def abort(self) -> None:
        """Abort the stream below."""
        self.below.abort()

    async def aclose(self) -> None:
        """Close the stream below."""
        await self.below.aclose()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the stream below knows under `name`."""
        return self.below.extra_info(name, default)


class Split(Wrapped):
    """Gives out what comes in pieces of at most the given `sizes` in bytes, which begin again at their end."""

    def __init__(self, below: ByteStream, sizes: Iterable[int]) -> None:
        super().__init__(below)
        self._sizes = cycle(sizes)
        self._left = b""

    async def receive(self) -> bytes:
        """Return the next piece."""
        data = self._left or await super().receive()
        size = next(self._sizes)
        self._left = data[size:]
        return data[:size]

    @property
    def readable(self) -> bool:
        """True when a piece is left, or the stream below is readable."""
        return bool(self._left) or super().readable


class Delayed(Wrapped):
    """Waits `seconds` before each receive: a slow reader, as its peer finds it."""

    def __init__(self, below: ByteStream, runtime: Runtime, seconds: float) -> None:
        super().__init__(below)
        self._runtime = runtime
        self._seconds = seconds

    async def receive(self) -> bytes:
        """Wait, then receive; the deadline holds for what comes after the wait."""
        await self._runtime.sleep_until(self._runtime.now() + self._seconds)
        return await super().receive()


class ResetsAfter(Wrapped):
    """Is reset once `received` bytes have been received, or `sent` bytes have been sent (None: never)."""

    def __init__(self, below: ByteStream, *, received: int | None = None, sent: int | None = None) -> None:
        super().__init__(below)
        self._to_receive = received
        self._to_send = sent
        self._reset = False

    async def receive(self) -> bytes:
        """Return the next bytes up to the reset. Raises StreamBroken from there on."""
        if self._to_receive is None:
            self._check()
            return await super().receive()
        if self._to_receive == 0:
            self._cut()
        self._check()
        data = (await super().receive())[: self._to_receive]
        self._to_receive -= len(data)
        return data

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` up to the reset. Raises StreamBroken from there on."""
        self._check()
        if self._to_send is None:
            await super().send(*buffers)
            return
        data = b"".join(buffers)
        await super().send(data[: self._to_send])
        self._to_send -= len(data)
        if self._to_send < 0:
            self._cut()
            self._check()

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file up to the reset, read piece by piece. Raises StreamBroken from there on."""
        await send_pieces(self.send, current_runtime().in_thread, file, offset, count)

    @property
    def readable(self) -> bool:
        """True once reset, or when the stream below is readable."""
        return self._reset or self._to_receive == 0 or super().readable

    @property
    def closed(self) -> bool:
        """True once reset, or when the stream below is closed."""
        return self._reset or super().closed

    def _cut(self) -> None:
        self._reset = True
        self.below.abort()

    def _check(self) -> None:
        if self._reset:
            raise StreamBroken("the connection was lost: reset on purpose")


class EndsAfter(Wrapped):
    """Ends, as if the peer had closed its direction, once `received` bytes have been received."""

    def __init__(self, below: ByteStream, received: int) -> None:
        super().__init__(below)
        self._left = received

    async def receive(self) -> bytes:
        """Return the next bytes up to the end, then ``b""``."""
        if not self._left:
            return b""
        data = (await super().receive())[: self._left]
        self._left -= len(data)
        return data

    @property
    def readable(self) -> bool:
        """True at the end, or when the stream below is readable."""
        return not self._left or super().readable
