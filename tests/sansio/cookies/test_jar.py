"""The jar: what it is given it gives to whom it belongs, in order, in time, and never more than its bounds."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from drywire_sansio.cookies import (
    Bounds,
    Cookie,
    Jar,
    Origin,
    accept,
    domain_matches,
    parse_set_cookie,
    path_matches,
    sendable,
    write_cookie,
)

SMALL = Bounds(per_domain=6, per_domain_kept=4, total=12, total_kept=9, sent=4, field_line=60)


def made(name="a", domain="a.com", path="/", value="v", **more):
    return Cookie(name, value, domain, path, **more)


def jar_of(*cookies, bounds=SMALL):
    jar = Jar(bounds)
    for cookie in cookies:
        assert jar.store(cookie, 0)
    return jar


def names(cookies):
    return [cookie.name for cookie in cookies]


def asked(jar, host="a.com", path="/", secure=True, now=0):
    return names(jar.match(Origin(host, path, secure), now))


# Whose it is


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("a.com", ["shared", "domain", "host"]),
        ("b.a.com", ["shared", "domain"]),
        ("com", ["shared"]),
        ("ba.com", ["shared"]),
        ("a.com.evil.org", ["shared"]),
        ("1.2.3.4", ["shared", "address"]),
        ("9.1.2.3.4", ["shared"]),
        ("", ["shared"]),
        ("a.com.", ["shared"]),
    ],
)
def test_a_cookie_goes_to_its_domain_and_no_other(host, sent):
    jar = jar_of(made("shared", ""), made("domain"), made("host", host_only=True), made("address", "1.2.3.4"))
    assert asked(jar, host) == sent


def test_a_cookie_goes_to_its_path_and_below():
    jar = jar_of(made("root"), made("folder", path="/f"), made("slash", path="/f/"))
    assert asked(jar, path="/") == ["root"]
    assert asked(jar, path="/f") == ["folder", "root"]
    assert asked(jar, path="/f/g") == ["slash", "folder", "root"]
    assert asked(jar, path="/fg") == ["root"]


def test_a_secure_cookie_goes_to_secure_origins():
    jar = jar_of(made("plain"), made("secret", secure=True))
    assert asked(jar, secure=True) == ["plain", "secret"]
    assert asked(jar, secure=False) == ["plain"]


def test_longer_paths_come_first_then_older_cookies_whichever_domain_they_are_of():
    jar = jar_of(made("1"), made("2", "b.a.com"), made("3", path="/p"), made("4", "b.a.com", path="/p"))
    assert asked(jar, "b.a.com", "/p") == ["3", "4", "1", "2"]
    jar.store(made("1", value="new"), 0)  # it keeps its place
    assert asked(jar, "b.a.com", "/p") == ["3", "4", "1", "2"]


def test_a_cookie_is_one_by_domain_path_and_name():
    jar = jar_of(made(value="1"), made(value="2"), made(value="3", host_only=True))
    assert [cookie.value for cookie in jar] == ["3"]
    jar = jar_of(made(), made(domain="b.com"), made(path="/p"), made(path="/p/"), made("b"))
    assert len(jar) == len(list(jar)) == 5


# When it ends


def test_a_cookie_ends_at_its_moment():
    jar = jar_of(made("short", expires=10), made("long", expires=20), made("session"))
    assert asked(jar, now=9.99) == ["short", "long", "session"]
    assert asked(jar, now=10) == ["long", "session"]
    assert asked(jar, now=1e15) == ["session"]
    assert len(jar) == 1


def test_a_cookie_that_has_ended_deletes_the_one_that_is_there():
    jar = jar_of(made(), made("b"))
    assert not jar.store(made(expires=5), 5)
    assert names(jar) == ["b"]
    assert not jar.store(made("c", expires=5), 5)
    assert names(jar) == ["b"]


def test_a_new_cookie_does_not_end_with_the_old():
    jar = jar_of(made(expires=10), made())
    jar.expire(11)
    assert len(jar) == 1


def test_all_that_has_ended_goes_at_once():
    jar = jar_of(*(made(domain=f"{number}.com", expires=number) for number in range(1, 9)))
    jar.expire(4)
    assert sorted(jar.domains) == ["5.com", "6.com", "7.com", "8.com"]
    jar.expire(4.5)
    assert len(jar) == 4
    jar.expire(inf)
    assert len(jar) == 0
    assert jar.domains == {}


# What goes out


def test_cookies_are_cleared_all_together_or_by_domain():
    cookies = [made(domain=domain) for domain in ("a.com", "b.a.com", "ba.com", "")]
    jar = jar_of(*cookies)
    jar.clear_domain("a.com")
    assert sorted(jar.domains) == ["", "ba.com"]
    jar.clear_domain("")
    assert sorted(jar.domains) == ["ba.com"]
    jar.clear()
    assert (len(jar), list(jar), jar.domains) == (0, [], {})
    assert jar.store(made(), 0)


def test_no_plain_cookie_comes_over_a_secure_one_of_its_name_from_an_insecure_origin():
    jar = jar_of(made("a", "b.a.com", "/p", secure=True))
    insecure = [
        (made("a", "b.a.com", "/p"), False),
        (made("a", "b.a.com", "/p/q"), False),
        (made("a", "a.com", "/p"), False),  # the secure one lies below
        (made("a", "c.b.a.com", "/p"), False),
        (made("a", "b.a.com", "/"), True),  # it does not hide, since the longer path goes first
        (made("a", "c.a.com", "/p"), True),
        (made("b", "b.a.com", "/p"), True),
    ]
    for cookie, kept in insecure:
        assert jar.store(cookie, 0, secure_origin=False) is kept
    assert jar.store(made("a", "b.a.com", "/p"), 0, secure_origin=True)
    assert jar.store(made("a", "b.a.com", "/p", value="x"), 0, secure_origin=False)  # there is no secure one any more


def test_an_insecure_origin_cannot_delete_a_secure_cookie():
    jar = jar_of(made(secure=True))
    jar.store(made(expires=0), 1, secure_origin=False)
    assert len(jar) == 1


# Bounds


def test_the_bounds_are_those_of_browsers():
    assert Jar().bounds == Bounds(
        per_domain=180, per_domain_kept=150, total=3300, total_kept=3000, sent=150, field_line=8190
    )


def test_the_jar_is_bounded_by_domain_and_loses_what_was_not_used_for_longest():
    jar = jar_of(*(made(str(number)) for number in range(6)), made("other", "b.com"))
    jar.match(Origin("a.com", "/", True), 0)
    for number in (4, 2):
        jar.store(made(str(number)), 0)
    assert jar.store(made("new"), 0)
    assert sorted(names(jar.domains["a.com"].values())) == ["2", "4", "5", "new"]
    assert len(jar) == 5


def test_the_jar_is_bounded_in_all():
    jar = jar_of(*(made(domain=f"{number}.com") for number in range(12)))
    asked(jar, "0.com")
    assert jar.store(made(domain="new.com"), 0)
    assert set(jar.domains) == {"0.com", "new.com", *(f"{number}.com" for number in range(5, 12))}
    assert len(jar) == 9


def test_what_has_ended_goes_first():
    jar = jar_of(made("old"), *(made(str(number), expires=5) for number in range(5)))
    assert jar.store(made("new"), 5)
    assert sorted(names(jar)) == ["new", "old"]
    jar = jar_of(*(made(domain=f"{number}.com", expires=5 if number else inf) for number in range(12)))
    assert jar.store(made(domain="new.com"), 5)
    assert sorted(jar.domains) == ["0.com", "new.com"]


def test_secure_cookies_of_a_full_domain_go_last_and_only_for_secure_ones():
    secure = [made(str(number), secure=True) for number in range(4)]
    jar = jar_of(*secure, made("plain"), made("plain 2"))
    assert jar.store(made("new"), 0)
    assert sorted(names(jar)) == ["0", "1", "2", "3", "new"]
    jar = jar_of(*secure, made("4", secure=True), made("5", secure=True))
    assert not jar.store(made("new"), 0)
    assert len(jar) == 6
    assert jar.store(made("new", secure=True), 0)
    assert sorted(names(jar)) == ["3", "4", "5", "new"]


def test_a_flood_leaves_as_much_as_the_bounds_say():
    jar = Jar()
    for number in range(10_000):
        assert jar.store(made(f"n{number}"), 0)
        assert len(jar) <= 180
    for number in range(10_000):
        assert jar.store(made(domain=f"{number}.com"), 0)
        assert len(jar) <= 3300


def test_replacing_a_cookie_of_a_full_jar_costs_no_other():
    jar = jar_of(*(made(str(number)) for number in range(6)))
    assert jar.store(made("0", value="new"), 0)
    assert len(jar) == 6


def test_a_request_looks_at_its_own_domains_only():
    class Watched(Cookie):
        looked_at = 0

        @property
        def host_only(self):
            Watched.looked_at += 1
            return False

        @host_only.setter
        def host_only(self, value):
            pass

    jar = Jar()
    for number in range(1000):
        jar.store(Watched("a", "v", f"{number}.com", "/"), 0)
    Watched.looked_at = 0
    assert asked(jar, "b.5.com") == ["a"]
    assert Watched.looked_at == 1


# One Cookie field


def sent(*cookies, host="b.a.com", path="/p"):
    jar = jar_of(*cookies)
    return [
        f"{cookie.domain}{cookie.path} {cookie.name}"
        for cookie in sendable(jar.match(Origin(host, path, True), 0), SMALL)
    ]


def test_of_a_name_the_nearest_cookie_goes():
    assert sent(made(path="/p"), made(domain="b.a.com"), made(domain="")) == ["b.a.com/ a"]
    assert sent(made(), made(path="/p"), made(domain="")) == ["a.com/p a"]
    assert sent(made("b"), made("b", domain=""), made("a")) == ["a.com/ b", "a.com/ a"]


def test_the_nearest_cookies_go_first_where_they_are_too_many():
    far = [made(str(number)) for number in range(3)]
    near = [made(f"near{number}", "b.a.com") for number in range(3)]
    assert sent(*far, *near) == ["a.com/ 0", *(f"b.a.com/ near{number}" for number in range(3))]


def test_a_field_has_the_bytes_that_it_may_have_and_not_one_more():
    room = 60 - len("Cookie: a=; b=")
    assert len(sent(made("a", value="v" * (room - 1)), made("b"))) == 2
    assert sent(made("a", value="v" * room), made("b", "b.a.com")) == ["b.a.com/ b"]
    assert sent(made("a", value="é" * (room // 2)), made("b", "b.a.com")) == ["b.a.com/ b"]
    assert sent(made("a", value="v" * 60), made("b")) == ["a.com/ b"]  # what never fits hinders no other
    assert sent(made("a", value="v" * (60 - len("Cookie: a=")))) == ["a.com/ a"]


def test_the_pieces_go_together():
    jar = Jar()
    origin = Origin("example.com", "/", secure=True)
    for field in ("id=1; Path=/; Secure", "=nameless", "other=2; Domain=evil.com", "b=3"):
        said = parse_set_cookie(field)
        if (
            said is not None
            and (cookie := accept(Cookie(said.name, said.value), said.attributes, origin, 5)) is not None
        ):
            jar.store(cookie, 5, secure_origin=origin.secure)
    assert write_cookie((cookie.name, cookie.value) for cookie in sendable(jar.match(origin, 5))) == "id=1; b=3"


# Against a model


HOSTS = st.sampled_from(["a.com", "b.a.com", "c.b.a.com", "ba.com", "com", "1.2.3.4", ""])
PATHS = st.sampled_from(["/", "/p", "/p/", "/p/q"])
NAMES = st.sampled_from("abcd")


class JarMachine(RuleBasedStateMachine):
    """The jar does what a plain list of cookies, looked through from end to end, does."""

    def __init__(self):
        super().__init__()
        self.jar = Jar()
        self.model = {}
        self.now = 0

    @rule(name=NAMES, domain=HOSTS, path=PATHS, host_only=st.booleans(), secure=st.booleans(), ends=st.integers(-1, 9))
    def store(self, name, domain, path, host_only, secure, ends):
        cookie = made(name, domain, path, host_only=host_only, secure=secure, expires=self.now + ends if ends else inf)
        key = domain, path, name
        kept = self.jar.store(cookie, self.now)
        assert kept == (cookie.expires > self.now)
        if kept:
            self.model[key] = cookie
        else:
            self.model.pop(key, None)

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds):
        self.now += seconds
        self.model = {key: cookie for key, cookie in self.model.items() if cookie.expires > self.now}

    @rule(host=HOSTS, path=PATHS, secure=st.booleans())
    def ask(self, host, path, secure):
        expected = {
            cookie
            for cookie in self.model.values()
            if not cookie.domain or (host == cookie.domain if cookie.host_only else domain_matches(host, cookie.domain))
            if path_matches(path, cookie.path) and (secure or not cookie.secure)
            if not (cookie.domain == "" and cookie.host_only and host != "")
        }
        found = self.jar.match(Origin(host, path, secure), self.now)
        assert set(found) == expected
        assert found == sorted(found, key=lambda cookie: (-len(cookie.path), cookie.created))

    @rule(domain=HOSTS)
    def clear_domain(self, domain):
        self.jar.clear_domain(domain)
        self.model = {key: cookie for key, cookie in self.model.items() if not domain_matches(key[0], domain)}

    @invariant()
    def the_same_cookies_are_there(self):
        self.jar.expire(self.now)
        assert len(self.jar) == len(list(self.jar)) == len(self.model)
        assert set(self.jar) == set(self.model.values())
        assert all(self.jar.domains.values())


TestJarAgainstAList = JarMachine.TestCase


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefghijkl"), st.sampled_from(["a.com", "b.com", "c.com", "d.com"]), st.booleans())
    )
)
def test_no_order_of_cookies_goes_over_the_bounds(cookies):
    jar = Jar(SMALL)
    for name, domain, secure in cookies:
        jar.store(made(name, domain, secure=secure), 0)
        assert len(jar) == sum(map(len, jar.domains.values())) <= SMALL.total
        assert all(len(kept) <= SMALL.per_domain for kept in jar.domains.values())
