"""`run_app(workers=...)`: processes that share the port, are replaced when they die or on SIGHUP, and end together."""

import os
import signal
import threading

import pytest

from drywire import web
from drywire_server.workers import FIRST_PAUSE

from .programs import LOOPS, is_alive, program  # noqa: F401 - a fixture

APP = os.path.join(os.path.dirname(__file__), "app_program.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")


def told(server, what):
    """Return the processes that have told their start, or their end, in order."""
    return [int(line.split()[1]) for line in server.out if line.startswith(f"{what} ")]


@pytest.mark.parametrize("loop", LOOPS)
def test_workers_share_the_port_and_end_together(program, loop):  # noqa: F811
    server = program(APP, loop, "workers=3")
    server.until(lambda: server.out[4:6] == ["(3 workers)", "(Press CTRL+C to quit)"])
    pids = told(server, "start")
    assert len(set(pids)) == 3
    assert server.process.pid not in pids
    assert int(server.get()[1]) in pids
    assert server.end() == (0, "")
    assert not any(is_alive(pid) for pid in pids)
    assert server.out.count("returned") == 1
    assert sorted(told(server, "cleanup")) == sorted(pids)


def test_with_reuse_port_each_has_a_socket_of_its_own(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=2", "reuse_port=True")
    found = set()
    server.until(lambda: found.add(server.get()[1]) or len(found) == 2)
    assert server.end() == (0, "")


@pytest.mark.parametrize("loop", LOOPS[1:2])
def test_a_worker_that_dies_is_replaced_and_the_others_serve_on(program, loop):  # noqa: F811
    server = program(APP, loop, "workers=2")
    with pytest.raises(ConnectionError):
        server.get("/die")
    assert server.get()[0] == 200
    server.until(lambda: len(told(server, "start")) == 3)
    code, errors = server.end()
    assert code == 0
    (gone,) = set(told(server, "start")) - set(told(server, "cleanup"))
    assert errors == f"ERROR worker {gone} ended with status 9; another starts in {FIRST_PAUSE:g} seconds"


def test_the_pause_before_another_grows_while_workers_die_young(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=1")
    for number in range(3):
        with pytest.raises(ConnectionError):
            server.get("/kill")
        server.until(lambda number=number: len(server.err) > number)
    assert [float(line.split()[-2]) for line in server.err] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert all("was ended by SIGKILL" in line for line in server.err)
    assert server.end()[0] == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_sighup_replaces_all_without_a_request_lost(program, loop):  # noqa: F811
    server = program(APP, loop, "workers=2")
    server.send(signal.SIGHUP)
    answers = []
    server.until(lambda: answers.append(server.get()) or len(told(server, "cleanup")) == 2)
    assert {status for status, _ in answers} == {200}
    assert int(server.get()[1]) in told(server, "start")[2:]
    assert sorted(told(server, "cleanup")) == sorted(told(server, "start")[:2])
    # Each new one has started before the old one has ended.
    lines = [line.split()[0] for line in server.out if line.startswith(("start", "cleanup"))]
    ends = [place for place, what in enumerate(lines) if what == "cleanup"]
    assert lines[: ends[0]].count("start") >= 3
    assert lines[: ends[1]].count("start") == 4
    assert server.end() == (0, "")


def test_requests_under_way_are_finished_by_workers_that_are_replaced(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=1")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    thread.start()
    server.until(lambda: "working" in server.out)
    server.send(signal.SIGHUP)
    server.until(lambda: len(told(server, "cleanup")) == 1)
    thread.join()
    assert server.out.index("worked") < server.out.index(f"cleanup {told(server, 'start')[0]}")
    assert answers == [(200, "done")]
    assert server.end() == (0, "")


BROKEN = """
import os, sys
from drywire import web
def make():
    if os.path.exists(sys.argv[1]):
        raise LookupError("it is broken now")
    return web.Application()
web.run_app(make, host="127.0.0.1", port=0, workers=1, shutdown_timeout=2)
"""


def test_a_reload_that_cannot_start_leaves_the_old_one_at_work(program, tmp_path):  # noqa: F811
    mark = tmp_path / "broken"
    server = program("-c", BROKEN, str(mark))
    mark.touch()
    server.send(signal.SIGHUP)
    server.until(lambda: any("its predecessor stays" in line for line in server.err))
    assert any("LookupError: it is broken now" in line for line in server.err)
    assert server.get()[0] == 404
    assert server.end()[0] == 0


def test_one_that_cannot_start_at_the_beginning_ends_all(program, tmp_path):  # noqa: F811
    mark = tmp_path / "broken"
    mark.touch()
    server = program("-c", BROKEN, str(mark), banner=False)
    assert server.wait() == 1
    assert any("LookupError: it is broken now" in line for line in server.err)
    assert server.err[-1].endswith("before it served, so all end")
    assert server.out == []


@pytest.mark.parametrize("loop", LOOPS[2:3])
def test_requests_under_way_are_finished_at_the_end(program, loop):  # noqa: F811
    server = program(APP, loop, "workers=2")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.get("/slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    server.until(lambda: server.out.count("working") == 4)
    assert server.end() == (0, "")
    for thread in threads:
        thread.join()
    assert answers == [(200, "done")] * 4


def test_the_second_signal_cuts_what_is_not_finished(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=1", "shutdown_timeout=60")
    with server.connect() as sock:
        sock.sendall(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
        server.until(lambda: "working" in server.out)
        server.send(signal.SIGTERM)
        # The port is free as soon as the end has begun.
        server.until(lambda: not can_connect(server))
        assert server.process.poll() is None
        assert server.end()[0] == 0
        assert sock.recv(100) == b""
    assert "cancelled" in server.out


def can_connect(server):
    try:
        server.connect().close()
    except OSError:
        return False
    return True


def test_the_same_signal_to_all_processes_still_lets_them_finish(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=1")
    worker = int(server.get()[1])
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    thread.start()
    server.until(lambda: "working" in server.out)
    os.kill(worker, signal.SIGTERM)
    os.kill(worker, signal.SIGTERM)
    assert server.end() == (0, "")
    thread.join()
    assert answers == [(200, "done")]


def test_a_worker_that_does_not_end_is_killed_and_the_status_tells(program):  # noqa: F811
    code = """
import sys
import time
from drywire import web
sys.modules["drywire_server.run_app"].GRACE = 0.3
async def block(app):
    time.sleep(60)
app = web.Application()
app.on_cleanup.append(block)
web.run_app(app, host="127.0.0.1", port=0, workers=1, shutdown_timeout=0.1)
"""
    server = program("-c", code)
    assert server.end()[0] == 1
    assert "so it is killed" in server.err[0]
    assert "was ended by SIGKILL" in server.err[1]


@pytest.mark.parametrize("loop", LOOPS[2:3])
def test_graceful_exit_in_a_worker_ends_all(program, loop):  # noqa: F811
    server = program(APP, loop, "workers=2")
    pids = told(server, "start")
    with pytest.raises((ConnectionError, OSError)):
        server.get("/exit")
    assert server.wait() == 0
    assert not any(is_alive(pid) for pid in pids)


def test_workers_end_when_their_parent_is_killed(program):  # noqa: F811
    server = program(APP, "asyncio", "workers=2")
    pids = told(server, "start")
    server.process.kill()
    server.wait()
    for _ in range(2000):
        if not any(is_alive(pid) for pid in pids):
            return
        threading.Event().wait(0.01)
    pytest.fail("they live on")


def test_a_coroutine_and_a_unix_socket_are_for_workers_too(program, tmp_path):  # noqa: F811
    path = tmp_path / "socket"
    code = """
import sys
from drywire import web
async def make():
    return web.Application()
web.run_app(make(), path=sys.argv[1], host="127.0.0.1", port=0, workers=1)
"""
    server = program("-c", code, str(path))
    assert f"http://unix:{path}:" in server.out[0]
    assert path.is_socket()
    assert server.get()[0] == 404
    assert server.end() == (0, "")
    assert not path.exists()


def test_workers_that_cannot_be_are_refused():
    for count in (0, -1, True, 1.5, "2"):
        with pytest.raises(ValueError, match="workers must be a number of processes, 1 or more"):
            web.run_app(web.Application(), workers=count)
    errors = []

    def elsewhere():
        try:
            web.run_app(web.Application(), workers=1, port=0)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert errors == ["worker processes can only be started from the main thread, which signals come to"]


def test_a_system_without_room_for_a_worker_is_asked_again(program):  # noqa: F811
    code = """
import errno, os, sys
from drywire import web
workers = sys.modules["drywire_server.workers"]
workers.LONGEST_PAUSE = 0.1
forks = []
fork = os.fork
def full():
    forks.append(1)
    if len(forks) == 2:
        raise OSError(errno.EAGAIN, "no room")
    return fork()
workers.os.fork = full
async def die(request):
    os._exit(9)
app = web.Application()
app.router.add_get("/die", die)
web.run_app(app, host="127.0.0.1", port=0, workers=1)
"""
    server = program("-c", code)
    with pytest.raises(ConnectionError):
        server.get("/die")
    assert server.get()[0] == 404
    assert server.end()[0] == 0
    assert any("cannot start a worker for now: [Errno 11] no room" in line for line in server.err)
