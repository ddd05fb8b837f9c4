"""`Response`: a response whose whole body is known, and `json_response`."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_sansio.media_types import parse_media_type
from drywire_transports.message_fields import LooseHeaders, map_to_fields

from .compression import BodyEncoder, Compression, ContentCoding, encode_in_thread
from .default_fields import fields_of_body
from .stream_response import Asked, Fields, StreamResponse, forbids_body

__all__ = ["Response", "json_response"]

EXECUTOR_SIZE: Final = 4096
"""Bytes of a body up to which compressing it takes less time than handing it to a thread."""
_NO_LENGTH = (204, 304)


class Response(StreamResponse):
    """A response with the body `body` (bytes) or `text` (str), not both.

    `content_type` and `charset` name the body's type; ``text/plain`` in UTF-8 for text and
    ``application/octet-stream`` for bytes where they are left out. Raises ValueError for `body` beside `text`, for a
    charset inside `content_type`, and for either beside a Content-Type in `headers`.

    With `enable_compression` a body of more than `zlib_executor_size` bytes (4096; None for that, too) is compressed
    in a thread: one of `zlib_executor`, or else of the event loop.
    """

    _coded: bytes | None = None
    _executor: tuple[int, Executor | None] = (EXECUTOR_SIZE, None)

    def __init__(
        self,
        *,
        body: bytes | bytearray | memoryview | str | None = None,
        status: int = 200,
        reason: str | None = None,
        text: str | None = None,
        headers: LooseHeaders | None = None,
        content_type: str | None = None,
        charset: str | None = None,
        zlib_executor_size: int | None = None,
        zlib_executor: Executor | None = None,
    ) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        if body is not None:
            if text is not None:
                raise ValueError("body and text are not allowed together")
            if isinstance(body, str):
                body, text = None, body
            elif not isinstance(body, bytes | bytearray | memoryview):
                raise TypeError(f"body must be bytes or str, not {type(body).__name__}")
        if zlib_executor_size is not None or zlib_executor is not None:
            size = EXECUTOR_SIZE if zlib_executor_size is None else zlib_executor_size
            self._executor = (size, zlib_executor)
        self._default_type: str | None = None
        if self._headers is not None and "Content-Type" in self._headers:
            if content_type is not None or charset is not None:
                raise ValueError("content_type and charset are not allowed beside a Content-Type header")
            charset = parse_media_type(self._headers["Content-Type"]).charset
        else:
            if content_type is None:
                content_type = "application/octet-stream" if text is None else "text/plain"
            elif "charset" in content_type.lower():
                raise ValueError("charset must not be in content_type: pass it as charset")
            charset = "utf-8" if charset is None and text is not None else charset
            self._default_type = content_type if charset is None else f"{content_type}; charset={charset}"
        self._body: bytes | bytearray | memoryview | None = (
            text.encode(charset or "utf-8") if text is not None else body
        )

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed until the head is sent."""
        if self._headers is None:
            self._headers = CIMultiDict()
        if self._default_type is not None:
            self._headers.setdefault("Content-Type", self._default_type)
            self._default_type = None
        return self._headers

    @property
    def body(self) -> bytes | bytearray | memoryview | None:
        """The body, None where there is none."""
        return self._body

    @body.setter
    def body(self, body: bytes | bytearray | memoryview | None) -> None:
        self._refuse_if_prepared("the body")
        self._body = body
        if self._headers is not None:
            self._headers.pop("Content-Length", None)

    @property
    def text(self) -> str | None:
        """The body as text in its charset, None where there is none."""
        return None if self._body is None else bytes(self._body).decode(self.charset or "utf-8")

    @text.setter
    def text(self, text: str | None) -> None:
        if self.content_type == "application/octet-stream":
            self._set_content_type("text/plain", self.charset or "utf-8")
        self.body = None if text is None else text.encode(self.charset or "utf-8")

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes."""
        if self._headers is not None and "Content-Length" in self._headers:
            return int(self._headers["Content-Length"])
        body = self._sent_body
        return 0 if body is None else memoryview(body).nbytes

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        raise RuntimeError("the length of a Response is that of its body")

    @property
    def _sent_body(self) -> bytes | bytearray | memoryview | None:
        return self._body if self._coded is None else self._coded

    async def _start_coding(self, request: Asked, wanted: Compression) -> None:
        coding = self._coding_for(request, wanted)
        body = self._body
        size = 0 if body is None else memoryview(body).nbytes
        if body is None or not size or coding is ContentCoding.identity:
            return
        encoder = BodyEncoder(coding, wanted.strategy)
        bound, executor = self._executor
        self._coded = encoder.whole(body) if size <= bound else await encode_in_thread(encoder, body, executor)
        self._say_coding(coding)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the body and end the response; does nothing the second time."""
        if self._eof_sent:
            return
        if data:
            raise RuntimeError("a Response has its whole body: write_eof() takes no more data")
        request = self._sending()
        self._eof_sent = True
        await request.link.send(*self._body_events(request))

    def whole(self, request: Asked) -> tuple[http1.Response, bytes | bytearray | memoryview]:
        """Return head and body, to be sent in one go; the response counts as sent from here on."""
        if self._headers is None and self._default_type is not None and self._keep_alive:
            status, body = self._status, self._body
            if status not in _NO_LENGTH:
                length = 0 if body is None else memoryview(body).nbytes
                head = http1.Response(status, fields_of_body(self._default_type, length), self._reason)
                self._request = request
                self._eof_sent = True
                return head, b"" if body is None or request.method == "HEAD" else body
        head = self.head(request)
        self._request = request
        self._eof_sent = True
        return head, b"" if self._body is None or forbids_body(request.method, self._status) else self._body

    def _body_events(self, request: Asked) -> tuple[http1.Event, ...]:
        body = self._sent_body
        if body is None or forbids_body(request.method, self._status):
            return (_END,)
        return http1.Data(body), _END

    def _fields(self, request: Asked) -> Fields:
        if self._headers is None and self._default_type is not None:
            fields: Fields = [(b"Content-Type", self._default_type.encode("utf-8"))]
        else:
            fields = map_to_fields(self.headers)
        if self._status in _NO_LENGTH:
            return [field for field in fields if field[0].lower() not in _ABOUT_BODY]
        if self._headers is None or not ("Content-Length" in self._headers or "Transfer-Encoding" in self._headers):
            body = self._sent_body
            fields.append((b"Content-Length", b"%d" % (0 if body is None else memoryview(body).nbytes)))
        return fields


_END = http1.EndOfMessage()
_ABOUT_BODY = (b"content-length", b"content-type", b"transfer-encoding")


def json_response(
    data: Any = None,
    *,
    text: str | None = None,
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
    dumps: Callable[[Any], str] = json.dumps,
) -> Response:
    """Return a `Response` with `data` as JSON, or with `text` or `body` that are JSON already.

    Raises ValueError for `data` beside `text` or `body`.
    """
    if data is not None and (text is not None or body is not None):
        raise ValueError("only one of data, text, or body should be specified")
    if text is None and body is None:
        text = dumps(data)
    return Response(text=text, body=body, status=status, reason=reason, headers=headers, content_type=content_type)
