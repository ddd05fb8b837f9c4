"""What deployments that move here met: signals during a slow start, reasons in words, functions under gunicorn."""

import contextlib
import gzip
import http.client
import importlib.util
import os
import pathlib
import re
import signal
import socket

import pytest

from drywire import web
from drywire_transports import current_runtime

from .programs import LOOPS, program  # noqa: F401 - a fixture

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")

SLOW = """
import os, sys
from drywire import web
from drywire_transports import current_runtime

async def context(app):
    os.write(1, b"open\\n")
    yield
    os.write(1, b"closed\\n")

async def wait(app):
    os.write(1, b"waits\\n")
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + 60)

async def hello(request):
    return web.Response(text="hello")

def make():
    app = web.Application()
    app.router.add_get("/", hello)
    app.cleanup_ctx.append(context)
    if not os.path.exists("fast"):
        app.on_startup.append(wait)
    return app

workers = int(sys.argv[2]) or None
web.run_app(make, host="127.0.0.1", port=0, backend=sys.argv[1], workers=workers, shutdown_timeout=1)
print("returned", flush=True)
"""


def slow(folder):
    (folder / "slow.py").write_text(SLOW)
    return str(folder / "slow.py")


@pytest.mark.parametrize(
    ("loop", "workers"),
    [(*getattr(loop, "values", [loop]), "0") for loop in LOOPS] + [pytest.param("asyncio", "2", marks=needs_fork)],
)
def test_a_signal_ends_a_start_that_takes_long(program, tmp_path, loop, workers):  # noqa: F811
    """As while a database does not answer: it need not be sent twice, and what was opened is closed."""
    if loop != "asyncio":
        pytest.importorskip(loop)
    count = int(workers) or 1
    server = program(slow(tmp_path), loop, workers, banner=False, cwd=tmp_path)
    server.until(lambda: server.out.count("waits") == count)
    assert server.end() == (0, "")
    assert server.out.count("closed") == count
    assert server.out[-1] == "returned"


@needs_fork
def test_a_second_reload_replaces_those_that_are_still_starting(program, tmp_path):  # noqa: F811
    """The first one may hang in its start, and the second one is for what has mended that."""
    fast = tmp_path / "fast"
    fast.touch()
    server = program(slow(tmp_path), "asyncio", "1", cwd=tmp_path)
    fast.unlink()
    server.send(signal.SIGHUP)
    server.until(lambda: "waits" in server.out)
    fast.touch()
    server.send(signal.SIGHUP)
    server.until(lambda: server.out.count("open") == 3)
    server.until(lambda: server.out.count("closed") == 2)
    assert server.get() == (200, "hello")
    assert server.end() == (0, "")
    assert server.out.count("closed") == 3


@needs_fork
@pytest.mark.parametrize(
    ("left", "said"), [('sys.exit("DATABASE_URL is not set")', "DATABASE_URL is not set"), ("sys.exit(5)", "status 5")]
)
def test_a_worker_says_why_it_exits(program, left, said):  # noqa: F811
    code = f"import sys\nfrom drywire import web\ndef make():\n    {left}\nweb.run_app(make, port=0, workers=1)"
    server = program("-c", code, banner=False)
    assert server.wait() == 1
    assert any(said in line for line in server.err)


async def test_the_private_name_of_run_app_inside_a_loop_is_there(answer_to):
    """``asyncio.run(web._run_app(app))`` is what programs have that run more than a server."""
    runtime = current_runtime()
    said = []
    listens = runtime.wake()

    def say(text):
        said.append(text)
        listens.set()

    async def hello(request):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    task = runtime.spawn(lambda: web._run_app(app, host="127.0.0.1", port=0, print=say))
    await runtime.park(listens, runtime.now() + 10)
    url = re.search(r"http://\S+", said[0])[0]
    answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"hello")
    task.cancel()
    assert await task.wait(runtime.now() + 10)


def test_the_command_line_hands_bodies_to_an_asgi_application_as_they_came(program, tmp_path):  # noqa: F811
    """As `run_asgi` does, and other servers of ASGI: it decodes them itself."""
    (tmp_path / "guest.py").write_text(
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'http'\n"
        "    body = (await receive())['body']\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
    )
    server = program("-m", "drywire.web", "-H", "127.0.0.1", "-P", "0", "guest:app", cwd=tmp_path)
    body = gzip.compress(b"hello")
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request("POST", "/", body, {"Content-Encoding": "gzip"})
        assert connection.getresponse().read() == body
    assert server.end()[0] == 0


@pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed here")
def test_gunicorn_may_be_given_a_plain_function(program, tmp_path):  # noqa: F811
    (tmp_path / "pages.py").write_text("from drywire import web\ndef make():\n    return web.Application()\n")
    settings = ["-b", "127.0.0.1:0", "--no-control-socket", "-k", "drywire.worker.GunicornWebWorker"]
    server = program("-m", "gunicorn", *settings, "pages:make", cwd=tmp_path, banner=False, flags=())
    found = server.until(lambda: re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", "\n".join(server.err)))
    server.port = int(found[1])
    assert server.get("/nowhere")[0] == 404
    assert server.end()[0] == 0


async def nobody(scope, receive, send):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("app", "settings", "error", "says"),
    [
        (web.Application, {"ssl_context": ("cert.pem", "key.pem")}, TypeError, "ssl_context must be .*from_files"),
        (web.Application, {"port": 99999}, OverflowError, "port must be 0 to 65535, not 99999"),
        (web.Application, {"port": -1, "workers": 2}, OverflowError, "port must be"),
        (nobody, {}, TypeError, "application of ASGI: serve it by web.run_asgi"),
    ],
)
def test_typical_mistakes_are_told_before_anything_runs(app, settings, error, says):
    """Some were served all the same: by no TLS that worked, on another port."""
    with pytest.raises(error, match=says):
        web.run_app(app, **{"host": "127.0.0.1", "port": 0, "print": None, **settings})


async def test_sites_tell_of_them_too():
    async with web.AppRunner(web.Application()) as runner:
        with pytest.raises(OverflowError, match="port must be"):
            web.TCPSite(runner, "127.0.0.1", 65536)
        with pytest.raises(TypeError, match="ssl_context must be"):
            web.UnixSite(runner, "socket", ssl_context="cert.pem")


def test_the_command_line_knows_a_file_from_a_module(program, tmp_path):  # noqa: F811
    (tmp_path / "pages.py").touch()
    server = program("-m", "drywire.web", "pages.py:app", cwd=tmp_path, banner=False)
    assert server.wait() == 2
    assert server.err[-1].endswith("'pages.py' is a file, and a module is wanted: pages:app")


def test_the_polls_application_says_in_a_line_that_its_port_is_taken(program, tmp_path):  # noqa: F811
    pytest.importorskip("jinja2")
    polls = pathlib.Path(__file__).parents[2] / "examples" / "polls"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        database = f"sqlite:{tmp_path / 'polls'}"
        server = program(str(polls), "--port", port, "--database", database, banner=False, flags=())
        assert server.wait() == 1
    assert server.err == [f"polls: cannot listen on 127.0.0.1 port {port}: Address already in use"]
