"""Rows N-01 to N-13: runners and sites."""

import asyncio
import socket
import warnings

import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime


async def hello(request):
    return web.Response(text="hello")


def make_app():
    app = web.Application()
    app.router.add_route("*", "/", hello)
    return app


async def fetch(url, **settings):
    async with drywire.ClientSession(**settings) as session, session.get(url) as response:
        return await response.text()


async def test_n_01_app_runner_runs_an_application():
    app, events = make_app(), []

    async def note(app):
        events.append("up")

    app.on_startup.append(note)
    runner = web.AppRunner(app, shutdown_timeout=2, access_log_class=web.AccessLogger)
    assert runner.app is app
    assert runner.server is None
    assert (runner.addresses, runner.sites) == ([], set())
    await runner.setup()
    assert events == ["up"]
    assert isinstance(runner.server, web.Server)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.sites == {site}
    assert runner.addresses == [("127.0.0.1", site.port)]
    assert await fetch(site.name) == "hello"
    await runner.cleanup()
    assert (runner.addresses, runner.sites, runner.server) == ([], set(), None)
    with pytest.raises(TypeError, match=r"the first argument must be a web\.Application, not str"):
        web.AppRunner("no application")


async def test_n_01_handle_signals_ends_the_program_and_its_handlers_go_with_the_runner():
    import signal

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    runner = web.AppRunner(make_app(), handle_signals=True)
    await runner.setup()
    assert signal.getsignal(signal.SIGTERM) is not before[1]
    await runner.cleanup()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_n_02_server_runner_runs_a_bare_handler():
    async def answer(request):
        return web.Response(text=f"{type(request).__name__} {request.path}")

    runner = web.ServerRunner(web.Server(answer), handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert await fetch(f"{site.name}/x") == "BaseRequest /x"
    await runner.cleanup()


def test_n_03_base_classes_are_abstract():
    assert issubclass(web.AppRunner, web.BaseRunner)
    assert issubclass(web.ServerRunner, web.BaseRunner)
    for kind in (web.TCPSite, web.UnixSite, web.SockSite, web.NamedPipeSite):
        assert issubclass(kind, web.BaseSite)
    for abstract in (web.BaseRunner, web.BaseSite):
        with pytest.raises(TypeError, match="abstract"):
            abstract()


async def test_n_04_tcp_site(server_tls, client_tls):
    async with web.AppRunner(make_app(), shutdown_timeout=2) as runner:
        assert web.TCPSite(runner).port == 8080
        assert web.TCPSite(runner).name == "http://0.0.0.0:8080"
        assert web.TCPSite(runner, ssl_context=server_tls).port == 8443
        site = web.TCPSite(
            runner, "localhost", 0, ssl_context=server_tls, backlog=5, reuse_address=True, reuse_port=True
        )
        assert site.port == 0
        await site.start()
        assert site.name == f"https://localhost:{site.port}"
        assert site.port > 0
        assert await fetch(site.name, connector=drywire.TCPConnector(ssl=client_tls)) == "hello"
        second = web.TCPSite(runner, "::1", 0)
        await second.start()
        assert second.name == f"http://[::1]:{second.port}"
        assert await fetch(second.name) == "hello"
        with pytest.raises(RuntimeError, match="is already registered in runner"):
            await second.start()
        with pytest.raises(OSError, match=f"cannot listen on ::1 port {second.port}"):
            await web.TCPSite(runner, "::1", second.port).start()
        assert runner.sites == {site, second}


async def test_n_05_unix_site(tmp_path):
    path = tmp_path / "socket"
    async with web.AppRunner(make_app(), shutdown_timeout=2) as runner:
        site = web.UnixSite(runner, path)
        await site.start()
        assert site.name == f"http://unix:{path}:"
        assert await fetch("http://localhost/", connector=drywire.UnixConnector(str(path))) == "hello"
    assert not path.exists()


async def test_n_06_sock_site(tmp_path):
    path = str(tmp_path / "socket")
    async with web.AppRunner(make_app(), shutdown_timeout=2) as runner:
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))
        site = web.SockSite(runner, bound)
        assert site.name == f"http://127.0.0.1:{bound.getsockname()[1]}"
        await site.start()
        assert await fetch(site.name) == "hello"
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        site = web.SockSite(runner, unix)
        assert site.name == f"http://unix:{path}:"
        await site.start()
        assert await fetch("http://localhost/", connector=drywire.UnixConnector(path)) == "hello"


async def test_n_07_named_pipe_site_is_for_windows():
    async with web.AppRunner(make_app()) as runner:
        with pytest.raises(RuntimeError, match="Named Pipes only available in proactor loop under windows"):
            web.NamedPipeSite(runner, r"\\.\pipe\x")


async def test_n_08_shutdown_timeout_of_a_site_is_deprecated():
    async with web.AppRunner(make_app()) as runner:
        with pytest.warns(DeprecationWarning, match="pass it to the runner"):
            web.TCPSite(runner, port=0, shutdown_timeout=3)
        assert runner.shutdown_timeout == 3


async def test_n_09_a_site_needs_a_runner_that_is_set_up():
    runner = web.AppRunner(make_app())
    with pytest.raises(RuntimeError, match=r"Call runner\.setup\(\) before making a site"):
        web.TCPSite(runner)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await runner.cleanup()
    with pytest.raises(RuntimeError, match=r"Call runner\.setup\(\) before starting a site"):
        await site.start()
    with pytest.raises(RuntimeError, match="is not registered in runner"):
        await site.stop()


async def test_n_10_settings_of_a_runner(answer_to):
    import logging

    log = logging.Logger("test")
    settings = {
        "keepalive_timeout": 5,
        "tcp_keepalive": False,
        "logger": log,
        "access_log": None,
        "access_log_format": "%a",
        "max_line_size": 50,
        "max_headers": 4,
        "max_field_size": 60,
        "lingering_time": 3,
        "read_bufsize": 2**16,
        "auto_decompress": False,
        "timeout_ceil_threshold": 5,
    }
    probed = []

    async def look(request):
        sock = request.transport.get_extra_info("socket")
        probed.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        return web.Response(text=request.path)

    app = web.Application()
    app.router.add_get("/{x:.*}", look)
    async with web.AppRunner(app, **settings) as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert runner.server.logger is log
        assert runner.server.settings.keepalive_timeout == 5
        assert (await answer_to(site.name, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await answer_to(site.name, b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 60)))[9:12] == b"414"
        many = b"".join(b"A%d: b\r\n" % number for number in range(5))
        assert (await answer_to(site.name, b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % many))[9:12] == b"431"
        long = b"A: %b\r\n" % (b"x" * 70)
        assert (await answer_to(site.name, b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % long))[9:12] == b"431"
    async with web.AppRunner(app) as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        await answer_to(site.name, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert probed == [0, 1]


async def test_n_10_the_default_keepalive_timeout_is_75_seconds():
    """Differs: `keepalive_timeout` is 75 seconds as in `run_app`, not an hour: so long would anybody hold a connection
    that is not used. A setting that there is not is a TypeError; aiohttp then drops all settings.
    """
    async with web.AppRunner(make_app()) as runner:
        assert runner.server.settings.keepalive_timeout == 75
    with pytest.raises(TypeError, match="unknown settings of the server: keepalive"):
        web.AppRunner(make_app(), keepalive=3)


async def test_n_11_a_connection_that_says_nothing_is_closed(answer_to):
    async with web.AppRunner(make_app(), keepalive_timeout=0.05) as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert await answer_to(site.name, b"", eof=False) == b""


async def test_n_12_what_is_left_of_a_body_is_read_for_a_while(answer_to):
    async with web.AppRunner(make_app(), lingering_time=0.05) as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
        both = head % 5 + b"12345" + head % 0
        assert (await answer_to(site.name, both)).count(b"HTTP/1.1 200") == 2
        # Of one that does not come, the rest is waited for only so long.
        assert (await answer_to(site.name, head % 50 + b"1", eof=False)).count(b"HTTP/1.1 200") == 1


async def test_n_13_requests_behind_one_another_are_answered_in_order(serving, answer_to):
    numbers = []

    async def count(request):
        numbers.append(request.path)
        await current_runtime().sleep_until(0)
        return web.Response(text=request.path)

    app = web.Application()
    app.router.add_get("/{number}", count)
    async with serving(app) as url:
        requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(100)]
        answer = await answer_to(url, b"".join(requests))
    assert numbers == [f"/{number}" for number in range(100)]
    assert answer.count(b"HTTP/1.1 200") == 100


def test_n_01_runs_under_asyncio_run():
    async def main():
        runner = web.AppRunner(make_app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        text = await fetch(site.name)
        await runner.cleanup()
        return text

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asyncio.run(main()) == "hello"
