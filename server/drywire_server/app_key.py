"""`AppKey`: a name for what an application shares, which tells type checkers the type of that."""

from __future__ import annotations

import sys
import warnings
from typing import Generic, TypeVar

__all__ = ["AppKey", "NotAppKeyWarning"]

T = TypeVar("T")


class NotAppKeyWarning(UserWarning):
    """What an application shares is kept under a str, of which no type is known, and which others may use, too.

    Hidden unless it is asked for: ``warnings.simplefilter("default", web.NotAppKeyWarning)``.
    """


warnings.filterwarnings("ignore", category=NotAppKeyWarning, append=True)


class AppKey(Generic[T]):
    """A key of an `Application`, equal only to itself, whatever `name` others have.

    `t` is the type of what is kept under it, for readers and type checkers; nothing checks it.

        database = web.AppKey("database", Database)
        app[database] = Database()
    """

    __slots__ = ("_name", "_t")

    def __init__(self, name: str, t: type[T] | None = None) -> None:
        module = sys._getframe(1).f_globals.get("__name__", "<unknown>")
        self._name = f"{module}.{name}"
        self._t = t

    def __repr__(self) -> str:
        t = self._t
        if t is None:
            kind = "unknown"
        elif t.__module__ == "builtins":
            kind = t.__qualname__
        else:
            kind = f"{t.__module__}.{t.__qualname__}"
        return f"<AppKey({self._name}, type={kind})>"
