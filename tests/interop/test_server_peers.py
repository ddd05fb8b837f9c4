"""Other people's clients and proxies in front of our server, which runs as a process of its own on each loop."""

import asyncio
import importlib.util
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from .. import devtools
from ..ports import free_port
from ..tree import environment

SERVER = Path(__file__).with_name("peer_server.py")
BIG = bytes(range(256)) * 4096  # 1 MiB
CURL, H2LOAD, WRK = (shutil.which(name) for name in ("curl", "h2load", "wrk"))
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def needs(program, name):
    return pytest.mark.skipif(program is None, reason=f"{name} is not installed here")


class Server:
    """Where it is, and the means to trust it."""

    def __init__(self, plain, secure, ca):
        self.port = plain
        self.http = f"http://127.0.0.1:{plain}"
        self.https = f"https://127.0.0.1:{secure}"
        self.ca = ca


@pytest.fixture(
    scope="module",
    params=[
        "asyncio",
        *(
            pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
            for name in ("uvloop", "trio")
        ),
    ],
)
def server(request, ca, tmp_path_factory):
    """A server for all tests of one loop, which must have had nothing to complain of in the end."""
    folder = tmp_path_factory.mktemp("peers")
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(SERVER), request.param, str(folder / "server.pem")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield Server(*map(int, line.split()), folder / "ca.pem")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
        assert (process.returncode, errors) == (0, "")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def output_of(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=30, **options)
    assert done.returncode == 0, done
    return done.stdout


# aiohttp's client


async def plain(session, url):
    for _ in range(10):
        async with session.get(f"{url}/hello") as response:
            assert (response.status, await response.text()) == (200, "hello")


async def uploads(session, url):
    async with session.post(f"{url}/echo", data=BIG, expect100=True) as response:
        assert await response.read() == BIG


async def chunked(session, url):
    async def pieces():
        for start in range(0, len(BIG), 100_000):
            yield BIG[start : start + 100_000]

    async with session.post(f"{url}/echo", data=pieces(), compress="deflate") as response:
        assert await response.read() == BIG


async def forms(session, url):
    data = aiohttp.FormData({"a": "ä"})
    data.add_field("file", BIG, filename="f.bin", content_type="image/x-test")
    async with session.post(f"{url}/form", data=data) as response:
        assert await response.json() == {"a": "ä", "file": ["f.bin", "image/x-test", len(BIG)]}


async def streams(session, url):
    async with session.get(f"{url}/stream") as response:
        assert b"".join([piece async for piece in response.content.iter_any()]) == BIG
    async with session.get(f"{url}/text") as response:
        assert response.headers["Content-Encoding"] in ("gzip", "deflate")
        assert await response.text() == "hällo " * 5000


async def others(session, url):
    async with session.get(f"{url}/redirect") as response:
        assert (str(response.url), await response.text()) == (f"{url}/hello", "hello")
    async with session.head(f"{url}/hello") as response:
        assert (response.content_length, await response.read()) == (5, b"")
    async with session.get(f"{url}/nothing") as response:
        assert response.status == 404
    async with session.delete(f"{url}/hello") as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")
    async with session.ws_connect(f"{url}/socket", compress=15) as ws:
        for message in ("", "hällo", "x" * 100_000):
            await ws.send_str(message)
            assert await ws.receive_str() == message


async def everything(session, url):
    """Ask for all that aiohttp's client can ask for, many at a time."""
    ways = (plain, uploads, chunked, forms, streams, others)
    await asyncio.gather(*(way(session, url) for way in ways for _ in range(4)))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_client_of_aiohttp(server, scheme):
    async def main():
        tls = ssl.create_default_context(cafile=str(server.ca))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
            await everything(session, getattr(server, scheme))
        await asyncio.sleep(0.05)  # aiohttp closes its sockets in later turns of the loop

    asyncio.run(main())


# curl


@needs(CURL, "curl")
@pytest.mark.parametrize(
    ("options", "path", "answer"),
    [
        (["--http1.0"], "/hello", b"hello"),
        (["--http2"], "/hello", b"hello"),  # asks for h2c by Upgrade, which nobody has to take
        (["--compressed"], "/text", ("hällo " * 5000).encode()),
        (["-L"], "/redirect", b"hello"),
        (
            ["-F", "a=b", "-F", "file=@-;filename=f"],
            "/form",
            b'{"a": "b", "file": ["f", "application/octet-stream", 4]}',
        ),
        (["-T", "-"], "/echo", b"data"),
        (["-d", "@-", "-H", "Expect: 100-continue"], "/echo", b"data"),
        (["-X", "OPTIONS", "--request-target", "/echo?*"], "/", b""),
        ([], "/stream", BIG),
    ],
    ids=["1.0", "h2c", "compressed", "redirect", "form", "put", "expect", "options", "stream"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl(server, scheme, options, path, answer):
    common = ["-sS", "--noproxy", "*", "-m", "20", "--cacert", server.ca]
    assert output_of(CURL, *common, *options, getattr(server, scheme) + path, input=b"data") == answer


@needs(CURL, "curl")
def test_curl_uploads_a_mebibyte_and_asks_again_on_the_same_connection(server, tmp_path):
    (tmp_path / "big").write_bytes(BIG * 2)
    urls = [f"{server.http}/echo"] * 2
    command = ["-sS", "--noproxy", "*", "--data-binary", f"@{tmp_path}/big", "-w", "%{num_connects}"]
    assert output_of(CURL, *command, *urls) == BIG * 2 + b"1" + BIG * 2 + b"0"


# Load generators


@needs(H2LOAD, "h2load")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_h2load(server, scheme):
    said = output_of(H2LOAD, "--h1", "-n", 2000, "-c", 20, "-m", 8, f"{getattr(server, scheme)}/hello").decode()
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said
    assert "status codes: 2000 2xx" in said


@needs(WRK, "wrk")
def test_wrk(server):
    said = output_of(WRK, "-d", 1, "-t", 1, "-c", 64, f"{server.http}/stream").decode()
    assert int(re.search(r"(\d+) requests in", said)[1]) > 50
    assert "Socket errors" not in said
    assert "Non-2xx" not in said


# nginx


@pytest.fixture
def nginx(server, tmp_path):
    """nginx in front of the server, with connections to it that it keeps; the URL of the front."""
    port = free_port()
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
        events {{ worker_connections 256; }}
        http {{
            access_log off; client_max_body_size 0;
            client_body_temp_path {tmp_path}/a; proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c;
            uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;
            upstream app {{ server 127.0.0.1:{server.port}; keepalive 16; }}
            map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://app; proxy_http_version 1.1; proxy_redirect off; proxy_set_header Host $http_host;
                    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
                }}
            }}
        }}"""
    )
    child = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                assert child.poll() is None, (tmp_path / "error.log").read_text()
                try:
                    child.wait(0.01)
                except subprocess.TimeoutExpired:
                    continue
        yield f"http://127.0.0.1:{port}"
        errors = [line for line in (tmp_path / "error.log").read_text().splitlines() if "[warn]" not in line]
        assert errors == []
    finally:
        child.terminate()
        child.wait()


@needs(NGINX, "nginx")
def test_nginx_in_front_with_kept_connections_and_websockets(nginx):
    async def main():
        async with aiohttp.ClientSession() as session:
            await everything(session, nginx)
        await asyncio.sleep(0.05)

    asyncio.run(main())


@needs(NGINX, "nginx")
@needs(WRK, "wrk")
def test_nginx_in_front_under_load(nginx):
    said = output_of(WRK, "-d", 1, "-t", 1, "-c", 64, f"{nginx}/hello").decode()
    assert int(re.search(r"(\d+) requests in", said)[1]) > 50
    assert "Socket errors" not in said
    assert "Non-2xx" not in said


# Chromium

EXERCISES = """
(async () => {
  const result = {};
  const texts = await Promise.all([...Array(40).keys()].map(n => fetch('/hello?' + n).then(r => r.text())));
  result.hellos = texts.filter(text => text === 'hello').length;
  const bytes = new Uint8Array(300000).map((_, at) => at % 251);
  const same = buffer => new Uint8Array(buffer).every((byte, at) => byte === at % 251) && buffer.byteLength;
  result.echo = same(await (await fetch('/echo', {method: 'POST', body: bytes})).arrayBuffer());
  result.put = same(await (await fetch('/echo', {method: 'PUT', body: bytes})).arrayBuffer());
  const form = new FormData();
  form.append('a', 'ä'); form.append('file', new Blob([bytes], {type: 'image/x-test'}), 'ä.bin');
  result.form = await (await fetch('/form', {method: 'POST', body: form})).json();
  const plain = new URLSearchParams({a: 'b c', d: 'é&='});
  result.plain = await (await fetch('/form', {method: 'POST', body: plain})).json();
  const stream = (await fetch('/stream')).body.getReader();
  result.stream = 0;
  for (let piece; !(piece = await stream.read()).done;) result.stream += piece.value.length;
  const text = await fetch('/text');
  result.coding = text.headers.get('Content-Encoding');
  result.text = (await text.text()).length;
  result.head = (await fetch('/hello', {method: 'HEAD'})).headers.get('Content-Length');
  result.redirect = (await fetch('/redirect')).url.endsWith('/hello');
  await fetch('/cookie');
  result.cookies = await (await fetch('/cookie')).json();
  const control = new AbortController();
  const endless = (await fetch('/endless', {signal: control.signal})).body.getReader();
  await endless.read();
  control.abort();
  result.aborted = await endless.read().then(() => '', error => error.name);
  do { result.left = await (await fetch('/left')).json(); } while (!result.left);
  result.status = (await fetch('/nothing')).status;
  return JSON.stringify(result);
})()
"""


def test_chromium(server, browser):
    async def main():
        async with devtools.opened(browser, server.http + "/") as (tab,):
            return json.loads(await tab.evaluate(EXERCISES))

    assert asyncio.run(main()) == {
        "hellos": 40,
        "echo": 300_000,
        "put": 300_000,
        "form": {"a": "ä", "file": ["ä.bin", "image/x-test", 300_000]},
        "plain": {"a": "b c", "d": "é&="},
        "stream": len(BIG),
        "coding": "deflate",
        "text": 30_000,
        "head": "5",
        "redirect": True,
        "cookies": {"seen": "yes"},
        "aborted": "AbortError",
        "left": 1,
        "status": 404,
    }
