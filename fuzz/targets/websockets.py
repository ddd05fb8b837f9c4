"""WebSocket frames: any bytes are events, or one documented error, for both roles and however they were split."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from wsproto.extensions import Extension, PerMessageDeflate

from drywire_sansio import http1, websocket
from drywire_sansio.websocket.deflate import Deflater
from drywire_sansio.websocket.frames import pack_header, read_header

from ..findings import Finding
from ..inputs import cut, split_input
from ..ws_verdicts import Verdict, connection_of, masked, verdict_of, wsproto_verdict

__all__ = ["check_deflate", "check_frames", "check_handshakes"]

SMALL = websocket.Limits(frame=60, message=100, message_frames=4, control_frames=5)
LARGE = websocket.Limits(frame=1 << 20, message=1 << 16, message_frames=1000, control_frames=1000)
CLOSE_CODES = frozenset({1002, 1007, 1008, 1009})
LONGEST_HEADER = 14
UNKNOWN_TO_WSPROTO = 1014
"""A close code that IANA has registered since (bad gateway): wsproto refuses it, we take it."""


def check_frames(data: bytes) -> Hashable:
    """Check frames as a server sends them: bits 0-4 of the choices are a piece's size, bit 5 the small limits."""
    wire, choices = split_input(data)
    limits = SMALL if choices & 32 else LARGE
    verdict = _one_verdict(wire, choices, limits, None)
    if limits is LARGE:
        _check_wsproto(verdict, wire, None, [])
    _check_resending(verdict, None)
    return _signature(verdict)


def check_deflate(data: bytes) -> Hashable:
    """Check compressed messages.

    Bits 0-2 of the choices are a piece's size, bit 3 says that no context is kept, bit 5 takes the smallest
    window, bit 6 the small limits; with bit 7 the input is plain frames, whose messages are compressed first.
    """
    wire, choices = split_input(data)
    limits = SMALL if choices & 64 else LARGE
    bits = 9 if choices & 32 else 15
    agreed = websocket.Deflate(
        server_no_context_takeover=bool(choices & 8),
        client_no_context_takeover=bool(choices & 8),
        server_max_window_bits=bits,
        client_max_window_bits=bits,
    )
    if choices & 128:
        wire = _compressed(wire, agreed)
    verdict = _one_verdict(wire, choices & 7, limits, agreed)
    # wsproto takes the rest of a compressed message for a plain one after a ping inside it.
    has_control = any(entry[0] in ("Ping", "Pong") for entry in verdict)
    if choices & 128 and limits is LARGE and not has_control:
        _check_wsproto(verdict, wire, agreed, [_wsproto_deflate(agreed)])
    _check_resending(verdict, agreed)
    return _signature(verdict)


def check_handshakes(data: bytes) -> Hashable:
    """Check header fields, a line each, in a request and in a response: agreed on, or refused by a rule."""
    text, choices = split_input(data)
    lines = [line.partition(b":") for line in text.split(b"\n")]
    try:
        fields = http1.FieldLines([(name.strip(), value.strip()) for name, _, value in lines])
    except http1.LocalProtocolError:
        return "no fields"
    wish = websocket.Deflate(server_max_window_bits=9 + (choices & 3)) if choices & 4 else None
    protocols = ["chat", "superchat"]
    outcome: list[object] = []
    try:
        accepted = websocket.accept(http1.Request(b"GET", b"/", fields), protocols=protocols, deflate=wish)
        http1.FieldLines(accepted.response.headers)
        outcome += [accepted.protocol, accepted.deflate]
    except websocket.HandshakeRefused as error:
        if error.status not in (400, 426):
            raise Finding(f"a request is refused with {error.status}") from error
        outcome.append(error.rule)
    try:
        agreement = websocket.confirm(
            http1.Response(101, fields), b"the sample nonce", protocols=protocols, deflate=wish
        )
        outcome += [agreement.protocol, agreement.deflate]
    except websocket.HandshakeRefused as error:
        outcome.append(error.rule)
    return tuple(map(str, outcome))


def _one_verdict(wire: bytes, choices: int, limits: websocket.Limits, agreed: websocket.Deflate | None) -> Verdict:
    """Return the verdict on `wire`, which must be the same in every way of reading it."""
    as_client, understood = masked(wire)
    ways: list[tuple[str, bool, Sequence[bytes]]] = []
    for name, size in (("whole", len(wire) + 8), ("in pieces", 1 + (choices & 31)), ("byte by byte", 1)):
        ways.append((name, True, cut(wire, size)))
        if understood:
            ways.append((name, False, cut(as_client, size)))
    verdict: Verdict | None = None
    for name, client, arrivals in ways:
        for direct in (True, False):
            for parts in (False, True):
                connection = connection_of(client=client, limits=limits, deflate=agreed, parts=parts, direct=direct)
                said = verdict_of(connection, arrivals)
                said = [entry for entry in said if entry[0] != "part"]
                if verdict is None:
                    verdict = said
                elif said != verdict and not _known_difference(said, verdict, direct):
                    who = f"{'client' if client else 'server'}, {name}, {direct=}, {parts=}"
                    raise Finding(f"{who}: {said!r:.300}, elsewhere {verdict!r:.300}")
    assert verdict is not None
    _check_verdict(verdict, limits)
    return verdict


def _known_difference(said: Verdict, verdict: Verdict, direct: bool) -> bool:
    """Whether the two differ only in that wsproto does not know a close code."""
    if direct or not verdict or verdict[-1][:2] != ("close", UNKNOWN_TO_WSPROTO):
        return False
    return said == [*verdict[:-1], ("error", 1002, "")]


def _check_verdict(verdict: Verdict, limits: websocket.Limits) -> None:
    for entry in verdict:
        if entry[0] == "message":
            content = entry[1].encode() if isinstance(entry[1], str) else entry[1]
            if len(content) > limits.message:
                raise Finding(f"a message of {len(content)} bytes, over the limit of {limits.message}")
        elif entry[0] == "error" and entry[1] not in CLOSE_CODES:
            raise Finding(f"an error with the close code {entry[1]}")


def _check_wsproto(
    verdict: Verdict, wire: bytes, agreed: websocket.Deflate | None, extensions: list[Extension]
) -> None:
    if verdict and verdict[-1][0] == "error" and verdict[-1][2]:
        return  # wsproto has no limits
    theirs = wsproto_verdict(wire, client=True, extensions=extensions)
    theirs = [entry for entry in theirs if entry[0] != "part"]
    if theirs == [*verdict, ("error", 1002, "")]:
        # wsproto refuses a header by its first two bytes, we once it is there.
        rest = bytes(LONGEST_HEADER)
        verdict = verdict_of(connection_of(client=True, limits=LARGE, deflate=agreed), [wire + rest])
    if verdict == [*theirs, ("error", 1002, "")]:
        return  # a frame out of turn: we refuse it by its header, wsproto once its payload comes
    if theirs != verdict and not _known_difference(theirs, verdict, direct=False):
        raise Finding(f"wsproto says {theirs!r:.300}, we {verdict!r:.300}")


def _wsproto_deflate(agreed: websocket.Deflate) -> PerMessageDeflate:
    extension = PerMessageDeflate(
        server_no_context_takeover=agreed.server_no_context_takeover,
        server_max_window_bits=agreed.server_max_window_bits,
    )
    extension._enabled = True
    return extension


def _check_resending(verdict: Verdict, agreed: websocket.Deflate | None) -> None:
    """What was received can be sent, by both roles, and is read as the same."""
    for client in (True, False):
        sender = connection_of(client=client, deflate=agreed)
        wire = b""
        sent: Verdict = []
        for entry in verdict:
            if entry[0] == "error":
                break
            sent.append(entry)
            wire += sender.send(_event(entry))
        read = verdict_of(connection_of(client=not client, limits=LARGE, deflate=agreed), [wire] if wire else [])
        if read != sent:
            raise Finding(f"sent {sent!r:.300}, read back {read!r:.300}")


def _event(entry: tuple[str, object]) -> websocket.Event:
    match entry:
        case ("message", str(text)):
            return websocket.Text(text)
        case ("message", bytes(content)):
            return websocket.Binary(content)
        case ("Ping", bytes(payload)):
            return websocket.Ping(payload)
        case ("Pong", bytes(payload)):
            return websocket.Pong(payload)
        case ("close", int(code), str(reason)):
            return websocket.Close(code, reason)
    raise AssertionError(entry)


def _compressed(wire: bytes, agreed: websocket.Deflate) -> bytes:
    """Return plain frames with the payloads of their messages compressed, as far as they are frames."""
    deflater = Deflater(agreed.server_max_window_bits, keeps_context=not agreed.server_no_context_takeover)
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
