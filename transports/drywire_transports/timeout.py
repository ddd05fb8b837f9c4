"""`Timeout`: a time limit on a block, on whatever loop runs it."""

from __future__ import annotations

import asyncio
import sys
import warnings
from types import TracebackType
from typing import Any

from .which import current_runtime

__all__ = ["Timeout"]


class Timeout:
    """``with Timeout(seconds):`` raises TimeoutError where the block lasts longer; 0 or None for no limit.

    An old name of aiohttp: new programs use ``asyncio.timeout``, ``trio.fail_after`` or ``anyio.fail_after``.
    """

    def __init__(self, timeout: float | None, *, loop: object = None) -> None:
        message = "Timeout is deprecated: use asyncio.timeout, trio.fail_after or anyio.fail_after"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        self._seconds = timeout
        self._scope: Any = None

    def __enter__(self) -> Timeout:
        if self._seconds:
            self._scope = _AsyncioScope() if current_runtime().name == "asyncio" else _TrioScope()
            self._scope.begin(self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        scope, self._scope = self._scope, None
        return None if scope is None else scope.end(error)


class _AsyncioScope:
    """Cancels the task, and takes the cancellation back at the end of the block."""

    def begin(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a Timeout belongs in a task")
        self._task = task
        self._before = task.cancelling()
        self._expired = False
        self._handle = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def end(self, error: BaseException | None) -> None:
        self._handle.cancel()
        if not self._expired:
            return
        if self._task.uncancel() <= self._before and isinstance(error, asyncio.CancelledError):
            raise TimeoutError("the Timeout of the block has passed") from error


class _TrioScope:
    """A cancel scope of trio's."""

    def begin(self, seconds: float) -> None:
        trio = sys.modules["trio"]
        self._scope = trio.move_on_after(seconds)
        self._scope.__enter__()

    def end(self, error: BaseException | None) -> bool | None:
        kind, traceback = (None, None) if error is None else (type(error), error.__traceback__)
        swallowed: bool | None = self._scope.__exit__(kind, error, traceback)
        if self._scope.cancelled_caught:
            raise TimeoutError("the Timeout of the block has passed")
        return swallowed
