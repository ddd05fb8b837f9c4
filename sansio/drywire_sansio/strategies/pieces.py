"""The pieces of heads: tokens, methods, targets, hosts, field names and values (RFC 9110, 5; RFC 9112, 3).

Each strategy is made once: Hypothesis looks a new one over before it draws from it, which takes longer than drawing.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = [
    "FRAMING_NAMES",
    "ONCE_IN_REQUESTS",
    "field_names",
    "field_values",
    "header_sets",
    "hosts",
    "methods",
    "reasons",
    "request_targets",
    "tokens",
]

Form = Literal["origin", "absolute", "authority", "asterisk"]
Pair = tuple[bytes, bytes]

_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_TCHAR: Final = _LETTERS + b"!#$%&'*+-.^_`|~"
_VISIBLE: Final = _LETTERS + bytes(byte for byte in range(0x21, 0x7F) if byte not in _LETTERS)
_TARGET: Final = _VISIBLE.replace(b"#", b"")
_TEXT: Final = _VISIBLE + b" \t" + bytes(range(0x80, 0x100))

FRAMING_NAMES: Final = frozenset(
    [b"connection", b"content-length", b"expect", b"host", b"trailer", b"te", b"transfer-encoding", b"upgrade"]
)
"""Names, in lower case, that `field_names` never gives: they decide how a message is read."""

ONCE_IN_REQUESTS: Final = frozenset(
    [
        *(b"authorization", b"content-location", b"content-range", b"content-type", b"if-modified-since", b"if-range"),
        *(b"if-unmodified-since", b"max-forwards", b"origin", b"proxy-authorization", b"range", b"referer"),
    ]
)
"""Names, in lower case, that a request of ours never has twice: of two values, two readers could take one each."""

_COMMON_METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"M-SEARCH")
_COMMON_NAMES: Final = (b"Accept", b"Cookie", b"User-Agent", b"X-Forwarded-For", b"Set-Cookie", b"ETag", b"Via", b"A")
_COMMON_VALUES: Final = (
    b"",
    b"text/html; charset=utf-8",
    b'"a, b"',
    b"a, b,,c ,\t d",
    b'W/"x", \'',
    b"chunked",
    b"HTTP/1.1 200 OK",
    b"\xe2\x98\x83 \xff",
    b"x" * 200,
)


@cache
def spelled(alphabet: bytes, min_size: int, max_size: int) -> SearchStrategy[bytes]:
    """Return byte strings over `alphabet`; its first bytes are the simplest."""
    # A translated binary is several times quicker to draw than a list of bytes.
    table = bytes(alphabet[index % len(alphabet)] for index in range(256))
    return st.binary(min_size=min_size, max_size=max_size).map(lambda data: data.translate(table))


@cache
def tokens(max_size: int = 12) -> SearchStrategy[bytes]:
    """Return tokens of 1 to `max_size` bytes (RFC 9110, 5.6.2)."""
    return spelled(_TCHAR, 1, max_size)


@cache
def methods(connect: bool = False) -> SearchStrategy[bytes]:
    """Return methods, common ones mostly; CONNECT, whose target has a form of its own, only if `connect`."""
    made_up = tokens().filter(lambda method: method != b"CONNECT")
    common = st.sampled_from((*_COMMON_METHODS, b"CONNECT") if connect else _COMMON_METHODS)
    return common | common | made_up


@cache
def hosts(port: bool | None = None) -> SearchStrategy[bytes]:
    """Return values of Host: names, IPv4 and IPv6 addresses, with a port or without; `port` asks for one or none."""
    names = st.sampled_from([b"a", b"example.com", b"EXAMPLE.com.", b"xn--bcher-kva.example", b"a_b", b"127.0.0.1"])
    literals = st.sampled_from([b"[::1]", b"[2001:db8::1]", b"[::ffff:192.0.2.1]"])
    numbers = st.sampled_from([b":80", b":8080", b":1", b":65535"])
    if port is False:
        return names | literals
    ports = numbers if port else st.just(b"") | numbers
    return st.tuples(names | literals, ports).map(b"".join)


@cache
def _paths() -> SearchStrategy[bytes]:
    common = st.sampled_from([b"/", b"/a/b?c=d", b"//a", b"/%2F..%00", b"/?", b"/;x=y/*"])
    return common | spelled(_TARGET, 0, 20).map(lambda rest: b"/" + rest)


_FORMS: Final[dict[Form, SearchStrategy[bytes]]] = {
    "origin": _paths(),
    "absolute": st.tuples(st.sampled_from([b"http://", b"https://"]), hosts(), st.just(b"") | _paths()).map(b"".join),
    "authority": hosts(port=True),
    "asterisk": st.just(b"*"),
}


def request_targets(form: Form = "origin") -> SearchStrategy[bytes]:
    """Return request targets of a form (RFC 9112, 3.2): "origin", "absolute", "authority" or "asterisk"."""
    return _FORMS[form]


@cache
def field_names(avoid: frozenset[bytes] = FRAMING_NAMES) -> SearchStrategy[bytes]:
    """Return field names that are, in lower case, none of `avoid`."""
    common = [name for name in _COMMON_NAMES if name.lower() not in avoid]
    return st.sampled_from(common) | tokens().filter(lambda name: name.lower() not in avoid)


@cache
def field_values(max_size: int = 30) -> SearchStrategy[bytes]:
    """Return field values without white space at their ends, bytes above 0x7F among them (RFC 9110, 5.5)."""
    return st.sampled_from(_COMMON_VALUES) | spelled(_TEXT, 0, max_size).map(lambda value: value.strip(b" \t"))


@cache
def header_sets(max_size: int = 6) -> SearchStrategy[list[Pair]]:
    """Return up to `max_size` fields as (name, value) pairs, names repeated at times, none that frames a message."""
    return st.lists(st.tuples(field_names(), field_values()), max_size=max_size)


@cache
def reasons() -> SearchStrategy[bytes]:
    """Return reason phrases, empty ones among them (RFC 9112, 4)."""
    return st.sampled_from([b"OK", b"", b"Not Found", b"\xe9t\xe9", b"a\tb "]) | spelled(_TEXT, 0, 20)
