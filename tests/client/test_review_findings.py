"""What the review of 21 November found: each test fails on the tree that was reviewed."""

import gzip
import tempfile
import time
import zlib

import pytest

import drywire
from drywire import ClientSession, ClientTimeout, StreamReader, TCPConnector
from drywire_sansio.coding import ContentDecoder
from drywire_transports import current_runtime

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def pause(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


def started(function, *args):
    """Begin `function(*args)`; ``.value`` or ``.error`` say how it ended."""

    class Outcome:
        value = error = None

    outcome = Outcome()

    async def run():
        try:
            outcome.value = await function(*args)
        except Exception as error:
            outcome.error = error

    outcome.task = current_runtime().spawn(run)
    return outcome


async def ended(outcome, seconds=2.0):
    runtime = current_runtime()
    done = await outcome.task.wait(runtime.now() + seconds)
    if not outcome.task.done:
        outcome.task.cancel()
        await outcome.task.wait(runtime.now() + 1)
        pytest.fail(f"still waiting after {seconds} s ({done!r})")
    return outcome


async def test_a_reader_of_what_is_read_ahead_ends_with_the_session(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\npart")
        await peer.ended()

    async with scripted(talk) as script:
        session = ClientSession(connector=TCPConnector(limit=1), timeout=ClientTimeout(total=1))
        response = await session.get(script.url)
        waiter = started(session.get, script.url)  # wants a place: the response is read ahead
        await pause(0.05)
        reader = started(response.read)
        await pause(0.05)
        await session.close()
        await ended(waiter)
        assert isinstance((await ended(reader)).error, drywire.ClientError)


async def test_an_upload_that_fails_after_the_whole_response_gives_its_place_back(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(OK)
        await peer.ended()

    async def body():
        for _ in range(3):
            yield b"x"
            await pause(0.02)
        raise KeyError("mine")

    async with scripted(talk) as script, ClientSession(connector=TCPConnector(limit=1)) as session:
        response = await session.post(script.url, data=body())
        assert await response.read() == b"ok"
        await pause(0.3)
        assert response.closed
        assert "0 in use" in repr(session.connector)


async def test_a_redirect_whose_body_is_read_ahead(scripted):
    async def talk(peer, script):
        while head := await peer.head():
            if head.startswith(b"GET / "):
                await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\n")
                await pause(0.1)
                await peer.send(b"body")
            else:
                await peer.send(OK)

    async def slow(*_):
        await pause(0.03)

    traces = drywire.TraceConfig()
    traces.on_request_redirect.append(slow)
    async with scripted(talk) as script:
        async with ClientSession(connector=TCPConnector(limit=1), trace_configs=[traces]) as session:
            first = started(session.get, script.url)
            await pause(0.01)
            second = started(session.get, script.url + "other")
            response = (await ended(first)).value
            assert first.error is None
            response.release()
            (await ended(second)).value.release()


async def test_a_redirect_without_a_time_limit_whose_body_does_not_come(scripted):
    async def talk(peer, script):
        if (await peer.head()).startswith(b"GET / "):
            await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\n")
            await peer.ended()
        else:
            await peer.send(OK)

    async with scripted(talk) as script, ClientSession() as session:
        async with session.get(script.url, timeout=None) as response:
            assert response.status == 200


async def test_the_limit_for_connecting_is_each_hops_own(scripted):
    async def talk(peer, script):
        if (await peer.head()).startswith(b"GET / "):
            await pause(0.4)
            await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            await peer.send(OK)

    async with scripted(talk) as script, ClientSession(timeout=ClientTimeout(connect=0.3)) as session:
        async with session.get(script.url) as response:
            assert response.status == 200


async def test_sock_read_does_not_count_while_the_body_is_made(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(OK)

    async def body():
        for _ in range(4):
            yield b"x"
            await pause(0.15)

    async with scripted(talk) as script, ClientSession(timeout=ClientTimeout(sock_read=0.3)) as session:
        async with session.post(script.url, data=body()) as response:
            assert response.status == 200


async def test_what_a_middleware_made_of_the_body_is_what_a_redirect_sends_again(scripted):
    bodies = []

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            bodies.append(request[1])
            first = request[0].startswith(b"POST / ")
            await peer.send(b"HTTP/1.1 307 T\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" if first else OK)

    async def once(request, handler):
        if request.url.path == "/":
            await request.update_body(b"signed")
        return await handler(request)

    async with scripted(talk) as script, ClientSession(middlewares=(once,)) as session:
        async with session.post(script.url, data=b"plain"):
            pass
    assert bodies == [b"signed", b"signed"]


@pytest.mark.parametrize("more", range(0, 300, 7))
def test_raw_deflate_that_ends_where_a_piece_is_full(more):
    body = b"a" * (262_144 + more)
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    decoder, decoded = ContentDecoder(["deflate"]), b""
    decoder.feed(coder.compress(body) + coder.flush())
    while decoder.pending:
        decoded += decoder.take()
    decoder.end()
    assert decoded == body


async def test_lines_take_linear_time():
    def reader(size):
        made = StreamReader()
        made.feed_data(b"abcdefghi\n" * (size // 10))
        made.feed_eof()
        return made

    async def seconds(size):
        taken = []
        for _ in range(3):
            begun = time.thread_time()  # others may be at work on the machine
            async for _line in reader(size):
                pass
            taken.append(time.thread_time() - begun)
        return min(taken)

    assert await seconds(800_000) < 8 * 2.5 * await seconds(100_000)


async def test_a_line_leaves_the_end_of_its_chunk(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nab\ncdef\r\n0\r\n\r\n")

    async with scripted(talk) as script, ClientSession() as session, session.get(script.url) as response:
        assert await response.content.readline() == b"ab\n"
        assert await response.content.readchunk() == (b"cdef", True)


async def test_a_line_does_not_end_with_a_chunk_that_is_fed_by_hand():
    reader = StreamReader()
    line = started(reader.readline)
    await pause(0.02)
    reader.feed_data(b"abc")
    await pause(0.02)
    reader.end_http_chunk_receiving()
    await pause(0.02)
    reader.feed_data(b"def\n")
    assert (await ended(line)).value == b"abcdef\n"


async def test_br_keeps_the_ends_of_chunks(scripted):
    brotli = pytest.importorskip("brotli")

    async def talk(peer, script):
        await peer.head()
        coder = brotli.Compressor()
        one = coder.process(b"one") + coder.flush()
        two = coder.process(b"two") + coder.finish()
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n"
        await peer.send(head, b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(one), one, len(two), two))

    async with scripted(talk) as script, ClientSession() as session, session.get(script.url) as response:
        assert [piece async for piece in response.content.iter_chunks()][:2] == [(b"one", True), (b"two", True)]


async def test_a_body_that_was_read_by_its_length_is_at_its_end(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await pause(0.05)
        await peer.send(b"hello")
        await peer.ended()

    async with scripted(talk) as script, ClientSession() as session:
        response = await session.get(script.url)
        assert await response.content.readexactly(5) == b"hello"
        assert response.content.at_eof()
        assert response.closed


async def test_a_generator_that_is_cancelled_ends_its_request(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.ended()

    class Cancelled(BaseException):
        pass

    import asyncio

    runtime = current_runtime()
    if runtime.name != "asyncio":
        pytest.skip("only asyncio's tasks can be cancelled by anybody")

    async def body():
        yield b"x"
        task = asyncio.ensure_future(asyncio.sleep(10))
        task.cancel()
        await task

    async with scripted(talk) as script, ClientSession(timeout=ClientTimeout(total=3)) as session:
        posted = started(lambda: session.post(script.url, data=body()))
        await ended(posted, 1)
        assert posted.error is not None


async def test_a_form_field_that_is_added_after_the_first_use(scripted):
    bodies = []

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            bodies.append(request[1])
            await peer.send(OK)

    form = drywire.FormData({"a": "1"})
    async with scripted(talk) as script, ClientSession() as session:
        async with session.post(script.url, data=form):
            pass
        form.add_field("b", "2")
        async with session.post(script.url, data=form):
            pass
    assert bodies == [b"a=1", b"a=1&b=2"]


async def test_a_file_that_grows_is_sent_as_long_as_was_announced(scripted, tmp_path):
    bodies = []

    async def talk(peer, script):
        bodies.append((await peer.request())[1])
        await peer.send(OK)

    path = tmp_path / "log"
    path.write_bytes(b"x" * 10)

    async def grow(request, handler):
        with path.open("ab") as file:
            file.write(b"y" * 10)
        return await handler(request)

    async with scripted(talk) as script, ClientSession(middlewares=(grow,)) as session:
        async with session.post(script.url, data=path.open("rb")) as response:
            assert response.status == 200
    assert bodies == [b"x" * 10]


async def test_a_file_of_gzip_is_sent_as_it_reads(scripted, tmp_path):
    bodies = []

    async def talk(peer, script):
        bodies.append((await peer.request())[1])
        await peer.send(OK)

    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"hello " * 1000))
    async with scripted(talk) as script, ClientSession() as session:
        async with session.post(script.url, data=gzip.open(path)) as response:
            assert response.status == 200
    assert bodies == [b"hello " * 1000]


async def test_a_bytearray_is_free_once_it_is_sent(scripted, answering):
    async with scripted(answering()) as script, ClientSession() as session:
        data = bytearray(b"x" * 100)
        response = await session.post(script.url, data=data)
        await response.read()
        data.clear()


async def test_text_in_a_temporary_file(scripted):
    bodies = []

    async def talk(peer, script):
        bodies.append((await peer.request())[1])
        await peer.send(OK)

    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as file:
        file.write("é")
        file.seek(0)
        async with scripted(talk) as script, ClientSession() as session, session.post(script.url, data=file):
            pass
    assert bodies == ["é".encode()]


@pytest.mark.parametrize("login", ["a%3Ab:c", "u:p"])
async def test_a_login_in_a_location_is_the_servers_mistake(scripted, login):
    async def talk(peer, script):
        while await peer.head():
            to = script.url.replace("//", f"//{login}@").encode()
            await peer.send(b"HTTP/1.1 302 Found\r\nLocation: %bx\r\nContent-Length: 0\r\n\r\n" % to)

    async with scripted(talk) as script, ClientSession(headers={"Authorization": "Bearer x"}) as session:
        with pytest.raises(drywire.ClientError):
            await session.get(script.url, max_redirects=3)


async def test_a_location_that_is_not_requoted_is_the_servers_mistake(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 302 Found\r\nLocation: /a b\r\nContent-Length: 0\r\n\r\n")
        await peer.head()

    async with scripted(talk) as script, ClientSession(requote_redirect_url=False) as session:
        with pytest.raises(drywire.InvalidUrlRedirectClientError):
            await session.get(script.url)


async def test_a_redirect_to_a_websocket_is_not_followed(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")

    async with scripted(talk) as script, ClientSession() as session:
        with pytest.raises(drywire.NonHttpUrlRedirectClientError):
            await session.get(script.url)


def test_a_part_with_a_bad_field_is_a_value_error():
    writer = drywire.MultipartWriter()
    with pytest.raises(ValueError, match="X"):
        writer.append(b"x", {"X": "a\r\nb"})


async def test_too_many_redirects_can_be_pickled(scripted, answering):
    import pickle

    there = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(there)) as script, ClientSession() as session:
        with pytest.raises(drywire.TooManyRedirects) as raised:
            await session.get(script.url, max_redirects=2)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
