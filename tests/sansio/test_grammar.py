"""The patterns: what each matches, and that none takes more than linear time, whatever it is given."""

import ipaddress
import re
import string
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio import grammar

TCHAR = b"!#$%&'*+-.^_`|~" + (string.digits + string.ascii_letters).encode()
TEXT = bytes([9, *range(32, 127), *range(128, 256)])


def matched_bytes(pattern, before=b"", after=b""):
    """Return the bytes that `pattern` matches between `before` and `after`."""
    return bytes(byte for byte in range(256) if pattern.fullmatch(before + bytes([byte]) + after))


def test_a_token_is_made_of_its_77_characters():
    assert sorted(matched_bytes(grammar.TOKEN)) == sorted(TCHAR)
    assert len(TCHAR) == 77
    assert grammar.TOKEN.fullmatch(b"") is None
    assert grammar.TOKEN.fullmatch(b"a\n") is None


def test_a_reason_and_a_value_hold_no_control_byte_but_the_tab():
    assert matched_bytes(grammar.REASON) == TEXT
    assert matched_bytes(grammar.FIELD_LINE, b"a:", b"\r\n") == TEXT


def test_a_control_byte_is_what_a_value_cannot_hold():
    found = bytes(byte for byte in range(256) if grammar.CONTROL_BYTE.search(b"a" + bytes([byte]) + b"b"))
    assert found == bytes(sorted(set(range(256)) - set(TEXT)))
    assert grammar.CONTROL_BYTE.search(b"a\r\nb\r") is None
    assert grammar.CONTROL_BYTE.search(b"a\r\r\n").start() == 1
    assert grammar.CONTROL_BYTE.search(b"\n").start() == 0


def test_a_target_is_visible_ascii_without_the_number_sign():
    assert matched_bytes(grammar.REQUEST_TARGET) == bytes(set(range(0x21, 0x7F)) - {ord("#")})


def test_only_ascii_digits_are_digits():
    digits = string.digits.encode()
    assert matched_bytes(grammar.CONTENT_LENGTH) == digits
    assert sorted(matched_bytes(grammar.CHUNK_SIZE)) == sorted(digits + b"abcdefABCDEF")
    assert matched_bytes(grammar.HTTP_VERSION, b"HTTP/1.") == digits
    assert matched_bytes(grammar.STATUS_LINE, b"HTTP/1.1 20", b" \r\n") == digits
    assert matched_bytes(grammar.STATUS_LINE, b"HTTP/1.1 ", b"00 \r\n") == digits[1:]
    assert grammar.CONTENT_LENGTH.fullmatch(b"1" * 18)
    assert grammar.CONTENT_LENGTH.fullmatch(b"1" * 19) is None


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a.b-c_d~", b"1.2.3.4", b"[::1]", b"[fe80::1%25eth0]", b"[::ffff:192.0.2.1]", b"a%20b"]
)
@pytest.mark.parametrize("port", [b"", b":", b":0", b":65535"])
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(host, port):
    assert bool(grammar.HOST.fullmatch(host + port)) is (host != b"" or port == b"")
    assert bool(grammar.AUTHORITY_FORM.fullmatch(host + port)) is (port == b":65535" and host != b"")


@pytest.mark.parametrize(
    "host",
    [
        b"a/",
        b"a b",
        b"a@b",
        b"[",
        b"[]",
        b"[::1",
        b"::1",
        b"a:1:2",
        b"a:b",
        b"a:123456",
        b"\xe9",
        b"a\n",
        b"[a]b",
        b"a?",
        b"[1]",
        b"[v1.a]",
        b"[::1.2.3.256]",
        b"[1:2:3:4:5:6:7:8:9]",
        b"a%",
        b"a%4",
        b"a%zz",
        b"a:65536",
        b"a:99999",
    ],
)
def test_what_is_no_host_is_not_matched(host):
    assert grammar.HOST.fullmatch(host) is None
    assert grammar.AUTHORITY_FORM.fullmatch(host) is None
    assert grammar.AUTHORITY_FORM.fullmatch(host + b":1") is None


@given(st.lists(st.sampled_from([b"", b"0", b"1f", b"ABCD", b"12345", b"1.2.3.4", b"1.2.3", b"::"]), max_size=9))
def test_an_address_is_one_where_the_standard_library_says_so(groups):
    text = b":".join(groups)
    try:
        ipaddress.IPv6Address(text.decode())
    except ValueError:
        valid = False
    else:
        valid = True
    assert bool(grammar.HOST.fullmatch(b"[%b]" % text.lower())) is valid


@pytest.mark.parametrize("target", [b"/", b"//", b"*", b"http://a", b"h2+x-y.z://a/b?c", b"http://[::1]:80?a@b"])
def test_a_target_has_a_form(target):
    assert grammar.TARGET_FORM.match(target)


@pytest.mark.parametrize(
    "target", [b"a", b"?", b"**", b"*/", b"http:/a", b"http:///", b"http://?", b"1http://a", b"://a"]
)
def test_what_has_no_form_is_no_target(target):
    assert grammar.TARGET_FORM.match(target) is None


@pytest.mark.parametrize("authority", [b"a@b", b"a:b@c", b":80", b"a:65536", b"a:b", b"[1]", b"a%", b"]", b""])
def test_an_absolute_target_has_a_valid_authority_without_user_information(authority):
    assert grammar.TARGET_FORM.match(b"http://%b/" % authority) is None
    assert grammar.TARGET_FORM.match(b"http://" + authority) is None


@pytest.mark.parametrize("line", [b"0", b"F;a", b"1;a=b", b'1;a="b"', b'1 ; a = "\\"" ;b', b"1" * 16, b'1;a=""'])
def test_a_chunk_head_is_a_size_and_extensions(line):
    assert grammar.CHUNK_HEAD.fullmatch(line + b"\r\n")


@pytest.mark.parametrize(
    "line", [b"", b"g", b"1 ", b"1;", b"1;=a", b"1;a=", b'1;a="', b'1;a="\\"', b"1;a b", b"1" * 17, b"1a;\xe9"]
)
def test_what_is_no_chunk_head_is_not_matched(line):
    assert grammar.CHUNK_HEAD.match(line + b"\r\n") is None


def test_a_head_has_so_many_fields_and_no_more():
    pattern = grammar.head(grammar.REQUEST_LINE.pattern, 2)
    start, field = b"GET / HTTP/1.1\r\n", b"A: b\r\n"
    for count in range(3):
        assert pattern.match(start + field * count + b"\r\nrest")[4] == field * count
    assert pattern.match(start + field * 3 + b"\r\n") is None
    assert grammar.head(grammar.REQUEST_LINE.pattern, 2) is pattern


def test_a_field_is_split_from_its_white_space():
    assert grammar.FIELD.findall(b"A:b\r\nC: \td e\t \r\nF:\r\nG: :\r\n") == [
        (b"A", b"b"),
        (b"C", b"d e"),
        (b"F", b""),
        (b"G", b":"),
    ]


# Time

ALPHABET = (
    b"a",
    b" ",
    b"\t",
    b":",
    b"\r",
    b"\r\n",
    b"\n",
    b"a: b\r\n",
    b";a",
    b';a="',
    b'\\"',
    b"\\",
    b"[",
    b"0",
    b",",
    b"a:\t",
)
STARTS = (
    b"",
    b"a",
    b"a:",
    b"\nhost:",
    b"1;a",
    b'1;a="',
    b"GET /",
    b"GET / HTTP/1.1\r\n",
    b"HTTP/1.1 200",
    b"http://",
    b"[",
)
ENDS = (b"", b"\0", b"\r\n", b"\r", b'"', b"]")


def patterns():
    found = {name: value for name, value in vars(grammar).items() if isinstance(value, re.Pattern)}
    found["head of a request"] = grammar.head(grammar.REQUEST_LINE.pattern, 100_000)
    found["head of a response"] = grammar.head(grammar.STATUS_LINE.pattern, 100_000)
    return found


def seconds(pattern, text):
    """Return the time for matching `text` from its beginning, which is how most of the patterns are used."""
    before = process_time()
    pattern.match(text)
    pattern.fullmatch(text)
    return process_time() - before


def test_every_pattern_is_known():
    assert {name for name in grammar.__all__ if name != "head"} == set(patterns()) - {
        "head of a request",
        "head of a response",
    }


@pytest.mark.parametrize("name", patterns())
def test_a_pattern_takes_time_in_proportion(name):
    """A pattern that gives back what it matched would need four times as long for twice the text, or for ever."""
    pattern = patterns()[name]
    for text in ((start, filling, end) for start in STARTS for filling in ALPHABET for end in ENDS):
        assert_in_proportion(seconds, pattern, *text)


@pytest.mark.parametrize("name", ["FIELD", "FRAMING_FIELD", "CONTROL_BYTE"])
def test_a_search_takes_time_in_proportion_in_what_it_is_given(name):
    """These are searched for: in lines that a head's pattern has matched, but for the control bytes."""
    pattern = patterns()[name]
    fillings = (b"a: b\r\n", b"a:\t\t\t\r\n", b"host: \r\n", b"host:  a  \r\n")
    for filling in fillings:
        assert_in_proportion(lambda pattern, text: timed(pattern.findall, text), pattern, b"\n", filling, b"a: b\r\n")
    for blank in (b" ", b"\t", b"a ", b" a"):
        assert_in_proportion(lambda pattern, text: timed(pattern.findall, text), pattern, b"\nhost:", blank, b"\r\n")


def timed(function, text):
    before = process_time()
    function(text)
    return process_time() - before


def assert_in_proportion(measure, pattern, start, filling, end, size=3_000):
    short, long = (start + filling * (count // len(filling)) + end for count in (size, 4 * size))
    for _ in range(6):
        # What is quick enough cannot be quadratic: 12,000 bytes would be 10**8 steps.
        if (whole := measure(pattern, long)) < 0.004 or whole / measure(pattern, short) < 8:
            return
    pytest.fail(f"{pattern.pattern!r} on {start!r}, {filling!r} and {end!r}")


def test_a_pattern_that_gives_back_is_noticed():
    with pytest.raises(pytest.fail.Exception):
        assert_in_proportion(seconds, re.compile(rb"a*[ab]*[abc]*d"), b"", b"a", b"\0", size=100)
