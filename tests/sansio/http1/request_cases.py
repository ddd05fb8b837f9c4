"""Requests as a server reads them, and as a client writes them: each with the section that decides."""

from drywire_sansio.http1 import (
    CLOSED,
    DONE,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    SEND_BODY,
    SERVER,
    ConnectionClosed,
    Data,
    EndOfMessage,
    Request,
)

from .case import HOST, both_for, get, post

accepted, refused = both_for(SERVER)
end = EndOfMessage()


def target_case(name, section, method, target, host=b"a", **options):
    """Return the case of a request without a body."""
    wire = b"%b %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (method, target, host)
    return accepted(name, section, wire, Request(method, target, [(b"Host", host)]), end, **options)


def host_case(host):
    return target_case(f"host {host.decode()!r} is accepted", "RFC 9112, 3.2", b"GET", b"/", host)


def bad_host_case(name, lines, rule="bad-host"):
    return refused(name, "RFC 9112, 3.2", b"GET / HTTP/1.1\r\n@@%b\r\n" % lines, rule)


def field_case(name, section, line, pair, **options):
    """Return the case of a request with one more field line."""
    wire = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % line
    return accepted(name, section, wire, Request(b"GET", b"/", [HOST, pair]), end, **options)


def bad_field_case(name, section, line, rule, **options):
    """Return the refused case of a request with one more field line, where `line` bears the mark."""
    return refused(name, section, b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n", rule, **options)


def bad_line_case(name, section, line, rule, **options):
    """Return the refused case of a request line, which bears the mark."""
    return refused(name, section, line + b"\r\nHost: a\r\n\r\n", rule, **options)


TARGETS = [
    target_case("a path", "RFC 9112, 3.2.1", b"GET", b"/"),
    target_case("a path with a query", "RFC 9112, 3.2.1", b"GET", b"/a/b?c=d&e=%20/?"),
    target_case("a path that begins with two slashes", "RFC 9112, 3.2.1", b"GET", b"//b/c"),
    target_case("a path with bytes that a URI cannot hold but clients send", "RFC 9112, 3.2", b"GET", b'/{a}|"<b>\\^`'),
    target_case("an absolute form", "RFC 9112, 3.2.2", b"GET", b"http://example.com/a?b"),
    target_case("an absolute form without a path", "RFC 9112, 3.2.2", b"GET", b"https://example.com:8443"),
    target_case("an absolute form whose authority is not the Host", "RFC 9112, 3.2.2", b"GET", b"http://b/", b"a"),
    target_case("the asterisk form", "RFC 9112, 3.2.4", b"OPTIONS", b"*"),
    target_case(
        "the authority form", "RFC 9112, 3.2.3", b"CONNECT", b"a.example:443", b"a.example", state=MIGHT_SWITCH_PROTOCOL
    ),
    target_case(
        "the authority form with an IPv6 address",
        "RFC 9112, 3.2.3",
        b"CONNECT",
        b"[2001:DB8::1]:443",
        state=MIGHT_SWITCH_PROTOCOL,
    ),
    target_case("a method that nobody knows", "RFC 9110, 9.1", b"M-SEARCH!", b"/"),
    target_case("a method in lower case is its own", "RFC 9110, 9.1", b"connect", b"/"),
    bad_line_case("a target that is not a form", "RFC 9112, 3.2", b"GET @@a HTTP/1.1", "bad-target"),
    bad_line_case("a query without a path", "RFC 9112, 3.2", b"GET @@?a HTTP/1.1", "bad-target"),
    bad_line_case("an authority where a path is due", "RFC 9112, 3.2", b"GET @@a:80 HTTP/1.1", "bad-target"),
    bad_line_case("an absolute form without authority", "RFC 9112, 3.2", b"GET @@http:///a HTTP/1.1", "bad-target"),
    bad_line_case("the asterisk for another method", "RFC 9112, 3.2", b"GET @@* HTTP/1.1", "bad-target"),
    bad_line_case("an asterisk and more", "RFC 9112, 3.2", b"OPTIONS @@*a HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT to port 0", "RFC 9112, 3.2", b"CONNECT @@a:0 HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT to a path", "RFC 9112, 3.2", b"CONNECT @@/ HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT without a port", "RFC 9112, 3.2", b"CONNECT @@a HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT without a host", "RFC 9112, 3.2", b"CONNECT @@:80 HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT with user information", "RFC 9112, 3.2", b"CONNECT @@u@a:80 HTTP/1.1", "bad-target"),
    bad_line_case("CONNECT to an absolute form", "RFC 9112, 3.2", b"CONNECT @@http://a:80 HTTP/1.1", "bad-target"),
    bad_line_case("a fragment in the target", "RFC 9112, 3.2", b"GET @@/a#b HTTP/1.1", "bad-target"),
    bad_line_case("a tab in the target", "RFC 9112, 3.2", b"GET @@/a\tb HTTP/1.1", "bad-target"),
    bad_line_case("a byte above ASCII in the target", "RFC 9112, 3.2", b"GET @@/\xc3\xa9 HTTP/1.1", "bad-target"),
]

REQUEST_LINES = [
    bad_line_case("a request line of HTTP/0.9", "RFC 9112, 3", b"@@GET /", "bad-request-line"),
    bad_line_case("two spaces before the target", "RFC 9112, 3", b"@@GET  / HTTP/1.1", "bad-request-line"),
    bad_line_case("two spaces before the version", "RFC 9112, 3", b"@@GET /  HTTP/1.1", "bad-request-line"),
    bad_line_case("a space after the version", "RFC 9112, 3", b"@@GET / HTTP/1.1 ", "bad-request-line"),
    bad_line_case("a space in the target", "RFC 9112, 3", b"@@GET /a b HTTP/1.1", "bad-request-line"),
    bad_line_case("a space before the method", "RFC 9110, 9.1", b"@@ GET / HTTP/1.1", "bad-method"),
    bad_line_case("a tab between method and target", "RFC 9110, 9.1", b"@@GET\t/ HTTP/1.1", "bad-method"),
    bad_line_case("a method that is not a token", "RFC 9110, 9.1", b"@@G(T / HTTP/1.1", "bad-method"),
    bad_line_case("a TLS handshake", "RFC 9110, 5.5", b"@@\x16\x03\x01\x02", "control-byte"),
    bad_line_case("a version in lower case", "RFC 9112, 2.3", b"GET / @@http/1.1", "bad-version"),
    bad_line_case("a version of two digits", "RFC 9112, 2.3", b"GET / @@HTTP/1.10", "bad-version"),
    bad_line_case("a version without a minor", "RFC 9112, 2.3", b"GET / @@HTTP/1", "bad-version"),
    bad_line_case("HTTP/2.0", "RFC 9110, 15.6.6", b"GET / @@HTTP/2.0", "unsupported-version", status=505),
    bad_line_case("HTTP/1.2", "RFC 9110, 15.6.6", b"GET / @@HTTP/1.2", "unsupported-version", status=505),
    bad_line_case("HTTP/0.9 in full", "RFC 9110, 15.6.6", b"GET / @@HTTP/0.9", "unsupported-version", status=505),
    accepted(
        "an empty line before the request is skipped",
        "RFC 9112, 2.2",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        get(b"/"),
        end,
        exact=False,
    ),
    refused(
        "a second empty line before the request",
        "RFC 9110, 9.1",
        b"\r\n@@\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "bad-method",
    ),
    refused(
        "a bare line feed before the request", "RFC 9112, 2.2", b"@@\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare-lf"
    ),
    refused("a request whose lines end in line feeds", "RFC 9112, 2.2", b"GET / HTTP/1.1@@\nHost: a\n\n", "bare-lf"),
    bad_line_case("a carriage return in the request line", "RFC 9112, 2.2", b"GET /@@\rHTTP/1.1", "bare-cr"),
    bad_line_case("two carriage returns at a line's end", "RFC 9112, 2.2", b"GET / HTTP/1.1@@\r", "bare-cr"),
    bad_line_case("a NUL in the request line", "RFC 9110, 5.5", b"GET /@@\0 HTTP/1.1", "control-byte"),
]

HOSTS = [
    *map(
        host_case,
        [b"", b"example.com", b"EXAMPLE.com:80", b"a:", b"127.0.0.1:8080", b"[::1]", b"[::1]:80", b"a_b.c-d~", b"%41"],
    ),
    accepted(
        "an HTTP/1.0 request needs no Host",
        "RFC 9112, 3.2",
        b"GET / HTTP/1.0\r\n\r\n",
        Request(b"GET", b"/", [], b"1.0"),
        end,
        state=MUST_CLOSE,
    ),
    refused("no Host at all", "RFC 9112, 3.2", b"GET / HTTP/1.1\r\n@@\r\n", "bad-host"),
    bad_host_case("two Hosts", b"Host: a\r\nHost: b\r\n", "repeated-field"),
    bad_host_case("two Hosts of one value", b"Host: a\r\nhOsT: a\r\n", "repeated-field"),
    bad_host_case("a Host with a path", b"Host: a/b\r\n"),
    bad_host_case("a Host with user information", b"Host: u@a\r\n"),
    bad_host_case("a Host with a space", b"Host: a b\r\n"),
    bad_host_case("a list of Hosts", b"Host: a, b\r\n"),
    bad_host_case("a Host with a port of letters", b"Host: a:http\r\n"),
    bad_host_case("a Host with a long port", b"Host: a:123456\r\n"),
    bad_host_case("a Host with an open bracket", b"Host: [::1\r\n"),
    bad_host_case("a Host of a port alone", b"Host: :80\r\n"),
    bad_host_case("a Host above ASCII", b"Host: \xe4.example\r\n"),
    refused("a bad Host in HTTP/1.0", "RFC 9112, 3.2", b"GET / HTTP/1.0\r\n@@Host: a/b\r\n\r\n", "bad-host"),
]

FIELDS = [
    field_case("white space around a value", "RFC 9112, 5.1", b"X: \t b c \t ", (b"X", b"b c"), exact=False),
    field_case("no white space before a value", "RFC 9112, 5.1", b"X:b", (b"X", b"b"), exact=False),
    field_case("an empty value", "RFC 9110, 5.5", b"X: ", (b"X", b"")),
    field_case("a value of white space", "RFC 9110, 5.5", b"X:  \t ", (b"X", b""), exact=False),
    field_case("a tab inside a value", "RFC 9110, 5.5", b"X: a\tb", (b"X", b"a\tb")),
    field_case("colons in a value", "RFC 9110, 5.5", b"X: a:b::", (b"X", b"a:b::")),
    field_case("bytes above ASCII in a value", "RFC 9110, 5.5", b"X: \xe9\x85\xa0\xff", (b"X", b"\xe9\x85\xa0\xff")),
    field_case(
        "a name of every token character", "RFC 9110, 5.1", b"!#$%&'*+-.^_`|~09aZ: b", (b"!#$%&'*+-.^_`|~09aZ", b"b")
    ),
    field_case("a field that comes twice", "RFC 9110, 5.3", b"host2: c", (b"host2", b"c")),
    bad_field_case("a space before the colon", "RFC 9112, 5.1", b"@@X : b", "space-before-colon"),
    bad_field_case("a tab before the colon", "RFC 9112, 5.1", b"@@Content-Length\t: 0", "space-before-colon"),
    bad_field_case("no colon", "RFC 9112, 5", b"@@X", "no-colon"),
    bad_field_case("an empty name", "RFC 9110, 5.1", b"@@: b", "bad-field-name"),
    bad_field_case("a space in a name", "RFC 9110, 5.1", b"@@X Y: b", "bad-field-name"),
    bad_field_case("a parenthesis in a name", "RFC 9110, 5.1", b"@@X(: b", "bad-field-name"),
    bad_field_case("a byte above ASCII in a name", "RFC 9110, 5.1", b"@@\xc5\xb8: b", "bad-field-name"),
    bad_field_case("a folded line", "RFC 9112, 5.2", b"X: b\r\n@@ c", "obs-fold"),
    bad_field_case("a line folded with a tab", "RFC 9112, 5.2", b"X: b\r\n@@\tc", "obs-fold"),
    bad_field_case("a folded line of white space only", "RFC 9112, 5.2", b"X: b\r\n@@ ", "obs-fold"),
    refused("white space before the first field", "RFC 9112, 5.2", b"GET / HTTP/1.1\r\n@@ Host: a\r\n\r\n", "obs-fold"),
    bad_field_case("a bare carriage return in a value", "RFC 9112, 2.2", b"X: b@@\rc", "bare-cr"),
    bad_field_case("a bare line feed in a value", "RFC 9112, 2.2", b"X: b@@\nContent-Length: 5", "bare-lf"),
    bad_field_case("a carriage return alone on a line", "RFC 9112, 2.2", b"X: b\r\n@@\rX", "bare-cr"),
    bad_field_case("a NUL in a value", "RFC 9110, 5.5", b"X: b@@\0", "control-byte"),
    bad_field_case("a vertical tab in a value", "RFC 9110, 5.5", b"Transfer-Encoding: @@\x0bchunked", "control-byte"),
    bad_field_case("a delete byte in a value", "RFC 9110, 5.5", b"X: b@@\x7f", "control-byte"),
    bad_field_case("a NUL in a name", "RFC 9110, 5.5", b"X@@\0: b", "control-byte"),
]


def body_case(name, section, field, body, *events, **options):
    """Return the case of a POST with one framing field and a body."""
    pair = tuple(field.split(b": ", 1))
    wire = b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n%b" % (field, body)
    return accepted(name, section, wire, post([HOST, pair]), *events, **options)


def bad_framing_case(name, section, lines, rule, version=b"1.1", **options):
    """Return the refused case of a POST whose `lines` do not say one length."""
    wire = b"POST / HTTP/%b\r\n@@Host: a\r\n%b\r\n\r\n" % (version, lines)
    return refused(name, section, wire, rule, **options)


def bad_length_case(value):
    name = f"a Content-Length of {value.decode('latin-1')!r}"
    return bad_framing_case(name, "RFC 9110, 8.6", b"Content-Length: " + value, "bad-content-length")


def bad_coding_case(value, rule="bad-transfer-encoding", status=400):
    name = f"a Transfer-Encoding of {value.decode('latin-1')!r}"
    return bad_framing_case(name, "RFC 9112, 6.1", b"Transfer-Encoding: " + value, rule, status=status)


FRAMING = [
    body_case("a body of announced length", "RFC 9112, 6.3", b"Content-Length: 5", b"hello", Data(b"hello"), end),
    body_case("a length of zero", "RFC 9112, 6.3", b"Content-Length: 0", b"", end),
    body_case("a length with leading zeros", "RFC 9110, 8.6", b"Content-Length: 0003", b"abc", Data(b"abc"), end),
    body_case(
        "a body that is still to come",
        "RFC 9112, 6.3",
        b"Content-Length: 1099511627776",
        b"a",
        Data(b"a"),
        state=SEND_BODY,
    ),
    body_case(
        "a chunked body",
        "RFC 9112, 7.1",
        b"Transfer-Encoding: chunked",
        b"5\r\nhello\r\n0\r\n\r\n",
        Data(b"hello"),
        end,
    ),
    body_case(
        "a chunked body, however it is spelled",
        "RFC 9110, 5.1",
        b"tRANSFER-eNCODING: CHUnked",
        b"1\r\na\r\n0\r\n\r\n",
        Data(b"a"),
        end,
    ),
    body_case("a POST that says nothing has no body", "RFC 9112, 6.3", b"X: Content-Length", b"", end),
    *map(
        bad_length_case,
        [b"", b"+5", b"-5", b"5 5", b"0x5", b"5_0", b"1e1", b"5.0", b"5,5", b"5, 5", b"\xb2", b"1" * 19, b"a"],
    ),
    bad_framing_case("two lengths", "RFC 9112, 6.3", b"Content-Length: 5\r\nContent-Length: 6", "repeated-field"),
    bad_framing_case(
        "two lengths of one value", "RFC 9112, 6.3", b"Content-Length: 5\r\ncontent-length: 5", "repeated-field"
    ),
    bad_framing_case(
        "a length and the chunked coding",
        "RFC 9112, 6.1",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        "length-and-coding",
    ),
    bad_framing_case(
        "the chunked coding and a bad length",
        "RFC 9112, 6.1",
        b"Transfer-Encoding: chunked\r\nContent-Length: x",
        "length-and-coding",
    ),
    *map(
        bad_coding_case,
        [b"", b",chunked", b"chunked,", b"chunked, chunked", b"chunked, gzip", b"gzip, chunked, chunked"],
    ),
    *(
        bad_coding_case(value)
        for value in [b"gzip", b"identity", b"xchunked", b'"chunked"', b"chunked;q=1", b"chunked\xa0"]
    ),
    bad_coding_case(b"gzip, chunked", "unknown-coding", 501),
    refused(
        "TRACE with a body",
        "RFC 9110, 9.3.8",
        b"TRACE / HTTP/1.1\r\n@@Host: a\r\nContent-Length: 1\r\n\r\na",
        "trace-body",
    ),
    bad_framing_case(
        "two Transfer-Encodings",
        "RFC 9112, 6.1",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "bad-transfer-encoding",
    ),
    bad_framing_case(
        "a second, unknown Transfer-Encoding",
        "RFC 9112, 6.1",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "bad-transfer-encoding",
    ),
    bad_framing_case(
        "the chunked coding in HTTP/1.0",
        "RFC 9112, 6.1",
        b"Transfer-Encoding: chunked",
        "transfer-encoding-1.0",
        b"1.0",
    ),
]

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
chunked = post([HOST, (b"Transfer-Encoding", b"chunked")])


def chunk_case(name, section, body, *events, **options):
    return accepted(name, section, CHUNKED + body, chunked, *events, **options)


def bad_chunk_case(name, section, body, rule, *events, **options):
    return refused(name, section, CHUNKED + body, rule, chunked, *events, **options)


def bad_size_case(name, line):
    return bad_chunk_case(name, "RFC 9112, 7.1", b"@@" + line + b"\r\na\r\n0\r\n\r\n", "bad-chunk-size")


def trailer_case(name, lines, *trailers, **options):
    return chunk_case(name, "RFC 9112, 7.1.2", b"0\r\n" + lines + b"\r\n", EndOfMessage(list(trailers)), **options)


CHUNKS = [
    chunk_case("no chunk but the last", "RFC 9112, 7.1", b"0\r\n\r\n", end),
    chunk_case("several chunks", "RFC 9112, 7.1", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", Data(b"abc"), end, exact=False),
    chunk_case(
        "hexadecimal sizes in both cases",
        "RFC 9112, 7.1",
        b"a\r\n0123456789\r\nB\r\n01234567890\r\n0\r\n\r\n",
        Data(b"012345678901234567890"),
        end,
        exact=False,
    ),
    chunk_case(
        "sizes with leading zeros",
        "RFC 9112, 7.1",
        b"0000000000000001\r\na\r\n000\r\n\r\n",
        Data(b"a"),
        end,
        exact=False,
    ),
    chunk_case("line ends as data", "RFC 9112, 7.1", b"4\r\n\r\n\r\n\r\n0\r\n\r\n", Data(b"\r\n\r\n"), end),
    chunk_case(
        "extensions of every form",
        "RFC 9112, 7.1.1",
        b'1;a;b=c ; d = "e;\\"\t\xff\\\\" \t;f=""\r\na\r\n0;last\r\n\r\n',
        Data(b"a"),
        end,
        exact=False,
    ),
    chunk_case(
        "a chunk still to come", "RFC 9112, 7.1", b"0000010000000000\r\na", Data(b"a"), state=SEND_BODY, exact=False
    ),
    bad_size_case("an empty size", b""),
    bad_size_case("a size of very many digits", b"0" * 5000),
    bad_size_case("a size with a sign", b"+1"),
    bad_size_case("a negative size", b"-1"),
    bad_size_case("a size with a prefix", b"0x1"),
    bad_size_case("a size with an underscore", b"1_1"),
    bad_size_case("a size that is not hexadecimal", b"g"),
    bad_size_case("a size of 17 digits", b"0" * 16 + b"1"),
    bad_size_case("white space before a size", b" 1"),
    bad_size_case("white space after a size", b"1 "),
    bad_size_case("two sizes", b"1 1"),
    bad_size_case("an extension without a name", b"1;"),
    bad_size_case("an extension whose value is missing", b"1;a="),
    bad_size_case("an extension whose quotes are open", b'1;a="b'),
    bad_size_case("something after a quoted value", b'1;a="b"c'),
    bad_chunk_case("a bare line feed after a size", "RFC 9112, 2.2", b"1@@\na\r\n0\r\n\r\n", "bare-lf"),
    bad_chunk_case("a bare line feed in an extension", "RFC 9112, 2.2", b"1;a@@\n\r\na\r\n0\r\n\r\n", "bare-lf"),
    bad_chunk_case("a bare carriage return in an extension", "RFC 9112, 2.2", b"1;a@@\rb\r\na\r\n", "bare-cr"),
    bad_chunk_case("a NUL in an extension", "RFC 9110, 5.5", b'1;a="@@\0"\r\na\r\n', "control-byte"),
    bad_chunk_case("more data than its size", "RFC 9112, 7.1", b"1\r\na@@bc\r\n", "bad-chunk-end", Data(b"a")),
    bad_chunk_case("one byte more than its size", "RFC 9112, 7.1", b"1\r\na@@b", "bad-chunk-end", Data(b"a")),
    bad_chunk_case("a bare line feed after data", "RFC 9112, 7.1", b"1\r\na@@\n0\r\n\r\n", "bad-chunk-end", Data(b"a")),
    bad_chunk_case("a bare carriage return after data", "RFC 9112, 7.1", b"1\r\na@@\rb", "bad-chunk-end", Data(b"a")),
    trailer_case("a trailer", b"X: b\r\n", (b"X", b"b")),
    trailer_case("trailers in order and case", b"b: 1\r\nA: 2\r\nB: 3\r\n", (b"b", b"1"), (b"A", b"2"), (b"B", b"3")),
    trailer_case(
        "trailers that frame or route a message are dropped",
        b"Content-Length: 5\r\nX: b\r\nTRANSFER-ENCODING: chunked\r\nHost: b\r\nTrailer: c\r\nSet-Cookie: d\r\n",
        (b"X", b"b"),
        exact=False,
    ),
    bad_chunk_case("a trailer without a colon", "RFC 9112, 5", b"0\r\n@@X\r\n\r\n", "no-colon"),
    bad_chunk_case(
        "a trailer with a space before its colon", "RFC 9112, 5.1", b"0\r\n@@X : b\r\n\r\n", "space-before-colon"
    ),
    bad_chunk_case("a folded trailer", "RFC 9112, 5.2", b"0\r\nX: b\r\n@@ c\r\n\r\n", "obs-fold"),
    bad_chunk_case("a bare line feed in a trailer", "RFC 9112, 2.2", b"0\r\nX: b@@\n\r\n", "bare-lf"),
    bad_chunk_case("a bare line feed at the very end", "RFC 9112, 2.2", b"0\r\n@@\n", "bare-lf"),
    bad_chunk_case("a NUL in a trailer", "RFC 9110, 5.5", b"0\r\nX: @@\0\r\n\r\n", "control-byte"),
]


def option_case(name, section, lines, state, version=b"1.1", method=b"GET", target=b"/", **options):
    """Return the case of a request without a body whose `lines` say something of the connection."""
    pairs = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n") if line]
    wire = b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, lines)
    return accepted(name, section, wire, Request(method, target, [HOST, *pairs], version), end, state=state, **options)


UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
CONNECTIONS = [
    option_case("HTTP/1.1 persists", "RFC 9112, 9.3", b"", DONE, target=b"/b"),
    option_case("HTTP/1.1 persists if it says so too", "RFC 9112, 9.3", b"Connection: keep-alive\r\n", DONE),
    option_case("Connection: close", "RFC 9112, 9.6", b"Connection: close\r\n", MUST_CLOSE),
    option_case("close in a list, in any case", "RFC 9112, 9.6", b"Connection: te , CLOSE\r\n", MUST_CLOSE),
    option_case("close in a second line", "RFC 9110, 5.3", b"Connection: te\r\nConnection: close\r\n", MUST_CLOSE),
    option_case("close beside keep-alive", "RFC 9112, 9.3", b"Connection: keep-alive, close\r\n", MUST_CLOSE),
    option_case("an option that begins like close", "RFC 9110, 7.6.1", b"Connection: closed\r\n", DONE),
    option_case("HTTP/1.0 does not persist", "RFC 9112, 9.3", b"", MUST_CLOSE, b"1.0"),
    option_case("HTTP/1.0 persists if it says so", "RFC 9112, 9.3", b"Connection: Keep-Alive\r\n", DONE, b"1.0"),
    option_case("an upgrade", "RFC 9110, 7.8", UPGRADE, MIGHT_SWITCH_PROTOCOL),
    option_case(
        "an upgrade that also closes", "RFC 9110, 7.8", b"Connection: close\r\n" + UPGRADE, MIGHT_SWITCH_PROTOCOL
    ),
    option_case("an upgrade that Connection does not name", "RFC 9110, 7.8", b"Upgrade: websocket\r\n", DONE),
    option_case("a Connection that names a missing upgrade", "RFC 9110, 7.8", b"Connection: upgrade\r\n", DONE),
    option_case("an upgrade in HTTP/1.0", "RFC 9110, 7.8", b"Connection: keep-alive\r\n" + UPGRADE, DONE, b"1.0"),
    option_case("CONNECT in HTTP/1.0", "RFC 9110, 9.3.6", b"", MIGHT_SWITCH_PROTOCOL, b"1.0", b"CONNECT", b"a:1"),
    option_case("an expectation without a body", "RFC 9110, 10.1.1", b"Expect: 100-continue\r\n", DONE),
    accepted(
        "an upgrade with a body",
        "RFC 9110, 7.8",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\nContent-Length: 1\r\n\r\nc",
        post([HOST, (b"Connection", b"upgrade"), (b"Upgrade", b"b"), (b"Content-Length", b"1")]),
        Data(b"c"),
        end,
        state=MIGHT_SWITCH_PROTOCOL,
    ),
    accepted(
        "CONNECT that says it has no body",
        "RFC 9110, 9.3.6",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        Request(b"CONNECT", b"a:1", [HOST, (b"Content-Length", b"0")]),
        end,
        state=MIGHT_SWITCH_PROTOCOL,
    ),
    refused(
        "CONNECT with a body",
        "RFC 9110, 9.3.6",
        b"CONNECT a:1 HTTP/1.1\r\n@@Host: a\r\nContent-Length: 1\r\n\r\nb",
        "connect-body",
    ),
    refused(
        "CONNECT with a chunked body",
        "RFC 9110, 9.3.6",
        b"CONNECT a:1 HTTP/1.1\r\n@@Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "connect-body",
    ),
]


def early_end(name, wire, rule, *events, section="RFC 9112, 8"):
    return refused(name, section, wire + b"@@", rule, *events, eof=True)


LENGTH_5 = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
length_5 = post([HOST, (b"Content-Length", b"5")])
EARLY_ENDS = [
    accepted("nothing at all", "RFC 9112, 9.6", b"", ConnectionClosed(), state=CLOSED, eof=True),
    accepted("an empty line alone", "RFC 9112, 2.2", b"\r\n", ConnectionClosed(), state=CLOSED, eof=True, exact=False),
    accepted(
        "the end after a request",
        "RFC 9112, 9.6",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        get(b"/"),
        end,
        ConnectionClosed(),
        state=CLOSED,
        eof=True,
    ),
    accepted(
        "the end after a request to connect",
        "RFC 9112, 9.6",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        Request(b"CONNECT", b"a:1", [HOST]),
        end,
        ConnectionClosed(),
        state=CLOSED,
        eof=True,
    ),
    early_end("the end after a carriage return", b"\r", "incomplete-head"),
    early_end("the end inside a request line", b"GET / HT", "incomplete-head"),
    early_end("the end after a request line", b"GET / HTTP/1.1\r\n", "incomplete-head"),
    early_end("the end before the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\r", "incomplete-head"),
    early_end("the end before the body", LENGTH_5, "incomplete-body", length_5),
    early_end("the end inside the body", LENGTH_5 + b"abcd", "incomplete-body", length_5, Data(b"abcd")),
    early_end("the end before a chunk", CHUNKED, "incomplete-body", chunked),
    early_end("the end inside a size line", CHUNKED + b"5", "incomplete-body", chunked),
    early_end("the end inside a chunk", CHUNKED + b"5\r\nabc", "incomplete-body", chunked, Data(b"abc")),
    early_end("the end after a chunk", CHUNKED + b"1\r\na\r", "incomplete-body", chunked, Data(b"a")),
    early_end("the end before the last chunk", CHUNKED + b"1\r\na\r\n", "incomplete-body", chunked, Data(b"a")),
    early_end("the end inside the trailers", CHUNKED + b"0\r\nX: b\r\n", "incomplete-body", chunked),
]

UNFINISHED = [
    accepted("part of a request line", "RFC 9112, 3", b"GET /", state=IDLE, writable=False),
    accepted("a carriage return", "RFC 9112, 2.2", b"\r", state=IDLE, writable=False),
    accepted("all but the last byte", "RFC 9112, 3", b"GET / HTTP/1.1\r\nHost: a\r\n\r", state=IDLE, writable=False),
    accepted("a body not begun", "RFC 9112, 6", LENGTH_5, length_5, state=SEND_BODY),
    accepted("half a size line", "RFC 9112, 7.1", CHUNKED + b"5;a", chunked, state=SEND_BODY, exact=False),
]

REQUEST_CASES = [
    *TARGETS,
    *REQUEST_LINES,
    *HOSTS,
    *FIELDS,
    *FRAMING,
    *CHUNKS,
    *CONNECTIONS,
    *EARLY_ENDS,
    *UNFINISHED,
]
