"""Bodies that lie in memory."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, Final

from drywire_sansio.media_types import parse_media_type

from ..json_text import to_json
from .payload import PIECE, BodyWriter, Buffer, Payload

__all__ = ["BytesIOPayload", "BytesPayload", "JsonBytesPayload", "JsonPayload", "StringIOPayload", "StringPayload"]


_BYTES: Final = (bytes, bytearray, memoryview)


class BytesPayload(Payload):
    """bytes, bytearray or memoryview: sent as they are, without a copy, as often as it takes.

    A bytearray is looked into only while it is written, and may be changed in size once it was.
    """

    replayable = True

    def __init__(self, value: Buffer, *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, _BYTES):
            raise TypeError(f"value argument must be byte-ish, not {type(value).__name__}")
        if args or kwargs:
            super().__init__(value, *args, **kwargs)
        self._data = value
        self._size = value.nbytes if isinstance(value, memoryview) else len(value)

    def in_memory(self) -> bytes | memoryview:
        """Return the body."""
        return self._data if isinstance(self._data, bytes) else _flat(self._data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return bytes(self._data).decode(encoding, errors)

    async def write(self, writer: BodyWriter) -> None:
        """Write the body, a large one in pieces of 256 KiB."""
        body = self.in_memory()
        if len(body) <= PIECE:
            await writer.write(body)
            return
        view = memoryview(body)
        for start in range(0, len(view), PIECE):
            await writer.write(view[start : start + PIECE])


def _flat(value: Buffer) -> memoryview:
    view = memoryview(value)
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


class StringPayload(BytesPayload):
    """Text, in the charset of `encoding`, of `content_type`, or in UTF-8."""

    _default_content_type = "text/plain; charset=utf-8"

    def __init__(
        self, value: str, *args: Any, encoding: str | None = None, content_type: str | None = None, **kwargs: Any
    ) -> None:
        charset, kind = text_type(encoding, content_type)
        super().__init__(value.encode(charset), *args, encoding=charset, content_type=kind, **kwargs)


def text_type(encoding: str | None, content_type: str | None) -> tuple[str, str]:
    """Return the charset to write text in, and the media type that says so."""
    if encoding is None:
        if content_type is None:
            return "utf-8", "text/plain; charset=utf-8"
        return parse_media_type(content_type).charset or "utf-8", content_type
    if content_type is None:
        return encoding, f"text/plain; charset={encoding}"
    return encoding, content_type


class StringIOPayload(StringPayload):
    """What is left to read of an `io.StringIO` when the payload is made."""

    def __init__(self, value: io.StringIO, *args: Any, **kwargs: Any) -> None:
        super().__init__(value.read(), *args, **kwargs)


class BytesIOPayload(BytesPayload):
    """What is left to read of an `io.BytesIO` when the payload is made; it is neither moved nor closed."""

    def __init__(self, value: io.BytesIO, *args: Any, **kwargs: Any) -> None:
        super().__init__(memoryview(value.getvalue())[value.tell() :], *args, **kwargs)


class JsonPayload(BytesPayload):
    """`value` in JSON, as `dumps` writes it."""

    _default_content_type = "application/json"

    def __init__(
        self,
        value: Any,
        encoding: str = "utf-8",
        content_type: str = "application/json",
        dumps: Callable[[Any], str] = json.dumps,
        **kwargs: Any,
    ) -> None:
        super().__init__(to_json(value, dumps).encode(encoding), **kwargs)
        self._content_type, self._encoding = content_type, encoding


class JsonBytesPayload(BytesPayload):
    """`value` in JSON, as `dumps`, which returns bytes, writes it."""

    _default_content_type = "application/json"

    def __init__(
        self, value: Any, dumps: Callable[[Any], bytes], content_type: str = "application/json", **kwargs: Any
    ) -> None:
        super().__init__(dumps(value), content_type=content_type, **kwargs)
