"""Other people's clients and a browser ask for our files: whole, in parts, again, and where they left off."""

import asyncio
import gzip
import shutil
import subprocess

import aiohttp
import pytest

from drywire import web
from drywire_transports import current_runtime

from .. import devtools

CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed here")
LARGE = bytes(range(256)) * 12_000  # 3 MB
PAGE = (
    b'<!doctype html><title>files</title><link rel="stylesheet" href="style.css"><script src="code.js" type="module">'
    b'</script><img src="dot.svg"><p>ready</p>'
)
PART = """
fetch('large.bin', {headers: {Range: 'bytes=10-19'}})
  .then(response => response.arrayBuffer().then(body => response.status + ':' + body.byteLength))
"""


@pytest.fixture
async def site(serving, tmp_path):
    """A folder of files that is served; ``site.url`` and ``site.folder``."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "large.bin").write_bytes(LARGE)
    (folder / "page.html").write_bytes(PAGE)
    (folder / "style.css").write_bytes(b"p { color: rgb(1, 2, 3) }")
    (folder / "style.css.gz").write_bytes(gzip.compress(b"p { color: rgb(4, 5, 6) }", mtime=0))
    (folder / "code.js").write_bytes(b"window.loaded = import.meta.url")
    (folder / "dot.svg").write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="9"/>')
    app = web.Application()
    app.router.add_static("/", folder)

    class Site:
        pass

    async with serving(app) as url:
        found = Site()
        found.url, found.folder = url, folder
        yield found


@pytest.fixture
def curl(site, tmp_path):
    async def run(*options, name="large.bin"):
        command = [CURL, "-sS", "--noproxy", "*", "-m", "20", *options, f"{site.url}/{name}"]
        done = await current_runtime().in_thread(
            lambda: subprocess.run(command, capture_output=True, check=True, cwd=tmp_path)
        )
        return done.stdout

    return run


@needs_curl
async def test_curl_gets_a_file_and_parts_of_it(curl):
    assert await curl() == LARGE
    assert await curl("-r", "1000-1999") == LARGE[1000:2000]
    assert await curl("-r", "-500") == LARGE[-500:]
    several = await curl("-r", "0-9,1000000-1000009", "-w", "%{http_code} %{content_type}")
    assert LARGE[:10] in several
    assert LARGE[1000000:1000010] in several
    assert b"206 multipart/byteranges; boundary=" in several
    assert await curl("-r", "9999999-", "-o", "none", "-w", "%{http_code}") == b"416"
    assert await curl("-I", "-o", "none", "-w", "%{http_code} %header{content-length}") == b"200 %d" % len(LARGE)


@needs_curl
async def test_curl_resumes_where_it_left_off(curl, tmp_path):
    part = tmp_path / "part.bin"
    part.write_bytes(LARGE[:1_234_567])
    assert await curl("-C", "-", "-o", "part.bin", "-w", "%{http_code} %{size_download}") == b"206 1837433"
    assert part.read_bytes() == LARGE


@needs_curl
async def test_curl_asks_again_only_for_what_has_changed(curl, site, tmp_path):
    said = ["-o", "page", "-w", "%{http_code}"]
    tag = ["--etag-save", "tag", "--etag-compare", "tag"]
    assert await curl(*tag, *said, name="page.html") == b"200"
    assert await curl(*tag, *said, name="page.html") == b"304"
    assert await curl("-z", "page.time", "-R", *said, name="page.html") == b"200"
    assert await curl("-z", "page", *said, name="page.html") == b"304"
    (site.folder / "page.html").write_bytes(b"other")
    assert await curl(*tag, *said, name="page.html") == b"200"
    assert (tmp_path / "page").read_bytes() == b"other"


@needs_curl
async def test_curl_gets_what_lies_there_compressed(curl):
    assert await curl(name="style.css") == b"p { color: rgb(1, 2, 3) }"
    assert await curl("-H", "Accept-Encoding: gzip", name="style.css") == gzip.compress(
        b"p { color: rgb(4, 5, 6) }", mtime=0
    )
    assert await curl("--compressed", name="style.css") == b"p { color: rgb(4, 5, 6) }"


@needs_curl
async def test_curl_climbs_nowhere(curl):
    said = ["--path-as-is", "-o", "none", "-w", "%{http_code}"]
    assert await curl(*said, name="../../../../../../etc/passwd") == b"404"
    assert await curl(*said, name="..%2f..%2f..%2f..%2fetc/passwd") == b"404"


async def test_aiohttp_gets_files_and_parts_of_them(site, anyio_backend_name):
    """On trio it runs in a thread, with a loop of its own."""

    async def talk():
        async with aiohttp.ClientSession() as session:
            url = f"{site.url}/large.bin"
            async with session.get(url) as response:
                assert await response.read() == LARGE
                headers = {"If-None-Match": response.headers["ETag"]}
            async with session.get(url, headers=headers) as response:
                assert (response.status, await response.read()) == (304, b"")
            async with session.get(url, headers={"Range": "bytes=5-9"}) as response:
                assert (response.status, await response.read()) == (206, LARGE[5:10])
            async with session.head(url) as response:
                assert response.content_length == len(LARGE)
            async with session.get(url, headers={"Range": "bytes=0-4,900000-900004"}) as response:
                parts = aiohttp.MultipartReader.from_response(response)
                found = [await part.read() async for part in parts]
                assert found == [LARGE[:5], LARGE[900000:900005]]
            async with session.get(f"{site.url}/style.css") as response:
                assert await response.text() == "p { color: rgb(4, 5, 6) }"

    if anyio_backend_name == "trio":
        await current_runtime().in_thread(asyncio.run, talk())
    else:
        await talk()


async def test_chromium_loads_a_page_and_keeps_what_has_not_changed(site, browser):
    page = f"{site.url}/page.html"
    async with devtools.opened(browser, page) as (tab,):
        for _ in range(2):
            await tab.open(page)
            assert await tab.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(4, 5, 6)"
            assert await tab.evaluate("window.loaded") == f"{site.url}/code.js"
            assert await tab.evaluate("document.querySelector('img').naturalWidth") == 7
        assert await tab.evaluate(PART) == "206:10"
