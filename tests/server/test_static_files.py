"""Folders of files: what they answer, and their URLs. What they must never answer: tests/security."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path

import pytest
from yarl import URL

from drywire import web

from .asking import answers, get


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "page.html").write_text("<p>page")
    (tmp_path / "sub" / "deep" / "a b&c.txt").write_text("deep")
    (tmp_path / "100%.txt").write_text("percent")
    (tmp_path / "%41%2e").write_text("not decoded twice")
    (tmp_path / "文件.txt").write_text("chinese")
    return tmp_path


@pytest.fixture
def ask(serving, answer_to, folder):
    """``await ask(target, *fields)``: what a folder under /static answers; `settings` are those of add_static."""

    async def send(target, *fields, method="GET", **settings):
        app = web.Application()
        app.router.add_static("/static/", folder, **settings)
        async with serving(app) as url:
            data = await answer_to(url, get(target, *fields, method=method))
        return answers(data, method)[0]

    return send


def write(path, text):
    try:
        Path(path).write_text(text)
    except OSError:
        pytest.skip("the file system takes names in UTF-8 only")


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/static/page.html", b"<p>page"),
        ("/static/page.html?v=1", b"<p>page"),
        ("/static/p%61ge.html", b"<p>page"),
        ("/static/sub/deep/a%20b&c.txt", b"deep"),
        ("/static/sub/deep/a%20b%26c.txt", b"deep"),
        ("/static/100%25.txt", b"percent"),
        ("/static/%2541%252e", b"not decoded twice"),
        ("/static/%E6%96%87%E4%BB%B6.txt", b"chinese"),
    ],
)
async def test_files_are_found_by_their_names(ask, target, body):
    answer = await ask(target)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/static/missing", 404),
        ("/static/page.html/", 404),
        ("/static/page.html/x", 404),
        ("/static/sub//deep", 404),
        (f"/static/{'a' * 5000}", 404),
        ("/staticpage.html", 404),
        ("/static", 403),
        ("/static/", 403),
        ("/static/sub", 403),
        ("/static/sub/deep/", 403),
    ],
)
async def test_what_is_no_file_is_not_found_and_folders_are_not_shown(ask, target, status):
    assert (await ask(target)).status == status


async def test_head_and_other_methods(ask):
    answer = await ask("/static/page.html", method="HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "7")
    answer = await ask("/static/page.html", "Content-Length: 0", method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_conditions_ranges_and_siblings_work_as_in_file_response(ask, folder):
    (folder / "page.html.br").write_bytes(b"brotli")
    first = await ask("/static/page.html")
    assert (first.status, first.headers["Vary"]) == (200, "Accept-Encoding")
    assert (await ask("/static/page.html", f"If-None-Match: {first.headers['ETag']}")).status == 304
    assert (await ask("/static/page.html", "Range: bytes=1-3")).body == b"p>p"
    assert (await ask("/static/page.html", "Accept-Encoding: br")).body == b"brotli"


async def test_a_name_that_is_not_utf_8(ask, folder):
    write(os.fsdecode(bytes(folder) + b"/\xff\xfe.txt"), "bytes")
    assert (await ask("/static/%FF%FE.txt")).body == b"bytes"
    index = (await ask("/static/", show_index=True)).body
    assert b'<a href="/static/%FF%FE.txt">\xef\xbf\xbd\xef\xbf\xbd.txt</a>' in index


async def test_the_index_of_a_folder(ask, folder):
    (folder / "empty").mkdir()
    answer = await ask("/static/", show_index=True)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    text = answer.body.decode()
    assert "<h1>Index of /</h1>" in text
    assert '<li><a href="/static/sub/">sub/</a></li>' in text
    assert '<a href="/static/100%25.txt">100%.txt</a>' in text
    assert '<a href="/static/%E6%96%87%E4%BB%B6.txt">文件.txt</a>' in text
    deep = (await ask("/static/sub/deep", show_index=True)).body.decode()
    assert '<a href="/static/sub/deep/a%20b&amp;c.txt">a b&amp;c.txt</a>' in deep
    assert "<li>" not in (await ask("/static/empty/", show_index=True)).body.decode()


async def test_a_file_that_may_not_be_read_is_forbidden(serving, answer_to):
    """As root nothing is forbidden, so the test is nobody for a while."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        write(f"{name}/secret", "secret")
        os.chmod(f"{name}/secret", 0)
        app = web.Application()
        app.router.add_static("/", name)
        root = os.geteuid() == 0
        async with serving(app) as url:
            if root:
                os.seteuid(65534)
            try:
                data = await answer_to(url, get("/secret"))
            finally:
                if root:
                    os.seteuid(0)
    assert answers(data)[0].status == 403


async def test_folders_under_the_root_and_beside_other_routes(serving, answer_to, folder):
    async def handler(request):
        return web.Response(text="handler")

    async def error(request):
        return web.Response(text=str(request.match_info))

    app = web.Application()
    app.add_routes([web.static("/sub", folder / "sub"), web.static("/", folder), web.get("/sub/{name}/x", handler)])
    app.router.add_get("/fixed", handler)
    async with serving(app) as url:
        asked = ["/sub/deep/a%20b&c.txt", "/page.html", "/fixed", "/sub/deep/x"]
        found = [answers(await answer_to(url, get(target)))[0] for target in asked]
    assert [(answer.status, answer.body[:7]) for answer in found] == [
        (200, b"deep"), (200, b"<p>page"), (200, b"handler"), (404, b"404: No"),
    ]  # fmt: skip


async def test_a_404_of_a_folder_can_be_caught(serving, answer_to, folder):
    @web.middleware
    async def kinder(request, handler):
        try:
            return await handler(request)
        except web.HTTPNotFound:
            return web.Response(text=f"no {request.match_info['filename']}", status=404)

    app = web.Application(middlewares=[kinder])
    app.router.add_static("/", folder)
    async with serving(app) as url:
        answer = answers(await answer_to(url, get("/sub/mis%20sing")))[0]
    assert (answer.status, answer.body) == (404, b"no sub/mis sing")


def test_urls_of_files(folder):
    router = web.UrlDispatcher()
    resource = router.add_static("/a b/", folder, name="files")
    assert str(resource.url_for(filename="page.html")) == "/a%20b/page.html"
    assert str(resource.url_for(filename="/sub/deep/a b&c.txt")) == "/a%20b/sub/deep/a%20b&c.txt"
    assert str(resource.url_for(filename=Path("100%.txt"))) == "/a%20b/100%25.txt"
    assert resource.url_for(filename="文件.txt") == URL("/a b/文件.txt")
    assert str(resource.url_for(filename="a?b#c")) == "/a%20b/a%3Fb%23c"


def test_versions_of_files(folder):
    def version(data):
        return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()

    resource = web.UrlDispatcher().add_static("/s", folder, append_version=True)
    assert resource.url_for(filename="page.html").query == {"v": version(b"<p>page")}
    assert resource.url_for(filename="page.html", append_version=False).query == {}
    (folder / "page.html").write_text("<p>other")
    assert resource.url_for(filename="page.html").query == {"v": version(b"<p>other")}
    for other in ("missing", "sub", "../" + folder.name + "/page.html", "a\0b", ""):
        assert resource.url_for(filename=other).query == {}


def test_folders_that_cannot_be_added(folder):
    router = web.UrlDispatcher()
    for path in (folder / "missing", folder / "page.html"):
        with pytest.raises(ValueError, match="no folder at"):
            router.add_static("/s", path)
    with pytest.raises(ValueError, match="must begin with a slash"):
        router.add_static("s", folder)
    router.add_static("/s", folder, name="s")
    with pytest.raises(ValueError, match="Duplicate 's'"):
        router.add_static("/t", folder, name="s")
    router.freeze()
    with pytest.raises(RuntimeError, match="frozen"):
        router.add_static("/u", folder)


def test_a_folder_is_a_resource(folder):
    resource = web.UrlDispatcher().add_static("/s/", str(folder), name="files")
    assert (resource.name, resource.canonical, resource.directory) == ("files", "/s", os.path.realpath(folder))
    assert repr(resource) == f"<StaticResource 'files' /s -> {os.path.realpath(folder)!r}>"
    assert [route.method for route in resource] == ["GET", "HEAD"]
    assert len(resource) == 2
    info = resource.get_info()
    assert (info["prefix"], info["directory"], set(info["routes"])) == ("/s/", resource.directory, {"GET", "HEAD"})
