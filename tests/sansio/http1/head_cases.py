"""Request lines, request targets and Hosts, in all the ways that were ever used to write them right or wrong."""

from drywire_sansio.http1 import MIGHT_SWITCH_PROTOCOL, MUST_CLOSE, EndOfMessage, Request

from .case import HOST, SERVER, both_for, get

accepted, refused = both_for(SERVER)
end = EndOfMessage()
FIELDS = b"\r\nHost: a\r\n\r\n"


def line_case(name, section, method, target, **options):
    """Return the case of a request line that is well-formed."""
    wire = b"%b %b HTTP/1.1" % (method, target) + FIELDS
    return accepted(name, section, wire, Request(method, target, [HOST]), end, **options)


def said_of(lines, rule, section, **options):
    """Return a case for each of `lines`, which are names and request lines with a mark."""
    return [refused(name, section, line + FIELDS, rule, **options) for name, line in lines]


METHODS = [
    *(
        line_case(f"the method {method.decode()}", "RFC 9110, 9.1", method, b"/")
        for method in (b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"HEAD")
    ),
    line_case("a method in lower case that looks like GET", "RFC 9110, 9.1", b"get", b"/"),
    line_case("a method that is one digit", "RFC 9110, 9.1", b"1", b"/"),
    line_case("a method of every odd token character", "RFC 9110, 5.6.2", b"!#$%&'*+-.^_`|~", b"/"),
    *said_of(
        (
            ("a method with a slash", b"@@GET/ / HTTP/1.1"),
            ("a method with a colon", b"@@GET: / HTTP/1.1"),
            ("a method in quotes", b'@@"GET" / HTTP/1.1'),
            ("a method with a comma", b"@@GET,POST / HTTP/1.1"),
            ("a byte order mark before the method", b"@@\xef\xbb\xbfGET / HTTP/1.1"),
            ("a tab before the method", b"@@\tGET / HTTP/1.1"),
            ("tabs instead of spaces in the request line", b"@@GET\t/\tHTTP/1.1"),
            ("nothing but a space", b"@@ "),
            ("a response to a server", b"@@HTTP/1.1 200 OK"),
        ),
        "bad-method",
        "RFC 9110, 9.1",
    ),
    refused(
        "an empty line and a space before the method",
        "RFC 9110, 9.1",
        b"\r\n@@ GET / HTTP/1.1" + FIELDS,
        "bad-method",
    ),
    refused(
        "three empty lines before the request", "RFC 9110, 9.1", b"\r\n@@\r\n\r\nGET / HTTP/1.1" + FIELDS, "bad-method"
    ),
    refused("a bare line feed behind an empty line", "RFC 9112, 2.2", b"\r\n@@\nGET / HTTP/1.1" + FIELDS, "bare-lf"),
    refused("two carriage returns before the request", "RFC 9112, 2.2", b"@@\r\r\nGET / HTTP/1.1" + FIELDS, "bare-cr"),
    accepted(
        "an empty line before the oldest request",
        "RFC 9112, 2.2",
        b"\r\nGET / HTTP/1.0\r\n\r\n",
        Request(b"GET", b"/", [], b"1.0"),
        end,
        state=MUST_CLOSE,
        exact=False,
    ),
]

LINES = said_of(
    (
        ("a method alone", b"@@GET"),
        ("a target that sticks to the version", b"@@GET /HTTP/1.1"),
        ("a target missing", b"@@GET HTTP/1.1"),
        ("a space inside the version", b"@@GET / HTTP/ 1.1"),
        ("a space before the slash of the version", b"@@GET / HTTP /1.1"),
        ("two versions", b"@@GET / HTTP/1.1 HTTP/1.1"),
        ("a whole request as the target", b"@@GET /a HTTP/1.1 b HTTP/1.1"),
        ("three spaces behind the version", b"@@GET / HTTP/1.1   "),
    ),
    "bad-request-line",
    "RFC 9112, 3",
)

VERSIONS = [
    *said_of(
        [
            (f"the version {version.decode('latin-1')!r}", b"GET / @@" + version)
            for version in (
                b"HTTP/01.1",
                b"HTTP/1.01",
                b"HTTP/1.1.1",
                b"HTTP/1,1",
                b"HTTP/1.",
                b"HTTP/.1",
                b"HTTP/11",
                b"HTTP/-1.1",
                b"HTTP/+1.1",
                b"HTTP/1.x",
                b"HTTP/1.1;",
                b"HTTP/1.1\t",
                b"\tHTTP/1.1",
                b"HTTP/\xef\xbc\x91.1",
                b"Http/1.1",
                b"HTTPS/1.1",
                b"HTTP1.1",
                b"HTTP\\1.1",
                b"XHTTP/1.1",
                b"ICY/1.1",
                b"HTTP",
            )
        ],
        "bad-version",
        "RFC 9112, 2.3",
    ),
    *said_of(
        [
            (f"the version {version.decode()}", b"GET / @@" + version)
            for version in (b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0")
        ],
        "unsupported-version",
        "RFC 9110, 15.6.6",
        status=505,
    ),
    refused(
        "the preface of HTTP/2",
        "RFC 9110, 15.6.6",
        b"PRI * @@HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "unsupported-version",
        status=505,
    ),
]

TUNNEL = {"state": MIGHT_SWITCH_PROTOCOL}
TARGETS = [
    line_case("a path with dots", "RFC 9112, 3.2.1", b"GET", b"/a/./../../b"),
    line_case("a path with an encoded slash and NUL", "RFC 9112, 3.2.1", b"GET", b"/a%2Fb%00"),
    line_case("a path with parameters", "RFC 9112, 3.2.1", b"GET", b"/a;b=c/d;e"),
    line_case("a path with a colon and an at sign", "RFC 9112, 3.2.1", b"GET", b"/a:b@c"),
    line_case("a path that looks like an absolute form", "RFC 9112, 3.2.1", b"GET", b"/http://b/"),
    line_case("a query with question marks", "RFC 9112, 3.2.1", b"GET", b"/??a?b"),
    line_case("a path with an asterisk", "RFC 9112, 3.2.1", b"GET", b"/*"),
    line_case("OPTIONS of a path", "RFC 9110, 9.3.7", b"OPTIONS", b"/a"),
    line_case("OPTIONS of an absolute form", "RFC 9112, 3.2.4", b"OPTIONS", b"http://a"),
    line_case("OPTIONS of the path of an asterisk", "RFC 9112, 3.2.1", b"OPTIONS", b"/*"),
    line_case("an absolute form with a port", "RFC 9112, 3.2.2", b"GET", b"http://a:8080/b"),
    line_case("an absolute form with an IPv4 address", "RFC 9112, 3.2.2", b"GET", b"http://127.0.0.1/"),
    line_case("an absolute form with an IPv6 address", "RFC 9112, 3.2.2", b"GET", b"http://[::1]:80/"),
    line_case("an absolute form with a query only", "RFC 9112, 3.2.2", b"GET", b"http://a?b"),
    line_case("an absolute form in capitals", "RFC 9110, 4.2.3", b"GET", b"HTTP://A.EXAMPLE/"),
    line_case("an absolute form of another scheme", "RFC 9112, 3.2.2", b"GET", b"coap+tcp://a/b"),
    line_case("CONNECT to an IPv4 address", "RFC 9112, 3.2.3", b"CONNECT", b"127.0.0.1:443", **TUNNEL),
    line_case("CONNECT to the highest port", "RFC 9112, 3.2.3", b"CONNECT", b"a:65535", **TUNNEL),
    line_case("CONNECT in capitals", "RFC 9112, 3.2.3", b"CONNECT", b"A.EXAMPLE:443", **TUNNEL),
    accepted(
        "an absolute form with an empty Host",
        "RFC 9112, 3.2.2",
        b"GET http://b/ HTTP/1.1\r\nHost: \r\n\r\n",
        Request(b"GET", b"http://b/", [(b"Host", b"")]),
        end,
    ),
    accepted(
        "an absolute form in HTTP/1.0",
        "RFC 9112, 3.2.2",
        b"GET http://b/ HTTP/1.0\r\n\r\n",
        Request(b"GET", b"http://b/", [], b"1.0"),
        end,
        state=MUST_CLOSE,
    ),
    refused("an absolute form does without no Host", "RFC 9112, 3.2", b"GET http://b/ HTTP/1.1\r\n@@\r\n", "bad-host"),
    refused("CONNECT does without no Host either", "RFC 9112, 3.2", b"CONNECT a:1 HTTP/1.1\r\n@@\r\n", "bad-host"),
    *said_of(
        [
            (f"the target {target.decode('latin-1')!r} of {method.decode()}", method + b" @@" + target + b" HTTP/1.1")
            for method, target in (
                (b"GET", b"."),
                (b"GET", b"../a"),
                (b"GET", b"\\a"),
                (b"GET", b"a.example/"),
                (b"GET", b"[::1]:80"),
                (b"GET", b"http:/a"),
                (b"GET", b"http:a"),
                (b"GET", b"http//a/"),
                (b"GET", b"://a/"),
                (b"GET", b"1http://a/"),
                (b"GET", b"ht_tp://a/"),
                (b"GET", b"http://"),
                (b"GET", b"http://?b"),
                (b"GET", b"http:///"),
                (b"GET", b"http://a/#b"),
                (b"GET", b"http://a#b"),
                (b"GET", b"/#"),
                (b"GET", b"#"),
                (b"GET", b""),
                (b"GET", b"http://u@a/"),
                (b"GET", b"http://u:p@a/"),
                (b"GET", b"http://@a/"),
                (b"GET", b"http://a@b:80/"),
                (b"GET", b"http://:80/"),
                (b"GET", b"http://a:b/"),
                (b"GET", b"http://a:65536/"),
                (b"GET", b"http://a:80:80/"),
                (b"GET", b"http://a:80x/"),
                (b"GET", b"http://a%zz/"),
                (b"GET", b"http://a\\b/"),
                (b"GET", b"http://[::1/"),
                (b"GET", b"http://[::1]a/"),
                (b"GET", b"http://::1/"),
                (b"GET", b"http://[1::2::3]/"),
                (b"GET", b"**"),
                (b"GET", b"*/"),
                (b"GET", b"mailto:a@b"),
                (b"GET", b"javascript:alert(1)"),
                (b"GET", b"%2f"),
                (b"GET", b'"/"'),
                (b"GET", b"/a\xa0b"),
                (b"POST", b"*"),
                (b"HEAD", b"*"),
                (b"options", b"*"),
                (b"OPTIONS", b"**"),
                (b"OPTIONS", b"*?a"),
                (b"OPTIONS", b"*/a"),
                (b"OPTIONS", b"*#a"),
                (b"OPTIONS", b"a:80"),
                (b"CONNECT", b"*"),
                (b"CONNECT", b"a:"),
                (b"CONNECT", b":"),
                (b"CONNECT", b"a:b"),
                (b"CONNECT", b"a:+1"),
                (b"CONNECT", b"a:-1"),
                (b"CONNECT", b"a:0x50"),
                (b"CONNECT", b"a:1:2"),
                (b"CONNECT", b"a:123456"),
                (b"CONNECT", b"a:65536"),
                (b"CONNECT", b"a%zz:443"),
                (b"CONNECT", b"a:443/"),
                (b"CONNECT", b"a:443/b"),
                (b"CONNECT", b"a:443?b"),
                (b"CONNECT", b"a:443#b"),
                (b"CONNECT", b"//a:443"),
                (b"CONNECT", b"u:p@a:443"),
                (b"CONNECT", b"[::1]"),
                (b"CONNECT", b"[::1]:"),
                (b"CONNECT", b"[::1:443"),
                (b"CONNECT", b"::1]:443"),
                (b"CONNECT", b"::1:443"),
                (b"CONNECT", b"[a]b:443"),
                (b"CONNECT", b"[g::1]:443"),
                (b"CONNECT", b"https://a:443/"),
            )
        ],
        "bad-target",
        "RFC 9112, 3.2",
    ),
]


def host_case(value):
    wire = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % value
    name = f"the Host {value.decode()!r}"
    return accepted(name, "RFC 9110, 7.2", wire, Request(b"GET", b"/", [(b"Host", value)]), end)


def bad_host_case(value):
    wire = b"GET / HTTP/1.1\r\n@@Host: %b\r\n\r\n" % value
    return refused(f"the Host {value.decode('latin-1')!r}", "RFC 9112, 3.2", wire, "bad-host")


def repeated_host_case(name, *lines):
    wire = b"GET / HTTP/1.1\r\n@@%b\r\n\r\n" % b"\r\n".join(lines)
    return refused(name, "RFC 9112, 3.2", wire, "repeated-field")


HOSTS = [
    *map(
        host_case,
        (
            b"localhost",
            b"a.example.",
            b"xn--bcher-kva.example",
            b"a:0",
            b"a:65535",
            b"1.2.3.4",
            b"[2001:db8::1]:8080",
            b"[::FFFF:1.2.3.4]",
            b"[fe80::1%25eth0]",
            b"[::1]:",
            b"sub_domain.example",
            b"%C3%A4.example",
        ),
    ),
    *map(
        bad_host_case,
        (
            b"http://a",
            b"//a",
            b"a/",
            b"a?b",
            b"a#b",
            b"a\\b",
            b"a@b",
            b"a:80@b",
            b"u:p@a",
            b"a:80:80",
            b"a:-1",
            b"a:+80",
            b"a:8 0",
            b"a: 80",
            b"a :80",
            b"a\tb",
            b"a:80, b:80",
            b'"a"',
            b"<a>",
            b"{a}",
            b"a|b",
            b"a^b",
            b"a`b",
            b"::1",
            b"a\t",
            b"a:65536",
            b"a:99999",
            b"a%",
            b"a%4",
            b"a%zz",
            b"[1.2.3.4]",
            b"[1::2::3]",
            b"[12345::]",
            b"[1:2:3:4:5:6:7]",
            b"[1:2:3:4:5:6:7:8:9]",
            b"[::1.2.3.256]",
            b"[v1.a]",
            b"[]",
            b"[::1]a",
            b"[::1]:b",
            b"a[::1]",
            b"[::1]]",
            b"[[::1]]",
            b"[::1%eth0]",
            b"[fe80::1%25]",
            b"[::g]",
            b"a\xc2\xa0",
            b"\xd0\xb0.example",
        ),
    ),
    repeated_host_case("two Hosts with a field between", b"Host: a", b"X: b", b"Host: c"),
    repeated_host_case("two Hosts in different case", b"HOST: a", b"host: a"),
    repeated_host_case("two Hosts, the first empty", b"Host:", b"Host: a"),
    repeated_host_case("two Hosts, the second empty", b"Host: a", b"Host:"),
    repeated_host_case("three Hosts", b"Host: a", b"Host: a", b"Host: a"),
    refused(
        "two Hosts in HTTP/1.0", "RFC 9112, 3.2", b"GET / HTTP/1.0\r\n@@Host: a\r\nHost: a\r\n\r\n", "repeated-field"
    ),
    refused(
        "a second Host that is folded into the first",
        "RFC 9112, 5.2",
        b"GET / HTTP/1.1\r\nHost: a\r\n@@ Host: b\r\n\r\n",
        "obs-fold",
    ),
    refused(
        "a Host whose colon is set apart",
        "RFC 9112, 5.1",
        b"GET / HTTP/1.1\r\n@@Host : a\r\n\r\n",
        "space-before-colon",
    ),
    refused("a field that only looks like Host", "RFC 9112, 3.2", b"GET / HTTP/1.1\r\n@@X-Host: a\r\n\r\n", "bad-host"),
    accepted(
        "white space around a Host",
        "RFC 9112, 5.1",
        b"GET / HTTP/1.1\r\nhost:\t a  \r\n\r\n",
        Request(b"GET", b"/", [(b"host", b"a")]),
        end,
        exact=False,
    ),
    accepted(
        "a Host behind other fields",
        "RFC 9110, 5.3",
        b"GET / HTTP/1.1\r\nX: b\r\nHost: a\r\n\r\n",
        Request(b"GET", b"/", [(b"X", b"b"), HOST]),
        end,
    ),
    accepted(
        "fields that only contain the name of Host",
        "RFC 9110, 5.1",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Host: b\r\nHost-X: c\r\nForwarded-Host: d\r\n\r\n",
        get(b"/", headers=[HOST, (b"X-Host", b"b"), (b"Host-X", b"c"), (b"Forwarded-Host", b"d")]),
        end,
    ),
]

HEAD_CASES = [*METHODS, *LINES, *VERSIONS, *TARGETS, *HOSTS]
