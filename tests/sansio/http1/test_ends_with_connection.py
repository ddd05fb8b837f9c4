"""Which messages have no other end than the connection's."""

import pytest

from drywire_sansio.http1 import ClientConnection, ConnectionClosed, Data, EndOfMessage, Request, Response

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("head", "body", "ends"),
    [
        (b"\r\n", b"some", True),
        (b"Connection: keep-alive\r\n\r\n", b"some", True),
        (b"Content-Length: 8\r\n\r\n", b"some", False),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\nsome\r\n", False),
    ],
)
def test_a_body_without_length_and_chunks_ends_with_the_connection(head, body, ends):
    connection = ClientConnection()
    connection.send(Request(b"GET", b"/", [(b"Host", b"example.com")]))
    connection.send(EndOfMessage())
    assert not connection.ends_with_connection
    connection.receive_data(OK + head)
    assert isinstance(connection.next_event(), Response)
    assert connection.ends_with_connection is ends
    connection.receive_data(body)
    assert isinstance(connection.next_event(), Data)
    assert connection.ends_with_connection is ends


def test_once_the_end_has_come_nothing_is_waited_for():
    connection = ClientConnection()
    connection.send(Request(b"GET", b"/", [(b"Host", b"example.com")]))
    connection.send(EndOfMessage())
    connection.receive_data(OK + b"\r\n")
    connection.next_event()
    connection.receive_data(b"")
    assert connection.ends_with_connection
    assert isinstance(connection.next_event(), EndOfMessage)
    assert not connection.ends_with_connection
    assert isinstance(connection.next_event(), ConnectionClosed)
