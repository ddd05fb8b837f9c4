"""The examples of seed-004 from what a session shares on; what is left out of that document: test_s4.py."""

import asyncio
import datetime
import socket
import ssl

import pytest
from multidict import CIMultiDictProxy
from yarl import URL

import drywire

from ..client.forwarding import basic, logins, targets
from .playing import ON_ASYNCIO


async def test_s4_22_cookies_are_shared(play):
    await play(
        """
        async with aiohttp.ClientSession() as session:
            await session.get(
                'http://httpbin.org/cookies/set?my_cookie=my_value')
            filtered = session.cookie_jar.filter_cookies('http://httpbin.org')
            assert filtered['my_cookie'].value == 'my_value'
            async with session.get('http://httpbin.org/cookies') as r:
                json_body = await r.json()
                assert json_body['cookies']['my_cookie'] == 'my_value'
        """,
        deprecated="filter_cookies",
    )


async def test_s4_22_headers_of_a_session(play):
    await play(
        """
        async with aiohttp.ClientSession(
            headers={"Authorization": "Basic bG9naW46cGFzcw=="}) as session:
            async with session.get("http://httpbin.org/headers") as r:
                json_body = await r.json()
                assert json_body['headers']['Authorization'] == \\
                    'Basic bG9naW46cGFzcw=='
        """
    )


async def cookies_of_an_address(session, internet):
    """Return the cookies that `session` sends after http://127.0.0.1/ has set one."""
    async with session:
        url = URL(internet.url).with_host("127.0.0.1")
        async with session.get(url / "cookies/set" % {"my_cookie": "my_value"}) as resp:
            return (await resp.json())["cookies"]


def test_s4_23_unsafe_cookie_jar(script_anywhere, internet):
    played = script_anywhere(
        """
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(cookie_jar=jar)
        """
    )
    assert script_anywhere.run(cookies_of_an_address, played["session"], internet) == {"my_cookie": "my_value"}


def test_s4_23_dummy_cookie_jar(script_anywhere, internet):
    played = script_anywhere(
        """
        jar = aiohttp.DummyCookieJar()
        session = aiohttp.ClientSession(cookie_jar=jar)
        """
    )
    assert script_anywhere.run(cookies_of_an_address, played["session"], internet) == {}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
async def test_s4_31_unix_domain_sockets(play, tmp_path):
    path = str(tmp_path / "socket")
    played = await play(
        """
        conn = aiohttp.UnixConnector(path='/path/to/socket')
        session = aiohttp.ClientSession(connector=conn)
        """,
        shortened=[("/path/to/socket", path)],
    )
    runner = drywire.web.AppRunner(drywire.web.Application())
    await runner.setup()
    try:
        await drywire.web.UnixSite(runner, path).start()
        connector = drywire.UnixConnector(path=played["conn"].path)
        async with drywire.ClientSession(connector=connector) as session:
            async with session.get("http://localhost/nothing") as resp:
                assert resp.status == 404
    finally:
        await runner.cleanup()


# Responses


async def test_s4_34_status(play, session):
    await play(
        """
        async with session.get('http://httpbin.org/get') as resp:
            assert resp.status == 200
        """,
        session=session,
    )


ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"ACCESS-CONTROL-ALLOW-ORIGIN: *\r\n"
    b"CONTENT-TYPE: application/json\r\n"
    b"DATE: Tue, 15 Jul 2014 16:49:51 GMT\r\n"
    b"SERVER: gunicorn/18.0\r\n"
    b"CONTENT-LENGTH: 331\r\n"
    b"CONNECTION: keep-alive\r\n"
    b"\r\n"
) + b" " * 331
"""What the server of the document's prompts answered, in 2014."""

RAW_ANSWER = (
    b"HTTP/1.1 200 OK\r\n"
    b"SERVER: nginx\r\n"
    b"DATE: Sat, 09 Jan 2016 20:28:40 GMT\r\n"
    b"CONTENT-TYPE: text/html; charset=utf-8\r\n"
    b"CONTENT-LENGTH: 12150\r\n"
    b"CONNECTION: keep-alive\r\n"
    b"\r\n"
) + b" " * 12150


async def test_s4_34_headers(play, scripted, answering, session):
    async with scripted(answering(ANSWER)) as script:
        async with session.get(script.url) as resp:
            played = await play(
                """
                >>> resp.headers
                {'ACCESS-CONTROL-ALLOW-ORIGIN': '*',
                 'CONTENT-TYPE': 'application/json',
                 'DATE': 'Tue, 15 Jul 2014 16:49:51 GMT',
                 'SERVER': 'gunicorn/18.0',
                 'CONTENT-LENGTH': '331',
                 'CONNECTION': 'keep-alive'}

                >>> resp.headers['Content-Type']
                'application/json'

                >>> resp.headers.get('content-type')
                'application/json'
                """,
                resp=resp,
            )
    (headers, wanted), *values = played.values
    assert type(headers) is CIMultiDictProxy
    assert {name.upper(): value for name, value in headers.items()} == eval(wanted)
    assert [repr(value) for value, _ in values] == [wanted for _, wanted in values]
    assert len(values) == 2


async def test_s4_34_raw_headers(play, scripted, answering, session):
    async with scripted(answering(RAW_ANSWER)) as script:
        async with session.get(script.url) as resp:
            played = await play(
                """
                >>> resp.raw_headers
                ((b'SERVER', b'nginx'),
                 (b'DATE', b'Sat, 09 Jan 2016 20:28:40 GMT'),
                 (b'CONTENT-TYPE', b'text/html; charset=utf-8'),
                 (b'CONTENT-LENGTH', b'12150'),
                 (b'CONNECTION', b'keep-alive'))
                """,
                resp=resp,
            )
    [(headers, wanted)] = played.values
    assert headers == eval(wanted)


async def test_s4_34_cookies(play, session):
    played = await play(
        """
        url = 'http://example.com/some/cookie/setting/url'
        async with session.get(url) as resp:
            print(resp.cookies['example_cookie_name'])
        """,
        session=session,
    )
    assert played.said == "Set-Cookie: example_cookie_name=example; Path=/\n"


async def test_s4_34_history(play, session):
    played = await play(
        """
        >>> resp = await session.get('http://example.com/some/redirect/')
        >>> resp
        <ClientResponse(http://example.com/some/other/url/) [200]>
        >>> resp.history
        (<ClientResponse(http://example.com/some/redirect/) [301]>,)
        """,
        session=session,
    )
    (resp, shown), (history, all_shown) = played.values
    # A response is shown with its reason, and may be with its headers, too.
    assert repr(resp).startswith(shown.removesuffix("]>"))
    assert len(history) == 1
    assert repr(history).startswith(all_shown.removesuffix("]>,)"))


# WebSockets, timeouts and the end


async def test_s4_35_web_socket(play, internet):
    await play(
        """
        session = aiohttp.ClientSession()
        async with session.ws_connect('http://example.org/websocket') as ws:

            async for msg in ws:
                if msg.type == aiohttp.WSMsgType.TEXT:
                    if msg.data == 'close cmd':
                        await ws.close()
                        break
                    else:
                        await ws.send_str(msg.data + '/answer')
                elif msg.type == aiohttp.WSMsgType.CLOSED:
                    break
                elif msg.type == aiohttp.WSMsgType.ERROR:
                    break
        """
    )
    assert internet.messages == ["hello/answer", "again/answer"]


async def test_s4_36_timeout(play, internet, session):
    await play(
        """
        async with session.get('https://github.com', timeout=60) as r:
            ...
        """,
        session=session,
    )
    assert internet.last.target == "/"


async def test_s4_36_timeout_passes_and_zero_is_none(play, session):
    for timeout in (0, None):
        async with session.get(play.url + "/delay/1", timeout=timeout) as resp:
            assert resp.status == 200
    with pytest.raises(TimeoutError):
        await session.get(play.url + "/delay/9", timeout=0.01)


@pytest.mark.parametrize("anyio_backend", ON_ASYNCIO)
async def test_s4_37_async_timeout(play, session):
    example = """
        import async_timeout

        with async_timeout.timeout(0.001):
            async with session.get('https://github.com') as r:
                await r.text()
        """
    with pytest.raises(TimeoutError):
        await play(example, session=session, at=play.url + "/delay/9")
    await play(example, session=session, shortened=[("0.001", "60")])


def test_s4_38_graceful_shutdown(script, internet):
    script(
        """
        async def read_website():
            async with aiohttp.ClientSession() as session:
                async with session.get('http://example.org/') as response:
                    await response.read()

        loop = asyncio.get_event_loop()
        loop.run_until_complete(read_website())
        # Zero-sleep to allow underlying connections to close
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        """,
        asyncio=asyncio,
    )
    assert internet.last.target == "/"


def test_s4_38_graceful_shutdown_with_ssl(script, internet):
    # The document writes "..." for the lines of the example before it.
    script(
        """
        async def read_website():
            async with aiohttp.ClientSession() as session:
                async with session.get('https://example.org/') as response:
                    await response.read()

        loop = asyncio.get_event_loop()
        loop.run_until_complete(read_website())
        # Wait 250 ms for the underlying SSL connections to close
        loop.run_until_complete(asyncio.sleep(0.250))
        loop.close()
        """,
        asyncio=asyncio,
    )
    assert internet.last.target == "/"


# Connectors, TLS, proxies


async def test_s4_24_limits_of_a_connector(play):
    limits = []
    for example in ("limit=30", "limit=0", "limit_per_host=30"):
        played = await play(f"conn = aiohttp.TCPConnector({example})")
        limits.append((played["conn"].limit, played["conn"].limit_per_host))
    assert limits == [(30, 0), (0, 0), (100, 30)]


async def test_s4_25_nameservers(play, internet, dns_server):
    dns_server.add("known.example", "A 127.0.0.1")
    played = await play(
        """
        from drywire.resolver import AsyncResolver

        resolver = AsyncResolver(nameservers=["8.8.8.8", "8.8.4.4"])
        conn = aiohttp.TCPConnector(resolver=resolver)
        """,
        shortened=[('"8.8.8.8", "8.8.4.4"', f'"{dns_server.address}"')],
    )
    async with drywire.ClientSession(connector=played["conn"]) as session:
        async with session.get(URL(internet.url).with_host("known.example") / "get") as resp:
            assert resp.status == 200
    assert dns_server.asked("known.example") == 1


async def test_s4_26_no_verification(play, internet, session, server_tls):
    with internet.secured(server_tls) as url:
        played = await play(
            "r = await session.get('https://example.com', verify_ssl=False)",
            session=session,
            at=url,
            deprecated="verify_ssl",
        )
    assert played["r"].status == 200


async def test_s4_26_own_authorities(play, internet, session, server_tls, ca_bundle):
    with internet.secured(server_tls) as url:
        played = await play(
            """
            sslcontext = ssl.create_default_context(
               cafile='/path/to/ca-bundle.crt')
            r = await session.get('https://example.com', ssl_context=sslcontext)
            """,
            session=session,
            ssl=ssl,
            at=url,
            shortened=[("/path/to/ca-bundle.crt", str(ca_bundle))],
            deprecated="ssl_context",
        )
    assert played["r"].status == 200


async def test_s4_26_certificate_of_the_client(play, internet, session, ca, ca_bundle, tmp_path):
    wanting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(wanting)
    ca.configure_trust(wanting)
    wanting.verify_mode = ssl.CERT_REQUIRED
    device = ca.issue_cert("device.example")
    (tmp_path / "device.pem").write_bytes(b"".join(pem.bytes() for pem in device.cert_chain_pems))
    device.private_key_pem.write_to_path(str(tmp_path / "device.jey"))
    with internet.secured(wanting) as url:
        played = await play(
            """
            sslcontext = ssl.create_default_context(
               cafile='/path/to/ca-bundle.crt')
            sslcontext.load_cert_chain('/path/to/client/public/device.pem',
                                       '/path/to/client/private/device.jey')
            r = await session.get('https://example.com', ssl_context=sslcontext)
            """,
            session=session,
            ssl=ssl,
            at=url,
            shortened=[
                ("/path/to/ca-bundle.crt", str(ca_bundle)),
                ("/path/to/client/public", str(tmp_path)),
                ("/path/to/client/private", str(tmp_path)),
            ],
            deprecated="ssl_context",
        )
    assert played["r"].status == 200


@pytest.fixture
async def trusting(client_tls):
    """A session that trusts the tests' authority, so that what is wrong is that which the example means."""
    async with drywire.ClientSession(ssl=client_tls) as session:
        yield session


@pytest.fixture
def badssl(internet, ca):
    """Like badssl.com: what examples write of two hosts, and where they are."""
    elsewhere, outdated = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for _ in range(2))
    ca.issue_cert("elsewhere.example").configure_cert(elsewhere)
    ca.issue_cert("localhost", not_after=datetime.datetime(2020, 1, 1)).configure_cert(outdated)
    with internet.secured(elsewhere) as wrong, internet.secured(outdated) as expired:
        yield [("https://wrong.host.badssl.com", wrong), ("https://expired.badssl.com", expired)]


async def test_s4_27_connector_ssl_error(play, internet, trusting, badssl):
    # Slip: a certificate that has expired is an error of certificates, in aiohttp too since Python 3.7. Where there is
    # no TLS at all, the example is right.
    example = """
        try:
            await session.get('https://expired.badssl.com/')
        except aiohttp.ClientConnectorSSLError as e:
            assert isinstance(e, ssl.SSLError)
            seen = e
        """
    with pytest.raises(drywire.ClientConnectorCertificateError, match="expired"):
        await play(example, session=trusting, ssl=ssl, shortened=badssl[1:])
    plain = internet.url.replace("http:", "https:")
    played = await play(example, session=trusting, ssl=ssl, shortened=[("https://expired.badssl.com", plain)])
    assert isinstance(played["seen"], drywire.ClientConnectorSSLError)


async def test_s4_28_connector_certificate_error(play, trusting, badssl):
    played = await play(
        """
        try:
            await session.get('https://wrong.host.badssl.com/')
        except aiohttp.ClientConnectorCertificateError as e:
            assert isinstance(e, ssl.CertificateError)
            seen = e
        """,
        session=trusting,
        ssl=ssl,
        shortened=badssl[:1],
    )
    assert "localhost" in str(played["seen"])


async def test_s4_29_ssl_error(play, trusting, badssl):
    played = await play(
        """
        try:
            await session.get('https://expired.badssl.com/')
        except aiohttp.ClientSSLError as e:
            assert isinstance(e, ssl.SSLError)
            first = e

        try:
            await session.get('https://wrong.host.badssl.com/')
        except aiohttp.ClientSSLError as e:
            assert isinstance(e, ssl.CertificateError)
            second = e
        """,
        session=trusting,
        ssl=ssl,
        shortened=badssl,
    )
    assert "expired" in str(played["first"])
    assert "localhost" in str(played["second"])


async def test_s4_30_fingerprint(play, internet, session, server_tls):
    # Slip: what it gives is no digest, but 64 times the digit zero.
    example = """
        # Attempt to connect to https://www.python.org
        # with a pin to a bogus certificate:
        bad_fingerprint = b'0'*64
        exc = None
        try:
            r = await session.get('https://www.python.org',
                                  fingerprint=bad_fingerprint)
        except aiohttp.FingerprintMismatch as e:
            exc = e
        assert exc is not None
        assert exc.expected == bad_fingerprint

        # www.python.org cert's actual fingerprint
        assert len(exc.got) == 32
        """
    with internet.secured(server_tls) as url:
        with pytest.raises(ValueError, match="fingerprint has invalid length"):
            await play(example, session=session, at=url, deprecated="fingerprint")
        await play(example, session=session, at=url, deprecated="fingerprint", shortened=[("b'0'*64", "b'0'*32")])
    assert drywire.FingerprintMismatch is drywire.ServerFingerprintMismatch


async def test_s4_32_proxy(play, internet, proxy):
    played = await play(
        """
        async with aiohttp.ClientSession() as session:
            async with session.get("http://python.org",
                                   proxy="http://some.proxy.com") as resp:
                print(resp.status)
        """,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert played.said == "200\n"
    assert targets(proxy) == [f"{internet.url}/".encode()]
    assert internet.last.target == "/"


async def test_s4_32_proxy_auth(play, internet, proxy):
    played = await play(
        """
        async with aiohttp.ClientSession() as session:
            proxy_auth = aiohttp.BasicAuth('user', 'pass')
            async with session.get("http://python.org",
                                   proxy="http://some.proxy.com",
                                   proxy_auth=proxy_auth) as resp:
                print(resp.status)
        """,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert played.said == "200\n"
    assert logins(proxy) == [basic("user:pass")]
    assert "Proxy-Authorization" not in internet.last.headers


async def test_s4_32_login_in_the_url_of_a_proxy(play, internet, proxy, session):
    # Slip: the document does not await it.
    await play(
        """
        await session.get("http://python.org",
                          proxy="http://user:pass@some.proxy.com")
        """,
        session=session,
        shortened=[("some.proxy.com", proxy.address)],
    )
    assert logins(proxy) == [basic("user:pass")]
    assert "Proxy-Authorization" not in internet.last.headers


async def test_s4_33_trust_env(play, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    example = """
        async with aiohttp.ClientSession() as session:
            async with session.get("http://python.org", trust_env=True) as resp:
                print(resp.status)
        """
    assert (await play(example)).said == "200\n"
    assert len(proxy.heads) == 1
    assert (await play(example, shortened=[(", trust_env=True", "")])).said == "200\n"
    assert len(proxy.heads) == 1
