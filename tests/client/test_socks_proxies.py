"""Requests through SOCKS proxies: what the proxy and the server hear, and what goes wrong."""

import builtins
import sys

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire_client.proxies import ProxyRoute, named_proxy, route_through
from drywire_client.tunnels import TunnelRefused, tunnel_by_addresses
from drywire_transports import current_runtime

from ..dead_ends import refusing
from ..websocketing import app_of, echo
from .conftest import OK
from .forwarding import cancelled_at_each_step, forward, named, telling
from .socksing import GRANTED, at, refuse, socks

KINDS = ("socks4", "socks4a", "socks5", "socks5h")


def prepare(script):
    script.asked, script.logins, script.methods = [], [], []


# Names, logins and what the server hears


@pytest.mark.parametrize("kind", [*KINDS, "socks"])
async def test_names_are_resolved_where_the_scheme_says(scripted, serving, server_tls, client_tls, kind):
    there = kind in ("socks4a", "socks5h", "socks")
    async with serving(telling()) as plain, serving(telling(), ssl_context=server_tls) as secure:
        async with scripted(socks()) as proxy, drywire.ClientSession(proxy=at(proxy, kind)) as session:
            for url in (plain, secure):
                for host in ("localhost", "127.0.0.1"):
                    target = URL(url).with_host(host) / "x"
                    async with session.put(target, ssl=client_tls, data=b"body") as response:
                        told = await response.json()
                    assert (told["target"], told["body"]) == ("/x", "body")
                    assert proxy.asked[-1] == (host if there else "127.0.0.1", target.port)
                    if there and (target.scheme, host) == ("http", "localhost"):
                        async with session.get(named(url)) as response:
                            assert response.status == 200
                        assert proxy.asked[-1] == ("name.invalid", target.port)
            assert len(proxy.asked) == proxy.connections


@pytest.mark.parametrize("kind", ["socks4", "socks5"])
async def test_a_name_that_this_machine_does_not_know_is_not_asked_of_the_proxy(scripted, kind):
    async with scripted(socks()) as proxy, drywire.ClientSession(proxy=at(proxy, kind)) as session:
        with pytest.raises(drywire.ClientConnectorDNSError) as caught:
            await session.get("https://name.invalid/")
        assert (caught.value.host, caught.value.port, caught.value.phase) == ("name.invalid", 443, "dns")
        assert proxy.connections == 0


async def test_ipv6_addresses_go_through_socks_5_and_not_through_socks_4(scripted):
    async with scripted(refuse(5)) as proxy, drywire.ClientSession() as session:
        for kind in ("socks5", "socks5h"):
            with pytest.raises(drywire.ClientProxyConnectionError):
                await session.get("http://[2001:db8::1]:81/", proxy=at(proxy, kind))
        assert proxy.asked == [("2001:db8::1", 81)] * 2
        with pytest.raises(drywire.ClientConnectorError, match="SOCKS 4 knows no other: use SOCKS 5"):
            await session.get("http://[2001:db8::1]/", proxy=at(proxy, "socks4"))
        with pytest.raises(ValueError, match="IPv4 addresses only: use SOCKS 5"):
            await session.get("http://[2001:db8::1]/", proxy=at(proxy, "socks4a"))
        assert len(proxy.asked) == 2


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_web_sockets_go_through_every_kind(scripted, serving, server_tls, client_tls, kind, secure):
    async with serving(app_of(echo), ssl_context=server_tls if secure else None) as url:
        async with scripted(socks()) as proxy, drywire.ClientSession() as session:
            target = URL(url).with_scheme("wss" if secure else "ws").with_host("localhost")
            async with session.ws_connect(target, proxy=at(proxy, kind), ssl=client_tls) as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
        assert len(proxy.asked) == 1


async def test_a_login_is_said_to_the_proxy_alone(scripted, serving):
    async with serving(telling()) as url:
        async with scripted(socks(("user", "p@ss:w\u00f6rd"))) as proxy, drywire.ClientSession() as session:
            in_url = URL(at(proxy, "socks5h")).with_user("user").with_password("p@ss:w\u00f6rd")
            auth = drywire.BasicAuth("user", "p@ss:w\u00f6rd", "utf-8")
            for options in ({"proxy": in_url}, {"proxy": at(proxy, "socks5h"), "proxy_auth": auth}):
                headers = {"Proxy-Authorization": "Basic eDp5", "X-Own": "1"}
                async with session.get(url, headers=headers, **options) as response:
                    names = {name.lower() for name, _ in (await response.json())["fields"]}
                assert "x-own" in names
                assert "proxy-authorization" not in names
            # both say the same to the same proxy, so they share a connection
            assert proxy.logins == [("user", "p@ss:w\u00f6rd")]
            assert proxy.methods == [b"\x00\x02"]


@pytest.mark.parametrize("kind", ["socks4", "socks4a"])
async def test_socks_4_takes_the_login_as_its_user_id_and_no_password(scripted, serving, kind):
    async with serving(telling()) as url, scripted(socks()) as proxy, drywire.ClientSession() as session:
        async with session.get(url, proxy=at(proxy, kind, "me@")) as response:
            assert response.status == 200
        assert proxy.logins == ["me"]
        with pytest.raises(ValueError, match="no password") as caught:
            await session.get(url, proxy=at(proxy, kind, "me:geheim@"))
        assert "geheim" not in str(caught.value)
        assert len(proxy.logins) == 1


async def test_what_a_socks_proxy_does_not_take_is_refused(scripted):
    class Token:
        def encode(self):
            return "Bearer geheim"

    connector = drywire.TCPConnector(limit=1)
    async with scripted(socks()) as proxy, drywire.ClientSession(connector=connector) as session:
        prepare(proxy)
        for options, reason in (
            ({"proxy_headers": {"X-A": "1"}}, "proxy_headers are for HTTP proxies"),
            ({"proxy_auth": Token()}, "takes a name and a password"),
            ({"proxy_auth": drywire.BasicAuth("u" * 256, "geheim")}, "at most 255 bytes"),
        ):
            with pytest.raises(ValueError, match=reason) as caught:
                await session.get("http://name.invalid/", proxy=at(proxy, "socks5h"), **options)
            assert "geheim" not in str(caught.value)
        assert proxy.asked == []
        assert "0 in use" in repr(connector)


async def test_connections_are_shared_only_by_requests_that_say_the_same_to_the_same_proxy(scripted, serving):
    async with serving(telling()) as url, scripted(socks()) as proxy, drywire.ClientSession() as session:
        ways = [
            at(proxy, "socks5"),
            at(proxy, "socks5h"),
            at(proxy, "socks4"),
            at(proxy, "socks4", "me@"),
            at(proxy, "socks4a"),
        ]
        for count, way in enumerate(ways, 1):
            for _ in range(2):
                await (await session.get(url, proxy=way)).read()
            assert proxy.connections == count
        await (await session.get(url)).read()
        assert proxy.connections == len(ways)


# Which proxy


async def test_the_environment_may_name_socks_proxies(scripted, serving, monkeypatch):
    for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with serving(app_of(echo)) as url, scripted(socks(("x", "y"))) as proxy:
        for kind in ("socks", "socks5", "socks5h"):
            monkeypatch.setenv("ALL_PROXY", at(proxy, kind, "x:y@"))
            async with drywire.ClientSession(trust_env=True) as session:
                async with session.ws_connect(url) as ws:
                    await ws.send_str("hello")
                    assert await ws.receive_str() == "hello"
        assert proxy.logins == [("x", "y")] * 3
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")
        async with drywire.ClientSession(trust_env=True) as session:
            async with session.ws_connect(url):
                pass
        assert len(proxy.logins) == 3


async def test_a_login_does_not_go_along_to_another_kind_of_proxy(scripted, serving, answering):
    async with serving(telling()) as url:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % url.replace("http", "ws").encode()
        async with scripted(answering(moved)) as plain, scripted(socks()) as other:
            proxies = {"http": f"http://x:geheim@127.0.0.1:{plain.port}", "ws": at(other, "socks5h")}
            async with drywire.ClientSession(proxies=proxies) as session:
                with pytest.raises(drywire.NonHttpUrlRedirectClientError):
                    await session.get("http://name.invalid/")
                async with session.get(URL(url).with_scheme("ws")) as response:
                    assert response.status == 200
            assert (other.logins, other.methods) == ([None], [b"\x00"])
            auth = drywire.BasicAuth("x", "geheim")
            async with drywire.ClientSession(proxy=plain.url, proxy_auth=auth) as session:
                async with session.get(url, proxy=at(other, "socks5h")) as response:
                    assert response.status == 200
            assert (other.logins, other.methods) == ([None] * 2, [b"\x00"] * 2)


def test_the_port_of_socks_proxies_is_1080_unless_it_is_named():
    for scheme in KINDS:
        assert route_through(named_proxy(f"{scheme}://proxy.example").url, None, None, False).port == 1080
        route = route_through(named_proxy(f"{scheme}://[::1]:9050").url, "Basic eDpnZWhlaW0=", None, False)
        assert route == ProxyRoute("::1", 9050, "Basic eDpnZWhlaW0=", (), True, scheme)
        assert repr(route) == f"<ProxyRoute {scheme}://[::1]:9050>"


async def test_without_socksio_no_socks_proxy_can_be_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "socksio":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    for options in ({"proxy": "socks5://proxy.invalid"}, {"proxies": {"all": "socks4://proxy.invalid"}}):
        with pytest.raises(RuntimeError, match=r"drywire\[socks\]"):
            drywire.ClientSession(**options)
    async with drywire.ClientSession() as session:
        with pytest.raises(RuntimeError, match=r"drywire\[socks\]"):
            await session.get("http://name.invalid/", proxy="socks5://proxy.invalid")


# Refusals and failures


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        ("socks5h", 1, "general failure"),
        ("socks5h", 2, "not allowed by the proxy's rules"),
        ("socks5h", 3, "network unreachable"),
        ("socks5h", 4, "host unreachable"),
        ("socks5h", 5, "connection refused"),
        ("socks5h", 6, "TTL expired"),
        ("socks5h", 7, "CONNECT"),
        ("socks5h", 8, "addresses of this type"),
        ("socks5h", 99, "unassigned"),
        ("socks4a", 0x5B, "rejected or failed"),
        ("socks4a", 0x5C, "identd"),
        ("socks4a", 0x5D, "identd"),
    ],
)
async def test_a_refusal_says_proxy_server_and_reason(scripted, kind, code, reason, eventually):
    connector = drywire.TCPConnector(limit=1)
    async with scripted(refuse(code)) as proxy, drywire.ClientSession(connector=connector) as session:
        for url in ("http://name.invalid:81/", "https://name.invalid:81/"):
            with pytest.raises(drywire.ClientProxyConnectionError, match=reason) as caught:
                await session.get(url, proxy=at(proxy, kind, "me@"))
            error = caught.value
            assert (error.host, error.port, error.target) == ("127.0.0.1", proxy.port, "name.invalid:81")
            assert (error.phase, error.bytes_sent, error.safe_to_retry) == ("proxy", 0, True)
            for part in (f"{kind}://127.0.0.1:{proxy.port}", "name.invalid:81", f"{code:#04x}"):
                assert part in str(error)
            assert "0 in use, 0 idle" in repr(connector)
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("login", ["", "x:geheim@", "x@"])
async def test_a_login_that_is_missing_or_wrong_is_told(scripted, login):
    async def only_logins(peer, script):
        _, count = await peer.exactly(2)
        offered = await peer.exactly(count)
        await peer.send(b"\x05\x02" if 2 in offered else b"\x05\xff")
        await peer.exactly(1)
        await peer.send(b"\x01\x01")
        await peer.ended()

    async with scripted(only_logins) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientProxyConnectionError, match=r"name and password|refuses the login") as caught:
            await session.get("http://name.invalid/", proxy=at(proxy, "socks5", login).replace("socks5", "socks5h"))
        assert "geheim" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "without a reply|lost|reset"),
        (b"\x05", "without a reply|lost|reset"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not a reply of SOCKS 5"),
        (b"\x05\x01", "not offered"),
        (b"\x05\x00" + GRANTED[5][:-1], "without a reply|lost|reset"),
        (b"\x05\x00" + GRANTED[5] + OK, "bytes of its own"),
        (b"\x05\x00" + b"\x00" * 100_000, "not a reply"),
    ],
)
async def test_a_proxy_that_is_none_is_told(scripted, answer, reason, eventually):
    async def talk(peer, script):
        await peer.exactly(3)
        await peer.send(answer)
        await peer.exactly(7 + len("name.invalid") if len(answer) > 1 else 0)

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=at(proxy, "socks5h")) as session:
        with pytest.raises(drywire.ClientProxyConnectionError, match=reason) as caught:
            await session.get("https://name.invalid/")
        error = caught.value
        assert (error.host, error.port, error.phase) == ("127.0.0.1", proxy.port, "proxy")
        assert len(str(error)) < 600
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (drywire.ClientTimeout(sock_connect=0.05), drywire.ConnectionTimeoutError),
        (drywire.ClientTimeout(total=0.05), TimeoutError),
    ],
)
@pytest.mark.parametrize(
    ("answers", "phase"),
    [
        ([], "proxy"),
        ([b"\x05\x02"], "proxy"),
        ([b"\x05\x02", b"\x01\x00"], "proxy"),
        ([b"\x05\x00", GRANTED[5]], "tls"),
    ],
)
async def test_every_step_has_to_be_done_in_time(scripted, timeout, kind, answers, phase, eventually):
    async def talk(peer, script):
        for answer in answers:
            await peer.exactly(1)
            await peer.send(answer)
        await peer.ended()

    connector = drywire.TCPConnector(limit=1)
    async with scripted(talk) as proxy:
        async with drywire.ClientSession(proxy=at(proxy, "socks5h", "x:y@"), connector=connector) as session:
            with pytest.raises(kind) as caught:
                await session.get("https://name.invalid/", timeout=timeout)
            assert caught.value.phase == phase
            assert "0 in use, 0 idle" in repr(connector)
            await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("kind", ["http", "socks5h"])
async def test_the_deadline_of_connecting_ends_with_the_tunnel(scripted, serving, kind):
    runtime = current_runtime()

    async def slow(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive_str()
        await runtime.sleep_until(runtime.now() + 0.4)
        await ws.send_str("late")
        return ws

    async with serving(app_of(slow)) as url, scripted(socks() if kind == "socks5h" else forward) as proxy:
        timeout = drywire.ClientTimeout(sock_connect=0.3)
        async with drywire.ClientSession(timeout=timeout, proxy=at(proxy, kind)) as session:
            async with session.ws_connect(url) as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "late"


async def test_a_proxy_that_nobody_listens_for_is_named_with_the_server():
    with refusing() as closed:
        async with drywire.ClientSession(proxy=f"socks5h://127.0.0.1:{closed}") as session:
            with pytest.raises(drywire.ClientProxyConnectionError) as caught:
                await session.get("https://name.invalid/")
    error = caught.value
    assert isinstance(error.os_error, ConnectionRefusedError)
    assert (error.host, error.port, error.target) == ("127.0.0.1", closed, "name.invalid:443")
    assert f"127.0.0.1:{closed}" in str(error)
    assert "name.invalid:443" in str(error)


async def test_a_request_cancelled_at_any_step_gives_its_place_back(scripted, serving):
    connector = drywire.TCPConnector(limit=1, force_close=True)
    async with serving(telling()) as url, scripted(socks(("x", "y"))) as proxy:
        async with drywire.ClientSession(proxy=at(proxy, "socks5", "x:y@"), connector=connector) as session:
            await cancelled_at_each_step(session, url, 20)


# Several addresses of a server


async def asked_for(scripted, codes, kind, addresses):
    """Return what a proxy that answers with `codes` is asked for `addresses`, and how that ends."""
    runtime = current_runtime()
    async with scripted(refuse(*codes)) as proxy:
        prepare(proxy)

        async def dial():
            return await runtime.connect_tcp("127.0.0.1", proxy.port)

        route = route_through(URL(at(proxy, kind)), None, None, True)
        deadline = runtime.now() + 5
        try:
            stream = await tunnel_by_addresses(dial, route, URL("http://name.invalid"), addresses, None, deadline)
        except TunnelRefused as error:
            return [host for host, _ in proxy.asked], str(error)
        stream.abort()
        return [host for host, _ in proxy.asked], None


async def test_further_addresses_are_asked_for_where_one_cannot_be_reached(scripted):
    addresses = ["2001:db8::1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]
    assert await asked_for(scripted, [4, 5, 0], "socks5", addresses) == (addresses[:3], None)
    assert await asked_for(scripted, [0x5B, 0x5A], "socks4", addresses) == (addresses[1:3], None)
    asked, error = await asked_for(scripted, [5], "socks5", addresses)
    assert asked == addresses[:4]
    assert all(f"name.invalid:80 at {address}:" in error for address in addresses[:4])
    asked, error = await asked_for(scripted, [2], "socks5", addresses)
    assert (asked, "rules" in error) == (addresses[:1], True)
    asked, error = await asked_for(scripted, [0x5A], "socks4", addresses[:1])
    assert (asked, "has no IPv4 address" in error) == ([], True)
