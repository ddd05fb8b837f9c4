"""When a cookie ends: dates by the algorithm of RFC 6265, 5.1.1, and Max-Age before them."""

from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.cookies import LAST_MOMENT, deadline, parse_cookie_date, parse_max_age

MOMENT = datetime(2015, 10, 21, 7, 28, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wednesday, 21-Oct-15 07:28:00 GMT",
        "Wed Oct 21 07:28:00 2015",
        "21 OCTOBER 15 7:28:0",
        "2015 oct 21 07:28:00".replace("2015 ", "") + " 2015",
        "07:28:00 21 oct 2015",
        "oct;21,2015/07:28:00",
        "Wed, 21 Oct 2015 07:28:00 -0500",  # whatever the zone says
        "21st Oct 2015x 07:28:00.5 junk 99 Dec 1999 01:01:01",
    ],
)
def test_a_date_is_found_in_any_order_and_between_any_separators(text):
    assert parse_cookie_date(text) == MOMENT


@pytest.mark.parametrize(
    ("year", "full"), [("70", 1970), ("99", 1999), ("00", 2000), ("69", 2069), ("100", None), ("1601", 1601)]
)
def test_a_short_year_is_of_the_last_century_or_of_this(year, full):
    expected = None if full is None else datetime(full, 1, 2, tzinfo=UTC).timestamp()
    assert parse_cookie_date(f"02 Jan {year} 00:00:00") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Wed",
        "21 Oct 2015",
        "Oct 2015 07:28:00",
        "21 2015 07:28:00",
        "21 Oct 07:28:00",
        "00 Jan 2000 00:00:00",
        "32 Jan 2000 00:00:00",
        "30 Feb 2000 00:00:00",
        "01 Jan 1600 00:00:00",
        "01 Jan 2000 24:00:00",
        "01 Jan 2000 00:60:00",
        "01 Jan 2000 00:00:60",
        "01 Jan 2000 000:00:00",
        "01 Jan 2000 00:00:000",
        "001 Jan 2000 00:00:00",
        "01 Jan 20000 00:00:00",
        "01 Ja\u017f 2000 00:00:00",
        "\u0661\u0662 Oct 2015 07:28:00",  # digits, but not ASCII
        "12 Oct \uff12\uff10\uff11\uff15 07:28:00",
        "12 Oct 2015 0\u0667:28:00",
    ],
)
def test_what_lacks_a_part_or_goes_over_its_range_is_no_date(text):
    assert parse_cookie_date(text) is None


@given(st.datetimes(min_value=datetime(1601, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)))
def test_every_date_that_http_writes_is_read(moment):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    text = moment.strftime("%d %b ") + f"{moment.year:04} {moment:%H:%M:%S} GMT"
    assert parse_cookie_date(text) == moment.timestamp()


@given(st.text())
def test_no_text_raises(text):
    parse_cookie_date(text)
    parse_max_age(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("10", 10),
        ("010", 10),
        ("-5", -5),
        ("9" * 400, LAST_MOMENT),
        ("-" + "9" * 9000, -LAST_MOMENT),
    ],
)
def test_max_age_is_digits_and_perhaps_a_minus(text, seconds):
    assert parse_max_age(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-", "+5", "5.0", "1_000", " 5", "0x5", "\u0665", "\uff15", "--5", "5s", "1e3", "²"]
)
def test_ascii_digits_only_in_max_age(text):
    assert parse_max_age(text) is None


@pytest.mark.parametrize(
    ("attributes", "end"),
    [
        ({}, inf),
        ({"max-age": "10"}, 1010),
        ({"max-age": "0"}, 0),
        ({"max-age": "-1"}, 0),
        ({"max-age": "9" * 30}, LAST_MOMENT),
        ({"expires": "Wed, 21 Oct 2015 07:28:00 GMT"}, MOMENT),
        ({"expires": "soon"}, inf),
        ({"max-age": "10", "expires": "Wed, 21 Oct 2015 07:28:00 GMT"}, 1010),
        ({"max-age": "soon", "expires": "Wed, 21 Oct 2015 07:28:00 GMT"}, MOMENT),
    ],
)
def test_max_age_goes_before_expires_and_what_cannot_be_read_counts_for_nothing(attributes, end):
    assert deadline(attributes, 1000) == end
