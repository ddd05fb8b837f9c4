"""Rows C2-01 to C2-03 and C2-16 to C2-35: the query, headers, cookies, redirects, limits and TLS of a request."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import gzip
import hashlib
import ssl

import pytest
from multidict import CIMultiDict, MultiDict
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..client.conftest import answering, scripted  # noqa: F401
from .mirror import asked, basic_auth, mirror  # noqa: F401

# Basic credentials of nobody:secret
CREDENTIALS = "Basic bm9ib2R5OnNlY3JldA=="


async def hello(request):
    return web.Response(text="hello")


async def not_found(request):
    raise web.HTTPNotFound


async def moved(request):
    raise web.HTTPFound("/landed")


async def zipped(request):
    return web.Response(body=gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"z": "1", "a": "2"}, "z=1&a=2"),
        (MultiDict([("a", "1"), ("b", "2"), ("a", "3")]), "a=1&b=2&a=3"),
        ([("b", "1"), ("a", "2")], "b=1&a=2"),
        ({"int": 7, "float": 1.5}, "int=7&float=1.5"),
        ({"a": ["1", "2"]}, "a=1&a=2"),
        ({"q": "a b+c&d\u00e9"}, "q=a+b%2Bc%26d%C3%A9"),
        ("a=1+2&b", "a=1+2&b"),
    ],
    ids=["dict", "MultiDict", "pairs", "numbers", "sequence", "quoting", "str"],
)
async def test_c2_01_params_become_the_query_in_their_order(mirror, params, query):
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/x", params=params))).target == "/x?" + query


async def test_c2_01_params_join_the_query_that_the_url_has(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/x?a=1", params={"b": "2"}))).target == "/x?a=1&b=2"


@pytest.mark.parametrize("value", [True, None])
async def test_c2_01_params_of_bool_or_none_are_refused(mirror, value):
    async with mirror() as url, drywire.ClientSession() as session:
        with pytest.raises(TypeError):
            await session.get(url, params={"a": value})


async def test_c2_01_params_are_not_sent_to_where_a_redirect_leads(mirror):
    async with mirror(web.get("/moved", moved)) as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/moved", params={"a": "1"}))).target == "/landed"


async def test_c2_02_params_leave_the_path_of_an_encoded_url_alone(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        target = URL(url + "/%30%2c", encoded=True)
        assert (await asked(session.get(target))).target == "/%30%2c"
        assert (await asked(session.get(target, params={"a": "1"}))).target == "/%30%2c?a=1"


async def test_c2_03_encode_is_no_option(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        with pytest.raises(TypeError, match="encode"):
            await session.get(url, encode=True)


async def test_c2_16_cookies_are_sent_with_those_of_the_jar_and_not_kept(mirror):
    async with mirror() as url, drywire.ClientSession(cookies={"a": "jar", "b": "jar"}) as session:
        seen = await asked(session.get(url, cookies={"b": "own", "c": "own"}))
        assert sorted(seen.headers["Cookie"].split("; ")) == ["a=jar", "b=own", "c=own"]
        assert (await asked(session.get(url))).headers["Cookie"] == "a=jar; b=jar"


async def test_c2_16_cookies_are_not_told_to_another_origin(mirror):
    async with mirror() as elsewhere:

        async def leave(request):
            raise web.HTTPFound(elsewhere + "/landed")

        async with (
            mirror(web.get("/leave", leave), web.get("/moved", moved)) as url,
            drywire.ClientSession() as session,
        ):
            stayed = await asked(session.get(url + "/moved", cookies={"a": "1"}))
            left = await asked(session.get(url + "/leave", cookies={"a": "1"}))
            assert stayed.headers["Cookie"] == "a=1"
            assert (left.target, left.headers.get("Cookie")) == ("/landed", None)


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "1"}, CIMultiDict([("X-A", "1"), ("X-A", "2")]), [("X-A", "1"), ("X-A", "2")], (("X-A", "1"),)],
    ids=["dict", "CIMultiDict", "list", "tuple"],
)
async def test_c2_17_headers_are_sent_as_they_are_given(mirror, headers):
    given = [value for _, value in (headers.items() if hasattr(headers, "items") else headers)]
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url, headers=headers))).headers.getall("x-a") == given


async def test_c2_18_skip_auto_headers_adds_to_those_of_the_session(mirror):
    async with mirror() as url, drywire.ClientSession(skip_auto_headers=["User-Agent"]) as session:
        seen = await asked(session.post(url, data=b"x", skip_auto_headers=["content-type", "Accept"]))
        assert not {"User-Agent", "Content-Type", "Accept"}.intersection(seen.headers)
        seen = await asked(session.post(url, data=b"x"))
        assert "User-Agent" not in seen.headers
        assert seen.headers["Content-Type"] == "application/octet-stream"


async def test_c2_19_auth_is_sent(mirror):
    """Differs: it is not deprecated here: RFC 7617 is in force, and BasicAuth says it well."""
    auth = basic_auth("nobody", "secret")
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.get(url, auth=auth))
        assert seen.headers["Authorization"] == CREDENTIALS


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_c2_19_auth_is_refused_where_there_is_another(mirror):
    auth = basic_auth("nobody", "secret")
    async with mirror() as url, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match=r"(?i)auth"):
            await session.get(URL(url).with_user("a").with_password("b"), auth=auth)
        with pytest.raises(ValueError, match=r"(?i)auth"):
            await session.get(url, auth=auth, headers={"Authorization": "Bearer x"})


async def test_c2_20_credentials_in_the_url_are_basic_auth(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        async with session.get(URL(url).with_user("nobody").with_password("secret")) as response:
            fields = dict((await response.json())["headers"])
            assert (fields["Authorization"], fields["Host"]) == (CREDENTIALS, URL(url).authority)
            assert (response.url.user, response.url.password) == (None, None)


async def test_c2_21_allow_redirects_off_returns_the_redirect(mirror):
    async with mirror(web.get("/moved", moved)) as url, drywire.ClientSession() as session:
        async with session.get(url + "/moved") as response:
            assert (response.status, response.url.path) == (200, "/landed")
            assert [each.status for each in response.history] == [302]
        async with session.get(url + "/moved", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, "/landed")
            assert response.history == ()


async def test_c2_22_max_redirects_bounds_a_chain(mirror):
    async def count(request):
        left = int(request.match_info["left"])
        raise web.HTTPFound(f"/count/{left - 1}" if left else "/landed")

    async with mirror(web.get("/count/{left}", count)) as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url + "/count/8"))).target == "/landed"
        with pytest.raises(drywire.TooManyRedirects) as caught:
            await session.get(url + "/count/20")
        assert len(caught.value.history) == 10
        with pytest.raises(drywire.TooManyRedirects):
            await session.get(url + "/count/8", max_redirects=3)
        assert (await asked(session.get(url + "/count/20", max_redirects=0))).target == "/landed"


async def test_c2_26_raise_for_status_of_a_request_goes_before_the_session_s(mirror):
    async def check(response):
        raise LookupError(response.status)

    async with mirror(web.get("/gone", not_found)) as url:
        async with drywire.ClientSession() as session:
            with pytest.raises(drywire.ClientResponseError):
                await session.get(url + "/gone", raise_for_status=True)
            with pytest.raises(LookupError, match="404"):
                await session.get(url + "/gone", raise_for_status=check)
        async with drywire.ClientSession(raise_for_status=True) as session:
            with pytest.raises(drywire.ClientResponseError):
                await session.get(url + "/gone", raise_for_status=None)


async def test_c2_27_read_until_eof_reads_a_body_of_unknown_length(scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nall of this")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert await response.read() == b"all of this"
        async with session.get(script.url, read_until_eof=False) as response:
            assert await response.read() == b""


async def test_c2_28_proxy_options_may_be_none(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        request = session.get(url + "/direct", proxy=None, proxy_auth=None, proxy_headers=None)
        assert (await asked(request)).target == "/direct"


async def test_c2_28_proxy_is_of_one_request(scripted, answering, mirror):
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession() as session:
        await (await session.get("http://name.invalid/", proxy=proxy.url)).read()
        assert proxy.heads[0].startswith(b"GET http://name.invalid/ HTTP/1.1\r\n")
        assert (await asked(session.get(url + "/direct"))).target == "/direct"


async def test_c2_28_proxy_headers_are_sent_to_the_proxy(scripted, answering):
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with scripted(answering(refusal)) as proxy, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientHttpProxyError) as caught:
            await session.get("https://name.invalid/", proxy=proxy.url, proxy_headers={"X-A": "1"})
        assert caught.value.status == 403
        assert proxy.heads[0].startswith(b"CONNECT name.invalid:443 HTTP/1.1\r\n")
        assert b"\r\nX-A: 1\r\n" in proxy.heads[0]


async def test_c2_28_proxy_auth_is_sent_to_the_proxy(scripted, answering):
    auth = basic_auth("nobody", "secret")
    async with scripted(answering()) as proxy, drywire.ClientSession() as session:
        await (await session.get("http://name.invalid/", proxy=proxy.url, proxy_auth=auth)).read()
        assert f"\r\nProxy-Authorization: {CREDENTIALS}\r\n".encode() in proxy.heads[0]


async def test_c2_29_timeout_replaces_that_of_the_session(mirror):
    async def slow(request):
        runtime = current_runtime()
        await runtime.sleep_until(runtime.now() + 0.2)
        return web.Response(text="hello")

    short = drywire.ClientTimeout(total=0.05)
    async with mirror(web.get("/slow", slow)) as url:
        async with drywire.ClientSession() as session:
            for timeout in (0.05, short):
                with pytest.raises(TimeoutError):
                    await session.get(url + "/slow", timeout=timeout)
        async with drywire.ClientSession(timeout=short) as session:
            for timeout in (0, None, 10, drywire.ClientTimeout(sock_read=10)):
                async with session.get(url + "/slow", timeout=timeout) as response:
                    assert await response.text() == "hello"


@pytest.fixture
def secured(serving):
    """``async with secured(server_tls) as url``: a server of one page behind TLS."""

    def make(tls):
        app = web.Application()
        app.router.add_get("/", hello)
        return serving(app, ssl_context=tls)

    return make


@pytest.fixture
def named(ca):
    """A TLS context of a server named localhost and nothing else, and the SHA-256 of its certificate."""
    certificate = ca.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return context, hashlib.sha256(der).digest()


@pytest.mark.parametrize("ssl", [True, None])
async def test_c2_30_ssl_verifies_by_default(secured, server_tls, ssl):
    async with secured(server_tls) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(url, ssl=ssl)


async def test_c2_30_ssl_may_be_false_or_a_context(secured, server_tls, client_tls):
    async with secured(server_tls) as url, drywire.ClientSession() as session:
        for value in (False, client_tls):
            async with session.get(url, ssl=value) as response:
                assert await response.text() == "hello"


async def test_c2_30_ssl_may_be_a_fingerprint(secured, named):
    context, digest = named
    async with secured(context) as url, drywire.ClientSession() as session:
        async with session.get(url, ssl=drywire.Fingerprint(digest)) as response:
            assert await response.text() == "hello"
        with pytest.raises(drywire.ServerFingerprintMismatch):
            await session.get(url, ssl=drywire.Fingerprint(bytes(32)))


@pytest.mark.parametrize("value", ["yes", 1, object()])
async def test_c2_30_ssl_of_another_type_is_refused(mirror, value):
    async with mirror() as url, drywire.ClientSession() as session:
        with pytest.raises(TypeError, match="ssl"):
            await session.get(url, ssl=value)


async def test_c2_31_verify_ssl_ssl_context_and_fingerprint_are_deprecated_and_work(secured, named, client_tls):
    context, digest = named
    async with secured(context) as url, drywire.ClientSession() as session:
        by_name = URL(url).with_host("localhost")
        for options in ({"verify_ssl": False}, {"ssl_context": client_tls}, {"fingerprint": digest}):
            (name,) = options
            with pytest.warns(DeprecationWarning, match=name):
                response = await session.get(by_name, **options)
            assert await response.text() == "hello"
        with pytest.warns(DeprecationWarning, match="fingerprint"), pytest.raises(drywire.ServerFingerprintMismatch):
            await session.get(by_name, fingerprint=bytes(32))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_c2_31_verify_ssl_ssl_context_fingerprint_and_ssl_exclude_each_other(mirror, client_tls):
    options = {"verify_ssl": False, "ssl_context": client_tls, "fingerprint": bytes(32), "ssl": client_tls}
    async with mirror() as url, drywire.ClientSession() as session:
        for one in options:
            for other in list(options)[list(options).index(one) + 1 :]:
                with pytest.raises(ValueError, match="ssl"):
                    await session.get(url, **{one: options[one], other: options[other]})


async def test_c2_32_server_hostname_is_the_name_that_is_verified(secured, named, client_tls):
    async with secured(named[0]) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(url, ssl=client_tls)
        async with session.get(url, ssl=client_tls, server_hostname="localhost") as response:
            assert await response.text() == "hello"


async def test_c2_33_trace_request_ctx_is_handed_to_the_traces(mirror):
    seen = []

    async def on_start(session, context, params):
        seen.append(context.trace_request_ctx)

    trace = drywire.TraceConfig()
    trace.on_request_start.append(on_start)
    async with mirror() as url, drywire.ClientSession(trace_configs=[trace]) as session:
        await asked(session.get(url, trace_request_ctx={"number": 1}))
        await asked(session.get(url))
    assert seen == [{"number": 1}, None]


async def test_c2_34_read_bufsize_and_auto_decompress_of_a_request_go_before_the_session_s(mirror):
    async with mirror(web.get("/zipped", zipped)) as url, drywire.ClientSession(read_bufsize=4096) as session:
        async with session.get(url + "/zipped", auto_decompress=False, read_bufsize=1024) as response:
            assert response.content.get_read_buffer_limits()[0] == 1024
            assert gzip.decompress(await response.read()) == b"plain"
        async with session.get(url + "/zipped", auto_decompress=None, read_bufsize=None) as response:
            assert response.content.get_read_buffer_limits()[0] == 4096
            assert await response.read() == b"plain"


async def test_c2_34_limits_of_a_request_go_before_the_session_s(scripted, answering):
    answer = b"HTTP/1.1 200 " + b"x" * 200 + b"\r\nX-A: " + b"x" * 200 + b"\r\nContent-Length: 2\r\n\r\nok"
    narrow = {"max_line_size": 100, "max_field_size": 100, "max_headers": 1}
    async with scripted(answering(answer)) as script, drywire.ClientSession() as session:
        for name, value in narrow.items():
            with pytest.raises(drywire.ClientResponseError) as caught:
                await session.get(script.url, **{name: value})
            assert caught.value.status == 400
        async with session.get(script.url, **dict.fromkeys(narrow)) as response:
            assert await response.read() == b"ok"
    wide = {"max_line_size": 300, "max_field_size": 300, "max_headers": 2}
    async with scripted(answering(answer)) as script, drywire.ClientSession(**narrow) as session:
        async with session.get(script.url, **wide) as response:
            assert await response.read() == b"ok"


async def test_c2_35_middlewares_replace_those_of_the_session(mirror):
    def signing(name):
        async def sign(request, handler):
            request.headers[name] = "1"
            return await handler(request)

        return sign

    async with mirror() as url, drywire.ClientSession(middlewares=[signing("X-Session")]) as session:
        seen = await asked(session.get(url, middlewares=[signing("X-Request")]))
        assert ("X-Session" in seen.headers, "X-Request" in seen.headers) == (False, True)
        assert "X-Session" not in (await asked(session.get(url, middlewares=()))).headers
        assert "X-Session" in (await asked(session.get(url, middlewares=None))).headers
