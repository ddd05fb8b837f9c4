"""Routes: a method of a resource and its handler (`ResourceRoute`); what answers 404 and 405 (`SystemRoute`)."""

from __future__ import annotations

import inspect
import re
import warnings
from abc import ABC, abstractmethod
from functools import wraps
from typing import Any, Final, NoReturn

from yarl import URL

from ..errors import HTTPException, HTTPExpectationFailed
from ..match_info import ExpectHandler, Handler
from ..views import AbstractView

__all__ = ["AbstractRoute", "ResourceRoute", "SystemRoute", "default_expect_handler"]

_METHOD: Final = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2: token
_CONTINUE: Final = "100-continue"


async def default_expect_handler(request: Any) -> None:
    """Take the Expect field of `request` in: its body is asked for by 100 Continue as soon as the handler reads it.

    Raises HTTPExpectationFailed for another expectation (RFC 9110, 10.1.1); HTTP/1.0 has none.
    """
    expected = request.headers.get("Expect", "")
    if tuple(request.version) >= (1, 1) and expected.lower() != _CONTINUE:
        shown = expected[:100].encode("ascii", "backslashreplace").decode("ascii")
        raise HTTPExpectationFailed(text=f"Unknown Expect: {shown}")


class AbstractRoute(ABC):
    """A method and the handler of requests by it.

    `method` is a token in any case, ``"*"`` for every method. `handler` is an async function of the request or a class
    made of `AbstractView`; a function that is not async is deprecated. `expect_handler` is an async function that is
    called for requests with a field Expect, before the handler: it may return the response. Raises ValueError for a
    method that is none, TypeError for what cannot be called.
    """

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        *,
        expect_handler: ExpectHandler | None = None,
        resource: Any = None,
    ) -> None:
        if expect_handler is not None and not is_coroutine_function(expect_handler):
            raise TypeError(f"the expect_handler {expect_handler!r} must be an async function of the request")
        if _METHOD.fullmatch(method) is None:
            raise ValueError(f"{method!r} is not allowed as HTTP method: it must be a token")
        self._method = method.upper()
        self._handler = _as_handler(handler)
        self._expect_handler = expect_handler
        self._resource = resource

    @property
    def method(self) -> str:
        """The method in upper case, ``"*"`` for every one."""
        return self._method

    @property
    def handler(self) -> Any:
        """The handler."""
        return self._handler

    @property
    @abstractmethod
    def name(self) -> str | None:
        """The name of the resource, if it has one."""

    @property
    def resource(self) -> Any:
        """The resource that it is a route of: an `AbstractResource`; None where it is of none."""
        return self._resource

    @property
    def expects_by_itself(self) -> bool:
        """Whether it was given a handler of its own for the field Expect."""
        return self._expect_handler is not None

    @abstractmethod
    def get_info(self) -> dict[str, Any]:
        """Return what is known of the resource, for introspection."""

    @abstractmethod
    def url_for(self, *args: str, **kwargs: str) -> URL:
        """Return the URL of the resource for values of its variables."""

    async def handle_expect_header(self, request: Any) -> Any:
        """Run the expect handler; what it returns, if it is not None, is the response."""
        return await (self._expect_handler or default_expect_handler)(request)


class ResourceRoute(AbstractRoute):
    """A route of a resource."""

    def __init__(
        self,
        method: str,
        handler: Handler | type[AbstractView],
        resource: Any,
        *,
        expect_handler: ExpectHandler | None = None,
    ) -> None:
        super().__init__(method, handler, expect_handler=expect_handler, resource=resource)

    def __repr__(self) -> str:
        return f"<ResourceRoute [{self.method}] {self._resource} -> {self.handler!r}>"

    @property
    def name(self) -> str | None:
        """The name of the resource, if it has one."""
        name: str | None = self._resource.name
        return name

    def url_for(self, *args: str, **kwargs: str) -> URL:
        """Return the URL of the resource for values of its variables."""
        url: URL = self._resource.url_for(*args, **kwargs)
        return url

    def get_info(self) -> dict[str, Any]:
        """Return what is known of the resource, for introspection."""
        info: dict[str, Any] = self._resource.get_info()
        return info


class SystemRoute(AbstractRoute):
    """What a request without a route of its own comes to: its handler raises `http_exception`, a 404 or 405."""

    def __init__(self, http_exception: HTTPException) -> None:
        super().__init__("*", self._handle)
        self._http_exception = http_exception

    def __repr__(self) -> str:
        return f"<SystemRoute {self.status}: {self.reason}>"

    @property
    def http_exception(self) -> HTTPException:
        """What the handler raises."""
        return self._http_exception

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self._http_exception.status

    @property
    def reason(self) -> str:
        """Its reason phrase."""
        return self._http_exception.reason

    @property
    def name(self) -> None:
        """None: it belongs to no resource."""
        return

    def get_info(self) -> dict[str, Any]:
        """Return the exception, as ``http_exception``."""
        return {"http_exception": self._http_exception}

    def url_for(self, *args: str, **kwargs: str) -> NoReturn:
        """Raise RuntimeError: there is no resource."""
        raise RuntimeError(".url_for() is not allowed for SystemRoute")

    async def _handle(self, request: Any) -> NoReturn:
        raise self._http_exception


def is_coroutine_function(function: object) -> bool:
    """Whether calling `function`, or the object that it is, gives something to await."""
    if inspect.iscoroutinefunction(function):
        return True
    call = None if isinstance(function, type) else getattr(function, "__call__", None)  # noqa: B004 - the method
    return inspect.iscoroutinefunction(call)


def _as_handler(handler: Any) -> Any:
    if is_coroutine_function(handler) or (isinstance(handler, type) and issubclass(handler, AbstractView)):
        return handler
    if not callable(handler) or inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise TypeError(f"the handler {handler!r} must be an async function of one argument, the request")
    # The frames between here and the user's are many and vary: the message says which handler it is.
    warnings.warn(f"Bare functions are deprecated, use async ones: {handler!r}", DeprecationWarning, stacklevel=2)

    @wraps(handler)
    async def awaited(request: Any) -> Any:
        result = handler(request)
        return await result if inspect.isawaitable(result) else result

    return awaited
