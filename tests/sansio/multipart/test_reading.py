"""What a multipart body is, part by part, and what is none."""

import pytest

from drywire_sansio.errors import LocalProtocolError, RemoteProtocolError
from drywire_sansio.fields import FieldLines
from drywire_sansio.multipart import NEED_DATA, End, MultipartParser, PartBegin, PartData, PartEnd

from .drive import events, joined, parts, refusal, single_bytes, verdict

TEXT = (b"Content-Type", b"text/plain")

GOOD = {
    "one part": (b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n", [([TEXT], b"hello")]),
    "two parts": (
        b"--b\r\n\r\none\r\n--b\r\nX: 1\r\nx: 2\r\n\r\ntwo\r\n--b--",
        [([], b"one"), ([(b"X", b"1"), (b"x", b"2")], b"two")],
    ),
    "no parts": (b"--b--\r\n", []),
    "no parts, no line end": (b"--b--", []),
    "a preamble": (b"This is a message\r\nof many parts.\r\n--b\r\n\r\nx\r\n--b--\r\n", [([], b"x")]),
    "an empty preamble": (b"\r\n--b\r\n\r\nx\r\n--b--\r\n", [([], b"x")]),
    "a preamble that nearly has the boundary": (
        b"\r\n-\r\n--\r\n --b\r\nx--b\r\n--b\r\n\r\nx\r\n--b--\r\n",
        [([], b"x")],
    ),
    "an epilogue": (b"--b\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\nnot a part\r\n--b--\r\n", [([], b"x")]),
    "padding": (b"--b \t\r\n\r\nx\r\n--b  \r\n\r\ny\r\n--b-- \t ", [([], b"x"), ([], b"y")]),
    "padding before the epilogue": (b"--b\r\n\r\nx\r\n--b--\t\r\nbye", [([], b"x")]),
    "an empty part": (b"--b\r\n\r\n\r\n--b--\r\n", [([], b"")]),
    "a part without content": (b"--b\r\nX: 1\r\n\r\n--b\r\n\r\n--b--\r\n", [([(b"X", b"1")], b""), ([], b"")]),
    "content that nearly ends": (
        b"--b\r\n\r\n\r\n-\r\n--\r\n-b\r\r\n\r\n \r\n--b--",
        [([], b"\r\n-\r\n--\r\n-b\r\r\n\r\n ")],
    ),
    "content with bare line feeds": (b"--b\r\n\r\n\n--b\n\r--b\r--b--\r\n--b--", [([], b"\n--b\n\r--b\r--b--")]),
    "content that ends in line ends": (b"--b\r\n\r\nx\r\n\r\n\r\n--b--", [([], b"x\r\n\r\n")]),
    "content with NUL": (b"--b\r\n\r\n\0\xff\r\n--b--", [([], b"\0\xff")]),
    "values in UTF-8": (b"--b\r\nX: \xc3\xa9\r\n\r\n\r\n--b--", [([(b"X", b"\xc3\xa9")], b"")]),
    "blank values": (b"--b\r\nX: \t \r\nY:\r\n\r\n\r\n--b--", [([(b"X", b""), (b"Y", b"")], b"")]),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_body_is_read_the_same_whole_and_byte_by_byte(name):
    data, expected = GOOD[name]
    assert parts([data]) == expected
    assert parts(single_bytes(data)) == expected


@pytest.mark.parametrize("name", GOOD)
def test_a_body_is_read_the_same_cut_anywhere(name):
    data, expected = GOOD[name]
    for place in range(1, len(data)):
        assert parts([data[:place], data[place:]]) == expected, place


BAD = {
    "nothing": (b"", "truncated"),
    "no boundary": (b"hello", "truncated"),
    "another boundary": (b"--c\r\n\r\nx\r\n--c--\r\n", "truncated"),
    "an end without hyphens": (b"--b\r\n\r\nx\r\n--b", "truncated"),
    "an end in the boundary": (b"--b\r\n\r\nx\r\n--", "truncated"),
    "an end with one hyphen": (b"--b\r\n\r\nx\r\n--b-", "truncated"),
    "an end in padding": (b"--b\r\n\r\nx\r\n--b \t", "truncated"),
    "an end before a line feed": (b"--b\r\n\r\nx\r\n--b\r", "truncated"),
    "an end in content": (b"--b\r\n\r\nx", "truncated"),
    "an end at content": (b"--b\r\n\r\n", "truncated"),
    "an end in a header": (b"--b\r\nX: 1", "truncated"),
    "an end between headers": (b"--b\r\nX: 1\r\n", "truncated"),
    "an end before headers": (b"--b\r\n", "truncated"),
    "an end in the last empty line": (b"--b\r\n\r", "truncated"),
    "a boundary that goes on": (b"--b\r\n\r\nx\r\n--bc\r\n--b--", "bad-boundary"),
    "a first boundary that goes on": (b"--bc\r\n\r\n--b--", "bad-boundary"),
    "a boundary with a colon": (b"--b:\r\n\r\n--b--", "bad-boundary"),
    "a boundary with one hyphen": (b"--b\r\n\r\nx\r\n--b-\r\n\r\n--b--", "bad-boundary"),
    "a bare line feed behind a boundary": (b"--b\n\r\nx\r\n--b--", "bad-boundary"),
    "a bare carriage return behind a boundary": (b"--b\rX\r\n\r\nx\r\n--b--", "bad-boundary"),
    "a vertical tab behind a boundary": (b"--b\x0b\r\n\r\nx\r\n--b--", "bad-boundary"),
    "a closing boundary that goes on": (b"--b\r\n\r\nx\r\n--b--c", "bad-boundary"),
    "a closing boundary with three hyphens": (b"--b\r\n\r\nx\r\n--b---\r\n", "bad-boundary"),
    "a bare line feed behind the closing boundary": (b"--b\r\n\r\nx\r\n--b--\n", "bad-boundary"),
    "half a line end behind the closing boundary": (b"--b\r\n\r\nx\r\n--b--\r", "bad-boundary"),
    "a boundary in place of a header": (b"--b\r\n--b--\r\n", "no-colon"),
    "a boundary behind a header": (b"--b\r\nX: 1\r\n--b--\r\n", "no-colon"),
    "a header without a colon": (b"--b\r\nX\r\n\r\n\r\n--b--", "no-colon"),
    "a header without a name": (b"--b\r\n: x\r\n\r\n\r\n--b--", "bad-field-name"),
    "a header name with a space": (b"--b\r\nX Y: x\r\n\r\n\r\n--b--", "bad-field-name"),
    "a header name in UTF-8": (b"--b\r\nX\xc3\xa9: x\r\n\r\n\r\n--b--", "bad-field-name"),
    "a space before the colon": (b"--b\r\nX : x\r\n\r\n\r\n--b--", "space-before-colon"),
    "a folded header": (b"--b\r\nX: x\r\n y\r\n\r\n\r\n--b--", "obs-fold"),
    "a first header that is folded": (b"--b\r\n X: y\r\n\r\n\r\n--b--", "obs-fold"),
    "a bare line feed behind a header": (b"--b\r\nX: x\nY: y\r\n\r\n\r\n--b--", "bare-lf"),
    "a bare line feed as empty line": (b"--b\r\nX: x\r\n\n\r\n--b--", "bare-lf"),
    "a bare carriage return in a header": (b"--b\r\nX: x\rY: y\r\n\r\n\r\n--b--", "bare-cr"),
    "two carriage returns": (b"--b\r\nX: x\r\r\n\r\n\r\n--b--", "bare-cr"),
    "NUL in a header": (b"--b\r\nX: \0\r\n\r\n\r\n--b--", "control-byte"),
    "escape in a header": (b"--b\r\nX: \x1b[2J\r\n\r\n\r\n--b--", "control-byte"),
    "two types": (b"--b\r\nContent-Type: a/b\r\nX: 1\r\ncontent-TYPE: c/d\r\n\r\n\r\n--b--", "repeated-field"),
    "two dispositions": (b"--b\r\nContent-Disposition: a\r\nContent-Disposition: a\r\n\r\n\r\n--b--", "repeated-field"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_multipart_body_is_refused_at_the_same_byte_however_it_is_split(name):
    data, rule = BAD[name]
    assert refusal(data) == rule


@pytest.mark.parametrize("name", [name for name in BAD if name.startswith("an end")])
def test_a_truncated_body_says_so(name):
    data, _ = BAD[name]
    parser = MultipartParser(b"b")
    parser.receive_data(data)
    said = joined(events(parser))
    assert End() not in said
    assert len([event for event in said if isinstance(event, PartEnd)]) == 0
    parser.receive_data(b"")
    with pytest.raises(RemoteProtocolError, match=r"ends (without its closing boundary|in the header of a part)"):
        parser.next_event()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the multipart body is empty, at byte 0 [RFC 2046, 5.1.1]"),
        (b"x", "the multipart body has no boundary in it, at byte 1 [RFC 2046, 5.1.1]"),
        (b"--b\r\nX", "the multipart body ends in the header of a part, at byte 6 [RFC 2046, 5.1.1]"),
        (b"--b", "the multipart body ends without its closing boundary, at byte 3 [RFC 2046, 5.1.1]"),
        (b"--b\r\n\r\n", "the multipart body ends without its closing boundary, at byte 7 [RFC 2046, 5.1.1]"),
    ],
)
def test_the_error_says_where_a_body_ends(data, message):
    parser = MultipartParser(b"b")
    parser.receive_data(data)
    parser.receive_data(b"")
    with pytest.raises(RemoteProtocolError) as raised:
        events(parser)
    assert str(raised.value) == message


def test_every_body_that_is_cut_off_is_refused():
    data = b"pre\r\n--b \r\nX: 1\r\n\r\none\r\n--b\r\n\r\n\r\ntwo\r\n--b--"
    for size in range(len(data)):
        said, error = verdict([data[:size]])
        assert error is not None, data[:size]
        assert error[1] == "truncated", data[:size]
        assert error[3] == size
        assert End() not in said


def test_an_error_names_the_field_that_stands_twice():
    said, error = verdict([b"--b\r\nContent-Length: 1\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n\r\n--b--"])
    assert said == []
    assert error[-1] == "a part has two Content-Type fields"


def test_an_error_says_where_the_bad_line_begins():
    assert verdict([b"--b\r\nA: 1\r\nB 2\r\n\r\n\r\n--b--"])[1][3] == 11
    assert verdict([b"--b\r\n\r\nx\r\n--b!"])[1][3] == 13


def test_the_same_error_is_said_again():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--bad")
    with pytest.raises(RemoteProtocolError) as first:
        parser.next_event()
    parser.receive_data(b"--\r\n")
    with pytest.raises(RemoteProtocolError) as second:
        parser.next_event()
    assert second.value is first.value
    assert first.value.status == 400
    assert first.value.excerpt == b"ad"


def test_bytes_after_the_end_are_our_own_mistake():
    parser = MultipartParser(b"b")
    parser.receive_data(b"")
    parser.receive_data(b"")
    with pytest.raises(LocalProtocolError):
        parser.receive_data(b"x")


def test_a_body_is_over_after_its_closing_boundary():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--b\r\n\r\nx\r\n--b--")
    assert events(parser) == [PartBegin(FieldLines()), PartData(b"x"), PartEnd(), End()]
    parser.receive_data(b"\r\nepilogue")
    assert parser.next_event() is NEED_DATA
    parser.receive_data(b"")
    assert parser.next_event() is NEED_DATA
    assert parser.next_event() is NEED_DATA


def test_a_part_is_over_as_soon_as_the_line_of_the_next_boundary_is():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--b\r\n\r\nx\r\n--b\r\n")
    assert events(parser)[-1] == PartEnd()


def test_content_is_handed_on_at_once_unless_it_may_be_a_boundary():
    parser = MultipartParser(b"boundary")
    parser.receive_data(b"--boundary\r\n\r\n")
    events(parser)
    for piece, said in [
        (b"abc", [PartData(b"abc")]),
        (b"d\r", [PartData(b"d")]),
        (b"\n--bound", []),
        (b"X", [PartData(b"\r\n--boundX")]),
        (b"\r\r\n", [PartData(b"\r")]),
        (b"\r\n", [PartData(b"\r\n")]),
        (b"-", []),
        (b"-boundary", []),
        (b"--", [PartEnd(), End()]),
    ]:
        parser.receive_data(piece)
        assert events(parser) == said, piece


def test_a_large_arrival_is_not_copied():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--b\r\n\r\nx")
    events(parser)
    arrival = bytes(100_000)
    parser.receive_data(arrival)
    (event,) = events(parser)
    assert event.data is arrival


def test_what_arrives_in_a_buffer_of_the_caller_may_change_afterwards():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--b\r\n\r\n1")
    events(parser)
    buffer = bytearray(b"23")
    parser.receive_data(buffer)
    buffer[:] = b"xx"
    parser.receive_data(memoryview(b"45"))
    assert joined(events(parser)) == [PartData(b"2345")]


def test_the_headers_of_a_part_can_be_had_as_they_were():
    parser = MultipartParser(b"b")
    parser.receive_data(b"--b\r\nX:1 \r\ny:\t2\r\n\r\nX: 3\r\n--b--")
    begin = events(parser)[0]
    assert begin == PartBegin(FieldLines([(b"X", b"1"), (b"y", b"2")]))
    assert begin.headers.raw == b"X:1 \r\ny:\t2\r\n"


def test_a_parser_can_begin_inside_a_part():
    parser = MultipartParser(b"b", in_part=True)
    parser.receive_data(b"x\r\n--b\r\nX: 1\r\n\r\n--b--")
    assert events(parser) == [PartData(b"x"), PartEnd(), PartBegin(FieldLines([(b"X", b"1")])), PartEnd(), End()]
    parser = MultipartParser(b"b", in_part=True)
    parser.receive_data(b"--b--")
    assert events(parser) == [PartEnd(), End()]


@pytest.mark.parametrize(
    "boundary", [b"b" * 70, b":", b"a b", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"'()+_,-./:=?"]
)
def test_a_boundary_has_1_to_70_characters(boundary):
    data = b"--%b\r\n\r\n--\r\n--%b--" % (boundary, boundary)
    assert parts([data], boundary) == parts(single_bytes(data), boundary) == [([], b"--")]


@pytest.mark.parametrize(
    "boundary", [b"", b"b" * 71, b"b ", b"a\r\nb", b"a\nb", b"b\0", b"b\n", "é".encode(), b"\x7f", b"\t"]
)
def test_another_boundary_is_a_value_error(boundary):
    with pytest.raises(ValueError, match="1 to 70"):
        MultipartParser(boundary)


def test_how_much_is_consumed_can_be_asked():
    parser = MultipartParser(b"b")
    assert parser.offset == 0
    data = b"pre\r\n--b\r\nX: 1\r\n\r\nx\r\n--b--\r\nbye"
    for piece in single_bytes(data):
        parser.receive_data(piece)
        events(parser)
        assert parser.offset <= len(data)
    assert parser.offset == len(data)
