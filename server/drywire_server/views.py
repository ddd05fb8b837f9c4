"""Views: classes whose methods, named like those of HTTP in lower case, answer a request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

from .errors import HTTPMethodNotAllowed

__all__ = ["AbstractView", "View"]

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})


class AbstractView(ABC):
    """A class that can be a handler: made of the request, and awaited for the response."""

    def __init__(self, request: Any) -> None:
        self._request = request

    @property
    def request(self) -> Any:
        """The request."""
        return self._request

    @abstractmethod
    def __await__(self) -> Generator[Any, None, Any]:
        """Answer the request."""


class View(AbstractView):
    """A handler with an async method for each method that it answers, such as ``get`` and ``post``; 405 for others.

    Add it by `web.view` or `UrlDispatcher.add_view`. GET does not answer HEAD here.
    """

    def __await__(self) -> Generator[Any, None, Any]:
        method = self.request.method
        handler: Callable[[], Awaitable[Any]] | None = None
        if method in METHODS:
            handler = getattr(self, method.lower(), None)
        if handler is None:
            raise HTTPMethodNotAllowed(method, {name for name in METHODS if hasattr(self, name.lower())})
        return handler().__await__()
