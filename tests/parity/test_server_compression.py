"""Rows Z-09 to Z-12: coded bodies at the server. Those of a client are rows Z-01 to Z-08 and Z-13."""

import gzip
import threading
import types
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from multidict import CIMultiDict

import drywire
from drywire import web
from drywire_sansio.http1 import Limits
from drywire_transports import current_runtime

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


# Z-09: coded bodies of requests


async def echo(request):
    return web.Response(body=await request.read())


def post(body, coding, chunk=0):
    """The bytes of a request with `body`, in chunks of that size."""
    head = f"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: {coding}\r\n".encode()
    if not chunk:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = (body[start : start + chunk] for start in range(0, len(body), chunk))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@pytest.fixture
def sent(serving, answer_to):
    """``await sent(data)``: status and body of what a server answers to these bytes, which gives back what it read."""

    async def send(data, handler=echo, client_max_size=2**24, **settings):
        app = web.Application(client_max_size=client_max_size)
        app.router.add_post("/", handler)
        async with serving(app, **settings) as url:
            head, _, body = (await answer_to(url, data, eof=False)).partition(b"\r\n\r\n")
        return int(head[9:12]), body

    return send


@pytest.mark.parametrize("chunk", [0, 7, 100_000])
@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli),
        ("zstd", zstd),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("identity", bytes),
    ],
)
async def test_z_09_the_body_of_a_request_is_decoded(sent, coding, encode, chunk):
    assert await sent(post(encode(TEXT), coding, chunk)) == (200, TEXT)


async def test_z_09_it_is_decoded_as_it_streams(sent):
    async def count(request):
        largest = total = 0
        async for piece in request.content.iter_any():
            largest, total = max(largest, len(piece)), total + len(piece)
        assert largest <= 2**18 < total
        assert request.headers["Content-Encoding"] == "gzip"  # what was said stays to be seen
        assert request.content_length == len(body)
        return web.Response(text=str(total))

    body = gzip.compress(b"a" * 2**24)
    assert await sent(post(body, "gzip"), count) == (200, str(2**24).encode())


async def test_z_09_a_coding_that_is_not_known_is_left_as_it_is(sent):
    assert await sent(post(b"as it is", "compress")) == (200, b"as it is")
    assert await sent(post(b"as it is", "gzip, compress")) == (200, b"as it is")


async def test_z_09_auto_decompress_may_be_switched_off(sent):
    body = gzip.compress(TEXT)
    assert await sent(post(body, "gzip"), auto_decompress=False) == (200, body)


@pytest.mark.parametrize(
    ("body", "coding", "why"),
    [
        (b"this is no gzip", "gzip", b"malformed gzip"),
        (gzip.compress(TEXT)[:-9], "gzip", b"cut off"),
        (b"\x1f", "gzip", b"cut off"),
        (b"x", ", ".join(["gzip"] * 6), b"content codings over the limit of 5"),
        (gzip.compress(b"") * 1100, "gzip", b"coding members over the limit of 1024"),
    ],
)
@pytest.mark.parametrize("chunk", [0, 1000])
async def test_z_09_a_body_that_is_malformed_is_answered_with_400(sent, body, coding, why, chunk):
    status, text = await sent(post(body, coding, chunk))
    assert status == 400
    assert why in text


async def test_z_09_a_body_that_is_malformed_is_a_request_payload_error(sent):
    async def handler(request):
        for _ in range(2):
            with pytest.raises(web.RequestPayloadError, match="cannot be decoded"):
                await request.read()
        return web.Response(text="seen")

    assert await sent(post(b"this is no gzip", "gzip"), handler) == (200, b"seen")


async def test_z_09_a_body_that_inflates_is_bounded(sent):
    bomb = gzip.compress(b"\0" * 2**22)
    assert (await sent(post(bomb, "gzip"), client_max_size=2**20))[0] == 413
    status, text = await sent(post(bomb, "gzip"), limits=Limits(decoded_free=2**20))
    assert status == 400
    assert b"more than 200 times" in text


async def test_z_09_each_request_of_a_connection_has_its_own_coding(serving):
    app = web.Application()
    app.router.add_post("/", echo)
    async with serving(app) as url, drywire.ClientSession() as session:
        for options in ({}, {"compress": "gzip"}, {}, {"compress": "deflate"}, {"compress": "deflate"}):
            async with session.post(url, data=TEXT, **options) as response:
                assert await response.read() == TEXT


# Z-10, Z-11: coded bodies of responses


def get(accept=None, method="GET", version="1.1"):
    field = "" if accept is None else f"Accept-Encoding: {accept}\r\n"
    return f"{method} / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n{field}\r\n".encode()


@pytest.fixture
def answered(serving, answer_to):
    """``await answered(make, data)``: head, fields and body of the response that ``make()`` makes, to these bytes."""

    async def ask(make, data, write=None):
        async def handler(request):
            response = make()
            if write is not None:
                await response.prepare(request)
                await write(response)
            return response

        app = web.Application()
        app.router.add_route("*", "/", handler)
        async with serving(app) as url:
            head, _, body = (await answer_to(url, data, eof=False)).partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        fields = CIMultiDict(line.split(": ", 1) for line in lines)
        return status, fields, dechunked(body) if fields.get("Transfer-Encoding") == "chunked" else body

    return ask


def dechunked(body):
    data = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        data, body = data + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return data


def compressed(text=TEXT, force=None, strategy=None, **options):
    def make():
        response = web.Response(body=text, **options)
        response.enable_compression(force, strategy)
        return response

    return make


def streamed(force=None, **options):
    def make():
        response = web.StreamResponse(**options)
        response.enable_compression(force)
        return response

    return make


async def write_text(response):
    for start in range(0, len(TEXT), 1000):
        await response.write(TEXT[start : start + 1000])
    await response.write_eof(b"the end")


RESTORED = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("deflate", "deflate"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "deflate"),
        ("*", "deflate"),
        ("br, zstd", None),
        ("identity", None),
        ("identity, gzip", "gzip"),
    ],
)
async def test_z_10_enable_compression_codes_a_body_as_the_client_asks(answered, accept, coding):
    status, fields, body = await answered(compressed(), get(accept))
    assert status == "HTTP/1.1 200 OK"
    assert fields.get("Content-Encoding") == coding
    assert fields["Vary"] == "Accept-Encoding"  # also where it is not coded: another client gets it coded
    assert fields["Content-Length"] == str(len(body))
    assert RESTORED[coding](body) == TEXT
    assert coding is None or len(body) < len(TEXT)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("deflate;q=0.5, gzip", "gzip"),
        ("gzip;q=0.801, deflate;q=0.8", "gzip"),
        ("gzip;q=1.000,deflate;q=0", "gzip"),
        ("deflate ; Q=0, gzip;q=0", None),
        ("*;q=0.3, deflate;q=0.2", "gzip"),
        ("*;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, br", None),
        ("gzip;q=2", None),
        ("gzip;q=\u0661", None),
        ("gzip;q=0.1234", None),
        ("gzip;level=9", None),
        ("notgzip, deflated", None),
        (",;,gzip," + "," * 4000, "gzip"),
    ],
)
async def test_z_10_weights_are_heeded(answered, accept, coding):
    """Differs: aiohttp takes the first of deflate and gzip whose name is part of Accept-Encoding, refused or not."""
    _, fields, body = await answered(compressed(), get(accept))
    assert fields.get("Content-Encoding") == coding
    assert RESTORED[coding](body) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", None])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_z_10_enable_compression_codes_what_is_written(answered, coding, version):
    make = streamed(headers={"Content-Length": str(len(TEXT) + 7)})
    _, fields, body = await answered(make, get(coding, version=version), write_text)
    assert fields.get("Content-Encoding") == coding
    assert ("Content-Length" in fields) == (coding is None)
    assert ("Transfer-Encoding" in fields) == (coding is not None and version == "1.1")
    assert RESTORED[coding](body) == TEXT + b"the end"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_z_10_the_head_is_the_same_for_head(answered, method):
    _, fields, body = await answered(compressed(), get("gzip", method))
    assert fields["Content-Encoding"] == "gzip"
    assert 0 < int(fields["Content-Length"]) < len(TEXT)
    assert len(body) == (0 if method == "HEAD" else int(fields["Content-Length"]))
    _, fields, body = await answered(streamed(), get("gzip", method), write_text)
    assert fields["Content-Encoding"] == "gzip"
    assert bool(body) == (method == "GET")


@pytest.mark.parametrize(
    "make",
    [
        compressed(status=204),
        compressed(status=304),
        compressed(status=206, headers={"Content-Range": "bytes 0-1/2"}),
        compressed(headers={"Content-Encoding": "br"}),
        compressed(b""),
        compressed(None),
        compressed(force=web.ContentCoding.identity),
    ],
)
async def test_z_10_what_cannot_be_coded_is_left_as_it_is(answered, make):
    _, fields, body = await answered(make, get("gzip"))
    response = make()
    assert fields.get("Content-Encoding") == response.headers.get("Content-Encoding")
    assert body == (b"" if response.status in (204, 304) else response.body or b"")


@pytest.mark.parametrize(
    ("vary", "sent"),
    [("Cookie", "Cookie, Accept-Encoding"), ("accept-encoding, Cookie", "accept-encoding, Cookie"), ("*", "*")],
)
async def test_z_10_vary_is_added_to(answered, vary, sent):
    _, fields, _ = await answered(compressed(headers={"Vary": vary}), get("gzip"))
    assert fields.getall("Vary") == [sent]


@pytest.mark.parametrize("strategy", [zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_z_10_a_strategy_is_zlibs(answered, strategy, coding):
    _, fields, body = await answered(compressed(strategy=strategy), get(coding))
    assert fields["Content-Encoding"] == coding
    usual = (await answered(compressed(), get(coding)))[2]
    assert RESTORED[coding](body) == TEXT
    assert (len(body) > len(usual)) == (strategy != zlib.Z_DEFAULT_STRATEGY)


def test_z_10_a_strategy_that_zlib_does_not_have_is_refused():
    with pytest.raises(ValueError, match="zlib has no strategy 99"):
        web.StreamResponse().enable_compression(strategy=99)


async def test_z_10_compression_is_settled_with_the_head(answered):
    seen = []

    async def write(response):
        response.enable_compression()
        seen.append(response.compression)

    _, fields, _ = await answered(web.StreamResponse, get("gzip"), write)
    assert seen == [False]
    assert "Content-Encoding" not in fields
    assert "Vary" not in fields
    assert compressed()().compression


async def test_z_10_a_client_of_ours_reads_it(serving):
    async def handler(request):
        response = web.json_response(["a"] * 1000)
        response.enable_compression()
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url, drywire.ClientSession() as session:
        for _ in range(3):
            async with session.get(url) as response:
                assert response.headers["Content-Encoding"] == "deflate"
                assert await response.json() == ["a"] * 1000


def test_z_11_content_coding_has_three_values():
    assert [coding.value for coding in web.ContentCoding] == ["deflate", "gzip", "identity"]


@pytest.mark.parametrize("accept", [None, "identity", "gzip;q=0", "br"])
@pytest.mark.parametrize("coding", [web.ContentCoding.gzip, web.ContentCoding.deflate])
@pytest.mark.parametrize("write", [None, write_text])
async def test_z_11_content_coding_forces_a_coding(answered, accept, coding, write):
    make = streamed(coding) if write else compressed(force=coding)
    _, fields, body = await answered(make, get(accept), write)
    assert fields["Content-Encoding"] == coding.value
    assert "Vary" not in fields  # nobody gets another
    assert RESTORED[coding.value](body) == (TEXT + b"the end" if write else TEXT)


@pytest.mark.parametrize(("force", "coding"), [(True, "deflate"), (False, "gzip")])
async def test_z_11_a_bool_is_deprecated(answered, force, coding):
    def make():
        response = web.Response(body=TEXT)
        with pytest.warns(DeprecationWarning, match="use a ContentCoding") as caught:
            response.enable_compression(force)
        assert caught[0].filename == __file__
        return response

    _, fields, _ = await answered(make, get("gzip"))
    assert fields["Content-Encoding"] == coding


def test_z_11_what_is_no_content_coding_is_refused():
    with pytest.raises(TypeError, match="force must be a ContentCoding or None, not str"):
        web.Response().enable_compression("gzip")


# Z-12: large bodies


class Watched(ThreadPoolExecutor):
    """An executor that counts what it is given."""

    count = 0

    def submit(self, function, /, *args, **options):
        self.count += 1
        return super().submit(function, *args, **options)


@pytest.mark.parametrize(
    ("size", "bound", "uses"),
    [(4096, None, 0), (4097, None, 1), (100, 99, 1), (100, 100, 0), (100_000, 10**6, 0)],
)
async def test_z_12_a_large_body_is_compressed_by_an_executor(answered, size, bound, uses):
    text = (TEXT * 4)[:size]
    with Watched(1) as executor:
        make = compressed(text, zlib_executor_size=bound, zlib_executor=executor)
        _, fields, body = await answered(make, get("gzip"))
        assert executor.count == uses
    assert fields["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == text


@pytest.mark.parametrize("bound", [None, 10**6])
async def test_z_12_a_large_body_is_compressed_by_a_thread_of_the_loop(answered, bound, restored):
    threads = []

    def compressobj(*args):
        coder = zlib.compressobj(*args)

        def compress(data):
            threads.append(threading.current_thread())
            return coder.compress(data)

        return types.SimpleNamespace(compress=compress, flush=coder.flush)

    drywire.set_zlib_backend(
        types.SimpleNamespace(compressobj=compressobj, decompressobj=zlib.decompressobj, error=zlib.error)
    )
    _, _, body = await answered(compressed(TEXT, zlib_executor_size=bound), get("gzip"))
    assert gzip.decompress(body) == TEXT
    assert len(threads) == 1
    assert (threads[0] is threading.current_thread()) == (bound is not None)


@pytest.fixture
def restored():
    """Python's own zlib, put back after the test."""
    yield
    drywire.set_zlib_backend(zlib)


async def test_z_12_others_are_served_while_a_thread_compresses(serving, answer_to):
    free, order = threading.Event(), []

    class Held(ThreadPoolExecutor):
        def submit(self, function, /, *args):
            return super().submit(lambda: free.wait(10) and function(*args))

    async def large(request):
        response = web.Response(body=TEXT, zlib_executor=executor)
        response.enable_compression()
        order.append("large")
        return response

    async def small(request):
        order.append("small")
        free.set()  # what is compressed goes on only once this was served
        return web.Response(text="small")

    app = web.Application()
    app.router.add_get("/", large)
    app.router.add_get("/small", small)
    with Held(1) as executor:
        async with serving(app) as url, drywire.ClientSession() as session:
            pending = current_runtime().spawn(answer_to, url, get("gzip"))
            while not order:
                await current_runtime().sleep_until(current_runtime().now() + 0.001)
            async with session.get(url + "/small") as response:
                assert await response.text() == "small"
            assert await pending.wait(current_runtime().now() + 10)
            assert pending.exception() is None
    assert order == ["large", "small"]


async def test_z_12_an_executor_that_takes_nothing_is_a_500(answered, caplog):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    status, fields, _ = await answered(compressed(zlib_executor=executor), get("gzip"))
    assert status == "HTTP/1.1 500 Internal Server Error"
    assert "Content-Encoding" not in fields
    assert "cannot be sent as it is" in caplog.text
