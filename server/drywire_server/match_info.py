"""What the routing table found for a request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["AbstractMatchInfo", "ExpectHandler", "Handler", "MatchInfo", "UrlMappingMatchInfo"]

Handler = Callable[[Any], Awaitable[Any]]
"""An async function from a Request to a response."""

ExpectHandler = Callable[[Any], Awaitable[Any]]
"""An async function that is called for a request with the field Expect, and may return the response to it."""


class AbstractMatchInfo(ABC):
    """What a router of one's own returns for a request."""

    __slots__ = ()

    @property
    @abstractmethod
    def handler(self) -> Handler:
        """The handler that answers."""

    @property
    @abstractmethod
    def expect_handler(self) -> ExpectHandler:
        """The handler of the field Expect."""

    @property
    @abstractmethod
    def http_exception(self) -> Any:
        """The HTTPException that the handler will raise, since nothing was found; None where something was."""

    @abstractmethod
    def get_info(self) -> dict[str, Any]:
        """Return what is known of the resource, for introspection."""

    @property
    @abstractmethod
    def apps(self) -> tuple[Any, ...]:
        """The application and those within it that the request went through, the outermost first."""

    @abstractmethod
    def add_app(self, app: Any) -> None:
        """Add the application around those that are known."""

    @abstractmethod
    def freeze(self) -> None:
        """Let no more applications be added."""


class UrlMappingMatchInfo(dict[str, str], AbstractMatchInfo):
    """The variables of the path that matched, percent-decoded, and the `route` that it belongs to."""

    __slots__ = ("_apps", "_current_app", "_frozen", "_route")

    def __init__(self, match_dict: dict[str, str], route: Any) -> None:
        super().__init__(match_dict)
        self._route = route
        self._apps: tuple[Any, ...] = ()
        self._current_app: Any = None
        self._frozen = False

    @classmethod
    def found(cls, match_dict: dict[str, str] | None, route: Any, apps: tuple[Any, ...], current_app: Any) -> MatchInfo:
        """Return one whose applications are known already."""
        info = cls.__new__(cls)
        if match_dict:
            info.update(match_dict)
        info._route = route
        info._apps = apps
        info._current_app = current_app
        info._frozen = True
        return info

    def __repr__(self) -> str:
        if self.http_exception is not None:
            return f"<MatchInfoError {self.http_exception.status}: {self.http_exception.reason}>"
        return f"<MatchInfo {super().__repr__()}: {self._route}>"

    @property
    def handler(self) -> Handler:
        """The handler of the route."""
        handler: Handler = self._route.handler
        return handler

    @property
    def route(self) -> Any:
        """The route: an `AbstractRoute`."""
        return self._route

    @property
    def expect_handler(self) -> ExpectHandler:
        """The handler of the field Expect."""
        handler: ExpectHandler = self._route.handle_expect_header
        return handler

    @property
    def http_exception(self) -> Any:
        """The 404 or 405 that the handler raises, since there is no such route; else None."""
        return getattr(self._route, "http_exception", None)

    def get_info(self) -> dict[str, Any]:
        """Return what is known of the resource, for introspection."""
        info: dict[str, Any] = self._route.get_info()
        return info

    @property
    def apps(self) -> tuple[Any, ...]:
        """The application and those within it that the request went through, the outermost first."""
        return self._apps

    def add_app(self, app: Any) -> None:
        """Add the application around those that are known. Raises RuntimeError once it is frozen."""
        if self._frozen:
            raise RuntimeError("Cannot change apps stack after .freeze() call")
        if self._current_app is None:
            self._current_app = app
        self._apps = (app, *self._apps)

    @property
    def current_app(self) -> Any:
        """The application whose middleware or handler runs; to be set only to one of `apps`."""
        return self._current_app

    @current_app.setter
    def current_app(self, app: Any) -> None:
        if app not in self._apps:
            raise RuntimeError(f"Expected one of the following apps {self._apps!r}, got {app!r}")
        self._current_app = app

    def freeze(self) -> None:
        """Let no more applications be added."""
        self._frozen = True


MatchInfo = UrlMappingMatchInfo
