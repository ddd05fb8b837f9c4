"""Group 21: responses, but for those of files."""

import datetime
import io
import json
import re
from uuid import uuid4

import pytest
from multidict import CIMultiDict

import drywire
from drywire import web
from drywire_sansio.coding import ContentDecoder, accepted_codings
from drywire_sansio.conditional import ETag
from drywire_transports import current_runtime
from drywire_transports.payloads import Payload

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Answer:
    def __init__(self, data):
        head, _, self.raw = data.partition(b"\r\n\r\n")
        self.line, *lines = head.decode().split("\r\n")
        self.status = int(self.line[9:12])
        self.headers = CIMultiDict(line.split(": ", 1) for line in lines)

    @property
    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.raw
        data, rest = b"", self.raw
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            if not int(size, 16):
                break
            data, rest = data + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return data


@pytest.fixture
def answered(serving, answer_to):
    """``await answered(make)``: what a server answers whose handler returns ``make(request)``, awaited if need be."""

    async def ask(make, data=LAST):
        async def handler(request):
            response = make(request)
            return await response if hasattr(response, "__await__") else response

        app = web.Application()
        app.router.add_route("*", "/", handler)
        async with serving(app) as url:
            return Answer(await answer_to(url, data, eof=False))

    return ask


def asking(*fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: a", "Connection: close", *fields, "", ""]).encode()


async def pieces(*data):
    for piece in data:
        yield piece


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_rs_01_stream_response(answered, version):
    async def make(request):
        response = web.StreamResponse(status=201, reason="Made", headers={"X-Own": "1"})
        assert not response.prepared
        assert response.keep_alive is None
        await response.prepare(request)
        await response.prepare(request)
        assert response.prepared
        assert response.keep_alive is False
        await response.write(b"one ")
        await response.write(memoryview(b"two"))
        await response.write_eof(b" three")
        await response.write_eof()
        assert response.body_length == 13
        return response

    answer = await answered(make, asking(version=version))
    assert answer.line == "HTTP/1.1 201 Made"
    assert answer.headers["X-Own"] == "1"
    assert ("Transfer-Encoding" in answer.headers) == (version == "1.1")
    assert answer.body == b"one two three"


async def test_rs_02_response(answered):
    def make(request):
        return web.Response(text="a", content_type="text/html", charset="utf-16", status=299, reason="Fine")

    answer = await answered(make)
    assert answer.line == "HTTP/1.1 299 Fine"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-16"
    assert answer.body.decode("utf-16") == "a"
    assert web.Response(text="a").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert web.Response(body=b"a").content_type == "application/octet-stream"
    with pytest.raises(ValueError, match="not allowed together"):
        web.Response(text="a", body=b"b")
    with pytest.raises(TypeError, match="text must be str, not bytes"):
        web.Response(text=b"a")


BODIES = {
    "bytes": (lambda path: b"hello", "application/octet-stream", "5"),
    "bytearray": (lambda path: bytearray(b"hello"), "application/octet-stream", "5"),
    "memoryview": (lambda path: memoryview(b"hello"), "application/octet-stream", "5"),
    "str": (lambda path: "hello", "text/plain; charset=utf-8", "5"),
    "BytesIO": (lambda path: io.BytesIO(b"hello"), "application/octet-stream", "5"),
    "StringIO": (lambda path: io.StringIO("hello"), "text/plain; charset=utf-8", "5"),
    "file": (lambda path: path.open("rb"), "text/plain", "5"),
    "text file": (lambda path: path.open(encoding="utf-8"), "text/plain; charset=utf-8", None),
    "generator": (lambda path: pieces(b"he", "llo"), "application/octet-stream", None),
    "json": (lambda path: drywire.JsonPayload("hello"), "application/json", "7"),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_rs_03_bodies_of_every_kind(answered, tmp_path, kind, method):
    path = tmp_path / "a.txt"
    path.write_bytes(b"hello")
    make, content_type, length = BODIES[kind]
    answer = await answered(lambda request: web.Response(body=make(path)), asking(method=method))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers.get("Content-Length") == length
    assert answer.body == ((b'"hello"' if kind == "json" else b"hello") if method == "GET" else b"")
    disposition = 'attachment; filename="a.txt"' if "file" in kind else None
    assert answer.headers.get("Content-Disposition") == disposition


async def test_rs_03_a_multipart_writer_is_a_body(answered):
    def make(request):
        writer = drywire.MultipartWriter("mixed", boundary="x")
        writer.append("one")
        writer.append_json([2])
        return web.Response(body=writer)

    answer = await answered(make)
    assert answer.headers["Content-Type"] == "multipart/mixed; boundary=x"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert b"\r\n\r\none\r\n--x\r\n" in answer.body


def test_rs_03_what_is_no_body_is_refused():
    with pytest.raises(ValueError, match="a body cannot be made of int"):
        web.Response(body=5)


async def test_rs_04_chunked_compress_cookies_and_timeout_of_the_documents(answered):
    def make(request):
        return web.Response(
            body=pieces(*[b"some text " * 1000] * 3),
            content_type="text/plain",
            chunked=True,
            compress=True,
            set_cookie=("a", "1"),
            set_cookies=[("b", "2", {"path": "/x", "httponly": True}), "c=3; Path=/y; Max-Age=5; Secure"],
            timeout=5,
        )

    for coding in ("identity", *accepted_codings().split(", ")):
        answer = await answered(make, asking(f"Accept-Encoding: {coding}"))
        assert answer.headers["Transfer-Encoding"] == "chunked"
        decoder = ContentDecoder.make(answer.headers.get("Content-Encoding"))
        assert (decoder is None) == (coding == "identity")
        data = answer.body
        if decoder is not None:
            assert answer.headers["Content-Encoding"] == coding
            decoder.feed(data)
            data = b"".join(iter(decoder.take, b""))
        assert data == b"some text " * 3000
        assert answer.headers["Content-Type"] == "text/plain"
        cookies = answer.headers.getall("Set-Cookie")
        assert cookies == ["a=1; Path=/", "b=2; HttpOnly; Path=/x", "c=3; Max-Age=5; Path=/y; Secure"]


@pytest.mark.parametrize(
    ("accept", "compress", "coding"),
    [
        ("gzip, deflate, br, zstd", True, "zstd"),
        ("gzip, deflate, br", True, "br"),
        ("gzip, deflate;q=0.5", 9, "gzip"),
        ("gzip;q=0.5, deflate", 1, "deflate"),
        ("br;q=0, *", True, "zstd"),
        ("gzip", "br", None),
        ("br, gzip", "gzip", "gzip"),
    ],
)
async def test_rs_04_compress_negotiates_every_coding(answered, accept, compress, coding):
    pytest.importorskip("backports.zstd" if accepted_codings().count("zstd") == 0 else "zlib")

    def make(request):
        return web.Response(text="text " * 5000, compress=compress, set_cookies={"a": "1"})

    answer = await answered(make, asking(f"Accept-Encoding: {accept}"))
    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Set-Cookie"] == "a=1; Path=/"


def test_rs_04_what_is_no_coding_level_or_cookie_is_refused():
    for options in ({"compress": "lzma"}, {"compress": 10}, {"set_cookie": "nothing"}):
        with pytest.raises(ValueError, match=r"coding|level|cookie"):
            web.Response(text="a", **options)


async def test_rs_04_timeout_ends_a_response_that_takes_too_long(serving):
    runtime = current_runtime()
    ended = runtime.wake()

    async def endless():
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.set()

    async def handler(request):
        return web.Response(body=endless(), timeout=0.2)

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        stream = await runtime.connect_tcp(host, int(port))
        await stream.send(LAST)
        await runtime.park(ended, runtime.now() + 10)
        stream.abort()


def test_rs_05_content_type():
    with pytest.raises(ValueError, match="charset must not be in content_type"):
        web.Response(text="a", content_type="text/html; charset=utf-8")
    for options in ({"content_type": "text/html"}, {"charset": "utf-8"}):
        with pytest.raises(ValueError, match="not allowed beside a Content-Type header"):
            web.Response(text="a", headers={"content-type": "text/html"}, **options)
    response = web.Response(text="ä", headers={"content-type": "text/html; charset=latin-1"})
    assert response.body == b"\xe4"


async def test_rs_06_body_and_text_can_be_set(answered):
    response = web.Response()
    assert (response.body, response.text, response.content_length) == (None, None, 0)
    response.text = "ä"
    assert (response.body, response.content_type, response.charset) == ("ä".encode(), "text/plain", "utf-8")
    response.body = b"bytes"
    assert (response.text, response.content_length) == ("bytes", 5)
    file = io.BytesIO(b"later")
    response.body = file
    assert isinstance(response.body, Payload)
    assert (await answered(lambda request: response)).body == b"later"
    with pytest.raises(RuntimeError, match="the body cannot be changed"):
        response.body = b""
    with pytest.raises(RuntimeError, match="the length of a Response is that of its body"):
        web.Response().content_length = 1


async def test_rs_07_json_response(answered):
    answer = await answered(
        lambda request: web.json_response({"a": "张"}, status=400, reason="Why", headers={"X": "1"})
    )
    assert (answer.line, answer.headers["X"]) == ("HTTP/1.1 400 Why", "1")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(answer.body) == {"a": "张"}
    assert web.json_response(None).text == "null"
    assert web.json_response().body is None
    assert web.json_response(text="[1]").text == "[1]"
    assert web.json_response(1, dumps=lambda data: f"<{data}>").text == "<1>"
    for options in ({"text": "a"}, {"body": b"a"}):
        with pytest.raises(ValueError, match="only one of data, text, or body should be specified"):
            web.json_response(1, **options)


async def test_rs_08_json_response_takes_what_response_takes(answered):
    def make(request):
        options = {"charset": "gbk", "compress": 6, "set_cookie": ("a", "1"), "timeout": 5}
        return web.json_response("张", dumps=lambda data: data, **options)

    answer = await answered(make, asking("Accept-Encoding: gzip"))
    assert answer.headers["Content-Type"] == "application/json; charset=gbk"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Set-Cookie"] == "a=1; Path=/"


async def test_rs_09_json_bytes_response(answered):
    answer = await answered(lambda request: web.json_bytes_response([1], dumps=lambda data: json.dumps(data).encode()))
    assert (answer.headers["Content-Type"], answer.body) == ("application/json", b"[1]")
    assert web.json_bytes_response(dumps=bytes, body=b"[]").body == b"[]"
    with pytest.raises(ValueError, match="only one of data or body"):
        web.json_bytes_response(1, dumps=bytes, body=b"")


async def test_rs_15_what_a_response_says_and_does(answered):
    async def make(request):
        response = web.StreamResponse()
        assert (response.status, response.reason, response.prepared, response.task) == (200, "OK", False, None)
        assert (response.chunked, response.compression, response.cookies) == (False, False, {})
        response.set_status(404)
        assert response.reason == "Not Found"
        response.headers["X-Own"] = "1"
        await response.prepare(request)
        assert response.task is not None
        with pytest.raises(RuntimeError, match="the status cannot be changed"):
            response.set_status(200)
        return response

    answer = await answered(make)
    assert (answer.status, answer.headers["X-Own"]) == (404, "1")

    def close(request):
        response = web.Response(text="bye")
        response.force_close()
        assert response.keep_alive is False
        return response

    assert (await answered(close, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).headers["Connection"] == "close"


async def test_rs_16_set_cookie(answered):
    def make(request):
        response = web.Response(text="x")
        response.set_cookie(
            "a",
            "1 ;",
            expires="Sun, 06 Nov 1994 08:49:37 GMT",
            domain="a.test",
            max_age=60,
            path="/p",
            secure=True,
            httponly=True,
            samesite="Lax",
            partitioned=True,
        )
        response.set_cookie("b", "1")
        response.set_cookie("b", "2")
        response.cookies["c"] = "3"
        return response

    attributes = "Domain=a.test; expires=Sun, 06 Nov 1994 08:49:37 GMT; HttpOnly; Max-Age=60; Partitioned; Path=/p"
    assert (await answered(make)).headers.getall("Set-Cookie") == [
        rf'a="1 \073"; {attributes}; SameSite=Lax; Secure',
        "b=2; Path=/",
        "c=3",
    ]
    with pytest.warns(DeprecationWarning, match="version is deprecated"):
        web.Response().set_cookie("a", "1", version="1")


async def test_rs_17_del_cookie(answered):
    def make(request):
        response = web.Response(text="x")
        response.set_cookie("a", "1")
        response.del_cookie("a", domain="a.test", path="/p", secure=True, httponly=True, samesite="Strict")
        return response

    field = (await answered(make)).headers["Set-Cookie"]
    assert field.startswith('a=""; Domain=a.test; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=0; Path=/p')


def test_rs_18_content_length_type_and_charset():
    response = web.StreamResponse()
    assert (response.content_length, response.content_type, response.charset) == (
        None,
        "application/octet-stream",
        None,
    )
    response.content_length = 5
    assert response.headers["Content-Length"] == "5"
    response.content_length = None
    with pytest.raises(ValueError, match="negative"):
        response.content_length = -1
    with pytest.raises(RuntimeError, match="set content_type before charset"):
        response.charset = "utf-8"
    response.content_type = "text/html"
    response.charset = "UTF-8"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    response.charset = None
    assert response.headers["Content-Type"] == "text/html"


def test_rs_18_last_modified():
    response = web.StreamResponse()
    assert response.last_modified is None
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    moment = datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.UTC)
    almost = moment - datetime.timedelta(seconds=0.5)
    for value in (moment, moment.replace(tzinfo=None), moment.timestamp(), almost, almost.timestamp(), date):
        response.last_modified = value
        assert response.headers["Last-Modified"] == date
        assert response.last_modified == moment
    response.last_modified = None
    assert "Last-Modified" not in response.headers
    with pytest.raises(TypeError, match="not list"):
        response.last_modified = []


def test_rs_18_etag():
    response = web.StreamResponse()
    assert response.etag is None
    for value, field in (("abc", '"abc"'), (ETag("abc", is_weak=True), 'W/"abc"'), ("*", "*"), (ETag("*"), "*")):
        response.etag = value
        assert response.headers["ETag"] == field
        assert response.etag == (ETag(value) if isinstance(value, str) else value)
    response.etag = None
    assert "ETag" not in response.headers
    for bad in ('a"b', "a b", "a\r\n", 5):
        with pytest.raises(ValueError, match=r"entity tag|etag must be"):
            response.etag = bad


async def test_rs_19_enable_chunked_encoding(answered):
    def make(request):
        response = web.Response(text="known")
        response.enable_chunked_encoding()
        assert response.chunked
        assert response.content_length is None
        return response

    answer = await answered(make)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    assert answer.raw == b"5\r\nknown\r\n0\r\n\r\n"
    assert (await answered(make, asking(version="1.0"))).raw == b"known"
    response = web.StreamResponse(headers={"Content-Length": "5"})
    with pytest.raises(RuntimeError, match="cannot be chunked"):
        response.enable_chunked_encoding()
    with pytest.warns(DeprecationWarning, match="chunk_size"):
        web.StreamResponse().enable_chunked_encoding(5)


async def test_rs_20_prepare_write_write_eof(answered):
    async def make(request):
        response = web.StreamResponse()
        with pytest.raises(RuntimeError, match=r"call prepare\(\) before write\(\)"):
            await response.write(b"")
        await response.prepare(request)
        with pytest.raises(TypeError, match="data must be bytes"):
            await response.write("text")
        await response.write_eof(b"end")
        with pytest.raises(RuntimeError, match=r"write\(\) after write_eof\(\)"):
            await response.write(b"")
        return response

    assert (await answered(make)).body == b"end"


async def test_rs_20_trailers_follow_a_chunked_body(answered):
    async def make(request):
        response = web.StreamResponse()
        response.trailers["X-Sum"] = "5"
        await response.prepare(request)
        await response.write_eof(b"end")
        return response

    assert (await answered(make)).raw == b"3\r\nend\r\n0\r\nX-Sum: 5\r\n\r\n"


async def test_rs_21_drain_and_rs_22_output_length_are_deprecated(answered):
    async def make(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"12345")
        with pytest.warns(DeprecationWarning, match="drain is deprecated"):
            await response.drain()
        with pytest.warns(DeprecationWarning, match="output_length is deprecated"):
            assert response.output_length == 5
        return response

    assert (await answered(make)).body == b"12345"


async def test_rs_22_output_length_is_deprecated():
    with pytest.warns(DeprecationWarning, match="output_length is deprecated"):
        assert web.StreamResponse().output_length == 0


async def test_rs_23_body_length(answered):
    """Differs: the head is not counted."""
    kept = []

    def make(request):
        kept.append(web.Response(text="hello", headers={"X": "1"}))
        return kept[-1]

    await answered(make)
    await answered(make, asking(method="HEAD"))
    assert [response.body_length for response in kept] == [5, 0]


def test_rs_24_storage():
    response = web.Response()
    user = f"user {uuid4()}"  # each name is warned of once
    with pytest.warns(web.NotAppKeyWarning, match=rf"web.ResponseKey in place of the str '{user}'"):
        response[user] = 1
    assert (response[user], dict(response), response.get("x"), bool(response)) == (1, {user: 1}, None, True)
    assert response != web.Response()


async def test_rs_25_an_async_generator_is_streamed(answered):
    answer = await answered(lambda request: web.Response(body=pieces(b"a", b"bc"), content_type="text/plain"))
    assert answer.raw == b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"


async def test_rs_26_default_headers(answered):
    answer = await answered(lambda request: web.Response(text="x"))
    assert list(answer.headers) == ["Content-Type", "Content-Length", "Date", "Server", "Connection"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["Date"])
    assert re.fullmatch(r"Python/3\.\d+ drywire/\S+", answer.headers["Server"])
    own = await answered(lambda request: web.Response(text="x", headers={"Server": "mine", "Date": "now"}))
    assert (own.headers["Server"], own.headers["Date"]) == ("mine", "now")
    nothing = await answered(lambda request: web.Response())
    assert nothing.headers["Content-Length"] == "0"
    assert "Content-Type" not in nothing.headers


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", 200, "4"), ("GET", 204, None), ("GET", 304, None), ("GET", 205, "4")]
)
async def test_rs_27_what_has_no_body(answered, method, status, length):
    answer = await answered(lambda request: web.Response(text="text", status=status), asking(method=method))
    assert answer.headers.get("Content-Length") == length
    assert answer.raw == (b"text" if status == 205 else b"")

    async def streamed(request):
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await response.write(b"text")
        return response

    assert (await answered(streamed, asking(method=method))).body == (b"text" if status == 205 else b"")


def test_rs_28_a_reason_has_no_line_break():
    for reason in ("a\r\nb", "a\n", "\r"):
        with pytest.raises(ValueError, match="line break"):
            web.Response(reason=reason)
        with pytest.raises(ValueError, match="line break"):
            web.StreamResponse().set_status(200, reason)


async def test_a_hook_sees_and_changes_the_whole_head(answered):
    for make in (lambda: web.Response(text="x"), web.StreamResponse):

        async def hook(request, response):
            assert {"Content-Type", "Date", "Server"} <= set(response.headers)
            del response.headers["Server"]
            response.headers["X-Hook"] = request.method

        def handle(request, make=make, hook=hook):
            request._on_prepare = hook
            return make()

        answer = await answered(handle)
        assert "Server" not in answer.headers
        assert answer.headers.getall("X-Hook") == ["GET"]
        assert len(answer.headers.getall("Date")) == 1
        assert answer.body == (b"x" if "Content-Length" in answer.headers else b"")
