"""`Response`: a response whose body is there when it is made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from functools import lru_cache
from typing import Any, Final, Self

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_sansio.cookies import parse_set_cookie
from drywire_sansio.media_types import parse_media_type
from drywire_transports import current_runtime
from drywire_transports.message_fields import LooseHeaders, map_to_fields
from drywire_transports.payloads import BytesPayload, IOBasePayload, Payload, get_payload
from drywire_transports.payloads import LookupError as NoPayload

from .compression import ALL_CODINGS, BodyEncoder, Compression, ContentCoding, encode_in_thread
from .default_fields import head_of_body, head_of_headers
from .stream_response import Asked, Fields, StreamResponse, forbids_body, registered_reason

__all__ = ["CookieToSet", "Response"]

EXECUTOR_SIZE: Final = 4096
"""Bytes of a body up to which compressing it takes less time than handing it to a thread."""
_PLAIN_TEXT: Final = "text/plain; charset=utf-8"
_NO_LENGTH = (204, 304)
_BYTES: Final = (bytes, bytearray, memoryview)

Buffer = bytes | bytearray | memoryview
CookieToSet = str | tuple[str, str] | tuple[str, str, Mapping[str, Any]]
"""A cookie: ``"name=value; Path=/"`` as a Set-Cookie field has it; or name, value, and options of `set_cookie`."""


class Response(StreamResponse):
    """A response with the body `body` (bytes, or whatever a request's `data` may be) or `text` (str), not both.

    `content_type` and `charset` name the body's type; ``text/plain`` in UTF-8 for text, what the body itself says it
    is, and ``application/octet-stream`` for bytes where they are left out. An open file is announced as an attachment
    under its name, and closed when the response is over, whichever way. Raises ValueError for `body` beside `text`,
    for a charset inside `content_type`, for either beside a Content-Type in `headers`, and for a body of which nobody
    knows how to send it.

    With `enable_compression` a body of more than `zlib_executor_size` bytes (4096; None for that, too) is compressed
    in a thread: one of `zlib_executor`, or else of the event loop.

    `chunked` sends it in the chunked coding. `compress` sends it in the coding that the client likes best of all that
    are installed: True, or a level from 1 to 9, or the name of the only coding to think of. `set_cookie` is a cookie
    to set (see `CookieToSet`), `set_cookies` are several, or a mapping. `timeout` is how long sending may take, in
    seconds.
    """

    _body: Buffer | None = None
    _default_type: str | None = None  # the Content-Type that is not among the headers yet
    _coded: bytes | None = None
    _executor: tuple[int, Executor | None] = (EXECUTOR_SIZE, None)
    _payload: Payload | None = None  # what the body is made of, where that is not bytes
    _replaced: tuple[Payload, ...] = ()  # payloads that it was made of before
    _is_streamed = False  # whether it is written piece by piece by the payload
    _timeout: float | None = None
    is_special = False
    """Whether more is to be done than to send head and body, so that `whole` cannot do it."""

    def __init__(
        self,
        *,
        body: Any = None,
        status: int = 200,
        reason: str | None = None,
        text: str | None = None,
        headers: LooseHeaders | None = None,
        content_type: str | None = None,
        charset: str | None = None,
        zlib_executor_size: int | None = None,
        zlib_executor: Executor | None = None,
        chunked: bool = False,
        compress: bool | int | str = False,
        set_cookie: CookieToSet | None = None,
        set_cookies: Mapping[str, str] | Iterable[CookieToSet] = (),
        timeout: float | None = None,
    ) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        if body is not None:
            body, text = _apart(body, text)
        if headers is None and content_type is None and charset is None and text is not None:
            self._default_type = _PLAIN_TEXT
        elif self._headers is not None and "Content-Type" in self._headers:
            if content_type is not None or charset is not None:
                raise ValueError("content_type and charset are not allowed beside a Content-Type header")
            charset = parse_media_type(self._headers["Content-Type"]).charset
        else:
            charset = self._settle_type(body, text is not None, content_type, charset)
        if text is not None:
            self._body = text.encode(charset or "utf-8") if type(text) is str else _encoded(text, charset)
        elif body is not None:
            self._set_body(body)
        if zlib_executor_size is not None or zlib_executor is not None:
            self._executor = EXECUTOR_SIZE if zlib_executor_size is None else zlib_executor_size, zlib_executor
        if chunked or compress or set_cookie is not None or set_cookies or timeout is not None:
            self._set_extras(chunked, compress, set_cookie, set_cookies, timeout)

    @classmethod
    def _of_text(cls, text: str, status: int, content_type: str) -> Self:
        """Do as the constructor does with these alone."""
        response = cls.__new__(cls)
        response._status = status
        response._reason = registered_reason(status)
        response._default_type = _in_utf8(content_type)
        response._body = text.encode("utf-8")
        return response

    def _settle_type(self, body: object, is_text: bool, content_type: str | None, charset: str | None) -> str | None:
        """Settle what the Content-Type will say; return the charset."""
        if content_type is None:
            if charset is None and not is_text and not isinstance(body, _BYTES):
                return None  # there is nothing to tell the type of, or the body itself says what it is
            content_type = "text/plain" if is_text else "application/octet-stream"
        else:
            _refuse_charset(content_type)
        charset = "utf-8" if charset is None and is_text else charset
        self._default_type = content_type if charset is None else f"{content_type}; charset={charset}"
        return charset

    def _set_extras(
        self,
        chunked: bool,
        compress: bool | int | str,
        cookie: CookieToSet | None,
        cookies: Mapping[str, str] | Iterable[CookieToSet],
        timeout: float | None,
    ) -> None:
        """Do what the documents show and aiohttp never had."""
        if chunked:
            self.enable_chunked_encoding()
        if compress:
            codings = (compress,) if isinstance(compress, str) else ALL_CODINGS
            level = compress if isinstance(compress, int) and not isinstance(compress, bool) else None
            self.enable_compression(codings=codings, level=level)
        if cookie is not None:
            self._set_given_cookie(cookie)
        for each in cookies.items() if isinstance(cookies, Mapping) else cookies:
            self._set_given_cookie(each)
        if timeout is not None:
            self._timeout = float(timeout)
            self.is_special = True

    def _set_given_cookie(self, cookie: CookieToSet) -> None:
        if not isinstance(cookie, str):
            name, value, *options = cookie
            self.set_cookie(name, value, **(options[0] if options else {}))
            return
        said = parse_set_cookie(cookie)
        if said is None:
            raise ValueError(f"set_cookie {cookie[:60]!r} is no cookie: give 'name=value', or (name, value)")
        flags = {"secure", "httponly", "partitioned"}
        attributes = {"path": "/", **{name: name in flags or value for name, value in said.attributes.items()}}
        self._set(said.name, said.value, attributes)

    def _says_more(self) -> None:
        _ = self.headers  # a response without any is sent as one that says nothing of its own

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed until the head is sent; from then on all that were sent."""
        if self._request is not None:
            self._show_sent()
        if self._headers is None:
            self._headers = CIMultiDict()
        if self._default_type is not None:
            self._headers.setdefault("Content-Type", self._default_type)
            self._default_type = None
        return self._headers

    # The body

    @property
    def body(self) -> Buffer | Payload | None:
        """The body: bytes, or the payload that was made of what was given; None where there is none."""
        return self._body if self._payload is None else self._payload

    @body.setter
    def body(self, body: Any) -> None:
        self._refuse_if_prepared("the body")
        if self._payload is not None:
            self._replaced = (*self._replaced, self._payload)  # perhaps the new one reads from it
        self._payload, self._is_streamed = None, False
        self._body = self._coded = None
        if self._headers is not None:
            self._headers.pop("Content-Length", None)
        if isinstance(body, str):
            self.text = body
        elif body is not None:
            self._set_body(body)

    def _set_body(self, body: Any) -> None:
        if isinstance(body, _BYTES):
            self._body = body
            return
        try:
            self._payload = payload = get_payload(body)
        except NoPayload:
            raise ValueError(f"a body cannot be made of {type(body).__name__}: see drywire.payload_type") from None
        if isinstance(payload, IOBasePayload) and payload is not body and payload.filename:
            payload.set_content_disposition("attachment", filename=payload.filename)
        headers = self.headers
        for name, value in payload.headers.items():
            headers.setdefault(name, value)
        self._body = payload.in_memory() if type(payload).write is BytesPayload.write else None
        self._is_streamed = self._body is None
        self.is_special = self.is_special or self._is_streamed

    @property
    def text(self) -> str | None:
        """The body as text in its charset, None where there is none. Raises TypeError for one that is not there yet."""
        charset = self.charset or "utf-8"
        if self._is_streamed and self._payload is not None:
            return self._payload.decode(charset)
        return None if self._body is None else bytes(self._body).decode(charset)

    @text.setter
    def text(self, text: str | None) -> None:
        if self.content_type == "application/octet-stream":
            self._set_content_type("text/plain", "utf-8")
        elif self.charset is None:
            self.charset = "utf-8"
        self.body = None if text is None else _encoded(text, self.charset)

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes; None where it is not known beforehand, or the response is chunked."""
        if self._headers is not None and "Content-Length" in self._headers:
            return int(self._headers["Content-Length"])
        if self.chunked:
            return None
        if self._is_streamed and self._payload is not None:
            return None if self._encoder is not None else self._payload.size
        return _size(self._sent_body)

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        raise RuntimeError("the length of a Response is that of its body")

    @property
    def _sent_body(self) -> Buffer | None:
        return self._body if self._coded is None else self._coded

    async def _start_coding(self, request: Asked, wanted: Compression) -> None:
        if self._is_streamed:
            await super()._start_coding(request, wanted)
            return
        coding = self._coding_for(request, wanted)
        body = self._body
        size = _size(body)
        if body is None or not size or isinstance(coding, ContentCoding):
            return
        encoder = BodyEncoder(coding, wanted.strategy, wanted.level)
        bound, executor = self._executor
        self._coded = encoder.whole(body) if size <= bound else await encode_in_thread(encoder, body, executor)
        self._say_coding(coding)

    # Sending

    def whole(self, request: Asked) -> tuple[http1.Response, Buffer]:
        """Return head and body, to be sent in one go; the response counts as sent from here on."""
        body = self._body
        length = _size(body)
        plain = None if not length and request.method == "HEAD" else self._plain_head(length)
        if plain is not None:
            self._request = request
            self._eof_sent = True
            self._sent_head = head = plain
            if body is None or request.method == "HEAD":
                return head, b""
            self._body_length = length
            return head, body
        head = self.head(request)
        self._request = request
        self._eof_sent = True
        self._sent_head = head
        if body is None or forbids_body(request.method, self._status):
            return head, b""
        self._body_length = length
        return head, body

    def _plain_head(self, length: int) -> http1.Response | None:
        """Return a head that mostly says what others have said, None where it is another kind."""
        status = self._status
        if status in _NO_LENGTH or not self._keep_alive:
            return None
        headers = self._headers
        if headers is None:
            kind = self._default_type
            return None if kind is None else head_of_body(status, self._reason, kind, length)
        if self._cookies or self._is_settled:
            return None
        return head_of_headers(status, self._reason, headers if self._default_type is None else self.headers, length)

    async def prepare(self, request: Asked) -> Any:
        """Send the head, and return what `request.writer` is. Raises ResponseHeadError, a ValueError."""
        try:
            return await super().prepare(request)
        except BaseException:
            await self._let_go()
            raise

    async def send_to(self, request: Asked) -> None:
        """Send what is not sent yet, to the end, head and body in one go where the body is there."""
        if self._timeout is not None:
            await self._send_in_time(request, self._timeout)
            return
        if self._is_streamed or self.prepared or type(self).prepare is not Response.prepare:
            await super().send_to(request)
            return
        try:
            await self._make_ready(request)
            await self._begin(request, *self._body_events(request))
            self._eof_sent = True
        finally:
            await self._let_go()

    async def _send_in_time(self, request: Asked, seconds: float) -> None:
        link: Any = request.link
        link.send_by = current_runtime().now() + seconds
        self._timeout = None
        try:
            await self.send_to(request)
        finally:
            link.send_by = math.inf

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body and end the response; does nothing the second time."""
        if self._eof_sent:
            return
        if data:
            raise RuntimeError("a Response has its whole body: write_eof() takes no more data")
        request = self._sending()
        if self._is_streamed:
            await self._write_payload(request)
            await super().write_eof()
            return
        self._eof_sent = True
        await request.link.send(*self._body_events(request))

    async def _write_payload(self, request: Asked) -> None:
        payload = self._payload
        assert payload is not None
        try:
            if not forbids_body(request.method, self._status):
                await payload.write(self)
        finally:
            await self._let_go()

    async def _let_go(self) -> None:
        """Close what the body is read from: at once, and where its kind has a close of its own, by that."""
        payloads = self._replaced if self._payload is None else (*self._replaced, self._payload)
        for payload in payloads:
            payload._close()
        for payload in payloads:
            if type(payload).close is not Payload.close:
                await payload.close()

    def _body_events(self, request: Asked) -> tuple[http1.Event, ...]:
        body = self._sent_body
        if body is None or forbids_body(request.method, self._status):
            return (_END,)
        self._body_length = _size(body)
        return http1.Data(body), _END

    def _fields(self, request: Asked) -> Fields:
        if self._headers is None and self._default_type is not None:
            fields: Fields = [(b"Content-Type", self._default_type.encode("utf-8"))]
        else:
            fields = map_to_fields(self.headers)
        if self._status in _NO_LENGTH:
            return [field for field in fields if field[0].lower() not in _ABOUT_BODY]
        if self._headers is None or not ("Content-Length" in self._headers or "Transfer-Encoding" in self._headers):
            length = self.content_length
            # To HEAD, an empty body may mean that nobody has asked how long it would be (RFC 9110, 8.6).
            if length is not None and (length or request.method != "HEAD"):
                fields.append((b"Content-Length", b"%d" % length))
            if length != 0 and "Content-Type" not in self.headers and not self._is_settled:
                fields.append((b"Content-Type", b"application/octet-stream"))
        return fields


def _apart(body: Any, text: str | None) -> tuple[Any, str | None]:
    """Return what is given as bytes or the like, and what is given as text: one of them only."""
    if text is not None:
        raise ValueError("body and text are not allowed together")
    return (None, body) if isinstance(body, str) else (body, None)


def _encoded(text: str, charset: str | None) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    return text.encode(charset or "utf-8")


@lru_cache(64)
def _in_utf8(content_type: str) -> str:
    """Return the Content-Type of text in UTF-8. Raises ValueError for a type that says its charset."""
    _refuse_charset(content_type)
    return f"{content_type}; charset=utf-8"


def _refuse_charset(content_type: str) -> None:
    if "charset" in content_type.lower():
        raise ValueError("charset must not be in content_type: pass it as charset")


def _size(body: Buffer | None) -> int:
    return 0 if body is None else body.nbytes if isinstance(body, memoryview) else len(body)


_END = http1.EndOfMessage()
_ABOUT_BODY = (b"content-length", b"content-type", b"transfer-encoding")
