"""The examples of seed-004 on the server: its start, its views, its settings, its middlewares.

Where an example runs a server for good, the test takes the application from its last line and asks it in memory.
"""
# ruff: noqa: RUF001 - the examples keep the punctuation of their language

import asyncio
import pathlib
import sys

import pytest

import drywire
from drywire import web
from drywire.testing import session_for

quiet = pytest.mark.filterwarnings("ignore::drywire.web.NotAppKeyWarning")


@pytest.fixture
def started(monkeypatch):
    """What ``web.run_app`` was called with: (app, arguments)."""
    calls = []
    monkeypatch.setattr(web, "run_app", lambda app, **kwargs: calls.append((app, kwargs)))
    return calls


async def said(session, path):
    async with session.get(path) as response:
        return response.status, await response.text()


def test_s4_01_a_server_of_ones_own_loop(script):
    texts = []

    async def ask(server):
        port = server.sockets[0].getsockname()[1]
        async with drywire.ClientSession() as session:
            for path in ("/", "/hello/drywire"):
                texts.append((await said(session, f"http://127.0.0.1:{port}{path}"))[1])
        server.close()
        await server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=5)  # the end of the connection

    script(
        """
        import asyncio
        from drywire import web

        async def index(request):
            await asyncio.sleep(0.5)
            return web.Response(body=b'<h1>Index</h1>')

        async def hello(request):
            await asyncio.sleep(0.5)
            text = '<h1>hello, %s!</h1>' % request.match_info['name']
            return web.Response(body=text.encode('utf-8'))

        async def init(loop):
            #创建一个服务端应用
            app = web.Application(loop=loop)
            #绑定视图函数
            app.router.add_route('GET', '/', index)
            app.router.add_route('GET', '/hello/{name}', hello)
            #创建服务
            srv = await loop.create_server(app.make_handler(), '127.0.0.1', 8000)
            print('Server started at http://127.0.0.1:8000...')
            return srv

        loop = asyncio.get_event_loop()
        #其实init本身就是一个协程，注册到事件循环中
        loop.run_until_complete(init(loop))
        loop.run_forever()
        """,
        deprecated="loop argument is deprecated|use AppRunner API instead",
        shortened=[
            ("'127.0.0.1', 8000)", "'127.0.0.1', 0)"),
            ("asyncio.sleep(0.5)", "asyncio.sleep(0)"),
            ("loop.run_until_complete(init(loop))", "srv = loop.run_until_complete(init(loop))"),
            ("loop.run_forever()", "loop.run_until_complete(ask(srv))"),
        ],
        ask=ask,
    )
    assert texts == ["<h1>Index</h1>", "<h1>hello, drywire!</h1>"]


async def test_s4_03_a_server(play, started):
    await play(
        """
        from drywire import web

        async def handle(request):
            # 这里的name，就是路径中传入的name，没有就使用Anonymous
            name = request.match_info.get('name', "Anonymous")
            text = "Hello, " + name
            return web.Response(text=text)

        app = web.Application()
        app.router.add_get('/', handle)
        # 绑定路径和处理的视图函数
        app.router.add_get('/{name}', handle)

        web.run_app(app)
        """
    )
    ((app, arguments),) = started
    assert arguments == {}
    async with session_for(app) as session:
        assert await said(session, "/") == (200, "Hello, Anonymous")
        assert await said(session, "/you") == (200, "Hello, you")


async def test_s4_40_a_server_without_routes(play, started):
    await play(
        """
        from drywire import web

        app = web.Application()
        web.run_app(app, host='127.0.0.1', port=8080)
        """
    )
    ((app, arguments),) = started
    assert arguments == {"host": "127.0.0.1", "port": 8080}
    async with session_for(app) as session:
        assert await said(session, "/") == (404, "404: Not Found")


async def test_s4_41_a_view(play, started, monkeypatch, tmp_path):
    views = """
        from drywire import web

        async def index(request):
            return web.Response(text='Hello Aiohttp!')
        """
    routes = """
        from views import index

        def setup_routes(app):
            #index是视图函数
            app.router.add_get('/', index)
        """
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in (("views", views), ("routes", routes)):
        (tmp_path / f"{name}.py").write_text(play.text_of(text), "utf-8")
    await play(
        """
        from drywire import web
        from routes import setup_routes

        app = web.Application()
        #传入app
        setup_routes(app)
        web.run_app(app, host='127.0.0.1', port=8080)
        """
    )
    ((app, _),) = started
    async with session_for(app) as session:
        assert await said(session, "/") == (200, "Hello Aiohttp!")
    for name in ("views", "routes"):
        monkeypatch.delitem(sys.modules, name)


@quiet
async def test_s4_42_settings(play):
    # Slip: the document does not show load_config.
    app, paths = web.Application(), []

    def load_config(path):
        paths.append(path)
        return {"database": "polls"}

    await play(
        """
        # load config from yaml file in current dir
        conf = load_config(str(pathlib.Path('.') / 'config' / 'polls.yaml'))
        app['config'] = conf
        """,
        app=app,
        pathlib=pathlib,
        load_config=load_config,
    )
    assert paths == [str(pathlib.Path("config/polls.yaml"))]
    assert app["config"] == {"database": "polls"}


class Engine:
    """What stands for aiopg's."""

    def __init__(self, **settings):
        self.settings = settings
        self.closed = self.waited = False

    def close(self):
        self.closed = True

    async def wait_closed(self):
        self.waited = True


class aiopg:
    class sa:
        @staticmethod
        async def create_engine(**settings):
            return Engine(**settings)


@quiet
async def test_s4_44_a_database_at_start_and_end(play):
    app = web.Application()
    app["config"] = dict.fromkeys(("database", "user", "password", "host", "minsize", "maxsize"), "x")
    await play(
        """
        async def init_pg(app):
            conf = app['config']
            engine = await aiopg.sa.create_engine(
                database=conf['database'],
                user=conf['user'],
                password=conf['password'],
                host=conf['host'],
                port=conf['host'],
                minsize=conf['minsize'],
                maxsize=conf['maxsize'])

            app['db'] = engine

        app.on_startup.append(init_pg)

        async def close_pg(app):
            app['db'].close()
            await app['db'].wait_closed()

        app.on_cleanup.append(close_pg)
        """,
        app=app,
        aiopg=aiopg,
    )
    async with session_for(app):
        assert app["db"].settings["database"] == "x"
        assert not app["db"].closed
    assert (app["db"].closed, app["db"].waited) == (True, True)


SETUP = """
    def setup_middlewares(app):
        error_middleware = error_pages({404: handle_404,
                                        500: handle_500})
        app.middlewares.append(error_middleware)
    """
ERROR_PAGES = """
    def error_pages(overrides):
        async def middleware(app, handler):
            async def middleware_handler(request):
                try:
                    response = await handler(request)
                    override = overrides.get(response.status)
                    if override is None:
                        return response
                    else:
                        return await override(request, response)
                except web.HTTPException as ex:
                    override = overrides.get(ex.status)
                    if override is None:
                        raise
                    else:
                        return await override(request, ex)
            return middleware_handler
        return middleware
    """


async def played_pages(play):
    async def handle_404(request, response):
        return web.Response(text=f"page of {response.status}", status=404)

    async def handle_500(request, response):
        return web.Response(text=f"page of {response.status}", status=500)

    pages = await play(ERROR_PAGES, web=web)
    names = {"error_pages": pages["error_pages"], "handle_404": handle_404, "handle_500": handle_500}
    return await play(SETUP, **names)


async def test_s4_48_middlewares_of_an_application(play):
    app = web.Application()
    (await played_pages(play))["setup_middlewares"](app)
    assert len(app.middlewares) == 1
    with pytest.warns(DeprecationWarning, match="old-style middleware"):
        app.freeze()


async def test_s4_49_a_middleware_for_pages_of_errors(play):
    async def returned(request):
        return web.Response(status=500)

    async def raised(request):
        raise web.HTTPForbidden

    app = web.Application()
    app.router.add_get("/returned", returned)
    app.router.add_get("/raised", raised)
    (await played_pages(play))["setup_middlewares"](app)
    with pytest.warns(DeprecationWarning, match="old-style middleware"):
        app.freeze()
    async with session_for(app) as session:
        assert await said(session, "/none") == (404, "page of 404")
        assert await said(session, "/returned") == (500, "page of 500")
        assert await said(session, "/raised") == (403, "403: Forbidden")
