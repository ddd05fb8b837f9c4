"""`HTTPChannel`: pumps bytes between a `ByteStream` and an HTTP/1.1 connection of the core, for client and server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drywire_sansio import http1
from drywire_sansio.http1 import Buffer, Connection, Data, EndOfMessage, Event, Response

from .errors import StreamBroken
from .stream import ByteStream

__all__ = ["HTTPChannel", "whole_response"]

NEED_DATA = http1.NEED_DATA
PAUSED = http1.PAUSED

CUT_OFF: Final = (
    "a body that ends with the connection came over TLS, and the connection ended without a TLS close: "
    "the server is careless, or somebody on the way has cut the body off (ssl.OP_IGNORE_UNEXPECTED_EOF accepts it)"
)


class HTTPChannel:
    """A byte stream that speaks HTTP/1.1: events in and out, one future for each wait and nothing else.

    Deadlines are the stream's: set `stream.read_deadline` and `stream.write_deadline`. Cancelling `next_event`
    loses nothing; cancelling `send` breaks the stream. Closing is the stream's too, `stream.abort()` at any time.
    """

    __slots__ = ("connection", "stream")

    def __init__(self, stream: ByteStream, connection: Connection) -> None:
        self.stream = stream
        self.connection = connection

    def poll_event(self) -> Event | None:
        """Return the next event if it has arrived, else None. Raises RemoteProtocolError."""
        event = self.connection.next_event()
        return None if event is NEED_DATA or event is PAUSED else event  # type: ignore[return-value]  # the sentinels

    async def next_event(self, before_waiting: Callable[[], None] | None = None) -> Event | None:
        """Wait for the next event; None where the connection is paused (see `http1.PAUSED`).

        `before_waiting` is called before each look for more bytes, of which one event may need many: to move the read
        deadline, or to raise where time is over though bytes never stop to come, which a stream does not look at.

        Raises RemoteProtocolError, and what `ByteStream.receive` raises; StreamBroken too for a body that ends with the
        connection where TLS knows that this was cut (RFC 9112, 9.8).
        """
        connection, stream = self.connection, self.stream
        while True:
            event = connection.next_event()
            if event is NEED_DATA:
                if before_waiting is not None:
                    before_waiting()
                data = await stream.receive()
                if not data and connection.ends_with_connection and getattr(stream, "cut_off", False):
                    raise StreamBroken(CUT_OFF)
                connection.receive_data(data)
            elif event is PAUSED:
                return None
            else:
                return event  # type: ignore[return-value]  # the sentinels are handled above

    async def send(self, *events: Event) -> None:
        """Send `events` in one go. Raises LocalProtocolError, and what `ByteStream.send` raises.

        After an error of the stream the connection counts this side as failed. A whole response that is refused for its
        body has changed nothing: another may be sent.
        """
        buffers: list[Buffer] = []
        whole = whole_response(events) if len(events) > 1 else None
        if whole is not None:
            buffers = self.connection.send_whole(*whole)
        else:
            for event in events:
                buffers += self.connection.send_buffers(event)
        if not buffers:
            return
        try:
            await self.stream.send(*buffers)
        except BaseException:
            self.connection.send_failed()
            raise


def whole_response(events: tuple[Event, ...]) -> tuple[Response, Buffer] | None:
    """Return head and body of the response that `events` are, None where they are not all of one, or have trailers."""
    match events:
        case (Response() as head, EndOfMessage(trailers)) if not trailers:
            return head, b""
        case (Response() as head, Data(data), EndOfMessage(trailers)) if not trailers:
            return head, data
    return None
