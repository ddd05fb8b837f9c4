"""Rows A-01 to A-30: applications. A-17 to A-19 are in test_server_lifecycle.py, A-27 in test_server_keys.py."""

import asyncio
import logging
import subprocess
import sys
import warnings

import pytest
from frozenlist import FrozenList

import drywire
from drywire import web
from drywire.testing import session_for
from drywire_transports import current_runtime
from drywire_transports.in_memory import memory_pair

from ..tree import environment


async def hello(request):
    return web.Response(text="hello")


async def read(request):
    return web.Response(text=str(len(await request.read())))


def test_a_01_an_application_is_made_without_a_loop():
    program = "from drywire import web; app = web.Application(); app.router.add_get('/', print); print(bool(app))"
    program = program.replace("print);", "handler);").replace("app =", "handler = web.View; app =")
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_01_settings_are_given_by_name():
    with pytest.raises(TypeError):
        web.Application(logging.getLogger())
    with pytest.raises(TypeError):
        web.Application(unknown=1)


def test_a_02_middlewares_are_a_frozen_list():
    @web.middleware
    async def middleware(request, handler):
        return await handler(request)

    app = web.Application(middlewares=(middleware,))
    assert isinstance(app.middlewares, FrozenList)
    assert list(app.middlewares) == [middleware]
    app.freeze()
    with pytest.raises(RuntimeError, match=r"Cannot modify frozen list\."):
        app.middlewares.append(middleware)


async def test_a_03_a_router_of_ones_own():
    with pytest.warns(DeprecationWarning, match="router argument is deprecated"):
        app = web.Application(router=web.UrlDispatcher())
    app.router.add_get("/", hello)
    async with session_for(app) as session, session.get("/") as response:
        assert await response.text() == "hello"


async def test_a_03_a_router_of_another_kind():
    from drywire_server.routing.abstract import AbstractRouter

    class Everything(AbstractRouter):
        def __init__(self):
            super().__init__()
            self.route = web.UrlDispatcher().add_get("/", hello)

        async def resolve(self, request):
            return web.UrlMappingMatchInfo({"path": request.path}, self.route)

    with pytest.warns(DeprecationWarning, match="router argument"):
        app = web.Application(router=Everything())
    async with session_for(app) as session, session.get("/any/thing") as response:
        assert await response.text() == "hello"


async def test_a_04_client_max_size():
    app = web.Application(client_max_size=1000)
    app.router.add_post("/read", read)

    async def stream(request):
        size = 0
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.Response(text=str(size))

    app.router.add_post("/stream", stream)
    async with session_for(app) as session:
        async with session.post("/read", data=bytes(1000)) as response:
            assert await response.text() == "1000"
        async with session.post("/read", data=bytes(1001)) as response:
            assert response.status == 413
        async with session.post("/stream", data=bytes(100_000)) as response:
            assert await response.text() == "100000"


async def test_a_04_no_client_max_size():
    for size, status in ((0, 200), (1024**2, 413)):
        app = web.Application(client_max_size=size)
        app.router.add_post("/", read)
        async with session_for(app) as session, session.post("/", data=bytes(2 * 1024**2)) as response:
            assert response.status == status
    assert web.Application().client_max_size == 1024**2


async def test_a_05_client_max_fields():
    async def count(request):
        return web.Response(text=str(len(await request.post())))

    for most, fields, status in ((3, 3, 200), (3, 4, 413), (0, 1500, 200), (1000, 1001, 413)):
        app = web.Application(client_max_fields=most)
        app.router.add_post("/", count)
        async with session_for(app) as session:
            async with session.post("/", data=[(f"f{number}", "x") for number in range(fields)]) as response:
                assert response.status == status
    assert web.Application().client_max_fields == 1000


def test_a_06_and_24_debug():
    with pytest.warns(DeprecationWarning, match="debug argument is deprecated"):
        app = web.Application(debug=True)
    with pytest.warns(DeprecationWarning, match="debug property is deprecated"):
        assert app.debug is True


def test_a_07_and_24_loop():
    """Differs: the loop is taken and not used: an application runs on the loop that its server runs on."""
    loop = asyncio.new_event_loop()
    try:
        with pytest.warns(DeprecationWarning, match="loop argument is deprecated"):
            app = web.Application(loop=loop)
        with pytest.warns(DeprecationWarning, match="loop property is deprecated"):
            assert app.loop is loop
    finally:
        loop.close()


def test_a_24_loop_and_debug_without_any():
    app = web.Application()
    with pytest.warns(DeprecationWarning, match="debug property"):
        assert not app.debug
    with pytest.warns(DeprecationWarning, match="loop property"):
        assert app.loop is None


async def test_a_08_handler_args_have_the_last_word(serving):
    app = web.Application(handler_args={"keepalive_timeout": 5.5, "max_line_size": 100, "timeout_ceil_threshold": 5})
    app.router.add_get("/{x}", hello)
    runner = web.AppRunner(app, keepalive_timeout=70)
    await runner.setup()
    assert (runner.server.settings.keepalive_timeout, runner.server.limits.start_line) == (5.5, 100)
    await runner.cleanup()
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.get(f"{url}/{'a' * 100}") as response:
            assert response.status == 414


def test_a_12_router_middlewares_and_logger():
    app = web.Application()
    assert isinstance(app.router, web.UrlDispatcher)
    assert list(app.middlewares) == []
    for name in ("router", "middlewares"):
        with pytest.raises(AttributeError):
            setattr(app, name, None)
    assert isinstance(app.logger, logging.Logger)


def test_a_09_the_logger_of_an_application():
    assert web.Application().logger is logging.getLogger("drywire.web")
    logger = logging.getLogger("mine")
    assert web.Application(logger=logger).logger is logger


def test_a_10_an_application_is_a_mapping():
    key = web.AppKey("key", int)
    app = web.Application()
    app[key] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", web.NotAppKeyWarning)
        with pytest.raises(web.NotAppKeyWarning, match="AppKey"):
            app["text"] = 2
    with warnings.catch_warnings(action="ignore"):
        app["text"] = 2
    assert (app[key], app["text"], len(app), set(app), key in app) == (1, 2, 2, {key, "text"}, True)
    del app["text"]
    with pytest.raises(KeyError):
        app["text"]
    assert app != web.Application()
    assert app == app
    assert len({app, web.Application()}) == 2
    assert web.Application()
    app.freeze()
    for change in (lambda: app.__setitem__(key, 2), lambda: app.__delitem__(key)):
        with pytest.warns(DeprecationWarning, match="Changing state of started or joined application is deprecated"):
            change()


def test_a_10_a_warning_of_keys_is_hidden_by_default():
    program = "from drywire import web; web.Application()['a'] = 1"
    done = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_11_a_value_or_a_default():
    app, key = web.Application(), web.AppKey("key", int)
    assert (app.get(key), app.get(key, 3), app.get("text", "other")) == (None, 3, "other")
    app[key] = 1
    assert app.get(key, 3) == 1


def test_a_13_add_routes_returns_the_routes():
    app = web.Application()
    table = web.RouteTableDef()
    table.get("/table")(hello)
    first = app.add_routes([web.get("/a", hello), web.post("/b", hello)])
    second = app.add_routes(table)
    assert [(route.method, route.resource.canonical) for route in [*first, *second]] == [
        ("GET", "/a"), ("POST", "/b"), ("GET", "/table"),
    ]  # fmt: skip


async def test_a_14_routes_added_to_the_router():
    app = web.Application()
    app.router.add_get("/a", hello)
    app.router.add_post("/a", read)
    async with session_for(app) as session:
        async with session.get("/a") as response:
            assert await response.text() == "hello"
        async with session.post("/a", data=b"abc") as response:
            assert await response.text() == "3"


async def test_a_15_an_application_within_another():
    async def tell(request):
        return web.json_response([request.app is inner, request.path, dict(request.match_info)])

    outer, inner = web.Application(), web.Application()
    inner.router.add_get("/{name}", tell)
    inner.router.add_get("", hello)
    outer.router.add_get("/inner/{x}/own", hello)
    resource = outer.add_subapp("/inner/", inner)
    assert isinstance(resource, web.PrefixedSubAppResource)
    assert (resource.canonical, len(resource)) == ("/inner", 4)
    assert resource.get_info() == {"app": inner, "prefix": "/inner"}
    async with session_for(outer) as session:
        for path, status in (("/inner", 200), ("/inner/a/own", 200), ("/innera", 404), ("/inner/a/b", 404)):
            async with session.get(path) as response:
                assert response.status == status
        async with session.get("/inner/a%2Fb") as response:
            assert await response.json() == [True, "/inner/a/b", {"name": "a/b"}]
        async with session.post("/inner/x") as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET,HEAD")


def test_a_15_what_cannot_be_added():
    app, sub = web.Application(), web.Application()
    for prefix in ("", "/", "//"):
        with pytest.raises(ValueError, match="Prefix cannot be empty"):
            app.add_subapp(prefix, sub)
    with pytest.raises(TypeError, match="Prefix must be str"):
        app.add_subapp(1, sub)
    frozen = web.Application()
    frozen.freeze()
    with pytest.raises(RuntimeError, match="Cannot add frozen application"):
        app.add_subapp("/x", frozen)
    with pytest.raises(RuntimeError, match="Cannot add sub application to frozen application"):
        frozen.add_subapp("/x", sub)
    app.add_subapp("/x", sub)
    with pytest.raises(RuntimeError, match="frozen"):
        sub.router.add_get("/late", hello)


async def test_a_15_what_handlers_share_is_found_in_the_application_around():
    key = web.AppKey("key", str)

    async def tell(request):
        return web.Response(text=f"{key in request.app} {request.config_dict[key]}")

    outer, inner = web.Application(), web.Application()
    outer[key] = "outer"
    inner.router.add_get("/x", tell)
    outer.add_subapp("/in", inner)
    async with session_for(outer) as session, session.get("/in/x") as response:
        assert await response.text() == "False outer"


async def test_a_16_an_application_for_a_domain():
    def saying(text):
        async def handler(request):
            return web.Response(text=text)

        app = web.Application()
        app.router.add_get("/", handler)
        return app

    app = saying("other")
    app.add_domain("example.com", saying("exactly"))
    resource = app.add_domain("*.example.com", saying("mask"))
    app.add_domain("port.example:81", saying("port"))
    assert resource.get_info()["rule"].get_info() == {"domain": "*.example.com"}
    async with session_for(app) as session:
        for host, text in (
            ("example.com", "exactly"), ("EXAMPLE.com:99", "exactly"), ("a.b.example.com", "mask"),
            ("port.example:81", "port"), ("port.example", "other"), ("localhost", "other"),
        ):  # fmt: skip
            async with session.get("/", headers={"Host": host}) as response:
                assert (host, await response.text()) == (host, text)
        async with session.get("/none", headers={"Host": "example.com"}) as response:
            assert response.status == 404
    for error, domain in ((TypeError, 1), (ValueError, "http://a"), (ValueError, "a b")):
        with pytest.raises(error):
            web.Application().add_domain(domain, web.Application())


def test_a_20_signals_that_were_removed_long_ago():
    """Differs: `on_pre_signal` and `on_post_signal` went away with aiohttp 3.0, and are not here either."""
    assert not hasattr(web.Application(), "on_pre_signal")
    assert not hasattr(web.Application(), "on_post_signal")


async def test_a_21_start_and_end_called_by_oneself():
    calls = []
    app = web.Application()

    def noting(what):
        async def callback(app):
            calls.append(what)

        return callback

    for name in ("startup", "shutdown", "cleanup"):
        getattr(app, f"on_{name}").append(noting(name))
    app.freeze()
    await app.startup()
    await app.shutdown()
    await app.cleanup()
    assert calls == ["startup", "shutdown", "cleanup"]


def test_a_22_freezing():
    app, sub = web.Application(), web.Application()
    app.add_subapp("/sub", sub)
    assert (app.pre_frozen, app.frozen, sub.pre_frozen, sub.frozen) == (False, False, True, False)
    app.pre_freeze()
    assert (app.pre_frozen, app.frozen) == (True, False)
    app.freeze()
    app.freeze()
    assert (app.frozen, sub.frozen, app.router.frozen) == (True, True, True)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_23_make_handler_under_create_server(loop):
    uvloop = loop == "uvloop"
    factory = pytest.importorskip("uvloop").new_event_loop if uvloop else asyncio.SelectorEventLoop

    async def named(request):
        assert request.app is app
        return web.Response(text=f"hello {request.match_info['name']}")

    app = web.Application()
    app.router.add_get("/{name}", named)
    with pytest.warns(DeprecationWarning, match="use AppRunner API instead"):
        handler = app.make_handler(keepalive_timeout=10)
    assert isinstance(handler, web.Server)

    async def main():
        server = await asyncio.get_running_loop().create_server(handler, "127.0.0.1", 0)
        await app.startup()
        try:
            port = server.sockets[0].getsockname()[1]
            async with drywire.ClientSession() as session:
                for _ in range(2):
                    async with session.get(f"http://127.0.0.1:{port}/you") as response:
                        assert await response.text() == "hello you"
                assert (len(handler.connections), handler.requests_count) == (1, 2)
        finally:
            server.close()
            await server.wait_closed()
            await app.shutdown()
            await handler.shutdown(5)
            await app.cleanup()
        assert handler.connections == []

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def test_a_23_a_handler_under_way_is_cut_when_its_time_is_over():
    ended = []

    async def main():
        begun = asyncio.Event()

        async def stay(request):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("stay")

        app = web.Application()
        app.router.add_get("/", stay)
        with pytest.warns(DeprecationWarning, match="make_handler"):
            handler = app.make_handler()
        server = await asyncio.get_running_loop().create_server(handler, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await begun.wait()
        server.close()
        await handler.shutdown(0.01)
        writer.close()

    asyncio.run(main())
    assert ended == ["stay"]


async def test_a_25_an_application_that_is_called_is_itself():
    app = web.Application()
    assert app() is app


def test_a_26_a_class_made_of_application():
    with pytest.warns(DeprecationWarning, match="Inheritance class Mine from web.Application is discouraged"):

        class Mine(web.Application):
            pass

    mine = Mine()
    mine.attribute = 1
    assert (mine.attribute, isinstance(mine, web.Application)) == (1, True)


async def test_a_28_settings_and_a_database_in_an_application():
    class Engine:
        closed = False

        async def close(self):
            self.closed = True

    config, db = web.AppKey("config", dict), web.AppKey("db", Engine)
    app = web.Application()
    app[config] = {"dsn": "memory"}

    async def open_db(app):
        app[db] = Engine()

    async def close_db(app):
        await app[db].close()

    async def handler(request):
        return web.Response(text=f"{request.app[config]['dsn']} {request.app[db].closed}")

    app.on_startup.append(open_db)
    app.on_cleanup.append(close_db)
    app.router.add_get("/", handler)
    async with session_for(app) as session, session.get("/") as response:
        assert await response.text() == "memory False"
    assert app[db].closed


async def test_a_30_a_server_without_an_application():
    kinds = []

    async def handler(request):
        kinds.append(type(request))
        return web.Response(text=f"{request.method} {request.path} {await request.text()}")

    server = web.Server(handler, keepalive_timeout=5)
    runtime = current_runtime()
    ours, theirs = memory_pair(runtime)
    task = runtime.spawn(server.serve, theirs)
    ours.read_deadline = runtime.now() + 5
    for _ in range(2):
        await ours.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        assert (await ours.receive()).endswith(b"\r\n\r\nPOST /x body")
    assert (len(server.connections), server.requests_count, server.settings.keepalive_timeout) == (1, 2, 5)
    assert kinds == [web.BaseRequest] * 2
    server.pre_shutdown()
    await server.shutdown(1)
    await task.wait()
    assert server.connections == []
    ours.abort()


def test_a_30_a_setting_that_there_is_not():
    """Differs: a setting that there is not is a TypeError; aiohttp then drops all of them, and only logs that."""
    with pytest.raises(TypeError, match="unknown settings of the server: keep_alive"):
        web.Server(hello, keep_alive=1, keepalive_timeout=2)
    server = web.Server(hello, keepalive_timeout=None, max_headers=7, tcp_keepalive=True, loop=object())
    assert (server.settings.keepalive_timeout, server.limits.field_count) == (float("inf"), 7)


async def test_a_30_requests_of_ones_own_making():
    class Mine(web.BaseRequest):
        pass

    kinds = []

    async def handler(request):
        kinds.append(type(request))
        return web.Response()

    server = web.Server(handler, request_factory=Mine)
    runtime = current_runtime()
    ours, theirs = memory_pair(runtime)
    task = runtime.spawn(server.serve, theirs)
    ours.read_deadline = runtime.now() + 5
    await ours.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert (await ours.receive()).startswith(b"HTTP/1.1 200")
    ours.abort()
    await task.wait()
    assert kinds == [Mine]
