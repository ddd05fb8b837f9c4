"""Asking SOCKS proxies: what goes out, in whatever pieces the answer comes, and what every refusal says."""

import builtins
import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire_sansio.errors import LocalProtocolError, RemoteProtocolError
from drywire_sansio.socks import SocksHandshake, SocksRefused, require_socksio

BOUND_4 = b"\x00\x5a\x00\x00\x00\x00\x00\x00"
BOUND_5 = {
    "IPv4": b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50",
    "IPv6": b"\x05\x00\x00\x04" + bytes(15) + b"\x01\x00\x50",
    "name": b"\x05\x00\x00\x03\x05proxy\x00\x50",
    "no name": b"\x05\x00\x00\x03\x00\x00\x50",
    "long name": b"\x05\x00\x00\x03\xff" + b"p" * 255 + b"\x00\x50",
}


def played(handshake, *answers, size=None):
    """Return what the client says to `answers`, each given once what was asked before it is there, by `size` bytes."""
    said = [handshake.start()]
    for answer in answers:
        assert not handshake.done
        parts = [answer] if size is None else [answer[at : at + size] for at in range(0, len(answer), size)]
        said.append(b"".join(map(handshake.receive_data, parts)))
    return said


# What is asked


@pytest.mark.parametrize("size", [None, 1, 3])
def test_socks_4_asks_for_an_address(size):
    handshake = SocksHandshake(4, "192.0.2.7", 443)
    assert played(handshake, BOUND_4, size=size) == [b"\x04\x01\x01\xbb\xc0\x00\x02\x07\x00", b""]
    assert (handshake.done, handshake.trailing_data) == (True, b"")


def test_socks_4a_asks_for_a_name_behind_an_address_that_is_none():
    handshake = SocksHandshake(4, "name.example", 80, b"me")
    (asked, _) = played(handshake, BOUND_4)
    head, user, name, end = asked[:8], *asked[8:].split(b"\0")
    assert head[:4] == b"\x04\x01\x00\x50"
    assert head[4:7] == bytes(3)
    assert head[7] != 0
    assert (user, name, end) == (b"me", b"name.example", b"")


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("bound", BOUND_5)
@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::1", b"\x04" + socket.inet_pton(socket.AF_INET6, "2001:db8::1")),
        ("::ffff:192.0.2.7", b"\x04" + socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7")),
        ("name.example", b"\x03\x0cname.example"),
        ("xn--bcher-kva.example", b"\x03\x15xn--bcher-kva.example"),
        ("a" * 255, b"\x03\xff" + b"a" * 255),
        ("192.0.2.07", b"\x03\x0a192.0.2.07"),
        ("2130706433", b"\x03\x0a2130706433"),
    ],
)
def test_socks_5_asks_for_addresses_and_names(host, address, bound, size):
    handshake = SocksHandshake(5, host, 65535)
    said = played(handshake, b"\x05\x00", BOUND_5[bound], size=size)
    assert said == [b"\x05\x01\x00", b"\x05\x01\x00" + address + b"\xff\xff", b""]
    assert (handshake.done, handshake.trailing_data) == (True, b"")


@pytest.mark.parametrize("size", [None, 1])
def test_socks_5_logs_in_where_the_proxy_wants_it(size):
    handshake = SocksHandshake(5, "192.0.2.7", 80, "b\u00fc".encode(), b"p:w")
    assert played(handshake, b"\x05\x02", b"\x01\x00", BOUND_5["IPv4"], size=size) == [
        b"\x05\x02\x00\x02",
        b"\x01\x03b\xc3\xbc\x03p:w",
        b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50",
        b"",
    ]


def test_a_login_is_not_said_to_a_proxy_that_does_not_ask_for_it():
    handshake = SocksHandshake(5, "192.0.2.7", 80, b"user", b"geheim")
    said = played(handshake, b"\x05\x00", BOUND_5["IPv4"])
    assert b"geheim" not in b"".join(said)


def test_a_password_may_be_empty_and_a_login_255_bytes_long():
    handshake = SocksHandshake(5, "192.0.2.7", 80, b"u" * 255)
    assert played(handshake, b"\x05\x02")[1] == b"\x01\xff" + b"u" * 255 + b"\x00"


def test_answers_that_come_at_once_are_all_read():
    handshake = SocksHandshake(5, "192.0.2.7", 80, b"u", b"p")
    handshake.start()
    sent = handshake.receive_data(b"\x05\x02\x01\x00" + BOUND_5["name"])
    assert sent == b"\x01\x01u\x01p" + b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"
    assert handshake.done


@pytest.mark.parametrize(
    ("version", "host", "port", "login", "reason"),
    [
        (4, "::1", 80, (), "IPv4 addresses only"),
        (4, "192.0.2.7", 80, (b"u", b"p"), "no password"),
        (4, "192.0.2.7", 80, (b"u\0v",), "NUL"),
        (4, "name.example", 80, (b"u" * 256,), "at most 255"),
        (5, "", 80, (), "1 to 255 visible"),
        (5, "a" * 256, 80, (), "1 to 255 visible"),
        (4, "a\0b", 80, (), "visible ASCII"),
        (5, "a b", 80, (), "visible ASCII"),
        (5, "b\u00fccher.example", 80, (), "visible ASCII"),
        (5, "fe80::1%eth0", 80, (), "zone"),
        (5, "192.0.2.7", 0, (), "no port"),
        (5, "192.0.2.7", 65536, (), "no port"),
        (5, "192.0.2.7", 80, (b"u" * 256, b"p"), "a login .* at most 255"),
        (5, "192.0.2.7", 80, (b"u", b"p" * 256), "a password .* at most 255"),
    ],
)
def test_what_cannot_be_asked_is_refused_here(version, host, port, login, reason):
    with pytest.raises(LocalProtocolError, match=reason) as caught:
        SocksHandshake(version, host, port, *login)
    assert "pppp" not in str(caught.value)


# What is answered


@pytest.mark.parametrize(
    ("code", "meaning", "other"),
    [
        (0x5B, "rejected or failed", True),
        (0x5C, "identd", False),
        (0x5D, "another user id", False),
        (0x00, "unassigned", False),
        (0xFF, "unassigned", False),
    ],
)
def test_every_refusal_of_socks_4_is_told(code, meaning, other):
    handshake = SocksHandshake(4, "192.0.2.7", 80)
    with pytest.raises(SocksRefused, match=meaning) as caught:
        played(handshake, bytes([0, code]) + bytes(6))
    assert (caught.value.code, caught.value.other_address_may_do, handshake.done) == (code, other, False)
    assert f"{code:#04x}" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "meaning", "other"),
    [
        (1, "general failure", True),
        (2, "rules", False),
        (3, "network unreachable", True),
        (4, "host unreachable", True),
        (5, "connection refused", True),
        (6, "TTL expired", True),
        (7, "CONNECT", False),
        (8, "addresses of this type", True),
        (9, "unassigned", True),
        (255, "unassigned", True),
    ],
)
@pytest.mark.parametrize("rest", [b"", b"\x00\x01\x00\x00\x00\x00\x00\x00", b"\xff\xff"])
def test_every_refusal_of_socks_5_is_told_however_it_goes_on(code, meaning, other, rest):
    handshake = SocksHandshake(5, "192.0.2.7", 80)
    with pytest.raises(SocksRefused, match=meaning) as caught:
        played(handshake, b"\x05\x00", bytes([5, code]) + rest)
    assert (caught.value.code, caught.value.other_address_may_do, handshake.done) == (code, other, False)


@pytest.mark.parametrize(
    ("login", "answers", "code", "reason"),
    [
        ((), [b"\x05\xff"], 0xFF, "takes none without a name and password"),
        ((b"u", b"geheim"), [b"\x05\xff"], 0xFF, "neither"),
        ((b"u", b"geheim"), [b"\x05\x02", b"\x01\x01"], None, "refuses the login"),
        ((b"u", b"geheim"), [b"\x05\x02", b"\x01\xff"], None, "refuses the login"),
    ],
)
def test_a_login_that_is_missing_or_wrong_is_told_without_the_password(login, answers, code, reason):
    with pytest.raises(SocksRefused, match=reason) as caught:
        played(SocksHandshake(5, "192.0.2.7", 80, *login), *answers)
    assert caught.value.code == code
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "login", "answers", "rule"),
    [
        (4, (), [b"HTTP/1.1 400 Bad Request\r\n"], "version"),
        (4, (), [b"\x04\x5a" + bytes(6)], "version"),
        (5, (), [b"HTTP/1.1 400 Bad Request\r\n"], "version"),
        (5, (), [b"\x04"], "version"),
        (5, (), [b"\x05\x01"], "method"),
        (5, (), [b"\x05\x02"], "method"),
        (5, (b"u",), [b"\x05\x02", b"\x05"], "version"),
        (5, (), [b"\x05\x00", b"\x04"], "version"),
        (5, (), [b"\x05\x00", b"\x05\x00\x00\x02\x00"], "address"),
        (5, (), [b""], "closed-without-reply"),
        (5, (), [b"\x05", b""], "closed-without-reply"),
        (5, (), [b"\x05\x00", b""], "closed-without-reply"),
        (5, (), [b"\x05\x00", BOUND_5["name"][:-1], b""], "closed-without-reply"),
        (4, (), [BOUND_4[:-1], b""], "closed-without-reply"),
    ],
)
def test_what_is_no_socks_is_an_error_of_the_proxy(version, login, answers, rule):
    handshake = SocksHandshake(version, "192.0.2.7", 80, *login)
    with pytest.raises(RemoteProtocolError) as caught:
        played(handshake, *answers)
    assert (caught.value.rule, caught.value.status, handshake.done) == (rule, 502, False)
    assert handshake.trailing_data == b""
    assert len(str(caught.value)) < 400


def test_the_place_of_what_is_no_socks_is_counted_from_the_first_byte():
    with pytest.raises(RemoteProtocolError) as caught:
        played(SocksHandshake(5, "192.0.2.7", 80, b"u"), b"\x05\x02", b"\x01\x00", b"?!")
    assert (caught.value.offset, caught.value.excerpt) == (4, b"?!")


@pytest.mark.parametrize(("version", "answers"), [(4, [BOUND_4]), (5, [b"\x05\x00", BOUND_5["IPv6"]])])
def test_what_comes_behind_the_reply_is_kept_apart(version, answers):
    handshake = SocksHandshake(version, "192.0.2.7", 80)
    played(handshake, *answers[:-1], answers[-1] + b"more")
    assert (handshake.done, handshake.trailing_data) == (True, b"more")
    with pytest.raises(LocalProtocolError, match="not the proxy's"):
        handshake.receive_data(b"x")


@given(st.sampled_from([4, 5]), st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.booleans())
def test_whatever_comes_is_accepted_or_refused_by_a_documented_error_in_any_pieces(version, pieces, login):
    def outcome(parts):
        handshake = SocksHandshake(version, "name.example", 80, b"u" if login else None)
        sent = [handshake.start()]
        try:
            for part in parts:
                sent.append(handshake.receive_data(part))
                if handshake.done:
                    break
        except (SocksRefused, RemoteProtocolError) as error:
            # the excerpt is what has come by then
            return type(error), getattr(error, "code", None), getattr(error, "rule", None)
        return handshake.done, b"".join(sent)

    data = b"".join(pieces)
    assert outcome(pieces) == outcome([data] if data else []) == outcome(data[at : at + 1] for at in range(len(data)))


@given(st.binary(max_size=20), st.integers(1, 65535), st.ip_addresses())
def test_addresses_and_ports_come_out_as_they_went_in(user, port, address):
    if address.version == 4 and b"\0" not in user:
        asked = SocksHandshake(4, str(address), port, user).start()
        assert asked == struct.pack("!BBH", 4, 1, port) + address.packed + user + b"\0"
    if "%" not in str(address):
        handshake = SocksHandshake(5, str(address), port)
        handshake.start()
        asked = handshake.receive_data(b"\x05\x00")
        assert asked == b"\x05\x01\x00" + (b"\x01" if address.version == 4 else b"\x04") + address.packed + struct.pack(
            "!H", port
        )


def test_without_socksio_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "socksio":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    for start in (require_socksio, lambda: SocksHandshake(5, "192.0.2.7", 80)):
        with pytest.raises(RuntimeError, match=r"pip install drywire\[socks\]"):
            start()
