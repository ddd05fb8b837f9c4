"""`MultipartReader`: the parts of a multipart body, and how they come out of a response."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from drywire_sansio.fields import FieldLines
from drywire_sansio.media_types import parse_media_type
from drywire_sansio.multipart import (
    DEFAULT_MULTIPART_LIMITS,
    End,
    MultipartLimits,
    MultipartParser,
    PartBegin,
    exceeded,
)

from ..body_reader import StreamReader
from ..message_fields import fields_to_map
from .body_part import BodyPartReader
from .content import Feed, MultipartError, PartContent, PartSource, declared_length

__all__ = ["MultipartReader", "MultipartResponseWrapper"]

_CHARSET: Final = re.compile(rb"[ \t\r\n]*+([0-9A-Za-z._:+\-]{1,31})[ \t\r\n]*+")


class _Response(Protocol):
    """What a `MultipartResponseWrapper` needs of a response."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> StreamReader: ...
    def release(self) -> Awaitable[object]: ...


class MultipartResponseWrapper:
    """The parts of a response, which is released once the last of them is read. Iterates over them.

    `resp` is the response, `stream` the reader of its parts.
    """

    def __init__(self, resp: Any, stream: MultipartReader) -> None:
        self.resp: _Response = resp
        self.stream = stream

    def __aiter__(self) -> MultipartResponseWrapper:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """Whether the last part has been read, and what follows it."""
        return self.stream.at_eof()

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part, None after the last. Raises what `MultipartReader.next` raises."""
        part = await self.stream.next()
        if self.stream.at_eof():
            await self.release()
        return part

    async def release(self) -> None:
        """Release the response; what is not read of it is not needed any more."""
        await self.resp.release()


class MultipartReader:
    """The parts of a multipart body, one after the other: `next`, or iteration.

    `headers` are those of the message, or part, that the body belongs to, `content` is the body. `client_max_size`
    bounds what `BodyPartReader.read` gathers of one part, in bytes. A part has at most `max_headers` header lines of at
    most `max_field_size` bytes; `limits` has the other bounds.

    A part that is multipart itself is a reader of the same class, or of `multipart_reader_cls`. A field
    ``_charset_`` of a form is no part but the charset of those behind it (RFC 7578, 4.6).

    Raises ValueError for headers that do not say multipart, or have no boundary of 1 to 70 characters, and
    MultipartError for bodies nested deeper than `limits` allow.
    """

    response_wrapper_cls: type[MultipartResponseWrapper] = MultipartResponseWrapper
    """What `from_response` makes."""
    multipart_reader_cls: type[MultipartReader] | None = None
    """The reader of parts that are multipart themselves; None for the class of this one."""
    part_reader_cls: type[BodyPartReader] = BodyPartReader
    """The reader of other parts."""

    def __init__(
        self,
        headers: Mapping[str, str],
        content: StreamReader,
        *,
        client_max_size: float = math.inf,
        max_field_size: int = 8190,
        max_headers: int = 128,
        max_size_error_cls: Callable[[Any], Exception] = ValueError,
        limits: MultipartLimits | None = None,
    ) -> None:
        content_type = headers.get("Content-Type")
        media_type = parse_media_type(content_type)
        if not media_type.essence.startswith("multipart/"):
            raise ValueError(f"multipart/* content type expected, not {(content_type or 'none')[:100]}")
        boundary = media_type.parameters.get("boundary")
        if boundary is None:
            raise ValueError(f"boundary missed for Content-Type: {(content_type or '')[:100]}")
        outer = content if isinstance(content, PartContent) else None
        if limits is None:
            limits = DEFAULT_MULTIPART_LIMITS if outer is None else outer.limits
        head = max(limits.head, max_field_size + 2)
        self._limits = replace(limits, field_line=max_field_size, field_count=max_headers, head=head)
        self._depth = 1 if outer is None else outer.depth + 1
        if self._depth > limits.nesting:
            error = exceeded("nesting", limits.nesting, 0)
            raise MultipartError(str(error), error.status) from error
        self.headers = headers
        """The header fields that it was made with."""
        self._subtype = media_type.essence.partition("/")[2]
        self._boundary = boundary.encode("utf-8", "surrogateescape")
        self._content = content
        self._feed = Feed(content, MultipartParser(self._boundary, self._limits))
        self._client_max_size = client_max_size
        self._max_size_error_cls = max_size_error_cls
        self._default_charset: str | None = None
        self._begun: FieldLines | None = None  # the headers of a part that has no reader yet
        self._source: PartSource | None = None  # of the part that was returned last
        self._last_part: MultipartReader | BodyPartReader | None = None
        self._charset_part: BodyPartReader | None = None  # one that is being read
        self._charset_said = bytearray()
        self._released = False
        self._at_eof = False

    @classmethod
    def from_response(cls, response: Any) -> MultipartResponseWrapper:
        """Return the reader of a response's parts, a `response_wrapper_cls`. Raises what the constructor raises."""
        return cls.response_wrapper_cls(response, cls(response.headers, response.content))

    def __aiter__(self) -> MultipartReader:
        return self

    async def __anext__(self) -> MultipartReader | BodyPartReader:
        part = await self.next()
        if part is None:
            raise StopAsyncIteration
        return part

    def at_eof(self) -> bool:
        """Whether the closing boundary has been read, and what follows it."""
        return self._at_eof

    async def next(self) -> MultipartReader | BodyPartReader | None:
        """Return the next part, None after the last. What is not read of the part before is passed over.

        Raises MultipartError for what is malformed, over a limit, or cut off, RuntimeError for a ``_charset_`` that is
        none, and what reading the body raises.
        """
        if self._released and not self._at_eof:
            await self.release()
        while not self._at_eof:
            if self._charset_part is None:
                part = await self._next_part()
                if part is not None and not self._says_charset(part):
                    return part
            if self._charset_part is not None:
                await self._take_charset(self._charset_part)
            else:
                await self._feed.finish()
                self._at_eof = True
        return None

    async def _next_part(self) -> MultipartReader | BodyPartReader | None:
        await self._pass_last_part()
        if self._begun is None and not self._feed.ended:
            event = await self._feed.next_event()
            self._feed.ended = isinstance(event, End)
            if isinstance(event, PartBegin):
                self._begun = event.headers
        if self._feed.ended:
            return None
        self._last_part = await self.fetch_next_part()
        return self._last_part

    async def _pass_last_part(self) -> None:
        """Read the last part to its end, whatever its reader has left of it."""
        last = self._last_part
        if last is not None:
            if not last.at_eof():
                await last.release()
            self._last_part = None
        if self._source is not None and self._begun is None:
            await self._source.finish()
            self._source = None

    def _says_charset(self, part: MultipartReader | BodyPartReader) -> bool:
        if self._subtype != "form-data" or not isinstance(part, BodyPartReader) or part.name != "_charset_":
            return False
        self._charset_part = part
        self._charset_said.clear()
        return True

    async def _take_charset(self, part: BodyPartReader) -> None:
        said = self._charset_said
        while len(said) < 40 and (data := await part.read_chunk(40)):
            said += data
        if (charset := _CHARSET.fullmatch(said)) is None:
            raise self._feed.fail(RuntimeError("Invalid default charset"))
        self._default_charset = charset[1].decode("ascii")
        self._charset_part = None

    async def release(self) -> None:
        """Read what is left of the body, to no use. Raises MultipartError for more than `MultipartLimits.body`."""
        self._released = True
        size = 0
        while data := await self._content.readany():
            size += len(data)
            if size > self._limits.body:
                error = exceeded("body", self._limits.body, size)
                raise self._feed.fail(MultipartError(str(error), error.status)) from error
        self._at_eof = True

    async def fetch_next_part(self) -> MultipartReader | BodyPartReader:
        """Return the reader of the part that begins; `next` awaits it for each part. To be overridden.

        Raises RuntimeError where none begins, and what the constructors of readers raise.
        """
        if self._begun is None:
            raise RuntimeError("no part begins here: call next()")
        headers, self._begun = fields_to_map(self._begun), None
        try:
            return self._get_part_reader(headers)
        except Exception as error:
            self._feed.fail(error)
            raise

    def _get_part_reader(self, headers: Mapping[str, str]) -> MultipartReader | BodyPartReader:
        is_multipart = parse_media_type(headers.get("Content-Type")).essence.startswith("multipart/")
        length = None if is_multipart or self._subtype == "form-data" else declared_length(headers)
        self._source = PartSource(self._feed, length)
        content = PartContent(self._source, self._limits, self._depth)
        if is_multipart:
            return (self.multipart_reader_cls or type(self))(
                headers,
                content,
                client_max_size=self._client_max_size,
                max_field_size=self._limits.field_line,
                max_headers=self._limits.field_count,
                max_size_error_cls=self._max_size_error_cls,
            )
        return self.part_reader_cls(
            b"--" + self._boundary,
            headers,
            content,
            subtype=self._subtype,
            default_charset=self._default_charset,
            client_max_size=self._client_max_size,
            max_size_error_cls=self._max_size_error_cls,
        )
