"""Rows K-01 to K-21: cookies, the jar and what a session does with it."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import json
import os
import pickle
import stat
from collections import defaultdict
from http.cookies import BaseCookie, Morsel, SimpleCookie
from types import MappingProxyType

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire.abc import AbstractCookieJar
from drywire_transports import run

from .mirror import asked, mirror  # noqa: F401

EXAMPLE = URL("http://example.com/")
LONG_AGO = "Thu, 01 Jan 1998 00:00:00 GMT"
FAR_OFF = "Fri, 31 Dec 2100 23:59:59 GMT"


def sent(jar, url):
    """Return the names and values that `jar` has for a request to `url`."""
    return {name: morsel.value for name, morsel in jar.filter_cookies(URL(url)).items()}


def jar_of(*fields, origin=EXAMPLE, **options):
    """Return a jar that has seen these Set-Cookie fields of `origin`."""
    jar = drywire.CookieJar(**options)
    jar.update_cookies_from_headers(fields, URL(origin))
    return jar


def by_name(url):
    """Return `url` with a name as its host: a plain jar takes no cookies of addresses."""
    return URL(url).with_host("localhost")


async def bake(request):
    """Set the cookies that the query names."""
    response = web.Response(text="baked")
    for field in request.query.getall("cookie", ()):
        response.headers.add("Set-Cookie", field)
    return response


BAKERY = web.get("/bake", bake)


async def baked(session, url, *fields):
    """Let the bakery at `url` set cookies."""
    async with session.get(URL(str(url)) / "bake" % {"cookie": list(fields)}) as response:
        assert await response.text() == "baked"
        return response


# Making one


def test_k_01_a_jar_takes_its_options_by_name():
    jar = drywire.CookieJar(unsafe=True, quote_cookie=False, treat_as_secure_origin=None, loop=None)
    assert len(jar) == 0
    with pytest.raises(TypeError):
        drywire.CookieJar(True)


def test_k_01_a_jar_can_be_made_before_there_is_a_loop():
    """Differs: the documents make jars at module level, which aiohttp refuses since 3.10."""
    jar = drywire.CookieJar()
    jar.update_cookies({"a": "1"})

    async def main():
        async with drywire.ClientSession(cookie_jar=jar) as session:
            assert session.cookie_jar is jar

    run(main)
    assert len(jar) == 1


async def test_k_02_unsafe_takes_and_sends_cookies_of_addresses(mirror):
    jar = drywire.CookieJar(unsafe=True)
    async with mirror(BAKERY) as url, drywire.ClientSession(cookie_jar=jar) as session:
        await baked(session, url, "a=1; Path=/")
        assert (await asked(session.get(url))).headers["Cookie"] == "a=1"
    jar = jar_of("a=1", origin="http://[::1]/", unsafe=True)
    assert sent(jar, "http://[::1]/") == {"a": "1"}
    assert sent(jar, "http://127.0.0.1/") == {}


@pytest.mark.parametrize(("quote", "field"), [(True, 'a="one two"'), (False, "a=one two")], ids=["quoted", "plain"])
async def test_k_03_quote_cookie_says_whether_values_are_put_in_quotes(mirror, quote, field):
    jar = drywire.CookieJar(quote_cookie=quote)
    jar.update_cookies({"a": "one two"})
    async with mirror() as url, drywire.ClientSession(cookie_jar=jar) as session:
        assert (await asked(session.get(url))).headers["Cookie"] == field


async def test_k_03_quotes_of_a_server_go_back_as_they_came(mirror):
    async with mirror(BAKERY) as url, drywire.ClientSession() as session:
        url = by_name(url)
        await baked(session, url, 'a="one two"; Path=/', r'b="\"\054"; Path=/', "c=three; Path=/")
        assert (await asked(session.get(url))).headers["Cookie"] == r'a="one two"; b="\"\054"; c=three'
        assert sent(session.cookie_jar, url) == {"a": "one two", "b": '",', "c": "three"}


async def test_k_03_without_quote_cookie_all_goes_back_as_it_came(mirror):
    """Differs: aiohttp takes the quotes off what its server has put in quotes."""
    jar = drywire.CookieJar(quote_cookie=False)
    async with mirror(BAKERY) as url, drywire.ClientSession(cookie_jar=jar) as session:
        url = by_name(url)
        await baked(session, url, 'a="one two"; Path=/', "b=three,four; Path=/", "c={x}; Path=/")
        assert (await asked(session.get(url))).headers["Cookie"] == 'a="one two"; b=three,four; c={x}'


@pytest.mark.parametrize(
    "origin",
    ["http://a.example", URL("http://a.example/path"), ["http://a.example", URL("http://b.example:8080")]],
    ids=["str", "URL", "several"],
)
def test_k_04_treat_as_secure_origin_gets_secure_cookies_without_tls(origin):
    jar = jar_of("a=1; Secure", origin="https://a.example/", treat_as_secure_origin=origin)
    assert URL("http://a.example") in jar.treat_as_secure_origin
    assert isinstance(jar.treat_as_secure_origin, frozenset)
    assert sent(jar, "http://a.example/x") == {"a": "1"}
    assert sent(jar, "http://a.example:81/") == {}
    assert jar_of().treat_as_secure_origin == frozenset()


# Putting in and taking out


def test_k_05_a_jar_has_a_length_and_gives_its_cookies():
    jar = jar_of("a=1", "b=2; Path=/x; Domain=example.com; Secure", origin="https://www.example.com/")
    assert len(jar) == 2
    a, b = sorted(jar, key=lambda morsel: morsel.key)
    assert isinstance(a, Morsel)
    assert (a.key, a.value, a["domain"], a["path"]) == ("a", "1", "www.example.com", "/")
    assert (b.key, b.value, b["domain"], b["path"]) == ("b", "2", "example.com", "/x")
    assert b["secure"]


def test_k_05_what_has_ended_is_not_given():
    jar = jar_of("a=1", "b=2")
    jar.update_cookies_from_headers([f"a=1; Expires={LONG_AGO}"], EXAMPLE)
    assert [morsel.key for morsel in jar] == ["b"]
    assert len(jar) == 1


MORSEL = SimpleCookie()
MORSEL["a"] = "1"
MORSEL["a"]["path"] = "/"


@pytest.mark.parametrize("cookies", [{"a": "1"}, [("a", "1")], MORSEL, {"a": MORSEL["a"]}], ids=type)
def test_k_06_update_cookies_takes_mappings_cookies_and_pairs(cookies):
    jar = drywire.CookieJar()
    jar.update_cookies(cookies, response_url=EXAMPLE)
    assert sent(jar, EXAMPLE) == {"a": "1"}
    assert sent(jar, "http://example.org/") == {}
    assert MORSEL["a"]["domain"] == ""  # what was given is left alone


def test_k_06_update_cookies_without_a_url_is_for_every_host():
    jar = drywire.CookieJar()
    jar.update_cookies({"a": "1"})
    assert sent(jar, EXAMPLE) == sent(jar, "https://example.org/deep/down") == {"a": "1"}


def test_k_06_update_cookies_takes_text_as_a_url():
    """Differs: aiohttp ends with an AttributeError where the URL is a str."""
    jar = drywire.CookieJar()
    jar.update_cookies({"a": "1"}, "http://example.com/")
    assert sent(jar, EXAMPLE) == {"a": "1"}
    assert sent(jar, "http://example.org/") == {}


def test_k_06_update_cookies_knows_no_url_by_another_name():
    with pytest.raises(TypeError):
        drywire.CookieJar().update_cookies({"a": "1"}, url=EXAMPLE)


def test_k_07_update_cookies_from_headers_keeps_each_of_several():
    jar = jar_of("a=1; Path=/", "a=2; Path=/x", "b=3", origin="http://example.com/x/y")
    assert len(jar) == 3
    assert sent(jar, "http://example.com/") == {"a": "1"}
    assert sent(jar, "http://example.com/x/") == {"a": "2", "b": "3"}


def test_k_07_update_cookies_from_headers_passes_over_what_is_no_cookie():
    jar = jar_of("", "=x", ";", "no pair", "a=\x00", "good=1; Unknown=2; Path")
    assert sent(jar, EXAMPLE) == {"good": "1"}


async def test_k_07_cookies_of_one_response_are_all_kept(mirror):
    async with mirror(BAKERY) as url, drywire.ClientSession() as session:
        url = by_name(url)
        await baked(session, url, "a=1; Path=/", "a=2; Path=/bake", "b=3; Path=/")
        assert (await asked(session.get(url))).headers["Cookie"] == "a=1; b=3"
        assert sent(session.cookie_jar, url / "bake") == {"a": "2", "b": "3"}


def test_k_08_filter_cookies_returns_what_is_sent_to_a_url():
    cookies = jar_of("a=1; Path=/", "b=2; Path=/x").filter_cookies(EXAMPLE)
    assert isinstance(cookies, BaseCookie)
    assert cookies["a"].value == "1"
    assert "b" not in cookies
    assert cookies.output(header="", sep=";").strip() == "a=1"


def test_k_08_filter_cookies_of_text_is_deprecated():
    jar = jar_of("a=1")
    with pytest.warns(DeprecationWarning, match="URL"):
        cookies = jar.filter_cookies("http://example.com/")
    assert cookies["a"].value == "1"


def test_k_08_filter_cookies_may_be_changed_without_harm():
    jar = jar_of("a=1")
    jar.filter_cookies(EXAMPLE).clear()
    assert sent(jar, EXAMPLE) == {"a": "1"}


def test_k_09_clear_takes_all_or_those_that_are_meant():
    jar = jar_of("a=1", "b=2", "c=3")
    jar.clear(lambda morsel: morsel.key == "a" or morsel.value == "3")
    assert sent(jar, EXAMPLE) == {"b": "2"}
    jar.clear()
    assert len(jar) == 0
    assert sent(jar, EXAMPLE) == {}


def test_k_09_clear_domain_takes_those_of_a_domain_and_below():
    jar = jar_of("a=1", origin="http://www.example.com/")
    jar.update_cookies_from_headers(["b=2"], EXAMPLE)
    jar.update_cookies_from_headers(["c=3"], URL("http://notexample.com/"))
    jar.clear_domain("example.com")
    assert [morsel.key for morsel in jar] == ["c"]


@pytest.mark.parametrize("kind", [str, lambda path: path], ids=["str", "Path"])
def test_k_10_a_jar_is_saved_and_loaded(tmp_path, kind):
    path = kind(tmp_path / "jar")
    fields = ["a=1", "b=2; Domain=example.com; Path=/x; Secure; Max-Age=1000", f"c=3; Expires={FAR_OFF}; HttpOnly"]
    jar_of(*fields, origin="https://example.com/").save(path)
    jar = drywire.CookieJar()
    jar.update_cookies({"before": "1"})
    jar.load(path)
    assert sent(jar, "https://www.example.com/x/") == {"b": "2"}  # a and c are of one host only
    assert sent(jar, "https://example.com/x/") == {"a": "1", "b": "2", "c": "3"}
    assert sent(jar, "http://example.com/x/") == {"a": "1", "c": "3"}


def test_k_10_the_file_is_json_and_nobody_elses(tmp_path):
    path = tmp_path / "jar"
    jar_of("a=secret").save(path)
    assert "secret" in json.dumps(json.loads(path.read_text("utf-8")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_k_10_what_has_ended_meanwhile_is_not_loaded(tmp_path):
    path = tmp_path / "jar"
    jar_of("a=1", f"b=2; Expires={FAR_OFF}").save(path)
    text = path.read_text("utf-8")
    assert text.count("4133980799") == 1
    path.write_text(text.replace("4133980799", "883612800"), "utf-8")
    jar = drywire.CookieJar()
    jar.load(path)
    assert [morsel.key for morsel in jar] == ["a"]


def test_k_10_a_pickle_of_an_older_jar_is_loaded(tmp_path):
    path = tmp_path / "jar"
    cookies = defaultdict(SimpleCookie)
    cookies["example.com", ""]["a"] = "1"
    cookies["example.com", ""]["a"].update({"domain": "example.com", "path": "/"})
    path.write_bytes(pickle.dumps(cookies, pickle.HIGHEST_PROTOCOL))
    jar = jar_of("b=2")
    jar.load(path)
    assert sent(jar, EXAMPLE) == {"a": "1"}


class Evil:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_k_10_a_pickle_is_never_run(tmp_path):
    path = tmp_path / "jar"
    path.write_bytes(pickle.dumps({("example.com", ""): Evil(str(tmp_path / "made"))}, pickle.HIGHEST_PROTOCOL))
    jar = jar_of("b=2")
    with pytest.raises(ValueError, match=r"."):
        jar.load(path)
    assert not (tmp_path / "made").exists()
    assert sent(jar, EXAMPLE) == {"b": "2"}


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}', "{", "null", '{"a|/": {"b": {"key": "b"}}}'])
def test_k_10_a_file_that_is_no_jar_leaves_the_jar_alone(tmp_path, text):
    """Differs: it is a ValueError whatever is wrong; aiohttp's error depends on that."""
    path = tmp_path / "jar"
    path.write_text(text, "utf-8")
    jar = jar_of("a=1")
    with pytest.raises(ValueError, match=r"."):
        jar.load(path)
    assert sent(jar, EXAMPLE) == {"a": "1"}


# Looking at it


def test_k_11_cookies_shows_them_by_domain_and_path():
    jar = jar_of("a=1; Path=/", "b=2; Path=/x/; Domain=example.com")
    jar.update_cookies({"c": "3"})
    cookies = jar.cookies
    assert isinstance(cookies, MappingProxyType)
    assert set(cookies) == {("example.com", ""), ("example.com", "/x"), ("", "")}
    assert isinstance(cookies["example.com", ""], SimpleCookie)
    assert cookies["example.com", ""]["a"].value == "1"
    assert cookies["example.com", "/x"]["b"]["path"] == "/x/"
    assert cookies["", ""]["c"].value == "3"


def test_k_12_host_only_cookies_are_named_by_domain_path_and_name():
    jar = jar_of("a=1", "b=2; Domain=example.com", "c=3; Path=/x")
    assert jar.host_only_cookies == frozenset({("example.com", "", "a"), ("example.com", "/x", "c")})
    assert sent(jar, "http://www.example.com/") == {"b": "2"}


def test_k_13_the_private_cookies_can_be_printed():
    shown = repr(jar_of("flavour=vanilla")._cookies)
    assert "flavour" in shown
    assert "vanilla" in shown


def test_k_14_settings_of_a_jar_can_be_read():
    jar = drywire.CookieJar()
    assert (jar.unsafe, jar.quote_cookie) == (False, True)
    jar = drywire.CookieJar(unsafe=True, quote_cookie=False)
    assert (jar.unsafe, jar.quote_cookie) == (True, False)
    with pytest.raises(AttributeError):
        jar.unsafe = False


# Which cookies go where

WHERE = [
    # the origin, its Set-Cookie, and a URL with whether it gets the cookie
    ("http://example.com/", "a=1", "http://example.com/", True),
    ("http://example.com/", "a=1", "http://EXAMPLE.com:8080/", True),
    ("http://example.com/", "a=1", "http://www.example.com/", False),
    ("http://www.example.com/", "a=1; Domain=example.com", "http://example.com/", True),
    ("http://www.example.com/", "a=1; Domain=.example.com", "http://other.example.com/", True),
    ("http://www.example.com/", "a=1; Domain=EXAMPLE.com", "http://example.com/", True),
    ("http://www.example.com/", "a=1; Domain=example.com", "http://notexample.com/", False),
    ("http://example.com/", "a=1; Domain=www.example.com", "http://www.example.com/", False),
    ("http://example.com/", "a=1; Domain=example.org", "http://example.org/", False),
    ("http://example.com/", "a=1; Domain=example.com.", "http://www.example.com/", False),
    ("http://example.com/x/y", "a=1", "http://example.com/x/z", True),
    ("http://example.com/x/y", "a=1", "http://example.com/x", True),
    ("http://example.com/x/y", "a=1", "http://example.com/", False),
    ("http://example.com/", "a=1; Path=/x", "http://example.com/x/y", True),
    ("http://example.com/", "a=1; Path=/x", "http://example.com/xy", False),
    ("http://example.com/", "a=1; Path=/x/", "http://example.com/x", False),
    ("http://example.com/", "a=1; Path=x", "http://example.com/", True),
    ("https://example.com/", "a=1; Secure", "https://example.com/", True),
    ("https://example.com/", "a=1; Secure", "wss://example.com/", True),
    ("https://example.com/", "a=1; Secure", "http://example.com/", False),
    ("https://example.com/", "a=1; Secure", "ws://example.com/", False),
    ("http://example.com/", "a=1; Max-Age=100", "http://example.com/", True),
    ("http://example.com/", "a=1; Max-Age=0", "http://example.com/", False),
    ("http://example.com/", f"a=1; Expires={LONG_AGO}", "http://example.com/", False),
    ("http://example.com/", f"a=1; Expires={FAR_OFF}", "http://example.com/", True),
    ("http://example.com/", f"a=1; Max-Age=100; Expires={LONG_AGO}", "http://example.com/", True),
    ("http://example.com/", "a=1; Expires=nonsense; Max-Age=1_0", "http://example.com/", True),
]


@pytest.mark.parametrize(("origin", "field", "url", "goes"), WHERE)
def test_k_15_a_cookie_goes_where_the_rfc_sends_it(origin, field, url, goes):
    assert sent(jar_of(field, origin=origin), url) == ({"a": "1"} if goes else {})


@pytest.mark.parametrize("domain", ["com", ".com"])
def test_k_15_nobody_sets_cookies_for_a_top_level(domain):
    """Differs: aiohttp lets any site set cookies for all of ``.com``."""
    assert len(jar_of(f"a=1; Domain={domain}")) == 0


def test_k_15_a_plain_origin_sets_no_secure_cookies():
    """Differs: RFC 6265bis keeps what goes over plain HTTP away from secure cookies; aiohttp does not."""
    assert len(jar_of("a=1; Secure", origin="http://example.com/")) == 0
    jar = jar_of("a=secure; Secure", origin="https://example.com/")
    jar.update_cookies_from_headers(["a=forged"], URL("http://example.com/"))
    assert sent(jar, "https://example.com/") == {"a": "secure"}


@pytest.mark.parametrize(
    "field", ["__Secure-a=1", "__Host-a=1; Secure; Path=/x", "__Host-a=1; Secure; Domain=example.com"]
)
def test_k_15_what_a_name_promises_must_be_kept(field):
    """Differs: aiohttp does not know the prefixes ``__Secure-`` and ``__Host-`` of RFC 6265bis."""
    assert len(jar_of(field, origin="https://example.com/")) == 0


async def test_k_15_secure_cookies_go_over_tls_only(serving, mirror, server_tls, client_tls):
    seen = []

    async def look(request):
        seen.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=1; Secure; Path=/"})

    app = web.Application()
    app.router.add_get("/", look)
    async with serving(app, ssl_context=server_tls) as url, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.get(by_name(url), ssl=client_tls) as response:
                assert response.status == 200
        assert seen == [None, "a=1"]


async def test_k_15_paths_decide_over_a_live_connection(mirror):
    async with mirror(BAKERY) as url, drywire.ClientSession() as session:
        url = by_name(url)
        await baked(session, url, "wide=1; Path=/", "deep=2; Path=/deep", "gone=3; Path=/", "gone=; Path=/; Max-Age=0")
        assert (await asked(session.get(url / "deep/down"))).headers["Cookie"] == "deep=2; wide=1"
        assert (await asked(session.get(url / "deeper"))).headers["Cookie"] == "wide=1"


def test_k_16_a_domain_has_180_cookies_and_falls_back_to_150():
    jar = jar_of(*(f"n{number}=1" for number in range(180)))
    assert len(jar) == 180
    jar.update_cookies_from_headers(["one-more=1"], EXAMPLE)
    names = {morsel.key for morsel in jar}
    assert len(names) == 150
    assert "one-more" in names
    assert "n0" not in names  # who was not used for longest has gone
    assert "n179" in names


def test_k_16_a_jar_has_3300_cookies_and_falls_back_to_3000():
    jar = drywire.CookieJar()
    for host in range(33):
        fields = [f"n{number}=1" for number in range(100)]
        jar.update_cookies_from_headers(fields, URL(f"http://host{host}.example/"))
    assert len(jar) == 3300
    jar.update_cookies_from_headers(["one-more=1"], EXAMPLE)
    assert len(jar) == 3000
    assert sent(jar, EXAMPLE) == {"one-more": "1"}
    assert sent(jar, "http://host0.example/") == {}


def test_k_16_a_request_carries_150_cookies_and_8190_bytes():
    assert len(sent(jar_of(*(f"n{number}=1" for number in range(170))), EXAMPLE)) == 150
    cookies = sent(jar_of(*(f"n{number:02}={'x' * 996}" for number in range(20))), EXAMPLE)
    field = "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items())
    assert len(cookies) == 8
    assert len(field) <= 8190


def test_k_16_what_is_near_goes_before_what_is_far():
    jar = jar_of(*(f"wide{number}=1; Domain=example.com" for number in range(150)), origin="http://www.example.com/")
    jar.update_cookies_from_headers(["near=1"], URL("http://www.example.com/"))
    cookies = sent(jar, "http://www.example.com/")
    assert len(cookies) == 150
    assert "near" in cookies


# A session's


async def test_k_17_cookies_of_a_session_are_shared(mirror):
    async with mirror() as url, drywire.ClientSession(cookies={"a": "1"}) as session:
        assert session.cookie_jar.cookies["", ""]["a"].value == "1"
        for address in (URL(url), by_name(url)):
            assert (await asked(session.get(address))).headers["Cookie"] == "a=1"


async def test_k_18_each_hop_of_a_redirect_may_set_cookies(mirror):
    async def first(request):
        return web.Response(status=302, headers={"Location": "/second", "Set-Cookie": "one=1; Path=/"})

    async def second(request):
        assert request.headers["Cookie"] == "one=1"
        return web.Response(status=302, headers={"Location": "/third", "Set-Cookie": "two=2; Path=/"})

    async def third(request):
        return web.Response(text=request.headers["Cookie"], headers={"Set-Cookie": "three=3; Path=/"})

    routes = [web.get("/first", first), web.get("/second", second), web.get("/third", third)]
    async with mirror(*routes) as url, drywire.ClientSession() as session:
        async with session.get(by_name(url) / "first") as response:
            assert await response.text() == "one=1; two=2"
            assert {name: morsel.value for name, morsel in response.cookies.items()} == {"three": "3"}
            assert [list(hop.cookies) for hop in response.history] == [["one"], ["two"]]
        assert {morsel.key for morsel in session.cookie_jar} == {"one", "two", "three"}


async def test_k_19_cookies_of_addresses_are_not_taken_unasked(mirror):
    async with mirror(BAKERY) as url, drywire.ClientSession() as session:
        response = await baked(session, url, "a=1; Path=/")
        assert response.cookies["a"].value == "1"
        assert len(session.cookie_jar) == 0
        assert "Cookie" not in (await asked(session.get(url))).headers


async def test_k_20_a_dummy_jar_takes_nothing_and_gives_nothing(mirror, tmp_path):
    jar = drywire.DummyCookieJar(loop=None)
    assert isinstance(jar, AbstractCookieJar)
    jar.update_cookies({"a": "1"}, EXAMPLE)
    jar.update_cookies_from_headers(["a=1"], EXAMPLE)
    assert (len(jar), list(jar), dict(jar.filter_cookies(EXAMPLE))) == (0, [], {})
    jar.clear()
    jar.clear_domain("example.com")
    async with mirror(BAKERY) as url, drywire.ClientSession(cookie_jar=jar) as session:
        url = by_name(url)
        response = await baked(session, url, "a=1; Path=/")
        assert response.cookies["a"].value == "1"
        assert "Cookie" not in (await asked(session.get(url))).headers
        assert (await asked(session.get(url, cookies={"b": "2"}))).headers["Cookie"] == "b=2"


class ListJar(AbstractCookieJar):
    """Keeps everything, and sends it everywhere."""

    def __init__(self):
        super().__init__()
        self.kept = SimpleCookie()
        self.origins = []

    def __iter__(self):
        return iter(self.kept.values())

    def __len__(self):
        return len(self.kept)

    def clear(self, predicate=None):
        self.kept.clear()

    def clear_domain(self, domain):
        self.kept.clear()

    def update_cookies(self, cookies, response_url=URL()):  # noqa: B008 - the signature is the base's
        self.origins.append(response_url)
        self.kept.update(dict(cookies))

    def filter_cookies(self, request_url):
        return self.kept


async def test_k_21_a_jar_of_ones_own_is_asked_and_told(mirror):
    jar = ListJar()
    async with mirror(BAKERY) as url, drywire.ClientSession(cookie_jar=jar) as session:
        await baked(session, url, "a=1; Path=/elsewhere", "b=2")
        assert {name: morsel.value for name, morsel in jar.kept.items()} == {"a": "1", "b": "2"}
        assert [origin.path for origin in jar.origins] == ["/bake"]
        assert (await asked(session.get(url))).headers["Cookie"] == "a=1; b=2"


def test_k_21_the_base_of_jars_cannot_be_one():
    with pytest.raises(TypeError, match="abstract"):
        AbstractCookieJar()
    for jar in (drywire.CookieJar, drywire.DummyCookieJar):
        assert issubclass(jar, AbstractCookieJar)
