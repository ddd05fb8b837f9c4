"""Rows S-01 to S-22: the body of a response as a stream, and streams that are fed by hand."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import asyncio
import contextlib
import gzip
import warnings

import anyio
import pytest

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..client.conftest import answering, eventually, scripted  # noqa: F401
from .mirror import mirror  # noqa: F401

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def staged(scripted, eventually):
    """``async with staged(*pieces) as (content, go)``: the first piece comes with the head, each ``go()`` sends one."""

    @contextlib.asynccontextmanager
    async def open_body(*pieces, head=None, hangs_up=False, **options):
        gone = []
        length = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % sum(map(len, pieces))

        async def talk(peer, script):
            await peer.request()
            await peer.send(length if head is None else head, pieces[0])
            for number, piece in enumerate(pieces[1:], 1):
                await eventually(lambda number=number: len(gone) >= number)
                await peer.send(piece)
            if not hangs_up:
                await peer.ended()

        async with scripted(talk) as script, drywire.ClientSession() as session:
            async with session.get(script.url, **options) as response:
                yield response.content, lambda: gone.append(True)

    return open_body


class Connection:
    """What aiohttp's streams want to belong to."""

    connected = True

    def pause_reading(self):
        pass

    def resume_reading(self, **_):
        pass


def by_hand(limit=2**16):
    return drywire.StreamReader(Connection(), limit)


async def busy(read):
    """Return a task that waits in `read`, which will not end by itself."""
    runtime = current_runtime()
    task = runtime.spawn(read)
    assert not await task.wait(runtime.now() + 0.02)
    return task


async def ends(task):
    assert await task.wait(current_runtime().now() + 5)


async def test_s_01_a_stream_reader_is_made_as_in_aiohttp():
    reader = drywire.StreamReader(Connection(), 2**16, timer=None, loop=None)
    reader.feed_data(b"fed")
    reader.feed_eof()
    assert await reader.read() == b"fed"


async def test_s_01_a_stream_reader_needs_no_arguments():
    """Differs: documents make one without arguments, which aiohttp no longer allows; here nothing is needed."""
    reader = drywire.StreamReader()
    reader.feed_data(b"fed")
    reader.feed_eof()
    assert await reader.read() == b"fed"


async def test_s_02_read_returns_up_to_n_bytes_as_soon_as_there_are_any(staged):
    async with staged(b"first", b"second", b"third") as (content, go):
        assert await content.read(2) == b"fi"
        assert await content.read(0) == b""
        assert await content.read(100) == b"rst"
        go()
        assert await content.read(6) == b"second"
        go()
        assert await content.read() == b"third"


async def test_s_02_read_without_a_number_reads_to_the_end(staged):
    async with staged(b"first", b"second") as (content, go):
        reading = await busy(content.read)
        go()
        await ends(reading)
        assert content.total_bytes == len(b"firstsecond")
        assert await content.read() == b""


async def test_s_02_read_at_the_end_is_empty_however_often(staged, caplog):
    """Differs: nothing is logged, for an empty read at the end is no mistake."""
    async with staged(b"all") as (content, _):
        assert await content.read(-1) == b"all"
        for _ in range(20):
            assert await content.read(10) == b""
    assert not caplog.records


async def test_s_03_readany_returns_what_is_there(staged):
    async with staged(b"first", b"second") as (content, go):
        assert await content.readany() == b"first"
        reading = await busy(content.wait_eof)
        go()
        await ends(reading)
        assert await content.readany() == b"second"
        assert await content.readany() == b""


async def test_s_04_readexactly_waits_for_all_of_it(staged):
    async with staged(b"first", b"second") as (content, go):
        assert await content.readexactly(0) == b""
        assert await content.readexactly(2) == b"fi"
        go()
        assert await content.readexactly(7) == b"rstseco"
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await content.readexactly(3)
        assert (caught.value.partial, caught.value.expected) == (b"nd", 3)


async def test_s_05_readline_returns_a_line_with_its_end(staged):
    async with staged(b"one\ntw", b"o\r\n", b"\nlast") as (content, go):
        assert await content.readline() == b"one\n"
        go()
        assert await content.readline() == b"two\r\n"
        go()
        assert [await content.readline() for _ in range(3)] == [b"\n", b"last", b""]


async def test_s_05_readline_of_too_long_a_line_is_an_error(staged):
    from drywire.http_exceptions import LineTooLong

    async with staged(b"12345\n123456\n") as (content, _):
        assert await content.readline(max_line_length=6) == b"12345\n"
        with pytest.raises(LineTooLong):
            await content.readline(max_line_length=6)


@pytest.mark.parametrize(("options", "limit"), [({"read_bufsize": 1000}, 2000), ({}, 2**19)], ids=["set", "default"])
async def test_s_05_readline_is_bounded_by_twice_the_buffer(staged, options, limit):
    from drywire.http_exceptions import LineTooLong

    for size in (limit, limit + 1):
        async with staged(b"x" * (size - 1), b"\n", **options) as (content, go):
            go()
            if size == limit:
                assert len(await content.readline()) == limit
            else:
                with pytest.raises(LineTooLong):
                    await content.readline()


async def test_s_06_readuntil_returns_up_to_the_separator(staged):
    from drywire.http_exceptions import LineTooLong

    async with staged(b"a--", b"=b--=", b"c") as (content, go):
        go()
        assert await content.readuntil(b"--=") == b"a--="
        assert await content.readuntil(b"=") == b"b--="
        go()
        assert await content.readuntil() == b"c"
        with pytest.raises(ValueError, match=r"[Ss]eparator"):
            await content.readuntil(b"")
    async with staged(b"12345;") as (content, _):
        with pytest.raises(LineTooLong):
            await content.readuntil(b";", max_size=5)


async def test_s_07_readchunk_tells_where_chunks_end(staged):
    pieces = (b"3\r\no", b"ne\r\n", b"3\r\ntwo\r\n0\r\n\r\n")
    async with staged(*pieces, head=CHUNKED) as (content, go):
        assert await content.readchunk() == (b"o", False)
        go()
        assert await content.readchunk() == (b"ne", True)
        go()
        assert await content.readchunk() == (b"two", True)
        assert await content.readchunk() == (b"", False)


async def test_s_07_readchunk_of_a_body_without_chunks_ends_none(staged):
    async with staged(b"one", b"two") as (content, go):
        assert await content.readchunk() == (b"one", False)
        go()
        assert await content.readchunk() == (b"two", False)
        assert await content.readchunk() == (b"", False)


async def test_s_08_read_nowait_returns_what_is_there(staged):
    async with staged(b"first", b"second") as (content, go):
        go()
        await content.wait_eof()
        assert content.read_nowait(3) == b"fir"
        assert content.read_nowait() == b"stsecond"
        assert content.read_nowait() == b""


async def test_s_08_read_nowait_is_refused_while_somebody_waits(staged):
    async with staged(b"first", b"never") as (content, _):
        assert await content.readany() == b"first"
        reading = await busy(content.readany)
        with pytest.raises(RuntimeError, match="waiting"):
            content.read_nowait()
        reading.cancel()
        await ends(reading)
        assert content.read_nowait() == b""


async def test_s_09_iter_chunked_yields_pieces_of_at_most_n(staged):
    async with staged(bytes(25), read_bufsize=5) as (content, _):
        assert [len(piece) async for piece in content.iter_chunked(10)] == [10, 10, 5]
        assert content.get_read_buffer_limits() == (10, 20)


async def test_s_10_iter_any_yields_what_comes(staged):
    async with staged(b"one", b"two", b"three") as (content, go):
        seen = []
        async for piece in content.iter_any():
            seen.append(piece)
            go()
        assert seen == [b"one", b"two", b"three"]


async def test_s_11_iter_chunks_yields_pieces_and_where_chunks_end(staged):
    async with staged(b"3\r\none\r\n4\r\ntw", b"o!\r\n0\r\n\r\n", head=CHUNKED) as (content, go):
        go()
        chunks, chunk = [], b""
        async for data, ends_chunk in content.iter_chunks():
            chunk += data
            if ends_chunk:
                chunks.append(chunk)
                chunk = b""
        assert chunks == [b"one", b"two!"]


async def test_s_12_async_for_yields_lines(staged):
    async with staged(b"one\ntwo", b"\n\nlast") as (content, go):
        go()
        assert [line async for line in content] == [b"one\n", b"two\n", b"\n", b"last"]


async def test_s_13_at_eof_and_is_eof_tell_read_from_arrived(staged):
    async with staged(b"first", b"second") as (content, go):
        assert not content.is_eof()
        assert not content.at_eof()
        go()
        await content.wait_eof()
        assert content.is_eof()
        assert not content.at_eof()
        assert await content.read() == b"firstsecond"
        assert content.at_eof()
        await content.wait_eof()


async def test_s_13_on_eof_calls_once_the_end_has_come(staged):
    async with staged(b"first", b"second") as (content, go):
        seen = []
        content.on_eof(lambda: seen.append("first"))
        content.on_eof(lambda: seen.append("second"))
        assert seen == []
        go()
        await content.read()
        assert seen == ["first", "second"]
        content.on_eof(lambda: seen.append("at once"))
        assert seen == ["first", "second", "at once"]


async def test_s_13_exception_is_what_ended_the_body(staged):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
    async with staged(b"first", b"second", head=head, hangs_up=True) as (content, go):
        assert content.exception() is None
        go()
        with pytest.raises(drywire.ClientPayloadError) as caught:
            await content.read()
        assert content.exception() is caught.value
        with pytest.raises(drywire.ClientPayloadError):
            await content.read()


async def test_s_14_unread_data_is_deprecated_and_puts_back(staged):
    async with staged(b"first\nrest") as (content, _):
        assert await content.read(3) == b"fir"
        with pytest.warns(DeprecationWarning, match="unread_data"):
            content.unread_data(b"FIR")
        assert await content.readline() == b"FIRst\n"
        assert await content.read() == b"rest"


async def test_s_15_feed_data_and_feed_eof_wake_the_reader():
    reader = by_hand()
    reading = await busy(reader.readany)
    reader.feed_data(b"one", 12345)
    await ends(reading)
    assert reading.exception() is None
    reader.feed_data(b"")
    reader.feed_data(b"two")
    assert await reader.read(10) == b"two"
    reading = await busy(reader.read)
    reader.feed_eof()
    await ends(reading)
    assert reading.exception() is None
    assert reader.at_eof()


async def test_s_15_set_exception_ends_every_read():
    reader = by_hand()
    reading = await busy(reader.read)
    error = ValueError("broken")
    reader.set_exception(error)
    await ends(reading)
    assert reading.exception() is error
    assert reader.exception() is error
    for read in (reader.read, reader.readany, reader.readline, reader.readchunk, lambda: reader.readexactly(1)):
        with pytest.raises(ValueError, match="broken"):
            await read()


async def test_s_15_chunks_are_fed_by_their_begin_and_end():
    reader = by_hand()
    for chunk in (b"one", b"two"):
        reader.begin_http_chunk_receiving()
        reader.feed_data(chunk)
        reader.end_http_chunk_receiving()
    assert await reader.readchunk() == (b"one", True)
    assert await reader.readchunk() == (b"two", True)
    reader.begin_http_chunk_receiving()
    reader.feed_data(b"three")
    assert await reader.readchunk() == (b"three", False)
    reader.end_http_chunk_receiving()  # known only now
    with anyio.fail_after(5):
        assert await reader.readchunk() == (b"", True)
    reader.feed_eof()
    assert await reader.readchunk() == (b"", False)


async def test_s_16_the_buffer_limits_are_once_and_twice_the_size(staged):
    async with staged(b"body", read_bufsize=1000) as (content, _):
        assert content.get_read_buffer_limits() == (1000, 2000)
        content.set_read_chunk_size(5000)
        assert content.get_read_buffer_limits() == (5000, 10_000)
        content.set_read_chunk_size(10)
        assert content.get_read_buffer_limits() == (5000, 10_000)
    async with staged(b"body") as (content, _):
        assert content.get_read_buffer_limits() == (2**18, 2**19)


async def test_s_16_a_reader_that_pauses_makes_the_sender_pause(scripted):
    piece, count = bytes(2**16), 1024

    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * count))
        for _ in range(count):
            await peer.send(piece)
            script.heads.append(len(piece))
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session, session.get(script.url) as response:
        await response.content.readexactly(10)
        runtime = current_runtime()
        await runtime.sleep_until(runtime.now() + 0.3)
        assert sum(script.heads) < len(piece) * count / 2  # what the kernel's buffers hold, and ours
        rest = 0
        async for data in response.content.iter_any():
            rest += len(data)
        assert rest == len(piece) * count - 10


async def test_s_17_bytes_are_counted(staged):
    async with staged(b"first", b"second") as (content, go):
        assert await content.read(2) == b"fi"
        go()
        await content.read()
        assert (content.total_bytes, content.total_raw_bytes, content.total_compressed_bytes) == (11, 11, None)


async def test_s_17_bytes_of_a_compressed_body_are_counted_before_and_after(staged):
    text = b"text " * 1000
    coded = gzip.compress(text)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    async with staged(coded[:10], coded[10:], head=head) as (content, go):
        go()
        assert await content.read() == text
        assert content.total_bytes == len(text)
        assert content.total_compressed_bytes == content.total_raw_bytes == len(coded)


@pytest.mark.parametrize("method", ["read", "readany", "readline", "readchunk", "readuntil"])
async def test_s_18_two_readers_at_once_are_a_mistake(staged, method):
    async with staged(b"first", b"second") as (content, go):
        assert await content.readany() == b"first"
        reading = await busy(content.read)
        with pytest.raises(RuntimeError, match=r"\w+\(\) called while another \w+ is already waiting"):
            await getattr(content, method)()
        go()
        await ends(reading)
        assert reading.exception() is None


@pytest.mark.parametrize(
    "raw", [b"200 OK\r\nContent-Length: 99\r\n\r\n", b"204 No Content\r\n\r\n"], ids=["head", "204"]
)
async def test_s_19_a_message_without_a_body_has_an_empty_stream(scripted, answering, raw):
    method = "HEAD" if b"99" in raw else "GET"
    async with scripted(answering(b"HTTP/1.1 " + raw)) as script, drywire.ClientSession() as session:
        async with session.request(method, script.url) as response:
            assert response.content.is_eof()
            assert response.content.at_eof()
            assert await response.content.read() == b""
            assert [data async for data in response.content.iter_any()] == []


async def test_s_19_empty_payload_is_at_its_end():
    assert isinstance(drywire.EMPTY_PAYLOAD, drywire.StreamReader)
    empty = type(drywire.EMPTY_PAYLOAD)()
    assert type(empty).__name__ == "EmptyStreamReader"
    empty.set_exception(ValueError("it is shared, and keeps nothing"))
    assert empty.exception() is None
    assert empty.is_eof()
    assert empty.at_eof()
    for read in (empty.read, empty.readany, empty.readline):
        assert await read() == b""
    assert empty.read_nowait() == b""
    assert await empty.readchunk() == (b"", False)
    with pytest.raises(asyncio.IncompleteReadError):
        await empty.readexactly(1)
    seen = []
    empty.on_eof(lambda: seen.append(True))
    await empty.wait_eof()
    assert seen == [True]


async def test_s_20_a_data_queue_ends_with_eof_stream():
    queue = drywire.DataQueue(None)
    reading = await busy(queue.read)
    queue.feed_data("one", 1)
    await ends(reading)
    for value in ("two", "three"):
        queue.feed_data(value)
    queue.feed_eof()
    assert (len(queue), queue.is_eof(), queue.at_eof()) == (2, True, False)
    assert await queue.read() == "two"
    assert await queue.read() == "three"
    assert queue.at_eof()
    with pytest.raises(drywire.EofStream):
        await queue.read()


async def test_s_20_a_data_queue_is_iterated_and_broken():
    queue = drywire.DataQueue(None)
    queue.feed_data("one")
    queue.feed_data("two")
    queue.feed_eof()
    assert [value async for value in queue] == ["one", "two"]
    broken, error = drywire.DataQueue(None), ValueError("broken")
    broken.feed_data("one")
    broken.set_exception(error)
    assert broken.exception() is error
    assert await broken.read() == "one"
    with pytest.raises(ValueError, match="broken"):
        await broken.read()


async def test_s_21_flow_control_data_queue_is_a_data_queue():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to be said or not: aiohttp says it in its docstring
        queue = drywire.FlowControlDataQueue(Connection(), 100, loop=None)
    assert isinstance(queue, drywire.DataQueue)
    queue.feed_data("one", 3)
    queue.feed_eof()
    assert await queue.read() == "one"
    with pytest.raises(drywire.EofStream):
        await queue.read()


@pytest.mark.parametrize("way", ["read", "iter_chunked"])
async def test_s_22_a_download_is_written_to_a_file(mirror, tmp_path, way):
    body = bytes(range(256)) * 4096
    target = tmp_path / "download"

    async def download(request):
        return web.Response(body=body)

    async with mirror(web.get("/download", download)) as url, drywire.ClientSession() as session:
        async with session.get(url + "/download") as response:
            with target.open("wb") as file:
                if way == "read":
                    while chunk := await response.content.read(1000):
                        file.write(chunk)
                else:
                    async for chunk in response.content.iter_chunked(1000):
                        assert len(chunk) <= 1000
                        file.write(chunk)
    assert target.read_bytes() == body
