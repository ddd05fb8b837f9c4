"""Conditional requests: RFC 9110, 13."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.conditional import (
    ANY_ETAG,
    Conditions,
    ETag,
    Validators,
    evaluate,
    parse_etag,
    parse_etags,
    range_is_wanted,
)

A, B, WEAK_A = ETag("a"), ETag("b"), ETag("a", is_weak=True)
THEN = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
NOW = Validators(A, THEN + 0.75)  # what HTTP says of it has whole seconds


@pytest.mark.parametrize(
    ("field", "tags"),
    [
        (None, None),
        ("*", (ANY_ETAG,)),
        ('"a"', (A,)),
        ('W/"a"', (WEAK_A,)),
        ('"a", "b"', (A, B)),
        (' ,"a" ,, W/"a",', (A, WEAK_A)),
        ('""', (ETag(""),)),
        ('"ü,*"', (ETag("ü,*"),)),
        ("a", ()),
        ('w/"a"', ()),
        ('"a" "b"', ()),
        ('"a", b', (A,)),
        ('"a", "', (A,)),
        ("", ()),
    ],
)
def test_entity_tags_of_a_field(field, tags):
    assert parse_etags(field) == tags


@given(st.lists(st.builds(ETag, st.text(st.characters(min_codepoint=0x23, max_codepoint=0x7E)), st.booleans())))
def test_what_is_written_is_read(tags):
    assert parse_etags(", ".join(map(str, tags))) == tuple(tags)
    assert [parse_etag(str(tag)) for tag in tags] == tags


def test_no_entity_tag():
    assert [parse_etag(text) for text in ("a", '"a', '"a"b', '"a""', "*", "", '"a b"')] == [None] * 7


@pytest.mark.parametrize("text", ['"' * 50_000, '"a"' * 20_000, '"a",' * 15_000 + "x", "," * 60_000, " " * 60_000])
def test_a_list_takes_linear_time(text):
    begun = time.process_time()
    parse_etags('"a"' + text)
    assert time.process_time() - begun < 0.5


def fields(**named):
    return Conditions.read({name.replace("_", "-").title(): value for name, value in named.items()}.get)


@pytest.mark.parametrize(
    ("method", "named", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"if_match": '"a"'}, 200),
        ("GET", {"if_match": "*"}, 200),
        ("GET", {"if_match": '"b"'}, 412),
        ("GET", {"if_match": 'W/"a"'}, 412),  # strong comparison
        ("GET", {"if_match": "nonsense"}, 412),
        ("PUT", {"if_match": '"b", "a"'}, 200),
        ("GET", {"if_unmodified_since": DATE}, 200),
        ("GET", {"if_unmodified_since": EARLIER}, 412),
        ("GET", {"if_unmodified_since": "yesterday"}, 200),
        ("GET", {"if_match": '"a"', "if_unmodified_since": EARLIER}, 200),  # the date does not count beside it
        ("GET", {"if_none_match": '"a"'}, 304),
        ("HEAD", {"if_none_match": 'W/"a"'}, 304),  # weak comparison
        ("POST", {"if_none_match": '"a"'}, 412),
        ("POST", {"if_none_match": "*"}, 412),
        ("GET", {"if_none_match": '"b"'}, 200),
        ("GET", {"if_modified_since": DATE}, 304),
        ("GET", {"if_modified_since": LATER}, 304),
        ("GET", {"if_modified_since": EARLIER}, 200),
        ("POST", {"if_modified_since": DATE}, 200),
        ("GET", {"if_modified_since": "1"}, 200),
        ("GET", {"if_none_match": '"b"', "if_modified_since": DATE}, 200),  # the date does not count beside it
        ("GET", {"if_match": '"b"', "if_none_match": '"a"'}, 412),  # in this order
        ("GET", {"if_match": '"a"', "if_none_match": '"a"'}, 304),
        ("GET", {"if_unmodified_since": EARLIER, "if_modified_since": DATE}, 412),
    ],
)
def test_rfc_9110_13_2_2_the_order_of_conditions(method, named, status):
    assert evaluate(method, fields(**named), NOW) == status


def test_without_validators_only_any_tag_matches():
    nothing = Validators()
    assert evaluate("GET", fields(if_match='"a"'), nothing) == 412
    assert evaluate("GET", fields(if_match="*"), nothing) == 200
    assert evaluate("GET", fields(if_none_match='"a"', if_modified_since=DATE), nothing) == 200
    assert evaluate("GET", fields(if_modified_since=DATE, if_unmodified_since=DATE), nothing) == 200
    assert not range_is_wanted(fields(if_range=DATE), nothing)


def test_a_weak_tag_of_ours_matches_weakly_only():
    ours = Validators(WEAK_A)
    assert evaluate("GET", fields(if_none_match='"a"'), ours) == 304
    assert evaluate("GET", fields(if_match='W/"a"'), ours) == 412
    assert not range_is_wanted(fields(if_range='W/"a"'), ours)


@pytest.mark.parametrize(
    ("if_range", "wanted"),
    [
        (None, True),
        ('"a"', True),
        ('"b"', False),
        ('W/"a"', False),
        ('"*"', False),
        ("*", False),
        (DATE, True),
        (EARLIER, False),
        (LATER, False),  # the very date, or something else
        ("nonsense", False),
    ],
)
def test_if_range(if_range, wanted):
    assert range_is_wanted(fields(if_range=if_range), NOW) is wanted
