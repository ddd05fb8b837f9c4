"""ASGI applications that our server runs, by hand-written ones. How frameworks fare is in tests/interop."""

import gzip
import signal
import subprocess
import sys
import zlib
from functools import partial

import pytest

import drywire
import drywire_server.asgi.handler
from drywire import web
from drywire.testing import session_for
from drywire_transports import current_runtime

from ..tree import environment

START = {"type": "http.response.start", "status": 200, "headers": []}
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = b"GET /a%2Fb?q=%20 HTTP/1.1\r\nHost: A.example\r\nX-B: 1\r\nConnection: close\r\n\r\n"


def of(application, **options):
    """Serve what is no more than a function of scope, receive and send, and knows no lifespan."""
    return web.asgi_application(application, lifespan="off", **options)


async def answer(send, body=b"", **more):
    await send({**START, **more})
    await send({"type": "http.response.body", "body": body})


async def whole_body(receive):
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            return body


# The scope


async def scope_of(serving, answer_to, app, data=GET, seen=None, **settings):
    """Serve `app`, ask it for `data`, and return the scope that it was given."""
    async with serving(app, **settings) as url:
        assert (await answer_to(url, data, eof=False)).startswith(b"HTTP/1.1 200")
    return seen[0]


def looking(seen):
    async def application(scope, receive, send):
        seen.append(scope)
        await answer(send)

    return application


async def test_the_scope(serving, answer_to):
    seen = []
    scope = await scope_of(serving, answer_to, of(looking(seen)), seen=seen)
    assert scope.pop("client")[0] == scope.pop("server")[0] == "127.0.0.1"
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/a/b",
        "raw_path": b"/a%2Fb",
        "query_string": b"q=%20",
        "root_path": "",
        "headers": [(b"host", b"A.example"), (b"x-b", b"1"), (b"connection", b"close")],
        "state": {},
        "extensions": {
            "http.response.pathsend": {},
            "http.response.trailers": {},
            "http.response.early_hint": {},
        },
    }


async def test_the_scope_in_http_1_0_and_of_an_absolute_target(serving, answer_to):
    seen = []
    await scope_of(serving, answer_to, of(looking(seen)), b"GET http://b.example/x?y HTTP/1.0\r\n\r\n", seen)
    assert (seen[0]["http_version"], seen[0]["extensions"]) == ("1.0", {"http.response.pathsend": {}})
    assert (seen[0]["path"], seen[0]["raw_path"], seen[0]["query_string"]) == ("/x", b"/x", b"y")


async def test_what_a_middleware_knows_better_is_believed(serving, answer_to):
    @web.middleware
    async def behind_a_proxy(request, handler):
        return await handler(request.clone(scheme="https", remote="192.0.2.7"))

    seen = []
    app = web.Application(middlewares=[behind_a_proxy])
    web.mount_asgi(app, "/", looking(seen), lifespan="off")
    await scope_of(serving, answer_to, app, seen=seen)
    assert (seen[0]["scheme"], seen[0]["client"]) == ("https", ("192.0.2.7", 0))


async def test_over_a_unix_socket(tmp_path):
    seen = []
    runner = web.AppRunner(of(looking(seen)))
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    async with drywire.ClientSession(connector=drywire.UnixConnector(str(tmp_path / "s"))) as session:
        async with session.get("http://a/") as response:
            assert response.status == 200
    await runner.cleanup()
    assert (seen[0]["client"], seen[0]["server"]) == (None, (str(tmp_path / "s"), None))


async def test_where_it_is_mounted(serving, answer_to):
    seen = []
    inner, middle, app = web.Application(), web.Application(), web.Application()
    web.mount_asgi(inner, "/a b", looking(seen), lifespan="off")
    middle.add_subapp("/sub", inner)
    web.mount_asgi(app, "/outer", middle, root_path="/cut")
    data = b"GET /outer/sub/a%20b/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    await scope_of(serving, answer_to, app, data, seen)
    assert seen[0]["root_path"] == "/cut/outer/sub/a b"
    assert (seen[0]["path"], seen[0]["raw_path"]) == ("/cut/outer/sub/a b/x", b"/cut/outer/sub/a%20b/x")


def test_what_cannot_be_mounted():
    resource = web.ASGIResource("/z", looking([]))
    assert (repr(resource)[:18], len(resource), resource.canonical) == ("<ASGIResource /z -", 1, "/z")
    with pytest.raises(ValueError, match="prefix"):
        web.ASGIResource("z", looking([]))
    with pytest.raises(TypeError, match="callable"):
        web.ASGIHandler("an application")
    with pytest.raises(ValueError, match="'sometimes'"):
        web.ASGIHandler(looking([]), lifespan="sometimes")
    with pytest.raises(TypeError, match="pingpong"):
        web.ASGIHandler(looking([]), pingpong=True)


# Bodies


async def test_a_coded_body_is_decoded_by_our_application_and_left_alone_without_one(serving):
    seen = []

    async def application(scope, receive, send):
        fields = dict(scope["headers"])
        seen.append((fields.get(b"content-encoding"), b"content-length" in fields))
        await answer(send, await whole_body(receive))

    coded = gzip.compress(b"text" * 1000)
    mixed = web.Application()
    web.mount_asgi(mixed, "/", application, lifespan="off")
    for app, body in [(mixed, b"text" * 1000), (of(application), coded)]:
        async with serving(app) as url, drywire.ClientSession() as session:
            async with session.post(url, data=coded, headers={"Content-Encoding": "gzip"}) as response:
                assert await response.read() == body
    assert seen == [(None, False), (b"gzip", True)]


async def test_a_malformed_body_is_answered_by_us(serving, answer_to, caplog):
    seen = []

    async def application(scope, receive, send):
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])
        await answer(send)

    async with serving(of(application)) as url:
        data = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n"
        assert (await answer_to(url, data)).startswith(b"HTTP/1.1 400")
    assert seen[0] == "http.request"
    assert seen[1:] in ([], ["http.disconnect"])  # it may have been cancelled before it could look
    assert not caplog.records


async def test_a_client_leaves_within_its_body(serving, answer_to):
    seen, told = [], current_runtime().wake()

    async def application(scope, receive, send):
        while (message := await receive())["type"] == "http.request":
            seen.append(message["body"])
        told.set()
        with pytest.raises(OSError, match="ended the connection"):
            await answer(send)

    async with serving(of(application)) as url:
        await answer_to(url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")
        await current_runtime().park(told, current_runtime().now() + 5)
    assert b"".join(seen) == b"ab"


async def test_who_waits_for_the_end_hears_of_it_and_keeps_nobody(serving):
    """Also where the next request comes meanwhile, whose bytes are then not lost."""
    runtime = current_runtime()
    seen, waits, go_on = [], runtime.wake(), runtime.wake()

    async def application(scope, receive, send):
        await whole_body(receive)
        waiting = runtime.spawn(receive)
        if scope["path"] == "/1":
            await runtime.sleep_until(runtime.now() + 0.01)  # the watch has begun
            waits.set()
            await runtime.park(go_on, runtime.now() + 5)
        await answer(send, scope["path"].encode())
        seen.append((await receive())["type"])
        await waiting.wait()

    async with serving(of(application)) as url:
        stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        stream.read_deadline = runtime.now() + 5
        await stream.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        await runtime.park(waits, runtime.now() + 5)
        await stream.send(b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await runtime.sleep_until(runtime.now() + 0.01)  # it has been received
        go_on.set()
        said = b""
        while piece := await stream.receive():
            said += piece
        stream.abort()
    assert (said.count(b"\r\n\r\n/1"), said.count(b"\r\n\r\n/2")) == (1, 1)
    assert seen == ["http.disconnect"] * 2


async def test_an_error_that_comes_of_the_clients_leaving_is_none(serving, caplog):
    """An application says it in its own way; the log stays clean, and nothing is kept of what has ended."""
    told = current_runtime().wake()

    async def application(scope, receive, send):
        try:
            if scope["type"] == "websocket":
                await send({"type": "websocket.accept"})
            else:
                await send(START)
            while True:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.send", "bytes": b"a"})
                else:
                    await send({"type": "http.response.body", "body": b"a", "more_body": True})
                await current_runtime().sleep_until(current_runtime().now() + 0.001)
        except OSError as error:
            told.set()
            raise RuntimeError("the client has left") from error

    app = web.Application()
    resource = web.mount_asgi(app, "/", application, lifespan="off")
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.get(url) as response:
            await response.content.readexactly(2)
            response.close()
        await current_runtime().park(told, current_runtime().now() + 5)
        told = current_runtime().wake()
        async with session.ws_connect(url) as ws:
            assert await ws.receive_bytes() == b"a"
            ws._stream.abort()
        await current_runtime().park(told, current_runtime().now() + 5)
        until = current_runtime().now() + 5
        while resource.handler._left and current_runtime().now() < until:
            await current_runtime().sleep_until(current_runtime().now() + 0.001)
        assert not resource.handler._left
    assert not caplog.records


async def test_a_client_that_leaves_is_told_of_while_nothing_is_sent(serving):
    seen, told = [], current_runtime().wake()

    async def application(scope, receive, send):
        await whole_body(receive)
        await send(START)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        seen.append((await receive())["type"])
        told.set()

    async with serving(of(application)) as url, drywire.ClientSession() as session:
        async with session.get(url) as response:
            assert await response.content.readexactly(1) == b"a"
            response.close()
        await current_runtime().park(told, current_runtime().now() + 5)
    assert seen == ["http.disconnect"]


async def test_an_application_is_cancelled_with_its_handler(serving):
    ended, begun = [], current_runtime().wake()

    async def application(scope, receive, send):
        begun.set()
        try:
            await current_runtime().park(current_runtime().wake())
        finally:
            ended.append(True)

    async with serving(of(application), handler_cancellation=True) as url, drywire.ClientSession() as session:
        asking = current_runtime().spawn(session.get, url)
        await current_runtime().park(begun, current_runtime().now() + 5)
        asking.cancel()
        await asking.wait()
    assert ended == [True]


# Responses


async def test_a_streamed_response_with_hints_and_trailers(serving, answer_to):
    async def application(scope, receive, send):
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await send({**START, "headers": [(b"x-a", b"\xff"), (b"transfer-encoding", b"x")], "trailers": True})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"c"})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True})
        await send({"type": "http.response.trailers", "headers": [(b"x-more", b"2")]})

    async with serving(of(application)) as url:
        said = await answer_to(url, GET, eof=False)
    hints, _, said = said.partition(b"\r\n\r\n")
    assert hints == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload"
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"\r\nx-a: \xff\r\n" in head
    assert b"Content-Type" not in head
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\nx-sum: 1\r\nx-more: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "method", "length"), [(200, "GET", "3"), (200, "HEAD", None), (204, "GET", None), (304, "GET", None)]
)
async def test_a_whole_response_says_its_length(serving, status, method, length):
    async def application(scope, receive, send):
        await answer(send, b"abc", status=status)

    async with serving(of(application)) as url, drywire.ClientSession() as session:
        async with session.request(method, url) as response:
            assert (response.status, response.headers.get("Content-Length")) == (status, length)
            assert await response.read() == (b"abc" if length else b"")


async def test_what_middlewares_and_signals_do_to_a_response(serving):
    """A whole response may be changed, and compressed; one that is streamed has a signal for its head."""

    async def application(scope, receive, send):
        if scope["path"] == "/whole":
            await answer(send, b"abc" * 100)
        else:
            await send(START)
            for _ in range(100):
                await send({"type": "http.response.body", "body": b"abc", "more_body": True})
            await send({"type": "http.response.body"})

    @web.middleware
    async def compress(request, handler):
        response = await handler(request)
        if not response.prepared:
            response.enable_compression(web.ContentCoding.deflate)
        return response

    async def mark(request, response):
        response.headers["X-Mark"] = response.headers.get("Content-Encoding", "none")

    app = web.Application(middlewares=[compress])
    app.on_response_prepare.append(mark)
    web.mount_asgi(app, "/", application, lifespan="off")
    async with serving(app) as url, drywire.ClientSession(auto_decompress=False) as session:
        async with session.get(f"{url}/whole") as response:
            assert response.headers["X-Mark"] == "deflate"
            assert zlib.decompress(await response.read()) == b"abc" * 100
        async with session.get(f"{url}/parts") as response:
            assert response.headers["X-Mark"] == "none"
            assert await response.read() == b"abc" * 100


async def test_a_file_is_sent_by_its_path(serving, tmp_path, caplog):
    content = bytes(range(256)) * 4000
    (tmp_path / "file").write_bytes(content)

    async def application(scope, receive, send):
        path = scope["path"].removeprefix("/short")
        await send({**START, "headers": [(b"content-length", b"3")] if path != scope["path"] else []})
        await send({"type": "http.response.pathsend", "path": str(tmp_path) + path})

    async with serving(of(application)) as url, drywire.ClientSession() as session:
        for method in ("GET", "HEAD"):
            async with session.request(method, f"{url}/file") as response:
                assert (response.status, response.content_length) == (200, len(content))
                assert await response.read() == (content if method == "GET" else b"")
        for path in ("/none", "/", "/short/file"):
            async with session.get(url + path) as response:
                assert response.status == 500
    assert len(caplog.records) == 3


BODY = {"type": "http.response.body"}


@pytest.mark.parametrize(
    ("messages", "status", "says"),
    [
        ([], 500, "returned before its response was complete"),
        ([START], 500, "returned before its response was complete"),
        ([BODY], 500, "'http.response.body' is not expected before the response has begun"),
        ([START, START], 500, "'http.response.start' is not expected within the response"),
        ([START, BODY, BODY], 200, "'http.response.body' is not expected after the end of the response"),
        ([START, {"type": "http.response.trailers"}], 500, "is not expected within the response"),
        ([{"type": "websocket.accept"}], 500, "'websocket.accept' is not expected"),
        ([{**START, "status": "ok"}, BODY], 500, "ok"),
        ([{**START, "headers": [("a", "b")]}, BODY], 500, ""),
        ([{**START, "headers": [(b"a", b"b\r\nc: d")]}, BODY], 500, "cannot be sent as it is"),
        ([{**START, "headers": [(b"content-length", b"2")]}, {**BODY, "body": b"abc"}], 500, "Content-Length says '2'"),
        ([{**START, "headers": [(b"content-length", b"2")]}, {**BODY, "body": b"a"}], 500, "Content-Length says '2'"),
        ([START, {**BODY, "body": b"a", "more_body": True}], None, "returned before its response was complete"),
    ],
)
async def test_what_is_wrong_with_a_response_is_logged(serving, answer_to, messages, status, says, caplog):
    async def application(scope, receive, send):
        for message in messages:
            await send(message)

    async with serving(of(application)) as url:
        said = await answer_to(url, GET, eof=False)
    if status is None:
        assert said.endswith(b"\r\n\r\n1\r\na\r\n")  # cut off: the last chunk is missing
    else:
        assert said.startswith(b"HTTP/1.1 %d " % status)
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert says in errors[0].getMessage() + str(errors[0].exc_info[1])


# WebSockets


async def test_what_is_no_handshake_does_not_come_to_the_application(serving, answer_to):
    seen = []
    async with serving(of(looking(seen))) as url:
        for change, status in [((b"13", b"8"), b"426"), ((b"dGhl", b"    "), b"400")]:
            assert (await answer_to(url, HANDSHAKE.replace(*change))).startswith(b"HTTP/1.1 " + status)
        assert seen == []
        # An upgrade to something else is a request like others.
        assert (await answer_to(url, HANDSHAKE.replace(b"websocket", b"h2c"))).startswith(b"HTTP/1.1 200")
    assert seen[0]["type"] == "http"


async def test_the_scope_of_a_websocket(serving):
    seen = []

    async def application(scope, receive, send):
        seen.append(scope)
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-a", b"1")]})
        seen.append(await receive())
        seen.append(await receive())
        seen.append(await receive())
        with pytest.raises(OSError, match="closing"):
            await send({"type": "websocket.send", "text": "late"})

    async with serving(of(application, max_msg_size=10)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(f"{url}/x?y", protocols=["a", "b"], origin="http://o") as ws:
            assert (ws.protocol, ws._response.headers["X-A"]) == ("b", "1")
            await ws.send_bytes(b"1234567890")
            await ws.send_str("12345678901")
            assert (await ws.receive()).data == 1009
    scope, *messages = seen
    assert (scope["type"], scope["scheme"], scope["path"], scope["query_string"]) == ("websocket", "ws", "/x", b"y")
    assert (scope["subprotocols"], scope["extensions"]) == (["a", "b"], {"websocket.http.response": {}})
    assert "method" not in scope
    assert (b"origin", b"http://o") in scope["headers"]
    assert messages[0] == {"type": "websocket.receive", "bytes": b"1234567890", "text": None}
    assert messages[1] == messages[2] == {"type": "websocket.disconnect", "code": 1009, "reason": ""}


@pytest.mark.parametrize(
    ("messages", "status", "code", "says"),
    [
        ([], 500, None, "returned before its response was complete"),
        ([{"type": "websocket.send", "text": "a"}], 500, None, "is not expected before it was accepted"),
        ([{"type": "websocket.close"}], 403, None, None),
        ([{"type": "websocket.accept"}], None, 1000, None),
        ([{"type": "websocket.accept"}, {"type": "websocket.close", "code": 3000, "reason": "r"}], None, 3000, None),
        ([{"type": "websocket.accept"}, {"type": "websocket.accept"}], None, 1011, "in an open WebSocket"),
        ([{"type": "websocket.accept"}, {"type": "websocket.http.response.start"}], None, 1011, "in an open WebSocket"),
    ],
)
async def test_how_a_websocket_ends(serving, messages, status, code, says, caplog):
    async def application(scope, receive, send):
        for message in messages:
            await send(message)

    async with serving(of(application)) as url, drywire.ClientSession() as session:
        if status is None:
            async with session.ws_connect(url) as ws:
                assert (await ws.receive()).data == code
        else:
            with pytest.raises(drywire.WSServerHandshakeError) as refused:
                await session.ws_connect(url)
            assert refused.value.status == status
    assert len(caplog.records) == (says is not None)
    assert says is None or says in str(caplog.records[0].exc_info[1])


# The lifespan


def living(told, *, fails=None):
    async def application(scope, receive, send):
        if scope["type"] != "lifespan":
            told.append(scope["state"])
            scope["state"]["own"] = True
            await answer(send)
            return
        for what in ("startup", "shutdown"):
            assert await receive() == {"type": f"lifespan.{what}"}
            told.append(what)
            if fails == f"{what} raises":
                raise ValueError(what)
            scope["state"]["pool"] = "a pool"
            result = "failed" if fails == what else "complete"
            await send({"type": f"lifespan.{what}.{result}", **({"message": "no way"} if fails == what else {})})
        await current_runtime().sleep_until(current_runtime().now() + 0.001)
        told.append("over")

    return application


async def test_the_lifespan_and_its_state(serving, answer_to):
    told = []
    handler = web.ASGIHandler(living(told), lifespan="on")
    for _ in range(2):  # it may be started again
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", handler)
        app.cleanup_ctx.append(handler.lifespan)
        async with serving(app) as url:
            for _ in range(2):
                await answer_to(url, GET, eof=False)
    assert told == 2 * ["startup", *2 * [{"pool": "a pool", "own": True}], "shutdown", "over"]


@pytest.mark.parametrize(
    ("fails", "lifespan", "says"),
    [
        ("startup", "auto", "failed at its startup: no way"),
        ("startup raises", "on", "does not take part"),
    ],
)
async def test_an_application_that_does_not_start(fails, lifespan, says):
    runner = web.AppRunner(web.asgi_application(living([], fails=fails), lifespan=lifespan))
    with pytest.raises(web.LifespanFailed, match=says):
        await runner.setup()


@pytest.mark.parametrize(
    ("fails", "error", "says"),
    [("shutdown", web.LifespanFailed, "failed at its shutdown: no way"), ("shutdown raises", ValueError, "shutdown")],
)
async def test_an_application_that_does_not_end_well(fails, error, says):
    runner = web.AppRunner(web.asgi_application(living([], fails=fails)))
    await runner.setup()
    with pytest.raises(error, match=says):
        await runner.cleanup()


async def test_one_that_knows_no_lifespan(serving, answer_to):
    async def raises(scope, receive, send):
        assert scope["type"] == "http"
        await answer(send)

    async def returns(scope, receive, send):
        if scope["type"] == "http":
            await answer(send)

    for application in (raises, returns):
        async with serving(web.asgi_application(application)) as url:
            assert (await answer_to(url, GET, eof=False)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("patience", [5, 0.01])
async def test_what_goes_on_behind_a_response_has_its_time_at_the_end(serving, answer_to, patience, monkeypatch):
    monkeypatch.setattr(drywire_server.asgi.handler, "BACKGROUND", patience)
    done = []

    async def application(scope, receive, send):
        await answer(send)
        try:
            await current_runtime().sleep_until(current_runtime().now() + (0.05 if patience > 1 else 60))
            done.append("worked")
        finally:
            done.append("ended")

    async with serving(of(application)) as url:
        assert (await answer_to(url, GET, eof=False)).startswith(b"HTTP/1.1 200")
        assert done == []
    assert done == (["worked", "ended"] if patience > 1 else ["ended"])


async def test_what_fails_behind_its_response_is_logged(serving, answer_to, caplog):
    async def application(scope, receive, send):
        await answer(send, b"fine")
        await current_runtime().sleep_until(current_runtime().now() + 0.01)
        raise ValueError("too late")

    async with serving(of(application)) as url:
        assert (await answer_to(url, GET, eof=False)).endswith(b"fine")
    (record,) = caplog.records
    assert (record.message, record.exc_info[1].args) == (
        "the ASGI application failed after its response to /a/b",
        ("too late",),
    )


@pytest.mark.parametrize("turns", range(12))
async def test_wherever_a_handler_is_cancelled_nothing_is_left(turns):
    """Cancelled after so many turns of the loop, over a connection in memory."""
    seen = []

    async def application(scope, receive, send):
        seen.append("begun")
        try:
            await whole_body(receive)
            await send(START)
            for _ in range(3):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            await receive()
        finally:
            seen.append("ended")

    async with session_for(of(application)) as session:
        asking = current_runtime().spawn(partial(session.post, "/", data=b"abc"))
        for _ in range(turns):
            await current_runtime().sleep_until(current_runtime().now())
        asking.cancel()
        await asking.wait()
    assert seen in ([], ["begun", "ended"])


PROGRAM = """
from drywire import web

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for what in "startup", "shutdown":
            await receive()
            print(what, flush=True)
            await send({"type": f"lifespan.{what}.complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["root_path"].encode()})

web.run_asgi(app, root_path="/api", host="127.0.0.1", port=0, backend="BACKEND")
"""


def program(code):
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment())


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_run_asgi(anyio_backend):
    code = PROGRAM.replace("BACKEND", anyio_backend)
    in_thread = current_runtime().in_thread
    child = await in_thread(program, code)
    try:
        assert await in_thread(child.stdout.readline) == "startup\n"
        url = (await in_thread(child.stdout.readline)).split()[3]
        async with drywire.ClientSession() as session, session.get(url) as response:
            assert await response.text() == "/api"
        child.send_signal(signal.SIGTERM)
        said, _ = await in_thread(child.communicate, None, 10)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert (said.splitlines()[-1], child.returncode) == ("shutdown", 0)
