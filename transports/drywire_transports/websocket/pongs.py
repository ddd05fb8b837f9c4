"""`Pongs`: answers pings by a task of its own, so that who reads may be cancelled, and hardly waits for a slow peer."""

from __future__ import annotations

import contextlib
from typing import Final

from drywire_sansio.websocket import LocalProtocolError, Ping, Pong

from ..errors import TransportError
from ..runtime import Runtime, TaskHandle
from .channel import WebSocketChannel

__all__ = ["Pongs"]

MOST: Final = 64
"""Answers that wait for the peer to read; of more pings the oldest go unanswered, as RFC 6455, 5.5.3 allows."""


PATIENCE: Final = 0.05
"""Seconds that who reads waits for an answer to be sent: a peer that takes none may still send."""


class Pongs:
    """Sends control frames of one channel in the background, a bounded number of them."""

    __slots__ = ("_channel", "_runtime", "_task", "_waiting")

    def __init__(self, channel: WebSocketChannel, runtime: Runtime) -> None:
        self._channel = channel
        self._runtime = runtime
        self._waiting: list[Ping | Pong] = []  # no deque: see Turns
        self._task: TaskHandle | None = None

    async def answer(self, ping: Ping) -> None:
        """Answer `ping`, and wait until that is sent, so that it comes before what is said next; but not for long.

        Cancelling it does not keep the answer back.
        """
        self._soon(ping.answer())
        if self._task is not None:
            await self._task.wait(self._runtime.now() + PATIENCE)

    def ping(self) -> None:
        """Send a ping soon, unless other frames wait already: then the peer does not read, and need not be asked."""
        if not self._waiting:
            self._soon(Ping())

    def _soon(self, event: Ping | Pong) -> None:
        if len(self._waiting) == MOST:
            del self._waiting[0]
        self._waiting.append(event)
        if self._task is None:
            self._task = self._runtime.spawn(self._send, name="drywire answers a ping")

    async def _send(self) -> None:
        try:
            # Whatever ends the connection is told to who receives.
            with contextlib.suppress(TransportError, LocalProtocolError):
                while self._waiting:
                    await self._channel.send(self._waiting.pop(0))
        finally:
            self._task = None
