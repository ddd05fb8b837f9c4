"""`StreamReader`: a message body as users read it, with aiohttp's names, pulled from the connection as it is read.

Nothing is read ahead of the reader but what arrived together with the head: a reader that pauses makes the socket
pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from .errors import StreamBusy

__all__ = ["BodySource", "LineTooLong", "Piece", "StreamReader", "empty_body"]

T = TypeVar("T")

Piece = tuple[bytes, bool]
"""Bytes of a body, at least one, and whether they end a chunk of the chunked coding."""

LINE_LIMIT = 512 * 1024
"""Bytes of a line, or up to a separator, that are gathered unless the caller says otherwise."""


class LineTooLong(ValueError):
    """A line, or what stands before a separator, is longer than the limit of the call that reads it."""


class BodySource(Protocol):
    """Where a body comes from."""

    async def pull(self) -> Piece | None:
        """Return the next piece, None at the end of the body; raise what went wrong. Cancelling it loses nothing."""
        ...


class _Reads(Generic[T]):
    """Iterates over the results of a read method until it says that nothing is left.

    A plain object, not an async generator: one that is left half-way owes nobody a clean-up.
    """

    __slots__ = ("_is_end", "_read")

    def __init__(self, read: Callable[[], Awaitable[T]], is_end: Callable[[T], bool]) -> None:
        self._read = read
        self._is_end = is_end

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        result = await self._read()
        if self._is_end(result):
            raise StopAsyncIteration
        return result


def _no_bytes(data: bytes) -> bool:
    return not data


def _no_chunk(chunk: tuple[bytes, bool]) -> bool:
    return chunk == (b"", False)


class StreamReader:
    """The body of a request or response, read once, from front to back.

    One task may read at a time; a second raises `StreamBusy`, which is a RuntimeError. After an error every further
    read raises it again.
    """

    __slots__ = ("_eof", "_exception", "_offset", "_pieces", "_size", "_source", "total_bytes")

    def __init__(self, source: BodySource | None) -> None:
        self._source = source
        self._pieces: deque[Piece] = deque()
        self._offset = 0  # into the first piece
        self._size = 0  # bytes that are here and not read
        self._eof = source is None
        self._exception: BaseException | None = None
        self.total_bytes = 0
        """Bytes that have arrived so far."""

    def __repr__(self) -> str:
        return f"<StreamReader {self._size} bytes{' eof' if self._eof else ''}>"

    # The producer's side

    def feed(self, data: bytes, ends_chunk: bool = False) -> None:
        """Add a piece that has arrived already."""
        self._pieces.append((data, ends_chunk))
        self._size += len(data)
        self.total_bytes += len(data)

    def feed_eof(self) -> None:
        """Say that no more pieces will come."""
        self._eof = True
        self._source = None

    def set_exception(self, error: BaseException) -> None:
        """Make every further read raise `error`."""
        self._exception = error

    # What is known

    def is_eof(self) -> bool:
        """Whether the end of the body has arrived, read or not."""
        return self._eof

    def at_eof(self) -> bool:
        """Whether the body has been read to its end."""
        return self._eof and not self._size

    def exception(self) -> BaseException | None:
        """Return the error that ended the body, if one has."""
        return self._exception

    # Reading

    async def read(self, n: int = -1) -> bytes:
        """Return up to `n` bytes as soon as there are any; with -1 all up to the end. ``b""`` at the end."""
        if n < 0:
            while await self._fill():
                pass
            return self._take(self._size)
        if n and not self._size:
            await self._fill()
        return self._take(n)

    async def readany(self) -> bytes:
        """Return whatever is there, after waiting for something; ``b""`` at the end."""
        if not self._size:
            await self._fill()
        return self._take(self._size)

    async def readexactly(self, n: int) -> bytes:
        """Return exactly `n` bytes. Raises asyncio.IncompleteReadError, with what there was, at the end."""
        while self._size < n:
            if not await self._fill():
                from asyncio import IncompleteReadError  # only here, so that trio programs need not load asyncio

                raise IncompleteReadError(self._take(self._size), n)
        return self._take(n)

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        """Return a line with its line feed; the last may lack it. ``b""`` at the end. Raises LineTooLong."""
        return await self.readuntil(b"\n", max_size=max_line_length)

    async def readuntil(self, separator: bytes = b"\n", *, max_size: int | None = None) -> bytes:
        """Return the bytes up to and with `separator`, or up to the end.

        Raises ValueError for an empty separator, LineTooLong beyond `max_size` bytes (512 KiB where it is None).
        """
        if not separator:
            raise ValueError("separator must not be empty")
        limit = LINE_LIMIT if max_size is None else max_size
        gathered = bytearray()
        while True:
            if not self._size and not await self._fill():
                return bytes(gathered)
            searched = max(0, len(gathered) - len(separator) + 1)
            gathered += self._take_piece()[0]
            end = gathered.find(separator, searched)
            if end >= 0:
                end += len(separator)
                self._put_back(bytes(memoryview(gathered)[end:]))
                del gathered[end:]
            if len(gathered) > limit:
                raise LineTooLong(f"no {separator!r} within {limit} bytes of the body")
            if end >= 0:
                return bytes(gathered)

    async def readchunk(self) -> tuple[bytes, bool]:
        """Return the next piece and whether it ends a chunk of the chunked coding; ``(b"", False)`` at the end."""
        if not self._size and not await self._fill():
            return b"", False
        return self._take_piece()

    def read_nowait(self, n: int = -1) -> bytes:
        """Return up to `n` bytes of what is there (all of it with -1), without waiting."""
        self._raise_if_broken()
        return self._take(self._size if n < 0 else n)

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces of up to `n` bytes."""
        return _Reads(lambda: self.read(n), _no_bytes)

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces as they arrive."""
        return _Reads(self.readany, _no_bytes)

    def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over what `readchunk` returns."""
        return _Reads(self.readchunk, _no_chunk)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the lines."""
        return _Reads(self.readline, _no_bytes)

    # Pieces

    async def _fill(self) -> bool:
        """Wait for one more piece; False at the end."""
        self._raise_if_broken()
        if self._source is None:
            return False
        try:
            piece = await self._source.pull()
        except StreamBusy:
            raise  # the second reader's mistake, and no business of the first
        except Exception as error:
            self._exception = error
            raise
        if piece is None:
            self.feed_eof()
            return False
        self.feed(*piece)
        return True

    def _raise_if_broken(self) -> None:
        if self._exception is not None:
            raise self._exception

    def _take_piece(self) -> Piece:
        data, ends_chunk = self._pieces.popleft()
        if self._offset:
            data = data[self._offset :]
            self._offset = 0
        self._size -= len(data)
        return data, ends_chunk

    def _put_back(self, data: bytes) -> None:
        if data:
            self._pieces.appendleft((data, False))
            self._size += len(data)

    def _take(self, n: int) -> bytes:
        """Return up to `n` of the bytes that are here, without copying a piece that is taken whole."""
        if not self._size or not n:
            return b""
        data, _ = self._pieces[0]
        if not self._offset and len(data) <= n and (len(data) == n or len(self._pieces) == 1):
            return self._take_piece()[0]
        taken: list[bytes] = []
        while n and self._size:
            data, _ = self._pieces[0]
            left = len(data) - self._offset
            if left <= n:
                taken.append(self._take_piece()[0])
                n -= left
            else:
                taken.append(data[self._offset : self._offset + n])
                self._offset += n
                self._size -= n
                n = 0
        return b"".join(taken)


def empty_body() -> StreamReader:
    """Return the body of a message that has none."""
    return StreamReader(None)
