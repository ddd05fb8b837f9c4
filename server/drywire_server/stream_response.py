"""`StreamResponse`: a response whose body the handler writes piece by piece."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_transports.message_fields import LooseHeaders, map_to_fields, to_multidict
from drywire_transports.which import current_task

from .compression import BodyEncoder, Compression, ContentCoding, choose_coding, make_compression
from .cookies import ResponseCookies, set_cookie_fields
from .default_fields import SERVER_FIELD, SERVER_SOFTWARE, date_field
from .response_fields import ResponseFields
from .storage import Storage

__all__ = ["Asked", "Link", "ResponseHeadError", "StreamResponse", "forbids_body", "registered_reason"]

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


class ResponseHeadError(http1.LocalProtocolError, ValueError):
    """The head of a response cannot be sent as it is, such as with a line break in a header. Nothing was sent."""


def registered_reason(status: int) -> bytes:
    """Return the reason phrase that is registered for `status`, empty where none is."""
    return _REASONS.get(status, b"")


def forbids_body(method: str, status: int) -> bool:
    """Whether a final response carries no body, whatever its handler gave it (RFC 9110, 6.4.1)."""
    return method == "HEAD" or status in (204, 304)


class StreamResponse(ResponseFields, ResponseCookies, Storage):
    """A response to be sent in three steps: `prepare` sends the head, `write` the body, `write_eof` ends it.

    Without a `content_length` the body goes out in the chunked coding, or until the connection closes to an
    HTTP/1.0 client. It is also a mapping in which handlers and middlewares can keep things for each other.
    """

    _key_class = "ResponseKey"

    # Defaults on the class, as most responses have most of them
    _headers: CIMultiDict[str] | None = None
    _request: Asked | None = None
    _keep_alive = True
    _eof_sent = False
    _sent_head: http1.Response | http1.InformationalResponse | None = None  # until somebody looks at what was sent
    _state: dict[Any, Any] | None = None
    compressed: Compression | None = None
    """What `enable_compression` was called with."""
    _encoder: BodyEncoder | None = None
    _trailers: CIMultiDict[str] | None = None
    _body_length = 0
    _is_settled = False  # whether all fields of the head are among the headers
    _settled_cookies: Sequence[str] = ()  # those that were put among the headers
    _says_chunked = False  # whether a Transfer-Encoding is among them that nobody has asked for

    def __init__(self, *, status: int = 200, reason: str | None = None, headers: LooseHeaders | None = None) -> None:
        if headers is not None:
            self._headers = to_multidict(headers)
        if reason is None and type(status) is int:
            self._status = status
            self._reason = _REASONS.get(status, b"")
        else:
            self.set_status(status, reason)

    def __repr__(self) -> str:
        state = "ended" if self._eof_sent else "prepared" if self.prepared else "not prepared"
        return f"<{type(self).__name__} {self.status} {self.reason} {state}>"

    # The head

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed until the head is sent; from then on all that were sent."""
        if self._request is not None:
            self._show_sent()
        if self._headers is None:
            self._headers = CIMultiDict()
        return self._headers

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

    def enable_chunked_encoding(self, chunk_size: int | None = None) -> None:
        """Send the body in the chunked coding; to a client of HTTP/1.0 until the connection closes.

        `chunk_size` is deprecated: each `write` is a chunk. Raises RuntimeError where a Content-Length is set. Once the
        head is sent it is without effect.
        """
        if chunk_size is not None:
            warnings.warn("chunk_size is deprecated: each write() is a chunk", DeprecationWarning, stacklevel=2)
        if self.prepared:
            return
        if "Content-Length" in self.headers:
            raise RuntimeError("a response with a Content-Length cannot be chunked")
        self.headers["Transfer-Encoding"] = "chunked"

    @property
    def compression(self) -> bool:
        """Whether `enable_compression` was called."""
        return self.compressed is not None

    def enable_compression(
        self,
        force: ContentCoding | bool | None = None,
        strategy: int | None = None,
        *,
        codings: Sequence[str] | None = None,
        level: int | None = None,
    ) -> None:
        """Send the body in the coding that the client likes best, deflate or gzip, or in that of `force`.

        `codings` are those to choose from, the best first, of ``"zstd"``, ``"br"``, ``"gzip"`` and ``"deflate"``, as
        far as they are installed; `level` is how hard to try, 0 to 9.

        Whether it is coded is settled with the head: not for a client that wants none of them, nor with a
        Content-Encoding among the headers, nor with status 204, 206 or 304. A Content-Length is dropped then, and Vary
        names Accept-Encoding unless `force` is given. Once the head is sent it is without effect, so that a middleware
        may call it for every response, streams and WebSockets among them. `strategy` is zlib's, such as
        ``zlib.Z_FILTERED``. Raises TypeError for another `force` (a bool is deprecated), ValueError for another
        `strategy`, `level`, or coding.
        """
        wanted = make_compression(force, strategy, codings, level)
        if not self.prepared:
            self.compressed = wanted

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection may serve another request after this one; None while only the request can tell."""
        if not self._keep_alive:
            return False
        return None if self._request is None else getattr(self._request, "keep_alive", None)

    def force_close(self) -> None:
        """Close the connection after this response."""
        self._keep_alive = False

    # Sending

    @property
    def prepared(self) -> bool:
        """Whether the head has been sent."""
        return self._request is not None

    @property
    def task(self) -> Any:
        """The task that runs; None before the head is sent."""
        return None if self._request is None else current_task()

    @property
    def body_length(self) -> int:
        """The bytes of the body that were sent so far, as they are coded."""
        return self._body_length

    @property
    def output_length(self) -> int:
        """What `body_length` says; deprecated."""
        warnings.warn("output_length is deprecated: use body_length", DeprecationWarning, stacklevel=2)
        return self._body_length

    @property
    def _payload_writer(self) -> Any:
        """What `prepare` returns: subclasses that were written for aiohttp ask for it by this name."""
        return getattr(self._request, "writer", None)

    async def prepare(self, request: Asked) -> Any:
        """Send the head, and return what `request.writer` is. Sends nothing the second time.

        Raises ResponseHeadError, a ValueError, for what no head can have; then nothing was sent.
        """
        if self._request is None:
            await self._make_ready(request)
            await self._begin(request)
        return self._payload_writer

    async def send_to(self, request: Asked) -> None:
        """Send what is not sent yet, to the end: what the server does with the response that a handler returns.

        Raises RuntimeError for one that was sent to another request.
        """
        if self._eof_sent and not request.link.responding:
            raise RuntimeError("this response was sent before: make one for each request")
        await self.prepare(request)
        await self.write_eof()

    async def _make_ready(self, request: Asked) -> None:
        """Settle the coding of the body, and let the application see the head before it goes out."""
        if self.compressed is not None:
            await self._start_coding(request, self.compressed)
        await self._show_head(request)

    async def _show_head(self, request: Asked) -> None:
        """Let the application see and change the head (`on_response_prepare`)."""
        hook: Callable[[Any, Any], Awaitable[None]] | None = getattr(request, "_on_prepare", None)
        if hook is not None:
            self._settle(request)
            try:
                await hook(request, self)
            finally:
                self._settle_cookies()

    async def _begin(self, request: Asked, *events: http1.Event) -> None:
        """Send the head, and `events` of the body with it."""
        link = request.link
        head = self.head(request)
        self._request = request
        try:
            await link.send(head, *events)
        except http1.LocalProtocolError as error:
            self._request = None
            raise ResponseHeadError(str(error)) from error
        self._sent_head = head
        link.responding = True

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
            data = await self._encoder.encode_piece(bytes(data))
            if not data:
                return
        self._body_length += data.nbytes if isinstance(data, memoryview) else len(data)
        await request.link.send(http1.Data(data))

    @property
    def trailers(self) -> CIMultiDict[str]:
        """Fields that follow a chunked body (RFC 9112, 7.1.2), to be changed until it ends."""
        if self._trailers is None:
            self._trailers = CIMultiDict()
        return self._trailers

    async def write_eof(self, data: bytes = b"") -> None:
        """Send `data`, if any, and end the response. Does nothing the second time.

        Raises what `write` raises, and http1.LocalProtocolError for a body that is shorter than announced, and for
        trailers where there can be none.
        """
        if self._eof_sent:
            return
        request = self._sending()
        if self._encoder is not None:
            data = await self._encoder.encode_piece(bytes(data), ends=True)
        self._eof_sent = True
        end = http1.EndOfMessage(map_to_fields(self._trailers) if self._trailers else ())
        if data and not forbids_body(request.method, self._status):
            self._body_length += len(data)
            await request.link.send(http1.Data(data), end)
        else:
            await request.link.send(end)

    async def drain(self) -> None:
        """Do nothing: `write` waits for room by itself; deprecated."""
        self._sending()
        warnings.warn("drain is deprecated: write() waits by itself", DeprecationWarning, stacklevel=2)

    def _sending(self) -> Asked:
        if self._request is None:
            raise RuntimeError("call prepare() before write()")
        if self._eof_sent:
            raise RuntimeError("write() after write_eof()")
        return self._request

    async def _start_coding(self, request: Asked, wanted: Compression) -> None:
        """Begin to code the body, if it is to be coded."""
        coding = self._coding_for(request, wanted)
        if isinstance(coding, str):
            self._encoder = BodyEncoder(coding, wanted.strategy, wanted.level)
            self._say_coding(coding)

    def _coding_for(self, request: Asked, wanted: Compression) -> str | ContentCoding:
        """Return the coding for the body, `ContentCoding.identity` for none.

        Vary is made to say that another client may get another one.
        """
        if self._status in _NOT_CODED or self._status < 200 or "Content-Encoding" in self.headers:
            return ContentCoding.identity
        if wanted.force is not None:
            return wanted.force if wanted.force is ContentCoding.identity else wanted.force.value
        vary = ", ".join(self.headers.getall("Vary", ()))
        if not {"*", "accept-encoding"} & {name.strip(" \t").lower() for name in vary.split(",")}:
            self.headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
        accepted = ",".join(value for name, value in request.headers.items() if name.title() == _ACCEPT)
        coding = choose_coding(accepted, wanted.codings)
        return ContentCoding.identity if coding == "identity" else coding

    def _say_coding(self, coding: str) -> None:
        self.headers["Content-Encoding"] = coding
        self.headers.pop("Content-Length", None)

    @property
    def chunked(self) -> bool:
        """Whether `enable_chunked_encoding` was called; once the head is sent, whether the body is in chunks."""
        return super().chunked and (not self._says_chunked or self.prepared)

    def _settle(self, request: Asked) -> None:
        """Put all fields among the headers that are added by themselves, for somebody to change or drop them."""
        headers = self.headers
        for name, value in self._fields(request):
            if name.decode("ascii") not in headers:
                headers[name.decode("ascii")] = value.decode("utf-8", "surrogateescape")
        headers.setdefault("Date", date_field()[1].decode("ascii"))
        headers.setdefault("Server", SERVER_SOFTWARE)
        if _goes_in_chunks(request, self._status, headers):
            headers["Transfer-Encoding"] = "chunked"
            self._says_chunked = True
        self._is_settled = True
        self._settle_cookies()

    def _settle_cookies(self) -> None:
        """Put the cookies among the headers that were not put there before, and drop what is no cookie any more.

        What somebody has changed among the headers stays as it is.
        """
        shown = self._settled_cookies
        fields = set_cookie_fields(self._cookies) if self._cookies else ()
        cookies = [value.decode("utf-8", "surrogateescape") for _, value in fields]
        if cookies or shown:
            headers = self.headers
            kept = [value for value in headers.popall("Set-Cookie", []) if value not in shown or value in cookies]
            for value in (*kept, *(value for value in cookies if value not in shown)):
                headers.add("Set-Cookie", value)
            self._settled_cookies = cookies

    def head(self, request: Asked) -> http1.Response:
        """Return the head as it is sent: the user's fields, and behind them Date and Server where they lack."""
        if self._says_chunked and "Content-Length" in self.headers:  # which somebody has learnt meanwhile
            self.headers.pop("Transfer-Encoding", None)
            self._says_chunked = False
        fields = self._fields(request)
        if self._cookies and not self._is_settled:
            fields.extend(set_cookie_fields(self._cookies))
        if not self._keep_alive:
            fields.append((b"Connection", b"close"))
        headers = self._headers
        if not self._is_settled:
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
        elif "Content-Type" not in headers and not self._is_settled:
            headers["Content-Type"] = "application/octet-stream"
        return map_to_fields(headers)

    def _show_sent(self) -> None:
        """Let the headers be those that were sent, with what the core has added to them."""
        head, self._sent_head = self._sent_head, None
        if head is None:
            return
        if self._headers is None:
            self._headers = CIMultiDict()
        headers, request = self._headers, self._request
        headers.clear()
        headers.extend((name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in head.headers)
        if isinstance(head, http1.InformationalResponse):
            return
        version, keep_alive = _version_of(request), getattr(request, "keep_alive", None)
        if version < (1, 1):
            headers.popall("Transfer-Encoding", None)
        elif _goes_in_chunks(request, head.status, headers):
            headers["Transfer-Encoding"] = "chunked"
        if keep_alive is False or (keep_alive and version < (1, 1)):
            headers.setdefault("Connection", "keep-alive" if keep_alive else "close")

    def _refuse_if_prepared(self, what: str) -> None:
        if self._request is not None:
            raise RuntimeError(f"{what} cannot be changed: the head of this response has been sent")


def _version_of(request: object) -> tuple[int, int]:
    """Return the HTTP version that a client speaks."""
    version: tuple[int, int] = getattr(request, "version", (1, 1))
    return version


def _goes_in_chunks(request: Any, status: int, headers: CIMultiDict[str]) -> bool:
    """Whether the body goes out in the chunked coding since nothing is said of its length (RFC 9112, 6.3)."""
    if forbids_body(request.method, status) or status < 200 or _version_of(request) < (1, 1):
        return False
    return "Content-Length" not in headers and "Transfer-Encoding" not in headers
