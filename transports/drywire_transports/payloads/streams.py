"""Bodies that are made while they are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

from ..body_reader import StreamReader
from .payload import BodyWriter, Buffer, Payload

__all__ = ["AsyncIterablePayload", "StreamReaderPayload"]


class AsyncIterablePayload(Payload):
    """An async generator or iterable of bytes (or str, sent in UTF-8); once begun it cannot be sent again."""

    def __init__(self, value: AsyncIterable[Any], *args: Any, **kwargs: Any) -> None:
        if not isinstance(value, AsyncIterable):
            raise TypeError(f"value must be an async iterable, not {type(value).__name__}")
        super().__init__(value, *args, **kwargs)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise TypeError: the body is not there yet."""
        raise TypeError("the body of an async iterable can only be read by waiting for it")

    async def write(self, writer: BodyWriter) -> None:
        """Write what comes. Raises TypeError for what is neither bytes nor str."""
        if self._consumed:
            raise RuntimeError("the async body has been sent already: it cannot be made again")
        self._consumed = True
        try:
            async for piece in self._value:
                await writer.write(as_bytes(piece))
        finally:
            # A generator that was left half-way cleans up here and now, rather than when it is collected.
            if isinstance(self._value, AsyncGenerator):
                await self._value.aclose()


def as_bytes(piece: Any) -> Buffer:
    """Return a piece of an async body as bytes. Raises TypeError for what is neither bytes nor str."""
    if isinstance(piece, str):
        return piece.encode("utf-8")
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        return memoryview(piece).cast("B")
    raise TypeError(f"an async body must give bytes or str, not {type(piece).__name__}")


class StreamReaderPayload(AsyncIterablePayload):
    """The body of another message, passed on as it arrives."""

    def __init__(self, value: StreamReader, *args: Any, **kwargs: Any) -> None:
        super().__init__(value.iter_any(), *args, **kwargs)
