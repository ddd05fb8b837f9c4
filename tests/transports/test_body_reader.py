"""A body as a stream: what `readuntil` and `readchunk` make of pieces, ends of coded bodies, and waits that end."""

import gzip
import random
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.coding import ContentCodingError, ContentDecoder, ContentEncoder
from drywire_transports import StreamBusy, StreamTimeout, current_runtime
from drywire_transports.body_reader import LineTooLong, StreamReader

CODINGS = ["gzip", "deflate", "br", "zstd"]


class Pieces:
    """A body in pieces of (bytes, whether they end a chunk), which counts how many were taken."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.taken = 0

    async def pull(self):
        if self.taken == len(self.pieces):
            return None
        self.taken += 1
        return self.pieces[self.taken - 1]


class CodingFailed(Exception):
    """What a body that cannot be decoded raises here."""


def failed(error):
    return CodingFailed(str(error))


def of_pieces(*pieces, coding=None, limit=2**18):
    reader = StreamReader(Pieces(*pieces), limit)
    if coding is not None:
        reader.decode_with(ContentDecoder([coding]), failed)
    return reader


def by_hand(*pieces, ended=True):
    reader = StreamReader()
    for piece in pieces:
        reader.feed_data(piece)
    if ended:
        reader.feed_eof()
    return reader


def coded_in_chunks(coding, chunks):
    """Return `chunks` coded as one body, each flushed by itself, so that it comes out whole."""
    if coding in ("gzip", "deflate"):
        coder = zlib.compressobj(wbits=31 if coding == "gzip" else 15)
        flush, end = (lambda: coder.flush(zlib.Z_SYNC_FLUSH)), coder.flush
        give = coder.compress
    elif coding == "br":
        coder = pytest.importorskip("brotli").Compressor()
        give, flush, end = coder.process, coder.flush, coder.finish
    else:
        coder = pytest.importorskip("backports.zstd").ZstdCompressor()
        give, flush, end = coder.compress, (lambda: coder.flush(coder.FLUSH_BLOCK)), coder.flush
    *first, last = chunks
    return [*(give(chunk) + flush() for chunk in first), give(last) + end()]


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


async def waiting(function):
    """Return a task that waits in `function`, which is not over yet."""
    runtime = current_runtime()
    task = runtime.spawn(function)
    assert not await task.wait(runtime.now() + 0.02)
    return task


async def over(task):
    assert await task.wait(current_runtime().now() + 5)


async def all_of(read, end=b""):
    found = []
    while (result := await read()) != end:
        found.append(result)
    return found


# Lines


def split_by(separator, data):
    """Return `data` in pieces that end with `separator`, the last perhaps without it."""
    *whole, last = data.split(separator)
    return [part + separator for part in whole] + ([last] if last else [])


@given(
    data=st.lists(st.sampled_from(b"abx"), max_size=60).map(bytes),
    separator=st.lists(st.sampled_from(b"ab"), min_size=1, max_size=5).map(bytes),
    size=st.integers(1, 20),
    fed=st.booleans(),
)
async def test_a_separator_is_found_however_the_body_is_cut(data, separator, size, fed):
    pieces = cut(data, size)
    reader = by_hand(*pieces) if fed else of_pieces(*((piece, False) for piece in pieces))
    assert await all_of(lambda: reader.readuntil(separator)) == split_by(separator, data)


@given(
    st.lists(st.tuples(st.sampled_from(["read", "line", "any", "exactly", "chunk"]), st.integers(0, 9)), max_size=30),
    st.integers(1, 20),
)
async def test_reads_of_all_kinds_leave_what_they_do_not_want(reads, size):
    data = b"one\ntwo\n\nthree and more\nno end" * 2
    reader = of_pieces(*((piece, False) for piece in cut(data, size)))
    found = b""
    for kind, n in reads:
        if kind == "read":
            found += await reader.read(n)
        elif kind == "line":
            line = await reader.readline()
            assert line[:-1].count(b"\n") == 0
            found += line
        elif kind == "any":
            found += await reader.readany()
        elif kind == "exactly":
            found += await reader.readexactly(min(n, len(data) - len(found)))
        else:
            found += (await reader.readchunk())[0]
    assert found + await reader.read() == data
    assert reader.at_eof()


# What is measured waits for nothing, so any loop does.
ON_ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])


@ON_ONE_LOOP
@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\n" * 40], ids=["one byte", "two", "forty"])
async def test_lines_of_one_large_piece_take_linear_time(separator):
    async def seconds(size):
        reader = by_hand((b"abcdefgh" + separator) * (size // (8 + len(separator))))
        begun = time.thread_time()
        while await reader.readuntil(separator):
            pass
        return time.thread_time() - begun

    small = min([await seconds(2**17) for _ in range(3)])
    assert min([await seconds(2**20) for _ in range(2)]) < 8 * 3 * small


@ON_ONE_LOOP
async def test_lines_of_a_coded_body_take_linear_time():
    async def seconds(size):
        body = b"0123456789abcde\n" * (size // 16)
        reader = of_pieces(*((piece, False) for piece in cut(gzip.compress(body), 2**16)), coding="gzip")
        begun, count = time.thread_time(), 0
        async for line in reader:
            count += len(line)
        assert count == len(body)
        return time.thread_time() - begun

    small = min([await seconds(2**19) for _ in range(3)])
    assert min([await seconds(2**22) for _ in range(2)]) < 8 * 3 * small


@ON_ONE_LOOP
async def test_a_line_without_an_end_is_put_together_in_linear_time():
    async def seconds(count):
        reader = of_pieces(*[(b"abcdefgh", False)] * count)
        begun = time.thread_time()
        await reader.readuntil(b"\r\n\r\n", max_size=2**30)
        return time.thread_time() - begun

    small = min([await seconds(5_000) for _ in range(3)])
    assert min([await seconds(40_000) for _ in range(2)]) < 8 * 3 * small


@pytest.mark.parametrize("pieces", [(b"123456\nrest",), (b"1234", b"56\nrest"), (b"123456", b"\nrest")])
@pytest.mark.parametrize("limit", [0, 3, 6, 7])
async def test_a_line_is_as_long_as_its_limit_at_most(pieces, limit):
    reader = by_hand(*pieces)
    if limit == 7:
        assert await reader.readline(max_line_length=limit) == b"123456\n"
    else:
        with pytest.raises(LineTooLong, match=f"within {limit} bytes"):
            await reader.readline(max_line_length=limit)


async def test_a_cancelled_line_loses_nothing():
    reader = StreamReader()
    reader.feed(b"ab", True)
    reader.feed(b"cd")
    line = await waiting(reader.readline)
    reader.feed(b"ef", True)
    reader.wake()
    assert not await line.wait(current_runtime().now() + 0.02)
    line.cancel()
    await over(line)
    reader.feed(b"gh\n")
    reader.feed_eof()
    assert await all_of(reader.readchunk, (b"", False)) == [(b"ab", True), (b"cdef", True), (b"gh\n", False)]


async def test_a_line_that_another_reader_makes_fail_loses_nothing():
    reader = StreamReader()
    reader.feed_data(b"ab")
    line = await waiting(reader.readline)
    with pytest.raises(StreamBusy):
        await reader.readline()
    reader.feed_data(b"c\n")
    await over(line)
    assert reader.total_bytes == 4
    assert reader.unread == 0


# Ends of chunks


@pytest.mark.parametrize("n", [3, 4])
async def test_the_end_of_a_chunk_is_told_behind_a_line(n):
    reader = of_pieces((b"ab\ncdef"[:n], True), (b"more", True))
    assert await reader.readline() == b"ab\n"
    assert await reader.readchunk() == (b"c"[: n - 3], True)
    assert await reader.readchunk() == (b"more", True)
    assert await reader.readchunk() == (b"", False)


@pytest.mark.parametrize("read", ["read", "readexactly"])
async def test_the_end_of_a_chunk_is_told_behind_its_last_byte(read):
    reader = of_pieces((b"one", True), (b"two", True), (b"three", True))
    assert await getattr(reader, read)(3) == b"one"
    assert await reader.readchunk() == (b"", True)
    await reader.readexactly(4)  # passes over the end of the second
    assert await reader.readchunk() == (b"hree", True)


async def test_the_end_of_a_chunk_that_is_fed_wakes_no_reader_but_of_chunks():
    for name in ("readline", "read", "readexactly", "readany"):
        reader = StreamReader()
        reader.feed_data(b"abc")
        assert await reader.read(3 if name in ("readany", "readexactly") else 1)
        found = []

        async def keep(name=name, reader=reader, found=found):
            found.append(await getattr(reader, name)(*([4] if name == "readexactly" else [])))

        task = await waiting(keep)
        reader.end_http_chunk_receiving()
        assert not await task.wait(current_runtime().now() + 0.02), name
        reader.feed_data(b"def\n")
        reader.feed_eof()
        await over(task)
        assert found == [b"bcdef\n" if name in ("readline", "read") else b"def\n"], name


async def test_the_end_of_a_chunk_is_told_before_what_is_fed_later():
    reader = StreamReader()
    reader.end_http_chunk_receiving()  # of no bytes at all: of no use to anybody
    reader.feed_data(b"abc")
    assert await reader.readchunk() == (b"abc", False)
    reader.end_http_chunk_receiving()
    reader.feed_data(b"def")
    reader.end_http_chunk_receiving()
    reader.feed_eof()
    assert await all_of(reader.readchunk, (b"", False)) == [(b"", True), (b"def", True)]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 3, 10_000])
async def test_coded_chunks_end_where_they_ended(coding, size):
    chunks = [b"one", b"two" * 1000, random.Random(1).randbytes(5000), b"four"]
    pieces = []
    for coded in coded_in_chunks(coding, chunks):
        pieces += [(piece, False) for piece in cut(coded, size)]
        pieces[-1] = (pieces[-1][0], True)
    gathered, found = b"", []
    async for data, ends_chunk in of_pieces(*pieces, coding=coding).iter_chunks():
        gathered += data
        if ends_chunk:
            found.append(gathered)
            gathered = b""
    assert (found, gathered) == (chunks, b"")


async def test_a_chunk_that_decodes_to_nothing_has_no_end():
    coded = gzip.compress(b"body")
    reader = of_pieces((coded[:10], True), (coded[10:-8], False), (coded[-8:], True), coding="gzip")
    assert await all_of(reader.readchunk, (b"", False)) == [(b"body", False), (b"", True)]


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_large_coded_chunk_has_one_end(coding):
    body = bytes(700_000)
    reader = of_pieces((coded_in_chunks(coding, [body])[0], True), coding=coding)
    chunks = await all_of(reader.readchunk, (b"", False))
    assert len(chunks) > 1
    assert b"".join(data for data, _ in chunks) == body
    assert [ends_chunk for _, ends_chunk in chunks] == [False] * (len(chunks) - 1) + [True]


# The end of a coded body


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_coded_body_is_at_its_end_once_it_was_read(coding, size):
    encoder = ContentEncoder(coding)
    coded = encoder.encode(b"body " * 1000) + encoder.finish()
    reader = StreamReader()
    reader.decode_with(ContentDecoder([coding]), failed)
    for piece in cut(coded, size):
        reader.feed(piece)
    reader.feed_eof()
    assert not reader.at_eof()
    assert await reader.readexactly(4999) == (b"body " * 1000)[:-1]
    assert not reader.at_eof()
    assert await reader.readexactly(1) == b" "
    assert reader.at_eof()
    assert reader.is_whole
    assert await reader.read() == b""


async def test_a_coded_body_is_not_at_its_end_before_that_came():
    reader = StreamReader()
    reader.decode_with(ContentDecoder(["gzip"]), failed)
    reader.feed(gzip.compress(b"body"))
    assert await reader.readexactly(4) == b"body"
    assert not reader.at_eof()
    reader.feed_eof()
    assert reader.at_eof()


async def test_a_coded_body_that_is_cut_off_is_never_at_its_end():
    reader = StreamReader()
    reader.decode_with(ContentDecoder(["gzip"]), failed)
    reader.feed(gzip.compress(b"body")[:-4])
    reader.feed_eof()
    assert await reader.readexactly(4) == b"body"
    assert not reader.at_eof()
    for _ in range(2):
        with pytest.raises(CodingFailed, match="cut off"):
            await reader.readany()
    assert not reader.at_eof()


async def test_what_is_left_over_of_a_coded_body_may_be_read_without_waiting():
    reader = StreamReader()
    reader.decode_with(ContentDecoder(["gzip"]), failed)
    reader.feed(gzip.compress(b"body"))
    reader.feed(b"\x1f\x8bno gzip")
    reader.feed_eof()
    assert reader.read_nowait(2) == b"bo"
    for _ in range(2):
        with pytest.raises(CodingFailed):
            reader.read_nowait()
    assert isinstance(reader.exception(), CodingFailed)
    assert await reader.readany() == b"dy"  # what had come before the error
    with pytest.raises(CodingFailed):
        await reader.readany()


# Where a piece is full, and what follows the end

MIXED = bytes(number * number % 251 for number in range(1500))


def coded_by(coding, data):
    if coding == "raw deflate":
        coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        return "deflate", coder.compress(data) + coder.flush()
    encoder = ContentEncoder(coding)
    return coding, encoder.encode(data) + encoder.finish()


def decoded(coding, pieces, room):
    decoder, found = ContentDecoder([coding]), []
    for piece in pieces:
        decoder.feed(piece)
        while decoder.pending:
            found.append(decoder.take(room))
    decoder.end()
    return b"".join(found)


@pytest.mark.parametrize("coding", [*CODINGS, "raw deflate"])
@pytest.mark.parametrize("room", [1, 10, 1000])
@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_a_body_that_ends_where_a_piece_is_full_is_whole(coding, room, size):
    for more in range(-room, 500, 1 if size > 5 else 11):
        for data in (b"a" * (room + more), MIXED[: room + more]):
            name, coded = coded_by(coding, data)
            assert decoded(name, cut(coded, size), room) == data


@pytest.mark.parametrize("coding", [*CODINGS, "raw deflate"])
@pytest.mark.parametrize(
    "more", [b"x", b"\0" * 9, b"\x1f", b"\x1f\x8b", b"\x1f\x8bno", b"\x1fno", b"\x28\xb5", b"\0\x1f\x8b"]
)
def test_what_follows_the_end_of_a_body_comes_to_the_same_however_it_is_cut(coding, more):
    data = b"body " * 100
    name, coded = coded_by(coding, data)
    is_error = coding in ("br", "zstd") or (more.startswith(b"\x1f\x8b") and coding == "gzip")
    whole = coded + more
    for pieces in ([whole], [coded, more], [coded[:-1], coded[-1:] + more], cut(whole, 1), [*cut(coded, 7), more]):
        if is_error:
            with pytest.raises(ContentCodingError):
                decoded(name, pieces, 100)
        else:
            assert decoded(name, pieces, 100) == data


# Waiting for what is fed


async def test_a_reader_waits_as_long_as_its_deadline_says():
    runtime = current_runtime()
    reader, asked = StreamReader(), []

    def deadline():
        asked.append(runtime.now())
        return runtime.now() + (5 if len(asked) == 1 else 0.02)

    reader.deadline = deadline
    task = await waiting(lambda: reader.readexactly(2))
    reader.feed_data(b"a")  # each piece has its own
    await over(task)
    assert isinstance(task.exception(), StreamTimeout)
    assert len(asked) == 2
    assert await reader.readany() == b"a"
    with pytest.raises(StreamTimeout):
        await reader.readany()


async def test_what_a_deadline_raises_can_be_said():
    reader = StreamReader()
    reader.deadline, reader.timed_out = (lambda: current_runtime().now() - 1), lambda error: KeyError(str(error))
    with pytest.raises(KeyError) as raised:
        await reader.read()
    assert isinstance(raised.value.__cause__, StreamTimeout)
    assert reader.exception() is raised.value


async def test_what_is_put_back_stands_in_front():
    reader = by_hand(b"abcdef")
    await reader.read(3)
    with pytest.warns(DeprecationWarning, match="unread_data"):
        reader.unread_data(b"x\nyz")
    assert [await reader.readline(), await reader.read()] == [b"x\n", b"yzdef"]
    assert reader.at_eof()
