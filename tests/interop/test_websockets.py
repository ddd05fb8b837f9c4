"""WebSockets of other people, `websockets`, aiohttp and wsproto: their clients to our server, our client to theirs."""

import asyncio
import socket

import aiohttp
import pytest
import websockets.asyncio.client
import websockets.exceptions
import wsproto
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, Request, TextMessage

import drywire
from drywire import WSMsgType, web
from drywire_transports import current_runtime

from ..websocketing import app_of

REMOTE_CLOSING = ConnectionState.REMOTE_CLOSING
MESSAGES = ["", "héllo 😀", "x" * 70_000, b"", bytes(range(256)), b"y" * 300_000]


def servant():
    """Our echo, which does what text tells it to; what became of each WebSocket is kept in `ended`."""
    ended = []

    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"], max_msg_size=400_000)
        await ws.prepare(request)
        async for message in ws:
            if message.data == "close":
                await ws.close(code=4001, message=b"as you wish")
            elif message.data == "ping":
                await ws.ping(b"from the server")
            elif message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        ended.append(ws.close_code)
        return ws

    handler.ended = ended
    return handler


async def in_asyncio(function, *args):
    """Run a client that knows asyncio only, beside whatever loop our server runs on."""
    return await current_runtime().in_thread(lambda: asyncio.run(function(*args)))


# Their clients


async def talk_by_websockets(url, compression):
    options = {"compression": compression, "subprotocols": ["soap", "chat"], "max_size": None}
    async with websockets.asyncio.client.connect(url, **options) as ws:
        assert ws.subprotocol == "chat"
        assert len(ws.protocol.extensions) == (1 if compression else 0)
        for message in MESSAGES:
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["in ", "", "frag", "ments"])
        assert await ws.recv() == "in fragments"
        await ws.send([b"a" * 30_000, b"b" * 30_000])
        assert await ws.recv() == b"a" * 30_000 + b"b" * 30_000
        await (await ws.ping(b"hello"))
        await ws.send("ping")
        await ws.send("close")
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await ws.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "as you wish")
    async with websockets.asyncio.client.connect(url, compression=compression) as ws:
        await ws.close(1001, "bye")
    async with websockets.asyncio.client.connect(url, compression=compression, max_size=None) as ws:
        await ws.send(bytes(400_001))
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd.code == 1009


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_the_client_of_websockets(serving, compression):
    handler = servant()
    async with serving(app_of(handler)) as url:
        await in_asyncio(talk_by_websockets, url.replace("http", "ws"), compression)
    assert handler.ended == [4001, 1001, 1009]


async def test_the_client_of_websockets_is_refused(serving):
    async def handler(request):
        raise web.HTTPForbidden

    async def ask(url):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            await websockets.asyncio.client.connect(url)
        assert refused.value.response.status_code == 403

    async with serving(app_of(handler)) as url:
        await in_asyncio(ask, url.replace("http", "ws"))


async def talk_by_aiohttp(url, compress):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, compress=compress, protocols=["chat"], max_msg_size=0) as ws:
            assert ws.protocol == "chat"
            assert bool(ws.compress) == bool(compress)
            for message in MESSAGES:
                await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
                assert (await ws.receive()).data == message
            await ws.ping(b"hello")
            await ws.send_str("ping")
            await ws.send_str("close")
            message = await ws.receive()
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "as you wish")
        async with session.ws_connect(url, protocols=["chat"], compress=compress) as ws:
            await ws.close(code=1001)
            assert ws.close_code == 1001


@pytest.mark.parametrize("compress", [0, 9, 15])
async def test_the_client_of_aiohttp(serving, compress):
    handler = servant()
    async with serving(app_of(handler)) as url:
        await in_asyncio(talk_by_aiohttp, url, compress)
    assert handler.ended == [1000, 1001]  # it answers any code with 1000


def talk_by_wsproto(host, port):
    """A blocking client, in the manner of wsproto's own sample: send, receive, say what happened."""
    ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    said = []
    with socket.create_connection((host, port), 10) as sock:

        def pump(until):
            while True:
                for event in ws.events():
                    said.append(event)
                    if isinstance(event, Ping):
                        sock.sendall(ws.send(event.response()))
                    if isinstance(event, CloseConnection) and ws.state is REMOTE_CLOSING:
                        sock.sendall(ws.send(event.response()))
                    if isinstance(event, until):
                        return event
                ws.receive_data(sock.recv(65536) or None)

        sock.sendall(ws.send(Request(host=f"{host}:{port}", target="/", subprotocols=["chat"])))
        assert pump(AcceptConnection).subprotocol == "chat"
        sock.sendall(ws.send(TextMessage("in ", message_finished=False)) + ws.send(TextMessage("two")))
        assert pump(TextMessage).data == "in two"
        sock.sendall(ws.send(Ping(b"hello")))
        assert pump(Pong).payload == b"hello"
        sock.sendall(ws.send(TextMessage("ping")))
        assert pump(Ping).payload == b"from the server"
        sock.sendall(ws.send(CloseConnection(code=1000, reason="bye")))
        assert pump(CloseConnection).code == 1000
        assert sock.recv(1) == b""


async def test_a_blocking_client_on_wsproto(serving):
    handler = servant()
    async with serving(app_of(handler)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        await current_runtime().in_thread(talk_by_wsproto, host, int(port))
    assert handler.ended == [1000]


# Their servers

WEBSOCKETS_SERVER = """
    import asyncio
    from websockets.asyncio.server import serve

    async def handler(ws):
        async for message in ws:
            if message == "close":
                await ws.close(4001, "as you wish")
            elif message == "fragments":
                await ws.send(["in ", "frag", "ments"])
            elif message == "ping":
                await (await ws.ping())
                await ws.send("ponged")
            else:
                await ws.send(message)

    async def main():
        async with serve(handler, "127.0.0.1", 0, subprotocols=["chat"], max_size=400_000) as server:
            print(server.sockets[0].getsockname()[1], flush=True)
            await asyncio.Future()

    asyncio.run(main())
"""

AIOHTTP_SERVER = """
    import asyncio
    from aiohttp import web

    async def handler(request):
        ws = web.WebSocketResponse(protocols=["chat"], max_msg_size=400_000)
        await ws.prepare(request)
        async for message in ws:
            if message.data == "close":
                await ws.close(code=4001, message=b"as you wish")
            elif message.data == "fragments":
                await ws.send_str("in fragments")
            elif message.data == "ping":
                await ws.ping()
                await ws.send_str("ponged")
            elif message.type is web.WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is web.WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        return ws

    async def main():
        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(site._server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()

    asyncio.run(main())
"""

SERVERS = {"websockets": WEBSOCKETS_SERVER, "aiohttp": AIOHTTP_SERVER}


@pytest.mark.parametrize("compress", [0, 9, 15])
@pytest.mark.parametrize("peer", SERVERS)
async def test_our_client_talks_to_the_server_of(process, peer, compress):
    url = f"ws://127.0.0.1:{process(SERVERS[peer])}/"
    async with drywire.ClientSession() as session:
        async with session.ws_connect(url, protocols=["soap", "chat"], compress=compress, heartbeat=5) as ws:
            assert ws.protocol == "chat"
            assert bool(ws.compress) == bool(compress)
            for message in MESSAGES:
                await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
                assert (await ws.receive()).data == message
            await ws.send_str("fragments")
            assert await ws.receive_str() == "in fragments"
            await ws.send_str("ping")
            assert await ws.receive_str() == "ponged"
            await ws.ping(b"and back")
            await ws.send_str("close")
            message = await ws.receive()
            assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "as you wish")
        async with session.ws_connect(url, protocols=["chat"], compress=compress) as ws:
            await ws.close(code=4002, message=b"bye")
            assert ws.close_code in (1000, 4002)  # what it answers is its own affair
        if peer == "aiohttp":
            return  # it hangs up with our bytes unread, and the reset takes its close frame with it
        async with session.ws_connect(url, protocols=["chat"], compress=compress) as ws:
            await ws.send_bytes(bytes(400_001))
            message = await ws.receive()
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)


WSPROTO_SERVER = """
    import socket
    import wsproto
    from wsproto.events import AcceptConnection, CloseConnection, Message, Ping, Request

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        sock, _ = listening.accept()
        ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        over = False
        while not over:
            ws.receive_data(sock.recv(65536) or None)
            for event in ws.events():
                if isinstance(event, Request):
                    sock.sendall(ws.send(AcceptConnection(subprotocol="chat")) + ws.send(Ping(b"first")))
                elif isinstance(event, Message):
                    sock.sendall(ws.send(type(event)(event.data, message_finished=event.message_finished)))
                elif isinstance(event, CloseConnection):
                    sock.sendall(ws.send(event.response()))
                    over = True
                elif isinstance(event, Ping):
                    sock.sendall(ws.send(event.response()))
        sock.close()
"""


async def test_our_client_talks_to_a_blocking_server_on_wsproto(process):
    url = f"ws://127.0.0.1:{process(WSPROTO_SERVER)}/"
    async with drywire.ClientSession() as session, session.ws_connect(url, protocols=["chat"]) as ws:
        assert ws.protocol == "chat"
        for message in MESSAGES:
            await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
            assert (await ws.receive()).data == message
        await ws.ping()
        await ws.close(code=3000)
        assert ws.close_code == 3000
