"""Content codings as values: whatever pieces they come in, what comes out is what went in, and bounded."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.coding import (
    ContentCodingError,
    ContentDecoder,
    ContentEncoder,
    accepted_codings,
    content_codings,
    set_zlib_backend,
)
from drywire_sansio.limits import Limits

CODINGS = ["gzip", "deflate", "br", "zstd"]


def encoded(data, *codings):
    for coding in codings:
        encoder = ContentEncoder(coding)
        data = encoder.encode(data) + encoder.finish()
    return data


def decoded(codings, pieces, room=262_144, limits=None):
    decoder = ContentDecoder(codings, limits) if limits else ContentDecoder(codings)
    result = b""
    for piece in pieces:
        decoder.feed(piece)
        while decoder.pending:
            data = decoder.take(room)
            assert len(data) <= max(3 * room, 65_536)
            result += data
            if not data:
                break
    decoder.end()
    return result


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=3000), st.lists(st.sampled_from(CODINGS), min_size=1, max_size=3), st.integers(1, 4000))
def test_what_was_coded_comes_back_however_it_is_cut(data, codings, size):
    coded = encoded(data, *codings)
    assert decoded(codings, cut(coded, size)) == data


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("room", [1, 1000, 100_000])
def test_no_more_comes_out_at_a_time_than_is_asked_for(coding, room):
    data = bytes(3_000_000 if room > 1 else 3000)
    decoder = ContentDecoder([coding], Limits(decoded_ratio=1_000_000))
    decoder.feed(encoded(data, coding))
    total = 0
    while decoder.pending:
        piece = decoder.take(room)
        assert len(piece) <= max(3 * room, 65_536)  # brotli's own buffers, of 32 KiB and each twice the one before
        total += len(piece)
    decoder.end()
    assert total == len(data) == decoder.total_out


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_that_is_cut_off_is_an_error(coding):
    coded = encoded(b"some content" * 50, coding)
    for end in (1, len(coded) // 2, len(coded) - 1):
        with pytest.raises(ContentCodingError, match="cut off"):
            decoded([coding], [coded[:end]])
    assert decoded([coding], []) == b""  # no body at all is none that is cut off


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_noise_is_an_error(coding):
    with pytest.raises(ContentCodingError, match=r"malformed|cut off"):
        decoded([coding], [b"\xff\xfe\xfd certainly not coded " * 20])


def test_deflate_is_read_in_both_of_its_forms():
    data = b"either with zlib's wrapping or without" * 9
    raw = zlib.compressobj(wbits=-15)
    bare = raw.compress(data) + raw.flush()
    for coded in (zlib.compress(data), bare):
        for size in (1, 2, 3, len(coded)):
            assert decoded(["deflate"], cut(coded, size)) == data


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_members_of_gzip_are_read_one_after_the_other(size):
    coded = b"".join(gzip.compress(part) for part in (b"one", b"", b"two"))
    assert decoded(["gzip"], cut(coded, size)) == b"onetwo"


@pytest.mark.parametrize("padding", [b"\0" * 20, b"padding", b"\x1f"])
@pytest.mark.parametrize("size", [1, 1000])
def test_what_pads_gzip_is_dropped(padding, size):
    assert decoded(["gzip"], cut(gzip.compress(b"data") + padding, size)) == b"data"


def test_frames_of_zstd_are_read_one_after_the_other():
    assert decoded(["zstd"], [encoded(b"one", "zstd") + encoded(b"two", "zstd")]) == b"onetwo"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_streams_behind_one_another_are_counted(coding):
    coded = encoded(b"", coding) * 12
    assert decoded([coding], [coded], limits=Limits(coding_members=11)) == b""
    with pytest.raises(ContentCodingError, match="coding_members"):
        decoded([coding], [coded], limits=Limits(coding_members=10))


@pytest.mark.parametrize("codings", [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "gzip"], ["br", "gzip"]])
def test_a_bomb_is_an_error_long_before_it_is_whole(codings):
    bomb = encoded(bytes(200_000_000 if len(codings) == 1 else 60_000_000), *codings)
    decoder = ContentDecoder(codings, Limits(decoded_free=1_000_000))
    decoder.feed(bomb)
    given_out = 0

    def take_all():
        nonlocal given_out
        while decoder.pending:
            given_out += len(decoder.take(65_536))

    with pytest.raises(ContentCodingError, match="decoded_ratio"):
        take_all()
    assert given_out <= max(1_000_000, 200 * len(bomb)) + 65_536


def test_what_inflates_a_lot_but_stays_small_is_none():
    assert decoded(["gzip"], [gzip.compress(bytes(5_000_000))]) == bytes(5_000_000)


def test_more_codings_than_the_limit_are_refused():
    with pytest.raises(ContentCodingError, match="content_codings"):
        ContentDecoder(["gzip"] * 6)
    with pytest.raises(ContentCodingError, match="content_codings"):
        ContentDecoder.make(", ".join(["gzip"] * 6))


@pytest.mark.parametrize(
    ("field", "codings"),
    [
        ("gzip", ["gzip"]),
        (" GZip ,x-gzip,, deflate\t", ["gzip", "gzip", "deflate"]),
        ("identity", []),
        ("identity, br", ["br"]),
        ("", []),
        ("\u212aompress", ["\u212aompress"]),
    ],
)
def test_a_field_names_codings_in_the_order_of_their_making(field, codings):
    assert content_codings(field) == codings


def test_a_body_in_an_unknown_coding_is_left_as_it_is():
    assert ContentDecoder.make("exi") is None
    assert ContentDecoder.make("gzip, exi") is None
    assert ContentDecoder.make(None) is ContentDecoder.make("identity") is None
    with pytest.raises(ContentCodingError, match="not known"):
        ContentDecoder(["exi"])
    with pytest.raises(ValueError, match="cannot be written"):
        ContentEncoder("exi")


def test_what_is_accepted_is_what_can_be_read():
    assert accepted_codings() == "gzip, deflate, br, zstd"


def test_another_zlib_can_be_put_in_place():
    class Counting:
        error = zlib.error
        made = 0

        @classmethod
        def decompressobj(cls, *args):
            cls.made += 1
            return zlib.decompressobj(*args)

        compressobj = staticmethod(zlib.compressobj)

    set_zlib_backend(Counting)
    try:
        assert decoded(["gzip"], [gzip.compress(b"x")]) == b"x"
    finally:
        set_zlib_backend(zlib)
    assert Counting.made == 1
    with pytest.raises(TypeError, match="decompressobj"):
        set_zlib_backend(gzip)
