"""Row A-29: templates, by the names of aiohttp_jinja2."""

import jinja2

import drywire.jinja2 as aiohttp_jinja2
from drywire import web
from drywire.testing import session_for


async def test_a_29_an_application_has_templates_and_handlers_return_their_variables():
    @aiohttp_jinja2.template("page.html")
    async def decorated(request):
        return {"name": "<ada>"}

    async def by_hand(request):
        return aiohttp_jinja2.render_template("page.html", request, {"name": request.path}, status=202)

    app = web.Application()
    app.add_routes([web.get("/", decorated, name="index"), web.get("/by-hand", by_hand)])
    templates = {"page.html": "{{ name }} {{ url('index') }}"}
    env = aiohttp_jinja2.setup(app, loader=jinja2.DictLoader(templates))
    assert env is aiohttp_jinja2.get_env(app) is app[aiohttp_jinja2.APP_KEY]
    async with session_for(app) as session:
        async with session.get("/") as response:
            assert (response.content_type, await response.text()) == ("text/html", "&lt;ada&gt; /")
        async with session.get("/by-hand") as response:
            assert (response.status, await response.text()) == (202, "/by-hand /")
