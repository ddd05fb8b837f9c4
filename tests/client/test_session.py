"""A session: its settings, how it ends, and what it says when it is not ended."""

import gc
import warnings

import pytest

import drywire
from drywire_transports import current_runtime, run


def test_a_session_can_be_made_before_there_is_a_loop():
    session = drywire.ClientSession(headers={"A": "1"})

    async def main():
        async with session:
            assert not session.closed
        assert session.closed

    run(main)


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("api/", "users", b"/api/users"),
        ("api/", "/users", b"/users"),
        ("api/", "", b"/api/"),
        ("", "a/b?c=d", b"/a/b?c=d"),
    ],
)
async def test_relative_urls_are_joined_to_the_base(scripted, answering, base, url, path):
    async with scripted(answering()) as script, drywire.ClientSession(script.url + base) as session:
        async with session.get(url):
            assert script.heads[0].split()[1] == path


async def test_an_absolute_url_needs_no_base(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession("http://name.invalid/x/") as session:
        async with session.get(script.url + "y"):
            assert script.heads[0].split()[1] == b"/y"


@pytest.mark.parametrize("base", ["/relative/", "http://example.com/no-slash"])
def test_a_base_that_cannot_be_joined_is_refused(base):
    with pytest.raises(ValueError, match="base_url"):
        drywire.ClientSession(base)


async def test_headers_of_a_session_may_be_changed(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        session.headers["X-A"] = "1"
        async with session.get(script.url):
            assert b"\r\nX-A: 1\r\n" in script.heads[0]


async def test_a_closed_session_requests_nothing(scripted, answering):
    async with scripted(answering()) as script:
        session = drywire.ClientSession()
        await session.close()
        await session.close()
        assert session.closed
        assert session.connector is None
        with pytest.raises(RuntimeError, match="Session is closed"):
            await session.get(script.url)


async def test_closing_closes_idle_connections(scripted, answering, eventually):
    async with scripted(answering()) as script:
        async with drywire.ClientSession() as session:
            await (await session.get(script.url)).read()
            assert script.open == 1
        await eventually(lambda: script.open == 0)


async def test_a_connector_can_be_shared(scripted, answering):
    async with scripted(answering()) as script, drywire.TCPConnector() as connector:
        for _ in range(2):
            async with drywire.ClientSession(connector=connector, connector_owner=False) as session:
                await (await session.get(script.url)).read()
        assert not connector.closed
        assert script.connections == 1


async def test_a_detached_session_leaves_its_connector_open():
    async with drywire.TCPConnector() as connector:
        session = drywire.ClientSession(connector=connector)
        session.detach()
        assert session.closed
        assert not connector.closed


def test_a_session_is_not_for_plain_with():
    session = drywire.ClientSession()
    with pytest.raises(TypeError, match="async with"):
        with session:
            pass
    session.detach()


async def test_a_session_that_is_not_closed_says_so():
    session = drywire.ClientSession()
    with pytest.warns(ResourceWarning, match="Unclosed client session"):
        session.__del__()
    session.detach()


async def test_a_request_that_is_never_awaited_says_so_and_sends_nothing(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.warns(RuntimeWarning, match="never awaited"):
            session.get(script.url)  # dropped at once
        assert script.connections == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_outlives_its_loop_is_dropped_in_silence(backend):
    kept = []

    async def main():
        runtime = current_runtime()

        async def talk(stream):
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            await stream.receive()
            stream.abort()

        listener = await runtime.listen_tcp(talk, "127.0.0.1", 0)
        session = drywire.ClientSession()
        kept.append(await session.get(f"http://127.0.0.1:{listener.addresses[0][1]}/"))
        session.detach()
        listener.cancel()
        await listener.join()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        run(main, backend=backend)
        kept.clear()
        gc.collect()
