"""Rows RS-10 to RS-14, U-21, U-22 and Z-14: files, and folders of them."""

import gzip
import mimetypes
import os
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from drywire import web

from ..server.asking import answers, get

TEXT = b"<p>some text, and some more text</p>" * 1000


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "page.html"
    path.write_bytes(TEXT)
    os.utime(path, (784111777, 784111777))
    return path


@pytest.fixture
def sent(serving, answer_to):
    """``await sent(make, *fields)``: what a client gets where the handler returns ``make()``."""

    async def send(make, *fields, method="GET"):
        async def handler(request):
            return make()

        app = web.Application()
        app.router.add_route("*", "/", handler)
        async with serving(app) as url:
            return answers(await answer_to(url, get("/", *fields, method=method)), method)[0]

    return send


# RS-10 to RS-14


async def test_rs_10_a_file_by_its_path(sent, path):
    for make in (
        lambda: web.FileResponse(path),
        lambda: web.FileResponse(str(path)),
        lambda: web.FileResponse(path=path),
    ):
        answer = await sent(make)
        assert (answer.status, answer.body) == (200, TEXT)
    assert issubclass(web.FileResponse, web.StreamResponse)


async def test_rs_10_chunk_size_status_reason_and_headers(sent, path):
    answer = await sent(lambda: web.FileResponse(path, 1000, 203, "Fine", {"X-Y": "z"}))
    assert (answer.status, answer.body, answer.headers["X-Y"]) == (203, TEXT, "z")
    assert (await sent(lambda: web.FileResponse(path, status=500))).status == 500


async def test_rs_10_prepare_sends_it_all(serving, answer_to, path):
    async def handler(request):
        response = web.FileResponse(path)
        assert not response.prepared
        await response.prepare(request)
        assert response.prepared
        await response.prepare(request)
        await response.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            await response.write(b"more")
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        assert answers(await answer_to(url, get("/")))[0].body == TEXT


async def test_rs_11_the_settings_that_only_the_documents_have(sent, path):
    """aiohttp raises TypeError for each of them."""

    def make():
        return web.FileResponse(
            path,
            content_type="text/plain",
            filename="我的 file.txt",
            last_modified=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC),
            cache_control="max-age=3600",
            allow_range=False,
        )

    answer = await sent(make, "Range: bytes=0-9")
    assert (answer.status, answer.body) == (200, TEXT)
    quoted = quote("我的 file.txt")
    assert {
        "Content-Type": "text/plain",
        "Content-Disposition": f"attachment; filename=\"{quoted}\"; filename*=utf-8''{quoted}",
        "Last-Modified": "Thu, 02 Jan 2020 03:04:05 GMT",
        "Cache-Control": "max-age=3600",
        "Accept-Ranges": "none",
    }.items() <= dict(answer.headers).items()
    plain = await sent(lambda: web.FileResponse(path, filename='a "b".txt', allow_range=True), "Range: bytes=0-9")
    assert (plain.status, plain.headers["Content-Disposition"]) == (206, 'attachment; filename="a \\"b\\".txt"')


async def test_rs_12_a_file_that_is_not_there_can_be_caught(sent, path):
    """Differs: HTTPNotFound is raised where the response is made, as the document has it, or prepared; aiohttp answers
    404 with no body, and raises nothing.
    """

    def make():
        try:
            return web.FileResponse(path.with_name("missing"))
        except web.HTTPNotFound:
            return web.json_response({"code": 40401}, status=404)

    answer = await sent(make)
    assert (answer.status, answer.body) == (404, b'{"code": 40401}')
    for name in ("missing", "page.html/x", "a\0b"):
        with pytest.raises(web.HTTPNotFound):
            web.FileResponse(path.with_name("page.html") if name == "" else f"{path.parent}/{name}")
    assert (await sent(lambda: web.FileResponse(path.with_name("missing")))).body == b"404: Not Found"


async def test_rs_12_or_where_it_is_prepared(serving, answer_to, path):
    caught = []

    async def handler(request):
        response = web.FileResponse(path)
        path.unlink()
        try:
            await response.prepare(request)
        except web.HTTPNotFound as error:
            caught.append(error)
            raise

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        assert answers(await answer_to(url, get("/")))[0].status == 404
    assert caught


async def test_rs_13_what_is_no_file_is_forbidden(sent, path):
    assert (await sent(lambda: web.FileResponse(path.parent))).status == 403
    os.mkfifo(path.with_name("fifo"))
    assert (await sent(lambda: web.FileResponse(path.with_name("fifo")))).status == 403


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.html", "text/html"), ("A.HTML", "text/html"), ("a.jpg", "image/jpeg"), ("a.zip", "application/zip"),
        ("a.js", "text/javascript"), ("a.css", "text/css"), ("a.json", "application/json"), ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"),
        ("a.woff2", "font/woff2"), ("a.tar.gz", "application/gzip"), ("a.txt.br", "application/x-brotli"),
        ("a.bz2", "application/x-bzip2"), ("a.xz", "application/x-xz"), ("a", "application/octet-stream"),
        ("a.unknown-suffix", "application/octet-stream"), ("data:text,b.png", "image/png"),
    ],
)  # fmt: skip
async def test_rs_13_the_type_of_a_file_is_found_by_its_name(sent, path, name, media_type):
    other = path.with_name(name)
    other.write_bytes(b"x")
    answer = await sent(lambda: web.FileResponse(other))
    assert (answer.headers["Content-Type"], answer.headers["Content-Encoding"]) == (media_type, None)
    assert mimetypes.guess_type("a.tar.gz") == ("application/x-tar", "gzip")  # the table of others is left alone


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Range: bytes=0-9"], 206),
        (["Range: bytes=99999999-"], 416),
        (["Range: bytes=0-9", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT"], 206),
        (["Range: bytes=0-9", "If-Range: Sun, 06 Nov 1994 08:49:36 GMT"], 200),
        (["Range: bytes=0-9", "If-Range: Sun, 06 Nov 1994 08:49:38 GMT"], 200),
        (["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], 304),
        (["If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT"], 200),
        (["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"], 412),
        (["If-Match: *"], 200),
        (['If-Match: "other"'], 412),
        (["If-None-Match: *"], 304),
        (['If-None-Match: "other"'], 200),
    ],
)
async def test_rs_13_ranges_and_conditions(sent, path, fields, status):
    """Differs: a date in If-Range must be the very one of the file, and its tag is heeded (RFC 9110, 13.1.5), where
    aiohttp takes any later date, and any tag; several ranges are sent, a unit other than bytes and a Range of HEAD
    are ignored (RFC 9110, 14.2), where aiohttp answers 416 and 206.
    """
    answer = await sent(lambda: web.FileResponse(path), *fields)
    assert answer.status == status
    assert answer.body == {200: TEXT, 206: TEXT[:10]}.get(status, b"")


async def test_rs_13_a_tag_is_made_of_time_and_size(sent, path):
    status = path.stat()
    answer = await sent(lambda: web.FileResponse(path))
    assert answer.headers["ETag"] == f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    assert answer.headers["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"


async def test_rs_14_a_file_to_be_saved(sent, path):
    headers = {"Content-Disposition": 'attachment; filename="我的压缩包.zip"'}
    answer = await sent(lambda: web.FileResponse(path, headers=headers))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="我的压缩包.zip"'


# U-21 and U-22


async def test_u_21_a_folder_of_files(serving, answer_to, path):
    (path.parent / "sub").mkdir()
    (path.parent / "link").symlink_to("/etc")
    app = web.Application()
    plain = app.router.add_static("/static/", path=str(path.parent), name="static")
    app.router.add_static(
        "/shown", path.parent, show_index=True, follow_symlinks=True, append_version=True, chunk_size=1000
    )
    targets = ("/static/page.html", "/static/", "/static/sub", "/static/link/passwd", "/shown/", "/shown/link/passwd")
    async with serving(app) as url:
        found = [answers(await answer_to(url, get(target)))[0] for target in targets]
        head = answers(await answer_to(url, get("/static/page.html", method="HEAD")), "HEAD")[0]
        post = answers(await answer_to(url, get("/static/page.html", "Content-Length: 0", method="POST")))[0]
    assert [answer.status for answer in found] == [200, 403, 403, 404, 200, 200]
    assert (found[0].body, head.headers["Content-Length"], post.status) == (TEXT, str(len(TEXT)), 405)
    assert str(plain.url_for(filename="page.html")) == "/static/page.html"
    assert list(plain.url_for(filename="page.html", append_version=True).query) == ["v"]
    with pytest.raises(ValueError, match="no folder"):
        web.UrlDispatcher().add_static("/", path.with_name("missing"))


async def test_u_21_as_a_value(serving, answer_to, path):
    definition = web.static("/static", path.parent, show_index=True)
    assert (definition.prefix, definition.path) == ("/static", path.parent)
    assert definition.kwargs == {"show_index": True}
    app = web.Application()
    assert [route.method for route in app.add_routes([definition])] == ["GET", "HEAD"]
    async with serving(app) as url:
        assert answers(await answer_to(url, get("/static/page.html")))[0].body == TEXT


async def test_u_22_options_for_a_folder(serving, answer_to, path):
    async def options(request):
        return web.Response(headers={"Access-Control-Allow-Origin": "*"}, status=204)

    app = web.Application()
    resource = app.router.add_static("/static", path.parent)
    resource.set_options_route(options)
    with pytest.raises(RuntimeError, match="OPTIONS"):
        resource.set_options_route(options)
    async with serving(app) as url:
        answer = await answer_to(url, get("/static/page.html", method="OPTIONS"))
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"Access-Control-Allow-Origin: *\r\n" in answer


# Z-14


@pytest.fixture
def siblings(path):
    """A page, and beside it the same in three codings; only gzip's is real, nobody looks into the others."""
    contents = {"br": b"as brotli" * 1000, "zstd": b"as zstd", "gzip": gzip.compress(TEXT), None: TEXT}
    for coding, suffix in (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz")):
        path.with_name(path.name + suffix).write_bytes(contents[coding])
    return contents


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0.5, br;q=0.1", "zstd"),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0, gzip", "gzip"),
        ("deflate", None),
        ("gzip;q=2", None),
        ("gzip;level=9", None),
        ("br;q=0, gzip;q=0, zstd;q=0", None),
    ],
)
async def test_z_14_a_compressed_sibling_is_sent_to_who_likes_it(sent, path, siblings, accept, coding):
    fields = [] if accept is None else [f"Accept-Encoding: {accept}"]
    answer = await sent(lambda: web.FileResponse(path), *fields)
    assert (answer.status, answer.headers["Content-Encoding"], answer.body) == (200, coding, siblings[coding])
    assert (answer.headers["Vary"], answer.headers["Content-Type"]) == ("Accept-Encoding", "text/html")


async def test_z_14_conditions_and_ranges_are_those_of_what_is_sent(sent, path, siblings):
    tags = set()
    for accept in ("br", "gzip", "identity"):
        fields = (f"Accept-Encoding: {accept}",)
        answer = await sent(lambda: web.FileResponse(path), *fields)
        tags.add(answer.headers["ETag"])
        again = await sent(lambda: web.FileResponse(path), *fields, f"If-None-Match: {answer.headers['ETag']}")
        assert (again.status, again.headers["Vary"]) == (304, "Accept-Encoding")
        part = await sent(lambda: web.FileResponse(path), *fields, "Range: bytes=3-5")
        assert (part.status, part.body) == (206, answer.body[3:6])
        assert part.headers["Content-Encoding"] == answer.headers["Content-Encoding"]
    assert len(tags) == 3


async def test_z_14_several_parts_of_what_is_compressed_cannot_be_said(sent, path, siblings):
    ranges = "Range: bytes=0-1,1000-1001"
    assert (await sent(lambda: web.FileResponse(path), ranges)).status == 206
    answer = await sent(lambda: web.FileResponse(path), ranges, "Accept-Encoding: br")
    assert (answer.status, answer.body) == (200, siblings["br"])


async def test_z_14_without_siblings_nothing_varies(sent, path):
    answer = await sent(lambda: web.FileResponse(path), "Accept-Encoding: gzip")
    assert (answer.headers["Vary"], answer.headers["Content-Encoding"], answer.body) == (None, None, TEXT)


async def test_z_14_a_coding_of_the_handlers_own_stands(sent, path, siblings):
    compressed = path.with_name("page.html.gz")
    answer = await sent(
        lambda: web.FileResponse(compressed, headers={"Content-Encoding": "gzip"}, content_type="text/html"),
        "Accept-Encoding: br",
    )
    assert (answer.headers["Content-Encoding"], answer.body) == ("gzip", siblings["gzip"])


async def test_z_14_a_sibling_is_not_compressed_again(sent, path, siblings):
    def make():
        response = web.FileResponse(path)
        response.enable_compression()
        return response

    answer = await sent(make, "Accept-Encoding: gzip")
    assert (answer.headers["Content-Encoding"], answer.body) == ("gzip", siblings["gzip"])
