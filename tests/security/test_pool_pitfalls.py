"""Pitfalls 1 to 8 of pools of connections, and keys that are not complete (CVE-2026-54275)."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import dataclasses
import gc
import select
import socket
import ssl
import weakref

import pytest

import drywire
from drywire_client import connector as connector_module
from drywire_client.connections import ConnectionKey
from drywire_client.connector import BaseConnector
from drywire_client.request import RequestSettings
from drywire_transports import current_runtime, memory_pair, run

from ..client.blocking_server import BlockingServer
from ..client.conftest import answering, eventually, scripted  # noqa: F401

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"
OK = HALF + b"k"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


async def half(peer, script):
    """Send half a body for each request; never the other half."""
    while head := await peer.head():
        script.heads.append(head)
        await peer.send(HALF)
        await peer.ended()


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


@contextlib.asynccontextmanager
async def full_pool(script, eventually, waiters):
    """Yield a session with one place, who has it, and the tasks of those who wait for it, in order."""
    runtime, served = current_runtime(), []

    async def ask(number):
        async with session.get(f"{script.url}{number}", timeout=20):
            served.append(number)

    async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
        holder = await session.get(script.url)
        tasks = []
        for number in range(waiters):
            tasks.append(runtime.spawn(ask, number))
            await eventually(lambda number=number: session.connector.figures.waiting == number + 1)
        yield session, holder, tasks, served
        for task in tasks:
            assert await task.wait(runtime.now() + 5)
        assert session.connector.figures.in_use == session.connector.figures.waiting == 0


# 1: a place of somebody who is gone


async def test_pitfall_1_a_place_given_to_a_task_that_is_cancelled_before_it_runs_is_not_lost(scripted, eventually):
    async with scripted(half) as script:
        async with full_pool(script, eventually, 3) as (_, holder, tasks, served):
            holder.close()  # the first has the place now, and does not know
            tasks[0].cancel()
        assert served == [1, 2]


async def test_pitfall_1_a_place_of_a_connection_that_is_never_opened_is_not_lost(eventually):
    runtime, begun = current_runtime(), []

    class Never(BaseConnector):
        async def _create_connection(self, req, traces, timeout):
            begun.append(req)
            if len(begun) == 3:
                raise ZeroDivisionError
            await runtime.park(runtime.wake())

    async with drywire.ClientSession(connector=Never(limit=1)) as session:
        for number in range(2):
            task = runtime.spawn(get, session, "http://name.invalid/")
            await eventually(lambda number=number: len(begun) == number + 1)
            assert session.connector.figures.in_use == 1
            task.cancel()
            assert await task.wait(runtime.now() + 5)
        with pytest.raises(ZeroDivisionError):
            await get(session, "http://name.invalid/")
        assert session.connector.figures.in_use == 0
        assert session.connector.figures.by_key == {}


# 2: a place that is announced, and gone when somebody comes for it


async def test_pitfall_2_a_cancelled_wait_passes_its_place_on_and_nobody_comes_between(scripted, eventually):
    async with scripted(half) as script:
        async with full_pool(script, eventually, 2) as (session, holder, tasks, served):
            key = holder.connection.key
            holder.close()
            for _ in range(2):
                assert session.connector.take_idle(key) is None
                assert session.connector._pool.enter(key) is None
                tasks[0].cancel()
            late = current_runtime().spawn(get, session, script.url)
            tasks.append(late)
            await eventually(lambda: len(script.heads) == 3)
            late.cancel()
        assert served == [1]


async def test_pitfall_2_the_connection_goes_with_the_place(scripted, eventually):
    """Who comes later does not get it, even where there is room again, and the one it goes to has not run yet."""

    async def talk(peer, script):
        while await peer.head():
            await peer.send(HALF)
            await eventually(lambda: script.heads)
            await peer.send(b"k")

    async with scripted(talk) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            connector, runtime = session.connector, current_runtime()
            response = await session.get(script.url)
            response._connection.read_ahead = None
            key = response.connection.key
            task = runtime.spawn(get, session, script.url)
            await eventually(lambda: connector.figures.waiting == 1)
            script.heads.append(b"go on")
            assert await response.read() == b"ok"
            assert connector.figures.waiting == 0
            connector.limit = 2
            assert connector.take_idle(key) is None
            assert await task.wait(runtime.now() + 5)
            assert task.exception() is None
        assert script.connections == 1


async def test_a_post_does_not_meet_a_connection_whose_end_the_loop_has_not_seen(monkeypatch):
    monkeypatch.setattr(connector_module, "PROBE_AFTER", 60.0)
    with BlockingServer() as server:
        async with drywire.ClientSession() as session:
            await get(session, server.url)
            server.connections[0].shutdown(socket.SHUT_WR)
            sock = session.connector._pool.idle[0].stream.extra_info("socket")
            assert select.select([sock.fileno()], [], [], 10)[0]  # it has come, and the loop cannot run
            async with session.post(server.url) as response:
                assert await response.read() == b"ok"
        assert len(server.connections) == 2


# 3: work for each connection there is


async def test_pitfall_3_only_the_connection_that_is_taken_is_looked_at():
    looked = []

    class Looked:
        def __init__(self, below):
            self.below = below

        def __getattr__(self, name):
            return getattr(self.below, name)

        @property
        def readable(self):
            looked.append(self)
            return self.below.readable

    class InMemory(BaseConnector):
        async def _create_connection(self, req, traces, timeout):
            runtime = current_runtime()
            ours, theirs = memory_pair(runtime)
            runtime.spawn(self.answer, theirs)
            return Looked(ours)

        async def answer(self, stream):
            while await stream.receive():
                await stream.send(OK)

    async with drywire.ClientSession(connector=InMemory()) as session:
        for number in range(50):
            await get(session, f"http://host{number}.invalid/")
        assert session.connector.figures.idle == 50
        looked.clear()
        for number in range(50):
            await get(session, f"http://host{number}.invalid/")
            assert len(looked) <= 2  # what has come; and again where it was idle for long
            looked.clear()


# 4, CVE-2026-54275: what makes a connection what it is


def in_the_key():
    """Settings of requests that are a part of what their connection is, and those that are not."""
    return (
        {"ssl", "server_hostname", "limits", "proxy", "proxy_authorization", "proxy_headers"},
        {
            *("version", "compress", "chunked", "expect100", "read_until_eof", "auto_decompress", "read_bufsize"),
            *("response_class", "traces", "upload_tracker", "websocket"),
        },
    )


def test_54275_pitfall_4_every_setting_is_known_to_be_a_part_of_the_key_or_not():
    """A new one fails here until somebody has thought about it."""
    part, other = in_the_key()
    assert {field.name for field in dataclasses.fields(RequestSettings)} == part | other
    assert ConnectionKey._fields == (
        *("host", "port", "is_ssl", "ssl", "server_hostname", "limits", "proxy", "unix_path", "local_addr"),
    )


async def test_54275_pitfall_4_only_what_is_equal_in_everything_shares_a_connection(scripted, answering, eventually):
    login, other_login = drywire.BasicAuth("nobody", "secret"), drywire.BasicAuth("nobody", "Secret")
    async with scripted(answering()) as script, scripted(answering()) as proxy, scripted(answering()) as another:
        through = {"proxy": proxy.url}
        ways = [
            {},
            {"server_hostname": "name.example"},
            {"server_hostname": "other.example"},
            {"ssl": False},
            {"max_line_size": 1000},
            through,
            {"proxy": another.url},
            {**through, "proxy_auth": login},
            {**through, "proxy_auth": other_login},
            {**through, "proxy_headers": {"X-Who": "a"}},
            {**through, "proxy_headers": {"X-Who": "b"}},
            {"proxy": proxy.url.replace("127.0.0.1", "localhost")},
        ]
        async with drywire.ClientSession() as session:
            for _ in range(2):
                for way in ways:
                    await get(session, script.url, **way)
            figures = session.connector.figures
            assert (figures.idle, len(figures.by_key)) == (len(ways), len(ways))
            assert script.connections + proxy.connections + another.connections == len(ways)
            assert another.connections == 1


async def test_54275_pitfall_4_tls_is_shared_only_with_the_same_settings(
    scripted, answering, server_tls, client_tls, ca
):
    context = ssl.create_default_context()
    ca.configure_trust(context)
    ways = [
        {"ssl": client_tls},
        {"ssl": context},
        {"ssl": False},
        {"ssl": client_tls, "server_hostname": "localhost"},
        {"ssl": client_tls, "server_hostname": "127.0.0.1"},
    ]
    async with scripted(answering(), tls=server_tls) as script:
        async with drywire.ClientSession() as session:
            for _ in range(2):
                for way in ways:
                    assert await get(session, script.url, **way) == b"ok"
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await get(session, script.url)  # not over one that somebody else has trusted
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await get(session, script.url, ssl=client_tls, server_hostname="other.example")
            assert session.connector.figures.idle == len(ways)


def test_54275_a_key_shows_no_password():
    async def main():
        async with drywire.ClientSession(connector=Refusing()) as session:
            with pytest.raises(ZeroDivisionError):
                await session.get("http://name.invalid/", proxy="http://nobody:secret@proxy.invalid:3128")

    class Refusing(BaseConnector):
        async def _create_connection(self, req, traces, timeout):
            shown.append(repr(self.figures))
            raise ZeroDivisionError

    shown = []
    run(main)
    assert "proxy.invalid" in shown[0]
    assert "secret" not in shown[0]
    assert "bm9ib2R5" not in shown[0]


# 5: what has come while nobody listened


@pytest.mark.parametrize("what", ["a response", "a byte", "its end", "a reset"])
@pytest.mark.parametrize("noticed", [False, True], ids=["while the loop was kept busy", "and was read"])
async def test_pitfall_5_a_connection_on_which_something_came_unasked_is_not_used(eventually, what, noticed):
    """A POST cannot be repeated: it goes on a fresh connection, and never gets a response that was there before it."""
    with BlockingServer() as server:
        async with drywire.ClientSession() as session:
            assert await get(session, server.url) == b"ok"
            (idle,) = session.connector._pool.idle
            match what:
                case "a response":
                    server.say(EVIL)
                case "a byte":
                    server.say(b"\n")
                case "its end":
                    server.end()
                case "a reset":
                    server.reset()
            if noticed:
                await eventually(lambda: idle.stream.readable)
            idle.idle_since -= 1
            async with session.post(server.url, data=b"", timeout=5) as response:
                assert await response.read() == b"ok"
            assert len(server.connections) == 2
            assert (session.connector.figures.in_use, session.connector.figures.idle) == (0, 1)


async def test_pitfall_5_what_came_with_the_response_itself_ends_the_connection(scripted, answering):
    async with scripted(answering(OK + EVIL)) as script, drywire.ClientSession() as session:
        for number in (1, 2):
            assert await get(session, script.url) == b"ok"
            assert session.connector.figures.idle == 0
            assert script.connections == number


# 6: repeating. What is sent again, and what is not, is tested in test_client_limits.py and by tools/soak.


async def test_pitfall_6_what_was_kept_too_long_is_found_before_anything_is_sent():
    """All connections have died: a POST, which may not be sent twice, is sent once and answered."""
    with BlockingServer() as server:
        async with drywire.ClientSession() as session:
            for _ in range(3):
                for number in range(5):
                    await get(session, server.url, server_hostname=f"host{number}.example")
            assert session.connector.figures.idle == 5
            server.end()
            for connection in session.connector._pool.idle:
                connection.idle_since -= 1
            server.heads.clear()
            for number in range(5):
                async with session.post(server.url, data=b"", server_hostname=f"host{number}.example") as response:
                    assert await response.read() == b"ok"
            assert len(server.heads) == 5


# 7: timers that outlive what they are for


class Timers:
    """Counts the timers of a runtime."""

    def __init__(self, monkeypatch):
        self.made = 0
        self.alive = set()
        kind, timers = type(current_runtime()), self
        call_at = kind.call_at

        def watched(runtime, when, callback):
            timers.made += 1
            timer = call_at(runtime, when, lambda: (timers.alive.discard(number), callback()))
            number, cancel = timers.made, timer.cancel
            timers.alive.add(number)
            return Cancelling(lambda: (timers.alive.discard(number), cancel()))

        monkeypatch.setattr(kind, "call_at", watched)


class Cancelling:
    def __init__(self, cancel):
        self.cancel = cancel


async def test_pitfall_7_one_timer_for_the_pool_which_ends_with_it(scripted, answering, monkeypatch):
    async with scripted(answering()) as script:
        async with drywire.ClientSession() as session:
            timers = Timers(monkeypatch)
            for _ in range(20):
                await get(session, script.url)
            assert len(timers.alive) == 1
        assert timers.alive == set()
        assert timers.made == 1


async def test_pitfall_7_a_timer_does_not_keep_a_forgotten_pool(scripted, answering, monkeypatch, eventually):
    async with scripted(answering()) as script:
        session = drywire.ClientSession()
        timers = Timers(monkeypatch)
        await get(session, script.url)
        watched = weakref.ref(session.connector)
        with pytest.warns(ResourceWarning, match="Unclosed connector"):
            session.detach()
        gc.collect()
        assert watched() is None
        assert timers.alive == set()
        await eventually(lambda: script.open == 0)


# 8: closing that is not done, or takes for ever


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_pitfall_8_nothing_is_open_once_close_returns_though_the_peer_is_silent(
    scripted, server_tls, client_tls, tls, eventually
):
    runtime = current_runtime()

    async def talk(peer, script):
        """Answer whole once, half once, and then neither read nor say goodbye."""
        script.heads.append(await peer.head())
        await peer.send(OK if peer.number == 1 else HALF)
        await runtime.park(script.done, runtime.now() + 20)

    async with scripted(talk, tls=server_tls if tls else None) as script:
        script.done = runtime.wake()
        session = drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls))
        await get(session, script.url)
        idle = session.connector._pool.idle[0].stream
        held = await session.get(script.url + "half", server_hostname="localhost" if tls else "x")
        sockets = [stream.extra_info("socket") for stream in (idle, held.connection.stream)]
        assert all(sock.fileno() > 0 for sock in sockets)
        begun = runtime.now()
        await session.close()
        assert runtime.now() - begun < 1
        assert [sock.fileno() for sock in sockets] == [-1, -1]
        script.done.set()
        held.close()
