"""Redirects, retries, links, dates, charsets, Basic: decisions that are one function each."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.auth.basic import decode_basic, encode_basic
from drywire_sansio.charsets import known_charset
from drywire_sansio.dates import imf_fixdate, parse_http_date
from drywire_sansio.links import parse_links
from drywire_sansio.redirects import REDIRECTS, fields_left_behind, redirection
from drywire_sansio.retries import backoff, may_repeat_unanswered, retry_after

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "GET", ("GET", True)),
        (301, "POST", ("GET", False)),
        (301, "PUT", ("PUT", True)),
        (302, "POST", ("GET", False)),
        (302, "DELETE", ("DELETE", True)),
        (303, "POST", ("GET", False)),
        (303, "PUT", ("GET", False)),
        (303, "HEAD", ("HEAD", True)),
        (303, "GET", ("GET", False)),
        (307, "POST", ("POST", True)),
        (308, "POST", ("POST", True)),
        (308, "PATCH", ("PATCH", True)),
    ],
)
def test_a_redirect_decides_on_method_and_body(status, method, expected):
    assert status in REDIRECTS
    assert redirection(method, status) == expected


def test_credentials_stay_with_their_origin_and_fields_of_a_body_with_it():
    assert "authorization" not in fields_left_behind(other_origin=False, keeps_body=True)
    assert fields_left_behind(other_origin=False, keeps_body=True) == {"host"}
    away = fields_left_behind(other_origin=True, keeps_body=True)
    assert away == {"host", "authorization", "cookie", "cookie2", "proxy-authorization"}
    empty = fields_left_behind(other_origin=False, keeps_body=False)
    assert {"content-type", "content-length", "transfer-encoding", "content-encoding", "expect"} <= empty
    assert "authorization" not in empty


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("replayable", [True, False])
@pytest.mark.parametrize("reused", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_a_request_is_repeated_unasked_only_where_nothing_stands_against_it(method, replayable, reused, answered):
    expected = method == "GET" and replayable and reused and not answered
    assert may_repeat_unanswered(method, replayable=replayable, reused=reused, answered=answered) is expected


def test_waits_grow_up_to_a_bound_and_are_drawn_from_below_it():
    def bounds(jitter):
        return [backoff(n, base=0.1, factor=2, longest=1.0, jitter=lambda: jitter) for n in (0, 1, 2, 3, 4, 1000)]

    assert bounds(1.0) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert bounds(0.0) == [0.0] * 6


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:40:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0661", None),
        ("1" * 50, None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(field, seconds):
    assert retry_after(field, NOW) == seconds


@pytest.mark.parametrize(
    "text", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_a_date_is_read_in_its_three_forms(text):
    assert parse_http_date(text) == NOW


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "Sun, 31 Feb 2024 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 25:00:00 GMT"],
)
def test_what_is_no_date_is_none(text):
    assert parse_http_date(text) is None


@given(st.integers(0, 250_000_000_000))
def test_a_date_that_was_written_is_read(seconds):
    assert parse_http_date(imf_fixdate(seconds).decode()) == seconds


@pytest.mark.parametrize(
    ("field", "links"),
    [
        (
            '<https://a/?p=2>; rel="next", </last>;rel=last',
            [("https://a/?p=2", {"rel": "next"}), ("/last", {"rel": "last"})],
        ),
        ('<a>; rel="say \\"hi\\""; Title=x; title=y; flag', [("a", {"rel": 'say "hi"', "title": "x", "flag": ""})]),
        ("<a>", [("a", {})]),
        (" , <a> , ,<b>", [("a", {}), ("b", {})]),
        ("no link, <a>", []),
        ("<a>; rel=next nonsense <b>", [("a", {"rel": "next"})]),
        ("", []),
        ("<", []),
    ],
)
def test_links_are_read_as_far_as_they_are_well_formed(field, links):
    assert parse_links(field) == links


def test_links_are_bounded_and_take_linear_time():
    assert len(parse_links(", ".join(["<a>;rel=x"] * 1000))) == 256
    began = time.perf_counter()
    for text in ("<" * 200_000, '<a>;x="' + "\\" * 200_000, "<a>" + ";a" * 100_000, "<a>" + "; " * 100_000):
        parse_links(text)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF8", "utf_8"),
        ("utf-8", "utf_8"),
        ("Latin-1", "latin_1"),
        ("windows-1251", "cp1251"),
        ("Shift_JIS", "shift_jis"),
        ("punycode", None),
        ("idna", None),
        ("base64", None),
        ("rot13", None),
        ("zlib", None),
        ("no such thing", None),
        ("\u00fctf-8", None),
        ("x" * 1000, None),
    ],
)
def test_a_charset_is_known_by_one_name_or_not_at_all(name, codec):
    assert known_charset(name) == codec
    if codec is not None:
        assert "a".encode(codec)


def test_basic_goes_there_and_back():
    field = encode_basic("Aladdin", "open sesame")
    assert field == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert decode_basic(field) == ("Aladdin", "open sesame")
    assert decode_basic(encode_basic("\u00fc", "a:b")) == ("\u00fc", "a:b")
    assert encode_basic("x") == "Basic eDo="


@pytest.mark.parametrize(("login", "password"), [("a:b", ""), ("a\n", ""), ("a", "b\r\nX: 1"), ("\0", "")])
def test_a_login_that_would_be_read_as_another_is_refused(login, password):
    with pytest.raises(ValueError, match="RFC 7617"):
        encode_basic(login, password)


@pytest.mark.parametrize("field", ["Bearer x", "Basic", "Basic !!!", "Basic eA==", "Basic /w==", ""])
def test_a_field_that_is_no_basic_login_is_refused(field):
    with pytest.raises(ValueError, match=r"Basic|base64|colon"):
        decode_basic(field)
