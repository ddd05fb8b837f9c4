"""What services that were written for aiohttp.web rely on, and stumbled over when they moved here."""

import logging
import socket
import struct

import pytest

import drywire
from drywire import web
from drywire.abc import AbstractAccessLogger
from drywire.test_utils import make_mocked_request
from drywire_transports import current_runtime
from drywire_transports.multipart_reader import MultipartError

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

NO_LINGERING = struct.pack("ii", 1, 0)

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def serves(handler, **settings):
    app = web.Application(**settings)
    app.router.add_get("/", handler)
    return app


def address(url):
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def logged(caplog):
    return [record for record in caplog.records if record.name == "drywire.access"]


def complaints(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_client_that_reset_before_it_was_accepted_is_no_crash(serving, answer_to, caplog):
    """Its address may be unknown, but a handler may ask for it, and its request is in the log."""
    caplog.set_level(logging.INFO, "drywire.access")
    runtime = current_runtime()
    go = runtime.wake()
    seen = []

    async def handler(request):
        await runtime.park(go, runtime.now() + 10)
        seen.append(request.remote)
        return web.Response()

    async def hello(request):
        return web.Response()

    app = serves(handler)
    app.router.add_get("/hello", hello)
    async with serving(app) as url:
        with socket.create_connection(address(url)) as client:  # nothing of the server runs until it is reset
            client.sendall(GET)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        for _ in range(5):
            assert (await answer_to(url, LAST.replace(b"/ ", b"/hello "))).startswith(b"HTTP/1.1 200 ")
        go.set()
    assert seen in ([], [None], ["127.0.0.1"])
    assert len(logged(caplog)) == 5 + len(seen)
    assert not complaints(caplog)


async def test_a_client_that_resets_is_logged_with_its_address(serving, caplog):
    caplog.set_level(logging.INFO, "drywire.access")
    runtime = current_runtime()
    begun = runtime.wake()

    async def handler(request):
        begun.set()
        await request.read()

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app) as url:
        with socket.create_connection(address(url)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
            await runtime.park(begun, runtime.now() + 10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
    [record] = logged(caplog)
    assert record.remote_address == "127.0.0.1"


def another(response):
    return web.Response(text="nobody is there")


def refusal(response):
    raise web.HTTPServiceUnavailable


@pytest.mark.parametrize("logs", [False, True], ids=["no access log", "access log"])
@pytest.mark.parametrize("end", [lambda response: response, another, refusal], ids=["the same", "another", "refusal"])
async def test_a_stream_whose_handler_has_seen_its_client_go_is_no_error(serving, caplog, end, logs):
    """``except ConnectionResetError``, clean up, and return the response: so streams of events are written."""
    if logs:
        caplog.set_level(logging.INFO, "drywire.access")
    caught = []

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionResetError as error:
            caught.append(error)
        for again in (response.write(b"more"), response.write_eof(), web.StreamResponse().prepare(request)):
            with pytest.raises(ConnectionResetError):
                await again
        return end(response)

    async with serving(serves(handler)) as url:
        client = await current_runtime().connect_tcp(*address(url))
        await client.send(GET)
        assert await client.receive()
        client.abort()
    assert len(caught) == 1
    assert len(logged(caplog)) == logs
    assert not complaints(caplog)


@pytest.mark.parametrize("logs", [False, True], ids=["no access log", "access log"])
@pytest.mark.parametrize("body", [b"", b"ab", b"abcd"], ids=["none", "shorter", "longer"])
async def test_a_body_of_another_length_than_its_header_is_a_500(serving, answer_to, caplog, body, logs):
    if logs:
        caplog.set_level(logging.INFO, "drywire.access")

    async def handler(request):
        return web.Response(body=body, headers={"Content-Length": "3"})

    async with serving(serves(handler)) as url:
        answer = await answer_to(url, LAST)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1


@pytest.mark.parametrize("body", [b"ab", bytes(300_000)], ids=["shorter", "much longer"])
async def test_a_body_of_another_length_is_a_500_where_the_head_was_shown_too(serving, answer_to, caplog, body):
    shown = []

    async def look(request, response):
        shown.append(response.status)

    async def handler(request):
        return web.Response(body=body, headers={"Content-Length": "3"})

    app = serves(handler)
    app.on_response_prepare.append(look)
    async with serving(app) as url:
        assert (await answer_to(url, LAST)).startswith(b"HTTP/1.1 500 ")
    assert shown == [200]
    assert len(complaints(caplog)) == 1


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_a_large_body_goes_out_whole_where_requests_are_logged(serving, caplog, chunked):
    """It is sent in parts, and yet as one message."""
    caplog.set_level(logging.INFO, "drywire.access")
    body = bytes(range(256)) * 4000

    async def handler(request):
        return web.Response(body=body, chunked=chunked)

    async with serving(serves(handler)) as url, drywire.ClientSession() as session, session.get(url) as response:
        assert await response.read() == body
    [record] = logged(caplog)
    assert record.response_size > len(body)


async def test_a_handler_of_on_response_prepare_sees_and_changes_the_cookies(serving, answer_to):
    async def stricter(request, response):
        for cookie in response.headers.popall("Set-Cookie"):
            response.headers.add("Set-Cookie", cookie + "; SameSite=Strict")

    async def handler(request):
        response = web.Response()
        response.set_cookie("a", "1")
        return response

    app = serves(handler)
    app.on_response_prepare.append(stricter)
    async with serving(app) as url:
        answer = await answer_to(url, LAST)
    assert answer.count(b"Set-Cookie:") == 1
    assert b"\r\nSet-Cookie: a=1; Path=/; SameSite=Strict\r\n" in answer


async def test_a_handler_of_on_response_prepare_sees_how_the_body_goes_out(serving, answer_to):
    """It may change its mind, too: with a length there are no chunks."""
    seen = []

    async def look(request, response):
        seen.append((response.headers.get("Transfer-Encoding"), response.headers.get("Content-Length")))
        if request.path == "/known":
            response.content_length = 2

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        seen.append(response.chunked)
        await response.write_eof(b"ab")
        return response

    app = serves(handler)
    app.router.add_get("/known", handler)
    app.on_response_prepare.append(look)
    async with serving(app) as url:
        chunked = await answer_to(url, LAST)
        known = await answer_to(url, LAST.replace(b"/ ", b"/known "))
        old = await answer_to(url, b"GET / HTTP/1.0\r\n\r\n")
    assert chunked.count(b"Transfer-Encoding: chunked\r\n") == 1
    assert chunked.endswith(b"\r\n\r\n2\r\nab\r\n0\r\n\r\n")
    assert b"Transfer-Encoding" not in known + old
    assert b"Content-Length: 2\r\n" in known
    assert seen == [("chunked", None), True, ("chunked", None), False, (None, None), False]


@pytest.mark.parametrize(
    ("change", "cookies"),
    [
        (lambda response: response.set_cookie("b", "2"), [b"a=1; Path=/", b"b=2; Path=/"]),
        (lambda response: response.set_cookie("a", "2"), [b"a=2; Path=/"]),
        (lambda response: response.cookies.clear(), []),
        (lambda response: response.headers.popall("Set-Cookie"), []),
        (lambda response: response.headers.add("Set-Cookie", "c=3"), [b"a=1; Path=/", b"c=3"]),
    ],
    ids=["sets one", "replaces it", "clears cookies", "drops fields", "adds a field"],
)
async def test_what_a_handler_of_on_response_prepare_leaves_of_cookies_is_sent_once(
    serving, answer_to, change, cookies
):
    async def hook(request, response):
        change(response)

    async def handler(request):
        response = web.Response()
        response.set_cookie("a", "1")
        return response

    app = serves(handler)
    app.on_response_prepare.append(hook)
    async with serving(app) as url:
        answer = await answer_to(url, LAST)
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert [line.removeprefix(b"Set-Cookie: ") for line in lines if line.startswith(b"Set-Cookie")] == cookies


async def test_a_head_that_was_refused_may_be_mended_and_sent(serving, answer_to):
    """Handlers of `on_response_prepare` are asked twice then, and cookies are sent once all the same."""
    shown = []

    async def look(request, response):
        shown.append(response.headers.getall("Set-Cookie"))

    async def handler(request):
        response = web.StreamResponse(headers={"X-A": "\n"})
        response.set_cookie("a", "1")
        with pytest.raises(ValueError, match="X-A"):
            await response.prepare(request)
        response.headers["X-A"] = "fine"
        await response.prepare(request)
        return response

    app = serves(handler)
    app.on_response_prepare.append(look)
    async with serving(app) as url:
        answer = await answer_to(url, LAST)
    assert b"\r\nX-A: fine\r\n" in answer
    assert answer.count(b"Set-Cookie:") == 1
    assert shown == [["a=1; Path=/"]] * 2


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
async def test_the_headers_of_a_response_are_those_that_were_sent(serving, answer_to, streams):
    """An access logger, a middleware, and a handler after `prepare` look at them."""
    told = []

    class Logger(AbstractAccessLogger):
        def log(self, request, response, time):
            told.append({name.lower() for name in response.headers})

    async def handler(request):
        response = web.StreamResponse() if streams else web.Response(text="x")
        response.set_cookie("a", "1")
        return response

    async with serving(serves(handler), access_log_class=Logger) as url:
        answer = await answer_to(url, LAST)
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    [names] = told
    assert names == {line.partition(":")[0].lower() for line in lines}


async def test_the_headers_are_those_that_were_sent_without_anybody_that_looks_on(serving, answer_to):
    """Where nothing is logged, a plain response goes out in the shortest way."""
    responses = []

    async def handler(request):
        responses.append(web.Response(text="x", headers={"X-A": "1"} if request.path == "/headers" else None))
        return responses[-1]

    app = serves(handler)
    app.router.add_get("/headers", handler)
    async with serving(app, access_log=None) as url:
        for path in (b"/ ", b"/headers "):
            answer = await answer_to(url, GET.replace(b"/ ", path))
            head = answer.partition(b"\r\n\r\n")[0].decode().partition("\r\n")[2]
            headers = responses[-1].headers
            assert "\r\n".join(f"{name}: {value}" for name, value in headers.items()) == head
            assert headers is responses[-1].headers
            assert responses[-1].body_length == 1


async def test_the_headers_of_a_websocket_are_those_of_its_handshake(serving, caplog):
    caplog.set_level(logging.INFO, "drywire.access")
    seen = []

    async def look(request, response):
        seen.append(set(response.headers))

    async def handler(request):
        websocket = web.WebSocketResponse(protocols=["chat"], compress=False)
        websocket.set_cookie("a", "1")
        await websocket.prepare(request)
        seen.append(dict(websocket.headers))
        return websocket

    names = {"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"}
    for hooks in ([], [look]):
        app = serves(handler)
        app.on_response_prepare.extend(hooks)
        async with serving(app, access_log_format="%{Upgrade}o") as url, drywire.ClientSession() as session:
            async with session.ws_connect(url, protocols=["chat"]) as websocket:
                assert websocket.protocol == "chat"
                assert len(websocket._response.headers.getall("Set-Cookie")) == 1
    plain, shown, with_hook = seen
    assert set(plain) == names | {"Set-Cookie"}
    assert plain["Sec-WebSocket-Protocol"] == "chat"
    assert shown >= names
    assert set(with_hook) == names | {"Set-Cookie", "Date", "Server"}
    assert [record.getMessage() for record in logged(caplog)] == ["websocket"] * 2


async def test_the_log_counts_each_byte_that_was_sent(serving, answer_to, caplog, tmp_path):
    caplog.set_level(logging.INFO, "drywire.access")
    file = tmp_path / "file"
    file.write_bytes(bytes(100_000))

    async def whole(request):
        return web.Response(text="x")

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(20):
            await response.write(b"xyz")
        response.trailers["X-Sum"] = "1"
        return response

    async def from_disk(request):
        return web.FileResponse(file)

    async def crash(request):
        raise LookupError

    app = web.Application(logger=logging.Logger("test"))
    for number, handler in enumerate((whole, stream, from_disk, crash)):
        app.router.add_get(f"/{number}", handler)
    async with serving(app, logger=logging.Logger("test")) as url:
        targets = [b"/0 ", b"/1 ", b"/2 ", b"/3 ", b"/missing ", b"/ \xff"]
        sizes = [len(await answer_to(url, LAST.replace(b"/ ", target))) for target in targets]
    assert [record.response_size for record in logged(caplog)] == sizes


async def test_the_loop_of_an_application_is_the_one_that_it_runs_on(serving, answer_to):
    """``app.loop.run_in_executor(...)``, ``app.loop.create_task(...)``."""
    loops = []

    def look(app):
        with pytest.warns(DeprecationWarning, match="loop property"):
            loops.append(app.loop)

    async def startup(app):
        look(app)

    async def handler(request):
        look(request.app)
        return web.Response()

    app, inner = web.Application(), serves(handler)
    for each in (app, inner):
        each.on_startup.append(startup)
    app.add_subapp("/inner", inner)
    async with serving(app) as url:
        await answer_to(url, LAST.replace(b"/ ", b"/inner/ "))
        await current_runtime().in_thread(look, inner)  # for ``app.loop.call_soon_threadsafe(...)``
    await current_runtime().in_thread(look, inner)
    assert loops == [getattr(current_runtime(), "loop", None)] * 4 + [None]


def test_an_application_that_runs_nowhere_has_no_loop():
    with pytest.warns(DeprecationWarning, match="loop property"):
        assert web.Application().loop is None


@pytest.mark.parametrize("logs", [False, True], ids=["no access log", "access log"])
@pytest.mark.parametrize("raises", [False, True], ids=["returned", "raised"])
async def test_another_response_after_one_that_has_ended_keeps_the_connection(serving, answer_to, caplog, raises, logs):
    if logs:
        caplog.set_level(logging.INFO, "drywire.access")

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof(b"x")
        if raises:
            raise web.HTTPNotFound(text="nobody gets this")
        return web.Response(text="nobody gets this", status=201)

    async with serving(serves(handler)) as url:
        answer = await answer_to(url, GET + LAST)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"nobody" not in answer
    assert [record.response_status for record in logged(caplog)] == [200, 200] * logs
    warned = [record for record in caplog.records if record.levelno > logging.INFO]
    assert [(record.levelname, record.exc_info) for record in warned] == [("WARNING", None)] * 2
    assert warned[0].getMessage().startswith("GET /: the handler has ended a response")


@pytest.mark.parametrize("logs", [False, True], ids=["no access log", "access log"])
@pytest.mark.parametrize("body", [{"text": ""}, {"body": b""}, {}], ids=["text", "bytes", "none"])
async def test_an_empty_body_has_no_length_for_head(serving, answer_to, caplog, body, logs):
    if logs:
        caplog.set_level(logging.INFO, "drywire.access")

    async def handler(request):
        return web.Response(**body)

    async with serving(serves(handler)) as url:
        assert b"Content-Length" not in await answer_to(url, LAST.replace(b"GET", b"HEAD"))
        assert b"\r\nContent-Length: 0\r\n" in await answer_to(url, LAST)


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET /x#frag HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_a_request_that_cannot_be_read_is_answered_with_a_date(serving, answer_to, request_bytes):
    async with serving(web.Application()) as url:
        answer = await answer_to(url, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nDate: " in answer
    assert b"\r\nServer: " in answer


@pytest.mark.parametrize("resets", [False, True], ids=["ends", "resets"])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_an_upload_that_breaks_off_is_caught_as_either_error(serving, caplog, framing, resets):
    """aiohttp's handlers catch ConnectionResetError, those who read its documents RequestPayloadError."""
    runtime = current_runtime()
    begun, done = runtime.wake(), runtime.wake()
    caught = []

    async def handler(request):
        begun.set()
        try:
            await request.read()
        except ConnectionResetError as error:
            caught.append(error)
            raise
        finally:
            done.set()

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app) as url:
        with socket.create_connection(address(url)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing)
            await runtime.park(begun, runtime.now() + 10)
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
        await runtime.park(done, runtime.now() + 10)
    [error] = caught
    assert isinstance(error, web.RequestPayloadError)
    assert error.status == 400
    assert not complaints(caplog)


@pytest.mark.parametrize("clones", [False, True], ids=["request", "clone"])
async def test_a_multipart_body_that_is_malformed_is_a_400(serving, answer_to, caplog, clones):
    """As it is where a form is read whole."""

    async def handler(request):
        if clones:
            request = request.clone(host="b")
        async for part in await request.multipart():
            await part.read()

    app = web.Application()
    app.router.add_post("/", handler)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 7\r\n\r\n"
    async with serving(app) as url:
        assert (await answer_to(url, head + b"--x\r\nno")).startswith(b"HTTP/1.1 400 ")
    assert not complaints(caplog)


async def test_a_multipart_body_that_comes_from_elsewhere_is_the_handlers_own_affair(serving, answer_to, caplog):
    async def handler(request):
        raise MultipartError("another server is at fault")

    async with serving(serves(handler)) as url:
        assert (await answer_to(url, LAST)).startswith(b"HTTP/1.1 500 ")
    assert len(complaints(caplog)) == 1


async def test_a_websocket_can_be_prepared_for_a_mocked_request():
    websocket = web.WebSocketResponse()
    await websocket.prepare(make_mocked_request("GET", "/", headers=HANDSHAKE))
    assert websocket.headers["Upgrade"].lower() == "websocket"
