"""`Storage`: what handlers and middlewares keep on a request or a response for each other."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from typing import Any, Final, TypeVar, overload

from .app_key import BaseKey, NotAppKeyWarning

__all__ = ["Storage"]

T = TypeVar("T")

MOST_NAMES: Final = 1000
"""Names that are warned of; whoever has more of them has read enough."""
LONGEST_NAME: Final = 100
"""Characters of such a name."""

_told: Final[defaultdict[str, set[str]]] = defaultdict(set)
"""The names that were warned of, by the kind of key that they stand in for."""


class Storage(MutableMapping[Any, Any]):
    """A mapping that is made when the first thing is kept in it; equal only to itself, and always true.

    A str in place of a key is warned of, once for each name.
    """

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
        if isinstance(key, str) and key not in _told[self._key_class]:
            self._tell(key)
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def _tell(self, name: str) -> None:
        """Warn of a name, once for each: requests are many. Names that a client may have made up are not kept."""
        told = _told[self._key_class]
        if len(told) < MOST_NAMES and len(name) <= LONGEST_NAME:
            message = f"use a web.{self._key_class} in place of the str {name!r}"
            warnings.warn(message, NotAppKeyWarning, stacklevel=3)
            told.add(name)  # not where the warning is raised, as an error: it would be raised only once

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
