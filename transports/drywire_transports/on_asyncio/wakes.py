"""Wakes, and tasks that have an owner, on asyncio."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from ..errors import StreamBusy, StreamTimeout

__all__ = ["AsyncioTask", "AsyncioWake"]

logger = logging.getLogger("drywire.transports")


class AsyncioWake:
    """A one-shot wake-up for one waiter on an asyncio loop."""

    __slots__ = ("_is_set", "_loop", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake whoever parks on this, now or later; idempotent."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def park(self, deadline: float) -> None:
        """Wait until set. Raises StreamTimeout once `deadline` has passed, StreamBusy for a second waiter."""
        if self._is_set:
            return
        if self._waiter is not None:
            raise StreamBusy("another task is parked on this wake")
        self._waiter = waiter = self._loop.create_future()
        timer = None if deadline == math.inf else self._loop.call_at(deadline, _release, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        if not self._is_set:
            raise StreamTimeout("the deadline passed while parked")


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class AsyncioTask:
    """A background task and what became of it."""

    __slots__ = ("_on_done", "_task")

    def __init__(self, task: asyncio.Task[object], on_done: Callable[[AsyncioTask], None]) -> None:
        self._task = task
        self._on_done = on_done
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        if not task.cancelled():
            error = task.exception()
            # asyncio has let KeyboardInterrupt and SystemExit out of the loop already.
            if isinstance(error, Exception):
                logger.error("background task %r failed", task.get_name(), exc_info=error)
        self._on_done(self)

    @property
    def done(self) -> bool:
        """True once the task has ended."""
        return self._task.done()

    def cancel(self) -> None:
        """Ask the task to end; idempotent."""
        self._task.cancel()

    async def wait(self, deadline: float = math.inf) -> bool:
        """Wait until the task has ended or `deadline` has passed; return whether it has ended."""
        if not self._task.done():
            patience = None if deadline == math.inf else max(0.0, deadline - self._task.get_loop().time())
            await asyncio.wait((self._task,), timeout=patience)
        return self._task.done()

    def exception(self) -> BaseException | None:
        """Return what the ended task raised; None if it returned, was cancelled, or is not done."""
        task = self._task
        # Asked of the task, not of what `_ended` does: a task is done one turn of the loop before its callbacks run.
        return None if not task.done() or task.cancelled() else task.exception()
