"""`Turns`: senders of one stream, one after the other, first come, first served."""

from __future__ import annotations

import math
from typing import Protocol

from ..runtime import Wake

__all__ = ["Turns"]


class Waiting(Protocol):
    """What of a `Runtime` it takes to wait."""

    def wake(self) -> Wake: ...
    async def park(self, wake: Wake, deadline: float = math.inf) -> None: ...


class _Turn:
    """A sender that waits. Its wake carries nothing: whether it is its turn stands in `granted`."""

    __slots__ = ("granted", "wake")

    def __init__(self, wake: Wake) -> None:
        self.wake = wake
        self.granted = False


class Turns:
    """Lets one task at a time have something; a turn that comes to a cancelled waiter goes on to the next."""

    __slots__ = ("_runtime", "taken", "waiting")

    def __init__(self, runtime: Waiting) -> None:
        self.taken = False
        """Whether somebody's turn is now. Who finds it free may take it by an assignment, without a wait."""
        self._runtime = runtime
        self.waiting: list[_Turn] = []  # a deque takes 0.7 KiB, and hardly ever does anybody wait
        """Who waits, first come first; with nobody there a turn may be ended by an assignment, too."""

    async def wait(self, deadline: float = math.inf) -> None:
        """Wait for a turn that is another's now. Raises StreamTimeout once `deadline` has passed."""
        turn = _Turn(self._runtime.wake())
        self.waiting.append(turn)
        try:
            await self._runtime.park(turn.wake, deadline)
        except BaseException:
            if turn.granted:
                self.give_up()
            else:
                self.waiting.remove(turn)
            raise

    def give_up(self) -> None:
        """End the present turn; synchronous, and hands it over itself, so that nobody can come between."""
        if self.waiting:
            turn = self.waiting.pop(0)
            turn.granted = True
            turn.wake.set()
        else:
            self.taken = False
