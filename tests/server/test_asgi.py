"""Our `Application` as one of ASGI 3, message by message. How it fares under real servers is in tests/interop."""

import asyncio
import inspect

import pytest

from drywire import web
from drywire_sansio import http1
from drywire_server.asgi.request_head import target_of
from drywire_server.asgi.scope_stream import READ_AHEAD
from drywire_transports import current_runtime

HTTP = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"a.example")],
    "client": ["192.0.2.1", 5000],
    "server": ["192.0.2.2", 80],
}
WEBSOCKET = {**HTTP, "type": "websocket", "scheme": "ws", "subprotocols": []}
del WEBSOCKET["method"]

EMPTY = {"type": "http.request"}
CONNECT = {"type": "websocket.connect"}


class Conversation:
    """A server by hand: gives `messages`, then nothing until `give`; keeps what the application sent."""

    def __init__(self, app, scope, *messages):
        self.app = app
        self.scope = scope
        self.sent = []
        self.asked = 0
        self.refuses = None
        self._messages = list(messages)
        self._wake = None

    async def run(self):
        await self.app(self.scope, self._receive, self._send)
        return self.sent

    def give(self, *messages):
        self._messages += messages
        if self._wake is not None:
            self._wake.set()

    async def _receive(self):
        self.asked += 1
        while not self._messages:
            self._wake = current_runtime().wake()
            await current_runtime().park(self._wake)
        return self._messages.pop(0)

    async def _send(self, message):
        if self.refuses is not None:
            raise self.refuses
        self.sent.append(message)

    async def until(self, count):
        """Wait until so many messages were sent."""
        runtime = current_runtime()
        until = runtime.now() + 10
        while len(self.sent) < count:
            assert runtime.now() < until, self.sent
            await runtime.sleep_until(runtime.now() + 0.001)


def app_of(*handlers, **settings):
    app = web.Application(**settings)
    for handler in handlers:
        app.router.add_route("*", "/" if handler is handlers[0] else f"/{handler.__name__}", handler)
    return app


def whole(sent):
    """Take a response apart: status, headers, body; it must be whole."""
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert [message["type"] for message in bodies] == ["http.response.body"] * len(bodies)
    assert [message["more_body"] for message in bodies] == [True] * (len(bodies) - 1) + [False]
    return start["status"], start["headers"], b"".join(message["body"] for message in bodies)


async def say(app, scope, *messages):
    return whole(await Conversation(app, scope, *messages).run())


async def hello(request):
    return web.Response(text="hello")


def test_an_application_is_itself_and_one_of_asgi():
    app = web.Application()
    assert app() is app
    # By these servers tell ASGI 3 from ASGI 2 and WSGI.
    assert inspect.iscoroutinefunction(app.__call__)
    assert asyncio.iscoroutinefunction(app.__call__)
    assert list(inspect.signature(app.__call__).parameters) == ["scope", "receive", "send"]
    call = app({"type": "nothing"}, None, None)
    assert inspect.isawaitable(call)
    with pytest.raises(ValueError, match="'nothing'"):
        asyncio.run(call)


async def test_a_request_and_its_response():
    async def handler(request):
        assert (request.remote, request.host, str(request.url)) == ("192.0.2.1", "a.example", "http://a.example/?q=1")
        assert (request.version, request.secure) == ((1, 1), False)
        assert request.transport.get_extra_info("sockname") == ("192.0.2.2", 80)
        assert request.get_extra_info("asgi.scope")["method"] == "PUT"
        return web.Response(text=(await request.text()).upper(), headers=[("X-A", "1"), ("X-A", "2")])

    scope = {**HTTP, "method": "PUT", "query_string": b"q=1", "headers": [*HTTP["headers"], (b"content-length", b"4")]}
    pieces = {"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"cd"}
    conversation = Conversation(app_of(handler), scope, *pieces)
    status, headers, body = whole(await conversation.run())
    assert (status, body) == (200, b"ABCD")
    assert headers == [
        (b"x-a", b"1"),
        (b"x-a", b"2"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"4"),
    ]
    assert len(conversation.sent) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"http_version": "1.0", "headers": []}, ["(1, 0)", "http", "192.0.2.2:80", "False"]),
        (
            {"http_version": "1.0", "headers": [(b"connection", b"Keep-Alive")]},
            ["(1, 0)", "http", "192.0.2.2:80", "True"],
        ),
        ({"headers": [(b"host", b"h"), (b"connection", b"close, x")]}, ["(1, 1)", "http", "h", "False"]),
        ({"http_version": "2", "scheme": "https"}, ["(2, 0)", "https", "a.example", "True"]),
        ({"http_version": "3", "headers": [], "server": ["::1", 8]}, ["(3, 0)", "http", "[::1]:8", "True"]),
        ({"http_version": "2", "headers": [], "server": ["/run/x", None]}, ["(2, 0)", "http", "localhost", "True"]),
        ({"http_version": "1.1", "headers": [(b"host", b"h"), (b"upgrade", b"h2c")]}, ["(1, 1)", "http", "h", "True"]),
    ],
)
async def test_versions_of_http(changes, says):
    async def handler(request):
        return web.Response(
            text=" ".join([str(tuple(request.version)), request.scheme, request.host, str(request.keep_alive)])
        )

    status, headers, body = await say(app_of(handler), {**HTTP, **changes}, EMPTY)
    assert (status, body.decode()) == (200, " ".join(says))
    assert ((b"connection", b"close") in headers) == (says[-1] == "False")


async def test_to_http_2_nothing_is_said_of_the_connection():
    async def handler(request):
        response = web.StreamResponse(headers={"Connection": "close", "Date": "now", "Server": "mine"})
        response.force_close()
        await response.prepare(request)
        await response.write(b"a")
        return response

    _, headers, body = await say(app_of(handler), {**HTTP, "http_version": "2"}, EMPTY)
    assert (headers, body) == ([(b"server", b"mine"), (b"content-type", b"application/octet-stream")], b"a")


async def test_a_body_of_http_2_needs_no_length():
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        async for piece in request.content.iter_any():
            await response.write(piece)
        return response

    conversation = Conversation(app_of(handler), {**HTTP, "method": "POST", "http_version": "2"})
    running = current_runtime().spawn(conversation.run)
    await conversation.until(2)  # the head goes out by itself
    for number in range(3):
        conversation.give({"type": "http.request", "body": b"%d" % number, "more_body": True})
        await conversation.until(3 + number)
    conversation.give({"type": "http.request", "body": b"", "more_body": False})
    await running.wait()
    assert running.exception() is None
    assert whole(conversation.sent)[2] == b"012"


@pytest.mark.parametrize(
    ("status", "method", "sends"),
    [(200, "HEAD", (b"content-length", b"5")), (204, "GET", None), (304, "GET", None)],
)
async def test_responses_without_a_body(status, method, sends):
    async def handler(request):
        return web.Response(body=b"12345", status=status)

    said, headers, body = await say(app_of(handler), {**HTTP, "method": method}, EMPTY)
    assert (said, body) == (status, b"")
    assert [pair for pair in headers if pair[0] == b"content-length"] == ([] if sends is None else [sends])


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": [(b"host", b"a"), (b"a b", b"c")]},
        {"headers": [(b"host", b"a"), (b"x", b"a\r\nb: c")]},
        {"headers": [(b"host", b"a"), (b"host", b"b")]},
        {"headers": []},
        {"raw_path": b"/a b"},
        {"query_string": b"a\r\nb"},
        {"method": "GET /"},
        {"headers": [(b"host", b"a"), (b"content-length", b"x")]},
    ],
)
async def test_what_is_no_request_is_answered_so(changes):
    status, _, body = await say(app_of(hello), {**HTTP, **changes}, EMPTY)
    assert (status, body[:3]) == (400, b"400")


@pytest.mark.parametrize(
    ("path", "raw", "root", "target"),
    [
        ("/", None, "", b"/"),
        ("/a b/\u00e9", None, "", b"/a%20b/%C3%A9"),
        ("/a/b", b"/a%2Fb", "", b"/a%2Fb"),
        ("/a/b", b"/a%2Fb?x=1", "", b"/a%2Fb"),
        ("/api/x", b"/api/x", "/api", b"/x"),
        ("/api/x", None, "/api/", b"/x"),
        ("/api", b"/api", "/api", b"/"),
        ("/apix", b"/apix", "/api", b"/apix"),
        ("/x", b"/x", "/api", b"/x"),
        ("/my api/v/x", b"/my%20api/v/%78", "/my api/v", b"/%78"),
        ("*", b"*", "", b"*"),
    ],
)
def test_the_target(path, raw, root, target):
    scope = {"path": path, "root_path": root, **({} if raw is None else {"raw_path": raw})}
    assert target_of(scope) == target
    assert target_of({**scope, "query_string": b"q=%20"}) == target + b"?q=%20"


# Who leaves


async def test_a_client_leaves_within_its_body():
    told = []

    async def handler(request):
        try:
            await request.read()
        except ConnectionResetError as error:
            told.append(error)
            raise

    scope = {**HTTP, "method": "POST", "headers": [*HTTP["headers"], (b"content-length", b"9")]}
    piece = {"type": "http.request", "body": b"ab", "more_body": True}
    assert await Conversation(app_of(handler), scope, piece, {"type": "http.disconnect"}).run() == []
    assert len(told) == 1


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_a_client_leaves_within_the_response(spec_version):
    told = []

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"a")
                await current_runtime().sleep_until(current_runtime().now())
        except ConnectionResetError as error:
            told.append(error)
            raise

    scope = {**HTTP, "asgi": {"version": "3.0", "spec_version": spec_version}}
    conversation = Conversation(app_of(handler), scope, EMPTY)
    running = current_runtime().spawn(conversation.run)
    await conversation.until(3)
    if spec_version == "2.3":
        conversation.give({"type": "http.disconnect"})
    else:
        assert conversation.asked == 0  # a send says so by itself
        conversation.refuses = OSError("gone")
    await running.wait()
    assert running.exception() is None
    assert len(told) == 1


async def test_a_handler_is_cancelled_once_its_client_has_gone():
    begun, ended = current_runtime().wake(), []

    async def handler(request):
        begun.set()
        try:
            await current_runtime().park(current_runtime().wake())
        finally:
            ended.append(True)

    app = app_of(handler, handler_args={"handler_cancellation": True})
    conversation = Conversation(app, HTTP, EMPTY)
    running = current_runtime().spawn(conversation.run)
    await current_runtime().park(begun)
    conversation.give({"type": "http.disconnect"})
    await running.wait()
    assert (running.exception(), conversation.sent, ended) == (None, [], [True])


async def test_nothing_is_left_of_a_request_that_is_cancelled():
    begun = current_runtime().wake()

    async def handler(request):
        begun.set()
        await request.read()

    scope = {**HTTP, "method": "POST", "headers": [*HTTP["headers"], (b"content-length", b"9")]}
    running = current_runtime().spawn(Conversation(app_of(handler), scope).run)
    await current_runtime().park(begun)
    running.cancel()
    await running.wait()


@pytest.mark.parametrize("turns", range(12))
async def test_wherever_a_request_is_cancelled_nothing_is_left(turns):
    """Cancelled after so many turns of the loop."""
    seen = []

    async def handler(request):
        seen.append("begun")
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            async for piece in request.content.iter_any():
                await response.write(piece)
            return response
        finally:
            seen.append("ended")

    fields = [*HTTP["headers"], (b"transfer-encoding", b"chunked")]
    pieces = [{"type": "http.request", "body": b"a", "more_body": True}] * 3
    conversation = Conversation(app_of(handler), {**HTTP, "method": "POST", "headers": fields}, *pieces)
    running = current_runtime().spawn(conversation.run)
    for _ in range(turns):
        await current_runtime().sleep_until(current_runtime().now())
    running.cancel()
    await running.wait()
    assert seen in ([], ["begun", "ended"])


async def test_what_nobody_reads_is_not_received_on_and_on():
    go_on = current_runtime().wake()

    async def handler(request):
        await request.content.readexactly(1)
        await current_runtime().park(go_on)
        return web.Response(text=str(len(await request.content.read())))

    piece = {"type": "http.request", "body": bytes(16384), "more_body": True}
    scope = {**HTTP, "method": "POST", "headers": [*HTTP["headers"], (b"content-length", b"%d" % (100 * 16384))]}
    conversation = Conversation(app_of(handler), scope, *[piece] * 100)
    running = current_runtime().spawn(conversation.run)
    for _ in range(200):
        await current_runtime().sleep_until(current_runtime().now())
    assert conversation.asked <= 2 * (READ_AHEAD // 16384 + 1)  # some are with the handler, some in the stream
    go_on.set()
    await running.wait()
    assert whole(conversation.sent)[2] == b"%d" % (100 * 16384 - 1)


async def test_a_silent_body_ends_at_its_deadline():
    async def handler(request):
        return web.Response(body=await request.read())

    scope = {**HTTP, "method": "POST", "headers": [*HTTP["headers"], (b"content-length", b"9")]}
    status, _, _ = await say(app_of(handler, handler_args={"body_timeout": 0.01}), scope)
    assert status == 408


async def test_a_response_that_is_cut_off_is_told_to_the_server(caplog):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        raise ValueError("half-way")

    conversation = Conversation(app_of(handler), HTTP, EMPTY)
    with pytest.raises(RuntimeError, match="connection must be closed"):
        await conversation.run()
    assert [message.get("more_body") for message in conversation.sent] == [None, True]
    assert "Error handling request" in caplog.text


async def test_a_message_that_the_server_does_not_take_is_logged_once(caplog):
    conversation = Conversation(app_of(hello), HTTP, EMPTY)
    conversation.refuses = RuntimeError("what is this?")
    assert await conversation.run() == []
    assert [record.message for record in caplog.records] == [
        "the server does not take the ASGI message 'http.response.start'"
    ]


async def test_interim_responses():
    async def handler(request):
        assert await request.text() == "ab"
        await request.link.send(http1.InformationalResponse(103, [(b"Link", b"</a.css>"), (b"X", b"y")]))
        return web.Response()

    fields = [*HTTP["headers"], (b"content-length", b"2"), (b"expect", b"100-continue")]
    scope = {**HTTP, "method": "POST", "headers": fields}
    message = {"type": "http.request", "body": b"ab"}
    assert (await say(app_of(handler), scope, message))[0] == 200  # 100 is for the server to send
    sent = await Conversation(app_of(handler), {**scope, "extensions": {"http.response.early_hint": {}}}, message).run()
    assert sent[0] == {"type": "http.response.early_hint", "links": [b"</a.css>"]}
    assert (await say(app_of(handler), {**scope, "headers": [*fields[:2], (b"expect", b"more")]}, message))[0] == 417


async def test_a_file_is_sent_in_pieces(tmp_path):
    (tmp_path / "file").write_bytes(bytes(300_000))
    app = web.Application()
    app.router.add_static("/f", tmp_path)
    status, headers, body = await say(app, {**HTTP, "path": "/f/file", "raw_path": b"/f/file"}, EMPTY)
    assert (status, len(body)) == (200, 300_000)
    assert (b"content-length", b"300000") in headers


# Its life


def living(told, *, starts=True, ends=True):
    async def lifetime(app):
        told.append("start")
        await current_runtime().sleep_until(current_runtime().now())
        if not starts:
            raise ValueError("no start")
        yield
        told.append("end")
        if not ends:
            raise ValueError("no end")

    app = app_of(hello)
    app.cleanup_ctx.append(lifetime)
    return app


STARTUP = {"type": "lifespan.startup"}
SHUTDOWN = {"type": "lifespan.shutdown"}


async def test_the_lifespan():
    told = []
    app = living(told)
    conversation = Conversation(app, {"type": "lifespan", "asgi": {"version": "3.0"}}, STARTUP)
    running = current_runtime().spawn(conversation.run)
    await conversation.until(1)
    assert (await say(app, HTTP, EMPTY))[2] == b"hello"
    assert told == ["start"]
    conversation.give(SHUTDOWN)
    await running.wait()
    assert told == ["start", "end"]
    assert conversation.sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"starts": False}, [{"type": "lifespan.startup.failed", "message": "ValueError: no start"}]),
        (
            {"ends": False},
            [
                {"type": "lifespan.startup.complete"},
                {"type": "lifespan.shutdown.failed", "message": "ValueError: no end"},
            ],
        ),
    ],
)
async def test_a_lifespan_that_fails(options, says, caplog):
    app = living([], **options)
    assert await Conversation(app, {"type": "lifespan"}, STARTUP, SHUTDOWN).run() == says
    assert len(caplog.records) == 1


async def test_a_lifespan_that_is_cancelled_cleans_up():
    told = []
    conversation = Conversation(living(told), {"type": "lifespan"}, STARTUP)
    running = current_runtime().spawn(conversation.run)
    await conversation.until(1)
    running.cancel()
    await running.wait()
    assert told == ["start", "end"]


async def test_without_a_lifespan_the_first_request_starts_it_once():
    told = []
    app = living(told)
    others = [current_runtime().spawn(say, app, HTTP, EMPTY) for _ in range(3)]
    for other in others:
        await other.wait()
        assert other.exception() is None
    assert told == ["start"]
    async with web.asgi_lifespan(app):
        assert (await say(app, HTTP, EMPTY))[0] == 200
    assert told == ["start", "end"]


def test_it_may_be_asked_on_one_loop_after_the_other():
    async def handler(request):
        return web.Response(body=await request.read())

    app = app_of(handler)
    scope = {**HTTP, "method": "POST", "headers": [*HTTP["headers"], (b"content-length", b"2")]}
    for body in (b"ab", b"cd"):
        assert asyncio.run(say(app, scope, {"type": "http.request", "body": body}))[2] == body


async def test_websockets_are_closed_at_the_end():
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        return ws

    app = app_of(handler)
    conversation = Conversation(app, WEBSOCKET, CONNECT)
    running = current_runtime().spawn(conversation.run)
    async with web.asgi_lifespan(app):
        await conversation.until(1)
    await running.wait()
    assert conversation.sent[1:] == [{"type": "websocket.close", "code": 1001, "reason": "Server shutdown"}]


# WebSockets


def talking(told, **options):
    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"], **options)
        ws.headers["X-Mine"] = "1"
        await ws.prepare(request)
        async for message in ws:
            if message.data == "bye":
                await ws.close(code=4002, message=b"as you like")
            elif message.data == "leave":
                return ws
            elif message.data == "fail":
                raise ValueError("fail")
            elif message.type is web.WSMsgType.TEXT:
                await ws.send_str(message.data.upper())
            else:
                await ws.send_bytes(message.data[::-1])
        told.append(ws.close_code)
        return ws

    return app_of(handler)


def text(data):
    return {"type": "websocket.receive", "text": data}


async def test_a_websocket():
    told = []
    scope = {**WEBSOCKET, "subprotocols": ["other", "chat"]}
    messages = text("a"), {"type": "websocket.receive", "bytes": b"abc", "text": None}
    leaving = {"type": "websocket.disconnect", "code": 4001, "reason": "done"}
    sent = await Conversation(talking(told), scope, CONNECT, *messages, leaving).run()
    assert sent == [
        {"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-mine", b"1")]},
        {"type": "websocket.send", "text": "A"},
        {"type": "websocket.send", "bytes": b"cba"},
    ]
    assert told == [4001]


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("bye", {"type": "websocket.close", "code": 4002, "reason": "as you like"}),
        ("leave", {"type": "websocket.close", "code": 1000, "reason": ""}),
        ("fail", {"type": "websocket.close", "code": 1011, "reason": ""}),
        ("a" * 2000, {"type": "websocket.close", "code": 1009}),
    ],
)
async def test_the_handler_closes(last, says):
    sent = await Conversation(talking([], max_msg_size=1000), WEBSOCKET, CONNECT, text(last)).run()
    assert sent[0]["subprotocol"] is None
    assert len(sent) == 2
    assert says.items() <= sent[1].items()


@pytest.mark.parametrize(
    ("message", "code"),
    [({"code": 1001}, 1001), ({}, 1005), ({"code": 1005}, 1005), ({"code": 1006}, 1006), ({"code": 1015}, 1006)],
)
async def test_codes_of_a_client_that_leaves(message, code):
    told = []
    leaving = {"type": "websocket.disconnect", **message}
    assert len(await Conversation(talking(told), WEBSOCKET, CONNECT, leaving).run()) == 1
    assert told == [code]


async def test_pings_are_answered_here():
    heard = []

    async def handler(request):
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        await ws.ping(b"there?")
        async for message in ws:
            heard.append((message.type, message.data))
        return ws

    leaving = {"type": "websocket.disconnect", "code": 1000}
    assert len(await Conversation(app_of(handler), WEBSOCKET, CONNECT, text("a"), leaving).run()) == 1
    assert sorted(heard) == [(web.WSMsgType.TEXT, "a"), (web.WSMsgType.PONG, b"there?")]


@pytest.mark.parametrize("can_respond", [True, False])
async def test_a_websocket_is_refused(can_respond):
    async def handler(request):
        raise web.HTTPUnauthorized(text="who?", headers={"X-Why": "no"})

    scope = {**WEBSOCKET, "extensions": {"websocket.http.response": {}}} if can_respond else WEBSOCKET
    sent = await Conversation(app_of(handler), scope, CONNECT).run()
    if not can_respond:
        assert sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]
        return
    start, body = sent
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert (b"x-why", b"no") in start["headers"]
    assert body == {"type": "websocket.http.response.body", "body": b"who?", "more_body": False}


async def test_the_clients_own_key_and_extensions():
    asked = []

    async def handler(request):
        asked.append((request.headers["Sec-WebSocket-Key"], "Sec-WebSocket-Extensions" in request.headers))
        assert request.scheme == "https"
        return web.Response()

    key = b"dGhlIHNhbXBsZSBub25jZQ=="
    own = [(b"sec-websocket-key", key), (b"sec-websocket-version", b"8"), (b"connection", b"Upgrade")]
    own += [(b"upgrade", b"websocket"), (b"sec-websocket-extensions", b"permessage-deflate")]
    await Conversation(app_of(handler), {**WEBSOCKET, "scheme": "wss", "headers": HTTP["headers"] + own}, CONNECT).run()
    await Conversation(app_of(handler), {**WEBSOCKET, "scheme": "wss", "http_version": "2"}, CONNECT).run()
    assert asked[0] == (key.decode(), False)
    assert asked[1][0] != key.decode()


async def test_a_websocket_without_a_connect_is_left_alone():
    assert await Conversation(talking([]), WEBSOCKET, {"type": "websocket.disconnect", "code": 1006}).run() == []
