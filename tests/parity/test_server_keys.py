"""Rows TY-01 to TY-03 and TY-05, and A-27: keys that know the type of what is kept under them, and other types."""

import importlib.resources
import inspect
import typing
from collections.abc import Iterable

import pytest

from drywire import abc, typedefs, web
from drywire.testing import session_for


@pytest.mark.parametrize("kind", [web.AppKey, web.RequestKey, web.ResponseKey])
def test_ty_01_and_02_keys_are_equal_to_themselves_alone(kind):
    one, other = kind("name", int), kind("name", int)
    assert one == one
    assert one != other
    assert len({one, other}) == 2
    assert kind("a", int) < kind("b", int)
    assert kind("a", int) < "a"


def test_a_27_an_app_key_tells_its_module_and_type():
    module = __name__
    assert repr(web.AppKey("n", int)) == f"<AppKey({module}.n, type=int)>"
    assert repr(web.AppKey("n", web.Response)) == f"<AppKey({module}.n, type=drywire_server.response.Response)>"
    assert repr(web.AppKey("n")) == f"<AppKey({module}.n, type=unknown)>"
    assert repr(web.AppKey[Iterable[int]]("n")) == f"<AppKey({module}.n, type=collections.abc.Iterable[int])>"
    app = web.Application()
    key = web.AppKey("n", int)
    app[key] = 1
    assert app[key] == 1
    with pytest.raises(KeyError):
        app[web.AppKey("n", int)]


async def test_ty_01_app_keys_in_handlers():
    key = web.AppKey("greeting", str)

    async def handler(request):
        return web.Response(text=request.app[key])

    app = web.Application()
    app[key] = "hello"
    app.router.add_get("/", handler)
    async with session_for(app) as session, session.get("/") as response:
        assert await response.text() == "hello"


async def test_ty_02_request_and_response_keys():
    user, mark = web.RequestKey("user", str), web.ResponseKey("mark", int)

    @web.middleware
    async def middleware(request, handler):
        request[user] = "ann"
        response = await handler(request)
        response.headers["X-Mark"] = str(response[mark])
        return response

    async def handler(request):
        response = web.Response(text=request[user] + request.get(web.RequestKey("user", str), "!"))
        response[mark] = 7
        return response

    app = web.Application(middlewares=[middleware])
    app.router.add_get("/", handler)
    async with session_for(app) as session, session.get("/") as response:
        assert (await response.text(), response.headers["X-Mark"]) == ("ann!", "7")


def test_ty_02_the_classes_of_keys():
    assert repr(web.RequestKey("n", int)) == f"<RequestKey({__name__}.n, type=int)>"
    assert repr(web.ResponseKey("n", int)) == f"<ResponseKey({__name__}.n, type=int)>"


# TY-03 and TY-05: types for annotations, and classes to build on


def test_ty_03_types_for_annotations():
    names = {
        "Handler", "Middleware", "JSONEncoder", "JSONDecoder", "JSONBytesEncoder", "LooseHeaders", "LooseCookies",
        "StrOrURL", "Query", "PathLike",
    }  # fmt: skip
    assert names <= set(typedefs.__all__)
    for name in names:
        assert getattr(typedefs, name) is not None

    async def middleware(request: web.Request, handler: typedefs.Handler) -> web.StreamResponse:
        return await handler(request)

    assert typing.get_type_hints(middleware)["handler"] == typedefs.Handler


@pytest.mark.parametrize(
    "name",
    [
        "AbstractRouter",
        "AbstractMatchInfo",
        "AbstractView",
        "AbstractCookieJar",
        "AbstractResolver",
        "AbstractAccessLogger",
        "AbstractStreamWriter",
    ],
)
def test_ty_05_classes_to_build_on(name):
    kind = getattr(abc, name)
    assert inspect.isabstract(kind)
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_ty_05_ours_are_built_on_them():
    assert issubclass(web.UrlDispatcher, abc.AbstractRouter)
    assert issubclass(web.UrlMappingMatchInfo, abc.AbstractMatchInfo)
    assert issubclass(web.View, abc.AbstractView)


@pytest.mark.parametrize(
    "name", ["drywire", "drywire_client", "drywire_sansio", "drywire_server", "drywire_transports"]
)
def test_ty_04_the_package_is_typed(name):
    assert importlib.resources.files(name).joinpath("py.typed").is_file()
