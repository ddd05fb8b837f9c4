"""Lengths and codings that two parsers could read in two ways, which is how requests are smuggled past a proxy.

Each value is told to a server and to a client. What is accepted has one reading; the rest is refused with the head.
"""

from drywire_sansio.http1 import (
    CLIENT,
    DONE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    SEND_BODY,
    Data,
    EndOfMessage,
    Request,
    Response,
)

from .case import HOST, SERVER, accepted, get, refused

end = EndOfMessage()
CODING = b"Transfer-Encoding: chunked"
REQUEST = (SERVER, b"POST / HTTP/1.1\r\n", {})
RESPONSE = (CLIENT, b"HTTP/1.1 200 OK\r\n", {"sent": (get(b"/"), end)})
ROLES = (REQUEST, RESPONSE)


def bad_framing(name, section, lines, rule, roles=ROLES, **options):
    """Return the refused cases of messages that carry `lines`, where the first field is to blame."""
    return [
        refused(name, section, reader, start + b"@@Host: a\r\n" + lines + b"\r\n\r\n", rule, **sent, **options)
        for reader, start, sent in roles
    ]


def bad_line(name, section, lines, rule, roles=ROLES):
    """Return the refused cases of messages that carry `lines`, which bear the mark themselves."""
    return [
        refused(name, section, reader, start + b"Host: a\r\n" + lines + b"\r\n\r\n", rule, **sent)
        for reader, start, sent in roles
    ]


def well_framed(name, section, lines, body, *events, roles=ROLES, **options):
    """Return the accepted cases of messages that carry `lines` and a body that is `events`."""
    cases = []
    for reader, start, sent in roles:
        pairs = [HOST]
        for line in lines.split(b"\r\n"):
            field, _, value = line.partition(b":")
            pairs.append((field, value.strip(b" \t")))
        head = Request(b"POST", b"/", pairs) if reader is SERVER else Response(200, pairs, b"OK")
        wire = start + b"Host: a\r\n" + lines + b"\r\n\r\n" + body
        cases.append(accepted(name, section, reader, wire, head, *events, **sent, **options))
    return cases


def said(value):
    return repr(value.decode("latin-1"))


CHUNKED_BODY = b"3\r\nabc\r\n0\r\n\r\n"
abc = (Data(b"abc"), end)

# RFC 9112, 6.3: chunked comes once, and last.
NOT_ONE_FINAL_CHUNKED = (
    b"chunked,chunked",
    b"chunked,,chunked",
    b"chunked, identity",
    b"chunked, cow",
    b"chunked,\tgzip",
    b"chunked ,gzip",
    b"CHUNKED, Chunked",
    b"chunked, ,",
    b", chunked",
    b"chunked\t",  # which some parsers do not see
    b"\t,chunked",
    b",",
    b" , ,\t",
    b"gzip, chunked, deflate",
    b"chunked, gzip, chunked",
)
# RFC 9112, 6.1: whatever is not understood is not guessed at.
BEFORE_CHUNKED = (
    b"identity, chunked",
    b"cow, chunked",
    b"deflate,chunked",
    b"compress , chunked",
    b"x-gzip, chunked",
    b"br, gzip, chunked",
    b"chunked;q=0, chunked",
    b'"chunked", chunked',
    b"xchunked, chunked",
    b"chunke, chunked",
)
NOT_CHUNKED_AT_ALL = (
    b"chunkedx",
    b"x chunked",
    b"chunked x",
    b"chunked chunked",
    b"chunke",
    b"chunked;",
    b"chunked ; a",
    b"chunked=1",
    b"chunked/1",
    b"chunked:",
    b":chunked",
    b"'chunked'",
    b"(chunked)",
    b"[chunked]",
    b"chunked\\",
    b"chun\\ked",
    b"%63hunked",
    b"chunked\x85",
    b"\xa0chunked",
    b"chun\xe2\x84\xaaed",
    b"\xef\xbb\xbfchunked",
    b"deflate",
    b"identity, identity",
    b"cow",
    b"trailers",
    b"0",
)
CODINGS = [
    *(
        case
        for value in NOT_ONE_FINAL_CHUNKED
        for case in bad_framing(
            f"the coding {said(value)}", "RFC 9112, 6.1", b"Transfer-Encoding: " + value, "bad-transfer-encoding"
        )
    ),
    *(
        case
        for value in BEFORE_CHUNKED
        for case in bad_framing(
            f"the coding {said(value)}", "RFC 9112, 6.1", b"Transfer-Encoding: " + value, "unknown-coding", status=501
        )
    ),
    *(
        case
        for value in NOT_CHUNKED_AT_ALL
        for case in bad_framing(
            f"the coding {said(value)}", "RFC 9112, 6.1", b"Transfer-Encoding: " + value, "bad-transfer-encoding"
        )
    ),
    *(
        case
        for name, line in (
            ("chunked in capitals", b"TRANSFER-ENCODING: CHUNKED"),
            ("chunked in mixed case", b"transfer-encoding: chUNKed"),
            ("chunked without a space before it", b"Transfer-Encoding:chunked"),
            ("chunked behind a tab", b"Transfer-Encoding:\tchunked"),
            ("chunked behind much white space", b"Transfer-Encoding: \t \t  chunked"),
            ("chunked before a space", b"Transfer-Encoding: chunked "),
        )
        for case in well_framed(name, "RFC 9112, 7", line, CHUNKED_BODY, *abc, exact=False)
    ),
    *(
        case
        for name, lines in (
            ("chunked, then a second line in other case", CODING + b"\r\ntransfer-encoding: CHUNKED"),
            ("chunked, then gzip in a second line", CODING + b"\r\nTransfer-Encoding: gzip"),
            ("chunked, then identity behind other fields", CODING + b"\r\nX: y\r\nTransfer-Encoding: identity"),
            ("chunked, then nothing in a second line", CODING + b"\r\nTransfer-Encoding:"),
            ("nothing, then chunked in a second line", b"Transfer-Encoding:\r\n" + CODING),
            ("chunked in three lines", b"\r\n".join([CODING] * 3)),
        )
        for case in bad_framing(name, "RFC 9112, 6.1", lines, "bad-transfer-encoding")
    ),
    *(
        case
        for coding in (b"identity", b"gzip", b"x")
        for case in bad_framing(
            f"{coding.decode()}, then chunked in a second line",
            "RFC 9112, 6.1",
            b"Transfer-Encoding: " + coding + b"\r\n" + CODING,
            "unknown-coding",
            status=501,
        )
    ),
]

# Spellings of a field's name or line that some parser mends: the mark is on the byte or the line to blame.
MANGLED = (
    ("a space before the colon of {}", "RFC 9112, 5.1", b"@@{} : {}", "space-before-colon"),
    ("a tab before the colon of {}", "RFC 9112, 5.1", b"@@{}\t: {}", "space-before-colon"),
    ("two spaces before the colon of {}", "RFC 9112, 5.1", b"@@{}  : {}", "space-before-colon"),
    ("a space before {}", "RFC 9112, 5.2", b"@@ {}: {}", "obs-fold"),
    ("a tab before {}", "RFC 9112, 5.2", b"@@\t{}: {}", "obs-fold"),
    ("a vertical tab before the value of {}", "RFC 9110, 5.5", b"{}:@@\x0b{}", "control-byte"),
    ("a form feed before the value of {}", "RFC 9110, 5.5", b"{}: @@\x0c{}", "control-byte"),
    ("a vertical tab behind the value of {}", "RFC 9110, 5.5", b"{}: {}@@\x0b", "control-byte"),
    ("a NUL behind the value of {}", "RFC 9110, 5.5", b"{}: {}@@\0", "control-byte"),
    ("a vertical tab before the colon of {}", "RFC 9110, 5.5", b"{}@@\x0b: {}", "control-byte"),
    ("a value of {} that a bare LF hides", "RFC 9112, 2.2", b"X: y@@\n{}: {}", "bare-lf"),
    ("a value of {} that a bare CR hides", "RFC 9112, 2.2", b"X: y@@\r{}: {}", "bare-cr"),
    ("a bare CR behind the value of {}", "RFC 9112, 2.2", b"{}: {}@@\r", "bare-cr"),
    ("a value of {} on a line of its own", "RFC 9112, 5.2", b"{}:\r\n@@ {}", "obs-fold"),
    ("a colon of {} on a line of its own", "RFC 9112, 5", b"@@{}\r\n : {}", "no-colon"),
    ("a value of {} that goes on", "RFC 9112, 5.2", b"{}: {}\r\n@@ , 1", "obs-fold"),
    ("no colon behind {}", "RFC 9112, 5", b"@@{} {}", "no-colon"),
    ("an equals sign for the colon of {}", "RFC 9112, 5", b"@@{}={}", "no-colon"),
    ("a colon before {}", "RFC 9110, 5.1", b"@@:{}: {}", "bad-field-name"),
    ("{} in quotes", "RFC 9110, 5.1", b'@@"{}": {}', "bad-field-name"),
    ("{} with a comment", "RFC 9110, 5.1", b"@@{}(a): {}", "bad-field-name"),
    ("a no-break space behind {}", "RFC 9110, 5.1", b"@@{}\xa0: {}", "bad-field-name"),
    ("a byte order mark before {}", "RFC 9110, 5.1", b"@@\xef\xbb\xbf{}: {}", "bad-field-name"),
    ("a request line before {}", "RFC 9110, 5.1", b"@@GET / HTTP/1.1 {}: {}", "bad-field-name"),
)
FIELDS = ((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"5"))


def mangled_cases():
    """Return a case for each of MANGLED and FIELDS."""
    for name, section, line, rule in MANGLED:
        for field, value in FIELDS:
            lines = line.replace(b"{}", field, 1).replace(b"{}", value, 1)
            yield from bad_line(name.format(field.decode()), section, lines, rule)


def lookalike_cases():
    """Return cases of fields whose names only look like those that frame."""
    for name in (b"Transfer_Encoding", b"X-Transfer-Encoding", b"Transfer-Encoding-", b"Transfer-Encodin", b"TE"):
        lines = b"Content-Length: 3\r\n" + name + b": chunked"
        yield from well_framed(f"{name.decode()} does not frame", "RFC 9110, 5.1", lines, b"abc", *abc)
    for name in (b"Content_Length", b"X-Content-Length", b"Content-Length2", b"Content-Lengt", b"Length"):
        lines = b"Content-Length: 3\r\n" + name + b": 4"
        yield from well_framed(f"{name.decode()} does not frame", "RFC 9110, 5.1", lines, b"abc", *abc)


BAD_LENGTHS = (
    b"-0",
    b"+0",
    b"++5",
    b"5-",
    b"- 5",
    b"5,6",
    b"5, 6",
    b"5,",
    b",5",
    b",",
    b"5;",
    b"5;5",
    b"5 a",
    b"5\t5",
    b"0 5",
    b'"5"',
    b"'5'",
    b"(5)",
    b"0X5",
    b"0o5",
    b"0b1",
    b"5h",
    b"5L",
    b"a5",
    b"f",
    b"1_000",
    b"1,000",
    b"1.000",
    b".5",
    b"5.",
    b"5e0",
    b"inf",
    b"nan",
    b"five",
    b"5\xa0",
    b"\xa05",
    b"\xc2\xa05",
    b"\xd9\xa5",
    b"\xef\xbc\x95",
    b"\xe0\xa5\xab",
    b"\xb9",
    b"5\t",
    b"1000000000000000000",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551621",
    b"00000000000000000005",
    b"9" * 100,
)
TOO_LONG = (b"1099511627777", b"9007199254740993", b"999999999999999999")


def too_long_cases(value):
    """Return the cases of a length over the limit, where the body, if there were a first byte of it, is to blame."""
    name, rule = f"the length {said(value)}", "limit-body"
    wire = b"Content-Length: " + value + b"\r\n\r\n@@"
    for reader, start, sent in ROLES:
        yield refused(name, "RFC 9110, 15.5.14", reader, start + b"Host: a\r\n" + wire, rule, status=413, **sent)


def length(value):
    return b"Content-Length: " + value


LENGTHS = [
    *(
        case
        for value in BAD_LENGTHS
        for case in bad_framing(f"the length {said(value)}", "RFC 9110, 8.6", length(value), "bad-content-length")
    ),
    *(case for value in TOO_LONG for case in too_long_cases(value)),
    *(
        case
        for name, line in (
            ("a length without a space before it", b"Content-Length:3"),
            ("a length behind a tab", b"Content-Length:\t3"),
            ("a length between white space", b"content-length: \t 3  "),
            ("a length in capitals", b"CONTENT-LENGTH: 3"),
            ("a length of eighteen digits", b"Content-Length: 000000000000000003"),
        )
        for case in well_framed(name, "RFC 9112, 6.3", line, b"abc", *abc, exact=False)
    ),
    *well_framed(
        "a length over 32 bits", "RFC 9110, 8.6", length(b"4294967299"), b"abc", Data(b"abc"), state=SEND_BODY
    ),
    *(
        case
        for name, *lines in (
            ("two lengths, the first zero", length(b"0"), length(b"5")),
            ("two lengths, the second zero", length(b"5"), length(b"0")),
            ("two lengths with a field between", length(b"5"), b"X: y", length(b"5")),
            ("two lengths that differ by a zero", length(b"5"), length(b"05")),
            ("two lengths, the first empty", length(b""), length(b"5")),
            ("two lengths, the second empty", length(b"5"), length(b"")),
            ("two lengths, one bad", length(b"5"), length(b"x")),
            ("two lengths in other case", length(b"5"), b"CONTENT-length: 5"),
            ("three lengths", length(b"5"), length(b"5"), length(b"5")),
            ("two lengths and a coding", length(b"5"), CODING, length(b"5")),
        )
        for case in bad_framing(name, "RFC 9112, 6.3", b"\r\n".join(lines), "repeated-field")
    ),
]

# A length beside any coding, even one that nobody would take, in both orders.
BOTH = [
    case
    for coding in (b"chunked", b"identity", b"xchunked", b"", b"gzip, chunked", b"chunked, identity", b"\xa0chunked")
    for value in (b"0", b"6", b"+6")
    for name, lines in (
        ("the length {1} before the coding {0}", length(value) + b"\r\nTransfer-Encoding: " + coding),
        ("the length {1} behind the coding {0}", b"Transfer-Encoding: " + coding + b"\r\nX: y\r\n" + length(value)),
    )
    for case in bad_framing(name.format(said(coding), said(value)), "RFC 9112, 6.1", lines, "length-and-coding")
]

OLD_REQUEST = ((SERVER, b"POST / HTTP/1.0\r\n", {}),)
OLD_RESPONSE = ((CLIENT, b"HTTP/1.0 200 OK\r\n", {"sent": (get(b"/"), end)}),)
OLD = [
    *(
        case
        for value in (b"CHUNKED", b"identity", b"gzip", b"chunked, chunked", b"")
        for case in bad_framing(
            f"the coding {said(value)} in HTTP/1.0",
            "RFC 9112, 6.1",
            b"Transfer-Encoding: " + value,
            "transfer-encoding-1.0",
            OLD_REQUEST + OLD_RESPONSE,
        )
    ),
    *bad_framing(
        "a coding in HTTP/1.0 that persists",
        "RFC 9112, 6.1",
        b"Connection: keep-alive\r\n" + CODING,
        "transfer-encoding-1.0",
        OLD_REQUEST + OLD_RESPONSE,
    ),
    *bad_framing(
        "a length and a coding in HTTP/1.0",
        "RFC 9112, 6.1",
        b"Content-Length: 5\r\n" + CODING,
        "length-and-coding",
        OLD_REQUEST + OLD_RESPONSE,
    ),
    *bad_framing(
        "two lengths in HTTP/1.0",
        "RFC 9112, 6.3",
        b"Content-Length: 5\r\nContent-Length: 5",
        "repeated-field",
        OLD_REQUEST + OLD_RESPONSE,
    ),
    *bad_framing(
        "a list of lengths in HTTP/1.0",
        "RFC 9110, 8.6",
        b"Content-Length: 5, 5",
        "bad-content-length",
        OLD_REQUEST + OLD_RESPONSE,
    ),
]


def method_case(name, section, method, lines, body, *events, version=b"1.1", target=b"/", state=DONE, **options):
    """Return the case of a request that frames a body with a method that seldom has one."""
    pairs = [HOST, *(tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n"))]
    wire = b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n\r\n" % (method, target, version, lines) + body
    head = Request(method, target, pairs, version)
    return accepted(name, section, SERVER, wire, head, *events, state=state, **options)


METHODS = [
    *(
        method_case(f"{method.decode()} with a length", "RFC 9112, 6.3", method, length(b"3"), b"abc", *abc)
        for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"get")
    ),
    *(
        method_case(f"{method.decode()} in the chunked coding", "RFC 9112, 6.3", method, CODING, CHUNKED_BODY, *abc)
        for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"get")
    ),
    *(
        method_case(f"{method.decode()} with a length of zero", "RFC 9112, 6.3", method, length(b"0"), b"", end)
        for method in (b"GET", b"HEAD", b"DELETE", b"TRACE")
    ),
    method_case(
        "OPTIONS of the asterisk with a length", "RFC 9110, 9.3.7", b"OPTIONS", length(b"3"), b"abc", *abc, target=b"*"
    ),
    method_case(
        "a length in HTTP/1.0", "RFC 9112, 6.3", b"POST", length(b"3"), b"abc", *abc, version=b"1.0", state=MUST_CLOSE
    ),
    method_case(
        "a length in HTTP/1.0 that persists",
        "RFC 9112, 6.3",
        b"POST",
        b"Connection: keep-alive\r\nContent-Length: 3",
        b"abc",
        *abc,
        version=b"1.0",
    ),
    method_case(
        "GET in HTTP/1.0 with a length",
        "RFC 9112, 6.3",
        b"GET",
        length(b"3"),
        b"abc",
        *abc,
        version=b"1.0",
        state=MUST_CLOSE,
    ),
    method_case(
        "POST in HTTP/1.0 that says nothing",
        "RFC 9112, 6.3",
        b"POST",
        b"X: y",
        b"",
        end,
        version=b"1.0",
        state=MUST_CLOSE,
    ),
    method_case(
        "CONNECT with a length of many zeros",
        "RFC 9110, 9.3.6",
        b"CONNECT",
        length(b"000"),
        b"",
        end,
        target=b"a:1",
        state=MIGHT_SWITCH_PROTOCOL,
    ),
    method_case(
        "an upgrade of a chunked message",
        "RFC 9110, 7.8",
        b"POST",
        b"Connection: upgrade\r\nUpgrade: b\r\n" + CODING,
        CHUNKED_BODY,
        *abc,
        state=MIGHT_SWITCH_PROTOCOL,
    ),
    *(
        method_case(
            f"an expectation of {value.decode()!r} with a body",
            "RFC 9110, 10.1.1",
            b"POST",
            b"Expect: " + value + b"\r\nContent-Length: 3",
            b"abc",
            *abc,
        )
        for value in (b"100-continue", b"100-Continue", b"200-ok", b"100-continue, x=y", b"")
    ),
    method_case(
        "an expectation in HTTP/1.0",
        "RFC 9110, 10.1.1",
        b"POST",
        b"Expect: 100-continue\r\nContent-Length: 3",
        b"abc",
        *abc,
        version=b"1.0",
        state=MUST_CLOSE,
    ),
    *(
        refused(
            f"CONNECT with {what}",
            "RFC 9110, 9.3.6",
            SERVER,
            b"CONNECT a:1 HTTP/%b\r\n@@Host: a\r\n%b\r\n\r\n" % (version, lines),
            "connect-body",
        )
        for what, version, lines in (
            ("a length in HTTP/1.0", b"1.0", length(b"5")),
            ("the longest length", b"1.1", length(b"9" * 18)),
            ("a length and an expectation", b"1.1", b"Expect: 100-continue\r\nContent-Length: 5"),
        )
    ),
]

SMUGGLING_CASES = [*CODINGS, *mangled_cases(), *lookalike_cases(), *LENGTHS, *BOTH, *OLD, *METHODS]
