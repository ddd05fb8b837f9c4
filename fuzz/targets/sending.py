"""Sending: whatever a program asks for goes out as exactly that message, or is refused and nothing goes out."""

from __future__ import annotations

from collections.abc import Hashable

import h11

from drywire_sansio import http1

from ..findings import Finding
from ..inputs import split_input

__all__ = ["check"]

SEPARATOR = b"|"
"""Between the parts of an input: method, target and names and values; or reason and names and values."""

Pairs = list[tuple[bytes, bytes]]
STATUSES = (200, 204, 304, 404, 101, 103, 199, 99, 1000, 0)


def check(data: bytes) -> Hashable:
    """Check a message made of the parts of `data`; the choices say of which kind and with what body.

    Bit 0: a response. Bit 1: a body of 3 bytes. Bit 2: a chunked one. Bit 3: HTTP/1.0. Bits 4-7: the status.
    """
    raw, choices = split_input(data)
    parts = raw.split(SEPARATOR)
    if choices & 1:
        return _check_response(parts, choices)
    return _check_request(parts, choices)


def _pairs(parts: list[bytes]) -> Pairs:
    return list(zip(parts[::2], parts[1::2], strict=False))


def _check_request(parts: list[bytes], choices: int) -> Hashable:
    method, target, *rest = [*parts, b"", b""][: max(2, len(parts))]
    fields = [*_framing(choices), *_pairs(rest)]
    version = b"1.0" if choices & 8 else b"1.1"
    client = http1.ClientConnection()
    wire = _sent(client, http1.Request(method, target, fields, version), choices)
    if wire is None:
        return "refused"
    server = http1.ServerConnection()
    server.receive_data(wire)
    head, body = _read_one(server)
    expected = http1.Request(method, target, _stripped(fields), version)
    if head != expected:
        raise Finding(f"{expected} was read as {head}")
    _compare_bodies(body, choices)
    theirs = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    return ("request", _as_h11_sees_it(theirs, wire, target, [value for _, value in expected.headers]))


def _check_response(parts: list[bytes], choices: int) -> Hashable:
    reason, *rest = parts
    fields = [*_framing(choices), *_pairs(rest)]
    status = STATUSES[(choices >> 4) % len(STATUSES)]
    server = http1.ServerConnection()
    server.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    server.next_event()
    server.next_event()
    head: http1.Event = http1.Response(status, fields, reason)
    if 100 <= status < 200:
        head = http1.InformationalResponse(status, fields, reason)
    wire = _sent(server, head, choices)
    if wire is None:
        return "refused"
    client = http1.ClientConnection()
    client.send_whole(http1.Request(b"GET", b"/", [(b"Host", b"a"), (b"Connection", b"upgrade"), (b"Upgrade", b"x")]))
    client.receive_data(wire)
    event, body = _read_one(client)
    if not isinstance(event, http1.Response | http1.InformationalResponse):
        raise Finding(f"{head} was read as {event}")
    expected = _stripped(fields)
    if (event.status, event.reason) != (status, reason.lstrip(b" ")) and (event.status, event.reason) != (
        status,
        reason,
    ):
        raise Finding(f"{head} was read as {event}")
    if list(event.headers)[: len(expected)] != expected:
        raise Finding(f"{head} was read with the fields {event.headers}")
    if status >= 200 and status not in (204, 304):
        _compare_bodies(body, choices)
    return ("response", status)


def _framing(choices: int) -> Pairs:
    if choices & 4:
        return [(b"Transfer-Encoding", b"chunked")]
    return [(b"Content-Length", b"3")] if choices & 2 else []


def _stripped(fields: Pairs) -> Pairs:
    return [(name, value.strip(b" \t")) for name, value in fields]


def _sent(connection: http1.Connection, head: http1.Event, choices: int) -> bytes | None:
    before = connection.states
    try:
        wire = connection.send(head)
    except http1.LocalProtocolError as error:
        if connection.states != before:
            raise Finding(f"{head} was refused but changed the states: {error}") from error
        return None
    if isinstance(head, http1.InformationalResponse):
        return wire
    try:
        if choices & 6:
            wire += connection.send(http1.Data(b"abc"))
        return wire + connection.send(http1.EndOfMessage())
    except http1.LocalProtocolError:
        return None  # the head has no such body, or says another length


def _read_one(connection: http1.Connection) -> tuple[http1.Event | None, bytes]:
    """Return the head and the content of the one message that has arrived, which must be whole."""
    try:
        head = connection.next_event()
        body = b""
        if not isinstance(head, http1.InformationalResponse):
            while isinstance(event := connection.next_event(), http1.Data):
                body += bytes(event.data)
            if event is http1.NEED_DATA:
                connection.receive_data(b"")
                event = connection.next_event()
            if not isinstance(event, http1.EndOfMessage):
                raise Finding(f"a message ends with {event}")
    except http1.RemoteProtocolError as error:
        raise Finding(f"what we sent we refuse to read: {error}") from error
    if connection.trailing_data[0]:
        raise Finding(f"more than one message was sent: {connection.trailing_data[0]!r}")
    assert not isinstance(head, http1.NeedData | http1.Paused)
    return head, body


def _compare_bodies(body: bytes, choices: int) -> None:
    if body != (b"abc" if choices & 6 else b""):
        raise Finding(f"the body was read as {body!r}")


def _as_h11_sees_it(connection: h11.Connection, wire: bytes, target: bytes, values: list[bytes]) -> str:
    """Check that h11 finds the same request in `wire`; return whether it does or is stricter."""
    connection.receive_data(wire)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError:
        return "h11 is stricter"
    if not isinstance(event, h11.Request) or event.target != target:
        raise Finding(f"h11 reads {event}")
    theirs = [value for _, value in event.headers]
    if [value.lower() for value in theirs] != [value.lower() for value in values]:
        raise Finding(f"h11 reads the values {theirs}")
    return "h11 agrees"
