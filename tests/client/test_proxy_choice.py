"""Which proxy a request goes through, which login it takes there, and what is no proxy."""

import pytest
from yarl import URL

import drywire
from drywire import web

from .forwarding import basic, fields_of, forward, logins, named, targets, telling

NAMES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy")


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


@pytest.mark.parametrize("scheme", ["ftp", "socks6", "quic", ""])
async def test_a_proxy_of_another_kind_is_refused_and_never_spoken_to(scripted, answering, environ, scheme):
    async with scripted(answering()) as proxy:
        url = f"{scheme}://user:geheim@127.0.0.1:{proxy.port}".removeprefix("://")
        refused = pytest.raises(ValueError, match=r"(is not supported|needs a scheme): it is named as in")
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
                        with pytest.raises(ValueError, match=r"that the environment names - .* is not supported"):
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
