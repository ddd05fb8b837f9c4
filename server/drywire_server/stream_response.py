"""`StreamResponse`: a response whose body the handler writes piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_sansio.media_types import parse_media_type
from drywire_transports.message_fields import LooseHeaders, map_to_fields, to_multidict

from .compression import BodyEncoder, Compression, ContentCoding, choose_coding, make_compression
from .default_fields import SERVER_FIELD, date_field

__all__ = ["Asked", "Link", "StreamResponse", "forbids_body", "registered_reason"]

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}

_ACCEPT = "Accept-Encoding"
_NOT_CODED = (204, 206, 304)
"""Without a body, or with part of one, whose bytes are counted as they are uncoded (RFC 9110, 15.3.7)."""

Fields = list[tuple[bytes, bytes]]


class Link(Protocol):
    """The connection that a request came over, as a response needs it."""

    responding: bool

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client."""
        ...


class Asked(Protocol):
    """A request, as a response needs it."""

    method: str

    @property
    def link(self) -> Link:
        """The connection to answer on."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields."""
        ...


def registered_reason(status: int) -> bytes:
    """Return the reason phrase that is registered for `status`, empty where none is."""
    return _REASONS.get(status, b"")


def forbids_body(method: str, status: int) -> bool:
    """Whether a final response carries no body, whatever its handler gave it (RFC 9110, 6.4.1)."""
    return method == "HEAD" or status in (204, 304)


class StreamResponse:
    """A response to be sent in three steps: `prepare` sends the head, `write` the body, `write_eof` ends it.

    Without a `content_length` the body goes out in the chunked coding, or until the connection closes to an
    HTTP/1.0 client.
    """

    compressed: Compression | None = None
    """What `enable_compression` was called with."""
    _encoder: BodyEncoder | None = None

    def __init__(self, *, status: int = 200, reason: str | None = None, headers: LooseHeaders | None = None) -> None:
        self._headers: CIMultiDict[str] | None = None if headers is None else to_multidict(headers)
        self._request: Asked | None = None
        self._keep_alive = True
        self._eof_sent = False
        self._state: dict[Any, Any] | None = None
        if reason is None and type(status) is int:
            self._status = status
            self._reason = _REASONS.get(status, b"")
        else:
            self.set_status(status, reason)

    def __repr__(self) -> str:
        state = "ended" if self._eof_sent else "prepared" if self.prepared else "not prepared"
        return f"<{type(self).__name__} {self.status} {self.reason} {state}>"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    # The head

    @property
    def status(self) -> int:
        """The status code."""
        return self._status

    @property
    def reason(self) -> str:
        """The reason phrase; the registered one unless given."""
        return self._reason.decode("utf-8", "surrogateescape")

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Set the status, and the reason where it is not the registered one.

        Raises RuntimeError once the head is sent, ValueError for a reason with a line break in it.
        """
        self._refuse_if_prepared("the status")
        self._status = int(status)
        if reason is None:
            self._reason = _REASONS.get(self._status, b"")
        elif "\r" in reason or "\n" in reason:
            raise ValueError("a reason cannot have a line break in it")
        else:
            self._reason = reason.encode("utf-8", "surrogateescape")

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed until the head is sent."""
        if self._headers is None:
            self._headers = CIMultiDict()
        return self._headers

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes; None where it is not known beforehand."""
        value = None if self._headers is None else self._headers.get("Content-Length")
        return None if value is None else int(value)

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        if value is None:
            self.headers.pop("Content-Length", None)
        else:
            self.headers["Content-Length"] = str(int(value))

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return parse_media_type(self.headers.get("Content-Type")).essence

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._set_content_type(value, self.charset)

    @property
    def charset(self) -> str | None:
        """The charset of the body, None where none is said."""
        return parse_media_type(self.headers.get("Content-Type")).charset

    @charset.setter
    def charset(self, value: str | None) -> None:
        self._set_content_type(self.content_type, value)

    def _set_content_type(self, media_type: str, charset: str | None) -> None:
        self.headers["Content-Type"] = media_type if charset is None else f"{media_type}; charset={charset}"

    @property
    def chunked(self) -> bool:
        """Whether `enable_chunked_encoding` was called."""
        return self._headers is not None and self._headers.get("Transfer-Encoding") == "chunked"

    def enable_chunked_encoding(self) -> None:
        """Send the body in the chunked coding. Raises RuntimeError where a Content-Length is set."""
        if self.content_length is not None:
            raise RuntimeError("a response with a Content-Length cannot be chunked")
        self.headers["Transfer-Encoding"] = "chunked"

    @property
    def compression(self) -> bool:
        """Whether `enable_compression` was called."""
        return self.compressed is not None

    def enable_compression(self, force: ContentCoding | bool | None = None, strategy: int | None = None) -> None:
        """Send the body in the coding that the client likes best, deflate or gzip, or in that of `force`.

        Whether it is coded is settled with the head: not for a client that wants neither, nor with a Content-Encoding
        among the headers, nor with status 204, 206 or 304. A Content-Length is dropped then, and Vary names
        Accept-Encoding unless `force` is given. `strategy` is zlib's, such as ``zlib.Z_FILTERED``. Raises
        RuntimeError once the head is sent, TypeError for another `force` (a bool is deprecated), ValueError for another
        `strategy`.
        """
        self._refuse_if_prepared("the compression")
        self.compressed = make_compression(force, strategy)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may serve another request after this one."""
        return self._keep_alive

    def force_close(self) -> None:
        """Close the connection after this response."""
        self._keep_alive = False

    # Sending

    @property
    def prepared(self) -> bool:
        """Whether the head has been sent."""
        return self._request is not None

    async def prepare(self, request: Asked) -> None:
        """Send the head. Does nothing the second time."""
        if self._request is not None:
            return
        if self.compressed is not None:
            await self._start_coding(request, self.compressed)
        connection = request.link
        head = self.head(request)
        self._request = request
        await connection.send(head)
        connection.responding = True

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send a piece of the body; return when the connection can take more.

        Raises RuntimeError before `prepare` and after `write_eof`, TypeError for what is not bytes,
        ConnectionResetError where the client has gone, and http1.LocalProtocolError beyond the announced length.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes, bytearray or memoryview, not {type(data).__name__}")
        request = self._sending()
        if forbids_body(request.method, self._status):
            return
        if self._encoder is not None:
            data = self._encoder.encode(bytes(data))
            if not data:
                return
        await request.link.send(http1.Data(data))

    async def write_eof(self, data: bytes = b"") -> None:
        """Send `data`, if any, and end the response. Does nothing the second time."""
        if self._eof_sent:
            return
        request = self._sending()
        self._eof_sent = True
        if self._encoder is not None:
            data = self._encoder.encode(data) + self._encoder.finish()
        if data and not forbids_body(request.method, self._status):
            await request.link.send(http1.Data(data), http1.EndOfMessage())
        else:
            await request.link.send(http1.EndOfMessage())

    def _sending(self) -> Asked:
        if self._request is None:
            raise RuntimeError("call prepare() before write()")
        if self._eof_sent:
            raise RuntimeError("write() after write_eof()")
        return self._request

    async def _start_coding(self, request: Asked, wanted: Compression) -> None:
        """Begin to code the body, if it is to be coded."""
        coding = self._coding_for(request, wanted)
        if coding is not ContentCoding.identity:
            self._encoder = BodyEncoder(coding, wanted.strategy)
            self._say_coding(coding)

    def _coding_for(self, request: Asked, wanted: Compression) -> ContentCoding:
        """Return the coding for the body, and say in Vary where another client may get another one."""
        if self._status in _NOT_CODED or self._status < 200 or "Content-Encoding" in self.headers:
            return ContentCoding.identity
        if wanted.force is not None:
            return wanted.force
        vary = ", ".join(self.headers.getall("Vary", ()))
        if not {"*", "accept-encoding"} & {name.strip(" \t").lower() for name in vary.split(",")}:
            self.headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        return choose_coding(",".join(value for name, value in request.headers.items() if name.title() == _ACCEPT))

    def _say_coding(self, coding: ContentCoding) -> None:
        self.headers["Content-Encoding"] = coding.value
        self.headers.pop("Content-Length", None)

    def head(self, request: Asked) -> http1.Response:
        """Return the head as it is sent: the user's fields, and behind them Date and Server where they lack."""
        fields = self._fields(request)
        if not self._keep_alive:
            fields.append((b"Connection", b"close"))
        headers = self._headers
        if headers is None or "Date" not in headers:
            fields.append(date_field())
        if headers is None or "Server" not in headers:
            fields.append(SERVER_FIELD)
        return http1.Response(self._status, fields, self._reason)

    def _fields(self, request: Asked) -> Fields:
        headers = self.headers
        if self._status in (204, 304) or self._status < 200:
            headers.pop("Content-Length", None)
            headers.pop("Transfer-Encoding", None)
        elif "Content-Type" not in headers:
            headers["Content-Type"] = "application/octet-stream"
        return map_to_fields(headers)

    def _refuse_if_prepared(self, what: str) -> None:
        if self._request is not None:
            raise RuntimeError(f"{what} cannot be changed: the head of this response has been sent")

    # Per-response storage, as aiohttp has it

    def __getitem__(self, key: Any) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._state is None:
            self._state = {}
        self._state[key] = value
