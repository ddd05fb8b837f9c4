"""Other people's clients talk to our server, and our client to other people's servers and to nginx."""

import asyncio
import shutil
import socket
import subprocess

import aiohttp
import httpx
import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..ports import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")
BIG = bytes(range(256)) * 4096  # 1 MiB


def echo_app():
    async def hello(request):
        return web.Response(text="hello")

    async def echo(request):
        return web.Response(body=await request.read())

    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(BIG), 50_000):
            await response.write(BIG[start : start + 50_000])
        await response.write_eof()
        return response

    app = web.Application(client_max_size=0)
    app.add_routes([web.get("/", hello), web.post("/echo", echo), web.get("/stream", stream)])
    return app


@pytest.fixture
def nginx(tmp_path):
    """Run nginx with a server block on a free port of its own; it is ended with the test."""
    started = []

    def start(body):
        port = free_port()
        conf = tmp_path / "nginx.conf"
        conf.write_text(
            f"""
            daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
            events {{ worker_connections 64; }}
            http {{
                access_log off; client_max_body_size 0;
                client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
                uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;
                {body.replace("PORT", str(port))}
            }}"""
        )
        child = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(conf)], stderr=subprocess.DEVNULL)
        started.append(child)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return f"http://127.0.0.1:{port}"
            except ConnectionRefusedError:
                assert child.poll() is None, (tmp_path / "error.log").read_text()
                child_wait(child)
        raise AssertionError("nginx did not begin to listen")

    yield start
    for child in started:
        child.terminate()
        child.wait()


def child_wait(child):
    """Give a process that is starting a moment of time."""
    try:
        child.wait(0.01)
    except subprocess.TimeoutExpired:
        return


async def check_server(session, url):
    """What every HTTP server does, asked by our client."""
    for _ in range(3):
        async with session.get(f"{url}/") as response:
            assert (response.status, await response.text()) == (200, "hello")
    async with session.post(f"{url}/echo", data=BIG) as response:
        assert await response.read() == BIG

    async def pieces():
        for start in range(0, len(BIG), 100_000):
            yield BIG[start : start + 100_000]

    async with session.post(f"{url}/echo", data=pieces()) as response:
        assert await response.read() == BIG
    async with session.get(f"{url}/stream") as response:
        assert await response.read() == BIG


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_client_of_aiohttp_talks_to_our_server(serving, anyio_backend):
    async with serving(echo_app()) as url:
        connector = aiohttp.TCPConnector(force_close=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            await check_server(session, url)
        # aiohttp closes its sockets in a later turn of the loop.
        await asyncio.sleep(0)


async def test_the_client_of_httpx_talks_to_our_server(serving):
    async with serving(echo_app()) as url:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/")).text == "hello"
            assert (await client.post(f"{url}/echo", content=BIG)).content == BIG
            assert (await client.get(f"{url}/stream")).content == BIG


AIOHTTP_SERVER = """
    import asyncio
    from aiohttp import web
    BIG = bytes(range(256)) * 4096
    async def hello(request): return web.Response(text="hello")
    async def echo(request): return web.Response(body=await request.read())
    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(BIG), 50_000):
            await response.write(BIG[start : start + 50_000])
        return response
    async def main():
        app = web.Application(client_max_size=0)
        app.add_routes([web.get("/", hello), web.post("/echo", echo), web.get("/stream", stream)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()
    asyncio.run(main())
"""

UVICORN_SERVER = """
    import socket, uvicorn
    BIG = bytes(range(256)) * 4096
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer = {"/": b"hello", "/stream": BIG}.get(scope["path"], body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for start in range(0, len(answer), 50_000):
            await send({"type": "http.response.body", "body": answer[start : start + 50_000], "more_body": True})
        await send({"type": "http.response.body"})
    sock = socket.create_server(("127.0.0.1", 0))
    print(sock.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).run([sock])
"""


@pytest.mark.parametrize("code", [AIOHTTP_SERVER, UVICORN_SERVER], ids=["aiohttp.web", "uvicorn"])
async def test_our_client_talks_to_other_servers(process, code):
    port = await current_runtime().in_thread(process, code)
    async with drywire.ClientSession() as session:
        await check_server(session, f"http://127.0.0.1:{port}")


@needs_nginx
async def test_our_client_reads_files_from_nginx(nginx, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "big").write_bytes(BIG)
    url = await current_runtime().in_thread(nginx, f"server {{ listen 127.0.0.1:PORT; root {tmp_path}/files; }}")
    async with drywire.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"{url}/big") as response:
                assert response.headers["Server"].startswith("nginx")
                assert await response.read() == BIG
        async with session.head(f"{url}/big") as response:
            assert (response.content_length, await response.read()) == (len(BIG), b"")
        async with session.get(f"{url}/nothing") as response:
            assert response.status == 404


PROXIES = {
    "HTTP/1.0": "location / { proxy_pass UPSTREAM; }",
    "HTTP/1.1": 'location / { proxy_pass UPSTREAM; proxy_http_version 1.1; proxy_set_header Connection ""; }',
    "unbuffered": "location / { proxy_pass UPSTREAM; proxy_http_version 1.1; proxy_buffering off; "
    "proxy_request_buffering off; }",
}


@needs_nginx
@pytest.mark.parametrize("kind", PROXIES)
async def test_nginx_stands_in_front_of_our_server(serving, nginx, kind):
    async with serving(echo_app()) as upstream:
        body = f"server {{ listen 127.0.0.1:PORT; {PROXIES[kind].replace('UPSTREAM', upstream)} }}"
        url = await current_runtime().in_thread(nginx, body)
        async with drywire.ClientSession() as session:
            await check_server(session, url)
