"""Rows C-01 to C-38: what a session is made with."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gzip
import json
import ssl
import warnings

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire_transports import run

from ..client.conftest import answering, scripted  # noqa: F401
from .mirror import asked, basic_auth, mirror  # noqa: F401

# Basic credentials of nobody:secret
CREDENTIALS = "Basic bm9ib2R5OnNlY3JldA=="


def response_of(*lines, body=b"ok"):
    """Return a response with these header lines, whole."""
    return b"".join((b"HTTP/1.1 200 OK\r\n", *lines, b"Content-Length: %d\r\n\r\n" % len(body), body))


async def zipped(request):
    return web.Response(body=gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"})


async def not_found(request):
    raise web.HTTPNotFound


async def test_c_01_a_session_is_an_async_context_manager_and_no_other():
    async with drywire.ClientSession() as session:
        assert not session.closed
        with pytest.raises(TypeError, match="Use async with instead"):
            with session:
                pass
        assert not session.closed
    assert session.closed


def test_c_02_a_session_can_be_made_before_there_is_a_loop():
    """Differs: the documents make sessions, connectors and jars at module level, which aiohttp refuses since 3.10."""
    connector = drywire.TCPConnector()
    session = drywire.ClientSession(connector=connector, cookie_jar=drywire.CookieJar())

    async def main():
        async with session:
            assert session.connector is connector

    run(main)
    assert session.closed


@pytest.mark.parametrize("kind", [str, URL], ids=["str", "URL"])
async def test_c_03_base_url_is_what_relative_urls_are_joined_to(mirror, kind):
    async with mirror() as url, drywire.ClientSession(kind(url + "/api/v1/")) as session:
        assert (await asked(session.get("bar"))).target == "/api/v1/bar"
        assert (await asked(session.get("/bar"))).target == "/bar"
        assert (await asked(session.get(URL("bar?a=1")))).target == "/api/v1/bar?a=1"


async def test_c_03_base_url_gives_way_to_an_absolute_url(mirror):
    async with mirror() as url, drywire.ClientSession("http://name.invalid/api/") as session:
        assert (await asked(session.get(url + "/elsewhere"))).target == "/elsewhere"


def test_c_03_base_url_must_be_absolute_and_end_in_a_slash():
    """Differs: a relative base is a ValueError like the other one, not an AssertionError."""
    with pytest.raises(ValueError, match="absolute"):
        drywire.ClientSession("/api/")
    with pytest.raises(ValueError, match="base_url must have a trailing '/'"):
        drywire.ClientSession("http://example.com/api")


async def test_c_04_connector_is_one_of_its_own_unless_one_is_given(scripted, answering):
    """Differs: a connector has no loop before its first request, so none can be the wrong one for the session."""
    async with drywire.ClientSession() as one, drywire.ClientSession() as other:
        assert type(one.connector) is drywire.TCPConnector
        assert one.connector is not other.connector
    connector = drywire.TCPConnector(force_close=True)
    async with scripted(answering()) as script, drywire.ClientSession(connector=connector) as session:
        assert session.connector is connector
        for _ in range(2):
            await (await session.get(script.url)).read()
        assert script.connections == 2
    assert connector.closed


async def test_c_05_connector_owner_says_whether_the_connector_is_closed_with_the_session(scripted, answering):
    async with scripted(answering()) as script, drywire.TCPConnector() as connector:
        for _ in range(2):
            async with drywire.ClientSession(connector=connector, connector_owner=False) as session:
                await (await session.get(script.url)).read()
            assert not connector.closed
        assert script.connections == 1


async def test_c_06_loop_is_accepted_and_ignored(mirror):
    async with mirror() as url, drywire.ClientSession(loop=None) as session:
        assert (await asked(session.get(url))).method == "GET"


async def test_c_07_cookies_are_shared_by_every_host(mirror):
    async with mirror() as url, drywire.ClientSession(cookies={"a": "1", "b": "2"}) as session:
        for host in ("127.0.0.1", "localhost"):
            seen = await asked(session.get(URL(url).with_host(host)))
            assert seen.headers.getall("Cookie") == ["a=1; b=2"]
        assert len(session.cookie_jar) == 2


@pytest.mark.parametrize("own", [None, {"X-Own": "1"}], ids=["alone", "with another"])
async def test_c_07_cookies_join_a_cookie_header(mirror, own):
    async with mirror() as url, drywire.ClientSession(headers={"Cookie": "a=1"}, cookies={"b": "2"}) as session:
        seen = await asked(session.get(url, headers=own))
        assert seen.headers.getall("Cookie") == ["a=1; b=2"]


async def test_c_08_headers_are_copied_and_a_request_replaces_those_of_the_same_name(mirror):
    given = {"X-Kept": "1", "X-Replaced": "2"}
    async with mirror() as url, drywire.ClientSession(headers=given) as session:
        given["X-Kept"] = "changed"
        seen = await asked(session.get(url, headers=[("x-replaced", "3"), ("x-replaced", "4"), ("X-New", "5")]))
        assert seen.headers.getall("X-Kept") == ["1"]
        assert seen.headers.getall("X-Replaced") == ["3", "4"]
        assert seen.headers.getall("X-New") == ["5"]
        assert (await asked(session.get(url))).headers.getall("X-Replaced") == ["2"]


async def test_c_09_proxy_may_be_a_str_or_a_url():
    for proxy in ("http://proxy.invalid:8080", URL("http://proxy.invalid:8080"), None):
        async with drywire.ClientSession(proxy=proxy) as session:
            assert not session.closed


async def test_c_09_proxy_is_what_requests_go_through_unless_they_name_another(scripted, answering):
    async with scripted(answering()) as proxy, scripted(answering()) as other:
        async with drywire.ClientSession(proxy=proxy.url) as session:
            await (await session.get("http://name.invalid/one")).read()
            await (await session.get("http://name.invalid/two", proxy=URL(other.url))).read()
        assert [head.split()[1] for head in proxy.heads] == [b"http://name.invalid/one"]
        assert [head.split()[1] for head in other.heads] == [b"http://name.invalid/two"]


async def test_c_10_proxy_auth_is_accepted():
    """Differs: it is not deprecated here: RFC 7617 is in force, and BasicAuth says it well."""
    session = drywire.ClientSession(proxy="http://proxy.invalid", proxy_auth=basic_auth("nobody", "secret"))
    await session.close()


async def test_c_10_proxy_auth_is_sent_to_the_proxy(scripted, answering):
    async with scripted(answering()) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, proxy_auth=basic_auth("nobody", "secret")) as session:
            await (await session.get("http://name.invalid/")).read()
        assert f"\r\nProxy-Authorization: {CREDENTIALS}\r\n".encode() in proxy.heads[0]


async def test_c_11_proxy_headers_are_accepted():
    """Differs: aiohttp's documents show ``ClientSession(proxy_headers=...)``, which its code refuses."""
    async with drywire.ClientSession(proxy="http://proxy.invalid", proxy_headers={"X-For-Proxy": "1"}) as session:
        assert not session.closed


async def test_c_11_proxy_headers_of_a_session_are_sent_to_its_proxy(scripted, answering):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(refusal)) as proxy:
        async with drywire.ClientSession(proxy=proxy.url, proxy_headers={"X-For-Proxy": "1"}) as session:
            with pytest.raises(drywire.ClientHttpProxyError):
                await session.get("https://name.invalid/")
        assert b"\r\nX-For-Proxy: 1\r\n" in proxy.heads[0]


async def test_c_12_proxies_may_be_given_by_scheme():
    """Differs: the documents of 2.3 to 3.0 list ``proxies``, which no release took: it is taken here."""
    proxies = {"http": "http://proxy.invalid", "https": URL("http://proxy.invalid"), "ws": None}
    async with drywire.ClientSession(proxies=proxies) as session:
        assert not session.closed


async def test_c_12_proxies_maps_schemes_to_proxies(scripted, answering):
    async with scripted(answering()) as proxy:
        async with drywire.ClientSession(proxies={"http": proxy.url, "https": "http://name.invalid"}) as session:
            await (await session.get("http://name.invalid/one")).read()
        assert proxy.heads[0].split()[1] == b"http://name.invalid/one"


async def test_c_13_skip_auto_headers_leaves_out_all_but_host_and_content_length(mirror):
    names = ["User-Agent", "content-type", "Accept", "Accept-Encoding", "Host", "Content-Length"]
    async with mirror() as url, drywire.ClientSession(skip_auto_headers=names) as session:
        seen = await asked(session.post(url, data=b"body"))
        assert {name.lower() for name in seen.headers} == {"host", "content-length"}


async def test_c_14_auth_stays_at_the_origin_of_base_url(mirror):
    """Differs: it is not deprecated here: RFC 7617 is in force, and BasicAuth says it well."""
    async with mirror() as url, mirror() as elsewhere:
        async with drywire.ClientSession(url + "/", auth=basic_auth("nobody", "secret")) as session:
            assert (await asked(session.get("a"))).headers["Authorization"] == CREDENTIALS
            assert "Authorization" not in (await asked(session.get(elsewhere))).headers


async def test_c_14_auth_goes_everywhere_without_a_base_url(mirror):
    async with drywire.ClientSession(auth=basic_auth("nobody", "secret")) as session, mirror() as url:
        assert (await asked(session.get(url))).headers["Authorization"] == CREDENTIALS


async def test_c_14_auth_is_not_told_to_another_origin_by_a_redirect(mirror):
    """Differs: aiohttp sends the session's login to whatever server a redirect leads to."""
    async with mirror() as elsewhere:

        async def leave(request):
            raise web.HTTPFound(elsewhere + "/landed")

        session = drywire.ClientSession(auth=basic_auth("nobody", "secret"))
        async with mirror(web.get("/leave", leave)) as url, session:
            seen = await asked(session.get(url + "/leave"))
            assert (seen.target, seen.headers.get("Authorization")) == ("/landed", None)


async def test_c_15_json_serialize_makes_the_body_of_json(mirror):
    async with mirror() as url:
        async with drywire.ClientSession() as session:
            assert (await asked(session.post(url, json={"a": "\u00e9"}))).body == b'{"a": "\\u00e9"}'
        async with drywire.ClientSession(json_serialize=lambda value: f"<{value}>") as session:
            seen = await asked(session.post(url, json="\u00e9"))
            assert (seen.body, seen.headers["Content-Type"]) == ("<\u00e9>".encode(), "application/json")


async def test_c_16_json_serialize_bytes_goes_before_json_serialize(mirror):
    def never(value):
        raise AssertionError("json_serialize was called")

    def to_bytes(value):
        return json.dumps(value, separators=(",", ":")).encode()

    async with mirror() as url:
        async with drywire.ClientSession(json_serialize=never, json_serialize_bytes=to_bytes) as session:
            seen = await asked(session.post(url, json={"a": 1}))
            assert (seen.body, seen.headers["Content-Type"]) == (b'{"a":1}', "application/json")


async def test_c_17_request_class_is_what_requests_are_made_of(mirror):
    class Mine(drywire.ClientRequest):
        pass

    seen = []

    async def look(request, handler):
        seen.append(type(request))
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(request_class=Mine, middlewares=[look]) as session:
        await asked(session.get(url))
        await asked(session.post(url, json={}))
    assert seen == [Mine, Mine]


async def test_c_18_response_class_is_what_responses_are_made_of(mirror):
    class Mine(drywire.ClientResponse):
        async def shout(self):
            return (await self.text()).upper()

    async with mirror() as url, drywire.ClientSession(response_class=Mine) as session:
        async with session.get(url) as response:
            assert type(response) is Mine
            assert '"METHOD": "GET"' in await response.shout()


async def test_c_19_ws_response_class_is_what_web_sockets_are_made_of(mirror):
    class Mine(drywire.ClientWebSocketResponse):
        pass

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for _ in ws:
            pass
        return ws

    async with mirror(web.get("/ws", handler)) as url, drywire.ClientSession(ws_response_class=Mine) as session:
        async with session.ws_connect(url + "/ws") as ws:
            assert type(ws) is Mine


async def test_c_20_version_is_written_on_the_request_line(mirror):
    async with mirror() as url:
        async with drywire.ClientSession() as session:
            assert (await asked(session.get(url))).version == [1, 1]
        async with drywire.ClientSession(version=drywire.HttpVersion10) as session:
            assert (await asked(session.get(url))).version == [1, 0]


async def test_c_21_cookie_jar_is_the_one_given_or_one_of_its_own(mirror):
    async def bake(request):
        return web.Response(headers={"Set-Cookie": "a=1; Path=/"})

    async with mirror(web.get("/bake", bake)) as url:
        jar = drywire.CookieJar(unsafe=True)
        async with drywire.ClientSession(cookie_jar=jar) as one, drywire.ClientSession() as other:
            assert one.cookie_jar is jar
            assert type(other.cookie_jar) is drywire.CookieJar
            await (await one.get(url + "/bake")).read()
            assert (await asked(one.get(url))).headers["Cookie"] == "a=1"
            assert "Cookie" not in (await asked(other.get(url))).headers
        async with drywire.ClientSession(cookie_jar=drywire.DummyCookieJar()) as none:
            await (await none.get(url + "/bake")).read()
            assert "Cookie" not in (await asked(none.get(url))).headers


async def test_c_22_raise_for_status_raises_after_redirects_unless_the_request_says_otherwise(mirror):
    async def moved(request):
        raise web.HTTPFound("/gone")

    async with mirror(web.get("/moved", moved), web.get("/gone", not_found)) as url:
        async with drywire.ClientSession() as session:
            async with session.get(url + "/gone") as response:
                assert response.status == 404
        async with drywire.ClientSession(raise_for_status=True) as session:
            with pytest.raises(drywire.ClientResponseError) as caught:
                await session.get(url + "/moved")
            assert (caught.value.status, caught.value.request_info.url) == (404, URL(url + "/gone"))
            async with session.get(url + "/gone", raise_for_status=False) as response:
                assert response.status == 404


async def test_c_22_raise_for_status_may_be_a_coroutine_function(mirror):
    seen = []

    async def check(response):
        seen.append(response.status)
        if response.status == 404:
            raise LookupError(await response.text())

    async with mirror(web.get("/gone", not_found)) as url, drywire.ClientSession(raise_for_status=check) as session:
        await asked(session.get(url))
        with pytest.raises(LookupError, match="Not Found"):
            await session.get(url + "/gone")
    assert seen == [200, 404]


async def test_c_23_read_timeout_is_deprecated_and_sets_the_total():
    for value in (7, None):
        with pytest.warns(DeprecationWarning, match="read_timeout"):
            session = drywire.ClientSession(read_timeout=value)
        async with session:
            assert session.timeout.total == value
    with warnings.catch_warnings(action="ignore"), pytest.raises(ValueError, match="timeout"):
        drywire.ClientSession(timeout=drywire.ClientTimeout(total=1), read_timeout=7)


async def test_c_24_conn_timeout_is_deprecated_and_limits_connecting():
    with pytest.warns(DeprecationWarning, match="conn_timeout"):
        session = drywire.ClientSession(conn_timeout=7)
    async with session:
        assert session.timeout.connect == 7


async def test_c_25_timeout_is_five_minutes_unless_given():
    async with drywire.ClientSession() as unset, drywire.ClientSession(timeout=None) as none:
        for session in (unset, none):
            assert session.timeout == drywire.ClientTimeout(total=300, sock_connect=30)
    given = drywire.ClientTimeout(sock_read=5)
    async with drywire.ClientSession(timeout=given) as session:
        assert session.timeout == given


async def test_c_26_timeout_may_be_a_number_of_seconds_in_all(scripted):
    """Differs: a document teaches ``ClientSession(timeout=10)``, which aiohttp refuses."""

    async def talk(peer, script):
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession(timeout=0.05) as session:
        assert session.timeout.total == 0.05
        with pytest.raises(TimeoutError):
            await session.get(script.url)


async def test_c_27_auto_decompress_off_leaves_the_body_as_it_came(mirror):
    async with mirror(web.get("/zipped", zipped)) as url:
        for decompress in (True, False):
            async with drywire.ClientSession(auto_decompress=decompress) as session:
                async with session.get(url + "/zipped") as response:
                    body = await response.read()
                    assert response.headers["Content-Encoding"] == "gzip"
                    assert (body if decompress else gzip.decompress(body)) == b"plain"


async def test_c_28_trust_env_takes_logins_from_the_netrc_file(mirror, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login nobody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("http_proxy", raising=False)
    async with mirror() as url:
        async with drywire.ClientSession() as session:
            assert session.trust_env is False
            assert "Authorization" not in (await asked(session.get(url))).headers
        async with drywire.ClientSession(trust_env=True) as session:
            assert (await asked(session.get(url))).headers["Authorization"] == CREDENTIALS


async def test_c_28_trust_env_takes_proxies_from_the_environment(scripted, answering, mirror, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(answering()) as proxy, mirror() as url:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with drywire.ClientSession() as session:
            assert not session.trust_env
            assert (await asked(session.get(url + "/direct"))).target == "/direct"
        async with drywire.ClientSession(trust_env=True) as session:
            await (await session.get("http://name.invalid/one")).read()
        assert [head.split()[1] for head in proxy.heads] == [b"http://name.invalid/one"]


@pytest.mark.parametrize(("requote", "target"), [(True, "/0"), (False, "/%30")])
async def test_c_29_requote_redirect_url_off_takes_location_to_the_letter(mirror, requote, target):
    async def moved(request):
        return web.Response(status=302, headers={"Location": "/%30"})

    async with mirror(web.get("/moved", moved)) as url:
        async with drywire.ClientSession(requote_redirect_url=requote) as session:
            assert (await asked(session.get(url + "/moved"))).target == target


async def test_c_30_trace_configs_are_frozen_and_told_of_requests(mirror):
    seen = []

    async def on_start(session, context, params):
        seen.append((session, params.method, params.url))

    trace = drywire.TraceConfig()
    trace.on_request_start.append(on_start)
    async with mirror() as url, drywire.ClientSession(trace_configs=[trace]) as session:
        with pytest.raises(RuntimeError):
            trace.on_request_start.append(on_start)
        await asked(session.get(url))
        assert seen == [(session, "GET", URL(url))]


async def test_c_31_read_bufsize_is_what_is_read_ahead_of_the_reader(mirror):
    async with mirror() as url:
        async with drywire.ClientSession() as session, session.get(url) as response:
            assert response.content.get_read_buffer_limits() == (2**18, 2**19)
        async with drywire.ClientSession(read_bufsize=1024) as session, session.get(url) as response:
            assert response.content.get_read_buffer_limits() == (1024, 2048)


@pytest.fixture
def answered(scripted, answering):
    """``await answered(answer, **settings)``: the status that a session of these settings makes of an answer."""

    async def status_of(answer, **settings):
        async with scripted(answering(answer)) as script, drywire.ClientSession(**settings) as session:
            try:
                async with session.get(script.url) as response:
                    assert await response.read() == b"ok"
                    return response.status
            except drywire.ClientResponseError as error:
                return error.status

    return status_of


async def test_c_32_max_line_size_bounds_the_status_line(answered):
    def answer(size):
        return b"HTTP/1.1 200 ".ljust(size, b"x") + b"\r\nContent-Length: 2\r\n\r\nok"

    assert await answered(answer(8100)) == 200
    assert await answered(answer(8300)) == 400
    assert await answered(answer(8300), max_line_size=9000) == 200
    assert await answered(answer(300), max_line_size=200) == 400


async def test_c_33_max_field_size_bounds_a_header(answered):
    def answer(size):
        return response_of(b"X-A: ".ljust(size, b"x") + b"\r\n")

    assert await answered(answer(8100)) == 200
    assert await answered(answer(8300)) == 400
    assert await answered(answer(8300), max_field_size=9000) == 200
    assert await answered(answer(300), max_field_size=200) == 400


async def test_c_34_max_headers_bounds_their_number(answered):
    def answer(number):
        return response_of(*[b"X-%d: 1\r\n" % number for number in range(number)])

    assert await answered(answer(120)) == 200
    assert await answered(answer(140)) == 400
    assert await answered(answer(140), max_headers=150) == 200
    assert await answered(answer(20), max_headers=10) == 400


async def test_c_35_fallback_charset_resolver_names_the_charset_that_nobody_said(scripted, answering):
    asked_for = []

    def resolve(response, body):
        asked_for.append((response.status, body))
        return "koi8-r"

    text = "\u043f\u0440\u0438\u0432\u0435\u0442"
    async with scripted(answering(response_of(body=text.encode("koi8-r")))) as script:
        async with drywire.ClientSession(fallback_charset_resolver=resolve) as session:
            async with session.get(script.url) as response:
                assert await response.text() == text
    assert asked_for == [(200, text.encode("koi8-r"))]
    async with scripted(answering(response_of(body="\u00e9".encode()))) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert await response.text() == "\u00e9"


async def test_c_36_middlewares_stand_around_each_request(mirror):
    async def sign(request, handler):
        request.headers["X-Signed"] = request.method
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=(sign,)) as session:
        assert (await asked(session.get(url))).headers["X-Signed"] == "GET"
        assert (await asked(session.post(url))).headers["X-Signed"] == "POST"


async def test_c_37_ssl_shutdown_timeout_is_deprecated_and_accepted():
    with pytest.warns(DeprecationWarning, match="ssl_shutdown_timeout"):
        session = drywire.ClientSession(ssl_shutdown_timeout=1)
    async with session:
        assert not session.closed


async def test_c_38_ssl_is_the_default_of_its_requests(serving, server_tls, client_tls):
    """Differs: the session takes ``ssl`` too, which aiohttp has on a branch only."""

    async def hello(request):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app, ssl_context=server_tls) as url, drywire.ClientSession(ssl=client_tls) as session:
        async with session.get(url) as response:
            assert await response.text() == "hello"
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(url, ssl=ssl.create_default_context())
