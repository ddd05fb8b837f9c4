"""What a client sends: no value of the program's, or of a server's, becomes a header, a request or a length of another.

Each test offers a value that would inject. Either it is refused by an error of the program's kind, or what goes out
is one request as any other, with the value inside of it.
"""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import functools
import inspect
import io
from http.cookies import CookieError, Morsel, SimpleCookie

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire_sansio.http1 import LocalProtocolError

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401

INJECTIONS = [
    "a\r\nEvil: 1",
    "a\nEvil: 1",
    "a\rEvil: 1",
    "\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
    "a\r\n Evil: 1",
    "a\0b",
    "a\x7f",
    "\x01",
    "a\x1b[31m",
]
CUT_SHORT = ["a\u010d\u010aEvil: 1", "a\u560d\u560aEvil: 1"]
"""What becomes CR and LF where characters are cut short to bytes."""
HALF = "a\ud800"
REFUSAL = (ValueError, TypeError, drywire.ClientError, CookieError)


class Wire:
    """A server, and all that it was told."""

    def __init__(self, script):
        self.script = script
        self.url = script.url
        self.host = f"127.0.0.1:{script.port}"
        self.requests = []

    def check(self, refused, attempts=1):
        """What went out is as many well-formed requests as were not refused, and the test's own last one."""
        assert self.requests, "the session is broken for the next request"
        *before, last = self.requests
        assert last[0].startswith(b"GET /after HTTP/1.1\r\nHost: 127.0.0.1:")
        assert len(before) == attempts - refused
        for head, _ in before:
            line, *lines = head[:-4].split(b"\r\n")
            assert line.count(b" ") == 2
            assert line.endswith(b" HTTP/1.1")
            assert b"\r" not in head.replace(b"\r\n", b"")
            assert b"\n" not in head.replace(b"\r\n", b"")
            assert not [byte for byte in head if (byte < 0x20 and byte not in b"\r\n\t") or byte == 0x7F]
            assert not [one for one in lines if one.lower().startswith((b"evil", b" ", b"\t"))]
            assert not [one for one in lines if b":" not in one]


@pytest.fixture
def wire(scripted):
    """``async with wire() as wire``: a server that keeps what it is told, and answers "ok" to each request."""

    @contextlib.asynccontextmanager
    async def serve():
        async def talk(peer, script):
            while (request := await peer.request())[0]:
                wire.requests.append(request)
                await peer.send(OK)

        async with scripted(talk) as script:
            wire = Wire(script)
            yield wire

    return serve


async def offered(session, wire, make, refusal=REFUSAL):
    """Make the request ``make()``; return whether it was refused. Then make another, which must go as ever."""
    refused = False
    try:
        async with make() as response:
            assert await response.read() == b"ok"
    except refusal:
        refused = True
    assert "0 in use" in repr(session.connector)
    session.headers.clear()
    session.cookie_jar.clear()
    async with session.get(wire.url + "after", timeout=5) as response:
        assert await response.read() == b"ok"
    return refused


def anything(*more):
    """Run a test for each value in turn, each with a server and a session of its own; what fails says for which."""

    def over(test):
        @functools.wraps(test)
        async def each(**arguments):
            failures = []
            for bad in (*INJECTIONS, *CUT_SHORT, HALF, *more):
                try:
                    await test(bad=bad, **arguments)
                except Exception as error:
                    error.add_note(f"for {bad!r}")
                    failures.append(error)
            if failures:
                raise ExceptionGroup("some values are not dealt with", failures)

        taken = inspect.signature(test).parameters.values()
        each.__signature__ = inspect.Signature([one for one in taken if one.name != "bad"])
        return each

    return over


@anything("a b", "", "G(T", "é")
async def test_49082_the_method_of_a_request_cannot_inject(wire, bad):
    async with wire() as to, drywire.ClientSession() as session:
        assert await offered(session, to, lambda: session.request(bad, to.url))
    to.check(refused=True)


@anything()
async def test_49082_the_method_that_a_middleware_sets_cannot_inject(wire, bad):
    async def middleware(request, handler):
        request.method = bad
        return await handler(request)

    async with wire() as to, drywire.ClientSession() as session:
        assert await offered(session, to, lambda: session.get(to.url, middlewares=[middleware]))
    to.check(refused=True)


@pytest.mark.parametrize("version", [(1, "1\r\nEvil: 1"), ("1.1\r\nEvil: 1", 1), (1, 1, 1), (9, 9), (0, 9)])
async def test_49081_the_version_of_a_request_cannot_inject(wire, version):
    async with wire() as to:
        refused = False
        try:
            async with drywire.ClientSession(version=version) as session:
                refused = await offered(session, to, lambda: session.get(to.url))
        except REFUSAL:
            refused = True
    for head, _ in to.requests:
        assert head.split(b"\r\n")[0] in (
            b"GET / HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET /after HTTP/1.1",
            b"GET /after HTTP/1.0",
        )
        assert b"Evil" not in head
    assert refused or to.requests


@anything("a b", "\t", "a\xa0", "\x85")
@pytest.mark.parametrize("place", ["path", "query", "fragment", "params", "mapping", "str"])
async def test_49081_the_target_of_a_request_cannot_inject(wire, bad, place):
    def make():
        if place == "params":
            return session.get(to.url, params=bad)
        if place == "mapping":
            return session.get(to.url, params={"a": bad, bad: "a"})
        if place == "str":
            return session.get(to.url + bad)
        parts = {
            "path": {"path": "/" + bad},
            "query": {"path": "/", "query_string": bad},
            "fragment": {"fragment": bad},
        }
        return session.get(
            URL.build(scheme="http", host="127.0.0.1", port=to.script.port, encoded=True, **parts[place])
        )

    async with wire() as to, drywire.ClientSession() as session:
        refused = await offered(session, to, make)
    to.check(refused)


@anything("a b", "a/b", "a@b", "a?b")
async def test_49081_the_host_of_a_url_cannot_inject(wire, bad):
    async with wire() as to, drywire.ClientSession() as session:

        def make():
            return session.get(URL.build(scheme="http", authority=f"{to.host}{bad}", path="/", encoded=True))

        refused = await offered(session, to, make)
    to.check(refused)
    for head, _ in to.requests[:-1]:
        assert b"\r\nHost: %b\r\n" % to.host.encode() in head


@anything("a b", "")
@pytest.mark.parametrize("place", ["call", "session", "middleware", "pairs"])
async def test_34514_the_name_of_a_header_cannot_inject(wire, bad, place):
    await _header(wire, place, (bad, "value"), refused=True)


@anything()
@pytest.mark.parametrize("name", ["X", "Host", "Cookie", "Authorization", "Content-Type", "User-Agent", "Accept"])
@pytest.mark.parametrize("place", ["call", "session", "middleware", "pairs"])
async def test_50269_the_value_of_a_header_cannot_inject(wire, bad, name, place):
    await _header(wire, place, (name, bad), refused=bad not in CUT_SHORT or name == "Host")


async def _header(wire, place, field, refused):
    async def middleware(request, handler):
        request.headers.popall(field[0], None)
        request.headers.add(*field)
        return await handler(request)

    options = {
        "call": {"headers": dict([field])},
        "pairs": {"headers": CIMultiDict([("X-First", "1"), field])},
        "middleware": {"middlewares": [middleware]},
        "session": {},
    }[place]
    async with wire() as to, drywire.ClientSession() as session:

        def make():
            if place == "session":
                session.headers.add(*field)
            return session.get(to.url, **options)

        was_refused = await offered(session, to, make)
    assert was_refused >= refused
    to.check(was_refused)


@anything("a; b=c", 'a"b', "a,b", "a b")
@pytest.mark.parametrize("place", ["value", "name", "session", "session name", "morsel", "header beside"])
async def test_12689_a_cookie_of_the_program_cannot_inject(wire, bad, place):
    morsel = Morsel()
    if place == "morsel":
        with contextlib.suppress(ValueError, Exception):
            morsel.set("a", bad, bad)
    cookies = {"name": {bad: "v"}, "session name": {bad: "v"}, "morsel": {"a": morsel}}.get(place, {"a": bad})
    async with wire() as to:
        jar = drywire.CookieJar(unsafe=True)
        async with drywire.ClientSession(cookie_jar=jar) as session:

            def make():
                if place.startswith("session"):
                    session.cookie_jar.update_cookies(cookies, URL(to.url))
                    return session.get(to.url)
                headers = {"Cookie": "first=1"} if place == "header beside" else None
                return session.get(to.url, cookies=cookies, headers=headers)

            refused = await offered(session, to, make)
    to.check(refused)


async def test_12689_a_cookie_made_by_the_standard_library_goes_out_once(wire):
    cookies = SimpleCookie()
    cookies["a"] = "x; Path=/, b=y"
    async with wire() as to, drywire.ClientSession() as session:
        assert not await offered(session, to, lambda: session.get(to.url, cookies=cookies))
    to.check(refused=False)
    assert to.requests[0][0].lower().count(b"\r\ncookie:") == 1


class Login:
    """A login that is no BasicAuth."""

    def __init__(self, field):
        self.field = field

    def encode(self):
        return self.field


@anything()
async def test_34514_a_login_cannot_inject(wire, bad):
    async with wire() as to, drywire.ClientSession() as session:
        refused = await offered(session, to, lambda: session.get(to.url, auth=Login(bad)))
        assert refused or bad in CUT_SHORT
    to.check(refused)


@anything()
@pytest.mark.parametrize("what", ["protocols", "origin"])
async def test_34514_a_handshake_of_a_websocket_cannot_inject(wire, bad, what):
    async with wire() as to, drywire.ClientSession() as session:
        options = {"protocols": [bad]} if what == "protocols" else {"origin": bad}
        with pytest.raises(REFUSAL):
            await session.ws_connect(to.url, **options)
        sent = len(to.requests)
        async with session.get(to.url + "after", timeout=5) as response:
            await response.read()
    to.check(refused=not sent)


# Bodies: forms and multipart


def part_heads(request):
    """Return the header lines of the parts of a multipart request."""
    head, body = request
    boundary = head.split(b"boundary=")[1].split(b"\r\n")[0].strip(b'"')
    parts = body.split(b"--" + boundary)[1:-1]
    assert body.endswith(b"--" + boundary + b"--\r\n")
    return [part.split(b"\r\n\r\n")[0].split(b"\r\n")[1:] for part in parts]


def check_parts(request, expected):
    heads = part_heads(request)
    assert len(heads) == expected
    for lines in heads:
        for line in lines:
            name, colon, value = line.partition(b": ")
            assert colon
            assert name.lower() in (b"content-disposition", b"content-type", b"content-length", b"x")
            assert not [byte for byte in value if byte < 0x20 or byte == 0x7F]


FORMS = {
    "name": lambda bad: {"name": bad, "value": "v"},
    "file name": lambda bad: {"name": "a", "value": b"v", "filename": bad},
    "content type": lambda bad: {"name": "a", "value": "v", "content_type": bad},
    "name of an open file": lambda bad: {"name": "a", "value": Named(bad)},
    "name by default": lambda bad: {"name": bad, "value": io.BytesIO(b"v")},
}


class Named(io.BytesIO):
    """A file with any name."""

    def __init__(self, name):
        super().__init__(b"content")
        self.name = name


@anything('a"; filename="evil', "a\\", 'a"')
@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("quote_fields", [True, False])
async def test_34514_12689_a_field_of_a_form_cannot_inject(wire, bad, what, quote_fields):
    def make():
        form = drywire.FormData(quote_fields=quote_fields, default_to_multipart=True)
        form.add_field(**FORMS[what](bad))
        form.add_field("last", "v")
        return session.post(to.url, data=form)

    async with wire() as to, drywire.ClientSession() as session:
        refused = await offered(session, to, make)
    to.check(refused)
    if not refused:
        check_parts(to.requests[0], 2)
        disposition = part_heads(to.requests[0])[0]
        assert sum(line.count(b'; filename="') for line in disposition) <= 1


@anything()
@pytest.mark.parametrize("what", ["files", "file name of files", "type of files", "mapping"])
async def test_34514_files_cannot_inject(wire, bad, what):
    def make():
        if what == "mapping":
            return session.post(to.url, data={bad: io.BytesIO(b"v")})
        file = {"files": b"v", "file name of files": (bad, b"v"), "type of files": ("a", b"v", bad)}[what]
        return session.post(to.url, files={bad if what == "files" else "a": file})

    async with wire() as to, drywire.ClientSession() as session:
        refused = await offered(session, to, make)
    to.check(refused)
    if not refused:
        check_parts(to.requests[0], 1)


@anything()
@pytest.mark.parametrize("what", ["value", "name", "type", "later", "disposition", "file name", "subtype", "boundary"])
async def test_12689_the_header_of_a_part_cannot_inject(wire, bad, what):
    def make():
        if what in ("subtype", "boundary"):
            writer = drywire.MultipartWriter(**{what: bad})
            writer.append("v")
            return session.post(to.url, data=writer)
        writer = drywire.MultipartWriter("mixed")
        headers = {"value": {"X": bad}, "name": {bad: "v"}, "type": {"Content-Type": bad}}.get(what)
        part = writer.append("v", headers)
        if what == "later":
            part.headers["X"] = bad
        elif what == "disposition":
            part.set_content_disposition(bad, name="a")
        elif what == "file name":
            part.set_content_disposition("attachment", filename=bad)
        return session.post(to.url, data=writer)

    async with wire() as to, drywire.ClientSession() as session:
        refused = await offered(session, to, make, (*REFUSAL, LocalProtocolError))
    to.check(refused)
    if not refused:
        check_parts(to.requests[0], 1)


def test_12689_a_header_of_a_part_that_cannot_be_sent_is_a_value_error():
    writer = drywire.MultipartWriter("mixed")
    with pytest.raises(ValueError, match="control byte"):
        writer.append("v", {"X": "a\r\nEvil: 1"})


# A Location taken from a server


@pytest.mark.parametrize("requote", [True, False])
@pytest.mark.parametrize(
    "location",
    [
        b"/a b",
        b"/a\tEvil: 1",
        b"/\xc4\x8d\xc4\x8aEvil:%201",
        b"/\xe5\x98\x8d\xe5\x98\x8aEvil:%201",
        b"/\xff\x85",
        b"/%0d%0aEvil:%201",
        b"/?a=%0D%0AEvil: 1",
        b"//%0d%0aEvil",
        b"/ HTTP/1.1",
        b"http://u%0d%0aEvil:x@{host}/",
        b"http://{host}%0d%0aEvil:%201/",
        b"http://{host}\tEvil/",
    ],
)
async def test_49081_a_location_of_a_server_cannot_inject(scripted, location, requote):
    requests = []

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            requests.append(request)
            to = location.replace(b"{host}", b"127.0.0.1:%d" % script.port)
            moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to + b"\r\n\r\n"
            await peer.send(moved if len(requests) == 1 else OK)

    async with scripted(talk) as script, drywire.ClientSession(requote_redirect_url=requote) as session:
        refused = False
        try:
            async with session.get(script.url + "first", timeout=5) as response:
                assert await response.read() == b"ok"
        except REFUSAL:
            refused = True
        assert "0 in use" in repr(session.connector)
        async with session.get(script.url + "after", timeout=5) as response:
            await response.read()
    checked = Wire(script)
    checked.requests = requests
    checked.check(refused, attempts=2)


# Framing (threats 2.4 and 2.5)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "5", "Transfer-Encoding": "chunked"},
        CIMultiDict([("Content-Length", "5"), ("content-length", "5")]),
        CIMultiDict([("Content-Length", "5"), ("Content-Length", "6")]),
        {"Content-Length": "5, 5"},
        {"Content-Length": "+5"},
        {"Content-Length": "5_0"},
        {"Content-Length": "-1"},
        {"Content-Length": "\u0665"},
        {"Content-Length": ""},
        {"Content-Length": "4"},
        {"Content-Length": "6"},
        {"Transfer-Encoding": "gzip"},
        {"Transfer-Encoding": "gzip, chunked"},
        {"Transfer-Encoding": "chunked, gzip"},
        {"Transfer-Encoding": "xchunked"},
        CIMultiDict([("Transfer-Encoding", "chunked"), ("transfer-encoding", "chunked")]),
        CIMultiDict([("Host", "a"), ("host", "b")]),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["call", "middleware"])
async def test_threat_2_5_no_request_can_be_framed_in_two_ways(wire, headers, place):
    """And none has another length than its body: of 5 bytes here, small enough to go out with the head."""

    async def middleware(request, handler):
        for name in set(headers):
            request.headers.popall(name, None)
        if "Content-Length" in headers or "Transfer-Encoding" in headers:
            request.headers.popall("Content-Length", None)
        request.headers.extend(headers)
        return await handler(request)

    options = {"headers": headers} if place == "call" else {"middlewares": [middleware]}
    async with wire() as to, drywire.ClientSession() as session:
        assert await offered(session, to, lambda: session.post(to.url, data=b"12345", **options))
    to.check(refused=True)


@pytest.mark.parametrize("announced", [199_999, 200_001, 0, 1])
@pytest.mark.parametrize("kind", ["bytes", "pieces", "file"])
async def test_threat_2_4_a_large_body_that_is_not_as_long_as_announced_ends_its_connection(scripted, kind, announced):
    async def pieces():
        for _ in range(4):
            yield b"b" * 50_000

    bodies, seen = {"bytes": lambda: b"b" * 200_000, "pieces": pieces, "file": lambda: io.BytesIO(b"b" * 200_000)}, []

    async def talk(peer, script):
        head = await peer.head()
        if head.startswith(b"GET"):
            await peer.send(OK)
            return
        body = b""
        while data := await peer.exactly(1 << 30):
            body += data
        seen.append(body)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises((ValueError, drywire.ClientPayloadError)):
            await session.post(script.url, data=bodies[kind](), headers={"Content-Length": str(announced)}, timeout=5)
        assert "0 in use, 0 idle" in repr(session.connector)
        async with session.get(script.url, timeout=5) as response:
            assert await response.read() == b"ok"
    assert all(len(body) <= announced for body in seen)


async def test_threat_2_5_no_coding_in_http_1_0(scripted):
    """What makes its body as it goes is gathered first, and has a length."""

    async def pieces():
        yield b"a" * 100
        yield b"b" * 100

    requests = []

    async def talk(peer, script):
        requests.append(await peer.request())
        await peer.send(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with scripted(talk) as script, drywire.ClientSession(version=drywire.HttpVersion10) as session:
        async with session.post(script.url, data=pieces()) as response:
            assert await response.read() == b"ok"
    head, body = requests[0]
    assert head.startswith(b"POST / HTTP/1.0\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == b"a" * 100 + b"b" * 100


# Wire fidelity, (a) 8

TARGETS = [
    "/a%2Fb%2fc",
    "/%7Euser/~user",
    "/a//b/../c/./d",
    "/;p=1;q/(x)!$'*,:@",
    "/?a=b+c%20d&&=&e=%zz",
    "/?q=[1]{2}|3^4`",
    "/?a=%E4%BD%A0&b=%ff",
    "/%",
    "/?a?b/c=d",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_8_4307_a_target_goes_out_as_it_was_given(wire, target):
    async with wire() as to, drywire.ClientSession() as session:
        async with session.get(URL(to.url[:-1] + target, encoded=True)) as response:
            assert await response.read() == b"ok"
    assert to.requests[0][0].split(b" ")[1] == target.encode()


async def test_a_8_header_order_case_and_copies_are_kept_both_ways(scripted):
    given = [
        ("x-LOWER", "1"),
        ("Accept", "text/html"),
        ("X-Two", "a"),
        ("user-AGENT", "me"),
        ("x-two", "b"),
        ("AUTHORIZATION", "Bearer x"),
        ("X-TWO", "c"),
        ("X-Spaced", "a  b\tc"),
        ("X-Empty", ""),
        ("X-Text", "é"),
    ]
    fields = [(name.encode(), value.encode()) for name, value in given]
    heads = []

    async def talk(peer, script):
        heads.append(await peer.head())
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        await peer.send(b"HTTP/1.1 200 OK\r\n" + lines + b"content-LENGTH: 2\r\n\r\nok")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url, headers=CIMultiDict(given)) as response:
            assert await response.read() == b"ok"
            assert list(response.raw_headers) == [*fields, (b"content-LENGTH", b"2")]
            assert list(response.headers.items())[:-1] == given
    lines = heads[0][:-4].split(b"\r\n")
    assert lines[1] == b"Host: 127.0.0.1:%d" % script.port
    assert [tuple(line.split(b": ", 1)) for line in lines[2 : 2 + len(fields)]] == fields


async def test_a_8_host_comes_first(wire):
    async with wire() as to, drywire.ClientSession(headers={"X-First": "1"}) as session:
        async with session.get(to.url, headers={"X-Second": "2"}) as response:
            await response.read()
    lines = to.requests[0][0].split(b"\r\n")
    assert lines[1:4] == [b"Host: " + to.host.encode(), b"X-First: 1", b"X-Second: 2"]


@pytest.mark.parametrize("given", ["session", "call"])
async def test_a_8_a_host_of_the_program_is_the_only_one_and_the_first_field(wire, given):
    headers = {"X-First": "1", "host": "elsewhere"}
    async with wire() as to, drywire.ClientSession(headers=headers if given == "session" else None) as session:
        async with session.get(to.url, headers=None if given == "session" else headers) as response:
            await response.read()
    lines = to.requests[0][0].split(b"\r\n")
    assert lines[1:3] == [b"host: elsewhere", b"X-First: 1"]
    assert sum(line.lower().startswith(b"host:") for line in lines) == 1
