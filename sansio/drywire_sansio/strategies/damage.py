"""Messages that are nearly valid: where parsers differ, and where smuggling begins."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from .messages import pipelines, responses

__all__ = ["GRAFTS", "damaged", "near_valid_requests", "near_valid_responses"]

GRAFTS: Final = (
    *(bytes([byte]) for byte in b'\r\n\0\t\x0b\x0c \x1f:;,="+-_.#@/?*0159afx\x7f\x80\x85\xa0\xff'),
    *(b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r\n", b"\r\n ", b"\r\n\t", b" :", b"\n "),
    *(b"Content-Length: 0\r\n", b"Content-Length: 5\r\n", b"content-length:1\r\n", b"Content-Length: +1\r\n"),
    *(b"Content-Length: 1, 1\r\n", b"Content-Length: 0x1\r\n", b"Content-Length: 1_0\r\n", b"Content-Length:\r\n"),
    *(b"Content-Length: 99999999999999999999\r\n", b"Content-Length: \xd9\xa1\r\n", b"Content-Length : 1\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(b"Transfer-Encoding: chunked, chunked\r\n", b"Transfer-Encoding: chunked,\r\n", b"Transfer-Encoding: x\r\n"),
    *(b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding : chunked\r\n", b"Transfer_Encoding: chunked\r\n"),
    *(b"Transfer-Encoding:\r\n chunked\r\n", b"Transfer-Encoding: xchunked\r\n", b'Transfer-Encoding: "chunked"\r\n'),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
    *(b"Expect: 100-continue\r\n", b"Host: b\r\n", b"Host:\r\n", b"Host: a b\r\n", b"X: y\r\n", b": y\r\n", b"X\r\n"),
    *(b"0\r\n\r\n", b"5\r\n", b"0x5\r\n", b"+5\r\n", b"ffffffffffffffffff\r\n", b";a=b", b';a="', b"0000000000000000"),
    *(b"HTTP/1.0", b"HTTP/1.1", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    *(b"HTTP/1.1 100 \r\n\r\n", b"HTTP/1.1 204\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"HEAD", b"chunked", b"100"),
)
"""What is put into messages: bytes that some parser treats in its own way, fields that frame, whole heads."""


_PUT_IN: Final = st.sampled_from(GRAFTS) | st.binary(max_size=2)
_LOST: Final = st.sampled_from([0, 0, 1, 2, 8])
_BESIDE: Final = st.sampled_from([0, 2, 1])


@st.composite
def damaged(draw: DrawFn, data: bytes, most: int = 3) -> bytes:
    """Return `data` with 1 to `most` mistakes: bytes lost, doubled or put in, often at a line's end or beginning."""
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(data)))
        if draw(st.booleans()):
            place = data.find(b"\r\n", place) + draw(_BESIDE)
        graft = draw(_PUT_IN)
        lost = draw(_LOST)
        data = data[:place] + graft + data[place + lost :]
    return data


def near_valid_requests() -> SearchStrategy[bytes]:
    """Return one or more pipelined requests, damaged in a few places."""
    return pipelines(max_size=2).flatmap(lambda messages: damaged(b"".join(message.wire for message in messages)))


def near_valid_responses(request_method: bytes = b"GET") -> SearchStrategy[bytes]:
    """Return a response to `request_method`, damaged in a few places."""
    return responses(request_method).flatmap(lambda message: damaged(message.wire))
