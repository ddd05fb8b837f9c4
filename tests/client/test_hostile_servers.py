"""Whatever a server sends: an error of a known type, in bounded time and memory, and a session that goes on.

The servers are rows of a table: `hostile.WIRE`, and below what is about content codings, redirects and cookies. What a
row does not say itself holds for all of them.
"""

import contextlib
import functools
import socket
import struct
import tracemalloc
import zlib

import brotli
import pytest
from yarl import URL

import drywire
from drywire import (
    ClientPayloadError,
    ClientResponseError,
    InvalidUrlRedirectClientError,
    NonHttpUrlRedirectClientError,
    TooManyRedirects,
)
from drywire_transports import current_runtime

from .hostile import GZIPPED, KIB, MIB, OK, UNTIL_CLOSE_GZIP, WIRE, Hostile, bad_heads, floods, gzip, head, rows, script

TOTAL = drywire.ClientTimeout(total=8)
SECONDS = 3
"""That any of these servers can cost, once the time that a row's own timeouts allow it is over."""
TEXT = 1000
"""Characters that an error may have, whatever the server sent."""


JAR = 3300
"""Cookies that a jar may hold, however many hosts send them."""
PATIENCE = 10
"""Seconds after which a wait of the server's is a failure of the test."""


class HostileServer:
    """Runs the script of a row for each connection until `hostile` is False; from then on it behaves."""

    def __init__(self, row: Hostile):
        runtime = current_runtime()
        self.row = row
        self.hostile = True
        self.said_all = False
        self.pushed = 0
        self.requests = 0
        self.good_on = []
        """Whether the connection was a hostile one, for each request after the attack."""
        self.head_seen = runtime.wake()
        self.body_seen = runtime.wake()

    async def talk(self, peer, script):
        if not self.hostile:
            await self.behave(peer, was_hostile=False)
            return
        peer.stream.extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
        if self.row.warm and peer.number == 1:
            await peer.request()
            await peer.send(OK)
        if not self.row.unasked:
            await peer.request()
            self.requests += 1
        try:
            await self.attack(peer)
        finally:
            self.said_all = True
        if self.row.then == "resets":
            linger = struct.pack("ii", 1, 0)
            peer.stream.extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif self.row.then == "waits":
            await self.behave(peer, was_hostile=True)

    async def attack(self, peer):
        sends = self.row.sends
        if not isinstance(sends, bytes):
            sends = sends(peer, self) if getattr(sends, "is_script", False) else sends()
        if isinstance(sends, bytes):
            await self.push(peer, sends)
        else:
            await sends

    async def behave(self, peer, *, was_hostile):
        while head := await peer.head():
            if head.startswith(b"GET /good "):
                self.good_on.append(was_hostile)
            else:
                self.requests += 1
            await peer.send(OK)

    async def push(self, peer, data):
        for start in range(0, len(data), 16 * KIB):
            piece = data[start : start + 16 * KIB]
            await peer.send(piece)
            self.pushed += len(piece)

    async def until(self, wake):
        runtime = current_runtime()
        await runtime.park(wake, runtime.now() + PATIENCE)


@script
async def redirects(location, peer, server, *, status=b"302 Found"):
    """Redirect each request to `location`, in which ``%d`` is the number of requests so far."""
    while True:
        to = location.replace(b"%d", b"%d" % server.requests).replace(b"%parity", b"%d" % (server.requests % 2))
        await peer.send(head(b"Location: " + to, b"Content-Length: 0", status=b"HTTP/1.1 " + status))
        server.said_all = True
        request = await peer.head()
        if not request:
            return
        if request.startswith(b"GET /good "):
            server.good_on.append(True)
            await peer.send(OK)
            await server.behave(peer, was_hostile=True)
            return
        server.requests += 1


@script
async def redirects_and_floods(fields, piece, peer, server):
    """Redirect to where all is well, by a response whose body does not end."""
    server.hostile = False
    start = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n%b\r\n" % fields
    await floods(start, piece)(peer, server)


def coded(coding, body, *more):
    return head(b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body), *more) + body


@functools.cache
def zeros(times, wbits=31):
    """Return the coding of `times` times 16 MiB of zeros: each a block of its own, so that it is made once."""
    coder = zlib.compressobj(9, wbits=wbits)
    start = coder.compress(b"") + coder.flush(zlib.Z_FULL_FLUSH)
    block = coder.compress(bytes(16 * MIB)) + coder.flush(zlib.Z_FULL_FLUSH)
    return start + block * times


@functools.cache
def brotli_zeros():
    coder = brotli.Compressor(quality=1)
    return b"".join(coder.process(bytes(16 * MIB)) for _ in range(8)) + coder.finish()


GZIP_BOMB = functools.partial(zeros, 64)
BOMB = 100 * MIB
"""What reading a bomb as a whole may take: `Limits.decoded_free` is 32 MiB, and the pieces are joined."""
PIECES = 8 * MIB
"""What reading it in pieces may take."""
BOMBS = {
    "gzip": lambda: coded(b"gzip", GZIP_BOMB()),
    "deflate": lambda: coded(b"deflate", zeros(64, 15)),
    "raw deflate": lambda: coded(b"deflate", zeros(64, -15)),
    "gzip in gzip": lambda: coded(b"gzip, gzip", gzip(GZIP_BOMB())),
    "gzip in gzip in deflate": lambda: coded(b"gzip, gzip, deflate", gzip(gzip(GZIP_BOMB()), 15)),
    "gzip in br": lambda: coded(b"gzip, br", brotli.compress(GZIP_BOMB(), quality=5)),
    "br": lambda: coded(b"br", brotli_zeros()),
    "gzip in chunks": lambda: (
        head(b"Content-Encoding: gzip", b"Transfer-Encoding: chunked")
        + b"%x\r\n%b\r\n" % (len(GZIP_BOMB()), GZIP_BOMB())
    ),
    "gzip until the end": lambda: UNTIL_CLOSE_GZIP + GZIP_BOMB(),
}
CODED = [
    *rows(
        ClientPayloadError,
        {f"bomb: {name}": wire for name, wire in BOMBS.items()},
        memory=BOMB,
        reuse=True,
    ),
    *rows(
        ClientPayloadError,
        {f"bomb in pieces: {name}": wire for name, wire in BOMBS.items()},
        memory=PIECES,
        reads="pieces",
        reuse=True,
    ),
    *rows(
        ClientPayloadError,
        {
            f"coding: {name}": wire
            for name, wire in {
                "many members": lambda: coded(b"gzip", gzip(b"") * 5000),
                "many members behind one another": lambda: coded(b"gzip", gzip(b"x") * 5000),
                "six codings": coded(b"gzip, gzip, gzip, gzip, gzip, gzip", GZIPPED),
                "hundreds of codings": coded(b",".join([b"gzip"] * 1000), GZIPPED),
                "six fields": coded(b"gzip", GZIPPED, *[b"Content-Encoding: gzip"] * 5),
                "no gzip": coded(b"gzip", b"this is no gzip at all"),
                "no deflate": coded(b"deflate", b"\xff" * 40),
                "no br": coded(b"br", b"\xff" * 40),
                "no zstd": coded(b"zstd", b"\xff" * 40),
                "gzip cut off": coded(b"gzip", GZIPPED[:-12]),
                "gzip without its sum": coded(b"gzip", GZIPPED[:-8]),
                "gzip with a wrong sum": coded(b"gzip", GZIPPED[:-8] + bytes(4) + GZIPPED[-4:]),
                "gzip with a wrong size": coded(b"gzip", GZIPPED[:-1] + b"\x01"),
                "gzip of a header only": coded(b"gzip", GZIPPED[:10]),
                "deflate cut off": coded(b"deflate", gzip(b"hello" * 100, 15)[:-6]),
                "br cut off": coded(b"br", brotli.compress(b"hello" * 100)[:-2]),
                "endless gzip header": coded(b"gzip", b"\x1f\x8b\x08\x08\0\0\0\0\0\x03" + b"n" * 100_000),
            }.items()
        },
        reuse=True,
    ),
    Hostile(
        id="coding: gzip, then padding",
        sends=coded(b"gzip", GZIPPED + b"padding" * 20_000),
        body=b"hello" * 100,
        memory=PIECES,
        reuse=True,
    ),
    Hostile(id="coding: unknown", sends=coded(b"rot13", b"bx"), body=b"bx", reuse=True),
    Hostile(id="coding: unknown around gzip", sends=coded(b"gzip, rot13", b"bx"), body=b"bx", reuse=True),
    Hostile(
        id="coding: control bytes", sends=coded(b"gz\x7fip", b"ok"), error=(ClientResponseError, ClientPayloadError)
    ),
    Hostile(
        id="endless: bomb",
        sends=floods(UNTIL_CLOSE_GZIP + zeros(1), zeros(1)[10:]),
        error=ClientPayloadError,
        memory=BOMB,
    ),
]

LOOPS = {
    "to itself": redirects(b"/"),
    "in a circle of two": redirects(b"/%parity"),
    "to ever new places": redirects(b"/new/%d"),
    "to ever longer places": redirects(b"x/%d"),
    "by 308": redirects(b"/%d", status=b"308 Permanent Redirect"),
    "by fragment": redirects(b"/#%d"),
    "to the scheme alone": redirects(b"http:"),
}
REDIRECTS = [
    *rows(TooManyRedirects, {f"redirect: {name}": wire for name, wire in LOOPS.items()}, reuse=True),
    *rows(
        NonHttpUrlRedirectClientError,
        {
            f"redirect: to {name.partition(b':')[0].decode()}": redirects(name)
            for name in (
                b"ftp://127.0.0.1/x",
                b"file:///etc/passwd",
                b"javascript:alert(1)",
                b"data:text/html,x",
                b"gopher://127.0.0.1:70/",
                b"unix:///run/docker.sock",
            )
        },
        reuse=True,
    ),
    *rows(
        InvalidUrlRedirectClientError,
        {
            f"redirect: to {name.decode()}": redirects(name)
            for name in (
                b"http://",
                b"http:///x",
                b"https://?a",
                b"http://:80/",
                b"http://[::1",
                b"http://[::1]x/",
                b"http://127.0.0.1:99999/",
                b"http://127.0.0.1:port/",
                b"http://127.0.0.1:-1/",
                b"http://2130706433/",
                b"http://0x7f000001/",
                b"http://127.1/",
            )
        },
        reuse=True,
    ),
    *bad_heads(
        "redirect",
        {
            "with a CR": (b"Location: /a\rX: y",),
            "with a NUL": (b"Location: /a\0",),
            "with an escape": (b"Location: /a\x1b[2J",),
            "of too many bytes": (b"Location: /" + b"a" * 9000,),
        },
    ),
    *rows(
        None,
        {
            "redirect: endless body": redirects_and_floods(b"", b"x"),
            "redirect: endless bomb": redirects_and_floods(b"Content-Encoding: gzip\r\n", zeros(1)),
        },
        connections=2,
        memory=PIECES,
    ),
    Hostile(
        id="redirect: endless chunks",
        sends=redirects_and_floods(b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n"),
        connections=2,
    ),
    *rows(
        None,
        {
            "redirect: to nothing": head(b"Location:", b"Content-Length: 2", status=b"HTTP/1.1 302 Found") + b"ok",
            "redirect: without Location": head(b"Content-Length: 2", status=b"HTTP/1.1 302 Found") + b"ok",
        },
        reuse=True,
    ),
]

COOKIES = [
    *bad_heads(
        "cookies",
        {
            "thousands": tuple(b"Set-Cookie: c%d=v" % number for number in range(5000)),
            "huge": (b"Set-Cookie: c=" + b"v" * 9000,),
            "NUL": (b"Set-Cookie: c=a\0b",),
            "CR": (b"Set-Cookie: c=a\rd=e",),
            "escape": (b"Set-Cookie: c=\x1b[31m",),
        },
    ),
    *rows(
        None,
        {
            f"cookies: {name}": head(b"Content-Length: 2", *(b"Set-Cookie: " + cookie for cookie in cookies)) + b"ok"
            for name, cookies in {
                "nothing but semicolons": [b";" * 8000],
                "nothing but equal signs": [b"=" * 8000],
                "open quote": [b'c="' + b"\\" * 8000],
                "open quotes": [b'c="' * 2000],
                "no name": [b"=v", b"", b"v", b" = "],
                "tabs and high bytes": [b"c=\t\xff\xfe\t", b"\xff=\xff"],
                "an age without end": [b"c=v; Max-Age=" + b"9" * 8000, b"d=v; Max-Age=-" + b"9" * 8000],
                "an age in other digits": [b"c=v; Max-Age=\xd9\xa3"],
                "a date of nonsense": [b"c=v; Expires=" + b"9" * 8000, b"d=v; Expires=Thu, 99 Foo 0000 99:99:99 GMT"],
                "attributes without end": [b"c=v" + b"; a=b" * 1500],
                "for somebody else": [b"c=v; Domain=example.com", b"d=v; Domain=.1", b"e=v; Domain=" + b"a." * 3000],
                "a long path": [b"c=v; Path=/" + b"a/" * 3900],
                "as many as fit": [b"c%d=%d" % (number, number) for number in range(120)],
            }.items()
        },
        reuse=True,
    ),
]

ROWS = [*WIRE, *CODED, *REDIRECTS, *COOKIES]


def session_of(**settings):
    """Return a session that takes cookies of hosts without a name, such as the servers here."""
    return drywire.ClientSession(timeout=TOTAL, cookie_jar=drywire.CookieJar(unsafe=True), **settings)


def test_each_server_has_a_name_of_its_own():
    assert len({row.id for row in ROWS}) == len(ROWS)


async def consume(row, response, server):
    """Read the body as `row` says, and return it."""
    server.head_seen.set()
    if row.reads == "nothing":
        return None
    if row.reads == "whole":
        return await response.read()
    async for _ in response.content.iter_any():
        pass
    return None


async def attack(row, session, script, server):
    """Make the request that the row is about, and return the error that it raised."""
    url = script.url.replace("http:", f"{row.scheme}:")
    try:
        async with session.request(row.method, url, **row.options) as response:
            body = await consume(row, response, server)
    except Exception as error:
        return error
    finally:
        server.body_seen.set()
    assert body in (row.body, None) or row.body is None
    return None


def check_error(row, error):
    """The error is of the type that the row names, and what it says can be printed and logged."""
    if row.error is None:
        if error is not None:
            raise error
        return
    assert isinstance(error, row.error), f"{error!r} is not {row.error}"
    assert isinstance(error, drywire.ClientError | drywire.TotalTimeoutError)
    assert error.phase is not None or isinstance(error, drywire.RedirectClientError | TooManyRedirects)
    text = str(error)
    assert text
    assert len(text) < TEXT
    assert text.isprintable()
    if type(error) is ClientResponseError:
        assert error.status == 400


async def measured(row, session, script, server):
    """Attack, and check what of the client's memory that took, where the row has a bound for it."""
    if row.memory is None:
        return await attack(row, session, script, server)
    if callable(row.sends) and not hasattr(row.sends, "is_script"):
        row.sends()  # what makes the bytes of a bomb keeps them; that is none of the client's memory
    tracemalloc.start()
    try:
        return await attack(row, session, script, server)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < row.memory


async def good(session, script):
    async with session.get(f"{script.url}good") as response:
        assert response.status == 200
        return await response.read()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_a_hostile_server_is_a_clear_error_and_nothing_more(scripted, eventually, row):
    runtime, server = current_runtime(), HostileServer(row)
    async with scripted(server.talk) as script, session_of() as session:
        if row.warm:
            await (await session.get(script.url)).read()
        started = runtime.now()
        error = await measured(row, session, script, server)
        assert runtime.now() - started < SECONDS
        check_error(row, error)
        assert "0 in use" in repr(session.connector)
        await eventually(lambda: server.said_all)
        assert script.connections <= row.connections
        assert server.requests <= 10
        assert server.pushed <= row.pushes

        server.hostile = False
        for _ in range(2):
            assert await good(session, script) == b"ok"
        assert server.good_on == [False, False] or (row.reuse and len(server.good_on) == 2)
        await eventually(lambda: script.open == 1)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"/x%0d%0aInjected:%20y", b"/x%0D%0AInjected:%20y"),
        (b"/x%00", b"/x%00"),
        (b"/a b", b"/a%20b"),
        (b"/a\tb", None),
        (b"/\xc3\xa9", b"/%C3%A9"),
        (b"/\xff", None),
        (b"/a#\xc3\xa9", b"/a"),
        (b"?a=b c&d=%0d%0a", b"/start?a=b+c&d=%0D%0A"),
        (b"/../../etc/passwd", b"/etc/passwd"),
    ],
)
async def test_a_location_is_the_target_of_one_request_and_nothing_more(scripted, location, target):
    async def talk(peer, script):
        while request := await peer.head():
            script.heads.append(request)
            first = len(script.heads) == 1
            await peer.send(
                head(b"Location: " + location, b"Content-Length: 0", status=b"HTTP/1.1 302 Found") if first else OK
            )

    async with scripted(talk) as script, session_of() as session:
        async with session.get(f"{script.url}start") as response:
            assert await response.read() == b"ok"
    _, request = script.heads
    line, *fields = request[:-4].split(b"\r\n")
    assert line.startswith(b"GET /")
    assert line.endswith(b" HTTP/1.1")
    assert line.count(b" ") == 2
    assert all(0x20 <= byte < 0x7F for byte in line)
    assert target is None or line.split(b" ")[1].lower() == target.lower()
    assert not [field for field in fields if field.lower().startswith(b"injected")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("userinfo", [b"", b"user:secret@"])
async def test_a_redirect_elsewhere_takes_no_credentials_along(scripted, answering, status, userinfo):
    async with scripted(answering()) as thief, session_of() as session:

        async def talk(peer, script):
            script.heads.append(await peer.head())
            where = b"http://%b127.0.0.1:%d/" % (userinfo, thief.port)
            await peer.send(head(b"Location: " + where, b"Content-Length: 0", status=b"HTTP/1.1 %d Gone" % status))
            await peer.ended()

        async with scripted(talk) as script:
            secrets = [("Authorization", "Bearer s3cret"), ("Cookie", "a=s3cret")]
            secrets.append(("Proxy-Authorization", "Basic s3cret"))
            async with session.get(script.url, headers=secrets, cookies={"b": "s3cret"}) as response:
                assert await response.read() == b"ok"
        assert script.heads[0].count(b"s3cret") >= 3
        assert b"s3cret" not in thief.heads[0]
        assert b"Bearer" not in thief.heads[0]


async def test_cookies_that_never_stop_coming_fill_neither_the_jar_nor_a_request(scripted):
    responses = 50

    async def talk(peer, script):
        while request := await peer.head():
            script.heads.append(request)
            batch = len(script.heads)
            cookies = [b"Set-Cookie: c%d.%d=%b" % (batch, number, b"v" * 400) for number in range(100)]
            await peer.send(head(b"Content-Length: 0", *cookies))

    async with scripted(talk) as script, session_of() as session:
        for _ in range(responses):
            async with session.get(script.url):
                pass
        assert len(session.cookie_jar) <= JAR
        assert script.connections == 1
    assert b"\r\nCookie: " in script.heads[-1]
    assert max(map(len, script.heads)) < 8190 + KIB


async def test_one_server_gives_no_cookies_to_another(scripted, answering):
    async with scripted(answering()) as other, session_of() as session:

        async def talk(peer, script):
            await peer.head()
            names = [b"127.0.0.2", b"127.0.0", b".0.0.2", b"localhost", b"com", b"", b".", b"*", b"0.0.2"]
            cookies = [b"Set-Cookie: stolen%d=v; Domain=%b; Path=/" % pair for pair in enumerate(names)]
            await peer.send(head(b"Content-Length: 0", *cookies))
            await peer.ended()

        async with scripted(talk) as script:
            async with session.get(script.url):
                pass
        for host in ("127.0.0.2", "localhost"):
            with contextlib.suppress(drywire.ClientConnectorError):
                async with session.get(f"http://{host}:{other.port}/"):
                    pass
        assert session.cookie_jar.filter_cookies(URL(f"http://127.0.0.2:{other.port}/")) == {}
        assert session.cookie_jar.filter_cookies(URL("http://localhost/")) == {}
    assert not [request for request in other.heads if b"stolen" in request]


async def test_a_tls_connection_that_is_cut_off_ends_no_body_of_known_length(scripted, server_tls, client_tls):
    """Without a length the end of TCP is taken for that of TLS: too many servers never say close_notify."""

    async def talk(peer, script):
        await peer.head()
        await peer.send(head(b"Content-Length: 8") + b"pay 100")
        peer.stream.abort()

    async with scripted(talk, server_tls) as script, session_of() as session:
        with pytest.raises(ClientPayloadError):
            async with session.get(script.url, ssl=client_tls) as response:
                await response.read()
        assert "0 in use, 0 idle" in repr(session.connector)


async def test_a_server_that_accepts_nobody_is_a_read_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with session_of() as session:
            with pytest.raises(drywire.SocketTimeoutError):
                await session.get(
                    f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=drywire.ClientTimeout(sock_read=0.1)
                )
            assert "0 in use, 0 idle" in repr(session.connector)


async def test_many_attacks_at_once_leave_the_pool_whole(scripted, eventually):
    runtime, wires, errors = current_runtime(), [row.sends for row in WIRE if isinstance(row.sends, bytes)], []

    async def talk(peer, script):
        request = await peer.head()
        number = request.split(b" ")[1].removeprefix(b"/")
        await peer.send(OK if number == b"good" else wires[int(number)])

    async def ask(session, url):
        try:
            async with session.get(url) as response:
                await response.read()
        except (drywire.ClientError, TimeoutError) as error:
            errors.append(error)

    async with scripted(talk) as script, session_of(connector=drywire.TCPConnector(limit=8)) as session:
        tasks = [runtime.spawn(ask, session, f"{script.url}{number}") for number in range(len(wires))]
        for task in tasks:
            assert await task.wait(runtime.now() + PATIENCE)
            assert task.exception() is None
        assert len(errors) > 100
        assert "0 in use" in repr(session.connector)
        assert await good(session, script) == b"ok"
