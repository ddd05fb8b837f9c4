"""Clean-up contexts: what an application sets up at its start, and takes down at its end, written as one function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from frozenlist import FrozenList

__all__ = ["CleanupContexts", "CleanupError"]

Context = Callable[[Any], AsyncIterator[None] | AbstractAsyncContextManager[None]]
"""A function of the application."""


class CleanupError(RuntimeError):
    """Several of an application's clean-up contexts failed at its end: `exceptions` are their errors, in that order."""

    @property
    def exceptions(self) -> list[BaseException]:
        """What went wrong."""
        return list(self.args[1])


class CleanupContexts(FrozenList[Context]):
    """Functions of the application that are async generators with one ``yield``, or return async context managers.

    What stands before the yield runs at the start, in order, and what stands behind it at the end, in reverse.
    """

    def __init__(self) -> None:
        super().__init__()
        self._entered: list[AsyncIterator[None] | AbstractAsyncContextManager[None]] = []

    async def enter(self, app: object) -> None:
        """Run each up to its yield. Raises what one of them raises; those before it stay entered."""
        for function in self:
            context = function(app)
            if isinstance(context, AbstractAsyncContextManager):
                await context.__aenter__()
            else:
                await anext(context)
            self._entered.append(context)

    async def leave(self) -> None:
        """Run the rest of each that was entered, in reverse, whatever becomes of the others, cancelled or not.

        Raises the error of one that failed, CleanupError for several; where one was cancelled, that goes on.
        """
        errors: list[Exception] = []
        ended: BaseException | None = None
        while self._entered:
            try:
                await _leave(self._entered.pop())
            except Exception as error:
                errors.append(error)
            except BaseException as error:
                ended = ended or error
        if ended is not None:
            raise ended
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise CleanupError("Multiple errors on cleanup stage", errors)


async def _leave(context: AsyncIterator[None] | AbstractAsyncContextManager[None]) -> None:
    if isinstance(context, AbstractAsyncContextManager):
        await context.__aexit__(None, None, None)
        return
    try:
        await anext(context)
    except StopAsyncIteration:
        return
    raise RuntimeError(f"{context!r} has more than one 'yield'")
