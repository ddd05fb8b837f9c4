"""What is said to a proxy, and which one the environment names."""

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio import http1
from drywire_sansio.proxying import (
    FOR_ONE_HOP,
    absolute_form,
    authority_form,
    connect_fields,
    environment_proxy,
    fields_for_proxy,
    fields_through_tunnel,
    is_exempt,
    variables_for,
)

LOGIN = (b"Proxy-Authorization", b"Basic eDp5")
FIELDS = http1.FieldLines([(b"Host", b"a.example"), (b"User-Agent", b"u"), (b"Accept", b"*/*")])


# Requests


@pytest.mark.parametrize(
    ("authority", "target", "form"),
    [
        ("a.example", b"/", b"http://a.example/"),
        ("a.example:8080", b"/x?y=%20", b"http://a.example:8080/x?y=%20"),
        ("[::1]:8080", b"/", b"http://[::1]:8080/"),
    ],
)
def test_absolute_form_is_a_target_of_a_request(authority, target, form):
    assert absolute_form("http", authority, target) == form
    connection = http1.ClientConnection()
    sent = connection.send(http1.Request(b"GET", form, FIELDS))
    assert sent.startswith(b"GET " + form + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("host", "port", "form"),
    [
        ("a.example", 443, b"a.example:443"),
        ("127.0.0.1", 80, b"127.0.0.1:80"),
        ("::1", 8443, b"[::1]:8443"),
    ],
)
def test_authority_form_is_the_target_of_connect(host, port, form):
    assert authority_form(host, port) == form
    connection = http1.ClientConnection()
    sent = connection.send(http1.Request(b"CONNECT", form, [(b"Host", form)]))
    assert sent == b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (form, form)


def test_connect_says_the_host_what_is_for_the_proxy_and_the_login():
    fields = connect_fields(b"a.example:443", "Basic eDp5", [(b"X-A", b"1")], b"agent")
    assert fields == [(b"Host", b"a.example:443"), (b"X-A", b"1"), LOGIN, (b"User-Agent", b"agent")]


def test_connect_without_a_login_has_none():
    assert connect_fields(b"a:1", None, [], b"agent") == [(b"Host", b"a:1"), (b"User-Agent", b"agent")]


def test_connect_has_the_user_agent_that_was_given():
    assert connect_fields(b"a:1", None, [(b"user-agent", b"own")], b"agent") == [
        (b"Host", b"a:1"),
        (b"user-agent", b"own"),
    ]


def test_one_login_is_sent_to_a_proxy():
    other = (b"proxy-authorization", b"Bearer z")
    assert connect_fields(b"a:1", "Basic eDp5", [other], b"u")[1:-1] == [LOGIN]
    assert connect_fields(b"a:1", None, [other], b"u")[1:-1] == [other]
    assert list(fields_for_proxy(FIELDS, "Basic eDp5", [other]))[3:] == [LOGIN]


def test_fields_for_a_proxy_stand_behind_those_of_the_request():
    fields = fields_for_proxy(FIELDS, "Basic eDp5", [(b"X-A", b"1")])
    assert fields == [*FIELDS, (b"X-A", b"1"), LOGIN]


def test_fields_for_a_proxy_replace_those_of_the_same_name():
    given = http1.FieldLines([*FIELDS, (b"X-A", b"0"), (b"PROXY-authorization", b"Basic b3RoZXI=")])
    fields = fields_for_proxy(given, "Basic eDp5", [(b"user-AGENT", b"v"), (b"x-a", b"1"), (b"x-a", b"2")])
    assert fields == [FIELDS[0], FIELDS[2], (b"user-AGENT", b"v"), (b"x-a", b"1"), (b"x-a", b"2"), LOGIN]


def test_nothing_for_a_proxy_leaves_the_fields_as_they_are():
    assert fields_for_proxy(FIELDS, None, []) is FIELDS


def test_a_field_that_can_be_said_once_only_is_not_said_twice():
    given = http1.FieldLines([(b"Host", b"a.example")])
    http1.ClientConnection().send(http1.Request(b"GET", b"/", given))
    assert given.suits_request
    fields = fields_for_proxy(given, None, [(b"Proxy-Authorization", b"a"), (b"proxy-authorization", b"b")])
    with pytest.raises(http1.LocalProtocolError):
        http1.ClientConnection().send(http1.Request(b"GET", b"http://a.example/", fields))


def test_fields_for_a_proxy_are_checked():
    with pytest.raises(http1.LocalProtocolError):
        fields_for_proxy(FIELDS, "Basic x\r\nX-B: 2", [])
    with pytest.raises(http1.LocalProtocolError):
        fields_for_proxy(FIELDS, None, [(b"X A", b"1")])


def test_no_login_at_the_proxy_goes_through_a_tunnel():
    fields = http1.FieldLines([FIELDS[0], LOGIN, FIELDS[2], (b"proxy-AUTHORIZATION", b"Basic b3RoZXI=")])
    assert fields_through_tunnel(fields) == [FIELDS[0], FIELDS[2]]
    assert fields_through_tunnel(FIELDS) is FIELDS


def test_a_value_that_looks_like_a_login_is_none():
    fields = http1.FieldLines(
        [(b"Host", b"a"), (b"X-Names", b"Proxy-Authorization:1"), (b"Xproxy-authorization", b"2")]
    )
    assert fields_through_tunnel(fields) == list(fields)


@given(st.lists(st.sampled_from([b"Proxy-Authorization", b"proxy-authorization", b"X-A", b"Via"]), max_size=6))
def test_whatever_the_fields_the_tunnel_has_all_but_the_login(names):
    pairs = [(b"Host", b"a"), *((name, b"v%d" % index) for index, name in enumerate(names))]
    kept = [pair for pair in pairs if pair[0].lower() != b"proxy-authorization"]
    assert fields_through_tunnel(http1.FieldLines(pairs)) == kept


def test_what_frames_a_request_is_not_for_a_proxy_alone():
    assert {"host", "content-length", "transfer-encoding", "upgrade"} <= FOR_ONE_HOP


# The environment


@pytest.mark.parametrize(
    ("scheme", "variables"),
    [
        ("http", ["http", "all"]),
        ("https", ["https", "all"]),
        ("ws", ["ws", "http", "all"]),
        ("wss", ["wss", "https", "all"]),
        ("other", ["all"]),
    ],
)
def test_the_variables_of_a_scheme_are_asked_in_order(scheme, variables):
    assert list(variables_for(scheme)) == variables
    environ = {f"{name}_proxy": f"http://{name}.example" for name in ("http", "https", "ws", "wss", "all")}
    for name in variables:
        assert environment_proxy(environ, scheme, "a.example", 80) == f"http://{name}.example"
        del environ[f"{name}_proxy"]
    assert environment_proxy(environ, scheme, "a.example", 80) is None


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_both_cases_are_read(name):
    assert environment_proxy({name: "http://p.example:1"}, "http", "a.example", 80) == "http://p.example:1"


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ftp_proxy", "proxy", "Http_Proxy", "xhttp_proxy"])
def test_what_is_for_others_is_not_read(name):
    assert environment_proxy({name: "http://p.example:1"}, "http", "a.example", 80) is None


def test_small_letters_go_before_capitals_even_when_empty():
    environ = {"http_proxy": "http://small.example", "HTTP_PROXY": "http://capital.example"}
    assert environment_proxy(environ, "http", "a.example", 80) == "http://small.example"
    assert environment_proxy({**environ, "http_proxy": ""}, "http", "a.example", 80) is None
    both = {"http_proxy": "http://p.example", "NO_PROXY": "a.example"}
    assert environment_proxy(both, "http", "a.example", 80) is None
    assert environment_proxy({**both, "no_proxy": ""}, "http", "a.example", 80) == "http://p.example"


def test_what_a_client_of_a_cgi_script_says_names_no_proxy():
    environ = {"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil.example"}
    for scheme in ("http", "ws"):
        assert environment_proxy(environ, scheme, "a.example", 80) is None
    assert environment_proxy({**environ, "http_proxy": "http://p"}, "http", "a.example", 80) == "http://p"
    assert environment_proxy({**environ, "ALL_PROXY": "http://q"}, "http", "a.example", 80) == "http://q"
    assert environment_proxy({**environ, "HTTPS_PROXY": "http://r"}, "https", "a.example", 443) == "http://r"


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("p.example:3128", "http://p.example:3128"),
        ("user:word@p.example:3128", "http://user:word@p.example:3128"),
        (" http://p.example \n", "http://p.example"),
        ("socks5://p.example", "socks5://p.example"),  # for the client to refuse
        (" ", None),
    ],
)
def test_a_value_without_a_scheme_is_an_http_proxy(value, proxy):
    assert environment_proxy({"http_proxy": value}, "http", "a.example", 80) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("*", "a.example", 80),
        ("a.example", "a.example", 80),
        ("a.example", "b.a.example", 80),
        (".a.example", "b.a.example", 80),
        (".a.example", "a.example", 80),
        ("*.a.example", "b.a.example", 80),
        ("A.Example", "a.EXAMPLE", 80),
        ("a.example.", "a.example", 80),
        ("a.example", "a.example.", 80),
        ("x.example,a.example", "a.example", 80),
        ("x.example , a.example", "a.example", 80),
        ("x.example a.example\t", "a.example", 80),
        ("a.example:8080", "a.example", 8080),
        ("*:8080", "a.example", 8080),
        ("localhost", "localhost", 80),
        ("127.0.0.1", "127.0.0.1", 80),
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("127.0.0.0/8", "127.1.2.3", 80),
        ("10.1.2.3/8", "10.9.9.9", 80),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:80", "::1", 80),
        ("0:0:0:0:0:0:0:1", "::1", 80),
        ("fd00::/8", "fd12::1", 80),
        ("10.0.0.0/8", "::ffff:10.1.1.1", 80),
        ("::/0", "::ffff:10.1.1.1", 80),
        ("::ffff:10.1.1.1", "10.1.1.1", 80),
        ("::ffff:10.0.0.0/104", "10.1.1.1", 80),
        ("b\u00fccher.example", "xn--bcher-kva.example", 80),
        ("[bad, a.example", "a.example", 80),
    ],
)
def test_hosts_are_exempt(no_proxy, host, port):
    assert is_exempt(no_proxy, host, port)
    environ = {"all_proxy": "http://p.example", "no_proxy": no_proxy}
    assert environment_proxy(environ, "http", host, port) is None


@pytest.mark.parametrize(
    ("no_proxy", "host", "port"),
    [
        ("", "a.example", 80),
        (",", "a.example", 80),
        (".", "a.example", 80),
        ("a.example", "ba.example", 80),
        ("a.example", "a.example.b", 80),
        ("b.a.example", "a.example", 80),
        ("a.example:8080", "a.example", 80),
        ("a.example:999999", "a.example", 80),
        ("a.example:", "a.example", 80),
        ("*:8080", "a.example", 80),
        ("0.0.1", "127.0.0.1", 80),
        ("127.0.0.1", "127.0.0.10", 80),
        ("10.0.0.0/8", "11.0.0.1", 80),
        ("10.0.0.0/8", "10.0.0.1.example", 80),
        ("10.0.0.0/99", "10.0.0.1", 80),
        ("::1", "::2", 80),
        ("::1", "1", 80),
        ("1", "::1", 80),
        ("[::1]:80", "::1", 81),
        ("http://a.example", "a.example", 80),
        ("exa*", "example", 80),
        ("\uff41.example\ud800", "a.example", 80),
    ],
)
def test_hosts_are_not_exempt(no_proxy, host, port):
    assert not is_exempt(no_proxy, host, port)


@given(st.text(max_size=60), st.sampled_from(["a.example", "127.0.0.1", "::1", ""]), st.integers(1, 65535))
def test_no_list_is_too_odd(no_proxy, host, port):
    assert is_exempt(no_proxy, host, port) in (True, False)
    assert is_exempt(no_proxy + ",*", host, port)


@given(st.ip_addresses(), st.data())
def test_a_network_exempts_what_lies_in_it(address, data):
    length = data.draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network((address, length), strict=False)
    other = data.draw(st.ip_addresses(v=address.version))
    assert is_exempt(str(network), str(address), 80)
    if getattr(other, "ipv4_mapped", None) is None and getattr(network.network_address, "ipv4_mapped", None) is None:
        assert is_exempt(str(network), str(other), 80) == (other in network)


@pytest.mark.parametrize("piece", [":", "[", "a:", ".", "*", "a,", "1.", "::", "a.example:1 "])
def test_a_long_list_takes_linear_time(piece):
    began = time.process_time()
    is_exempt(piece * 100_000, "a.example", 80)
    assert time.process_time() - began < 5
