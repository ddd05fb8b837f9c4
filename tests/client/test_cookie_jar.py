"""The session's cookie jar: aiohttp's interface, browsers' rules, and files that run no code."""

import collections
import contextlib
import copyreg
import http.cookies
import json
import os
import pickle
import stat
from http.cookies import BaseCookie, CookieError, Morsel, SimpleCookie
from time import time
from types import MappingProxyType

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from drywire_client import cookie_files
from drywire_client.cookie_jar import AbstractCookieJar, CookieJar, DummyCookieJar, cookie_field, response_cookies
from drywire_sansio.cookies import SuffixList

A = URL("https://a.com/p/q")
PLAIN = URL("http://a.com/p/q")
BELOW = URL("https://b.a.com/p/q")
OTHER = URL("https://other.org/")
ROOT = URL("https://a.com")
PORT = URL("https://a.com:8443/x?y")
WSS = URL("wss://a.com/p/q")


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def jar(clock):
    return CookieJar(_clock=clock)


def told(*headers, url=A, **options):
    """Return a jar that was sent `headers` by `url`."""
    jar = CookieJar(**options)
    jar.update_cookies_from_headers(headers, url)
    return jar


def values(cookies):
    return {name: morsel.value for name, morsel in cookies.items()}


# The interface


def test_a_jar_is_made_outside_of_a_loop_and_takes_a_loop_for_nothing():
    assert len(CookieJar(loop=object())) == len(DummyCookieJar(loop=object())) == 0
    assert (CookieJar().unsafe, CookieJar().quote_cookie, CookieJar().treat_as_secure_origin) == (False, True, set())
    jar = CookieJar(unsafe=True, quote_cookie=False)
    assert (jar.unsafe, jar.quote_cookie) == (True, False)


def test_a_jar_has_a_length_and_morsels_that_say_where_they_belong(jar):
    jar.update_cookies_from_headers(["a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=50", "b=2; Domain=.A.com"], A)
    assert len(jar) == 2
    first, second = jar
    assert isinstance(first, Morsel)
    assert (first.key, first.value, first["domain"], first["path"]) == ("a", "1", "a.com", "/")
    assert (first["httponly"], first["secure"], first["samesite"], first["max-age"]) == (True, "", "Lax", "50")
    assert (second.key, second["domain"], second["path"]) == ("b", "a.com", "/p")
    assert repr(jar) == "<CookieJar of 2 cookies>"


def test_attributes_that_cannot_be_read_are_empty(jar):
    jar.update_cookies_from_headers(["a=1; Max-Age=soon; Expires=never"], A)
    (cookie,) = jar
    assert (cookie["max-age"], cookie["expires"]) == ("", "")


def test_a_jar_may_change_while_it_is_gone_through(jar):
    jar.update_cookies({"a": "1", "b": "2"}, A)
    for _ in jar:
        jar.clear()
    assert len(jar) == 0


@pytest.mark.parametrize(
    "cookies",
    [
        {"a": "1", "b": "x y"},
        [("a", "1"), ("b", "x y")],
        iter([("a", 1), ("b", "x y")]),
        SimpleCookie({"a": "1", "b": "x y"}),
        SimpleCookie('a=1; b="x y"'),
        dict(SimpleCookie({"a": "1", "b": "x y"})),
        list(SimpleCookie({"a": "1", "b": "x y"}).items()),
    ],
    ids=["dict", "pairs", "iterator", "SimpleCookie", "parsed", "Morsels", "pairs of Morsels"],
)
@pytest.mark.parametrize("url", [A, str(A)], ids=["URL", "str"])
def test_cookies_are_taken_in_every_form(cookies, url, jar):
    jar.update_cookies(cookies, response_url=url)
    if len(jar):  # an iterator gives its cookies only once, in whichever of the two tests comes first
        assert values(jar.filter_cookies(A)) == {"a": "1", "b": "x y"}
        assert jar.cookie_header(A) == 'a=1; b="x y"'
        assert jar.cookie_header(OTHER) is None
    assert isinstance(cookies, collections.abc.Iterator) or len(jar) == 2


def test_cookies_without_a_url_are_shared_with_every_host(jar):
    jar.update_cookies({"a": "1"})
    for url in (A, PLAIN, OTHER, URL("http://127.0.0.1/x"), URL("http://[::1]/")):
        assert jar.cookie_header(url) == "a=1"
    assert list(jar.cookies) == [("", "")]
    jar.update_cookies({"a": "2"}, A)
    assert jar.cookie_header(A) == "a=2"
    assert jar.cookie_header(OTHER) == "a=1"


def test_filtered_cookies_are_morsels_of_names_and_values_only(jar):
    jar.update_cookies_from_headers(["a=1; Path=/; Secure", "path=2", "x[y]=3"], A)
    cookies = jar.filter_cookies(A)
    assert isinstance(cookies, BaseCookie)
    assert values(cookies) == {"a": "1", "path": "2", "x[y]": "3"}
    assert cookies["a"].OutputString() == "a=1"
    cookies["a"].set("a", "changed", "changed")
    assert jar.filter_cookies(A)["a"].value == "1"
    assert values(jar.filter_cookies()) == values(CookieJar().filter_cookies(A)) == {}


def test_a_str_is_filtered_for_with_a_warning_that_points_at_the_call(jar):
    jar.update_cookies({"a": "1"}, A)
    with pytest.warns(DeprecationWarning, match=r"yarl\.URL") as caught:
        assert values(jar.filter_cookies(str(A))) == {"a": "1"}
    assert caught[0].filename == __file__


def test_cookies_are_cleared_all_or_some_or_by_domain(jar):
    for url in (A, BELOW, OTHER):
        jar.update_cookies({"a": "1", "b": "2"}, url)
    jar.clear(lambda morsel: morsel.key == "b" and morsel["domain"] != "other.org")
    assert [(morsel["domain"], morsel.key) for morsel in jar] == [
        ("a.com", "a"),
        ("b.a.com", "a"),
        ("other.org", "a"),
        ("other.org", "b"),
    ]
    jar.clear_domain("a.com")
    assert [morsel["domain"] for morsel in jar] == ["other.org", "other.org"]
    jar.clear()
    assert (len(jar), jar.cookie_header(OTHER)) == (0, None)


def test_the_views_show_the_jar_as_it_is(jar):
    view = jar.cookies
    assert isinstance(view, MappingProxyType)
    assert view == {}
    jar.update_cookies_from_headers(["a=1; Path=/", "b=2; Path=/x/; Domain=a.com"], A)
    assert list(view) == [("a.com", ""), ("a.com", "/x")]
    assert len(view) == 2
    assert isinstance(view["a.com", ""], SimpleCookie)
    assert view["a.com", "/x"]["b"].value == "2"
    assert jar._cookies == view
    assert repr(jar._cookies) == "{('a.com', ''): <SimpleCookie: a='1'>, ('a.com', '/x'): <SimpleCookie: b='2'>}"
    assert jar.host_only_cookies == {("a.com", "", "a")}
    with pytest.raises(KeyError):
        view["b.com", ""]


def test_a_dummy_jar_keeps_nothing(jar):
    dummy = DummyCookieJar()
    dummy.update_cookies({"a": "1"}, A)
    dummy.update_cookies_from_headers(["a=1"], A)
    dummy.clear()
    dummy.clear(bool)
    dummy.clear_domain("a.com")
    assert (len(dummy), list(dummy), dummy.filter_cookies(A), dummy.cookie_header(A)) == (0, [], {}, None)
    assert (dummy.cookies, dummy.host_only_cookies) == ({}, set())


class ListJar(AbstractCookieJar):
    """A user's own, of no more than the abstract methods."""

    def __init__(self):
        super().__init__(loop=None)
        self.kept = SimpleCookie()

    def __len__(self):
        return len(self.kept)

    def __iter__(self):
        return iter(self.kept.values())

    def update_cookies(self, cookies, response_url=None):
        dict.update(self.kept, cookies)

    def filter_cookies(self, request_url):
        return self.kept

    def clear(self, predicate=None):
        self.kept.clear()

    def clear_domain(self, domain):
        self.kept.clear()


def test_a_jar_of_ones_own_needs_its_abstract_methods_only():
    jar = ListJar()
    assert jar.cookie_header(A) is None
    jar.update_cookies_from_headers(["a=1; Path=/x", "=none", 'b="2;3"', 'c="2 3"', "a[1]=4"], A)
    assert jar.kept["a"]["path"] == "/x"
    assert jar.cookie_header(A) == 'a=1; b="2; c="2 3"; a[1]=4'
    assert (jar.unsafe, jar.quote_cookie, jar.treat_as_secure_origin) == (False, True, frozenset())
    for name in ("update_cookies", "filter_cookies", "clear", "clear_domain", "__len__", "__iter__"):
        assert name in AbstractCookieJar.__abstractmethods__


def test_an_empty_jar_looks_neither_at_the_clock_nor_at_the_url():
    # what makes it cost nothing
    assert CookieJar(_clock=pytest.fail).cookie_header(None) is None


# Where a cookie goes


@pytest.mark.parametrize(
    ("field", "sent_to"),
    [
        ("a=1", {A, PLAIN, WSS}),
        ("a=1; Domain=a.com", {A, PLAIN, WSS, BELOW}),
        ("a=1; Path=/", {A, PLAIN, WSS, ROOT, PORT}),
        ("a=1; Path=/; Secure", {A, WSS, ROOT, PORT}),
        ("a=1; Path=/p/q", {A, PLAIN, WSS}),
        ("a=1; Path=/p%2Fq", set()),
        ("a=1; Domain=other.org", set()),
        ("a=1; Domain=b.a.com", set()),
        ("a=1; Domain=com", set()),
        ("__Host-a=1; Secure; Path=/", {A, WSS, ROOT, PORT}),
        ("__Host-a=1; Secure", set()),
        ("__Secure-a=1", set()),
    ],
)
def test_a_cookie_is_never_sent_to_another_origin(field, sent_to):
    jar = told(field)
    urls = {A, PLAIN, BELOW, OTHER, ROOT, PORT, WSS}
    urls |= {URL("https://a.com.evil.org/p/q"), URL("https://evila.com/p/q"), URL("https://com/p/q"), URL("/p/q")}
    assert {url for url in urls if jar.cookie_header(url)} == sent_to
    assert {url for url in urls if jar.filter_cookies(url)} == sent_to


def test_the_cookie_field_has_longer_paths_first_and_a_name_once():
    jar = told("a=1; Path=/", "b=2; Path=/p", "a=3; Path=/p", "c=4; Path=/; Domain=a.com")
    assert jar.cookie_header(A) == "b=2; a=3; c=4"
    assert list(jar.filter_cookies(A)) == ["b", "a", "c"]
    assert jar.cookie_header(URL("https://a.com")) == "a=1; c=4"


def test_escapes_in_a_path_are_compared_as_they_are_on_the_wire():
    jar = told("a=1", "b=2; Path=/ä b", "c=3; Path=/%C3%A4%20b", url=URL("https://a.com/x%20y/z"))
    assert jar.cookie_header(URL("https://a.com/x y/")) == "a=1"
    assert jar.cookie_header(URL("https://a.com/ä b")) == "c=3"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.1.2.3", "127.0.0.1."])
def test_ip_hosts_have_cookies_only_in_an_unsafe_jar(host):
    url = URL(f"https://{host}/")
    for unsafe in (False, True):
        jar = told("a=1", f"b=2; Domain={url.raw_host}", url=url, unsafe=unsafe)
        jar.update_cookies({"c": "3"}, url)
        assert len(jar) == (3 if unsafe else 0)
        assert (jar.cookie_header(url) is not None) is unsafe


def test_a_cookie_of_an_ip_host_is_not_sent_by_a_jar_that_is_safe(jar):
    jar.update_cookies(SimpleCookie("a=1; Domain=127.0.0.1"))
    assert len(jar) == 1
    assert jar.cookie_header(URL("http://127.0.0.1/")) is None


@pytest.mark.parametrize(
    "origins",
    [
        "http://a.com/x",
        URL("http://a.com"),
        ["http://a.com"],
        (URL("http://a.com/y"), "http://c.com"),
        {URL("http://a.com")},
    ],
)
def test_origins_that_are_treated_as_secure_get_secure_cookies(origins):
    jar = told("a=1; Secure; Path=/", url=PLAIN, treat_as_secure_origin=origins)
    assert URL("http://a.com") in jar.treat_as_secure_origin
    assert jar.cookie_header(PLAIN) == "a=1"
    assert jar.cookie_header(URL("http://a.com:8080")) is None
    assert jar.cookie_header(URL("/p")) is None
    assert len(told("a=1; Secure", url=URL("http://b.com"), treat_as_secure_origin=origins)) == 0


def test_secure_cookies_of_localhost_are_kept_for_https():
    jar = told("a=1; Secure; Path=/", url=URL("http://localhost:8080/"))
    assert jar.cookie_header(URL("http://localhost:8080/")) is None
    assert jar.cookie_header(URL("https://localhost/")) == "a=1"


def test_plain_http_cannot_touch_secure_cookies():
    jar = told("a=1; Secure; Path=/; Domain=a.com", url=BELOW)
    for field in ("a=evil; Path=/", "a=evil; Secure; Path=/", "a=; Max-Age=0; Path=/; Domain=a.com", "b=1; Secure"):
        jar.update_cookies_from_headers([field], URL("http://b.a.com/"))
    assert jar.cookie_header(BELOW) == "a=1"
    assert len(jar) == 1


def test_a_program_may_set_secure_cookies_for_a_plain_url(jar):
    jar.update_cookies(SimpleCookie("a=1; Secure; Path=/"), PLAIN)
    assert (jar.cookie_header(PLAIN), jar.cookie_header(A)) == (None, "a=1")


def test_a_prefix_says_what_a_plain_pair_cannot(jar):
    jar.update_cookies({"__Host-a": "1", "__Secure-b": "2"}, PLAIN)
    jar.update_cookies({"__host-c": "3"})
    assert jar.cookie_header(A) == "__Secure-b=2; __Host-a=1; __host-c=3"
    assert jar.cookie_header(PLAIN) is None
    assert jar.cookie_header(OTHER) == "__host-c=3"
    jar.update_cookies(SimpleCookie("__Host-d=1; Path=/"), A)
    assert "__Host-d" not in jar.filter_cookies(A)


def test_the_public_suffix_hook_is_asked():
    url = URL("https://shop.co.uk/")
    assert len(told("a=1; Domain=co.uk", url=url)) == 1
    assert len(told("a=1; Domain=co.uk", "b=2", url=url, public_suffix=SuffixList("co.uk"))) == 1
    assert len(told("a=1; Domain=com", url=A, public_suffix=lambda domain: False)) == 1


# When it ends


def test_cookies_end_by_the_clock(jar, clock):
    jar.update_cookies_from_headers(["a=1; Max-Age=10", "b=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "c=3"], A)
    assert jar.cookie_header(A) == "a=1; b=2; c=3"
    clock.now += 10
    assert jar.cookie_header(A) == "b=2; c=3"
    clock.now = 4e9
    assert (len(jar), [morsel.key for morsel in jar]) == (1, ["c"])


@pytest.mark.parametrize("look", [len, list, lambda jar: len(jar.cookies), lambda jar: len(jar.host_only_cookies)])
def test_what_has_ended_is_not_shown(look, jar, clock):
    jar.update_cookies_from_headers(["a=1; Max-Age=10"], A)
    clock.now += 11
    assert not look(jar)


@pytest.mark.parametrize("end", ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_server_deletes_its_cookie(end, jar):
    jar.update_cookies_from_headers(["a=1"], A)
    jar.update_cookies_from_headers([f"a=; {end}"], A)
    assert len(jar) == 0


def test_the_time_is_the_calendars():
    jar = told("a=1; Max-Age=1000", "b=1; Expires=" + "Thu, 01 Jan 1970 00:16:40 GMT")
    (cookie,) = jar._jar
    assert abs(cookie.expires - time() - 1000) < 100


# What is sent of a value


@pytest.mark.parametrize(
    ("given_value", "quoted"),
    [
        ("b", "b"),
        ("b c", '"b c"'),
        ("b/c", '"b/c"'),
        ("b==", '"b=="'),
        ('"b c"', '"b c"'),
        ('"b\\073c"', '"b\\073c"'),
        ('"b', '"b'),
    ],
)
def test_values_are_never_quoted_again_unless_quote_cookie_wants_it(given_value, quoted):
    assert told(f"a={given_value}").cookie_header(A) == f"a={quoted}"
    assert told(f"a={given_value}", quote_cookie=False).cookie_header(A) == f"a={given_value}"


async def test_values_are_quoted_as_aiohttp_does(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        return  # aiohttp's jar needs a loop of asyncio
    for value in ("b", "b c", "b/c", "b==", '"b c"', "b,c", "{b}", "ü", "b:c|d", "'b'"):
        theirs = aiohttp.CookieJar()
        ours = CookieJar()
        for jar in (theirs, ours):
            jar.update_cookies_from_headers([f"h={value}"], A)
            jar.update_cookies({"d": value}, A)
            jar.update_cookies(SimpleCookie({"s": value}), A)
        sent = {name: (morsel.value, morsel.coded_value) for name, morsel in theirs.filter_cookies(A).items()}
        assert {name: (morsel.value, morsel.coded_value) for name, morsel in ours.filter_cookies(A).items()} == sent
        assert len(sent) == 3


@pytest.mark.parametrize("cookies", [{"a": "b c=d"}, SimpleCookie({"a": "b c=d"})], ids=["dict", "SimpleCookie"])
def test_a_program_can_send_a_value_as_it_is(cookies):
    jar = CookieJar(quote_cookie=False)
    jar.update_cookies(cookies, A)
    assert jar.cookie_header(A) == "a=b c=d"


def test_bytes_that_are_not_utf_8_go_back_as_they_came():
    jar = told("a=caf\udce9", quote_cookie=False)
    assert jar.cookie_header(A).encode("utf-8", "surrogateescape") == b"a=caf\xe9"


@pytest.mark.parametrize(
    "field", ["a=\x00", "a=b\r\nc: d", "a=b; Path=/\x1f", 'a="b\\012c"', 'a="\\177"', "=b", "b", "\x7f=b"]
)
@pytest.mark.parametrize("quote", [True, False])
def test_control_bytes_and_nameless_cookies_are_skipped_not_raised(field, quote):
    jar = told(field, "good=1", quote_cookie=quote)
    assert jar.cookie_header(A) == "good=1"
    assert list(response_cookies([field, "good=1"])) == ["good"]


@pytest.mark.parametrize("value", ["b\r\nX: y", "\x00", "b\x7f", "\ud800"])
@pytest.mark.parametrize("quote", [True, False])
def test_a_programs_control_characters_are_skipped_too(value, quote):
    jar = CookieJar(quote_cookie=quote)
    morsel = Morsel()
    morsel.__dict__.update(_key="m", _value=value, _coded_value=value)
    jar.update_cookies({"a": value, "good": "1"}, A)
    jar.update_cookies({"m": morsel, "none": Morsel()}, A)
    assert jar.cookie_header(A) == "good=1"


def test_a_value_cannot_become_two_cookies():
    jar = CookieJar(quote_cookie=False)
    jar.update_cookies({"a": "b; admin=1"}, A)
    jar.update_cookies_from_headers(['c="d\\073 admin=1"'], A)
    assert jar.cookie_header(A) == 'c="d\\073 admin=1"'
    jar = CookieJar()
    jar.update_cookies({"a": "b; admin=1"}, A)
    assert jar.cookie_header(A) == 'a="b\\073 admin=1"'


@pytest.mark.parametrize("name", ["", "a b", "a;b", "a=b", "é", 'a"', "a\n", 1, None])
def test_a_programs_name_that_is_none_is_an_error(name, jar):
    with pytest.raises(CookieError):
        jar.update_cookies({name: "1"}, A)


@given(st.lists(st.text(), max_size=3))
def test_no_header_raises_and_what_is_sent_is_one_line(headers):
    jar = told(*headers)
    sent = jar.cookie_header(A) or ""
    assert not set(sent) & {*map(chr, range(32)), "\x7f"}
    assert len(jar) == (sent.count(";") + 1 if sent else 0)
    response_cookies(headers)


# Bounds


def test_the_jar_is_bounded_by_domain_in_all_and_in_one_field():
    jar = CookieJar()
    for number in range(181):
        jar.update_cookies({f"n{number}": "1"}, A)
    assert len(jar) == 150
    for number in range(40):
        jar.update_cookies({f"m{number}": "1"}, URL("https://a.com/"))
    assert len(jar.filter_cookies(A)) == 150
    for number in range(4000):
        jar.update_cookies_from_headers(["a=1"], URL(f"https://{number}.com/"))
        assert len(jar) <= 3300
    jar = CookieJar()
    jar.update_cookies({f"n{number}": "v" * 500 for number in range(30)}, A)
    assert 7600 < len("Cookie: " + jar.cookie_header(A)) <= 8190
    assert len(jar.filter_cookies(A)) == jar.cookie_header(A).count("=")


# What a request adds


def test_cookies_of_a_request_go_over_those_of_the_jar_and_are_stored_nowhere(jar):
    jar.update_cookies({"a": "1", "b": "2"}, A)
    assert cookie_field(jar, A) == cookie_field(jar, A, {}) == "a=1; b=2"
    assert cookie_field(jar, A, {"b": "x y", "c": "3"}) == 'a=1; b="x y"; c=3'
    assert cookie_field(CookieJar(quote_cookie=False), A, {"b": "x y"}) == "b=x y"
    assert cookie_field(DummyCookieJar(), URL("http://127.0.0.1"), {"c": "3"}) == "c=3"
    assert cookie_field(DummyCookieJar(), A) is None
    assert len(jar) == 2


def test_cookies_of_a_response_are_the_last_of_each_name():
    cookies = response_cookies(["a=1", "b=2; Path=/x; HttpOnly", 'a="3 4"; Max-Age=5', "bad"])
    assert isinstance(cookies, SimpleCookie)
    assert values(cookies) == {"a": "3 4", "b": "2"}
    assert cookies["a"].coded_value == '"3 4"'
    assert (cookies["a"]["max-age"], cookies["b"]["path"], cookies["b"]["httponly"]) == ("5", "/x", True)


# Files


def full(clock=None):
    jar = CookieJar(_clock=clock)
    jar.update_cookies({"shared": "x y"})
    jar.update_cookies_from_headers(
        [
            "host=1; Path=/; Secure; HttpOnly",
            "domain=2; Domain=a.com; SameSite=Lax",
            'quoted="3 4"',
            "ends=5; Max-Age=60",
        ],
        A,
    )
    jar.update_cookies_from_headers(["same=6; Path=/f", "same=7; Path=/f/", "byte=caf\udce9; Path=/", "x[y]=8"], A)
    return jar


URLS = [A, PLAIN, BELOW, OTHER, URL("https://a.com/f/g"), URL("https://c.b.a.com/p/q/")]


def test_a_saved_jar_is_the_same_when_it_is_loaded(tmp_path, clock):
    jar, loaded = full(clock), CookieJar(_clock=clock)
    loaded.update_cookies({"gone": "1"})
    jar.save(tmp_path / "jar")
    loaded.load(str(tmp_path / "jar"))
    assert len(loaded) == len(jar) == 9
    assert [loaded.cookie_header(url) for url in URLS] == [jar.cookie_header(url) for url in URLS]
    assert {place: values(cookies) for place, cookies in loaded.cookies.items()} == {
        place: values(cookies) for place, cookies in jar.cookies.items()
    }
    clock.now += 60
    assert "ends" not in loaded.filter_cookies(A)
    loaded.load(tmp_path / "jar")
    assert "ends" not in loaded.filter_cookies(A)


def test_cve_2026_54279_host_only_survives_reload(tmp_path):
    jar, loaded = full(), CookieJar()
    jar.save(tmp_path / "jar")
    loaded.load(tmp_path / "jar")
    assert loaded.host_only_cookies == jar.host_only_cookies != set()
    assert values(loaded.filter_cookies(BELOW)) == {"shared": "x y", "domain": "2"}


def test_a_file_is_json_for_its_user_only_whatever_the_umask(tmp_path):
    path = tmp_path / "jar"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        full().save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_bytes())["a.com|"]["host"]["value"] == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "jar"
    CookieJar().save(path)

    def fails(descriptor):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="the disk is full"):
        full().save(path)
    assert path.read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "jar")
    full().save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "jar").is_file()


def test_a_jar_loads_only_what_it_would_take(tmp_path):
    jar = CookieJar(unsafe=True)
    jar.update_cookies({"a": "1"}, URL("http://127.0.0.1/"))
    jar.update_cookies_from_headers(["b=2; Domain=co.uk"], URL("https://a.co.uk/"))
    jar.save(tmp_path / "jar")
    address, shop = URL("http://127.0.0.1/"), URL("https://shop.co.uk/")
    for options, sent in [
        ({"unsafe": True}, ("a=1", "b=2")),
        ({}, (None, "b=2")),
        ({"public_suffix": SuffixList("co.uk")}, (None, None)),
    ]:
        loaded = CookieJar(**options)
        loaded.load(tmp_path / "jar")
        assert (loaded.cookie_header(address), loaded.cookie_header(shop)) == sent


async def test_aiohttp_and_we_read_each_others_files(tmp_path, anyio_backend_name):
    if anyio_backend_name != "asyncio":
        return  # aiohttp's jar needs a loop of asyncio
    headers = [
        "host=1; Path=/; Secure; HttpOnly",
        "domain=2; Domain=a.com; SameSite=Lax",
        'quoted="3 4"',
        "e=5; Max-Age=60",
    ]
    theirs, ours = aiohttp.CookieJar(), CookieJar()
    for jar in (theirs, ours):
        jar.update_cookies({"shared": "x y"})
        jar.update_cookies_from_headers(headers, A)
    theirs.save(tmp_path / "theirs")
    ours.save(tmp_path / "ours")
    read_by_us, read_by_them = CookieJar(), aiohttp.CookieJar()
    read_by_us.load(tmp_path / "theirs")
    read_by_them.load(tmp_path / "ours")
    for jar in (read_by_us, read_by_them):
        assert jar.host_only_cookies == theirs.host_only_cookies
        assert jar.cookies == theirs.cookies or dict(jar.cookies).keys() == dict(theirs.cookies).keys()
        for url in URLS:
            sent = {name: morsel.coded_value for name, morsel in theirs.filter_cookies(url).items()}
            assert {name: morsel.coded_value for name, morsel in jar.filter_cookies(url).items()} == sent
    their_ends = theirs._expirations["a.com", "/p", "e"]
    assert next(cookie for cookie in read_by_us._jar if cookie.name == "e").expires == their_ends


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"1",
        b"null",
        b"{",
        b'{"a.com|": []}',
        b'{"a.com|": {"a": 1}}',
        b'{"a.com|": {"a": {}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": 1}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "path": 5}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "expires_timestamp": "5"}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "expires_timestamp": true}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "expires_timestamp": NaN}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "expires_timestamp": Infinity}}}',
        b'{"a.com|": {"a": {"key": "a", "value": "1", "coded_value": "1", "expires_timestamp": 1e300}}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b"\x80",
        b"\x80\x04.",
        b"\x80\x04}",
        b"\x80\x04K\x01.",
    ],
    ids=lambda content: repr(content[-30:]),
)
def test_a_malformed_file_is_an_error_and_leaves_the_jar_as_it_was(content, tmp_path):
    jar = full()
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match="not a file of cookies"):
        jar.load(tmp_path / "bad")
    assert len(jar) == 9


def test_a_file_that_is_not_there_or_too_large_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError):
        CookieJar().load(tmp_path / "none")
    monkeypatch.setattr(cookie_files, "FILE_BYTES", 100)
    full().save(tmp_path / "jar")
    with pytest.raises(ValueError, match="at most 100 bytes"):
        CookieJar().load(tmp_path / "jar")


def test_a_file_cannot_bring_in_what_a_header_could_not(tmp_path):
    entries = {
        "control": {"key": "a", "value": "1\r\nX: y", "coded_value": "1"},
        "coded": {"key": "b", "value": "1", "coded_value": '"1\n"'},
        "name": {"key": "c; d", "value": "1", "coded_value": "1"},
        "nameless": {"key": "", "value": "1", "coded_value": "1"},
        "two": {"key": "e", "value": "1", "coded_value": '"1"; f=2'},
        "good": {"key": "g", "value": "1", "coded_value": "1"},
    }
    (tmp_path / "jar").write_text(json.dumps({"a.com|": entries}))
    jar = CookieJar()
    jar.load(tmp_path / "jar")
    assert jar.cookie_header(A) == "g=1"


# Files of older aiohttp: a pickle of what the jar had inside


def old_jar(by_path):
    cookies = collections.defaultdict(SimpleCookie)
    shared = SimpleCookie({"shared": "x y"})
    shared["shared"]["path"] = "/"
    host = SimpleCookie('host=1; Path=/; Secure; HttpOnly; quoted="3 4"; Path=/')
    host["host"]["domain"] = host["quoted"]["domain"] = "a.com"
    cookies[("", "") if by_path else ""] = shared
    cookies[("a.com", "") if by_path else "a.com"] = host
    return cookies


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("by_path", [True, False], ids=["from 3.8", "before 3.8"])
def test_pickles_of_older_aiohttp_are_read(protocol, by_path, tmp_path):
    (tmp_path / "jar").write_bytes(pickle.dumps(old_jar(by_path), protocol))
    jar = CookieJar()
    jar.load(tmp_path / "jar")
    assert jar.cookie_header(A) == 'shared="x y"; host=1; quoted="3 4"'
    assert jar.cookie_header(PLAIN) == 'shared="x y"; quoted="3 4"'
    assert jar.cookie_header(OTHER) == 'shared="x y"'
    assert jar.cookies["a.com", ""]["host"]["httponly"] is True


RAN = []


def run(*what):
    RAN.append(what)
    return {}


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def with_class_spoiled(name):
    # GLOBAL name, then BUILD with a state of slots: setattr on the class itself
    return b"\x80\x02chttp.cookies\n" + name + b"\nN}U\x05spoilU\x03bads\x86b."


PICKLES = {
    "a function of ours": pickle.dumps(Calls(run, "code")),
    "os.system": b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00truetR.",
    "builtins.eval": pickle.dumps(Calls(eval, "__import__('tests.client')")),
    "builtins.getattr": b"\x80\x04cbuiltins\ngetattr\n(chttp.cookies\nMorsel\nX\x03\x00\x00\x00settR.",
    "a module of http": b"\x80\x04chttp.cookies\n_unquote\n(X\x01\x00\x00\x00atR.",
    "a dotted name": b"\x80\x04\x8c\x0chttp.cookies\x8c\x0fMorsel.__init__\x93.",
    "another class": pickle.dumps({("a.com", ""): collections.OrderedDict()}),
    "inside of a jar": pickle.dumps(collections.defaultdict(SimpleCookie, {("a.com", ""): Calls(run, "code")})),
    "an instance": b"\x80\x04(ctests\nX\no.",
    "the old way": b"\x80\x04(ios\ngetpid\n.",
    "by number": b"\x80\x04\x82\xf0)R.",
    "bytearrays": b"\x80\x05\x96\x01\0\0\0\0\0\0\0a0}.",
    "no cookies": pickle.dumps({("a.com", ""): 5}),
    "no Morsels": pickle.dumps({("a.com", ""): {"a": "1"}}),
    "no texts": pickle.dumps({("a.com", ""): SimpleCookie({"a": "1"}), 5: {}}),
    "memo": b"\x80\x04Nr\xff\xff\xff\xff.",
    "spoiling Morsel": with_class_spoiled(b"Morsel"),
    "spoiling SimpleCookie": with_class_spoiled(b"SimpleCookie"),
    "recursive": b"\x80\x04}q\x00h\x00h\x00s.",
}


@pytest.fixture
def registered():
    copyreg.add_extension(__name__, "run", 0xF0)
    copyreg._extension_cache[0xF0] = run  # as after the first use
    yield
    copyreg.remove_extension(__name__, "run", 0xF0)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("content", PICKLES.values(), ids=PICKLES)
def test_cve_2026_34993_a_pickle_runs_no_code(content, tmp_path):
    RAN.clear()
    (tmp_path / "jar").write_bytes(content)
    jar = full()
    with pytest.raises(ValueError, match="not a file of cookies"):
        jar.load(tmp_path / "jar")
    assert RAN == []
    assert len(jar) == 9
    assert not hasattr(http.cookies.Morsel, "spoil")
    assert not hasattr(http.cookies.SimpleCookie, "spoil")


@pytest.mark.usefixtures("registered")
def test_the_pickles_that_run_code_elsewhere_do():
    # or else the test above could not fail
    RAN.clear()
    pickle.loads(PICKLES["a function of ours"])
    pickle.loads(PICKLES["inside of a jar"])
    assert RAN == [("code",), ("code",)]
    pickle.loads(PICKLES["by number"])
    assert len(RAN) == 3


@given(st.binary(max_size=200))
def test_no_bytes_behind_a_pickles_start_do_anything_but_raise_value_error(data):
    with contextlib.suppress(ValueError):
        cookie_files.parse_file(b"\x80\x04" + data)
