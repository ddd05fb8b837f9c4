"""ASGI both ways, with real peers: our `Application` under their servers, their applications under ours.

The servers are processes of their own, started as their users start them, and asked over sockets.
"""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..ports import free_port
from ..tree import environment

FOLDER = os.path.dirname(__file__)
BIG = bytes(range(256)) * 2048  # 512 KiB


def needs(*names):
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed here: {', '.join(missing)}")


SERVERS = [
    pytest.param("uvicorn", ["--host", "127.0.0.1", "--port", "PORT"], id="uvicorn", marks=needs("uvicorn")),
    pytest.param("hypercorn", ["--bind", "127.0.0.1:PORT"], id="hypercorn", marks=needs("hypercorn")),
    pytest.param(
        "hypercorn", ["--bind", "127.0.0.1:PORT", "-k", "trio"], id="hypercorn-trio", marks=needs("hypercorn", "trio")
    ),
    pytest.param(
        "granian",
        ["--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT"],
        id="granian",
        marks=needs("granian"),
    ),
]


@pytest.fixture
def serve(tmp_path):
    """Run a server's command line with our application; return the process, its URL, and where notes are taken."""
    started = []

    def start(server, arguments):
        port = free_port()
        arguments = [argument.replace("PORT", str(port)) for argument in arguments]
        notes = tmp_path / "notes"
        notes.touch()
        with open(tmp_path / "output", "wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", server, *arguments, "asgi_application:app"],
                cwd=FOLDER,
                env={**environment(), "NOTES": str(notes)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers end with it
            )
        started.append(child)
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return child, f"http://127.0.0.1:{port}", notes
            except ConnectionRefusedError:
                assert child.poll() is None, (tmp_path / "output").read_text()
                a_moment(child)
        raise AssertionError(f"{server} did not begin to listen")

    yield start
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def a_moment(child):
    """Give a process that is starting a moment of time."""
    try:
        child.wait(0.01)
    except subprocess.TimeoutExpired:
        return


async def noted(notes, text):
    """Wait until `text` is among the notes."""
    runtime = current_runtime()
    until = runtime.now() + 10
    while text not in notes.read_text().splitlines():
        assert runtime.now() < until, notes.read_text()
        await runtime.sleep_until(runtime.now() + 0.01)


async def check_requests(session, url):
    async with session.get(f"{url}/about/a%20b?q=%C3%A9", headers=[("X-Twice", "1"), ("X-Twice", "2")]) as response:
        about = await response.json()
        assert (response.status, response.headers["X-Here"]) == (200, "1")
        assert len(response.headers.getall("Date", ["none"])) == 1
        assert len(response.headers.getall("Server", ["none"])) == 1
    loop = about.pop("loop")
    host = url.removeprefix("http://")
    assert about == {
        "method": "GET",
        "path": "/about/a b",
        "query": "q=é",
        "version": [1, 1],
        "scheme": "http",
        "remote": "127.0.0.1",
        "host": host,
        "url": f"http://{host}/about/a%20b?q=%C3%A9",
        "accept": ["1", "2"],
    }
    async with session.head(f"{url}/about/x") as response:
        assert (response.status, await response.read()) == (200, b"")
    for path, status in [("/none", 404), ("/echo", 405), ("/raising", 500)]:
        async with session.get(url + path) as response:
            assert response.status == status
    async with session.post(f"{url}/echo", data=BIG) as response:
        assert (response.status, await response.read()) == (201, BIG)
    return loop


async def check_streams(session, url, notes):
    """Each piece is answered before the next is sent; a cut response is told from a whole one; and leaving is told."""
    runtime = current_runtime()
    turn = [runtime.wake()]

    async def pieces():
        for number in range(3):
            yield b"%d" % number
            await runtime.park(turn[0])
            turn[0] = runtime.wake()

    async with session.post(f"{url}/echo", data=pieces()) as response:
        for number in range(3):
            assert await response.content.readany() == b"%d" % number
            turn[0].set()
        assert await response.content.read() == b""
    with pytest.raises(drywire.ClientPayloadError):
        async with session.get(f"{url}/broken") as response:
            await response.read()
    async with session.get(f"{url}/endless") as response:
        await response.content.readexactly(5000)
        response.close()
    await noted(notes, "gone")


CODE_HEARD = {"hypercorn": 1006}
"""What a server tells of a WebSocket that its client closed with 4001, if not that."""
WITHOUT_HEADERS = {"granian"}
"""Servers that do not send the headers of ``websocket.accept``."""


async def check_websockets(session, url, notes, server):
    async with session.ws_connect(f"{url}/talk", protocols=["other", "chat"]) as ws:
        assert ws.protocol == "chat"
        assert ("X-Talk" in ws._response.headers) == (server not in WITHOUT_HEADERS)
        await ws.send_str("häll")
        assert await ws.receive_str() == "HÄLL"
        await ws.send_bytes(BIG)
        assert await ws.receive_bytes() == BIG[::-1]
        await ws.close(code=4001)
    await noted(notes, f"closed {CODE_HEARD.get(server, 4001)}")
    async with session.ws_connect(f"{url}/talk") as ws:
        await ws.send_str("bye")
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (drywire.WSMsgType.CLOSE, 4002, "as you like")
    with pytest.raises(drywire.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{url}/refuse")
    assert refused.value.status == 403


async def check_http2(url):
    async def pieces():
        for _ in range(3):
            yield BIG

    async with httpx.AsyncClient(http1=False, http2=True) as client:
        answer = await client.get(f"{url}/about/x")
        assert (answer.http_version, answer.json()["version"]) == ("HTTP/2", [2, 0])
        assert answer.json()["host"] == url.removeprefix("http://")
        answer = await client.post(f"{url}/echo", content=pieces())
        assert (answer.status_code, answer.content) == (201, 3 * BIG)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(("server", "arguments"), SERVERS)
async def test_our_application_runs_under_other_servers(serve, server, arguments, anyio_backend):
    runtime = current_runtime()
    child, url, notes = await runtime.in_thread(serve, server, arguments)
    await noted(notes, "started")
    async with drywire.ClientSession() as session:
        loop = await check_requests(session, url)
        assert loop == ("trio" if "trio" in arguments else "asyncio")
        await check_streams(session, url, notes)
        await check_websockets(session, url, notes, server)
    if server == "hypercorn":
        await check_http2(url)
    child.send_signal(signal.SIGTERM)
    await runtime.in_thread(child.wait, 15)
    assert notes.read_text().splitlines()[-1] == "ended"


# Their applications under our server


async def check_starlette_requests(session, base, told, guest):
    url = f"{base}/guest"
    for sub in ("", "/sub"):
        target = f"{url}{sub}/about/ada?q=%C3%A9"
        async with session.get(target, headers=[("X-Twice", "1"), ("X-Twice", "2")]) as response:
            assert (response.status, response.headers["X-Here"], response.headers["X-Mark"]) == (200, "1", "1")
            assert await response.json() == {
                "path": f"/guest{sub}/about/ada",
                "root": f"/guest{sub}",
                "name": "ada",
                "url": target,
                "link": f"{url}/about/ada",
                "query": "é",
                "client": "127.0.0.1",
                "state": "a pool",
                "twice": ["1", "2"],
            }
    async with session.head(f"{url}/about/x?q=1") as response:
        assert response.status == 200
        assert response.content_length > 50
    for path, status in [("/none", 404), ("/echo", 405), ("/raising", 500)]:
        async with session.get(url + path) as response:
            assert response.status == status
    async with session.get(f"{url}/later") as response:
        assert await response.text() == "soon"
    async with session.get(f"{base}/own") as response:  # over the same connection: the work keeps nobody waiting
        assert (await response.text(), told) == ("ours", ["started"])
    guest.state.gate.set()
    await current_runtime().park(guest.state.worked, current_runtime().now() + 5)


async def check_starlette_streams(session, url):
    async with session.get(f"{url}/file") as response:
        assert (await response.text()).startswith('"""A Starlette application that our server runs.')
        assert response.content_type == "text/x-python"
    async with session.get(f"{url}/file", headers={"Range": "bytes=3-13"}) as response:
        assert (response.status, await response.read()) == (206, b"A Starlette")
    async with session.post(f"{url}/echo", data=BIG) as response:
        assert (response.status, await response.read()) == (201, BIG)
    with pytest.raises(drywire.ClientPayloadError):
        async with session.get(f"{url}/broken") as response:
            await response.read()
    async with session.get(f"{url}/endless") as response:
        await response.content.readexactly(1000)
        response.close()


async def check_starlette_websockets(session, url):
    async with session.ws_connect(f"{url}/talk", protocols=["chat"]) as ws:
        assert (ws.protocol, ws._response.headers["X-Talk"]) == ("chat", "1")
        await ws.send_str("häll")
        assert await ws.receive_str() == "HÄLL"
        await ws.send_bytes(BIG)
        assert await ws.receive_bytes() == BIG[::-1]
        await ws.close(code=4001, message=b"done")
    async with session.ws_connect(f"{url}/talk", protocols=["chat"]) as ws:
        await ws.send_str("bye")
        message = await ws.receive()
        assert (message.data, message.extra) == (4002, "as you like")
    for path, status in [("/refuse", 401), ("/close", 403), ("/none", 403)]:
        with pytest.raises(drywire.WSServerHandshakeError) as refused:
            await session.ws_connect(url + path)
        assert refused.value.status == status


@web.middleware
async def mark(request, handler):
    response = await handler(request)
    if not response.prepared:
        response.headers["X-Mark"] = "1"
    return response


@needs("starlette")
async def test_a_starlette_application_runs_under_our_server(caplog):
    from .starlette_application import application

    async def own(request):
        return web.Response(text="ours")

    told = []
    guest = application(told, current_runtime())
    app = web.Application(middlewares=[mark])
    app.router.add_get("/own", own)
    resource = web.mount_asgi(app, "/guest", guest, name="guest")
    assert str(app.router["guest"].url_for(path="/about/a b")) == "/guest/about/a%20b"
    assert resource.get_info() == {"asgi_app": guest, "prefix": "/guest"}
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = site.name
    async with drywire.ClientSession() as session:
        assert told == ["started"]
        await check_starlette_requests(session, base, told, guest)
        await check_starlette_streams(session, f"{base}/guest")
        await check_starlette_websockets(session, f"{base}/guest")
        open_to_the_end = await session.ws_connect(f"{base}/guest/talk")
        receiving = current_runtime().spawn(open_to_the_end.receive)
        await runner.cleanup()
        await receiving.wait()
        assert open_to_the_end.close_code == 1001
    assert told[:2] == ["started", "worked"]
    assert told[-1] == "ended"
    assert set(told[2:-1]) == {"gone", (4001, "done"), (4002, ""), (1001, "")}
    assert [record.exc_info[1].args for record in caplog.records] == [("at once",), ("half-way",)]


@needs("starlette")
async def test_our_application_is_mounted_in_a_starlette_application_under_our_server(serving):
    from starlette.applications import Starlette
    from starlette.routing import Mount

    told = []

    async def lifetime(app):
        told.append("started")
        yield
        told.append("ended")

    async def about(request):
        return web.Response(text=f"{request.path_qs} {request.remote} {(await request.text())[::-1]}")

    async def talk(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data.upper())
        return ws

    ours = web.Application()
    ours.cleanup_ctx.append(lifetime)
    ours.add_routes([web.post("/about", about), web.get("/talk", talk)])

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with web.asgi_lifespan(ours):
            yield

    theirs = Starlette(lifespan=lifespan, routes=[Mount("/in", app=ours)])
    outermost = web.Application()
    web.mount_asgi(outermost, "/guest", theirs)
    async with serving(outermost) as url, drywire.ClientSession() as session:
        assert told == ["started"]
        async with session.post(f"{url}/guest/in/about?q=1", data=b"abc") as response:
            assert await response.text() == "/about?q=1 127.0.0.1 cba"
        async with session.ws_connect(f"{url}/guest/in/talk") as ws:
            await ws.send_str("deep down")
            assert await ws.receive_str() == "DEEP DOWN"
    assert told == ["started", "ended"]


@needs("fastapi")
async def test_a_fastapi_application_runs_alone_under_our_server(serving):
    from fastapi import Depends, FastAPI, WebSocket
    from pydantic import BaseModel

    class Item(BaseModel):
        name: str
        price: float

    app = FastAPI(root_path="")

    async def who(q: str = "nobody"):
        yield q

    @app.post("/items/{number}")
    async def put(number: int, item: Item, asked_by: str = Depends(who)):
        return {"number": number, "item": item, "by": asked_by}

    @app.get("/blocking")
    def blocking():
        return "from a thread"

    @app.websocket("/ws/{name}")
    async def talk(ws: WebSocket, name: str):
        await ws.accept()
        async for text in ws.iter_text():
            await ws.send_json({name: text})

    async with serving(web.asgi_application(app)) as url, drywire.ClientSession() as session:
        async with session.post(f"{url}/items/3?q=me", json={"name": "tea", "price": 2}) as response:
            assert await response.json() == {"number": 3, "item": {"name": "tea", "price": 2.0}, "by": "me"}
        async with session.post(f"{url}/items/x", json={"name": "tea"}) as response:
            assert response.status == 422
        async with session.get(f"{url}/blocking") as response:
            assert await response.json() == "from a thread"
        async with session.get(f"{url}/openapi.json") as response:
            assert "/items/{number}" in (await response.json())["paths"]
        async with session.ws_connect(f"{url}/ws/ada") as ws:
            await ws.send_str("hi")
            assert await ws.receive_json() == {"ada": "hi"}


@needs("django")
@pytest.mark.parametrize("anyio_backend", ["asyncio", ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"])
async def test_a_django_application_runs_under_our_server(serving, anyio_backend):
    import django
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler
    from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path, reverse

    async def about(request):
        return JsonResponse({"path": request.path, "info": request.path_info, "link": reverse("about")})

    def blocking(request):
        return HttpResponse(request.body[::-1], status=201)

    async def stream(request):
        async def pieces():
            for number in range(3):
                yield b"%d" % number

        return StreamingHttpResponse(pieces())

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None, ROOT_URLCONF=type("Urls", (), {}))
        django.setup()
    settings.ROOT_URLCONF.urlpatterns = [path("about", about, name="about"), path("back", blocking), path("s", stream)]
    app = web.Application()
    web.mount_asgi(app, "/dj", ASGIHandler())
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/dj/about") as response:
            assert await response.json() == {"path": "/dj/about", "info": "/about", "link": "/dj/about"}
        async with session.post(f"{url}/dj/back", data=BIG) as response:
            assert (response.status, await response.read()) == (201, BIG[::-1])
        async with session.get(f"{url}/dj/s") as response:
            assert await response.read() == b"012"
