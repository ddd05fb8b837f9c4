"""Known differences between our reading of frames and wsproto's, where the RFCs, or prudence, are on our side.

Each has its reason, and there is no other: what falls under none is a finding.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wsproto.extensions import Extension

from drywire_sansio import websocket
from drywire_sansio.websocket.frames import FrameHeader, read_header
from drywire_sansio.websocket.masking import apply_mask

from .ws_verdicts import Verdict, connection_of, verdict_of, wsproto_verdict

__all__ = ["EXPLAINED", "Case", "explanation", "frames_of", "refuses_the_unknown_code"]

LONGEST_HEADER = 14
CONTROL, CLOSE, RSV1, FIN = 0x08, 0x08, 0x40, 0x80
UNKNOWN_CODE = 1014
TAIL = b"\x00\x00\xff\xff"


@dataclass(frozen=True)
class Case:
    """Bytes, and who reads them: the verdicts of both."""

    wire: bytes
    client: bool
    agreed: websocket.Deflate | None
    limits: websocket.Limits
    extensions: Callable[[], list[Extension]]
    ours: Verdict
    theirs: Verdict


@dataclass(frozen=True)
class Explained:
    """A difference that is known to show where `applies` holds."""

    reason: str
    applies: Callable[[Case], bool]


def frames_of(wire: bytes) -> Iterator[tuple[FrameHeader, bytes]]:
    """Yield the frames in `wire`, the last one perhaps without all of its payload, which is unmasked."""
    place = 0
    while (header := read_header(wire, place)) is not None:
        start = place + header.length
        payload = wire[start : start + header.size]
        yield header, apply_mask(payload, wire[start - 4 : start]) if header.masked else payload
        place = start + header.size


def _is_early(case: Case) -> bool:
    if not case.theirs or case.theirs[:-1] != case.ours or case.theirs[-1][:2] != ("error", 1002):
        return False
    connection = connection_of(client=case.client, limits=case.limits, deflate=case.agreed)
    return _whole(verdict_of(connection, [case.wire + bytes(LONGEST_HEADER)])) == case.theirs


def _is_out_of_turn(case: Case) -> bool:
    if not case.ours or case.ours[-1] != ("error", 1002, ""):
        return False
    more = _whole(wsproto_verdict(case.wire + b"\0", client=case.client, extensions=case.extensions()))
    return more[:-1] == case.ours[:-1] and bool(more) and more[-1][0] == "error" and _turns_are_wrong(case.wire)


def _turns_are_wrong(wire: bytes) -> bool:
    under_way = False
    for header, _ in frames_of(wire):
        if header.first & CONTROL:
            continue
        if under_way is bool(header.first & 0x0F):
            return True
        under_way = not header.first & FIN
    return False


def refuses_the_unknown_code(wire: bytes, ours: Verdict, theirs: Verdict) -> bool:
    """Whether wsproto, in `theirs`, refuses a close frame for its code, whose reason we have looked at."""
    if not ours or ours[-1][:2] not in (("close", UNKNOWN_CODE), ("error", 1007)):
        return False
    closes = [payload[:2] for header, payload in frames_of(wire) if header.first == FIN | CLOSE]
    return closes[:1] == [UNKNOWN_CODE.to_bytes(2, "big")] and theirs == [*ours[:-1], ("error", 1002, "")]


def _has_the_unknown_code(case: Case) -> bool:
    return refuses_the_unknown_code(case.wire, case.ours, case.theirs)


def _has_a_control_inside_a_compressed_message(case: Case) -> bool:
    if case.agreed is None:
        return False
    compressed = False
    for header, _ in frames_of(case.wire):
        if header.first & CONTROL:
            if compressed:
                return True
            continue
        if header.first & 0x0F:
            compressed = bool(header.first & RSV1)
        if header.first & FIN:
            compressed = False
    return False


def _compressed_messages(wire: bytes) -> Iterator[bytes]:
    message: bytes | None = None
    for header, payload in frames_of(wire):
        if header.first & CONTROL:
            continue
        if header.first & 0x0F:
            message = b"" if header.first & RSV1 else None
        if message is not None:
            message += payload
        if header.first & FIN and message is not None:
            yield message
            message = None
    if message is not None:
        yield message


def _is_an_empty_compressed_message(case: Case) -> bool:
    return case.agreed is not None and b"" in _compressed_messages(case.wire)


def _ends_a_deflate_stream(case: Case) -> bool:
    agreed = case.agreed
    if agreed is None:
        return False
    bits = agreed.server_max_window_bits if case.client else agreed.client_max_window_bits
    forgets = agreed.server_no_context_takeover if case.client else agreed.client_no_context_takeover
    stream = zlib.decompressobj(-bits)
    for message in _compressed_messages(case.wire):
        try:
            stream.decompress(message + TAIL)
        except zlib.error:
            return False
        if stream.eof:
            return True
        if forgets:
            stream = zlib.decompressobj(-bits)
    return False


def _whole(verdict: Verdict) -> Verdict:
    return [entry for entry in verdict if entry[0] != "part"]


EXPLAINED: tuple[Explained, ...] = (
    Explained("wsproto refuses a header by its first two bytes, we once it is there whole", _is_early),
    Explained(
        "a frame out of turn: we refuse it by its header, wsproto once its payload comes, and not before that was "
        "inflated, which may be wrong for itself (RFC 6455, 5.4)",
        _is_out_of_turn,
    ),
    Explained(
        "wsproto does not know the close code 1014, bad gateway, which IANA has registered since",
        _has_the_unknown_code,
    ),
    Explained(
        "wsproto takes the rest of a compressed message for a plain one after a ping inside it (RFC 6455, 5.5 allows "
        "the ping; RFC 7692, 6 the bit on the first frame only)",
        _has_a_control_inside_a_compressed_message,
    ),
    Explained(
        "wsproto drops what follows a last deflate block; it begins a new stream (RFC 7692, 7.2.3.4)",
        _ends_a_deflate_stream,
    ),
    Explained(
        "a compressed message of no bytes at all is empty; wsproto's own end mark for it is half a block, and spoils "
        "the next message (RFC 7692, 7.2.3.6 says what to send instead, and not what to make of it)",
        _is_an_empty_compressed_message,
    ),
)


def explanation(case: Case) -> str | None:
    """Return why the two verdicts of `case` differ, None where no reason is known."""
    for known in EXPLAINED:
        if known.applies(case):
            return known.reason
    return None
