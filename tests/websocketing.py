"""WebSockets for tests: an application of one handler, and a peer that says just the bytes it is told to."""

import base64
import contextlib
import os

from drywire import web
from drywire_sansio import http1, websocket
from drywire_transports import current_runtime

__all__ = ["RawClient", "RawServer", "app_of", "echo", "raw_client", "raw_server"]

NONCE = b"the sample nonce"


def app_of(handler):
    app = web.Application()
    app.router.add_get("/", handler)
    return app


async def echo(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type is web.WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type is web.WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws


class RawPeer:
    """One end of a WebSocket that sends and reads frames only when it is told to."""

    def __init__(self, stream, core):
        self.stream = stream
        self.core = core

    async def send(self, *events):
        await self.stream.send(*[self.core.send(event) for event in events])

    async def event(self):
        while (event := self.core.next_event()) is websocket.NEED_DATA:
            self.core.receive_data(await self.stream.receive())
        return event


class RawClient(RawPeer):
    pass


class RawServer(RawPeer):
    pass


@contextlib.asynccontextmanager
async def raw_client(url, **options):
    """A client by hand, its handshake done."""
    runtime = current_runtime()
    host, _, port = url.removeprefix("http://").partition(":")
    stream = await runtime.connect_tcp(host, int(port))
    stream.read_deadline = stream.write_deadline = runtime.now() + 20
    try:
        http = http1.ClientConnection()
        fields = [(b"Host", host.encode()), *websocket.request_fields(NONCE, **options)]
        await stream.send(http.send(http1.Request(b"GET", b"/", fields)), http.send(http1.EndOfMessage()))
        while (head := http.next_event()) is http1.NEED_DATA:
            http.receive_data(await stream.receive())
        agreement = websocket.confirm(head, NONCE, **options)
        core = websocket.ClientConnection(lambda: os.urandom(4), deflate=agreement.deflate)
        if http.trailing_data[0]:
            core.receive_data(http.trailing_data[0])
        yield RawClient(stream, core)
    finally:
        stream.abort()


@contextlib.asynccontextmanager
async def raw_server(talk, response=None):
    """The URL of a server that runs `talk` with each peer after the handshake, or answers with `response`."""
    runtime = current_runtime()

    async def handle(stream):
        stream.read_deadline = stream.write_deadline = runtime.now() + 20
        try:
            http = http1.ServerConnection()
            while (request := http.next_event()) is http1.NEED_DATA:
                http.receive_data(await stream.receive())
            if not isinstance(request, http1.Request):
                return
            http.next_event()
            if response is not None:
                await stream.send(response(request) if callable(response) else response)
                await stream.aclose()
                return
            await stream.send(http.send(websocket.accept(request).response))
            await talk(RawServer(stream, websocket.ServerConnection()))
        finally:
            stream.abort()

    listener = await runtime.listen_tcp(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.addresses[0][1]}"
    finally:
        listener.cancel()
        await listener.join(runtime.now() + 5)


def accept_for(request):
    """The Sec-WebSocket-Accept that answers a request."""
    key = next(value for name, value in request.headers if name.lower() == b"sec-websocket-key")
    assert len(base64.b64decode(key)) == 16
    return websocket.accept_value(key)
