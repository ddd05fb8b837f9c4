"""`WebSocketResponse` as a response: the handshake's answers, and what may be asked of it when."""

import pytest

import drywire
from drywire import WSMsgType, web

from ..websocketing import app_of, echo

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


async def test_the_response_of_the_rfc(serving, answer_to):
    async with serving(app_of(echo)) as url:
        answer = await answer_to(url, HANDSHAKE + b"\r\n\x88\x80\0\0\0\0")
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert frames == b"\x88\x00"


async def test_frames_behind_the_handshake_are_read(serving, answer_to):
    async with serving(app_of(echo)) as url:
        wire = b"\x81\x82\0\0\0\0hi" + b"\x88\x82\0\0\0\0\x03\xe8"
        answer = await answer_to(url, HANDSHAKE + b"\r\n" + wire, eof=False)
    assert answer.endswith(b"\x81\x02hi\x88\x02\x03\xe8")


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ((b"Upgrade: websocket\r\n", b""), 400, b"Upgrade must name"),
        ((b"Connection: Upgrade\r\n", b""), 400, b"Connection must say"),
        ((b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400, b"Sec-WebSocket-Key"),
        ((b"Version: 13", b"Version: 8"), 426, b"is 13"),
        ((b"HTTP/1.1", b"HTTP/1.0"), 400, b"GET in HTTP/1.1"),
    ],
)
async def test_a_request_that_is_no_handshake(serving, answer_to, change, status, says, caplog):
    async with serving(app_of(echo)) as url:
        answer = await answer_to(url, HANDSHAKE.replace(*change) + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert says in answer
    assert (b"\r\nSec-WebSocket-Version: 13\r\n" in answer) == (status == 426)
    assert not caplog.records


async def test_a_refused_handshake_leaves_the_connection_for_the_next_request(serving, answer_to):
    async def handler(request):
        return await echo(request) if "Upgrade" in request.headers else web.Response(text="plain")

    async with serving(app_of(handler)) as url:
        bad = HANDSHAKE.replace(b"Version: 13", b"Version: 8") + b"\r\n"
        answer = await answer_to(url, bad + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 426") == 1
    assert answer.count(b"HTTP/1.1 200") == 1


async def test_an_application_refuses_an_origin(serving):
    async def handler(request):
        if request.headers.get("Origin") != "https://a.example":
            raise web.HTTPForbidden
        return await echo(request)

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, origin="https://a.example"):
            pass
        with pytest.raises(drywire.WSServerHandshakeError) as refused:
            await session.ws_connect(url, origin="https://b.example")
        assert (refused.value.status, refused.value.message) == (403, "Invalid response status")


async def test_headers_of_ones_own_go_out_with_the_handshake(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        ws.headers["X-Mine"] = "1"
        await ws.prepare(request)
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        assert ws._response.headers["X-Mine"] == "1"
        assert (await ws.receive()).type is WSMsgType.CLOSE


async def test_can_prepare_tells_without_a_change(serving):
    said = []

    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"])
        ready = ws.can_prepare(request)
        said.append(ready)
        if not ready:
            return web.Response()
        await ws.prepare(request)
        with pytest.raises(RuntimeError, match="Already started"):
            ws.can_prepare(request)
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.get(url) as response:
            assert response.status == 200
        async with session.ws_connect(url, protocols=["chat"]):
            pass
    assert said == [web.WebSocketReady(ok=False, protocol=None), web.WebSocketReady(ok=True, protocol="chat")]
    assert [bool(ready) for ready in said] == [False, True]


async def test_before_prepare_nothing_can_be_done():
    ws = web.WebSocketResponse()
    assert not ws.prepared
    assert ws.get_extra_info("peername", 1) == 1
    for call in (ws.send_str("a"), ws.send_bytes(b"a"), ws.ping(), ws.close(), ws.receive(), ws.write_eof()):
        with pytest.raises(RuntimeError, match=r"Call \.prepare"):
            await call
    with pytest.raises(RuntimeError, match=r"Cannot call \.write"):
        await ws.write(b"a")


async def test_a_loop_over_a_closed_websocket_ends(serving):
    counts = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close()
        for _ in range(4):
            counts.append((await ws.receive()).type)
        with pytest.raises(RuntimeError, match="WebSocket connection is closed"):
            await ws.receive()
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        assert (await ws.receive()).type is WSMsgType.CLOSE
    assert counts == [WSMsgType.CLOSED] * 4


async def test_a_handler_that_raises_closes_with_1011_and_one_record(serving, caplog):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        raise LookupError("planted")

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1011)
    (record,) = caplog.records
    assert "planted" in record.exc_text


async def test_a_handler_that_goes_away_closes_with_1000(serving, caplog):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1000)
    assert "must return a response" in caplog.text


async def test_a_client_that_went_away_while_we_sent_is_no_error(serving, caplog):
    gone = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        gone.append(True)
        while True:
            await ws.send_str("still there?")

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url)
        ws._stream.abort()
        await ws.close()
    assert gone
    assert not caplog.records


async def test_an_unprepared_websocket_that_is_returned_is_prepared_and_closed(serving, answer_to):
    async def handler(request):
        return web.WebSocketResponse()

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            assert (await ws.receive()).data == 1000
        async with session.get(url) as response:
            assert response.status == 400


async def test_the_head_of_a_websocket_has_cookies_and_is_shown_to_the_application(serving):
    async def hook(request, response):
        response.headers["X-Hook"] = type(response).__name__

    async def handler(request):
        request._on_prepare = hook
        ws = web.WebSocketResponse()
        ws.set_cookie("a", "1")
        await ws.prepare(request)
        await ws.send_str("hello")
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        assert (await ws.receive_str()) == "hello"
        assert ws._response.headers["X-Hook"] == "WebSocketResponse"
        assert ws._response.headers["Set-Cookie"] == "a=1; Path=/"
