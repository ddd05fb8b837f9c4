"""`AbstractResource` and `AbstractRouter`: what resources and routers of one's own are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sized
from typing import Any

from yarl import URL

from ..match_info import AbstractMatchInfo, UrlMappingMatchInfo
from .routes import AbstractRoute

__all__ = ["AbstractResource", "AbstractRouter", "Lookup", "Resolved"]

Resolved = tuple[UrlMappingMatchInfo | None, set[str]]
"""What a resource says of a request: what matched, and if nothing did, the methods that would have."""

Lookup = tuple[AbstractRoute, dict[str, str] | None, tuple[Any, ...]]
"""A route, the variables of the path if it has any, and the applications within the router's own that it was found in,
the outermost first."""


class AbstractRouter(ABC):
    """Finds the handler of each request. An `Application` takes one of one's own, which is deprecated."""

    def __init__(self) -> None:
        self._frozen = False

    def post_init(self, app: Any) -> None:  # noqa: B027 - there may be nothing to do
        """Do what is to be done once the application is known."""

    @property
    def frozen(self) -> bool:
        """Whether routes can no longer be added."""
        return self._frozen

    def freeze(self) -> None:
        """Let no more routes be added."""
        self._frozen = True

    @abstractmethod
    async def resolve(self, request: Any) -> AbstractMatchInfo:
        """Return what answers `request`; where that is nothing, a match with an `http_exception`."""


class AbstractResource(Sized, Iterable[AbstractRoute], ABC):
    """Something that a path leads to, and its routes: add one of your own by `UrlDispatcher.register_resource`.

    Requests whose path begins with the segments of `canonical` are shown to `resolve`, those of longer ones first.
    """

    def __init__(self, *, name: str | None = None) -> None:
        self._name = name

    def __bool__(self) -> bool:
        return True

    @property
    def name(self) -> str | None:
        """Its name in the router, if it has one."""
        return self._name

    @property
    @abstractmethod
    def canonical(self) -> str:
        """Its path, with ``{name}`` for each variable."""

    @abstractmethod
    def url_for(self, **kwargs: str) -> URL:
        """Return its URL for values of its variables."""

    @abstractmethod
    async def resolve(self, request: Any) -> Resolved:
        """Return what matches `request`, or None and the methods by which something would."""

    @abstractmethod
    def add_prefix(self, prefix: str) -> None:
        """Put `prefix` before its path, since its application becomes one within another."""

    @abstractmethod
    def get_info(self) -> dict[str, Any]:
        """Return what is known of it, for introspection."""

    def freeze(self) -> None:
        """Be changed no more."""

    @abstractmethod
    def raw_match(self, path: str) -> bool:
        """Whether it was made of `path`, letter for letter."""
