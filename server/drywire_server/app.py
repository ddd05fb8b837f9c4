"""`Application`: routes, the things handlers share, and what runs at start and stop."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeVar, overload

from aiosignal import Signal
from frozenlist import FrozenList

from drywire_transports import current_runtime

from .app_key import AppKey, NotAppKeyWarning
from .asgi.callable import ASGICallable
from .cleanup_contexts import CleanupContexts
from .middlewares import Middleware, MiddlewareStack
from .request import Request
from .request_dispatch import Dispatch
from .routing.abstract import AbstractRouter
from .routing.definitions import AbstractRouteDef
from .routing.domains import Domain, MaskDomain
from .routing.routes import AbstractRoute
from .routing.sub_applications import MatchedSubAppResource, PrefixedSubAppResource
from .routing.table import UrlDispatcher
from .server import Server
from .stream_response import StreamResponse

__all__ = ["Application"]

T = TypeVar("T")
U = TypeVar("U")

web_logger: Final = logging.getLogger("drywire.web")
_NOT_GIVEN: Final[Any] = object()


def _deprecated(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def _running_loop() -> Any:
    try:
        return getattr(current_runtime(), "loop", None)
    except RuntimeError:
        return None


class Application(ASGICallable, MutableMapping[Any, Any]):
    """A web application: also a mapping in which handlers find what they share, by keys that are best `AppKey`.

    `middlewares` stand around every handler, the first outermost. `on_startup`, `on_shutdown` and `on_cleanup` are
    signals: lists of coroutine functions of the application; `cleanup_ctx` is a list of async generators, for what is
    set up before `on_startup` and taken down before `on_cleanup`. `on_response_prepare` are coroutine functions of
    request and response, called before each head goes out. Once the application has started, none can be changed.

    `client_max_size` is the largest body, in bytes, that `Request.read`, `text`, `json`, `post` and `multipart` take in
    (1 MiB; 0 for any); streaming by `Request.content` is not bounded. `client_max_fields` is the most fields of a
    form (1000; 0 for any). `handler_args` are settings of `Server` that have the last word. `logger` is for the
    application's own use. `router`, `loop` and `debug` are deprecated; the last two are without effect.

    It can be made where no event loop runs. Called with nothing it returns itself; called with scope, receive and send
    it serves them, as an application of ASGI 3.
    """

    logger: logging.Logger = web_logger
    """Where the application, and not its server, logs."""

    def __init__(
        self,
        *,
        logger: logging.Logger = web_logger,
        router: AbstractRouter | None = None,
        middlewares: Iterable[Middleware] = (),
        handler_args: Mapping[str, Any] | None = None,
        client_max_size: int = 1024**2,
        client_max_fields: int = 1000,
        loop: Any = None,
        debug: Any = _NOT_GIVEN,
    ) -> None:
        if router is not None:
            _deprecated("router argument is deprecated: add resources of your own to app.router")
            if not isinstance(router, AbstractRouter):
                raise TypeError(f"router must be a UrlDispatcher or an AbstractRouter, not {type(router).__name__}")
        if loop is not None:
            _deprecated("loop argument is deprecated: the application runs on the loop that its server runs on")
        if debug is not _NOT_GIVEN:
            _deprecated("debug argument is deprecated")
        self.logger = logger
        self.client_max_size = client_max_size
        self.client_max_fields = client_max_fields
        self.handler_args: dict[str, Any] = dict(handler_args or {})
        self.middleware_stack = MiddlewareStack(self, [])
        """The middlewares as they are once they can no longer change."""
        self._router: Any = UrlDispatcher() if router is None else router
        self._loop = loop
        self._started_on: Any = None
        self._debug = debug
        self._middlewares: FrozenList[Middleware] = FrozenList(middlewares)
        self._state: dict[Any, Any] = {}
        self._frozen = False
        self._pre_frozen = False
        self._subapps: list[Application] = []
        self._on_response_prepare: Signal[Request, StreamResponse] = Signal(self)
        self._on_startup: Signal[Application] = Signal(self)
        self._on_shutdown: Signal[Application] = Signal(self)
        self._on_cleanup: Signal[Application] = Signal(self)
        self._cleanup_ctx = CleanupContexts()
        self._dispatch = Dispatch(self)
        overridden = type(self)._handle is not Application._handle
        self.handle: Callable[[Request], Awaitable[StreamResponse]] = (
            self._handle if overridden else self._dispatch.handle
        )
        """Find the handler of a request and return its call, to be awaited."""
        if isinstance(self._router, AbstractRouter):
            self._router.post_init(self)

    def __init_subclass__(cls) -> None:
        _deprecated(f"Inheritance class {cls.__name__} from web.Application is discouraged: make one by a function")

    def __repr__(self) -> str:
        return f"<Application 0x{id(self):x}>"

    # A mapping

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return True

    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        return self._state[key]

    def _warn_if_frozen(self) -> None:
        if self._frozen:
            message = "Changing state of started or joined application is deprecated"
            warnings.warn(message, DeprecationWarning, stacklevel=3)

    @overload
    def __setitem__(self, key: AppKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None:
        self._warn_if_frozen()
        if not isinstance(key, AppKey):
            warnings.warn(f"use a web.AppKey in place of {key!r}", NotAppKeyWarning, stacklevel=2)
        self._state[key] = value

    def __delitem__(self, key: Any) -> None:
        self._warn_if_frozen()
        del self._state[key]

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._state)

    @overload
    def get(self, key: AppKey[T], default: None = ...) -> T | None: ...
    @overload
    def get(self, key: AppKey[T], default: U) -> T | U: ...
    @overload
    def get(self, key: Any, default: Any = ...) -> Any: ...
    def get(self, key: Any, default: Any = None) -> Any:
        """Return what is kept under `key`, or `default`."""
        return self._state.get(key, default)

    # What it consists of

    @property
    def router(self) -> UrlDispatcher:
        """Its routes."""
        router: UrlDispatcher = self._router
        return router

    @property
    def middlewares(self) -> FrozenList[Middleware]:
        """Its middlewares, the outermost first."""
        return self._middlewares

    @property
    def on_response_prepare(self) -> Signal[Request, StreamResponse]:
        """Coroutine functions of request and response, called before the head of each response goes out."""
        return self._on_response_prepare

    @property
    def on_startup(self) -> Signal[Application]:
        """Coroutine functions of the application, called before it serves."""
        return self._on_startup

    @property
    def on_shutdown(self) -> Signal[Application]:
        """Coroutine functions of the application, called when it is to end, while requests are still under way."""
        return self._on_shutdown

    @property
    def on_cleanup(self) -> Signal[Application]:
        """Coroutine functions of the application, called when no request is under way any more."""
        return self._on_cleanup

    @property
    def cleanup_ctx(self) -> CleanupContexts:
        """Async generators of the application: what stands before their ``yield`` is for the start."""
        return self._cleanup_ctx

    @property
    def loop(self) -> Any:
        """The event loop of asyncio that it runs on, in other threads too; None before that, and on trio (deprecated).

        The one that it was made with, if any.
        """
        _deprecated("loop property is deprecated")
        return self._loop or _running_loop() or self._started_on

    @property
    def debug(self) -> Any:
        """The `debug` that it was made with (deprecated)."""
        _deprecated("debug property is deprecated")
        return False if self._debug is _NOT_GIVEN else self._debug

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        """Add routes made by `web.get`, `web.post`, `web.static` and so on, or a `RouteTableDef`; return them."""
        return self.router.add_routes(routes)

    # Applications within it

    def add_subapp(self, prefix: str, subapp: Application) -> PrefixedSubAppResource:
        """Let `subapp` answer all below the path `prefix`; its own paths begin with that from here on.

        Its middlewares stand within those of this application, and its signals follow those added here before.
        Raises TypeError for a prefix that is no str, ValueError for an empty one, RuntimeError where either has
        started.
        """
        if not isinstance(prefix, str):
            raise TypeError(f"Prefix must be str, not {type(prefix).__name__}")
        prefix = prefix.rstrip("/")
        if not prefix:
            raise ValueError("Prefix cannot be empty")
        self._check_joining(subapp)
        resource = PrefixedSubAppResource(prefix, subapp)
        self._join(resource, subapp)
        return resource

    def add_domain(self, domain: str, subapp: Application) -> MatchedSubAppResource:
        """Let `subapp` answer all requests to a host, or to those of a mask such as ``"*.example.com"``.

        Domains are tried before paths, in the order added. Raises TypeError or ValueError for what is no domain,
        RuntimeError where either has started.
        """
        if not isinstance(domain, str):
            raise TypeError(f"Domain must be str, not {type(domain).__name__}")
        self._check_joining(subapp)
        resource = MatchedSubAppResource(MaskDomain(domain) if "*" in domain else Domain(domain), subapp)
        self._join(resource, subapp)
        return resource

    def _check_joining(self, subapp: Application) -> None:
        if self._frozen:
            raise RuntimeError("Cannot add sub application to frozen application")
        if subapp.frozen:
            raise RuntimeError("Cannot add frozen application")

    def _join(self, resource: PrefixedSubAppResource | MatchedSubAppResource, subapp: Application) -> None:
        self.router.register_resource(resource)

        async def start(app: Application) -> None:
            await subapp.startup()

        async def shut_down(app: Application) -> None:
            await subapp.shutdown()

        async def clean_up(app: Application) -> None:
            await subapp.cleanup()

        self._on_startup.append(start)
        self._on_shutdown.append(shut_down)
        self._on_cleanup.append(clean_up)
        self._subapps.append(subapp)
        subapp.pre_freeze()

    # Its life

    @property
    def pre_frozen(self) -> bool:
        """Whether routes, middlewares and signals can no longer be changed."""
        return self._pre_frozen

    @property
    def frozen(self) -> bool:
        """Whether it has started."""
        return self._frozen

    def pre_freeze(self) -> None:
        """Let routes, middlewares and signals be changed no more."""
        if self._pre_frozen:
            return
        self._pre_frozen = True
        self._router.freeze()
        for frozen in (self._middlewares, self._cleanup_ctx, self._on_response_prepare):
            frozen.freeze()
        for signal in (self._on_startup, self._on_shutdown, self._on_cleanup):
            signal.freeze()
        self.middleware_stack = MiddlewareStack(self, list(self._middlewares))
        for subapp in self._subapps:
            subapp.pre_freeze()

    def freeze(self) -> None:
        """Let nothing be changed any more; runners call it."""
        if self._frozen:
            return
        self._freeze_all()
        self._dispatch.prepare()

    def _freeze_all(self) -> None:
        self.pre_freeze()
        self._frozen = True
        for subapp in self._subapps:
            subapp._freeze_all()

    async def startup(self) -> None:
        """Enter the clean-up contexts, and run `on_startup`. Raises RuntimeError before that can change no more."""
        if not self._on_startup.frozen:
            raise RuntimeError("Cannot send non-frozen signal: call app.freeze() before app.startup()")
        self._started_on = _running_loop()
        await self._cleanup_ctx.enter(self)
        await self._on_startup.send(self)

    async def shutdown(self) -> None:
        """Run `on_shutdown`: the sites have stopped, requests may still be under way."""
        await self._on_shutdown.send(self)

    async def cleanup(self) -> None:
        """Leave the clean-up contexts, and run `on_cleanup`: no request is under way any more.

        Where the start has failed, only the contexts that were entered are left. Raises what they raise, CleanupError
        where several contexts fail; `on_cleanup` is run all the same, and contexts of applications within this one are
        left whatever else fails.
        """
        if not self._on_cleanup.frozen:
            await self.leave_contexts()
            return
        try:
            await self._cleanup_ctx.leave()
        finally:
            try:
                await self._on_cleanup.send(self)
            finally:
                await self.leave_contexts()

    async def leave_contexts(self) -> None:
        """Leave the contexts of this application, and of those within it, the last first."""
        try:
            for subapp in reversed(self._subapps):
                await subapp.leave_contexts()
        finally:
            self._started_on = None
            await self._cleanup_ctx.leave()

    def make_handler(self, *, loop: Any = None, access_log_class: Any = None, **kwargs: Any) -> Server:
        """Return what ``loop.create_server`` makes connections with, on asyncio (deprecated: use `AppRunner`).

        `kwargs` are settings of `Server`. The application is frozen; its start and its end are the caller's.
        """
        _deprecated("Application.make_handler(...) is deprecated, use AppRunner API instead")
        self.freeze()
        if access_log_class is not None:
            kwargs["access_log_class"] = access_log_class
        return Server(self.handle, request_factory=Request, **{**kwargs, **self.handler_args})

    async def _handle(self, request: Request) -> StreamResponse:
        response: StreamResponse = await self._dispatch.handle(request)
        return response
