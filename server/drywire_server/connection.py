"""One connection to a client: request in, handler, response out, and every deadline between.

A connection is one task. Nothing else is spawned for it, and its bytes go stream -> core -> handler and back with
one future for each wait.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Final, Protocol, cast

from drywire_sansio import http1
from drywire_sansio.coding import ContentCodingError, ContentDecoder
from drywire_sansio.http1.buffer import MOST_KEPT
from drywire_sansio.websocket import WSCloseCode
from drywire_transports import ByteStream, Runtime, StreamBroken, StreamClosed, StreamTimeout, TransportError
from drywire_transports.body_reader import Piece, StreamReader, empty_body
from drywire_transports.http_channel import HTTPChannel, whole_response
from drywire_transports.message_fields import fields_to_map

from .default_fields import SERVER_FIELD, date_field
from .disconnect_watch import DisconnectWatch
from .errors import BodyBroken, BodyCutOff, ClientGone, HTTPException, PayloadAccessError, RequestPayloadError
from .own_context import in_context
from .parting import LINGER_BYTES, close_politely
from .request import Request
from .request_transport import RequestTransport
from .response import Response
from .settings import ServerSettings
from .stand_ins import crash, stand_in
from .stream_response import StreamResponse, registered_reason
from .websocket import WebSocketResponse

__all__ = ["RequestHandler", "ServerConnection"]

logger = logging.getLogger("drywire.server")

RequestHandler = Callable[[Request], Awaitable[StreamResponse]]

ONE_GO: Final = 256 * 1024
"""Bytes of a body that a client has the write timeout for: of a larger piece it has it for each of its parts."""

LAST_CALL: Final = 0.05
"""Seconds that a kept connection stays open once the server shuts down: a request may be on its way already."""

TURNS: Final = 8
"""Requests, or pieces of a body, that arrived together and are served before other connections get their turn."""

NEED_DATA: Final = http1.NEED_DATA
SEND_BODY: Final = http1.SEND_BODY
ENDED: Final = (http1.DONE, http1.MUST_CLOSE, http1.CLOSED)
"""Our states behind a response that went out whole."""

EMPTY_BODY: Final = empty_body()
TOO_LATE: Final = "the body of a request cannot be read after its response was sent"


class Owner(Protocol):
    """The server that a connection belongs to."""

    handler: RequestHandler
    request_factory: Callable[..., Any]
    requests_count: int
    settings: ServerSettings
    limits: http1.Limits | None
    logger: logging.Logger
    closing: bool
    direct: bool

    @property
    def runtime(self) -> Runtime: ...


class ServerConnection:
    """Serves the requests that come over one stream, in order, until either side ends it."""

    __slots__ = (
        "_bodies",
        "_body_credit",
        "_channel",
        "_context",
        "_end_code",
        "_is_apart",
        "_make_request",
        "_now",
        "_server",
        "_turns",
        "_uncoded",
        "_watch",
        "core",
        "idle",
        "responding",
        "send_by",
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
        self.send_by = math.inf
        """When the present response must have been sent, on the runtime's clock."""
        self.websocket: WebSocketResponse | None = None
        """What the connection was switched to, if it was."""
        self.settings = server.settings
        self._body_credit = math.inf
        """Seconds that may still be spent waiting for the present request's body."""
        self._bodies = 0
        """Requests with a body that were answered."""
        self._channel = HTTPChannel(stream, self.core)
        self._server = server
        self._end_code = WSCloseCode.OK
        self._context = copy_context()
        self._is_apart = False
        """Whether each request has variables (contextvars) of its own, since one has set some."""
        self._make_request = server.request_factory
        self._now = server.runtime.now
        self._turns = 0
        self._watch: DisconnectWatch | None = None
        self._uncoded: object = None
        """The fields of the last body that is not decoded: they mostly repeat, and are then the same object."""

    @property
    def runtime(self) -> Runtime:
        """The event loop it runs on."""
        return self._server.runtime

    @property
    def transport(self) -> RequestTransport | None:
        """What `request.transport` is: None once the connection has ended."""
        return None if self.stream.closed else RequestTransport(self.stream)

    @property
    def closing(self) -> bool:
        """Whether the server shuts down."""
        return self._server.closing

    async def run(self) -> None:
        """Serve until the connection ends; then it is closed, politely where that is possible."""
        try:
            while await self._serve_one():
                try:
                    is_as_before = copy_context() == self._context
                except Exception:  # of a value that cannot be compared
                    is_as_before = False
                if not is_as_before:
                    self._is_apart = True
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
        arrived = core.has_unread
        if not arrived and not await self._receive_idle():
            return False
        whole = core.next_whole_request()
        if whole is not None:
            if arrived:
                await self._take_turns()
            request = self._whole_request(*whole)
        else:
            try:
                head = await self._next_head(arrived)
                if type(head) is not http1.Request:
                    return False
                request = self._request(head)
            except http1.RemoteProtocolError as error:
                await self._refuse(error.status, str(error))
                return False
        if request.content is EMPTY_BODY:
            answered = await (self._respond_apart(request) if self._is_apart else self._respond(request))
        else:
            answered = await self._respond_with_body(request)
        if not answered:
            return False
        if core.next_cycle_if_done():
            return True
        if core.their_state is SEND_BODY:
            await self._drop_body()
        return core.next_cycle_if_done()

    async def _next_head(self, arrived: bool) -> http1.Event | http1.NeedData | http1.Paused:
        """Return what the client says next, of which some, or all, had `arrived` with what it said before."""
        core = self.core
        head = core.next_event()
        if head is not NEED_DATA:
            if arrived:
                await self._take_turns()
            return head
        if arrived and not core.has_unread:  # it was an empty line
            if not await self._receive_idle():
                return http1.PAUSED
            head = core.next_event()
        return await self._wait_for_rest() if head is NEED_DATA else head

    async def _respond_with_body(self, request: Request) -> bool:
        """Respond to a request that has a body; what is left of it then can no longer be read, nor files of a form."""
        try:
            answered = await (self._respond_apart(request) if self._is_apart else self._respond(request))
        finally:
            self._bodies += 1
            request._finish()
        if not request.content.at_eof():
            request.content.set_exception(PayloadAccessError(TOO_LATE))
        return answered

    def _whole_request(self, head: http1.Request, body: bytes) -> Any:
        """Return the request with its body, all of which has arrived."""
        self.responding = False
        self._server.requests_count += 1
        if not body:
            return self._make_request(head, EMPTY_BODY, self)
        content = StreamReader(self)
        if head.headers is not self._uncoded:
            self._decode(head, content)
        content.feed_whole(body)
        return self._make_request(head, content, self)

    def _request(self, head: http1.Request) -> Any:
        """Return the request with what has arrived of its body. Raises RemoteProtocolError."""
        core = self.core
        whole = core.read_whole_body()
        if whole is not None:
            return self._whole_request(head, whole)
        first = core.next_event()
        if type(first) is http1.EndOfMessage:
            return self._whole_request(head, b"")
        self.responding = False
        self._server.requests_count += 1
        content = StreamReader(self)
        self._body_credit = self.settings.body_timeout if self.settings.body_rate else math.inf
        if head.headers is not self._uncoded:
            self._decode(head, content)
        if isinstance(first, http1.Data):
            content.feed(bytes(first.data), first.chunk_end)
        return self._make_request(head, content, self)

    def _decode(self, head: http1.Request, content: StreamReader) -> None:
        """Have the body of the request `head` decoded as it is read, where it is coded as is known here."""
        codings = fields_to_map(head.headers).getall("Content-Encoding", ())
        if not codings or not self.settings.auto_decompress:
            if len(cast(http1.FieldLines, head.headers).raw) <= MOST_KEPT:
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
        patience = LAST_CALL if self._server.closing else self.settings.keepalive_timeout
        stream.read_deadline = self._now() + patience
        self.idle = True
        try:
            self.core.receive_data(await stream.receive())
        except StreamTimeout:
            return self._server.closing and await self._received_by_now()
        except (StreamBroken, StreamClosed):
            return False
        finally:
            self.idle = False
        return True

    async def _received_by_now(self) -> bool:
        """Take what has come while the loop was too busy to see it; return whether anything has."""
        await self.runtime.sleep_until(self._now())
        if not self.stream.readable:
            return False
        try:
            self.core.receive_data(await self.stream.receive())
        except TransportError:
            return False
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
        """Let other connections run after many requests, or pieces of a body, that had all arrived together."""
        self._turns += 1
        if self._turns >= TURNS:
            self._turns = 0
            await self._server.runtime.sleep_until(self._now())

    # Its body

    async def pull(self) -> Piece | None:
        """Return the next piece of the present request's body, None at its end (`BodySource`).

        Raises RequestPayloadError for a malformed body, BodyCutOff for an incomplete one, of which BodyBroken is the
        kind that cannot be answered, and StreamTimeout where the client is silent.
        """
        body = self._bodies
        if self.core.client_is_waiting_for_100_continue and not self.responding:
            await self.send(http1.InformationalResponse(100, (), b"Continue"))
        if self.core.their_state is not http1.SEND_BODY:
            return None
        await self._take_turns()  # a body in tiny pieces may all be here
        if body != self._bodies:
            raise PayloadAccessError(TOO_LATE)  # what comes now belongs to another request
        begun = self._now()
        self.stream.read_deadline = begun + min(self.settings.body_timeout, self._body_credit)
        try:
            event = await self._channel.next_event()
        except http1.RemoteProtocolError as error:
            kind = BodyCutOff if error.rule == "incomplete-body" else RequestPayloadError
            raise kind(str(error), error.status) from error
        except (StreamBroken, StreamClosed) as error:
            raise BodyBroken(str(error)) from error
        if isinstance(event, http1.Data):
            if self._body_credit < math.inf:
                self._body_credit += begun - self._now() + len(event.data) / self.settings.body_rate
            return bytes(event.data), event.chunk_end
        if self._watch is not None:
            self._watch.begin()
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
                await self._take_turns()
        except (http1.RemoteProtocolError, StreamTimeout):
            return

    # Its response

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client. Raises ClientGone where it has gone, StreamTimeout where it is too slow."""
        for event in events:
            if type(event) is http1.Data and len(event.data) > ONE_GO:
                return await self._send_in_parts(events)
        self.stream.write_deadline = min(self._now() + self.settings.write_timeout, self.send_by)
        try:
            await self._channel.send(*events)
        except (StreamBroken, StreamClosed) as error:
            raise ClientGone(str(error)) from error
        except http1.LocalProtocolError as error:
            if self.core.our_state is not http1.ERROR:
                raise
            raise ClientGone("the response has broken off before: its client has gone, or was too slow") from error

    async def _send_in_parts(self, events: tuple[http1.Event, ...]) -> None:
        """Do as `send` does, with the write timeout for each part of a large body."""
        whole = whole_response(events)
        if whole is not None:
            buffers = self.core.send_whole(*whole)
            try:
                return await self._send_whole(*buffers)
            except BaseException as error:
                self.core.send_failed()
                if isinstance(error, StreamBroken | StreamClosed):
                    raise ClientGone(str(error)) from error
                raise
        for event in events:
            if type(event) is http1.Data:
                view = memoryview(event.data).cast("B")
                for start in range(0, len(view), ONE_GO):
                    await ServerConnection.send(self, http1.Data(view[start : start + ONE_GO]))
            else:
                await ServerConnection.send(self, event)

    async def _send_whole(self, head: http1.Buffer, *body: http1.Buffer) -> None:
        """Send a message that the core has written, with the write timeout for each part of a large body."""
        stream, patience, pending = self.stream, self.settings.write_timeout, [head]
        for buffer in body:
            view = memoryview(buffer).cast("B")
            while len(view) > ONE_GO:
                stream.write_deadline = min(self._now() + patience, self.send_by)
                await stream.send(*pending, view[:ONE_GO])
                pending, view = [], view[ONE_GO:]
            pending.append(view)
        stream.write_deadline = min(self._now() + patience, self.send_by)
        await stream.send(*pending)

    async def _respond(self, request: Request) -> bool:
        """Run the handler and send what it returns; return whether a response went out whole."""
        is_raised = False
        try:
            if self.settings.handler_cancellation:
                response: object = await self._handle_watched(request)
            else:
                response = await self._server.handler(request)
        except Exception as error:
            is_raised = True
            response = self._stand_in(error, request)
            if response is None:
                self._end_code = WSCloseCode.INTERNAL_ERROR
                return False
        try:
            if (
                type(response) is Response
                and response._request is None
                and response.compressed is None
                and not response.is_special
                and request._on_prepare is None
                and self._server.direct
            ):
                buffers = self.core.send_whole(*response.whole(request))
                if len(buffers) > 1 and len(buffers[1]) > ONE_GO:
                    await self._send_whole(*buffers)
                    return True
                self.stream.write_deadline = self._now() + self.settings.write_timeout
                await self.stream.send(*buffers)
                return True
            if await self._sent(response, request, is_raised):
                return True
        except HTTPException as refusal:  # a WebSocket that cannot be, or a signal that refuses
            return await self._sent_instead(refusal, request)
        except TransportError:
            raise
        except Exception as error:  # what its fields or its body are is a mistake of the handler's
            self._log_unsent(request, error)
        return self._response_ended or await self._sent_instead(crash(request), request)

    async def _sent_instead(self, response: StreamResponse, request: Request) -> bool:
        """Send `response` in place of one that cannot be sent, where nothing has gone out; return whether it has."""
        request._on_prepare = None  # what fails for one response, or refuses it, would the next
        if self.responding:
            return False
        try:
            return await self._sent(response, request)
        except TransportError:
            raise
        except Exception as error:
            self._log_unsent(request, error)
        if http1.SEND_RESPONSE is not self.core.our_state:
            return False
        return await self._sent(crash(request), request)

    def _log_unsent(self, request: Request, error: Exception) -> None:
        """Log why a handler's response was not sent. Raises StreamClosed where the client has gone, as it was told."""
        logger, is_late = self._server.logger, isinstance(error, http1.LocalProtocolError)
        if is_late and self.core.our_state is http1.ERROR:
            raise StreamClosed("the response has broken off before: its client has gone, or was too slow") from error
        if is_late and self._response_ended:
            message = "%s %s: the handler has ended a response, and returned another, which is dropped"
            logger.warning(message, request.method, request.raw_path)
        else:
            message = "the response to %s %s cannot be sent as it is"
            logger.error(message, request.method, request.raw_path, exc_info=error)

    @property
    def _response_ended(self) -> bool:
        return self.responding and self.core.our_state in ENDED

    def _respond_apart(self, request: Request) -> Awaitable[bool]:
        """Respond with the variables that there were at the start: what one request sets, no other sees."""
        return in_context(self._context.copy(), self._respond(request))

    async def _handle_watched(self, request: Request) -> object:
        """Run the handler, and cancel it once the client has gone. Raises StreamClosed then."""
        if "websocket" in request.headers.get("Upgrade", "").lower():
            return await self._server.handler(request)  # a WebSocket reads from the stream by itself
        self._watch = DisconnectWatch(self.runtime, self.stream, self.core)
        try:
            return await self._watch.run(lambda: self._server.handler(request))
        finally:
            self._watch = None

    async def _sent(self, response: object, request: Request, is_raised: bool = True) -> bool:
        """Send `response`, which a handler raised or returned; False where it is no response.

        Raises LocalProtocolError, ConnectionError, StreamTimeout.
        """
        if not isinstance(response, StreamResponse):
            kind, path = type(response).__name__, request.raw_path
            message = "the handler of %s %s must return a response, not %s"
            self._server.logger.error(message, request.method, path, kind)
            return False
        if self._server.closing:
            response.force_close()
        if isinstance(response, HTTPException) and not is_raised:
            message = f"returning {type(response).__name__} is deprecated: raise it"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
        await response.send_to(request)
        return True

    def _stand_in(self, error: Exception, request: Request) -> StreamResponse | None:
        """Return the response for what a handler raised; None where nothing can be sent any more."""
        if isinstance(error, StreamBroken | StreamClosed):
            raise error
        if self.websocket is not None and isinstance(error, ConnectionResetError):
            raise StreamClosed("the client has closed the WebSocket") from error
        response = stand_in(error, request, self._server.logger)
        if self._response_ended and isinstance(error, HTTPException):
            return response  # to be dropped, as one that is returned
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
            date_field(),
            SERVER_FIELD,
        ]
        head = http1.Response(status, fields, registered_reason(status))
        if self.core.request_method == b"HEAD":
            body = b""
        await self.send(head, http1.Data(body), http1.EndOfMessage())

    # Its end

    def last_call(self) -> None:
        """Close the connection if it waits for a request, unless one is on its way: that is answered first."""
        if self.idle:
            self.stream.read_deadline = self._now() + LAST_CALL
            self.stream.apply_deadlines()

    async def go_away(self) -> None:
        """Close the WebSocket that it was switched to, since the server shuts down."""
        if self.websocket is not None:
            await self.websocket.close(code=WSCloseCode.GOING_AWAY, message=b"Server shutdown")

    async def _close(self) -> None:
        """Close, politely where that is possible; a WebSocket by its own goodbye."""
        if self.websocket is not None:
            await self.websocket.finish(self._end_code)
            return
        core, stream = self.core, self.stream
        if core.our_state is SEND_BODY and stream.extra_info("ssl_object") is not None:
            return  # a TLS close would say that a body which ends with the connection is whole (RFC 9112, 9.8)
        unread, has_ended = core.trailing_data
        is_sending = bool(unread) or core.their_state in (SEND_BODY, http1.ERROR) or stream.readable
        patience = self.settings.lingering_time
        await close_politely(stream, self._now, patience, is_sending=is_sending, has_ended=has_ended)


def _coding_failed(error: ContentCodingError) -> RequestPayloadError:
    failed = RequestPayloadError(f"the body cannot be decoded: {error}")
    failed.__cause__ = error
    return failed
