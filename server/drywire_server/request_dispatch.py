"""`Dispatch`: from a request to the call of its handler, by ways as short as the application allows."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, Protocol

from .handler_chains import HandlerChain, expecting
from .match_info import Handler
from .routing.paths import decoded_path, quoted_path
from .routing.resources import DynamicResource, request_path
from .routing.routes import SystemRoute, default_expect_handler
from .routing.table import UrlDispatcher

__all__ = ["Dispatch"]

Match = tuple[HandlerChain, dict[str, str] | None]

MOST_UNKNOWN: Final = 1024
"""Chains kept for routes that no resource had at the start, such as ones that a resource makes for each request."""
MOST_TARGETS: Final = 1024
"""Targets with variables of which it is remembered what answers them."""
PAUSE: Final = 8192
"""Targets that are looked up, once those are so many, before others are remembered in their place: where each target is
another one, remembering it would be in vain."""
LONGEST_TARGET: Final = 256
"""Bytes of such a target."""


class Owner(Protocol):
    """The application whose requests are dispatched."""

    _router: Any


class _Probe:
    """A request by `method` for a path, as far as finding a route goes."""

    headers: Final[dict[str, str]] = {}

    def __init__(self, method: str) -> None:
        self.method = method


class Dispatch:
    """Finds and calls handlers for one application; `prepare` makes the ways to them, once nothing changes any more."""

    __slots__ = ("_app", "_chains", "_fixed", "_known", "_most_chains", "_remembers", "_room", "_waits")

    def __init__(self, app: Any) -> None:
        self._app = app
        self._waits = True
        self._fixed: dict[bytes, dict[str, Match]] = {}
        """What answers a target, letter for letter, and a method, where nothing else needs to be asked."""
        self._known: dict[bytes, dict[str, Match]] = {}
        """The same, and with it targets with variables that were asked for lately."""
        self._remembers = False
        self._room = 0
        """How many targets may still be remembered; below zero how many are looked up before there is room again."""
        self._chains: dict[tuple[Any, tuple[Any, ...]], HandlerChain] = {}
        self._most_chains = MOST_UNKNOWN

    def prepare(self) -> None:
        """Make what can be made before there are requests."""
        router = self._app._router
        self._chains = {}
        self._fixed = {}
        self._known = {}
        self._waits = not isinstance(router, UrlDispatcher) or router.waits
        self._remembers = not self._waits and not router.by_rule and type(router) is UrlDispatcher
        if self._waits or router.by_rule:
            return
        paths = list(router.plain_paths())
        self._most_chains = MOST_UNKNOWN + len(router.routes())
        for path, resource in paths:
            for route in resource:
                if route.method == "*" or path.startswith("//"):
                    continue
                found, variables, apps = router.look_up(path, _Probe(route.method))
                chain = self._chain(found, apps)
                if variables is None and chain.is_simple:
                    target = quoted_path(path).encode("ascii")
                    self._fixed.setdefault(target, {})[route.method] = chain, None
        self._known = self._fixed.copy()
        self._room = MOST_TARGETS

    def handle(self, request: Any) -> Awaitable[Any]:
        """Find the handler of `request` and return its call, to be awaited."""
        head = request.head
        methods = self._known.get(head.target)
        if methods is not None:
            match = methods.get(request.method)
            if match is not None and b"expect" not in head.headers.framing:
                chain = match[0]
                request._app = chain.app
                request._match = match
                request._match_info = None
                return chain.handler(request)
        return self._handle_waiting(request) if self._waits else self._handle(request)

    def _handle(self, request: Any) -> Awaitable[Any]:
        target: str = request.head.target.decode("ascii")
        if target.startswith("/"):
            path = target.partition("?")[0]
            if "%" in path:
                path = decoded_path(path)
        else:
            path = request_path(request)
        route, variables, apps = self._app._router.look_up(path, request)
        chain = self._chains.get((route, apps)) or self._chain(route, apps)
        request._match_info = None
        if variables is not None and self._remembers:
            if self._room > 0:
                self._remember(request, chain, variables)
            else:
                self._room += 1
                if not self._room:
                    self._known, self._room = self._fixed.copy(), MOST_TARGETS
        return self._call(chain, variables, request)

    def _remember(self, request: Any, chain: HandlerChain, variables: dict[str, str]) -> None:
        """Remember what answers a target with variables: many are asked for again and again.

        Only some of the shorter ones are, and only by methods that have a route, so that clients cannot fill memory.
        """
        target, route = request.head.target, chain.route
        if len(target) > LONGEST_TARGET or route.method != request.method or target in self._fixed:
            return
        if not chain.is_simple or type(route.resource) is not DynamicResource:
            return
        self._known.setdefault(target, {})[request.method] = chain, variables
        self._room -= 1
        if not self._room:
            self._room = -PAUSE

    async def _handle_waiting(self, request: Any) -> Any:
        """Do as `handle` does where resources, or the router, are somebody's own."""
        info = await self._app._router.resolve(request)
        info.add_app(self._app)
        info.freeze()
        request._match_info = info
        chain = HandlerChain(info.route, info.apps) if hasattr(info, "route") else HandlerChain(info, info.apps)
        return await self._call(chain, None, request)

    def _call(self, chain: HandlerChain, variables: dict[str, str] | None, request: Any) -> Awaitable[Any]:
        request._app = chain.app
        request._match = chain, variables
        if chain.on_prepare is not None:
            request._on_prepare = chain.on_prepare
        if _has_expectation(request):
            expect_handler: Handler = getattr(chain.route, "handle_expect_header", None) or default_expect_handler
            return expecting(request, expect_handler, chain.handler)
        return chain.handler(request)

    def _chain(self, route: Any, apps: tuple[Any, ...]) -> HandlerChain:
        chain = HandlerChain(route, (self._app, *apps))
        if not isinstance(route, SystemRoute) and len(self._chains) < self._most_chains:
            self._chains[route, apps] = chain
        return chain


def _has_expectation(request: Any) -> bool:
    framing = getattr(request.head.headers, "framing", None)
    return "Expect" in request.headers if framing is None else b"expect" in framing
