"""Runners: what their clean-up does to what is under way, also where it is cancelled, and what it reports."""

import logging
import socket

import pytest

import drywire
from drywire import web
from drywire_transports import ConnectFailed, StreamClosed, StreamTimeout, current_runtime


async def pause(seconds=0.02):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


class At:
    """An application whose handlers say where they are, and wait to be let on."""

    def __init__(self):
        self.app = web.Application()
        self.app.router.add_get("/{kind}", self.handle)
        self.app.on_shutdown.append(self.note("shutdown"))
        self.app.on_cleanup.append(self.note("cleanup"))
        self.events = []
        self.begun = current_runtime().wake()
        self.on = current_runtime().wake()

    def note(self, what):
        async def note(app):
            await pause(0)
            self.events.append(what)

        return note

    async def handle(self, request):
        if request.match_info["kind"] == "quick":
            return web.Response(text="quick")
        self.begun.set()
        try:
            await current_runtime().park(self.on)
        except BaseException:
            self.events.append("cancelled")
            raise
        self.events.append("done")
        return web.Response(text="slow")


async def site_of(runner):
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return site


async def test_requests_under_way_are_finished_and_said_to_be_the_last():
    at, runtime = At(), current_runtime()
    runner = web.AppRunner(at.app, shutdown_timeout=10)
    site = await site_of(runner)
    answers = []

    async def ask():
        async with session.get(f"{site.name}/slow") as response:
            answers.append((await response.text(), response.headers.get("Connection")))

    async with drywire.ClientSession() as session:
        async with session.get(f"{site.name}/quick") as response:
            await response.read()
        asking = runtime.spawn(ask)
        await runtime.park(at.begun, runtime.now() + 5)
        ending = runtime.spawn(runner.cleanup)
        while "shutdown" not in at.events:
            await pause(0)
        with pytest.raises(drywire.ClientConnectorError):
            await session.get(f"{site.name}/quick")
        at.on.set()
        assert await ending.wait(runtime.now() + 5)
        assert await asking.wait(runtime.now() + 5)
    assert answers == [("slow", "close")]
    assert at.events == ["shutdown", "done", "cleanup"]


async def test_idle_connections_are_closed_at_once_and_the_rest_is_cut_in_time(caplog):
    at, runtime = At(), current_runtime()
    log = logging.Logger("test")
    log.addHandler(caplog.handler)
    runner = web.AppRunner(at.app, shutdown_timeout=0.05, logger=log)
    site = await site_of(runner)
    idle, busy = [await runtime.connect_tcp("127.0.0.1", site.port) for _ in range(2)]
    await idle.send(b"GET /quick HTTP/1.1\r\nHost: a\r\n\r\n")
    assert await idle.receive()
    await busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await runtime.park(at.begun, runtime.now() + 5)
    report = await runner.cleanup()
    assert (report.finished, report.cut) == (0, 1)
    assert 0.04 < report.seconds < 5
    assert caplog.messages == [f"1 of 1 connections were cut at shutdown, after {report.seconds:.1f} seconds"]
    for stream in (idle, busy):
        stream.read_deadline = runtime.now() + 5
        try:
            assert await stream.receive() == b""
        except StreamTimeout:
            raise
        except (StreamClosed, OSError):
            pass  # reset: an end, too
        stream.abort()
    assert at.events == ["shutdown", "cancelled", "cleanup"]
    assert await runner.cleanup() == web.ShutdownReport()
    assert runner.server is None
    assert runner.sites == set()


async def test_hurry_ends_the_wait():
    at, runtime = At(), current_runtime()
    runner = web.AppRunner(at.app, shutdown_timeout=60, logger=logging.Logger("test"))
    site = await site_of(runner)
    stream = await runtime.connect_tcp("127.0.0.1", site.port)
    await stream.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await runtime.park(at.begun, runtime.now() + 5)
    begun = runtime.now()
    ending = runtime.spawn(runner.cleanup)
    while "shutdown" not in at.events:
        await pause(0)
    runner.hurry()
    assert await ending.wait(begun + 10)
    assert at.events == ["shutdown", "cancelled", "cleanup"]
    stream.abort()


async def test_the_end_is_orderly_where_the_scope_is_cancelled(anyio_backend_name):
    """Level cancellation, of trio and of anyio, raises at each wait: the clean-up must do its own all the same."""
    import anyio

    at = At()
    with anyio.CancelScope() as scope:
        async with web.AppRunner(at.app, shutdown_timeout=5) as runner:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            async with anyio.create_task_group() as group:
                group.start_soon(fetch, f"{site.name}/slow", at)
                await current_runtime().park(at.begun)
                at.on.set()
                scope.cancel()
    assert sorted(at.events) == ["cleanup", "done", "shutdown"]
    assert at.events[-1] == "cleanup"


async def fetch(url, at):
    import anyio

    with anyio.CancelScope(shield=True):
        async with drywire.ClientSession() as session, session.get(url) as response:
            assert await response.text() == "slow"


async def test_serve_runs_until_it_is_cancelled():
    import anyio

    at = At()
    async with anyio.create_task_group() as group:

        async def run(*, task_status):
            await web.serve(at.app, host="127.0.0.1", port=0, task_status=task_status, shutdown_timeout=5)

        runner = await group.start(run)
        (host, port) = runner.addresses[0]
        async with drywire.ClientSession() as session, session.get(f"http://{host}:{port}/quick") as response:
            assert await response.text() == "quick"
        group.cancel_scope.cancel()
    assert at.events == ["shutdown", "cleanup"]


async def test_what_fails_at_the_end_leaves_nothing_open():
    async def fail(app):
        raise LookupError("at the end")

    app = web.Application()
    app.on_shutdown.append(fail)
    runner = web.AppRunner(app)
    site = await site_of(runner)
    with pytest.raises(LookupError, match="at the end"):
        await runner.cleanup()
    with pytest.raises(ConnectFailed):
        await current_runtime().connect_tcp("127.0.0.1", site.port)


async def test_a_site_that_was_stopped_keeps_its_connections_until_the_end():
    at, runtime = At(), current_runtime()
    runner = web.AppRunner(at.app, shutdown_timeout=5)
    site = await site_of(runner)
    stream = await runtime.connect_tcp("127.0.0.1", site.port)
    await stream.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await runtime.park(at.begun, runtime.now() + 5)
    await site.stop()
    assert runner.sites == set()
    with pytest.raises(RuntimeError, match="is not registered in runner"):
        await site.stop()
    at.on.set()
    report = await runner.cleanup()
    assert (report.finished, report.cut) == (1, 0)
    assert (await stream.receive()).startswith(b"HTTP/1.1 200")
    stream.abort()


async def test_an_unknown_setting_is_refused_when_the_runner_is_made():
    with pytest.raises(TypeError, match="unknown settings of the server: keepalive"):
        web.AppRunner(web.Application(), keepalive=3)


async def test_a_tls_handshake_that_does_not_go_on_does_not_hold_the_end(server_tls, client_tls):
    runtime = current_runtime()
    runner = web.AppRunner(web.Application(), shutdown_timeout=30)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls)
    await site.start()
    silent = await runtime.connect_tcp("127.0.0.1", site.port)
    await pause(0.05)
    begun = runtime.now()
    await runner.cleanup()
    assert runtime.now() - begun < 5
    silent.abort()


async def test_a_client_that_does_not_shake_hands_is_closed_in_time_on_each_kind_of_site(tmp_path, server_tls):
    assert web.ServerSettings().ssl_handshake_timeout == 60  # as asyncio's
    runtime = current_runtime()
    app = web.Application()
    async with web.AppRunner(app, ssl_handshake_timeout=0.05) as runner:
        path = str(tmp_path / "socket")
        bound = socket.create_server(("127.0.0.1", 0))
        tcp = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls)
        for site in (
            tcp,
            web.SockSite(runner, bound, ssl_context=server_tls),
            web.UnixSite(runner, path, ssl_context=server_tls),
        ):
            await site.start()
        half = await runtime.connect_tcp("127.0.0.1", tcp.port)
        await half.send(b"\x16\x03\x01\x02\x00")  # a record that never ends
        port = bound.getsockname()[1]
        silent = [await runtime.connect_tcp("127.0.0.1", number) for number in (tcp.port, port)]
        for stream in (half, *silent, await runtime.connect_unix(path)):
            stream.read_deadline = runtime.now() + 10
            assert await stream.receive() == b""
            stream.abort()
        assert runner.server.requests_count == 0
        assert not runner.server.connections
