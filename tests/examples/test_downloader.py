"""examples/downloader.py: a file comes whole, however often it is cut off, and is never half a file."""

import re
import subprocess
import sys

import pytest

import drywire
from drywire import web
from drywire_transports import StreamBroken

from ..tree import ROOT, environment
from .programs import PATIENCE, load, running

downloader = load("downloader.py")
CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Files:
    """A server of one file, that cuts off each response after what `cuts` says."""

    def __init__(self, *cuts, etag='"1"', content=CONTENT, ranges=True):
        self.cuts = list(cuts)
        self.etag = etag
        self.content = content
        self.ranges = ranges
        self.asked = []

    async def __call__(self, request):
        headers = request.headers
        self.asked.append((headers.get("Range"), headers.get("If-Range")))
        start, fields = 0, {} if self.etag is None else {"ETag": self.etag}
        if self.ranges and "Range" in headers and headers.get("If-Range") == self.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", headers["Range"])[1])
            if start >= len(self.content):
                return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.content)}"})
            fields["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        cut = self.cuts.pop(0) if self.cuts else None
        status = 206 if "Content-Range" in fields else 200
        if cut is None:
            return web.Response(status=status, headers=fields, body=self.content[start:])
        response = web.StreamResponse(status=status, headers=fields)
        response.content_length = len(self.content) - start
        await response.prepare(request)
        await response.write(self.content[start : start + cut])
        raise StreamBroken("cut off")


def app_of(handler):
    app = web.Application()
    app.add_routes([web.get("/file.bin", handler)])
    return app


async def downloaded(serving, files, path, **options):
    """Download from `files` to `path`, and return the number of attempts."""
    async with serving(app_of(files)) as url, drywire.ClientSession() as session:
        return await downloader.download(session, f"{url}/file.bin", path, first_wait=0, **options)


def left(path):
    return sorted(file.name for file in path.parent.iterdir())


async def test_a_file_comes_in_one_piece(serving, tmp_path):
    path, files, seen = tmp_path / "file.bin", Files(), []
    attempts = await downloaded(serving, files, path, progress=lambda done, total: seen.append((done, total)))
    assert (attempts, path.read_bytes() == CONTENT, left(path)) == (1, True, ["file.bin"])
    assert files.asked == [(None, None)]
    assert seen[-1] == (len(CONTENT), len(CONTENT))


async def test_it_goes_on_where_it_was_cut_off(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files(300_000, 1, 500_000)
    assert await downloaded(serving, files, path) == 4
    assert path.read_bytes() == CONTENT
    starts = [int(asked[0][6:-1]) for asked in files.asked[1:]]
    assert starts == sorted(starts)
    assert starts[-1] <= 800_001
    assert {asked[1] for asked in files.asked[1:]} <= {'"1"'}


async def test_it_goes_on_in_the_next_run(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files(300_000)
    with pytest.raises(drywire.ClientPayloadError):
        await downloaded(serving, files, path, attempts=1)
    assert left(path) == ["file.bin.part", "file.bin.part.json"], "half a file has not its name"
    assert await downloaded(serving, files, path) == 1
    assert files.asked[1][0] is not None
    assert (path.read_bytes() == CONTENT, left(path)) == (True, ["file.bin"])


async def test_another_version_is_fetched_from_its_beginning(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files(300_000)
    with pytest.raises(drywire.ClientPayloadError):
        await downloaded(serving, files, path, attempts=1)
    files.etag, files.content = '"2"', b"shorter"
    assert await downloaded(serving, files, path) == 1
    assert path.read_bytes() == b"shorter"


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
async def test_without_a_strong_etag_it_begins_anew(serving, tmp_path, etag):
    path, files = tmp_path / "file.bin", Files(300_000, etag=etag)
    assert await downloaded(serving, files, path) == 2
    assert files.asked == [(None, None)] * 2
    assert path.read_bytes() == CONTENT


async def test_a_server_without_ranges_sends_all_again(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files(300_000, ranges=False)
    assert await downloaded(serving, files, path) == 2
    assert path.read_bytes() == CONTENT


async def test_what_was_whole_and_not_in_its_place_is_put_there(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files()
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    (tmp_path / "file.bin.part.json").write_text('{"etag": "\\"1\\""}')
    assert await downloaded(serving, files, path) == 1
    assert files.asked == [(f"bytes={len(CONTENT)}-", '"1"')]
    assert (path.read_bytes() == CONTENT, left(path)) == (True, ["file.bin"])


@pytest.mark.parametrize("note", ["", "[]", '{"etag": 1}', "not json"])
async def test_a_note_that_cannot_be_read_is_none(serving, tmp_path, note):
    path, files = tmp_path / "file.bin", Files()
    (tmp_path / "file.bin.part").write_bytes(b"what")
    (tmp_path / "file.bin.part.json").write_text(note)
    assert await downloaded(serving, files, path) == 1
    assert files.asked == [(None, None)]
    assert path.read_bytes() == CONTENT


async def test_attempts_that_bring_nothing_are_counted(serving, tmp_path):
    path, files = tmp_path / "file.bin", Files(0, 0, 0, 0)
    with pytest.raises(drywire.ClientPayloadError):
        await downloaded(serving, files, path, attempts=3)
    assert len(files.asked) == 3


async def test_a_file_that_is_not_there_is_not_asked_for_again(serving, tmp_path):
    calls = []

    async def missing(request):
        calls.append(request)
        raise web.HTTPNotFound

    with pytest.raises(drywire.ClientResponseError, match="404"):
        await downloaded(serving, missing, tmp_path / "file.bin")
    assert len(calls) == 1
    assert left(tmp_path / "file.bin") == []


@pytest.mark.parametrize("range_", ["bytes 0-6/7", "bytes 5-6/7", "bytes x", None])
async def test_another_range_than_was_asked_for_is_refused(serving, tmp_path, range_):
    (tmp_path / "file.bin.part").write_bytes(b"wh")
    (tmp_path / "file.bin.part.json").write_text('{"etag": "\\"1\\""}')

    async def odd(request):
        return web.Response(status=206, body=b"content", headers={} if range_ is None else {"Content-Range": range_})

    with pytest.raises(downloader.NotResumable):
        await downloaded(serving, odd, tmp_path / "file.bin")


@pytest.mark.parametrize("loop", [[], ["--trio"]], ids=["asyncio", "trio"])
def test_the_program_downloads_from_the_practice_server(loop, tmp_path):
    path = tmp_path / "numbers.txt"
    with running("practice_server.py", "--port", "0", *loop) as server:
        url = re.search(r"http://[^\s/]+", server.stdout.readline())[0]
        done = run_downloader(f"{url}/content", path, *loop)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{path}: 262,144 bytes in 1 attempt\n"
        cut = run_downloader(f"{url}/content?cut=100000", path, "--attempts", "1", *loop)
        assert (cut.returncode, cut.stderr[:10]) == (1, "given up: ")
        server.terminate()
    assert path.read_bytes()[-8:] == b"0032767\n"


def run_downloader(*arguments):
    command = [sys.executable, ROOT / "examples" / "downloader.py", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE)
