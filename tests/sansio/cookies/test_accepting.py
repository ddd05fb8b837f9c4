"""What a server may set, and for whom."""

import pytest

from drywire_sansio.cookies import NOWHERE, Cookie, Origin, SuffixList, accept, parse_set_cookie

HTTPS = Origin("www.example.com", "/a/b", True)
HTTP = Origin("www.example.com", "/a/b", False)


def set_by(origin, field, **options):
    said = parse_set_cookie(field)
    return accept(Cookie(said.name, said.value), said.attributes, origin, 1000.0, **options)


def test_a_cookie_that_says_nothing_is_for_its_host_and_folder():
    cookie = set_by(HTTP, "a=b")
    assert (cookie.name, cookie.value) == ("a", "b")
    assert (cookie.domain, cookie.host_only, cookie.path) == ("www.example.com", True, "/a")
    assert not cookie.secure
    assert cookie.expires == float("inf")


def test_a_cookie_is_as_it_says():
    cookie = set_by(HTTPS, "a=b; Domain=Example.COM; Path=/c/; Secure; Max-Age=5")
    assert (cookie.domain, cookie.host_only, cookie.path) == ("example.com", False, "/c/")
    assert cookie.secure
    assert cookie.expires == 1005


@pytest.mark.parametrize("path", ["", "c", "c/d", "=/"])
def test_a_path_that_is_none_counts_for_nothing(path):
    assert set_by(HTTPS, f"a=b; Path={path}").path == "/a"


@pytest.mark.parametrize(
    ("domain", "kept"),
    [
        ("example.com", ("example.com", False)),
        (".example.com", ("example.com", False)),
        ("www.example.com", ("www.example.com", False)),
        ("", ("www.example.com", True)),
        (".", ("www.example.com", True)),
        ("example.com.", ("www.example.com", True)),
        ("..example.com", None),
        ("evil.com", None),
        ("a.www.example.com", None),
        ("ww.example.com", None),
        ("ample.com", None),
        ("com", None),
        (".com", None),
        ("éxample.com", None),
        ("example.com\u212a", None),
        ("127.0.0.1", None),
    ],
)
def test_a_domain_must_be_one_that_the_host_lies_in(domain, kept):
    cookie = set_by(HTTPS, f"a=b; Domain={domain}")
    assert (cookie and (cookie.domain, cookie.host_only)) == kept


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ip_hosts_set_cookies_for_themselves_only(host):
    origin = Origin(host, "/", False)
    assert set_by(origin, "a=b").host_only
    assert set_by(origin, f"a=b; Domain={host}").domain == host
    assert set_by(origin, "a=b; Domain=1") is None
    assert set_by(origin, "a=b; Domain=0.0.1") is None


def test_nobody_sets_cookies_for_a_public_suffix_by_the_hook():
    known = SuffixList("uk\nco.uk")
    shop = Origin("shop.co.uk", "/", True)
    assert set_by(shop, "a=b; Domain=co.uk").domain == "co.uk"  # nobody knows better
    assert set_by(shop, "a=b; Domain=co.uk", is_public_suffix=known) is None
    assert set_by(shop, "a=b; Domain=shop.co.uk", is_public_suffix=known).domain == "shop.co.uk"


def test_the_hook_is_asked_for_a_clean_domain_and_only_where_it_matters():
    asked = []

    def hook(domain):
        asked.append(domain)
        return False

    set_by(HTTPS, "a=b", is_public_suffix=hook)
    set_by(HTTPS, "a=b; Domain=evil.com", is_public_suffix=hook)
    set_by(Origin("127.0.0.1", "/", True), "a=b; Domain=127.0.0.1", is_public_suffix=hook)
    assert asked == []
    set_by(HTTPS, "a=b; Domain=.EXAMPLE.com", is_public_suffix=hook)
    assert asked == ["example.com"]


@pytest.mark.parametrize("host", ["localhost", "co.uk"])
def test_a_host_that_is_a_public_suffix_keeps_its_cookies_to_itself(host):
    cookie = set_by(Origin(host, "/", True), f"a=b; Domain={host}", is_public_suffix=SuffixList("co.uk"))
    assert (cookie.domain, cookie.host_only) == (host, True)


@pytest.mark.parametrize(
    ("field", "taken"),
    [
        ("__Secure-a=b; Secure", True),
        ("__Secure-a=b; Secure; Domain=example.com; Path=/c", True),
        ("__Secure-a=b", False),
        ("__sEcUrE-a=b", False),
        ("__Host-a=b; Secure; Path=/", True),
        ("__Host-a=b; Secure; Path=/; Domain=", True),
        ("__Host-a=b; Path=/", False),
        ("__Host-a=b; Secure", False),
        ("__Host-a=b; Secure; Path=/c", False),
        ("__Host-a=b; Secure; Path=/; Domain=www.example.com", False),
        ("__HOST-a=b; Path=/", False),
        ("__Host-=b", False),
        ("__Secure=b", True),
        ("_Host-a=b", True),
    ],
)
@pytest.mark.parametrize("path", ["/", "/a/b"])
def test_the_host_and_secure_prefix_rules_hold(field, taken, path):
    assert (set_by(HTTPS._replace(path=path), field) is not None) is taken


@pytest.mark.parametrize("path", ["/", "/a"])
def test_a_host_prefix_needs_its_path_named_even_if_it_would_be_the_same(path):
    assert set_by(Origin("a.com", path, True), "__Host-a=b; Secure") is None


@pytest.mark.parametrize(
    ("host", "taken"), [("www.example.com", False), ("localhost", True), ("127.0.0.1", True), ("10.0.0.1", False)]
)
def test_secure_is_set_by_a_secure_origin_or_by_this_machine(host, taken):
    assert (set_by(Origin(host, "/", False), "a=b; Secure") is not None) is taken
    assert set_by(Origin(host, "/", True), "a=b; Secure").secure


def test_a_cookie_of_no_host_is_for_all_of_them():
    cookie = set_by(NOWHERE, "a=b")
    assert (cookie.domain, cookie.host_only, cookie.path) == ("", False, "/")
    assert set_by(NOWHERE, "a=b; Domain=com").domain == "com"
    assert set_by(NOWHERE, "__Host-a=b; Secure; Path=/").domain == ""
    assert set_by(NOWHERE, "__Host-a=b; Secure; Path=/; Domain=a.com") is None
