"""Rows P-01 to P-16 and P-37: what all connectors share, and a connection."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gc
import inspect
import math
import warnings

import pytest

import drywire
from drywire_client.connector import BaseConnector
from drywire_transports import current_runtime, memory_pair

from ..client.conftest import answering, eventually, scripted  # noqa: F401

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"


async def half(peer, script):
    """Send half a body for each request, and the other half never."""
    while head := await peer.head():
        script.heads.append(head)
        await peer.send(HALF)
        await peer.ended()


async def get(session, url):
    async with session.get(url) as response:
        return await response.read()


def test_p_01_every_argument_of_a_connector_is_by_name_and_has_its_default():
    parameters = inspect.signature(BaseConnector).parameters
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters.values())
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert (
        defaults.items()
        >= {
            "force_close": False,
            "limit": 100,
            "limit_per_host": 0,
            "enable_cleanup_closed": False,
            "loop": None,
            "timeout_ceil_threshold": 5,
        }.items()
    )
    connector = BaseConnector(timeout_ceil_threshold=7)
    assert (connector.limit, connector.limit_per_host, connector.force_close) == (100, 0, False)
    with pytest.raises(TypeError):
        BaseConnector(conn_timeout=1)


@pytest.mark.parametrize(("keepalive", "left"), [({}, [1, 0]), ({"keepalive_timeout": None}, [1, 1])])
async def test_p_02_keepalive_timeout_is_15_seconds_and_none_is_for_good(scripted, answering, keepalive, left):
    connector = drywire.TCPConnector(**keepalive)
    async with scripted(answering()) as script, drywire.ClientSession(connector=connector) as session:
        await get(session, script.url)
        for age, idle in zip([14.9, 0.1], left, strict=True):
            for connection in connector._pool.idle:
                connection.idle_since -= age
            connector._evict()
            assert connector.figures.idle == idle


async def test_p_02_keepalive_timeout_of_0_keeps_no_connection(scripted, answering):
    connector = drywire.TCPConnector(keepalive_timeout=0)
    async with scripted(answering()) as script, drywire.ClientSession(connector=connector) as session:
        for connections in (1, 2):
            await get(session, script.url)
            assert connector.figures.open == 0
            assert script.connections == connections


def test_p_02_keepalive_timeout_goes_not_with_force_close():
    for seconds in (15, 0):
        with pytest.raises(ValueError, match="keepalive_timeout cannot be set if force_close is True"):
            drywire.TCPConnector(keepalive_timeout=seconds, force_close=True)
    drywire.TCPConnector(keepalive_timeout=None, force_close=True)


async def test_p_03_force_close_closes_each_connection_after_its_request(scripted, answering, eventually):
    connector = drywire.TCPConnector(force_close=True)
    async with scripted(answering()) as script, drywire.ClientSession(connector=connector) as session:
        for connections in (1, 2):
            await get(session, script.url)
            await eventually(lambda: script.open == 0)
            assert script.connections == connections
        assert connector.force_close


@pytest.mark.parametrize("limit", [0, None])
async def test_p_04_limit_is_100_and_0_or_none_are_no_limit(scripted, eventually, limit):
    assert drywire.TCPConnector().limit == 100
    connector = drywire.TCPConnector(limit=limit)
    assert connector.limit == 0
    async with scripted(half) as script, drywire.ClientSession(connector=connector) as session:
        responses = [await session.get(script.url) for _ in range(101)]
        assert connector.figures.in_use == 101
        for response in responses:
            response.close()


async def test_p_05_limit_per_host_counts_each_way_to_a_host_by_itself(scripted, answering):
    connector = drywire.TCPConnector(limit_per_host=1)
    timeout = drywire.ClientTimeout(connect=0.05)
    async with scripted(half) as script, scripted(half) as other:
        async with drywire.ClientSession(connector=connector, timeout=timeout) as session:
            held = [
                await session.get(script.url),
                await session.get(other.url),
                await session.get(script.url.replace("127.0.0.1", "localhost")),
                await session.get(script.url, server_hostname="name.example"),
                await session.get("http://name.invalid/", proxy=script.url),
                await session.get("http://name.invalid/", proxy=script.url, proxy_auth=drywire.BasicAuth("a", "b")),
            ]
            assert {figures.in_use for figures in connector.figures.by_key.values()} == {1}
            assert len(connector.figures.by_key) == len(held)
            with pytest.raises(drywire.ConnectionTimeoutError):
                await session.get(script.url)
            for response in held:
                response.close()


async def test_p_06_who_waits_longest_is_served_first_and_waits_at_most_connect(scripted, eventually):
    runtime, served = current_runtime(), []
    connector = drywire.TCPConnector(limit=1)

    async def ask(number):
        async with session.get(f"{script.url}{number}"):
            served.append(number)

    async with scripted(half) as script, drywire.ClientSession(connector=connector) as session:
        first = await session.get(script.url)
        with pytest.raises(drywire.ConnectionTimeoutError, match=r"no connection within 0.01 s.*connect"):
            await session.get(script.url, timeout=drywire.ClientTimeout(connect=0.01))
        tasks = []
        for number in range(5):
            tasks.append(runtime.spawn(ask, number))
            await eventually(lambda number=number: connector.figures.waiting == number + 1)
        first.close()
        for task in tasks:
            assert await task.wait(runtime.now() + 5)
    assert served == [0, 1, 2, 3, 4]


def test_p_07_enable_cleanup_closed_has_no_effect():
    """Differs: it warns on every Python, since there is nothing to clean up on any."""
    with pytest.warns(DeprecationWarning, match="enable_cleanup_closed has no effect"):
        drywire.TCPConnector(enable_cleanup_closed=True)
    drywire.TCPConnector(enable_cleanup_closed=False)


async def test_p_08_loop_is_accepted_and_ignored(scripted, answering):
    async with scripted(answering()) as script, drywire.TCPConnector(loop=object()) as connector:
        async with drywire.ClientSession(connector=connector) as session:
            assert await get(session, script.url) == b"ok"


async def test_p_09_limits_are_read_and_set(scripted, eventually):
    """Differs: a document sets `session.connector.limit`, which raises AttributeError in aiohttp; here it holds."""
    runtime = current_runtime()
    async with scripted(half) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1, limit_per_host=2)) as session:
            connector = session.connector
            assert (connector.limit, connector.limit_per_host) == (1, 2)
            responses = []

            async def ask():
                responses.append(await session.get(script.url))

            tasks = [runtime.spawn(ask) for _ in range(4)]
            await eventually(lambda: connector.figures.waiting == 3)
            connector.limit = 150
            await eventually(lambda: len(responses) == 2)
            assert connector.figures.waiting == 2
            connector.limit_per_host = None
            await eventually(lambda: len(responses) == 4)
            assert (connector.limit, connector.limit_per_host) == (150, 0)
            with pytest.raises(ValueError, match="not -1"):
                connector.limit = -1
            for task, response in zip(tasks, responses, strict=True):
                assert await task.wait(runtime.now() + 5)
                response.close()


async def test_p_10_the_other_settings_are_read():
    connector = drywire.TCPConnector(force_close=True)
    assert connector.force_close
    assert not connector.closed
    schemes = {"", "http", "https", "ws", "wss"}
    assert BaseConnector.allowed_protocol_schema_set == schemes
    assert connector.allowed_protocol_schema_set >= schemes
    for name in ("force_close", "closed"):
        with pytest.raises(AttributeError):
            setattr(connector, name, False)
    await connector.close()
    assert connector.closed


@pytest.mark.parametrize("abort_ssl", [False, True])
async def test_p_11_close_is_done_before_the_first_wait(scripted, answering, eventually, abort_ssl):
    runtime, errors = current_runtime(), []

    async def ask():
        with pytest.raises(drywire.ClientConnectionError, match="Connector is closed") as caught:
            await session.get(script.url)
        errors.append(caught.value)

    async with scripted(half) as script, scripted(answering()) as other:
        connector = drywire.TCPConnector(limit=2)
        session = drywire.ClientSession(connector=connector)
        await get(session, other.url)
        held = [await session.get(script.url) for _ in range(2)]
        waiting = runtime.spawn(ask)
        await eventually(lambda: connector.figures.waiting == 1)
        closing = connector.close(abort_ssl=abort_ssl)
        assert connector.closed
        assert all(response.connection.closed for response in held)
        assert connector.figures.open == 2  # places of those who have not noticed yet
        await closing
        await connector.close()
        assert await waiting.wait(runtime.now() + 5)
        await eventually(lambda: script.open == other.open == 0)
        for response in held:
            response.close()
        assert connector.figures.open == 0
        with pytest.raises(drywire.ClientConnectionError, match="Connector is closed"):
            await session.get(script.url)
        await session.close()
    assert len(errors) == 1


async def test_p_11_close_says_that_it_is_to_be_awaited():
    connector = drywire.TCPConnector()
    with pytest.warns(DeprecationWarning, match="await connector.close"):
        connector.close()
    assert connector.closed
    runtime = current_runtime()
    task = runtime.spawn(connector.close)  # any function of asyncio or trio takes it for a coroutine
    assert await task.wait(runtime.now() + 5)
    assert task.exception() is None


async def test_p_12_connect_gives_a_connection_for_a_request(scripted, eventually):
    kept = []

    class Request(drywire.ClientRequest):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            kept.append(self)

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await peer.ended()

    async with scripted(talk) as script:
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector, request_class=Request) as session:
            await get(session, script.url)
            connection = await connector.connect(kept[0], [], drywire.ClientTimeout())
            assert (connection.closed, connection.reused) == (False, True)
            assert connector.figures.in_use == 1
            with pytest.raises(drywire.ConnectionTimeoutError, match=r"ClientTimeout.connect"):
                await connector.connect(kept[0], [], drywire.ClientTimeout(connect=0.01))
            connection.release()  # nothing was sent on it: it is not known to be in order
            assert connection.closed
            again = await connector.connect(kept[0])
            again.close()
            assert connector.figures.open == 0


async def test_p_12_connect_may_be_overridden_and_what_it_gave_is_never_another_requests(scripted, answering):
    kept = []

    class Keeping(drywire.TCPConnector):
        async def connect(self, req, traces, timeout):
            kept.append(await super().connect(req, traces, timeout))
            return kept[-1]

    async with scripted(answering()) as script, drywire.ClientSession(connector=Keeping()) as session:
        await get(session, script.url)
        assert kept[0].closed
        idle = session.connector.take_idle(session.connector._pool.idle[0].key)
        kept[0].close()
        assert not idle.closed
        assert not kept[0].stream.closed
        idle.close()
    assert len(kept) == 1


async def test_p_13_a_connector_of_ones_own_opens_connections(eventually):
    """Differs: what is opened is a `ByteStream`, not an asyncio protocol."""

    class InMemory(BaseConnector):
        asked = ()

        async def _create_connection(self, req, traces, timeout):
            self.asked += ((str(req.url), len(traces), timeout.total),)
            runtime = current_runtime()
            assert req.deadlines.dial(runtime.now()) < math.inf
            ours, theirs = memory_pair(runtime)
            runtime.spawn(self.answer, theirs)
            return ours

        async def answer(self, stream):
            while await stream.receive():
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    connector = InMemory(limit=2)
    async with drywire.ClientSession(connector=connector, timeout=drywire.ClientTimeout(total=9)) as session:
        for path in "ab":
            assert await get(session, f"http://name.invalid/{path}") == b"ok"
    assert connector.asked == (("http://name.invalid/a", 0, 9),)
    assert connector.figures.open == 0


async def test_p_13_a_connector_that_opens_nothing_says_so():
    async with drywire.ClientSession(connector=BaseConnector()) as session:
        with pytest.raises(NotImplementedError, match="BaseConnector cannot open connections"):
            await session.get("http://name.invalid/")
        assert session.connector.figures.in_use == 0


async def test_p_14_a_connector_is_an_async_context_manager_and_a_deprecated_other_one():
    async with drywire.TCPConnector() as connector:
        assert not connector.closed
    assert connector.closed
    connector = drywire.TCPConnector()
    with pytest.warns(DeprecationWarning, match="async with Connector"):
        assert connector.__enter__() is connector
    assert not connector.closed
    assert connector.__exit__(None, None, None) is None
    assert connector.closed


async def test_p_15_a_connector_that_was_not_closed_says_so_if_it_has_connections(scripted, answering, eventually):
    async with scripted(answering()) as script:
        session = drywire.ClientSession(connector=drywire.TCPConnector())
        await get(session, script.url)
        with pytest.warns(ResourceWarning, match="Unclosed connector <TCPConnector 0 in use, 1 idle, 0 waiting>"):
            session.detach()  # it goes with the last reference, its connections too
        await eventually(lambda: script.open == 0)


async def test_p_15_a_connector_without_connections_or_closed_says_nothing(scripted, answering):
    async with scripted(answering()) as script:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            drywire.TCPConnector()
            with pytest.raises(ValueError, match="keepalive_timeout"):
                drywire.TCPConnector(force_close=True, keepalive_timeout=1)
            connector = drywire.TCPConnector()
            async with drywire.ClientSession(connector=connector) as session:
                await get(session, script.url)
            del session, connector
            gc.collect()


async def test_p_16_two_sessions_share_a_connector_and_its_limits(scripted, answering, eventually):
    async with scripted(answering()) as script, drywire.TCPConnector(limit=1) as connector:
        one = drywire.ClientSession(connector=connector, connector_owner=False)
        other = drywire.ClientSession(connector=connector, connector_owner=False)
        for session in (one, other, one):
            assert await get(session, script.url) == b"ok"
        assert script.connections == 1
        await one.close()
        assert not connector.closed
        assert await get(other, script.url) == b"ok"
        await other.close()
        assert connector.figures.idle == 1


async def test_p_37_a_connection_says_what_it_is_and_whose(scripted, eventually):
    async with scripted(half) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        connection = response.connection
        assert isinstance(connection, drywire.Connection)
        assert response.connection is connection
        assert not connection.closed
        assert connection.transport.get_extra_info("peername") == ("127.0.0.1", script.port)
        assert connection.transport.get_extra_info("nothing", 7) == 7
        assert not connection.transport.is_closing()
        assert connection.protocol is not None
        with pytest.warns(DeprecationWarning, match=r"Connection.loop"):
            assert connection.loop is getattr(current_runtime(), "loop", None)
        called = []
        connection.add_callback(lambda: called.append(1))
        connection.add_callback(lambda: 1 / 0)
        connection.add_callback(None)
        connection.add_callback(lambda: called.append(2))
        assert f"127.0.0.1:{script.port}" in repr(connection)
        connection.close()
        connection.close()
        connection.release()
        assert called == [1, 2]
        assert connection.closed
        assert connection.transport is connection.protocol is None
        response.close()
        await eventually(lambda: script.open == 0)
        assert session.connector.figures.open == 0


@pytest.mark.parametrize("verb", ["close", "abort"])
async def test_p_37_the_transport_of_a_connection_ends_it(scripted, eventually, verb):
    async with scripted(half) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            getattr(response.connection.transport, verb)()
            assert response.connection.closed
            await eventually(lambda: script.open == 0)


async def test_p_37_a_connection_that_was_given_back_is_nobodys_for_good(scripted, eventually):
    """What a program has kept of an earlier request does nothing to a later one on the same stream."""

    async def talk(peer, script):
        while await peer.head():
            await peer.send(HALF)
            await eventually(lambda: script.heads)
            await peer.send(b"k")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            kept = response.connection
            called = []
            kept.add_callback(lambda: called.append(True))
            script.heads.append(b"go on")
            assert await response.read() == b"ok"
        assert kept.closed
        assert called == [True]
        script.heads.clear()
        async with session.get(script.url) as response:
            assert kept.closed
            kept.close()
            kept.release()
            assert response.connection is not kept
            script.heads.append(b"go on")
            assert await response.read() == b"ok"
        assert script.connections == 1
