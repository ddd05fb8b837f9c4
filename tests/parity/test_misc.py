"""Group 31: the rest."""

import dataclasses
import importlib.metadata
import importlib.util
import re
import sys
import textwrap
import tomllib

import aiosignal
import frozenlist
import multidict
import pytest
import yarl

import drywire
from drywire import hdrs, web
from drywire.testing import session_for
from drywire_sansio.websocket.masking import apply_mask, apply_mask_in_python
from drywire_transports import current_runtime

from ..tree import ROOT, run_python
from ..websocketing import accept_for, app_of, echo, raw_server

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def says(program):
    """Run a program in a fresh interpreter; return what it printed, line by line."""
    return run_python("-c", textwrap.dedent(program)).splitlines()


async def test_z2_01_types_of_multidict_and_yarl():
    """Differs: attrs, propcache and aiohappyeyeballs are not needed; anyio and wsproto are."""
    seen = []

    async def handler(request):
        seen.extend([request.url, request.rel_url, request.headers, request.query, await request.post()])
        return web.Response(headers=multidict.CIMultiDict([("X-A", "1"), ("X-A", "2")]))

    app = app_of(handler)
    assert isinstance(app.middlewares, frozenlist.FrozenList)
    assert isinstance(app.on_startup, aiosignal.Signal)
    async with session_for(app) as session, session.get(yarl.URL("/?a=1&a=2")) as response:
        assert isinstance(response.url, yarl.URL)
        assert isinstance(response.headers, multidict.CIMultiDictProxy)
        assert response.headers.getall("x-a") == ["1", "2"]
    assert [type(one) for one in seen] == [
        yarl.URL, yarl.URL, multidict.CIMultiDictProxy, multidict.MultiDictProxy, multidict.MultiDictProxy,
    ]  # fmt: skip
    assert seen[3].getall("a") == ["1", "2"]
    needed = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}
    assert needed == {"aiosignal", "anyio", "multidict", "wsproto", "yarl"}


def test_z2_02_names_of_fields_and_methods():
    fields = {name: value for name, value in vars(hdrs).items() if isinstance(value, multidict.istr)}
    assert len(fields) > 120
    for name, value in fields.items():
        assert re.fullmatch(r"[A-Za-z0-9-]+", value)
        assert value.upper().replace("-", "_") == name
    assert (hdrs.CONTENT_TYPE, hdrs.ETAG, hdrs.X_REQUEST_ID) == ("Content-Type", "ETag", "X-Request-ID")
    methods = {"CONNECT", "HEAD", "GET", "DELETE", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
    assert hdrs.METH_ALL == methods == {getattr(hdrs, f"METH_{name}") for name in methods}
    assert hdrs.METH_ANY == "*"
    assert {name.lower() for name in hdrs.HOST_ALL} == {"host"}
    assert len(hdrs.HOST_ALL) == 16
    assert web.Response(headers={hdrs.CONTENT_TYPE: "text/css"}).content_type == "text/css"


async def test_z2_03_etags():
    strong, weak = drywire.ETag(value="a"), drywire.ETag("a", is_weak=True)
    assert (strong.is_weak, strong == drywire.ETag("a"), strong == weak, len({strong, weak})) == (False, True, False, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        strong.value = "b"

    async def handler(request):
        response = web.Response()
        response.etag = weak
        assert request.if_none_match == (strong, weak)
        return response

    fields = {"If-None-Match": '"a", W/"a"'}
    async with session_for(app_of(handler)) as session, session.get("/", headers=fields) as response:
        assert (response.status, response.headers["ETag"]) == (200, 'W/"a"')


async def test_z2_04_versions():
    assert drywire.HttpVersion10 == drywire.HttpVersion(1, 0) < drywire.HttpVersion11 == (1, 1)
    assert (drywire.HttpVersion11.major, drywire.HttpVersion10.minor) == (1, 0)
    seen = []

    async def handler(request):
        seen.append(request.version)
        return web.Response()

    for version in (drywire.HttpVersion10, drywire.HttpVersion11):
        async with session_for(app_of(handler), version=version) as session, session.get("/") as response:
            assert response.version == drywire.HttpVersion11
    assert seen == [drywire.HttpVersion10, drywire.HttpVersion11]


async def test_z2_05_chained_mappings():
    near, far = {"a": 1}, {"a": 2, "b": 3}
    chain = drywire.ChainMapProxy([near, far])
    assert dict(chain) == {"a": 1, "b": 3}
    assert (len(chain), "b" in chain, chain.get("c"), chain.get("c", 4), bool(chain)) == (2, True, None, 4, True)
    near["b"] = 5
    assert chain["b"] == 5
    assert chain == drywire.ChainMapProxy([{"a": 1}, {"b": 5}])
    assert repr(drywire.ChainMapProxy([near])) == "ChainMapProxy({'a': 1, 'b': 5})"
    with pytest.raises(KeyError):
        chain["c"]
    with pytest.raises(TypeError, match="item assignment"):
        chain["c"] = 1
    with pytest.raises(TypeError, match="final"):
        type("Own", (drywire.ChainMapProxy,), {})

    key = web.AppKey("key", str)
    inner, outer = web.Application(), web.Application()
    outer[key] = "of the outer one"
    seen = []

    async def handler(request):
        seen.append(request.config_dict)
        return web.Response(text=request.config_dict[key])

    inner.router.add_get("/", handler)
    outer.add_subapp("/in", inner)
    async with session_for(outer) as session, session.get("/in/") as response:
        assert await response.text() == "of the outer one"
    assert isinstance(seen[0], drywire.ChainMapProxy)


@pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="gunicorn is not installed here")
def test_z2_06_workers_have_aiohttps_names():
    from drywire import worker

    assert drywire.GunicornWebWorker is worker.GunicornWebWorker
    assert drywire.GunicornUVLoopWebWorker is worker.GunicornUVLoopWebWorker


def test_z2_06_without_gunicorn_its_workers_cannot_be_imported():
    """Differs: without gunicorn, `drywire.GunicornWebWorker` raises ImportError, where aiohttp's is None."""
    told = says("""
        import sys
        sys.modules["gunicorn"] = None
        from drywire import *
        import drywire
        try:
            drywire.GunicornWebWorker
        except ImportError as error:
            print("gunicorn" in str(error), "GunicornWebWorker" in globals())
    """)
    assert told == ["True False"]


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed here")
def test_z2_07_uvloop_in_its_own_ways():
    told = says("""
        import asyncio, uvloop, drywire
        from drywire import web

        async def handler(request):
            return web.Response(text=type(asyncio.get_running_loop()).__module__)

        async def main():
            app = web.Application()
            app.router.add_get("/", handler)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            async with drywire.ClientSession() as session, session.get(site.name) as response:
                print(await response.text())
            await runner.cleanup()

        uvloop.run(main())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    """)
    assert told == ["uvloop"] * 2


@pytest.mark.parametrize("name", ["AIOHTTP_NOSENDFILE", "DRYWIRE_NOSENDFILE"])
def test_z2_08_sendfile_is_forbidden_by_the_environment(monkeypatch, name):
    program = "from drywire_server import file_sending; print(file_sending.NO_SENDFILE)"
    for other in ("AIOHTTP_NOSENDFILE", "DRYWIRE_NOSENDFILE"):
        monkeypatch.delenv(other, raising=False)
    assert says(program) == ["False"]
    monkeypatch.setenv(name, "1")
    assert says(program) == ["True"]


def test_z2_08_the_helper_in_c_is_left_out_when_it_is_built(monkeypatch):
    """Differs: AIOHTTP_NO_EXTENSIONS says nothing here. The one part in C is left out when the package is built, by
    DRYWIRE_NO_EXTENSIONS.
    """
    monkeypatch.setenv("AIOHTTP_NO_EXTENSIONS", "1")
    here = importlib.util.find_spec("drywire_sansio.websocket._frames") is not None
    program = "from drywire_sansio.websocket import masking; print(masking.apply_mask is masking.apply_mask_in_python)"
    assert says(program) == [str(not here)]


def test_z2_09_without_the_part_in_c_all_is_the_same():
    """Differs: only the frames of WebSockets have a helper in C; heads are parsed by patterns of `re`, C already."""
    assert apply_mask(b"\x01\x02\x03\x04\x05", b"\1\2\3\4") == apply_mask_in_python(
        b"\x01\x02\x03\x04\x05", b"\1\2\3\4"
    )
    told = says("""
        import asyncio, sys
        sys.modules["drywire_sansio.websocket._frames"] = None
        import drywire
        from drywire import web
        from drywire_sansio.websocket import masking

        async def echo(request):
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(message.data)
            return ws

        async def main():
            app = web.Application()
            app.router.add_get("/", echo)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            async with drywire.ClientSession() as session, session.ws_connect(site.name) as ws:
                for text in ("a", "b" * 1000, "c" * 100_000):
                    await ws.send_str(text)
                    print(await ws.receive_str() == text)
            await runner.cleanup()

        print(masking.apply_mask is masking.apply_mask_in_python)
        asyncio.run(main())
    """)
    assert told == ["True"] * 4


def test_z2_10_names_are_loaded_when_they_are_used():
    with pytest.raises(AttributeError, match=r"^module 'drywire' has no attribute 'NoSuchName'$"):
        drywire.NoSuchName  # noqa: B018 - that is what raises
    assert {"ClientSession", "ETag", "ChainMapProxy"} <= set(dir(drywire))
    told = says("""
        import sys, drywire
        parts = ("drywire_client", "drywire_server")
        print([part in sys.modules for part in parts])
        drywire.ClientSession
        print([part in sys.modules for part in parts])
        drywire.web.Application
        print([part in sys.modules for part in parts])
        namespace = {}
        exec("from drywire import *", namespace)
        print(set(drywire.__all__) <= set(namespace))
    """)
    assert told == ["[False, False]", "[True, False]", "[True, True]", "True"]


def test_z2_11_which_pythons():
    """Differs: Python 3.11 is the oldest, for its possessive patterns and exception groups; aiohttp takes 3.10."""
    assert PROJECT["requires-python"] == ">=3.11"
    assert sys.version_info >= (3, 11)


async def test_z2_12_trio(anyio_backend, serving):
    async def handler(request):
        return web.Response(text=current_runtime().name)

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.get(url) as response:
        assert await response.text() == anyio_backend[0]


async def test_z2_13_http_2_is_refused_and_not_switched_to(serving, answer_to):
    async def handler(request):
        return web.Response(text="in HTTP/1.1")

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", eof=False)
        assert answer.startswith(b"HTTP/1.1 505 ")
        fields = (
            b"Host: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        )
        answer = await answer_to(url, b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nin HTTP/1.1")


async def test_z2_14_trailers_without_server_push(serving, answer_to):
    """Differs: a server's response may have trailers (`StreamResponse.trailers`). A client reads over them, as
    aiohttp's does; there is no server push.
    """

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"body")
        response.trailers["X-Sum"] = "4"
        return response

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n")
        async with drywire.ClientSession() as session:
            for _ in range(2):
                async with session.get(url) as response:
                    assert (await response.read(), "X-Sum" in response.headers) == (b"body", False)


async def test_z2_15_other_extensions_are_not_agreed_to(serving, answer_to):
    handshake = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Extensions: x-webkit-deflate-frame, bbf-usp; mode=1\r\n\r\n"
    )
    async with serving(app_of(echo)) as url:
        answer = await answer_to(url, handshake + b"\x88\x80\0\0\0\0")
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in answer.lower()

    def claiming(request):
        fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: bbf-usp\r\n"
        return b"HTTP/1.1 101 x\r\n" + fields + b"Sec-WebSocket-Accept: " + accept_for(request) + b"\r\n\r\n"

    async with raw_server(None, claiming) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.WSServerHandshakeError, match="extension"):
            await session.ws_connect(url)


async def test_z2_18_forwarded_fields_are_not_trusted(serving):
    forged = {
        "Forwarded": "for=192.0.2.1;proto=https;host=evil.example",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "192.0.2.1",
    }

    @web.middleware
    async def behind_a_proxy(request, handler):
        if "trusted" in request.query:
            said = request.forwarded[0]
            request = request.clone(remote=said["for"], scheme=said["proto"], host=said["host"])
        return await handler(request)

    async def handler(request):
        return web.json_response([request.remote, request.scheme, request.host, str(request.url.origin())])

    app = web.Application(middlewares=[behind_a_proxy])
    app.router.add_get("/", handler)
    async with serving(app) as url, drywire.ClientSession(url, headers=forged) as session:
        async with session.get("/") as response:
            assert await response.json() == ["127.0.0.1", "http", url.removeprefix("http://"), url]
        async with session.get("/?trusted") as response:
            assert await response.json() == ["192.0.2.1", "https", "evil.example", "https://evil.example"]
