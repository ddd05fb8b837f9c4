"""The connection of a request that no client has sent: what goes out over it goes to the mocks of a test."""

from __future__ import annotations

import inspect
import math
import ssl
from typing import Any, Final, TypeGuard

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_sansio.limits import DEFAULT_LIMITS
from drywire_transports import Runtime, StreamClosed, Wake, current_runtime

from ..settings import ServerSettings

__all__ = ["MockedCore", "MockedLink", "MockedStream"]

SWITCHING: Final = 101
CLOSE_FRAME: Final = 0x88
"""The first byte of a close frame (RFC 6455, 5.5.1)."""


class MockedCore:
    """What a request asks of the protocol core."""

    trailing_data: tuple[bytes, bool] = (b"", False)

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.limits = DEFAULT_LIMITS


class MockedStream:
    """What a request asks of its stream, and a WebSocket of its own, whose client does no more than answer a close."""

    def __init__(self, transport: Any, context: ssl.SSLContext | None) -> None:
        self.read_deadline = math.inf
        self.write_deadline = math.inf
        self.closed = False
        self._transport = transport
        self._context = context
        self._answer = b""
        self._wake: Wake | None = None

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows; of TLS, what the test said."""
        if name in ("ssl_object", "sslcontext"):
            return default if self._context is None else self._context
        value = self._transport.get_extra_info(name)
        return default if value is None else value

    async def send(self, *buffers: http1.Buffer) -> None:
        """Hand `buffers`, a frame, to the transport."""
        frame = b"".join(buffers)
        self._transport.write(frame)
        if frame[0] == CLOSE_FRAME:  # a client masks what it says, here by zeros
            self._answer = bytes((CLOSE_FRAME, 0x80 | frame[1], 0, 0, 0, 0)) + frame[2:]
            self.apply_deadlines()

    async def receive(self) -> bytes:
        """Wait for the answer to a close. Raises StreamClosed, StreamTimeout."""
        runtime = current_runtime()
        while not self._answer:
            if self.closed:
                raise StreamClosed("this side has closed the stream")
            self._wake = runtime.wake()
            await runtime.park(self._wake, self.read_deadline)
        answer, self._answer = self._answer, b""
        return answer

    async def send_eof(self) -> None:
        """Do nothing: nobody reads."""

    def apply_deadlines(self) -> None:
        """Have who waits look at the deadline again."""
        if self._wake is not None:
            self._wake.set()

    async def aclose(self) -> None:
        """Close the transport."""
        self.abort()

    def abort(self) -> None:
        """Close the transport."""
        if not self.closed:
            self.closed = True
            self.apply_deadlines()
            self._transport.close()


class MockedLink:
    """The connection: what a response sends goes to the writer."""

    responding = False
    websocket: Any = None
    closing = False
    settings = ServerSettings()

    def __init__(self, core: Any, stream: Any, writer: Any) -> None:
        self.core = core
        self.stream = stream
        self._writer = writer

    @property
    def runtime(self) -> Runtime:
        """The event loop that runs."""
        return current_runtime()

    async def send(self, *events: http1.Event) -> None:
        """Hand each event to the writer; what the body ends with, together with its end."""
        writer, data = self._writer, b""
        for event in events:
            if isinstance(event, http1.Data):
                if data:
                    await _done(writer.write(data))
                data = bytes(event.data)
            elif isinstance(event, http1.EndOfMessage):
                await _done(writer.write_eof(data))
                data = b""
            elif isinstance(event, http1.Response) or _is_switch(event):
                line = f"HTTP/1.1 {event.status} {event.reason.decode('utf-8', 'surrogateescape')}"
                await _done(writer.write_headers(line, _shown(event)))
        if data:
            await _done(writer.write(data))


def _is_switch(event: http1.Event) -> TypeGuard[http1.InformationalResponse]:
    return isinstance(event, http1.InformationalResponse) and event.status == SWITCHING


def _shown(head: http1.Response | http1.InformationalResponse) -> CIMultiDict[str]:
    return CIMultiDict((name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in head.headers)


async def _done(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
