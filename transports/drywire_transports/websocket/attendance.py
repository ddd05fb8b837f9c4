"""`Attendance`: somebody always reads a WebSocket, the program while it receives, and a task of ours while it does not.

Pings are to be answered and pongs to be heard while a program is busy elsewhere. But a task that always reads would
cost each message a change of tasks. So a task reads only once nobody has received for a moment, as far as there is
room for messages, and it steps back when the program comes to receive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from ..runtime import Runtime, TaskHandle, Timer, Wake

__all__ = ["Attendance"]

PAUSE: Final = 0.25
"""Seconds without a receiver after which the task begins to read."""


class Attendance:
    """Who reads: the receiver, the stand-in, or nobody. `read` is the stand-in's work, `interrupt` ends a wait to read.

    One reader at a time, by `begin` and `end`; `end` wakes whoever waits in `turn_over`.
    """

    __slots__ = (
        "_interrupt",
        "_read",
        "_runtime",
        "_seen",
        "_stand_in",
        "_timer",
        "_waiting",
        "interrupted",
        "reading",
    )

    def __init__(self, runtime: Runtime, read: Callable[[], Awaitable[None]], interrupt: Callable[[], None]) -> None:
        self.reading = False
        """Whether somebody reads."""
        self.interrupted = False
        """Whether the reader shall stop as soon as it can."""
        self._runtime = runtime
        self._read = read
        self._interrupt = interrupt
        self._seen = False  # whether somebody has received since the timer was set
        self._timer: Timer | None = None
        self._stand_in: TaskHandle | None = None
        self._waiting: list[Wake] = []

    def begin(self) -> None:
        """Note that somebody reads from now on."""
        self.reading = True

    def end(self) -> None:
        """Note that the reader is gone."""
        self.reading = False
        self.interrupted = False
        if self._waiting:
            for wake in self._waiting:
                wake.set()

    def rest(self) -> None:
        """Note that the program was here to receive, and will be missed when it does not come back soon."""
        self._seen = True
        if self._timer is None:
            self._set_timer()

    def _set_timer(self) -> None:
        self._seen = False
        self._timer = self._runtime.call_at(self._runtime.now() + PAUSE, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.reading:
            return  # the receiver sets it again when it rests
        if self._seen:
            self._set_timer()
        else:
            self.stand_in()

    def stand_in(self) -> None:
        """Let a task read, if nobody does."""
        if not self.reading and self._stand_in is None:
            self._stand_in = self._runtime.spawn(self._run, name="drywire reads a WebSocket")

    async def _run(self) -> None:
        try:
            if not self.reading:
                self.begin()
                try:
                    await self._read()
                finally:
                    self.end()
        finally:
            self._stand_in = None

    async def turn_over(self, deadline: float) -> None:
        """Interrupt the present reader and wait until it is gone. Raises StreamTimeout once `deadline` has passed."""
        wake = self._runtime.wake()
        self._waiting.append(wake)
        try:
            if self.reading:
                self.interrupted = True
                self._interrupt()
                await self._runtime.park(wake, deadline)
        finally:
            self._waiting.remove(wake)

    def stop(self) -> None:
        """Set no stand-in in any more; synchronous and idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
