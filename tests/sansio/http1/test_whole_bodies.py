"""`read_whole_body` is a short way to what `next_event` says, or says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.http1 import (
    DONE,
    NEED_DATA,
    ClientConnection,
    Data,
    EndOfMessage,
    RemoteProtocolError,
    Request,
    ServerConnection,
)

RESPONSES = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello",
}


def client():
    connection = ClientConnection()
    connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    return connection


def by_events(connection):
    """Return the body as `next_event` gives it, None where it is not whole."""
    body = b""
    while (event := connection.next_event()) is not NEED_DATA:
        if isinstance(event, EndOfMessage):
            return body
        assert isinstance(event, Data)
        body += event.data
    return None


@pytest.mark.parametrize("kind", RESPONSES)
@given(st.data())
def test_the_short_way_says_what_the_long_way_says(kind, data):
    wire = RESPONSES[kind]
    cut = data.draw(st.integers(wire.index(b"\r\n\r\n") + 4, len(wire)))
    short, long = client(), client()
    for connection in (short, long):
        connection.receive_data(wire[:cut])
        assert connection.next_event().status in (200, 204)
    whole = short.read_whole_body()
    expected = by_events(long)
    if kind in ("chunked", "until close"):
        assert whole is None
        return
    assert whole == expected
    if whole is None:
        short.receive_data(wire[cut:])
        assert short.read_whole_body() == b"hello"
    assert short.their_state is DONE
    assert not short.has_unread
    short.start_next_cycle()


def test_part_of_a_body_may_have_been_read_before():
    connection = client()
    connection.receive_data(RESPONSES["length"][:-3])
    connection.next_event()
    assert connection.read_whole_body() is None
    assert connection.next_event() == Data(b"he")
    connection.receive_data(b"llo")
    assert connection.read_whole_body() == b"llo"


def test_what_follows_the_body_is_left_and_told_of():
    connection = client()
    connection.receive_data(RESPONSES["length"] + b"unasked")
    connection.next_event()
    assert connection.read_whole_body() == b"hello"
    assert connection.has_unread
    assert connection.trailing_data == (b"unasked", False)


def test_a_server_reads_a_request_by_it_too():
    connection = ServerConnection()
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    connection.next_event()
    assert connection.read_whole_body() == b"hi"
    assert connection.their_state is DONE


def test_a_client_that_waits_for_a_word_is_not_read_this_way():
    connection = ServerConnection()
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
    connection.next_event()
    assert connection.read_whole_body() is None
    assert connection.next_event() == Data(b"hi")


def test_after_an_error_there_is_no_short_way():
    connection = client()
    connection.receive_data(b"HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n")
    with pytest.raises(RemoteProtocolError):
        connection.next_event()
    assert connection.read_whole_body() is None
    assert ClientConnection().read_whole_body() is None
