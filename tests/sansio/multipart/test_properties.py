"""A body written by us is read back as it was, however it is cut; anything else is accepted or refused, never worse."""

from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.multipart import MultipartLimits

from .drive import cut, parts, single_bytes, verdict


def field_value(data):
    return bytes(byte for byte in data if byte >= 0x20 and byte != 0x7F).strip(b" ")


BOUNDARY_CHARACTERS = "0123456789abcXYZ'()+_,-./:=?"
boundaries = st.text(BOUNDARY_CHARACTERS, min_size=1, max_size=70).map(str.encode)
names = st.sampled_from([b"A", b"x-b", b"Content-Type", b"Content-Disposition", b"Content-Length"])
values = st.binary(max_size=12).map(field_value)
headers = st.lists(st.tuples(names, values), max_size=4, unique_by=lambda pair: pair[0])
places = st.lists(st.integers(0, 2000), max_size=8)


@st.composite
def bodies(draw):
    boundary = draw(boundaries)
    near = st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", b"x", b"\r\n--", boundary, boundary[:-1], b"--" + boundary]
    )
    # No line of the content begins with the boundary, not even together with the line end and hyphens behind it.
    content = (
        st.lists(near, max_size=12)
        .map(b"".join)
        .filter(lambda data: b"\r\n--" + boundary not in b"\r\n" + data + b"\r\n--")
    )
    found = draw(st.lists(st.tuples(headers, content), max_size=4))
    preamble = draw(content)
    pieces = [preamble, b"\r\n"] if preamble else []
    for fields, data in found:
        pieces += [b"--", boundary, b"\r\n", *(b"%b: %b\r\n" % field for field in fields), b"\r\n", data, b"\r\n"]
    return boundary, found, b"".join([*pieces, b"--", boundary, b"--\r\n"])


@given(bodies(), places)
def test_what_is_written_is_read(body, places):
    boundary, found, data = body
    assert parts([data], boundary) == found
    assert parts(cut(data, places), boundary) == found
    assert parts(single_bytes(data), boundary) == found


TOKENS = [b"--b", b"--", b"-", b"b", b"\r\n", b"\r", b"\n", b" \t", b"A: 1\r\n", b":", b"\0", b"\xff", b"\r\n--b\r\n"]
SMALL = MultipartLimits(
    parts=3, field_count=2, field_line=8, head=14, part=9, body=80, preamble=6, epilogue=6, padding=2
)


@given(st.lists(st.sampled_from([*TOKENS, b"\r\n--b--", b"\r\n\r\n"]), max_size=30).map(b"".join), places)
def test_the_verdict_does_not_depend_on_how_a_body_is_cut(data, places):
    for limits in MultipartLimits(), SMALL:
        whole = verdict([data], limits=limits)
        assert verdict(cut(data, places), limits=limits) == whole
        assert verdict(single_bytes(data), limits=limits) == whole


@given(bodies(), st.data())
def test_a_damaged_body_is_accepted_or_refused_and_never_worse(body, draw):
    boundary, _, data = body
    at = draw.draw(st.integers(0, len(data) - 1))
    damaged = data[:at] + draw.draw(st.binary(max_size=3)) + data[at + draw.draw(st.integers(0, 3)) :]
    assert verdict([damaged], boundary) == verdict(single_bytes(damaged), boundary)
