"""The client against scripted servers: errors, timeouts, retries, and a pool that stays whole."""

import contextlib
import gc
import warnings

import pytest

import drywire
from drywire_transports import current_runtime

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def scripted(*scripts):
    """Serve connections by `scripts` in turn, the last for all that follow; yield the URL and what was received."""
    received = []

    async def handle(stream):
        script = scripts[min(len(received), len(scripts) - 1)]
        received.append([])
        await script(stream, received[-1])

    listener = await current_runtime().listen_tcp(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.addresses[0][1]}/", received
    finally:
        listener.cancel()
        await listener.join()


def answers(*wires, then_close=True):
    """Return a script that answers each request with one of `wires`."""

    async def script(stream, received):
        for wire in wires:
            data = await stream.receive()
            received.append(data)
            if not data:
                return
            await stream.send(wire)
        if not then_close:
            while data := await stream.receive():
                received.append(data)
        await stream.aclose()

    return script


async def silence(stream, received):
    while data := await stream.receive():
        received.append(data)


async def reset(stream, received):
    received.append(await stream.receive())
    stream.abort()


@pytest.mark.parametrize(
    ("wire", "error", "text"),
    [
        (b"nonsense\r\n\r\n", drywire.ClientResponseError, "400"),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", drywire.ClientResponseError, "line feed"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            drywire.ClientResponseError,
            "more than",
        ),
        (b"HTTP/1.1 200 OK\r\nCont", drywire.ServerDisconnectedError, "disconnected"),
        (b"", drywire.ServerDisconnectedError, "disconnected"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", drywire.ClientResponseError, "101"),
    ],
)
async def test_a_response_that_is_none_is_a_clear_error(wire, error, text):
    async with scripted(answers(wire)) as (url, _), drywire.ClientSession() as session:
        with pytest.raises(error, match=text):
            await session.get(url)
        assert repr(session.connector) == "<TCPConnector 0 in use, 0 idle, 0 waiting>"


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_body_that_is_cut_off_or_malformed_is_a_payload_error(wire):
    async with scripted(answers(wire)) as (url, _), drywire.ClientSession() as session:
        response = await session.get(url)
        for _ in range(2):
            with pytest.raises(drywire.ClientPayloadError, match="not completed"):
                await response.read()


async def test_a_refused_connection_names_host_and_port():
    async with scripted(silence) as (url, _):
        pass  # the port was free a moment ago
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorError, match=r"127\.0\.0\.1") as caught:
            await session.get(url)
        assert f":{caught.value.port}/" in url
        assert isinstance(caught.value, OSError)


async def test_a_name_without_an_address_is_a_dns_error():
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorDNSError, match=r"name\.invalid"):
            await session.get("http://name.invalid/")


async def test_a_reset_is_an_os_error():
    async with scripted(reset) as (url, _), drywire.ClientSession() as session:
        with pytest.raises((drywire.ClientOSError, drywire.ServerDisconnectedError)):
            await session.post(url, data=b"x")


@pytest.mark.parametrize(
    ("timeout", "error", "text"),
    [
        (drywire.ClientTimeout(total=0.05), drywire.TotalTimeoutError, r"total timeout of 0\.05 s"),
        (0.05, drywire.TotalTimeoutError, r"total timeout of 0\.05 s"),
        (drywire.ClientTimeout(sock_read=0.05), drywire.SocketTimeoutError, "sock_read"),
    ],
)
async def test_a_timeout_says_which_limit_passed(timeout, error, text):
    async with scripted(silence) as (url, _), drywire.ClientSession() as session:
        with pytest.raises(error, match=text) as caught:
            await session.get(url, timeout=timeout)
        assert type(caught.value) is error
        assert repr(session.connector) == "<TCPConnector 0 in use, 0 idle, 0 waiting>"


async def test_a_total_timeout_holds_for_the_body_too():
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
    async with scripted(answers(wire, then_close=False)) as (url, _), drywire.ClientSession(timeout=0.05) as session:
        response = await session.get(url)
        with pytest.raises(TimeoutError, match="total"):
            await response.read()


async def test_the_wait_for_a_connection_has_its_own_timeout():
    asked, runtime = current_runtime().wake(), current_runtime()

    async def busy(stream, received):
        received.append(await stream.receive())
        asked.set()
        await silence(stream, received)

    async with scripted(busy) as (url, _):
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector) as session:
            first = runtime.spawn(suppressed, session, url)
            await runtime.park(asked, runtime.now() + 10)
            with pytest.raises(drywire.ConnectionTimeoutError, match="connect"):
                await session.get(url, timeout=drywire.ClientTimeout(connect=0.02))
            assert repr(connector) == "<TCPConnector 1 in use, 0 idle, 0 waiting>"
        assert await first.wait()


async def suppressed(session, url):
    with contextlib.suppress(drywire.ClientError):
        await session.get(url)


@pytest.mark.parametrize("method", ["get", "put", "delete"])
async def test_a_kept_connection_that_the_server_has_closed_is_replaced(method):
    async def one_answer_then_gone(stream, received):
        received.append(await stream.receive())
        await stream.send(OK)
        received.append(await stream.receive())
        stream.abort()

    async with scripted(one_answer_then_gone, answers(OK)) as (url, received), drywire.ClientSession() as session:
        for _ in range(2):
            async with getattr(session, method)(url) as response:
                assert await response.text() == "ok"
        assert len(received) == 2


async def test_a_post_is_not_sent_twice():
    async def one_answer_then_gone(stream, received):
        received.append(await stream.receive())
        await stream.send(OK)
        received.append(await stream.receive())
        stream.abort()

    async with scripted(one_answer_then_gone, answers(OK)) as (url, received), drywire.ClientSession() as session:
        await (await session.post(url, data=b"1")).read()
        with pytest.raises(drywire.ClientConnectionError):
            await session.post(url, data=b"2")
        assert len(received) == 1


async def test_an_unasked_response_is_not_taken_for_an_answer():
    async with scripted(answers(OK + OK, then_close=False), answers(OK)) as (url, received):
        async with drywire.ClientSession() as session:
            for _ in range(2):
                assert await (await session.get(url)).text() == "ok"
            assert len(received) == 2


async def test_headers_go_out_in_order_and_in_their_own_case():
    async with scripted(answers(OK)) as (url, received), drywire.ClientSession(headers={"X-One": "1"}) as session:
        await session.get(url + "a%2Fb?c=d%20e", headers=[("x-TWO", "2"), ("X-Three", "é")])
    wire = received[0][0]
    assert wire.startswith(b"GET /a%2Fb?c=d%20e HTTP/1.1\r\nHost: 127.0.0.1:")
    assert wire.index(b"X-One: 1") < wire.index(b"x-TWO: 2") < wire.index("X-Three: é".encode())


@pytest.mark.parametrize("name", ["X\r\nEvil", "X: y", "", "X Y"])
async def test_a_header_cannot_be_injected(name):
    async with drywire.ClientSession() as session:
        with pytest.raises((ValueError, drywire.ClientError, Exception), match="token"):
            await session.get("http://127.0.0.1:1/", headers={name: "1"})
        with pytest.raises(Exception, match="control byte"):
            await session.get("http://127.0.0.1:1/", headers={"X": "a\r\nEvil: 1"})


async def test_cancelling_at_any_moment_leaves_the_pool_whole():
    runtime = current_runtime()
    async with scripted(answers(*[OK] * 1000, then_close=False)) as (url, _):
        connector = drywire.TCPConnector(limit=2)
        async with drywire.ClientSession(connector=connector) as session:

            async def one():
                async with session.get(url) as response:
                    await response.read()

            for delay in range(60):
                tasks = [runtime.spawn(one) for _ in range(5)]
                await runtime.sleep_until(runtime.now() + delay * 0.0001)
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    await task.wait()
                assert " 0 in use" in repr(connector)
                assert " 0 waiting" in repr(connector)
            await one()


async def test_who_waits_is_served_in_order():
    runtime = current_runtime()
    order = []
    async with scripted(answers(*[OK] * 100, then_close=False)) as (url, _):
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:

            async def one(number):
                async with session.get(url) as response:
                    order.append(number)
                    await response.read()

            tasks = []
            for number in range(10):
                tasks.append(runtime.spawn(one, number))
                await runtime.sleep_until(runtime.now())
            for task in tasks:
                await task.wait()
    assert sorted(order) == list(range(10))
    assert order[1:] == sorted(order[1:])


async def test_a_session_that_is_not_closed_is_warned_of():
    sessions = [drywire.ClientSession()]
    with pytest.warns(ResourceWarning, match="Unclosed client session"):
        sessions.clear()
    gc.collect()


def test_a_session_can_be_made_outside_of_a_loop():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        session = drywire.ClientSession("http://example.com/", timeout=10)
        assert session.timeout == drywire.ClientTimeout(total=10)
        session.detach()
    assert session.closed


async def test_a_closed_session_refuses():
    session = drywire.ClientSession()
    await session.close()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.get("http://127.0.0.1:1/")


@pytest.mark.parametrize("url", ["/relative", "http://", "ftp://a/", "http://[::/"])
async def test_a_url_that_cannot_be_requested_is_refused(url):
    async with drywire.ClientSession() as session:
        with pytest.raises((drywire.InvalidURL, drywire.NonHttpUrlClientError)):
            await session.get(url)


async def test_raise_for_status_releases_and_raises():
    wire = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answers(wire, wire)) as (url, _), drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientResponseError, match="404, message='Not Found'"):
            await session.get(url, raise_for_status=True)
        response = await session.get(url)
        assert not response.ok
