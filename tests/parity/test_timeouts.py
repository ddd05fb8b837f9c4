"""Rows T-01 to T-14: which wait each timeout ends, and by which error."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import asyncio
import contextlib
import inspect
import math
import socket

import anyio
import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime, run

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from ..websocketing import app_of, raw_server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"


async def silent(peer, script):
    await peer.ended()


async def pause(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


@contextlib.contextmanager
def within(seconds):
    """Fail where the block takes longer."""
    runtime = current_runtime()
    started = runtime.now()
    yield
    assert runtime.now() - started < seconds


@contextlib.contextmanager
def nobody():
    """The URL of a port whose connections are never looked at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


@pytest.fixture
def full_port():
    """A port that lets nobody in: nothing accepts there, and all places to wait for that are taken."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_t_01_client_timeout_has_its_order_and_is_frozen():
    timeout = drywire.ClientTimeout(1, 2, 3, 4)
    assert timeout == drywire.ClientTimeout(total=1, connect=2, sock_read=3, sock_connect=4)
    assert (timeout.total, timeout.connect, timeout.sock_read, timeout.sock_connect) == (1, 2, 3, 4)
    assert timeout != drywire.ClientTimeout(total=1)
    assert hash(timeout) == hash(drywire.ClientTimeout(1, 2, 3, 4))
    with pytest.raises(AttributeError):
        timeout.total = 5


def test_t_01_client_timeout_has_no_limits_by_itself():
    timeout = drywire.ClientTimeout()
    assert (timeout.total, timeout.connect, timeout.sock_read, timeout.sock_connect) == (None,) * 4
    assert timeout.ceil_threshold == 5


async def test_t_02_total_ends_the_wait_for_the_response(scripted):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        with within(5), pytest.raises(TimeoutError) as caught:
            await session.get(script.url, timeout=drywire.ClientTimeout(total=0.1))
        assert not isinstance(caught.value, drywire.ClientError)


async def test_t_02_total_counts_redirects_together(scripted):
    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[0])
            await pause(0.05)
            await peer.send(MOVED)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(TimeoutError):
            await session.get(script.url, timeout=drywire.ClientTimeout(total=0.5), max_redirects=1000)
        assert 2 <= len(script.heads) <= 11


async def test_t_02_total_counts_the_reading_of_the_body(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await pause(0.02)
            await peer.send(b"1\r\nx\r\n")

    async with scripted(talk) as script, drywire.ClientSession(timeout=drywire.ClientTimeout(total=0.2)) as session:
        async with session.get(script.url) as response:
            with within(5), pytest.raises(TimeoutError):
                await response.read()


async def test_t_03_connect_ends_the_wait_for_a_place_in_the_pool(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(HEAD)
        await peer.ended()

    async with scripted(talk) as script:
        options = {"connector": drywire.TCPConnector(limit=1), "timeout": drywire.ClientTimeout(connect=0.1)}
        async with drywire.ClientSession(**options) as session, session.get(script.url) as first:
            with within(5), pytest.raises(drywire.ConnectionTimeoutError):
                await session.get(script.url)
            assert not first.closed


async def test_t_03_connect_ends_the_opening_of_a_connection(full_port):
    async with drywire.ClientSession(timeout=drywire.ClientTimeout(connect=0.1)) as session:
        with within(5), pytest.raises(drywire.ConnectionTimeoutError):
            await session.get(f"http://127.0.0.1:{full_port}/")


async def test_t_03_connect_does_not_count_the_response(scripted):
    async def talk(peer, script):
        await peer.request()
        await pause(0.5)
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession(timeout=drywire.ClientTimeout(connect=0.3)) as session:
        async with session.get(script.url) as response:
            assert await response.read() == b"ok"


async def test_t_04_sock_connect_ends_the_opening_of_a_connection(full_port):
    async with drywire.ClientSession(timeout=drywire.ClientTimeout(sock_connect=0.1)) as session:
        with within(5), pytest.raises(drywire.ConnectionTimeoutError):
            await session.get(f"http://127.0.0.1:{full_port}/")


async def test_t_04_sock_connect_does_not_count_the_wait_for_a_place(scripted, eventually):
    read = []

    async def talk(peer, script):
        while (await peer.request())[0]:
            await peer.send(HEAD)
            await eventually(lambda: read)
            await peer.send(bytes(10))

    async with scripted(talk) as script:
        options = {"connector": drywire.TCPConnector(limit=1), "timeout": drywire.ClientTimeout(sock_connect=0.3)}
        async with drywire.ClientSession(**options) as session, session.get(script.url) as first:
            waiting = current_runtime().spawn(_fetch, session, script.url)
            await pause(0.5)
            assert not waiting.done
            read.append(True)
            assert await first.read() == bytes(10)
            assert await waiting.wait(current_runtime().now() + 5)
            assert waiting.exception() is None


async def _fetch(session, url):
    async with session.get(url) as response:
        return await response.read()


@pytest.mark.parametrize("sent", [b"", HEAD + b"half"], ids=["head", "body"])
async def test_t_05_sock_read_ends_a_silence(scripted, sent):
    async def talk(peer, script):
        await peer.request()
        if sent:
            await peer.send(sent)
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession(timeout=drywire.ClientTimeout(sock_read=0.1)) as session:
        with within(5), pytest.raises(drywire.SocketTimeoutError):
            await _fetch(session, script.url)


async def test_t_05_sock_read_begins_anew_with_each_arrival(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(HEAD)
        for _ in range(10):
            await pause(0.05)
            await peer.send(b"x")

    async with scripted(talk) as script, drywire.ClientSession(timeout=drywire.ClientTimeout(sock_read=0.3)) as session:
        assert await _fetch(session, script.url) == b"x" * 10


async def test_t_06_ceil_threshold_rounds_nothing_up(scripted):
    """Differs: a timeout is kept as it was given; aiohttp rounds those from `ceil_threshold` on up to a whole second.

    The one here ends shortly after a whole second of the loop's clock, so rounding would nearly double it.
    """
    async with scripted(silent) as script, drywire.ClientSession() as session:
        now = current_runtime().now()
        total = math.ceil(now) - now + 0.05
        with within(total + 0.8), pytest.raises(TimeoutError):
            await session.get(script.url, timeout=drywire.ClientTimeout(total=total, ceil_threshold=0.01))


async def test_t_07_the_default_is_five_minutes_and_half_a_minute_to_connect():
    async with drywire.ClientSession() as session:
        assert session.timeout == drywire.ClientTimeout(total=300, sock_connect=30)


@pytest.mark.parametrize("none", [0, None])
async def test_t_08_zero_and_none_are_no_limit(scripted, none):
    async def talk(peer, script):
        await peer.request()
        await pause(0.1)
        await peer.send(OK)

    limits = dict.fromkeys(("total", "connect", "sock_read", "sock_connect"), none)
    async with scripted(talk) as script, drywire.ClientSession(timeout=drywire.ClientTimeout(total=0.01)) as session:
        with pytest.raises(TimeoutError):
            await session.get(script.url)
        for timeout in (none, drywire.ClientTimeout(**limits)):
            async with session.get(script.url, timeout=timeout) as response:
                assert await response.read() == b"ok"


async def test_t_09_timeout_ends_what_stands_in_its_block(scripted):
    """Differs: aiohttp dropped `Timeout` in 3.0; the documents that show it still hold, with a warning."""
    async with scripted(silent) as script, drywire.ClientSession() as session:
        with pytest.warns(DeprecationWarning, match="Timeout"):
            timeout = drywire.Timeout(0.1)
        with within(5), pytest.raises(TimeoutError):
            with timeout:
                await session.get(script.url)
        assert "0 in use" in repr(session.connector)


@pytest.mark.parametrize("none", [0, None])
async def test_t_09_timeout_without_a_limit_ends_nothing(scripted, answering, none):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.warns(DeprecationWarning, match="Timeout"):
            timeout = drywire.Timeout(none)
        with timeout:
            async with session.get(script.url) as response:
                assert await response.read() == b"ok"


async def test_t_10_a_scope_with_a_deadline_ends_a_request(scripted):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        with within(5), pytest.raises(TimeoutError):
            with anyio.fail_after(0.1):
                await session.get(script.url)
        assert "0 in use, 0 idle" in repr(session.connector)


def test_t_10_a_timeout_of_asyncio_ends_a_request():
    async def main():
        with nobody() as url:
            async with drywire.ClientSession() as session:
                with within(5), pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await session.get(url)
                assert "0 in use, 0 idle" in repr(session.connector)

    run(main, backend="asyncio")


def test_t_11_client_ws_timeout_has_its_order_and_is_frozen():
    timeout = drywire.ClientWSTimeout(1, 2)
    assert timeout == drywire.ClientWSTimeout(ws_receive=1, ws_close=2)
    assert drywire.ClientWSTimeout() == drywire.ClientWSTimeout(ws_receive=None, ws_close=None)
    with pytest.raises(AttributeError):
        timeout.ws_close = 5


def test_t_11_client_ws_timeout_is_ten_seconds_to_close_by_default():
    default = inspect.signature(drywire.ClientSession.ws_connect).parameters["timeout"].default
    assert default == drywire.ClientWSTimeout(ws_receive=None, ws_close=10.0)


async def test_t_11_ws_receive_ends_the_wait_for_a_message(serving):
    async def hold(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        return ws

    async with serving(app_of(hold)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, timeout=drywire.ClientWSTimeout(ws_receive=0.1)) as ws:
            with within(5), pytest.raises(TimeoutError):
                await ws.receive()


async def test_t_11_ws_close_ends_the_wait_for_the_other_side():
    async def talk(peer):
        await peer.event()  # the client's close frame, which is not answered
        with contextlib.suppress(Exception):
            while await peer.stream.receive():
                pass

    async with raw_server(talk) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url, timeout=drywire.ClientWSTimeout(ws_close=0.1))
        with within(5):
            await ws.close()
        assert ws.closed


async def test_t_12_total_is_a_timeout_error_beside_client_error(scripted):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        seen = []
        try:
            await session.get(script.url, timeout=0.1)
        except drywire.ClientError as error:
            seen += [drywire.ClientError, error]
        except asyncio.TimeoutError as error:  # noqa: UP041 - the name that programs know it by
            seen += [asyncio.TimeoutError, error]
        assert seen[0] is asyncio.TimeoutError
        assert not isinstance(seen[1], drywire.ClientError)


@pytest.mark.parametrize("name", ["ServerTimeoutError", "ConnectionTimeoutError", "SocketTimeoutError"])
def test_t_13_timeouts_of_the_connection_are_client_errors_and_timeouts(name):
    error = getattr(drywire, name)
    assert issubclass(error, drywire.ServerTimeoutError)
    assert issubclass(error, drywire.ClientError)
    assert issubclass(error, asyncio.TimeoutError)
    assert issubclass(error, OSError)


@pytest.mark.parametrize("caught", [drywire.ServerTimeoutError, drywire.ClientError, TimeoutError])
async def test_t_13_timeouts_of_the_connection_are_caught_by_each_of_their_names(scripted, caught):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        with pytest.raises(caught):
            await session.get(script.url, timeout=drywire.ClientTimeout(sock_read=0.05))


def test_t_14_a_deadline_holds_outside_of_a_task_too():
    """Differs: aiohttp raises RuntimeError; here a deadline wakes the wait, and needs no task that it could cancel."""

    async def main():
        async with drywire.ClientSession() as session:
            for timeout in (drywire.ClientTimeout(total=0.1), drywire.ClientTimeout(sock_connect=5, sock_read=0.1)):
                ended = asyncio.get_running_loop().create_future()

                async def request(timeout=timeout):
                    assert asyncio.current_task() is None
                    with nobody() as url, pytest.raises(TimeoutError):
                        await session.get(url, timeout=timeout)

                _step(request(), ended)
                async with asyncio.timeout(5):
                    await ended
            assert "0 in use, 0 idle" in repr(session.connector)

    run(main, backend="asyncio")


def _step(coroutine, ended):
    """Run `coroutine` by callbacks of the loop, in no task."""

    def go_on(_=None):
        try:
            waited_for = coroutine.send(None)
        except StopIteration:
            ended.set_result(None)
        except BaseException as error:
            ended.set_exception(error)
        else:
            waited_for.add_done_callback(go_on)

    asyncio.get_running_loop().call_soon(go_on)
