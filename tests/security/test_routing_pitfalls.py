"""Lines of must-not-have.md that concern routing, each by its number."""

import time

import pytest
from yarl import URL

from drywire import web
from drywire.testing import session_for
from drywire_server.request_dispatch import MOST_UNKNOWN
from drywire_server.routing.domains import MaskDomain

from ..server.asking import answers, get


async def hello(request):
    return web.Response(text=request.path)


def normalizing(**options):
    app = web.Application(middlewares=[web.normalize_path_middleware(**options)])
    app.router.add_get("/{tail:.*}/", hello)
    app.router.add_get("/x", hello)
    return app


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "//evil.example/%2e%2e",
        "///evil.example/x",
        "/\\evil.example",
        "/\\/evil.example",
        "//\\evil.example//x",
        "/%5Cevil.example",
        "/%2Fevil.example",
        "/%2F%2Fevil.example",
        "http://a//evil.example",
        "//evil.example?x=//y",
        "//x",
    ],
)
@pytest.mark.parametrize("merge", [True, False])
async def test_cve_2021_21330_and_werkzeug_28724_a_redirect_stays_on_this_server(serving, answer_to, target, merge):
    async with serving(normalizing(merge_slashes=merge)) as url:
        data = await answer_to(url, get(target))
    answer = answers(data)[0]
    location = answer.headers["Location"]
    if location is None:
        assert answer.status in (200, 400, 404)
        return
    assert answer.status == 308
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert URL("http://a").join(URL(location)).host == "a"
    assert location.partition("?")[2] == target.partition("?")[2]


async def test_starlette_48817_an_unknown_method_is_405(serving, answer_to):
    """Nor is a method of a view, which only the view's own methods call, reached by its name."""
    reached = []

    class View(web.View):
        async def get(self):
            return web.Response()

        async def delete_all(self):
            reached.append("delete_all")
            return web.Response()

        async def _do_delete(self):
            reached.append("_do_delete")
            return web.Response()

    app = web.Application()
    app.router.add_get("/x", hello)
    app.router.add_view("/view", View)
    async with serving(app) as url:
        for path in ("/x", "/view"):
            for method in ("BREW", "get", "DELETE_ALL", "_DO_DELETE", "_do_delete", "REQUEST", "_request", "__init__"):
                assert answers(await answer_to(url, get(path, method=method)))[0].status == 405
    assert reached == []


@pytest.mark.parametrize(
    "target",
    ["/admin/x", "/admin%2Fx", "/%61dmin/x", "/%2561dmin/x", "//admin/x", "/./admin/x", "/x/../admin/x", "/admin;/x"],
)
async def test_cve_54282_and_48710_routing_and_handlers_see_the_same_path(serving, answer_to, target):
    """A middleware that guards by `request.path` and the routing table cannot be led to different conclusions."""
    reached = []

    async def admin(request):
        reached.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/admin/{name}", admin)
    app.router.add_get("/{tail:.*}", hello)
    async with serving(app) as url:
        assert answers(await answer_to(url, get(target)))[0].status == 200
    assert all(path.startswith("/admin/") for path in reached)
    assert bool(reached) is (target in ("/admin/x", "/%61dmin/x"))


async def test_cve_52303_the_caches_of_routes_are_bounded():
    """A resource that makes a new route for each request fills no memory, nor does any number of paths and methods."""

    class Fresh(web.Resource):
        canonical = "/fresh"
        segments = ([], False)

        def match(self, path):
            return {} if path.startswith("/fresh") else None

        def find(self, method):
            return web.ResourceRoute(method, hello, self)

        def look_up(self, path, request, allowed):
            return None if self.match(path) is None else (self.find(request.method), None, ())

        def url_for(self):
            return URL("/fresh")

        def add_prefix(self, prefix):
            raise NotImplementedError

        def get_info(self):
            return {}

        def raw_match(self, path):
            return False

    app = web.Application()
    app.router.register_resource(Fresh())
    app.router.add_get("/x/{a}", hello)
    app.freeze()
    dispatch = app._dispatch
    async with session_for(app) as session:
        for number in range(50):
            async with session.get(f"/fresh{number}") as response:
                assert response.status == 200
            async with session.get(f"/none{number}") as response:
                assert response.status == 404
            async with session.request(f"M{number}", f"/x/{number}") as response:
                assert response.status == 405
    assert len(dispatch._chains) == 50
    dispatch._most_chains = 50
    async with session_for(app) as session, session.get("/fresh-more") as response:
        assert response.status == 200
    assert len(dispatch._chains) == 50
    assert MOST_UNKNOWN <= 1024


def test_masks_of_many_stars_take_time_in_line_with_the_length_of_a_host():
    mask = MaskDomain("*a*a*a*a*a*a*a*a*a*a*b.example")
    began = time.process_time()
    assert not mask.match_domain("a" * 8000 + ".example")
    assert time.process_time() - began < 0.5  # a regular expression would take years
