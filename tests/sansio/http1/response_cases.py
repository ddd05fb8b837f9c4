"""Responses as a client reads them, and as a server writes them: each with the section that decides."""

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
LENGTH_2 = (b"Content-Length", b"2")
EMPTY = (b"Content-Length", b"0")
CODING = (b"Transfer-Encoding", b"chunked")
CLOSE = (b"Connection", b"close")


def request(method=b"GET", target=b"/", *fields, version=b"1.1"):
    """Return the events of a request without a body."""
    return Request(method, target, [HOST, *fields], version), end


GET, HEAD = request(), request(b"HEAD")
CONNECT = request(b"CONNECT", b"a:1")
UPGRADE = request(b"GET", b"/", (b"Connection", b"upgrade"), (b"Upgrade", b"websocket"))


def accepted(name, section, wire, *events, to=GET, **options):
    return _accepted(name, section, wire, *events, sent=to, **options)


def refused(name, section, wire, rule, *events, to=GET, **options):
    return _refused(name, section, wire, rule, *events, sent=to, **options)


def status_case(name, line, status, reason, **options):
    wire = line + b"\r\nContent-Length: 0\r\n\r\n"
    return accepted(name, "RFC 9112, 4", wire, Response(status, [EMPTY], reason), end, **options)


def bad_status_case(name, line, rule="bad-status-line", section="RFC 9112, 4"):
    return refused(name, section, b"@@" + line + b"\r\nContent-Length: 0\r\n\r\n", rule)


STATUS_LINES = [
    status_case("a status line", b"HTTP/1.1 200 OK", 200, b"OK"),
    status_case("a reason with spaces", b"HTTP/1.1 404 Not  Found ", 404, b"Not  Found "),
    status_case("an empty reason", b"HTTP/1.1 202 ", 202, b""),
    status_case("no reason and no space", b"HTTP/1.1 200", 200, b"", exact=False),
    status_case("a reason above ASCII", b"HTTP/1.1 200 \xc3\xa0 la carte", 200, b"\xc3\xa0 la carte"),
    status_case("a status that nobody knows", b"HTTP/1.1 999 What", 999, b"What"),
    bad_status_case("a status of two digits", b"HTTP/1.1 99 OK"),
    bad_status_case("a status of four digits", b"HTTP/1.1 2000 OK"),
    bad_status_case("a status below 100", b"HTTP/1.1 099 OK"),
    bad_status_case("a status of letters", b"HTTP/1.1 2x0 OK"),
    bad_status_case("no status", b"HTTP/1.1"),
    bad_status_case("two spaces before the status", b"HTTP/1.1  200 OK"),
    bad_status_case("a tab before the reason", b"HTTP/1.1 200\tOK"),
    bad_status_case("not HTTP", b"SSH-2.0-OpenSSH_9.6", "bad-version", "RFC 9112, 2.3"),
    bad_status_case("a version in lower case", b"http/1.1 200 OK", "bad-version", "RFC 9112, 2.3"),
    bad_status_case("HTTP/2.0", b"HTTP/2.0 200 OK", "unsupported-version", "RFC 9110, 15.6.6"),
    refused("an empty line before a response", "RFC 9112, 2.3", b"@@\r\nHTTP/1.1 200 OK\r\n\r\n", "bad-version"),
    refused("a response whose lines end in line feeds", "RFC 9112, 2.2", b"HTTP/1.1 200 OK@@\n\n", "bare-lf"),
    refused("a control byte in a reason", "RFC 9110, 5.5", b"HTTP/1.1 200 @@\x1bOK\r\n\r\n", "control-byte"),
]


def body_case(name, section, fields, body, *events, status=200, version=b"1.1", **options):
    """Return the case of a response with `fields` and a body."""
    lines = b"".join(b"%b: %b\r\n" % pair for pair in fields)
    wire = b"HTTP/%b %d \r\n%b\r\n%b" % (version, status, lines, body)
    return accepted(name, section, wire, Response(status, list(fields), b"", version), *events, **options)


def bad_framing_case(name, section, lines, rule, version=b"1.1", **options):
    wire = b"HTTP/%b 200 OK\r\n@@%b\r\n" % (version, lines)
    return refused(name, section, wire, rule, **options)


BODIES = [
    body_case("a body of announced length", "RFC 9112, 6.3", [LENGTH_2], b"ab", Data(b"ab"), end),
    body_case("a chunked body", "RFC 9112, 7.1", [CODING], b"2\r\nab\r\n0\r\n\r\n", Data(b"ab"), end),
    body_case(
        "a chunked body with trailers", "RFC 9112, 7.1.2", [CODING], b"0\r\nX: b\r\n\r\n", EndOfMessage([(b"X", b"b")])
    ),
    body_case(
        "a body until the end",
        "RFC 9112, 6.3",
        [CLOSE],
        b"ab",
        Data(b"ab"),
        end,
        ConnectionClosed(),
        eof=True,
        state=CLOSED,
        writable=False,
    ),
    body_case(
        "an empty body until the end",
        "RFC 9112, 6.3",
        [],
        b"",
        end,
        ConnectionClosed(),
        eof=True,
        state=CLOSED,
        writable=False,
    ),
    body_case("a body that goes on", "RFC 9112, 6.3", [], b"ab", Data(b"ab"), state=SEND_BODY, writable=False),
    body_case("HEAD has no body but may say how long it would be", "RFC 9112, 6.3", [LENGTH_2], b"", end, to=HEAD),
    body_case("HEAD has no body, whatever its coding", "RFC 9112, 6.3", [CODING], b"", end, to=HEAD),
    body_case("HEAD that says nothing", "RFC 9112, 6.3", [], b"", end, to=HEAD),
    body_case("204 has no body", "RFC 9112, 6.3", [], b"", end, status=204),
    body_case("204 has no body, whatever it says", "RFC 9112, 6.3", [LENGTH_2], b"", end, status=204, writable=False),
    body_case("304 has no body", "RFC 9112, 6.3", [LENGTH_2], b"", end, status=304),
    body_case("304 that says nothing", "RFC 9112, 6.3", [], b"", end, status=304),
    body_case("205 may have a body of no length", "RFC 9110, 15.3.6", [EMPTY], b"", end, status=205),
    bad_framing_case("two lengths", "RFC 9112, 6.3", b"Content-Length: 2\r\nContent-Length: 2\r\n", "repeated-field"),
    bad_framing_case("a list of lengths", "RFC 9110, 8.6", b"Content-Length: 2, 2\r\n", "bad-content-length"),
    bad_framing_case("a length with a sign", "RFC 9110, 8.6", b"Content-Length: +2\r\n", "bad-content-length"),
    bad_framing_case(
        "a length and the chunked coding",
        "RFC 9112, 6.1",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "length-and-coding",
    ),
    bad_framing_case(
        "a length and the chunked coding where there is no body anyway",
        "RFC 9112, 6.1",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "length-and-coding",
        to=HEAD,
    ),
    bad_framing_case("an unknown coding", "RFC 9112, 6.1", b"Transfer-Encoding: gzip\r\n", "bad-transfer-encoding"),
    bad_framing_case(
        "the chunked coding in HTTP/1.0",
        "RFC 9112, 6.1",
        b"Transfer-Encoding: chunked\r\n",
        "transfer-encoding-1.0",
        version=b"1.0",
    ),
]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
cont = InformationalResponse(100, [], b"Continue")
hints = InformationalResponse(103, [(b"Link", b"</a>")], b"Early Hints")
ok = Response(200, [EMPTY], b"OK")
SWITCH = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"
INTERIM = [
    accepted("a continue and a response", "RFC 9110, 15.2.1", CONTINUE + OK, cont, ok, end),
    accepted(
        "several interim responses",
        "RFC 9110, 15.2",
        EARLY_HINTS + CONTINUE + EARLY_HINTS + OK,
        hints,
        cont,
        hints,
        ok,
        end,
    ),
    accepted("an interim response alone", "RFC 9110, 15.2", CONTINUE, cont, state=SEND_RESPONSE),
    accepted(
        "an interim response that says it has a body of no length",
        "RFC 9110, 8.6",
        b"HTTP/1.1 102 \r\nContent-Length: 0\r\n\r\n" + OK,
        InformationalResponse(102, [EMPTY]),
        ok,
        end,
        writable=False,
    ),
    refused(
        "an interim response that says it has a body",
        "RFC 9110, 8.6",
        b"HTTP/1.1 102 \r\n@@Content-Length: 2\r\n\r\n" + OK,
        "interim-body",
    ),
    refused(
        "an interim response in the chunked coding",
        "RFC 9110, 8.6",
        b"HTTP/1.1 103 \r\n@@X: y\r\nTransfer-Encoding: chunked\r\n\r\n" + OK,
        "interim-body",
    ),
    accepted(
        "an interim response that says close does not mean it yet",
        "RFC 9112, 9.6",
        b"HTTP/1.1 103 \r\nConnection: close\r\n\r\n" + OK,
        InformationalResponse(103, [CLOSE]),
        ok,
        end,
    ),
    accepted(
        "a switch of protocols",
        "RFC 9110, 7.8",
        SWITCH,
        InformationalResponse(101, [(b"Upgrade", b"websocket")], b"Switching"),
        to=UPGRADE,
        state=SWITCHED_PROTOCOL,
    ),
    accepted(
        "a continue before a switch",
        "RFC 9110, 7.8",
        CONTINUE + SWITCH,
        cont,
        InformationalResponse(101, [(b"Upgrade", b"websocket")], b"Switching"),
        to=UPGRADE,
        state=SWITCHED_PROTOCOL,
    ),
    accepted("an upgrade that is declined", "RFC 9110, 7.8", OK, ok, end, to=UPGRADE),
    refused("a switch that nobody asked for", "RFC 9110, 7.8", SWITCH + b"@@", "unasked-switch"),
    *(
        refused(
            name,
            "RFC 9110, 7.8",
            b"HTTP/%b 101 Switching\r\n@@%b\r\n" % (version, lines),
            "bad-switch",
            to=UPGRADE,
        )
        for name, version, lines in (
            ("a switch that does not say to what", b"1.1", b""),
            ("a switch to nothing", b"1.1", b"Upgrade: ,\r\n"),
            ("a switch to what was not offered", b"1.1", b"Upgrade: h2c\r\n"),
            ("a switch to more than was offered", b"1.1", b"Upgrade: websocket, h2c\r\n"),
            ("a switch in HTTP/1.0", b"1.0", b"Upgrade: websocket\r\n"),
        )
    ),
    refused("a switch in answer to CONNECT", "RFC 9110, 7.8", SWITCH + b"@@", "unasked-switch", to=CONNECT),
    accepted(
        "a tunnel", "RFC 9110, 9.3.6", b"HTTP/1.1 200 \r\n\r\n", Response(200), to=CONNECT, state=SWITCHED_PROTOCOL
    ),
    accepted(
        "a tunnel that says how long it is",
        "RFC 9110, 9.3.6",
        b"HTTP/1.1 299 \r\nContent-Length: 2\r\n\r\n",
        Response(299, [LENGTH_2]),
        to=CONNECT,
        state=SWITCHED_PROTOCOL,
        writable=False,
    ),
    accepted(
        "a tunnel that is refused",
        "RFC 9110, 9.3.6",
        b"HTTP/1.1 407 \r\nContent-Length: 2\r\nConnection: close\r\n\r\nno",
        Response(407, [LENGTH_2, CLOSE]),
        Data(b"no"),
        end,
        to=CONNECT,
        state=MUST_CLOSE,
    ),
    accepted(
        "a tunnel that is refused on a connection that stays",
        "RFC 9110, 9.3.6",
        b"HTTP/1.1 407 \r\nContent-Length: 2\r\n\r\nno",
        Response(407, [LENGTH_2]),
        Data(b"no"),
        end,
        to=CONNECT,
        writable=False,
    ),
]


UNASKED = [
    refused(
        "a response that nobody asked for",
        "RFC 9112, 9.2",
        b"HTTP/1.1 200 \r\n@@Content-Length: 0\r\n\r\n",
        "unasked-response",
        to=(),
    ),
    refused(
        "a redirect that nobody asked for",
        "RFC 9112, 9.2",
        b"HTTP/1.1 302 \r\n@@Location: http://b/\r\n\r\n",
        "unasked-response",
        to=(),
    ),
]


def persistence_case(name, fields, state, version=b"1.1", **options):
    return body_case(name, "RFC 9112, 9.3", [EMPTY, *fields], b"", end, state=state, version=version, **options)


KEEP_ALIVE = (b"Connection", b"keep-alive")
CONNECTIONS = [
    persistence_case("HTTP/1.1 persists", [], DONE),
    persistence_case("a server that closes", [CLOSE], MUST_CLOSE),
    persistence_case("HTTP/1.0 does not persist", [], MUST_CLOSE, b"1.0", writable=False),
    persistence_case("HTTP/1.0 that says so persists", [KEEP_ALIVE], DONE, b"1.0", writable=False),
    persistence_case("a client that closes", [CLOSE], MUST_CLOSE, to=request(b"GET", b"/", CLOSE)),
    persistence_case(
        "HTTP/1.0 asked to persist", [KEEP_ALIVE], DONE, to=request(b"GET", b"/", KEEP_ALIVE, version=b"1.0")
    ),
    persistence_case("HTTP/1.0 not asked to persist", [CLOSE], MUST_CLOSE, to=request(version=b"1.0")),
]


def early_end(name, wire, rule, *events, **options):
    return refused(name, "RFC 9112, 8", wire + b"@@", rule, *events, eof=True, **options)


EARLY_ENDS = [
    early_end("the end without a response", b"", "closed-without-response"),
    early_end("the end after an interim response", CONTINUE, "closed-without-response", cont),
    early_end("the end inside a status line", b"HTTP/1.1 200", "incomplete-head"),
    early_end("the end inside the fields", b"HTTP/1.1 200 OK\r\nA: b\r\n", "incomplete-head"),
    early_end(
        "the end inside a body",
        b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\na",
        "incomplete-body",
        Response(200, [LENGTH_2]),
        Data(b"a"),
    ),
    early_end(
        "the end inside a chunked body",
        b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        "incomplete-body",
        Response(200, [CODING]),
        Data(b"a"),
    ),
    accepted(
        "the end after a response",
        "RFC 9112, 9.6",
        OK,
        ok,
        end,
        ConnectionClosed(),
        eof=True,
        state=CLOSED,
        exact=False,
        writable=False,
    ),
]

RESPONSE_CASES = [*STATUS_LINES, *BODIES, *INTERIM, *UNASKED, *CONNECTIONS, *EARLY_ENDS]
