"""Interim responses, and how long a response is: by its status, its request, its fields and the end."""

from drywire_sansio.http1 import (
    CLIENT,
    CLOSED,
    DONE,
    MUST_CLOSE,
    SEND_BODY,
    SEND_RESPONSE,
    SWITCHED_PROTOCOL,
    ConnectionClosed,
    Data,
    EndOfMessage,
    InformationalResponse,
    Request,
    Response,
)

from .case import HOST, both_for

_accepted, _refused = both_for(CLIENT)
end = EndOfMessage()
LENGTH_3 = (b"Content-Length", b"3")
EMPTY = (b"Content-Length", b"0")
CODING = (b"Transfer-Encoding", b"chunked")
CLOSE = (b"Connection", b"close")
KEEP_ALIVE = (b"Connection", b"keep-alive")


def request(method=b"GET", target=b"/", *fields, version=b"1.1"):
    """Return the events of a request without a body."""
    return Request(method, target, [HOST, *fields], version), end


GET, HEAD, CONNECT = request(), request(b"HEAD"), request(b"CONNECT", b"a:1")
UPGRADE = request(b"GET", b"/", (b"Connection", b"upgrade"), (b"Upgrade", b"b"))
OLD_GET = request(version=b"1.0")


def accepted(name, section, wire, *events, to=GET, **options):
    return _accepted(name, section, wire, *events, sent=to, **options)


def refused(name, section, wire, rule, *events, to=GET, **options):
    return _refused(name, section, wire, rule, *events, sent=to, **options)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ok = Response(200, [EMPTY], b"OK")

WITHOUT_BODY = (
    ("206 to HEAD", 206, HEAD),
    ("404 to HEAD", 404, HEAD),
    ("204 to HEAD", 204, HEAD),
    ("304 to HEAD", 304, HEAD),
    ("204 to DELETE", 204, request(b"DELETE")),
    ("304 to a condition", 304, request(b"GET", b"/", (b"If-None-Match", b'"a"'))),
)
SAYINGS = (
    ("says nothing", ()),
    ("says a length", (LENGTH_3,)),
    ("says a length of zero", (EMPTY,)),
    ("says it is chunked", (CODING,)),
)


def response_wire(status, fields, version=b"1.1"):
    lines = b"".join(b"%b: %b\r\n" % pair for pair in fields)
    return b"HTTP/%b %d \r\n%b\r\n" % (version, status, lines)


def framed_case(name, section, status, fields, body, *events, version=b"1.1", **options):
    """Return the case of a response with `fields` and a body."""
    wire = response_wire(status, fields, version) + body
    return accepted(name, section, wire, Response(status, list(fields), b"", version), *events, **options)


# RFC 9112, 6.3, rule 1: these end with their heads, whatever the heads say.
BODILESS = [
    *(
        framed_case(f"{name} that {saying}", "RFC 9112, 6.3", status, fields, b"", end, to=to, writable=False)
        for name, status, to in WITHOUT_BODY
        for saying, fields in SAYINGS
    ),
    *(
        framed_case(
            f"{name} of HTTP/1.0 that says a length",
            "RFC 9112, 6.3",
            status,
            (LENGTH_3,),
            b"",
            end,
            version=b"1.0",
            state=MUST_CLOSE,
            to=to,
            writable=False,
        )
        for name, status, to in WITHOUT_BODY
    ),
    *(
        refused(
            f"{name} that says {what}",
            section,
            b"HTTP/1.1 %d \r\n@@A: b\r\n%b\r\n\r\n" % (status, lines),
            rule,
            to=to,
        )
        for name, status, to in WITHOUT_BODY
        for what, section, lines, rule in (
            ("two lengths", "RFC 9112, 6.3", b"Content-Length: 3\r\nContent-Length: 3", "repeated-field"),
            ("a bad length", "RFC 9110, 8.6", b"Content-Length: +3", "bad-content-length"),
            ("an unknown coding", "RFC 9112, 6.1", b"Transfer-Encoding: gzip, chunked", "unknown-coding"),
            ("both", "RFC 9112, 6.1", b"Content-Length: 3\r\nTransfer-Encoding: chunked", "length-and-coding"),
        )
    ),
]

CHUNKED_BODY = b"3\r\nabc\r\n0\r\n\r\n"
abc = (Data(b"abc"), end)
# Everything else is framed by its fields, whatever its status.
FRAMED = [
    case
    for status in (200, 203, 205, 206, 301, 404, 500, 999)
    for case in (
        framed_case(f"{status} with a length", "RFC 9112, 6.3", status, (LENGTH_3,), b"abc", *abc),
        framed_case(f"{status} in the chunked coding", "RFC 9112, 6.3", status, (CODING,), CHUNKED_BODY, *abc),
    )
]

# RFC 9110, 9.3.6: any 2xx opens the tunnel, and no length counts; anything else is a response like any other.
TUNNELS = [
    *(
        framed_case(
            f"{status} to CONNECT that {saying}",
            "RFC 9110, 9.3.6",
            status,
            fields,
            b"",
            to=CONNECT,
            state=SWITCHED_PROTOCOL,
            writable=False,
        )
        for status in (201, 202, 204, 299)
        for saying, fields in SAYINGS
    ),
    *(
        framed_case(
            f"{status} to CONNECT does not open a tunnel",
            "RFC 9110, 9.3.6",
            status,
            (LENGTH_3,),
            b"abc",
            *abc,
            to=CONNECT,
            writable=False,
        )
        for status in (300, 403, 502)
    ),
    framed_case("304 to CONNECT", "RFC 9112, 6.3", 304, (LENGTH_3,), b"", end, to=CONNECT, writable=False),
    framed_case(
        "a tunnel refused in the chunked coding",
        "RFC 9110, 9.3.6",
        403,
        (CODING,),
        CHUNKED_BODY,
        *abc,
        to=CONNECT,
        writable=False,
    ),
    framed_case(
        "a tunnel that says close",
        "RFC 9110, 9.3.6",
        200,
        (CLOSE,),
        b"",
        to=CONNECT,
        state=SWITCHED_PROTOCOL,
    ),
    framed_case(
        "a tunnel of HTTP/1.0",
        "RFC 9110, 9.3.6",
        200,
        (),
        b"",
        version=b"1.0",
        to=CONNECT,
        state=SWITCHED_PROTOCOL,
        writable=False,
    ),
    refused(
        "a tunnel that says both a length and a coding",
        "RFC 9112, 6.1",
        b"HTTP/1.1 200 \r\n@@Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "length-and-coding",
        to=CONNECT,
    ),
    accepted(
        "a continue before a tunnel",
        "RFC 9110, 15.2",
        b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 \r\n\r\n",
        InformationalResponse(100),
        Response(200),
        to=CONNECT,
        state=SWITCHED_PROTOCOL,
    ),
]


def until_close_case(name, status, fields, body, *events, version=b"1.1", ended=True, **options):
    """Return the case of a body that the end of the connection ends, or did not end yet."""
    if ended:
        events += (end, ConnectionClosed())
    state = CLOSED if ended else SEND_BODY
    section = "RFC 9112, 6.3"
    return framed_case(
        name, section, status, fields, body, *events, version=version, eof=ended, state=state, writable=False, **options
    )


def body_of(data):
    return (data, Data(data))


UNTIL_CLOSE = [
    until_close_case("a body of HTTP/1.0 until the end", 200, (), *body_of(b"ab"), version=b"1.0"),
    until_close_case("an empty body of HTTP/1.0 until the end", 200, (), b"", version=b"1.0"),
    until_close_case("a body until the end that persists", 200, (KEEP_ALIVE,), *body_of(b"ab")),
    until_close_case(
        "a body until the end of HTTP/1.0 that persists", 200, (KEEP_ALIVE,), *body_of(b"ab"), version=b"1.0"
    ),
    until_close_case("404 until the end", 404, (CLOSE,), *body_of(b"ab")),
    until_close_case("205 until the end", 205, (), b""),
    until_close_case("a body until the end that looks like a response", 200, (), *body_of(OK)),
    until_close_case("a body until the end that looks like chunks", 200, (), *body_of(b"1\r\na\r\n0\r\n\r\n")),
    until_close_case("a body until the end of line ends", 200, (), *body_of(b"\r\n\r\n\n\r\0")),
    until_close_case("a refused tunnel until the end", 403, (), *body_of(b"ab"), to=CONNECT),
    until_close_case("a body until the end for HTTP/1.0", 200, (), *body_of(b"ab"), to=OLD_GET),
    until_close_case("a body of HTTP/1.0 that goes on", 200, (), *body_of(b"ab"), version=b"1.0", ended=False),
    until_close_case("a body that did not begin", 200, (), b"", ended=False),
    framed_case(
        "a length of HTTP/1.0",
        "RFC 9112, 6.3",
        200,
        (LENGTH_3,),
        b"abc",
        *abc,
        version=b"1.0",
        state=MUST_CLOSE,
        writable=False,
    ),
    framed_case(
        "a length of HTTP/1.0 that persists",
        "RFC 9112, 9.3",
        200,
        (LENGTH_3, KEEP_ALIVE),
        b"abc",
        *abc,
        version=b"1.0",
        writable=False,
    ),
    framed_case("a length and close", "RFC 9112, 9.6", 200, (LENGTH_3, CLOSE), b"abc", *abc, state=MUST_CLOSE),
    framed_case("chunks and close", "RFC 9112, 9.6", 200, (CODING, CLOSE), CHUNKED_BODY, *abc, state=MUST_CLOSE),
    framed_case(
        "close in capitals in a list",
        "RFC 9112, 9.6",
        200,
        (EMPTY, (b"Connection", b"x , CLOSE")),
        b"",
        end,
        state=MUST_CLOSE,
    ),
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
cont = InformationalResponse(100, [], b"Continue")
SWITCH = b"HTTP/1.1 101 \r\nUpgrade: b\r\n\r\n"
switch = InformationalResponse(101, [(b"Upgrade", b"b")])
INTERIM = [
    *(
        accepted(
            f"the interim status {status}",
            "RFC 9110, 15.2",
            b"HTTP/1.1 %d \r\n\r\n" % status + OK,
            InformationalResponse(status),
            ok,
            end,
        )
        for status in (100, 102, 103, 104, 150, 199)
    ),
    accepted(
        "an interim response with fields",
        "RFC 9110, 15.2",
        b"HTTP/1.1 103 \r\nLink: </a>\r\nLink: </b>\r\n\r\n" + OK,
        InformationalResponse(103, [(b"Link", b"</a>"), (b"Link", b"</b>")]),
        ok,
        end,
    ),
    accepted("as many interim responses as there may be", "RFC 9110, 15.2", CONTINUE * 32 + OK, *[cont] * 32, ok, end),
    refused(
        "one interim response too many",
        "RFC 9110, 15.2",
        CONTINUE * 33 + b"@@" + OK,
        "limit-informational",
        *[cont] * 32,
    ),
    refused(
        "interim responses that never end",
        "RFC 9110, 15.2",
        CONTINUE * 33 + b"@@" + CONTINUE * 9,
        "limit-informational",
        *[cont] * 32,
    ),
    accepted(
        "an interim response and part of the next",
        "RFC 9110, 15.2",
        CONTINUE + b"HTTP/1.1 2",
        cont,
        state=SEND_RESPONSE,
        writable=False,
    ),
    accepted("an interim response to HEAD", "RFC 9110, 15.2", CONTINUE + OK, cont, ok, end, to=HEAD),
    accepted(
        "a continue and an early refusal",
        "RFC 9110, 10.1.1",
        CONTINUE + b"HTTP/1.1 417 \r\nContent-Length: 3\r\n\r\nabc",
        cont,
        Response(417, [LENGTH_3]),
        *abc,
    ),
    accepted(
        "a continue and a body until the end",
        "RFC 9112, 6.3",
        CONTINUE + b"HTTP/1.1 200 \r\n\r\nab",
        cont,
        Response(200),
        Data(b"ab"),
        state=SEND_BODY,
        writable=False,
    ),
    *(
        refused(
            f"an interim {status} {what}",
            "RFC 9110, 8.6",
            b"HTTP/1.1 %d \r\n@@A: b\r\n%b\r\n\r\n" % (status, lines) + OK,
            "interim-body",
        )
        for status in (100, 103, 199)
        for what, lines in (
            ("with a length", b"Content-Length: 3"),
            ("with a bad length", b"Content-Length: x"),
            ("in the chunked coding", b"Transfer-Encoding: chunked"),
            ("with both", b"Content-Length: 0\r\nTransfer-Encoding: chunked"),
        )
    ),
    refused(
        "an interim response with two lengths",
        "RFC 9112, 6.3",
        b"HTTP/1.1 100 \r\n@@Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + OK,
        "repeated-field",
    ),
    refused("a body behind an interim response", "RFC 9112, 2.3", CONTINUE + b"@@abc\r\n" + OK, "bad-version", cont),
    refused(
        "an empty line behind an interim response", "RFC 9112, 2.3", CONTINUE + b"@@\r\n" + OK, "bad-version", cont
    ),
    refused(
        "a bad status behind an interim response",
        "RFC 9112, 4",
        CONTINUE + b"@@HTTP/1.1 20 OK\r\n\r\n",
        "bad-status-line",
        cont,
    ),
    refused(
        "a switch behind a continue that nobody asked for",
        "RFC 9110, 7.8",
        CONTINUE + SWITCH + b"@@",
        "unasked-switch",
        cont,
    ),
    refused("a switch in answer to HEAD", "RFC 9110, 7.8", SWITCH + b"@@", "unasked-switch", to=HEAD),
    refused(
        "a switch for an Upgrade that Connection does not name",
        "RFC 9110, 7.8",
        SWITCH + b"@@",
        "unasked-switch",
        to=request(b"GET", b"/", (b"Upgrade", b"b")),
    ),
    refused(
        "a switch for an HTTP/1.0 request",
        "RFC 9110, 7.8",
        SWITCH + b"@@",
        "unasked-switch",
        to=request(b"GET", b"/", (b"Connection", b"upgrade"), (b"Upgrade", b"b"), version=b"1.0"),
    ),
    refused(
        "a switch that says it has a body",
        "RFC 9110, 8.6",
        b"HTTP/1.1 101 \r\n@@Upgrade: b\r\nContent-Length: 3\r\n\r\nabc",
        "interim-body",
        to=UPGRADE,
    ),
    accepted(
        "early hints before a switch",
        "RFC 9110, 7.8",
        b"HTTP/1.1 103 \r\n\r\n" + SWITCH,
        InformationalResponse(103),
        switch,
        to=UPGRADE,
        state=SWITCHED_PROTOCOL,
    ),
    accepted(
        "an upgrade that is refused",
        "RFC 9110, 7.8",
        b"HTTP/1.1 426 \r\nContent-Length: 3\r\n\r\nabc",
        Response(426, [LENGTH_3]),
        *abc,
        to=UPGRADE,
        state=DONE,
    ),
]


def early_end(name, rule, wire, *events, **options):
    return refused(name, "RFC 9112, 8", wire + b"@@", rule, *events, eof=True, **options)


EARLY_ENDS = [
    early_end("the end inside the version", "incomplete-head", b"HTTP/1"),
    early_end("the end behind the status line's carriage return", "incomplete-head", b"HTTP/1.1 200 OK\r"),
    early_end("the end behind the status line", "incomplete-head", b"HTTP/1.1 200 OK\r\n"),
    early_end("the end inside the empty line", "incomplete-head", b"HTTP/1.1 200 OK\r\nA: b\r\n\r"),
    early_end("the end inside an interim response", "incomplete-head", b"HTTP/1.1 100 Continue\r\n"),
    early_end("the end inside what follows an interim response", "incomplete-head", CONTINUE + b"H", cont),
    early_end("the end without an answer to CONNECT", "closed-without-response", b"", to=CONNECT),
    early_end("the end without an answer to HEAD", "closed-without-response", b"", to=HEAD),
    early_end("the end without an answer to an upgrade", "closed-without-response", CONTINUE, cont, to=UPGRADE),
    early_end(
        "the end before a body",
        "incomplete-body",
        response_wire(200, (LENGTH_3,)),
        Response(200, [LENGTH_3]),
    ),
    early_end(
        "the end one byte before that of a body",
        "incomplete-body",
        response_wire(200, (LENGTH_3,)) + b"ab",
        Response(200, [LENGTH_3]),
        Data(b"ab"),
    ),
    early_end(
        "the end inside a body of a server that closes",
        "incomplete-body",
        response_wire(200, (LENGTH_3, CLOSE)) + b"ab",
        Response(200, [LENGTH_3, CLOSE]),
        Data(b"ab"),
    ),
    early_end(
        "the end inside a body of HTTP/1.0",
        "incomplete-body",
        response_wire(200, (LENGTH_3,), b"1.0") + b"ab",
        Response(200, [LENGTH_3], b"", b"1.0"),
        Data(b"ab"),
    ),
    early_end(
        "the end inside the refusal of a tunnel",
        "incomplete-body",
        response_wire(403, (LENGTH_3,)) + b"ab",
        Response(403, [LENGTH_3]),
        Data(b"ab"),
        to=CONNECT,
    ),
]


def too_much_case(name, fields, body, *events, to=GET, version=b"1.1"):
    """Return the case of bytes behind a response that was said to be the last."""
    head = response_wire(200, fields, version)
    response = Response(200, list(fields), b"", version)
    return refused(name, "RFC 9112, 9.6", head + body, "data-after-end", response, *events, to=to)


TOO_MUCH = [
    too_much_case("a second response behind the last", (EMPTY, CLOSE), b"@@" + OK, end),
    too_much_case("a line end behind the last response", (EMPTY, CLOSE), b"@@\r\n", end),
    too_much_case("a longer body than the last response said", (LENGTH_3, CLOSE), b"abc@@d", *abc),
    too_much_case("a body behind the last response to HEAD", (LENGTH_3, CLOSE), b"@@abc", end, to=HEAD),
    too_much_case("a line end behind the last chunk of all", (CODING, CLOSE), CHUNKED_BODY + b"@@\r\n", *abc),
    too_much_case("a byte behind a response of HTTP/1.0", (EMPTY,), b"@@a", end, version=b"1.0"),
]

RESPONSE_FRAMING_CASES = [
    *BODILESS,
    *FRAMED,
    *TUNNELS,
    *UNTIL_CLOSE,
    *INTERIM,
    *EARLY_ENDS,
    *TOO_MUCH,
]
