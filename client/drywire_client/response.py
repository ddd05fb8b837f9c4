"""`ClientResponse`: the head of a response, and its body as it comes."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any

from multidict import CIMultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.media_types import MediaType, parse_media_type
from drywire_transports import Runtime, StreamBusy, StreamTimeout, TransportError
from drywire_transports.body_reader import Piece, StreamReader
from drywire_transports.message_fields import fields_to_map

from .connector import Connection
from .errors import ClientConnectionError, ClientPayloadError, ClientResponseError, ContentTypeError
from .request import ClientRequest, RequestInfo
from .timeouts import Deadlines
from .upload import Upload

__all__ = ["ClientResponse"]

_VERSIONS = {b"1.0": (1, 0), b"1.1": (1, 1)}


class _Nothing:
    """Awaited by old code after `release()`, which has done everything already."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


class ClientResponse:
    """A response. Its connection goes back to the pool by itself once the body has arrived.

    Leave it by ``async with``, or read it, or `release` it: what is not read to its end keeps its connection.
    """

    def __init__(
        self,
        request: ClientRequest,
        head: http1.Response,
        connection: Connection,
        deadlines: Deadlines,
        runtime: Runtime,
        upload: Upload | None,
    ) -> None:
        self._request = request
        self.head = head
        """The head as the protocol core gave it."""
        self._connection: Connection | None = connection
        self._deadlines = deadlines
        self._runtime = runtime
        self._upload = upload
        self._body: bytes | None = None
        self._headers: CIMultiDictProxy[str] | None = None
        self._media_type: MediaType | None = None
        self._ended = False  # the response, not the upload
        self.in_context = False
        """Whether ``async with`` will release it."""
        self._closed = False
        self.status = head.status
        """The status code."""
        self.history: tuple[ClientResponse, ...] = ()
        """The responses that led here by redirects, oldest first."""
        self.content = StreamReader(self)
        """The body as a stream."""
        self._take_what_has_come()

    def __del__(self) -> None:
        if self._connection is not None:
            self.close()  # forgotten half-way: its place in the pool is not lost

    def __repr__(self) -> str:
        return f"<ClientResponse({self.url}) [{self.status} {self.reason}]>"

    # The head

    @property
    def reason(self) -> str:
        """The reason phrase; may be empty."""
        return self.head.reason.decode("utf-8", "surrogateescape")

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def version(self) -> tuple[int, int]:
        """The HTTP version of the response."""
        return _VERSIONS[self.head.http_version]

    @property
    def method(self) -> str:
        """The method of the request."""
        return self._request.method

    @property
    def url(self) -> URL:
        """The URL of the request, without its fragment."""
        return self._request.url.with_fragment(None)

    @property
    def real_url(self) -> URL:
        """The URL of the request, with its fragment."""
        return self._request.url

    @property
    def host(self) -> str | None:
        """The host of the URL."""
        return self._request.url.host

    @property
    def request_info(self) -> RequestInfo:
        """What was asked."""
        return RequestInfo(self.url, self.method, fields_to_map(self._request.fields), self.real_url)

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields, by name in any case."""
        if self._headers is None:
            self._headers = fields_to_map(self.head.headers)
        return self._headers

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields as they came: in order, names in their own case."""
        return tuple(self.head.headers)

    @property
    def _type(self) -> MediaType:
        if self._media_type is None:
            self._media_type = parse_media_type(self.headers.get("Content-Type"))
        return self._media_type

    @property
    def content_type(self) -> str:
        """The media type of the body; ``application/octet-stream`` where none is said."""
        return self._type.essence

    @property
    def charset(self) -> str | None:
        """The charset of the body, None where none is said."""
        return self._type.charset

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes, None where it was not said beforehand."""
        value = self.headers.get("Content-Length")
        return None if value is None else int(value)

    # The body

    async def read(self) -> bytes:
        """Return the body, or what is left of it.

        Raises ClientPayloadError where it is malformed or cut off, SocketTimeoutError, TimeoutError, and
        ClientConnectionError where the response was closed before it was read.
        """
        if self._body is None:
            if self._closed and not self.content.is_eof() and self.content.exception() is None:
                raise ClientConnectionError("Connection closed")
            self._body = await self.content.read()
        return self._body

    def get_encoding(self) -> str:
        """Return the encoding for `text`: the charset that is said and known, else UTF-8."""
        charset = self.charset
        if charset is None:
            return "utf-8"
        try:
            "".encode(charset)
        except LookupError:
            return "utf-8"
        return charset

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Return the body as text. Raises UnicodeDecodeError, and what `read` raises."""
        return (await self.read()).decode(encoding or self.get_encoding(), errors)

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
        text = await self.text(encoding)
        if content_type is not None and not self._is_of_type(content_type):
            raise ContentTypeError(
                self.request_info,
                self.history,
                status=self.status,
                message=f"Attempt to decode JSON with unexpected mimetype: {self.headers.get('Content-Type', '')}",
                headers=self.headers,
            )
        return loads(text) if text.strip() else None

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
        raise ClientResponseError(
            self.request_info, self.history, status=self.status, message=self.reason, headers=self.headers
        )

    # The connection

    @property
    def connection(self) -> Connection | None:
        """The connection while the body is coming, None once it is given back."""
        return self._connection

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

    def detach(self) -> Connection:
        """Give up the connection, which has switched to another protocol. Raises ClientConnectionError without one."""
        connection, self._connection = self._connection, None
        if connection is None:
            raise ClientConnectionError("Connection closed")
        self._closed = True
        return connection

    def close(self) -> None:
        """Close the connection, unless it was given back already."""
        self._closed = True
        if self._upload is not None:
            self._upload.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def __aenter__(self) -> ClientResponse:
        self.in_context = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
        if self._upload is not None:
            await self._upload.wait()

    # What comes (`BodySource`)

    async def pull(self) -> Piece | None:
        """Return the next piece of the body, None at its end."""
        connection = self._connection
        if connection is None or self._ended:
            if self._ended:
                return None
            raise ClientConnectionError("Connection closed")
        connection.stream.read_deadline = self._deadlines.read(self._runtime.now())
        try:
            event = await connection.channel.next_event()
        except StreamBusy:
            raise  # a second reader: the first one goes on
        except StreamTimeout as error:
            self.close()
            raise self._deadlines.blame(self._runtime.now(), "read") from error
        except (http1.RemoteProtocolError, TransportError) as error:
            self.close()
            if self._upload is not None and self._upload.error is not None:
                raise self._upload.error from error
            raise ClientPayloadError(f"Response payload is not completed: {error}") from error
        if isinstance(event, http1.Data):
            return bytes(event.data), event.chunk_end
        self._end()
        return None

    def _take_what_has_come(self) -> None:
        """Take in what came with the head: a small response is complete at once, read or not."""
        connection = self._connection
        while connection is not None and not self._ended:
            try:
                event = connection.channel.poll_event()
            except http1.RemoteProtocolError as error:
                self.close()
                broken = ClientPayloadError(f"Response payload is not completed: {error}")
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
            connection.release()
