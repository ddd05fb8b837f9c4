"""Rows I-01 to I-08: what stands around the handlers of an application."""

import pytest
from yarl import URL

from drywire import web
from drywire.testing import session_for


async def hello(request):
    return web.Response(text="hello")


def named(name, calls):
    @web.middleware
    async def middleware(request, handler):
        calls.append(f"{name} in")
        try:
            return await handler(request)
        finally:
            calls.append(f"{name} out")

    return middleware


async def test_i_01_the_first_middleware_is_the_outermost():
    calls = []
    app = web.Application(middlewares=[named("a", calls), named("b", calls)])
    app.router.add_get("/", hello)
    app.router.add_get("/{x}", hello)
    async with session_for(app) as session:
        for path in ("/", "/x", "/"):
            async with session.get(path) as response:
                assert await response.text() == "hello"
            assert calls == ["a in", "b in", "b out", "a out"]
            calls.clear()


def test_i_01_the_decorator_marks_and_returns_what_it_is_given():
    async def middleware(request, handler):
        return await handler(request)

    assert web.middleware(middleware) is middleware
    assert middleware.__middleware_version__ == 1


async def test_i_01_a_middleware_may_answer_by_itself_or_change_the_response():
    @web.middleware
    async def change(request, handler):
        if request.path == "/own":
            return web.Response(text="own")
        response = await handler(request)
        response.headers["X-Changed"] = "yes"
        return response

    app = web.Application(middlewares=[change])
    app.router.add_get("/{x}", hello)
    async with session_for(app) as session:
        async with session.get("/own") as response:
            assert (await response.text(), "X-Changed" in response.headers) == ("own", False)
        async with session.get("/x") as response:
            assert (await response.text(), response.headers["X-Changed"]) == ("hello", "yes")


async def test_i_01_the_handler_is_still_known_by_its_name_and_marks():
    seen = []

    async def handler(request):
        """Answer."""
        return web.Response()

    handler.needs_login = True

    @web.middleware
    async def look(request, handler):
        seen.append((handler.__name__, handler.__doc__, handler.needs_login))
        return await handler(request)

    app = web.Application(middlewares=[look, look])
    app.router.add_get("/", handler)
    async with session_for(app) as session, session.get("/"):
        pass
    assert seen == [("handler", "Answer.", True)] * 2


async def test_i_01_classes_can_be_middlewares():
    @web.middleware
    class Counting:
        def __init__(self):
            self.count = 0

        async def __call__(self, request, handler):
            self.count += 1
            return await handler(request)

    counting = Counting()

    class View(web.View):
        async def get(self):
            return web.Response(text="view")

    app = web.Application(middlewares=[counting])
    app.router.add_view("/", View)
    async with session_for(app) as session, session.get("/") as response:
        assert await response.text() == "view"
    assert counting.count == 1


async def test_i_01_a_function_of_request_and_handler_needs_no_decorator():
    """Differs: a function whose parameters are `request` and `handler` is a middleware of the new style, decorated or
    not; aiohttp calls one that is not decorated with application and handler.
    """

    async def plain(request, handler):
        response = await handler(request)
        response.headers["X-Plain"] = "yes"
        return response

    app = web.Application(middlewares=[plain])
    app.router.add_get("/", hello)
    async with session_for(app) as session, session.get("/") as response:
        assert response.headers["X-Plain"] == "yes"


async def test_i_01_those_of_an_application_within_another_stand_within():
    calls = []
    apps = []

    @web.middleware
    async def app_of(request, handler):
        apps.append(request.app)
        response = await handler(request)
        apps.append(request.app)
        return response

    async def handler(request):
        apps.append(request.app)
        return web.Response()

    outer = web.Application(middlewares=[named("outer", calls), app_of])
    inner = web.Application(middlewares=[app_of, named("inner", calls)])
    inner.router.add_get("/x", handler)
    outer.router.add_get("/x", handler)
    outer.add_subapp("/in", inner)
    async with session_for(outer) as session:
        async with session.get("/in/x"):
            assert calls == ["outer in", "inner in", "inner out", "outer out"]
        assert apps == [outer, inner, inner, inner, outer]
        calls.clear()
        apps.clear()
        async with session.get("/x"):
            assert calls == ["outer in", "outer out"]
        assert apps == [outer, outer, outer]
        calls.clear()
        async with session.get("/in/none") as response:
            assert response.status == 404
        assert calls == ["outer in", "inner in", "inner out", "outer out"]


async def test_i_02_middlewares_of_the_old_style():
    made = []

    async def factory(app, handler):
        made.append(app)

        async def middleware(request):
            response = await handler(request)
            response.text = response.text + " and more"
            return response

        return middleware

    calls = []
    app = web.Application(middlewares=[factory, named("inner", calls)])
    app.router.add_get("/", hello)
    with pytest.warns(DeprecationWarning, match=r"old-style middleware <function .*factory.* deprecated"):
        app.freeze()
    async with session_for(app) as session:
        async with session.get("/") as response:
            assert await response.text() == "hello and more"
        async with session.get("/none") as response:
            assert response.status == 404
    assert made == [app, app]
    assert calls == ["inner in", "inner out"] * 2


async def test_i_02_an_old_style_middleware_catches_what_is_raised():
    async def factory(app, handler):
        async def middleware(request):
            try:
                return await handler(request)
            except web.HTTPNotFound:
                return web.Response(text=f"nothing for {type(app).__name__}", status=404)

        return middleware

    outer, app = web.Application(), web.Application(middlewares=[factory])
    with pytest.warns(DeprecationWarning, match="old-style"):
        outer.add_subapp("/in", app)
    async with session_for(outer) as session, session.get("/in/x") as response:
        assert await response.text() == "nothing for Application"


async def test_i_03_middlewares_are_added_before_the_start():
    calls = []
    app = web.Application()
    app.middlewares.append(named("b", calls))
    app.middlewares.insert(0, named("a", calls))
    app.router.add_get("/", hello)
    async with session_for(app) as session:
        async with session.get("/"):
            assert calls == ["a in", "b in", "b out", "a out"]
        with pytest.raises(RuntimeError, match=r"Cannot modify frozen list\."):
            app.middlewares.append(named("c", calls))


@web.middleware
async def pages(request, handler):
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if error.status not in (404, 500):
            raise
        return web.Response(text=f"page of {error.status}", status=error.status)
    if response.status == 500:
        return web.Response(text="page of a 500 that was returned", status=500)
    return response


async def test_i_04_pages_for_errors(caplog):
    async def crash(request):
        raise RuntimeError("ours")

    async def refuse(request):
        raise web.HTTPInternalServerError

    async def forbid(request):
        raise web.HTTPForbidden

    async def returned(request):
        return web.Response(status=500)

    app = web.Application(middlewares=[pages])
    for path, handler in (("crash", crash), ("refuse", refuse), ("forbid", forbid), ("returned", returned)):
        app.router.add_get(f"/{path}", handler)
    async with session_for(app) as session:
        for path, status, text in (
            ("none", 404, "page of 404"),
            ("refuse", 500, "page of 500"),
            ("forbid", 403, "403: Forbidden"),
            ("returned", 500, "page of a 500 that was returned"),
        ):
            async with session.get(f"/{path}") as response:
                assert (response.status, await response.text()) == (status, text)
        async with session.get("/crash") as response:
            assert response.status == 500
            assert "page" not in await response.text()
    assert "ours" in caplog.text


def normalizing(*paths, **options):
    app = web.Application(middlewares=[web.normalize_path_middleware(**options)])
    for path in paths:
        app.router.add_get(path, hello)
    return app


@pytest.mark.parametrize(
    ("options", "paths", "target", "location"),
    [
        ({}, ["/a/"], "/a?b=c%2F&d", "/a/?b=c%2F&d"),
        ({}, ["/a/b"], "/a//b", "/a/b"),
        ({}, ["/a/b/"], "//a///b", "/a/b/"),
        ({}, ["/a"], "/a/", None),
        ({"append_slash": False, "remove_slash": True}, ["/a"], "/a/", "/a"),
        ({"append_slash": False, "remove_slash": True}, ["/a/b"], "/a//b//?q", "/a/b?q"),
        ({"merge_slashes": False}, ["/a/b"], "/a//b", None),
        ({"append_slash": False, "merge_slashes": False}, ["/a/"], "/a", None),
        ({}, ["/u/{name}/"], "/u/%D0%BF%2F", "/u/%D0%BF%2F/"),
        ({}, ["/u/{name}/"], "/none", None),
        ({}, ["/{tail:.*}/"], "//evil.example/x", "/evil.example/x/"),
        ({}, ["/a"], "/a", ""),
    ],
)
async def test_i_05_paths_are_normalized(options, paths, target, location):
    async with session_for(normalizing(*paths, **options)) as session:
        url = URL(f"http://localhost{target}", encoded=True)
        async with session.get(url, allow_redirects=False) as response:
            assert response.headers.get("Location", "") == (location or "")
            assert response.status == (404 if location is None else 308 if location else 200)


async def test_i_05_the_class_of_the_redirect_may_be_another():
    app = normalizing("/a/", redirect_class=web.HTTPFound)
    async with session_for(app) as session, session.get("/a", allow_redirects=False) as response:
        assert response.status == 302
    with pytest.raises(AssertionError, match="Cannot both remove and append slash"):
        web.normalize_path_middleware(append_slash=True, remove_slash=True)


async def test_i_05_only_for_the_method_that_the_other_path_has():
    app = normalizing()
    app.router.add_post("/a/", hello)
    async with session_for(app) as session:
        async with session.get("/a", allow_redirects=False) as response:
            assert response.status == 404
        async with session.post("/a", allow_redirects=False) as response:
            assert response.status == 308


async def test_i_05_within_an_application_within_another():
    outer, inner = web.Application(), normalizing("/a/")
    outer.add_subapp("/in", inner)
    async with session_for(outer) as session, session.get("/in/a", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (308, "/in/a/")


async def test_i_06_middlewares_see_404_and_405():
    statuses = []

    @web.middleware
    async def look(request, handler):
        try:
            return await handler(request)
        except web.HTTPException as error:
            statuses.append(error.status)
            raise

    app = web.Application(middlewares=[look])
    app.router.add_post("/x", hello)
    async with session_for(app) as session:
        for path in ("/none", "/x"):
            async with session.get(path):
                pass
    assert statuses == [404, 405]


async def test_i_07_requests_that_are_malformed_meet_no_middleware(serving, answer_to):
    calls = []
    app = web.Application(middlewares=[named("a", calls)])
    async with serving(app) as url:
        assert (await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert calls == []


async def test_i_08_the_body_may_be_read_in_a_middleware():
    text = web.RequestKey("text", str)

    @web.middleware
    async def read(request, handler):
        request[text] = await request.text()
        return await handler(request)

    async def handler(request):
        assert await request.read() == request[text].encode()
        assert await request.text() == request[text]
        return web.json_response(await request.json())

    app = web.Application(middlewares=[read])
    app.router.add_post("/", handler)
    async with session_for(app) as session, session.post("/", json={"a": [1]}) as response:
        assert await response.json() == {"a": [1]}
