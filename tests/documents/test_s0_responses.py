"""The examples of seed-000 from what a response tells on; what is left out of that document: test_s0.py."""

import asyncio
import ssl
import textwrap

import pytest
from multidict import CIMultiDictProxy

import drywire

from .playing import ON_ASYNCIO


async def test_s0_41_status(play, session):
    await play(
        """
        async with session.get('http://httpbin.org/get') as resp:
            assert resp.status == 200
        """,
        session=session,
    )


async def test_s0_42_timeout(play, internet, session):
    await play(
        """
        async with session.get('https://github.com', timeout=60) as r:
            ...
        """,
        session=session,
    )
    assert internet.last.target == "/"


async def test_s0_42_timeout_passes_and_zero_is_none(play, session):
    for timeout in (0, None):
        async with session.get(play.url + "/delay/1", timeout=timeout) as resp:
            assert resp.status == 200
    with pytest.raises(TimeoutError):
        await session.get(play.url + "/delay/9", timeout=0.01)


async def test_s0_43_timeout_context_manager(play, session):
    # The rest of the block is that of the same document at aiohttp 1.0.
    example = """
        with aiohttp.Timeout(0.001):
            async with session.get('https://github.com') as r:
                await r.text()
        """
    with pytest.raises(TimeoutError):
        await play(example, session=session, at=play.url + "/delay/9", deprecated="Timeout")
    await play(example, session=session, shortened=[("0.001", "60")], deprecated="Timeout")


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s0_44_async_timeout(play, session):
    # The rest is that of S4-37.
    example = """
        import async_timeout

        with async_timeout.timeout(0.001):
            async with session.get('https://github.com') as r:
                await r.text()
        """
    with pytest.raises(TimeoutError):
        await play(example, session=session, at=play.url + "/delay/9")
    await play(example, session=session, shortened=[("0.001", "60")])


async def test_s0_45_headers_of_a_response(play, session):
    async with session.get(play.url + "/get") as resp:
        played = await play(
            """
            >>> resp.headers
            >>> resp.headers['Content-Type']
            """,
            resp=resp,
        )
    (headers, _), (content_type, _) = played.values
    assert type(headers) is CIMultiDictProxy
    assert content_type.startswith("application/json")
    assert headers["CONTENT-TYPE"] == headers["content-type"] == content_type


async def test_s0_46_history(play, session):
    played = await play(
        """
        resp = await session.get('http://example.com/some/redirect/')
        """,
        session=session,
    )
    resp = played["resp"]
    assert [old.url.path for old in resp.history] == ["/some/redirect/"]
    assert resp.url.path == "/some/other/url/"
    async with session.get(play.url + "/some/redirect/", allow_redirects=False) as resp:
        assert len(resp.history) == 0


async def test_s0_47_web_socket(play, internet):
    await play(
        """
        session = aiohttp.ClientSession()
        async with session.ws_connect('http://example.org/websocket') as ws:

            async for msg in ws:
                if msg.type == aiohttp.WSMsgType.TEXT:
                    if msg.data == 'close cmd':
                        await ws.close()
                        break
                    else:
                        await ws.send_str(msg.data + '/answer')
                elif msg.type == aiohttp.WSMsgType.CLOSED:
                    break
                elif msg.type == aiohttp.WSMsgType.ERROR:
                    break
        """
    )
    assert internet.messages == ["hello/answer", "again/answer"]


def test_s0_48_graceful_shutdown(script, internet):
    script(
        """
        async def read_website():
            async with aiohttp.ClientSession() as session:
                async with session.get('http://example.org/') as response:
                    await response.read()

        loop = asyncio.get_event_loop()
        loop.run_until_complete(read_website())
        # 零睡眠以允许底层连接关闭
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        """,
        asyncio=asyncio,
    )
    assert internet.last.target == "/"


def test_s0_48_graceful_shutdown_with_ssl(script, internet):
    # The document shows the last lines only: the first ones are those of the example before it.
    script(
        """
        async def read_website():
            async with aiohttp.ClientSession() as session:
                async with session.get('https://example.org/') as response:
                    await response.read()

        loop = asyncio.get_event_loop()
        loop.run_until_complete(read_website())
        # 等待250 ms以便关闭基础SSL连接
        loop.run_until_complete(asyncio.sleep(0.250))
        loop.close()
        """,
        asyncio=asyncio,
    )
    assert internet.last.target == "/"


def test_s0_49_exceptions():
    # The listing has lost its indentation: these are the branches of aiohttp's own tree.
    tree = """
        ClientError
            ClientResponseError
                ContentTypeError
                WSServerHandshakeError
                ClientHttpProxyError
            ClientConnectionError
                ClientOSError
                    ClientConnectorError
                        ClientSSLError
                            ClientConnectorCertificateError
                            ClientConnectorSSLError
                        ClientProxyConnectionError
                ServerConnectionError
                    ServerDisconnectedError
                    ServerTimeoutError
                    ServerFingerprintMismatch
            ClientPayloadError
            InvalidURL
        """
    above = {}
    for line in textwrap.dedent(tree).strip().splitlines():
        name = line.strip()
        depth = len(line) - len(name)
        above[depth] = error = getattr(drywire, name)
        assert issubclass(error, above[depth - 4] if depth else Exception), name
    assert issubclass(drywire.ServerTimeoutError, asyncio.TimeoutError)
    assert issubclass(drywire.ClientConnectorCertificateError, ssl.CertificateError)
