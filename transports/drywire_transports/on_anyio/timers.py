"""`call_at` on trio: synchronous timers, run by one system task that exists only while a timer is pending.

A timer may be set where no nursery can be had, in a synchronous function of an object that outlives its caller. So
the task is trio's own kind of background task: it ends with the run and never holds it open.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from collections.abc import Callable
from typing import Final

import trio

__all__ = ["Timers", "TrioTimer"]

logger = logging.getLogger("drywire.transports")

SWEEP_AT: Final = 64
"""Cancelled timers in the heap from which on they are swept out, once they are more than half of it."""


class TrioTimer:
    """A call that is due at some time."""

    __slots__ = ("_timers", "callback", "order", "when")

    def __init__(self, timers: Timers, when: float, order: int, callback: Callable[[], None]) -> None:
        self._timers = timers
        self.when = when
        self.order = order
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: TrioTimer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Forget the call; harmless after it was made."""
        if self.callback is not None:
            self.callback = None
            self._timers.one_cancelled()


class Timers:
    """The timers of one trio run, called in the order of their times, and of their making where those are equal."""

    def __init__(self) -> None:
        self._heap: list[TrioTimer] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._sleep: trio.CancelScope | None = None

    def call_at(self, when: float, callback: Callable[[], None]) -> TrioTimer:
        """Call `callback` at `when`; what it raises is logged. 0.5 us where the task runs already."""
        timer = TrioTimer(self, when, next(self._order), callback)
        if when < math.inf:
            heapq.heappush(self._heap, timer)
            if self._sleep is None:
                self._start(when)
            elif when < self._sleep.deadline:
                self._sleep.deadline = when
        return timer

    def one_cancelled(self) -> None:
        """Count a cancelled timer, and sweep where they have become the most."""
        self._cancelled += 1
        if self._cancelled >= SWEEP_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [timer for timer in self._heap if timer.callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _start(self, when: float) -> None:
        self._sleep = trio.CancelScope(deadline=when)
        try:
            trio.lowlevel.spawn_system_task(self._run, name="drywire timers")
        except RuntimeError:  # the run is ending: the timer would never be due
            self._sleep = None

    async def _run(self) -> None:
        try:
            while self._heap:
                assert self._sleep is not None
                self._sleep.deadline = min(self._sleep.deadline, self._heap[0].when)
                with self._sleep:
                    await trio.sleep_forever()
                # A scope serves once; while callbacks run, the next one already takes earlier deadlines.
                self._sleep = trio.CancelScope()
                self._call_due()
        finally:
            self._sleep = None

    def _call_due(self) -> None:
        now = trio.current_time()
        while self._heap and self._heap[0].when <= now:
            timer = heapq.heappop(self._heap)
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled = max(0, self._cancelled - 1)
                continue
            try:
                callback()
            except BaseException:
                # What leaves a system task ends the whole run.
                logger.exception("a timer's callback failed")
