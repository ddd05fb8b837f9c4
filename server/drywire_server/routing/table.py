"""The routing table: an application's resources, found by path (`app.router`)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from ..errors import HTTPMethodNotAllowed, HTTPNotFound
from ..match_info import Handler, Route
from ..request import Request
from .resources import Resource, canonical_path

__all__ = ["RouteDef", "UrlDispatcher", "delete", "get", "head", "options", "patch", "post", "put", "route"]


Match = tuple[Route, dict[str, str] | None]


class RouteDef(NamedTuple):
    """A route to be added by `Application.add_routes`."""

    method: str
    path: str
    handler: Handler
    kwargs: dict[str, Any]


def route(method: str, path: str, handler: Handler, **kwargs: Any) -> RouteDef:
    """Return the route of `method` on `path`."""
    return RouteDef(method, path, handler, kwargs)


get = partial(route, "GET")
head = partial(route, "HEAD")
options = partial(route, "OPTIONS")
post = partial(route, "POST")
put = partial(route, "PUT")
patch = partial(route, "PATCH")
delete = partial(route, "DELETE")


class UrlDispatcher:
    """Finds the handler of a request.

    A fixed path is found by one look-up. Paths with variables are grouped by the fixed segments they begin with,
    the longest first; within a group the first added wins.
    """

    def __init__(self) -> None:
        self._resources: list[Resource] = []
        self._fixed: dict[str, Resource] = {}
        self._with_variables: dict[str, list[Resource]] = {}
        self._frozen = False
        self._names: dict[str, Route] = {}

    def freeze(self) -> None:
        """Let no more routes be added."""
        self._frozen = True

    # Adding

    def add_route(self, method: str, path: str, handler: Handler, *, name: str | None = None) -> Route:
        """Add the handler of `method` (in any case, ``"*"`` for every one) on `path`.

        Raises RuntimeError once the application has started and for a second handler of one method, ValueError for
        a path that is not one, TypeError for a handler that is not a coroutine function.
        """
        if self._frozen:
            raise RuntimeError("Cannot register a resource into frozen router.")
        if not _is_coroutine_function(handler):
            raise TypeError(f"handler {handler!r} must be an async function of one argument, the request")
        if name is not None and name in self._names:
            raise ValueError(f"duplicate name {name!r}: already the name of {self._names[name]!r}")
        added = self._resource(path).add_route(method.upper(), handler, name)
        if name is not None:
            self._names[name] = added
        return added

    def _resource(self, path: str) -> Resource:
        if self._resources and self._resources[-1].path == path:
            return self._resources[-1]
        resource = Resource(path)
        if resource.pattern is None:
            known = self._fixed.get(resource.prefix)
            if known is not None:
                return known
            self._fixed[resource.prefix] = resource
        else:
            self._with_variables.setdefault(resource.prefix, []).append(resource)
        self._resources.append(resource)
        return resource

    def add_get(self, path: str, handler: Handler, *, name: str | None = None, allow_head: bool = True) -> Route:
        """Add a handler of GET, and of HEAD unless `allow_head` is False."""
        if allow_head:
            self.add_route("HEAD", path, handler)
        return self.add_route("GET", path, handler, name=name)

    def add_head(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of HEAD."""
        return self.add_route("HEAD", path, handler, **kwargs)

    def add_options(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of OPTIONS."""
        return self.add_route("OPTIONS", path, handler, **kwargs)

    def add_post(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of POST."""
        return self.add_route("POST", path, handler, **kwargs)

    def add_put(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of PUT."""
        return self.add_route("PUT", path, handler, **kwargs)

    def add_patch(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of PATCH."""
        return self.add_route("PATCH", path, handler, **kwargs)

    def add_delete(self, path: str, handler: Handler, **kwargs: Any) -> Route:
        """Add a handler of DELETE."""
        return self.add_route("DELETE", path, handler, **kwargs)

    def add_routes(self, routes: Iterable[RouteDef]) -> list[Route]:
        """Add every route of `routes`; GET answers HEAD too, as in `add_get`."""
        return [
            self.add_get(path, handler, **kwargs)
            if method == "GET"
            else self.add_route(method, path, handler, **kwargs)
            for method, path, handler, kwargs in routes
        ]

    # Finding

    def routes(self) -> list[Route]:
        """Return every route, in the order added."""
        return [route for resource in self._resources for route in resource.routes.values()]

    def resolve(self, request: Request) -> Match:
        """Return the route of `request`, and the variables of its path if it has any.

        Raises HTTPNotFound or HTTPMethodNotAllowed.
        """
        method = request.method
        # A target that is a fixed path to the letter needs no other form to be compared in.
        path = request.raw_path.partition("?")[0]
        resource = self._fixed.get(path)
        if resource is not None:
            found = resource.routes.get(method)
            if found is not None:
                return found, None
        return self._resolve(_request_path(request), method)

    def _resolve(self, path: str, method: str) -> Match:
        allowed: set[str] = set()
        resource = self._fixed.get(path)
        if resource is not None:
            found = resource.find(method)
            if found is not None:
                return found, None
            allowed.update(resource.routes)
        prefix = path
        while self._with_variables:
            for resource in self._with_variables.get(prefix, ()):
                variables = resource.match(path)
                if variables is None:
                    continue
                found = resource.find(method)
                if found is not None:
                    return found, variables
                allowed.update(resource.routes)
            if prefix in ("/", ""):
                break
            prefix = prefix.rpartition("/")[0] or "/"
        if allowed:
            raise HTTPMethodNotAllowed(method, allowed)
        raise HTTPNotFound


def _request_path(request: Request) -> str:
    """Return the path that routing and handlers both see, in canonical form."""
    target = request.raw_path
    path = target.partition("?")[0] if target.startswith("/") else request.rel_url.raw_path
    return canonical_path(path)


def _is_coroutine_function(handler: object) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004 - the method itself is asked for
