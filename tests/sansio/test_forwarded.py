"""The Forwarded field (RFC 7239)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.forwarded import MOST_ELEMENTS, parse_forwarded


@pytest.mark.parametrize(
    ("field", "elements"),
    [
        ("", [{}]),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}]),
        ('For="[2001:db8::1]:4711", for=b', [{"for": "[2001:db8::1]:4711"}, {"for": "b"}]),
        ("for=192.0.2.1:80 ;\thost=a", [{"for": "192.0.2.1:80", "host": "a"}]),
        (r'for="a\"b\\";;x="y, z",', [{"for": 'a"b\\', "x": "y, z"}, {}]),
        ("for=a b=c, for=d", [{"for": "a"}, {"for": "d"}]),
        ("=, for=x", [{}, {"for": "x"}]),
        ('for="a\x01b", for=y', [{}, {"for": "y"}]),
        ('for="a, for=b', [{}, {"for": "b"}]),
        ("for=\u0661;by=a", [{}]),
    ],
)
def test_elements_are_read(field, elements):
    assert parse_forwarded(field) == elements


def test_elements_are_bounded():
    assert len(parse_forwarded("for=a," * 1000)) == MOST_ELEMENTS


@given(st.text(alphabet='for=a";, \\\t:1\x01é', max_size=60))
def test_any_text_is_read(field):
    for element in parse_forwarded(field):
        assert all(name and value is not None for name, value in element.items())


@pytest.mark.parametrize("piece", ['for="', "a=b;", '"', 'for="\\', ";", " ", "a=b c;", "a=", "a:1"])
def test_cve_2025_69225_forwarded_takes_linear_time(piece):
    begun = time.process_time()
    parse_forwarded(piece * 50_000)
    assert time.process_time() - begun < 1
