"""Servers that mean harm, or are broken: a table of what they send and of what the client must make of it."""

import functools
import itertools
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drywire import (
    ClientConnectorSSLError,
    ClientOSError,
    ClientPayloadError,
    ClientResponseError,
    ClientTimeout,
    ConnectionTimeoutError,
    ServerDisconnectedError,
    SocketTimeoutError,
)
from drywire_transports import current_runtime

__all__ = [
    "GZIPPED",
    "KIB",
    "MIB",
    "OK",
    "UNTIL_CLOSE_GZIP",
    "WIRE",
    "Hostile",
    "bad_heads",
    "chunks",
    "floods",
    "gzip",
    "head",
    "rows",
    "script",
]

KIB, MIB = 1024, 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
CUT_OFF = 8 * KIB * KIB
"""Bytes that an endless server may get rid of before it is cut off: the client's limits, and above all the buffers of
the two sockets. These are some 300 KiB, and grow to megabytes where the client is busy, or lets others run. A client
that does not cut it off takes gigabytes."""

Script = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """A server, the request it gets, and what must come of that."""

    id: str
    sends: bytes | Callable[[], bytes] | Script
    """The bytes, what makes them, or a script of (peer, server) that sends them."""
    error: type[Exception] | tuple[type[Exception], ...] | None = None
    """What the request must raise; None where nothing is wrong with what it asked for."""
    body: bytes | None = b"ok"
    """The body that is read where there is no error; None for any."""
    then: str = "waits"
    """What the server does next: ``"waits"`` until the client hangs up, ``"closes"`` or ``"resets"``."""
    method: str = "GET"
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the request."""
    reads: str = "whole"
    """How the body is read: ``"whole"``, ``"pieces"`` that are dropped, or ``"nothing"`` of it."""
    warm: bool = False
    """Whether the connection has served a request before."""
    unasked: bool = False
    """Whether the server speaks before it has read a request."""
    scheme: str = "http"
    connections: int = 1
    """How many connections the client may open for the request."""
    reuse: bool = False
    """Whether the connection may be used again: nothing is wrong with how its messages are told apart."""
    pushes: int = CUT_OFF
    """Bytes that the server may get rid of."""
    memory: int | None = None
    """Bytes that the client may hold at once, where that is measured."""


# Scripts


def script(function):
    """Make ``function(..., peer, server)`` one that returns the script for what stands before these two."""

    @functools.wraps(function)
    def prepare(*args, **options):
        run = functools.partial(function, *args, **options)
        run.is_script = True
        return run

    return prepare


@script
async def floods(start, piece, peer, server):
    """Send `start`, then `piece` for ever."""
    await server.push(peer, start)
    piece *= max(1, 16 * KIB // len(piece))
    while True:
        await server.push(peer, piece)


@script
async def drips(start, drop, peer, server, *, every=0.02):
    """Send `start`, then `drop` byte by byte, for ever."""
    runtime = current_runtime()
    await server.push(peer, start)
    for byte in itertools.cycle(drop):
        await runtime.sleep_until(runtime.now() + every)
        await server.push(peer, bytes([byte]))


@script
async def after_the_head(head, rest, peer, server):
    """Send `rest` once the client has seen `head`."""
    await server.push(peer, head)
    await server.until(server.head_seen)
    await server.push(peer, rest)


@script
async def after_the_body(first, rest, peer, server):
    """Send `rest` once the client has read all of `first`."""
    await server.push(peer, first)
    await server.until(server.body_seen)
    await server.push(peer, rest)


@script
async def before_and_after_the_request(peer, server):
    await server.push(peer, OK)
    await peer.request()
    server.requests += 1
    await server.until(server.body_seen)
    await server.push(peer, POISON)


# What they send


def head(*lines, status=b"HTTP/1.1 200 OK"):
    return b"\r\n".join([status, *lines, b"", b""])


def chunks(*wire):
    return head(b"Transfer-Encoding: chunked") + b"".join(wire)


def gzip(data, wbits=31):
    coder = zlib.compressobj(9, wbits=wbits)
    return coder.compress(data) + coder.flush()


GZIPPED = gzip(b"hello" * 100)
UNTIL_CLOSE_GZIP = head(b"Content-Encoding: gzip")
LONG = {"timeout": ClientTimeout(total=0.4)}
QUIET = {"timeout": ClientTimeout(total=4, sock_read=0.15)}
DISCONNECTED = (ServerDisconnectedError, ClientOSError)


def rows(error, table, **common):
    """Return a row for each id and what is sent in `table`, else as `common` says."""
    return [Hostile(id=name, sends=sends, error=error, **common) for name, sends in table.items()]


def bad_heads(prefix, lines, then="waits"):
    """Return a row for each of `lines`, which must make the head that has them unreadable."""
    table = {f"{prefix}: {name}": head(*line) if isinstance(line, tuple) else line for name, line in lines.items()}
    return rows(ClientResponseError, table, then=then)


NUMBERS = {
    "signed": b"+5",
    "negative": b"-5",
    "underscore": b"1_0",
    "hex": b"0x5",
    "float": b"5.0",
    "list": b"5, 5",
    "two words": b"5 5",
    "empty": b"",
    "letters": b"five",
    "huge": b"9" * 4000,
    "over the limit": b"%d" % (1 << 62),
    "other digits": b"\xd9\xa5",
    "superscript": b"\xb2",
}
CODINGS = {
    "gzip": (b"Transfer-Encoding: gzip",),
    "gzip after chunked": (b"Transfer-Encoding: chunked, gzip",),
    "chunked twice": (b"Transfer-Encoding: chunked, chunked",),
    "two fields": (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "with a parameter": (b"Transfer-Encoding: chunked;q=1",),
    "prefixed": (b"Transfer-Encoding: xchunked",),
    "empty": (b"Transfer-Encoding:",),
    "quoted": (b'Transfer-Encoding: "chunked"',),
    "vertical tab": (b"Transfer-Encoding: \x0bchunked",),
    "identity": (b"Transfer-Encoding: identity",),
    "with a length": (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "after a length": (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "in HTTP/1.0": head(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK"),
}
FRAMING = [
    *bad_heads("length", {name: (b"Content-Length: " + value,) for name, value in NUMBERS.items()}),
    *bad_heads(
        "length",
        {
            "two": (b"Content-Length: 2", b"Content-Length: 3"),
            "twice": (b"Content-Length: 2", b"content-length: 2"),
        },
    ),
    *bad_heads("coding", CODINGS),
]

SYNTAX = bad_heads(
    "head",
    {
        "NUL in a value": (b"X: a\0b",),
        "NUL in a name": (b"X\0: a",),
        "control byte in a value": (b"X: a\x1bb",),
        "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "one bare LF": b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 0\r\n\r\n",
        "bare CR": (b"X: y\rContent-Length: 5",),
        "folded line": (b"X: a", b" Content-Length: 5"),
        "first line folded": (b" X: a",),
        "space before the colon": (b"Content-Length : 5",),
        "no colon": (b"nothing",),
        "no name": (b": a",),
        "name in UTF-8": ("Näme: a".encode(),),
        "status 99": head(status=b"HTTP/1.1 99 Low"),
        "status 1000": head(status=b"HTTP/1.1 1000 High"),
        "status 000": head(status=b"HTTP/1.1 000 Zero"),
        "status signed": head(status=b"HTTP/1.1 +20 Plus"),
        "status in other digits": head(status=b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK"),
        "no status": head(status=b"HTTP/1.1 OK"),
        "two spaces": head(status=b"HTTP/1.1  200 OK"),
        "control byte in the reason": head(status=b"HTTP/1.1 200 O\x07K"),
        "space at the start": b" " + OK,
        "lower case version": head(status=b"http/1.1 200 OK"),
        "version 1.2": head(status=b"HTTP/1.2 200 OK"),
        "version 2.0": head(status=b"HTTP/2.0 200 OK"),
        "version 0.9": head(status=b"HTTP/0.9 200 OK"),
        "version 1.10": head(status=b"HTTP/1.10 200 OK"),
        "long version": head(status=b"HTTP/1." + b"1" * 4000 + b" 200 OK"),
    },
)

NO_HTTP = [
    *bad_heads(
        "no HTTP",
        {
            "0.9": b"<html>\n<p>hello</p>\n",
            "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
            "SMTP": b"220 mail.example ESMTP\r\n",
            "FTP": b"220 welcome\r\n",
            "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "garbage": bytes(range(256)) * 40,
            "zeros": bytes(20 * KIB),
        },
    ),
    *rows(
        (ClientResponseError, ServerDisconnectedError),
        {
            "no HTTP: TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
            "no HTTP: HTTP/2 frames": bytes.fromhex("000006040000000000000300000064"),
        },
        then="closes",
    ),
    Hostile(
        id="101 unasked",
        sends=head(b"Upgrade: x", b"Connection: upgrade", status=b"HTTP/1.1 101 Switching Protocols") + POISON,
        error=ClientResponseError,
    ),
]

BAD_CHUNKS = rows(
    ClientPayloadError,
    {
        f"chunks: {name}": chunks(wire)
        for name, wire in {
            "no size": b"\r\nhello\r\n0\r\n\r\n",
            "negative": b"-5\r\nhello\r\n0\r\n\r\n",
            "signed": b"+5\r\nhello\r\n0\r\n\r\n",
            "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
            "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
            "space first": b" 5\r\nhello\r\n0\r\n\r\n",
            "not hex": b"5g\r\nhello\r\n0\r\n\r\n",
            "other digits": b"\xd9\xa5\r\nhello\r\n0\r\n\r\n",
            "huge": b"f" * 17 + b"\r\nhello",
            "huge of zeros": b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n",
            "bare LF behind the size": b"5\nhello\r\n0\r\n\r\n",
            "bare CR behind the size": b"5\rhello\r\n0\r\n\r\n",
            "too long": b"3\r\nhello\r\n0\r\n\r\n",
            "LF behind the data": b"5\r\nhello\n0\r\n\r\n",
            "nothing behind the data": b"5\r\nhello0\r\n\r\n",
            "NUL in an extension": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
            "LF in an extension": b"5;a\n\r\nhello\r\n0\r\n\r\n",
            "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            "trailer without colon": b"0\r\nnothing\r\n\r\n",
            "trailer folded": b"0\r\nX: a\r\n b\r\n\r\n",
            "trailer with NUL": b"0\r\nX: a\0b\r\n\r\n",
            "trailer with bare LF": b"0\r\nX: a\n\r\n",
            "no empty line": b"0\r\nHTTP/1.1 200 OK\r\n\r\n",
        }.items()
    },
)

LENGTH_10 = head(b"Content-Length: 10")
IN_HEAD = {
    "status line": b"HTTP/1.1 20",
    "first line": b"HTTP/1.1 200 OK\r\n",
    "field": b"HTTP/1.1 200 OK\r\nContent-Le",
    "end of the head": LENGTH_10[:-2],
    "1xx": head(status=b"HTTP/1.1 103 Early Hints"),
}
IN_BODY = {
    "no body": (LENGTH_10, b""),
    "body": (LENGTH_10, b"half"),
    "chunk size": (chunks(), b"5"),
    "chunk": (chunks(), b"5\r\nhel"),
    "chunk end": (chunks(), b"5\r\nhello\r"),
    "between chunks": (chunks(), b"5\r\nhello\r\n"),
    "last chunk": (chunks(), b"5\r\nhello\r\n0\r\n"),
    "trailer": (chunks(), b"0\r\nX: y\r\n"),
    "gzip": (head(b"Content-Encoding: gzip", b"Content-Length: 100"), GZIPPED[:10]),
}
CUT = [
    *rows(ServerDisconnectedError, {f"closed in: {name}": wire for name, wire in IN_HEAD.items()}, then="closes"),
    *rows(ClientOSError, {f"reset in: {name}": wire for name, wire in IN_HEAD.items()}, then="resets"),
    *rows(
        ClientPayloadError,
        {f"closed in: {name}": first + rest for name, (first, rest) in IN_BODY.items()},
        then="closes",
    ),
    *rows(
        ClientPayloadError,
        {f"closed later in: {name}": after_the_head(*wire) for name, wire in IN_BODY.items()},
        then="closes",
    ),
    *rows(
        ClientPayloadError,
        {f"reset in: {name}": after_the_head(*wire) for name, wire in IN_BODY.items()},
        then="resets",
    ),
    Hostile(
        id="reset in: body without a length",
        sends=after_the_head(head(), b"hel"),
        error=ClientPayloadError,
        then="resets",
    ),
    Hostile(
        id="closed in: gzip without a length",
        sends=UNTIL_CLOSE_GZIP + GZIPPED[:-9],
        error=ClientPayloadError,
        then="closes",
    ),
]

ENDLESS = [
    *rows(
        ClientResponseError,
        {
            "endless: status line": floods(b"HTTP/1.1 200 ", b"x"),
            "endless: version": floods(b"HTTP/1.", b"1"),
            "endless: status": floods(b"HTTP/1.1 ", b"2"),
            "endless: spaces": floods(b"HTTP/1.1 200 OK\r\nX:", b" "),
            "endless: field": floods(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
            "endless: name": floods(b"HTTP/1.1 200 OK\r\n", b"x"),
            "endless: small fields": floods(b"HTTP/1.1 200 OK\r\n", b"a:\r\n"),
            "endless: large fields": floods(b"HTTP/1.1 200 OK\r\n", b"a: %b\r\n" % (b"x" * 8000)),
            "endless: 1xx": floods(b"", head(status=b"HTTP/1.1 100 Continue")),
            "endless: 1xx with fields": floods(b"", head(b"Link: </a>" * 100, status=b"HTTP/1.1 103 Early Hints")),
            "endless: preamble": floods(b"", b"\r\n"),
            "endless: preamble of LF": floods(b"", b"\n"),
            "endless: noise": floods(b"", b"\xff\xfe"),
        },
    ),
    *rows(
        ClientPayloadError,
        {
            "endless: chunk size": floods(chunks(), b"0"),
            "endless: chunk extension": floods(chunks(b"5;"), b"x"),
            "endless: chunk extensions": floods(chunks(), b"1;%b\r\na\r\n" % (b"x" * 60)),
            "endless: spaces behind a chunk size": floods(chunks(b"5"), b" "),
            "endless: trailer": floods(chunks(b"0\r\nX: "), b"x"),
            "endless: small trailers": floods(chunks(b"0\r\n"), b"a:\r\n"),
            "endless: large trailers": floods(chunks(b"0\r\n"), b"a: %b\r\n" % (b"x" * 4000)),
        },
    ),
    *rows(
        None,
        {
            "endless: body that nobody reads": floods(head(), b"x"),
            "endless: chunks that nobody reads": floods(chunks(), b"1\r\nx\r\n"),
        },
        reads="nothing",
    ),
]

OUT_OF_TURN = [
    Hostile(id="bytes behind the response", sends=OK + b"noise"),
    Hostile(id="CRLF behind the response", sends=OK + b"\r\n"),
    Hostile(id="two responses", sends=OK + POISON),
    Hostile(id="a second response later", sends=after_the_body(OK, POISON)),
    Hostile(id="bytes later", sends=after_the_body(OK, b"x")),
    Hostile(id="half a response later", sends=after_the_body(OK, POISON[:20])),
    Hostile(id="1xx later", sends=after_the_body(OK, head(status=b"HTTP/1.1 100 Continue"))),
    Hostile(id="408 later", sends=after_the_body(OK, head(status=b"HTTP/1.1 408 Request Timeout"))),
    Hostile(id="a response before the request", sends=before_and_after_the_request(), unasked=True),
    Hostile(
        id="204 with a body", sends=head(b"Content-Length: 6", status=b"HTTP/1.1 204 No Content") + b"poison", body=b""
    ),
    Hostile(
        id="204 with chunks",
        sends=head(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 204 No Content") + b"6\r\npoison\r\n0\r\n\r\n",
        body=b"",
    ),
    Hostile(
        id="304 with a body",
        sends=head(b"Content-Length: 6", status=b"HTTP/1.1 304 Not Modified") + b"poison",
        body=b"",
    ),
    Hostile(id="HEAD with a body", sends=POISON, method="HEAD", body=b""),
    Hostile(id="HEAD with chunks", sends=chunks(b"6\r\npoison\r\n0\r\n\r\n"), method="HEAD", body=b""),
    Hostile(id="HEAD with a response behind", sends=head(b"Content-Length: 0") + POISON, method="HEAD", body=b""),
    Hostile(
        id="chunks of one byte",
        sends=lambda: chunks(b"1\r\nx\r\n" * 20_000, b"0\r\n\r\n"),
        body=b"x" * 20_000,
        memory=16 * MIB,
        reuse=True,
    ),
    Hostile(
        id="an answer to a request it does not read",
        sends=OK,
        unasked=True,
        method="POST",
        options={"data": bytes(16 * MIB)},
    ),
]

LEAVES = [
    Hostile(id="closes at once", sends=b"", unasked=True, then="closes", error=DISCONNECTED),
    Hostile(id="resets at once", sends=b"", unasked=True, then="resets", error=DISCONNECTED),
    Hostile(id="closes after the request", sends=b"", then="closes", error=ServerDisconnectedError),
    Hostile(id="resets after the request", sends=b"", then="resets", error=ClientOSError),
    Hostile(id="closes a kept connection", sends=after_the_body(OK, b""), then="closes"),
    Hostile(id="resets a kept connection", sends=after_the_body(OK, b""), then="resets"),
    Hostile(id="closes at each GET", sends=b"", then="closes", warm=True, connections=2, error=ServerDisconnectedError),
    Hostile(id="resets at each GET", sends=b"", then="resets", warm=True, connections=2, error=ClientOSError),
    Hostile(id="closes at a POST", sends=b"", then="closes", warm=True, method="POST", error=ServerDisconnectedError),
    Hostile(id="closes in the next head", sends=b"HTTP/1.1 2", then="closes", warm=True, error=ServerDisconnectedError),
    Hostile(id="closes in the next body", sends=LENGTH_10 + b"a", then="closes", warm=True, error=ClientPayloadError),
]

SLOW = [
    *rows(
        TimeoutError,
        {
            "drips: status line": drips(b"HTTP/1.1 200 ", b"x"),
            "drips: fields": drips(b"HTTP/1.1 200 OK\r\n", b"a:\r\n"),
            "drips: 1xx": drips(b"", head(status=b"HTTP/1.1 100 Continue"), every=0.001),
            "drips: body": drips(head(), b"x"),
            "drips: chunks": drips(chunks(), b"1\r\nx\r\n"),
            "drips: trailers": drips(chunks(b"0\r\n"), b"a:\r\n"),
            "drips: gzip": drips(UNTIL_CLOSE_GZIP, GZIPPED[:50]),
            "silence: for the total": b"",
            "silence: in the head, for the total": LENGTH_10[:20],
            "silence: in the body, for the total": LENGTH_10,
        },
        options=LONG,
    ),
    *rows(
        SocketTimeoutError,
        {
            "silence": b"",
            "silence: in the head": LENGTH_10[:20],
            "silence: behind 1xx": head(status=b"HTTP/1.1 100 Continue"),
            "silence: in the body": LENGTH_10 + b"x",
            "silence: in a chunk": chunks(b"5\r\nhel"),
            "silence: before the trailers": chunks(b"0\r\n"),
            "drips: slower than sock_read": drips(head(), b"x", every=0.3),
        },
        options=QUIET,
    ),
]

TLS = [
    *rows(
        ClientConnectorSSLError,
        {
            "https: plain HTTP": OK,
            "https: SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
            "https: alert": b"\x15\x03\x01\x00\x02\x02\x46",
            "https: zeros": floods(b"", b"\0"),
            "https: endless alerts": floods(b"", b"\x15\x03\x03\x00\x02\x01\x5a"),
        },
        scheme="https",
        unasked=True,
    ),
    *rows(
        (ClientConnectorSSLError, ClientOSError),
        {"https: closes": b""},
        scheme="https",
        unasked=True,
        then="closes",
    ),
    *rows(
        ConnectionTimeoutError,
        {
            "https: silence": b"",
            "https: half a record": b"\x16\x03\x03\x40\x00\x02",
            "https: drips a record": drips(b"\x16\x03\x03\x40\x00\x02", b"\0"),
        },
        scheme="https",
        unasked=True,
        options={"timeout": ClientTimeout(total=4, sock_connect=0.3)},
    ),
]

WIRE = [
    *FRAMING,
    *SYNTAX,
    *NO_HTTP,
    *BAD_CHUNKS,
    *CUT,
    *ENDLESS,
    *OUT_OF_TURN,
    *LEAVES,
    *SLOW,
    *TLS,
]
