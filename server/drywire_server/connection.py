"""One connection to a client: request in, handler, response out, and every deadline between.

A connection is one task. Nothing else is spawned for it, and its bytes go stream -> core -> handler and back with
one future for each wait.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from drywire_sansio import http1
from drywire_transports import ByteStream, StreamBroken, StreamClosed, StreamTimeout, TransportError
from drywire_transports.body_reader import Piece, StreamReader, empty_body
from drywire_transports.http_channel import HTTPChannel

from .errors import HTTPException, HTTPInternalServerError, RequestPayloadError
from .request import Request
from .response import Response
from .stream_response import StreamResponse

if TYPE_CHECKING:
    from .server import Server

__all__ = ["RequestHandler", "ServerConnection"]

logger = logging.getLogger("drywire.server")

RequestHandler = Callable[[Request], Awaitable[StreamResponse]]

LINGER_BYTES: Final = 256 * 1024
"""Bytes of an unread request body that are read and dropped to keep its connection."""

TURNS: Final = 32
"""Requests that arrived together and are answered before other connections get their turn."""

NEED_DATA: Final = http1.NEED_DATA
_END: Final = http1.EndOfMessage()


class ServerConnection:
    """Serves the requests that come over one stream, in order, until either side ends it."""

    __slots__ = ("_channel", "_now", "_server", "_settings", "_turns", "core", "idle", "responding", "stream")

    def __init__(self, stream: ByteStream, server: Server) -> None:
        self.stream = stream
        self.core = http1.ServerConnection(server.limits)
        self.idle = False
        """Whether it waits for a request to begin, so that nothing is lost by closing it."""
        self.responding = False
        """Whether the head of the present response has gone out."""
        self._channel = HTTPChannel(stream, self.core)
        self._server = server
        self._settings = server.settings
        self._now = server.runtime.now
        self._turns = 0

    async def run(self) -> None:
        """Serve until the connection ends; then it is closed, politely where that is possible."""
        try:
            while await self._serve_one():
                pass
            await self._close()
        except TransportError as error:
            # The client went away, or was cut off at shutdown: of interest to nobody but a debugger.
            logger.debug("connection ended: %s", error)
        finally:
            self.stream.abort()

    # One request

    async def _serve_one(self) -> bool:
        """Serve one request; return whether another may follow on this connection."""
        try:
            request = await self._next_request()
        except http1.RemoteProtocolError as error:
            await self._refuse(error.status, str(error))
            return False
        if request is None:
            return False
        response = await self._respond(request)
        if response is None:
            return False
        if self.core.their_state is http1.SEND_BODY:
            await self._drop_body()
        core = self.core
        if core.our_state is not http1.DONE or core.their_state is not http1.DONE:
            return False
        core.start_next_cycle()
        return True

    async def _next_request(self) -> Request | None:
        """Return the next request, None where the connection has ended. Raises RemoteProtocolError."""
        core = self.core
        event: http1.Event | http1.NeedData | http1.Paused | None = core.next_event()
        if event is NEED_DATA:
            self._turns = 0
            event = await self._wait_for_head()
        else:
            await self._take_turns()
        if not isinstance(event, http1.Request):
            return None
        self.responding = False
        first = core.next_event()
        if isinstance(first, http1.EndOfMessage):
            return Request(event, empty_body(), self)
        content = StreamReader(self)
        if isinstance(first, http1.Data):
            content.feed(bytes(first.data), first.chunk_end)
        return Request(event, content, self)

    async def _wait_for_head(self) -> http1.Event | http1.NeedData | http1.Paused | None:
        """Wait for a request to begin, then for the end of its head; None where none came in time."""
        core, stream = self.core, self.stream
        if self._server.closing:
            return None
        stream.read_deadline = self._now() + self._settings.keepalive_timeout
        self.idle = True
        try:
            data = await stream.receive()
        except (StreamTimeout, StreamBroken, StreamClosed):
            return None
        finally:
            self.idle = False
        core.receive_data(data)
        event = core.next_event()
        if event is not NEED_DATA:
            return event
        stream.read_deadline = self._now() + self._settings.head_timeout
        try:
            return await self._channel.next_event()
        except StreamTimeout:
            await self._refuse(408, f"no complete request head within {self._settings.head_timeout:g} seconds")
            return None

    async def _take_turns(self) -> None:
        """Let other connections run after many requests that had all arrived together."""
        self._turns += 1
        if self._turns >= TURNS:
            self._turns = 0
            await self._server.runtime.sleep_until(self._now())

    # Its body

    async def pull(self) -> Piece | None:
        """Return the next piece of the present request's body, None at its end (`BodySource`).

        Raises RequestPayloadError for a malformed or incomplete body, StreamTimeout where the client is silent.
        """
        if self.core.client_is_waiting_for_100_continue and not self.responding:
            await self.send(http1.InformationalResponse(100, (), b"Continue"))
        if self.core.their_state is not http1.SEND_BODY:
            return None
        self.stream.read_deadline = self._now() + self._settings.body_timeout
        try:
            event = await self._channel.next_event()
        except http1.RemoteProtocolError as error:
            raise RequestPayloadError(str(error), error.status) from error
        if isinstance(event, http1.Data):
            return bytes(event.data), event.chunk_end
        return None

    async def _drop_body(self) -> None:
        """Read what is left of a request's body, if it is little and comes soon, so that the next can be found."""
        core = self.core
        if not core.keep_alive or core.client_is_waiting_for_100_continue:
            return
        left = LINGER_BYTES
        self.stream.read_deadline = self._now() + self._settings.lingering_time
        try:
            while left > 0 and isinstance(event := await self._channel.next_event(), http1.Data):
                left -= len(event.data)
        except (http1.RemoteProtocolError, StreamTimeout):
            return

    # Its response

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client. Raises ConnectionError where it has gone, StreamTimeout where it is too slow."""
        self.stream.write_deadline = self._now() + self._settings.write_timeout
        await self._channel.send(*events)

    async def _respond(self, request: Request) -> StreamResponse | None:
        """Run the handler and send what it returns; None where the connection cannot go on after it."""
        response = await self._handle(request)
        if response is None:
            return None
        if self._server.closing:
            response.force_close()
        try:
            if isinstance(response, Response) and not response.prepared:
                await response.send(request)
            else:
                await response.prepare(request)
                await response.write_eof()
        except http1.LocalProtocolError:
            logger.exception("the response of %r cannot be sent as it is", request)
            if not self.responding and self.core.our_state is http1.SEND_RESPONSE:
                await self._send_crash(request)
            return None
        return response

    async def _handle(self, request: Request) -> StreamResponse | None:
        """Return the handler's response, one that stands in for it, or None where nothing can be sent any more."""
        try:
            response = await self._server.handler(request)
            if not isinstance(response, StreamResponse):
                raise TypeError(f"the handler must return a response, not {type(response).__name__}")
            return response
        except HTTPException as error:
            response = error
        except RequestPayloadError as error:
            response = _plain(error.status, str(error))
        except StreamTimeout as error:
            response = _plain(408, f"the request's body did not come in time: {error}")
        except (StreamBroken, StreamClosed):
            raise
        except Exception:
            logger.exception("Error handling request %s %s", request.method, request.raw_path)
            response = _crash()
        if self.responding:
            return None  # part of another response is out: only the end of the connection can tell the client
        return response

    async def _send_crash(self, request: Request) -> None:
        await _crash().send(request)

    async def _refuse(self, status: int, reason: str) -> None:
        """Answer a request that cannot be read, where that can still be done."""
        if self.core.our_state not in (http1.IDLE, http1.SEND_RESPONSE):
            return
        body = f"{status}: {reason}\n".encode("utf-8", "replace")
        fields = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", b"%d" % len(body)),
            (b"Connection", b"close"),
        ]
        head = http1.Response(status, fields, StreamResponse(status=status).reason.encode())
        await self.send(head, http1.Data(body), _END)

    # Its end

    async def _close(self) -> None:
        """End our direction, wait a little for the client to end its own, and close.

        Closing at once, with bytes of the client unread, would reset the connection, and the reset could overtake
        the response (RFC 9112, 9.6).
        """
        stream = self.stream
        stream.write_deadline = stream.read_deadline = self._now() + self._settings.lingering_time
        if self.core.our_state is not http1.IDLE and self.core.their_state is not http1.CLOSED:
            await stream.send_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await stream.receive()):
                left -= len(data)
        await stream.aclose()


def _plain(status: int, text: str) -> Response:
    response = Response(status=status, text=f"{status}: {text}\n")
    response.force_close()
    return response


def _crash() -> Response:
    response = HTTPInternalServerError(text="500 Internal Server Error\n\nServer got itself in trouble")
    response.force_close()
    return response
