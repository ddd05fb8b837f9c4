"""`memo`: remembers what functions made of texts that peers send, as far as those are short."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

__all__ = ["LONGEST", "memo"]

P = ParamSpec("P")
R = TypeVar("R")

LONGEST: Final = 200
"""Characters of a text up to which what was made of it is remembered: others would fill the memory."""


def memo(count: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that remembers the last `count` results, where the first argument is short, or None."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        remembered = lru_cache(count)(function)

        @wraps(function)
        def call(text: Any, *others: Any) -> R:
            known: Any = remembered if text is None or len(text) <= LONGEST else function
            return cast(R, known(text, *others))

        return cast("Callable[P, R]", call)

    return decorate
