"""Status lines, in all the ways that servers were ever seen to write them right or wrong."""

from drywire_sansio.http1 import CLIENT, EndOfMessage, Response

from .case import both_for, get

_accepted, _refused = both_for(CLIENT)
end = EndOfMessage()
EMPTY = (b"Content-Length", b"0")
GET = (get(b"/"), end)


def accepted(name, section, wire, *events):
    return _accepted(name, section, wire, *events, sent=GET)


def refused(name, section, wire, rule):
    return _refused(name, section, wire, rule, sent=GET)


def said(value):
    return repr(value.decode("latin-1"))


STATUS_LINE_CASES = [
    *(
        accepted(
            f"the status {status}",
            "RFC 9110, 15",
            b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % status,
            Response(status, [EMPTY]),
            end,
        )
        for status in (201, 203, 206, 299, 300, 308, 399, 400, 418, 451, 499, 500, 511, 599, 600, 799, 998)
    ),
    *(
        accepted(
            f"the reason {said(reason)}",
            "RFC 9112, 4",
            b"HTTP/1.1 200 " + reason + b"\r\nContent-Length: 0\r\n\r\n",
            Response(200, [EMPTY], reason),
            end,
        )
        for reason in (b" ", b"\t", b" OK", b"200", b"HTTP/1.1 200 OK", b"Content-Length: 5", b"\xff\xfe", b'"<>\\')
    ),
    *(
        refused(f"the status line {said(line)}", "RFC 9112, 4", b"@@" + line + b"\r\n\r\n", "bad-status-line")
        for line in (
            b"HTTP/1.1 ",
            b"HTTP/1.1  ",
            b"HTTP/1.1 2",
            b"HTTP/1.1 20",
            b"HTTP/1.1 000 OK",
            b"HTTP/1.1 001 OK",
            b"HTTP/1.1 0200 OK",
            b"HTTP/1.1 1000 OK",
            b"HTTP/1.1 99999999999999999999 OK",
            b"HTTP/1.1 +200 OK",
            b"HTTP/1.1 -200 OK",
            b"HTTP/1.1 +20 OK",
            b"HTTP/1.1 -20 OK",
            b"HTTP/1.1 2 0 0 OK",
            b"HTTP/1.1 20  OK",
            b"HTTP/1.1 2.0 OK",
            b"HTTP/1.1 200.1 OK",
            b"HTTP/1.1 0xc8 OK",
            b"HTTP/1.1 c8 OK",
            b"HTTP/1.1 2_0 OK",
            b"HTTP/1.1 2e2 OK",
            b"HTTP/1.1 200OK",
            b"HTTP/1.1 200; OK",
            b"HTTP/1.1 200,200 OK",
            b"HTTP/1.1 200:OK",
            b"HTTP/1.1 \t200 OK",
            b"HTTP/1.1 200\t",
            b"HTTP/1.1 OK",
            b"HTTP/1.1 OK 200",
            b'HTTP/1.1 "200" OK',
            b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK",
            b"HTTP/1.1 \xb2\xb0\xb0 OK",
        )
    ),
    *(
        refused(f"the status line {said(line)}", "RFC 9112, 2.3", b"@@" + line + b"\r\n\r\n", "bad-version")
        for line in (
            b" HTTP/1.1 200 OK",
            b"\tHTTP/1.1 200 OK",
            b"HTTP/1.1200 OK",
            b"HTTP/1.1\t200 OK",
            b"HTTP/1 200 OK",
            b"HTTP/1. 200 OK",
            b"HTTP/01.1 200 OK",
            b"HTTP/1.01 200 OK",
            b"HTTP/1.10 200 OK",
            b"HTTP/1.1.1 200 OK",
            b"HTTP/1,1 200 OK",
            b"HTTP/ 1.1 200 OK",
            b"HTTP /1.1 200 OK",
            b"HTTP 200 OK",
            b"HTTPS/1.1 200 OK",
            b"Http/1.1 200 OK",
            b"ICY 200 OK",
            b"RTSP/1.0 200 OK",
            b"200 OK",
            b"GET / HTTP/1.1",
            b"<html>",
            b"\xef\xbb\xbfHTTP/1.1 200 OK",
        )
    ),
    *(
        refused(
            f"the version {version.decode()}",
            "RFC 9110, 15.6.6",
            b"@@" + version + b" 200 OK\r\n\r\n",
            "unsupported-version",
        )
        for version in (b"HTTP/0.9", b"HTTP/3.0", b"HTTP/9.9")
    ),
]
