"""`StreamReader`: a message body as users read it, with aiohttp's names, pulled from the connection as it is read.

A reader that pauses makes the socket pause. What lies in memory unread is what came together with the head, and, where
somebody has the body read ahead, as much as `StreamReader.get_read_buffer_limits` says: the client does that while
others wait for the connection's place.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from drywire_sansio.coding import ContentCodingError, ContentDecoder

from .errors import StreamBusy, StreamTimeout

__all__ = ["EMPTY_PAYLOAD", "BodySource", "EmptyStreamReader", "LineTooLong", "Piece", "StreamReader", "empty_body"]

T = TypeVar("T")

Piece = tuple[bytes, bool]
"""Bytes of a body, at least one, and whether they end a chunk of the chunked coding."""

DECODED_PIECE = 256 * 1024
"""Bytes that a coded body is decoded to at a time: however far it inflates, no more of it lies in memory unread."""
DECODED_IN_A_ROW = 2
"""Such pieces after which other tasks run, where a few bytes inflate to many of them."""
READ_LIMIT = 2**18
"""The `limit` that aiohttp's users know, in bytes."""


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

    One task may read at a time; a second raises StreamBusy, a RuntimeError. An error ends the body: every read that has
    to wait for more raises it, again and again. What had come before it can still be had by the reads that need no more
    than that, such as `readany`.

    Made without a source it is fed by hand: `feed_data` and `feed_eof` on one side, reading on the other. The
    parameters are aiohttp's; what is no source and `limit`, `timer` and `loop` are accepted and not needed.
    """

    runtime: ClassVar[Callable[[], Any] | None] = None
    """How a reader that is fed by hand finds the `Runtime` to wait on; set by `which`, of which nothing here knows."""

    total_bytes = 0
    """Bytes that there have been so far, decoded."""
    total_raw_bytes = 0
    """Bytes that have arrived so far, as they were coded."""

    # On the class, since most readers see them change little or never
    _offset = 0  # into the first piece
    _size = 0  # bytes that are here and not read
    _eof = False
    _exception: BaseException | None = None
    _decoder: ContentDecoder | None = None
    _failed: Callable[[ContentCodingError], Exception] | None = None
    _callbacks: tuple[Callable[[], None], ...] = ()
    _decoded_in_a_row = 0
    _waiting: Any = None
    _reading = False
    _limit = READ_LIMIT
    _chunk_end = -1  # a byte of the body, counted as decoded: a chunk ends before it, which `readchunk` has not said
    _in_chunk = False  # whether a coded chunk has given bytes, and its end was not seen yet
    is_fed = False
    """Whether somebody feeds what the source gives, so that a reader waits for that and leaves the source alone."""
    deadline: Callable[[], float] | None = None
    """Returns until when a reader waits that begins to wait for what is fed, on the runtime's clock; None: for ever."""
    timed_out: Callable[[StreamTimeout], Exception] | None = None
    """Returns what such a reader raises once that has passed; None: the StreamTimeout itself."""

    def __init__(
        self, protocol: Any = None, limit: int = READ_LIMIT, *, timer: object = None, loop: object = None
    ) -> None:
        self._source: BodySource | None = protocol if hasattr(protocol, "pull") else None
        self._pieces: deque[Piece] = deque()
        self._raw = self._pieces  # what has come; apart from the pieces where it is coded
        if limit != READ_LIMIT:
            self._limit = limit

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._size} bytes{' eof' if self._eof else ''}>"

    # The producer's side

    def decode_with(self, decoder: ContentDecoder, failed: Callable[[ContentCodingError], Exception]) -> None:
        """Decode what comes as it is read; `failed` returns what to raise for a body that cannot be decoded."""
        self._decoder = decoder
        self._failed = failed
        self._raw = deque()

    def feed(self, data: bytes, ends_chunk: bool = False) -> None:
        """Add a piece that has arrived already."""
        size = len(data)
        self.total_raw_bytes += size
        self._raw.append((data, ends_chunk))
        if self._decoder is None:
            self._size += size
            self.total_bytes += size

    def feed_whole(self, data: bytes) -> None:
        """Add all of the body, which has arrived already, to a new reader."""
        size = len(data)
        self.total_raw_bytes = size
        self._raw.append((data, False))
        if self._decoder is None:
            self._size = self.total_bytes = size
        self._eof = True
        self._source = None

    def feed_data(self, data: bytes, size: int = 0) -> None:
        """Add bytes by hand. `size` is aiohttp's, and not needed."""
        if self._eof:
            raise RuntimeError("feed_data after feed_eof")
        if data:
            self.feed(bytes(data))
            self.wake()

    def feed_eof(self) -> None:
        """Say that no more pieces will come."""
        self._eof = True
        self._source = None
        if self._waiting is not None:
            self.wake()
        if self._callbacks:
            callbacks, self._callbacks = self._callbacks, ()
            for callback in callbacks:
                callback()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Make every further read raise `exc`."""
        if exc_cause is not None:
            exc.__cause__ = exc_cause
        self._exception = exc
        self.wake()

    def begin_http_chunk_receiving(self) -> None:
        """Say that what is fed by hand from now on is a chunk."""

    def end_http_chunk_receiving(self) -> None:
        """Say that the chunk ends with what was fed last."""
        if self._raw:
            self._raw[-1] = (self._raw[-1][0], True)
        else:
            self._end_chunk()
            self.wake()

    def wake(self) -> None:
        """Wake a reader that waits for what is fed."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set()

    # What is known

    def is_eof(self) -> bool:
        """Whether the end of the body has arrived, read or not."""
        return self._eof

    def at_eof(self) -> bool:
        """Whether the body has been read to its end."""
        if self._eof and not self._size and self._decoder is not None and not self._reading:
            self._look_for_end()
        return self._eof and not self._size and not self._raw and self._decoder is None

    def on_eof(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the end has arrived; now if it has."""
        if self._eof:
            callback()
        else:
            self._callbacks += (callback,)

    async def wait_eof(self) -> None:
        """Wait until the end has arrived. What comes until then is kept to be read."""
        while not self._eof and await self._fill():
            pass

    @property
    def total_compressed_bytes(self) -> int | None:
        """Bytes that have arrived of a coded body; None for one that is not coded."""
        return None if self._raw is self._pieces else self.total_raw_bytes

    @property
    def unread(self) -> int:
        """Bytes that have come and were not read, coded ones as they are."""
        return self._size if self._raw is self._pieces else self._size + sum(len(data) for data, _ in self._raw)

    @property
    def is_being_read(self) -> bool:
        """Whether somebody waits for more of the body."""
        return self._reading

    def get_read_buffer_limits(self) -> tuple[int, int]:
        """Return the low mark (the `limit`) and the high mark (twice that), in bytes.

        Where the body is read ahead, that pauses at the high mark; nothing else is read before it is asked for.
        """
        return self._limit, 2 * self._limit

    def set_read_chunk_size(self, n: int) -> None:
        """Raise the low mark to `n` bytes."""
        self._limit = max(self._limit, n)

    def exception(self) -> BaseException | None:
        """Return the error that ended the body, if one has."""
        return self._exception

    @property
    def is_whole(self) -> bool:
        """Whether all of it is here, read or not, so that `read_nowait` gives what is left."""
        return self._eof and self._decoder is None and not self._reading

    def take_whole(self) -> bytes | None:
        """Return what is left to be read where all of it is here in one piece, else None."""
        if not self._eof or len(self._pieces) != 1 or self._offset or self._decoder is not None or self._reading:
            return None
        return self._take_piece()[0] if self._exception is None else None

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

        Raises ValueError for an empty separator, LineTooLong beyond `max_size` bytes (None: twice the reader's limit,
        512 KiB unless that was set).
        """
        if not separator:
            raise ValueError("separator must not be empty")
        limit = 2 * self._limit if max_size is None else max_size
        gathered, chunk_ends, start = bytearray(), list[int](), self.total_bytes - self._size
        while True:
            try:
                if not self._size and not await self._fill():
                    return bytes(gathered)
            except BaseException:
                # A cancelled call loses nothing
                self._put_back(bytes(gathered), (*chunk_ends, self._chunk_end - start))
                raise
            if gathered and self._chunk_end == start + len(gathered):
                chunk_ends.append(len(gathered))
            size, found = self._up_to(separator, gathered)
            if len(gathered) + size > limit:
                self._take_first(size)
                raise LineTooLong(f"no {separator!r} within {limit} bytes of the body")
            if found and not gathered:
                return self._take_first(size)
            gathered += self._take_first(size)
            if found:
                return bytes(gathered)

    def _up_to(self, separator: bytes, gathered: bytearray) -> tuple[int, bool]:
        """Return how many bytes of the first piece a line takes that began with `gathered`, and whether it ends so."""
        data, start = self._pieces[0][0], self._offset
        if gathered and len(separator) > 1:
            tail = bytes(gathered[1 - len(separator) :])
            found = (tail + data[start : start + len(separator) - 1]).find(separator)
            if found >= 0:
                return found + len(separator) - len(tail), True
        found = data.find(separator, start)
        return (len(data) - start, False) if found < 0 else (found + len(separator) - start, True)

    async def readchunk(self) -> tuple[bytes, bool]:
        """Return the next piece and whether it ends a chunk of the chunked coding; ``(b"", False)`` at the end.

        ``(b"", True)`` is the end of a chunk whose last byte was returned before.
        """
        if not self._size and not self._is_at_chunk_end:
            await self._fill(for_chunk_end=True)
        data = b"" if not self._size or self._is_at_chunk_end else self._take_piece()[0]
        ends_chunk = self._is_at_chunk_end
        if ends_chunk:
            self._chunk_end = -1
        return data, ends_chunk

    @property
    def _is_at_chunk_end(self) -> bool:
        return self._chunk_end == self.total_bytes - self._size

    def read_nowait(self, n: int = -1) -> bytes:
        """Return up to `n` bytes of what is there (all of it with -1), without waiting."""
        self._raise_if_broken()
        if self._reading:
            raise StreamBusy("read_nowait() called while another task is waiting for this body")
        if self._decoder is not None:
            while (n < 0 or self._size < n) and self._decode_one():
                pass
        return self._take(self._size if n < 0 else n)

    def unread_data(self, data: bytes) -> None:
        """Put `data` back in front of what is still to be read."""
        warnings.warn("unread_data is deprecated: keep the bytes yourself", DeprecationWarning, stacklevel=2)
        self._put_back(data)

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces of up to `n` bytes."""
        self.set_read_chunk_size(n)
        return _Reads(lambda: self.read(n), _no_bytes)

    def iter_any(self) -> AsyncIterator[bytes]:
        """Iterate over the body in pieces as they arrive."""
        return _Reads(self.readany, _no_bytes)

    def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """Iterate over what `readchunk` returns."""
        return _Reads(self.readchunk, _no_chunk)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the lines."""
        return _Reads(self.readuntil, _no_bytes)  # by lines: one coroutine less for each

    # Pieces

    async def _fill(self, for_chunk_end: bool = False) -> bool:
        """Wait for one more piece, or for the end of a chunk if that is asked for; False at the end."""
        self._raise_if_broken()
        if self._reading:
            raise StreamBusy("read() called while another task is already waiting for this body")
        self._reading = True
        try:
            if self._decoder is not None:
                return await self._fill_decoded(for_chunk_end)
            return await self._next(for_chunk_end)
        except StreamBusy:
            raise  # the second reader's mistake, and no business of the first
        except Exception as error:
            self._exception = error
            raise
        finally:
            self._reading = False

    async def _next(self, for_chunk_end: bool) -> bool:
        """Wait for one more piece as it has come; False at the end."""
        while self._source is None or self.is_fed:
            if self._eof:
                return False
            before = self.total_raw_bytes
            await self._wait()
            if self.total_raw_bytes != before or (for_chunk_end and self._is_at_chunk_end):
                return True
        piece = await self._source.pull()
        if piece is None:
            self.feed_eof()
            return False
        self.feed(*piece)
        return True

    async def _wait(self) -> None:
        """Wait until something is fed."""
        running = type(self).runtime
        if running is None:
            raise RuntimeError("a StreamReader that is fed by hand waits on the running loop: there is none")
        runtime = running()
        until = math.inf if self.deadline is None else self.deadline()
        self._waiting = wake = runtime.wake()
        try:
            await runtime.park(wake, until)
        except StreamTimeout as error:
            if self.timed_out is None:
                raise
            raise self.timed_out(error) from error
        self._raise_if_broken()

    async def _fill_decoded(self, for_chunk_end: bool) -> bool:
        while self._decoder is not None:
            if self._decode_one() or (for_chunk_end and self._is_at_chunk_end):
                self._decoded_in_a_row += 1
                if self._decoded_in_a_row >= DECODED_IN_A_ROW:
                    await self._let_others_run()
                return True
            self._decoded_in_a_row = 0
            if not await self._next(for_chunk_end) and not self._raw:
                self._end_decoding()
        return False

    async def _let_others_run(self) -> None:
        self._decoded_in_a_row = 0
        running = type(self).runtime
        if running is not None:
            runtime = running()
            await runtime.sleep_until(runtime.now())

    def _decode_one(self) -> bool:
        """Decode the next piece of what has come; False where there is none."""
        decoder = self._decoder
        if decoder is None or self._failed is None:
            return False
        try:
            while True:
                if not decoder.pending:
                    if not self._raw:
                        return False
                    decoder.feed(self._raw[0][0])
                data = decoder.take(DECODED_PIECE)
                ends_chunk = False
                if not decoder.pending and self._raw:
                    ends_chunk = self._raw.popleft()[1]
                if data:
                    self._pieces.append((data, ends_chunk))
                    self._size += len(data)
                    self.total_bytes += len(data)
                    self._in_chunk = not ends_chunk
                    return True
                if ends_chunk and self._in_chunk:
                    self._end_chunk()  # known only now that nothing more came out
        except ContentCodingError as error:
            self._exception = self._failed(error)
            raise self._exception from error

    def _end_decoding(self) -> None:
        if self._decoder is None or self._failed is None:
            return
        try:
            self._decoder.end()
        except ContentCodingError as error:
            self._exception = self._failed(error)
            raise self._exception from error
        self._decoder = None

    def _look_for_end(self) -> None:
        """Decode once more, for what is left may give nothing but the end. An error is left to the next read."""
        try:
            if self._exception is None and not self._decode_one():
                self._end_decoding()
        except Exception as error:
            self._exception = error

    def _end_chunk(self) -> None:
        """Say that a chunk ends behind the last byte that is here."""
        self._in_chunk = False
        if self._pieces:
            self._pieces[-1] = (self._pieces[-1][0], True)
        elif self.total_bytes:
            self._chunk_end = self.total_bytes

    def _raise_if_broken(self) -> None:
        if self._exception is not None:
            raise self._exception

    def _take_piece(self) -> Piece:
        data, ends_chunk = self._pieces.popleft()
        if self._offset:
            data = data[self._offset :]
            self._offset = 0
        self._size -= len(data)
        if ends_chunk:
            self._chunk_end = self.total_bytes - self._size
        return data, ends_chunk

    def _take_first(self, n: int) -> bytes:
        """Return `n` bytes of the first piece, or the rest of it if that is what `n` is."""
        data, start = self._pieces[0][0], self._offset
        if start + n == len(data):
            return self._take_piece()[0]
        self._offset += n
        self._size -= n
        return data[start : start + n]

    def _put_back(self, data: bytes, chunk_ends: Iterable[int] = ()) -> None:
        """Put `data` in front of what is here; chunks end before its bytes of the numbers `chunk_ends`, in order."""
        if self._offset:
            first, ends_chunk = self._pieces.popleft()
            self._pieces.appendleft((first[self._offset :], ends_chunk))
            self._offset = 0
        start, pieces = 0, list[Piece]()
        for end in chunk_ends:
            if start < end <= len(data):
                pieces.append((data[start:end], True))
                start = end
        if start < len(data):
            pieces.append((data[start:], False))
        self._pieces.extendleft(reversed(pieces))
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


class EmptyStreamReader(StreamReader):
    """The body of a message that has none: at its end from the start."""

    def __init__(self) -> None:
        super().__init__()
        self._eof = True

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Do nothing: it is shared, and at its end."""

    def unread_data(self, data: bytes) -> None:
        """Raise RuntimeError: it is shared, and nothing was read that could be put back."""
        raise RuntimeError("there is no body to put anything back into")

    def set_read_chunk_size(self, n: int) -> None:
        """Do nothing: it is shared."""


EMPTY_PAYLOAD = EmptyStreamReader()
"""The body of messages that have none."""


def empty_body() -> StreamReader:
    """Return the body of a message that has none."""
    return EmptyStreamReader()
