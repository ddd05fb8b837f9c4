"""The examples of seed-000, a Chinese rendering of the documents of aiohttp 2.3.

Of each code block that page has kept the first line only. Where more belongs to it, what follows is the rest of the
same block in seed-001 or seed-004, which render the same documents.
"""

import hashlib
import ssl
import zlib

import pytest
from yarl import URL

import drywire

from ..client.forwarding import basic, logins, targets
from .internet import COMMANDS, EVENTS
from .playing import run_or_left_out
from .signatures import defaults_in

LEFT_OUT = {
    "S0-01": "commands of a shell",
    "S0-02": "the language, not aiohttp: async def beside yield from",
    "S0-03": "its text is lost but for a comment",
    "S0-04": "its text is lost but for a comment",
}


def test_each_example_is_run_or_left_out():
    run_or_left_out(LEFT_OUT, "S0", 49)


# Signatures: all that they list is taken, with the defaults that they say.


@pytest.fixture
async def cookies(play):
    """A session that has visited httpbin.org, where it got two cookies."""
    async with drywire.ClientSession() as session:
        async with session.get(play.url + "/cookies/set?one=1&two=2"):
            yield session


async def test_s0_05_client_session_signature(internet):
    line = """
        class aiohttp.ClientSession(*, connector=None, loop=None, cookies=None, headers=None, skip_auto_headers=None, auth=None, json_serialize=json.dumps, version=aiohttp.HttpVersion11, cookie_jar=None, read_timeout=None, conn_timeout=None, raise_for_status=False, connector_owner=True, auto_decompress=True, proxies=None):
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 15
    with pytest.warns(DeprecationWarning, match=r"read_timeout|conn_timeout"):
        session = drywire.ClientSession(**defaults)
    async with session:
        assert session.timeout.total is None
        async with session.get(internet.url + "/get") as resp:
            assert resp.status == 200


async def test_s0_05_client_session_timeouts():
    with pytest.warns(DeprecationWarning, match=r"read_timeout|conn_timeout"):
        session = drywire.ClientSession(read_timeout=5 * 60, conn_timeout=7.0)
    async with session:
        assert (session.timeout.total, session.timeout.connect) == (300, 7.0)


async def test_s0_05_client_session_proxies(internet):
    async with drywire.ClientSession(proxies={"http": internet.url}) as session:
        async with session.get("http://name.invalid/get") as resp:
            assert resp.status == 200
    assert internet.last.target == "http://name.invalid/get"


async def first_words(connecting):
    async with connecting as ws:
        return await ws.receive_str()


async def test_s0_06_ws_connect_signature(internet):
    # Slip: the document calls it a class; it is a function of the module, and a method of sessions.
    line = """
        class ws_connect(url, *, protocols=(), timeout=10.0, receive_timeout=None, auth=None, autoclose=True, autoping=True, heartbeat=None, origin=None, proxy=None, proxy_auth=None, verify_ssl=None, fingerprint=None, ssl_context=None, proxy_headers=None, compress=0):
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 15
    async with drywire.ClientSession() as session:
        for connect in (session.ws_connect, drywire.ws_connect):
            with pytest.warns(DeprecationWarning, match="timeout"):
                said = await first_words(connect(internet.url + "/websocket", **defaults))
            assert said == COMMANDS[0]


def test_s0_10_cookie_jar_signature():
    # Slip: the document calls loop a bool. That the response's URL may be a text is from its list of methods.
    defaults = defaults_in("class aiohttp.CookieJar(*, unsafe=False, loop=None)")
    assert defaults == {"unsafe": False, "loop": None}
    jar = drywire.CookieJar(**defaults)
    assert not jar.unsafe
    for address, kept in (("http://127.0.0.1/", False), ("http://example.com/", True)):
        jar.update_cookies({"a": "1"}, response_url=address)
        assert (len(jar) == 1) is kept


async def test_s0_11_len_of_the_jar(play, cookies):
    played = await play(">>> len(session.cookie_jar)\n2", session=cookies)
    assert played.values == [(2, "2")]


async def test_s0_12_iterate_over_the_jar(play, cookies):
    played = await play(
        """
        for cookie in session.cookie_jar:
            print(cookie.key)
            print(cookie["domain"])
        """,
        session=cookies,
    )
    assert played.said == "one\nlocalhost\ntwo\nlocalhost\n"


def test_s0_13_dummy_cookie_jar(script_anywhere, internet):
    assert defaults_in("class aiohttp.DummyCookieJar(*, loop=None)") == {"loop": None}
    # Slip: the second line lacks the module's name, and makes a second jar.
    played = script_anywhere(
        """
        jar = aiohttp.DummyCookieJar()
        session = aiohttp.ClientSession(cookie_jar=DummyCookieJar())
        """,
        DummyCookieJar=drywire.DummyCookieJar,
    )
    assert type(played["jar"]) is drywire.DummyCookieJar

    async def visit():
        async with played["session"] as session:
            async with session.get(internet.url + "/cookies/set?my_cookie=my_value") as resp:
                assert await resp.json() == {"cookies": {}}

    script_anywhere.run(visit)


async def test_s0_14_request_signature(internet, session):
    line = """
        def session.request(method, url, *, params=None, data=None, json=None, headers=None, skip_auto_headers=None, auth=None, allow_redirects=True, max_redirects=10, compress=None, chunked=None, expect100=False, read_until_eof=True, proxy=None, proxy_auth=None, timeout=5*60, verify_ssl=None, fingerprint=None, ssl_context=None, proxy_headers=None):
    """  # noqa: E501
    defaults = defaults_in(line)
    assert len(defaults) == 19
    async with session.request("GET", internet.url + "/cookies/set?a=1", **defaults) as resp:
        assert await resp.json() == {"cookies": {"a": "1"}}


async def test_s0_15_get_signature(internet, session):
    assert defaults_in("def session.get(url, *, allow_redirects=True, **kwargs):") == {"allow_redirects": True}
    async with session.get(internet.url + "/some/redirect/", allow_redirects=True, timeout=60) as resp:
        assert (resp.status, resp.url.path) == (200, "/some/other/url/")
    async with session.get(internet.url + "/some/redirect/", allow_redirects=False, timeout=60) as resp:
        assert (resp.status, resp.url.path) == (301, "/some/redirect/")


# Requests


async def test_s0_16_first_request(play):
    played = await play(
        """
        import drywire as aiohttp

        async with aiohttp.ClientSession() as session:
            async with session.get('https://api.github.com/events') as resp:
                print(resp.status)
                print(await resp.text())
        """
    )
    assert played.said == f"200\n{EVENTS}\n"


async def test_s0_17_types(play, session):
    async with session.get(play.url + "/get") as resp:
        played = await play(
            """
            print(type(session)) # <class 'aiohttp.client.ClientSession'>
            print(type(resp)) # <class 'aiohttp.client_reqrep.ClientResponse'>
            """,
            session=session,
            resp=resp,
        )
    # The classes are drywire's, so the modules are, too.
    first, second = played.said.splitlines()
    assert first.startswith("<class 'drywire")
    assert first.endswith(".ClientSession'>")
    assert second.startswith("<class 'drywire")
    assert second.endswith(".ClientResponse'>")


async def test_s0_18_post(play, internet, session):
    # Slip: the document does not await it.
    played = await play("resp = await session.post('http://httpbin.org/post', data=b'data')", session=session)
    assert (internet.last.method, internet.last.target, internet.last.body) == ("POST", "/post", b"data")
    assert (await played["resp"].json())["data"] == "data"


async def test_s0_19_json_request(play, internet):
    # The rest is that of S4-07, with the URL that is missing there.
    await play(
        """
        async with aiohttp.ClientSession() as session:
            async with session.post('http://httpbin.org/post', json={'test': 'object'}):
                pass
        """
    )
    assert internet.last.headers["Content-Type"] == "application/json"
    assert internet.last.json == {"test": "object"}


async def test_s0_20_params(play, internet, session):
    await play(
        """
        params = {'key1': 'value1', 'key2': 'value2'}
        async with session.get('http://httpbin.org/get',
                               params=params) as resp:
            assert str(resp.url) == 'http://httpbin.org/get?key1=value1&key2=value2'

        params = [('key', 'value1'), ('key', 'value2')]
        async with session.get('http://httpbin.org/get',
                               params=params) as r:
            assert str(r.url) == 'http://httpbin.org/get?key=value1&key=value2'
        """,
        session=session,
    )
    assert [seen.target for seen in internet.seen] == ["/get?key1=value1&key2=value2", "/get?key=value1&key=value2"]


async def test_s0_21_encoded_url(play, internet, session):
    await play("await session.get(URL('http://example.com/%30', encoded=True))", session=session, URL=URL)
    await play("await session.get(URL('http://example.com/%30'))", session=session, URL=URL)
    assert [seen.target for seen in internet.seen] == ["/%30", "/0"]


async def test_s0_22_url_is_encoded(play, internet, session):
    # Slip: what it becomes has a "/" more in the document, before the 0.
    await play(
        """
        url = URL('http://example.com/путь%30?a=%31')
        assert url == URL('http://example.com/%D0%BF%D1%83%D1%82%D1%8C0?a=1', encoded=True)
        await session.get(url)
        """,
        session=session,
        URL=URL,
    )
    assert internet.last.target == "/%D0%BF%D1%83%D1%82%D1%8C0?a=1"


async def test_s0_23_text(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            print(resp.status)
            print(await resp.text())
        """,
        session=session,
    )
    assert played.said == f"200\n{EVENTS}\n"


async def test_s0_24_content_read(play, session):
    played = await play(
        """
        async with session.get('https://api.github.com/events') as resp:
            first = await resp.content.read(10)
        """,
        session=session,
    )
    assert played["first"] == EVENTS[:10].encode()


async def test_s0_25_headers(play, internet, session):
    await play(
        """
        import json
        url = 'https://api.github.com/some/endpoint'
        payload = {'some': 'data'}
        headers = {'content-type': 'application/json'}

        await session.post(url,
                           data=json.dumps(payload),
                           headers=headers)
        """,
        session=session,
    )
    assert internet.last.headers.getall("Content-Type") == ["application/json"]
    assert internet.last.json == {"some": "data"}


async def test_s0_26_cookies(play):
    await play(
        """
        url = 'http://httpbin.org/cookies'
        cookies = {'cookies_are': 'working'}
        async with ClientSession(cookies=cookies) as session:
            async with session.get(url) as resp:
                assert await resp.json() == {
                   "cookies": {"cookies_are": "working"}}
        """,
        ClientSession=drywire.ClientSession,
    )


async def test_s0_27_cookies_of_a_response(play, session):
    played = await play(
        """
        async with session.get(url) as resp:
            print(resp.cookies['example_cookie_name'])
        """,
        session=session,
        url=play.url + "/some/cookie/setting/url",
    )
    assert played.said == "Set-Cookie: example_cookie_name=example; Path=/\n"


async def test_s0_28_multipart_files(play, internet, session, tmp_path):
    (tmp_path / "report.xls").write_bytes(b"\xd0\xcf rows")
    await play(
        """
        url = 'http://httpbin.org/post'
        files = {'file': open('report.xls', 'rb')}

        await session.post(url, data=files)
        """,
        session=session,
    )
    assert internet.last.parts == [("file", "report.xls", "application/vnd.ms-excel", b"\xd0\xcf rows")]


async def test_s0_28_multipart_file_with_name_and_type(play, internet, session, tmp_path):
    (tmp_path / "report.xls").write_bytes(b"\xd0\xcf rows")
    await play(
        """
        url = 'http://httpbin.org/post'
        data = FormData()
        data.add_field('file',
                       open('report.xls', 'rb'),
                       filename='report.xls',
                       content_type='application/vnd.ms-excel')

        await session.post(url, data=data)
        """,
        session=session,
        FormData=drywire.FormData,
    )
    assert internet.last.parts == [("file", "report.xls", "application/vnd.ms-excel", b"\xd0\xcf rows")]


async def test_s0_29_streaming_upload(play, internet, session, tmp_path):
    body = bytes(range(256)) * 4096
    (tmp_path / "massive-body").write_bytes(body)
    await play(
        """
        with open('massive-body', 'rb') as f:
            await session.post('http://some.url/streamed', data=f)
        """,
        session=session,
    )
    assert internet.last.headers["Content-Length"] == str(len(body))
    assert hashlib.sha256(internet.last.body).digest() == hashlib.sha256(body).digest()


async def test_s0_30_streamer(play, internet, session, tmp_path):
    body = bytes(range(256)) * 1024
    (tmp_path / "huge_file").write_bytes(body)
    await play(
        """
        @aiohttp.streamer
        def file_sender(writer, file_name=None):
            with open(file_name, 'rb') as f:
                chunk = f.read(2**16)
                while chunk:
                    yield from writer.write(chunk)
                    chunk = f.read(2**16)

        async with session.post('http://httpbin.org/post',
                                data=file_sender(file_name='huge_file')) as resp:
            print(await resp.text())
        """,
        session=session,
        deprecated="streamer",
    )
    assert internet.last.headers["Transfer-Encoding"] == "chunked"
    assert internet.last.body == body


async def test_s0_31_compressed_upload(play, wire, session):
    async with wire() as taken:
        played = await play(
            """
            async def my_coroutine(session, headers, my_data):
                data = zlib.compress(my_data)
                headers = {'Content-Encoding': 'deflate'}
                async with session.post('http://httpbin.org/post',
                                        data=data,
                                        headers=headers):
                    pass
            """,
            zlib=zlib,
            at=taken.url,
        )
        await played["my_coroutine"](session, {}, b"my data" * 100)
    assert b"\r\nContent-Encoding: deflate\r\n" in taken.head
    assert zlib.decompress(taken.body) == b"my data" * 100


# Sessions: cookies, headers, jars


async def test_s0_32_cookies_are_shared(play):
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


async def test_s0_32_headers_of_a_session(play):
    await play(
        """
        async with aiohttp.ClientSession(headers={"Authorization": "Basic bG9naW46cGFzcw=="}) as session:
            async with session.get("http://httpbin.org/headers") as r:
                json_body = await r.json()
                assert json_body['headers']['Authorization'] == \\
                    'Basic bG9naW46cGFzcw=='
        """
    )


def test_s0_33_unsafe_cookie_jar(script_anywhere, internet):
    played = script_anywhere(
        """
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(cookie_jar=jar)
        """
    )
    assert script_anywhere.run(cookies_of_an_address, played["session"], internet) == {"my_cookie": "my_value"}


async def cookies_of_an_address(session, internet):
    """Return the cookies that `session` sends after http://127.0.0.1/ has set one."""
    async with session:
        url = URL(internet.url).with_host("127.0.0.1")
        async with session.get(url / "cookies/set" % {"my_cookie": "my_value"}) as resp:
            return (await resp.json())["cookies"]


def test_s0_34_dummy_cookie_jar(script_anywhere, internet):
    played = script_anywhere(
        """
        jar = aiohttp.DummyCookieJar()
        session = aiohttp.ClientSession(cookie_jar=jar)
        """
    )
    assert script_anywhere.run(cookies_of_an_address, played["session"], internet) == {}


# Connectors, TLS, proxies


async def test_s0_35_limits_of_a_connector(play):
    played = await play("conn = aiohttp.TCPConnector(limit=30)")
    assert (played["conn"].limit, played["conn"].limit_per_host) == (30, 0)
    played = await play("conn = aiohttp.TCPConnector(limit_per_host=30)")
    assert (played["conn"].limit, played["conn"].limit_per_host) == (100, 30)


async def test_s0_36_nameservers(play, internet, dns_server):
    # Only the import is left of it; the rest is that of S1-28.
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


async def test_s0_37_no_verification(play, internet, session, server_tls):
    with internet.secured(server_tls) as url:
        played = await play(
            "r = await session.get('https://example.com', verify_ssl=False)",
            session=session,
            at=url,
            deprecated="verify_ssl",
        )
        assert played["r"].status == 200
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(url)


async def test_s0_38_own_authorities(play, internet, session, server_tls, ca_bundle):
    with internet.secured(server_tls) as url:
        played = await play(
            """
            sslcontext = ssl.create_default_context(cafile='/path/to/ca-bundle.crt')
            r = await session.get('https://example.com', ssl_context=sslcontext)
            """,
            session=session,
            ssl=ssl,
            at=url,
            shortened=[("/path/to/ca-bundle.crt", str(ca_bundle))],
            deprecated="ssl_context",
        )
    assert played["r"].status == 200


async def test_s0_39_proxy(play, internet, proxy):
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


async def test_s0_39_proxy_auth(play, internet, proxy):
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


async def test_s0_39_trust_env(play, proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    example = """
        async with aiohttp.ClientSession() as session:
            async with session.get("http://python.org", trust_env=True) as resp:
                print(resp.status)
        """
    assert (await play(example)).said == "200\n"
    assert len(proxy.heads) == 1
    # That it does not read the environment unasked, the document says itself.
    assert (await play(example, shortened=[(", trust_env=True", "")])).said == "200\n"
    assert len(proxy.heads) == 1


async def test_s0_40_proxy_connector(play, internet, proxy):
    played = await play(
        """
        conn = aiohttp.ProxyConnector(proxy="http://some.proxy.com")
        """,
        shortened=[("some.proxy.com", proxy.address)],
        deprecated="ProxyConnector",
    )
    async with drywire.ClientSession(connector=played["conn"]) as session:
        async with session.get(f"{internet.url}/get") as response:
            assert response.status == 200
    assert targets(proxy) == [f"{internet.url}/get".encode()]
