"""One connection to a client: request in, handler, response out, and every deadline between.

A connection is one task. Nothing else is spawned for it, and its bytes go stream -> core -> handler and back with
one future for each wait.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from drywire_sansio import http1
from drywire_sansio.coding import ContentCodingError, ContentDecoder
from drywire_sansio.websocket import WSCloseCode
from drywire_transports import ByteStream, Runtime, StreamBroken, StreamClosed, StreamTimeout, TransportError
from drywire_transports.body_reader import Piece, StreamReader, empty_body
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import fields_to_map

from .errors import ClientGone, HTTPException, HTTPInternalServerError, PayloadAccessError, RequestPayloadError
from .request import Request
from .response import Response
from .settings import ServerSettings
from .stream_response import StreamResponse, registered_reason
from .websocket import WebSocketResponse

__all__ = ["RequestHandler", "ServerConnection"]

logger = logging.getLogger("drywire.server")

RequestHandler = Callable[[Request], Awaitable[StreamResponse]]

LINGER_BYTES: Final = 256 * 1024
"""Bytes of an unread request body that are read and dropped to keep its connection."""

TURNS: Final = 32
"""Requests that arrived together and are answered before other connections get their turn."""

NEED_DATA: Final = http1.NEED_DATA
SEND_BODY: Final = http1.SEND_BODY
EMPTY_BODY: Final = empty_body()
TOO_LATE: Final = "the body of a request cannot be read after its response was sent"


class Owner(Protocol):
    """The server that a connection belongs to."""

    runtime: Runtime
    handler: RequestHandler
    settings: ServerSettings
    limits: http1.Limits | None
    closing: bool


class ServerConnection:
    """Serves the requests that come over one stream, in order, until either side ends it."""

    __slots__ = (
        "_channel",
        "_end_code",
        "_now",
        "_server",
        "_turns",
        "_uncoded",
        "core",
        "idle",
        "responding",
        "settings",
        "stream",
        "websocket",
    )

    def __init__(self, stream: ByteStream, server: Owner) -> None:
        self.stream = stream
        self.core = http1.ServerConnection(server.limits)
        self.idle = False
        """Whether it waits for a request to begin, so that nothing is lost by closing it."""
        self.responding = False
        """Whether the head of the present response has gone out."""
        self.websocket: WebSocketResponse | None = None
        """What the connection was switched to, if it was."""
        self.settings = server.settings
        self._channel = HTTPChannel(stream, self.core)
        self._server = server
        self._end_code = WSCloseCode.OK
        self._now = server.runtime.now
        self._turns = 0
        self._uncoded: object = None
        """The fields of the last body that is not decoded: they mostly repeat, and are then the same object."""

    @property
    def runtime(self) -> Runtime:
        """The event loop it runs on."""
        return self._server.runtime

    @property
    def closing(self) -> bool:
        """Whether the server shuts down."""
        return self._server.closing

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
        core = self.core
        try:
            head = core.next_event() if core.has_unread else NEED_DATA
            if head is not NEED_DATA:
                await self._take_turns()
            else:
                if not core.has_unread:
                    if not await self._receive_idle():
                        return False
                    head = core.next_event()
                if head is NEED_DATA:
                    head = await self._wait_for_rest()
            if type(head) is not http1.Request:
                return False
            request = self._request(head)
        except http1.RemoteProtocolError as error:
            await self._refuse(error.status, str(error))
            return False
        answered = await self._respond(request)
        if request.content is not EMPTY_BODY and not request.content.is_eof():
            request.content.set_exception(PayloadAccessError(TOO_LATE))
        if not answered:
            return False
        if core.their_state is SEND_BODY:
            await self._drop_body()
        return core.next_cycle_if_done()

    def _request(self, head: http1.Request) -> Request:
        """Return the request with what has arrived of its body. Raises RemoteProtocolError."""
        self.responding = False
        core = self.core
        whole = core.read_whole_body()
        if whole == b"":
            return Request(head, EMPTY_BODY, self)
        first = core.next_event() if whole is None else None
        if type(first) is http1.EndOfMessage:
            return Request(head, EMPTY_BODY, self)
        content = StreamReader(self)
        if head.headers is not self._uncoded:
            self._decode(head, content)
        if whole is not None:
            content.feed(whole)
            content.feed_eof()
        elif isinstance(first, http1.Data):
            content.feed(bytes(first.data), first.chunk_end)
        return Request(head, content, self)

    def _decode(self, head: http1.Request, content: StreamReader) -> None:
        """Have the body of the request `head` decoded as it is read, where it is coded as is known here."""
        codings = fields_to_map(head.headers).getall("Content-Encoding", ())
        if not codings or not self.settings.auto_decompress:
            self._uncoded = head.headers
            return
        try:
            decoder = ContentDecoder.make(", ".join(codings), self.core.limits)
        except ContentCodingError as error:
            content.set_exception(_coding_failed(error))
            return
        if decoder is not None:
            content.decode_with(decoder, _coding_failed)

    async def _receive_idle(self) -> bool:
        """Wait for a request to begin; False where none came in time."""
        stream = self.stream
        self._turns = 0
        if self._server.closing:
            return False
        stream.read_deadline = self._now() + self.settings.keepalive_timeout
        self.idle = True
        try:
            self.core.receive_data(await stream.receive())
        except (StreamTimeout, StreamBroken, StreamClosed):
            return False
        finally:
            self.idle = False
        return True

    async def _wait_for_rest(self) -> http1.Event | http1.Paused:
        """Wait for the rest of a head that has begun; `PAUSED` where it did not come in time."""
        self.stream.read_deadline = self._now() + self.settings.head_timeout
        try:
            return await self._channel.next_event() or http1.PAUSED
        except StreamTimeout:
            await self._refuse(408, f"no complete request head within {self.settings.head_timeout:g} seconds")
            return http1.PAUSED

    async def _take_turns(self) -> None:
        """Let other connections run after many requests that had all arrived together."""
        self._turns += 1
        if self._turns >= TURNS:
            self._turns = 0
            await self._server.runtime.sleep_until(self._now())

    # Its body

    async def pull(self) -> Piece | None:
        """Return the next piece of the present request's body, None at its end (`BodySource`).

        Raises RequestPayloadError for a malformed or incomplete body, StreamTimeout where the client is silent,
        ClientGone where it has gone.
        """
        if self.core.client_is_waiting_for_100_continue and not self.responding:
            await self.send(http1.InformationalResponse(100, (), b"Continue"))
        if self.core.their_state is not http1.SEND_BODY:
            return None
        self.stream.read_deadline = self._now() + self.settings.body_timeout
        try:
            event = await self._channel.next_event()
        except http1.RemoteProtocolError as error:
            raise RequestPayloadError(str(error), error.status) from error
        except (StreamBroken, StreamClosed) as error:
            raise ClientGone(str(error)) from error
        if isinstance(event, http1.Data):
            return bytes(event.data), event.chunk_end
        return None

    async def _drop_body(self) -> None:
        """Read what is left of a request's body, if it is little and comes soon, so that the next can be found."""
        core = self.core
        if not core.keep_alive or core.client_is_waiting_for_100_continue:
            return
        left = LINGER_BYTES
        self.stream.read_deadline = self._now() + self.settings.lingering_time
        try:
            while left > 0 and isinstance(event := await self._channel.next_event(), http1.Data):
                left -= len(event.data)
        except (http1.RemoteProtocolError, StreamTimeout):
            return

    # Its response

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client. Raises ClientGone where it has gone, StreamTimeout where it is too slow."""
        self.stream.write_deadline = self._now() + self.settings.write_timeout
        try:
            await self._channel.send(*events)
        except (StreamBroken, StreamClosed) as error:
            raise ClientGone(str(error)) from error

    async def _respond(self, request: Request) -> bool:
        """Run the handler and send what it returns; return whether a response went out whole."""
        try:
            response: object = await self._server.handler(request)
        except Exception as error:
            response = self._stand_in(error, request)
            if response is None:
                self._end_code = WSCloseCode.INTERNAL_ERROR
                return False
        try:
            if (
                type(response) is Response
                and not response.prepared
                and response.compressed is None
                and not self._server.closing
            ):
                buffers = self.core.send_whole(*response.whole(request))
                self.stream.write_deadline = self._now() + self.settings.write_timeout
                await self.stream.send(*buffers)
                return True
            if await self._sent(response, request):
                return True
        except HTTPException as refusal:  # a WebSocket that cannot be
            return not self.responding and await self._sent(refusal, request)
        except (TransportError, ConnectionError):
            raise
        except Exception:  # what its fields or its body are is a mistake of the handler's
            logger.exception("the response to %s %s cannot be sent as it is", request.method, request.raw_path)
        return not self.responding and await self._sent(_crash(), request)

    async def _sent(self, response: object, request: Request) -> bool:
        """Send `response`; False where it is no response. Raises LocalProtocolError, ConnectionError, StreamTimeout."""
        if not isinstance(response, StreamResponse):
            kind, path = type(response).__name__, request.raw_path
            logger.error("the handler of %s %s must return a response, not %s", request.method, path, kind)
            return False
        if self._server.closing:
            response.force_close()
        await response.prepare(request)
        await response.write_eof()
        return True

    def _stand_in(self, error: Exception, request: Request) -> StreamResponse | None:
        """Return the response for what a handler raised; None where nothing can be sent any more."""
        response: StreamResponse
        if isinstance(error, StreamBroken | StreamClosed):
            raise error
        if self.websocket is not None and isinstance(error, ConnectionResetError):
            raise StreamClosed("the client has closed the WebSocket") from error
        if isinstance(error, HTTPException):
            response = error
        elif isinstance(error, RequestPayloadError):
            response = _plain(error.status, str(error))
        elif isinstance(error, StreamTimeout):
            response = _plain(408, f"the request's body did not come in time: {error}")
        elif isinstance(error, TimeoutError):
            logger.debug("the handler of %s %s timed out", request.method, request.raw_path, exc_info=error)
            response = _plain(504, "Gateway Timeout")
        else:
            logger.error("Error handling request %s %s", request.method, request.raw_path, exc_info=error)
            response = _crash()
        # Once part of another response is out, only the end of the connection can tell the client.
        return None if self.responding else response

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
        head = http1.Response(status, fields, registered_reason(status))
        if self.core.request_method == b"HEAD":
            body = b""
        await self.send(head, http1.Data(body), http1.EndOfMessage())

    # Its end

    async def go_away(self) -> None:
        """Close the WebSocket that it was switched to, since the server shuts down."""
        if self.websocket is not None:
            await self.websocket.close(code=WSCloseCode.GOING_AWAY, message=b"Server shutdown")

    async def _close(self) -> None:
        """Close, and where the client may still be sending, end our direction first and wait a little for its end.

        Closing at once, with bytes of the client unread, would reset the connection, and the reset could overtake
        the response (RFC 9112, 9.6).
        """
        if self.websocket is not None:
            await self.websocket.finish(self._end_code)
            return
        stream = self.stream
        stream.write_deadline = stream.read_deadline = self._now() + self.settings.lingering_time
        unread = self.core.their_state in (SEND_BODY, http1.ERROR) or self.core.trailing_data[0]
        if unread and not self.core.trailing_data[1]:
            await stream.send_eof()
            left = LINGER_BYTES
            while left > 0 and (data := await stream.receive()):
                left -= len(data)
        await stream.aclose()


def _coding_failed(error: ContentCodingError) -> RequestPayloadError:
    failed = RequestPayloadError(f"the body cannot be decoded: {error}")
    failed.__cause__ = error
    return failed


def _plain(status: int, text: str) -> Response:
    response = Response(status=status, text=f"{status}: {text}\n")
    response.force_close()
    return response


def _crash() -> Response:
    response = HTTPInternalServerError(text="500 Internal Server Error\n\nServer got itself in trouble")
    response.force_close()
    return response
