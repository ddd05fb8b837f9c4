"""What must hold for every message, every split and every input."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio import http1

from .drive import client_after, client_verdict, pieces, server_verdict, single_bytes

TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FRAMING = (b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade")

tokens = st.lists(st.sampled_from(TCHAR), min_size=1, max_size=12).map(bytes)
value_bytes = st.sampled_from(bytes(range(0x20, 0x7F)) + b"\t" + bytes(range(0x80, 0x100)))
values = st.lists(value_bytes, max_size=20).map(bytes).map(lambda value: value.strip(b" \t"))
fields = st.lists(st.tuples(tokens.filter(lambda name: name.lower() not in FRAMING), values), max_size=6)
targets = st.lists(st.sampled_from(bytes(range(0x21, 0x7F)).replace(b"#", b"")), max_size=15).map(
    lambda rest: b"/" + bytes(rest)
)
methods = st.one_of(st.sampled_from([b"GET", b"POST", b"PUT", b"M-SEARCH"]), tokens.filter(lambda m: m != b"CONNECT"))
bodies = st.lists(st.binary(max_size=30), max_size=5)
cuts = st.lists(st.integers(0, 2000), max_size=12)
small_limits = st.builds(
    http1.Limits,
    start_line=st.integers(5, 60),
    field_line=st.integers(4, 60),
    field_count=st.integers(0, 5),
    head=st.integers(10, 150),
    chunk_extensions=st.integers(0, 20),
    trailer_count=st.integers(0, 3),
    trailers=st.integers(2, 60),
)

SEEDS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\r\nGET http://a/b HTTP/1.1\r\nHost: a:80 \r\nA:\tb\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nrest",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\nExpect: 100-continue\r\n\r\nGET",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHost: b\r\n\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nuntil the end",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
]
SALT = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b";",
    b"chunked",
    b"Content-Length: 1\r\n",
    b"Host: b\r\n",
    b"0",
]


@st.composite
def near_valid(draw, seeds):
    """A valid message with a few bytes put in, taken out or doubled."""
    data = b"".join(draw(st.lists(st.sampled_from(seeds), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 3))
        data = data[:place] + draw(st.one_of(st.sampled_from(SALT), st.binary(max_size=3))) + data[place + cut :]
    return data


def framed(kind, body):
    if kind == "length":
        return [(b"Content-Length", b"%d" % sum(map(len, body)))]
    return [(b"Transfer-Encoding", b"chunked")] if kind == "chunked" else []


def sent(connection, head, body, trailers=()):
    events = [head, *(http1.Data(piece) for piece in body), http1.EndOfMessage(trailers)]
    return b"".join(connection.send(event) for event in events)


@given(methods, targets, fields, bodies, st.sampled_from(["length", "chunked"]), fields, cuts)
def test_a_request_that_we_send_is_read_back_equal_however_it_is_split(
    method, target, extra, body, kind, trailers, where
):
    trailers = [pair for pair in trailers if kind == "chunked" and pair[0].lower() not in b"authorization,te,range"]
    head = http1.Request(method, target, [*extra, (b"hOST", b"a"), *framed(kind, body)])
    try:
        wire = sent(http1.ClientConnection(), head, body, trailers)
    except http1.LocalProtocolError:
        return  # a name that cannot be a trailer
    data = b"".join(body)
    expected = [("event", head), *([("data", data)] if data else []), ("event", http1.EndOfMessage(trailers))]
    for arrivals in ([wire], single_bytes(wire), pieces(wire, where)):
        said = server_verdict(arrivals, eof=False)
        assert [(kind_, list_trailers(event)) for kind_, event in said] == expected


def list_trailers(event):
    return http1.EndOfMessage(list(event.trailers)) if isinstance(event, http1.EndOfMessage) else event


@given(
    st.integers(200, 599).filter(lambda status: status not in (204, 304)),
    values,
    fields,
    bodies,
    st.sampled_from(["length", "chunked", "until-close"]),
    cuts,
)
def test_a_response_that_we_send_is_read_back_equal_however_it_is_split(status, reason, extra, body, kind, where):
    server = http1.ServerConnection()
    server.receive_data(b"GET / HTTP/1.0\r\n\r\n" if kind == "until-close" else b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    server.next_event()
    server.next_event()
    head = http1.Response(status, [*extra, *framed(kind, body)], reason)
    wire = sent(server, head, body)
    data = b"".join(body)
    for arrivals in ([wire], single_bytes(wire), pieces(wire, where)):
        said = client_verdict(arrivals)
        got = said[0][1]
        assert (got.status, got.reason, list(got.headers)[: len(head.headers)]) == (status, reason, head.headers)
        assert [item[1] for item in said if item[0] == "data"] == ([data] if data else [])
        assert ("event", http1.EndOfMessage()) in said


@settings(max_examples=400)
@given(near_valid(SEEDS), cuts, st.none() | small_limits)
def test_a_server_gives_the_same_verdict_on_the_same_bytes_however_they_are_split(data, where, limits):
    whole = server_verdict([data], limits)
    assert server_verdict(single_bytes(data), limits) == whole
    assert server_verdict(pieces(data, where), limits) == whole


@settings(max_examples=300)
@given(near_valid(RESPONSES), st.sampled_from([b"GET", b"HEAD", b"CONNECT"]), cuts, st.none() | small_limits)
def test_a_client_gives_the_same_verdict_on_the_same_bytes_however_they_are_split(data, method, where, limits):
    whole = client_verdict([data], method, limits)
    assert client_verdict(single_bytes(data), method, limits) == whole
    assert client_verdict(pieces(data, where), method, limits) == whole


@given(st.binary(max_size=200) | near_valid(SEEDS + RESPONSES), st.booleans())
def test_any_bytes_give_events_or_one_protocol_error_that_stays(data, as_server):
    connection = http1.ServerConnection() if as_server else client_after()
    connection.receive_data(data)
    error = first_error(connection, len(data) + 5)
    if error is None:
        return
    with pytest.raises(http1.RemoteProtocolError) as second:
        connection.next_event()
    assert second.value is error
    assert connection.their_state is http1.ERROR
    assert error.status in ((400, 413, 414, 431, 501, 505) if as_server else (502,))
    assert error.rule
    assert error.section
    assert len(error.excerpt) <= 60


def first_error(connection, patience):
    """Read events until there are no more; return the error that ended them."""
    for _ in range(patience):
        try:
            event = connection.next_event()
        except http1.RemoteProtocolError as error:
            return error
        if event in (http1.NEED_DATA, http1.PAUSED, http1.ConnectionClosed()):
            return None
    raise AssertionError("more events than bytes")


@given(
    near_valid([b"X-Name", b"Cookie", b"a:b", b""]),
    near_valid([b"value", b"a\r\nEvil: 1", b"\xff\x85\xa0", b"", b" x "]),
)
def test_a_header_goes_out_as_one_field_or_not_at_all(name, value):
    connection = http1.ClientConnection()
    try:
        wire = connection.send(http1.Request(b"GET", b"/", [(b"Host", b"a"), (name, value), (b"Last", b"1")]))
    except http1.LocalProtocolError:
        assert connection.states == {http1.CLIENT: http1.IDLE, http1.SERVER: http1.IDLE}
        assert connection.send(http1.Request(b"GET", b"/", [(b"Host", b"a")]))
        return
    ours = http1.ServerConnection()
    ours.receive_data(wire)
    assert list(ours.next_event().headers) == [(b"Host", b"a"), (name, value.strip(b" \t")), (b"Last", b"1")]
    theirs = h11.Connection(h11.SERVER)
    theirs.receive_data(wire)
    assert [(n, v) for n, v in theirs.next_event().headers] == [
        (b"host", b"a"),
        (name.lower(), value.strip(b" \t")),
        (b"last", b"1"),
    ]


@given(near_valid([b"GET", b"POST"]), near_valid([b"/a?b", b"http://a/"]), near_valid([b"OK", b"Not\xff Found"]))
def test_a_method_target_and_reason_go_out_as_they_are_or_not_at_all(method, target, reason):
    client = http1.ClientConnection()
    try:
        wire = client.send(http1.Request(method, target, [(b"Host", b"a")]))
    except http1.LocalProtocolError:
        pass
    else:
        assert wire == method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        assert wire.count(b"\n") == 3
        assert wire.count(b" ") == 3
    try:
        wire = http1.ServerConnection().send(http1.Response(400, [(b"Content-Length", b"0")], reason))
    except http1.LocalProtocolError:
        pass
    else:
        assert wire.count(b"\n") == wire.count(b"\r\n") == 4


requests = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ]
)
responses = st.sampled_from(
    [
        (200, http1.FieldLines([(b"Content-Length", b"2"), (b"A", b"b")]), b"ok"),
        (404, http1.FieldLines([(b"Content-Length", b"2"), (b"A", b"b")]), b"no"),
        (200, [(b"Content-Length", b"2")], b"ok"),
        (200, http1.FieldLines([(b"Content-Length", b"2")]), b"too long"),
        (200, http1.FieldLines([(b"Content-Length", b"0")]), b""),
        (200, http1.FieldLines([(b"Content-Length", b"2"), (b"Connection", b"close")]), b"ok"),
        (200, http1.FieldLines([]), b"chunked"),
        (204, http1.FieldLines([]), b""),
        (204, http1.FieldLines([(b"Content-Length", b"2")]), b""),
        (304, http1.FieldLines([(b"Content-Length", b"2")]), b""),
        (200, http1.FieldLines([(b"Content-Length", b"x")]), b""),
    ]
)


@given(st.lists(st.tuples(requests, responses), min_size=1, max_size=5))
def test_a_whole_response_is_what_its_three_events_are(exchanges):
    one, three = http1.ServerConnection(), http1.ServerConnection()
    for request, (status, headers, body) in exchanges:
        for connection in (one, three):
            connection.receive_data(request)
            while connection.next_event() not in (http1.NEED_DATA, http1.PAUSED):
                pass
        head = http1.Response(status, headers, b"OK")
        before = one.states
        try:
            wire = b"".join(one.send_whole(head, body))
        except http1.LocalProtocolError:
            assert one.states == before
            with pytest.raises(http1.LocalProtocolError):
                sent(three, head, [body] if body else [])
            return
        assert wire == sent(three, head, [body] if body else [])
        assert (one.states, one.keep_alive) == (three.states, three.keep_alive)
        if one.our_state is not http1.DONE or one.their_state is not http1.DONE:
            return
        one.start_next_cycle()
        three.start_next_cycle()


sections = st.sampled_from(
    [
        b"Host: a\r\n",
        b"Host: a\r\nX: y\r\n",
        b"X: y\r\nHost: a\r\n",
        b"Host: b\r\n",
        b"X: y\r\n",
        b"Host: a\r\nHost: a\r\n",
    ]
)
lines = st.sampled_from(
    [
        b"GET / HTTP/1.1",
        b"GET /b HTTP/1.1",
        b"GET / HTTP/1.0",
        b"OPTIONS * HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET /  HTTP/1.1",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(lines, sections), min_size=1, max_size=5), cuts)
def test_a_connection_that_has_seen_a_section_before_reads_as_one_that_has_not(heads, where):
    wires = [line + b"\r\n" + section + b"\r\n" for line, section in heads]
    kept = http1.ServerConnection()
    for wire in wires:
        fresh = http1.ServerConnection()
        outcomes = []
        for connection in (kept, fresh):
            offset = 0 if connection is fresh else kept._buffer.offset
            for piece in pieces(wire, where):
                connection.receive_data(piece)
                try:
                    event = connection.next_event()
                except http1.RemoteProtocolError as error:
                    event = (error.rule, error.status, error.offset - offset)
                    break
                if event is not http1.NEED_DATA:
                    break
            outcomes.append(event)
        assert outcomes[0] == outcomes[1]
        if not isinstance(outcomes[0], http1.Request):
            return
        kept.next_event()
        kept.send_whole(http1.Response(200, [(b"Content-Length", b"0")]))
        if not kept.keep_alive:
            return
        kept.start_next_cycle()
