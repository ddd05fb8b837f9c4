"""Rows R-01 to R-38: what a response tells, how it is read, and what becomes of its connection."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import gc
import json
from http.cookies import SimpleCookie

import pytest
from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from .mirror import mirror  # noqa: F401

JSON = b"Content-Type: application/json"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"


def reply(*fields, status=b"200 OK", body=b"ok"):
    head = b"".join(field + b"\r\n" for field in (b"HTTP/1.1 " + status, *fields))
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def half(peer, script):
    """Answer by half of a response, and wait for the client to give up."""
    await peer.request()
    await peer.send(HALF)
    await peer.ended()


@pytest.fixture
def answered(scripted, answering):
    """``async with answered(raw) as response``: what comes of a request whose answer is `raw`, or runs as a script."""

    @contextlib.asynccontextmanager
    async def ask(raw=OK, path="", method="GET", **settings):
        talk = answering(raw) if isinstance(raw, bytes) else raw
        async with scripted(talk) as script, drywire.ClientSession(**settings) as session:
            async with session.request(method, script.url + path) as response:
                yield response

    return ask


def moving(location, *fields):
    """A script that sends the first request elsewhere, and answers the others."""

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[0])
            first = len(script.heads) == 1
            await peer.send(reply(b"Location: " + location, *fields, status=b"302 Found") if first else OK)

    return talk


@pytest.mark.parametrize("status", [200, 201, 299, 404, 599])
async def test_r_01_status_is_an_int(answered, status):
    async with answered(reply(status=b"%d Whatever" % status)) as response:
        assert type(response.status) is int
        assert response.status == status


@pytest.mark.parametrize(("line", "reason"), [(b"200 Quite fine", "Quite fine"), (b"404 ", "")], ids=["said", "empty"])
async def test_r_02_reason_is_a_str_and_may_be_empty(answered, line, reason):
    async with answered(reply(status=line)) as response:
        assert response.reason == reason


@pytest.mark.parametrize("minor", [0, 1])
async def test_r_03_version_is_an_http_version(answered, minor):
    async with answered(reply().replace(b"HTTP/1.1", b"HTTP/1.%d" % minor)) as response:
        assert isinstance(response.version, drywire.HttpVersion)
        assert (response.version.major, response.version.minor) == response.version == (1, minor)
        assert (response.version >= drywire.HttpVersion11) is bool(minor)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PURGE"])
async def test_r_04_method_is_that_of_the_request(answered, method):
    raw = reply(body=b"") if method == "HEAD" else OK
    async with answered(raw, method=method) as response:
        assert response.method == method


async def test_r_05_url_is_the_last_one_without_its_fragment(scripted):
    async with scripted(moving(b"/there?q=1#there")) as script, drywire.ClientSession() as session:
        async with session.get(script.url + "here#here") as response:
            assert isinstance(response.url, URL)
            assert response.url == URL(script.url + "there?q=1")
            assert response.history[0].url == URL(script.url + "here")
            assert response.url != script.url + "there?q=1"


async def test_r_06_real_url_has_the_fragment(answered):
    async with answered(path="page#part") as response:
        assert response.real_url == response.url.with_fragment("part")
        assert response.real_url.fragment == "part"


async def test_r_07_url_obj_is_deprecated(answered):
    async with answered(path="page#part") as response:
        with pytest.warns(DeprecationWarning, match="url"):
            assert response.url_obj == response.url


async def test_r_08_host_is_the_host_of_the_url(answered):
    async with answered() as response:
        assert response.host == "127.0.0.1"


@pytest.mark.parametrize(("status", "ok"), [(200, True), (304, True), (399, True), (400, False), (503, False)])
async def test_r_09_ok_is_a_status_below_400(answered, status, ok):
    async with answered(reply(status=b"%d Whatever" % status, body=b"")) as response:
        assert response.ok is ok


async def test_r_10_connection_is_none_once_it_is_released(answered):
    async with answered(half) as response:
        assert isinstance(response.connection, drywire.Connection)
        response.release()
        assert response.connection is None
    async with answered() as response:
        await response.read()
        assert response.connection is None


async def test_r_11_closed_once_read_released_or_closed(scripted, answering):
    for end in ("release", "close"):
        async with scripted(half) as script, drywire.ClientSession() as session:
            response = await session.get(script.url)
            assert not response.closed
            getattr(response, end)()
            assert response.closed
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        await response.read()
        assert response.closed


async def test_r_12_content_is_a_stream_reader(answered):
    async with answered() as response:
        assert isinstance(response.content, drywire.StreamReader)
        assert await response.content.read() == b"ok"


async def test_r_13_cookies_are_those_that_the_response_sets(answered):
    raw = reply(
        b"Set-Cookie: a=1; Path=/first",
        b"Set-Cookie: b=two; HttpOnly; Max-Age=5; SameSite=Lax",
        b"Set-Cookie: a=2; Path=/second",
    )
    async with answered(raw) as response:
        assert isinstance(response.cookies, SimpleCookie)
        assert {name: morsel.value for name, morsel in response.cookies.items()} == {"a": "2", "b": "two"}
        assert response.cookies["a"]["path"] == "/second"
        assert response.cookies["b"]["httponly"]
        assert (response.cookies["b"]["max-age"], response.cookies["b"]["samesite"]) == ("5", "Lax")
    async with answered() as response:
        assert response.cookies == SimpleCookie()


async def test_r_13_cookies_of_a_redirect_are_with_its_own_response(scripted):
    async with scripted(moving(b"/there", b"Set-Cookie: early=1")) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert not response.cookies
            assert response.history[0].cookies["early"].value == "1"


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        (b"shop{x}=1; Path=/", "shop{x}", "1"),
        (b"a=1; nonsense; Path=/", "a", "1"),
        (b"a=b c; Path=/", "a", "b c"),
        (b'a={"k": 1}; Path=/', "a", '{"k": 1}'),
    ],
)
async def test_r_13_cookies_that_are_malformed_are_read_as_browsers_read_them(answered, field, name, value):
    async with answered(reply(b"Set-Cookie: good=1", b"Set-Cookie: " + field)) as response:
        assert response.cookies["good"].value == "1"
        assert response.cookies[name].value == value


async def test_r_14_headers_are_a_read_only_map_in_any_case(answered):
    raw = reply(b"X-Many: 1", b"x-many: 2", b"X-Text: \xc3\xa9", b"X-Octets: a\xffb")
    async with answered(raw) as response:
        assert type(response.headers) is CIMultiDictProxy
        assert response.headers.getall("X-MANY") == ["1", "2"]
        assert response.headers["x-text"] == "\u00e9"
        assert response.headers["X-Octets"] == "a\udcffb"
        with pytest.raises(TypeError):
            response.headers["X-New"] = "1"


async def test_r_15_raw_headers_are_pairs_of_bytes_as_they_came(answered):
    async with answered(reply(b"x-ONE: 1", b"X-Octets: a\xffb")) as response:
        assert isinstance(response.raw_headers, tuple)
        assert response.raw_headers == ((b"x-ONE", b"1"), (b"X-Octets", b"a\xffb"), (b"Content-Length", b"2"))


@pytest.mark.parametrize(
    ("fields", "content_type"),
    [
        ([b"Content-Type: Text/HTML; charset=utf-8"], "text/html"),
        ([], "application/octet-stream"),
        ([b"Content-Type: not a type"], "application/octet-stream"),
        ([b"Content-Type: text"], "application/octet-stream"),
    ],
    ids=["said", "absent", "not a type", "half a type"],
)
async def test_r_16_content_type_is_a_media_type_whatever_is_said(answered, fields, content_type):
    async with answered(reply(*fields)) as response:
        assert response.content_type == content_type


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [(b"text/html; charset=utf-8", "utf-8"), (b'text/html; a=1; CHARSET="koi8-r"', "koi8-r"), (b"text/html", None)],
)
async def test_r_17_charset_is_what_is_said_or_none(answered, content_type, charset):
    async with answered(reply(b"Content-Type: " + content_type)) as response:
        assert response.charset == charset


async def test_r_18_content_length_is_an_int_or_none(answered):
    async with answered(reply(body=b"12345")) as response:
        assert response.content_length == 5
    async with answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") as response:
        assert response.content_length is None


@pytest.mark.parametrize(
    ("field", "parameters", "filename"),
    [
        (b'attachment; filename="a b.txt"; size=1', {"filename": "a b.txt", "size": "1"}, "a b.txt"),
        (b"Attachment; filename*=UTF-8''%e2%82%ac.txt", {"filename*": "\u20ac.txt"}, "\u20ac.txt"),
        (b"attachment", {}, None),
    ],
)
async def test_r_19_content_disposition_is_taken_apart(answered, field, parameters, filename):
    async with answered(reply(b"Content-Disposition: " + field)) as response:
        disposition = response.content_disposition
        assert (disposition.type, disposition.filename) == ("attachment", filename)
        assert disposition.parameters == parameters
        with pytest.raises(TypeError):
            disposition.parameters["filename"] = "other"


async def test_r_19_content_disposition_is_none_where_it_is_not_said(answered):
    async with answered() as response:
        assert response.content_disposition is None


async def test_r_20_links_are_found_by_their_relation_or_url(answered):
    raw = reply(b'Link: </next?p=2>; rel="next"; title="a, b", <http://other.example/>; rel=prev', b"Link: <more>")
    async with answered(raw, path="list/page") as response:
        assert type(response.links) is MultiDictProxy
        assert list(response.links) == ["next", "prev", "more"]
        assert response.links["next"]["url"] == response.url.join(URL("/next?p=2"))
        assert (response.links["next"]["rel"], response.links["next"]["title"]) == ("next", "a, b")
        assert response.links["prev"]["url"] == URL("http://other.example/")
        assert response.links["more"]["url"] == response.url.join(URL("/list/more"))
    async with answered() as response:
        assert len(response.links) == 0


async def test_r_21_history_is_a_tuple_with_the_oldest_first(scripted):
    async def talk(peer, script):
        for number in (1, 2):
            await peer.request()
            await peer.send(reply(b"Location: /%d" % number, status=b"302 Found"))
        await peer.request()
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session, session.get(script.url + "0") as response:
        assert isinstance(response.history, tuple)
        assert [(one.status, one.url.path) for one in response.history] == [(302, "/0"), (302, "/1")]
        assert response.url.path == "/2"


async def test_r_21_history_is_empty_without_a_redirect(answered):
    async with answered() as response:
        assert response.history == ()


async def test_r_22_request_info_says_what_was_asked(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        async with session.put(script.url + "page#part", headers={"X-One": "1"}) as response:
            info = response.request_info
            assert isinstance(info, drywire.RequestInfo)
            assert (info.method, info.url, info.real_url) == ("PUT", response.url, response.real_url)
            assert (info.headers["x-one"], info.headers["Host"]) == ("1", f"127.0.0.1:{script.port}")
            assert info == drywire.RequestInfo(info.url, info.method, info.headers, info.real_url)


async def test_r_23_output_size_and_upload_complete_are_deprecated(scripted):
    async def talk(peer, script):
        script.heads += await peer.request()
        await peer.send(OK)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.post(script.url, data=b"12345") as response:
            await response.read()
            with pytest.warns(DeprecationWarning, match="UploadTracker"):
                assert response.output_size == sum(map(len, script.heads))
            with pytest.warns(DeprecationWarning, match="UploadTracker"):
                complete = response.upload_complete
            await complete
            assert complete.done()


async def test_r_24_read_returns_the_body_and_keeps_it(answered):
    async with answered() as response:
        body = await response.read()
        assert body == b"ok"
        assert await response.read() is body


async def test_r_24_read_returns_what_is_left(answered):
    async with answered(reply(body=b"first and the rest")) as response:
        assert await response.content.readexactly(5) == b"first"
        assert await response.read() == b" and the rest"


async def test_r_25_text_is_decoded_by_the_charset_or_as_it_is_told(answered):
    async with answered(reply(b"Content-Type: text/plain; charset=latin-1", body=b"\xe9")) as response:
        assert await response.text() == "\u00e9"
        assert await response.text(encoding="cp1251") == "\u0439"
        with pytest.raises(UnicodeDecodeError):
            await response.text("utf-8")
        assert await response.text("utf-8", errors="replace") == "\ufffd"


@pytest.mark.parametrize("kind", [b"application/json", b"Application/JSON; charset=utf-8", b"application/hal+json"])
async def test_r_26_json_is_decoded_where_the_type_is_json(answered, kind):
    async with answered(reply(b"Content-Type: " + kind, body='{"a": "\u00e9"}'.encode())) as response:
        assert await response.json() == {"a": "\u00e9"}
        assert await response.json(loads=len) == len('{"a": "\u00e9"}')
        assert await response.json(encoding="latin-1") == {"a": "\u00c3\u00a9"}


@pytest.mark.parametrize("kind", [b"text/plain", b"application/xml", b"text/x+json"])
async def test_r_26_json_of_another_type_has_to_be_asked_for(answered, kind):
    async with answered(reply(b"Content-Type: " + kind, body=b"[1]")) as response:
        with pytest.raises(drywire.ContentTypeError, match="JSON") as caught:
            await response.json()
        assert kind.decode() in caught.value.message
        assert await response.json(content_type=None) == [1]
        assert await response.json(content_type=kind.decode()) == [1]


async def test_r_26_json_of_a_blank_body_is_none_and_of_a_broken_one_an_error(answered):
    for body in (b"", b" \r\n\t"):
        async with answered(reply(JSON, body=body)) as response:
            assert await response.json() is None
    async with answered(reply(JSON, body=b'{"a":')) as response:
        with pytest.raises(json.JSONDecodeError):
            await response.json()


async def test_r_27_a_body_can_be_read_in_several_ways_and_after_the_end(scripted, answering):
    """Differs: what was read of a response stays readable, by `read` too, after ``async with`` is left."""
    async with scripted(answering(reply(JSON, body=b"[1]"))) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            for _ in range(2):
                assert (await response.text(), await response.read(), await response.json()) == ("[1]", b"[1]", [1])
        assert (await response.text(), await response.read(), await response.json()) == ("[1]", b"[1]", [1])


async def test_r_27_a_body_that_was_not_read_is_gone_with_the_response(scripted):
    async with scripted(half) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            pass
        for read in (response.read, response.text, response.json):
            with pytest.raises(drywire.ClientConnectionError, match="Connection closed"):
                await read()


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        (b"text/html; charset=Latin-1", "iso8859-1"),
        (b"text/html; charset=UTF8", "utf-8"),
        (b"application/json", "utf-8"),
        (b"application/rdap", "utf-8"),
    ],
)
async def test_r_28_get_encoding_is_the_codec_of_the_charset_or_of_the_type(answered, content_type, encoding):
    async with answered(reply(b"Content-Type: " + content_type)) as response:
        assert response.get_encoding() == encoding


@pytest.mark.parametrize("content_type", [b"text/html", b"text/html; charset=no-such"], ids=["none", "unknown"])
async def test_r_28_get_encoding_asks_the_fallback_once_the_body_is_read(answered, content_type):
    def resolve(response, body):
        return {b"\xe9": "latin-1"}[body]

    raw = reply(b"Content-Type: " + content_type, body=b"\xe9")
    async with answered(raw, fallback_charset_resolver=resolve) as response:
        with pytest.raises(RuntimeError, match="read"):
            response.get_encoding()
        assert await response.text() == "\u00e9"
        assert response.get_encoding() == "latin-1"


async def test_r_28_get_encoding_is_utf_8_where_nothing_decides_it(answered):
    """Differs: without a resolver the body has no say in it, so it need not have been read."""
    async with answered(reply(b"Content-Type: text/html")) as response:
        assert response.get_encoding() == "utf-8"
        await response.read()
        assert response.get_encoding() == "utf-8"


async def test_r_29_raise_for_status_raises_from_400_on_and_releases(scripted, answering):
    raw = reply(b"X-Why: 1", status=b"418 Teapot")
    async with scripted(answering(raw)) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        with pytest.raises(drywire.ClientResponseError) as caught:
            response.raise_for_status()
        assert response.closed
        error = caught.value
        assert (error.status, error.message, error.headers["X-Why"], error.history) == (418, "Teapot", "1", ())
        assert error.request_info == response.request_info


async def test_r_29_raise_for_status_leaves_a_response_in_its_block_readable(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(HALF.replace(b"200 OK", b"404 No"))
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            with pytest.raises(drywire.ClientResponseError):
                response.raise_for_status()
            assert not response.closed
            assert await response.content.readexactly(4) == b"half"


async def test_r_29_raise_for_status_is_silent_below_400(answered):
    async with answered(reply(status=b"399 Whatever")) as response:
        assert response.raise_for_status() is None


async def test_r_30_release_acts_at_once_and_may_be_awaited(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for _ in range(3):
            response = await session.get(script.url)
            nothing = response.release()
            assert response.closed
            assert await nothing is None
        assert script.connections == 1


async def test_r_30_release_of_an_unread_body_closes_the_connection(scripted, eventually):
    async with scripted(half) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        response.release()
        await eventually(lambda: script.open == 0)


async def test_r_31_close_closes_the_connection(scripted, eventually):
    async with scripted(half) as script, drywire.ClientSession() as session:
        response = await session.get(script.url)
        assert response.close() is None
        assert (response.closed, response.connection) == (True, None)
        await eventually(lambda: script.open == 0)


async def test_r_32_wait_for_close_waits_until_the_request_is_sent(scripted, eventually):
    released = []

    async def body():
        yield b"one"
        await eventually(lambda: released)
        yield b"two"

    async def talk(peer, script):
        await peer.head()
        await peer.send(HALF)  # before the body has come
        script.heads.append(b"".join(await peer.chunks()))
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        response, runtime = await session.post(script.url, data=body()), current_runtime()
        waiting = runtime.spawn(response.wait_for_close)
        assert not await waiting.wait(runtime.now() + 0.05)
        released.append(True)
        assert await waiting.wait(runtime.now() + 5)
        assert response.closed
        await eventually(lambda: script.heads == [b"onetwo"])


async def test_r_33_start_is_not_needed(answered):
    """Differs: a response is made once its head is there, so there is nothing to start and no half of one to see."""
    made = []

    class Mine(drywire.ClientResponse):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append((self.status, self.reason, self.headers["Content-Length"]))

    async with answered(response_class=Mine) as response:
        assert isinstance(response, Mine)
        assert made == [(200, "OK", "2")]
        assert not hasattr(response, "start")


async def test_r_34_async_with_releases(scripted, answering, eventually):
    async with scripted(half) as script, drywire.ClientSession() as session:
        with pytest.raises(ZeroDivisionError):
            async with session.get(script.url) as response:
                raise ZeroDivisionError
        assert (response.closed, response.connection) == (True, None)
        await eventually(lambda: script.open == 0)
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for _ in range(3):
            async with await session.get(script.url) as response:
                assert response.status == 200
        assert script.connections == 1


async def test_r_35_a_response_that_was_forgotten_gives_its_place_back(scripted, eventually):
    """Differs: nothing is said, for only asyncio has a debug mode to ask; in return it cannot block the pool."""
    async with scripted(half) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            for _ in range(3):
                await session.get(script.url, timeout=5)
                gc.collect()
            await eventually(lambda: script.open == 0)


@pytest.mark.parametrize("together", [True, False], ids=["with its head", "after its head"])
async def test_r_36_a_body_that_has_come_whole_needs_no_reader(scripted, together):
    async def talk(peer, script):
        while (await peer.request())[0]:
            head, end, body = OK.partition(b"\r\n\r\n")
            if together:
                await peer.send(OK)
                continue
            await peer.send(head + end)
            runtime = current_runtime()
            await runtime.sleep_until(runtime.now() + 0.01)
            await peer.send(body)

    async with scripted(talk) as script:
        connector = drywire.TCPConnector(limit_per_host=20)
        async with drywire.ClientSession(connector=connector, timeout=drywire.ClientTimeout(connect=5)) as session:
            kept = [await session.get(script.url) for _ in range(30)]
            assert [await response.read() for response in kept] == [b"ok"] * 30
            assert script.connections <= 20


async def test_r_37_multipart_is_read_part_by_part(mirror):
    async def parts(request):
        body = (
            b'--x\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; name="a"\r\n\r\none\r\n'
            b"--x\r\nContent-Type: application/json\r\n\r\n[2]\r\n--x--\r\n"
        )
        return web.Response(body=body, content_type="multipart/mixed; boundary=x")

    async with mirror(web.get("/parts", parts)) as url, drywire.ClientSession() as session:
        async with session.get(url + "/parts") as response:
            reader = drywire.MultipartReader.from_response(response)
            first = await reader.next()
            assert (first.name, first.headers["Content-Type"]) == ("a", "text/plain")
            assert await first.text() == "one"
            second = await reader.next()
            assert await second.json() == [2]
            assert await reader.next() is None
            assert reader.at_eof()


async def test_r_38_content_is_iterated_line_by_line(answered):
    async with answered(reply(body=b"one\ntwo\r\n\nlast")) as response:
        assert [line async for line in response.content] == [b"one\n", b"two\r\n", b"\n", b"last"]
