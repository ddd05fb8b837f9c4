"""`WebSocketChannel`: pumps bytes between a `ByteStream` and a WebSocket connection of the core."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from drywire_sansio.websocket import NEED_DATA, Buffer, Connection, Event

from ..runtime import Runtime
from ..stream import ByteStream
from .turns import Turns

__all__ = ["WebSocketChannel"]

PIECE: Final = 256 * 1024
"""Bytes of a message that go out under one deadline: a slow peer is patient with, a stuck one is not."""


class WebSocketChannel:
    """A byte stream that speaks WebSocket: events in and out. Any number of tasks may send, one may receive.

    `write_patience` is how long, in seconds, a send may go without the peer taking anything. Cancelling `next_event`
    loses nothing. A send that is cancelled while it waits for its turn has no effect; while it waits for the peer, it
    breaks the stream, since a part of a frame may be out.
    """

    __slots__ = ("_now", "connection", "deadline", "stream", "turns", "write_patience")

    def __init__(
        self, stream: ByteStream, connection: Connection, runtime: Runtime, *, write_patience: float = math.inf
    ) -> None:
        self.stream = stream
        self.connection = connection
        self.turns = Turns(runtime)
        self.write_patience = write_patience
        self.deadline = math.inf
        """When at the latest a send must have ended; set before the end of the connection."""
        self._now = runtime.now

    async def next_event(self) -> Event:
        """Wait for the next event. Raises RemoteProtocolError, and what `ByteStream.receive` raises."""
        connection = self.connection
        while True:
            event = connection.next_event()
            if event is not NEED_DATA:
                return event  # type: ignore[return-value]  # the sentinel is handled here
            connection.receive_data(await self.stream.receive())

    async def send(self, event: Event) -> None:
        """Send `event`; see `send_made`."""
        await self.send_made(self.connection.send_buffers, event)

    async def send_made(self, make: Callable[..., list[Buffer]], *args: Any) -> None:
        """Send the buffers that ``make(*args)`` of the connection returns, after what other tasks send already.

        Return when the channel can take more. Raises what `make` raises (see `Connection.send_buffers`), and what
        `ByteStream.send` raises.
        """
        turns = self.turns
        if turns.taken:
            await turns.wait(self.deadline)
        turns.taken = True
        try:
            # Not before it is our turn: compressed messages refer to each other in the order in which they go out.
            buffers = make(*args)
            try:
                if len(buffers[-1]) <= PIECE:
                    stream = self.stream
                    until = self._now() + self.write_patience
                    stream.write_deadline = until if until < self.deadline else self.deadline
                    await stream.send(*buffers)
                else:
                    await self._send_large(buffers)
            except BaseException:
                self.connection.send_failed()
                raise
        finally:
            if turns.waiting:
                turns.give_up()
            else:
                turns.taken = False

    async def _send_large(self, buffers: list[Buffer]) -> None:
        for buffer in buffers:
            view = memoryview(buffer)
            for start in range(0, len(view), PIECE):
                self.stream.write_deadline = min(self.deadline, self._now() + self.write_patience)
                await self.stream.send(view[start : start + PIECE])
