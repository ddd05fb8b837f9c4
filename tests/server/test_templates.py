"""drywire.jinja2: pages from templates, on every loop, with the names of aiohttp_jinja2."""

import sys

import jinja2
import pytest
from yarl import URL

import drywire.jinja2 as aiohttp_jinja2
from drywire import web
from drywire.testing import session_for

from ..tree import run_python

PAGE = "<h1>{{ head }}</h1>{{ text }}"


def app_of(*routes, templates=None, **options):
    app = web.Application()
    app.add_routes(routes)
    aiohttp_jinja2.setup(app, loader=jinja2.DictLoader(templates or {"page.html": PAGE}), **options)
    return app


async def page_at(app, path="/", status=200):
    async with session_for(app) as session, session.get(path) as response:
        assert response.status == status
        return await response.text()


async def shown(template, *, path="/", options=None, prepare=None, **context):
    """Return what a template says whose handler gives it `context`."""

    @aiohttp_jinja2.template("page.html")
    async def handler(request):
        return context

    app = app_of(web.get(path, handler, name="here"), templates={"page.html": template}, **(options or {}))
    if prepare is not None:
        prepare(app)
    return await page_at(app, path)


# The page


async def test_a_decorated_handler_returns_the_variables_of_its_page():
    @aiohttp_jinja2.template("page.html")
    async def handler(request):
        return {"head": "HEAD", "text": "text"}

    async with session_for(app_of(web.get("/", handler))) as session, session.get("/") as response:
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert await response.text() == "<h1>HEAD</h1>text"
    assert handler.__name__ == "handler"


async def test_a_decorated_method_of_a_view_and_of_any_object_do():
    class Shown(web.View):
        @aiohttp_jinja2.template("page.html")
        async def get(self):
            return {"head": self.request.path, "text": "view"}

    class Pages:
        @aiohttp_jinja2.template("page.html", status=202, encoding="utf-16")
        async def show(self, request):
            return {"head": request.path, "text": "ä method"}

    app = app_of(web.view("/view", Shown), web.get("/object", Pages().show))
    assert await page_at(app, "/view") == "<h1>/view</h1>view"
    app = app_of(web.get("/object", Pages().show))
    assert await page_at(app, "/object", status=202) == "<h1>/object</h1>ä method"


async def test_a_decorated_handler_may_return_a_response_and_nothing():
    @aiohttp_jinja2.template("page.html")
    async def respond(request):
        return web.Response(text="mine", status=203)

    @aiohttp_jinja2.template("page.html")
    async def nothing(request):
        return None

    @aiohttp_jinja2.template("page.html")
    async def leave(request):
        raise web.HTTPSeeOther("/nothing")

    app = app_of(web.get("/", respond), web.get("/nothing", nothing), web.get("/leave", leave))
    async with session_for(app) as session:
        async with session.get("/") as response:
            assert (response.status, await response.text()) == (203, "mine")
        async with session.get("/leave") as response:
            assert (response.url.path, await response.text()) == ("/nothing", "<h1></h1>")


async def test_a_handler_renders_by_itself():
    async def handler(request):
        text = aiohttp_jinja2.render_string("page.html", request, {"head": 1, "text": 2})
        return aiohttp_jinja2.render_template("page.html", request, {"head": text, "text": ""}, status=404)

    page = await page_at(app_of(web.get("/", handler)), status=404)
    assert page == "<h1>&lt;h1&gt;1&lt;/h1&gt;2</h1>"


async def test_an_async_environment_renders_on_every_loop():
    async def word():
        return "awaited"

    @aiohttp_jinja2.template("page.html")
    async def decorated(request):
        return {"text": word}

    async def by_itself(request):
        text = await aiohttp_jinja2.render_string_async("page.html", request, {"text": word})
        return await aiohttp_jinja2.render_template_async("page.html", request, {"head": len(text), "text": word})

    async def in_vain(request):
        return aiohttp_jinja2.render_template("page.html", request, {})

    templates = {"page.html": "{{ head }}{{ text() }}{% for n in numbers() %} {{ n }}{% endfor %}"}

    async def numbers(request):
        async def count():
            for number in range(3):
                yield number

        return {"numbers": count}

    routes = [web.get("/", decorated), web.get("/self", by_itself), web.get("/vain", in_vain)]
    app = app_of(*routes, templates=templates, enable_async=True, context_processors=[numbers])
    async with session_for(app) as session:
        async with session.get("/") as response:
            assert await response.text() == "awaited 0 1 2"
        async with session.get("/self") as response:
            assert await response.text() == "13awaited 0 1 2"
        async with session.get("/vain") as response:
            assert response.status == 500


# What is escaped


async def test_values_are_escaped_unless_told_otherwise():
    evil = "<script>alert('x')</script>\"&"
    safe = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;"
    template = '<a title="{{ text }}">{{ text }}</a>'
    assert await shown(template, text=evil) == f'<a title="{safe}">{safe}</a>'
    assert await shown(template, text=evil, options={"autoescape": False}) == f'<a title="{evil}">{evil}</a>'


# Helpers


async def test_url_is_that_of_a_named_route():
    async def other(request):
        raise NotImplementedError

    def prepare(app):
        app.router.add_get("/polls/{number}/{what}", other, name="poll")

    template = "{{ url('poll', number=5, what='ä b', query_={'page': 2, 'sort': 'a&b'}) }} {{ url('here') }}"
    assert await shown(template, prepare=prepare) == "/polls/5/%C3%A4%20b?page=2&amp;sort=a%26b /"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("url('nowhere')", "no route is named 'nowhere'"),
        ("url('poll', number=none)", "variable 'number' of the route 'poll' must be str or int, not None"),
        ("url('poll', number=true)", "variable 'number' of the route 'poll' must be str or int, not True"),
        ("static('x')", "where are static files?"),
    ],
)
async def test_a_wrong_url_is_an_error_that_says_so(call, error, caplog):
    @aiohttp_jinja2.template("page.html")
    async def handler(request):
        return {}

    app = app_of(web.get("/{number:.*}", handler, name="poll"), templates={"page.html": f"{{{{ {call} }}}}"})
    assert error not in await page_at(app, status=500)
    assert error in caplog.text


@pytest.mark.filterwarnings("ignore::drywire.web.NotAppKeyWarning")
async def test_static_is_the_url_of_a_file(tmp_path):
    (tmp_path / "a b.css").write_text("")
    template = "{{ static('a b.css') }}"

    def routed(app, **options):
        app.router.add_static("/files", tmp_path, name="static", **options)

    assert await shown(template, prepare=routed) == "/files/a%20b.css"
    url = URL(await shown(template, prepare=lambda app: routed(app, append_version=True)))
    assert (url.path, set(url.query)) == ("/files/a b.css", {"v"})

    def named(app):
        routed(app)
        app[aiohttp_jinja2.static_root_key] = "https://cdn.example/x/"

    assert await shown("{{ static('/y.css') }}", prepare=named) == "https://cdn.example/x/y.css"

    def by_str(app):
        app["static_root_url"] = "/s"

    assert await shown("{{ static('y.css') }}", prepare=by_str) == "/s/y.css"


@pytest.mark.filterwarnings("ignore::drywire.web.NotAppKeyWarning")
async def test_helpers_and_filters_are_the_environments():
    shout = {"shout": lambda text: text.upper() + "!"}
    assert await shown("{{ 'a'|shout }}{{ url }}", options={"filters": shout, "default_helpers": False}) == "A!"
    assert await shown("{{ 'a'|shout }}", options={"filters": list(shout.items())}) == "A!"
    assert await shown("{{ app['x'] }}", prepare=lambda app: app.__setitem__("x", 3)) == "3"


# Context processors, and applications within applications


async def test_context_processors_say_what_every_template_sees():
    async def other(request):
        return {"text": "theirs", "head": "theirs"}

    options = {"context_processors": [aiohttp_jinja2.request_processor, other]}
    page = await shown("{{ request.path }} {{ head }} {{ text }}", path="/x", options=options, text="mine")
    assert page == "/x theirs mine"


async def test_an_application_within_uses_the_environment_around_it_and_may_have_its_own():
    @aiohttp_jinja2.template("page.html")
    async def handler(request):
        return {}

    async def outer(request):
        return {"head": "outer", "text": "outer"}

    async def inner(request):
        return {"head": "inner"}

    app = app_of(web.get("/", handler), context_processors=[outer])
    without, own = web.Application(), app_of(templates={"page.html": "own {{ head }}"}, context_processors=[inner])
    for sub, path in (without, "/without"), (own, "/own"):
        sub.add_routes([web.get("/", handler)])
        app.add_subapp(path, sub)
    async with session_for(app) as session:
        for path, text in {
            "/": "<h1>outer</h1>outer",
            "/without/": "<h1>outer</h1>outer",
            "/own/": "own inner",
        }.items():
            async with session.get(path) as response:
                assert await response.text() == text


async def test_an_application_may_have_several_environments():
    key = web.AppKey("mails", jinja2.Environment)

    @aiohttp_jinja2.template("page.html", app_key=key)
    async def handler(request):
        return {}

    app = app_of(web.get("/", handler))
    env = aiohttp_jinja2.setup(app, loader=jinja2.DictLoader({"page.html": "other"}), app_key=key)
    assert await page_at(app) == "other"
    assert aiohttp_jinja2.get_env(app, app_key=key) is env is app[key]
    assert aiohttp_jinja2.get_env(app) is app[aiohttp_jinja2.APP_KEY] is not env


# What is wrong


def test_an_application_without_setup_has_no_environment():
    with pytest.raises(RuntimeError, match=r"call drywire\.jinja2\.setup"):
        aiohttp_jinja2.get_env(web.Application())


@pytest.mark.parametrize(
    ("context", "name", "error"),
    [
        ([], "page.html", "the context of a template must be a mapping, not list"),
        ({}, "none.html", "TemplateNotFound: none.html"),
        ({}, "wrong.html", "expected token 'end of print statement'"),
    ],
)
async def test_what_cannot_be_rendered_is_500_and_the_reason_is_in_the_log(context, name, error, caplog):
    async def handler(request):
        return aiohttp_jinja2.render_template(name, request, context)

    app = app_of(web.get("/", handler), templates={"page.html": "", "wrong.html": "{{ a b }}"})
    assert name not in await page_at(app, status=500)
    assert error in caplog.text


async def test_render_async_needs_an_async_environment(caplog):
    async def handler(request):
        return await aiohttp_jinja2.render_template_async("page.html", request, {})

    await page_at(app_of(web.get("/", handler)), status=500)
    assert "enable_async=True" in caplog.text


def test_without_jinja2_the_import_names_the_extra():
    said = run_python(
        "-c",
        """if True:
            import sys
            sys.modules["jinja2"] = None
            import drywire.web
            try:
                import drywire.jinja2
            except ModuleNotFoundError as error:
                print(error)
        """,
    )
    assert said == "Jinja2 is not installed: pip install 'drywire[jinja2]'\n"


def test_jinja2_itself_is_not_hidden_by_the_module_of_the_same_name():
    assert sys.modules["jinja2"] is jinja2 is not aiohttp_jinja2
