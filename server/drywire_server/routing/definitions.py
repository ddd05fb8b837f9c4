"""Routes as values, to be added by `Application.add_routes`: `get` and the like, and tables of them by decorators."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from ..match_info import Handler
from ..views import METHODS, AbstractView

__all__ = [
    "AbstractRouteDef",
    "RouteDef",
    "RouteTableDef",
    "StaticDef",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "static",
    "view",
]

HandlerOrView = Handler | type[AbstractView]
H = TypeVar("H", bound=HandlerOrView)


class AbstractRouteDef(ABC):
    """Something that adds routes to a router."""

    __slots__ = ()

    @abstractmethod
    def register(self, router: Any) -> list[Any]:
        """Add to `router`, and return the routes that were added."""


def _named(kwargs: dict[str, Any]) -> str:
    return "".join(f", {name}={value!r}" for name, value in sorted(kwargs.items()))


@dataclass(frozen=True, slots=True, repr=False)
class RouteDef(AbstractRouteDef):
    """A route to be: `kwargs` are those of `UrlDispatcher.add_get` and the like."""

    method: str
    path: str
    handler: HandlerOrView
    kwargs: dict[str, Any]

    def __repr__(self) -> str:
        name = getattr(self.handler, "__name__", repr(self.handler))
        return f"<RouteDef {self.method} {self.path} -> {name!r}{_named(self.kwargs)}>"

    def register(self, router: Any) -> list[Any]:
        """Add the route to `router`."""
        add = getattr(router, f"add_{self.method.lower()}", None) if self.method in METHODS else None
        if add is None:
            return [router.add_route(self.method, self.path, self.handler, **self.kwargs)]
        return [add(self.path, self.handler, **self.kwargs)]


@dataclass(frozen=True, slots=True, repr=False)
class StaticDef(AbstractRouteDef):
    """A folder of files to be: `kwargs` are those of `UrlDispatcher.add_static`."""

    prefix: str
    path: str | os.PathLike[str]
    kwargs: dict[str, Any]

    def __repr__(self) -> str:
        return f"<StaticDef {self.prefix} -> {self.path}{_named(self.kwargs)}>"

    def register(self, router: Any) -> list[Any]:
        """Add the folder to `router`."""
        return list(router.add_static(self.prefix, self.path, **self.kwargs))


def route(method: str, path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of `method` on `path`; `kwargs` may be `name` and `expect_handler`."""
    return RouteDef(method, path, handler, kwargs)


def head(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of HEAD on `path`."""
    return RouteDef("HEAD", path, handler, kwargs)


def options(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of OPTIONS on `path`."""
    return RouteDef("OPTIONS", path, handler, kwargs)


def get(
    path: str, handler: HandlerOrView, *, name: str | None = None, allow_head: bool = True, **kwargs: Any
) -> RouteDef:
    """Return the route of GET on `path`, and of HEAD unless `allow_head` is False."""
    return RouteDef("GET", path, handler, {"name": name, "allow_head": allow_head, **kwargs})


def post(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of POST on `path`."""
    return RouteDef("POST", path, handler, kwargs)


def put(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of PUT on `path`."""
    return RouteDef("PUT", path, handler, kwargs)


def patch(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of PATCH on `path`."""
    return RouteDef("PATCH", path, handler, kwargs)


def delete(path: str, handler: HandlerOrView, **kwargs: Any) -> RouteDef:
    """Return the route of DELETE on `path`."""
    return RouteDef("DELETE", path, handler, kwargs)


def view(path: str, handler: type[AbstractView], **kwargs: Any) -> RouteDef:
    """Return the route of every method on `path`, answered by a class made of `View`."""
    return RouteDef("*", path, handler, kwargs)


def static(prefix: str, path: str | os.PathLike[str], **kwargs: Any) -> StaticDef:
    """Return the folder `path` under the URL path `prefix`; see `UrlDispatcher.add_static` for `kwargs`."""
    return StaticDef(prefix, path, kwargs)


class RouteTableDef(Sequence[AbstractRouteDef]):
    """A table of routes that decorators fill::

    routes = web.RouteTableDef()


    @routes.get("/")
    async def index(request): ...


    app.add_routes(routes)
    """

    def __init__(self) -> None:
        self._items: list[AbstractRouteDef] = []

    def __repr__(self) -> str:
        return f"<RouteTableDef count={len(self._items)}>"

    @overload
    def __getitem__(self, index: int) -> AbstractRouteDef: ...
    @overload
    def __getitem__(self, index: slice) -> list[AbstractRouteDef]: ...
    def __getitem__(self, index: int | slice) -> AbstractRouteDef | list[AbstractRouteDef]:
        return self._items[index]

    def __iter__(self) -> Iterator[AbstractRouteDef]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def route(self, method: str, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add the decorated handler as the route of `method` on `path`."""

        def add(handler: H) -> H:
            self._items.append(RouteDef(method, path, handler, kwargs))
            return handler

        return add

    def head(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of HEAD."""
        return self.route("HEAD", path, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of GET, and of HEAD unless `allow_head` is False."""
        return self.route("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of POST."""
        return self.route("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of PUT."""
        return self.route("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of PATCH."""
        return self.route("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of DELETE."""
        return self.route("DELETE", path, **kwargs)

    def options(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a handler of OPTIONS."""
        return self.route("OPTIONS", path, **kwargs)

    def view(self, path: str, **kwargs: Any) -> Callable[[H], H]:
        """Add a class made of `View`."""
        return self.route("*", path, **kwargs)

    def static(self, prefix: str, path: str | os.PathLike[str], **kwargs: Any) -> None:
        """Add a folder of files."""
        self._items.append(StaticDef(prefix, path, kwargs))
