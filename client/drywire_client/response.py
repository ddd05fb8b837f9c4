"""`ClientResponse`: a response, and its body as it comes."""

from __future__ import annotations

import codecs
import json
import math
import weakref
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Final

from drywire_sansio import http1
from drywire_sansio.charsets import known_charset
from drywire_sansio.coding import ContentCodingError, ContentDecoder
from drywire_transports import Runtime, StreamBusy, StreamTimeout, TransportError
from drywire_transports.body_reader import Piece, StreamReader
from drywire_transports.json_text import from_json

from .connector import Connection
from .errors import (
    ClientConnectionError,
    ClientPayloadError,
    ContentTypeError,
    RequestProgress,
    ServerTimeoutError,
    TotalTimeoutError,
)
from .legacy import deprecated
from .request import ClientRequest
from .response_head import ContentDisposition, ResponseHead
from .tracing import TraceResponseChunkReceivedParams, emit
from .upload import Upload
from .upload_tracker import Outcome, settled

__all__ = ["ClientResponse", "ContentDisposition"]

DRAINED: Final = 64 * 1024
"""Bytes of a body that nobody wants which are worth reading, to keep the connection."""
DRAIN_COST: Final = 64
"""Bytes that each piece of it counts for besides, however small it is."""
DRAIN_TIME: Final = 0.25
"""Seconds that reading them may take."""


class _Nothing:
    """Awaited by old code after `release()`, which has done everything already."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


class ClientResponse(ResponseHead):
    """A response. Its connection goes back to the pool by itself once the body has arrived.

    Leave it by ``async with``, or read it, or `release` it: what is not read to its end keeps its connection.
    """

    _connection: Connection | None = None
    _body: bytes | None = None
    _at_hand: bytes | None = None  # the body that came with the head, while nobody wants it as a stream
    _content: StreamReader | None = None
    _ended = False  # the response, not the upload
    _closed = False
    _output_size = 0
    in_context = False
    """Whether ``async with`` will release it."""

    def __init__(
        self,
        request: ClientRequest,
        head: http1.Response,
        connection: Connection,
        runtime: Runtime,
        upload: Upload | None,
    ) -> None:
        super().__init__(request, head)
        self._connection = connection
        self._runtime = runtime
        self._upload = upload
        fields: bytes = getattr(head.headers, "raw", b"").lower()
        self.sets_cookies = b"set-cookie:" in fields
        """Whether it has cookies for the session."""
        if b"content-encoding:" in fields and request.settings.auto_decompress:
            self._decode(connection)
        if not request.settings.read_until_eof and self._has_no_end():
            self._ended = True
            self.content.feed_eof()
            self.close()
        if self._content is None:
            self._at_hand = connection.channel.connection.read_whole_body()
            if self._at_hand is not None:
                self._end()
                return
            self._poll()
        else:
            self._take_what_has_come()
        if not self._ended:
            connection.read_ahead = weakref.WeakMethod(self._read_ahead)
            if connection.is_wanted:
                self._read_ahead()

    @property
    def content(self) -> StreamReader:
        """The body as a stream."""
        content = self._content
        if content is None:
            content = self._content = StreamReader(self, self._request.settings.read_bufsize)
            if self._at_hand is not None:
                if self._at_hand:
                    content.feed(self._at_hand)
                content.feed_eof()
                if self._body is not None:
                    content.read_nowait()
        return content

    def __del__(self) -> None:
        if self._connection is not None:
            self.close()  # forgotten half-way: its place in the pool is not lost

    def _decode(self, connection: Connection) -> None:
        """Have the body decoded as it is read."""
        if self.method == "HEAD" or self.status in (204, 304):
            return
        field = ", ".join(self.headers.getall("Content-Encoding", ()))
        limits = connection.channel.connection.limits
        try:
            decoder = ContentDecoder.make(field, limits)
        except ContentCodingError as error:
            self.content.set_exception(self._coding_failed(error))
            return
        if decoder is not None:
            self.content.decode_with(decoder, self._coding_failed)

    def _has_no_end(self) -> bool:
        """Whether only the end of the connection tells where the body ends."""
        bodiless = self.method == "HEAD" or self.status in (204, 304)
        return not bodiless and not {"Content-Length", "Transfer-Encoding"} & set(map(str.title, self.headers))

    def _coding_failed(self, error: ContentCodingError) -> ClientPayloadError:
        failed = ClientPayloadError(f"the body cannot be decoded: {error}: {self.method} {self.url}")
        self._note(failed)
        self.close()
        failed.__cause__ = error
        return failed

    # The body

    async def read(self) -> bytes:
        """Return the body, or what is left of it.

        Raises ClientPayloadError where it is malformed or cut off, SocketTimeoutError, TimeoutError, and
        ClientConnectionError where the response was closed before it was read.
        """
        if self._body is None:
            if self._content is None and self._at_hand is not None:
                self._body = self._at_hand
            else:
                self._body = await self._rest()
            if self._request.settings.traces:
                params = TraceResponseChunkReceivedParams(self.method, self.url, self._body)
                await emit(self._request.settings.traces, "response_chunk_received", params)
        return self._body

    async def _rest(self) -> bytes:
        content = self.content
        if self._closed and not content.is_eof() and content.exception() is None:
            raise ClientConnectionError("Connection closed")
        return content.read_nowait() if content.is_whole else await content.read()

    def get_encoding(self) -> str:
        """Return the encoding for `text`: the charset that is said and known, else what the session resolves to.

        JSON is in UTF-8 (RFC 8259, 8.1). Raises RuntimeError where a resolver needs the body and it was not read.
        """
        charset = known_charset(self.charset) if self.charset is not None else None
        if charset is not None:
            return codecs.lookup(charset).name
        if self.content_type == "application/rdap" or self._is_of_type("application/json"):
            return "utf-8"
        resolver = self._request.session.fallback_charset_resolver if self._request.session is not None else None
        if resolver is None:
            return "utf-8"
        if self._body is None:
            raise RuntimeError("Cannot compute fallback encoding of a not yet read body")
        encoding: str = resolver(self, self._body)
        return encoding

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Return the body as text. Raises UnicodeDecodeError, and what `read` raises."""
        body = await self._whole()
        return body.decode(encoding or self.get_encoding(), errors)

    async def _whole(self) -> bytes:
        return await self.read() if self._body is None else self._body

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: Callable[[str], Any] = json.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """Return the body decoded from JSON, None where it is blank.

        Raises ContentTypeError where the response is not of `content_type` (None for any; the default also takes
        types that end in ``+json``), json.JSONDecodeError, and what `text` raises.
        """
        body = await self._whole()
        if content_type and not self._is_of_type(content_type):
            message = (
                f"a body of the unexpected mimetype {self.headers.get('Content-Type', '')[:200]!r} is read as JSON"
            )
            raise self.error(message, ContentTypeError)
        stripped = body.strip()
        return from_json(stripped.decode(encoding or self.get_encoding()), loads) if stripped else None

    def _is_of_type(self, expected: str) -> bool:
        actual = self.content_type
        if expected != "application/json":
            return expected in actual
        return actual == expected or (actual.startswith("application/") and actual.endswith("+json"))

    def raise_for_status(self) -> None:
        """Raise ClientResponseError for a status of 400 or more, and release the response unless in ``async with``."""
        if self.ok:
            return
        if not self.in_context:
            self.release()
        raise self.error()

    @property
    def output_size(self) -> int:
        """Bytes of the request that were handed to the connection so far."""
        deprecated("output_size is deprecated, use upload_tracker= and UploadTracker instead", 2)
        return self._output_size if self._connection is None else self._connection.sent

    @property
    def upload_complete(self) -> Outcome:
        """Whether the request's body was sent: to be awaited, or asked."""
        deprecated("upload_complete is deprecated, use upload_tracker= and UploadTracker instead", 2)
        return settled() if self._upload is None else self._upload.outcome

    # The connection

    @property
    def connection(self) -> Connection | None:
        """The connection while the body is coming, None once it is given back."""
        return None if self._connection is None else self._connection.expose()

    @property
    def closed(self) -> bool:
        """Whether the response was released, closed, or read to its end."""
        return self._closed

    def release(self) -> _Nothing:
        """Give the connection back; one on which more would come than what has arrived is closed."""
        if self._connection is not None:
            self._take_what_has_come()
        self.close()
        return _Nothing()

    async def drain(self) -> None:
        """Release the response, after a short look whether little enough of the body is left to keep the connection.

        What comes is dropped undecoded.
        """
        left, patience = DRAINED, self._runtime.now() + DRAIN_TIME
        length = self.content_length if self._connection is not None else 0
        if self._connection is not None:
            self._connection.read_ahead = None
        self._take_what_has_come()
        while self._connection is not None and not self._ended and left > 0 and (length or 0) <= DRAINED:
            self._set_deadline(self._connection, patience)
            try:
                piece = self._took(await self._connection.channel.next_event())
            except (http1.RemoteProtocolError, TransportError):
                break  # that it took too long, too, or that it is being read ahead, for those who wait for its place
            left -= DRAIN_COST + len(piece[0]) if piece is not None else 0
            if self._runtime.now() >= patience:
                break
        self.release()

    def detach(self) -> Connection:
        """Give up the connection, which has switched to another protocol. Raises ClientConnectionError without one."""
        connection, self._connection = self._connection, None
        if connection is None:
            raise ClientConnectionError("Connection closed")
        self._closed = True
        connection.read_ahead = None
        return connection

    def close(self) -> None:
        """Close the connection, unless it was given back already."""
        self._closed = True
        if self._upload is not None:
            self._upload.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._output_size = connection.sent
            connection.read_ahead = None
            connection.close()

    async def wait_for_close(self) -> None:
        """Wait until the request is sent too, and release the response."""
        if self._upload is not None:
            await self._upload.wait()
        self.release()

    async def __aenter__(self) -> ClientResponse:
        self.in_context = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.in_context = False
        if self._connection is not None:
            self.release()
        self._closed = True
        if self._upload is not None:
            await self._upload.wait()

    @property
    def has_sent_body(self) -> bool:
        """Whether the request's body was sent, or begun to be sent, by itself."""
        return self._upload is not None

    def let_go_of_request(self) -> None:
        """Close the request's payload once it is sent: nobody will need it again."""
        if self._upload is not None:
            self._upload.let_go()
            return
        if self._request.payload is not None:
            self._request.payload._close()
        if self._request.settings.upload_tracker is not None:
            self._request.settings.upload_tracker.abort()

    # What comes (`BodySource`)

    async def pull(self) -> Piece | None:
        """Return the next piece of the body, None at its end."""
        connection = self._connection
        if connection is None or self._ended:
            if self._ended:
                return None
            raise ClientConnectionError("Connection closed")
        try:
            event = await connection.channel.next_event(self._mind_the_time)
        except StreamBusy:
            raise  # a second reader: the first one goes on
        except (http1.RemoteProtocolError, TransportError) as error:
            raise self._read_failed(error) from error
        piece = self._took(event)
        core = connection.channel.connection
        if piece is not None and not core.has_unread and core.read_whole_body() is not None:
            self.content.feed_eof()  # that was all of it
            self._end()
        return piece

    def _mind_the_time(self) -> None:
        """Say until when the next bytes must come. Raises StreamTimeout where the total has passed while they came."""
        late = self._lateness()
        if late is not None:
            raise late
        if self._connection is not None:
            self._set_deadline(self._connection)

    def _lateness(self) -> StreamTimeout | None:
        if self._runtime.now() < self._request.deadlines.total:
            return None
        return StreamTimeout("the total timeout passed while bytes were received")

    def _set_deadline(self, connection: Connection, patience: float = math.inf) -> None:
        deadlines = self._request.deadlines
        is_sent = self._upload is None or self._upload.done
        deadline = deadlines.read(self._runtime.now()) if is_sent else deadlines.total
        connection.stream.read_deadline = min(deadline, patience)

    def _read_failed(self, error: http1.RemoteProtocolError | TransportError) -> Exception:
        """Close the response, and return what to raise for an `error` of its connection."""
        failed: ClientPayloadError | TotalTimeoutError | ServerTimeoutError
        if isinstance(error, StreamTimeout):
            failed = self._request.deadlines.blame(self._runtime.now(), "read")
            self._note(failed)
        else:
            failed = self._broken(error)
        self.close()
        if not isinstance(error, StreamTimeout) and self._upload is not None and self._upload.error is not None:
            return self._upload.error
        return failed

    def _took(self, event: http1.Event | None) -> Piece | None:
        """Return the piece that an event of the connection is, None for the end."""
        if isinstance(event, http1.Data):
            return bytes(event.data), event.chunk_end
        self._end()
        return None

    def _broken(self, error: Exception) -> ClientPayloadError:
        broken = ClientPayloadError(f"Response payload is not completed: {error}: {self.method} {self.url}")
        self._note(broken)
        return broken

    def _note(self, error: RequestProgress) -> None:
        """Write down in `error` how far everything had come."""
        error.phase, error.response_started = "body", True
        if self._connection is not None:
            error.bytes_sent, error.connection_reused = self._connection.sent, self._connection.reused
        error.safe_to_retry = self._request.replayable and self._request.is_idempotent

    def _take_what_has_come(self) -> None:
        """Take in what came with the head: a small response is complete at once, read or not."""
        connection = self._connection
        if connection is None:
            return
        whole = connection.channel.connection.read_whole_body()
        if whole is not None:
            if whole:
                self.content.feed(whole)
            self.content.feed_eof()
            self._end()
            return
        self._poll()

    def _poll(self) -> None:
        """Take in what has come piece by piece."""
        connection = self._connection
        if connection is None:
            return
        while not self._ended:
            try:
                event = connection.channel.poll_event()
            except http1.RemoteProtocolError as error:
                broken = self._broken(error)
                self.close()
                broken.__cause__ = error
                self.content.set_exception(broken)
                return
            if isinstance(event, http1.Data):
                self.content.feed(bytes(event.data), event.chunk_end)
            elif event is None:
                return
            else:
                self.content.feed_eof()
                self._end()

    def _read_ahead(self) -> None:
        """Take in what comes of a body that nobody reads, in the background and up to a bound."""
        connection, content = self._connection, self.content
        if connection is not None and not self._ended and not content.is_fed and not content.is_being_read:
            content.is_fed = True
            deadlines, runtime = self._request.deadlines, self._runtime
            content.deadline = lambda: deadlines.read(runtime.now())
            content.timed_out = lambda _: deadlines.blame(runtime.now(), "read")
            connection.spawn(self._runtime, _take_in, weakref.ref(self), connection, name="drywire reads ahead")

    def _wants_more(self, connection: Connection) -> bool:
        """Whether more is to be read ahead; says until when."""
        self._set_deadline(connection)
        return not self._ended and self.content.unread < self.content.get_read_buffer_limits()[1]

    def _feed(self, event: http1.Event | None) -> None:
        piece = self._took(event)
        if piece is None:
            self.content.feed_eof()
        else:
            self.content.feed(*piece)
            self.content.wake()

    def _stop_reading_ahead(self) -> None:
        content = self.content
        content.is_fed = False
        if not self._ended and content.exception() is None and (self._connection is None or self._connection.closed):
            content.set_exception(ClientConnectionError("Connection closed"))
        content.wake()

    def _end(self) -> None:
        """Give the connection back; once the request is sent too."""
        self._ended = True
        if self._upload is not None and not self._upload.done:
            self._upload.on_done = self._give_back
        else:
            self._give_back()

    def _give_back(self) -> None:
        self._closed = True
        connection, self._connection = self._connection, None
        if connection is not None:
            self._output_size = connection.sent
            connection.read_ahead = None
            connection.release()


async def _take_in(response: weakref.ref[ClientResponse], connection: Connection) -> None:
    """Read ahead for `response`, without keeping it: one that is forgotten ends its connection, and so this."""
    try:
        while (for_whom := response()) is not None and for_whom._wants_more(connection):
            del for_whom
            failure: http1.RemoteProtocolError | TransportError | None = None
            event: http1.Event | None = None
            try:
                event = await connection.channel.next_event()
            except (http1.RemoteProtocolError, TransportError) as error:
                failure = error
            for_whom = response()
            if for_whom is None:
                return
            if isinstance(event, http1.Data):
                failure = for_whom._lateness()
            if failure is not None:
                for_whom.content.set_exception(for_whom._read_failed(failure), failure)
                return
            for_whom._feed(event)
    finally:
        if (for_whom := response()) is not None:
            for_whom._stop_reading_ahead()
