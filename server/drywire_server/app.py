"""`Application`: routes, the things handlers share, and what runs at start and stop."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, TypeVar, overload

from .app_key import AppKey, NotAppKeyWarning
from .cleanup_contexts import CleanupContexts
from .match_info import Route
from .request import Request
from .routing.table import RouteDef, UrlDispatcher
from .stream_response import StreamResponse

__all__ = ["Application"]

T = TypeVar("T")

Callback = Callable[["Application"], Awaitable[None]]


class Signal(list[Callback]):
    """Coroutine functions that are called in order, each with the application."""

    async def send(self, app: Application) -> None:
        """Call them."""
        for callback in self:
            await callback(app)


class Application(MutableMapping[Any, Any]):
    """A web application: also a mapping in which handlers find what they share, by keys that are best `AppKey`.

    `on_startup`, `on_shutdown` and `on_cleanup` are lists of coroutine functions of the application; `cleanup_ctx` is
    one of async generators, for what is set up before those of `on_startup` and taken down before `on_cleanup`.

    `client_max_size` is the largest body, in bytes, that `Request.read`, `text` and `json` take in (1 MiB; 0 for any);
    streaming by `Request.content` is not bounded.
    """

    def __init__(self, *, client_max_size: int = 1024**2) -> None:
        self.router = UrlDispatcher()
        self.client_max_size = client_max_size
        self.on_startup = Signal()
        self.on_shutdown = Signal()
        self.on_cleanup = Signal()
        self.cleanup_ctx = CleanupContexts()
        self._state: dict[Any, Any] = {}
        self._frozen = False

    def __repr__(self) -> str:
        return f"<Application {len(self.router.routes())} routes>"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        return self._state[key]

    @overload
    def __setitem__(self, key: AppKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, str):
            warnings.warn(f"use a web.AppKey in place of the str {key!r}", NotAppKeyWarning, stacklevel=2)
        self._state[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._state[key]

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._state)

    def __bool__(self) -> bool:
        return True

    @property
    def frozen(self) -> bool:
        """Whether routes can no longer be added."""
        return self._frozen

    def freeze(self) -> None:
        """Let no more routes be added; runners call it."""
        self._frozen = True
        self.router.freeze()

    def add_routes(self, routes: Iterable[RouteDef]) -> list[Route]:
        """Add routes made by `web.get`, `web.post` and so on."""
        return self.router.add_routes(routes)

    async def startup(self) -> None:
        """Enter the clean-up contexts, and run `on_startup`."""
        await self.cleanup_ctx.enter(self)
        await self.on_startup.send(self)

    async def shutdown(self) -> None:
        """Run `on_shutdown`: the sites have stopped, requests may still be under way."""
        await self.on_shutdown.send(self)

    async def cleanup(self) -> None:
        """Leave the clean-up contexts, and run `on_cleanup`: no request is under way any more.

        Raises what they raise, CleanupError where several contexts fail; `on_cleanup` is run all the same.
        """
        try:
            await self.cleanup_ctx.leave()
        finally:
            await self.on_cleanup.send(self)

    def handle(self, request: Request) -> Awaitable[StreamResponse]:
        """Find the handler of `request` and return its call, to be awaited.

        Raises HTTPNotFound or HTTPMethodNotAllowed.
        """
        request._app = self
        request._match = match = self.router.resolve(request)
        return match[0].handler(request)
