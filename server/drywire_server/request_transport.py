"""What a request shows of its connection under the names that asyncio's programs know, on every event loop."""

from __future__ import annotations

import select
import socket
from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import ByteStream

from .stream_response import Link

__all__ = ["RequestTransport", "RequestWriter"]


CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

END_OF_PEER: Final[int] = getattr(select, "POLLRDHUP", 0)
"""The event of a peer that has ended its direction, whatever is unread before that; 0 where the system has none."""


class RequestTransport:
    """The transport of a request: what it knows, and the way to end it."""

    __slots__ = ("_stream",)

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RequestTransport) and other._stream is self._stream

    def __hash__(self) -> int:
        return hash(self._stream)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known under `name`, such as ``"peername"`` or ``"ssl_object"``; else `default`."""
        return self._stream.extra_info(name, default)

    def write(self, data: bytes) -> None:
        """Take a 100 Continue, which is sent as soon as the body is read. Raises RuntimeError for anything else."""
        if data != CONTINUE:
            raise RuntimeError("a response is written by its own write(), not by the transport of the request")

    def is_closing(self) -> bool:
        """Whether the connection is closed, or being closed, or the client has ended its direction of it.

        A client that has ended no more than that still gets its response; with aiohttp, which closes then, it does not.
        """
        return self._stream.closed or _peer_has_ended(self._stream)

    def close(self) -> None:
        """End the connection now: what is not sent yet is lost."""
        self._stream.abort()

    def abort(self) -> None:
        """End the connection now."""
        self._stream.abort()


class RequestWriter:
    """What the body of a response is written to."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Send `chunk`; return when there is room for more. Raises ClientGone, StreamTimeout, LocalProtocolError.

        A 100 Continue, which handlers of the field Expect write, is sent as soon as the body is read.
        """
        if chunk == CONTINUE:
            return
        await self._link.send(http1.Data(chunk))

    async def drain(self) -> None:
        """Do nothing: `write` waits for room by itself."""

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send `chunk`, and end the response."""
        await self._link.send(*((http1.Data(chunk),) if chunk else ()), http1.EndOfMessage())


def _peer_has_ended(stream: ByteStream) -> bool:
    """Return whether the peer has ended its direction; False for a stream without a socket.

    The socket is asked, since nobody reads from the stream while a handler is at work. Where the system only shows what
    is there to be read (macOS, Windows), bytes that are unread hide the end behind them.
    """
    sock = stream.extra_info("socket")
    if sock is None:
        return False
    try:
        if END_OF_PEER:
            poll = select.poll()
            poll.register(sock.fileno(), END_OF_PEER)  # errors are told of in any case
            return bool(poll.poll(0))
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as same:
            same.setblocking(False)
            return not same.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # it is closed
        return True
