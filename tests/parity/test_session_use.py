"""Rows C-39 to C-61: what a session tells, how it ends, and the verbs."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import asyncio
import gc
import json

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire import web
from drywire_transports import run

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from ..websocketing import echo
from .mirror import asked, basic_auth, mirror  # noqa: F401


async def moved(request):
    raise web.HTTPFound("/landed")


def forget(made):
    made.clear()
    gc.collect()


async def test_c_39_closed_once_it_is_closed_or_detached(mirror):
    async with mirror() as url:
        session, detached = drywire.ClientSession(), drywire.ClientSession()
        assert not session.closed
        await session.close()
        connector = detached.connector
        detached.detach()
        await connector.close()
        for ended in (session, detached):
            assert ended.closed
            with pytest.raises(RuntimeError, match="Session is closed"):
                await ended.get(url)


async def test_c_40_connector_is_read_only_and_none_once_closed():
    async with drywire.ClientSession() as session:
        assert isinstance(session.connector, drywire.TCPConnector)
        with pytest.raises(AttributeError):
            session.connector = None
    assert session.connector is None


async def test_c_41_cookie_jar_is_read_only():
    async with drywire.ClientSession() as session:
        assert isinstance(session.cookie_jar, drywire.CookieJar)
        with pytest.raises(AttributeError):
            session.cookie_jar = drywire.CookieJar()


async def test_c_42_headers_is_the_live_mapping_in_any_case(mirror):
    async with mirror() as url, drywire.ClientSession(headers={"X-One": "1"}) as session:
        assert type(session.headers) is CIMultiDict
        assert session.headers["x-one"] == "1"
        with pytest.raises(AttributeError):
            session.headers = {}
        session.headers["x-two"] = "2"
        del session.headers["X-ONE"]
        seen = await asked(session.get(url))
        assert seen.headers["X-Two"] == "2"
        assert "X-One" not in seen.headers


async def test_c_43_timeout_is_what_was_given():
    timeout = drywire.ClientTimeout(total=5, connect=1)
    async with drywire.ClientSession(timeout=timeout) as session:
        assert session.timeout == timeout
        with pytest.raises(AttributeError):
            session.timeout = timeout


async def test_c_44_base_url_can_be_read_where_a_document_reads_it():
    async with drywire.ClientSession("http://example.com/api/") as session, drywire.ClientSession() as none:
        assert session._base_url == URL("http://example.com/api/")
        assert none._base_url is None


async def test_c_45_settings_can_be_read_and_not_set():
    trace = drywire.TraceConfig()
    settings = {
        "json_serialize": json.dumps,
        "connector_owner": False,
        "raise_for_status": True,
        "auto_decompress": False,
        "trust_env": True,
        "trace_configs": [trace],
        "version": drywire.HttpVersion10,
    }
    async with drywire.TCPConnector() as connector:
        session = drywire.ClientSession(connector=connector, skip_auto_headers=["Accept", "User-Agent"], **settings)
        async with session:
            for name, value in settings.items():
                assert getattr(session, name) == value
                with pytest.raises(AttributeError):
                    setattr(session, name, value)
            assert {name.lower() for name in session.skip_auto_headers} == {"accept", "user-agent"}


async def test_c_45_settings_that_were_not_given_have_their_defaults():
    async with drywire.ClientSession() as session:
        assert session.auth is None
        assert session.json_serialize is json.dumps
        assert not session.skip_auto_headers
        assert session.connector_owner is True
        assert session.raise_for_status is False
        assert session.auto_decompress is True
        assert session.trust_env is False
        assert list(session.trace_configs) == []
        assert session.version == drywire.HttpVersion11 == (1, 1)


async def test_c_45_auth_can_be_read():
    auth = basic_auth("nobody", "secret")
    async with drywire.ClientSession(auth=auth) as session:
        assert session.auth == auth


async def test_c_46_requote_redirect_url_can_be_read_and_setting_it_is_deprecated(mirror):
    async def quoted(request):
        return web.Response(status=302, headers={"Location": "/%30"})

    async with mirror(web.get("/quoted", quoted)) as url, drywire.ClientSession() as session:
        assert session.requote_redirect_url is True
        with pytest.warns(DeprecationWarning, match="requote_redirect_url"):
            session.requote_redirect_url = False
        assert session.requote_redirect_url is False
        assert (await asked(session.get(url + "/quoted"))).target == "/%30"


def test_c_47_loop_is_deprecated_and_the_one_that_runs():
    async def main():
        async with drywire.ClientSession() as session:
            with pytest.warns(DeprecationWarning, match="loop"):
                assert session.loop is asyncio.get_running_loop()

    run(main, backend="asyncio")


async def test_c_48_close_closes_the_connector_and_may_be_called_twice(scripted, answering, eventually):
    async with scripted(answering()) as script:
        session = drywire.ClientSession()
        connector = session.connector
        await (await session.get(script.url)).read()
        assert script.open == 1
        await session.close()
        await session.close()
        assert connector.closed
        await eventually(lambda: script.open == 0)


async def test_c_49_detach_leaves_the_connector_open(scripted, answering):
    async with scripted(answering()) as script:
        session = drywire.ClientSession()
        await (await session.get(script.url)).read()
        connector = session.connector
        session.detach()
        assert session.closed
        assert session.connector is None
        assert not connector.closed
        async with drywire.ClientSession(connector=connector) as heir:
            await (await heir.get(script.url)).read()
        assert script.connections == 1


async def test_c_50_a_session_that_nobody_closed_says_so(scripted, answering):
    """Differs: the warning is all; no loop's exception handler is called besides."""
    async with scripted(answering()) as script:
        sessions = [drywire.ClientSession()]
        connector = sessions[0].connector
        await (await sessions[0].get(script.url)).read()
        with pytest.warns(ResourceWarning, match="Unclosed client session"):
            forget(sessions)
        await connector.close()


async def test_c_51_a_subclass_works(mirror):
    """Differs: nobody is warned off: a subclass that calls the public methods cannot break."""

    class Mine(drywire.ClientSession):
        async def target(self, url):
            return (await asked(self.get(url))).target

    async with mirror() as url, Mine() as session:
        assert await session.target(url + "/x") == "/x"


async def test_c_52_request_is_awaited_or_entered(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        response = await session.request("get", url + "/awaited")
        assert (response.method, (await response.json())["target"]) == ("GET", "/awaited")
        async with session.request("pUt", url + "/entered") as response:
            assert (response.method, (await response.json())["method"]) == ("PUT", "PUT")
        assert (await asked(session.request("Own-Verb", url))).method == "OWN-VERB"


@pytest.mark.parametrize("method", ["GET /x HTTP/1.1\r\nX: ", "GE\nT", "GE\x00T"])
async def test_c_52_request_refuses_control_characters_in_a_method(mirror, method):
    async with mirror() as url, drywire.ClientSession() as session:
        with pytest.raises(ValueError, match=r"[Mm]ethod"):
            await session.request(method, url)


@pytest.mark.parametrize("verb", ["get", "options"])
async def test_c_53_get_and_options_follow_redirects(mirror, verb):
    async with mirror(web.route("*", "/moved", moved)) as url, drywire.ClientSession() as session:
        seen = await asked(getattr(session, verb)(url + "/moved"))
        assert (seen.method, seen.target) == (verb.upper(), "/landed")
        async with getattr(session, verb)(url + "/moved", allow_redirects=False) as response:
            assert response.status == 302


async def test_c_54_head_follows_redirects_only_where_it_is_told_to(mirror):
    async with mirror(web.route("*", "/moved", moved)) as url, drywire.ClientSession() as session:
        async with session.head(url + "/moved") as response:
            assert (response.method, response.status, await response.read()) == ("HEAD", 302, b"")
        async with session.head(url + "/moved", allow_redirects=True) as response:
            assert (response.method, response.status, response.url.path) == ("HEAD", 200, "/landed")


@pytest.mark.parametrize("verb", ["post", "put", "patch"])
async def test_c_55_post_put_and_patch_send_data(mirror, verb):
    async with mirror() as url, drywire.ClientSession() as session:
        send = getattr(session, verb)
        seen = await asked(send(url, data=b"body"))
        assert (seen.method, seen.body) == (verb.upper(), b"body")
        seen = await asked(send(url))
        assert (seen.body, seen.headers["Content-Length"]) == (b"", "0")


async def test_c_56_delete_deletes(mirror):
    async with mirror() as url, drywire.ClientSession() as session:
        seen = await asked(session.delete(url + "/x"))
        assert (seen.method, seen.target, seen.body) == ("DELETE", "/x", b"")


@pytest.mark.parametrize("verb", ["get", "head", "options", "post", "put", "patch", "delete"])
async def test_c_57_a_verb_that_is_not_awaited_sends_nothing_and_says_so(scripted, answering, verb):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.warns(RuntimeWarning, match="never awaited"):
            forget([getattr(session, verb)(script.url)])
        assert script.connections == 0


async def test_c_58_ws_connect_opens_a_web_socket(mirror):
    async with mirror(web.get("/ws", echo)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url + "/ws") as ws:
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello"
        ws = await session.ws_connect(URL(url + "/ws").with_scheme("ws"))
        assert await ws.close()


async def test_c_59_request_of_the_module_makes_a_session_and_closes_it(scripted, answering, eventually):
    async with scripted(answering()) as script:
        async with drywire.request("post", script.url, data=b"body", headers={"X-A": "1"}) as response:
            assert (response.method, await response.read()) == ("POST", b"ok")
            assert b"\r\nX-A: 1\r\n" in script.heads[0]
        await eventually(lambda: script.open == 0)


async def test_c_59_request_of_the_module_takes_version_and_connector(scripted, answering):
    async with scripted(answering()) as script, drywire.TCPConnector() as connector:
        for _ in range(2):
            options = {"version": drywire.HttpVersion10, "connector": connector}
            async with drywire.request("GET", script.url, **options, headers={"Connection": "keep-alive"}) as response:
                assert await response.read() == b"ok"
        assert not connector.closed
        assert script.heads[0].startswith(b"GET / HTTP/1.0\r\n")


async def test_c_59_request_of_the_module_cannot_be_awaited(scripted, answering):
    async with scripted(answering()) as script:
        made = drywire.request("GET", script.url)
        with pytest.raises(TypeError):
            await made
        async with made as response:
            assert await response.read() == b"ok"


async def test_c_60_ws_connect_of_the_module_makes_a_session_and_closes_it(mirror):
    """Differs: a document lists ``aiohttp.ws_connect``, which 2.0 dropped."""
    async with mirror(web.get("/ws", echo)) as url:
        async with drywire.ws_connect(url + "/ws") as ws:
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello"
        assert ws.closed


async def test_c_61_a_session_shares_connections_and_cookies(scripted):
    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[0])
            cookie = b"Set-Cookie: number=%d; Path=/\r\n" % len(script.heads)
            await peer.send(OK.replace(b"\r\n", b"\r\n" + cookie, 1))

    async with scripted(talk) as script:
        async with drywire.ClientSession(cookie_jar=drywire.CookieJar(unsafe=True)) as session:
            for _ in range(3):
                await (await session.get(script.url)).read()
        assert script.connections == 1
        assert b"Cookie:" not in script.heads[0]
        assert b"\r\nCookie: number=1\r\n" in script.heads[1]
        assert b"\r\nCookie: number=2\r\n" in script.heads[2]
