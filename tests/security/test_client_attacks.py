"""What an attack on the client has found: each test is one way that was open."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import base64
import gc
import hashlib
import re
import tracemalloc
import zlib

import pytest

from drywire import (
    ClientSession,
    ClientTimeout,
    ClientWSTimeout,
    TCPConnector,
    TotalTimeoutError,
    UploadTracker,
    WSMsgType,
)
from drywire_sansio import http1
from drywire_transports import current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401

SOON = ClientTimeout(total=0.15)
LATE = 3.0
"""Seconds after which what should have ended long ago counts as endless."""


def head(*lines, status=b"200 OK"):
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""])


async def pause(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


async def dropped(response, until):
    """Read and drop what comes, so that a flood that nothing ends is not kept."""
    while current_runtime().now() < until:
        await response.content.readany()


# Time: a peer that never stops never makes a stream wait, and so never look at its deadline


def deflated_for_ever():
    coder = zlib.compressobj(0, wbits=31)
    while True:
        yield coder.compress(bytes(60_000)) + coder.flush(zlib.Z_SYNC_FLUSH)


FLOODS = {
    "a length": (head(b"Content-Length: 99999999999"), b"x" * 100_000),
    "chunks": (head(b"Transfer-Encoding: chunked"), b"1\r\nx\r\n" * 4000),
    "until the end": (head(), b"x" * 100_000),
    "gzip": (head(b"Content-Encoding: gzip"), None),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_body_that_never_pauses_is_held_to_the_total(scripted, kind):
    async def talk(peer, script):
        start, piece = FLOODS[kind]
        await peer.head()
        await peer.send(start)
        pieces = deflated_for_ever()
        while True:
            await peer.send(piece or next(pieces))

    runtime = current_runtime()
    async with scripted(talk) as script, ClientSession() as session:
        begun = runtime.now()
        async with session.get(script.url, timeout=SOON) as response:
            with pytest.raises(TotalTimeoutError):
                await dropped(response, begun + LATE)
        assert session.connector.figures.open == 0


async def test_nor_does_one_that_is_read_ahead_outlive_it(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(head())
        while True:
            await peer.send(b"x" * 100_000)

    runtime = current_runtime()
    async with scripted(talk) as script, ClientSession(connector=TCPConnector(limit=1)) as session:
        begun = runtime.now()
        response = await session.get(script.url, timeout=SOON)
        waiting = runtime.spawn(session.get, script.url + "next", name="the next")
        while not session.connector.figures.waiting:
            await pause(0)
        with pytest.raises(TotalTimeoutError):
            await dropped(response, begun + LATE)
        waiting.cancel()
        await waiting.wait()


async def test_a_body_that_is_sent_without_pause_is_held_to_it_though_the_response_is_there(scripted, eventually):
    async def talk(peer, script):
        await peer.head()
        await peer.send(OK)
        while await peer.stream.receive():
            pass

    async def body():
        while True:
            yield bytes(10_000)
            await pause(0)

    async with scripted(talk) as script, ClientSession() as session:
        response = await session.post(script.url, data=body(), timeout=SOON)
        assert await response.read() == b"ok"
        assert session.connector.figures.in_use == 1
        await eventually(lambda: session.connector.figures.open == 0)


async def test_sock_read_counts_from_the_last_byte_also_where_many_make_one_piece(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(head(b"Transfer-Encoding: chunked"))
        for piece in (b"5", b";a", b"=b", b"\r\n", b"hello", b"\r\n", b"0\r", b"\nX: y", b"\r\n\r\n"):
            await pause(0.05)
            await peer.send(piece)

    async with scripted(talk) as script, ClientSession(timeout=ClientTimeout(total=None, sock_read=0.14)) as session:
        async with session.get(script.url) as response:
            assert await response.read() == b"hello"


def switching(*frames):
    async def talk(peer, script):
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", await peer.head())[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        fields = b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept
        await peer.send(head(*fields, status=b"101 Switching Protocols"))
        while True:
            await peer.send(b"".join(frames) * 2000)

    return talk


async def test_a_websocket_that_is_flooded_closes_in_time(scripted):
    runtime = current_runtime()
    async with scripted(switching(b"\x82\x05hello")) as script, ClientSession() as session:
        async with session.ws_connect(script.url, timeout=ClientWSTimeout(ws_close=0.1)) as ws:
            begun = runtime.now()
            await ws.close()
            assert runtime.now() < begun + LATE


@pytest.mark.parametrize("frame", [b"\x89\x00", b"\x83\x00"], ids=["pings", "bad frames"])
async def test_a_websocket_that_is_flooded_fails_in_time(scripted, frame):
    runtime = current_runtime()
    async with scripted(switching(frame)) as script, ClientSession() as session:
        async with session.ws_connect(script.url, timeout=ClientWSTimeout(ws_close=30)) as ws:
            begun = runtime.now()
            assert (await ws.receive()).type is WSMsgType.ERROR
            assert runtime.now() < begun + LATE


# Memory


@pytest.mark.parametrize("quirks", [(), http1.Quirk], ids=["strict", "tolerant"])
async def test_an_idle_connection_does_not_keep_a_large_head(scripted, quirks):
    lines = [b"X-%d: %b" % (number, bytes([97 + number]) * 6000) for number in range(9)]
    wire = head(b"Content-Length: 2", *lines) + b"ok"

    async def talk(peer, script):
        while await peer.head():
            await peer.send(wire)

    async with scripted(talk) as script, ClientSession(connector=TCPConnector(quirks=quirks)) as session:
        for _ in range(2):
            async with session.get(script.url) as response:
                assert await response.read() == b"ok"
        assert script.connections == 1
        del response
        (connection,) = session.connector._pool.members
        assert held_by(connection.channel.connection) < 8 * 1024


def test_long_targets_are_not_remembered():
    tracemalloc.start()
    try:
        for number in range(100):
            connection = http1.ClientConnection()
            connection.send(http1.Request(b"GET", b"/%d?%b" % (number, b"x" * 60_000), [(b"Host", b"a")]))
        del connection
        assert tracemalloc.get_traced_memory()[0] < 512 * 1024
    finally:
        tracemalloc.stop()


def held_by(thing):
    """Return the bytes that hang on `thing`, a connection of the core."""
    seen, todo, size = set(), [thing], 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, type) or callable(one) or type(one).__name__ == "Limits":
            continue
        seen.add(id(one))
        size += len(one) if isinstance(one, bytes | bytearray | str) else 0
        todo += gc.get_referents(one)
    return size


# What a program's own functions raise


async def test_a_callback_of_an_upload_that_raises_costs_no_place(scripted, eventually):
    async def talk(peer, script):
        await peer.head()
        await peer.send(OK)
        await peer.ended()

    go = current_runtime().wake()

    async def body():
        yield b"x"
        await current_runtime().park(go)
        raise ValueError("no more")

    def fail(_):
        raise ZeroDivisionError

    async with scripted(talk) as script, ClientSession(connector=TCPConnector(limit=1)) as session:
        response = await session.post(script.url, data=body(), upload_tracker=UploadTracker())
        response._upload.outcome.add_done_callback(fail)
        assert await response.read() == b"ok"
        go.set()
        await eventually(lambda: not session.connector.figures.in_use)


# Logs


@pytest.mark.parametrize(
    "reason",
    [b"x\xe2\x80\xa8Fake", b"a\xc2\x85b", b"\xff\xfe", b"\xc2\x9b31m"],
    ids=["line", "next", "bytes", "colour"],
)
async def test_a_response_shows_itself_in_one_line_of_ascii(scripted, answering, reason):
    async with scripted(answering(head(b"Content-Length: 0", status=b"200 " + reason))) as script:
        async with ClientSession() as session, session.get(script.url) as response:
            assert repr(response).isascii()
            assert repr(response).isprintable()
