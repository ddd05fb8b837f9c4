"""One timer for the deadlines of a connection, set anew only when it rings and finds that they have moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from .runtime import Timer

__all__ = ["LazyAlarm"]

STEP: Final = 0.001
"""Seconds, uvloop's resolution: an alarm that rang early by rounding is not set again closer than this."""


class LazyAlarm:
    """Rings at `at` or earlier; whoever waits until a deadline asks only ``deadline < alarm.at``.

    Deadlines are moved far more often than they pass: with `loop.call_at` and cancel a move costs 1.4 us on asyncio,
    with this one comparison.
    """

    __slots__ = ("_call_at", "_now", "_on_ring", "_timer", "at")

    def __init__(
        self,
        call_at: Callable[[float, Callable[[], None]], Timer],
        now: Callable[[], float],
        on_ring: Callable[[float], float],
    ) -> None:
        """`on_ring(now)` wakes whoever is late and returns the nearest deadline to come, infinite for none."""
        self.at = math.inf
        self._call_at = call_at
        self._now = now
        self._on_ring = on_ring
        self._timer: Timer | None = None

    def set(self, when: float) -> None:
        """Ring at `when` at the latest."""
        self.stop()
        self.at = when
        self._timer = self._call_at(when, self._ring)

    def stop(self) -> None:
        """Do not ring any more."""
        self.at = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def retire(self) -> None:
        """Never ring again, and let go of the owner, so that no cycle keeps it alive."""
        self.stop()
        self.at = -math.inf
        self._on_ring = _nothing

    def _ring(self) -> None:
        self.stop()
        now = self._now()
        upcoming = self._on_ring(now)
        if upcoming < self.at:
            self.set(max(upcoming, now + STEP))


def _nothing(_now: float) -> float:
    return math.inf
