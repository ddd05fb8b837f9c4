"""What `data=` and `json=` may be, as bodies that know their size and type."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

__all__ = ["AsyncPayload", "BytesPayload", "Payload", "as_bytes", "make_payload"]

PIECE = 256 * 1024
"""Bytes of a large body that are handed to the connection at a time."""


class BytesPayload:
    """A body in memory; it can be sent again."""

    replayable = True

    def __init__(self, data: bytes | bytearray | memoryview, content_type: str = "application/octet-stream") -> None:
        self.data = data if type(data) is bytes else memoryview(data).cast("B")
        self.size: int | None = len(self.data)
        self.content_type = content_type

    def pieces(self) -> Iterator[memoryview]:
        """Give the body in pieces, none of them a copy."""
        view = memoryview(self.data)
        for start in range(0, len(view), PIECE):
            yield view[start : start + PIECE]


class AsyncPayload:
    """A body that is made while it is sent; once begun it cannot be sent again."""

    replayable = False
    size: int | None = None
    content_type = "application/octet-stream"

    def __init__(self, source: AsyncIterable[Any]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._source.__aiter__()

    async def aclose(self) -> None:
        """Let a generator that was left half-way clean up, here and now rather than when it is collected."""
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()


def as_bytes(piece: Any) -> bytes | memoryview:
    """Return a piece of an async body as bytes. Raises TypeError for what is neither bytes nor str."""
    if isinstance(piece, str):
        return piece.encode("utf-8")
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        return memoryview(piece).cast("B")
    raise TypeError(f"an async body must give bytes or str, not {type(piece).__name__}")


Payload = BytesPayload | AsyncPayload


def make_payload(data: Any) -> Payload:
    """Return the body for `data`.

    bytes, bytearray and memoryview go as they are, str in UTF-8, a mapping or pairs as a form, an async iterable in
    the chunked coding. Raises TypeError for anything else.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return BytesPayload(data)
    if isinstance(data, str):
        return BytesPayload(data.encode("utf-8"), "text/plain; charset=utf-8")
    if isinstance(data, AsyncIterable):
        return AsyncPayload(data)
    if isinstance(data, Mapping) or (isinstance(data, list | tuple) and all(_is_pair(item) for item in data)):
        pairs: Iterable[Any] = data.items() if isinstance(data, Mapping) else data
        form = urlencode([(name, value) for name, value in pairs], encoding="utf-8")
        return BytesPayload(form.encode("ascii"), "application/x-www-form-urlencoded")
    raise TypeError(
        f"data cannot be {type(data).__name__}: pass bytes, str, a mapping, pairs of name and value, "
        "or an async iterable"
    )


def _is_pair(item: object) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2
