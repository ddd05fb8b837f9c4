"""Header sections: validated bytes on one side, pairs on the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.errors import LocalProtocolError
from drywire_sansio.fields import FieldLines, ReceivedFieldLines, RepeatedField, framing_fields, list_members

PAIRS = [(b"Host", b"a"), (b"X", b""), (b"x", b"b c")]


def test_fields_are_a_sequence_of_pairs():
    lines = FieldLines(PAIRS)
    assert lines.raw == b"Host: a\r\nX: \r\nx: b c\r\n"
    assert list(lines) == PAIRS
    assert len(lines) == 3
    assert lines[0] == (b"Host", b"a")
    assert lines[-1] == (b"x", b"b c")
    assert lines[1:] == PAIRS[1:]
    assert (b"X", b"") in lines
    assert lines.index((b"X", b"")) == 1
    assert repr(lines) == repr(PAIRS)


def test_fields_are_equal_to_the_same_pairs_in_the_same_order():
    lines = FieldLines(PAIRS)
    assert lines == FieldLines(iter(PAIRS)) == PAIRS == lines
    assert lines == tuple(PAIRS)
    assert ReceivedFieldLines(b"Host:a\r\nX:\r\nx:\tb c \r\n") == lines
    assert lines != PAIRS[::-1]
    assert lines != FieldLines()
    assert lines != b"Host: a"
    with pytest.raises(TypeError, match="unhashable"):
        hash(lines)


def test_no_fields_are_an_empty_sequence():
    assert FieldLines().raw == b""
    assert list(FieldLines()) == []
    assert not FieldLines()


def test_a_slice_does_not_give_away_the_inside():
    lines = FieldLines(PAIRS)
    lines[:].clear()
    assert list(lines) == PAIRS


@pytest.mark.parametrize("pair", [(b"", b"a"), (b"a:", b""), (b"a", b"\n"), (b"a\r\nb", b""), (b"a", b"\r\nb: c")])
def test_what_is_no_field_is_refused_by_name(pair):
    with pytest.raises(LocalProtocolError, match="header"):
        FieldLines([(b"Host", b"a"), pair, (b"b", b"c")])


def test_a_long_name_is_quoted_in_part():
    with pytest.raises(LocalProtocolError) as raised:
        FieldLines([(b"a " * 1000, b"")])
    assert len(str(raised.value)) < 150


def test_framing_fields_are_found_in_any_case_and_given_in_lower():
    block = (
        b"\nhOST: A\r\nConnection:Keep-Alive , CLOSE \r\nConnection-X: no\r\nX-Host: no\r\nUPGRADE:\tWebSocket\r\n"
        b"content-length: 5\r\nexpect:100-Continue\r\ntransfer-encoding:\r\nX: \tHost: b\r\n"
    )
    assert framing_fields(block) == {
        b"host": b"a",
        b"connection": b"keep-alive , close",
        b"upgrade": b"websocket",
        b"content-length": b"5",
        b"expect": b"100-continue",
        b"transfer-encoding": b"",
    }


def test_a_start_line_is_no_field():
    assert framing_fields(b"Host: a HTTP/1.1\r\nX: y\r\n\r\n") == {}


def test_lists_in_several_lines_are_one_list():
    block = b"\nConnection: a\r\nX: y\r\nconnection: b\r\nUpgrade: c\r\nCONNECTION:\r\n"
    assert framing_fields(block) == {b"connection": b"a,b,", b"upgrade": b"c"}


@pytest.mark.parametrize("name", [b"Host", b"Content-Length"])
def test_what_cannot_be_a_list_cannot_come_twice(name):
    with pytest.raises(RepeatedField) as raised:
        framing_fields(b"\n%b: 1\r\nX: y\r\n%b: 1\r\n" % (name, name.upper()))
    assert raised.value.args[0] == name.decode()


def test_fields_know_their_framing_and_whose_was_told():
    assert FieldLines(PAIRS).framing == {b"host": b"a"}
    told = {b"host": b"told"}
    assert ReceivedFieldLines(b"Host: a\r\n", told).framing is told
    lines = FieldLines([(b"Host", b"a"), (b"Host", b"b")])
    for _ in range(2):
        with pytest.raises(RepeatedField):
            _ = lines.framing


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a,b", [b"a", b"b"]),
        (b" a\t,, \t,b ", [b"a", b"b"]),
        (b",", []),
        (b"a b", [b"a b"]),
        (b"a\x0b", [b"a\x0b"]),
        (b"\xa0a", [b"\xa0a"]),
    ],
)
def test_a_list_is_split_at_commas_and_stripped_of_space_and_tab_only(value, members):
    assert list_members(value) == members


names = st.text("!#$%&'*+-.^_`|~0189AZaz", min_size=1).map(str.encode)
values = st.binary().map(lambda value: bytes(byte for byte in value if byte == 9 or 32 <= byte != 127).strip(b" \t"))


@given(st.lists(st.tuples(names, values)))
def test_fields_survive_being_joined_and_split(pairs):
    lines = FieldLines(pairs)
    assert list(lines) == pairs
    assert ReceivedFieldLines(lines.raw) == pairs


@given(st.lists(st.tuples(st.binary(max_size=5), st.binary(max_size=5)), max_size=3))
def test_fields_are_as_many_as_were_given_or_refused(pairs):
    try:
        lines = FieldLines(pairs)
    except LocalProtocolError:
        return
    assert [(name, value.strip(b" \t")) for name, value in pairs] == list(lines)
    assert lines.raw.count(b"\r\n") == lines.raw.count(b"\n") == lines.raw.count(b"\r") == len(pairs)


def test_fields_grow_at_their_end_without_a_second_look_at_the_others():
    base = FieldLines([(b"Host", b"a"), (b"Accept", b"*/*")])
    assert base.framing == {b"host": b"a"}
    grown = base.plus([(b"Expect", b"100-Continue"), (b"X", b"y")])
    assert grown == [*base, (b"Expect", b"100-Continue"), (b"X", b"y")]
    assert grown.framing == FieldLines(list(grown)).framing == {b"host": b"a", b"expect": b"100-continue"}
    longer = grown.with_length(12)
    assert longer == [*grown, (b"Content-Length", b"12")]
    assert longer.framing == FieldLines(list(longer)).framing
    assert base == [(b"Host", b"a"), (b"Accept", b"*/*")]
    with pytest.raises(LocalProtocolError):
        base.plus([(b"X", b"a\r\nInjected: 1")])
