"""Hosts, their domains and paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.cookies import default_path, domain_matches, is_address, is_loopback, path_matches
from drywire_sansio.cookies.matching import domains_of

HOSTS = st.text("ab.1:", max_size=12)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1.", "::1", "fe80::1%25eth0", "127.1", "1", "0x7f.1", "a.0x", "::ffff:1.2.3.4"]
)
def test_ip_hosts_are_addresses_in_whatever_form(host):
    assert is_address(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a", "a.b", "1.a", "1a", "a1", "1.2.3.4.a", "0xg", "x0", "\u0661", "a.\u0661", "²"]
)
def test_names_are_no_addresses(host):
    assert not is_address(host)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost.com", False),
        ("notlocalhost", False),
        ("127.0.0.1.com", False),
        ("128.0.0.1", False),
        ("::2", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_its_name(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("host", "domain", "matches"),
    [
        ("a.com", "a.com", True),
        ("b.a.com", "a.com", True),
        ("c.b.a.com", "a.com", True),
        ("ba.com", "a.com", False),
        ("a.com", "b.a.com", False),
        ("a.com.evil.org", "a.com", False),
        ("a.com", "", False),
        ("", "", True),
        ("", "a.com", False),
        ("1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "3.4", False),
        ("9.1.2.3.4", "1.2.3.4", False),
        ("::1", "1", False),
    ],
)
def test_a_domain_holds_for_itself_and_below_and_an_address_for_itself(host, domain, matches):
    assert domain_matches(host, domain) is matches


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("a.b.c", ["a.b.c", "b.c", "c"]),
        ("a", ["a"]),
        ("a.b.", ["a.b.", "b."]),
        ("1.2.3.4", ["1.2.3.4"]),
        ("a." * 127, ["a." * count for count in range(127, 0, -1)]),
        ("a." * 2000, ["a." * 2000]),  # no name, and quadratic work
    ],
)
def test_a_host_sees_the_domains_above_it(host, domains):
    assert list(domains_of(host)) == domains


@given(HOSTS, HOSTS)
def test_what_a_host_sees_is_what_it_matches(host, domain):
    if host and domain:
        assert (domain in list(domains_of(host))) == domain_matches(host, domain)


@pytest.mark.parametrize(
    ("path", "cookie_path", "matches"),
    [
        ("/", "/", True),
        ("/a", "/", True),
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("/a/b", "/a", True),
        ("/a/b", "/a/", True),
        ("/a", "/a/", False),
        ("/ab", "/a", False),
        ("/b", "/a", False),
        ("/", "/a", False),
        ("/a%2Fb", "/a", False),
        ("/A", "/a", False),
    ],
)
def test_a_path_holds_for_itself_and_below(path, cookie_path, matches):
    assert path_matches(path, cookie_path) is matches


@pytest.mark.parametrize(
    ("path", "default"),
    [("", "/"), ("a/b", "/"), ("/", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("/a/b/c", "/a/b"), ("//", "/")],
)
def test_a_cookie_without_a_path_is_for_the_folder_that_set_it(path, default):
    assert default_path(path) == default
