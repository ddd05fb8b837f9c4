"""Requests through proxies that are reached by TLS: whose certificate is checked, how, and what goes wrong."""

import ssl

import pytest
import trustme
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..websocketing import app_of, echo
from .conftest import OK
from .forwarding import basic, cancelled_at_each_step, fields_of, forward, logins, named, targets, telling

BIG = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(scope="module")
def other_tls():
    """A server's TLS with a certificate for another host, of an authority that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("other.example").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def wrong_host(ca):
    """A server's TLS with a certificate for another host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("other.example").configure_cert(context)
    return context


async def test_http_goes_in_absolute_form_inside_tls_and_connections_are_kept(
    scripted, answering, server_tls, client_tls
):
    async with scripted(answering(), server_tls) as proxy:
        assert proxy.url.startswith("https://")
        # the context of the connector is for the proxy, that of a request too
        for options, more in (({"connector": drywire.TCPConnector(ssl=client_tls)}, {}), ({}, {"ssl": client_tls})):
            auth = drywire.BasicAuth("x", "y")
            async with drywire.ClientSession(proxy=proxy.url, proxy_auth=auth, **options) as session:
                for path in ("/a", "/b"):
                    headers = {"X-For-Proxy": "1"}
                    async with session.get(f"http://name.invalid{path}", proxy_headers=headers, **more) as response:
                        assert await response.read() == b"ok"
        assert targets(proxy) == [b"http://name.invalid/a", b"http://name.invalid/b"] * 2
        assert logins(proxy) == [basic("x:y")] * 4
        assert all(fields_of(head)["X-For-Proxy"] == b"1" for head in proxy.heads)
        assert proxy.connections == 2


async def test_tls_inside_tls_carries_much_in_both_directions(scripted, serving, server_tls, client_tls):
    async def give(request):
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=0)
    app.router.add_put("/", give)
    async with serving(app, ssl_context=server_tls) as url, scripted(forward, server_tls) as proxy:
        auth = drywire.BasicAuth("x", "y")
        async with drywire.ClientSession(proxy=proxy.url, proxy_auth=auth) as session:
            for data in (b"", b"small", BIG, BIG + b"1"):
                async with session.put(url, data=data, ssl=client_tls) as response:
                    assert await response.read() == data
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT %b HTTP/1.1\r\n" % url.removeprefix("https://").encode())
        assert logins(proxy) == [basic("x:y")]


@pytest.mark.parametrize("secure", [False, True])
async def test_web_sockets_go_through(scripted, serving, server_tls, client_tls, secure):
    async with serving(app_of(echo), ssl_context=server_tls if secure else None) as url:
        async with scripted(forward, server_tls) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
            async with session.ws_connect(url, ssl=client_tls) as ws:
                await ws.send_bytes(BIG)
                assert await ws.receive_bytes() == BIG
        assert proxy.heads[0].startswith(b"CONNECT ")


async def test_each_certificate_is_checked_for_its_own_host(scripted, serving, server_tls, client_tls, wrong_host):
    async with serving(telling(), ssl_context=wrong_host) as url, scripted(forward, server_tls) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientConnectorCertificateError) as caught:
                await session.get(url, ssl=client_tls)
            assert (caught.value.port, caught.value.phase) == (URL(url).port, "tls")
            # this is the name of the server alone
            async with session.get(url, ssl=client_tls, server_hostname="other.example") as response:
                assert response.status == 200


@pytest.mark.parametrize("scheme", ["http", "https", "ws"])
async def test_a_proxy_with_a_bad_certificate_hears_nothing(
    scripted, answering, client_tls, wrong_host, other_tls, scheme
):
    for bad in (wrong_host, other_tls):
        async with scripted(answering(), bad) as proxy:
            url = URL(proxy.url).with_user("x").with_password("geheim")
            async with drywire.ClientSession(proxy=url) as session:
                # without a context of one's own the usual authorities are asked, which do not know ours
                for tls in (True, client_tls, drywire.Fingerprint(bytes(32))):
                    with pytest.raises(drywire.ClientConnectorCertificateError) as caught:
                        await session.get(f"{scheme}://name.invalid/", ssl=tls)
                    error = caught.value
                    assert (error.host, error.port, error.phase) == ("127.0.0.1", proxy.port, "proxy")
                    assert error.safe_to_retry
            assert proxy.heads == []


async def test_ssl_false_is_for_the_proxy_too_and_a_pinned_certificate_for_the_server_alone(
    scripted, serving, server_tls, client_tls, other_tls, monkeypatch
):
    async with serving(telling(), ssl_context=other_tls) as url:
        async with scripted(forward, other_tls) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
            async with session.get(url, ssl=False) as response:
                assert response.status == 200
    monkeypatch.setattr("drywire_client.tls_settings.client_context", lambda: client_tls)
    async with serving(telling(), ssl_context=other_tls) as url, scripted(forward, server_tls) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ServerFingerprintMismatch) as caught:
                await session.get(url, ssl=drywire.Fingerprint(bytes(32)))
            assert caught.value.port == URL(url).port
            async with session.get(url, ssl=drywire.Fingerprint(caught.value.got)) as response:
                assert response.status == 200


async def test_what_is_no_tls_is_an_error_of_the_proxy(scripted):
    async def talk(peer, script):
        await peer.exactly(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorSSLError) as caught:
            await session.get("https://name.invalid/", proxy=URL(proxy.url).with_scheme("https"))
        assert (caught.value.host, caught.value.port, caught.value.phase) == ("127.0.0.1", proxy.port, "proxy")


async def test_connections_are_shared_only_by_requests_with_the_same_tls(scripted, answering, server_tls, client_tls):
    async with scripted(answering(), server_tls) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        for count, tls in enumerate((client_tls, False), 1):
            for _ in range(2):
                await (await session.get("http://name.invalid/", ssl=tls)).read()
            assert proxy.connections == count
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get("http://name.invalid/")


async def test_a_refusal_names_the_proxy(scripted, answering, server_tls, client_tls):
    refusal = b"HTTP/1.1 407 Log in first\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"
    async with scripted(answering(refusal), server_tls) as proxy, drywire.ClientSession() as session:
        url = URL(proxy.url).with_user("x").with_password("geheim")
        with pytest.raises(drywire.ClientHttpProxyError) as caught:
            await session.get("https://name.invalid/", proxy=url, ssl=client_tls)
        error = caught.value
        assert (error.status, error.phase, error.proxy) == (407, "proxy", proxy.url.rstrip("/"))
        assert "name.invalid" in str(error)
        assert f"proxy='{proxy.url.rstrip('/')}'" in str(error)
        assert "geheim" not in str(error)


@pytest.mark.parametrize(
    ("limited", "kind"),
    [
        ("sock_connect", drywire.ConnectionTimeoutError),
        ("total", TimeoutError),
    ],
)
@pytest.mark.parametrize(
    ("steps", "phase", "seconds"),
    # The third has to get as far as that in time, on a busy machine, too.
    [(0, "proxy", 0.05), (1, "proxy", 0.05), (2, "tls", 0.5)],
    ids=["the first TLS", "CONNECT", "the second TLS"],
)
async def test_every_step_has_to_be_done_in_time(
    scripted, server_tls, client_tls, limited, kind, steps, phase, seconds, eventually
):
    timeout = drywire.ClientTimeout(**{limited: seconds})

    async def talk(peer, script):
        if steps:
            peer.stream = await peer.stream.start_tls(server_tls, server_side=True)
        if steps == 2:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await peer.ended()

    connector = drywire.TCPConnector(limit=1, ssl=client_tls)
    async with scripted(talk) as proxy:
        url = URL(proxy.url).with_scheme("https")
        async with drywire.ClientSession(proxy=url, connector=connector) as session:
            with pytest.raises(kind) as caught:
                await session.get("https://name.invalid/", timeout=timeout)
            assert caught.value.phase == phase
            assert "0 in use, 0 idle" in repr(connector)
            await eventually(lambda: proxy.open == 0)


async def test_the_deadline_of_connecting_ends_with_tls(scripted, server_tls, client_tls):
    runtime = current_runtime()

    async def talk(peer, script):
        await peer.head()
        await runtime.sleep_until(runtime.now() + 0.6)
        await peer.send(OK)

    async with scripted(talk, server_tls) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        timeout = drywire.ClientTimeout(sock_connect=0.5)
        async with session.get("http://name.invalid/", timeout=timeout, ssl=client_tls) as response:
            assert await response.read() == b"ok"


async def test_a_request_cancelled_at_any_step_gives_its_place_back(scripted, serving, server_tls, client_tls):
    connector = drywire.TCPConnector(limit=1, force_close=True, ssl=client_tls)
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward, server_tls) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, connector=connector) as session:
            await cancelled_at_each_step(session, url, 30)


async def test_the_environment_may_name_a_proxy_that_is_reached_by_tls(
    scripted, answering, server_tls, client_tls, monkeypatch
):
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(answering(), server_tls) as proxy:
        monkeypatch.setenv("http_proxy", f"https://x:y@127.0.0.1:{proxy.port}")
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://name.invalid/", ssl=client_tls)).read()
        assert (targets(proxy), logins(proxy)) == ([b"http://name.invalid/"], [basic("x:y")])


async def test_a_server_of_plain_http_behind_it_is_an_error_of_the_server(scripted, serving, server_tls, client_tls):
    async with serving(telling()) as url, scripted(forward, server_tls) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientConnectorSSLError) as caught:
                await session.get(named(url).with_scheme("https"), ssl=client_tls)
            assert (caught.value.host, caught.value.phase) == ("name.invalid", "tls")
