"""What happens on a WebSocket, as values: the same events are read from a peer and sent to it.

Like the events of HTTP they are compared by value, match by position, and are immutable to a type checker only.
"""

from __future__ import annotations

from ..http1.events import NEED_DATA, ConnectionClosed, NeedData, event
from .close_codes import WSCloseCode

__all__ = ["NEED_DATA", "Binary", "Close", "ConnectionClosed", "Event", "NeedData", "Ping", "Pong", "Text"]


@event
class Text:
    """A text message, or a part of one (RFC 6455, 5.6)."""

    data: str
    final: bool = True
    """Whether the message ends here. A part is sent as a frame of its own, and received only by a connection that was
    made with `parts=True`; part boundaries mean nothing."""


@event
class Binary:
    """A binary message, or a part of one (RFC 6455, 5.6)."""

    data: bytes | bytearray | memoryview
    """Read side: always `bytes`."""
    final: bool = True
    """As in `Text`."""


@event
class Ping:
    """A ping, to be answered with a pong that says the same, at most 125 bytes (RFC 6455, 5.5.2)."""

    payload: bytes = b""

    def answer(self) -> Pong:
        """Return the pong for this ping."""
        return Pong(self.payload)


@event
class Pong:
    """A pong, asked for or not (RFC 6455, 5.5.3)."""

    payload: bytes = b""


@event
class Close:
    """The last frame of one side (RFC 6455, 5.5.1)."""

    code: int = int(WSCloseCode.OK)
    """1005 where the frame says none; sent as such a frame."""
    reason: str = ""
    """At most 123 bytes in UTF-8."""

    def answer(self) -> Close:
        """Return the close frame to answer this one with: the same code, no reason."""
        return Close(self.code)


Event = Text | Binary | Ping | Pong | Close | ConnectionClosed
