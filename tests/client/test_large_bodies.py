"""A body may be larger than memory: what is resident does not grow with it, whichever way it goes.

The server is a process of its own, so that only the client is measured; `tools/large-bodies` does the same with 2 GiB.
"""

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import drywire

from ..tree import ROOT, environment

MIB = 1024 * 1024
SIZE = 256 * MIB
GROWTH = 32 * MIB
WARM_UP = 8 * MIB
PIECE = bytes(range(251)) * 1044 + bytes(100)
"""What the tool's server sends, over and over: 256 KiB."""
STATM = Path("/proc/self/statm")

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="there is no /proc to tell the resident memory")


def resident():
    return int(STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def checksum(pieces):
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value


WHOLE = checksum(PIECE for _ in range(SIZE // len(PIECE)))


@pytest.fixture(scope="module")
def url():
    command = [sys.executable, str(ROOT / "tools" / "large-bodies"), "--serve"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as server:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()


@pytest.fixture
async def session(url):
    async with drywire.ClientSession(url) as session:
        yield session
        assert repr(session.connector).startswith("<TCPConnector 0 in use, 1 idle")


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "body"
    with path.open("wb") as file:
        for _ in range(SIZE // len(PIECE)):
            file.write(PIECE)
    yield path
    path.unlink()


class Watch:
    """How high the resident memory has come, from where it stood."""

    def __init__(self):
        self.start = self.highest = resident()

    def look(self):
        self.highest = max(self.highest, resident())

    @property
    def growth(self):
        return self.highest - self.start


async def download(session, size, framing, watch):
    value = 0
    async with session.get(f"/down/{size}", params={"framing": framing}) as response:
        assert response.content_length == (size if framing == "length" else None)
        async for piece in response.content.iter_any():
            value = zlib.crc32(piece, value)
            watch.look()
    return value


class WatchedFile(io.FileIO):
    def __init__(self, path, watch):
        super().__init__(path)
        self._watch = watch

    def read(self, size=-1):
        self._watch.look()
        return super().read(size)


async def watched_pieces(size, watch):
    for _ in range(size // len(PIECE)):
        watch.look()
        yield PIECE


async def upload(session, data):
    async with session.post("/up", data=data) as response:
        return await response.json()


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_download_of_256_mib_leaves_memory_as_it_is(session, framing):
    await download(session, WARM_UP, framing, Watch())
    watch = Watch()
    assert await download(session, SIZE, framing, watch) == WHOLE
    assert watch.growth < GROWTH


@pytest.mark.parametrize("kind", ["pieces", "file"])
async def test_an_upload_of_256_mib_leaves_memory_as_it_is(session, large_file, kind):
    await upload(session, watched_pieces(WARM_UP, Watch()))
    watch = Watch()
    data = watched_pieces(SIZE, watch) if kind == "pieces" else WatchedFile(large_file, watch)
    assert await upload(session, data) == {"size": SIZE, "checksum": WHOLE}
    assert watch.growth < GROWTH


async def test_a_large_body_that_nobody_reads_is_left_where_it_is(session):
    """Only what the two sockets hold is on its way while the program looks away."""
    await download(session, WARM_UP, "length", Watch())
    watch = Watch()
    async with session.get(f"/down/{SIZE}", params={"framing": "length"}) as response:
        assert await response.content.readany()
        for _ in range(20):
            async with session.get(f"/down/{len(PIECE)}") as other:
                assert await other.read() == PIECE
            watch.look()
    assert watch.growth < GROWTH / 4
