"""The quick ways, in C where they were built and in Python: each equal to a plain definition."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.websocket import masking, plain
from drywire_sansio.websocket.frames import pack_header

MASKS = {"python": masking.apply_mask_in_python, "built": masking.apply_mask}
READS = {"python": plain.read_plain_in_python, "built": plain.read_plain}


def xor(data, key):
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(bytes(data)))


@pytest.mark.parametrize("apply_mask", MASKS.values(), ids=MASKS)
def test_masking_is_an_xor_at_each_place(apply_mask):
    key = b"\x01\x80\xff\x5a"
    for size in [*range(600), 4096, 65_535, 65_537]:
        data = bytes(number * 7 & 0xFF for number in range(size))
        assert apply_mask(data, key) == xor(data, key)


@pytest.mark.parametrize("apply_mask", MASKS.values(), ids=MASKS)
@given(data=st.binary(max_size=2000), key=st.binary(min_size=4, max_size=4), start=st.integers(0, 9))
def test_masking_takes_any_buffer_at_any_place(apply_mask, data, key, start):
    for buffer in (data[start:], bytearray(data)[start:], memoryview(data)[start:]):
        masked = apply_mask(buffer, key)
        assert masked == xor(data[start:], key)
        assert apply_mask(masked, key) == data[start:]


@pytest.mark.parametrize("apply_mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("key", [b"", b"abc", b"abcde"])
def test_a_key_has_four_bytes(apply_mask, key):
    with pytest.raises(ValueError, match="four bytes"):
        apply_mask(b"data", key)


@pytest.mark.parametrize("read_plain", READS.values(), ids=READS)
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 1000, 65_534, 65_535])
def test_a_plain_message_is_read(read_plain, masked, size):
    key = b"abcd" if masked else b""
    for first, content in ((0x81, "x" * size), (0x82, b"\xff" * size)):
        payload = content.encode() if isinstance(content, str) else content
        wire = pack_header(first, size, masked=masked) + key + (xor(payload, key) if masked else payload)
        assert read_plain(wire, masked, 0xFFFF) == content
        assert read_plain(wire, masked, size) == content
        assert read_plain(wire, masked, size - 1) is None
        assert read_plain(wire, not masked, 0xFFFF) is None
        assert read_plain(wire + b"x", masked, 0xFFFF) is None
        assert read_plain(wire[:-1], masked, 0xFFFF) is None


@pytest.mark.parametrize("masked", [True, False])
@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"\x81", b"\x82", b"\x81\x85", b"\x82\xfe\x00\x80"]))
def test_both_readers_agree_on_any_bytes(masked, data, start):
    data = start + data
    for longest in (0, 100, 0xFFFF):
        assert plain.read_plain(data, masked, longest) == plain.read_plain_in_python(data, masked, longest)


@pytest.mark.parametrize("read_plain", READS.values(), ids=READS)
@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x81",
        b"\x81\x7e",
        b"\x81\x7e\x00",
        b"\x81\x7e\x00\x05hello",
        b"\x81\x7f\0\0\0\0\0\0\0\x05hello",
        b"\x81\x01\xff",
        b"\x01\x01a",
        b"\x89\x01a",
        b"\xc1\x01a",
    ],
)
def test_anything_else_is_left_alone(read_plain, wire):
    assert read_plain(wire, False, 0xFFFF) is None


@pytest.mark.parametrize("read_plain", READS.values(), ids=READS)
def test_references_to_none_are_counted(read_plain):
    # Headers from 3.12 on take None for immortal, which it is not on 3.11: a build by the ones has to do for the other.
    before = sys.getrefcount(None)
    for _ in range(10_000):
        read_plain(b"\x01\x01a", False, 10)
    assert abs(sys.getrefcount(None) - before) < 1000
