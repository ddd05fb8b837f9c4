"""WebSocket frames: any bytes are events, or one documented error, for both roles and however they were split."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import product

from wsproto.extensions import Extension, PerMessageDeflate

from drywire_sansio import websocket
from drywire_sansio.websocket.connection import Connection
from drywire_sansio.websocket.deflate import SMALLEST_WINDOW, Deflater
from drywire_sansio.websocket.frames import pack_header, read_header
from drywire_sansio.websocket.plain import read_plain, read_plain_in_python

from ..findings import Finding
from ..held import watched
from ..inputs import cut, split_input
from ..ws_explained import Case, explanation, refuses_the_unknown_code
from ..ws_verdicts import Verdict, connection_of, masked, verdict_at_once, verdict_of, wsproto_verdict

__all__ = ["check_deflate", "check_frames"]

SMALL = websocket.Limits(frame=60, message=100, message_frames=4, control_frames=5)
LARGE = websocket.Limits(frame=1 << 20, message=1 << 16, message_frames=1000, control_frames=1000)
CLOSE_CODES = frozenset({1002, 1007, 1008, 1009})
WINDOWS = {0: 15, 16: 12, 32: 9, 48: 8}
LEVELS = (None, None, 9, 0)


@dataclass(frozen=True)
class _Side:
    """One role: what it reads, under which agreement."""

    client: bool
    wire: bytes
    agreed: websocket.Deflate | None = None

    def connection(self, limits: websocket.Limits, *, parts: bool = False, direct: bool = True) -> Connection:
        return connection_of(client=self.client, limits=limits, deflate=self.agreed, parts=parts, direct=direct)

    def extensions(self) -> list[Extension]:
        """Return wsproto's extensions for this role."""
        return _wsproto_extensions(self.agreed)


def check_frames(data: bytes) -> Hashable:
    """Check frames as a server sends them, and the same masked as a client does.

    Bits 0-4 of the choices are a piece's size, bit 5 the small limits; with bit 6 a server reads the input as it is.
    """
    wire, choices = split_input(data)
    limits = SMALL if choices & 32 else LARGE
    verdict = _one_verdict(list(_sides(wire, raw=bool(choices & 64))), 1 + (choices & 31), limits)
    _check_resending(verdict, None)
    return _signature(verdict)


def check_deflate(data: bytes) -> Hashable:
    """Check compressed messages, whose side has what it has agreed to, while the other side has agreed to the contrary.

    Bits 0-2 of the choices are a piece's size, bit 3 says that no context is kept, bits 4 and 5 choose the window,
    bit 6 the small limits; with bit 7 the input is plain frames, whose messages are compressed first.
    """
    wire, choices = split_input(data)
    limits = SMALL if choices & 64 else LARGE
    bits, forgets = WINDOWS[choices & 48], bool(choices & 8)
    from_server = websocket.Deflate(
        server_no_context_takeover=forgets,
        server_max_window_bits=bits,
        client_no_context_takeover=not forgets,
        client_max_window_bits=24 - bits if bits > SMALLEST_WINDOW else 15,
    )
    from_client = websocket.Deflate(
        server_no_context_takeover=from_server.client_no_context_takeover,
        server_max_window_bits=from_server.client_max_window_bits,
        client_no_context_takeover=forgets,
        client_max_window_bits=bits,
    )
    if choices & 128:
        wire = _compressed(wire, max(bits, SMALLEST_WINDOW), keeps_context=not forgets)
    sides = _sides(wire, raw=False, from_server=from_server, from_client=from_client)
    verdict = _one_verdict(list(sides), 1 + (choices & 7), limits)
    _check_resending(verdict, from_server)
    return _signature(verdict)


def _sides(
    wire: bytes,
    *,
    raw: bool,
    from_server: websocket.Deflate | None = None,
    from_client: websocket.Deflate | None = None,
) -> Iterator[_Side]:
    """Yield who is to read `wire`: a client, and a server frames that are masked, or a server what is there."""
    if raw:
        yield _Side(False, wire, from_client)
        return
    yield _Side(True, wire, from_server)
    as_client, understood = masked(wire)
    if understood:
        yield _Side(False, as_client, from_client)


def _one_verdict(sides: list[_Side], size: int, limits: websocket.Limits) -> Verdict:
    """Return the verdict of all `sides`, which must be the same in every way of reading."""
    verdict: Verdict | None = None
    for side in sides:
        _check_plain(side.wire)
        for pieces, direct, parts in product((len(side.wire) + 8, size, 1), (True, False), (False, True)):
            connection = side.connection(limits, parts=parts, direct=direct)
            arrivals = cut(side.wire, pieces)
            watch = limits is SMALL and pieces == size
            said = verdict_of(connection, watched(connection, arrivals) if watch else arrivals)
            said = [entry for entry in said if entry[0] != "part"]
            _check_end(connection, said)
            if verdict is None:
                verdict = said
            elif said != verdict and (direct or not refuses_the_unknown_code(side.wire, verdict, said)):
                who = f"{'client' if side.client else 'server'}, in pieces of {pieces}, {direct=}, {parts=}"
                raise Finding(f"{who}: {said!r:.300}, elsewhere {verdict!r:.300}")
    assert verdict is not None
    _check_verdict(verdict, limits)
    for side in sides:
        _check_at_once(side, limits, verdict)
        _check_wsproto(verdict, side, limits)
    return verdict


def _check_at_once(side: _Side, limits: websocket.Limits, verdict: Verdict) -> None:
    """It is the same where the end has come before anything was read, and then nothing more can come."""
    connection = side.connection(limits)

    def poke() -> None:
        try:
            content = connection.receive_whole(b"\x81\x01a" if side.client else b"\x81\x81\x01\x02\x03\x04`")
        except ValueError:
            return
        raise Finding(f"{content!r} is taken after the end")

    said = [entry for entry in verdict_at_once(connection, side.wire, poke) if entry[0] != "part"]
    if said != verdict:
        raise Finding(f"with the end at once: {said!r:.300}, elsewhere {verdict!r:.300}")
    poke()


def _check_plain(wire: bytes) -> None:
    """The C helper, where there is one, reads what the Python reads."""
    for is_masked, longest in product((False, True), (LARGE.message - 1, SMALL.frame)):
        content = read_plain(wire, is_masked, longest)
        expected = read_plain_in_python(wire, is_masked, longest)
        if content != expected:
            raise Finding(f"read_plain gives {content!r:.300}, in Python {expected!r:.300}")


def _check_end(connection: Connection, said: Verdict) -> None:
    """The end of the stream is the end; after an error it is still the same error, and can be answered."""
    connection.receive_data(b"")
    if said and said[-1][0] == "error":
        code = said[-1][1]
        try:
            event = connection.next_event()
        except websocket.RemoteProtocolError as error:
            if error.close_code != code:
                raise Finding(f"the error has the close code {code}, then {error.close_code}") from error
        else:
            raise Finding(f"after an error comes {event!r:.300}")
        connection.send(websocket.Close(code))
    else:
        code = next((entry[1] for entry in said if entry[0] == "close"), 1006)
        for _ in range(2):
            if not isinstance(event := connection.next_event(), websocket.ConnectionClosed):
                raise Finding(f"after the end comes {event!r:.300}")
    if connection.close_code != code:
        raise Finding(f"close_code is {connection.close_code} and not {code}")


def _check_verdict(verdict: Verdict, limits: websocket.Limits) -> None:
    for entry in verdict:
        if entry[0] == "message":
            content = entry[1].encode() if isinstance(entry[1], str) else entry[1]
            if len(content) > limits.message:
                raise Finding(f"a message of {len(content)} bytes, over the limit of {limits.message}")
        elif entry[0] == "error" and entry[1] not in CLOSE_CODES:
            raise Finding(f"an error with the close code {entry[1]}")


def _check_wsproto(verdict: Verdict, side: _Side, limits: websocket.Limits) -> None:
    """wsproto's connection says the same of what `side` reads, as far as it has limits and windows like ours."""
    if verdict and verdict[-1][0] == "error" and verdict[-1][2]:
        return  # wsproto has no limits
    if not _suits_wsproto(side.agreed):
        return
    theirs = wsproto_verdict(side.wire, client=side.client, extensions=side.extensions())
    theirs = [entry for entry in theirs if entry[0] != "part"]
    if theirs == verdict:
        return
    case = Case(side.wire, side.client, side.agreed, limits, side.extensions, verdict, theirs)
    if explanation(case) is None:
        raise Finding(f"wsproto says {theirs!r:.300}, we {verdict!r:.300}")


def _suits_wsproto(agreed: websocket.Deflate | None) -> bool:
    """Whether wsproto can be made to use these windows."""
    return agreed is None or min(agreed.server_max_window_bits, agreed.client_max_window_bits) >= SMALLEST_WINDOW


def _wsproto_extensions(agreed: websocket.Deflate | None) -> list[Extension]:
    if agreed is None:
        return []
    extension = PerMessageDeflate(
        server_no_context_takeover=agreed.server_no_context_takeover,
        server_max_window_bits=agreed.server_max_window_bits,
        client_no_context_takeover=agreed.client_no_context_takeover,
        client_max_window_bits=agreed.client_max_window_bits,
    )
    extension._enabled = True
    return [extension]


def _check_resending(verdict: Verdict, agreed: websocket.Deflate | None) -> None:
    """What was received can be sent, by both roles, and is read as the same, by us and by wsproto."""
    sent = [entry for entry in verdict if entry[0] != "error"]
    for client in (True, False):
        sender = connection_of(client=client, deflate=agreed)
        wire = b"".join(_sent(sender, number, entry) for number, entry in enumerate(sent))
        read = verdict_of(connection_of(client=not client, limits=LARGE, deflate=agreed), [wire] if wire else [])
        if read != sent:
            raise Finding(f"sent {sent!r:.300}, read back {read!r:.300}")
        _check_wsproto(sent, _Side(not client, wire, agreed), LARGE)


def _sent(sender: Connection, number: int, entry: tuple[str, object]) -> bytes:
    """Return what `sender` makes of `entry`: each second message in two parts, at one level after the other."""
    level = LEVELS[number % len(LEVELS)]
    match entry:
        case ("message", str() | bytes() as content) if number % 2 == 0:
            return b"".join(sender.send_whole(content, level))
        case ("message", str(text)):
            half = len(text) // 2
            parts: list[websocket.Event] = [websocket.Text(text[:half], False), websocket.Text(text[half:])]
            return b"".join(sender.send(part, level) for part in parts)
        case ("message", bytes(content)):
            half = len(content) // 2
            parts = [websocket.Binary(content[:half], False), websocket.Binary(content[half:])]
            return b"".join(sender.send(part, level) for part in parts)
        case ("Ping", bytes(payload)):
            return sender.send(websocket.Ping(payload))
        case ("Pong", bytes(payload)):
            return sender.send(websocket.Pong(payload))
        case ("close", int(code), str(reason)):
            return sender.send(websocket.Close(code, reason))
    raise AssertionError(entry)


def _compressed(wire: bytes, bits: int, *, keeps_context: bool) -> bytes:
    """Return plain frames with the payloads of their messages compressed, as far as they are frames."""
    deflater = Deflater(bits, keeps_context=keeps_context)
    result = b""
    place = 0
    while (header := read_header(wire, place)) is not None and not header.masked and header.size <= len(wire) - place:
        payload = wire[place + header.length : place + header.length + header.size]
        place += header.length + header.size
        first = header.first
        if not first & 0x08:
            payload = deflater.compress(payload, final=bool(first & 0x80))
            first |= 0x40 if first & 0x0F else 0
        result += pack_header(first, len(payload), masked=False) + payload
    return result


def _signature(verdict: Verdict) -> Hashable:
    shape = [
        (entry[0], type(entry[1]).__name__, len(entry[1]).bit_length())
        if isinstance(entry[1], str | bytes)
        else entry[:3]
        for entry in verdict[:4]
    ]
    return (len(verdict), tuple(shape), verdict[-1][0] if verdict else "")
