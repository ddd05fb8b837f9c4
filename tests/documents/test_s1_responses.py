"""The examples of seed-001 from what a response tells on; what is left out of that document: test_s1.py."""

import pytest
from multidict import CIMultiDictProxy

from .playing import ON_ASYNCIO


async def test_s1_37_status(play, session):
    await play(
        """
        async with session.get('http://httpbin.org/get') as resp:
            assert resp.status == 200
        """,
        session=session,
    )


HEADERS = b"""\
ACCESS-CONTROL-ALLOW-ORIGIN: *
CONTENT-TYPE: application/json
DATE: Tue, 15 Jul 2014 16:49:51 GMT
SERVER: gunicorn/18.0
CONTENT-LENGTH: 331
CONNECTION: keep-alive
""".replace(b"\n", b"\r\n")
"""What the server of the document's prompts answered, in 2014."""

RAW_HEADERS = b"""\
SERVER: nginx
DATE: Sat, 09 Jan 2016 20:28:40 GMT
CONTENT-TYPE: text/html; charset=utf-8
CONTENT-LENGTH: 12150
CONNECTION: keep-alive
""".replace(b"\n", b"\r\n")


async def test_s1_38_headers_of_a_response(play, scripted, answering, session):
    async with scripted(answering(b"HTTP/1.1 200 OK\r\n" + HEADERS + b"\r\n" + b" " * 331)) as script:
        async with session.get(script.url) as resp:
            played = await play(
                """
                >>> resp.headers
                {'ACCESS-CONTROL-ALLOW-ORIGIN': '*',
                 'CONTENT-TYPE': 'application/json',
                 'DATE': 'Tue, 15 Jul 2014 16:49:51 GMT',
                 'SERVER': 'gunicorn/18.0',
                 'CONTENT-LENGTH': '331',
                 'CONNECTION': 'keep-alive'}
                """,
                resp=resp,
            )
    [(headers, wanted)] = played.values
    assert type(headers) is CIMultiDictProxy
    assert {name.upper(): value for name, value in headers.items()} == eval(wanted)


async def test_s1_39_headers_in_any_case(play, scripted, answering, session):
    async with scripted(answering(b"HTTP/1.1 200 OK\r\n" + HEADERS + b"\r\n" + b" " * 331)) as script:
        async with session.get(script.url) as resp:
            played = await play(
                """
                >>> resp.headers['Content-Type']
                'application/json'

                >>> resp.headers.get('content-type')
                'application/json'
                """,
                resp=resp,
            )
    assert [repr(value) for value, _ in played.values] == [wanted for _, wanted in played.values]
    assert len(played.values) == 2


async def test_s1_40_raw_headers(play, scripted, answering, session):
    async with scripted(answering(b"HTTP/1.1 200 OK\r\n" + RAW_HEADERS + b"\r\n" + b" " * 12150)) as script:
        async with session.get(script.url) as resp:
            played = await play(
                """
                >>> resp.raw_headers
                ((b'SERVER', b'nginx'),
                 (b'DATE', b'Sat, 09 Jan 2016 20:28:40 GMT'),
                 (b'CONTENT-TYPE', b'text/html; charset=utf-8'),
                 (b'CONTENT-LENGTH', b'12150'),
                 (b'CONNECTION', b'keep-alive'))
                """,
                resp=resp,
            )
    [(headers, wanted)] = played.values
    assert headers == eval(wanted)


async def test_s1_41_cookies_of_a_response(play, session):
    played = await play(
        """
        url = 'http://example.com/some/cookie/setting/url'
        async with session.get(url) as resp:
            print(resp.cookies['example_cookie_name'])
        """,
        session=session,
    )
    assert played.said == "Set-Cookie: example_cookie_name=example; Path=/\n"


async def test_s1_42_history(play, session):
    played = await play(
        """
        >>> resp = await session.get('http://example.com/some/redirect/')
        >>> resp
        <ClientResponse(http://example.com/some/other/url/) [200]>
        >>> resp.history
        (<ClientResponse(http://example.com/some/redirect/) [301]>,)
        """,
        session=session,
    )
    (resp, shown), (history, all_shown) = played.values
    # A response is shown with its reason, and may be with its headers, too.
    assert shown == f"<ClientResponse({play.url}/some/other/url/) [200]>"
    assert repr(resp).startswith(shown.removesuffix("]>"))
    assert len(history) == 1
    assert type(history) is tuple
    assert repr(history).startswith(all_shown.removesuffix("]>,)"))


async def test_s1_43_web_socket(play, internet):
    # Slip: the document does not await send_str.
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


# Timeouts


async def test_s1_44_timeout(play, internet, session):
    # Slip: the document writes "aync".
    await play(
        """
        async with session.get('https://github.com', timeout=60) as r:
            ...
        """,
        session=session,
    )
    assert internet.last.target == "/"


async def test_s1_44_timeout_passes(play, session):
    with pytest.raises(TimeoutError):
        await session.get(play.url + "/delay/9", timeout=0.01)


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s1_45_async_timeout(play, session):
    example = """
        import async_timeout

        with async_timeout.timeout(0.001, loop=session.loop):
            async with session.get('https://github.com') as r:
                await r.text()
        """
    with pytest.raises(TimeoutError):
        await play(example, session=session, at=play.url + "/delay/9", deprecated="loop")
    await play(example, session=session, shortened=[("0.001", "60")], deprecated="loop")
