"""Each limit of `ClientTimeout` ends its own wait, with its own error, and nothing else."""

import math

import pytest

import drywire
from drywire_client.timeouts import DEFAULT_TIMEOUT, Deadlines
from drywire_transports import current_runtime


async def silent(peer, script):
    await peer.ended()


async def test_total_ends_the_wait_for_a_response(scripted):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        runtime = current_runtime()
        started = runtime.now()
        with pytest.raises(TimeoutError, match=r"total timeout of 0\.1 s") as caught:
            await session.get(script.url, timeout=drywire.ClientTimeout(total=0.1))
        assert not isinstance(caught.value, drywire.ClientError)
        assert 0.09 < runtime.now() - started < 5
        assert "0 in use" in repr(session.connector)


@pytest.mark.parametrize("where", ["session", "request"])
async def test_a_number_is_a_total(scripted, where):
    async with scripted(silent) as script, drywire.ClientSession(timeout=0.1 if where == "session" else 60) as session:
        with pytest.raises(TimeoutError, match="total"):
            await session.get(script.url, **({"timeout": 0.1} if where == "request" else {}))


async def test_total_goes_on_while_the_body_is_read(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"1\r\nx\r\n")
            await current_runtime().sleep_until(current_runtime().now() + 0.01)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url, timeout=0.2) as response:
            with pytest.raises(TimeoutError, match="total"):
                await response.read()
        assert "0 in use, 0 idle" in repr(session.connector)


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], ids=["head", "body"])
async def test_sock_read_ends_a_silence(scripted, part):
    async def talk(peer, script):
        await peer.request()
        if part:
            await peer.send(part)
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.SocketTimeoutError, match="sock_read"):
            async with session.get(script.url, timeout=drywire.ClientTimeout(sock_read=0.1)) as response:
                await response.read()
        assert "0 in use, 0 idle" in repr(session.connector)


async def test_sock_read_begins_anew_with_each_arrival(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await current_runtime().sleep_until(current_runtime().now() + 0.05)
            await peer.send(b"x")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url, timeout=drywire.ClientTimeout(sock_read=0.3)) as response:
            assert await response.read() == b"x" * 8


async def test_connect_ends_the_wait_for_a_place(scripted):
    async with scripted(silent) as script:
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector, timeout=drywire.ClientTimeout(connect=0.1)) as session:
            task = current_runtime().spawn(_ignore, session, script.url)
            while "1 in use" not in repr(connector):
                await current_runtime().sleep_until(current_runtime().now() + 0.002)
            for _ in range(3):
                with pytest.raises(drywire.ConnectionTimeoutError, match="connect"):
                    await session.get(script.url)
            assert "1 in use, 0 idle, 0 waiting" in repr(connector)
            task.cancel()
            assert await task.wait(current_runtime().now() + 5)
            assert "0 in use" in repr(connector)


async def _ignore(session, url):
    await session.get(url)


@pytest.mark.parametrize("limit", ["connect", "sock_connect"])
async def test_connect_and_sock_connect_end_a_handshake_that_hangs(scripted, client_tls, limit):
    async with scripted(silent) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ConnectionTimeoutError, match=rf"ClientTimeout\.{limit}\)"):
            await session.get(
                script.url.replace("http:", "https:"), ssl=client_tls, timeout=drywire.ClientTimeout(**{limit: 0.1})
            )
        assert "0 in use" in repr(session.connector)


async def test_the_total_limits_an_upload_that_nobody_reads(scripted):
    async def talk(peer, script):
        await current_runtime().sleep_until(current_runtime().now() + 60)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(TimeoutError, match="total"):
            await session.post(script.url, data=bytes(64 << 20), timeout=0.2)
        assert "0 in use" in repr(session.connector)


async def test_none_of_a_request_means_no_total(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession(timeout=0.000001) as session:
        async with session.get(script.url, timeout=None) as response:
            assert await response.read() == b"ok"
        async with session.get(script.url, timeout=0) as response:
            assert await response.read() == b"ok"


async def test_a_deadline_that_has_passed_leaves_the_kept_connection_usable(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for timeout in (0.05, 5):
            async with session.get(script.url, timeout=timeout) as response:
                assert await response.read() == b"ok"
            await current_runtime().sleep_until(current_runtime().now() + 0.1)
        assert script.connections == 1


def test_the_default_is_five_minutes_in_all_and_thirty_seconds_to_connect():
    assert drywire.ClientTimeout(total=300, sock_connect=30) == DEFAULT_TIMEOUT
    assert drywire.ClientTimeout(1, 2, 3, 4, 5) == drywire.ClientTimeout(
        total=1, connect=2, sock_read=3, sock_connect=4, ceil_threshold=5
    )
    with pytest.raises(AttributeError):
        DEFAULT_TIMEOUT.total = 1


def test_without_limits_there_are_no_deadlines():
    deadlines = Deadlines(drywire.ClientTimeout(), 100.0)
    assert (deadlines.total, deadlines.connect, deadlines.dial(101.0), deadlines.read(102.0)) == (math.inf,) * 4


@pytest.mark.parametrize(
    ("timeout", "phase", "now", "error", "name"),
    [
        ({"total": 5}, "read", 105.0, drywire.TotalTimeoutError, "total"),
        ({"total": 5}, "read", 104.9995, drywire.TotalTimeoutError, "total"),  # a loop that rang early
        ({"total": 5}, "connect", 105.0, drywire.TotalTimeoutError, "total"),
        ({"total": 5, "sock_read": 1}, "read", 103.0, drywire.SocketTimeoutError, "sock_read"),
        ({"total": 5, "sock_read": 1}, "read", 105.0, drywire.TotalTimeoutError, "total"),
        ({"connect": 3, "sock_connect": 9}, "connect", 103.0, drywire.ConnectionTimeoutError, "connect"),
        ({"connect": 3}, "connect", 102.9995, drywire.ConnectionTimeoutError, "connect"),
        ({"connect": 9, "sock_connect": 3}, "connect", 103.0, drywire.ConnectionTimeoutError, "sock_connect"),
    ],
)
def test_a_wait_that_was_too_long_is_blamed_on_the_limit_that_passed(timeout, phase, now, error, name):
    blamed = Deadlines(drywire.ClientTimeout(**timeout), 100.0).blame(now, phase)
    assert type(blamed) is error
    assert f"(ClientTimeout.{name})" in str(blamed)
