"""Each limit: what is just within it is read, one more is refused, with the limit's name, value, status and place."""

from dataclasses import fields, replace

import pytest

from drywire_sansio.http1 import (
    NEED_DATA,
    ClientConnection,
    EndOfMessage,
    InformationalResponse,
    LimitExceeded,
    Limits,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

from .case import cut, read_pieces

WIDE = Limits(
    start_line=1000,
    field_line=1000,
    field_count=100,
    head=10_000,
    chunk_extensions=1000,
    trailer_count=100,
    trailers=10_000,
    body=1000,
    informational=100,
)
LINE = b"GET / HTTP/1.1\r\n"
HOST = b"Host: a\r\n"
CHUNKED = LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
STATUS = b"HTTP/1.1 200 OK\r\n"


def server(limits):
    return ServerConnection(limits)


def client(limits):
    connection = ClientConnection(limits)
    connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    return connection


def past(name, reader, value, wire, status, section):
    """Return a case: `wire` is one past the limit, at the mark."""
    assert wire.count(b"@@") == 1
    return pytest.param(name, reader, value, wire.replace(b"@@", b""), wire.index(b"@@"), status, section)


TOO_MUCH = [
    past("start_line", server, 16, b"GET /ab HTTP/1.1@@1", 414, "RFC 9110, 15.5.15"),
    past("start_line", client, 14, b"HTTP/1.1 200 O@@K\r\n", 502, "RFC 9110, 15.5.15"),
    past("field_line", server, 7, LINE + HOST + b"X: bcde@@f", 431, "RFC 6585, 5"),
    past("field_line", client, 4, STATUS + b"X: b@@ ", 502, "RFC 6585, 5"),
    past("field_line", server, 30, CHUNKED + b"0\r\nX: " + b"y" * 27 + b"@@z", 431, "RFC 6585, 5"),
    past("field_count", server, 2, LINE + HOST + b"A: b\r\n@@C", 431, "RFC 6585, 5"),
    past("field_count", server, 0, LINE + b"@@H", 431, "RFC 6585, 5"),
    past("field_count", client, 1, STATUS + b"A: b\r\n@@C: d\r\n", 502, "RFC 6585, 5"),
    past("head", server, 30, LINE + HOST + b"A: bc@@d", 431, "RFC 6585, 5"),
    past("head", server, 10, b"GET /abcde@@f", 431, "RFC 6585, 5"),
    past("head", client, 20, STATUS + b"A:b@@c", 502, "RFC 6585, 5"),
    past("trailer_count", server, 1, CHUNKED + b"0\r\nA: b\r\n@@C", 431, "RFC 6585, 5"),
    past("trailer_count", server, 0, CHUNKED + b"0\r\n@@A", 431, "RFC 6585, 5"),
    past("trailers", server, 10, CHUNKED + b"0\r\nA: b\r\nC: d@@e", 431, "RFC 6585, 5"),
    past("trailers", server, 0, CHUNKED + b"0\r\n@@A", 431, "RFC 6585, 5"),
    past("body", server, 5, CHUNKED + b"@@6\r\n", 413, "RFC 9110, 15.5.14"),
    past("body", server, 5, CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n@@1\r\n", 413, "RFC 9110, 15.5.14"),
    past("body", client, 5, STATUS + b"\r\nabcde@@f", 502, "RFC 9110, 15.5.14"),
    past("chunk_extensions", server, 4, CHUNKED + b"1;abc@@d", 400, "RFC 9112, 7.1.1"),
    past("chunk_extensions", server, 4, CHUNKED + b"1;a\r\nx\r\n00002;b@@c", 400, "RFC 9112, 7.1.1"),
    past("chunk_extensions", server, 0, CHUNKED + b"1@@;", 400, "RFC 9112, 7.1.1"),
    past("chunk_extensions", server, 2, CHUNKED + b"1;a\r\nx\r\n0@@;", 400, "RFC 9112, 7.1.1"),
]


@pytest.mark.parametrize(("name", "reader", "value", "wire", "offset", "status", "section"), TOO_MUCH)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_one_past_a_limit_is_refused_and_names_it(name, reader, value, wire, offset, status, section, size):
    connection = reader(replace(WIDE, **{name: value}))
    verdict = read_pieces(connection, cut(wire, size))
    assert verdict.error[:4] == (f"limit-{name}", status, offset, section)
    with pytest.raises(LimitExceeded) as raised:
        connection.next_event()
    error = raised.value
    assert (error.limit, error.value) == (name, value)
    assert f"Limits.{name}" in str(error)
    assert str(value) in str(error)
    assert isinstance(error, RemoteProtocolError)


@pytest.mark.parametrize(("name", "reader", "value", "wire", "offset", "status", "section"), TOO_MUCH)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_up_to_a_limit_nothing_is_refused(name, reader, value, wire, offset, status, section, size):
    within = read_pieces(reader(replace(WIDE, **{name: value})), cut(wire[:offset], size))
    assert within.error is None
    raised = read_pieces(reader(replace(WIDE, **{name: value + len(wire)})), cut(wire, size))
    assert raised.error is None


# What stands further back than a limit allows is not looked at; what stands before it is to blame itself.
WITHIN = [
    ("start_line", 10, b"GET /abcde@@%b", b"f"),
    ("field_line", 7, LINE + b"A: bcde@@%b", b"f"),
    ("head", 20, LINE + b"A: b@@%b", b"c"),
    ("chunk_extensions", 5, CHUNKED + b"10;abcd@@%b", b"e"),
    ("trailers", 6, CHUNKED + b"0\r\nA: bcd@@%b", b"e"),
]


@pytest.mark.parametrize(("name", "value", "wire", "more"), WITHIN, ids=[case[0] for case in WITHIN])
@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("bad", "rule"), [(b"\0", "control-byte"), (b"\n", "bare-lf"), (b"\rx", "bare-cr")])
def test_of_a_limit_and_a_control_byte_the_first_is_to_blame(name, value, wire, more, size, bad, rule):
    offset, wire = wire.index(b"@@"), wire.replace(b"@@", b"")
    limits = replace(WIDE, **{name: value})
    for suffix, expected in ((bad, rule), (more + bad, f"limit-{name}"), (more * 9 + bad, f"limit-{name}")):
        verdict = read_pieces(server(limits), cut(wire % suffix, size))
        assert (verdict.error[0], verdict.error[2]) == (expected, offset)
    earlier = wire[: offset - 1] + bad + b"%b"
    verdict = read_pieces(server(limits), cut(earlier % (more * 9), size))
    assert (verdict.error[0], verdict.error[2]) == (rule, offset - 1)


EXACT = [
    ("start_line", 16, b"GET /ab HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("field_line", 7, b"GET /abcdef HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("field_count", 2, LINE + HOST + b"A: b\r\n\r\n"),
    ("field_count", 0, b"GET / HTTP/1.0\r\n\r\n"),
    ("head", 25, LINE + HOST + b"\r\n"),
    ("chunk_extensions", 4, CHUNKED + b"01;a\r\nx\r\n0;b\r\n\r\n"),
    ("chunk_extensions", 0, CHUNKED + b"0000000000000001\r\nx\r\n0\r\n\r\n"),
    ("trailer_count", 0, CHUNKED + b"0\r\n\r\n"),
    ("trailer_count", 2, CHUNKED + b"0\r\nA: b\r\nC: d\r\n\r\n"),
    ("trailers", 0, CHUNKED + b"0\r\n\r\n"),
    ("trailers", 12, CHUNKED + b"0\r\nA: b\r\nC: d\r\n\r\n"),
]


@pytest.mark.parametrize(("name", "value", "wire"), EXACT)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_message_that_is_just_within_a_limit_is_read_to_its_end(name, value, wire, size):
    verdict = read_pieces(server(replace(WIDE, **{name: value})), cut(wire, size))
    assert verdict.error is None
    assert isinstance(verdict.events[-1], EndOfMessage)
    if value:
        verdict = read_pieces(server(replace(WIDE, **{name: value - 1})), cut(wire, size))
        assert verdict.error[0] == f"limit-{name}"


def test_interim_responses_are_counted_for_each_request():
    connection = client(replace(WIDE, informational=2))
    hints = b"HTTP/1.1 103 \r\n\r\n"
    final = b"HTTP/1.1 204 \r\n\r\n"
    for _ in range(2):
        connection.receive_data(hints * 2 + final)
        assert isinstance(connection.next_event(), InformationalResponse)
        assert isinstance(connection.next_event(), InformationalResponse)
        assert connection.next_event() == Response(204)
        assert connection.next_event() == EndOfMessage()
        connection.start_next_cycle()
        connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    connection.receive_data(hints * 3)
    connection.next_event()
    connection.next_event()
    with pytest.raises(LimitExceeded, match=r"informational over the limit of 2 \(Limits.informational\)") as raised:
        connection.next_event()
    assert (raised.value.limit, raised.value.value, raised.value.status) == ("informational", 2, 502)


def test_a_limit_holds_for_each_message_anew():
    connection = server(replace(WIDE, head=25, field_count=1, start_line=14, field_line=7))
    for _ in range(3):
        connection.receive_data(LINE + HOST + b"\r\n")
        assert isinstance(connection.next_event(), Request)
        assert connection.next_event() == EndOfMessage()
        connection.send_whole(Response(204))
        connection.start_next_cycle()
    connection.receive_data(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")
    with pytest.raises(LimitExceeded):
        connection.next_event()


def test_extensions_are_counted_over_all_chunks_of_a_body_and_not_over_bodies():
    connection = server(replace(WIDE, chunk_extensions=4))
    for _ in range(3):
        connection.receive_data(CHUNKED + b"1;a\r\nx\r\n0;b\r\n\r\n")
        while connection.next_event() is not NEED_DATA:
            pass
        connection.send_whole(Response(204))
        connection.start_next_cycle()


def test_digits_of_a_size_are_no_extension_however_much_is_left_for_those():
    connection = server(replace(WIDE, chunk_extensions=5))
    body = b"1;aaaa\r\nx\r\n" + b"10\r\n" + b"y" * 16 + b"\r\n0000000000\r\n\r\n"
    verdict = read_pieces(connection, cut(CHUNKED + body, 1))
    assert verdict.error is None
    assert isinstance(verdict.events[-1], EndOfMessage)


def test_what_is_not_named_keeps_its_default():
    for field in fields(Limits):
        limits = Limits(**{field.name: 7})
        assert getattr(limits, field.name) == 7
        assert replace(limits, **{field.name: field.default}) == Limits()
    assert ServerConnection().limits == ClientConnection().limits == Limits()


def test_limits_are_made_once():
    with pytest.raises(AttributeError):
        Limits().head = 5
    with pytest.raises(TypeError):
        Limits(5)


def test_the_defaults_let_ordinary_messages_pass():
    wire = LINE + HOST + b"Cookie: " + b"c" * 8000 + b"\r\n" + b"X: y\r\n" * 120 + b"\r\n"
    assert read_pieces(ServerConnection(), [wire]).error is None


@pytest.mark.parametrize("name", ["start_line", "field_line", "chunk_extensions", "trailers"])
def test_no_more_is_kept_of_an_endless_line_than_its_limit_and_one_arrival(name):
    start = {"chunk_extensions": CHUNKED + b"1;", "trailers": CHUNKED + b"0\r\n"}.get(name, LINE)
    connection = server(replace(WIDE, **{name: 50}))
    if name != "start_line":
        connection.receive_data(start)
    while connection.next_event() is not NEED_DATA:
        pass
    verdict = read_pieces(connection, [b"a" * 10] * 100)
    assert verdict.error[0] == f"limit-{name}"
    assert len(connection.trailing_data[0]) <= len(LINE) + 60
