"""Bodies that are sent beside the wait for the response."""

import gc
import hashlib
import tracemalloc

import pytest

import drywire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def pieces(*values):
    for value in values:
        yield value


@pytest.mark.parametrize("size", [65536, 65537, 3_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
async def test_a_body_of_any_size_arrives_whole(scripted, size, kind):
    body = (bytes(range(251)) * (size // 251 + 1))[:size]

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            assert request[1] == body
            await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.post(script.url, data=kind(body)) as response:
                assert await response.read() == b"ok"
        assert script.connections == 1


async def test_an_async_body_leaves_the_connection_usable(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.post(script.url, data=pieces(b"a" * 100_000, b"b")) as response:
                assert await response.read() == b"ok"
        assert script.connections == 1


async def test_a_response_that_comes_while_uploading_is_delivered_and_the_upload_ends(scripted, eventually):
    closed = []

    async def endless():
        try:
            while True:
                yield bytes(100_000)
        finally:
            closed.append(True)

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=endless()) as response:
            assert (response.status, await response.read()) == (413, b"no!")
        assert closed
        await eventually(lambda: script.open == 0)
        assert "0 in use, 0 idle" in repr(session.connector)


async def test_a_connection_waits_for_its_upload_before_it_is_used_again(scripted, eventually):
    goon = []

    async def slow():
        yield b"a"
        await eventually(lambda: goon)
        yield b"b"

    async def talk(peer, script):
        await peer.head()
        await peer.send(OK)
        assert await peer.chunks() == [b"a", b"b"]
        script.heads.append(await peer.head())
        await peer.send(OK)
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        response = await session.post(script.url, data=slow())
        assert await response.read() == b"ok"
        assert "1 in use, 0 idle" in repr(session.connector)
        goon.append(True)
        await eventually(lambda: "0 in use, 1 idle" in repr(session.connector))
        assert await (await session.get(script.url)).read() == b"ok"
        assert script.connections == 1


async def failing():
    yield b"first"
    raise LookupError("the body's own error")


@pytest.mark.parametrize(
    ("body", "error"),
    [(failing, LookupError), (lambda: pieces(b"x", 5), TypeError)],
    ids=["raises", "no bytes"],
)
async def test_an_error_of_the_body_is_the_error_of_the_request(scripted, body, error):
    async def talk(peer, script):
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(error):
            await session.post(script.url, data=body(), timeout=10)
        assert "0 in use, 0 idle" in repr(session.connector)


@pytest.mark.parametrize("values", [(b"too", b"long"), (b"few",)], ids=["more", "less"])
async def test_a_body_of_another_length_than_announced_is_a_payload_error(scripted, values):
    async def talk(peer, script):
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientPayloadError):
            await session.post(script.url, data=pieces(*values), headers={"Content-Length": "5"}, timeout=10)
        assert "0 in use, 0 idle" in repr(session.connector)


async def test_a_body_in_memory_of_another_length_than_announced_is_refused(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="Content-Length"):
            await session.post(script.url, data=b"four", headers={"Content-Length": "5"}, timeout=10)
        assert "0 in use" in repr(session.connector)


async def test_a_server_that_hangs_up_within_an_upload_is_an_error(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.exactly(100_000)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectionError):
            await session.post(script.url, data=bytes(50_000_000), timeout=10)
        assert "0 in use, 0 idle" in repr(session.connector)


SIZE = 48 << 20


async def test_a_large_body_streams_both_ways_in_little_memory(scripted):
    async def made():
        for number in range(SIZE >> 16):
            yield number.to_bytes(4, "big") * (1 << 14)

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await peer.line(), 16):
            await peer.send(b"%x\r\n" % size, await peer.exactly(size), b"\r\n")
            assert await peer.line() == b""
        await peer.send(b"0\r\n\r\n")
        await peer.ended()

    digest, expected = hashlib.sha256(), hashlib.sha256()
    async for piece in made():
        expected.update(piece)
    gc.collect()
    tracemalloc.start()
    try:
        async with scripted(talk) as script, drywire.ClientSession() as session:
            async with session.post(script.url, data=made()) as response:
                async for piece in response.content.iter_chunked(65536):
                    digest.update(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest.digest() == expected.digest()
    assert peak < 8 << 20


async def test_a_response_can_be_the_body_of_another_request(scripted, answering):
    async def talk(peer, script):
        while (request := await peer.request())[0]:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request[1]), request[1])

    body = bytes(300_000)
    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=body) as first:
            async with session.post(script.url, data=first.content.iter_any()) as second:
                assert await second.read() == body


async def test_a_body_that_stops_while_the_response_is_read_is_that_error(scripted, eventually):
    goon = []

    async def broken():
        yield b"a"
        await eventually(lambda: goon)
        raise LookupError("the body's own error")

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=broken()) as response:
            assert await response.content.readany() == b"half"
            goon.append(True)
            with pytest.raises(LookupError):
                await response.content.readany()
        assert "0 in use, 0 idle" in repr(session.connector)
