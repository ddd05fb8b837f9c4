"""Rows Z-01 to Z-08 and Z-13: coded bodies of a client. Those of the server and of WebSockets come elsewhere."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import gzip
import types
import zlib

import pytest

import drywire
from drywire import web

from ..client.conftest import scripted  # noqa: F401
from ..tree import run_python
from .mirror import asked, mirror  # noqa: F401

TEXT = b"some text, and some more text: " * 1000


def raw_deflate(data):
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


def brotli(data):
    return pytest.importorskip("brotli").compress(data, quality=2)  # more would take seconds


def zstd(data):
    try:
        from compression import zstd as module
    except ImportError:
        module = pytest.importorskip("backports.zstd")
    return module.compress(data)


@pytest.fixture
def coded(mirror):
    """``async with coded(body, coding) as response``: a response with that body under that Content-Encoding."""

    @contextlib.asynccontextmanager
    async def receive(body, coding, **settings):
        async def give(request):
            return web.Response(body=body, headers={"Content-Encoding": coding, "Content-Type": "text/plain"})

        async with mirror(web.get("/coded", give)) as url, drywire.ClientSession(**settings) as session:
            async with session.get(url + "/coded") as response:
                yield response

    return receive


@pytest.fixture
def posted(mirror):
    """``await posted(data, **options)``: what a server gets of a request with these options."""

    async def post(data, **options):
        async with mirror() as url, drywire.ClientSession() as session:
            return await asked(session.post(url, data=data, **options))

    return post


async def pieces_of(response):
    return [piece async for piece in response.content.iter_any()]


# Responses


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
    ],
    ids=["gzip", "capitals", "old name", "deflate", "raw deflate", "identity"],
)
async def test_z_01_gzip_and_deflate_are_decoded(coded, coding, compress):
    async with coded(compress(TEXT), coding) as response:
        assert await response.read() == TEXT
        assert response.headers["Content-Encoding"] == coding  # what was said stays to be seen
        assert await response.text() == TEXT.decode()
    async with coded(compress(TEXT), coding) as response:
        assert await response.content.readexactly(10) == TEXT[:10]
        assert await response.content.read() == TEXT[10:]


async def test_z_01_members_of_gzip_behind_one_another_are_one_body(coded):
    async with coded(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") as response:
        assert await response.read() == b"one two"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_z_01_where_there_is_no_body_there_is_nothing_to_decode(mirror, method):
    async def empty(request):
        return web.Response(headers={"Content-Encoding": "gzip"})

    async with mirror(web.route("*", "/empty", empty)) as url, drywire.ClientSession() as session:
        async with session.request(method, url + "/empty") as response:
            assert await response.read() == b""


async def test_z_01_a_coded_body_comes_in_chunks_too(scripted):
    body = gzip.compress(TEXT)

    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 7):
            piece = body[start : start + 7]
            await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await peer.send(b"0\r\n\r\n")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert await response.read() == TEXT


async def asked_for(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        return (await asked(session.get(url))).headers["Accept-Encoding"].split(", ")


async def test_z_01_gzip_and_deflate_are_asked_for(mirror):
    assert {"gzip", "deflate"} <= set(await asked_for(mirror))


async def test_z_02_br_is_decoded_and_asked_for(coded, mirror):
    assert "br" in await asked_for(mirror)
    async with coded(brotli(TEXT), "br") as response:
        assert await response.read() == TEXT


async def test_z_03_zstd_is_decoded_and_asked_for(coded, mirror):
    assert "zstd" in await asked_for(mirror)
    async with coded(zstd(TEXT), "zstd") as response:
        assert await response.read() == TEXT
    async with coded(zstd(b"one ") + zstd(b"two"), "zstd") as response:
        assert await response.read() == b"one two"


WITHOUT = """
import sys
for name in {missing!r}:
    sys.modules[name] = None  # as if it were not installed
import drywire
from drywire import web
from drywire_transports import run

async def give(request):
    return web.Response(body=request.headers["Accept-Encoding"].encode(), headers={{"Content-Encoding": {coding!r}}})

async def main():
    app = web.Application()
    app.router.add_get("/", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with drywire.ClientSession() as session, session.get(site.name) as response:
        print(await response.text())
    await runner.cleanup()

run(main)
"""


def asked_for_without(missing, coding):
    """Return what a session asks for where modules are missing; it hears that in a body which says it is coded."""
    return run_python("-c", WITHOUT.format(missing=missing, coding=coding)).strip()


def test_z_02_without_its_package_br_is_not_asked_for_and_left_as_it_is():
    assert asked_for_without(["brotli", "brotlicffi"], "br") == "gzip, deflate, zstd"


def test_z_03_without_its_package_zstd_is_not_asked_for_and_left_as_it_is():
    assert asked_for_without(["compression.zstd", "backports.zstd"], "zstd") == "gzip, deflate, br"


async def test_z_04_codings_over_one_another_are_all_taken_off(coded):
    """Differs: aiohttp decodes one coding and leaves a body with more of them as it is (RFC 9110, 8.4)."""
    async with coded(gzip.compress(zlib.compress(TEXT)), "deflate, gzip") as response:
        assert await response.read() == TEXT


async def test_z_04_more_than_five_codings_are_refused(coded):
    """Differs: aiohttp decodes one coding; of more there is a bound, since each may inflate what is under it."""
    body = b"x"
    for _ in range(6):
        body = gzip.compress(body)
    async with coded(body, ", ".join(["gzip"] * 6)) as response:
        with pytest.raises(drywire.ClientPayloadError, match="content_codings"):
            await response.read()


async def test_z_04_a_body_in_an_unknown_coding_is_left_as_it_is(coded):
    async with coded(b"as it is", "pack200") as response:
        assert await response.read() == b"as it is"
    body = gzip.compress(b"as it is")
    async with coded(body, "gzip, pack200") as response:
        assert await response.read() == body


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli)])
async def test_z_05_a_body_inflates_piece_by_piece(coded, coding, compress):
    async with coded(compress(bytes(8_000_000)), coding) as response:
        pieces = await pieces_of(response)
        assert sum(map(len, pieces)) == 8_000_000
        assert max(map(len, pieces)) <= 2 * 256 * 1024


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("br", brotli), ("zstd", zstd)])
async def test_z_05_a_body_that_inflates_beyond_measure_is_refused(coded, coding, compress):
    """Differs: aiohttp bounds each piece and not the whole; here more than 200 times what came is an error."""
    async with coded(compress(bytes(64_000_000)), coding) as response:
        with pytest.raises(drywire.ClientPayloadError, match="decoded_ratio"):
            await pieces_of(response)
        assert response.content.total_bytes < 40_000_000


async def test_z_05_more_than_1024_members_are_refused(coded):
    member = gzip.compress(b"x")
    async with coded(member * 1024, "gzip") as response:
        assert await response.read() == b"x" * 1024
    async with coded(member * 1026, "gzip") as response:
        with pytest.raises(drywire.ClientPayloadError, match="members"):
            await response.read()


async def test_z_05_what_is_not_read_is_not_inflated(coded):
    async with coded(gzip.compress(bytes(64_000_000)), "gzip") as response:
        assert await response.content.read(10) == bytes(10)
        response.release()
        assert response.content.total_bytes < 1_000_000


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"this is no gzip"),
        ("gzip", gzip.compress(TEXT)[:-10]),
        ("gzip", gzip.compress(TEXT)[:20] + b"\xff" * 50),
        ("deflate", b"\xff\xff\xff\xff"),
        ("deflate", zlib.compress(TEXT)[:-5]),
        ("br", b"\xff\xff this is no br"),
        ("zstd", b"this is no zstd"),
    ],
    ids=["no gzip", "gzip cut off", "gzip damaged", "no deflate", "deflate cut off", "no br", "no zstd"],
)
async def test_z_06_what_cannot_be_decoded_is_a_payload_error(coded, coding, body):
    async with coded(body, coding) as response:
        assert response.status == 200  # the head is there all the same
        for _ in range(2):
            with pytest.raises(drywire.ClientPayloadError):
                await response.read()
    async with coded(body, coding) as response:
        with pytest.raises(drywire.ClientPayloadError):
            await pieces_of(response)


# Requests

DECODERS = {"gzip": gzip.decompress, "deflate": zlib.decompress}


async def stream_of(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize(("compress", "coding"), [(True, "deflate"), ("deflate", "deflate"), ("gzip", "gzip")])
@pytest.mark.parametrize("kind", ["bytes", "stream"])
async def test_z_07_compress_codes_a_body(posted, compress, coding, kind):
    data = TEXT if kind == "bytes" else stream_of(TEXT, 100)
    seen = await posted(data, compress=compress)
    assert seen.headers["Content-Encoding"] == coding
    assert seen.headers["Transfer-Encoding"] == "chunked"
    assert len(seen.body) < len(TEXT) // 10
    assert DECODERS[coding](seen.body) == TEXT


async def test_z_07_compress_off_is_the_default(posted):
    for options in ({}, {"compress": None}, {"compress": False}):
        seen = await posted(TEXT, **options)
        assert seen.body == TEXT
        assert "Content-Encoding" not in seen.headers
        assert seen.headers["Content-Length"] == str(len(TEXT))


async def test_z_07_a_coding_that_is_not_known_is_a_value_error_before_anything_is_sent(free_tcp_port):
    async with drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="pack200"):  # and not that nobody listens there
            await session.post(f"http://127.0.0.1:{free_tcp_port}/", data=TEXT, compress="pack200")


@pytest.mark.parametrize("options", [{}, {"compress": False}], ids=["default", "said"])
@pytest.mark.parametrize("coding", ["deflate", "gzip"])
async def test_z_08_a_body_that_is_coded_already_goes_out_as_it_is(posted, options, coding):
    body = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](TEXT)
    seen = await posted(body, headers={"Content-Encoding": coding}, **options)
    assert seen.body == body
    assert seen.headers.getall("Content-Encoding") == [coding]
    assert seen.headers["Content-Length"] == str(len(body))


# Another zlib


@pytest.fixture
def restored():
    yield
    drywire.set_zlib_backend(zlib)


async def test_z_13_another_zlib_does_the_work(coded, posted, restored):
    used = []

    def noted(name):
        def call(*args, **options):
            used.append(name)
            return getattr(zlib, name)(*args, **options)

        return call

    backend = types.SimpleNamespace(
        **{**vars(zlib), "compressobj": noted("compressobj"), "decompressobj": noted("decompressobj")}
    )
    drywire.set_zlib_backend(backend)
    async with coded(gzip.compress(TEXT), "gzip") as response:
        assert await response.read() == TEXT
    assert set(used) == {"decompressobj"}
    assert gzip.decompress((await posted(TEXT, compress="gzip")).body) == TEXT
    assert "compressobj" in used
    used.clear()
    drywire.set_zlib_backend(zlib)
    async with coded(gzip.compress(TEXT), "gzip") as response:
        assert await response.read() == TEXT
    assert used == []


def test_z_13_what_is_no_zlib_is_refused(restored):
    with pytest.raises(TypeError, match="zlib"):
        drywire.set_zlib_backend(types.SimpleNamespace())
