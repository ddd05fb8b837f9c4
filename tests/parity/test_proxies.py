"""Rows X-01 to X-15 and P-36: proxies of every kind, and the logins at them."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import pytest
from yarl import URL

import drywire

from ..client.conftest import answering, scripted  # noqa: F401
from ..client.forwarding import basic, fields_of, forward, logins, named, targets, telling
from ..client.socksing import at, socks
from ..websocketing import app_of, echo
from .mirror import asked, basic_auth, mirror  # noqa: F401

REFUSAL = b"HTTP/1.1 403 Not here\r\nX-Why: 1\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def environ(monkeypatch, tmp_path):
    """``environ(http_proxy=...)``: these proxies, and no others, in the environment; no logins in a netrc file."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def put(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return put


async def test_x_01_http_goes_in_absolute_form_with_the_login(scripted, answering):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        options = {"proxy": proxy.url, "proxy_auth": basic_auth("user", "word")}
        async with session.get("http://name.invalid:81/a?b=1#c", **options) as response:
            assert await response.text() == "ok"
        assert targets(proxy) == [b"http://name.invalid:81/a?b=1"]
        assert logins(proxy) == [basic("user:word")]
        assert fields_of(proxy.heads[0])["Host"] == b"name.invalid:81"


async def test_x_02_https_goes_through_a_tunnel_and_a_refusal_has_status_message_and_headers(
    scripted, answering, serving, server_tls, client_tls
):
    async with serving(telling(), ssl_context=server_tls) as url, scripted(forward) as proxy:
        async with drywire.ClientSession() as session, session.get(url, proxy=proxy.url, ssl=client_tls) as response:
            assert (await response.json())["target"] == "/"
        assert proxy.heads[0].startswith(b"CONNECT ")
    async with scripted(answering(REFUSAL)) as proxy, drywire.ClientSession() as session:
        for start in (session.get, session.ws_connect):
            with pytest.raises(drywire.ClientHttpProxyError) as caught:
                await start("https://name.invalid/", proxy=proxy.url)
            assert (caught.value.status, caught.value.message, caught.value.headers["X-Why"]) == (403, "Not here", "1")
            assert isinstance(caught.value, drywire.ClientResponseError)


async def test_x_03_a_proxy_may_be_reached_by_tls(scripted, serving, server_tls, client_tls):
    for tls in (None, server_tls):
        async with serving(telling(), ssl_context=tls) as url, scripted(forward, server_tls) as proxy:
            assert proxy.url.startswith("https://")
            async with drywire.ClientSession() as session:
                async with session.get(url, proxy=proxy.url, ssl=client_tls) as response:
                    assert (await response.json())["target"] == "/"
            assert proxy.heads[0].startswith(b"CONNECT " if tls else b"GET http://")


async def test_x_03_the_environment_may_name_it_too(scripted, answering, server_tls, client_tls, environ):
    """Differs: aiohttp passes over a proxy of the environment that is reached by https: the request goes around it."""
    async with scripted(answering(), server_tls) as proxy:
        environ(http_proxy=proxy.url)
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://name.invalid/", ssl=client_tls)).read()
        assert targets(proxy) == [b"http://name.invalid/"]


async def test_x_04_a_proxy_that_cannot_be_reached_is_an_error_of_its_own(scripted, answering):
    async with scripted(answering()) as closed:
        pass
    async with drywire.ClientSession() as session:
        for scheme in ("http", "https", "socks4", "socks4a", "socks5", "socks5h"):
            with pytest.raises(drywire.ClientProxyConnectionError) as caught:
                await session.get("http://127.0.0.1:1/", proxy=at(closed, scheme))
            assert isinstance(caught.value, drywire.ClientConnectorError)
            assert (caught.value.host, caught.value.port) == ("127.0.0.1", closed.port)
        with pytest.raises(drywire.ClientConnectorDNSError) as caught:
            await session.get("http://127.0.0.1:1/", proxy="http://proxy.invalid:81")
        assert caught.value.host == "proxy.invalid"


@pytest.mark.parametrize("as_url", [str, URL])
async def test_x_05_a_login_in_the_url_of_a_proxy_is_taken_out_and_sent(scripted, answering, as_url):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        url = as_url(f"http://us%40er:w%2Frd@127.0.0.1:{proxy.port}")
        await (await session.get("http://name.invalid/", proxy=url)).read()
        assert logins(proxy) == [basic("us@er:w/rd")]


async def test_x_06_proxy_auth_is_a_basic_auth(scripted, answering):
    """Differs: it is not deprecated here: RFC 7617 is in force, and BasicAuth says it well."""
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        auth = drywire.BasicAuth("user", "word")
        await (await session.get("http://name.invalid/", proxy=proxy.url, proxy_auth=auth)).read()
        assert logins(proxy) == [basic("user:word")]
        with pytest.raises(ValueError, match="proxy_auth must be a BasicAuth"):
            await session.get("http://name.invalid/", proxy=proxy.url, proxy_auth="user:word")


async def test_x_07_proxy_headers_go_to_the_proxy_and_make_a_connection_of_its_own(scripted, answering):
    async with scripted(answering(REFUSAL)) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientHttpProxyError):
            await session.get("https://name.invalid/", proxy=proxy.url, proxy_headers={"X-A": "1"})
        assert fields_of(proxy.heads[0])["X-A"] == b"1"
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        for headers in ({"X-A": "1"}, {"X-A": "2"}, {"X-A": "1"}):
            await (await session.get("http://name.invalid/", proxy=proxy.url, proxy_headers=headers)).read()
        assert proxy.connections == 2


def test_x_08_encode_basic_auth_writes_the_field():
    assert drywire.encode_basic_auth("user", "word") == "Basic dXNlcjp3b3Jk"
    assert drywire.encode_basic_auth("user") == "Basic dXNlcjo="
    assert drywire.encode_basic_auth("\u00fc", "w:rd") == basic("\u00fc:w:rd").decode()
    assert drywire.encode_basic_auth("\u00fc", "", encoding="latin1") == "Basic /Do="
    with pytest.raises(ValueError, match='":" is not allowed'):
        drywire.encode_basic_auth("us:er")


def test_x_09_basic_auth_is_a_login_in_latin1():
    auth = drywire.BasicAuth("user", "w\u00f6rd")
    assert (auth.login, auth.password, auth.encoding) == ("user", "w\u00f6rd", "latin1")
    assert auth == drywire.BasicAuth("user", password="w\u00f6rd", encoding="latin1")
    assert auth.encode() == "Basic dXNlcjp39nJk"
    assert drywire.BasicAuth("user") == drywire.BasicAuth("user", "")
    for given in ((None,), ("user", None), ("us:er",)):
        with pytest.raises(ValueError, match=r"cannot be None|not allowed"):
            drywire.BasicAuth(*given)


@pytest.mark.parametrize("text", ["Bearer x", "Basic", "Basic ?", "Basic dXNlcg==", "user:word", ""])
def test_x_09_decode_reads_the_field(text):
    assert drywire.BasicAuth.decode("Basic dXNlcjp3OnJk") == drywire.BasicAuth("user", "w:rd")
    assert drywire.BasicAuth.decode("basic dXNlcjo=") == drywire.BasicAuth("user")
    assert drywire.BasicAuth.decode("Basic w7w6", encoding="utf-8").login == "\u00fc"
    with pytest.raises(ValueError, match=r"Basic|base64|colon|credentials"):
        drywire.BasicAuth.decode(text)


def test_x_09_from_url_takes_the_login_out_of_a_url():
    assert drywire.BasicAuth.from_url(URL("http://us%40er:word@name.example")) == drywire.BasicAuth("us@er", "word")
    assert drywire.BasicAuth.from_url(URL("http://user@name.example")) == drywire.BasicAuth("user")
    assert drywire.BasicAuth.from_url(URL("http://:word@name.example")) == drywire.BasicAuth("", "word")
    assert drywire.BasicAuth.from_url(URL("http://name.example")) is None
    with pytest.raises(TypeError, match=r"must be a yarl\.URL"):
        drywire.BasicAuth.from_url("http://user@name.example")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
async def test_x_10_trust_env_takes_proxies_from_the_environment(scripted, answering, mirror, environ, name):
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession(trust_env=True) as session:
        environ(**{name: proxy.url, "no_proxy": "127.0.0.1"})
        await (await session.get("http://name.invalid/")).read()
        assert targets(proxy) == [b"http://name.invalid/"]
        assert (await asked(session.get(url + "/direct"))).target == "/direct"


async def test_x_10_all_proxy_and_the_variables_of_web_sockets_count(scripted, answering, environ):
    """Differs: aiohttp asks neither ALL_PROXY nor http_proxy for a WebSocket, and knows no networks in no_proxy."""
    async with scripted(answering(REFUSAL)) as proxy, drywire.ClientSession(trust_env=True) as session:
        environ(ALL_PROXY=proxy.url, no_proxy="10.0.0.0/8")
        for scheme in ("ws", "wss"):
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.ws_connect(f"{scheme}://192.0.2.1/")
        assert targets(proxy) == [b"192.0.2.1:80", b"192.0.2.1:443"]


async def test_x_11_netrc_has_logins_of_proxies_and_of_servers(scripted, answering, mirror, environ, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login nobody password secret\n")
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession(trust_env=True) as session:
        assert (await asked(session.get(url))).headers["Authorization"] == basic("nobody:secret").decode()
        environ(http_proxy=proxy.url)
        await (await session.get("http://name.invalid/")).read()
        assert logins(proxy) == [basic("nobody:secret")]
        assert "Authorization" not in fields_of(proxy.heads[0])


async def test_x_12_the_environment_is_not_asked_unless_it_is_trusted(scripted, answering, mirror, environ):
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession() as session:
        environ(http_proxy=proxy.url, all_proxy=proxy.url)
        assert (await asked(session.get(url + "/direct"))).target == "/direct"
        assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
async def test_x_13_socks_proxies_are_spoken_to_in_socks(scripted, mirror, scheme):
    """Differs: aiohttp speaks HTTP to whatever a proxy is called; a document says that it knows SOCKS 5."""
    async with scripted(socks()) as proxy, mirror() as url, drywire.ClientSession(proxy=at(proxy, scheme)) as session:
        seen = await asked(session.get(url + "/a"))
        assert seen.target == "/a"
        assert proxy.asked == [("127.0.0.1", URL(url).port)]


async def test_x_13_a_proxy_of_no_known_kind_is_refused(scripted, answering):
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.InvalidURL, match="'socks6' is not supported"):
            await session.get("http://name.invalid/", proxy=at(proxy, "socks6"))
        assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_x_14_web_sockets_go_through_proxies_with_their_logins(scripted, serving, server_tls, client_tls, scheme):
    talk = socks(("user", "word")) if scheme == "socks5" else forward
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session:
        async with scripted(talk, server_tls if scheme == "https" else None) as proxy:
            options = {"proxy": at(proxy, scheme), "proxy_auth": basic_auth("user", "word"), "ssl": client_tls}
            if scheme != "socks5":
                options["proxy_headers"] = {"X-A": "1"}
            async with session.ws_connect(URL(url).with_scheme("ws"), **options) as ws:
                await ws.send_str("hello")
                assert await ws.receive_str() == "hello"
            if scheme == "socks5":
                assert proxy.logins == [("user", "word")]
            else:
                assert logins(proxy) == [basic("user:word")]
                assert fields_of(proxy.heads[0])["X-A"] == b"1"


async def test_x_15_cookies_are_kept_and_sent_through_a_proxy(scripted, answering):
    response = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(response)) as proxy, drywire.ClientSession(proxy=proxy.url) as session:
        for url in ("http://name.invalid/", "http://name.invalid/", "http://other.invalid/"):
            await (await session.get(url)).read()
        assert [fields_of(head).get("Cookie") for head in proxy.heads] == [None, b"a=1", None]


# ProxyConnector


async def test_p_36_proxy_connector_is_deprecated_and_sends_everything_through_its_proxy(
    scripted, serving, mirror, server_tls, client_tls, environ
):
    """Differs: aiohttp has it no more. Documents show it, and what it did goes on to work."""
    async with scripted(forward) as proxy, mirror() as url, serving(telling(), ssl_context=server_tls) as secure:
        environ(http_proxy="http://proxy.invalid", https_proxy="http://proxy.invalid")
        with pytest.warns(DeprecationWarning, match=r"ClientSession\(proxy=\.\.\.\)"):
            connector = drywire.ProxyConnector(
                proxy=proxy.url, proxy_auth=basic_auth("user", "word"), limit=3, ssl=client_tls
            )
        assert isinstance(connector, drywire.TCPConnector)
        assert (connector.limit, connector.proxy) == (3, URL(proxy.url))
        async with drywire.ClientSession(connector=connector, trust_env=True) as session:
            assert (await asked(session.get(named(url) / "a"))).target == "/a"
            async with session.get(secure) as response:
                assert (await response.json())["target"] == "/"
        assert [head.split()[0] for head in proxy.heads] == [b"GET", b"CONNECT"]
        assert logins(proxy) == [basic("user:word")] * 2


async def test_p_36_a_proxy_of_the_session_or_the_request_goes_before_it(scripted, answering):
    async with scripted(answering()) as ours, scripted(answering()) as theirs:
        url = URL(ours.url).with_user("user").with_password("word")
        connector = drywire.ProxyConnector.from_url(url)
        async with drywire.ClientSession(connector=connector, proxy=theirs.url, connector_owner=False) as session:
            await (await session.get("http://name.invalid/")).read()
        async with drywire.ClientSession(connector=connector, connector_owner=False) as session:
            await (await session.get("http://name.invalid/", proxy=theirs.url)).read()
            await (await session.get("http://name.invalid/")).read()
            await (await session.get("http://name.invalid/", proxy_auth=basic_auth("x", "y"))).read()
        with pytest.raises(ValueError, match="which one is meant"):
            drywire.ClientSession(connector=connector, proxies={"http": theirs.url}, connector_owner=False)
        await connector.close()
        assert logins(theirs) == [None, None]
        assert logins(ours) == [basic("user:word"), basic("x:y")]


@pytest.mark.parametrize(
    ("scheme", "rdns", "host"),
    [
        ("socks5", None, "127.0.0.1"),
        ("socks5h", None, "localhost"),
        ("socks5", True, "localhost"),
        ("socks5h", False, "127.0.0.1"),
        ("socks4", True, "localhost"),
        ("socks4a", False, "127.0.0.1"),
    ],
)
async def test_p_36_from_url_takes_a_proxy_of_any_kind(scripted, mirror, scheme, rdns, host):
    async with scripted(socks()) as proxy, mirror() as url:
        connector = drywire.ProxyConnector.from_url(at(proxy, scheme), rdns=rdns, force_close=True)
        assert connector.force_close
        async with drywire.ClientSession(connector=connector) as session:
            assert (await asked(session.get(URL(url).with_host("localhost") / "a"))).target == "/a"
        assert proxy.asked == [(host, URL(url).port)]


@pytest.mark.parametrize("proxy", [None, "ftp://proxy.invalid", 1, "http://"])
def test_p_36_what_is_no_proxy_is_refused(proxy):
    with pytest.raises((TypeError, ValueError)):
        drywire.ProxyConnector.from_url(proxy)
    with pytest.warns(DeprecationWarning, match="ProxyConnector"), pytest.raises((TypeError, ValueError)):
        drywire.ProxyConnector(proxy)
