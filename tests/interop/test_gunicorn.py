"""The workers for gunicorn, under the real one."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import importlib.util
import re
import signal
import threading

import pytest

from ..server.programs import program  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed here")

MODULE = """
import os
from drywire import web
from drywire_transports import current_runtime

async def answer(request):
    runtime = current_runtime()
    if request.path == "/slow":
        os.write(1, b"working\\n")
        await runtime.sleep_until(runtime.now() + 0.5)
    return web.Response(text=f"{os.getpid()} {runtime.name}")

def make():
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    return app

app = make()

async def factory():
    return make()

async def failing():
    raise LookupError("it cannot start")

async def own_runner():
    return web.AppRunner(make(), access_log_format="own %r %s", shutdown_timeout=3)
"""

WORKERS = ["GunicornWebWorker", "GunicornUVLoopWebWorker", "GunicornTrioWebWorker"]


def arguments(worker, entry, *more):
    """The command of a gunicorn on a free port; the line that tells it is not its first."""
    basic = ["-b", "127.0.0.1:0", "-w", "2", "--graceful-timeout", "5", "--no-control-socket"]
    return ["-m", "gunicorn", *basic, "-k", f"drywire.worker.{worker}", *more, f"pages:{entry}"]


def start(program, folder, *given):
    (folder / "pages.py").write_text(MODULE)
    # gunicorn itself leaves sockets to the collector
    server = program(
        *arguments(*given), cwd=folder, banner=False, flags=("-W", "error", "-W", "ignore::ResourceWarning")
    )
    found = server.until(lambda: re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", "\n".join(server.err)))
    server.port = int(found[1])
    return server


@pytest.mark.parametrize("worker", WORKERS)
def test_z2_06_a_worker_serves_finishes_and_ends(program, tmp_path, worker):
    if "UVLoop" in worker:
        pytest.importorskip("uvloop")
    elif "Trio" in worker:
        pytest.importorskip("trio")
    entry = {"GunicornWebWorker": "app", "GunicornUVLoopWebWorker": "factory"}.get(worker, "own_runner")
    server = start(program, tmp_path, worker, entry, "--access-logfile", "-")
    status, text = server.get()
    assert status == 200
    assert text.split()[1] == ("trio" if "Trio" in worker else "asyncio")
    assert int(text.split()[0]) != server.process.pid
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/slow")[0]))
    thread.start()
    server.until(lambda: "working" in server.out)
    assert server.end()[0] == 0
    thread.join()
    assert answers == [200]
    if entry != "own_runner":
        assert any('"GET /slow HTTP/1.1" 200' in line for line in server.out)
    assert not any("Traceback" in line or "ERROR" in line for line in server.err)


REFUSED = (3, 1)
"""What gunicorn ends with where its workers cannot start: 1 where it hears of that while it is starting another."""


def test_z2_06_a_worker_that_cannot_start_ends_gunicorn(program, tmp_path):
    server = start(program, tmp_path, "GunicornWebWorker", "failing")
    assert server.wait() in REFUSED
    assert any("LookupError: it cannot start" in line for line in server.err)


def test_z2_06_what_is_no_application_and_other_atoms_are_refused(program, tmp_path):
    server = start(program, tmp_path, "GunicornWebWorker", "answer", "--access-logformat", "%(h)s")
    assert server.wait() in REFUSED
    assert any("must be given an Application" in line or "missing 1 required" in line for line in server.err)
    server = start(program, tmp_path, "GunicornWebWorker", "app", "--access-logformat", "%(h)s")
    assert server.wait() in REFUSED
    assert any("gunicorn's own atoms, such as %(h)s, cannot be used" in line for line in server.err)


def test_z2_06_a_worker_is_replaced_after_its_number_of_requests(program, tmp_path):
    server = start(program, tmp_path, "GunicornWebWorker", "app", "--max-requests", "3", "-w", "1")
    first = server.get()[1]
    server.until(lambda: server.get()[1] != first)
    assert any("Max requests, shutting down" in line for line in server.err)
    server.send(signal.SIGHUP)
    assert server.end(signal.SIGQUIT)[0] == 0


def test_z2_16_requests_have_95_percent_of_the_graceful_timeout():
    from drywire.worker import GunicornWebWorker
    from drywire_server.app import Application

    class Settings:
        keepalive, graceful_timeout, accesslog, access_log_format = 2, 20, None, "%a"

    worker = GunicornWebWorker.__new__(GunicornWebWorker)
    worker.wsgi, worker.cfg, worker.log = Application(), Settings, None
    with pytest.raises(StopIteration) as made:
        worker._make_runner().send(None)
    assert made.value.value.shutdown_timeout == 19
