"""Reading: any bytes are events, or one documented error, and how they were split makes no difference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from drywire_sansio import http1

from ..findings import Finding
from ..inputs import cut, split_input
from ..verdicts import Verdict, client_verdict, server_verdict, verdict_of

__all__ = ["check_requests", "check_responses"]

STATUSES = {"server": (400, 413, 414, 431, 501, 505), "client": (502,)}
SMALL = http1.Limits(
    start_line=60, field_line=60, field_count=4, head=160, chunk_extensions=12, trailer_count=2, trailers=50, body=100
)
QUIRKS = tuple(http1.Quirk)

Read = Callable[[Sequence[bytes]], Verdict]


def check_requests(data: bytes) -> Hashable:
    """Check a server: bits 0-4 of the choices are a piece's size, bit 5 the small limits, bit 6 an end behind it."""
    wire, choices = split_input(data)
    limits = SMALL if choices & 32 else None
    eof = bool(choices & 64)

    def read(pieces: Sequence[bytes]) -> Verdict:
        return server_verdict(pieces, limits, eof)

    verdict = _one_verdict(read, wire, choices)
    _check_error(verdict, wire, "server")
    if limits is None:
        _check_resending(verdict)
    return signature(verdict)


def check_responses(data: bytes) -> Hashable:
    """Check a client: the choices as above, and bit 7 for all quirks."""
    wire, choices = split_input(data)
    limits = SMALL if choices & 32 else None
    quirks = QUIRKS if choices & 128 else ()
    method = b"HEAD" if choices & 31 == 31 else b"GET"

    def read(pieces: Sequence[bytes]) -> Verdict:
        connection = http1.ClientConnection(limits, quirks)
        connection.send_whole(http1.Request(method, b"/", [(b"Host", b"a")]))
        return verdict_of(connection, pieces, bool(choices & 64))

    verdict = _one_verdict(read, wire, choices)
    _check_error(verdict, wire, "client")
    if quirks and limits is None:
        strict = client_verdict([wire], method, None, bool(choices & 64))
        if not _has_error(strict) and strict != verdict:
            raise Finding(f"quirks change what is right already: {strict} became {verdict}")
    return signature(verdict)


def _one_verdict(read: Read, wire: bytes, choices: int) -> Verdict:
    whole = read([wire] if wire else [])
    for size in {1, 1 + (choices & 31)}:
        pieces = read(cut(wire, size))
        if pieces != whole:
            raise Finding(f"whole it is {whole}, in pieces of {size} it is {pieces}")
    return whole


def _has_error(verdict: Verdict) -> bool:
    return bool(verdict) and verdict[-1][0] == "error"


def _check_error(verdict: Verdict, wire: bytes, role: str) -> None:
    if not _has_error(verdict):
        return
    _, rule, status, offset, section = verdict[-1]
    if not rule or not section.startswith("RFC ") or status not in STATUSES[role] or not 0 <= offset <= len(wire):
        raise Finding(f"an error that does not say what it must: {verdict[-1]}")


def _check_resending(verdict: Verdict) -> None:
    """What a server accepts a client can send, and a server then reads the same."""
    message: list[http1.Event] = []
    for kind, *rest in verdict:
        if kind == "event":
            message.append(rest[0])
        elif kind == "data":
            message.append(http1.Data(rest[0]))
        if message and isinstance(message[-1], http1.EndOfMessage):
            _resend(message)
            message = []
        elif message and isinstance(message[0], http1.ConnectionClosed):
            return


def _resend(message: list[http1.Event]) -> None:
    client = http1.ClientConnection()
    wire = b"".join(client.send(event) for event in message)
    server = http1.ServerConnection()
    server.receive_data(wire)
    again: list[http1.Event] = []
    while not isinstance(event := server.next_event(), http1.NeedData | http1.Paused):
        again.append(http1.Data(bytes(event.data)) if isinstance(event, http1.Data) else event)
    if again != message:
        raise Finding(f"{message} was sent and read as {again}")


def signature(verdict: Verdict) -> Hashable:
    """Return what kind of verdict it is: its events by type, with what frames them, and the rule that was broken."""
    kinds: list[Hashable] = []
    for kind, *rest in verdict:
        if kind == "event":
            event = rest[0]
            headers = getattr(event, "headers", ())
            framing = tuple(sorted(headers.framing)) if isinstance(headers, http1.FieldLines) else ()
            kinds.append((type(event).__name__, framing, bool(getattr(event, "trailers", ()))))
        elif kind == "error":
            kinds.append(rest[0])
        else:
            kinds.append(kind)
    return tuple(kinds[:12])
