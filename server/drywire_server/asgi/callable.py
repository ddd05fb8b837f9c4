"""`ASGICallable`: what makes an application one of ASGI 3, and lets it return itself when it is called with nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from types import CodeType
from typing import Any, Final, Generic, TypeVar, overload

from .messages import Receive, Scope, Send
from .serving import serving_of

__all__ = ["ASGICall", "ASGICallable"]

T = TypeVar("T")


async def _asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """Have the shape of an ASGI application."""


class ASGICall(Generic[T]):
    """The call of one application.

    Servers look for ``async def __call__`` to tell ASGI 3 from ASGI 2 and WSGI, and `inspect` tells by the code of
    what it takes for a function; but a coroutine function could not return the application at once. So this looks
    like such a function, and is none.
    """

    __slots__ = ("_app",)

    __name__: Final = "__call__"
    __code__: Final[CodeType] = _asgi.__code__
    __defaults__: Final = None
    __kwdefaults__: Final = None

    def __init__(self, app: T) -> None:
        self._app = app

    @overload
    def __call__(self) -> T: ...
    @overload
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]: ...
    def __call__(self, *asgi: Any, **named: Any) -> T | Awaitable[None]:
        """Return the application; or, given the three arguments of ASGI, serve that scope."""
        return serving_of(self._app)(*asgi, **named) if asgi or named else self._app


class _Call:
    def __get__(self, app: T, owner: type[T] | None = None) -> ASGICall[T]:
        return ASGICall(app)


class ASGICallable:
    """Lets applications be called: ``app()`` is the application itself, ``await app(scope, receive, send)`` is ASGI."""

    __slots__ = ()

    __call__ = _Call()
