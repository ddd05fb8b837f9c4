import shutil
import subprocess
from contextlib import asynccontextmanager

import pytest

from drywire import web
from drywire_transports import current_runtime

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed here")


@asynccontextmanager
async def curling():
    """Serve an echo; yield a function that runs curl against it."""

    async def echo(request):
        return web.Response(body=await request.read() or b"hello", content_type="text/plain")

    app = web.Application()
    app.router.add_get("/", echo)
    app.router.add_post("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()

    async def curl(*options, urls=1):
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        command = [CURL, "-sS", "--noproxy", "*", "-m", "10", *options, *[url] * urls]
        done = await current_runtime().in_thread(lambda: subprocess.run(command, capture_output=True, check=True))
        return done.stdout

    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield curl
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ([], b"hello"),
        (["--http1.0"], b"hello"),
        (["--json", '{"a": 1}'], b'{"a": 1}'),
        (["-H", "Expect: 100-continue", "-d", "abc"], b"abc"),
        (["-H", "Transfer-Encoding: chunked", "-d", "abc"], b"abc"),
    ],
    ids=["get", "http-1.0", "json", "expect-100", "chunked"],
)
async def test_curl_is_answered(options, answer):
    async with curling() as curl:
        assert await curl(*options) == answer


async def test_curl_gets_the_head_alone():
    async with curling() as curl:
        head = (await curl("-I")).lower()
    assert head.startswith(b"http/1.1 200 ")
    assert b"content-length: 5\r\n" in head
    assert head.endswith(b"\r\n\r\n")


async def test_curl_asks_for_two_urls_over_one_connection():
    async with curling() as curl:
        assert await curl("-w", "%{num_connects}", urls=2) == b"hello1hello0"
