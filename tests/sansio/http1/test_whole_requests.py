"""`next_whole_request` is a short way to what `next_event` says, or says nothing and changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio.http1 import (
    DONE,
    NEED_DATA,
    PAUSED,
    SEND_RESPONSE,
    ConnectionClosed,
    Data,
    EndOfMessage,
    FieldLines,
    Limits,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

HOST = b"Host: a\r\n"
GET = b"GET /one HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /two HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
MESSAGES = (
    GET,
    GET.replace(b"/one", b"/another?x=1"),
    GET.replace(b"/one", b"/" + 60 * b"x"),
    GET.replace(b"/one", b"http://b/one"),
    GET.replace(b"/one", b"*"),
    GET.replace(b"/one", b"/\x01"),
    GET.replace(b"GET", b"HEAD"),
    GET.replace(b"GET", b"OPTIONS"),
    GET.replace(b"1.1", b"1.0"),
    GET.replace(b"1.1", b"1.0").replace(HOST, HOST + b"Connection: keep-alive\r\n"),
    GET.replace(b"1.1", b"1.2"),
    GET.replace(HOST, HOST + b"Connection: keep-alive\r\n"),
    GET.replace(HOST, HOST + b"Connection: close\r\n"),
    GET.replace(HOST, HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
    GET.replace(HOST, HOST + b"Host: b\r\n"),
    GET.replace(HOST, b""),
    b"\r\n" + GET,
    b"\r\n\r\n" + GET,
    POST,
    POST.replace(b"abc", b"xyz"),
    POST.replace(b"3", b"5") + b"de",
    POST.replace(HOST, HOST + b"Expect: 100-continue\r\n"),
    POST.replace(b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",
)
ANSWER = Response(404, FieldLines([(b"Content-Length", b"2")]))


def read(connection, short):
    """Return what the client has said by now, each message once its response is sent."""
    told = []
    while True:
        whole = connection.next_whole_request() if short else None
        if whole is not None:
            told.append(("short", *whole, connection.states))
            request = whole[0]
        else:
            request = connection.next_event()
            if not isinstance(request, Request):
                return [*told, request]
            body = b""
            while isinstance(event := connection.next_event(), Data):
                body += event.data
            if not isinstance(event, EndOfMessage):
                return [*told, ("long", request, body, connection.states), event]
            told.append(("long", request, body, connection.states))
        body = b"" if request.method == b"HEAD" else b"no"
        told.append(b"".join(connection.send_whole(ANSWER, body)))
        if not connection.next_cycle_if_done():
            return [*told, PAUSED]


def say(pieces, limits, short):
    """Return all that a server learns, and how it ends."""
    connection = ServerConnection(limits)
    told = []
    try:
        for piece in pieces:
            connection.receive_data(piece)
            told += read(connection, short)
            if not isinstance(told[-1], type(NEED_DATA)):
                break
    except RemoteProtocolError as error:
        told.append((str(error), error.status, error.offset))
    return told, (connection.states, connection.keep_alive, connection.trailing_data, connection.request_method)


def ways_alike(told):
    return [entry[1:] if isinstance(entry, tuple) and entry[0] in ("short", "long") else entry for entry in told]


def check(pieces, limits=None):
    told, end = say(pieces, limits, short=True)
    expected, expected_end = say(pieces, limits, short=False)
    assert ways_alike(told) == ways_alike(expected)
    assert end == expected_end


@pytest.mark.parametrize("limits", [None, Limits(start_line=64, head=120)], ids=["usual", "narrow"])
@pytest.mark.parametrize("first", MESSAGES, ids=repr)
def test_each_kind_after_each_other_is_read_alike(first, limits):
    for second in MESSAGES:
        check([first, second, first, b""], limits)
        check([first + second + first + second, b""], limits)


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_what_repeats_in_pieces_is_read_alike(message):
    for cut in range(1, len(message)):
        check([message, message[:cut], message[cut:], message, b""])
        check([message, message[:cut], b""])


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(MESSAGES) | st.sampled_from([GET, POST]), max_size=6),
    st.booleans(),
    st.data(),
)
def test_the_short_way_says_what_the_long_way_says(messages, narrow, data):
    wire = b"".join(messages)
    if data.draw(st.booleans()):
        pieces = messages
    else:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=4)))
        pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    pieces = [piece for piece in pieces if piece] + [b""]
    check(pieces, Limits(start_line=64, head=120) if narrow else None)


def test_what_repeats_the_fields_of_the_last_is_read_the_short_way():
    told, _ = say([GET, GET.replace(b"/one", b"/x"), POST, POST.replace(b"abc", b"xyz"), POST], None, short=True)
    assert [(entry[0], entry[1].target, entry[2]) for entry in told if isinstance(entry, tuple)] == [
        ("long", b"/one", b""),
        ("short", b"/x", b""),
        ("long", b"/two", b"abc"),
        ("short", b"/two", b"xyz"),
        ("short", b"/two", b"abc"),
    ]


def test_the_first_request_and_what_is_no_request_are_left_to_next_event():
    connection = ServerConnection()
    assert connection.next_whole_request() is None
    connection.receive_data(GET)
    assert connection.next_whole_request() is None
    assert connection.next_event() == Request(b"GET", b"/one", [(b"Host", b"a")])
    assert connection.next_whole_request() is None
    assert connection.next_event() == EndOfMessage()
    assert set(connection.states.values()) == {DONE, SEND_RESPONSE}
    connection.send_whole(ANSWER, b"no")
    connection.start_next_cycle()
    assert connection.next_whole_request() is None
    connection.receive_data(b"")
    assert connection.next_whole_request() is None
    assert connection.next_event() == ConnectionClosed()


def test_behind_a_complaint_nothing_is_read_the_short_way():
    connection = ServerConnection()
    connection.receive_data(GET)
    read(connection, short=True)
    connection.send_whole(ANSWER, b"no")
    connection.receive_data(GET)
    assert connection.next_whole_request() is None
