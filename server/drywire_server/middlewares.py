"""Middlewares: functions around the handlers of an application."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable
from functools import partial, update_wrapper
from typing import Any, TypeVar

from .match_info import Handler

__all__ = ["Middleware", "MiddlewareStack", "middleware"]

M = TypeVar("M", bound=Callable[..., Any])

Middleware = Callable[..., Awaitable[Any]]
"""An async function of the request and, by this name, of the `handler` within: it returns the response."""


def middleware(function: M) -> M:
    """Mark an async function ``(request, handler)``, or a class whose objects are called so, as a middleware."""
    function.__middleware_version__ = 1  # type: ignore[attr-defined] # the mark
    return function


def is_new_style(function: Any) -> bool:
    """Whether a middleware takes request and handler; the old ones take application and handler, for a handler."""
    if getattr(function, "__middleware_version__", None) == 1:
        return True
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return names == ["request", "handler"]


class MiddlewareStack:
    """The middlewares of one application, the outermost first, as they are once it no longer changes.

    Warns with DeprecationWarning of each that is of the old style.
    """

    __slots__ = ("_app", "_middlewares", "legacy")

    def __init__(self, app: Any, middlewares: list[Middleware]) -> None:
        self._app = app
        self._middlewares = [(function, is_new_style(function)) for function in reversed(middlewares)]
        self.legacy = not all(new_style for _, new_style in self._middlewares)
        """Whether one is of the old style, which makes a handler for each request anew."""
        for function, new_style in self._middlewares:
            if not new_style:
                message = f"old-style middleware {function!r} deprecated: use web.middleware, (request, handler)"
                warnings.warn(message, DeprecationWarning, stacklevel=4)

    def __len__(self) -> int:
        return len(self._middlewares)

    def around(self, handler: Handler) -> Handler:
        """Return `handler` with the middlewares around it, none of which is of the old style."""
        for function, _ in self._middlewares:
            handler = _around(function, handler)
        return handler

    async def around_by_factories(self, handler: Handler) -> Handler:
        """Return `handler` with the middlewares around it, of whatever style."""
        for function, new_style in self._middlewares:
            handler = _around(function, handler) if new_style else await function(self._app, handler)
        return handler

    def in_app(self, handler: Handler) -> Handler:
        """Return `handler`, for which `request.app` is the application of these middlewares."""
        app = self._app

        async def within(request: Any) -> Any:
            outer = request._app
            request._app = app
            try:
                return await handler(request)
            finally:
                request._app = outer

        return update_wrapper(within, handler)


def _around(function: Middleware, handler: Handler) -> Handler:
    return update_wrapper(partial(function, handler=handler), handler)
