"""Connections: kept, shared, limited, and never lost."""

import asyncio
import gc
import importlib
import importlib.util
import socket
import warnings

import pytest

import drywire
from drywire_transports import current_runtime, run

from .blocking_server import BlockingServer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_a_connection_serves_one_request_after_another(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for _ in range(3):
            async with session.get(script.url) as response:
                assert await response.read() == b"ok"
        assert script.connections == 1


async def test_a_response_that_came_whole_needs_neither_reading_nor_release(scripted, answering):
    async with scripted(answering()) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            kept = [await session.get(script.url, timeout=5) for _ in range(3)]
            assert [await response.read() for response in kept] == [b"ok"] * 3
        assert script.connections == 1


async def test_a_body_read_to_its_last_byte_gives_the_connection_back(scripted, eventually):
    async def talk(peer, script):
        while await peer.head():
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await current_runtime().sleep_until(current_runtime().now() + 0.01)
            await peer.send(b"2\r\nok\r\n0\r\n\r\n")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.get(script.url) as response:
                assert await response.content.readexactly(2) == b"ok"
        assert script.connections == 1


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"and one byte too many",
    ],
    ids=["connection: close", "http/1.0", "trailing bytes"],
)
async def test_a_connection_that_cannot_be_used_again_is_closed(scripted, answering, response):
    async with scripted(answering(response)) as script, drywire.ClientSession() as session:
        for expected in (1, 2):
            async with session.get(script.url) as answer:
                assert await answer.read() == b"ok"
            assert script.connections == expected


async def test_an_unread_body_closes_its_connection(scripted, eventually):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url):
            assert script.open == 1
        await eventually(lambda: script.open == 0)
        assert "0 in use, 0 idle" in repr(session.connector)


async def test_force_close_keeps_none(scripted, answering, eventually):
    async with scripted(answering()) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(force_close=True)) as session:
            for _ in range(2):
                await (await session.get(script.url)).read()
            await eventually(lambda: script.open == 0)
        assert script.connections == 2


async def test_an_idle_connection_is_closed_after_its_time(scripted, answering, eventually):
    async with scripted(answering()) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(keepalive_timeout=0.1)) as session:
            await (await session.get(script.url)).read()
            assert "1 idle" in repr(session.connector)
            await eventually(lambda: script.open == 0)
            assert "0 idle" in repr(session.connector)
            await (await session.get(script.url)).read()
        assert script.connections == 2


async def test_a_connection_that_the_server_closed_while_idle_is_not_used(scripted, eventually):
    async def talk(peer, script):
        script.heads.append(await peer.head())
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for expected in (1, 2):
            async with session.post(script.url, data=b"") as response:
                assert await response.read() == b"ok"
            await eventually(lambda: script.open == 0)
            await current_runtime().sleep_until(current_runtime().now() + 0.02)  # the end reaches the client
            assert len(script.heads) == expected


@pytest.mark.parametrize("ending", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nConte"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_a_request_is_sent_again_only_where_that_is_safe(scripted, ending, method):
    """The server takes a second request on a kept connection, says `ending`, and hangs up."""

    async def talk(peer, script):
        await peer.request()
        script.heads.append(peer.number)
        await peer.send(OK)
        head, _ = await peer.request()
        if head:
            script.heads.append(peer.number)
            if ending:
                await peer.send(ending)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        data = None if method == "GET" else b"body"
        await (await session.request(method, script.url, data=data)).read()
        if ending or method == "POST":
            with pytest.raises(drywire.ServerDisconnectedError):
                await session.request(method, script.url, data=data)
            assert script.heads == [1, 1]
        else:
            async with session.request(method, script.url, data=data) as response:
                assert await response.read() == b"ok"
            assert script.heads == [1, 1, 2]
        assert "0 in use" in repr(session.connector)


async def test_a_body_that_is_gone_is_not_sent_again(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(OK)
        await peer.request()

    async def body():
        yield b"once"

    async with scripted(talk) as script, drywire.ClientSession() as session:
        await (await session.get(script.url)).read()
        with pytest.raises(drywire.ClientConnectionError):
            await session.put(script.url, data=body())
        assert script.connections == 1


async def test_a_fresh_connection_that_dies_is_not_tried_again(scripted):
    async def talk(peer, script):
        await peer.request()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ServerDisconnectedError):
            await session.get(script.url)
        assert script.connections == 1


class Gate:
    """A server that answers when it is told, and counts who is inside."""

    def __init__(self):
        self.inside = self.most = 0
        self.order = []
        self.open = False

    async def talk(self, peer, script):
        runtime = current_runtime()
        while head := await peer.head():
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(head.split()[1].decode())
            while not self.open:
                await runtime.sleep_until(runtime.now() + 0.002)
            self.inside -= 1
            await peer.send(OK)


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        assert await response.read() == b"ok"


@pytest.mark.parametrize("name", ["limit", "limit_per_host"])
@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_than_the_limit_are_in_use_and_who_waits_is_served_in_order(scripted, eventually, name, limit):
    gate, runtime = Gate(), current_runtime()
    async with scripted(gate.talk) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(**{name: limit})) as session:
            tasks = []
            for started in range(1, 11):
                tasks.append(runtime.spawn(get, session, f"{script.url}{started}"))
                counts = f"{min(started, limit)} in use, 0 idle, {max(0, started - limit)} waiting"
                await eventually(lambda counts=counts: counts in repr(session.connector))
            await eventually(lambda: gate.inside == limit)
            gate.open = True
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
                assert task.exception() is None
            assert f"0 in use, {limit} idle, 0 waiting" in repr(session.connector)
    assert gate.most == limit
    if limit == 1:
        assert gate.order == [f"/{number}" for number in range(1, 11)]


async def test_who_waits_for_one_host_does_not_stop_who_wants_another(scripted, eventually):
    slow, quick, runtime = Gate(), Gate(), current_runtime()
    quick.open = True
    async with scripted(slow.talk) as first, scripted(quick.talk) as second:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit_per_host=1)) as session:
            tasks = [runtime.spawn(get, session, first.url) for _ in range(2)]
            await eventually(lambda: "1 waiting" in repr(session.connector))
            await get(session, second.url, timeout=5)
            slow.open = True
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
                assert task.exception() is None


async def test_a_failed_connection_gives_its_place_to_the_next(unused_port):
    connector = drywire.TCPConnector(limit=1)
    async with drywire.ClientSession(connector=connector) as session:
        for _ in range(3):
            with pytest.raises(drywire.ClientConnectorError):
                await session.get(f"http://127.0.0.1:{unused_port}/", timeout=5)
        assert "0 in use, 0 idle, 0 waiting" in repr(connector)


@pytest.fixture
def unused_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def test_a_response_that_is_forgotten_does_not_keep_its_place(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")
        await peer.ended()

    async with scripted(talk) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            for _ in range(3):
                response = await session.get(script.url, timeout=5)
                assert response.status == 200
                del response
                gc.collect()
            assert "0 in use" in repr(session.connector)


async def test_closing_ends_requests_that_wait_and_that_run(scripted, eventually):
    gate, runtime = Gate(), current_runtime()
    async with scripted(gate.talk) as script:
        session = drywire.ClientSession(connector=drywire.TCPConnector(limit=1))
        errors = []

        async def fail():
            with pytest.raises(drywire.ClientConnectionError) as caught:
                await session.get(script.url)
            errors.append(caught.value)

        tasks = [runtime.spawn(fail) for _ in range(2)]
        await eventually(lambda: gate.inside == 1 and "1 waiting" in repr(session.connector))
        await session.close()
        for task in tasks:
            assert await task.wait(runtime.now() + 5)
        assert len(errors) == 2
        gate.open = True
        await eventually(lambda: script.open == 0)


async def test_a_closed_connector_opens_nothing(scripted, answering):
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector()
        await connector.close()
        assert connector.closed
        async with drywire.ClientSession(connector=connector) as session:
            with pytest.raises(drywire.ClientConnectionError, match="closed"):
                await session.get(script.url)
        assert script.connections == 0


async def test_settings_of_a_connector_can_be_read():
    connector = drywire.TCPConnector(limit=None, limit_per_host=3, force_close=True)
    assert (connector.limit, connector.limit_per_host, connector.force_close) == (0, 3, True)
    assert not connector.closed
    await connector.close()


# The figures, and limits that change


async def test_figures_tell_watchers_how_many_there_are(scripted, answering, eventually):
    gate, runtime = Gate(), current_runtime()
    async with scripted(gate.talk) as script, scripted(answering()) as other:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            connector = session.connector
            assert connector.figures == drywire.TCPConnector().figures
            await get(session, other.url)
            tasks = [runtime.spawn(get, session, script.url) for _ in range(3)]
            await eventually(lambda: connector.figures.waiting == 2)
            figures = connector.figures
            assert (figures.open, figures.in_use, figures.idle, figures.waiting) == (2, 1, 1, 2)
            by_port = {key.port: (one.in_use, one.idle, one.waiting) for key, one in figures.by_key.items()}
            assert by_port == {script.port: (1, 0, 2), other.port: (0, 1, 0)}
            gate.open = True
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
            assert connector.figures.waiting == 0
            assert figures.waiting == 2  # what was seen does not change


async def test_a_lower_limit_holds_for_those_who_come_later(scripted, eventually):
    gate, runtime = Gate(), current_runtime()
    async with scripted(gate.talk) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=3)) as session:
            tasks = [runtime.spawn(get, session, script.url) for _ in range(3)]
            await eventually(lambda: gate.inside == 3)
            session.connector.limit = 1
            tasks += [runtime.spawn(get, session, script.url) for _ in range(6)]
            await eventually(lambda: session.connector.figures.waiting == 6)
            gate.most, gate.open = 0, True
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
                assert task.exception() is None
            assert gate.most == 1


# Idle connections


async def test_an_idle_connection_that_the_server_has_ended_is_closed_though_nobody_wants_one(scripted, eventually):
    """It would stay half-open until its time, and for good where there is none."""

    async def talk(peer, script):
        await peer.head()
        await peer.send(OK)

    connector = drywire.TCPConnector(keepalive_timeout=None)
    async with scripted(talk) as script, drywire.ClientSession(connector=connector) as session:
        await get(session, script.url)
        (idle,) = connector._pool.idle
        await eventually(lambda: idle.stream.readable)
        assert connector.figures.idle == 1
        connector._timer.cancel()
        connector._evict()
        assert connector.figures == drywire.TCPConnector().figures
        assert connector._timer is None


async def test_the_timer_of_idle_connections_is_set_again_while_there_are_any(scripted, answering, eventually):
    connector = drywire.TCPConnector(keepalive_timeout=0.02)
    async with scripted(answering()) as script, drywire.ClientSession(connector=connector) as session:
        await get(session, script.url)
        await get(session, script.url, server_hostname="other.example")
        first, second = sorted(connector._pool.idle, key=lambda connection: connection.idle_since)
        second.idle_since += 1000
        await eventually(lambda: first.stream.closed)
        assert connector.figures.idle == 1
        assert connector._timer is not None
        assert not second.stream.closed
        second.idle_since -= 2000
        connector._timer.cancel()
        connector._evict()
        assert second.stream.closed
        assert connector._timer is None
        await eventually(lambda: script.open == 0)


async def test_dead_connections_make_way_for_the_next_that_lives(eventually):
    runtime = current_runtime()
    with BlockingServer() as server:
        async with drywire.ClientSession() as session:
            tasks = [runtime.spawn(get, session, server.url) for _ in range(4)]
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
            oldest, *others = session.connector._pool.idle
            assert len(others) == 3
            for sock in server.connections:
                if sock.getpeername()[1] != oldest.stream.extra_info("sockname")[1]:
                    sock.shutdown(socket.SHUT_WR)
            for connection in (oldest, *others):
                connection.idle_since -= 1
            await get(session, server.url)
            assert session.connector._pool.idle == [oldest]
            assert all(other.stream.closed for other in others)
            assert len(server.connections) == 4


# A connector and more than one event loop

LOOPS = {"asyncio": {}, "trio": {"backend": "trio"}}
if importlib.util.find_spec("uvloop"):
    LOOPS["uvloop"] = {"loop_factory": importlib.import_module("uvloop").new_event_loop}


@pytest.mark.parametrize("second", LOOPS)
@pytest.mark.parametrize("first", LOOPS)
def test_a_connector_that_outlives_its_loop_starts_afresh_on_the_next(first, second):
    async def use():
        async with session.get(server.url) as response:
            assert await response.read() == b"ok"
        figures = session.connector.figures
        assert (figures.open, figures.idle) == (1, 1)

    async def use_and_close():
        await use()
        await session.close()

    with BlockingServer() as server:
        session = drywire.ClientSession()  # outside of any loop
        with warnings.catch_warnings():
            # uvloop says of every connection that a loop leaves behind that it does.
            if first == "uvloop":
                warnings.simplefilter("ignore", ResourceWarning)
            run(use, **LOOPS[first])
            run(use_and_close, **LOOPS[second])
            gc.collect()
        assert len(server.connections) == 2


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_what_was_in_use_when_the_loop_ended_takes_no_place_on_the_next(loop):
    async def leave():
        kept.append(await session.get(server.url))
        kept.append(await session.connector.connect(kept[0]._request))

    async def use():
        async with session.get(server.url) as response:
            assert await response.read() == b"ok"
        for left in kept:
            left.close()
        assert kept[1].closed
        figures = session.connector.figures
        assert (figures.in_use, figures.idle) == (0, 1)
        await session.close()

    kept = []
    with BlockingServer() as server:
        session = drywire.ClientSession(connector=drywire.TCPConnector(limit=1))
        run(leave, **LOOPS[loop])
        run(use, **LOOPS[loop])
        gc.collect()
        assert len(server.connections) == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connector_can_be_closed_after_its_loop(loop):
    async def use():
        async with session.get(server.url) as response:
            await response.read()

    with BlockingServer() as server, warnings.catch_warnings():
        if loop == "uvloop":
            warnings.simplefilter("ignore", ResourceWarning)
        session = drywire.ClientSession()
        run(use, **LOOPS[loop])
        run(session.close)
        assert session.closed
        gc.collect()


def test_a_connector_in_use_by_another_loop_says_so():
    loops = [asyncio.new_event_loop(), asyncio.new_event_loop()]

    async def use():
        async with session.get(server.url) as response:
            await response.read()

    with BlockingServer() as server:
        session = drywire.ClientSession()
        loops[0].run_until_complete(use())
        with pytest.raises(RuntimeError, match="1 idle, 0 waiting> belongs to another event loop, which has not ended"):
            loops[1].run_until_complete(use())
        loops[0].run_until_complete(use())
        assert len(server.connections) == 1
        session.connector._pool.idle[0].idle_since -= 100
        loops[0].call_soon(session.connector._evict)
        loops[0].run_until_complete(asyncio.sleep(0))
        loops[1].run_until_complete(use())  # nothing of the other loop is left
        loops[1].run_until_complete(session.close())
    for loop in loops:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
