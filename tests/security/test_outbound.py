"""What goes out: no byte of a program's own data can become a header, a message or a length of another."""

import pytest

from drywire import web
from drywire_sansio.http1 import (
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

INJECTIONS = [b"a\r\nEvil: 1", b"a\nEvil: 1", b"a\rEvil: 1", b"a\0b", b"\r\n\r\nGET / HTTP/1.1", b"a\x7f", b"\x01"]
HOST = (b"Host", b"a")


def asked(method=b"GET", version=b"1.1"):
    """Return a server that has read a request."""
    connection = ServerConnection()
    connection.receive_data(b"%b / HTTP/%b\r\nHost: a\r\n\r\n" % (method, version))
    connection.next_event()
    connection.next_event()
    return connection


def refused(connection, event):
    before = connection.states
    with pytest.raises(LocalProtocolError):
        connection.send(event)
    assert connection.states == before


@pytest.mark.parametrize("bad", [*INJECTIONS, b"a b", b"", b"\xff"])
def test_49082_a_method_cannot_inject(bad):
    refused(ClientConnection(), Request(bad, b"/", [HOST]))


@pytest.mark.parametrize("bad", [*INJECTIONS, b"/ HTTP/1.1\r\nX: y", b"/a b", b"", b"/\xff", b"/a#b"])
def test_49081_a_target_cannot_inject(bad):
    refused(ClientConnection(), Request(b"GET", bad, [HOST]))
    refused(ClientConnection(), Request(b"GET", b"/" + bad, [HOST]) if bad else Request(b"GET", b"", [HOST]))


@pytest.mark.parametrize("bad", [*INJECTIONS, b"1.2", b"2", b"", b"1.1 "])
def test_49081_a_version_cannot_inject(bad):
    refused(ClientConnection(), Request(b"GET", b"/", [HOST], bad))


@pytest.mark.parametrize("bad", INJECTIONS)
def test_34519_a_reason_cannot_inject(bad):
    refused(asked(), Response(200, [], bad))
    refused(asked(), InformationalResponse(103, [], bad))


@pytest.mark.parametrize("bad", [*INJECTIONS, b"a b", b"a:", b"", b"\xe9"])
def test_34514_a_field_name_cannot_inject(bad):
    refused(ClientConnection(), Request(b"GET", b"/", [HOST, (bad, b"y")]))
    refused(asked(), Response(200, [(bad, b"y")]))
    with pytest.raises(LocalProtocolError):
        FieldLines([(bad, b"y")])


@pytest.mark.parametrize("bad", INJECTIONS)
def test_50269_a_field_value_cannot_inject(bad):
    refused(ClientConnection(), Request(b"GET", b"/", [HOST, (b"X", bad)]))
    refused(asked(), Response(200, [(b"X", bad)]))
    refused(asked(), Response(200, [(b"Location", bad)]))
    refused(asked(), Response(200, [(b"Set-Cookie", bad)]))


@pytest.mark.parametrize("bad", INJECTIONS)
@pytest.mark.parametrize("place", [0, 1])
def test_12689_a_trailer_cannot_inject(bad, place):
    connection = asked()
    connection.send(Response(200, [(b"Transfer-Encoding", b"chunked")]))
    pair = (bad, b"y") if place == 0 else (b"X", bad)
    refused(connection, EndOfMessage([pair]))
    assert connection.send(EndOfMessage([(b"X", b"y")])) == b"0\r\nX: y\r\n\r\n"


@pytest.mark.parametrize("name", [b"Content-Length", b"Transfer-Encoding", b"Host", b"Connection", b"Authorization"])
def test_12689_a_trailer_cannot_frame_or_route(name):
    connection = asked()
    connection.send(Response(200, [(b"Transfer-Encoding", b"chunked")]))
    refused(connection, EndOfMessage([(name, b"1")]))


BOTH = [(b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")]


def test_threat_2_5_no_length_beside_a_coding():
    refused(ClientConnection(), Request(b"POST", b"/", [HOST, *BOTH]))
    refused(asked(), Response(200, BOTH))
    refused(asked(b"HEAD"), Response(200, BOTH))


@pytest.mark.parametrize(
    "fields",
    [
        [(b"Content-Length", b"1"), (b"content-length", b"1")],
        [(b"Content-Length", b"+1")],
        [(b"Content-Length", b"1, 1")],
        [(b"Transfer-Encoding", b"gzip")],
        [(b"Transfer-Encoding", b"chunked, chunked")],
        [(b"Host", b"b")],
    ],
)
def test_threat_2_5_no_framing_that_is_not_plain(fields):
    refused(ClientConnection(), Request(b"POST", b"/", [HOST, *fields]))


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304), (b"HEAD", 404)], ids=str)
def test_threat_2_6_no_body_behind_a_head_that_has_none(method, status):
    connection = asked(method)
    connection.send(Response(status))
    refused(connection, Data(b"a"))
    assert connection.send(EndOfMessage()) == b""


@pytest.mark.parametrize("status", [100, 103, 204])
@pytest.mark.parametrize("field", BOTH)
def test_threat_2_6_no_framing_field_where_there_is_no_body(status, field):
    kind = Response if status == 204 else InformationalResponse
    refused(asked(), kind(status, [field]))


def test_threat_2_4_neither_more_nor_less_than_content_length():
    for connection, head in (
        (ClientConnection(), Request(b"POST", b"/", [HOST, (b"Content-Length", b"3")])),
        (asked(), Response(200, [(b"Content-Length", b"3")])),
    ):
        connection.send(head)
        assert connection.send(Data(b"ab")) == b"ab"
        refused(connection, Data(b"cd"))
        refused(connection, EndOfMessage())
        assert connection.send(Data(b"c")) == b"c"
        assert connection.send(EndOfMessage()) == b""


def test_threat_2_4_an_empty_piece_does_not_end_a_chunked_body():
    connection = asked()
    connection.send(Response(200, [(b"Transfer-Encoding", b"chunked")]))
    assert connection.send(Data(b"")) == b""
    assert connection.send(Data(memoryview(b""))) == b""


@pytest.mark.anyio
@pytest.mark.parametrize("what", ["reason", "name", "value", "location"])
async def test_uvicorn_7695_a_handler_that_would_inject_gets_one_500_and_nothing_of_it_goes_out(
    serving, answer_to, what, caplog
):
    bad = "a\r\nEvil: 1"

    async def handler(request):
        if what == "reason":
            return web.Response(reason=bad)
        if what == "location":
            raise web.HTTPFound(bad)
        return web.Response(headers={bad: "b"} if what == "name" else {"X": bad})

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"\r\nEvil" not in answer
    assert answer.count(b"HTTP/1.1") == 1
