"""Conversations: our server and our client over a memory transport that splits and cuts.

An input is the bodies of requests, separated by ``|``, or, with the highest bit of the choices set, the raw bytes of a
hostile client. Whatever happens, the server answers with well-formed responses, logs no error, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import zlib
from collections.abc import AsyncIterator, Hashable
from functools import cache

from drywire import web
from drywire_sansio import http1
from drywire_server.server import Server
from drywire_server.settings import ServerSettings
from drywire_transports import ByteStream, TransportError, current_runtime
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.in_memory import memory_pair
from drywire_transports.in_memory.faults import ResetsAfter, Split

from ..findings import Finding
from ..inputs import split_input

__all__ = ["check"]

SEPARATOR = b"|"
PATIENCE = 10.0
"""Seconds after which a conversation is taken to hang: it needs less than a thousandth of that."""
BROKEN = "broken"


class _Records(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@cache
def _records() -> _Records:
    records = _Records()
    for name in ("drywire", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(records)
        logger.propagate = False
    return records


def check(data: bytes) -> Hashable:
    """Hold one conversation; bits 0-2 of the choices: how to split, bit 3: a reset, bit 7: a hostile client."""
    raw, choices = split_input(data)
    records = _records()
    records.messages.clear()
    conversation = _hostile(raw, choices) if choices & 128 else _polite(raw.split(SEPARATOR)[:6], choices)
    try:
        outcome = _loop().run_until_complete(asyncio.wait_for(conversation, PATIENCE))
    except TimeoutError as error:
        raise Finding("the conversation hangs") from error
    if records.messages:
        raise Finding(f"logged as errors: {records.messages}")
    return outcome


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    async for piece in request.content.iter_any():
        await response.write(piece)
    await response.write_eof()
    return response


async def _unread(request: web.Request) -> web.Response:
    return web.Response(body=b"unread")


@cache
def _app() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/", _echo)
    app.router.add_route("*", "/stream", _stream)
    app.router.add_route("*", "/unread", _unread)
    app.freeze()
    return app


@contextlib.asynccontextmanager
async def _served(choices: int) -> AsyncIterator[ByteStream]:
    """Give the client's end of a connection that a server of ours serves, and wait for the server's end of it."""
    runtime = current_runtime()
    here, there = memory_pair(runtime, high_water=1 << (choices & 7) * 2)
    sizes = [1 + (choices & 7) * 5, 3, 64]
    settings = ServerSettings(lingering_time=1.0)
    server = Server(_app().handle, request_factory=web.Request, runtime=runtime, settings=settings, access_log=None)
    task = runtime.spawn(server.serve, Split(there, sizes))
    client: ByteStream = Split(here, sizes[::-1])
    if choices & 8:
        client = ResetsAfter(client, received=(choices >> 4 & 7) * 25, sent=None)
    try:
        yield client
    finally:
        client.abort()
        await task.wait()
        error = task.exception()
        if error is not None:
            raise Finding(f"the server's task failed: {error!r}") from error
        if server.connections:
            raise Finding("the server keeps a connection that has ended")


async def _polite(bodies: list[bytes], choices: int) -> Hashable:
    outcome: list[Hashable] = []
    async with _served(choices) as stream:
        channel = HTTPChannel(stream, http1.ClientConnection())
        for body in bodies:
            try:
                said = await _exchange(channel, body)
            except (TransportError, http1.RemoteProtocolError) as error:
                if not choices & 8:
                    raise Finding(f"a polite exchange failed: {error!r}") from error
                return (*outcome, BROKEN)
            outcome.append(said)
            if channel.connection.states != {http1.CLIENT: http1.DONE, http1.SERVER: http1.DONE}:
                break
            channel.connection.start_next_cycle()
        with contextlib.suppress(TransportError):
            await stream.send_eof()
    return tuple(outcome)


async def _exchange(channel: HTTPChannel, body: bytes) -> Hashable:
    """Send one request and check its response; what request it is follows from its body."""
    kind = zlib.crc32(body)
    path = (b"/", b"/stream", b"/unread")[kind % 3]
    chunked = bool(kind & 16)
    version = b"1.0" if kind & 96 == 96 and not chunked else b"1.1"
    framing = (b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", b"%d" % len(body))
    fields = [(b"Host", b"a"), framing]
    waits = bool(kind & 128) and version == b"1.1"
    if waits:
        fields.append((b"Expect", b"100-continue"))
    await channel.send(http1.Request(b"POST", path, fields, version))
    # The body goes out while the answer comes in: else an echo and its client could wait for each other.
    sending = None if waits else current_runtime().spawn(_send_body, channel, body)
    head = await channel.next_event()
    # A handler that responds before it reads has no 100 to send any more; then the client sends unasked.
    if waits and (isinstance(head, http1.InformationalResponse) or path == b"/stream"):
        sending = current_runtime().spawn(_send_body, channel, body)
    while isinstance(head, http1.InformationalResponse):
        head = await channel.next_event()
    if not isinstance(head, http1.Response) or head.status != 200:
        raise Finding(f"{path!r} was answered with {head}")
    received = b""
    while isinstance(event := await channel.next_event(), http1.Data):
        received += bytes(event.data)
    if not isinstance(event, http1.EndOfMessage):
        raise Finding(f"a response ends with {event}")
    if sending is not None:
        await sending.wait()
    if received != (b"unread" if path == b"/unread" else body):
        raise Finding(f"{body!r} to {path!r} came back as {received!r}")
    return (path, chunked, version, waits, channel.connection.keep_alive)


async def _send_body(channel: HTTPChannel, body: bytes) -> None:
    middle = len(body) // 2
    with contextlib.suppress(TransportError):
        await channel.send(http1.Data(body[:middle]), http1.Data(body[middle:]), http1.EndOfMessage())


async def _hostile(raw: bytes, choices: int) -> Hashable:
    """Send `raw` and the end, and read what the server says until its own end: nothing but whole responses."""
    output = b""
    async with _served(choices & ~8) as stream:
        runtime = current_runtime()
        sending = runtime.spawn(_send_all, stream, raw)
        with contextlib.suppress(TransportError):
            while data := await stream.receive():
                output += data
        sending.cancel()
        await sending.wait()
    return tuple(_statuses(output))


async def _send_all(stream: ByteStream, raw: bytes) -> None:
    with contextlib.suppress(TransportError):
        await stream.send(raw)
        await stream.send_eof()


def _statuses(output: bytes) -> list[int]:
    """Return the statuses of the responses in `output`, each with its place in it. Raises Finding."""
    statuses: list[int] = []
    # A response to HEAD has a length and no body, which only who asked can know: then a reader for HEAD gets further.
    while output:
        for method in (b"GET", b"HEAD"):
            client = http1.ClientConnection()
            client.send_whole(http1.Request(method, b"/", [(b"Host", b"a")]))
            status, rest = _first(client, output)
            if status and (not rest or rest.startswith(b"HTTP/1.1 ")):
                break
        else:
            raise Finding(f"the server said {output!r}")
        statuses.append(status)
        output = rest
    return statuses


def _first(client: http1.ClientConnection, output: bytes) -> tuple[int, bytes]:
    """Return the status of the first final response in `output` and what follows it; 0 where there is none whole."""
    client.receive_data(output)
    client.receive_data(b"")
    status = 0
    try:
        while True:
            event = client.next_event()
            if isinstance(event, http1.Response):
                status = event.status
            elif isinstance(event, http1.EndOfMessage):
                return status, client.trailing_data[0]
            elif isinstance(event, http1.ConnectionClosed | http1.NeedData | http1.Paused):
                return 0, b""
    except http1.RemoteProtocolError:
        return 0, b""
