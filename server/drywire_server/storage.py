"""`Storage`: what handlers and middlewares keep on a request or a response for each other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar, overload

from .app_key import BaseKey, NotAppKeyWarning

__all__ = ["Storage"]

T = TypeVar("T")


class Storage(MutableMapping[Any, Any]):
    """A mapping that is made when the first thing is kept in it; equal only to itself, and always true."""

    __slots__ = ()

    _state: dict[Any, Any] | None
    _key_class = "AppKey"

    @overload
    def __getitem__(self, key: BaseKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    @overload
    def __setitem__(self, key: BaseKey[T], value: T) -> None: ...
    @overload
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, str):
            message = f"use a web.{self._key_class} in place of the str {key!r}"
            warnings.warn(message, NotAppKeyWarning, stacklevel=2)
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def __delitem__(self, key: Any) -> None:
        if self._state is None:
            raise KeyError(key)
        del self._state[key]

    def __len__(self) -> int:
        return 0 if self._state is None else len(self._state)

    def __iter__(self) -> Iterator[Any]:
        return iter(() if self._state is None else self._state)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)
