"""The examples of seed-004 on templates, and its tutorial as a program. What is left out of it: test_s4.py.

The whole of the tutorial, with all that the document leaves out, is examples/polls/.
"""

import contextlib
import importlib
import re
import signal
import subprocess
import sys
import textwrap
import types
import urllib.request

import jinja2
import pytest

import drywire
import drywire.jinja2
from drywire import web

from ..server.asking import answers, get
from ..tree import environment
from .playing import installed

# The documents keep things under a str.
pytestmark = pytest.mark.filterwarnings("ignore::drywire.web.NotAppKeyWarning")

LOOPS = {
    "asyncio": "port=0",
    "uvloop": "port=0, loop_factory=__import__('uvloop').new_event_loop",
    "trio": "port=0, backend='trio'",
}


@pytest.fixture(params=["asyncio", *(pytest.param(name, marks=installed(name)) for name in ("uvloop", "trio"))])
def at_work(request, tmp_path):
    """``with at_work(main=text, ...) as url``: the program main.py beside other modules, on a free port."""

    @contextlib.contextmanager
    def run(**modules):
        for name, text in modules.items():
            assert "port=8080" in text or name != "main"
            text = textwrap.dedent(text).replace("port=8080", LOOPS[request.param])
            (tmp_path / f"{name}.py").write_text(text, "utf-8")
        command = [sys.executable, "-u", "main.py"]
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            said = process.stdout.readline() + process.stdout.readline()
            url = re.fullmatch(r"======== Running on (\S+) ========\n\(Press CTRL\+C to quit\)\n", said)
            assert url is not None, said + process.communicate()[1]
            yield url[1]
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == ("", "")
            assert process.returncode == 0
        finally:
            process.kill()
            process.communicate()

    return run


def fetched(url):
    """Return status and text at `url`."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as response:
        return response.status, response.read().decode()


def test_s4_41_a_view_of_a_program(at_work):
    modules = {
        "views": """
            from drywire import web

            async def index(request):
                return web.Response(text='Hello Aiohttp!')
            """,
        "routes": """
            from views import index

            def setup_routes(app):
                #index是视图函数
                app.router.add_get('/', index)
            """,
        "main": """
            from drywire import web
            from routes import setup_routes

            app = web.Application()
            #传入app
            setup_routes(app)
            web.run_app(app, host='127.0.0.1', port=8080)
            """,
    }
    with at_work(**modules) as url:
        assert fetched(url) == (200, "Hello Aiohttp!")


class Db(types.SimpleNamespace):
    """The module db of the document, which it does not show."""

    class RecordNotFound(Exception):
        pass

    @classmethod
    async def get_question(cls, conn, question_id):
        if question_id != "1":
            raise cls.RecordNotFound(f"Question with id: {question_id} does not exists")
        return {"id": 1, "question_text": "<What?>"}, [conn]

    @contextlib.asynccontextmanager
    async def acquire(self):
        yield "connection"


async def test_s4_45_template(play, serving, answer_to):
    # Slip: a request has no 'db' unless something puts it there, as a middleware does here.
    @web.middleware
    async def with_db(request, handler):
        request["db"] = Db()
        return await handler(request)

    app = web.Application(middlewares=[with_db])
    templates = {"detail.html": "{{ question.question_text }} {{ choices|join }}"}
    drywire.jinja2.setup(app, loader=jinja2.DictLoader(templates))
    played = await play(
        """
        @aiohttp_jinja2.template('detail.html')
        async def poll(request):
            async with request['db'].acquire() as conn:
                question_id = request.match_info['question_id']
                try:
                    question, choices = await db.get_question(conn,
                                                              question_id)
                except db.RecordNotFound as e:
                    raise web.HTTPNotFound(text=str(e))
                return {
                    'question': question,
                    'choices': choices
                }
        """,
        aiohttp_jinja2=drywire.jinja2,
        web=web,
        db=Db,
    )
    app.router.add_get("/poll/{question_id}", played["poll"])
    async with serving(app) as url:
        (found,) = answers(await answer_to(url, get("/poll/1")))
        (missing,) = answers(await answer_to(url, get("/poll/2")))
    assert (found.status, found.body) == (200, b"&lt;What?&gt; connection")
    assert (missing.status, missing.body) == (404, b"Question with id: 2 does not exists")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package aiohttpdemo_polls of the document, with the templates 404.html and 500.html."""
    folder = tmp_path / "aiohttpdemo_polls" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    for status in (404, 500):
        (folder / f"{status}.html").write_text(f"<h1>{status}</h1>")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("aiohttpdemo_polls", None)
    importlib.invalidate_caches()


SETUP = """
    import drywire.jinja2 as aiohttp_jinja2
    import jinja2

    aiohttp_jinja2.setup(
        app, loader=jinja2.PackageLoader('aiohttpdemo_polls', 'templates'))
    """

HANDLERS = """
    async def handle_404(request, response):
        response = aiohttp_jinja2.render_template('404.html',
                                                  request,
                                                  {})
        return response


    async def handle_500(request, response):
        response = aiohttp_jinja2.render_template('500.html',
                                                  request,
                                                  {})
        return response
    """

MIDDLEWARE = """
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

MIDDLEWARES = """
    def setup_middlewares(app):
        error_middleware = error_pages({404: handle_404,
                                        500: handle_500})
        app.middlewares.append(error_middleware)
    """


@pytest.mark.usefixtures("package")
async def test_s4_46_setup(play):
    app = web.Application()
    await play(SETUP, app=app)
    assert drywire.jinja2.get_env(app).get_template("404.html").render() == "<h1>404</h1>"


async def failing(request):
    return web.Response(status=500, text="no page")


async def raising(request):
    raise web.HTTPForbidden(text="no override")


async def pages_of(app, serving, answer_to, *paths):
    """Start an application with a middleware of the old style, and return what it answers."""
    app.add_routes([web.get("/500", failing), web.get("/403", raising)])
    with pytest.warns(DeprecationWarning, match="old-style middleware"):
        async with serving(app) as url:
            return [answers(await answer_to(url, get(path)))[0] for path in paths]


@pytest.mark.usefixtures("package")
async def test_s4_50_pages_for_errors(play, serving, answer_to):
    app = web.Application()
    names = {}
    for text in (SETUP, HANDLERS, MIDDLEWARE, MIDDLEWARES):
        names.update((await play(text, **{"app": app, "web": web, **names})).names)
    names["setup_middlewares"](app)
    found = await pages_of(app, serving, answer_to, "/none", "/500", "/403")
    # Their status is that of a page, as the document has it.
    assert [(answer.status, answer.body) for answer in found] == [
        (200, b"<h1>404</h1>"),
        (200, b"<h1>500</h1>"),
        (403, b"no override"),
    ]
