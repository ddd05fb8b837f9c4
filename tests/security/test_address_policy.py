"""`address_policy`: no packet goes where it forbids, by whatever way a request is led there (SSRF).

In these tests 127.0.0.1 plays the public internet, and the rest of this machine's own network what must not be reached.
"""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import errno
import pickle
import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drywire import ClientConnectorError, ClientSession, ClientTimeout, TCPConnector
from drywire_client import errors
from drywire_client.address_policy import AddressToDial, is_public, public_addresses_only
from drywire_client.errors import AddressForbiddenError
from drywire_client.unix_connector import UnixConnector

from ..client.conftest import answering, scripted  # noqa: F401
from ..dead_ends import ipv6_here, open_sockets
from ..names import Names

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Policy:
    """Lets 127.0.0.1 be dialled, and remembers what it saw."""

    def __init__(self):
        self.seen = []

    def __call__(self, address):
        assert isinstance(address, AddressToDial)
        self.seen.append(address)
        return str(address.ip) == "127.0.0.1"

    @property
    def addresses(self):
        return [str(address.ip) for address in self.seen]


@contextlib.contextmanager
def inside(host="127.0.0.2"):
    """A listener that must not be reached; gives its port, and fails where anybody has knocked."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        listener.listen()
        listener.setblocking(False)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


def session_with(policy, table=None, **options):
    connector = TCPConnector(resolver=Names(table or {}), address_policy=policy, **options)
    return ClientSession(connector=connector, timeout=ClientTimeout(total=20))


async def forbidden(session, url, **options):
    before = open_sockets()
    with pytest.raises(AddressForbiddenError) as caught:
        await session.get(url, **options)
    assert open_sockets() <= before
    return caught.value


async def fetch(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


# What the hook sees, and when


@pytest.mark.parametrize("literal", ["127.0.0.2", "127.255.255.254"])
async def test_12827_canonical_literals_hook_sees_the_final_ip(literal):
    policy = Policy()
    with inside(literal) as port:
        async with session_with(policy) as session:
            error = await forbidden(session, f"http://{literal}:{port}/")
    assert policy.seen == [(literal, ip_address(literal), port, socket.AF_INET, False)]
    assert (error.host, error.port, error.errno) == (literal, port, errno.EACCES)
    assert isinstance(error, ClientConnectorError)
    assert str(error) == (
        f"Cannot connect to host {literal}:{port} ssl:default [address_policy (Policy) forbids {literal} port {port}]"
    )


@pytest.mark.parametrize("spelling", ["2130706434", "127.2", "0x7f.0.0.2", "0177.0.0.2", "127.0.0.2.", "127.0.00.2"])
async def test_12827_no_other_spelling_of_an_address_gets_past_the_hook(spelling):
    policy = Policy()
    with inside() as port:
        async with session_with(policy) as session:
            with pytest.raises(errors.ClientError):
                await session.get(f"http://{spelling}:{port}/")
    assert set(policy.addresses) <= {"127.0.0.2"}


@pytest.mark.skipif(not ipv6_here(), reason="this machine has no address ::1")
@pytest.mark.parametrize(
    "literal", ["::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.2", "::ffff:7f00:2", "::127.0.0.2", "fe80::1"]
)
async def test_12827_hook_sees_ipv6_literals_as_they_are(literal):
    policy = Policy()
    with inside("::") as port:  # takes IPv4, too
        async with session_with(policy) as session:
            await forbidden(session, f"http://[{literal}]:{port}/")
        assert [address.ip for address in policy.seen] == [ip_address(literal)]
        async with session_with(public_addresses_only) as session:
            await forbidden(session, f"http://[{literal}]:{port}/")


async def test_a_name_is_judged_by_each_of_its_addresses(scripted, answering):
    policy = Policy()
    async with scripted(answering()) as script:
        with inside() as port:
            table = {
                "inside.test": [("127.0.0.2", port)],
                "both.test": [("127.0.0.2", port), ("127.0.0.1", script.port)],
            }
            async with session_with(policy, table) as session:
                error = await forbidden(session, "http://inside.test/")
                assert await fetch(session, "http://both.test/") == b"ok"
    assert (error.host, error.port) == ("inside.test", 80)
    assert [(one.host, one.port) for one in error.attempts] == [("127.0.0.2", port)]
    assert [(address.host, str(address.ip)) for address in policy.seen] == [
        ("inside.test", "127.0.0.2"),
        ("both.test", "127.0.0.2"),
        ("both.test", "127.0.0.1"),
    ]
    assert "inside.test" in str(pickle.loads(pickle.dumps(error)))


async def test_where_an_allowed_address_fails_it_is_a_plain_error_that_names_both():
    with inside() as port:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            refusing = closed.getsockname()[1]
            async with session_with(Policy(), {"a.test": [("127.0.0.2", port), ("127.0.0.1", refusing)]}) as session:
                with pytest.raises(ClientConnectorError, match=r"forbids 127.0.0.2 .*refused at 127.0.0.1") as caught:
                    await session.get("http://a.test/")
    assert type(caught.value) is ClientConnectorError


async def test_a_redirect_to_a_forbidden_address_is_refused(scripted):
    policy = Policy()
    with inside() as port:

        async def talk(peer, script):
            await peer.request()
            where = b"http://127.0.0.2:%d/admin" % port if script.connections == 1 else b"http://meta.test:%d/" % port
            await peer.send(b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %b\r\n\r\n" % where)

        async with scripted(talk) as script:
            async with session_with(policy, {"meta.test": [("127.0.0.2", 0)]}) as session:
                for _ in range(2):
                    with pytest.raises(AddressForbiddenError) as caught:
                        await session.get(script.url)
                    assert caught.value.port == port
    assert policy.addresses == ["127.0.0.1", "127.0.0.2"] * 2


async def test_dns_rebinding_the_resolver_answers_public_first_then_private(scripted, answering):
    """The address that was judged is the one that is dialled: nobody resolves the name once more in between."""
    policy = Policy()
    close = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    async with scripted(answering(close)) as script:
        with inside() as port:
            answers = [[("127.0.0.1", script.port)], [("127.0.0.2", port)]]
            async with session_with(policy, {"evil.test": lambda: answers.pop(0)}, use_dns_cache=False) as session:
                assert await fetch(session, "http://evil.test/") == b"ok"
                await forbidden(session, "http://evil.test/")
    assert policy.addresses == ["127.0.0.1", "127.0.0.2"]
    assert answers == []


async def test_dns_rebinding_within_the_cache_is_judged_at_each_dial(scripted, answering):
    """An address that was allowed once is not so for ever: the policy is asked again, not the cache."""
    allowed = ["127.0.0.1"]
    close = OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    async with scripted(answering(close)) as script:
        policy_of_now = {"name.test": [("127.0.0.1", script.port)]}
        async with session_with(lambda address: str(address.ip) in allowed, policy_of_now) as session:
            assert await fetch(session, "http://name.test/") == b"ok"
            allowed.clear()
            await forbidden(session, "http://name.test/")
    assert script.connections == 1


async def test_a_retry_of_a_stale_connection_is_judged_again(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(OK)
        if script.connections == 1:
            await peer.head()  # the second request: it gets no answer

    policy = Policy()
    async with scripted(talk) as script, session_with(policy) as session:
        assert await fetch(session, script.url) == b"ok"
        assert await fetch(session, script.url) == b"ok"
    assert script.connections == 2
    assert policy.addresses == ["127.0.0.1"] * 2


async def test_a_kept_connection_was_judged_when_it_was_opened_and_is_nobody_elses(scripted, answering):
    policy = Policy()
    async with scripted(answering()) as script:
        async with session_with(policy) as session, session_with(lambda address: False) as other:
            for _ in range(3):
                assert await fetch(session, script.url) == b"ok"
            await forbidden(other, script.url)
    assert script.connections == 1
    assert len(policy.seen) == 1


async def test_the_port_that_a_resolver_gives_is_the_one_that_is_judged():
    seen = []
    with inside("127.0.0.1") as port:
        table = {"a.test": [("127.0.0.1", port)]}
        async with session_with(lambda address: seen.append(address.port) or False, table) as session:
            await forbidden(session, "http://a.test:80/")
    assert seen == [port]


async def test_a_socket_factory_is_not_called_for_what_is_forbidden():
    made = []

    def factory(info):
        made.append(info)
        return socket.socket(*info[:3])

    with inside() as port:
        async with session_with(Policy(), socket_factory=factory) as session:
            await forbidden(session, f"http://127.0.0.2:{port}/")
    assert made == []


async def test_every_way_to_open_a_connection_is_judged(server_tls):
    with inside() as port:
        async with session_with(Policy()) as session:
            for scheme in ("http", "https"):
                await forbidden(session, f"{scheme}://127.0.0.2:{port}/")
            for scheme in ("ws", "wss", "http"):
                with pytest.raises(AddressForbiddenError):
                    await session.ws_connect(f"{scheme}://127.0.0.2:{port}/")
            for method in ("POST", "HEAD", "OPTIONS"):
                with pytest.raises(AddressForbiddenError):
                    await session.request(method, f"http://127.0.0.2:{port}/", data=b"body")


# Proxies


async def test_a_proxy_is_judged_as_one():
    policy = Policy()
    with inside() as port:
        async with session_with(policy) as session:
            for url in ("http://name.test/", "https://name.test/"):
                error = await forbidden(session, url, proxy=f"http://127.0.0.2:{port}")
                assert (error.host, error.port) == ("127.0.0.2", port)
    assert [(address.host, address.is_proxy) for address in policy.seen] == [("127.0.0.2", True)] * 2


async def test_an_address_behind_a_proxy_is_judged_before_the_proxy_hears_of_it():
    policy = Policy()
    with inside("127.0.0.1") as proxy:
        async with session_with(policy) as session:
            for scheme in ("http", "https"):
                error = await forbidden(session, f"{scheme}://127.0.0.2:81/", proxy=f"http://127.0.0.1:{proxy}")
                assert (error.host, error.port) == ("127.0.0.2", 81)
    assert [(address.host, address.port, address.is_proxy) for address in policy.seen] == [("127.0.0.2", 81, False)] * 2


async def test_a_name_that_is_resolved_here_for_a_proxy_is_judged():
    policy = Policy()
    with inside("127.0.0.1") as proxy:
        async with session_with(policy, {"inside.test": [("127.0.0.2", 0), ("127.0.0.3", 0)]}) as session:
            for scheme in ("socks4", "socks5"):
                error = await forbidden(session, "http://inside.test:81/", proxy=f"{scheme}://127.0.0.1:{proxy}")
                assert (error.host, error.port) == ("inside.test", 81)
    assert sorted(policy.addresses) == ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]
    assert not any(address.is_proxy for address in policy.seen)


async def test_what_a_proxy_resolves_is_not_seen(scripted, answering):
    policy = Policy()
    async with scripted(answering()) as script, session_with(policy) as session:
        assert await fetch(session, "http://inside.test/", proxy=script.url) == b"ok"
    assert [(address.host, address.is_proxy) for address in policy.seen] == [("127.0.0.1", True)]


# What a policy may do


async def test_whatever_a_policy_raises_forbids():
    def broken(address):
        return 1 // 0

    def refusing(address):
        raise PermissionError(f"nobody may talk to {address.host}")

    with inside() as port:
        for policy, cause, text in [
            (broken, ZeroDivisionError, "(broken) forbids 127.0.0.2 port "),
            (refusing, PermissionError, ": nobody may talk to 127.0.0.2]"),
        ]:
            async with session_with(policy) as session:
                error = await forbidden(session, f"http://127.0.0.2:{port}/")
            assert text in str(error)
            assert isinstance(error.attempts[0].error.__cause__, cause)


async def test_only_true_and_none_let_an_address_be(scripted, answering):
    async def asynchronous(address):
        return True

    async with scripted(answering()) as script:
        for verdict in (True, None):
            async with session_with(lambda address, verdict=verdict: verdict) as session:
                assert await fetch(session, script.url) == b"ok"
        for verdict in (False, 0, 1, "yes", [], object()):
            async with session_with(lambda address, verdict=verdict: verdict) as session:
                error = await forbidden(session, script.url)
            assert verdict is False or "in place of True, False or None" in str(error)
        async with session_with(asynchronous) as session:
            error = await forbidden(session, script.url)
        assert "it returned coroutine" in str(error)
    assert script.connections == 2


def test_a_policy_is_a_function():
    with pytest.raises(TypeError, match="address_policy must be a function"):
        TCPConnector(address_policy=["127.0.0.1"])
    with pytest.raises(TypeError):
        UnixConnector("/socket", address_policy=public_addresses_only)


async def test_what_a_resolver_calls_an_address_and_is_none_is_never_dialled():
    """A name in its place would be resolved by the system, after the policy has seen it."""
    seen = []
    with inside("127.0.0.1") as port:
        for wrong in ("localhost", "127.1", "2130706433", ""):
            async with session_with(
                lambda address: seen.append(address) or True, {"a.test": [(wrong, port)]}
            ) as session:
                with pytest.raises(Exception, match=r"address|resolver"):
                    await session.get("http://a.test/")
    assert seen == []


# Public addresses

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 168.63.129.16
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255
    198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::7f00:1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:8.8.8.8
    64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1
    2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2001:1ff:ffff::1
    2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::1 2002:a9fe:a9fe::1 3fff::1 3fff:fff::1 4000::1 5f00::1
    fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1 1::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.15
    169.253.255.255 172.15.255.255 172.32.0.1 191.255.255.255 192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1
    223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 2001:200::1 2001:4860:4860::8888
    2606:4700:4700::1111 2a00:1450::1 3ffe::1 2620:fe::fe
"""


def address_of(text, host="host.test", is_proxy=False):
    ip = ip_address(text)
    return AddressToDial(host, ip, 80, socket.AF_INET if ip.version == 4 else socket.AF_INET6, is_proxy)


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_this_address_is_not_public(text):
    assert not is_public(ip_address(text))
    assert not public_addresses_only(address_of(text))
    assert not public_addresses_only(address_of(text, is_proxy=True))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_this_address_is_public(text):
    assert is_public(ip_address(text))
    assert public_addresses_only(address_of(text)) is True


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_the_same_in_each_of_its_forms(ip):
    for prefix, shift in [("::ffff:0:0", 0), ("64:ff9b::", 0), ("2002::", 80)]:
        assert is_public(ip_address(int(ip_address(prefix)) | int(ip) << shift)) == is_public(ip)


@given(st.ip_addresses())
def test_what_python_calls_private_is_not_public(ip):
    """Python's own opinion differs by release, and knows less: what it is sure of, we must be."""
    private = ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified
    if private or any(ip in ip_network(one) for one in ("10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12", "fc00::/7")):
        assert not is_public(ip)
    if is_public(ip) and ip.version == 6 and ip not in ip_network("2002::/16"):
        assert ip in ip_network("2000::/3") or ip.ipv4_mapped is not None or ip in ip_network("64:ff9b::/96")


async def test_public_addresses_only_as_a_policy():
    with inside() as port:
        table = {name: [(address, port)] for name, address in private_names()}
        async with session_with(public_addresses_only, table) as session:
            for name in table:
                error = await forbidden(session, f"http://{name}/")
                assert "address_policy (public_addresses_only) forbids" in str(error)
            for literal in ("127.0.0.2", "[::ffff:127.0.0.2]", "[64:ff9b::7f00:2]"):
                await forbidden(session, f"http://{literal}:{port}/")
        async with ClientSession(connector=TCPConnector(address_policy=public_addresses_only)) as session:
            await forbidden(session, f"http://localhost:{port}/")


def private_names():
    for number, text in enumerate(NOT_PUBLIC.split()[::5]):
        if "%" not in text:
            yield f"name{number}.test", text
