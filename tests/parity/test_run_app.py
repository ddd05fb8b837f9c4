"""Rows O-01 to O-19: `run_app`, and the log of accesses."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import inspect
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from drywire import abc, web

from ..server.programs import LOOPS, program  # noqa: F401 - a fixture
from ..tree import environment

APP = str(Path(__file__).parent.parent / "server" / "app_program.py")


def run_in_thread(app, **settings):
    """Run the application in another thread until it ends itself; return what it printed."""
    printed = []
    thread = threading.Thread(target=web.run_app, args=(app,), kwargs={"print": printed.append, **settings})
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    return printed


def ending_app():
    """Return an application that ends `run_app` as soon as it serves: a request of its own asks for that."""
    app = web.Application()

    async def end(request):
        raise web.GracefulExit

    app.router.add_get("/", end)
    return app


def ask(address, family=socket.AF_INET):
    with socket.socket(family) as sock:
        sock.connect(address)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while sock.recv(1000):
            pass


def told(printed):
    return printed[0].split(" on ")[1].split(" =")[0].split(", ")


def asking_print(printed, urls):
    """Return a print that also asks each of the URLs that it hears of, in a thread, since the loop is in it."""

    def say(text):
        printed.append(text)
        urls.extend(told(printed))
        threading.Thread(target=ask_one, args=(urls[-1],)).start()

    return say


def ask_one(url):
    if "unix:" in url:
        ask(url.partition("unix:")[2].rstrip(":"), socket.AF_UNIX)
    else:
        host, _, port = url.removeprefix("http://").rpartition(":")
        ask((host.strip("[]"), int(port)), socket.AF_INET6 if "[" in host else socket.AF_INET)


def served_at(app, **settings):
    """Run until one request ends it; return the URLs that were told."""
    printed, urls = [], []
    run_in_thread(app, **{"print": asking_print(printed, urls), **settings})
    assert printed[0].startswith("======== Running on http")
    assert printed[0].endswith(" ========\n(Press CTRL+C to quit)")
    return urls


def test_o_01_an_application_or_what_gives_one():
    async def make():
        return ending_app()

    for app in (ending_app(), make(), make, ending_app):
        assert len(served_at(app, host="127.0.0.1", port=0)) == 1
    with pytest.raises(TypeError, match=r"must be a web\.Application, not str"):
        web.run_app(lambda: "nothing", port=0)


def test_o_02_host_is_one_or_several():
    (url,) = served_at(ending_app(), host="127.0.0.1", port=0)
    assert url.startswith("http://127.0.0.1:")
    assert len(served_at(ending_app(), host=["127.0.0.1", "::1"], port=0)) == 2
    (url,) = served_at(ending_app(), port=0)
    assert url.startswith("http://0.0.0.0:")


def test_o_03_port_defaults_to_8080_or_8443(server_tls):
    from drywire_server.endpoints import Endpoints

    runner = type("Runner", (), {"server": object()})()
    assert [site.name for site in Endpoints().sites(runner)] == ["http://0.0.0.0:8080"]
    assert [site.name for site in Endpoints(ssl_context=server_tls).sites(runner)] == ["https://0.0.0.0:8443"]
    assert inspect.signature(web.run_app).parameters["port"].default is None


def test_o_04_path_and_sock_are_one_or_several_and_go_with_a_host(tmp_path):
    paths = [str(tmp_path / "a"), tmp_path / "b"]
    assert served_at(ending_app(), path=paths[0]) == [f"http://unix:{paths[0]}:"]
    assert served_at(ending_app(), path=paths) == [f"http://unix:{path}:" for path in paths]
    bound = [socket.socket() for _ in range(2)]
    for sock in bound:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in bound]
    urls = served_at(ending_app(), sock=bound, host="localhost", port=0, path=tmp_path / "c")
    assert len(urls) == 4
    assert {f"http://127.0.0.1:{port}" for port in ports} < set(urls)


@pytest.mark.parametrize("loop", LOOPS)
def test_o_05_a_request_under_way_is_finished_within_shutdown_timeout(program, loop):
    server = program(APP, loop)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.get("/slow?seconds=0.3")))
    thread.start()
    server.until(lambda: "working" in server.out)
    assert server.end() == (0, "")
    thread.join()
    assert answers == [(200, "done")]


def test_o_05_and_what_takes_longer_is_cut(program):
    server = program(APP, "asyncio", "shutdown_timeout=0.1")
    with server.connect() as sock:
        sock.sendall(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
        server.until(lambda: "working" in server.out)
        code, errors = server.end()
        assert code == 0
        assert errors == "WARNING 1 of 1 connections were cut at shutdown, after 0.1 seconds"
        assert sock.recv(100) == b""


def test_o_06_keepalive_timeout_is_75_seconds():
    assert inspect.signature(web.run_app).parameters["keepalive_timeout"].default == 75


def test_o_07_options_of_the_socket_and_tls(server_tls):
    parameters = inspect.signature(web.run_app).parameters
    defaults = {name: parameters[name].default for name in ("backlog", "reuse_address", "reuse_port", "ssl_context")}
    assert defaults == {"backlog": 128, "reuse_address": None, "reuse_port": None, "ssl_context": None}
    (url,) = served_at(ending_app(), host="127.0.0.1", port=0, backlog=3, reuse_address=True, reuse_port=True)
    assert url


def test_o_08_print_tells_where_or_is_none():
    (url,) = served_at(ending_app(), host="127.0.0.1", port=0)
    assert url.startswith("http://127.0.0.1:")
    app = ending_app()

    async def end_soon(app):
        raise web.GracefulExit

    app.on_startup.append(end_soon)
    assert run_in_thread(app, print=None, port=0) == []


def test_o_09_where_accesses_are_logged(program):
    assert web.access_logger is logging.getLogger("drywire.access")
    server = program(APP, "asyncio", "access_log=web.access_logger", "access_log_format='%r %s'")
    assert server.get("/x")[0] == 200
    server.until(lambda: "INFO GET /x HTTP/1.1 200" in server.err)
    assert server.end()[0] == 0
    server = program(APP, "uvloop", "access_log=logging.getLogger('mine')", "access_log_class=web.JSONAccessLogger")
    server.get("/y")
    line = server.until(lambda: server.err and server.err[0])
    assert json.loads(line.removeprefix("INFO "))["first_request_line"] == "GET /y HTTP/1.1"
    assert server.end()[0] == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_o_10_signals_end_it_with_status_0_and_the_second_cuts(program, loop):
    server = program(APP, loop, "shutdown_timeout=60")
    with server.connect() as sock:
        sock.sendall(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
        server.until(lambda: "working" in server.out)
        server.send(signal.SIGINT)
        server.until(lambda: not can_connect(server))
        code, errors = server.end(signal.SIGTERM)
    assert code == 0
    assert "were cut at shutdown" in errors
    assert "cancelled" in server.out
    assert server.out[-1] == "returned"


def can_connect(server):
    try:
        server.connect().close()
    except OSError:
        return False
    return True


def test_o_10_the_third_signal_kills(program):
    code = """
import os
from drywire import web
async def hang(app):
    os.write(1, b"hanging\\n")
    await app["wait"]()
app = web.Application()
import asyncio
async def wait():
    await asyncio.sleep(3600)
import warnings
warnings.simplefilter("ignore")
app["wait"] = wait
app.on_cleanup.append(hang)
web.run_app(app, host="127.0.0.1", port=0)
"""
    server = program("-c", code)
    server.send(signal.SIGTERM)
    server.until(lambda: "hanging" in server.out)
    server.send(signal.SIGTERM)
    while server.process.poll() is None:
        server.send(signal.SIGTERM)
        threading.Event().wait(0.02)
    assert server.wait() == -signal.SIGTERM


def test_o_10_without_handle_signals_a_ctrl_c_still_cleans_up(program):
    server = program(APP, "asyncio", "handle_signals=False")
    assert server.end(signal.SIGINT) == (0, "")
    assert any(line.startswith("cleanup") for line in server.out)


def test_o_11_handler_cancellation(program):
    server = program(APP, "asyncio", "handler_cancellation=True")
    with server.connect() as sock:
        sock.sendall(b"GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
        server.until(lambda: "working" in server.out)
    server.until(lambda: "cancelled" in server.out)
    assert server.end()[0] == 0
    assert inspect.signature(web.run_app).parameters["handler_cancellation"].default is False


def test_o_12_the_loop_may_be_given():
    import asyncio

    loop = asyncio.new_event_loop()
    app, loops = ending_app(), []

    async def look(app):
        loops.append(asyncio.get_running_loop())

    app.on_startup.append(look)
    served_at(app, host="127.0.0.1", port=0, loop=loop)
    assert loops == [loop]
    assert loop.is_closed()


def test_o_13_other_settings_are_those_of_the_runner():
    settings = {"max_line_size": 100, "lingering_time": 1, "head_timeout": 3, "host": "127.0.0.1", "port": 0}
    assert served_at(ending_app(), **settings)
    with pytest.raises(TypeError, match="unknown settings of the server: max_line"):
        web.run_app(ending_app(), port=0, max_line=100)


def test_o_14_the_format_of_the_access_log():
    assert web.AccessLogger.LOG_FORMAT == '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'
    records = []
    log = logging.Logger("test", logging.INFO)
    log.handle = records.append
    os.environ["DRYWIRE_TEST"] = "here"
    web.AccessLogger(log, "%% %s %b %T %Tf %D %P %{X-Y}o %{Z}o %{DRYWIRE_TEST}e").log(
        None, web.Response(status=201, headers={"X-Y": "v"}), 1.5
    )
    assert records[0].getMessage() == f"% 201 0 2 1.500000 1500000 <{os.getpid()}> v - here"
    assert records[0].request_time_micro == 1500000


def test_o_15_an_access_log_of_ones_own():
    told = []

    class Own(abc.AbstractAccessLogger):
        def log(self, request, response, time):
            told.append((request.method, response.status, time >= 0))

        @property
        def enabled(self):
            return True

    app = web.Application()

    async def end(request):
        request.app[STOP]()
        return web.Response()

    app.router.add_get("/", end)
    STOP = web.AppKey("STOP", object)

    async def take(app):
        import asyncio

        task = asyncio.current_task()
        app[STOP] = lambda: asyncio.get_running_loop().call_soon(task.cancel)

    app.on_startup.append(take)
    printed, urls = [], []

    def run():
        import asyncio

        with pytest.raises(asyncio.CancelledError):
            web.run_app(app, host="127.0.0.1", port=0, access_log_class=Own, print=asking_print(printed, urls))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert told == [("GET", 200, True)]
    with pytest.raises(TypeError, match="abstract"):
        abc.AbstractAccessLogger(logging.getLogger(), "")


def test_o_16_the_names_of_the_logs():
    from drywire import log

    names = {"access": log.access_logger, "client": log.client_logger, "server": log.server_logger}
    names |= {"web": log.web_logger, "websocket": log.ws_logger, "transports": log.internal_logger}
    assert {name: logger.name for name, logger in names.items()} == {name: f"drywire.{name}" for name in names}


def test_o_17_in_debug_mode_the_access_log_is_seen(program):
    code = """
import asyncio
from drywire import web
loop = asyncio.new_event_loop()
loop.set_debug(True)
web.run_app(web.Application(), host="127.0.0.1", port=0, loop=loop)
"""
    server = program("-c", code)
    server.get("/debugged")
    server.until(lambda: any('"GET /debugged HTTP/1.1" 404' in line for line in server.err))
    assert server.end()[0] == 0


def test_o_18_run_app_is_no_method_of_an_application():
    """Differs: no release of aiohttp had it; the document means `web.run_app(app)`."""
    assert not hasattr(web.Application, "run_app")


def test_o_19_without_signal_handlers_of_the_loop_a_ctrl_c_ends_it():
    """Windows has no `loop.add_signal_handler`: its loops raise NotImplementedError, as this one does."""
    code = """
import asyncio, os, signal
from drywire import web
class Loop(asyncio.SelectorEventLoop):
    def add_signal_handler(self, *arguments):
        raise NotImplementedError
async def stop(app):
    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
app = web.Application()
app.on_startup.append(stop)
web.run_app(app, host="127.0.0.1", port=0, loop=Loop(), print=None)
print("returned")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment(), timeout=20
    )
    assert (done.stdout, done.stderr, done.returncode) == ("returned\n", "", 0)


def test_the_backend_may_be_uvloop_or_trio_by_name():
    with pytest.raises(ValueError, match="backend must be 'asyncio', 'uvloop' or 'trio', not 'curio'"):
        web.run_app(ending_app(), port=0, backend="curio")
