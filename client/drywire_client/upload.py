"""Sends a body that is large, or made while it is sent, beside the wait for the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drywire_sansio import http1
from drywire_transports import Runtime, StreamTimeout, TaskHandle, TransportError

from .connector import Connection
from .errors import ClientPayloadError
from .payloads import AsyncPayload, BytesPayload, Payload, as_bytes
from .timeouts import Deadlines

__all__ = ["INLINE", "Upload", "sent_inline"]

INLINE: Final = 64 * 1024
"""Bytes of a body up to which it is sent with its head, and waits for nobody."""


def sent_inline(payload: Payload | None) -> bool:
    """Whether a body is sent together with its head."""
    return payload is None or (isinstance(payload, BytesPayload) and len(payload.data) <= INLINE)


class Upload:
    """A body on its way. `error` is what went wrong with it on this side; a broken connection is left to the reader."""

    def __init__(self, connection: Connection, payload: Payload, deadlines: Deadlines) -> None:
        self._connection = connection
        self._payload = payload
        self._deadlines = deadlines
        self._task: TaskHandle | None = None
        self.error: Exception | None = None
        self.done = False
        self.on_done: Callable[[], None] | None = None

    def start(self, runtime: Runtime) -> None:
        """Begin to send."""
        self._task = runtime.spawn(self._send, runtime, name="drywire upload")

    def cancel(self) -> None:
        """Stop sending: the connection cannot be used any more."""
        if self._task is not None and not self.done:
            self._task.cancel()

    async def wait(self) -> None:
        """Wait until nothing is being sent any more."""
        if self._task is not None:
            await self._task.wait()

    async def _send(self, runtime: Runtime) -> None:
        stream, channel = self._connection.stream, self._connection.channel
        try:
            stream.write_deadline = self._deadlines.total
            if isinstance(self._payload, BytesPayload):
                for piece in self._payload.pieces():
                    await channel.send(http1.Data(piece))
            else:
                await self._send_as_made(self._payload)
            await channel.send(http1.EndOfMessage())
        except StreamTimeout as error:
            self.error = self._deadlines.blame(runtime.now(), "read")  # the stream is broken: the reader sees only that
            self.error.__cause__ = error
            return
        except TransportError:
            return  # the response may be there all the same; if not, the reader finds the connection broken
        except http1.LocalProtocolError as error:
            self.error = ClientPayloadError(f"the request's body is not as announced: {error}")
            self.error.__cause__ = error
            stream.abort()
            return
        except Exception as error:
            self.error = error
            stream.abort()
            return
        finally:
            self.done = True
        if self.on_done is not None:
            self.on_done()

    async def _send_as_made(self, payload: AsyncPayload) -> None:
        try:
            async for piece in payload:
                await self._connection.channel.send(http1.Data(as_bytes(piece)))
        finally:
            await payload.aclose()
