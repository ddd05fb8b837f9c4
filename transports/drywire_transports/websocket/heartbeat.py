"""`Heartbeat`: pings a peer that has been silent for a while, and gives up one that does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..runtime import Runtime, Timer

__all__ = ["Heartbeat"]


class Pulse(Protocol):
    """The connection that a heartbeat keeps an eye on."""

    @property
    def heard_at(self) -> float:
        """When something was received last."""
        ...

    @property
    def may_be_judged(self) -> bool:
        """Whether silence means anything: not while we do not read, or a send of ours is under way."""
        ...

    def ping(self) -> None:
        """Send a ping, by a task of its own."""
        ...

    def give_up(self, error: str) -> None:
        """Drop the connection: the peer is dead."""
        ...


class Heartbeat:
    """Pings after `interval` seconds of silence, and waits half of that for anything at all to come.

    It needs no task: one timer, which is set anew only when it rings and finds that something was heard meanwhile.
    """

    __slots__ = ("_interval", "_pinged_at", "_pulse", "_runtime", "_timer")

    def __init__(self, runtime: Runtime, interval: float, pulse: Pulse) -> None:
        self._runtime = runtime
        self._interval = interval
        self._pulse = pulse
        self._pinged_at = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to count."""
        self._at(self._runtime.now() + self._interval, self._ring)

    def stop(self) -> None:
        """End it; synchronous and idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _at(self, when: float, callback: Callable[[], None]) -> None:
        self.stop()
        self._timer = self._runtime.call_at(when, callback)

    def _ring(self) -> None:
        now = self._runtime.now()
        due = self._pulse.heard_at + self._interval
        if due > now:
            self._at(due, self._ring)
            return
        self._pinged_at = now
        self._pulse.ping()
        self._at(now + self._interval / 2, self._judge)

    def _judge(self) -> None:
        pulse = self._pulse
        now = self._runtime.now()
        if pulse.heard_at >= self._pinged_at:
            self._at(max(now, pulse.heard_at + self._interval), self._ring)
        elif pulse.may_be_judged:
            self._timer = None
            pulse.give_up(f"No PONG received after {self._interval / 2:g} seconds")
        else:
            self._at(now + self._interval / 2, self._judge)
