"""`Request`: what the handler of an application gets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, overload

from .app_key import AppKey
from .base_request import BaseRequest
from .chained_mapping import ChainMapProxy
from .match_info import MatchInfo

__all__ = ["Request"]


T = TypeVar("T")
U = TypeVar("U")


class Handling(Protocol):
    """What handlers ask of the application that handles a request: it is a mapping of what they share."""

    @property
    def client_max_size(self) -> int: ...
    @property
    def logger(self) -> logging.Logger: ...
    @property
    def router(self) -> Any: ...
    @property
    def debug(self) -> Any: ...
    @property
    def frozen(self) -> bool: ...
    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    @overload
    def get(self, key: AppKey[T], default: None = ...) -> T | None: ...
    @overload
    def get(self, key: AppKey[T], default: U) -> T | U: ...
    @overload
    def get(self, key: Any, default: Any = ...) -> Any: ...
    def __contains__(self, key: object) -> bool: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


if TYPE_CHECKING:

    class App(Handling, Any):  # type: ignore[misc]  # with Any it may go where an Application is taken
        """The `Application` of a request; importing that would be a cycle."""
else:
    App = Any


class Request(BaseRequest):
    """An HTTP request to an application; also a mapping in which handlers and middlewares keep things."""

    __slots__ = ("_app", "_match", "_match_info")

    _app: Any
    _match_info: MatchInfo | None
    _match: tuple[Any, dict[str, str] | None]

    @property
    def app(self) -> App:
        """The application that handles this request."""
        app: App = self._app
        return app

    @property
    def config_dict(self) -> ChainMapProxy:
        """What the application that handles this request has, and behind it what those around it have; read-only."""
        app: Any = self._app
        apps: list[Any] = list(getattr(self.match_info, "apps", ()))
        around = apps[: apps.index(app) + 1] if app in apps else [app]
        return ChainMapProxy(reversed(around))

    @property
    def match_info(self) -> MatchInfo:
        """The variables of the path, percent-decoded, and the route that was found."""
        info = self._match_info
        if info is None:
            chain, variables = self._match
            info = self._match_info = chain.match_info(variables)
        info._current_app = self._app
        return info

    @property
    def client_max_size(self) -> int:
        """The largest body, in bytes, that is taken in whole; 0 for any. The application's, or a clone's own."""
        own: int | None = self.__dict__.get("_client_max_size")
        limit: int = self._app.client_max_size if own is None else own
        return limit

    @property
    def client_max_fields(self) -> int:
        """The most fields that a form may have; 0 for any number. The application's, or a clone's own."""
        own: int | None = vars(self).get("_client_max_fields")
        if own is None:
            own = getattr(self._app, "client_max_fields", self._client_max_fields)
        return own

    def clone(self, **changes: Any) -> Self:
        """Return another request, in which what is given is different; see `BaseRequest.clone`."""
        new = super().clone(**changes)
        for name in ("_app", "_match", "_match_info"):
            if hasattr(self, name):
                setattr(new, name, getattr(self, name))
        return new
