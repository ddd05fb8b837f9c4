"""What a WebSocket connection of ours, or wsproto's, says of bytes, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from wsproto.connection import Connection as WsprotoConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import Extension

from drywire_sansio import websocket
from drywire_sansio.websocket import engine as _engine  # noqa: F401  # loaded late else, where no engine sees it
from drywire_sansio.websocket.connection import Connection

__all__ = ["Verdict", "connection_of", "masked", "verdict_at_once", "verdict_of", "wsproto_verdict"]

Verdict = list[Any]
"""Events as tuples, parts of a message joined; at the end perhaps ``("part", ...)`` or ``("error", code, limit)``."""

KEY = b"\x37\xfa\x21\x3d"


def connection_of(
    *,
    client: bool,
    limits: websocket.Limits | None = None,
    deflate: websocket.Deflate | None = None,
    parts: bool = False,
    direct: bool = True,
) -> Connection:
    """Return a connection that has just been opened."""
    mask = (lambda: KEY) if client else None
    return Connection(
        client=client, mask=mask, limits=limits, deflate=deflate, clock=lambda: 0.0, parts=parts, direct=direct
    )


def verdict_of(connection: Connection, arrivals: Iterable[bytes]) -> Verdict:
    """Return what `connection` makes of `arrivals`."""
    said: Verdict = []
    for arrival in arrivals:
        content = connection.receive_whole(arrival)
        if content is not None:
            said.append(("message", content))
        elif not _goes_on(connection, said):
            break
    return said


def verdict_at_once(connection: Connection, wire: bytes, between: Callable[[], None]) -> Verdict:
    """Return what `connection` makes of `wire` where the peer has ended its direction before anything is read.

    `between` is called after each event.
    """
    said: Verdict = []
    if wire:
        connection.receive_data(wire)
    connection.receive_data(b"")
    _goes_on(connection, said, between)
    return said


def _goes_on(connection: Connection, said: Verdict, between: Callable[[], None] = lambda: None) -> bool:
    """Add to `said` what there is; False where that is an error, or the end."""
    try:
        while (event := connection.next_event()) is not websocket.NEED_DATA:
            if isinstance(event, websocket.ConnectionClosed):
                return False
            _add(said, event)
            between()
    except websocket.RemoteProtocolError as error:
        limit = error.limit if isinstance(error, websocket.LimitExceeded) else ""
        said.append(("error", error.close_code, limit))
        return False
    return True


def _add(said: Verdict, event: Any) -> None:
    match event:
        case websocket.Text(data, final) | websocket.Binary(data, final):
            part = next((entry for entry in said if entry[0] == "part"), None)
            if part is not None:
                said.remove(part)
                data = part[1] + data
            said.append(("message" if final else "part", data))
        case websocket.Close(code, reason):
            said.append(("close", code, reason))
        case _:
            said.append((type(event).__name__, bytes(event.payload)))


def masked(wire: bytes) -> tuple[bytes, bool]:
    """Return unmasked frames as a client would send them, and whether all of `wire` was understood as such."""
    result = b""
    place = 0
    while len(wire) - place >= 2:
        first, second = wire[place], wire[place + 1]
        if second & 0x80:
            return result + wire[place:], False
        length = 2 + {126: 2, 127: 8}.get(second, 0)
        if len(wire) - place < length:
            break
        size = second if length == 2 else int.from_bytes(wire[place + 2 : place + length], "big")
        header = bytes([first, second | 0x80]) + wire[place + 2 : place + length]
        payload = wire[place + length : place + length + size]
        result += header + KEY + bytes(byte ^ KEY[at & 3] for at, byte in enumerate(payload))
        place += length + size
    if place < len(wire):
        # The beginning of a header: with its mask bit, if it is there.
        rest = wire[place:]
        result += rest[:1] + bytes(byte | 0x80 for byte in rest[1:2]) + rest[2:]
    return result, True


def wsproto_verdict(wire: bytes, *, client: bool, extensions: list[Extension]) -> Verdict:
    """Return what wsproto's own connection makes of `wire`."""
    connection = WsprotoConnection(ConnectionType.CLIENT if client else ConnectionType.SERVER, extensions)
    said: Verdict = []
    connection.receive_data(wire)
    for event in connection.events():
        match event:
            case TextMessage() | BytesMessage():
                _add_part(said, event)
            case Ping() | Pong():
                said.append((type(event).__name__, bytes(event.payload)))
            case CloseConnection() if connection.state is ConnectionState.REMOTE_CLOSING:
                said.append(("close", int(event.code), event.reason or ""))
            case CloseConnection():  # what it would answer a mistake with
                said.append(("error", int(event.code), ""))
    return said


def _add_part(said: Verdict, event: TextMessage | BytesMessage) -> None:
    data = event.data if isinstance(event, TextMessage) else bytes(event.data)
    kind = websocket.Text if isinstance(event, TextMessage) else websocket.Binary
    _add(said, kind(data, event.message_finished))  # type: ignore[arg-type]  # the one that goes with it
