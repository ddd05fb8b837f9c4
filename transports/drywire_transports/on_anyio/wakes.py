"""Wakes, and tasks that have an owner, on trio."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

import trio

from ..errors import StreamBusy, StreamTimeout
from .timers import Timers

__all__ = ["TrioTask", "TrioWake", "without_cancellation"]

logger = logging.getLogger("drywire.transports")


class TrioWake:
    """A one-shot wake-up for one waiter on trio; half the price of a `trio.Event` in a cancel scope."""

    __slots__ = ("_is_set", "_timers", "_waiter")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._is_set = False
        self._waiter: trio.lowlevel.Task | None = None

    def set(self) -> None:
        """Wake whoever parks on this, now or later; idempotent."""
        self._is_set = True
        self._release()

    def _release(self) -> None:
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            trio.lowlevel.reschedule(waiter)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def park(self, deadline: float) -> None:
        """Wait until set. Raises StreamTimeout once `deadline` has passed, StreamBusy for a second waiter."""
        if self._is_set:
            return
        if self._waiter is not None:
            raise StreamBusy("another task is parked on this wake")
        timer = None if deadline == math.inf else self._timers.call_at(deadline, self._release)
        self._waiter = trio.lowlevel.current_task()
        try:
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        finally:
            if timer is not None:
                timer.cancel()
        if not self._is_set:
            raise StreamTimeout("the deadline passed while parked")


def without_cancellation(error: BaseException) -> BaseException | None:
    """Return what is left of `error` without trio's cancellations; None where it was nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1]
    return None if isinstance(error, trio.Cancelled) else error


class TrioTask:
    """A background task and what became of it: a system task that lets no exception out."""

    __slots__ = ("_done", "_exception", "_function", "_name", "_scope", "_timers", "_waiting")

    def __init__(
        self,
        timers: Timers,
        function: Callable[..., Coroutine[Any, Any, object]],
        args: tuple[object, ...],
        name: str,
    ) -> None:
        self._timers = timers
        self._function = function
        self._name = name or getattr(function, "__qualname__", repr(function))
        self._scope = trio.CancelScope()
        self._done = False
        self._exception: BaseException | None = None
        self._waiting: list[TrioWake] = []
        trio.lowlevel.spawn_system_task(self._run, *args, name=self._name, context=contextvars.copy_context())

    async def _run(self, *args: object) -> None:
        # An exception that left this task would end the whole run with TrioInternalError.
        try:
            with self._scope:
                if not self._scope.cancel_called:
                    await self._function(*args)
        except BaseException as error:
            self._exception = without_cancellation(error)
            if self._exception is not None:
                logger.error("background task %r failed", self._name, exc_info=self._exception)
        finally:
            self._done = True
            for wake in self._waiting:
                wake.set()

    @property
    def done(self) -> bool:
        """True once the task has ended."""
        return self._done

    def cancel(self) -> None:
        """Ask the task to end; idempotent."""
        with contextlib.suppress(RuntimeError):  # the run is over, and the task with it
            self._scope.cancel()

    async def wait(self, deadline: float = math.inf) -> bool:
        """Wait until the task has ended or `deadline` has passed; return whether it has ended."""
        if not self._done:
            wake = TrioWake(self._timers)
            self._waiting.append(wake)
            try:
                with contextlib.suppress(StreamTimeout):
                    await wake.park(deadline)
            finally:
                self._waiting.remove(wake)
        return self._done

    def exception(self) -> BaseException | None:
        """Return what the ended task raised; None if it returned, was cancelled, or is not done."""
        return self._exception
