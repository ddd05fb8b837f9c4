"""How long a body is, and what is refused because two parsers could disagree about it."""

import pytest

from drywire_sansio.http1.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    FramingError,
    Length,
    check_transfer_encoding,
    declared_framing,
    has_no_body,
    parse_content_length,
    request_framing,
    response_framing,
)

LENGTH = {b"content-length": b"5"}
CODING = {b"transfer-encoding": b"chunked"}
BOTH = LENGTH | CODING


@pytest.mark.parametrize(("value", "length"), [(b"0", 0), (b"5", 5), (b"007", 7), (b"9" * 18, 10**18 - 1)])
def test_a_length_is_digits(value, length):
    assert parse_content_length(value) == Length(length)


@pytest.mark.parametrize("value", [b"", b" ", b"+1", b"-1", b"1 ", b"1,1", b"0x1", b"1_1", b"\xb2", b"1\n", b"1" * 19])
def test_what_is_not_digits_is_no_length(value):
    with pytest.raises(FramingError) as raised:
        parse_content_length(value)
    assert (raised.value.rule, raised.value.status) == ("bad-content-length", 400)


@pytest.mark.parametrize(
    ("value", "rule", "status"),
    [
        (b"", "bad-transfer-encoding", 400),
        (b"chunked,chunked", "bad-transfer-encoding", 400),
        (b"chunked, gzip", "bad-transfer-encoding", 400),
        (b"chunked,", "bad-transfer-encoding", 400),
        (b"gzip", "bad-transfer-encoding", 400),
        (b"gzip, chunked", "unknown-coding", 501),
        (b"chunked\x00", "bad-transfer-encoding", 400),
        (b"chunked ", "bad-transfer-encoding", 400),
    ],
)
def test_only_chunked_is_a_transfer_coding(value, rule, status):
    with pytest.raises(FramingError) as raised:
        check_transfer_encoding(value, b"1.1")
    assert (raised.value.rule, raised.value.status) == (rule, status)


def test_http_1_0_has_no_transfer_codings():
    assert check_transfer_encoding(b"chunked", b"1.1") is None
    with pytest.raises(FramingError, match=r"HTTP/1\.0"):
        check_transfer_encoding(b"chunked", b"1.0")


def test_fields_declare_one_framing_or_none():
    assert declared_framing({}, b"1.1") is None
    assert declared_framing({b"host": b"a"}, b"1.1") is None
    assert declared_framing(LENGTH, b"1.1") == Length(5)
    assert declared_framing(CODING, b"1.1") is CHUNKED
    with pytest.raises(FramingError, match="both"):
        declared_framing(BOTH, b"1.1")


def test_a_request_that_says_nothing_has_no_body():
    assert request_framing(b"POST", {}, b"1.1") is NO_BODY
    assert request_framing(b"GET", LENGTH, b"1.0") == Length(5)
    assert request_framing(b"GET", CODING, b"1.1") is CHUNKED


@pytest.mark.parametrize("fields", [LENGTH, CODING])
def test_connect_has_no_body(fields):
    assert request_framing(b"CONNECT", {}, b"1.1") == NO_BODY
    assert request_framing(b"CONNECT", {b"content-length": b"0"}, b"1.1") == NO_BODY
    with pytest.raises(FramingError, match="CONNECT"):
        request_framing(b"CONNECT", fields, b"1.1")


@pytest.mark.parametrize(
    ("method", "status", "bodiless"),
    [
        (b"GET", 200, False),
        (None, 400, False),
        (b"GET", 205, False),
        (b"GET", 100, True),
        (b"GET", 199, True),
        (b"GET", 204, True),
        (b"GET", 304, True),
        (b"HEAD", 200, True),
        (b"HEAD", 500, True),
        (b"head", 200, False),
        (b"CONNECT", 200, True),
        (b"CONNECT", 299, True),
        (b"CONNECT", 300, False),
        (b"CONNECT", 407, False),
    ],
)
def test_some_responses_have_no_body_whatever_they_say(method, status, bodiless):
    assert has_no_body(method, status) is bodiless
    assert response_framing(method, status, LENGTH, b"1.1") == (NO_BODY if bodiless else Length(5))
    assert response_framing(method, status, CODING, b"1.1") == (NO_BODY if bodiless else CHUNKED)
    assert response_framing(method, status, {}, b"1.1") == (NO_BODY if bodiless else UNTIL_CLOSE)
    with pytest.raises(FramingError):
        response_framing(method, status, BOTH, b"1.1")
