"""Client middlewares: functions around each request that a session sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from .request import ClientRequest
from .response import ClientResponse

__all__ = ["ClientHandlerType", "ClientMiddlewareType", "wrapped"]

ClientHandlerType = Callable[[ClientRequest], Awaitable[ClientResponse]]
"""Sends a request and returns its response; may be called several times."""
ClientMiddlewareType = Callable[[ClientRequest, ClientHandlerType], Awaitable[ClientResponse]]
"""``async def middleware(request, handler)``: returns what ``await handler(request)`` does, or something else."""


def wrapped(handler: ClientHandlerType, middlewares: Sequence[ClientMiddlewareType]) -> ClientHandlerType:
    """Return `handler` inside of `middlewares`, the first of them outermost."""
    for middleware in reversed(middlewares):
        handler = _bound(middleware, handler)
    return handler


def _bound(middleware: ClientMiddlewareType, handler: ClientHandlerType) -> ClientHandlerType:
    async def call(request: ClientRequest) -> ClientResponse:
        return await middleware(request, handler)

    return call
