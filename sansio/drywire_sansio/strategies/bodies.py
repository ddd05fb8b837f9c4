"""Bodies and the ways in which the chunked coding can spell them (RFC 9112, 7.1)."""

from __future__ import annotations

from functools import cache
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from .pieces import FRAMING_NAMES, Pair, field_names, field_values, tokens

__all__ = ["FORBIDDEN_IN_TRAILERS", "bodies", "chunkings", "field_lines", "trailers"]

FORBIDDEN_IN_TRAILERS: Final = FRAMING_NAMES | {
    b"authorization",
    b"cache-control",
    b"content-encoding",
    b"content-range",
    b"content-type",
    b"cookie",
    b"keep-alive",
    b"max-forwards",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"range",
    b"set-cookie",
    b"www-authenticate",
}
"""Names, in lower case, that a trailer section must not have (RFC 9110, 6.5.1)."""

_TRAPS: Final = (b"0\r\n\r\n", b"\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\n")


@cache
def bodies(max_size: int = 60) -> SearchStrategy[bytes]:
    """Return bodies of up to `max_size` bytes or so; some look like chunks, or like the next message."""
    return st.binary(max_size=max_size) | st.sampled_from(_TRAPS)


@cache
def trailers(max_size: int = 3) -> SearchStrategy[list[Pair]]:
    """Return trailer fields, none that RFC 9110, 6.5.1 forbids."""
    return st.lists(st.tuples(field_names(FORBIDDEN_IN_TRAILERS), field_values()), max_size=max_size)


_SPACES: Final = st.lists(st.sampled_from([(b" ", b""), (b"", b""), (b"\t ", b" "), (b"  ", b"\t")]), max_size=3)


def field_lines(draw: DrawFn, pairs: list[Pair]) -> bytes:
    """Return `pairs` as lines, with white space around the values as the grammar allows.

    No tab stands behind a value that frames a message: some parsers take it for a part of the value.
    """
    spaces = draw(_SPACES)
    padded = [*spaces, *[(b" ", b"")] * (len(pairs) - len(spaces))]
    return b"".join(
        b"%b:%b%b%b\r\n" % (name, left, value, b" " if name.lower() in FRAMING_NAMES else right)
        for (name, value), (left, right) in zip(pairs, padded, strict=False)
    )


@cache
def _extensions() -> SearchStrategy[bytes]:
    quoted = st.sampled_from([b'"a"', b'""', b'"\\""', b'"; b=c, \t\xff"'])
    value = st.just(b"") | (tokens(4) | quoted).map(lambda text: b"=" + text)
    one = st.tuples(st.just(b";"), tokens(4), value).map(b"".join)
    return st.just(b"") | st.just(b"") | st.lists(one, min_size=1, max_size=2).map(b"".join)


_SPELLINGS: Final = st.sampled_from([b"%x", b"%x", b"%X", b"000%x"])
_LAST_SIZES: Final = st.sampled_from([b"0", b"0", b"000"])


@st.composite
def chunkings(draw: DrawFn, body: bytes, with_trailers: list[Pair] | None = None) -> bytes:
    """Return `body` in the chunked coding, its last chunk and trailer section included.

    Chunk sizes, their leading zeros and letter case, and chunk extensions vary; `with_trailers` are the trailer
    fields, none by default.
    """
    places = draw(st.lists(st.integers(0, len(body)), max_size=3)) if len(body) > 1 else []
    ends = sorted({*places, len(body)} - {0})
    wire = bytearray()
    begin = 0
    for end in ends:
        wire += draw(_SPELLINGS) % (end - begin) + draw(_extensions()) + b"\r\n" + body[begin:end] + b"\r\n"
        begin = end
    wire += draw(_LAST_SIZES) + draw(_extensions()) + b"\r\n"
    return bytes(wire) + field_lines(draw, with_trailers or []) + b"\r\n"
