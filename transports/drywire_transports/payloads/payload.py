"""`Payload`: the body of a message, of whatever it is made."""

from __future__ import annotations

import mimetypes
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

from multidict import CIMultiDict

from drywire_sansio.content_disposition import (
    content_disposition_filename,
    format_content_disposition,
    parse_content_disposition,
)
from drywire_sansio.http1 import FieldLines, LocalProtocolError

from ..message_fields import LooseHeaders, map_to_fields, to_multidict

__all__ = ["PIECE", "BodyWriter", "Buffer", "Payload"]

Buffer = bytes | bytearray | memoryview
PIECE: Final = 256 * 1024
"""Bytes of a large body that are written at a time."""


class BodyWriter(Protocol):
    """Where a payload writes itself to."""

    async def write(self, chunk: Any, /) -> None:
        """Send `chunk`; returns when there is room for the next."""
        ...


class Payload(ABC):
    """A body: `size` in bytes, None where it is not known beforehand; `headers` that describe it.

    Make one of your own from this by `decode` and `write`, and register it by `payload_type`.
    """

    _default_content_type: ClassVar[str] = "application/octet-stream"
    _size: int | None = None

    replayable: bool = False
    """Whether it can be written more than once."""

    # Defaults on the class: most payloads have most of them
    _encoding: str | None = None
    _filename: str | None = None
    _content_type: str | None = None
    _headers: CIMultiDict[str] | None = None
    _consumed = False

    def __init__(
        self,
        value: Any,
        headers: LooseHeaders | None = None,
        content_type: str | None = None,
        filename: str | None = None,
        encoding: str | None = None,
        disposition: str | None = None,
        **_: Any,
    ) -> None:
        self._value = value
        self._encoding = encoding
        self._filename = filename
        self._content_type = content_type
        if headers:
            given = to_multidict(headers)
            self._content_type = content_type or given.get("Content-Type")
            self._headers = given
        if disposition is not None:
            self._set_disposition(disposition, {} if filename is None else {"filename": filename})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} size={self.size} content_type={self.content_type!r}>"

    @property
    def size(self) -> int | None:
        """The body's length in bytes, None where it is not known before it is written."""
        return self._size

    @property
    def filename(self) -> str | None:
        """The name of the file that it is, None for no file."""
        if self._filename is None and self._headers is not None:
            _, parameters = parse_content_disposition(self._headers.get("Content-Disposition"))
            return content_disposition_filename(parameters)
        return self._filename

    @property
    def content_type(self) -> str:
        """The media type: the one that was given, what the file's name says, or the default of the kind."""
        if self._content_type is None:
            guessed = mimetypes.guess_type(self._filename)[0] if self._filename else None
            self._content_type = guessed or self._default_content_type
        return self._content_type

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields that describe the body; may be changed."""
        if self._headers is None:
            self._headers = CIMultiDict()
        if "Content-Type" not in self._headers:
            self._headers["Content-Type"] = self.content_type
        return self._headers

    @property
    def _binary_headers(self) -> bytes:
        """The head of a part that is this body. Raises ValueError for a field that HTTP does not allow."""
        try:
            return FieldLines(map_to_fields(self.headers)).raw + b"\r\n"
        except LocalProtocolError as error:
            raise ValueError(f"the headers of a part cannot be sent: {error}") from error

    @property
    def encoding(self) -> str | None:
        """The charset that text is written in."""
        return self._encoding

    @property
    def consumed(self) -> bool:
        """Whether it has been written and cannot be written again."""
        return self._consumed

    @property
    def autoclose(self) -> bool:
        """Whether nothing is left to close: True for what holds no file."""
        return True

    def set_content_disposition(
        self,
        disptype: str,
        quote_fields: bool = True,
        _charset: str = "utf-8",
        **params: str,
    ) -> None:
        """Set Content-Disposition to `disptype` with `params`. Raises ValueError for a control character in one."""
        self._set_disposition(disptype, params, quote_fields, _charset)

    def _set_disposition(
        self, kind: str, parameters: Mapping[str, str], quote_fields: bool = True, charset: str = "utf-8"
    ) -> None:
        self.headers["Content-Disposition"] = format_content_disposition(
            kind, parameters, quote_fields=quote_fields, charset=charset
        )

    def in_memory(self) -> bytes | memoryview | None:
        """Return the whole body where it lies in memory already, without a copy; else None."""
        return None

    @abstractmethod
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text. Raises TypeError where it cannot be read at once."""

    @abstractmethod
    async def write(self, writer: BodyWriter) -> None:
        """Write the body to `writer`."""

    async def write_with_length(self, writer: BodyWriter, content_length: int | None) -> None:
        """Write the body to `writer`, and of it no more than `content_length` bytes."""
        await self.write(writer if content_length is None else _Bounded(writer, content_length))

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return the whole body; one that cannot be written twice is consumed by that."""
        data = self.in_memory()
        if data is not None:
            return bytes(data)
        gathered = _Gathered()
        await self.write(gathered)
        return bytes(gathered.data)

    def _close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what the body is read from; idempotent."""

    async def close(self) -> None:
        """Let go of what the body is read from; idempotent."""
        self._close()


class _Bounded:
    """Passes on the first bytes and drops the others."""

    def __init__(self, writer: BodyWriter, room: int) -> None:
        self._writer = writer
        self._room = room

    async def write(self, chunk: Buffer) -> None:
        if self._room <= 0:
            return
        view = memoryview(chunk).cast("B")[: self._room]
        self._room -= len(view)
        await self._writer.write(view)


class _Gathered:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: Buffer) -> None:
        self.data += chunk
