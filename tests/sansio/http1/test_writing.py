"""What may be sent, and what never goes out."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio.http1 import (
    CLIENT,
    IDLE,
    SEND_RESPONSE,
    SERVER,
    ClientConnection,
    Data,
    EndOfMessage,
    FieldLines,
    InformationalResponse,
    LocalProtocolError,
    Request,
    Response,
    ServerConnection,
)

from . import h11_oracle
from .case import joined, read, write

HOST = (b"Host", b"a")
EMPTY = (b"Content-Length", b"0")
CHUNKED = (b"Transfer-Encoding", b"chunked")


def asked(method=b"GET", version=b"1.1"):
    """Return a server that was asked something."""
    server = ServerConnection()
    target = b"a:1" if method == b"CONNECT" else b"/"
    server.receive_data(b"%b %b HTTP/%b\r\nHost: a\r\n\r\n" % (method, target, version))
    read(server)
    return server


def refuses(connection, event, match):
    """Check that `event` is refused, that nothing has changed, and that what is right still can be sent."""
    before = connection.states, connection.keep_alive
    with pytest.raises(LocalProtocolError, match=match):
        connection.send(event)
    assert (connection.states, connection.keep_alive) == before
    fitting = Request(b"GET", b"/", [HOST]) if connection.our_role is CLIENT else Response(404, [EMPTY])
    assert connection.send(fitting)


BAD_FIELDS = [
    ((b"", b"b"), "is not a token"),
    ((b"a b", b"b"), "is not a token"),
    ((b"a:", b"b"), "is not a token"),
    ((b"a:b", b"c"), "is not a token"),
    ((b"a\r\nb", b"c"), "is not a token"),
    ((b"a\r\nb:c\r\nd", b"e"), "is not a token"),
    ((b"\xe9", b"b"), "is not a token"),
    ((b"a", b"b\r\nc: d"), "control byte"),
    ((b"a", b"b\nc"), "control byte"),
    ((b"a", b"b\rc"), "control byte"),
    ((b"a", b"b\r\n"), "control byte"),
    ((b"a", b"b\0"), "control byte"),
    ((b"a", b"\x7f"), "control byte"),
    ((b"a", b"b\x0bc"), "control byte"),
]


@pytest.mark.parametrize(("pair", "match"), BAD_FIELDS)
def test_a_field_that_could_break_out_of_its_line_is_refused_everywhere(pair, match):
    refuses(ClientConnection(), Request(b"GET", b"/", [HOST, pair]), match)
    refuses(asked(), Response(200, [pair]), match)
    refuses(asked(), InformationalResponse(103, [pair]), match)
    server = asked()
    server.send(Response(200))
    with pytest.raises(LocalProtocolError, match=match):
        server.send(EndOfMessage([pair]))
    assert server.send(EndOfMessage()) == b"0\r\n\r\n"
    with pytest.raises(LocalProtocolError, match=match):
        FieldLines([HOST, pair])


@pytest.mark.parametrize(
    ("method", "target", "version", "match"),
    [
        (b"", b"/", b"1.1", "method b'' is not a token"),
        (b"GET ", b"/", b"1.1", "is not a token"),
        (b"G\r\nT", b"/", b"1.1", "is not a token"),
        (b"GET", b"", b"1.1", "percent-encoded"),
        (b"GET", b"/ HTTP/1.1\r\nX: y\r\n\r\n", b"1.1", "percent-encoded"),
        (b"GET", b"/a b", b"1.1", "percent-encoded"),
        (b"GET", b"/\xc3\xa9", b"1.1", "percent-encoded"),
        (b"GET", b"/a#b", b"1.1", "percent-encoded"),
        (b"GET", b"a", b"1.1", "neither a path"),
        (b"GET", b"*", b"1.1", "for OPTIONS only"),
        (b"CONNECT", b"/", b"1.1", "host:port"),
        (b"GET", b"/", b"1.2", "HTTP version"),
        (b"GET", b"/", b"1.1\r\n", "HTTP version"),
        (b"GET", b"/", b"2", "HTTP version"),
    ],
)
def test_a_request_line_that_is_not_one_is_refused(method, target, version, match):
    refuses(ClientConnection(), Request(method, target, [HOST], version), match)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ([], "without Host"),
        ([HOST, HOST], "more than one Host"),
        ([(b"Host", b"a/b")], r"not host\[:port\]"),
        ([HOST, EMPTY, EMPTY], "more than one Content-Length"),
        ([HOST, (b"Content-Length", b"+1")], "1 to 18 digits"),
        ([HOST, EMPTY, CHUNKED], "both Content-Length and Transfer-Encoding"),
        ([HOST, (b"Transfer-Encoding", b"gzip, chunked")], "not understood"),
        ([HOST, CHUNKED, CHUNKED], "exactly one final chunked"),
    ],
)
def test_a_request_that_we_would_not_read_is_not_sent(fields, match):
    refuses(ClientConnection(), Request(b"POST", b"/", fields), match)
    refuses(ClientConnection(), Request(b"POST", b"/", FieldLines(fields)), match)


def test_a_chunked_request_of_http_1_0_is_not_sent():
    refuses(ClientConnection(), Request(b"POST", b"/", [HOST, CHUNKED], b"1.0"), r"HTTP/1\.0 message")


@pytest.mark.parametrize("field", [CHUNKED, (b"Content-Length", b"1")])
def test_a_body_for_connect_is_not_sent(field):
    refuses(ClientConnection(), Request(b"CONNECT", b"a:1", [HOST, field]), "CONNECT request cannot have a body")


@pytest.mark.parametrize(
    ("event", "match"),
    [
        (Response(99), "not a number from 100"),
        (Response(1000), "not a number from 100"),
        (Response(100), "Response cannot have the status 100"),
        (InformationalResponse(200), "InformationalResponse cannot have the status 200"),
        (Response(200, (), b"a\r\nb: c"), "reason .* holds a control byte"),
        (Response(204, [EMPTY]), "status 204 to GET cannot have Content-Length"),
        (Response(204, [CHUNKED]), "status 204 to GET cannot have Content-Length"),
        (InformationalResponse(103, [EMPTY]), "status 103 to GET cannot have Content-Length"),
        (Response(200, [EMPTY, CHUNKED]), "both Content-Length and Transfer-Encoding"),
        (Response(304, [EMPTY, CHUNKED]), "both Content-Length and Transfer-Encoding"),
        (Response(200, [EMPTY, EMPTY]), "more than one Content-Length"),
        (Response(200, [(b"Content-Length", b"-1")]), "1 to 18 digits"),
        (Response(200, [(b"Transfer-Encoding", b"gzip, chunked")]), "not understood"),
    ],
    ids=str,
)
def test_a_response_that_no_client_should_read_is_not_sent(event, match):
    refuses(asked(), event, match)


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 304)])
def test_a_message_without_a_body_takes_none(method, status):
    server = asked(method)
    server.send(Response(status, [(b"Content-Length", b"5")]))
    with pytest.raises(LocalProtocolError, match="5 bytes more than the message can have"):
        server.send(Data(b"hello"))
    assert server.send(Data(b"")) == b""
    assert server.send(EndOfMessage()) == b""


def test_a_body_is_as_long_as_was_said():
    client = ClientConnection()
    client.send(Request(b"PUT", b"/", [HOST, (b"Content-Length", b"3")]))
    with pytest.raises(LocalProtocolError, match="1 bytes more"):
        client.send(Data(b"abcd"))
    assert client.send(Data(b"ab")) == b"ab"
    with pytest.raises(LocalProtocolError, match="1 bytes fewer"):
        client.send(EndOfMessage())
    with pytest.raises(LocalProtocolError, match="1 bytes more"):
        client.send(Data(b"cd"))
    assert client.send(Data(b"c")) == b"c"
    with pytest.raises(LocalProtocolError, match="trailers need the chunked coding"):
        client.send(EndOfMessage([(b"a", b"b")]))
    assert client.send(EndOfMessage()) == b""


@pytest.mark.parametrize("name", [b"Content-Length", b"transfer-encoding", b"HOST", b"Trailer", b"Set-Cookie", b"TE"])
def test_what_frames_or_routes_a_message_cannot_be_a_trailer(name):
    server = asked()
    server.send(Response(200))
    with pytest.raises(LocalProtocolError, match="cannot be a trailer"):
        server.send(EndOfMessage([(b"a", b"b"), (name, b"c")]))
    assert server.send(EndOfMessage([(b"a", b"b")])) == b"0\r\na: b\r\n\r\n"


def test_fields_go_out_in_order_and_case():
    fields = [(b"b", b"1"), (b"HOST", b"a"), (b"A", b""), (b"B", b"2"), (b"a", b"\xff")]
    wire = ClientConnection().send(Request(b"GET", b"/", fields))
    assert wire == b"GET / HTTP/1.1\r\nb: 1\r\nHOST: a\r\nA: \r\nB: 2\r\na: \xff\r\n\r\n"


def test_fields_may_come_from_any_iterable_once():
    assert ClientConnection().send(Request(b"GET", b"/", iter([HOST]))) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    server = asked(version=b"1.0")
    wire = server.send(Response(200, iter([CHUNKED, (b"a", b"b")])))
    assert wire == b"HTTP/1.1 200 \r\na: b\r\nConnection: close\r\n\r\n"
    assert server.send(EndOfMessage(iter(()))) == b""


def test_a_whole_message_that_is_refused_changes_nothing():
    client = ClientConnection()
    for body, field in ((b"ab", EMPTY), (b"", (b"Content-Length", b"1")), (b"a", HOST)):
        with pytest.raises(LocalProtocolError):
            client.send_whole(Request(b"PUT", b"/", [HOST, field, (b"Connection", b"close")]), body)
        assert set(client.states.values()) == {IDLE}
        assert client.keep_alive
    assert b"".join(client.send_whole(Request(b"GET", b"/", [HOST]))) == b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    server = asked()
    with pytest.raises(LocalProtocolError):
        server.send_whole(Response(200, [EMPTY, (b"Connection", b"close")]), b"ab")
    assert server.our_state is SEND_RESPONSE
    assert server.keep_alive


def test_fields_made_for_many_responses_are_checked_in_each():
    lines = FieldLines([(b"Content-Length", b"2")])
    for _ in range(3):
        assert b"".join(asked().send_whole(Response(200, lines, b"OK"), b"ab")).endswith(b"\r\n\r\nab")
        with pytest.raises(LocalProtocolError):
            asked().send_whole(Response(200, lines, b"OK"), b"abc")
        with pytest.raises(LocalProtocolError):
            asked().send_whole(Response(204, lines, b"OK"), b"ab")
        with pytest.raises(LocalProtocolError):
            asked().send_whole(Response(99, lines, b"OK"), b"ab")
        with pytest.raises(LocalProtocolError):
            asked().send_whole(Response(200, lines, b"O\nK"), b"ab")
        with pytest.raises(LocalProtocolError):
            asked(b"HEAD").send_whole(Response(200, lines, b"OK"), b"ab")
        assert b"close" in b"".join(asked(version=b"1.0").send_whole(Response(200, lines, b"OK"), b"ab"))
        assert b"".join(asked().send_whole(Response(404, lines, b"No"), b"ab")).startswith(b"HTTP/1.1 404 No\r\n")


# Whatever bytes are given: one field comes out, or none

parts = st.sampled_from([b"\r\n", b"Content-Length", *(bytes([byte]) for byte in b"\r\n\0: \ta1,\x85\xff")])
anything = st.lists(parts, max_size=5).map(b"".join) | st.binary(max_size=8)


@settings(max_examples=400, deadline=None)
@given(anything, anything)
def test_a_response_field_comes_out_as_one_field_or_not_at_all(name, value):
    try:
        wire = asked().send(Response(404, [(b"First", b"1"), (name, value), (b"Content-length2", b"0")]))
    except LocalProtocolError:
        return
    ours = ClientConnection()
    ours.send_whole(Request(b"GET", b"/", [HOST]))
    ours.receive_data(wire)
    fields = list(ours.next_event().headers)
    added = [pair for pair in fields[3:] if pair in (CHUNKED, (b"Connection", b"close"))]
    assert fields == [(b"First", b"1"), (name, value.strip(b" \t")), (b"Content-length2", b"0"), *added]
    theirs = h11.Connection(h11.CLIENT)
    theirs.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    theirs.receive_data(wire)
    assert len(theirs.next_event().headers) == len(fields)


@settings(max_examples=300, deadline=None)
@given(anything, anything)
def test_a_trailer_comes_out_as_one_field_or_not_at_all(name, value):
    server = asked()
    head = server.send(Response(200))
    try:
        wire = head + server.send(EndOfMessage([(name, value), (b"Last", b"1")]))
    except LocalProtocolError:
        return
    client = ClientConnection()
    client.send_whole(Request(b"GET", b"/", [HOST]))
    client.receive_data(wire)
    assert read(client).events[1] == EndOfMessage([(name, value.strip(b" \t")), (b"Last", b"1")])
    sent = (Request(b"GET", b"/", [HOST]), EndOfMessage())
    assert h11_oracle.read(False, sent, wire)[-1] == ("end", [(name.lower(), value.strip(b" \t")), (b"last", b"1")])


tokens = st.text("!#$%&'*+-.^_`|~0aZ", min_size=1, max_size=8).map(str.encode)
values = st.text('\t !~a:,"', max_size=8).map(str.encode).map(bytes.strip)
plain_fields = st.lists(st.tuples(tokens, values), max_size=4)
pieces = st.lists(st.binary(max_size=20), max_size=4)


@settings(max_examples=200, deadline=None)
@given(tokens.filter(lambda method: method != b"CONNECT"), plain_fields, pieces, plain_fields, st.booleans())
def test_what_our_client_sends_another_server_reads(method, fields, body, trailers, chunked):
    length = (b"Content-Length", b"%d" % sum(map(len, body)))
    events = [
        Request(method, b"/a?b", [*fields, HOST, CHUNKED if chunked else length]),
        *map(Data, body),
        EndOfMessage(trailers if chunked else ()),
    ]
    wire = write(ClientConnection(), events)
    assert h11_oracle.read(True, (), wire) == h11_oracle.plain(joined(events))


@settings(max_examples=200, deadline=None)
@given(st.integers(200, 599), values, plain_fields, pieces, st.booleans())
def test_what_our_server_sends_another_client_reads(status, reason, fields, body, chunked):
    bodiless = status in (204, 304)
    body = [] if bodiless else body
    framing = [] if bodiless else [CHUNKED if chunked else (b"Content-Length", b"%d" % sum(map(len, body)))]
    events = [Response(status, [*fields, *framing], reason), *map(Data, body), EndOfMessage()]
    wire = write(asked(), events)
    sent = (Request(b"GET", b"/", [HOST]), EndOfMessage())
    assert h11_oracle.read(False, sent, wire) == h11_oracle.plain(joined(events))


def test_both_ends_are_named_by_their_roles():
    assert (ClientConnection.our_role, ClientConnection.their_role) == (CLIENT, SERVER)
    assert (ServerConnection.our_role, ServerConnection.their_role) == (SERVER, CLIENT)
