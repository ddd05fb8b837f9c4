"""What the routing table found for a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Handler", "MatchInfo", "Route"]

Handler = Callable[[Any], Awaitable[Any]]
"""An async function from a Request to a response."""


class Route:
    """A method of a resource and its handler."""

    __slots__ = ("handler", "method", "name", "path")

    def __init__(self, method: str, path: str, handler: Handler, name: str | None = None) -> None:
        self.method = method
        self.path = path
        self.handler = handler
        self.name = name

    def __repr__(self) -> str:
        return f"<Route {self.method} {self.path}>"


class MatchInfo(dict[str, str]):
    """The variables of the path that matched, percent-decoded, and the `route` that it belongs to."""

    __slots__ = ("route",)

    def __init__(self, route: Route, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.route = route

    @property
    def handler(self) -> Handler:
        """The handler of the route."""
        return self.route.handler
