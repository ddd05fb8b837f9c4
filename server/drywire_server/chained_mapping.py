"""`ChainMapProxy`: mappings one behind another, to be read as one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

from .app_key import AppKey

__all__ = ["ChainMapProxy"]

T = TypeVar("T")
U = TypeVar("U")


class ChainMapProxy(Mapping[Any, Any]):
    """What the first of `maps` that has a key has under it; read-only. Raises TypeError where a class is made of it.

    It follows the mappings: what is put into one of them is seen here.
    """

    __slots__ = ("_chain",)

    def __init__(self, maps: Iterable[Mapping[Any, Any]]) -> None:
        self._chain: ChainMap[Any, Any] = ChainMap(*maps)  # type: ignore[arg-type]  # nothing is written to them

    def __init_subclass__(cls) -> None:
        raise TypeError(f"ChainMapProxy is final: {cls.__name__} cannot be made of it")

    @overload
    def __getitem__(self, key: AppKey[T]) -> T: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getitem__(self, key: Any) -> Any:
        return self._chain[key]

    @overload
    def get(self, key: AppKey[T], default: None = ...) -> T | None: ...
    @overload
    def get(self, key: AppKey[T], default: U) -> T | U: ...
    @overload
    def get(self, key: Any, default: Any = ...) -> Any: ...
    def get(self, key: Any, default: Any = None) -> Any:
        """Return what the first mapping that has `key` has under it, or `default`."""
        return self._chain.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._chain

    def __iter__(self) -> Iterator[Any]:
        return iter(self._chain)

    def __len__(self) -> int:
        return len(self._chain)

    def __repr__(self) -> str:
        return f"ChainMapProxy({', '.join(map(repr, self._chain.maps))})"
