"""An event loop in a hundred lines, to show what a loop is; `on_toy_loop.py` is a server on it.

A coroutine that has to wait yields a `Wait` down to the loop: which socket, for what, until when. The loop asks a
selector which waits are over and resumes those coroutines, or throws TimeoutError into those that waited too long.
There is nothing else: no futures, no callbacks. It knows no HTTP, and the core knows no loop.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import time
import types
from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any, NamedTuple

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Task = Coroutine[Any, None, None]


class Wait(NamedTuple):
    """What a coroutine waits for: `events` on `sock`, until `deadline` on the monotonic clock (None: for ever)."""

    sock: socket.socket
    events: int
    deadline: float | None


@types.coroutine
def ready(sock: socket.socket, events: int, timeout: float | None = None) -> Generator[Wait, None, None]:
    """Wait until `sock` is ready; one coroutine a socket. Raises TimeoutError after `timeout` seconds."""
    yield Wait(sock, events, None if timeout is None else time.monotonic() + timeout)


async def receive(sock: socket.socket, timeout: float) -> bytes:
    """Return what came, b"" at its end. Raises TimeoutError, OSError."""
    await ready(sock, READ, timeout)
    return sock.recv(65536)


async def send_all(sock: socket.socket, data: bytes, timeout: float) -> None:
    """Write all of `data`, waiting at most `timeout` seconds for each piece of room. Raises TimeoutError, OSError."""
    rest = memoryview(data)
    while rest:
        await ready(sock, WRITE, timeout)
        rest = rest[sock.send(rest) :]


class Loop:
    """Runs coroutines, each until it waits."""

    def __init__(self) -> None:
        self._ready: deque[tuple[Task, TimeoutError | None]] = deque()
        self._waiting: dict[Task, Wait] = {}
        self._deadlines: list[tuple[float, int, Task, Wait]] = []
        self._order = itertools.count()  # tasks cannot be compared; those of one deadline keep their order
        self._selector = selectors.DefaultSelector()

    def spawn(self, task: Task) -> None:
        """Run `task` beside the others, from the loop's next turn on. What it raises, `run` raises."""
        self._ready.append((task, None))

    def run(self, main: Task) -> None:
        """Run `main` to its end, and with it all that was spawned; then close the others."""
        self.spawn(main)
        with self._selector:
            try:
                while self._turn(main):
                    self._wait()
            finally:
                for task in [*self._waiting, *(task for task, _ in self._ready)]:
                    task.close()  # GeneratorExit where it waits: its `with` blocks close what is theirs

    def _turn(self, main: Task) -> bool:
        """Resume what is ready; False once `main` has returned."""
        for _ in range(len(self._ready)):
            task, error = self._ready.popleft()
            try:
                wait: Wait = task.send(None) if error is None else task.throw(error)
            except StopIteration:
                if task is main:
                    return False
                continue
            self._waiting[task] = wait
            self._selector.register(wait.sock, wait.events, task)
            if wait.deadline is not None:
                heapq.heappush(self._deadlines, (wait.deadline, next(self._order), task, wait))
        return True

    def _wait(self) -> None:
        timeout = max(0.0, self._deadlines[0][0] - time.monotonic()) if self._deadlines else None
        for key, _ in self._selector.select(0 if self._ready else timeout):
            self._wake(key.data, None)
        while self._deadlines and self._deadlines[0][0] <= time.monotonic():
            _, _, task, wait = heapq.heappop(self._deadlines)
            if self._waiting.get(task) is wait:  # else that wait is over, and this was left of it
                self._wake(task, TimeoutError())

    def _wake(self, task: Task, error: TimeoutError | None) -> None:
        self._selector.unregister(self._waiting.pop(task).sock)
        self._ready.append((task, error))
