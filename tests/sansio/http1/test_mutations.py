"""The cases of the wire tables, damaged: the same bytes always get the same verdict, and never an odd exception."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio.http1 import CLIENT, ERROR, SERVER, Limits

from .case import Verdict, cut, read, read_pieces
from .request_cases import CHUNKS, REQUEST_CASES
from .response_cases import RESPONSE_CASES

GRAFTS = (
    *(bytes([byte]) for byte in b'\r\n\0\t :;,="0a\x7f\xff'),
    *(b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\r", b"chunked", b"Host: b\r\n", b"Content-Length: 1\r\n", b"HTTP/1.1"),
    *(b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"0\r\n\r\n", b";a=b"),
    *(b"X: y\r\n", b"aaaaaaaaaaaaaaaa", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 100 \r\n\r\n", b"ffffffffffffffffff"),
)

limits = st.builds(
    Limits,
    start_line=st.integers(0, 30),
    field_line=st.integers(0, 40),
    field_count=st.integers(0, 5),
    head=st.integers(0, 100),
    chunk_extensions=st.integers(0, 12),
    trailer_count=st.integers(0, 3),
    trailers=st.integers(0, 30),
    informational=st.integers(0, 3),
)


def roomy(limits):
    """Return `limits` with room for any head, so that a body is reached."""
    return replace(limits, start_line=8190, field_count=128, head=65536)


def damaged(cases):
    """Return a strategy for a case and bytes that are nearly those of some cases."""

    @st.composite
    def draw_one(draw):
        case = draw(st.sampled_from(cases))
        data = case.wire + b"".join(other.wire for other in draw(st.lists(st.sampled_from(cases), max_size=1)))
        for _ in range(draw(st.integers(0, 3))):
            place = draw(st.integers(0, len(data)))
            graft = draw(st.one_of(st.sampled_from(GRAFTS), st.binary(max_size=2), st.just(b"")))
            data = data[:place] + graft + data[place + draw(st.integers(0, 3)) :]
        return case, data

    return draw_one()


def verdicts(case, data, limits, sizes, eof):
    """Return what is said of `data` in pieces of each of `sizes`, and of the end behind it."""
    for pieces in [cut(data, len(data) or 1), *(cut(data, size) for size in sizes)]:
        connection = case.connection(limits)
        verdict = read_pieces(connection, pieces + [b""] * eof)
        yield verdict, connection


def check(case, data, limits, sizes, eof):
    (whole, first), *others = verdicts(case, data, limits, sizes, eof)
    for verdict, connection in others:
        assert verdict == whole
        assert connection.states == first.states
        assert connection.keep_alive is first.keep_alive
    if whole.error is not None:
        rule, status, offset, section, message = whole.error
        assert first.their_state is ERROR
        assert read(first) == Verdict((), whole.error, None)
        assert rule
        assert section.startswith("RFC ")
        assert message
        assert 0 <= offset <= len(data)
        assert status in (400, 413, 414, 431, 501, 502, 505)


sizes = st.lists(st.integers(2, 40), max_size=2).map(lambda more: [1, *more])


@settings(max_examples=400, deadline=None)
@given(damaged(REQUEST_CASES), st.none() | limits, sizes, st.booleans())
def test_a_damaged_request_gets_one_verdict_however_it_is_split(damage, limits, sizes, eof):
    check(*damage, limits, sizes, eof)


@settings(max_examples=400, deadline=None)
@given(damaged(RESPONSE_CASES), st.none() | limits, sizes, st.booleans())
def test_a_damaged_response_gets_one_verdict_however_it_is_split(damage, limits, sizes, eof):
    check(*damage, limits, sizes, eof)


@settings(max_examples=300, deadline=None)
@given(damaged(CHUNKS), st.none() | limits.map(roomy), sizes)
def test_a_damaged_chunked_body_gets_one_verdict_however_it_is_split(damage, limits, sizes):
    check(*damage, limits, sizes, True)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100), st.sampled_from([CLIENT, SERVER]), sizes)
def test_random_bytes_get_one_verdict_however_they_are_split(data, role, sizes):
    cases = REQUEST_CASES if role is SERVER else RESPONSE_CASES
    check(cases[0], data, None, sizes, True)
