"""What clients that were written for aiohttp rely on, as their authors would notice."""

import errno
import gc
import socket
import struct
import warnings

import pytest

import drywire
from drywire import WSMsgType, web


async def test_a_session_whose_connector_was_closed_says_that_it_is_closed(scripted, answering):
    async with scripted(answering()) as script:
        connector = drywire.TCPConnector()
        session = drywire.ClientSession(connector=connector)
        await (await session.get(script.url)).read()
        assert not session.closed
        await connector.close()
        assert session.closed
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del session
            gc.collect()  # nothing is left open that it could warn of


@pytest.mark.parametrize("host", ["a b", "a<b", "a%zzb"])
async def test_a_host_that_is_none_is_an_invalid_url_on_the_first_hop_and_behind_a_redirect(scripted, host):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://%s/\r\n\r\n" % host.encode())
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.InvalidUrlClientError, match="host") as caught:
            await session.get(f"http://{host}/")
        assert isinstance(caught.value, ValueError)
        assert caught.value.phase is None
        with pytest.raises(drywire.InvalidUrlRedirectClientError, match="host"):
            await session.get(script.url)
        assert script.connections == 1


async def test_force_close_tells_the_server_and_leaves_a_connection_field_of_the_program(scripted, answering):
    async with scripted(answering()) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(force_close=True)) as session:
            await (await session.get(script.url)).read()
            await (await session.get(script.url, headers={"connection": "X-Hop"})).read()
            many = {f"X-{number}": "1" for number in range(40)}
            await (await session.post(script.url, data=b"x", headers=many)).read()
        async with drywire.ClientSession() as session:
            await (await session.get(script.url)).read()
    said = [head.lower().count(b"\r\nconnection: close\r\n") for head in script.heads]
    assert said == [1, 0, 1, 0]
    assert b"\r\nconnection: X-Hop\r\n" in script.heads[1]


async def test_a_websocket_over_a_connector_that_keeps_nothing_still_asks_for_an_upgrade(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(request.headers["Connection"])
        await ws.close()
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    connector = drywire.TCPConnector(force_close=True)
    async with serving(app) as url, drywire.ClientSession(connector=connector) as session:
        async with session.ws_connect(url) as ws:
            assert await ws.receive_str() == "Upgrade"


async def test_a_reset_says_its_errno(scripted):
    async def talk(peer, script):
        await peer.request()
        sock = peer.stream.extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.stream.abort()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientOSError) as caught:
            await session.post(script.url, data=b"x")
        assert caught.value.errno == errno.ECONNRESET
        assert script.url in str(caught.value)


async def test_who_receives_on_after_a_close_frame_without_autoclose_gets_closed(serving):
    """``while (message := await ws.receive()).type is not CLOSED`` went on for ever, and held up the loop."""
    codes = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.close(code=4000)
        codes.append(ws.close_code)
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, autoclose=False) as ws:
            kinds = [(await ws.receive()).type for _ in range(3)]
            assert kinds == [WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSED]
            assert (ws.closed, ws.close_code) == (True, 4000)
            assert not await ws.close()
    assert len(codes) == 1


async def test_no_middlewares_may_be_said_by_none(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession(middlewares=None) as session:
        async with session.get(script.url, middlewares=None) as response:
            assert await response.read() == b"ok"


async def test_headers_are_changed_by_the_private_name_they_had(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession(headers={"X-Token": "1"}) as session:
        await (await session.get(script.url)).read()
        with pytest.warns(DeprecationWarning, match=r"use session\.headers") as warned:
            session._default_headers.update({"X-Token": "2"})
        assert warned[0].filename == __file__
        await (await session.get(script.url)).read()
        with pytest.warns(DeprecationWarning, match=r"use session\.headers"):
            session._default_headers = {"x-token": "3"}
        await (await session.get(script.url)).read()
        assert session.headers["X-Token"] == "3"
    said = [line for head in script.heads for line in head.split(b"\r\n") if line.lower().startswith(b"x-token")]
    assert said == [b"X-Token: 1", b"X-Token: 2", b"x-token: 3"]
