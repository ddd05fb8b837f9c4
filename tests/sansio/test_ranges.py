"""Range requests: RFC 9110, 14."""

import contextlib
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.ranges import MOST_RANGES, NEAR, ByteRange, MalformedRange, choose_ranges, lay_out


@pytest.mark.parametrize(
    ("field", "ranges"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 1000)]),
        ("Bytes = 0-99", [(0, 100)]),
        ("bytes=990-2000", [(990, 1000)]),
        ("bytes=-10", [(990, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=0000000000000000000000005-9", [(5, 10)]),
        ("bytes=5-99999999999999999999999999", [(5, 1000)]),
        ("bytes=-99999999999999999999999999", [(0, 1000)]),
        ("bytes=500-509, 0-9", [(500, 510), (0, 10)]),  # in the order asked for
        ("bytes=500-509,,0-9,", [(500, 510), (0, 10)]),
        ("bytes=0-9, 5000-", [(0, 10)]),  # as many as can be had
        ("bytes=0-9, 5-19", [(0, 20)]),
        ("bytes=0-9, 20-29", [(0, 30)]),  # less than a part's head between them
        ("bytes=900-, 0-9, 850-860", [(850, 1000), (0, 10)]),
        ("bytes=1000-", []),
        ("bytes=1000-1001, 99999999999999999999999999-", []),
        ("bytes=-0", []),
    ],
)
def test_the_ranges_of_a_field(field, ranges):
    assert choose_ranges(field, 1000) == tuple(ByteRange(*part) for part in ranges)


@pytest.mark.parametrize("field", ["lines=0-5", "0-5", "", "bytes", "bytes:0-5", "bytes=" + "0-0," * MOST_RANGES])
def test_fields_that_are_ignored(field):
    assert choose_ranges(field, 1000) is None


@pytest.mark.parametrize(
    "field",
    [
        "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1", "bytes=--5", "bytes=0-5-9", "bytes=+1-5",
        "bytes=1_0-20", "bytes=\u0661-\u0662", "bytes=0x1-5", "bytes=0-5;q=1", "bytes=0 - 5", "bytes=0-1, x", "bytes=,",
        f"bytes={'9' * 5000}1-{'9' * 5000}0",
    ],
)  # fmt: skip
def test_fields_that_are_malformed(field):
    with pytest.raises(MalformedRange, match="RFC 9110"):
        choose_ranges(field, 1000)


def test_of_nothing_no_range_can_be_had():
    assert choose_ranges("bytes=0-", 0) == choose_ranges("bytes=-5", 0) == ()


numbers = st.integers(0, 10_000)
asked = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    numbers.map("{}-".format),
    numbers.map("-{}".format),
)


@given(st.lists(asked, min_size=1, max_size=MOST_RANGES), st.integers(0, 5000))
def test_each_byte_asked_for_is_sent_once_and_none_that_there_is_not(parts, size):
    ranges = choose_ranges("bytes=" + ",".join(parts), size)
    ordered = sorted(ranges)
    assert all(0 <= part.start < part.end <= size for part in ordered)
    assert all(one.end + NEAR < other.start for one, other in itertools.pairwise(ordered))
    sent = {byte for part in ordered for byte in range(part.start, part.end)}
    for part in parts:
        first, _, last = part.partition("-")
        start, end = (int(first), int(last or size) + 1) if first else (max(0, size - int(last)), size)
        assert set(range(min(start, size), min(end, size))) <= sent


@given(st.lists(st.sampled_from("0123456789-,= bytesx\u0663"), max_size=60).map("".join))
def test_whatever_comes_is_chosen_or_refused(text):
    try:
        ranges = choose_ranges(f"bytes={text}", 100)
    except MalformedRange:
        return
    assert ranges is None or sum(part.end - part.start for part in ranges) <= 100


@pytest.mark.parametrize("field", ["bytes=" + "0-," * 300_000, "bytes=" + "9" * 10**6 + "-", "bytes=" + "-" * 10**6])
def test_cve_2025_62727_a_field_takes_linear_time(field):
    begun = time.process_time()
    with contextlib.suppress(MalformedRange):
        choose_ranges(field, 10**9)
    assert time.process_time() - begun < 0.5


def test_several_ranges_as_one_body():
    content = bytes(range(256)) * 4
    ranges = choose_ranges("bytes=0-3,500-503", len(content))
    body = lay_out(ranges, len(content), b"text/plain", b"xyz")
    wire = b"".join(head + content[part.start : part.end] for head, part in zip(body.heads, ranges, strict=True))
    wire += body.tail
    assert len(wire) == body.length
    assert wire == (
        b"\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-3/1024\r\n\r\n\x00\x01\x02\x03"
        b"\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 500-503/1024\r\n\r\n\xf4\xf5\xf6\xf7"
        b"\r\n--xyz--\r\n"
    )
