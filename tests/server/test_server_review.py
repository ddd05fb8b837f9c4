"""Where pieces of the server meet: what one of them does must hold for the others."""

import contextlib
import gc
import os

import pytest

from drywire import web
from drywire_server.in_memory import ApplicationInMemory
from drywire_transports import TransportError, current_runtime, memory_pair

FORM = (
    b'--B\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n' + b"x" * 2_000_000 + b"\r\n--B--\r\n"
)
POST = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: %d\r\n\r\n"

HANDSHAKE = (
    b"GET /websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode()


def open_files():
    gc.collect()
    paths = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            paths.append(os.readlink(f"/proc/self/fd/{number}"))
    return [path for path in paths if path.endswith((".bin", " (deleted)"))]


async def connected(url):
    host, _, port = url.removeprefix("http://").partition(":")
    return await current_runtime().connect_tcp(host, int(port))


async def test_files_of_a_form_that_was_read_from_a_clone_are_closed(serving, answer_to):
    seen = []

    @web.middleware
    async def believing(request, handler):
        return await handler(request.clone(remote="192.0.2.1"))

    async def handler(request):
        form = await request.post()
        seen.append((request, form["f"].file))
        return web.Response(text=str(len(form["f"].file.read())))

    app = web.Application(middlewares=[believing], client_max_size=0)
    app.router.add_post("/form", handler)
    async with serving(app) as url:
        answer = await answer_to(url, POST % len(FORM) + FORM)
    assert answer.endswith(b"\r\n\r\n2000000")
    [(_, file)] = seen
    assert file.closed


async def test_variables_of_a_path_stand_in_its_order(serving, answer_to):
    async def handler(request):
        return web.json_response(list(request.match_info.items()))

    app = web.Application()
    app.router.add_get("/{year}-{month}-{day}/{name}", handler)
    async with serving(app) as url:
        answer = await answer_to(url, get("/2026-11-21/x"))
    assert answer.endswith(b'[["year", "2026"], ["month", "11"], ["day", "21"], ["name", "x"]]')


@pytest.mark.parametrize("kind", ["whole", "prepared", "raised", "file"])
async def test_a_response_that_was_sent_to_somebody_else_is_a_mistake_that_is_told(
    serving, answer_to, caplog, tmp_path, kind
):
    path = tmp_path / "a.txt"
    path.write_text("file")
    kept = web.HTTPNotFound() if kind == "raised" else web.FileResponse(path) if kind == "file" else web.Response()

    async def handler(request):
        if kind == "raised":
            raise kept
        if kind == "prepared":
            await kept.prepare(request)
        return kept

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        first = await answer_to(url, get("/"))
        assert not caplog.records
        second = await answer_to(url, get("/"))
    assert first.startswith(b"HTTP/1.1 404 " if kind == "raised" else b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert [record.exc_info[1].args[0] for record in caplog.records] == [
        "this response was sent before: make one for each request"
    ]


BEGUN = web.AppKey("BEGUN", list)
ENDED = web.AppKey("ENDED", set)
OPENED = web.AppKey("OPENED", list)
PATH = web.AppKey("PATH", object)


@web.middleware
async def telling(request, handler):
    request.app[BEGUN].append(request.path)
    try:
        return await handler(request)
    finally:
        if request.path != "/generator":
            request.app[ENDED].add(request.path)


async def take_form(request):
    await request.post()
    return web.Response()


async def take_parts(request):
    async for part in await request.multipart():
        await part.read()
    return web.Response()


async def send_pieces(request):
    async def pieces():
        try:
            while True:
                yield b"x" * 65536
        finally:
            request.app[ENDED].add(request.path)

    return web.Response(body=pieces())


async def send_for_ever(request):
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


async def receive_for_ever(request):
    response = web.WebSocketResponse()
    await response.prepare(request)
    async for _ in response:
        pass
    return response


async def wait_for_ever(request):
    runtime = current_runtime()
    await runtime.park(runtime.wake())


async def send_file(request):
    return web.FileResponse(request.app[PATH])


async def send_opened(request):
    request.app[OPENED].append(request.app[PATH].open("rb"))
    return web.Response(body=request.app[OPENED][-1])


def app_of_stages(path):
    app = web.Application(client_max_size=0, middlewares=[telling])
    app[BEGUN], app[ENDED], app[OPENED], app[PATH] = [], set(), [], path
    app.add_routes([web.post("/form", take_form), web.post("/parts", take_parts), web.get("/wait", wait_for_ever)])
    app.add_routes([web.get("/generator", send_pieces), web.get("/stream", send_for_ever)])
    app.add_routes([web.get("/file", send_file), web.get("/opened", send_opened), web.static("/static", path.parent)])
    app.add_routes([web.get("/websocket", receive_for_ever)])
    return app


@pytest.mark.parametrize("handler_cancellation", [False, True])
async def test_nothing_stays_open_of_clients_that_go_at_any_stage(serving, tmp_path, handler_cancellation):
    runtime = current_runtime()
    path = tmp_path / "big.bin"
    path.write_bytes(b"x" * 30_000_000)
    upload = POST % len(FORM) + FORM[:1_500_000]
    requests = [upload, upload.replace(b"/form", b"/parts", 1), *([get("/wait")] if handler_cancellation else [])]
    awaited = ["/file", "/form", "/generator", "/opened", "/parts", "/static/big.bin", "/stream", "/websocket"]
    awaited += ["/wait"] if handler_cancellation else []
    before = open_files()
    app = app_of_stages(path)
    async with serving(app, handler_cancellation=handler_cancellation) as url:
        for number, data in enumerate(requests):
            client = await connected(url)
            await client.send(data)
            while len(app[BEGUN]) <= number:
                await runtime.sleep_until(runtime.now() + 0.001)
            client.abort()
        for data in [*map(get, ("/generator", "/stream", "/file", "/opened", "/static/big.bin")), HANDSHAKE]:
            client = await connected(url)
            await client.send(data)
            assert (await client.receive()).startswith(b"HTTP/1.1 ")
            client.abort()
        deadline = runtime.now() + 5
        while len(app[ENDED]) < len(awaited) and runtime.now() < deadline:
            await runtime.sleep_until(runtime.now() + 0.01)
    assert sorted(app[ENDED]) == sorted(awaited)
    assert [file.closed for file in app[OPENED]] == [True]
    assert open_files() == before


async def test_a_client_that_goes_before_its_handler_has_begun_leaves_no_connection_at_work(serving):
    runtime = current_runtime()
    served = []

    async def handler(request):
        await runtime.park(runtime.wake())

    async def see(app):
        served.append(app)

    app = web.Application()
    app.router.add_get("/", handler)
    app.on_shutdown.append(see)
    async with serving(app, handler_cancellation=True) as url:
        for _ in range(20):  # trio begins its tasks in any order
            client = await connected(url)
            await client.send(get("/"))
            client.abort()
        begun = runtime.now()
    assert runtime.now() - begun < 1
    assert served == [app]


async def test_an_asgi_application_that_was_cancelled_before_it_began_is_forgotten(serving):
    runtime = current_runtime()

    async def hosted(scope, receive, send):
        await runtime.park(runtime.wake())

    app = web.Application()
    web.mount_asgi(app, "/mounted", hosted, lifespan="off")
    async with serving(app, handler_cancellation=True) as url:
        for _ in range(60):
            client = await connected(url)
            await client.send(get("/mounted/x"))
            client.abort()
        await runtime.sleep_until(runtime.now() + 0.1)
        gc.collect()
        assert [thing for thing in gc.get_objects() if type(thing).__name__ == "HTTPExchange"] == []


@pytest.mark.parametrize("failing", ["context", "signal"])
async def test_one_application_that_cannot_be_cleaned_up_keeps_no_other_from_it(serving, failing):
    left = []

    def context(name):
        async def around(app):
            yield
            left.append(name)
            if (name, failing) == ("first", "context"):
                raise RuntimeError("no way out")

        return around

    async def cannot(app):
        if failing == "signal":
            raise RuntimeError("no way out")

    app = web.Application()
    for name in ("first", "second"):
        within = web.Application()
        within.cleanup_ctx.append(context(name))
        within.on_cleanup.append(cannot)
        app.add_subapp(f"/{name}", within)
    with pytest.raises(RuntimeError, match="no way out"):
        async with serving(app):
            pass
    assert left == ["first", "second"]


async def test_a_middleware_may_compress_whatever_it_gets(serving, answer_to, caplog):
    @web.middleware
    async def compressing(request, handler):
        response = await handler(request)
        response.enable_compression()
        return response

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"piece")
        return response

    async def websocket(request):
        response = web.WebSocketResponse()
        await response.prepare(request)
        async for _ in response:
            pass
        return response

    async def whole(request):
        return web.Response(text="text")

    app = web.Application(middlewares=[compressing])
    app.add_routes([web.get("/stream", stream), web.get("/websocket", websocket), web.get("/whole", whole)])
    async with serving(app) as url:
        answer = await answer_to(url, get("/stream"))
        assert answer.endswith(b"\r\n\r\n5\r\npiece\r\n0\r\n\r\n")
        answer = await answer_to(url, HANDSHAKE + b"\x88\x82\0\0\0\0\x03\xe8")
        assert answer.endswith(b"\r\n\r\n\x88\x02\x03\xe8")
        answer = await answer_to(url, get("/whole").replace(b"Host", b"Accept-Encoding: gzip\r\nHost"))
        assert b"Content-Encoding: gzip\r\n" in answer
    assert not caplog.records


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("keeping", [False, True])
async def test_head_of_a_response_without_a_body_announces_no_length(serving, answer_to, keeping, own):
    """An empty one is as none: as with aiohttp, who answers HEAD need not know how long the body would be."""

    async def handler(request):
        body = b"" if "empty" in request.query else None
        return web.Response(body=body, headers={"X-Own": "1"} if own else None)

    async def see(request, response):
        pass

    app = web.Application()
    if keeping:
        app.on_response_prepare.append(see)
    app.router.add_get("/", handler)
    async with serving(app) as url:
        assert b"\r\nContent-Length: 0\r\n" in await answer_to(url, get("/"))
        for target in ("/", "/?empty"):
            answer = await answer_to(url, get(target).replace(b"GET", b"HEAD"))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"Content-Length" not in answer


async def test_a_hook_that_always_fails_is_a_500_and_the_connection_lives(serving, answer_to, caplog):
    async def refuse(request, response):
        raise LookupError("no")

    async def hello(request):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    app.on_response_prepare.append(refuse)
    async with serving(app) as url:
        answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert ["cannot be sent as it is" in record.getMessage() for record in caplog.records] == [True]
    caplog.clear()


async def test_a_connection_in_memory_that_is_cancelled_before_it_begins_is_closed():
    ours, theirs = memory_pair(current_runtime())
    app = ApplicationInMemory(web.Application(), shutdown_timeout=0)
    await app.start()
    app.accept(theirs)
    await app.stop()
    with contextlib.suppress(TransportError):  # it may be told as a reset, too
        assert await ours.receive() == b""
    assert theirs.closed
