"""WebSockets of our client and our server, on each loop: the methods and attributes that aiohttp's users know."""

import json

import pytest

import drywire
from drywire import WSCloseCode, WSMessage, WSMsgType, web

from ..websocketing import app_of, echo


def endpoint(**options):
    """A handler that echoes, with a WebSocket of these options; what it was is kept in `seen`."""
    seen = []

    async def handler(request):
        ws = web.WebSocketResponse(**options)
        await ws.prepare(request)
        seen.append(ws)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data if isinstance(message.data, str) else message.data.decode())
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        return ws

    handler.seen = seen
    return handler


@pytest.mark.parametrize("compress", [0, 9, 15])
async def test_messages_go_there_and_back(serving, compress):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, compress=compress) as ws:
            assert ws.compress == (15 if compress else 0)
            for text in ("", "héllo 😀", "x" * 70_000):
                await ws.send_str(text)
                assert await ws.receive() == WSMessage(WSMsgType.TEXT, text, "")
            for data in (b"", bytes(range(256)), bytearray(b"abc"), memoryview(b"x" * 1_000_000)):
                await ws.send_bytes(data)
                assert await ws.receive() == WSMessage(WSMsgType.BINARY, bytes(data), "")
            await ws.send_json({"a": [1, "ü"]})
            message = await ws.receive()
            assert message.json() == {"a": [1, "ü"]}
            await ws.send_json({"b": 2}, dumps=lambda value: json.dumps(value, indent=1))
            assert await ws.receive_json() == {"b": 2}
            await ws.send_json_bytes({"c": 3}, dumps=lambda value: json.dumps(value).encode())
            assert json.loads(await ws.receive_bytes()) == {"c": 3}
            await ws.send_frame(b"text", WSMsgType.TEXT)
            assert await ws.receive_str() == "text"
            await ws.send_frame(b"binary", WSMsgType.BINARY, compress=0)
            assert await ws.receive_bytes() == b"binary"


@pytest.mark.parametrize("level", [0, 1, 9, 15, None])
async def test_a_message_may_be_compressed_otherwise(serving, level):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, compress=15) as ws:
            for text in ("some text, some text", "some text again", "some text"):
                await ws.send_str(text, compress=level)
                assert await ws.receive_str() == text
                await ws.send_bytes(text.encode())
                assert await ws.receive_bytes() == text.encode()


async def test_tls(serving, server_tls, client_tls):
    async with serving(app_of(echo), ssl_context=server_tls) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url.replace("https", "wss"), ssl=client_tls) as ws:
            await ws.send_str("x" * 300_000)
            assert await ws.receive_str() == "x" * 300_000
            assert ws.get_extra_info("ssl_object") is not None


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_both_schemes_open_a_websocket(serving, scheme):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url.replace("http", scheme))
        await ws.send_str("a")
        assert await ws.receive_str() == "a"
        assert await ws.close()


async def test_a_relative_url_is_joined_to_the_base(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession(url) as session, session.ws_connect("/") as ws:
        await ws.send_str("a")
        assert await ws.receive_str() == "a"


async def test_the_subprotocol_is_chosen(serving):
    handler = endpoint(protocols=("chat", "superchat"))
    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, protocols=("soap", "superchat", "chat")) as ws:
            assert ws.protocol == handler.seen[0].ws_protocol == "superchat"
        async with session.ws_connect(url) as ws:
            assert ws.protocol is handler.seen[1].ws_protocol is None


async def test_no_common_subprotocol_is_none_and_a_warning(serving, caplog):
    async with serving(app_of(endpoint(protocols=["chat"]))) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, protocols=["soap"]) as ws:
            assert ws.protocol is None
    (record,) = caplog.records
    assert record.name == "drywire.websocket"
    assert "subprotocols" in record.getMessage()


async def test_what_is_known_of_a_websocket(serving):
    handler = endpoint()
    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, compress=12) as ws:
            assert not ws.closed
            assert ws.close_code is None
            assert ws.exception() is None
            assert not ws.client_notakeover
            assert ws.get_extra_info("peername") == handler.seen[0].get_extra_info("sockname")
            assert ws.get_extra_info("nothing", 7) == 7
            assert handler.seen[0].compress == 12
            assert handler.seen[0].status == 101
        assert ws.closed
        assert ws.close_code == WSCloseCode.OK


async def test_either_side_closes_with_code_and_reason(serving):
    ended = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if await ws.receive_str() == "close":
            assert await ws.close(code=4001, message=b"as you wish")
            assert not await ws.close()
        else:
            ended.append(await ws.receive())
        ended.append(ws.close_code)
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await ws.send_str("close")
            assert await ws.receive() == WSMessage(WSMsgType.CLOSE, 4001, "as you wish")
            assert (ws.closed, ws.close_code) == (True, 4001)
            assert await ws.receive() == WSMessage(WSMsgType.CLOSED, None, None)
            assert not await ws.close()
        async with session.ws_connect(url) as ws:
            await ws.send_str("wait")
            assert await ws.close(code=WSCloseCode.GOING_AWAY, message="bye")
            assert ws.close_code == 1001
    assert ended == [4001, WSMessage(WSMsgType.CLOSE, 1001, "bye"), 1001]


async def test_iteration_stops_at_the_end(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for number in range(3):
            await ws.send_str(str(number))
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        assert [message.data async for message in ws] == ["0", "1", "2"]
        assert [message async for message in ws] == []
        assert ws.close_code == 1000


async def test_with_autoclose_off_the_program_answers(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=4000)
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, autoclose=False) as ws:
            assert (await ws.receive()).type is WSMsgType.CLOSE
            assert not ws.closed
            with pytest.raises(ConnectionResetError):
                await ws.send_str("too late")
            assert await ws.close()
            assert ws.close_code == 4000


async def test_with_autoping_off_the_program_sees_pings_and_pongs(serving):
    async def handler(request):
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        message = await ws.receive()
        await ws.pong(message.data)
        await ws.ping(b"and you?")
        await ws.send_str(repr(await ws.receive()))
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, autoping=False) as ws:
            await ws.ping("hello")
            assert await ws.receive() == WSMessage(WSMsgType.PONG, b"hello", "")
            ping = await ws.receive()
            assert ping == WSMessage(WSMsgType.PING, b"and you?", "")
            await ws.pong(ping.data)
            assert await ws.receive_str() == repr(WSMessage(WSMsgType.PONG, b"and you?", ""))


async def test_text_may_be_had_as_bytes(serving):
    async with serving(app_of(endpoint(decode_text=False))) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, decode_text=False) as ws:
            await ws.send_str("é")
            assert await ws.receive() == WSMessage(WSMsgType.TEXT, "é".encode(), "")
            await ws.send_str("[1]" + " " * 70_000)
            assert await ws.receive_json() == [1]


async def test_a_message_of_another_type_is_a_type_error(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.send_bytes(b"a")
        with pytest.raises(drywire.WSMessageTypeError, match=r"is not WSMsgType\.TEXT"):
            await ws.receive_str()
        await ws.send_str("a")
        with pytest.raises(TypeError, match=r"is not WSMsgType\.BINARY"):
            await ws.receive_bytes()
        await ws.send_bytes(b"{}")
        with pytest.raises(drywire.WSMessageTypeError):
            await ws.receive_json()


async def test_what_cannot_be_sent(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        for send, data in ((ws.send_str, b"a"), (ws.send_bytes, "a"), (ws.send_str, 1), (ws.send_bytes, None)):
            with pytest.raises(TypeError, match="data argument must be"):
                await send(data)
        with pytest.raises(TypeError):
            await ws.send_json({1, 2})
        for send in (ws.ping, ws.pong):
            with pytest.raises(ValueError, match="at most 125 bytes"):
                await send(b"x" * 126)
        with pytest.raises(ValueError, match="cannot be sent as a frame"):
            await ws.send_frame(b"", WSMsgType.CLOSE)
        with pytest.raises(UnicodeDecodeError):
            await ws.send_frame(b"\xff", WSMsgType.TEXT)
        for options in ({"code": 999}, {"code": 1006}, {"message": b"x" * 124}, {"message": b"\xff"}):
            with pytest.raises(ValueError, match=r"."):
                await ws.close(**options)
        await ws.send_str("still open")
        assert await ws.receive_str() == "still open"


async def test_sending_on_a_closed_websocket(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await ws.close()
            for send in (ws.send_str("a"), ws.send_bytes(b"a"), ws.send_json(1), ws.ping(), ws.pong()):
                with pytest.raises(drywire.ClientConnectionResetError, match="Cannot write to closing transport"):
                    await send


@pytest.mark.parametrize("size", [1001, 100_000])
@pytest.mark.parametrize("compress", [0, 15])
async def test_a_message_over_the_limit_closes_with_1009(serving, size, compress):
    handler = endpoint(max_msg_size=1000)
    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, compress=compress) as ws:
            await ws.send_bytes(bytes(1000))
            assert await ws.receive_bytes() == bytes(1000)
            await ws.send_bytes(bytes(size))
            message = await ws.receive()
            assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.MESSAGE_TOO_BIG)
    assert handler.seen[0].close_code == 1009
    assert isinstance(handler.seen[0].exception(), drywire.WebSocketError)


async def test_a_client_has_a_limit_too(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, max_msg_size=10) as ws:
            await ws.send_str("x" * 11)
            message = await ws.receive()
            assert message.type is WSMsgType.ERROR
            assert isinstance(message.data, drywire.WebSocketError)
            assert (message.data.code, ws.close_code, ws.closed) == (1009, 1009, True)
            assert "Limits.frame" in str(message.data)
            assert (await ws.receive()).type is WSMsgType.CLOSED
        async with session.ws_connect(url, max_msg_size=0) as ws:
            await ws.send_bytes(bytes(4_000_000))
            assert len(await ws.receive_bytes()) == 4_000_000


async def test_the_place_in_the_pool_is_given_back(serving):
    connector = drywire.TCPConnector(limit=1)
    async with serving(app_of(echo)) as url, drywire.ClientSession(connector=connector) as session:
        for _ in range(2):
            async with session.ws_connect(url) as ws:
                assert "1 in use" in repr(connector)
                await ws.send_str("a")
                assert await ws.receive_str() == "a"
            assert "0 in use" in repr(connector)


async def test_closing_the_session_closes_its_websockets(serving):
    async with serving(app_of(echo)) as url:
        async with drywire.ClientSession() as session:
            ws = await session.ws_connect(url)
        assert (await ws.receive()).type is WSMsgType.CLOSED
        assert ws.close_code == 1006
        assert not await ws.close()


async def test_a_subclass_of_the_response_is_made(serving):
    class Mine(drywire.ClientWebSocketResponse):
        pass

    async with serving(app_of(echo)) as url, drywire.ClientSession(ws_response_class=Mine) as session:
        async with session.ws_connect(url) as ws:
            assert type(ws) is Mine


async def test_headers_origin_and_parameters_reach_the_server(serving):
    asked = []

    async def handler(request):
        asked.append(request)
        return await echo(request)

    class Auth:
        def encode(self):
            return "Basic eDp5"

    async with serving(app_of(handler)) as url, drywire.ClientSession(headers={"X-Session": "1"}) as session:
        options = {"headers": {"X-Call": "2"}, "origin": "https://a.example", "params": {"q": "ü"}, "auth": Auth()}
        async with session.ws_connect(url, **options):
            headers = asked[0].headers
            assert (headers["X-Session"], headers["X-Call"], headers["Origin"]) == ("1", "2", "https://a.example")
            assert headers["Authorization"] == "Basic eDp5"
            assert asked[0].query["q"] == "ü"
        with pytest.raises(ValueError, match="Authorization header"):
            await session.ws_connect(url, headers={"Authorization": "x"}, auth=Auth())


async def test_old_ways_to_set_timeouts_warn(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        with pytest.warns(DeprecationWarning, match="ClientWSTimeout"):
            ws = await session.ws_connect(url, timeout=5.0)
        await ws.close()
        with pytest.warns(DeprecationWarning, match="ws_receive"):
            ws = await session.ws_connect(url, receive_timeout=0.01)
        with pytest.raises(TimeoutError):
            await ws.receive()
        await ws.close()
        async with session.ws_connect(url, timeout=drywire.ClientWSTimeout(ws_receive=0.01, ws_close=1)) as ws:
            with pytest.raises(TimeoutError, match=r"within 0\.01 seconds"):
                await ws.receive()
            await ws.send_str("a")
            assert await ws.receive_str(timeout=5) == "a"


@pytest.mark.parametrize("compress", [1, 8, 16, -15])
async def test_a_window_that_cannot_be_is_a_value_error(compress):
    async with drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="9 to 15"):
            await session.ws_connect("ws://localhost", compress=compress)


def test_both_spellings_and_all_codes():
    assert WSMsgType.text is WSMsgType.TEXT
    assert [kind.value for kind in WSMsgType] == [0, 1, 2, 8, 9, 10, 256, 257, 258]
    assert [code.value for code in WSCloseCode] == [*range(1000, 1004), *range(1006, 1015)]
    error = drywire.WebSocketError(1002, "why")
    assert (error.code, str(error)) == (1002, "why")
