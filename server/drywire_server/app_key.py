"""`AppKey` and its kin: names for what is kept in a mapping, which tell type checkers the type of that."""

from __future__ import annotations

import sys
import warnings
from typing import Any, Generic, TypeVar, get_args

__all__ = ["AppKey", "BaseKey", "NotAppKeyWarning", "RequestKey", "ResponseKey"]

T = TypeVar("T")


class NotAppKeyWarning(UserWarning):
    """What an application shares is kept under a str, of which no type is known, and which others may use, too.

    Hidden unless it is asked for: ``warnings.simplefilter("default", web.NotAppKeyWarning)``.
    """


warnings.filterwarnings("ignore", category=NotAppKeyWarning, append=True)


class BaseKey(Generic[T]):
    """A key that is equal only to itself, whatever `name` others have.

    `t` is the type of what is kept under it, for readers and type checkers; nothing checks it. A type that is no class
    goes between brackets: ``AppKey[Iterable[int]]("numbers")``.
    """

    __slots__ = ("__orig_class__", "_name", "_t")

    __orig_class__: Any

    def __init__(self, name: str, t: type[T] | None = None) -> None:
        self._name = f"{_calling_module()}.{name}"
        self._t = t

    def __lt__(self, other: object) -> bool:
        return self._name < other._name if isinstance(other, BaseKey) else True

    def __repr__(self) -> str:
        t: Any = self._t
        if t is None and hasattr(self, "__orig_class__"):
            t = get_args(self.__orig_class__)[0]
        if t is None:
            kind = "unknown"
        elif not isinstance(t, type) or get_args(t):
            kind = repr(t)
        else:
            kind = t.__qualname__ if t.__module__ == "builtins" else f"{t.__module__}.{t.__qualname__}"
        return f"<{type(self).__name__}({self._name}, type={kind})>"


def _calling_module() -> str:
    """Return the name of the module that makes a key: the first that is not this one, nor typing's brackets."""
    depth = 2
    while (name := sys._getframe(depth).f_globals.get("__name__", "<unknown>")) in ("typing", __name__):
        depth += 1
    return str(name)


class AppKey(BaseKey[T]):
    """A key of an `Application`.

    database = web.AppKey("database", Database)
    app[database] = Database()
    """

    __slots__ = ()


class RequestKey(BaseKey[T]):
    """A key of a `Request`."""

    __slots__ = ()


class ResponseKey(BaseKey[T]):
    """A key of a response."""

    __slots__ = ()
