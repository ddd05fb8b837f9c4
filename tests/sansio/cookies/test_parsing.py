"""Both cookie fields, read and written: what servers write is understood, what is no cookie is passed over."""

import string
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.cookies import (
    SetCookie,
    is_cookie_name,
    is_cookie_value,
    parse_cookie,
    parse_set_cookie,
    unquote,
    write_cookie,
)

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
NAMES = st.text(sorted(set(VISIBLE) - set('",;=\\')), min_size=1)
VALUES = st.text(st.characters(exclude_characters=";", exclude_categories=("Cc", "Cs"))).map(lambda v: v.strip(" "))


@pytest.mark.parametrize(
    ("field", "name", "value"),
    [
        ("a=b", "a", "b"),
        ("a=", "a", ""),
        (" \ta \t=\t b\t", "a", "b"),
        ("a=b=c==", "a", "b=c=="),
        ("a=b c, d", "a", "b c, d"),
        ('a="b c"', "a", '"b c"'),
        ('a="b', "a", '"b'),  # a quote that nothing closes does not swallow what follows
        ('a="b;c"', "a", '"b'),  # quotes do not hide the end
        ('a={"b":1}', "a", '{"b":1}'),
        ("a[0]:(x)/?@=b", "a[0]:(x)/?@", "b"),
        ("path=b; path=/c", "path", "b"),  # names of attributes are names, too
        ("a=é", "a", "é"),
        ("a=\udce9", "a", "\udce9"),  # a byte that is not UTF-8
    ],
)
def test_a_cookie_is_its_first_pair_as_it_stands(field, name, value):
    cookie = parse_set_cookie(field)
    assert (cookie.name, cookie.value) == (name, value)


@pytest.mark.parametrize(
    ("field", "attributes"),
    [
        ("a=b", {}),
        ("a=b;", {}),
        ("a=b; Path=/c; DOMAIN = .example.com ;secure", {"path": "/c", "domain": ".example.com", "secure": ""}),
        ("a=b;HttpOnly=no; Partitioned", {"httponly": "no", "partitioned": ""}),
        ("a=b; SameSite=Lax; Max-Age=3; Version=1", {"samesite": "Lax", "max-age": "3", "version": "1"}),
        ("a=b; Expires=Wed, 21 Oct 2015 07:28:00 GMT", {"expires": "Wed, 21 Oct 2015 07:28:00 GMT"}),
        ("a=b; Path=/1; Path=/2", {"path": "/2"}),
        ("a=b; ; ;=x; Priority=High; c=d; Path=/", {"path": "/"}),
        ("a=b; Path=" + "/" * 1024, {"path": "/" * 1024}),
        ("a=b; Path=/" + "é" * 512, {}),
        ("a=b; Path=/a\tb", {}),
        ("a=b; Doma\u0130n=c; \u017fecure", {}),
        ("a=b" + "; x" * 31 + "; secure", {"secure": ""}),
        ("a=b" + "; x" * 32 + "; secure", {}),
    ],
)
def test_known_attributes_are_kept_and_the_last_of_a_name_holds(field, attributes):
    assert parse_set_cookie(field) == SetCookie("a", "b", attributes)


@pytest.mark.parametrize("field", ["", "=", "=b", " = b", "b", "; a=b", "=__Host-a=b", "=__Secure-a; secure"])
def test_cve_2023_23934_a_nameless_cookie_is_none(field):
    assert parse_set_cookie(field) is None


@pytest.mark.parametrize("name", ["a b", "a\tb", 'a"', "a,b", "a\\b", "é", "\u0430", "\udce9"])
def test_a_name_that_others_would_read_as_two_or_as_another_is_none(name):
    assert parse_set_cookie(f"{name}=b") is None
    assert parse_cookie(f"{name}=b; c=d") == [("c", "d")]


@pytest.mark.parametrize("control", [chr(code) for code in (*range(0x09), *range(0x0A, 0x20), 0x7F)])
@pytest.mark.parametrize("field", ["a{}=b", "a=b{}c", "a=b{}", "{}a=b", "a=b; Path=/{}", "a=b; {}Secure"])
def test_control_bytes_make_a_cookie_skipped_not_an_error(control, field):
    assert parse_set_cookie(field.format(control)) is None


def test_a_tab_is_white_space_around_a_value_and_an_error_inside():
    assert parse_set_cookie("a=\tb\t;\tSecure\t") == SetCookie("a", "b", {"secure": ""})
    assert parse_set_cookie("a=b\tc") is None


@pytest.mark.parametrize(
    ("value", "taken"), [("b" * 4095, True), ("b" * 4096, False), ("é" * 2047, True), ("é" * 2048, False)]
)
def test_name_and_value_have_at_most_4096_bytes(value, taken):
    assert (parse_set_cookie(f"a={value}; Path=/") is not None) is taken


def test_what_cannot_be_written_again_is_no_cookie():
    assert parse_set_cookie("a=\ud800") is None
    assert parse_set_cookie("a=b; Path=/\ud800") == SetCookie("a", "b", {})


@given(st.text())
def test_no_text_raises(field):
    cookie = parse_set_cookie(field)
    assert cookie is None or (is_cookie_name(cookie.name) and is_cookie_value(cookie.value))
    write_cookie(parse_cookie(field))


@given(st.lists(st.tuples(NAMES, VALUES.filter(is_cookie_value))))
def test_what_is_written_is_read(pairs):
    assert parse_cookie(write_cookie(pairs)) == pairs


@pytest.mark.parametrize(
    ("field", "pairs"),
    [
        ("", []),
        ("a=b", [("a", "b")]),
        ("a=b; c=d;e=f ;", [("a", "b"), ("c", "d"), ("e", "f")]),
        ("a=1; a=2", [("a", "1"), ("a", "2")]),
        ('a="b c"; d', [("a", '"b c"')]),
        ("$Version=1; path=/", [("$Version", "1"), ("path", "/")]),
        ("=__Host-a=b; c=d", [("c", "d")]),
        ("a=b\x00; c=d", [("c", "d")]),
    ],
)
def test_a_cookie_field_is_pairs_in_their_order(field, pairs):
    assert parse_cookie(field) == pairs


@pytest.mark.parametrize(
    "pair", [("", "a"), ("a=b", "c"), ("a", "b;c=d"), ("a", "b\r\nc: d"), ("a;b", ""), ("a", "\ud800")]
)
def test_what_would_be_read_as_something_else_is_not_written(pair):
    with pytest.raises(ValueError, match="RFC 6265"):
        write_cookie([pair])


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("", ""),
        ("a", "a"),
        ('"', '"'),
        ('""', ""),
        ('"a b"', "a b"),
        (r'"a\"b\\c"', 'a"b\\c'),
        (r'"\073\054\303"', ";,\xc3"),
        (r'"\8\400"', "8400"),
        ('"a', '"a'),
        ('a"b"', 'a"b"'),
        ('"\\"', "\\"),
    ],
)
def test_quotes_are_resolved_as_pythons_http_cookies_writes_them(value, meaning):
    assert unquote(value) == meaning


@given(st.text(string.printable))
def test_no_quotes_raise(value):
    unquote(value)
    unquote(f'"{value}"')


@pytest.mark.parametrize(
    "field",
    [
        '"' * 2**20,
        'a="' + "\\" * 2**20,
        'a="' + '\\"' * 2**19 + '"',
        "a" * 2**20,
        "a=" + " " * 2**20 + "x",
        ";" * 2**20,
        "a=b; " * 2**18,
        "=" * 2**20,
        '"a;' * 2**18,
        "a=b;" + "Path=/;" * 2**17,
        "\t" * 2**20 + "=",
    ],
    ids=lambda field: field[:6],
)
def test_parsing_takes_linear_time(field):
    # A megabyte: what goes over it once for each byte would take many minutes.
    start = perf_counter()
    parse_cookie(field)
    parse_set_cookie(field)
    unquote(f'"{field}"')
    assert perf_counter() - start < 10
