"""Requests through HTTP proxies: what they hear, what the server hears, and what goes wrong."""

import base64
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..websocketing import app_of, echo
from .conftest import OK
from .forwarding import forward

NAMES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy")


def basic(login):
    return b"Basic " + base64.b64encode(login.encode())


def fields_of(head):
    """Return the header fields of a head, in lower case the names."""
    pairs = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2]]
    return CIMultiDict([(name.decode(), value) for name, value in pairs])


def targets(script):
    return [head.split(b" ")[1] for head in script.heads]


def logins(script):
    return [fields_of(head).get("Proxy-Authorization") for head in script.heads]


async def tell(request):
    """Answer with what the server was asked."""
    fields = [(name.decode(), value.decode()) for name, value in request.raw_headers]
    body = (await request.read()).decode()
    return web.json_response({"target": request.raw_path, "fields": fields, "body": body})


def telling():
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", tell)
    return app


def named(url, name="name.invalid"):
    """Return `url` by a name that no resolver knows."""
    return URL(url).with_host(name)


@pytest.fixture
def environ(monkeypatch, tmp_path):
    """``environ(http_proxy=...)``: these proxies, and no others, in the environment; no logins in a netrc file."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("REQUEST_METHOD", raising=False)

    def put(**values):
        for name in NAMES:
            for spelled in (name, name.upper()):
                monkeypatch.delenv(spelled, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    put()
    return put


# Plain http


async def test_http_goes_in_absolute_form_and_connections_to_the_proxy_are_kept(scripted, answering):
    async with scripted(answering()) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        for path in ("/a?b=%20", "/c"):
            async with session.get(f"http://name.invalid:81{path}") as response:
                assert await response.read() == b"ok"
                assert response.url == URL(f"http://name.invalid:81{path}", encoded=True)
        assert [head.split(b"\r\n")[:2] for head in proxy.heads] == [
            [b"GET http://name.invalid:81/a?b=%20 HTTP/1.1", b"Host: name.invalid:81"],
            [b"GET http://name.invalid:81/c HTTP/1.1", b"Host: name.invalid:81"],
        ]
        assert proxy.connections == 1


async def test_http_through_a_real_proxy(scripted, serving):
    async with serving(telling()) as url, scripted(forward) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, proxy_headers={"X-For-Proxy": "1"}) as session:
            async with session.post(named(url) / "x", data="body", headers={"X-Own": "2"}) as response:
                told = await response.json()
        assert (told["target"], told["body"]) == ("/x", "body")
        assert {"x-own": "2", "x-for-proxy": "1"}.items() <= {
            name.lower(): value for name, value in told["fields"]
        }.items()


async def test_a_refusal_of_the_proxy_is_a_response_of_plain_http(scripted, answering):
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"
    async with scripted(answering(refusal)) as proxy, drywire.ClientSession() as session:
        async with session.get("http://name.invalid/", proxy=proxy.url) as response:
            assert (response.status, await response.text()) == (407, "no")


async def test_fields_for_the_proxy_replace_those_of_the_request(scripted, answering):
    async with scripted(answering()) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        headers = {"Proxy-Authorization": "Basic b3RoZXI=", "X-A": "1"}
        options = {"proxy_headers": {"user-agent": "mine"}, "proxy_auth": drywire.BasicAuth("x", "y")}
        await (await session.get("http://name.invalid/", headers=headers, **options)).read()
        await (await session.get("http://name.invalid/", headers=headers)).read()
        first, second = map(fields_of, proxy.heads)
        assert first.getall("User-Agent") == [b"mine"]
        assert first.getall("Proxy-Authorization") == [basic("x:y")]
        assert second.getall("Proxy-Authorization") == [b"Basic b3RoZXI="]
        assert first["X-A"] == second["X-A"] == b"1"


async def test_cookies_are_those_of_the_server(scripted, answering):
    response = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(response)) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        for _ in range(2):
            await (await session.get("http://name.invalid/")).read()
        await (await session.get("http://other.invalid/")).read()
        assert [fields_of(head).get("Cookie") for head in proxy.heads] == [None, b"a=1", None]
        assert [cookie["domain"] for cookie in session.cookie_jar] == ["name.invalid", "other.invalid"]


async def test_a_connection_that_the_proxy_has_closed_meanwhile_is_replaced(scripted):
    async def once(peer, script):
        script.heads.append((await peer.request())[0])
        await peer.send(OK)

    async with scripted(once) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        for _ in range(4):
            assert await (await session.get("http://name.invalid/")).read() == b"ok"
        assert proxy.connections == 4


# Tunnels


async def test_https_goes_through_a_tunnel_of_which_the_proxy_sees_the_end_only(
    scripted, serving, server_tls, client_tls
):
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        options = {"proxy_auth": drywire.BasicAuth("x", "y"), "proxy_headers": {"X-For-Proxy": "1"}}
        async with drywire.ClientSession(proxy=proxy.url, **options) as session:
            for path in ("/first", "/second"):
                headers = {"Authorization": "Bearer z", "Cookie": "a=1", "X-Own": "2"}
                async with session.put(url + path, headers=headers, data=b"body", ssl=client_tls) as response:
                    told = await response.json()
                assert (told["target"], told["body"]) == (path, "body")
                names = {name.lower() for name, _ in told["fields"]}
                assert {"authorization", "cookie", "x-own"} <= names
                assert not {"proxy-authorization", "x-for-proxy"} & names
        (head,) = proxy.heads
        authority = url.removeprefix("https://").encode()
        assert head.startswith(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (authority, authority))
        fields = fields_of(head)
        assert set(map(str.lower, fields)) == {"host", "proxy-authorization", "user-agent", "x-for-proxy"}
        assert fields["Proxy-Authorization"] == basic("x:y")
        assert fields["User-Agent"].startswith(b"Python/")


async def test_a_login_at_a_proxy_never_reaches_the_server_of_a_tunnel(scripted, serving, server_tls, client_tls):
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        headers = {"proxy-authorization": "Basic eDp5"}
        async with drywire.ClientSession(proxy=proxy.url, headers=headers) as session:
            async with session.get(url, ssl=client_tls, headers={"X-Own": "2"}) as response:
                names = {name.lower() for name, _ in (await response.json())["fields"]}
        assert "x-own" in names
        assert "proxy-authorization" not in names


@pytest.mark.parametrize("secure", [False, True])
async def test_web_sockets_go_through_a_tunnel(scripted, serving, server_tls, client_tls, secure):
    async with serving(app_of(echo), ssl_context=server_tls if secure else None) as url, scripted(forward) as proxy:
        for scheme in (("ws", "http"), ("wss", "https"))[secure]:
            target = URL(url).with_scheme(scheme)
            options = {"proxy_auth": drywire.BasicAuth("x", "y"), "proxy_headers": {"X-For-Proxy": "1"}}
            async with drywire.ClientSession() as session:
                async with session.ws_connect(target, proxy=proxy.url, ssl=client_tls, **options) as ws:
                    await ws.send_str("hello")
                    assert await ws.receive_str() == "hello"
        assert targets(proxy) == [url.partition("://")[2].encode()] * 2
        assert logins(proxy) == [basic("x:y")] * 2
        assert [fields_of(head)["X-For-Proxy"] for head in proxy.heads] == [b"1"] * 2
        assert all(head.startswith(b"CONNECT ") and b"Upgrade" not in head for head in proxy.heads)


async def test_the_proxy_of_a_session_and_of_one_shots_is_for_web_sockets_too(scripted, serving):
    async with serving(app_of(echo)) as url, scripted(forward) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session, session.ws_connect(url) as ws:
            await ws.send_bytes(b"1")
            assert await ws.receive_bytes() == b"1"
        async with drywire.ws_connect(named(url), proxy=proxy.url) as ws:
            await ws.send_bytes(b"2")
            assert await ws.receive_bytes() == b"2"
        assert len(proxy.heads) == 2


async def test_a_url_of_the_scheme_ws_is_requested_through_a_tunnel_too(scripted, serving):
    async with serving(telling()) as url, scripted(forward) as proxy, drywire.ClientSession() as session:
        async with session.get(named(url).with_scheme("ws"), proxy=proxy.url) as response:
            assert (await response.json())["target"] == "/"
        assert proxy.heads[0].startswith(b"CONNECT name.invalid:")


async def test_an_ipv6_address_stands_in_brackets(scripted, answering):
    async with scripted(answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("https://[::1]/x")
            await (await session.get("http://[::1]:81/x")).read()
        assert targets(proxy) == [b"[::1]:443", b"http://[::1]:81/x"]
        assert fields_of(proxy.heads[0])["Host"] == b"[::1]:443"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 299\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
async def test_any_success_opens_a_tunnel_however_it_comes(scripted, answer, size):
    async def talk(peer, script):
        assert (await peer.head()).startswith(b"CONNECT name.invalid:80 ")
        for start in range(0, len(answer), size):
            await peer.send(answer[start : start + size])
            await current_runtime().sleep_until(0)
        assert (await peer.head()).startswith(b"GET /x HTTP/1.1\r\nHost: name.invalid\r\n")
        await peer.send(OK)
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        assert await (await session.get("ws://name.invalid/x")).read() == b"ok"


# TLS in tunnels


async def test_the_certificate_is_checked_for_the_server_and_not_for_the_proxy(
    scripted, serving, server_tls, client_tls
):
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientConnectorCertificateError) as caught:
                await session.get(named(url), ssl=client_tls)
            assert (caught.value.host, caught.value.port) == ("name.invalid", URL(url).port)
            assert (caught.value.phase, caught.value.safe_to_retry) == ("tls", True)
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await session.get(url)
            for options in ({"ssl": client_tls, "server_hostname": "localhost"}, {"ssl": False}):
                async with session.get(named(url), **options) as response:
                    assert response.status == 200


async def test_a_pinned_certificate_is_checked_in_a_tunnel(scripted, serving, server_tls):
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        connector = drywire.TCPConnector()
        async with drywire.ClientSession(proxy=proxy.url, connector=connector) as session:
            with pytest.raises(drywire.ServerFingerprintMismatch) as caught:
                await session.get(named(url), ssl=drywire.Fingerprint(bytes(32)))
            assert (caught.value.host, caught.value.phase) == ("name.invalid", "tls")
            pin = drywire.Fingerprint(caught.value.got)
            assert (await session.get(named(url), ssl=pin)).status == 200


async def test_what_is_no_tls_in_a_tunnel_is_an_error_of_the_server(scripted, serving):
    async with serving(telling()) as url, scripted(forward) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientConnectorSSLError) as caught:
                await session.get(named(url).with_scheme("https"), ssl=False)
            assert isinstance(caught.value, ssl.SSLError)
            assert caught.value.host == "name.invalid"


# Refusals and failures


async def test_a_refusal_has_status_and_headers_and_gives_the_place_back(scripted, answering, eventually):
    refusal = (
        b"HTTP/1.1 407 Log in first\r\nProxy-Authenticate: Digest realm=a\r\nProxy-Authenticate: Basic\r\n"
        b"Content-Length: 2\r\n\r\nno"
    )
    connector = drywire.TCPConnector(limit=1)
    async with scripted(answering(refusal)) as proxy, drywire.ClientSession(connector=connector) as session:
        for _ in range(2):
            with pytest.raises(drywire.ClientHttpProxyError) as caught:
                await session.get(
                    "https://name.invalid/x", proxy=proxy.url, proxy_auth=drywire.BasicAuth("x", "geheim")
                )
            error = caught.value
            assert (error.status, error.message) == (407, "Log in first")
            assert error.headers.getall("proxy-authenticate") == ["Digest realm=a", "Basic"]
            assert (error.phase, error.bytes_sent, error.safe_to_retry) == ("proxy", 0, True)
            assert error.request_info.method == "CONNECT"
            assert error.request_info.url.host == "name.invalid"
            assert "Proxy-Authorization" not in error.request_info.headers
            assert basic("x:geheim").decode()[6:] not in repr(error) + str(error)
            assert repr(connector) == "<TCPConnector 0 in use, 0 idle, 0 waiting>"
        assert proxy.connections == 2
        await eventually(lambda: proxy.open == 0)


async def test_a_refused_web_socket_is_a_refusal_of_the_proxy(scripted, answering):
    async with scripted(answering(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")) as proxy:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            with pytest.raises(drywire.ClientHttpProxyError) as caught:
                await session.ws_connect("ws://name.invalid/")
        assert caught.value.status == 302
        assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: tls\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_an_answer_that_is_no_http_or_too_much_is_refused(scripted, answer, eventually):
    async def talk(peer, script):
        await peer.head()
        await peer.send(answer)
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        with pytest.raises(drywire.ClientHttpProxyError) as caught:
            await session.get("https://name.invalid/")
        assert (caught.value.status, caught.value.phase) == (400, "proxy")
        assert len(str(caught.value)) < 500
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("limit", [{"max_line_size": 40}, {"max_field_size": 40}, {"max_headers": 2}])
async def test_the_limits_of_a_session_bound_the_answer_to_connect(scripted, answering, limit):
    answer = b"HTTP/1.1 403 %b\r\nX-A: %b\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n" % (b"x" * 50, b"x" * 50)
    async with scripted(answering(answer)) as proxy, drywire.ClientSession(proxy=proxy.url, **limit) as session:
        with pytest.raises(drywire.ClientHttpProxyError) as caught:
            await session.get("https://name.invalid/")
        assert caught.value.status == 400


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n"])
async def test_a_proxy_that_hangs_up_is_a_connection_that_failed(scripted, answer):
    async def talk(peer, script):
        await peer.head()
        await peer.send(answer)

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        with pytest.raises(
            drywire.ClientProxyConnectionError, match=r"without an answer to CONNECT|lost|reset"
        ) as caught:
            await session.get("https://name.invalid/")
        assert (caught.value.host, caught.value.port, caught.value.phase) == ("127.0.0.1", proxy.port, "proxy")


@pytest.mark.parametrize("scheme", ["https", "ws"])
async def test_bytes_behind_the_answer_are_not_taken_for_the_servers(scripted, scheme, eventually):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + OK)
        await peer.ended()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        with pytest.raises(drywire.ClientProxyConnectionError, match="bytes of its own"):
            await session.get(f"{scheme}://name.invalid/")
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
async def test_a_proxy_that_nobody_listens_for_is_named(scripted, answering, scheme):
    async with scripted(answering()) as closed:
        pass
    async with drywire.ClientSession(proxy=closed.url) as session:
        with pytest.raises(drywire.ClientProxyConnectionError) as caught:
            await session.get(f"{scheme}://name.invalid/")
    error = caught.value
    assert isinstance(error, drywire.ClientConnectorError)
    assert (error.host, error.port, error.phase, error.safe_to_retry) == ("127.0.0.1", closed.port, "proxy", True)
    assert isinstance(error.os_error, ConnectionRefusedError)


async def test_a_proxy_that_no_resolver_knows_is_named():
    async with drywire.ClientSession(proxy="http://proxy.invalid:3128") as session:
        with pytest.raises(drywire.ClientConnectorDNSError) as caught:
            await session.get("https://name.invalid/")
    assert (caught.value.host, caught.value.port, caught.value.phase) == ("proxy.invalid", 3128, "dns")


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (drywire.ClientTimeout(connect=0.05), drywire.ConnectionTimeoutError),
        (drywire.ClientTimeout(sock_connect=0.05), drywire.ConnectionTimeoutError),
        (drywire.ClientTimeout(total=0.05), TimeoutError),
    ],
)
@pytest.mark.parametrize(
    ("answer", "phase"),
    [(b"", "proxy"), (b"HTTP/1.1 100 Continue\r\n\r\n", "proxy"), (b"HTTP/1.1 200 OK\r\n\r\n", "tls")],
)
async def test_connect_and_tls_in_the_tunnel_have_to_be_done_in_time(
    scripted, timeout, kind, answer, phase, eventually
):
    async def talk(peer, script):
        await peer.head()
        await peer.send(answer)
        await peer.ended()

    connector = drywire.TCPConnector(limit=1)
    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url, connector=connector) as session:
        with pytest.raises(kind) as caught:
            await session.get("https://name.invalid/", timeout=timeout)
        assert caught.value.phase == phase
        assert repr(connector) == "<TCPConnector 0 in use, 0 idle, 0 waiting>"
        await eventually(lambda: proxy.open == 0)


async def test_the_deadline_of_connecting_ends_with_the_tunnel(scripted, server_tls, client_tls):
    runtime = current_runtime()

    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        stream = await peer.stream.start_tls(server_tls, server_side=True)
        await stream.receive()
        await runtime.sleep_until(runtime.now() + 1.2)
        await stream.send(OK)
        await stream.receive()

    async with scripted(talk) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        timeout = drywire.ClientTimeout(sock_connect=1, connect=1)
        async with session.get("https://localhost/", timeout=timeout, ssl=client_tls) as response:
            assert await response.read() == b"ok"


async def test_a_request_cancelled_at_any_step_gives_its_place_back(scripted, serving, server_tls, client_tls):
    runtime = current_runtime()
    connector = drywire.TCPConnector(limit=1, force_close=True)
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, connector=connector) as session:

            async def once():
                await (await session.get(url, ssl=client_tls)).read()

            for step in range(24):
                task = runtime.spawn(once)
                for _ in range(step):
                    await runtime.sleep_until(runtime.now())
                task.cancel()
                assert await task.wait(runtime.now() + 5)
                assert repr(connector) == "<TCPConnector 0 in use, 0 idle, 0 waiting>"
            assert (await session.get(url, ssl=client_tls)).status == 200


# Logins, and the pool


async def test_a_login_in_the_url_of_a_proxy_is_sent_to_it(scripted, answering):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        url = URL(proxy.url).with_user("user").with_password("p@ss:w\u00f6rd")
        await (await session.get("http://name.invalid/", proxy=url)).read()
        await (await session.get("http://name.invalid/", proxy=str(url))).read()
        await (await session.get("http://name.invalid/", proxy=url, proxy_auth=drywire.BasicAuth("x", "y"))).read()
        own = basic("user:p@ss:w\u00f6rd")
        assert logins(proxy) == [own, own, basic("x:y")]
        assert "@" not in proxy.heads[0].decode()


async def test_a_login_that_is_given_goes_before_one_in_the_url_wherever_the_proxy_is_named(
    scripted, answering, environ
):
    async with scripted(answering()) as proxy:
        url = f"http://user:word@127.0.0.1:{proxy.port}"
        environ(http_proxy=url)
        for options in ({"proxy": url}, {"proxies": {"http": url}}, {"trust_env": True}):
            async with drywire.ClientSession(proxy_auth=drywire.BasicAuth("x", "y"), **options) as session:
                await (await session.get("http://name.invalid/")).read()
                await (await session.get("http://name.invalid/", proxy_auth=drywire.BasicAuth("z"))).read()
        assert logins(proxy) == [basic("x:y"), basic("z:")] * 3


async def test_the_login_of_a_session_is_not_for_another_proxy(scripted, answering):
    async with scripted(answering()) as proxy, scripted(answering()) as other:
        options = {"proxy_auth": drywire.BasicAuth("x", "y"), "proxy_headers": {"X-Secret": "1"}}
        async with drywire.ClientSession(proxy=proxy.url, **options) as session:
            for url in (proxy.url, other.url, None):
                await (await session.get("http://name.invalid/", proxy=url)).read()
            auth = drywire.BasicAuth("z")
            await (await session.get("http://name.invalid/", proxy=other.url, proxy_auth=auth)).read()
        assert logins(proxy) == [basic("x:y")] * 2
        assert logins(other) == [None, basic("z:")]
        assert not any(b"X-Secret" in head for head in other.heads)
        assert all(b"X-Secret" in head for head in proxy.heads)
        async with drywire.ClientSession(proxies={"http": proxy.url}, **options) as session:
            await (await session.get("http://name.invalid/", proxy=other.url)).read()
        assert logins(other)[-1] is None


async def test_the_login_of_a_session_without_a_proxy_is_for_the_one_that_a_request_names(scripted, answering):
    async with scripted(answering()) as proxy:
        async with drywire.ClientSession(proxy_auth=drywire.BasicAuth("x", "y")) as session:
            await (await session.get("http://name.invalid/", proxy=proxy.url)).read()
            await (await session.get(proxy.url)).read()
        assert logins(proxy) == [basic("x:y"), None]


async def test_connections_are_shared_only_by_requests_that_say_the_same_to_the_same_proxy(scripted, answering):
    url = "http://name.invalid/"
    async with scripted(answering()) as proxy, scripted(answering()) as other:
        async with drywire.ClientSession() as session:
            ways = [
                {},
                {"proxy_auth": drywire.BasicAuth("x", "y")},
                {"proxy_auth": drywire.BasicAuth("x", "z")},
                {"proxy_headers": {"X-A": "1"}},
                {"proxy_headers": {"X-A": "2"}},
            ]
            for count, way in enumerate(ways, 1):
                for proxy_url in (proxy.url, proxy.url.rstrip("/")):
                    await (await session.get(url, proxy=proxy_url, **way)).read()
                assert proxy.connections == count
            await (await session.get(url, proxy=other.url)).read()
            await (await session.get(url, proxy=URL(proxy.url).with_user("x").with_password("y"))).read()
            assert (proxy.connections, other.connections) == (len(ways), 1)
            await (await session.get(proxy.url)).read()
            assert proxy.connections == len(ways) + 1
            await (await session.get("http://other.invalid/", proxy=proxy.url)).read()
            assert proxy.connections == len(ways) + 2


async def test_a_tunnel_is_not_shared_with_requests_in_absolute_form(scripted, serving):
    async with serving(telling()) as url, scripted(forward) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        await (await session.get(URL(url).with_scheme("ws"))).read()
        await (await session.get(url)).read()
        await (await session.get(URL(url).with_scheme("ws"))).read()
        assert [head.split()[0] for head in proxy.heads] == [b"CONNECT", b"GET"]


async def test_the_key_of_a_connection_does_not_show_the_login(scripted, answering):
    seen = []

    async def look(request, handler):
        seen.append((request.proxy, request.proxy_headers, repr(request.connection_key)))
        return await handler(request)

    async with scripted(answering()) as proxy, drywire.ClientSession(middlewares=[look]) as session:
        url = URL(proxy.url).with_user("x").with_password("geheim")
        await (await session.get("http://name.invalid/", proxy=url, proxy_headers={"X-A": "1"})).read()
    ((named_proxy, headers, key),) = seen
    assert (named_proxy, headers) == (URL(proxy.url), {"X-A": "1"})
    assert "geheim" not in key
    assert basic("x:geheim").decode()[6:] not in key


# Which proxy


async def test_proxies_are_chosen_by_the_scheme(scripted, answering):
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering()) as plain, scripted(answering(refusal)) as secure:
        proxies = {"http": f"http://x:y@127.0.0.1:{plain.port}", "https://": URL(secure.url), "ws": None}
        async with drywire.ClientSession(proxies=proxies) as session:
            await (await session.get("http://name.invalid/")).read()
            for scheme in ("https", "wss"):
                with pytest.raises(drywire.ClientHttpProxyError):
                    await session.ws_connect(f"{scheme}://name.invalid/")
        assert logins(plain) == [basic("x:y")]
        assert logins(secure) == [None, None]


async def test_all_is_for_every_scheme_that_has_no_proxy_of_its_own(scripted, answering):
    async with (
        scripted(answering()) as own,
        scripted(answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")) as every,
    ):
        async with drywire.ClientSession(proxies={"http": own.url, "all": every.url}) as session:
            await (await session.get("http://name.invalid/")).read()
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("https://name.invalid/")
        assert (len(own.heads), len(every.heads)) == (1, 1)


async def test_a_scheme_without_a_proxy_goes_directly(scripted, answering):
    async with scripted(answering()) as server:
        async with drywire.ClientSession(proxies={"https": "http://proxy.invalid"}) as session:
            await (await session.get(server.url)).read()
        assert targets(server) == [b"/"]


async def test_redirects_choose_the_proxy_anew_and_take_no_login_along(scripted, answering):
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://name.invalid/x\r\nContent-Length: 0\r\n\r\n"
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(moved)) as plain, scripted(answering(refusal)) as secure:
        proxies = {"http": f"http://x:y@127.0.0.1:{plain.port}", "https": secure.url}
        async with drywire.ClientSession(proxies=proxies) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("http://name.invalid/", headers={"Proxy-Authorization": "Basic eDp6"})
        assert logins(plain) == [basic("x:y")]
        assert (targets(secure), logins(secure)) == ([b"name.invalid:443"], [None])


async def test_a_redirect_goes_through_the_same_named_proxy(scripted, serving, server_tls, client_tls):
    async with serving(telling(), ssl_context=server_tls) as url:

        async def move(request):
            raise web.HTTPFound(url + "/landed")

        app = web.Application()
        app.router.add_get("/", move)
        async with serving(app) as start, scripted(forward) as proxy:
            async with drywire.ClientSession() as session:
                auth = drywire.BasicAuth("x", "y")
                async with session.get(named(start), proxy=proxy.url, proxy_auth=auth, ssl=client_tls) as response:
                    told = await response.json()
            assert told["target"] == "/landed"
            assert not any(name.lower() == "proxy-authorization" for name, _ in told["fields"])
            assert logins(proxy) == [basic("x:y")] * 2
            assert [head.split()[0] for head in proxy.heads] == [b"GET", b"CONNECT"]


# The environment


async def test_the_environment_is_asked_only_if_it_is_trusted_and_no_proxy_is_named(scripted, answering, environ):
    async with scripted(answering()) as ours, scripted(answering()) as theirs, scripted(answering()) as server:
        environ(http_proxy=theirs.url)
        async with drywire.ClientSession() as session:
            await (await session.get(server.url)).read()
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://a.invalid/")).read()
            await (await session.get("http://b.invalid/", proxy=ours.url)).read()
            await (await session.get(server.url, trust_env=False)).read()
        for options in ({"proxy": ours.url}, {"proxies": {"http": ours.url}}):
            async with drywire.ClientSession(trust_env=True, **options) as session:
                await (await session.get("http://c.invalid/")).read()
        assert targets(theirs) == [b"http://a.invalid/"]
        assert targets(ours) == [b"http://b.invalid/", b"http://c.invalid/", b"http://c.invalid/"]
        assert targets(server) == [b"/", b"/"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
async def test_the_variables_count_in_small_letters_and_in_capitals(scripted, answering, environ, name):
    async with scripted(answering()) as proxy:
        environ(**{name: f"x:y@127.0.0.1:{proxy.port}"})  # without a scheme, as curl has it
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://name.invalid/")).read()
        assert logins(proxy) == [basic("x:y")]


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("https_proxy", "https://name.invalid/"),
        ("ALL_PROXY", "https://name.invalid/"),
        ("ws_proxy", "ws://name.invalid/"),
        ("HTTP_PROXY", "ws://name.invalid/"),
        ("wss_proxy", "wss://name.invalid/"),
        ("https_proxy", "wss://name.invalid/"),
    ],
)
async def test_each_scheme_has_its_variables(scripted, answering, environ, name, url):
    async with scripted(answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")) as proxy:
        environ(**{name: proxy.url})
        async with drywire.ClientSession(trust_env=True) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await (session.ws_connect(url) if url.startswith("ws") else session.get(url))
        assert len(proxy.heads) == 1


async def test_a_client_of_a_cgi_script_cannot_name_its_proxy(scripted, answering, environ, monkeypatch):
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    async with scripted(answering()) as server, drywire.ClientSession(trust_env=True) as session:
        environ(HTTP_PROXY="http://evil.invalid")
        await (await session.get(server.url)).read()
        assert targets(server) == [b"/"]


async def test_no_proxy_exempts_hosts_and_each_hop_is_asked_for(scripted, answering, environ):
    async with scripted(answering()) as server:
        moved = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % server.url.encode()
        async with scripted(answering(moved)) as proxy:
            environ(http_proxy=proxy.url, no_proxy=f"x.invalid, 127.0.0.1:{server.port}")
            async with drywire.ClientSession(trust_env=True) as session:
                async with session.get("http://name.invalid/") as response:
                    assert response.url == URL(server.url)
            assert (targets(proxy), targets(server)) == ([b"http://name.invalid/"], [b"/"])


async def test_the_netrc_file_has_logins_of_the_environments_proxies(scripted, answering, environ, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    async with scripted(answering()) as proxy, drywire.ClientSession(trust_env=True) as session:
        environ(http_proxy=proxy.url)
        await (await session.get("http://name.invalid/")).read()
        await (await session.get("http://name.invalid/", proxy_auth=drywire.BasicAuth("z"))).read()
        environ(http_proxy=f"http://u:v@127.0.0.1:{proxy.port}")
        await (await session.get("http://name.invalid/")).read()
        assert logins(proxy) == [basic("x:y"), basic("z:"), basic("u:v")]
        assert not any("Authorization" in fields_of(head) for head in proxy.heads)


async def test_a_login_is_for_the_first_proxy_that_the_environment_names(scripted, answering, environ):
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://name.invalid/x\r\nContent-Length: 0\r\n\r\n"
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(moved)) as plain, scripted(answering(refusal)) as secure:
        environ(http_proxy=plain.url, https_proxy=secure.url)
        options = {"proxy_auth": drywire.BasicAuth("x", "y"), "proxy_headers": {"X-Secret": "1"}}
        async with drywire.ClientSession(trust_env=True) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("http://name.invalid/", **options)
        assert (logins(plain), logins(secure)) == ([basic("x:y")], [None])
        assert b"X-Secret" in plain.heads[0]
        assert b"X-Secret" not in secure.heads[0]
        async with drywire.ClientSession(trust_env=True, proxies={"http": plain.url}, **options) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("https://name.invalid/")
        assert logins(secure) == [None, None]


# What is refused before anything is sent


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "socks", "https", "ftp", ""])
async def test_a_proxy_of_another_kind_is_refused_and_never_spoken_to(scripted, answering, environ, scheme):
    async with scripted(answering()) as proxy:
        url = f"{scheme}://user:geheim@127.0.0.1:{proxy.port}".removeprefix("://")
        refused = pytest.raises(ValueError, match="only HTTP proxies are")
        async with drywire.ClientSession() as session:
            for start in (session.get, session.ws_connect):
                with refused as caught:
                    await start(proxy.url, proxy=url)
                assert isinstance(caught.value, drywire.ClientError)
                assert "geheim" not in str(caught.value) + repr(caught.value)
                with refused:
                    await start(proxy.url, proxy=URL(url))
        for options in ({"proxy": url}, {"proxies": {"http": url}}, {"proxies": {"all": url}}):
            with refused:
                drywire.ClientSession(**options)
        if scheme:
            for name in ("http_proxy", "ALL_PROXY"):
                environ(**{name: url})
                async with drywire.ClientSession(trust_env=True) as session:
                    for start in (session.get, session.ws_connect):
                        with pytest.raises(ValueError, match=r"that the environment names - .* only HTTP proxies are"):
                            await start(proxy.url)
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://", "is not a valid URL|no host and port"),
        ("http://:3128", "is not a valid URL|no host and port"),
        ("http://proxy.invalid:0", "no host and port"),
        ("http://proxy.invalid:geheim", "is not a valid URL"),
        ("http://user:geheim/@proxy.invalid", "is not a valid URL"),
        ("http://user:1/geheim@proxy.invalid", "more than"),
        ("http://user:1?geheim@proxy.invalid", "more than"),
        ("http://user:1#geheim@proxy.invalid", "more than"),
        ("http://us%3Aer:geheim@proxy.invalid", "is not a valid URL"),
        ("proxy.invalid", "needs a scheme"),
        ("//proxy.invalid", "is not supported|needs a scheme"),
        ("", "needs a scheme"),
    ],
)
def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(url, reason):
    with pytest.raises(drywire.InvalidURL, match=reason) as caught:
        drywire.ClientSession(proxy=url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("proxy", [b"http://proxy.invalid", 1, ("http://proxy.invalid",)])
def test_what_is_neither_str_nor_url_is_no_proxy(proxy):
    for options in ({"proxy": proxy}, {"proxies": {"http": proxy}}):
        with pytest.raises(TypeError, match=r"a proxy must be a str or yarl\.URL"):
            drywire.ClientSession(**options)


@pytest.mark.parametrize("key", ["socks5", "http://name.invalid", "HTTP", "", "ftp"])
def test_proxies_for_what_there_is_not_are_refused(key):
    with pytest.raises(ValueError, match="by the scheme of URLs"):
        drywire.ClientSession(proxies={key: "http://proxy.invalid"})


def test_one_proxy_and_several_at_once_are_refused():
    with pytest.raises(ValueError, match="which one is meant"):
        drywire.ClientSession(proxy="http://proxy.invalid", proxies={"https": "http://other.invalid"})


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Upgrade", "EXPECT"])
async def test_fields_that_say_what_a_request_is_are_not_for_the_proxy(scripted, answering, name):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        for start in (session.get, session.ws_connect):
            with pytest.raises(ValueError, match="proxy_headers cannot have"):
                await start("http://name.invalid/", proxy=proxy.url, proxy_headers={name: "1"})
        assert proxy.connections == 0


@pytest.mark.parametrize("url", ["http://name.invalid/", "https://name.invalid/"])
async def test_fields_for_the_proxy_that_http_does_not_allow_are_refused(scripted, answering, url, eventually):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="proxy_headers cannot be sent"):
            await session.get(url, proxy=proxy.url, proxy_headers={"X-A": "1\r\nX-B: 2"})
        assert proxy.connections == 0

        class Login:
            def encode(self):
                return "Basic x\r\nX-B: 2"

        with pytest.raises(ValueError, match="cannot be"):
            await session.get(url, proxy=proxy.url, proxy_auth=Login())
        assert proxy.heads == []
        await eventually(lambda: proxy.open == 0)


@pytest.mark.parametrize("auth", ["user:word", 1, drywire.DigestAuthMiddleware("x", "y")])
async def test_a_login_of_another_kind_than_basic_is_refused(scripted, answering, auth):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="proxy_auth must be a BasicAuth"):
            await session.get("http://name.invalid/", proxy=proxy.url, proxy_auth=auth)
        with pytest.raises(ValueError, match="proxy_auth must be a BasicAuth"):
            drywire.ClientSession(proxy=proxy.url, proxy_auth=auth)
        assert proxy.connections == 0


# Somebody else's proxy

TINYPROXY = shutil.which("tinyproxy") or shutil.which("tinyproxy", path="/usr/sbin:/usr/bin")


@pytest.fixture
def tinyproxy(tmp_path):
    """``tinyproxy(lines)``: its port, once it listens; it is ended with the test."""
    started = []

    def start(*lines):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        conf = tmp_path / "tinyproxy.conf"
        usual = ("Listen 127.0.0.1", f"Port {port}", "Timeout 30", "Allow 127.0.0.1", f'LogFile "{tmp_path}/log"')
        conf.write_text("\n".join((*usual, *lines, "")))
        child = subprocess.Popen([TINYPROXY, "-d", "-c", str(conf)], stdout=subprocess.DEVNULL)
        started.append(child)
        for _ in range(500):
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            assert child.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        raise AssertionError("tinyproxy does not listen")

    yield start
    for child in started:
        child.kill()
        child.wait()


@pytest.mark.skipif(TINYPROXY is None, reason="tinyproxy is not installed here")
async def test_requests_through_tinyproxy(tinyproxy, serving, server_tls, client_tls):
    proxy = f"http://user:word@127.0.0.1:{tinyproxy('BasicAuth user word')}"
    big = bytes(range(256)) * 4096

    async def give(request):
        return web.Response(body=await request.read())

    for tls in (None, server_tls):
        app = web.Application(client_max_size=0)
        app.add_routes([web.get("/", echo), web.put("/give", give)])
        async with serving(app, ssl_context=tls) as url, drywire.ClientSession(proxy=proxy) as session:
            for data in (b"", b"small", big):
                # tinyproxy closes a connection without saying so: only what may be repeated can be sent on a kept one
                async with session.put(url + "/give", data=data, ssl=client_tls) as response:
                    assert await response.read() == data
            async with session.ws_connect(url, ssl=client_tls) as ws:
                await ws.send_bytes(big)
                assert await ws.receive_bytes() == big


@pytest.mark.skipif(TINYPROXY is None, reason="tinyproxy is not installed here")
async def test_refusals_of_tinyproxy(tinyproxy, answering, scripted):
    port = tinyproxy("BasicAuth user word", "ConnectPort 443")
    async with scripted(answering()) as server, drywire.ClientSession() as session:
        async with session.get(server.url, proxy=f"http://127.0.0.1:{port}") as response:
            assert (response.status, response.headers["Proxy-Authenticate"][:5]) == (407, "Basic")
        target = URL(server.url).with_scheme("https")
        for login, status in (("", 407), ("user:word@", 403)):
            with pytest.raises(drywire.ClientHttpProxyError) as caught:
                await session.get(target, proxy=f"http://{login}127.0.0.1:{port}")
            assert caught.value.status == status
        assert server.connections == 0
