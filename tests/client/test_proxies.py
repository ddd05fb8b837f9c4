"""Requests through HTTP proxies: what they hear, what the server hears, and what goes wrong."""

import shutil
import socket
import ssl
import subprocess
import time

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..dead_ends import refusing, unanswered
from ..websocketing import app_of, echo
from .conftest import OK
from .forwarding import basic, fields_of, forward, logins, named, targets, telling

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
async def test_a_proxy_that_nobody_listens_for_is_named(scheme):
    with refusing() as closed:
        async with drywire.ClientSession(proxy=f"http://127.0.0.1:{closed}") as session:
            with pytest.raises(drywire.ClientProxyConnectionError) as caught:
                await session.get(f"{scheme}://name.invalid/")
    error = caught.value
    assert isinstance(error, drywire.ClientConnectorError)
    assert (error.host, error.port, error.phase, error.safe_to_retry) == ("127.0.0.1", closed, "proxy", True)
    assert isinstance(error.os_error, ConnectionRefusedError)


@pytest.fixture
def unanswered_port():
    with unanswered() as port:
        yield port


@pytest.mark.parametrize("kind", ["http", "https", "socks5h"])
async def test_a_dead_proxy_is_given_up_in_time(unanswered_port, kind):
    connector = drywire.TCPConnector(limit=1)
    async with drywire.ClientSession(proxy=f"{kind}://127.0.0.1:{unanswered_port}", connector=connector) as session:
        for timeout, error in (
            (drywire.ClientTimeout(sock_connect=0.05), drywire.ConnectionTimeoutError),
            (drywire.ClientTimeout(connect=0.05), drywire.ConnectionTimeoutError),
            (drywire.ClientTimeout(total=0.05), TimeoutError),
        ):
            with pytest.raises(error) as caught:
                await session.get("http://name.invalid/", timeout=timeout)
            assert (caught.value.phase, caught.value.safe_to_retry) == ("proxy", True)
            assert "0 in use, 0 idle" in repr(connector)


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
