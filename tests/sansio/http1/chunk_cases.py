"""The chunked coding, byte by byte: every case of a request's body is the same case of a response's."""

from dataclasses import replace

from drywire_sansio.http1 import CLIENT, SEND_BODY, Data, EndOfMessage, Response

from .case import HOST, SERVER, both_for, get, post
from .request_cases import CHUNKS

accepted, refused = both_for(SERVER)
end = EndOfMessage()
CODING = (b"Transfer-Encoding", b"chunked")
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
head = post([HOST, CODING])
RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
response_head = Response(200, [CODING], b"OK")
LAST = b"0\r\n\r\n"
BEHIND_SIZE = b"\r\na\r\n" + LAST


def chunk_case(name, section, body, *events, **options):
    return accepted(name, section, HEAD + body, head, *events, **options)


def bad_chunk_case(name, section, body, rule, *events, **options):
    return refused(name, section, HEAD + body, rule, head, *events, **options)


def sized_case(name, section, line, **options):
    """Return the case of a chunk of one byte under a size line."""
    return chunk_case(name, section, line + BEHIND_SIZE, Data(b"a"), end, exact=False, **options)


SIZES = [
    sized_case("a size of three zeros and a one", "RFC 9112, 7.1", b"0001"),
    chunk_case("a last size of sixteen zeros", "RFC 9112, 7.1", b"0" * 16 + b"\r\n\r\n", end, exact=False),
    chunk_case("a size over 32 bits", "RFC 9112, 7.1", b"100000001\r\na", Data(b"a"), state=SEND_BODY, exact=False),
    chunk_case("the longest body", "RFC 9112, 7.1", b"10000000000\r\n", state=SEND_BODY, exact=False),
    chunk_case(
        "a hundred chunks",
        "RFC 9112, 7.1",
        b"1\r\na\r\n" * 100 + LAST,
        Data(b"a" * 100),
        end,
        exact=False,
    ),
    chunk_case(
        "data that looks like a last chunk",
        "RFC 9112, 7.1",
        b"c\r\na\r\n0\r\n\r\nGET \r\n" + LAST,
        Data(b"a\r\n0\r\n\r\nGET "),
        end,
    ),
    *(
        bad_chunk_case(
            f"the chunk size {size.decode('latin-1')!r}", "RFC 9112, 7.1", b"@@" + size + BEHIND_SIZE, "bad-chunk-size"
        )
        for size in (
            b"0x0",
            b"0X1",
            b"x1",
            b"h",
            b"1h",
            b"1g",
            b"#1",
            b"$1",
            b"&h1",
            b"1.0",
            b"1,",
            b"1,1",
            b"1-",
            b"-0",
            b"+0",
            b"++1",
            b"--1",
            b"~1",
            b"(1)",
            b'"1"',
            b"'1'",
            b"1L",
            b"1_",
            b"_1",
            b"1 \t",
            b"1\t",
            b"0 ",
            b"0\t",
            b"\t1",
            b" 0",
            b"1  1",
            b"1\xa0",
            b"\xa01",
            b"\xd9\xa1",
            b"\xef\xbc\x91",
            b"\xb9",
            b"\\1",
            b"%31",
            b"1\\",
            b"1:",
            b"1/",
            b"=1",
            b"1=",
            b"10000000000000000",
            b"fffffffffffffffff",
            b"0" * 100,
            b"f" * 100,
        )
    ),
    *(
        bad_chunk_case(
            f"the chunk size {size.decode()!r} is over the limit",
            "RFC 9110, 15.5.14",
            b"@@" + size + BEHIND_SIZE,
            "limit-body",
            status=413,
        )
        for size in (b"10000000001", b"7fffffffffffffff", b"8000000000000000", b"FFFFFFFFFFFFFFFF", b"fffffffffffffffe")
    ),
    bad_chunk_case(
        "chunks that are over the limit together",
        "RFC 9110, 15.5.14",
        b"1\r\na\r\n@@10000000000\r\n",
        "limit-body",
        Data(b"a"),
        status=413,
    ),
    bad_chunk_case(
        "a bad size behind a good chunk", "RFC 9112, 7.1", b"1\r\na\r\n@@g\r\n", "bad-chunk-size", Data(b"a")
    ),
    bad_chunk_case(
        "an empty line between chunks", "RFC 9112, 7.1", b"1\r\na\r\n@@\r\n" + LAST, "bad-chunk-size", Data(b"a")
    ),
    bad_chunk_case("an empty line before the first chunk", "RFC 9112, 7.1", b"@@\r\n1" + BEHIND_SIZE, "bad-chunk-size"),
    bad_chunk_case("no chunks at all, but a request", "RFC 9112, 7.1", b"@@GET / HTTP/1.1\r\n", "bad-chunk-size"),
]

EXTENSIONS = [
    *(
        sized_case(f"the extension {extension.decode('latin-1')!r}", "RFC 9112, 7.1.1", b"1" + extension)
        for extension in (
            b";a",
            b";a=b",
            b';a=""',
            b';a="b"',
            b';a="b;c=d"',
            b';a="0\\r\\n"',
            b';a="\\""',
            b';a="\\\\"',
            b';a="\\b"',
            b';a="\\\xff"',
            b";a;b;c",
            b";a;a",
            b';a=1;b="2";c',
            b" ;a",
            b"; a",
            b"\t;\ta",
            b" ; a = b",
            b';a\t=\t"b"',
            b';a = "b" ; c',
            b";" + b"!#$%&'*+-.^_`|~",
            b";1=0",
        )
    ),
    chunk_case("an extension of the last chunk", "RFC 9112, 7.1.1", b'0;a="b"\r\n\r\n', end, exact=False),
    *(
        bad_chunk_case(
            f"the extension {extension.decode('latin-1')!r}",
            "RFC 9112, 7.1",
            b"@@1" + extension + BEHIND_SIZE,
            "bad-chunk-size",
        )
        for extension in (
            b" ;",
            b";;",
            b";;a",
            b";a;",
            b";a;;b",
            b"; ",
            b";a ",
            b";a=b ",
            b';a="b" ',
            b";=",
            b";=a",
            b";a==b",
            b";a=b=c",
            b";a=b c",
            b";a b",
            b";a,b",
            b";a=b,c",
            b";a:b",
            b";a/b",
            b";a=b/c",
            b";a=(b)",
            b";a='b c'",
            b';"a"=b',
            b';"a"',
            b';a="',
            b';a="b\\"',
            b';a=b"c"',
            b';a="b""c"',
            b';a="b"=c',
            b";a=\xe9",
            b" a",
            b"\\;a",
            b'"',
            b" 0",
        )
    ),
    bad_chunk_case("an extension without a size", "RFC 9112, 7.1", b"@@;a" + BEHIND_SIZE, "bad-chunk-size"),
    bad_chunk_case("an extension before the size", "RFC 9112, 7.1", b"@@;a=1;1" + BEHIND_SIZE, "bad-chunk-size"),
    bad_chunk_case(
        "an extension that hides a bare line feed in quotes",
        "RFC 9112, 2.2",
        b'1;a="@@\n"' + BEHIND_SIZE,
        "bare-lf",
    ),
    bad_chunk_case(
        "an extension that hides the end of its line in quotes",
        "RFC 9112, 7.1",
        b'@@1;a="\r\nb"' + BEHIND_SIZE,
        "bad-chunk-size",
    ),
    sized_case("the longest extension", "RFC 9112, 7.1.1", b"1;" + b"a" * 4095),
    bad_chunk_case(
        "an extension that is too long",
        "RFC 9112, 7.1.1",
        b"1;" + b"a" * 4095 + b"@@a" + BEHIND_SIZE,
        "limit-chunk_extensions",
    ),
    bad_chunk_case(
        "an extension that never ends",
        "RFC 9112, 7.1.1",
        b"1;" + b"a" * 4095 + b"@@" + b"a" * 99,
        "limit-chunk_extensions",
    ),
    bad_chunk_case(
        "an extension whose quotes never end",
        "RFC 9112, 7.1.1",
        b'1;a="' + b"b" * 4092 + b"@@" + b"b" * 99,
        "limit-chunk_extensions",
    ),
    bad_chunk_case(
        "many extensions that are too long together",
        "RFC 9112, 7.1.1",
        (b"1;" + b"a" * 1023 + b"\r\nb\r\n") * 4 + b"1@@;c\r\n",
        "limit-chunk_extensions",
        Data(b"bbbb"),
    ),
]


def bad_end_case(name, body, data):
    return bad_chunk_case(name, "RFC 9112, 7.1", body, "bad-chunk-end", Data(data))


ENDS = [
    bad_end_case("no line end behind data", b"1\r\na@@0\r\n\r\n", b"a"),
    bad_end_case("a space behind data", b"1\r\na@@ \r\n" + LAST, b"a"),
    bad_end_case("a NUL behind data", b"1\r\na@@\0\r\n" + LAST, b"a"),
    bad_end_case("two carriage returns behind data", b"1\r\na@@\r\r\n" + LAST, b"a"),
    bad_end_case("a line end the wrong way round", b"1\r\na@@\n\r" + LAST, b"a"),
    bad_end_case("two bare line feeds behind data", b"1\r\na@@\n\n", b"a"),
    bad_end_case("data one byte shorter than its size", b"2\r\na\r@@\n" + LAST, b"a\r"),
    bad_end_case("data two bytes shorter than its size", b"3\r\na\r\n@@" + LAST, b"a\r\n"),
    bad_end_case("data missing under its size", b"1\r\n\r@@\n" + LAST, b"\r"),
    bad_end_case(
        "a hexadecimal size taken for a decimal", b"10\r\n0123456789\r\n0\r\n\r@@\n", b"0123456789\r\n0\r\n\r"
    ),
    bad_end_case("a size with an e in it", b"1e\r\n" + b"a" * 30 + b"@@b", b"a" * 30),
    bad_end_case("data longer than its second size", b"1\r\na\r\n1\r\nb@@c", b"ab"),
]


def trailers_case(name, section, lines, *trailers, **options):
    return chunk_case(name, section, b"0\r\n" + lines + b"\r\n", EndOfMessage(list(trailers)), **options)


def bad_trailer_case(name, section, lines, rule, **options):
    return bad_chunk_case(name, section, b"0\r\n" + lines, rule, **options)


FORBIDDEN = (
    b"Content-Length: 5",
    b"content-length: x",
    b"Transfer-Encoding: identity",
    b"transfer-encoding: chunked",
    b"Host: b",
    b"Connection: close",
    b"Keep-Alive: timeout=1",
    b"Upgrade: b",
    b"TE: trailers",
    b"Trailer: Host",
    b"Expect: 100-continue",
    b"Max-Forwards: 1",
    b"Cache-Control: no-store",
    b"Range: bytes=0-1",
    b"Authorization: Basic YTpi",
    b"Proxy-Authorization: Basic YTpi",
    b"WWW-Authenticate: Basic",
    b"Proxy-Authenticate: Basic",
    b"Cookie: a=b",
    b"Set-Cookie: a=b",
    b"Content-Encoding: gzip",
    b"Content-Range: bytes 0-1/2",
    b"Content-Type: text/html",
)
TRAILERS = [
    *(
        trailers_case(
            f"a trailer of {line.decode()!r} is dropped",
            "RFC 9110, 6.5.1",
            b"A: 1\r\n" + line + b"\r\nB: 2\r\n",
            (b"A", b"1"),
            (b"B", b"2"),
            exact=False,
        )
        for line in FORBIDDEN
    ),
    chunk_case(
        "two lengths and a coding as trailers",
        "RFC 9110, 6.5.1",
        b"0\r\nContent-Length: 1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        end,
        exact=False,
    ),
    trailers_case("a trailer without white space", "RFC 9112, 5.1", b"X:b\r\n", (b"X", b"b"), exact=False),
    trailers_case("a trailer between white space", "RFC 9112, 5.1", b"X: \tb\t \r\n", (b"X", b"b"), exact=False),
    trailers_case("an empty trailer", "RFC 9110, 5.5", b"X: \r\n", (b"X", b"")),
    trailers_case("a trailer that comes twice", "RFC 9110, 5.3", b"X: b\r\nx: c\r\n", (b"X", b"b"), (b"x", b"c")),
    trailers_case("as many trailers as there may be", "RFC 6585, 5", b"X: b\r\n" * 128, *[(b"X", b"b")] * 128),
    bad_trailer_case(
        "one trailer too many", "RFC 6585, 5", b"X: b\r\n" * 128 + b"@@X: b\r\n\r\n", "limit-trailer_count", status=431
    ),
    bad_trailer_case(
        "a trailer that is too long",
        "RFC 6585, 5",
        b"X: " + b"b" * 8187 + b"@@b\r\n\r\n",
        "limit-field_line",
        status=431,
    ),
    bad_trailer_case(
        "a trailer that never ends",
        "RFC 6585, 5",
        b"X: " + b"b" * 8187 + b"@@" + b"b" * 99,
        "limit-field_line",
        status=431,
    ),
    bad_trailer_case(
        "trailers that are too long together",
        "RFC 6585, 5",
        (b"X: " + b"b" * 8000 + b"\r\n") * 2 + b"X: " + b"b" * 371 + b"@@b\r\n\r\n",
        "limit-trailers",
        status=431,
    ),
    bad_trailer_case("a trailer with an empty name", "RFC 9110, 5.1", b"@@: b\r\n\r\n", "bad-field-name"),
    bad_trailer_case("a trailer with a space in its name", "RFC 9110, 5.1", b"@@X Y: b\r\n\r\n", "bad-field-name"),
    bad_trailer_case("white space before the first trailer", "RFC 9112, 5.2", b"@@ X: b\r\n\r\n", "obs-fold"),
    bad_trailer_case("a tab alone for a trailer", "RFC 9112, 5.2", b"@@\t\r\n\r\n", "obs-fold"),
    bad_trailer_case("a trailer folded with a tab", "RFC 9112, 5.2", b"X: b\r\n@@\tc\r\n\r\n", "obs-fold"),
    bad_trailer_case(
        "a bad trailer that would be dropped", "RFC 9112, 5.1", b"@@Host : b\r\n\r\n", "space-before-colon"
    ),
    bad_trailer_case("a request for a trailer", "RFC 9112, 5", b"@@GET / HTTP/1.1\r\n\r\n", "no-colon"),
    bad_trailer_case("a chunk behind the last", "RFC 9112, 5", b"@@1\r\na\r\n0\r\n\r\n", "no-colon"),
    bad_trailer_case("a bare line feed for the last line", "RFC 9112, 2.2", b"X: b\r\n@@\n", "bare-lf"),
    bad_trailer_case("a bare carriage return for the last line", "RFC 9112, 2.2", b"@@\rX: b\r\n\r\n", "bare-cr"),
]


def unfinished_case(name, body, *events):
    """Return the case of a body that the end of the connection cuts off."""
    return refused(name, "RFC 9112, 8", HEAD + body + b"@@", "incomplete-body", head, *events, eof=True)


UNFINISHED = [
    unfinished_case("the end behind a size's carriage return", b"1\r"),
    unfinished_case("the end inside an extension", b'1;a="b'),
    unfinished_case("the end before a chunk's data", b"1\r\n"),
    unfinished_case("the end before a chunk's line end", b"1\r\na", Data(b"a")),
    unfinished_case("the end inside the second size", b"1\r\na\r\n0", Data(b"a")),
    unfinished_case("the end inside the last size line", b"0\r"),
    unfinished_case("the end behind the last size line", b"0\r\n"),
    unfinished_case("the end inside the last line", b"0\r\n\r"),
    unfinished_case("the end inside a trailer", b"0\r\nX: b"),
    unfinished_case("the end behind a trailer's carriage return", b"0\r\nX: b\r"),
    unfinished_case("the end inside the line behind the trailers", b"0\r\nX: b\r\n\r"),
]


def as_response(case):
    """Return the case of a response whose body is that of a chunked request."""
    return replace(
        case,
        reader=CLIENT,
        wire=case.wire.replace(HEAD, RESPONSE_HEAD),
        events=(response_head, *case.events[1:]),
        status=502 if case.rule else 0,
        offset=case.offset + len(RESPONSE_HEAD) - len(HEAD) if case.rule else 0,
        sent=(get(b"/"), end),
    )


REQUESTS = [*SIZES, *EXTENSIONS, *ENDS, *TRAILERS, *UNFINISHED]
CHUNK_CASES = [*REQUESTS, *map(as_response, [*CHUNKS, *REQUESTS])]
