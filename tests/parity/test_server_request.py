"""Group 20: requests, as handlers see them."""

import datetime
import json
import re
import warnings
from uuid import uuid4

import pytest
from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

import drywire
from drywire import web
from drywire_sansio.conditional import ETag
from drywire_server import request_transport
from drywire_transports import ClientTLS, current_runtime


@pytest.fixture
def tell(serving, answer_to):
    """``await tell(look, head, body)``: what `look(request)` returns in a handler, for a request of these bytes."""

    async def ask(look, head=b"GET / HTTP/1.1\r\nHost: a.test:8080", body=b"", app=None, **settings):
        seen = []

        async def handler(request):
            found = look(request)
            seen.append(await found if hasattr(found, "__await__") else found)
            return web.Response(text="done")

        app = app or web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        async with serving(app, **settings) as url:
            length = b"\r\nContent-Length: %d" % len(body) if body else b""
            answer = await answer_to(url, head + length + b"\r\nConnection: close\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 200 ") or not answer
        return seen[0] if seen else None

    return ask


def get(target, *fields, method="GET", version="1.1"):
    lines = [f"{method} {target} HTTP/{version}", *fields]
    if not any(field.lower().startswith("host:") for field in fields):
        lines.insert(1, "Host: a.test:8080")
    return "\r\n".join(lines).encode()


def form(kind, fields=()):
    return get("/", f"Content-Type: {kind}", *fields, method="POST")


async def test_q2_01_method(tell):
    assert await tell(lambda r: r.method, get("/", method="DELETE")) == "DELETE"
    assert await tell(lambda r: r.method, get("/", method="QUERY")) == "QUERY"


async def test_q2_02_path_is_decoded(tell):
    target = "/user/%E5%BC%A0%20x?name=%E5%BC%A0&a=b+c"

    def look(request):
        return request.path, request.path_qs, request.raw_path, request.rel_url, request.query_string

    path, path_qs, raw_path, rel_url, query_string = await tell(look, get(target))
    assert path == "/user/张 x"
    assert path_qs == raw_path == str(rel_url) == target
    assert query_string == "name=张&a=b c"
    assert isinstance(rel_url, URL)
    assert not rel_url.absolute


async def test_q2_03_path_qs_is_as_it_came(tell):
    assert await tell(lambda r: r.path_qs, get("/a%20b?c=%zz")) == "/a%20b?c=%zz"


async def test_q2_04_path_as_does_not_exist(tell):
    assert await tell(lambda r: hasattr(r, "path_as")) is False


async def test_q2_05_raw_path(tell):
    assert await tell(lambda r: r.raw_path, get("//x/../%7e?")) == "//x/../%7e?"


async def test_q2_06_url(tell):
    url = await tell(lambda r: r.url, get("/a/%E5?b=c&b=d"))
    assert url == URL("http://a.test:8080/a/%E5?b=c&b=d", encoded=True)
    assert (url.scheme, url.host, url.port, url.query.getall("b")) == ("http", "a.test", 8080, ["c", "d"])
    for host in ("EXAMPLE.test", "[::1]:80", "192.0.2.1"):
        url = await tell(lambda r: r.url, get("/A", f"Host: {host}"))
        assert (str(url), url.path) == (str(URL(f"http://{host}/A")), "/A")


async def test_q2_07_rel_url_and_query_string(tell):
    assert await tell(lambda r: (r.rel_url, r.query_string), get("/?a=%20")) == (URL("/?a=%20"), "a= ")


async def test_q2_08_query(tell):
    query = await tell(lambda r: r.query, get("/?tag=a&tag=b&Tag=c&empty="))
    assert isinstance(query, MultiDictProxy)
    assert (query.get("tag"), query.getall("tag"), query["Tag"], query["empty"]) == ("a", ["a", "b"], "c", "")
    with pytest.raises(KeyError):
        query.getall("nothing")
    assert dict(query)["tag"] == "a"


async def test_q2_09_headers(tell):
    headers = await tell(lambda r: r.headers, get("/", "x-a: 1", "X-A: \u00e9"))
    assert isinstance(headers, CIMultiDictProxy)
    assert headers.getall("X-a") == ["1", "\u00e9"]


async def test_q2_10_raw_headers(tell):
    raw = await tell(lambda r: r.raw_headers, get("/", "x-A: 1"))
    assert raw[:2] == ((b"Host", b"a.test:8080"), (b"x-A", b"1"))


async def test_q2_11_cookies_are_text_that_has_a_value(tell):
    """Differs: `request.cookies["uid"].value` works as well, as the documents show it. What has no "=" is no cookie, as
    in RFC 6265bis, where aiohttp takes it for a name that nobody has set; and all Cookie fields are read, not only the
    first.
    """
    fields = ('Cookie: uid=10086; quoted="a\\073b"; bad\x07=1; uid2', "Cookie: token=xyz")
    cookies = await tell(lambda r: r.cookies, get("/", *(field.replace("\x07", "") for field in fields)))
    assert cookies["uid"] == "10086" == cookies["uid"].value
    assert isinstance(cookies["uid"], str)
    assert cookies["quoted"].value == "a;b"
    assert cookies["token"] == "xyz"
    assert "uid2" not in cookies
    with pytest.raises(TypeError):
        cookies["uid"] = "1"
    assert await tell(lambda r: dict(r.cookies)) == {}


async def test_q2_12_remote(tell):
    assert await tell(lambda r: r.remote) == "127.0.0.1"


async def test_q2_13_host(tell):
    assert await tell(lambda r: r.host) == "a.test:8080"
    assert (await tell(lambda r: r.host, b"GET / HTTP/1.0")).startswith("127.0.0.1:")
    assert await tell(lambda r: r.host, get("http://b.test:81/x")) == "b.test:81"
    assert await tell(lambda r: (r.path, str(r.url)), get("http://b.test:81/x")) == ("/x", "http://b.test:81/x")


async def test_q2_14_scheme_and_secure(tell, serving, server_tls, client_tls):
    assert await tell(lambda r: (r.scheme, r.secure)) == ("http", False)
    # a client cannot claim that its connection is encrypted
    assert await tell(lambda r: (r.scheme, r.secure), get("https://a.test/")) == ("http", False)

    async def handler(request):
        return web.json_response([request.scheme, request.secure, str(request.url)])

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, ssl_context=server_tls) as url, drywire.ClientSession() as session:
        async with session.get(url, ssl=client_tls) as response:
            scheme, secure, whole = await response.json()
    assert (scheme, secure, whole) == ("https", True, f"{url}/")


async def test_q2_15_forwarded(tell):
    fields = ["Forwarded: for=192.0.2.60;proto=https, for=b", 'Forwarded: for="[::1]:80"']
    forwarded = await tell(lambda r: (r.forwarded, r.scheme, r.remote), get("/", *fields))
    elements = ({"for": "192.0.2.60", "proto": "https"}, {"for": "b"}, {"for": "[::1]:80"})
    assert forwarded == (elements, "http", "127.0.0.1")
    assert await tell(lambda r: r.forwarded) == ()


async def test_q2_16_version_and_keep_alive(tell):
    """Differs: an answer says HTTP/1.1 to clients of 1.0, too: it is the version of who speaks (RFC 9110, 2.5); aiohttp
    repeats the client's. Its fields and its framing are such as 1.0 knows.
    """
    assert await tell(lambda r: (r.version, r.keep_alive)) == (drywire.HttpVersion11, False)
    assert await tell(lambda r: r.version.minor, b"GET / HTTP/1.0") == 0


async def test_q2_17_content_is_a_stream(tell):
    assert isinstance(await tell(lambda r: r.content), drywire.StreamReader)


async def test_q2_18_read_text_json(tell):
    async def look(request):
        return await request.read(), await request.text(), await request.json(), await request.json(loads=len)

    body = json.dumps({"name": "张"}, ensure_ascii=False).encode()
    assert await tell(look, get("/", method="POST"), body) == (body, body.decode(), {"name": "张"}, 13)
    kind = "Content-Type: text/plain; charset=gbk"
    assert await tell(lambda r: r.text(), get("/", kind, method="POST"), "张".encode("gbk")) == "张"

    async def broken(request):
        with pytest.raises(json.JSONDecodeError):
            await request.json()
        return await request.text()

    assert await tell(broken, get("/", method="POST"), b"{") == "{"


async def test_q2_18_a_charset_that_is_not_known_is_refused(tell):
    """Differs: a charset that is not known raises HTTPUnsupportedMediaType, 415; with aiohttp LookupError, so 500."""

    async def look(request):
        with pytest.raises(web.HTTPUnsupportedMediaType, match="Unsupported"):
            await request.text()
        return True

    for charset in ("utf-7000", "punycode", "hex"):
        kind = f"Content-Type: text/plain; charset={charset}"
        assert await tell(look, get("/", kind, method="POST"), b"61") is True


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xe5\xbc\xa0\r\n'
    b'--x\r\nContent-Disposition: form-data; name="bin"\r\nContent-Type: application/x\r\n\r\n\x00\xff\r\n'
    b'--x\r\nContent-Disposition: form-data; name="coded"\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n'
    b"X-Own: yes\r\n\r\nhello\r\n--x--\r\n"
)


async def test_q2_19_post_of_a_multipart_form(tell):
    async def look(request):
        fields = await request.post()
        assert fields is await request.post()
        file = fields["file"]
        return fields, file, file.file.read()

    fields, file, content = await tell(look, form("multipart/form-data; boundary=x"), MULTIPART)
    assert isinstance(fields, MultiDictProxy)
    assert list(fields) == ["text", "bin", "coded", "file"]
    assert (fields["text"], fields["bin"], fields["coded"]) == ("张", bytearray(b"\x00\xff"), "abc")
    assert content == b"hello"
    assert file.file.closed


async def test_q2_19_post_of_a_urlencoded_form(tell):
    kind = form("application/x-www-form-urlencoded")
    fields = await tell(lambda r: r.post(), kind, b"a=1&a=2&b=%E5%BC%A0+x&c=\r\n")
    assert list(fields.items()) == [("a", "1"), ("a", "2"), ("b", "张 x"), ("c", "")]
    gbk = form("application/x-www-form-urlencoded; charset=gbk")
    assert (await tell(lambda r: r.post(), gbk, b"b=%D5%C5"))["b"] == "张"
    untyped = (get("/", method="POST"), form(""), form("application/json"))
    for nothing in (*untyped, get("/", "Content-Type: application/x-www-form-urlencoded")):
        assert dict(await tell(lambda r: r.post(), nothing, b"a=1")) == {}

    async def bad(request):
        with pytest.raises(UnicodeDecodeError):
            await request.post()
        return True

    assert await tell(bad, kind, b"a=\xff") is True


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (MULTIPART.replace(b'; name="bin"', b""), "Multipart field missing name"),
        (MULTIPART[:40], "multipart"),
        (MULTIPART[:-20], "multipart"),
        (MULTIPART.replace(b"base64", b"rot13"), "rot13"),
        (b"nothing", ""),
        (
            b"--x\r\nContent-Disposition: form-data; name=n\r\n"
            b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n",
            "read it by multipart",
        ),
    ],
)
async def test_q2_19_a_malformed_form_is_a_value_error_and_400(serving, answer_to, body, why):
    """Differs: who sends a malformed form is told so by 400; aiohttp answers 500, and logs a traceback."""
    raised = []

    async def handler(request):
        try:
            await request.post()
        except ValueError as error:
            raised.append(error)
            raise

    app = web.Application()
    app.router.add_post("/", handler)
    head = form("multipart/form-data; boundary=x") + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(app) as url:
        assert (await answer_to(url, head + body)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert isinstance(raised[0], web.RequestPayloadError)
    assert why in str(raised[0])


async def test_q2_20_multipart(tell):
    async def look(request):
        reader = await request.multipart()
        return [(part.name, await part.read(decode=True)) async for part in reader]

    parts = await tell(look, form("multipart/form-data; boundary=x"), MULTIPART)
    assert parts[0] == ("text", "张".encode())
    assert parts[3] == ("file", b"hello")

    async def none(request):
        with pytest.raises(ValueError, match=r"multipart/\* content type expected"):
            await request.multipart()
        return True

    assert await tell(none, form("text/plain"), b"x") is True


async def test_q2_21_files_does_not_exist(tell):
    assert await tell(lambda r: hasattr(r, "files")) is False


async def test_q2_22_release(tell):
    async def look(request):
        await request.release()
        return request.can_read_body, await request.content.read()

    assert await tell(look, get("/", method="POST"), b"x" * 100_000) == (False, b"")


async def test_q2_23_content_is_read_in_pieces_however_large_the_body(tell):
    async def look(request):
        pieces = []
        while piece := await request.content.read(1024):
            pieces.append(piece)
        return max(map(len, pieces)), sum(map(len, pieces))

    app = web.Application(client_max_size=10)
    assert await tell(look, get("/", method="POST"), b"x" * 100_000, app) == (1024, 100_000)


async def test_q2_24_can_read_body_and_body_exists(tell):
    async def look(request):
        before = request.can_read_body, request.body_exists
        await request.read()
        return *before, request.can_read_body, request.body_exists

    assert await tell(look, get("/", method="POST"), b"x") == (True, True, False, True)
    assert await tell(look) == (False, False, False, False)


async def test_q2_25_has_body_is_deprecated(tell):
    def look(request):
        with pytest.warns(DeprecationWarning, match="can_read_body"):
            return request.has_body

    assert await tell(look, get("/", method="POST"), b"x") is True


async def test_q2_26_content_type_charset_and_content_length(tell):
    def look(request):
        return request.content_type, request.charset, request.content_length

    kind = "Content-Type: Text/HTML; charset=UTF-8"
    assert await tell(look, get("/", kind, method="POST"), b"abc") == ("text/html", "utf-8", 3)
    assert await tell(look) == ("application/octet-stream", None, None)


async def test_q2_27_client_max_size(tell, serving, answer_to):
    async def look(request):
        with pytest.raises(web.HTTPRequestEntityTooLarge, match=r"(Entity|Content) Too Large") as raised:
            await request.read()
        return request.client_max_size, raised.value.actual_size, raised.value.text

    app = web.Application(client_max_size=3)
    text = "Maximum request body size 3 exceeded."
    assert await tell(look, get("/", method="POST"), b"abcd", app) == (3, 4, text)
    assert await tell(lambda r: r.client_max_fields) == 1000


async def test_q2_27_a_body_that_is_announced_as_too_large_is_refused_unread(serving, answer_to):
    async def handler(request):
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app) as url:
        fields = ("Content-Length: 2000000", "Expect: 100-continue")
        answer = await answer_to(url, get("/", *fields, method="POST") + b"\r\n\r\n", eof=False)
    assert answer.startswith(b"HTTP/1.1 413 ")  # and not 100 Continue


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (None, slice(None, None, 1)),
        ("bytes=0-499", slice(0, 500, 1)),
        ("Bytes=500-", slice(500, None, 1)),
        ("bytes=-500", slice(-500, None, 1)),
        *[(bad, ValueError) for bad in ("bytes=5-2", "bytes=-", "bytes=1-2,3-4", "bytes=\u0661-", "lines=1-2", "1-2")],
    ],
)
async def test_q2_28_http_range(tell, field, found):
    def look(request):
        try:
            return request.http_range
        except ValueError:
            return ValueError

    fields = [] if field is None else [f"Range: {field}"]
    assert await tell(look, get("/", *fields)) == found


async def test_q2_28_two_range_fields_are_refused(serving, answer_to):
    """Differs: a second Range field is answered with 400, since nobody can say which is meant (RFC 9110, 5.3);
    aiohttp takes the first.
    """
    async with serving(web.Application()) as url:
        answer = await answer_to(url, get("/", "Range: bytes=0-1", "Range: bytes=0-1") + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"more than one Range field" in answer


async def test_q2_29_dates_of_conditions(tell):
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    moment = datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.UTC)

    def look(request):
        return request.if_modified_since, request.if_unmodified_since, request.if_range

    fields = [f"If-Modified-Since: {date}", f"If-Unmodified-Since: {date}", f"If-Range: {date}"]
    assert await tell(look, get("/", *fields)) == (moment, moment, moment)
    assert await tell(look, get("/", "If-Modified-Since: yesterday", 'If-Range: "a"')) == (None, None, None)


async def test_q2_30_entity_tags_of_conditions(tell):
    def look(request):
        return request.if_match, request.if_none_match

    fields = ['If-Match: "a", W/"b"', 'If-Match: "c"', "If-None-Match: *"]
    assert await tell(look, get("/", *fields)) == ((ETag("a"), ETag("b", is_weak=True), ETag("c")), (ETag("*"),))
    assert await tell(look) == (None, None)


async def test_q2_31_app_config_dict_and_match_info(tell):
    key = web.AppKey("key", str)
    app = web.Application()
    app[key] = "value"

    def look(request):
        with pytest.raises(TypeError):
            request.config_dict[key] = "other"
        return request.app is app, request.config_dict[key], request.match_info["rest"]

    assert await tell(look, get("/a/b"), app=app) == (True, "value", "a/b")


async def test_q2_32_storage(tell):
    user = f"user {uuid4()}"  # each name is warned of once

    def look(request):
        with pytest.warns(web.NotAppKeyWarning, match=rf"web.RequestKey in place of the str '{user}'"):
            request[user] = 1
        key = object()
        request[key] = 2
        with pytest.raises(KeyError):
            request["db"]
        kept = dict(request), len(request), user in request, request.get("x", 3), request.pop(user)
        del request[key]
        assert request
        assert request == request
        request.own = "too"
        return kept[1:], len(request), request.own

    assert await tell(look) == ((2, True, 3, 1), 0, "too")


async def test_q2_33_task_transport_protocol_writer_and_extra_info(tell):
    async def look(request):
        transport = request.transport
        assert transport == request.transport
        assert request.task is not None
        assert request.protocol is not None
        assert request.writer is not None
        return (
            transport.get_extra_info("peername")[0],
            request.get_extra_info("peername")[0],
            request.get_extra_info("x", 5),
        )

    assert await tell(look) == ("127.0.0.1", "127.0.0.1", 5)

    async def close(request):
        request.transport.close()
        return request.transport

    assert await tell(close) is None


@pytest.mark.parametrize("end", ["send_eof", "send_eof, on a system that only shows it", "abort", "tls"])
async def test_q2_33_the_transport_is_closing_once_the_client_has_ended_its_direction(
    serving, server_tls, client_tls, monkeypatch, end
):
    """Differs: a client that has only ended its direction gets its response all the same; aiohttp closes on it."""
    if "only shows" in end:
        monkeypatch.setattr(request_transport, "END_OF_PEER", 0)
    runtime = current_runtime()
    begun, ended = runtime.wake(), runtime.wake()
    closing = []

    async def handler(request):
        closing.append(request.transport.is_closing())
        begun.set()
        limit = runtime.now() + 10
        while (transport := request.transport) and not transport.is_closing() and runtime.now() < limit:
            await runtime.sleep_until(runtime.now() + 0.002)
        closing.append(transport is None or transport.is_closing())
        ended.set()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_post("/", handler)
    context, tls = (server_tls, ClientTLS(client_tls)) if end == "tls" else (None, None)
    async with serving(app, ssl_context=context) as url:
        host, _, port = url.partition("://")[2].partition(":")
        stream = await runtime.connect_tcp(host, int(port), tls=tls)
        stream.read_deadline = runtime.now() + 10
        await stream.send(get("/", "Content-Length: 4", "Connection: close", method="POST") + b"\r\n\r\nbody")
        await runtime.park(begun, runtime.now() + 10)
        if end.startswith("send_eof"):
            await stream.send_eof()
            answer = b""
            while piece := await stream.receive():
                answer += piece
            assert answer.endswith(b"\r\n\r\ndone")
        stream.abort()
        await runtime.park(ended, runtime.now() + 10)
    assert closing == [False, True]


async def test_q2_34_loop_is_deprecated(tell, anyio_backend_name):
    def look(request):
        try:
            with pytest.warns(DeprecationWarning, match=r"request\.loop is deprecated"):
                loop = request.loop
        except RuntimeError as error:
            return str(error)
        return callable(loop.create_task)

    expected = True if anyio_backend_name == "asyncio" else "request.loop is asyncio's: there is none on trio"
    assert await tell(look) == expected


async def test_q2_35_message_is_deprecated(tell):
    def look(request):
        with pytest.warns(DeprecationWarning, match="request.message is deprecated"):
            return request.message

    message = await tell(look, get("/a?b"))
    assert (message.method, message.path, message.version) == ("GET", "/a?b", (1, 1))
    assert message.headers["Host"] == "a.test:8080"
    assert message.should_close


async def test_q2_36_clone(tell):
    async def look(request):
        key = object()
        request[key] = 1
        new = request.clone(
            method="PUT",
            rel_url="/other?x=1",
            headers={"Host": "b.test", "X-Own": "1"},
            scheme="https",
            host="c.test",
            remote="192.0.2.1",
            client_max_size=2,
            client_max_fields=3,
        )
        assert type(new) is type(request)
        assert new.app is request.app
        again = new.clone(method="PATCH")
        new[key] = 2
        assert request[key] == 1
        with pytest.raises(web.HTTPRequestEntityTooLarge):
            await again.read()
        seen = new.method, str(new.url), new.secure, new.remote, new.headers["X-Own"], again.client_max_fields
        same = request.clone()
        assert (same.method, same.url, same.headers, same.remote) == (
            request.method,
            request.url,
            request.headers,
            request.remote,
        )
        return *seen, again.remote

    told = await tell(look, get("/", method="POST"), b"abc")
    assert told == ("PUT", "https://c.test/other?x=1", True, "192.0.2.1", "1", 3, "192.0.2.1")

    async def late(request):
        await request.read()
        with pytest.raises(RuntimeError, match="cannot be cloned after its body was read"):
            request.clone()
        return True

    assert await tell(late, get("/", method="POST"), b"abc") is True


async def test_q2_37_file_field(tell):
    async def look(request):
        return (await request.post())["file"]

    file = await tell(look, form("multipart/form-data; boundary=x"), MULTIPART)
    assert isinstance(file, web.FileField)
    assert (file.name, file.filename, file.content_type) == ("file", "a.txt", "text/plain")
    assert file.headers["x-own"] == "yes"
    assert file.file.closed


def test_q2_38_base_request():
    assert issubclass(web.Request, web.BaseRequest)
    assert {"POST", "PUT", "PATCH"} <= set(web.BaseRequest.POST_METHODS)


@pytest.mark.parametrize("sent", ["half", "whole"])
async def test_q2_39_a_body_cannot_be_read_after_the_response(serving, answer_to, sent):
    requests = []

    async def handler(request):
        requests.append(request)
        return web.Response(text="early")

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app) as url:
        await answer_to(
            url, get("/", "Content-Length: 6", method="POST") + b"\r\n\r\n" + b"second"[: 3 if sent == "half" else 6]
        )
        with pytest.raises(web.PayloadAccessError):
            await requests[0].read()


@pytest.mark.parametrize(
    ("body", "fields"), [(b"", ()), (b"body", ()), (b"", ("Connection: upgrade", "Upgrade: h2c, HTTP/2.0"))]
)
async def test_q2_40_handler_cancellation_cancels_a_handler_whose_client_has_gone(serving, body, fields):
    runtime = current_runtime()
    begun, ended = runtime.wake(), runtime.wake()
    log = []

    async def handler(request):
        log.append(await request.read())
        begun.set()
        try:
            await runtime.sleep_until(runtime.now() + 30)
        except BaseException as error:
            log.append(type(error).__name__)
            ended.set()
            raise

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app, handler_cancellation=True) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        stream = await runtime.connect_tcp(host, int(port))
        await stream.send(get("/", f"Content-Length: {len(body)}", *fields, method="POST") + b"\r\n\r\n" + body)
        await runtime.park(begun, runtime.now() + 10)
        stream.abort()
        await runtime.park(ended, runtime.now() + 10)
    assert log[0] == body
    assert log[1] in ("CancelledError", "Cancelled")


async def test_q2_40_handlers_are_answered_as_ever_with_handler_cancellation(serving, answer_to):
    async def handler(request):
        if request.path == "/fail":
            raise web.HTTPForbidden
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    chunked = ("Transfer-Encoding: chunked",)
    data = (
        get("/", "Content-Length: 3", method="POST") + b"\r\n\r\none"
        + get("/fail") + b"\r\n\r\n"
        + get("/", *chunked, method="POST") + b"\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
        + get("/", "Connection: close") + b"\r\n\r\n"
    )  # fmt: skip
    async with serving(app, handler_cancellation=True) as url:
        answer = await answer_to(url, data, eof=False)
    assert re.findall(rb"HTTP/1.1 ([0-9]+)", answer) == [b"200", b"403", b"200", b"200"]
    assert b"\r\n\r\none" in answer
    assert b"\r\n\r\ntwo" in answer


def test_q2_32_the_warning_is_hidden_by_default():
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", category=web.NotAppKeyWarning)
        web.StreamResponse()["key"] = 1
    assert caught == []


async def test_q2_40_a_websocket_works_with_handler_cancellation(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data + "!")
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, handler_cancellation=True) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url) as ws:
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello!"


async def test_q2_40_a_handler_at_work_is_cancelled_at_shutdown_with_handler_cancellation(serving):
    runtime = current_runtime()
    begun, log = runtime.wake(), []

    async def handler(request):
        begun.set()
        try:
            await runtime.sleep_until(runtime.now() + 30)
        finally:
            log.append("ended")

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, _, port = site.name.removeprefix("http://").partition(":")
    stream = await runtime.connect_tcp(host, int(port))
    await stream.send(get("/") + b"\r\n\r\n")
    await runtime.park(begun, runtime.now() + 10)
    await runner.cleanup()
    stream.abort()
    assert log == ["ended"]
