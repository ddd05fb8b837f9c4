"""Closing while connections are being opened, the order of addresses, and what else a second look has found."""

import contextlib
import errno
import socket
import subprocess
import sys
import traceback

import pytest

import drywire
from drywire import ClientSession, ClientTimeout, TCPConnector, UnixConnector
from drywire.abc import AbstractResolver
from drywire_client.connector import BREATH
from drywire_transports import current_runtime

from ..dead_ends import open_sockets, refusing, unanswered, unanswered_unix
from ..names import Names
from ..tree import ROOT, environment
from .forwarding import connect, pump


class Hanging(AbstractResolver):
    """Never knows."""

    def __init__(self):
        self.asked = 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        runtime = current_runtime()
        await runtime.park(runtime.wake())

    async def close(self):
        pass


async def got(session, url, outcome):
    """Request, and write down the body or the error."""
    try:
        async with session.get(url, ssl=False) as response:
            outcome.append(await response.read())
    except (drywire.ClientError, RuntimeError) as error:
        outcome.append(error)


def is_closed(outcome, phase=None):
    (error,) = outcome
    assert type(error) is drywire.ClientConnectionError, repr(error)
    assert str(error) == "Connector is closed"
    assert phase is None or error.phase == phase
    return True


# Closing while a connection is being opened


@pytest.mark.parametrize("count", [1, 2])
async def test_closing_ends_a_dial_under_way_at_once_and_frees_its_sockets(count, eventually):
    runtime, before, outcome = current_runtime(), open_sockets(), []
    hosts = ["127.0.0.2", "127.0.0.3"][:count]
    with unanswered(*hosts) as dead:
        names = Names({"host.test": [(host, dead) for host in hosts]})
        connector = TCPConnector(resolver=names, happy_eyeballs_delay=0, limit=1)
        session, during = ClientSession(connector=connector), open_sockets()
        task = runtime.spawn(got, session, "http://host.test/", outcome)
        behind = []
        second = runtime.spawn(got, session, "http://host.test/", behind)
        await eventually(lambda: open_sockets() == during + count)
        closing = connector.close()
        assert open_sockets() == during  # before anything is awaited
        await closing
        assert await task.wait(runtime.now() + 1)
        assert await second.wait(runtime.now() + 1)
        assert is_closed(outcome, "connect")
        assert is_closed(behind)
        assert connector.figures.in_use == 0
        await session.close()
    assert open_sockets() == before


async def test_closing_ends_a_lookup_under_way(eventually):
    runtime, outcome, resolver = current_runtime(), [], Hanging()
    async with ClientSession(connector=TCPConnector(resolver=resolver)) as session:
        task = runtime.spawn(got, session, "http://host.test/", outcome)
        await eventually(lambda: resolver.asked == 1)
        await session.connector.close()
        assert await task.wait(runtime.now() + 1)
    assert is_closed(outcome, "dns")


async def test_closing_ends_the_wait_for_room_at_a_unix_socket(tmp_path):
    path, runtime, outcome = str(tmp_path / "full"), current_runtime(), []
    with unanswered_unix(path):
        before = open_sockets()
        async with ClientSession(connector=UnixConnector(path)) as session:
            task = runtime.spawn(got, session, "http://host.test/", outcome)
            await runtime.sleep_until(runtime.now() + 0.01)
            assert not task.done
            await session.connector.close()
            assert open_sockets() == before
            assert await task.wait(runtime.now() + 1)
        assert is_closed(outcome, "connect")


SILENCES = {
    "tls": ("https://127.0.0.1:{port}/", None, b"", "tls"),
    "http proxy": ("https://host.test/", "http://127.0.0.1:{port}", b"", "proxy"),
    "https proxy": ("http://host.test/", "https://127.0.0.1:{port}", b"", "proxy"),
    "socks proxy": ("http://host.test/", "socks5h://127.0.0.1:{port}", b"", "proxy"),
    "tls in a tunnel": ("https://host.test/", "http://127.0.0.1:{port}", b"HTTP/1.1 200 OK\r\n\r\n", "tls"),
}


@pytest.mark.parametrize("where", SILENCES)
async def test_closing_ends_a_handshake_under_way_at_once(scripted, where, eventually):
    url, proxy, answer, phase = SILENCES[where]
    runtime, outcome, heard = current_runtime(), [], []

    async def talk(peer, script):
        if answer:
            await peer.request()
            await peer.send(answer)
        heard.append(await peer.exactly(1))
        await peer.ended()

    async with scripted(talk) as script:
        proxy = proxy and proxy.format(port=script.port)
        async with ClientSession(proxy=proxy) as session:
            task = runtime.spawn(got, session, url.format(port=script.port), outcome)
            await eventually(lambda: heard)
            await session.connector.close()
            assert await task.wait(runtime.now() + 1)
        assert is_closed(outcome, phase)
        await eventually(lambda: script.open == 0)


async def tunnels(peer, script):
    """Open one tunnel, which ends both ways when the client does."""
    head, _ = await peer.request()
    upstream = await connect(int(head.split()[1].rpartition(b":")[2])) if head else None
    if upstream is None:
        return
    back = current_runtime().spawn(pump, upstream, peer.stream)
    try:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await pump(peer.stream, upstream)
    finally:
        upstream.abort()
        back.cancel()
        await back.wait()


@pytest.mark.parametrize("way", ["plain", "tls", "tunnel"])
async def test_closing_at_any_moment_leaves_nothing(scripted, answering, server_tls, way, eventually):
    """The same request, and the session closed one turn of the loop later each time."""
    runtime, ends = current_runtime(), set()
    async with scripted(answering(), None if way == "plain" else server_tls) as script, scripted(tunnels) as relay:
        before, url = open_sockets(), f"{'http' if way == 'plain' else 'https'}://127.0.0.1:{script.port}/"
        proxy = f"http://127.0.0.1:{relay.port}" if way == "tunnel" else None
        for turns in range(40):
            outcome = []
            session = ClientSession(proxy=proxy)
            task = runtime.spawn(got, session, url, outcome)
            for _ in range(turns):
                await runtime.sleep_until(runtime.now())
            await session.close()
            assert await task.wait(runtime.now() + 1), f"it goes on after {turns} turns"
            (end,) = outcome
            ends.add(type(end))
            assert end == b"ok" or isinstance(end, drywire.ClientError) or str(end) == "Session is closed"
        assert any(issubclass(end, drywire.ClientError) for end in ends)
        await eventually(lambda: script.open == relay.open == 0 and open_sockets() == before)


async def test_a_closed_connector_stays_closed(scripted, answering):
    async with scripted(answering()) as script:
        connector = TCPConnector()
        async with ClientSession(connector=connector, connector_owner=False) as session:
            async with session.get(script.url) as response:
                assert await response.read() == b"ok"
            await connector.close()
            await connector.close()
            with pytest.raises(drywire.ClientConnectionError, match=r"^Connector is closed$"):
                await session.get(script.url)
        assert (script.connections, connector.figures.open) == (1, 0)


async def test_a_connector_that_is_closed_before_it_dials_does_not_dial():
    async def close(session, context, params):
        await session.connector.close()

    trace = drywire.TraceConfig()
    trace.on_connection_create_start.append(close)
    before = open_sockets()
    with unanswered() as dead:
        during, timeout = open_sockets(), ClientTimeout(total=5)
        async with ClientSession(trace_configs=[trace], timeout=timeout) as session:
            with pytest.raises(drywire.ClientConnectionError, match=r"^Connector is closed$"):
                await session.get(f"http://127.0.0.1:{dead}/")
        assert open_sockets() == during
    assert open_sockets() == before


async def test_pitfall_3_many_hosts_visited_once_are_looked_through_a_few_times_only(scripted, answering, eventually):
    runtime, looked_at, hosts = current_runtime(), 0, 300

    class Watched(TCPConnector):
        def _evict(self):
            nonlocal looked_at
            looked_at += len(self._pool.members)
            super()._evict()

    async with scripted(answering()) as script:
        names = Names({f"host{number}.test": [("127.0.0.1", script.port)] for number in range(hosts)})
        async with ClientSession(connector=Watched(resolver=names, keepalive_timeout=0.3)) as session:
            started = runtime.now()
            for number in range(hosts):
                async with session.get(f"http://host{number}.test/") as response:
                    assert await response.read() == b"ok"
            await eventually(lambda: session.connector.figures.open == 0)
            assert not session.connector._pool.endpoints
            spent = runtime.now() - started
    assert hosts <= looked_at <= 2 * spent / BREATH


async def test_idle_connections_make_room_where_the_process_may_open_no_more(scripted, answering, eventually):
    """One that visits many hosts once would else fail with its own idle connections in the way."""
    connector, full, made = None, errno.EMFILE, []

    def factory(info):
        if full and (connector.figures.idle or not made):
            raise OSError(full, "Too many open files")
        made.append(socket.socket(*info[:3]))
        return made[-1]

    async with scripted(answering()) as first, scripted(answering()) as second:
        connector = TCPConnector(socket_factory=factory)
        async with ClientSession(connector=connector) as session:
            with pytest.raises(drywire.ClientConnectorError, match="Too many open files"):
                await session.get(first.url)  # there is nothing to close
            full = 0
            for url in (first.url, second.url):
                full = errno.EMFILE if made else 0
                async with session.get(url) as response:
                    assert await response.read() == b"ok"
            await eventually(lambda: first.open == 0)
            assert (connector.figures.open, second.open) == (1, 1)


# The order of addresses


async def test_without_happy_eyeballs_addresses_are_tried_strictly_in_the_resolvers_order():
    """As in aiohttp: families take turns only where `happy_eyeballs_delay` or `interleave` says so."""
    with refusing("127.0.0.2") as closed:
        found = [("::2", 1), ("::3", 1), ("127.0.0.2", closed), ("::4", 1), ("127.0.0.3", closed)]
        orders = {}
        for delay, interleave in ((None, None), (None, 1), (0.25, None), (0.25, 0)):
            tried = []

            def factory(info, tried=tried):
                tried.append(info[4][0])
                raise OSError("no socket today")

            options = {"happy_eyeballs_delay": delay, "interleave": interleave, "socket_factory": factory}
            connector = TCPConnector(resolver=Names({"host.test": found}), **options)
            async with ClientSession(connector=connector) as session:
                with pytest.raises(drywire.ClientConnectorError, match="no socket today"):
                    await session.get("http://host.test/")
            orders[delay, interleave] = tried
    as_found, in_turns = [host for host, _ in found], ["::2", "127.0.0.2", "::3", "127.0.0.3", "::4"]
    assert orders == {
        (None, None): as_found,
        (None, 1): in_turns,
        (0.25, None): in_turns,
        (0.25, 0): as_found,
    }


async def test_without_happy_eyeballs_only_one_address_is_tried_at_a_time(scripted, answering, eventually):
    runtime, outcome = current_runtime(), []
    async with scripted(answering()) as script:
        with unanswered("127.0.0.2") as dead:
            names = Names({"host.test": [("127.0.0.2", dead), ("127.0.0.1", script.port)]})
            before = open_sockets()
            connector = TCPConnector(resolver=names, happy_eyeballs_delay=None)
            async with ClientSession(connector=connector, timeout=ClientTimeout(total=30)) as session:
                task = runtime.spawn(got, session, "http://host.test/", outcome)
                await eventually(lambda: open_sockets() > before)
                await runtime.sleep_until(runtime.now() + 0.3)  # longer than the delay that does not hold here
                assert (script.connections, open_sockets()) == (0, before + 1)
            assert await task.wait(runtime.now() + 1)
    assert is_closed(outcome, "connect")


# A network that loses packets


def in_a_namespace():
    """Return the command that gives what follows it a network of its own, None where this machine has none."""
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        with contextlib.suppress(OSError):
            done = subprocess.run([*command, "ip", "link", "add", "hole", "type", "veth"], capture_output=True)
            if done.returncode == 0:
                return command
    return None


def test_what_is_dead_ends_in_the_right_error_at_the_right_time():
    """A dead first address, dead addresses, a dead resolver, a dead proxy, a half-open peer: see dead_network.py."""
    command = in_a_namespace()
    if command is None:
        pytest.skip("this machine gives no network namespace with a veth (unshare, ip)")
    program = [sys.executable, "-W", "error", "-m", "tests.client.dead_network", "asyncio", "uvloop", "trio"]
    done = subprocess.run([*command, *program], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.count("as it should be") == 3


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@[::1/",
        "http://user:hunter2@host:99999/",
        "http://user:p@/hunter2@host:x/",
        "http://user:hunter2@h:0",
        "http://user:hunter2@ho\u2100st/",
    ],
)
async def test_the_error_of_a_url_tells_no_password(url):
    async with ClientSession() as session:
        with pytest.raises(drywire.InvalidURL) as caught:
            await session.get(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value, chain=True)).replace(url, "")
    assert "hunter2" not in f"{caught.value!r}"
    assert str(caught.value.url) == url


async def test_port_0_is_not_taken_for_another():
    async with ClientSession() as session:
        with pytest.raises(drywire.InvalidURL, match="port 0"):
            await session.get("http://127.0.0.1:0/")
