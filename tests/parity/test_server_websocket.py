"""Group 23, and TY-06: the server's end of a WebSocket."""

import inspect
import json
import typing
import weakref

import pytest

import drywire
from drywire import WSCloseCode, WSMsgType, web
from drywire_transports import current_runtime

from ..websocketing import app_of, echo, raw_client


@pytest.fixture
def talking(serving):
    """``async with talking(handler) as (session, url)``: a handler's server, and a session to go there."""
    return lambda handler: _Talk(serving(app_of(handler)))


class _Talk:
    def __init__(self, server):
        self.server = server
        self.session = None

    async def __aenter__(self):
        url = await self.server.__aenter__()
        self.session = drywire.ClientSession()
        return self.session, url

    async def __aexit__(self, *error):
        await self.session.close()
        await self.server.__aexit__(*error)


def prepared(talk, **options):
    """A handler that prepares a WebSocket and hands it to `talk`; its errors stand in `handler.errors`."""

    async def handler(request):
        ws = web.WebSocketResponse(**options)
        await ws.prepare(request)
        try:
            await talk(ws)
        except BaseException as error:
            handler.errors.append(error)
            raise
        return ws

    handler.errors = []
    return handler


def test_y_01_what_a_websocket_is_made_with():
    """Differs: `writer_limit` is accepted and has no effect: each send waits until the connection can take more."""
    parameters = inspect.signature(web.WebSocketResponse).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == {
        "timeout": 10.0,
        "receive_timeout": None,
        "autoclose": True,
        "autoping": True,
        "heartbeat": None,
        "protocols": (),
        "compress": True,
        "max_msg_size": 4 * 1024 * 1024,
        "writer_limit": 256 * 1024,
        "decode_text": True,
    }
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert isinstance(web.WebSocketResponse(), web.StreamResponse)


async def test_y_01_settings_do_what_they_say(talking):
    heard = []

    async def talk(ws):
        with pytest.raises(TimeoutError):
            await ws.receive()
        await ws.send_str("go on")
        heard.extend([await ws.receive(), await ws.receive(), await ws.receive()])
        await ws.close()

    handler = prepared(talk, receive_timeout=0.05, autoclose=False, autoping=False, decode_text=False)
    async with talking(handler) as (session, url), session.ws_connect(url) as ws:
        await ws.receive_str()
        await ws.send_str("é")
        await ws.ping(b"?")
        await ws.close(code=4001, message=b"bye")
    assert handler.errors == []
    assert [(message.type, message.data, message.extra) for message in heard] == [
        (WSMsgType.TEXT, "é".encode(), ""),
        (WSMsgType.PING, b"?", ""),
        (WSMsgType.CLOSE, 4001, "bye"),
    ]


async def test_y_02_the_handshake(talking):
    seen = []

    async def handler(request):
        ws = web.WebSocketResponse()
        try:
            await ws.prepare(request)
        except web.HTTPBadRequest as error:
            seen.append(error.status)
            raise
        await ws.prepare(request)
        seen.append((ws.prepared, ws.status))
        return ws

    async with talking(handler) as (session, url):
        async with session.get(url) as response:
            assert response.status == 400
            assert "Upgrade must name" in await response.text()
        async with session.ws_connect(url) as ws:
            assert (await ws.receive()).data == WSCloseCode.OK
    assert seen == [400, (True, 101)]


async def test_y_02_another_version(talking):
    """Differs: a handshake of another version than 13 raises HTTPUpgradeRequired, 426, with the version that is spoken
    (RFC 6455, 4.4), where aiohttp raises HTTPBadRequest.
    """
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    async with talking(echo) as (session, url):
        async with session.get(url, headers={**headers, "Sec-WebSocket-Version": "8"}) as response:
            assert (response.status, response.headers["Sec-WebSocket-Version"]) == (426, "13")


async def test_y_03_whether_there_can_be_one(talking):
    said = []

    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"])
        said.append(ready := ws.can_prepare(request))
        if not ready:
            return web.Response(text="a page")
        await ws.prepare(request)
        with pytest.raises(RuntimeError, match="Already started"):
            ws.can_prepare(request)
        return ws

    async with talking(handler) as (session, url):
        async with session.get(url) as response:
            assert await response.text() == "a page"
        async with session.ws_connect(url, protocols=["chat"]) as ws:
            assert (await ws.receive()).data == WSCloseCode.OK
    assert said == [web.WebSocketReady(ok=False, protocol=None), web.WebSocketReady(ok=True, protocol="chat")]
    assert [bool(ready) for ready in said] == [False, True]


async def test_y_04_message_by_message(talking):
    heard = []

    async def talk(ws):
        async for message in ws:
            heard.append((message.type, message.data))
            if message.type is WSMsgType.TEXT:
                await ws.send_json({"got": message.json()})
            if message.data == b"enough":
                await ws.close()

    handler = prepared(talk)
    async with talking(handler) as (session, url):
        async with session.ws_connect(url) as ws:
            await ws.send_str('{"a": 1}')
            assert await ws.receive_json() == {"got": {"a": 1}}
            await ws.send_bytes(b"enough")
            assert (await ws.receive()).type is WSMsgType.CLOSE
    assert handler.errors == []
    assert heard == [(WSMsgType.TEXT, '{"a": 1}'), (WSMsgType.BINARY, b"enough")]


async def test_y_05_sending(talking):
    def encode(value):
        return json.dumps(value).encode()

    async def talk(ws):
        await ws.send_str("a")
        await ws.send_bytes(memoryview(b"bb"))
        await ws.send_json([1], dumps=lambda value: f"<{value}>")
        await ws.send_json_bytes([2], dumps=encode)
        await ws.send_frame(b"c", WSMsgType.TEXT)
        await ws.ping("p")
        await ws.pong(b"q")
        await ws.send_str("compressed", compress=9)
        with pytest.raises(TypeError, match="data argument must be str"):
            await ws.send_str(b"a")
        with pytest.raises(TypeError, match="data argument must be byte-ish"):
            await ws.send_bytes("a")
        with pytest.raises(TypeError, match="not JSON serializable"):
            await ws.send_json(object())

    handler = prepared(talk)
    async with talking(handler) as (session, url):
        async with session.ws_connect(url, compress=15, autoping=False) as ws:
            messages = [await ws.receive() for _ in range(9)]
    assert handler.errors == []
    assert [(message.type, message.data) for message in messages] == [
        (WSMsgType.TEXT, "a"),
        (WSMsgType.BINARY, b"bb"),
        (WSMsgType.TEXT, "<[1]>"),
        (WSMsgType.BINARY, b"[2]"),
        (WSMsgType.TEXT, "c"),
        (WSMsgType.PING, b"p"),
        (WSMsgType.PONG, b"q"),
        (WSMsgType.TEXT, "compressed"),
        (WSMsgType.CLOSE, WSCloseCode.OK),
    ]


async def test_y_05_sending_too_early_and_too_late(talking):
    """Differs: a send after the end raises ConnectionResetError; aiohttp's ClientConnectionResetError, made of it, is a
    name of the client's.
    """
    refused = []

    async def talk(ws):
        await ws.close()
        for send in (ws.send_str("a"), ws.send_bytes(b"a"), ws.send_json(1), ws.ping(), ws.pong()):
            with pytest.raises(ConnectionResetError) as error:
                await send
            refused.append(str(error.value))

    early = web.WebSocketResponse()
    for send in (early.send_str("a"), early.send_bytes(b"a"), early.send_json(1), early.ping(), early.pong()):
        with pytest.raises(RuntimeError, match=r"Call \.prepare\(\) first"):
            await send
    async with talking(prepared(talk)) as (session, url), session.ws_connect(url) as ws:
        assert (await ws.receive()).type is WSMsgType.CLOSE
        await ws.close()
    assert refused == ["Cannot write to closing transport"] * 5


async def test_y_06_closing(talking):
    said = []

    async def talk(ws):
        said.append(await ws.close(code=WSCloseCode.GOING_AWAY, message=b"see you", drain=False))
        said.append(await ws.close())
        said.append((ws.closed, ws.close_code))

    handler = prepared(talk)
    async with talking(handler) as (session, url), session.ws_connect(url) as ws:
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 1001, "see you")
    assert handler.errors == []
    assert said == [True, False, (True, 1001)]
    with pytest.raises(RuntimeError, match=r"Call \.prepare\(\) first"):
        await web.WebSocketResponse().close()


@pytest.mark.parametrize("given", [{}, {"code": 4000}])
@pytest.mark.parametrize("iterates", [True, False])
async def test_y_06_a_receiver_that_close_wakes_knows_the_code(serving, given, iterates):
    """Differs: it is the code that was given to `close`; aiohttp says 1000 then, whatever was given."""
    runtime = current_runtime()
    told = runtime.wake()
    said = []

    async def close(ws):
        with pytest.raises(ValueError, match="999"):
            await ws.close(code=999)
        said.append(ws.close_code)
        said.append(await ws.close(**given))
        said.append(ws.close_code)

    async def talk(ws):
        task = runtime.spawn(close, ws)
        try:
            if iterates:
                assert [message async for message in ws] == []
            else:
                assert (await ws.receive()).type is WSMsgType.CLOSING
            said.append((ws.closed, ws.close_code))
            told.set()
        finally:
            assert await task.wait(runtime.now() + 10)

    handler = prepared(talk)
    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        event = await peer.event()
        await runtime.park(told, runtime.now() + 10)
        await peer.send(event.answer())  # not before: until then the code of the peer is not known
        assert await peer.stream.receive() == b""
    assert handler.errors == []
    assert said == [None, (True, event.code), True, event.code]
    assert event.code == given.get("code", 1000)


async def test_y_06_a_handler_that_returns_or_raises_closes(talking, caplog):
    async def raising(ws):
        raise LookupError("planted")

    async def returning(ws):
        pass

    for talk, code in ((returning, WSCloseCode.OK), (raising, WSCloseCode.INTERNAL_ERROR)):
        async with talking(prepared(talk)) as (session, url), session.ws_connect(url) as ws:
            assert (await ws.receive()).data == code
    assert len(caplog.records) == 1


async def test_y_07_receiving(talking):
    heard = []

    async def talk(ws):
        heard.extend([await ws.receive_str(), await ws.receive_bytes(timeout=5), await ws.receive_json(loads=len)])
        with pytest.raises(TypeError, match=r"is not WSMsgType\.TEXT"):
            await ws.receive_str()
        with pytest.raises(TypeError, match=r"is not WSMsgType\.BINARY"):
            await ws.receive_bytes()
        with pytest.raises(TimeoutError):
            await ws.receive(timeout=0.01)
        await ws.send_str("ready")
        assert await ws.receive_str(timeout=10) == "still here"

    handler = prepared(talk)
    async with talking(handler) as (session, url), session.ws_connect(url) as ws:
        await ws.send_str("a")
        await ws.send_bytes(b"b")
        await ws.send_str("four")
        await ws.send_bytes(b"no text")
        await ws.send_str("no bytes")
        assert await ws.receive_str() == "ready"
        await ws.send_str("still here")
        assert (await ws.receive()).type is WSMsgType.CLOSE
    assert handler.errors == []
    assert heard == ["a", b"b", 4]


async def test_y_07_one_task_receives_and_a_closed_one_is_not_asked_for_ever(talking):
    async def talk(ws):
        runtime = current_runtime()
        other = runtime.spawn(ws.receive)
        await runtime.sleep_until(runtime.now())  # the other task goes first
        while not ws._receiving:
            await runtime.sleep_until(runtime.now() + 0.001)
        with pytest.raises(RuntimeError, match=r"Concurrent call to receive\(\) is not allowed"):
            await ws.receive()
        await ws.send_str("ready")
        assert await other.wait(runtime.now() + 5)
        assert other.exception() is None
        await ws.close()
        assert [(await ws.receive()).type for _ in range(4)] == [WSMsgType.CLOSED] * 4
        with pytest.raises(RuntimeError, match="WebSocket connection is closed"):
            await ws.receive()

    handler = prepared(talk)
    async with talking(handler) as (session, url), session.ws_connect(url) as ws:
        assert await ws.receive_str() == "ready"
        await ws.send_str("for the other")
        assert (await ws.receive()).type is WSMsgType.CLOSE
    assert handler.errors == []
    with pytest.raises(RuntimeError, match=r"Call \.prepare\(\) first"):
        await web.WebSocketResponse().receive()


async def test_y_08_what_is_known_of_it(talking):
    known = []

    def tell(ws):
        known.append((ws.closed, ws.close_code, ws.ws_protocol, ws.exception(), ws.compress))

    async def talk(ws):
        tell(ws)
        host, _ = ws.get_extra_info("peername")
        assert (host, ws.get_extra_info("no such thing", 1)) == ("127.0.0.1", 1)
        assert (await ws.receive()).type is WSMsgType.CLOSE
        tell(ws)

    tell(web.WebSocketResponse())
    handler = prepared(talk, protocols=["chat"])
    async with talking(handler) as (session, url), session.ws_connect(url, protocols=["chat"], compress=12) as ws:
        await ws.close(code=4000)
    assert handler.errors == []
    assert known == [(False, None, None, None, True), (False, None, "chat", None, 12), (True, 4000, "chat", None, 12)]


@pytest.mark.parametrize("compress", [0, 15], ids=["plain", "compressed"])
async def test_y_09_a_message_that_is_too_large(talking, compress):
    ended = []

    async def talk(ws):
        assert await ws.receive_str() == "x" * 1000
        ended.extend([await ws.receive(), ws.exception(), ws.close_code, ws.closed])

    handler = prepared(talk, max_msg_size=1000)
    async with talking(handler) as (session, url), session.ws_connect(url, compress=compress) as ws:
        await ws.send_str("x" * 1000)
        await ws.send_str("x" * 1001)
        message = await ws.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.MESSAGE_TOO_BIG)
    assert handler.errors == []
    message, error, *rest = ended
    assert (message.type, message.data) == (WSMsgType.ERROR, error)
    assert isinstance(error, web.WebSocketError)
    assert error.code == WSCloseCode.MESSAGE_TOO_BIG
    assert rest == [1009, True]


async def test_y_10_there_is_no_body_to_write(talking):
    async def talk(ws):
        with pytest.raises(RuntimeError, match=r"Cannot call \.write\(\) for websocket"):
            await ws.write(b"a")

    handler = prepared(talk)
    async with talking(handler) as (session, url), session.ws_connect(url) as ws:
        assert (await ws.receive()).data == WSCloseCode.OK
    assert handler.errors == []


@pytest.mark.parametrize(
    ("spoken", "wished", "chosen"),
    [
        (("chat", "superchat"), ("soap", "superchat", "chat"), "superchat"),
        (("chat",), ("soap",), None),
        (("chat",), (), None),
        ((), ("chat",), None),
    ],
)
async def test_y_11_which_subprotocol_is_chosen(talking, caplog, spoken, wished, chosen):
    agreed = []

    async def talk(ws):
        agreed.append(ws.ws_protocol)

    async with talking(prepared(talk, protocols=spoken)) as (session, url):
        async with session.ws_connect(url, protocols=wished) as ws:
            assert ws.protocol == chosen
            await ws.receive()
    assert agreed == [chosen]
    assert len(caplog.records) == (chosen is None and bool(spoken) and bool(wished))


async def test_y_12_all_are_closed_when_the_server_ends():
    """Differs: WebSockets that an application leaves open are closed, too, with 1001, when the server ends: there is no
    need of a set and a handler of `on_shutdown`.
    """
    websockets = web.AppKey("websockets", weakref.WeakSet)

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if "kept" in request.query:
            request.app[websockets].add(ws)
        await ws.send_str("hello")
        async for _ in ws:
            pass
        return ws

    async def on_shutdown(app):
        for ws in set(app[websockets]):
            await ws.close(code=WSCloseCode.GOING_AWAY, message="our own goodbye")

    app = app_of(handler)
    app[websockets] = weakref.WeakSet()
    app.on_shutdown.append(on_shutdown)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with drywire.ClientSession(site.name) as session:
            kept, left = await session.ws_connect("/?kept"), await session.ws_connect("/")
            assert [await kept.receive_str(), await left.receive_str()] == ["hello", "hello"]
            runtime = current_runtime()
            task = runtime.spawn(runner.cleanup)
            messages = [await kept.receive(), await left.receive()]
            assert await task.wait(runtime.now() + 5)
            assert task.exception() is None
    finally:
        await runner.cleanup()
    assert [(message.type, message.data, message.extra) for message in messages] == [
        (WSMsgType.CLOSE, 1001, "our own goodbye"),
        (WSMsgType.CLOSE, 1001, "Server shutdown"),
    ]


async def test_ty_06_websockets_are_generic(talking):
    assert typing.get_origin(web.WebSocketResponse[bool]) is web.WebSocketResponse
    assert typing.get_origin(drywire.ClientWebSocketResponse[bool]) is drywire.ClientWebSocketResponse

    class Own(web.WebSocketResponse[typing.Literal[False]]):
        pass

    async def handler(request):
        ws = Own(decode_text=False)
        await ws.prepare(request)
        assert isinstance(ws, web.WebSocketResponse)
        await ws.send_bytes(await ws.receive_str())
        plain = web.WebSocketResponse[bool](timeout=1)
        assert type(plain) is web.WebSocketResponse
        return ws

    async with talking(handler) as (session, url), session.ws_connect(url, decode_text=False) as ws:
        assert isinstance(ws, drywire.ClientWebSocketResponse)
        await ws.send_str("é")
        assert await ws.receive_bytes() == "é".encode()
