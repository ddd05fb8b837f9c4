"""What is made by a coroutine: awaited for the thing itself, or entered to have that taken care of at the end."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar

__all__ = ["Awaited"]

T = TypeVar("T", bound=AbstractAsyncContextManager[Any])


class Awaited(Coroutine[Any, Any, T]):
    """A request under way: await it for the response, or enter it to have the response released at the end."""

    __slots__ = ("_coroutine", "_made")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        """Go on with the request."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with the request by an error."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Drop the request."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> T:
        self._made = made = await self._coroutine
        await made.__aenter__()
        return made

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Coroutine[Any, Any, bool | None]:
        return self._made.__aexit__(kind, error, traceback)
