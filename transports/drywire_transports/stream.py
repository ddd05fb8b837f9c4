"""`ByteStream` and `Listener`: what a connection is to the rest of drywire, and what cancellation does to it.

| verb                      | if cancelled, or its deadline passes                                             |
|---------------------------|----------------------------------------------------------------------------------|
| `receive()`               | had no effect: bytes stay in the stream, the stream stays usable                 |
| `send()`, `send_file()`   | some, all or none went out: the stream is broken, the next use raises            |
| `send_eof()`              | as `send()`                                                                      |
| `start_tls()`             | the stream is aborted                                                            |
| `aclose()`                | aborted at once, never half-open                                                 |
| `abort()`                 | cannot be: it is synchronous, always safe, and may be called twice               |

One task may receive while another sends; two in the same direction raise `StreamBusy`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, BinaryIO, Final, Protocol

__all__ = ["HANDSHAKE_TIMEOUT", "Buffer", "ByteStream", "Handle", "Listener"]

HANDSHAKE_TIMEOUT: Final = 60.0
"""Seconds that a peer has for its TLS handshake, unless a listener is told another number."""

Buffer = bytes | bytearray | memoryview


class ByteStream(Protocol):
    """A two-way stream of bytes: a socket, a TLS session over one, a pipe in memory, or your own.

    `read_deadline` and `write_deadline` are points on the runtime's clock (seconds, `Runtime.now()`), infinite at
    first. A wait in that direction that lasts beyond its deadline raises `StreamTimeout`. Moving a deadline is one
    assignment, may be done at any time, and also holds for a wait that has already begun if it moves later; if it
    moves closer, `apply_deadlines()` makes it hold.
    """

    read_deadline: float
    write_deadline: float

    async def receive(self) -> bytes:
        """Return the next bytes as they came, at least one; ``b""`` once the peer has ended its direction.

        Raises StreamBroken, StreamClosed, StreamTimeout, StreamBusy.
        """
        ...

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` in order; return when what is still unsent is below the high-water mark.

        The buffers must not be changed until `send` has returned. Raises StreamBroken, StreamClosed,
        StreamTimeout, StreamBusy.
        """
        ...

    async def send_eof(self) -> None:
        """End this side's direction and keep receiving; does nothing where the transport cannot (TLS)."""
        ...

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset`, by the kernel's sendfile where that is possible."""
        ...

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> ByteStream:
        """Return a stream that speaks TLS over this one, which must not be used any more. Raises TLSFailed."""
        ...

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun: one in the past ends it now."""
        ...

    @property
    def readable(self) -> bool:
        """True when `receive()` would return or raise without waiting: bytes, end of stream or a broken stream.

        A kept-alive connection that is readable while idle is dead, or its peer speaks out of turn.
        """
        ...

    @property
    def closed(self) -> bool:
        """True once the stream was aborted, closed or broken."""
        ...

    def abort(self) -> None:
        """Drop the connection now, without sending what is unsent; synchronous and idempotent."""
        ...

    async def aclose(self) -> None:
        """Send what is unsent, say goodbye (TLS close), and close; bounded by `write_deadline`, then `abort()`."""
        ...

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return what asyncio calls extra info: ``"peername"``, ``"sockname"``, ``"socket"``, ``"ssl_object"``."""
        ...


Handle = Callable[[ByteStream], Coroutine[Any, Any, None]]
"""What a listener runs for each connection, in a task of its own."""


class Listener(Protocol):
    """A listening socket with the connections that it has accepted: it owns one task for each."""

    @property
    def addresses(self) -> Sequence[Any]:
        """The addresses listened on, as `socket.getsockname` gives them."""
        ...

    def close(self) -> None:
        """Stop accepting; connections already accepted go on. Synchronous and idempotent."""
        ...

    def cancel(self) -> None:
        """Stop accepting and cancel the task of each connection. Synchronous and idempotent."""
        ...

    async def join(self, deadline: float = ...) -> bool:
        """Wait until each connection's task has ended, or until `deadline`; return whether all have."""
        ...
