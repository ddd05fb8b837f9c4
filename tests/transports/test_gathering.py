"""What is joined, what is cut, and what is copied."""

import mmap

from drywire_transports.gathering import JOIN_LIMIT, PIECE, joined, pieces


def test_small_buffers_become_one():
    assert joined((b"a", bytearray(b"b"), memoryview(b"c"))) == b"abc"
    assert joined(()) == b""


def test_one_small_bytes_object_is_passed_on_as_it_is():
    only = b"only"
    assert joined((only,)) is only
    assert joined((bytearray(b"mutable"),)) == b"mutable"


def test_large_buffers_are_not_joined():
    assert joined((bytes(JOIN_LIMIT + 1),)) is None
    assert joined((bytes(JOIN_LIMIT), b"x")) is None


def test_bytes_are_cut_without_a_copy():
    block = bytes(range(256)) * 4096
    cut = list(pieces((b"head", block, memoryview(block)[5:])))
    assert b"".join(cut) == b"head" + block + block[5:]
    assert all(len(piece) <= PIECE for piece in cut)
    assert all(piece.obj is block for piece in cut[1:])


def test_what_may_change_is_copied():
    scratch = bytearray(b"scratch")
    (piece,) = pieces((scratch,))
    scratch[:] = b"CHANGED"
    assert piece == b"scratch"
    with mmap.mmap(-1, 10) as mapped:
        assert [type(piece) for piece in pieces((memoryview(mapped).toreadonly(),))] == [bytes]


def test_nothing_is_cut_from_empty_buffers():
    assert list(pieces((b"", bytearray()))) == []


def test_views_of_other_items_are_cut_by_bytes():
    numbers = memoryview(bytes(8)).cast("I")
    assert [bytes(piece) for piece in pieces((numbers,))] == [bytes(8)]
