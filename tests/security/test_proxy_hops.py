"""Proxies: logins reach the hop that they are for and no other, and nothing asked for is lost on the way."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import base64
import itertools

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire_client.proxies import proxy_of_environment

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from ..client.forwarding import forward, logins, telling
from ..client.socksing import GRANTED, at, socks

SECRETS = {"proxy": "geheim-proxy", "other": "geheim-other", "server": "geheim-server"}


def spellings(secret, user):
    """Return what a login may look like on the wire."""
    whole = f"{user}:{secret}"
    return [secret.encode(), base64.b64encode(whole.encode()), base64.b64encode(secret.encode())]


def holds(secret, user, seen):
    return any(spelled in seen for spelled in spellings(secret, user))


def proxy_at(kind, script, user=None, secret=None):
    url = URL(at(script, kind))
    return url.with_user(user).with_password(secret) if user else url


def heard(script):
    """Return all that a proxy has been told."""
    told = b"".join(getattr(script, "heads", []))
    for login in getattr(script, "logins", []):
        told += repr(login).encode()
    return told


@pytest.mark.parametrize(("first", "second"), list(itertools.product(["http", "https", "socks5h"], repeat=2)))
async def test_pitfall_15_a_redirect_through_another_proxy_takes_no_login_along(
    scripted, serving, server_tls, client_tls, first, second
):
    """Each of two proxies and a server hears its own password, and none of the others'."""

    def talk(kind, secret):
        return socks(("user", secret)) if kind == "socks5h" else forward

    async with serving(telling(), ssl_context=server_tls) as end:

        async def move(request):
            raise web.HTTPFound(URL(end).with_user("user").with_password(SECRETS["server"]) / "landed")

        app = web.Application()
        app.router.add_get("/", move)
        tls = {"https": server_tls}
        async with (
            serving(app) as start,
            scripted(talk(first, SECRETS["proxy"]), tls.get(first)) as one,
            scripted(talk(second, SECRETS["other"]), tls.get(second)) as two,
        ):
            proxies = {
                "http": proxy_at(first, one, "user", SECRETS["proxy"]),
                "https": proxy_at(second, two, "user", SECRETS["other"]),
            }
            connector = drywire.TCPConnector(ssl=client_tls)
            async with drywire.ClientSession(proxies=proxies, connector=connector) as session:
                async with session.get(start) as response:
                    told = repr(await response.json()).encode()
            for place, seen in (("proxy", heard(one)), ("other", heard(two)), ("server", told)):
                for whose, secret in SECRETS.items():
                    assert holds(secret, "user", seen) == (whose == place), (place, whose)


@pytest.mark.parametrize("kind", ["http", "https", "socks5h", "socks4a"])
async def test_34518_47265_18074_proxy_authorization_of_a_request_stops_at_the_proxy(
    scripted, serving, server_tls, client_tls, kind
):
    async with serving(telling(), ssl_context=server_tls) as url:
        async with scripted(socks() if "socks" in kind else forward, server_tls if kind == "https" else None) as proxy:
            headers = {"proxy-AUTHORIZATION": "Basic geheim", "X-Own": "1"}
            async with drywire.ClientSession(proxy=at(proxy, kind), headers=headers) as session:
                async with session.get(url, ssl=client_tls) as response:
                    told = await response.text()
            assert "X-Own" in told
            assert "geheim" not in told


@pytest.mark.parametrize("kind", ["https", "socks5h"])
async def test_pitfall_15_a_proxy_with_a_bad_certificate_or_no_wish_for_it_hears_no_password(
    scripted, kind, server_tls
):
    async def talk(peer, script):
        script.heads.append(await peer.exactly(1))
        await peer.send(b"\x05\x00")
        script.heads.append(await peer.exactly(20))
        await peer.send(b"\x05\x02")
        await peer.ended()

    async with scripted(talk, server_tls if kind == "https" else None) as proxy:
        url = proxy_at(kind, proxy, "user", SECRETS["proxy"])
        async with drywire.ClientSession(proxy=url) as session:
            with pytest.raises(drywire.ClientConnectorError):
                await session.get("http://name.invalid/")
        assert not holds(SECRETS["proxy"], "user", b"".join(proxy.heads))


async def test_54275_whatever_differs_on_the_way_makes_another_connection(client_tls):
    seen = {}

    async def look(request, handler):
        seen.setdefault(request.connection_key, []).append(name)
        raise LookupError(name)

    ways = {
        "direct": {},
        "http": {"proxy": "http://127.0.0.1:1080"},
        "https": {"proxy": "https://127.0.0.1:1080"},
        "its TLS": {"proxy": "https://127.0.0.1:1080", "ssl": client_tls},
        "unverified": {"proxy": "https://127.0.0.1:1080", "ssl": False},
        "socks4": {"proxy": "socks4://127.0.0.1:1080"},
        "socks4a": {"proxy": "socks4a://127.0.0.1:1080"},
        "socks5": {"proxy": "socks5://127.0.0.1:1080"},
        "socks5h": {"proxy": "socks5h://127.0.0.1:1080"},
        "login": {"proxy": "socks5h://x:y@127.0.0.1:1080"},
        "password": {"proxy": "socks5h://x:z@127.0.0.1:1080"},
        "host": {"proxy": "socks5h://127.0.0.2:1080"},
        "port": {"proxy": "socks5h://127.0.0.1:1081"},
        "http login": {"proxy": "http://x:y@127.0.0.1:1080"},
        "proxy_auth": {"proxy": "http://127.0.0.1:1080", "proxy_auth": drywire.BasicAuth("x", "z")},
        "headers": {"proxy": "http://127.0.0.1:1080", "proxy_headers": {"X-A": "1"}},
        "other headers": {"proxy": "http://127.0.0.1:1080", "proxy_headers": {"X-A": "2"}},
        "headers in order": {"proxy": "http://127.0.0.1:1080", "proxy_headers": {"X-A": "2", "X-B": "1"}},
    }
    async with drywire.ClientSession(middlewares=[look]) as session:
        for scheme in ("http", "ws", "https"):
            for way, options in ways.items():
                name = f"{scheme} {way}"
                with pytest.raises(LookupError):
                    await session.get(f"{scheme}://name.invalid:81/", **options)
    # plain http and a WebSocket differ by their tunnel where an HTTP proxy is, and not at all elsewhere
    alike = sorted(sorted(names) for names in seen.values() if len(names) > 1)
    assert alike == sorted(
        [f"http {way}", f"ws {way}"] for way, options in ways.items() if not options.get("proxy", "").startswith("http")
    )
    assert not any("geheim" in repr(key) or "eDp5" in repr(key) for key in seen)


@pytest.mark.parametrize("kind", ["http", "https", "socks5", "socks4a"])
async def test_pitfall_4_no_setting_is_lost_on_the_way_through_a_proxy(
    scripted, serving, server_tls, client_tls, kind, answering
):
    async with serving(telling(), ssl_context=server_tls) as url:
        async with scripted(socks() if "socks" in kind else forward, server_tls if kind == "https" else None) as proxy:
            connector = drywire.TCPConnector(ssl=client_tls)
            async with drywire.ClientSession(proxy=at(proxy, kind), connector=connector) as session:
                async with session.get(url) as response:
                    assert response.status == 200
                for options, error in (
                    ({"server_hostname": "other.example"}, drywire.ClientConnectorCertificateError),
                    ({"max_field_size": 5}, drywire.ClientError),
                ):
                    with pytest.raises(error):
                        await session.get(url, **options)
            if kind != "https":  # where the proxy would be verified by the usual authorities
                async with drywire.ClientSession(proxy=at(proxy, kind)) as session:
                    with pytest.raises(drywire.ServerFingerprintMismatch):
                        await session.get(url, ssl=drywire.Fingerprint(bytes(32)))
                    with pytest.raises(drywire.ClientConnectorCertificateError):
                        await session.get(url)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n\r\n" + OK),
        ("socks5h", b"\x05\x00" + GRANTED[5] + OK),
        ("socks4a", GRANTED[4] + OK),
    ],
)
async def test_pitfall_14_what_a_proxy_says_behind_its_answer_is_not_the_servers(scripted, kind, answer, eventually):
    async def talk(peer, script):
        await peer.exactly(1)
        await peer.send(answer)
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=at(proxy, kind)) as session:
        for url in ("ws://name.invalid/", "https://name.invalid/"):
            with pytest.raises(drywire.ClientProxyConnectionError, match="bytes of its own"):
                await session.get(url)
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("kind", ["http", "socks5h", "socks4a"])
@pytest.mark.parametrize("junk", [b"\xff", b"A", b"\x05\x00\x05\x00\x00\x03\xff", b"HTTP/1.1 403 "])
async def test_69244_an_error_says_little_of_what_a_proxy_says_much_of(scripted, kind, junk, eventually):
    async def talk(peer, script):
        await peer.exactly(1)
        await peer.send((junk * 100_000)[:100_000])
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=at(proxy, kind)) as session:
        with pytest.raises((drywire.ClientProxyConnectionError, drywire.ClientHttpProxyError)) as caught:
            await session.get("https://name.invalid/")
        assert len(str(caught.value)) + len(repr(caught.value)) < 2000
        await eventually(lambda: proxy.open == 0)


async def test_pitfall_15_a_login_at_a_proxy_is_not_said_in_absolute_form_to_a_server_that_is_reached_directly(
    scripted, answering, monkeypatch, tmp_path
):
    """One hop goes through the proxy of the environment, the next is exempt from it."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with scripted(answering()) as server:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % server.url.encode()
        async with scripted(answering(moved)) as proxy:
            for name in ("all_proxy", "ALL_PROXY", "NO_PROXY"):
                monkeypatch.delenv(name, raising=False)
            monkeypatch.setenv("http_proxy", f"http://user:{SECRETS['proxy']}@127.0.0.1:{proxy.port}")
            monkeypatch.setenv("no_proxy", f"127.0.0.1:{server.port}")
            assert proxy_of_environment(URL(server.url), False) is None
            auth = drywire.BasicAuth("user", SECRETS["other"])
            async with drywire.ClientSession(trust_env=True) as session:
                for options in ({}, {"proxy_auth": auth, "proxy_headers": {"X-Secret": "1"}}):
                    await (await session.get("http://name.invalid/", **options)).read()
            assert len(proxy.heads) == len(server.heads) == 2
            assert logins(server) == [None, None]
            assert b"X-Secret" not in b"".join(server.heads)
