"""Pages from Jinja2 templates, with the names that people know from aiohttp_jinja2: import it as ``drywire.jinja2``.

Needs the extra ``drywire[jinja2]``. Values are escaped for HTML unless `setup` is told otherwise. A template is read
from disk where it is used for the first time, which the event loop waits for, and whether it has changed is asked at
each use, unless `setup` is given ``auto_reload=False``.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

try:
    import jinja2
except ImportError as error:
    raise ModuleNotFoundError("Jinja2 is not installed: pip install 'drywire[jinja2]'", name="jinja2") from error

from yarl import URL

from .app import Application
from .app_key import AppKey, RequestKey
from .match_info import Handler
from .middlewares import middleware
from .request import Request
from .response import Response
from .stream_response import StreamResponse
from .views import AbstractView

__all__ = [
    "APP_CONTEXT_PROCESSORS_KEY",
    "APP_KEY",
    "GLOBAL_HELPERS",
    "REQUEST_CONTEXT_KEY",
    "context_processors_middleware",
    "get_env",
    "render_string",
    "render_string_async",
    "render_template",
    "render_template_async",
    "request_processor",
    "setup",
    "static_root_key",
    "static_url",
    "template",
    "url_for",
]

ContextProcessor = Callable[[Request], Awaitable[Mapping[str, Any]]]
"""An async function of the request: returns variables that every template sees."""
Filters = Mapping[str, Callable[..., Any]] | Iterable[tuple[str, Callable[..., Any]]]
EnvironmentKey = AppKey[jinja2.Environment] | str

APP_KEY: Final = AppKey("APP_KEY", jinja2.Environment)
"""Where an application keeps its environment, unless `setup` is given another key."""
APP_CONTEXT_PROCESSORS_KEY: Final[AppKey[Sequence[ContextProcessor]]] = AppKey("APP_CONTEXT_PROCESSORS_KEY")
"""Where an application keeps its context processors."""
REQUEST_CONTEXT_KEY: Final[RequestKey[dict[str, Any]]] = RequestKey("REQUEST_CONTEXT_KEY")
"""Where a request keeps what the context processors have said of it."""
static_root_key: Final = AppKey("static_root_key", str)
"""Where an application may say the URL that ``static(...)`` begins with; the str ``"static_root_url"`` does, too."""

_STATIC_ROUTE: Final = "static"


def setup(
    app: Application,
    *args: Any,
    app_key: EnvironmentKey = APP_KEY,
    context_processors: Iterable[ContextProcessor] = (),
    filters: Filters | None = None,
    default_helpers: bool = True,
    **options: Any,
) -> jinja2.Environment:
    """Make the template environment of `app`, keep it there under `app_key`, and return it.

    `args` and `options` are those of `jinja2.Environment`, such as `loader`; `autoescape` is True unless given.
    `context_processors` are called for each request, before its handler, and those of an application that is added to
    another in place of that one's. `filters` are added to Jinja2's own. With `default_helpers`, templates can call
    ``url(name, **parts)`` and ``static(path)``; see `url_for` and `static_url`. They know `app`, too, by that name.

    Applications that are added to `app` use its environment, unless they have their own.
    """
    options.setdefault("autoescape", True)
    env = jinja2.Environment(*args, **options)
    if default_helpers:
        env.globals.update(GLOBAL_HELPERS)
    if filters is not None:
        env.filters.update(filters)
    env.globals["app"] = app
    processors = tuple(context_processors)
    if processors:
        app[APP_CONTEXT_PROCESSORS_KEY] = processors
        app.middlewares.append(context_processors_middleware)
    app[app_key] = env
    return env


def get_env(app: Application, *, app_key: EnvironmentKey = APP_KEY) -> jinja2.Environment:
    """Return the environment that `setup` has made for `app`. Raises RuntimeError where it has made none."""
    return _environment(app, app_key)


def _environment(apps: Mapping[Any, Any], key: EnvironmentKey) -> jinja2.Environment:
    env: jinja2.Environment | None = apps.get(key)
    if env is None:
        raise RuntimeError(f"no template environment under {key!r}: call drywire.jinja2.setup(app, loader=...) first")
    return env


# Rendering


def render_string(
    template_name: str, request: Request, context: Mapping[str, Any] | None, *, app_key: EnvironmentKey = APP_KEY
) -> str:
    """Return the text of a template with the variables `context`, and those of the context processors behind them.

    Raises RuntimeError without `setup`, and for an environment with `enable_async`, which needs
    `render_string_async`; TypeError for a context that is no mapping; jinja2.TemplateNotFound, and what else the
    template raises.
    """
    env = _environment(request.config_dict, app_key)
    if env.is_async:
        raise RuntimeError("the template environment has enable_async: await render_template_async(...), or _string_")
    return env.get_template(template_name).render(_variables(request, context))


async def render_string_async(
    template_name: str, request: Request, context: Mapping[str, Any] | None, *, app_key: EnvironmentKey = APP_KEY
) -> str:
    """Do as `render_string` does in an environment with `enable_async`, whose templates may call async functions.

    Raises RuntimeError for an environment without it, and else what `render_string` raises.
    """
    env = _environment(request.config_dict, app_key)
    if not env.is_async:
        raise RuntimeError("the template environment is not async: call setup(..., enable_async=True)")
    return await env.get_template(template_name).render_async(_variables(request, context))


def render_template(
    template_name: str,
    request: Request,
    context: Mapping[str, Any] | None,
    *,
    app_key: EnvironmentKey = APP_KEY,
    encoding: str = "utf-8",
    status: int = 200,
) -> Response:
    """Return a response of HTML with what `render_string` returns, encoded in `encoding`; raises what that raises."""
    return _page(render_string(template_name, request, context, app_key=app_key), encoding, status)


async def render_template_async(
    template_name: str,
    request: Request,
    context: Mapping[str, Any] | None,
    *,
    app_key: EnvironmentKey = APP_KEY,
    encoding: str = "utf-8",
    status: int = 200,
) -> Response:
    """Return a response of HTML with what `render_string_async` returns; raises what that raises."""
    return _page(await render_string_async(template_name, request, context, app_key=app_key), encoding, status)


def template(
    template_name: str, *, app_key: EnvironmentKey = APP_KEY, encoding: str = "utf-8", status: int = 200
) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[StreamResponse]]]:
    """Decorate a handler, or a method of a `View`: the mapping that it returns are the variables of its page.

    A response that it returns is left as it is; None is an empty mapping. Raises what `render_string` raises, when
    there is a request.
    """

    def decorate(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[StreamResponse]]:
        @functools.wraps(function)
        async def handler(*args: Any) -> StreamResponse:
            context = await function(*args)
            if isinstance(context, StreamResponse):
                return context
            # A function has the request alone, a method of a class its object before it.
            request: Request = args[0].request if isinstance(args[0], AbstractView) else args[-1]
            options: dict[str, Any] = {"app_key": app_key, "encoding": encoding, "status": status}
            if _environment(request.config_dict, app_key).is_async:
                return await render_template_async(template_name, request, context, **options)
            return render_template(template_name, request, context, **options)

        return handler

    return decorate


def _variables(request: Request, context: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if context is None:
        context = {}
    if not isinstance(context, Mapping):
        raise TypeError(f"the context of a template must be a mapping, not {type(context).__name__}")
    return {**request.get(REQUEST_CONTEXT_KEY, {}), **context}


def _page(text: str, encoding: str, status: int) -> Response:
    return Response(text=text, status=status, content_type="text/html", charset=encoding)


# What every template sees


@middleware
async def context_processors_middleware(request: Request, handler: Handler) -> Any:
    """Ask the context processors; `setup` adds this to an application that has some."""
    context: dict[str, Any] = request.setdefault(REQUEST_CONTEXT_KEY, {})
    for processor in request.config_dict[APP_CONTEXT_PROCESSORS_KEY]:
        context.update(await processor(request))
    return await handler(request)


async def request_processor(request: Request) -> dict[str, Request]:
    """Let templates see the request, by that name: a context processor."""
    return {"request": request}


@jinja2.pass_context
def url_for(
    context: jinja2.runtime.Context, route_name: str, /, query_: Mapping[str, Any] | None = None, **parts: Any
) -> URL:
    """Return the URL of a named route of the application: ``{{ url('poll', number=5, query_={'page': 2}) }}``.

    `parts` are the variables of its path. Raises KeyError where no route has that name or a variable is missing,
    TypeError for a variable that is neither str nor int.
    """
    for name, value in parts.items():
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise TypeError(f"variable {name!r} of the route {route_name!r} must be str or int, not {value!r}")
    resource = context["app"].router.get(route_name)
    if resource is None:
        raise KeyError(f"no route is named {route_name!r}")
    url: URL = resource.url_for(**{name: str(value) for name, value in parts.items()})
    return url.with_query(query_) if query_ else url


@jinja2.pass_context
def static_url(context: jinja2.runtime.Context, path: str, /) -> str:
    """Return the URL of a static file: ``{{ static('style.css') }}``.

    It begins with what the application has under `static_root_key`, and is else that of the route which `add_static`
    has named ``"static"``, with the file's version if that route adds it. Raises RuntimeError without either.
    """
    app: Application = context["app"]
    root = app.get(static_root_key)
    if root is None:
        root = app.get("static_root_url")
    if root is not None:
        return f"{root.rstrip('/')}/{path.lstrip('/')}"
    resource: Any = app.router.get(_STATIC_ROUTE)
    if resource is None:
        raise RuntimeError("where are static files? Set app[drywire.jinja2.static_root_key], or name a route 'static'")
    return str(resource.url_for(filename=path))


GLOBAL_HELPERS: Final[dict[str, Callable[..., Any]]] = {"url": url_for, "static": static_url}
"""What `setup` lets templates call, with `default_helpers`."""
