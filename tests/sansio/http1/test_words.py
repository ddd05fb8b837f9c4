"""What errors say, word for word, and which bytes they quote."""

import re

import pytest

from drywire_sansio.http1 import (
    ClientConnection,
    Data,
    EndOfMessage,
    InformationalResponse,
    LocalProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

HOST = (b"Host", b"a")
CHUNKED = (b"Transfer-Encoding", b"chunked")


def server(method=b"GET", fields=b"", version=b"1.1"):
    connection = ServerConnection()
    connection.receive_data(b"%b / HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, version, fields))
    connection.next_event()
    return connection


def chunking():
    connection = server()
    connection.next_event()
    connection.send(Response(200, [(b"Content-Length", b"2")]))
    return connection


SAID = [
    (ServerConnection, Response(200), "200 answers no request; only a complaint, 4xx or 5xx, may (RFC 9112, 9.2)"),
    (ServerConnection, Request(b"GET", b"/", [HOST]), "a server cannot send a Request"),
    (ClientConnection, Response(200), "a client cannot send a response"),
    (ClientConnection, Data(b"a"), "CLIENT cannot send Data while IDLE (peer IDLE)"),
    (server, InformationalResponse(200), "InformationalResponse cannot have the status 200 (RFC 9110, 15.2)"),
    (server, Response(103), "Response cannot have the status 103 (RFC 9110, 15.2)"),
    (
        lambda: server(version=b"1.0"),
        InformationalResponse(103),
        "an HTTP/1.0 client must not be sent a 1xx response (RFC 9110, 15.2)",
    ),
    (
        server,
        InformationalResponse(101, [(b"Upgrade", b"b")]),
        "101 needs a request to upgrade, and an Upgrade field it offered (RFC 9110, 7.8)",
    ),
    (
        lambda: server(fields=b"Connection: upgrade\r\nUpgrade: b\r\nContent-Length: 1\r\nExpect: 100-continue\r\n"),
        InformationalResponse(101, [(b"Upgrade", b"b")]),
        "100 Continue must be sent before 101 to a client that waits (RFC 9110, 7.8)",
    ),
    (
        server,
        Response(204, [CHUNKED]),
        "a response with status 204 to GET cannot have Content-Length or Transfer-Encoding "
        "(RFC 9110, 8.6; RFC 9112, 6.1)",
    ),
    (
        server,
        Response(200, [(b"Content-Length", b"x")]),
        "Content-Length is not a number of 1 to 18 digits (RFC 9110, 8.6)",
    ),
    (server, Response(99), "status 99 is not a number from 100 to 999 (RFC 9110, 15)"),
    (server, Response(200, [], b"\0"), "reason b'\\x00' holds a control byte (RFC 9112, 4)"),
    (
        chunking,
        Data(b"abc"),
        "1 bytes more than the message can have: it was announced with a shorter Content-Length or may have no body "
        "(RFC 9110, 8.6)",
    ),
    (chunking, EndOfMessage(), "2 bytes fewer than Content-Length announced (RFC 9110, 8.6)"),
    (ClientConnection, Request(b"G T", b"/", [HOST]), "method b'G T' is not a token (RFC 9110, 9.1)"),
    (
        ClientConnection,
        Request(b"GET", b"/ /", [HOST]),
        "request target b'/ /' has a byte that must be percent-encoded",
    ),
    (ClientConnection, Request(b"GET", b"/", [HOST], b"2"), "HTTP version b'2' is not b'1.1' or b'1.0'"),
    (ClientConnection, Request(b"GET", b"/"), "HTTP/1.1 request without Host (RFC 9112, 3.2)"),
    (ClientConnection, Request(b"GET", b"/", [HOST, HOST]), "more than one Host field (RFC 9112, 3.2)"),
    (
        ClientConnection,
        Request(b"GET", b"/", [HOST, (b"Range", b"a"), (b"range", b"b")]),
        "more than one Range field (RFC 9110, 5.3)",
    ),
    (
        ClientConnection,
        Request(b"POST", b"/", [HOST, (b"Content-Length", b"1"), CHUNKED]),
        "both Content-Length and Transfer-Encoding (RFC 9112, 6.1)",
    ),
]


@pytest.mark.parametrize(("make", "event", "words"), SAID)
def test_a_refusal_to_send_says_why(make, event, words):
    with pytest.raises(LocalProtocolError, match=f"^{re.escape(words)}$"):
        make().send(event)


def test_trailers_without_chunks_and_forbidden_ones_are_refused_in_words():
    connection = server()
    connection.next_event()
    connection.send(Response(200, [(b"Content-Length", b"0")]))
    with pytest.raises(LocalProtocolError, match=r"^trailers need the chunked coding \(RFC 9112, 7\.1\.2\)$"):
        connection.send(EndOfMessage([(b"X", b"y")]))
    connection = server()
    connection.next_event()
    connection.send(Response(200, [CHUNKED]))
    with pytest.raises(LocalProtocolError, match=r"^Host cannot be a trailer \(RFC 9110, 6\.5\.1\)$"):
        connection.send(EndOfMessage([(b"Host", b"y")]))


def test_a_cycle_that_is_not_over_and_an_unasked_byte_are_told():
    with pytest.raises(LocalProtocolError, match=r"^the connection cannot be used again: client IDLE, server IDLE$"):
        ServerConnection().start_next_cycle()
    client = ClientConnection()
    client.receive_data(b"x")
    with pytest.raises(
        LocalProtocolError, match=r"^no request can be sent: bytes have arrived that answer none \(RFC 9112, 9\.2\)$"
    ):
        client.send(Request(b"GET", b"/", [HOST]))
    client.receive_data(b"")
    with pytest.raises(ValueError, match=r"^received bytes after the end of the connection$"):
        client.receive_data(b"x")


POST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"y" * 100


@pytest.mark.parametrize(
    ("wire", "quoted"),
    [
        (POST + b"g" + LONG + b"\r\n", (b"g" + LONG)[:60]),
        (POST + b"g\r\n" + LONG, b"g\r"),
        (POST + b"1\r\nab" + LONG, (b"b" + LONG)[:20]),
        (b"GET / HTTP/1.1\r\nX: " + LONG + b"\0" + LONG, b"y" * 20 + b"\0" + b"y" * 19),
        (b"G\0" + LONG, b"G\0" + b"y" * 19),
        (b"GET / HTTP/1.1\r\nX " + LONG + b": y\r\n", (b"X " + LONG)[:60]),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", b"a/b"),
        (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", b"a"),
        (b"GET / HTTP/1.9\r\nHost: a\r\n\r\n", b"HTTP/1.9"),
    ],
)
def test_the_bytes_to_blame_are_quoted_and_no_more_than_sixty(wire, quoted):
    connection = ServerConnection()
    connection.receive_data(wire)
    if wire.startswith(POST):
        connection.next_event()
        if wire.startswith(POST + b"1"):
            connection.next_event()
    with pytest.raises(RemoteProtocolError, match=re.escape(repr(quoted))) as raised:
        connection.next_event()
    assert raised.value.excerpt == quoted


def test_an_interim_response_to_no_request_is_out_of_order():
    client = ClientConnection()
    client.receive_data(b"HTTP/1.1 100 \r\n\r\n")
    with pytest.raises(RemoteProtocolError, match=r"^SERVER sent InformationalResponse while IDLE, at byte 17 "):
        client.next_event()
