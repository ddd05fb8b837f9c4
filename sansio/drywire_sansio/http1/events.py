"""What happens on an HTTP/1.1 connection, as values: the same events are read from a peer and sent to it.

Events are compared by value and match by position. They are immutable to a type checker only: freezing them at
run time would make each four times as dear.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar, dataclass_transform

__all__ = [
    "NEED_DATA",
    "PAUSED",
    "Buffer",
    "ConnectionClosed",
    "Data",
    "EndOfMessage",
    "Event",
    "Fields",
    "InformationalResponse",
    "NeedData",
    "Paused",
    "Request",
    "Response",
]

T = TypeVar("T")
Buffer = bytes | bytearray | memoryview
Fields = Iterable[tuple[bytes, bytes]]
"""Header or trailer fields: (name, value) pairs in wire order, names in their own case."""


@dataclass_transform(frozen_default=True)
def event(cls: type[T]) -> type[T]:
    """Make `cls` a slotted, value-compared class that a type checker takes for immutable."""
    return dataclass(slots=True)(cls)


@event
class Request:
    """A request head: the client's first event of each cycle (RFC 9112, 3)."""

    method: bytes
    """As on the wire: methods are case-sensitive."""
    target: bytes
    """The request target exactly as given, never decoded or normalised (RFC 9112, 3.2)."""
    headers: Fields = ()
    http_version: bytes = b"1.1"
    """``b"1.1"`` or ``b"1.0"``: what the client speaks; what is sent is always 1.1."""


@event
class InformationalResponse:
    """An interim 1xx response head: 100 Continue, 103 Early Hints, or 101 Switching Protocols (RFC 9110, 15.2)."""

    status: int
    headers: Fields = ()
    reason: bytes = b""
    http_version: bytes = b"1.1"


@event
class Response:
    """A final response head (RFC 9112, 4)."""

    status: int
    headers: Fields = ()
    reason: bytes = b""
    http_version: bytes = b"1.1"


@event
class Data:
    """A piece of a message body, in the buffer it arrived in. Piece boundaries mean nothing (RFC 9112, 6)."""

    data: Buffer
    """Read side: `bytes`; or, for 16 KiB and more out of a larger arrival, a read-only `memoryview` of it, which is no
    copy. ``bytes(data)`` is bytes in either case."""
    chunk_start: bool = False
    """Read side: this piece begins a chunk of the chunked coding. Ignored when sent."""
    chunk_end: bool = False
    """Read side: this piece ends a chunk of the chunked coding. Ignored when sent."""


@event
class EndOfMessage:
    """The end of a message, with the trailer fields of a chunked one (RFC 9112, 7.1.2)."""

    trailers: Fields = ()


@event
class ConnectionClosed:
    """The peer has ended its direction between messages; or, sent, the wish to end ours."""


@event
class NeedData:
    """The type of `NEED_DATA`, for `match`."""


@event
class Paused:
    """The type of `PAUSED`, for `match`."""


NEED_DATA: Final = NeedData()
"""`next_event` has nothing more to say until `receive_data` brings bytes."""
PAUSED: Final = Paused()
"""`next_event` will not read on: the next message waits for `start_next_cycle()`, or the protocol may switch."""

Event = Request | InformationalResponse | Response | Data | EndOfMessage | ConnectionClosed
