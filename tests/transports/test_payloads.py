"""What a body is made of: how long it says it is, that it is written so, and what it holds on to."""

import bz2
import gzip
import io
import lzma
import os
import tempfile
import threading
import zipfile

import anyio
import pytest

from drywire_transports import StreamBroken, current_runtime, memory_pair
from drywire_transports.in_memory import ResetsAfter, Wrapped
from drywire_transports.payloads import (
    BufferedReaderPayload,
    BytesIOPayload,
    BytesPayload,
    IOBasePayload,
    StringIOPayload,
    StringPayload,
    TextIOPayload,
    get_payload,
)
from drywire_transports.payloads.files import FILE_PIECE


class Gathering:
    """Keeps what is written, and calls `between` after each piece."""

    def __init__(self, between=lambda: None):
        self.data = b""
        self.between = between

    async def write(self, chunk):
        self.data += bytes(chunk)
        self.between()


async def written(payload, between=lambda: None):
    writer = Gathering(between)
    await payload.write(writer)
    return writer.data


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def opened(path):
    """``opened(data, mode)``: a file that holds `data`, opened."""
    files = []

    def make(data, mode="rb", **options):
        path.write_bytes(data)
        files.append(path.open(mode, **options))
        return files[-1]

    yield make
    for file in files:
        file.close()


# The size of a file


@pytest.mark.parametrize("options", [{}, {"buffering": 0}, {"mode": "r+b"}], ids=["buffered", "raw", "random"])
async def test_a_file_that_grows_is_sent_as_long_as_it_was(opened, path, options):
    file = opened(b"0123456789", **options)
    file.seek(2)
    payload = get_payload(file)
    assert payload.size == 8
    with path.open("ab") as other:
        other.write(b"x" * 10)
    assert payload.size == 8
    assert [await written(payload), await written(payload)] == [b"23456789"] * 2
    assert await payload.as_bytes() == b"23456789"


async def test_a_file_that_grows_while_it_is_sent_ends_where_it_ended(opened, path):
    body = os.urandom(2 * FILE_PIECE + 10)
    payload = get_payload(opened(body))

    def grow():
        with path.open("ab") as other:
            other.write(b"x" * FILE_PIECE)

    assert await written(payload, grow) == body
    assert await written(payload) == body


@pytest.mark.parametrize("left", [0, 4])
async def test_a_file_that_has_become_shorter_is_an_error(opened, path, left):
    payload = get_payload(opened(b"0123456789"))
    assert payload.size == 10
    os.truncate(path, left)
    writer = Gathering()
    with pytest.raises(EOFError, match=f"{10 - left} of the 10 bytes"):
        await payload.write(writer)
    assert writer.data == b"0123456789"[:left]


def zipped(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", b"hello " * 1000)
    return zipfile.ZipFile(path).open("member")


def packed(module):
    def make(path):
        with module.open(path, "wb") as file:
            file.write(b"hello " * 1000)
        return module.open(path)

    return make


@pytest.mark.parametrize("make", [packed(gzip), packed(bz2), packed(lzma), zipped], ids=["gzip", "bz2", "lzma", "zip"])
async def test_a_packed_file_is_sent_as_it_reads(path, make):
    with make(path) as file:
        assert file.read(1) == b"h"
        payload = get_payload(file)
        assert payload.size is None
        assert file.tell() == 1  # nothing was unpacked to find the end
        assert [await written(payload), await written(payload)] == [(b"hello " * 1000)[1:]] * 2


async def test_text_that_is_packed_is_sent_without_beginning_again(path):
    text = "".join(f"{number} é\n" for number in range(200_000))
    with gzip.open(path, "wt", encoding="latin-1") as file:
        file.write(text)
    rewinds = []

    class Watched(gzip.GzipFile):
        def seek(self, offset, whence=0):
            rewinds.append(not whence and offset < super().seek(0, 1))
            return super().seek(offset, whence)

    with io.TextIOWrapper(Watched(path), encoding="latin-1") as file:
        payload = get_payload(file)
        assert await written(payload) == text.encode()
        assert not any(rewinds)
        assert await written(payload) == text.encode()
        assert rewinds.count(True) == 1


class Named:
    """A file that is none of io's, with a size that seeking finds."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.read, self.tell, self.seekable = self._file.read, self._file.tell, self._file.seekable

    def seek(self, offset, whence=0):
        self._file.seek(offset, whence)  # and returns nothing, as codecs' files do


async def test_what_is_like_a_file_is_measured_by_seeking():
    file = Named(b"0123456789")
    file.seek(4)
    payload = IOBasePayload(file)
    assert payload.size == 6
    assert file.tell() == 4
    assert await written(payload) == b"456789"


@pytest.mark.parametrize("make", [tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile])
async def test_temporary_files_are_measured_or_are_text(make):
    with make() as file:
        file.write(b"0123456789")
        file.seek(3)
        payload = IOBasePayload(file)
        assert payload.size == 7
        assert await written(payload) == b"3456789"
    with make(mode="w+", encoding="latin-1") as file:
        file.write("é" * 10)
        file.seek(0)
        payload = IOBasePayload(file)
        assert payload.size is None
        assert [await written(payload), await written(payload)] == ["é".encode() * 10] * 2
        assert await written(IOBasePayload(file, encoding="utf-16-le")) == b""  # it stands at the end by now


async def test_text_has_the_charset_that_is_said(opened):
    file = opened("é".encode("latin-1"), "r", encoding="latin-1")
    for charset in ("utf-8", "latin-1", "utf-16-le"):
        file.seek(0)
        payload = TextIOPayload(file, encoding=charset)
        assert payload.size is None
        assert await written(payload) == "é".encode(charset)


async def test_a_pipe_is_sent_once():
    ends = os.pipe()
    os.write(ends[1], b"through a pipe")
    os.close(ends[1])
    with os.fdopen(ends[0], "rb") as file:
        payload = get_payload(file)
        assert (payload.size, payload.replayable) == (None, False)
        assert await written(payload) == b"through a pipe"
        with pytest.raises(OSError, match="sent already"):
            await written(payload)


async def test_a_file_that_cannot_be_read_says_so(opened):
    file = opened(b"", "ab")
    with pytest.raises(io.UnsupportedOperation):
        await written(BufferedReaderPayload(file))


# Closing a file that is being read


class Held(io.BytesIO):
    """A file whose read waits until it is let go."""

    def __init__(self, data=b"data", error=None):
        super().__init__(data)
        self.error = error
        self.reading = threading.Event()
        self.go = threading.Event()

    def read(self, size=-1):
        if size:
            self.reading.set()
            assert self.go.wait(10)
            if self.error is not None:
                raise self.error
        return super().read(size)


@pytest.mark.parametrize("error", [None, OSError("unreadable")], ids=["read", "fails"])
async def test_a_file_that_is_closed_while_it_is_read_is_closed_after_that(error, eventually):
    file = Held(error=error)
    payload = IOBasePayload(file)
    runtime = current_runtime()
    task = runtime.spawn(written, payload)
    await eventually(file.reading.is_set)
    task.cancel()
    payload._close()
    assert not file.closed  # the thread is in it
    file.go.set()
    await eventually(lambda: file.closed)
    await task.wait(runtime.now() + 5)


@pytest.fixture
def eventually():
    async def wait(condition):
        runtime = current_runtime()
        limit = runtime.now() + 5
        while not condition():
            assert runtime.now() < limit
            await runtime.sleep_until(runtime.now() + 0.002)

    return wait


def test_a_file_that_is_closed_just_when_its_read_ends_is_closed():
    """The lock that the reading thread holds is looked at by `_close` right before it is let go."""
    file = io.BytesIO(b"data")
    payload = IOBasePayload(file)

    class Lock:
        """Has the payload closed when it is left, while it is still held."""

        def __init__(self):
            self.lock = threading.Lock()
            self.release = self.lock.release
            self.acquire = self.lock.acquire

        def __enter__(self):
            self.lock.acquire()

        def __exit__(self, *_):
            payload._close()
            assert not file.closed
            self.lock.release()

    payload._in_use = Lock()
    assert payload._read_at(0) == (b"data", 4)
    assert file.closed


async def test_a_file_that_nobody_reads_is_closed_at_once(opened):
    file = opened(b"data")
    payload = get_payload(file)
    assert await written(payload) == b"data"
    await payload.close()
    assert file.closed
    payload._close()  # once more does no harm


# In memory


@pytest.mark.parametrize("size", [0, 10, 300_000, 1_000_000])
async def test_a_bytearray_is_free_before_and_after_it_is_written(size):
    data = bytearray(os.urandom(size))
    payload = BytesPayload(data, content_type="x/y")
    data += b"1"
    del data[-1]
    assert payload.size == size
    assert bytes(payload.in_memory()) == await written(payload) == await payload.as_bytes() == bytes(data)
    data.clear()
    assert payload.size == size  # what was announced stays so


@pytest.mark.parametrize("kind", ["B", "I", "strided"])
async def test_a_view_is_sent_byte_by_byte(kind):
    data = os.urandom(800_000)
    view = memoryview(data)[::2] if kind == "strided" else memoryview(data).cast(kind)
    payload = BytesPayload(view)
    assert payload.size == len(view.tobytes())
    assert await written(payload) == view.tobytes() == bytes(payload.in_memory())


async def test_what_is_in_memory_is_taken_when_the_payload_is_made():
    binary, text = io.BytesIO(b"0123456789"), io.StringIO("0123456789")
    binary.seek(4)
    text.seek(4)
    payloads = [BytesIOPayload(binary), StringIOPayload(text)]
    binary.write(b"xxxxxxxxxxxxx")
    text.write("x")
    for payload in payloads:
        assert payload.size == 6
        assert [await written(payload), await written(payload)] == [b"456789"] * 2
    assert not binary.closed


@pytest.mark.parametrize(
    "headers", [{"X-A": "a\r\nb"}, {"X-A": "a\0"}, {"X A": "b"}, {"": "b"}, {"é": "b"}, {"X-A": "\ud800"}]
)
def test_a_header_that_cannot_be_sent_is_a_value_error(headers):
    with pytest.raises(ValueError, match=r"X-A|X A|b''|ascii|utf-8"):
        _ = StringPayload("x", headers=headers)._binary_headers


# A stream that is reset while a file is sent


class Counting(Wrapped):
    """Counts what is sent."""

    sent = 0

    async def send(self, *buffers):
        self.sent += sum(map(len, buffers))
        await super().send(*buffers)


@pytest.mark.parametrize("sent", [0, 10, 100_000, 1_000_000])
async def test_what_is_sent_of_a_file_counts_towards_the_reset(sent):
    runtime = current_runtime()
    here, there = memory_pair(runtime)
    below, body, received = Counting(here), os.urandom(600_000), []
    stream = ResetsAfter(below, sent=sent)

    async def receive():
        try:
            while data := await there.receive():
                received.append(data)
        except StreamBroken:
            pass

    task = runtime.spawn(receive)
    with anyio.fail_after(5):
        if sent < 599_900:
            with pytest.raises(StreamBroken, match="on purpose"):
                await stream.send_file(io.BytesIO(body), 100, 599_900)
        else:
            await stream.send_file(io.BytesIO(body), 100, 599_900)
            await stream.send_eof()
    assert await task.wait(runtime.now() + 5)
    assert below.sent == min(sent, 599_900)
    assert body[100 : 100 + sent].startswith(b"".join(received))
    await stream.aclose()
    await there.aclose()
