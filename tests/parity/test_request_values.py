"""Rows C2-37 to C2-46: URLs, what is sent by itself, what is refused, and requests as values."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import importlib.util
import sys

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import drywire
from drywire import web

from ..client.conftest import answering, scripted  # noqa: F401
from .mirror import asked, mirror  # noqa: F401


async def test_c2_37_trust_env_may_be_said_of_one_request(mirror, monkeypatch, tmp_path):
    """Differs: documents pass ``trust_env`` to a request, where aiohttp takes it for a session only."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login nobody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("http_proxy", raising=False)
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.get(url, trust_env=True))
        assert seen.headers["Authorization"] == "Basic bm9ib2R5OnNlY3JldA=="
        assert "Authorization" not in (await asked(session.get(url))).headers


async def test_c2_37_trust_env_of_a_request_takes_proxies_from_the_environment(
    scripted, answering, mirror, monkeypatch
):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with scripted(answering()) as proxy, mirror() as url, drywire.ClientSession() as session:
        monkeypatch.setenv("http_proxy", proxy.url)
        await (await session.get("http://name.invalid/one", trust_env=True)).read()
        assert proxy.heads[0].split()[1] == b"http://name.invalid/one"
        assert (await asked(session.get(url + "/direct"))).target == "/direct"


async def test_c2_38_urls_are_requoted_unless_they_are_encoded(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.get(url + "/\u043f\u0443\u0442\u044c%30?a=%31"))
        assert seen.target == "/%D0%BF%D1%83%D1%82%D1%8C0?a=1"
        assert (await asked(session.get(URL(url + "/%30?a=%31", encoded=True)))).target == "/%30?a=%31"


async def test_c2_39_a_fragment_is_kept_and_not_sent(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        async with session.get(url + "/x?a=1#here") as response:
            assert (await response.json())["target"] == "/x?a=1"
            assert response.real_url == URL(url + "/x?a=1#here")
            assert response.url == URL(url + "/x?a=1")


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_c2_40_schemes_of_http_and_web_sockets_are_requested(mirror, scheme):
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.get(URL(url + "/x").with_scheme(scheme)))).target == "/x"


@pytest.mark.parametrize("scheme", ["https", "wss"])
async def test_c2_40_schemes_of_tls_are_requested_over_it(serving, server_tls, client_tls, scheme):
    async def hello(request):
        return web.Response(text=request.scheme)

    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app, ssl_context=server_tls) as url, drywire.ClientSession() as session:
        async with session.get(URL(url).with_scheme(scheme), ssl=client_tls) as response:
            assert await response.text() == "https"


@pytest.mark.parametrize("url", ["ftp://example.com/", "mailto:nobody@example.com", "socks5://127.0.0.1/"])
async def test_c2_40_other_schemes_are_refused(url):
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.NonHttpUrlClientError):
            await session.get(url)


@pytest.mark.parametrize("url", ["http:///path", "/path", "http://2130706433/", "http://:80/"])
async def test_c2_41_urls_without_a_host_or_with_a_numeric_one_are_refused(url):
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.InvalidUrlClientError) as caught:
            await session.get(url)
        assert isinstance(caught.value, ValueError)


async def test_c2_42_headers_that_are_sent_by_themselves(mirror):
    """Differs: User-Agent names drywire."""
    codings = ["gzip", "deflate"]
    codings += [name for name, module in (("br", "brotli"), ("zstd", "backports.zstd")) if is_installed(module)]
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.get(url))
    assert dict(seen.headers) == {
        "Host": URL(url).authority,
        "Accept": "*/*",
        "Accept-Encoding": ", ".join(codings),
        "User-Agent": f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{drywire.__version__}",
    }


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("character", ["\r", "\n", "\x00", "\x01", "\x1f", "\x7f"])
async def test_c2_43_control_characters_in_headers_are_refused(scripted, answering, character):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for headers in ({"X-A": f"a{character}b"}, {f"X-{character}A": "a"}):
            with pytest.raises(ValueError, match=r"(?i)header"):
                await session.get(script.url, headers=headers)
        assert not script.heads


async def test_c2_43_a_tab_in_a_header_is_sent(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        assert (await asked(session.get(url, headers={"X-A": "a\tb"}))).headers["X-A"] == "a\tb"


EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


async def hangs_up_on_the_second(peer, script):
    """Answer one request of the first connection and all of the others."""
    if peer.number == 1:
        script.heads.append((await peer.request())[0])
        await peer.send(EMPTY)
        await peer.request()
        return
    while (request := await peer.request())[0]:
        script.heads.append(request[0])
        await peer.send(EMPTY)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
async def test_c2_44_a_kept_connection_that_the_server_has_closed_is_replaced(scripted, method):
    async with scripted(hangs_up_on_the_second) as script, drywire.ClientSession() as session:
        await (await session.get(script.url)).read()
        async with session.request(method, script.url) as response:
            assert response.status == 200
            await response.read()
        assert script.connections == 2
        assert len(script.heads) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_c2_44_a_request_that_may_have_had_an_effect_is_not_repeated(scripted, method):
    async with scripted(hangs_up_on_the_second) as script, drywire.ClientSession() as session:
        await (await session.get(script.url)).read()
        with pytest.raises((drywire.ServerDisconnectedError, drywire.ClientOSError)):
            await session.request(method, script.url)
        assert len(script.heads) == 1


async def test_c2_44_a_body_that_is_consumed_is_not_sent_again(scripted):
    async def body():
        yield b"body"

    async with scripted(hangs_up_on_the_second) as script, drywire.ClientSession() as session:
        await (await session.get(script.url)).read()
        with pytest.raises((drywire.ServerDisconnectedError, drywire.ClientOSError)):
            await session.put(script.url, data=body())
        assert len(script.heads) == 1


async def test_c2_44_a_server_that_is_not_there_is_asked_once(scripted, answering):
    async with scripted(answering()) as script:
        url = script.url
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorError):
            await session.get(url)


async def test_c2_45_client_request_is_what_a_middleware_sees(mirror):
    seen = []

    async def look(request, handler):
        seen.append(request)
        assert isinstance(request, drywire.ClientRequest)
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[look]) as session:
        await asked(session.post(url + "/x?a=1#here", data=b"body", headers={"X-A": "1"}))
        (request,) = seen
        assert request.method == "POST"
        assert request.url == URL(url + "/x?a=1")
        assert request.original_url == URL(url + "/x?a=1#here")
        assert isinstance(request.headers, CIMultiDict)
        assert (request.headers["X-A"], request.headers["Host"]) == ("1", URL(url).authority)
        assert request.session is session
        assert request.response_class is drywire.ClientResponse
        assert request.version == drywire.HttpVersion11
        assert request.ssl is True
        assert not request.chunked
        assert not request.compress
        assert (request.proxy, request.server_hostname) == (None, None)
        assert not request.proxy_headers
        assert request.connection_key.host == "127.0.0.1"
        assert request.connection_key.port == URL(url).port


async def test_c2_45_client_request_tells_its_request_info_and_whether_it_is_secure(mirror):
    seen = []

    async def look(request, handler):
        seen.append((request.request_info, request.is_ssl()))
        return await handler(request)

    async with mirror() as url, drywire.ClientSession(middlewares=[look]) as session:
        await asked(session.get(url + "/x"))
        ((info, is_ssl),) = seen
        assert isinstance(info, drywire.RequestInfo)
        assert (info.method, info.url) == ("GET", URL(url + "/x"))
        assert is_ssl is False


async def test_c2_46_request_info_says_what_was_asked(mirror):
    async with mirror() as url, drywire.ClientSession(headers={"X-A": "1"}) as session:
        async with session.get(url + "/x#here") as response:
            info = response.request_info
    assert isinstance(info, drywire.RequestInfo)
    assert info._fields == ("url", "method", "headers", "real_url")
    assert tuple(info) == (URL(url + "/x"), "GET", info.headers, URL(url + "/x#here"))
    assert isinstance(info.headers, CIMultiDictProxy)
    assert (info.headers["x-a"], info.headers["Host"]) == ("1", URL(url).authority)


def test_c2_46_request_info_can_be_made():
    url, headers = URL("http://example.com/"), CIMultiDictProxy(CIMultiDict())
    assert drywire.RequestInfo(url, "GET", headers) == (url, "GET", headers, url)
    assert drywire.RequestInfo(url, "GET", headers, url / "x").real_url == url / "x"
