"""A connection of the core on asyncio's streams: the proxy has one for each of its sides."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable

from drywire_sansio.http1 import (
    SEND_BODY,
    Buffer,
    ClientConnection,
    Event,
    NeedData,
    Paused,
    Request,
    ServerConnection,
)

LINGER = 2.0
"""Seconds for a peer to read our last words and close, once we have ended our direction."""
DRAIN = 1 << 20
"""Bytes that we read and drop in that time."""
PIECE = 65536
"""Bytes to ask a stream for at once."""


class Peer:
    """Who is at the other end of `connection`. It may be silent for `patience` seconds; then TimeoutError."""

    def __init__(
        self,
        connection: ServerConnection | ClientConnection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        patience: float,
    ) -> None:
        self.connection = connection
        self.method = b""  # of the last request read
        self._reader, self._writer, self._patience = reader, writer, patience
        writer.transport.set_write_buffer_limits(0)  # so that what was waited for is written, and a close loses nothing
        self._clock: asyncio.Timeout | None = None  # while we read

    async def next_event(self) -> Event | Paused:
        """Return what the peer says next. Raises RemoteProtocolError, TimeoutError, OSError."""
        while isinstance(event := self.connection.next_event(), NeedData):
            self.connection.receive_data(await self._read())
        if isinstance(event, Request):
            self.method = event.method
        return event

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(None) as self._clock:
                self._wind_clock()
                return await self._reader.read(PIECE)
        finally:
            self._clock = None

    async def send(self, event: Event) -> None:
        """Write `event` and wait until it is written. Raises LocalProtocolError, TimeoutError, OSError.

        One task sends and one reads: the core has no lock, and between two awaits none is needed.
        """
        await self.write(self.connection.send_buffers(event))

    async def write(self, buffers: Iterable[Buffer]) -> None:
        """Write `buffers` and wait until they are written. Raises TimeoutError, OSError."""
        # Joined: `writelines` of the first releases of Python 3.12 and 3.13 does not make `drain` wait.
        self._writer.write(b"".join(buffers))
        async with asyncio.timeout(self._patience):
            await self._writer.drain()
        self._wind_clock()

    def send_failed(self) -> None:
        """Say that no more can be sent; what the peer has said, or says yet, can still be read."""
        self.connection.send_failed()
        self._wind_clock()

    def _wind_clock(self) -> None:
        """Give the peer its time from now on, if somebody is reading."""
        # A server that is still being sent its request owes nothing yet; its time begins with the end of it.
        owes = isinstance(self.connection, ServerConnection) or self.connection.our_state is not SEND_BODY
        if self._clock is not None:
            self._clock.reschedule(asyncio.get_running_loop().time() + self._patience if owes else None)

    async def hang_up(self) -> None:
        """End our direction, and wait a little for the peer's end: see `hang_up` in threads.py. Raises OSError."""
        self._writer.write_eof()
        dropped = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while dropped < DRAIN and (data := await self._reader.read(PIECE)):
                    dropped += len(data)

    def close(self) -> None:
        """Close without waiting for anything."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """Break the connection, so that even a body that goes on until the close is seen to be cut short."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the peer has broken it already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
