"""The core inside a plain `asyncio.Protocol`: callbacks, no streams and no tasks.

python examples/embedding/raw_asyncio.py --port 8080
curl http://127.0.0.1:8080/ -d hello

Here the loop calls us. `_go_on` takes as many steps as it can, and is called whenever something came that may let it go
on: bytes, the end of them, room to write. `transport.write` never waits and never refuses; what it cannot write it
keeps, and says `pause_writing`. From then until `resume_writing` we take no step and read nothing: otherwise a client
that sends and does not read would fill our memory by way of the transport's buffer. With a limit of 0 the transport
says so as soon as it keeps anything; so when we come to close, all is written.

`eof_received` must return True. Returning None makes asyncio close the connection at once, and a client that ended its
direction behind its request would never see the answer.
"""

from __future__ import annotations

import asyncio
from typing import cast

from application import Conversation, Then
from program import listen, parser, stop_event

SILENCE = 60.0
"""Seconds that a client may say nothing, or not take what we send."""
LINGER = 2.0
"""Seconds for the client to read our last words and close, once we have ended our direction."""
DRAIN = 1 << 20
"""Bytes that we read and drop in that time."""


class HTTPProtocol(asyncio.Protocol):
    """One client's connection; it is in `open_ones` while it is open."""

    def __init__(self, open_ones: set[HTTPProtocol]) -> None:
        self._open_ones = open_ones
        self._loop = asyncio.get_running_loop()
        self._conversation = Conversation()
        self._then = Then.READ
        self._may_write = True
        self._drain_left: int | None = None  # a number once our direction is ended
        self._deadline = self._loop.time() + SILENCE
        self._alarm = self._loop.call_at(self._deadline, self._on_alarm)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alarm.cancel()
        self._open_ones.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._drain_left is not None:
            self._drain_left -= len(data)
            if self._drain_left <= 0:
                self._transport.abort()
            return
        self._conversation.connection.receive_data(data)
        self._go_on()

    def eof_received(self) -> bool:
        if self._drain_left is not None:
            return False  # both directions are ended: asyncio closes
        self._conversation.connection.receive_data(b"")
        self._go_on()
        return True

    def pause_writing(self) -> None:
        self._may_write = False
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._may_write = True
        self._transport.resume_reading()
        self._go_on()

    def stop(self) -> None:
        """Close the connection now."""
        self._transport.abort()

    def _go_on(self) -> None:
        """Take steps until one needs bytes, or the transport has enough to write."""
        self._deadline = self._loop.time() + SILENCE
        while self._may_write and self._drain_left is None:
            if self._then is Then.CLOSE:
                self._hang_up()
                return
            output, self._then = self._conversation.advance()
            if output:
                # Calls pause_writing before it returns, if it keeps any of it. `writelines` does not: the first
                # releases of Python 3.12 and 3.13 forget it there.
                self._transport.write(b"".join(output))
            if self._then is Then.READ:
                return

    def _hang_up(self) -> None:
        """End our direction, now that all is written, and read on for a while: see `hang_up` in threads.py."""
        self._drain_left = DRAIN
        self._deadline = self._loop.time() + LINGER
        self._alarm.cancel()
        self._alarm = self._loop.call_at(self._deadline, self._on_alarm)
        if self._conversation.connection.trailing_data[1]:
            self._transport.close()  # the client has ended its own already
        else:
            self._transport.write_eof()

    def _on_alarm(self) -> None:
        # One timer a connection: a deadline that has moved since is waited for again.
        if self._loop.time() < self._deadline:
            self._alarm = self._loop.call_at(self._deadline, self._on_alarm)
        elif self._drain_left is not None or not self._may_write:
            self._transport.abort()
        else:
            self._then = Then.CLOSE
            self._transport.write(b"".join(self._conversation.timed_out()))
            self._hang_up()


async def serve(port: int) -> None:
    """Serve until a signal says that it is enough."""
    loop = asyncio.get_running_loop()
    stop = stop_event()
    open_ones: set[HTTPProtocol] = set()
    async with await loop.create_server(lambda: HTTPProtocol(open_ones), sock=listen(port)):
        await stop.wait()
        for protocol in list(open_ones):
            protocol.stop()


def main() -> None:
    """Serve until a signal says that it is enough."""
    options = parser(__doc__).parse_args()
    asyncio.run(serve(options.port))


if __name__ == "__main__":
    main()
