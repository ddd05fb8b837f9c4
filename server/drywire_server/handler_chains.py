"""`HandlerChain`: a route with all that applications have put around it, made once and called for each request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .match_info import Handler, UrlMappingMatchInfo

__all__ = ["HandlerChain", "expecting"]


class HandlerChain:
    """How requests to one route are answered.

    `apps` are the applications that lead to the route, the outermost first.
    """

    __slots__ = ("app", "apps", "handler", "on_prepare", "route")

    def __init__(self, route: Any, apps: tuple[Any, ...], handler: Handler | None = None) -> None:
        self.route = route
        self.apps = apps
        stacks = [app.middleware_stack for app in apps]
        wrapped = any(map(len, stacks))
        self.app = apps[0] if wrapped else apps[-1]
        """The application that a request is of at first; middlewares lead it to those within."""
        self.handler: Handler = route.handler if handler is None else handler
        """What answers, middlewares and all."""
        if wrapped and any(stack.legacy for stack in stacks):
            self.handler = _by_factories(self.handler, stacks)
        elif wrapped:
            for number, stack in reversed(list(enumerate(stacks))):
                self.handler = stack.around(self.handler)
                if number:
                    self.handler = stack.in_app(self.handler)
        signals = [app.on_response_prepare for app in apps if app.on_response_prepare]
        self.on_prepare: Callable[[Any, Any], Awaitable[None]] | None = _sender(signals) if signals else None
        """What is awaited with request and response before a head goes out; None where nobody wants that."""

    @property
    def is_simple(self) -> bool:
        """Whether the handler can be called with no more ado."""
        return self.on_prepare is None

    def __repr__(self) -> str:
        return f"<HandlerChain {self.route!r}>"

    def match_info(self, variables: dict[str, str] | None) -> UrlMappingMatchInfo:
        """Return the match of a request to the route with these variables of its path."""
        return UrlMappingMatchInfo.found(variables, self.route, self.apps, self.app)


def _by_factories(handler: Handler, stacks: list[Any]) -> Handler:
    async def call(request: Any) -> Any:
        made = handler
        for number, stack in reversed(list(enumerate(stacks))):
            made = await stack.around_by_factories(made)
            if number:
                made = stack.in_app(made)
        return await made(request)

    return call


def _sender(signals: list[Any]) -> Callable[[Any, Any], Awaitable[None]]:
    if len(signals) == 1:
        send: Callable[[Any, Any], Awaitable[None]] = signals[0].send
        return send

    async def send_each(request: Any, response: Any) -> None:
        for signal in signals:
            await signal.send(request, response)

    return send_each


async def expecting(request: Any, expect_handler: Handler, handler: Handler) -> Any:
    """Answer a request with the field Expect: by what its `expect_handler` returns, else by `handler`."""
    answer = await expect_handler(request)
    return await handler(request) if answer is None else answer
