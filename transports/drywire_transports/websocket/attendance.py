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

    One reader at a time: it sets `reading`, and calls `end` when it is gone.
    """

    __slots__ = (
        "_interrupt",
        "_read",
        "_runtime",
        "_stand_in",
        "_timer",
        "interrupted",
        "reading",
        "seen",
        "unwatched",
        "waiting",
    )

    def __init__(self, runtime: Runtime, read: Callable[[], Awaitable[None]], interrupt: Callable[[], None]) -> None:
        self.reading = False
        """Whether somebody reads."""
        self.interrupted = False
        """Whether the reader shall stop as soon as it can."""
        self.unwatched = True
        """Whether nobody will look if somebody receives: then a receiver that is done should call `watch`."""
        self._runtime = runtime
        self._read = read
        self._interrupt = interrupt
        self.seen = False
        """Whether somebody has read since `watch`."""
        self.waiting: list[Wake] = []
        """Who waits for the reader to be gone; with nobody there, two assignments do for `end`."""
        self._timer: Timer | None = None
        self._stand_in: TaskHandle | None = None

    def end(self) -> None:
        """Note that the reader is gone, and let those know who wait for that in `turn_over`."""
        self.reading = False
        self.interrupted = False
        self.seen = True
        for wake in self.waiting:
            wake.set()

    def watch(self) -> None:
        """Have a look in a moment whether somebody has come to receive."""
        self.unwatched = False
        self.seen = False
        self._timer = self._runtime.call_at(self._runtime.now() + PAUSE, self._ring)

    def _ring(self) -> None:
        self.unwatched = True
        if self.reading:
            return  # the receiver has it watched again when it is done
        if self.seen:
            self.watch()
        else:
            self.stand_in()

    def stand_in(self) -> None:
        """Let a task read, if nobody does."""
        if not self.reading and self._stand_in is None:
            self._stand_in = self._runtime.spawn(self._run, name="drywire reads a WebSocket")

    async def _run(self) -> None:
        try:
            if not self.reading:
                self.reading = True
                try:
                    await self._read()
                finally:
                    self.end()
        finally:
            self._stand_in = None

    async def turn_over(self, deadline: float) -> None:
        """Interrupt the present reader and wait until it is gone. Raises StreamTimeout once `deadline` has passed."""
        wake = self._runtime.wake()
        self.waiting.append(wake)
        try:
            if self.reading:
                self.interrupted = True
                self._interrupt()
                await self._runtime.park(wake, deadline)
        finally:
            self.waiting.remove(wake)

    def stop(self) -> None:
        """Set no stand-in in any more; synchronous and idempotent."""
        self.unwatched = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
