"""Bytes that cannot stand where they stand: each in every place of a message that has a grammar of its own.

Of a control byte, a bare carriage return and a bare line feed, the byte itself is to blame; of a byte above ASCII,
which is no worse than any other wrong letter, the element that it spoils.
"""

from drywire_sansio.http1 import Data, EndOfMessage, Request, Response

from .case import CLIENT, HOST, SERVER, accepted, both_for, get, post, refused

_, refused_request = both_for(SERVER)
end = EndOfMessage()
GET = (get(b"/"), end)
CODING = (b"Transfer-Encoding", b"chunked")

CONTROL = ("control-byte", "RFC 9110, 5.5")
BARE_CR = ("bare-cr", "RFC 9112, 2.2")
BARE_LF = ("bare-lf", "RFC 9112, 2.2")
OCTETS = (
    ("NUL", b"\0", CONTROL),
    ("a vertical tab", b"\x0b", CONTROL),
    ("DEL", b"\x7f", CONTROL),
    ("a bare CR", b"\r", BARE_CR),
    ("a bare LF", b"\n", BARE_LF),
)
REQUEST_LINE = b"GET /c HTTP/1.1\r\n"
FIRST = REQUEST_LINE + b"Host: a\r\n"

# Where, and what stands before and behind the byte. None of the bytes in OCTETS may stand in any of them.
REQUEST_PLACES = (
    ("before the method", b"", FIRST + b"\r\n"),
    ("in the method", b"G", b"ET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("behind the method", b"GET", b" / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("before the target", b"GET ", b"/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("in the target", b"GET /a", b"b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("before the version", b"GET / ", b"HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("in the version", b"GET / HTTP/1", b".1\r\nHost: a\r\n\r\n"),
    ("behind the version", b"GET /c HTTP/1.1", b"\r\nHost: a\r\n\r\n"),
    ("before the first field", REQUEST_LINE, b"Host: a\r\n\r\n"),
    ("in the Host", REQUEST_LINE + b"Host: a", b"b\r\n\r\n"),
    ("before a field's name", FIRST, b"Xy: b\r\n\r\n"),
    ("in a field's name", FIRST + b"X", b"y: b\r\n\r\n"),
    ("before the colon", FIRST + b"Xy", b": b\r\n\r\n"),
    ("behind the colon", FIRST + b"Xy:", b" b\r\n\r\n"),
    ("in a field's value", FIRST + b"Xy: b", b"c\r\n\r\n"),
    ("behind a field's value", FIRST + b"Xy: b", b"\r\n\r\n"),
    ("before the empty line", FIRST, b"\r\n"),
)
CHUNKED_REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
chunked_request = post([HOST, CODING])
REST = b"\r\n0123456789abcdef\r\n0\r\n\r\n"
CHUNK_PLACES = (
    ("before a chunk's size", b"", b"10" + REST),
    ("in a chunk's size", b"1", b"0" + REST),
    ("behind a chunk's size", b"10", REST),
    ("before an extension's name", b"10;", b"a" + REST),
    ("in an extension's name", b"10;a", b"b=c" + REST),
    ("in an extension's value", b"10;a=b", b"c" + REST),
    ("in a quoted extension", b'10;a="b', b'c"' + REST),
    ("behind a backslash in an extension", b'10;a="\\', b'"' + REST),
    ("behind an extension", b"10;a=b", REST),
    ("behind the last size", b"0", b"\r\n\r\n"),
    ("before a trailer", b"0\r\n", b"Xy: b\r\n\r\n"),
    ("in a trailer's name", b"0\r\nX", b"y: b\r\n\r\n"),
    ("in a trailer's value", b"0\r\nXy: b", b"c\r\n\r\n"),
    ("behind the trailers", b"0\r\nXy: b\r\n", b"\r\n"),
)
STATUS_LINE = b"HTTP/1.1 200 OK\r\n"
CHUNKED_RESPONSE = STATUS_LINE + b"Transfer-Encoding: chunked\r\n\r\n"
chunked_response = Response(200, [CODING], b"OK")
RESPONSE_PLACES = (
    ("before the version", b"", STATUS_LINE + b"\r\n"),
    ("in the version", b"HTTP/1", b".1 200 OK\r\n\r\n"),
    ("in the status", b"HTTP/1.1 2", b"00 OK\r\n\r\n"),
    ("behind the status", b"HTTP/1.1 200", b" OK\r\n\r\n"),
    ("in the reason", b"HTTP/1.1 200 O", b"K\r\n\r\n"),
    ("behind the reason", b"HTTP/1.1 200 OK", b"\r\n\r\n"),
    ("before a field's name", STATUS_LINE, b"Xy: b\r\n\r\n"),
    ("in a field's name", STATUS_LINE + b"X", b"y: b\r\n\r\n"),
    ("before the colon", STATUS_LINE + b"Xy", b": b\r\n\r\n"),
    ("in a field's value", STATUS_LINE + b"Xy: b", b"c\r\n\r\n"),
    ("behind a field's value", STATUS_LINE + b"Xy: b", b"\r\n\r\n"),
    ("before the empty line", STATUS_LINE + b"Xy: b\r\n", b"\r\n"),
)


def octet_cases(reader, places, head=b"", *events, **options):
    """Return a case for each of OCTETS in each of `places`, behind `head`, which is `events`."""
    return [
        refused(f"{octet} {where}", section, reader, head + before + b"@@" + byte + behind, rule, *events, **options)
        for where, before, behind in places
        for octet, byte, (rule, section) in OCTETS
    ]


# The other control bytes, one after the other, in the one place that could seem to allow anything.
OTHER_CONTROLS = [
    refused_request(
        f"the byte 0x{byte:02x} in a field's value", "RFC 9110, 5.5", FIRST + b"Xy: b@@%cc\r\n\r\n" % byte, CONTROL[0]
    )
    for byte in range(0x20)
    if byte not in b"\0\t\n\x0b\r"
]

HIGH = ((0x80, "the first byte above ASCII"), (0xA0, "a no-break space"), (0xFF, "the last byte of all"))
# Where, the bytes before (with the mark, which is on the element), the bytes behind, and what is said of it.
HIGH_REQUEST_PLACES = (
    ("in the method", b"@@G", b"ET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad-method", "RFC 9110, 9.1"),
    ("in the target", b"GET @@/a", b" HTTP/1.1\r\nHost: a\r\n\r\n", "bad-target", "RFC 9112, 3.2"),
    ("in the version", b"GET / @@HTTP/1.1", b"\r\nHost: a\r\n\r\n", "bad-version", "RFC 9112, 2.3"),
    ("in the Host", REQUEST_LINE + b"@@Host: a", b"\r\n\r\n", "bad-host", "RFC 9112, 3.2"),
    ("in a field's name", FIRST + b"@@X", b": b\r\n\r\n", "bad-field-name", "RFC 9110, 5.1"),
    (
        "in a length",
        REQUEST_LINE + b"@@Host: a\r\nContent-Length: 0",
        b"\r\n\r\n",
        "bad-content-length",
        "RFC 9110, 8.6",
    ),
)
HIGH_CHUNK_PLACES = (
    ("in a chunk's size", b"@@1", REST, "bad-chunk-size", "RFC 9112, 7.1"),
    ("in an extension's name", b"@@1;a", REST, "bad-chunk-size", "RFC 9112, 7.1"),
    ("in an extension's value", b"@@1;a=b", REST, "bad-chunk-size", "RFC 9112, 7.1"),
    ("in a trailer's name", b"0\r\n@@X", b": b\r\n\r\n", "bad-field-name", "RFC 9110, 5.1"),
)
HIGH_RESPONSE_PLACES = (
    ("in the version", b"@@HTTP/1.1", b" 200 OK\r\n\r\n", "bad-version", "RFC 9112, 2.3"),
    ("in the status", b"@@HTTP/1.1 200", b"\r\n\r\n", "bad-status-line", "RFC 9112, 4"),
    ("in a field's name", STATUS_LINE + b"@@X", b": b\r\n\r\n", "bad-field-name", "RFC 9110, 5.1"),
)


def high_cases(reader, places, head=b"", *events, **options):
    """Return a case for each byte of HIGH in each of `places`."""
    return [
        refused(f"{name} {where}", section, reader, head + before + b"%c" % byte + behind, rule, *events, **options)
        for where, before, behind, rule, section in places
        for byte, name in HIGH
    ]


# What may stand in a value: a tab, and every byte above ASCII.
VALUES = ((b"a\tb", "a tab"), *((b"a%cb" % byte, name) for byte, name in HIGH))
ALLOWED = [
    *(
        accepted(
            f"{name} in a value is allowed",
            "RFC 9110, 5.5",
            SERVER,
            FIRST + b"Xy: " + value + b"\r\n\r\n",
            Request(b"GET", b"/c", [HOST, (b"Xy", value)]),
            end,
        )
        for value, name in VALUES
    ),
    *(
        accepted(
            f"{name} in a reason is allowed",
            "RFC 9112, 4",
            CLIENT,
            b"HTTP/1.1 200 " + value + b"\r\nContent-Length: 0\r\n\r\n",
            Response(200, [(b"Content-Length", b"0")], value),
            end,
            sent=GET,
        )
        for value, name in VALUES
    ),
    *(
        accepted(
            f"{name} in a trailer is allowed",
            "RFC 9112, 7.1.2",
            SERVER,
            CHUNKED_REQUEST + b"0\r\nXy: " + value + b"\r\n\r\n",
            chunked_request,
            EndOfMessage([(b"Xy", value)]),
        )
        for value, name in VALUES
    ),
    *(
        accepted(
            f"{name} in a quoted extension is allowed",
            "RFC 9112, 7.1.1",
            SERVER,
            CHUNKED_REQUEST + b'1;a="' + value + b'"\r\nb\r\n0\r\n\r\n',
            chunked_request,
            Data(b"b"),
            end,
            exact=False,
        )
        for value, name in VALUES
    ),
    accepted(
        "every byte there is in a body",
        "RFC 9112, 6.3",
        SERVER,
        CHUNKED_REQUEST + b"100\r\n" + bytes(range(256)) + b"\r\n0\r\n\r\n",
        chunked_request,
        Data(bytes(range(256))),
        end,
    ),
]

OCTET_CASES = [
    *octet_cases(SERVER, REQUEST_PLACES),
    *octet_cases(SERVER, CHUNK_PLACES, CHUNKED_REQUEST, chunked_request),
    *octet_cases(CLIENT, RESPONSE_PLACES, sent=GET),
    *octet_cases(CLIENT, CHUNK_PLACES, CHUNKED_RESPONSE, chunked_response, sent=GET),
    *OTHER_CONTROLS,
    *high_cases(SERVER, HIGH_REQUEST_PLACES),
    *high_cases(SERVER, HIGH_CHUNK_PLACES, CHUNKED_REQUEST, chunked_request),
    *high_cases(CLIENT, HIGH_RESPONSE_PLACES, sent=GET),
    *high_cases(CLIENT, HIGH_CHUNK_PLACES, CHUNKED_RESPONSE, chunked_response, sent=GET),
    *ALLOWED,
]
