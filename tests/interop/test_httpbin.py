"""Our client against httpbin, a server of other people's making: waitress, werkzeug and flask, in a process of its own.

Needs the packages httpbin and waitress; without them nothing here is run.
"""

import base64
import importlib.util
import io
import json
import subprocess
import sys
import textwrap
import uuid
import xml.etree.ElementTree

import pytest
from yarl import URL

import drywire
from drywire_transports import current_runtime

from ..tree import environment

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("httpbin", "waitress"))), reason="httpbin or waitress is not installed here"
)

SERVER = """
import sys
from httpbin import app
from waitress.server import create_server

server = create_server(app, listen="127.0.0.1:0", threads=16, send_bytes=1)
print(server.effective_port, flush=True)
server.run()
"""
USER = drywire.BasicAuth("user", "pass word")


@pytest.fixture(scope="module")
def url():
    """The address of the server, which is started once for all tests."""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(SERVER)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    yield URL(f"http://127.0.0.1:{int(child.stdout.readline())}/")
    child.kill()
    child.wait()
    child.stdout.close()


@pytest.fixture
async def session(url):
    # the cookies of a host without a name are kept, or the cookie tests would have to go through localhost
    timeout, jar = drywire.ClientTimeout(total=10), drywire.CookieJar(unsafe=True)
    async with drywire.ClientSession(url, timeout=timeout, cookie_jar=jar) as session:
        yield session
        assert "0 in use" in repr(session.connector)


async def told(session, method, path, **options):
    """Return what httpbin tells in JSON of the request that it got."""
    async with session.request(method, path, raise_for_status=True, **options) as response:
        assert response.content_type == "application/json"
        return await response.json()


# Methods and bodies

METHODS = ["POST", "PUT", "PATCH", "DELETE"]


async def test_get_with_arguments(session, url):
    seen = await told(session, "GET", "get?a=1", params=[("a", "2"), ("b", "a b&c=d/é")])
    assert seen["args"] == {"a": ["1", "2"], "b": "a b&c=d/é"}
    assert URL(seen["url"]).query == URL(f"{url}get?a=1&a=2&b=a%20b%26c%3Dd/é").query
    assert seen["headers"]["Host"] == f"127.0.0.1:{url.port}"


async def test_a_head_request_has_no_body(session):
    async with session.head("get") as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 0
        assert await response.read() == b""
    assert (await told(session, "GET", "get"))["args"] == {}


async def test_options_tell_the_methods(session):
    async with session.options("post") as response:
        assert response.status == 200
        assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("method", METHODS)
async def test_a_form(session, method):
    seen = await told(session, method, method.lower(), data={"name": "Zoë", "empty": "", "n": "1"})
    assert seen["form"] == {"name": "Zoë", "empty": "", "n": "1"}
    assert seen["headers"]["Content-Type"].partition(";")[0] == "application/x-www-form-urlencoded"
    assert seen["json"] is None


@pytest.mark.parametrize("method", METHODS)
async def test_json(session, method):
    value = {"list": [1, 2.5, None, True], "text": "Zoë"}
    seen = await told(session, method, method.lower(), json=value)
    assert seen["json"] == value
    assert json.loads(seen["data"]) == value
    assert seen["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", METHODS)
async def test_bytes_come_as_they_are(session, method):
    sent = bytes(range(256))
    seen = await told(session, method, method.lower(), data=sent, headers={"Content-Type": "application/x-raw"})
    assert seen["data"] == "data:application/octet-stream;base64," + base64.b64encode(sent).decode()
    assert seen["headers"]["Content-Length"] == "256"
    assert seen["headers"]["Content-Type"] == "application/x-raw"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_000_000])
async def test_a_large_body_in_one_piece_or_in_chunks(session, size):
    text = "x" * size

    async def pieces():
        for start in range(0, size, 100_000):
            yield text[start : start + 100_000].encode()

    for data, chunked in [
        (text.encode(), None),
        (text.encode(), True),
        (pieces(), None),
        (io.BytesIO(text.encode()), None),
    ]:
        seen = await told(session, "POST", "post", data=data, chunked=chunked, headers={"Content-Type": "text/plain"})
        assert seen["data"] == text


async def test_an_upload_of_files(session):
    form = drywire.FormData()
    form.add_field("title", "grüße")
    form.add_field("text", b"plain text", filename="a.txt", content_type="text/plain")
    form.add_field(
        "raw", io.BytesIO(bytes(range(200, 256))), filename="b é.bin", content_type="application/octet-stream"
    )
    seen = await told(session, "POST", "post", data=form)
    assert seen["form"] == {"title": "grüße"}
    assert seen["files"]["text"] == "plain text"
    assert base64.b64decode(seen["files"]["raw"].partition(",")[2]) == bytes(range(200, 256))
    assert seen["headers"]["Content-Type"].startswith("multipart/form-data; boundary=")


async def test_a_file_in_a_mapping(session, tmp_path):
    path = tmp_path / "hello.txt"
    path.write_bytes(b"hello")
    with path.open("rb") as file:
        assert (await told(session, "POST", "post", data={"file": file}))["files"] == {"file": "hello"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_anything_sees_any_method_and_path(session, url, method):
    seen = await told(session, method, "anything/a%20b/c;d?q=%26", data=b"x" if method != "GET" else None)
    assert seen["method"] == method
    assert seen["url"] == f"{url}anything/a%20b/c;d?q=%26"
    assert seen["data"] == ("x" if method != "GET" else "")


# Fields


async def test_header_fields_are_sent(session):
    headers = {"X-One": "1", "x-two": 'a, b; c="d"', "Accept-Language": "de"}
    seen = (await told(session, "GET", "headers", headers=headers))["headers"]
    assert {name.title(): value for name, value in headers.items()}.items() <= seen.items()
    assert seen["Accept"] == "*/*"
    assert "gzip" in seen["Accept-Encoding"]


async def test_ip_and_user_agent(session):
    assert await told(session, "GET", "ip") == {"origin": "127.0.0.1"}
    assert "drywire/" in (await told(session, "GET", "user-agent"))["user-agent"]
    assert await told(session, "GET", "user-agent", headers={"User-Agent": "me"}) == {"user-agent": "me"}


async def test_response_headers_come_in_order_and_number(session):
    async with session.get("response-headers", params=[("X-A", "1"), ("X-A", "2"), ("X-B", "a b")]) as response:
        assert response.headers.getall("x-a") == ["1", "2"]
        assert response.headers["X-B"] == "a b"
        assert (await response.json())["X-A"] == ["1", "2"]


# Status codes


@pytest.mark.parametrize(
    "status", [200, 201, 202, 203, 204, 205, 226, 300, 304, 400, 402, 404, 406, 418, 429, 500, 503, 599]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_each_status_is_told(session, method, status):
    for _ in range(2):  # the second on the same connection: the first body was taken for what it was
        async with session.request(method, f"status/{status}") as response:
            assert response.status == status
            assert response.ok == (status < 400)
            await response.read()


async def test_a_bad_status_raises_if_asked_to(session):
    with pytest.raises(drywire.ClientResponseError) as caught:
        await session.get("status/404", raise_for_status=True)
    assert caught.value.status == 404
    assert caught.value.message == "NOT FOUND"


# Redirects


@pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
@pytest.mark.parametrize("times", [1, 2, 6])
async def test_redirects_are_followed(session, url, kind, times):
    async with session.get(f"{kind}/{times}") as response:
        assert response.status == 200
        assert response.url == url / "get"
        assert [hop.status for hop in response.history] == [302] * times
        assert (await response.json())["url"] == str(url / "get")


async def test_a_redirect_is_not_followed_if_not_asked_to(session):
    async with session.get("redirect/2", allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "/relative-redirect/1"
        assert response.history == ()


async def test_too_many_redirects(session):
    with pytest.raises(drywire.TooManyRedirects) as caught:
        await session.get("redirect/12")
    assert len(caught.value.history) == 10
    async with session.get("redirect/12", max_redirects=20) as response:
        assert len(response.history) == 12


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_what_a_redirect_makes_of_a_method(session, method, status):
    becomes = "GET" if status == 303 or (status in (301, 302) and method == "POST") else method
    data = None if method == "GET" else b"body"
    params = {"url": "/anything", "status_code": str(status)}
    seen = await told(session, method, "redirect-to", params=params, data=data)
    assert seen["method"] == becomes
    assert seen["data"] == ("body" if data and becomes == method else "")
    assert ("Content-Length" in seen["headers"]) == bool(data and becomes == method)


@pytest.mark.parametrize(
    "target", ["anything?a=b", "/anything?a=b", "//127.0.0.1:{port}/anything?a=b", "../anything?a=b"]
)
async def test_a_redirect_to_each_form_of_reference(session, url, target):
    seen = await told(session, "GET", "redirect-to", params={"url": target.format(port=url.port)})
    assert seen["url"] == f"{url}anything?a=b"


async def test_a_fragment_stays_with_us(session, url):
    async with session.get("redirect-to", params={"url": "/anything#there"}) as response:
        assert response.real_url.fragment == "there"
        assert (await response.json())["url"] == f"{url}anything"


# Cookies


async def test_cookies_are_set_and_deleted(session):
    assert await told(session, "GET", "cookies/set/one/1") == {"cookies": {"one": "1"}}
    assert await told(session, "GET", "cookies/set", params={"two": "2", "three": "a b"}) == {
        "cookies": {"one": "1", "two": "2", "three": "a b"}
    }
    assert {cookie.key for cookie in session.cookie_jar} == {"one", "two", "three"}
    assert await told(session, "GET", "cookies/delete", params={"one": "", "three": ""}) == {"cookies": {"two": "2"}}
    assert await told(session, "GET", "cookies") == {"cookies": {"two": "2"}}


async def test_cookies_of_one_request(session):
    assert await told(session, "GET", "cookies", cookies={"a": "1", "b": "2"}) == {"cookies": {"a": "1", "b": "2"}}
    assert await told(session, "GET", "cookies") == {"cookies": {}}


async def test_the_cookies_of_a_response(session):
    async with session.get("cookies/set/one/1", allow_redirects=False) as response:
        assert response.cookies["one"].value == "1"
        assert response.cookies["one"]["path"] == "/"


# Logins


async def test_basic_auth(session):
    for path in ("basic-auth/user/pass word", "hidden-basic-auth/user/pass word"):
        assert (await told(session, "GET", path, auth=USER))["user"] == "user"


@pytest.mark.parametrize(("path", "status"), [("basic-auth/user/x", 401), ("hidden-basic-auth/user/x", 404)])
async def test_basic_auth_with_a_wrong_password_or_none(session, path, status):
    for auth in (USER, None):
        async with session.get(path, auth=auth) as response:
            assert response.status == status


async def test_credentials_of_the_url_are_a_login(session, url):
    address = url.with_user("user").with_password("pass word") / "basic-auth" / "user" / "pass word"
    async with session.get(address) as response:
        assert response.status == 200
        assert response.url.user is None


async def test_bearer(session):
    headers = {"Authorization": "Bearer abc.def"}
    assert (await told(session, "GET", "bearer", headers=headers))["token"] == "abc.def"
    async with session.get("bearer") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth-int", "none"])
async def test_digest_auth(session, algorithm, qop):
    digest = drywire.DigestAuthMiddleware("user", "secret")
    path = f"digest-auth/{qop}/user/secret/{algorithm}"
    for _ in range(2):
        assert (await told(session, "GET", path, middlewares=(digest,)))["authenticated"]
        session.cookie_jar.clear()  # by its cookies httpbin calls the nonce used up


async def test_digest_auth_with_a_wrong_password(session):
    digest = drywire.DigestAuthMiddleware("user", "wrong")
    async with session.get("digest-auth/auth/user/secret", middlewares=(digest,)) as response:
        assert response.status == 401


async def test_digest_auth_with_a_nonce_that_grows_stale(session):
    """The challenge sets cookies, without which httpbin refuses the answer."""
    digest = drywire.DigestAuthMiddleware("user", "secret")
    for _ in range(3):
        assert (await told(session, "GET", "digest-auth/auth/user/secret/MD5/1", middlewares=(digest,)))[
            "authenticated"
        ]


# Codings


@pytest.mark.parametrize(("path", "mark"), [("gzip", "gzipped"), ("deflate", "deflated"), ("brotli", "brotli")])
async def test_codings_are_decoded(session, path, mark):
    async with session.get(path) as response:
        assert response.headers["Content-Encoding"] in ("gzip", "deflate", "br")
        assert (await response.json())[mark] is True
        length = int(response.headers["Content-Length"])
    async with session.get(path, auto_decompress=False) as response:
        assert abs(len(await response.read()) - length) < 64  # it tells our fields, so the sizes differ a little
        assert not (await response.read()).startswith(b"{")


async def test_utf8(session):
    async with session.get("encoding/utf8") as response:
        assert response.charset == "utf-8"
        text = await response.text()
        assert text.encode() == await response.read()
    assert "∮ E⋅da = Q" in text
    assert "ᚻᛖ ᚳᚹᚫᚦ" in text


# Time


async def test_a_delay_within_the_timeout_and_over_it(session):
    assert (await told(session, "GET", "delay/0.1", timeout=5))["args"] == {}
    runtime = current_runtime()
    for timeout, error in [
        (drywire.ClientTimeout(total=0.1), drywire.TotalTimeoutError),
        (drywire.ClientTimeout(sock_read=0.1), drywire.SocketTimeoutError),
    ]:
        started = runtime.now()
        with pytest.raises(error):
            await session.get("delay/1", timeout=timeout)
        assert runtime.now() - started < 0.8
    assert (await told(session, "GET", "delay/0", timeout=5))["args"] == {}


async def test_a_drip(session):
    async with session.get("drip", params={"duration": "0.1", "numbytes": "5", "code": "203"}) as response:
        assert response.status == 203
        assert response.content_length == 5
        assert await response.read() == b"*****"


async def test_a_drip_that_takes_too_long(session):
    timeout = drywire.ClientTimeout(total=0.2)
    with pytest.raises(drywire.TotalTimeoutError):
        async with session.get("drip", params={"duration": "2", "numbytes": "20"}, timeout=timeout) as response:
            await response.read()
    timeout = drywire.ClientTimeout(sock_read=0.1)
    with pytest.raises(drywire.SocketTimeoutError):
        async with session.get("drip", params={"duration": "2", "numbytes": "2"}, timeout=timeout) as response:
            await response.read()


# Streams


async def test_a_stream_of_lines(session):
    async with session.get("stream/7") as response:
        lines = [json.loads(line) async for line in response.content]
    assert [line["id"] for line in lines] == list(range(7))


async def test_a_stream_that_is_left_early(session):
    async with session.get("stream/100") as response:
        assert json.loads(await response.content.readline())["id"] == 0
    assert (await told(session, "GET", "get"))["args"] == {}


async def test_bytes_at_once_and_as_a_stream(session):
    for path in ("bytes/50000", "stream-bytes/50000"):
        bodies = set()
        for _ in range(2):
            async with session.get(path, params={"seed": "7", "chunk_size": "333"}) as response:
                body = await response.read()
                assert len(body) == 50_000
                bodies.add(body)
        assert len(bodies) == 1, "the same seed gives the same bytes"


async def test_the_chunks_of_a_stream(session):
    async with session.get("stream-bytes/1000", params={"chunk_size": "64"}) as response:
        chunks, chunk = [], b""
        async for data, ends in response.content.iter_chunks():
            chunk += data
            if ends:
                chunks.append(len(chunk))
                chunk = b""
    assert chunks == [64] * 15 + [40]


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        (None, 200, "bytes 0-51/52", b"abcdefghijklmnopqrstuvwxyz" * 2),
        ("bytes=10-15", 206, "bytes 10-15/52", b"klmnop"),
        ("bytes=48-", 206, "bytes 48-51/52", b"wxyz"),
        ("bytes=-3", 206, "bytes 49-51/52", b"xyz"),
        ("bytes=60-70", 416, "bytes */52", b""),
    ],
)
async def test_ranges(session, asked, status, content_range, body):
    async with session.get("range/52", headers={"Range": asked} if asked else {}) as response:
        assert response.status == status
        assert response.headers["Content-Range"] == content_range
        assert await response.read() == body


# Conditions


@pytest.mark.parametrize(
    ("path", "field", "value", "status"),
    [
        ("etag/abc", "If-None-Match", '"abc"', 304),
        ("etag/abc", "If-None-Match", "*", 304),
        ("etag/abc", "If-None-Match", '"x", W/"abc"', 304),
        ("etag/abc", "If-None-Match", '"x"', 200),
        ("etag/abc", "If-Match", '"x"', 412),
        ("etag/abc", "If-Match", '"abc"', 200),
        ("cache", "If-None-Match", '"x"', 304),
        ("cache", "If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT", 304),
        ("cache", "X-None", "x", 200),
    ],
)
async def test_conditions(session, path, field, value, status):
    for _ in range(2):
        async with session.get(path, headers={field: value}) as response:
            assert response.status == status
            assert bool(await response.read()) == (status == 200)


async def test_cache_control(session):
    async with session.get("cache/60") as response:
        assert response.headers["Cache-Control"] == "public, max-age=60"


# Formats


@pytest.mark.parametrize(
    ("kind", "magic"),
    [("png", b"\x89PNG\r\n\x1a\n"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF"), ("svg+xml", b"<")],
)
async def test_images_by_accept(session, kind, magic):
    async with session.get("image", headers={"Accept": f"image/{kind}"}) as response:
        assert response.content_type == f"image/{kind}"
        body = await response.read()
    assert body.lstrip().startswith(magic)
    async with session.get(f"image/{kind.removesuffix('+xml')}") as response:
        assert await response.read() == body


async def test_an_image_that_there_is_not(session):
    async with session.get("image", headers={"Accept": "image/tiff"}) as response:
        assert response.status == 406


async def test_xml_html_and_robots(session):
    async with session.get("xml") as response:
        assert response.content_type == "application/xml"
        assert xml.etree.ElementTree.fromstring(await response.read()).tag == "slideshow"
        with pytest.raises(drywire.ContentTypeError):
            await response.json()
    async with session.get("html") as response:
        assert response.content_type == "text/html"
        assert "Herman Melville - Moby-Dick" in await response.text()
    async with session.get("robots.txt") as response:
        assert response.content_type == "text/plain"
        assert "Disallow: /deny" in await response.text()


async def test_json_uuid_and_base64(session):
    assert (await told(session, "GET", "json"))["slideshow"]["author"] == "Yours Truly"
    assert uuid.UUID((await told(session, "GET", "uuid"))["uuid"]).version == 4
    async with session.get("base64/" + base64.urlsafe_b64encode("Zoë?>".encode()).decode()) as response:
        assert await response.text() == "Zoë?>"


async def test_links_lead_to_one_another(session, url):
    async with session.get("links/4") as response:
        assert response.url == url / "links" / "4" / "0"
        assert (await response.text()).count("<a href='/links/4/") == 3


# Together


async def test_many_requests_at_once(session):
    runtime, numbers = current_runtime(), []

    async def ask(number):
        seen = await told(session, "GET", "get", params={"number": str(number)})
        numbers.append(int(seen["args"]["number"]))

    tasks = [runtime.spawn(ask, number) for number in range(40)]
    for task in tasks:
        assert await task.wait(runtime.now() + 10)
        assert task.exception() is None
    assert sorted(numbers) == list(range(40))


async def test_one_connection_does_for_requests_after_one_another(url):
    connector = drywire.TCPConnector(limit=1)
    async with drywire.ClientSession(url, connector=connector) as session:
        for path in ("get", "gzip", "stream/3", "status/204", "bytes/100", "image/png", "redirect/2", "range/10"):
            async with session.get(path) as response:
                await response.read()
        assert repr(connector) == "<TCPConnector 0 in use, 1 idle, 0 waiting>"
