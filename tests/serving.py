"""A server of ours, and a raw connection to it."""

import contextlib

import pytest

from drywire import web
from drywire_transports import current_runtime


@pytest.fixture
def serving():
    """``async with serving(app) as url``: the app on a free port of this machine."""

    @contextlib.asynccontextmanager
    async def serve(app, ssl_context=None, **settings):
        runner = web.AppRunner(app, shutdown_timeout=2, **settings)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
            await site.start()
            yield site.name
        finally:
            await runner.cleanup()

    return serve


@pytest.fixture
def answer_to():
    """``await answer_to(url, bytes)``: all that the server says to these bytes, up to its end of the connection."""

    async def ask(url, data, eof=True):
        runtime = current_runtime()
        host, _, port = url.removeprefix("http://").partition(":")
        stream = await runtime.connect_tcp(host, int(port))
        stream.read_deadline = runtime.now() + 10
        try:
            await stream.send(data)
            if eof:
                await stream.send_eof()
            answer = b""
            while piece := await stream.receive():
                answer += piece
            return answer
        finally:
            stream.abort()

    return ask
