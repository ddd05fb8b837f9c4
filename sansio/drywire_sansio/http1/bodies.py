"""A reader and a writer for each framing of a message body (RFC 9112, 6 and 7).

A reader takes what it can from the `ReceiveBuffer` and returns one event, or None where it needs more bytes. A
writer turns data into buffers, without copying them, and checks that what was announced is what is sent.
"""

from __future__ import annotations

from typing import Protocol

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import FieldLines, ReceivedFieldLines
from ..grammar import CHUNK_HEAD, CHUNK_SIZE, CONTROL_BYTE, NEXT_PLAIN_SIZE, PLAIN_SIZE, SPACED_CHUNK_HEAD
from ..limits import Limits, exceeded
from .buffer import ReceiveBuffer, piece
from .events import Buffer, Data, EndOfMessage, Fields
from .framing import NO_BODY, Chunked, Framing, Length
from .section import Bounds, SectionScanner, control_error

__all__ = ["BodyReader", "BodyWriter", "body_reader", "body_writer", "size_in_bytes"]

# Fields that frame, route or describe a message cannot come after it (RFC 9110, 6.5.1).
FORBIDDEN_TRAILERS = frozenset(
    b"authorization,cache-control,connection,content-encoding,content-length,content-range,content-type,cookie,"
    b"expect,host,keep-alive,max-forwards,proxy-authenticate,proxy-authorization,range,set-cookie,te,trailer,"
    b"transfer-encoding,upgrade,www-authenticate".split(b",")
)


END_OF_MESSAGE = EndOfMessage()


def size_in_bytes(data: Buffer) -> int:
    """Return the length of `data` in bytes, whatever its item size."""
    return data.nbytes if isinstance(data, memoryview) else len(data)


class BodyReader(Protocol):
    """Reads one message body."""

    def read(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Return the next event, None where more bytes are needed. Raises RemoteProtocolError."""
        ...


class LengthReader:
    """Reads a body of known length."""

    __slots__ = ("_remaining",)

    def __init__(self, length: int) -> None:
        self._remaining = length

    def read(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Return the next event; see `BodyReader`."""
        if not self._remaining:
            return END_OF_MESSAGE
        data = buffer.take(self._remaining)
        if data:
            self._remaining -= len(data)
            return Data(data)
        if buffer.eof:
            message = f"connection closed with {self._remaining} bytes of the body still to come"
            raise _incomplete(message, "RFC 9112, 8", buffer)
        return None

    def take_whole(self, buffer: ReceiveBuffer) -> bytes | None:
        """Return the rest of the body if all of it is there, else None."""
        remaining = self._remaining
        if len(buffer.data) - buffer.start < remaining:
            return None
        self._remaining = 0
        return buffer.take_bytes(remaining) if remaining else b""


class UntilCloseReader:
    """Reads a body that the end of the connection ends."""

    __slots__ = ("_limit", "_room")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._room = limit

    def read(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Return the next event; see `BodyReader`."""
        data = buffer.take(self._room)
        if data:
            self._room -= len(data)
            return Data(data)
        if len(buffer):
            raise exceeded("body", self._limit, buffer.offset)
        return END_OF_MESSAGE if buffer.eof else None


class ChunkedReader:
    """Reads a body in the chunked coding, every byte of the coding checked."""

    __slots__ = (
        "_after_data",
        "_begins",
        "_extensions_left",
        "_limits",
        "_match_head",
        "_remaining",
        "_room",
        "_scanned",
        "_trailers",
    )

    def __init__(self, limits: Limits, spaced: bool) -> None:
        self._limits = limits
        self._match_head = (SPACED_CHUNK_HEAD if spaced else CHUNK_HEAD).match
        self._extensions_left = limits.chunk_extensions
        self._remaining = 0  # bytes of the present chunk still to come
        self._room = limits.body  # bytes that later chunks may have
        self._begins = False  # whether none of the present chunk's data was given out yet
        self._after_data = False  # whether the chunk's CRLF is due
        self._scanned = 0  # up to where the present size line was looked at
        self._trailers: SectionScanner | None = None

    def read(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Return the next event; see `BodyReader`.

        The common case, data behind a plain size line that has arrived whole, is done here in one match; all else is
        done step by step.
        """
        data, start = buffer.data, buffer.start
        length, remaining = len(data), self._remaining
        if not remaining and start < length and self._trailers is None:
            match = (NEXT_PLAIN_SIZE if self._after_data else PLAIN_SIZE).match(data, start)
            if match is not None and (size := int(match[1], 16)) <= self._room:
                self._scanned = 0
                self._room -= size
                self._remaining = remaining = size
                self._begins = True
                self._after_data = False
                buffer.start = start = match.end()
        if remaining and start < length:
            end = min(start + remaining, length)
            buffer.start = end
            self._remaining = remaining = remaining - (end - start)
            begins, self._begins = self._begins, False
            self._after_data = ends = not remaining
            return Data(piece(data, start, end), begins, ends)
        event = None if start == length else self._read_coding(buffer)
        if event is None and buffer.eof:
            raise _incomplete("connection closed inside a chunked body", "RFC 9112, 8", buffer)
        return event

    def _read_coding(self, buffer: ReceiveBuffer) -> Data | EndOfMessage | None:
        """Read what stands between the data of two chunks, or behind the last; None where more bytes are needed."""
        if self._trailers is not None:
            return self._read_trailers(self._trailers, buffer)
        if self._after_data and not self._skip_line_end(buffer):
            return None
        size = self._read_size(buffer)
        if size is None:
            return None
        if size == 0:
            self._trailers = SectionScanner(buffer, _trailer_bounds(self._limits), None)
            return self._read_trailers(self._trailers, buffer)
        self._remaining = size
        self._begins = True
        return self.read(buffer)

    def _skip_line_end(self, buffer: ReceiveBuffer) -> bool:
        """Consume the CRLF after a chunk's data; False where it has not all arrived."""
        data, start = buffer.data, buffer.start
        if data.startswith(b"\r\n", start):
            buffer.start = start + 2
            self._after_data = False
            return True
        if len(buffer) < 2 and data[start:] in (b"", b"\r"):
            return False
        message = "chunk data is longer than its size says, or not followed by CRLF"
        raise RemoteProtocolError(
            message,
            rule="bad-chunk-end",
            section="RFC 9112, 7.1",
            offset=buffer.offset,
            excerpt=bytes(data[start : start + 20]),
        )

    def _read_size(self, buffer: ReceiveBuffer) -> int | None:
        """Consume a size line and return the size; None where it has not all arrived."""
        data, start = buffer.data, buffer.start
        end = data.find(b"\n", start + self._scanned)
        if end < 0:
            self._check_size_line(buffer, len(data), complete=False)
            self._scanned = max(0, len(data) - start)
            return None
        match = self._match_head(data, start)
        if match is None:
            self._check_size_line(buffer, end + 1, complete=True)
            raise _bad_size(buffer)
        digits = match.end(1) - start
        extensions = end - 1 - start - digits
        if extensions:
            self._check_size_line(buffer, end + 1, complete=True)
            self._extensions_left -= extensions
        size = int(match[1], 16)
        if size > self._room:
            raise exceeded("body", self._limits.body, buffer.offset)
        self._room -= size
        buffer.start = end + 1
        self._scanned = 0
        return size

    def _check_size_line(self, buffer: ReceiveBuffer, end: int, *, complete: bool) -> None:
        """Raise for a control byte in the size line, or for extensions over the limit: whichever comes first."""
        data, start = buffer.data, buffer.start
        # Only what follows the digits counts as extension: then no arrival's end can change what is left of them.
        digits = CHUNK_SIZE.match(data, start)
        if digits is not None and CHUNK_SIZE.match(data, digits.end()):
            raise _bad_size(buffer)  # too long already, however it goes on
        room = self._extensions_left + (0 if digits is None else digits.end() - start)
        bad = CONTROL_BYTE.search(data, start + max(0, self._scanned - 1), end)
        if bad is not None and bad.start() - start <= room:
            raise control_error(data, bad.start(), buffer.offset + bad.start() - start)
        # The line's end does not count; of a line still open, a CR may be the beginning of it.
        carriage_return = data.startswith(b"\r", end - 2) if complete else data.endswith(b"\r")
        length = end - start - carriage_return - complete
        if length > room:
            limit = self._limits.chunk_extensions
            raise exceeded("chunk_extensions", limit, buffer.offset + room)

    def _read_trailers(self, scanner: SectionScanner, buffer: ReceiveBuffer) -> EndOfMessage | None:
        length = scanner.scan()
        if length is None:
            return None
        block = bytes(buffer.take(length))[:-2]
        if not block:
            return END_OF_MESSAGE
        allowed = [pair for pair in ReceivedFieldLines(block) if pair[0].lower() not in FORBIDDEN_TRAILERS]
        return EndOfMessage(allowed) if allowed else END_OF_MESSAGE


def _bad_size(buffer: ReceiveBuffer) -> RemoteProtocolError:
    return RemoteProtocolError(
        "chunk size is not 1 to 16 hexadecimal digits and well-formed extensions",
        rule="bad-chunk-size",
        section="RFC 9112, 7.1",
        offset=buffer.offset,
        excerpt=bytes(buffer.data[buffer.start : buffer.start + 60]).partition(b"\n")[0],
    )


def _trailer_bounds(limits: Limits) -> Bounds:
    return Bounds(
        total=limits.trailers,
        total_name="trailers",
        count=limits.trailer_count,
        count_name="trailer_count",
        line=limits.field_line,
    )


EMPTY_READER = LengthReader(0)  # without state once nothing remains, so one serves all


def _incomplete(message: str, section: str, buffer: ReceiveBuffer) -> RemoteProtocolError:
    return RemoteProtocolError(message, rule="incomplete-body", section=section, offset=buffer.offset + len(buffer))


def body_reader(
    framing: Framing, limits: Limits, buffer: ReceiveBuffer, spaced_chunk_sizes: bool = False
) -> BodyReader:
    """Return the reader of the body that is next in `buffer`. Raises LimitExceeded for one announced as too long.

    `spaced_chunk_sizes` lets white space stand behind a chunk's size, which the grammar does not.
    """
    if framing is NO_BODY:
        return EMPTY_READER
    if isinstance(framing, Length):
        if framing.length > limits.body:
            raise exceeded("body", limits.body, buffer.offset)
        return LengthReader(framing.length)
    return ChunkedReader(limits, spaced_chunk_sizes) if isinstance(framing, Chunked) else UntilCloseReader(limits.body)


class BodyWriter(Protocol):
    """Writes one message body."""

    def data(self, data: Buffer) -> list[Buffer]:
        """Return the buffers that carry `data`. Raises LocalProtocolError where it was not announced."""
        ...

    def end(self, trailers: Fields) -> list[Buffer]:
        """Return the buffers that end the body. Raises LocalProtocolError where it is not at its end."""
        ...


class LengthWriter:
    """Writes a body of announced length."""

    __slots__ = ("_remaining",)

    def __init__(self, length: int) -> None:
        self._remaining = length

    def data(self, data: Buffer) -> list[Buffer]:
        """Return the buffers that carry `data`; see `BodyWriter`."""
        size = size_in_bytes(data)
        if size > self._remaining:
            raise LocalProtocolError(
                f"{size - self._remaining} bytes more than the message can have: it was announced with a shorter "
                "Content-Length or may have no body (RFC 9110, 8.6)"
            )
        self._remaining -= size
        return [data] if size else []

    def end(self, trailers: Fields) -> list[Buffer]:
        """Return the buffers that end the body; see `BodyWriter`."""
        if self._remaining:
            raise LocalProtocolError(f"{self._remaining} bytes fewer than Content-Length announced (RFC 9110, 8.6)")
        _refuse_trailers(trailers)
        return []


class UntilCloseWriter:
    """Writes a body that the end of the connection ends."""

    __slots__ = ()

    def data(self, data: Buffer) -> list[Buffer]:
        """Return the buffers that carry `data`; see `BodyWriter`."""
        return [data] if size_in_bytes(data) else []

    def end(self, trailers: Fields) -> list[Buffer]:
        """Return the buffers that end the body; see `BodyWriter`."""
        _refuse_trailers(trailers)
        return []


class ChunkedWriter:
    """Writes a body in the chunked coding, a chunk for each piece of data."""

    __slots__ = ()

    def data(self, data: Buffer) -> list[Buffer]:
        """Return the buffers that carry `data`; see `BodyWriter`."""
        size = size_in_bytes(data)
        # A chunk of size 0 would end the body.
        return [b"%x\r\n" % size, data, b"\r\n"] if size else []

    def end(self, trailers: Fields) -> list[Buffer]:
        """Return the buffers that end the body; see `BodyWriter`."""
        pairs = list(trailers)
        for name, _ in pairs:
            if name.lower() in FORBIDDEN_TRAILERS:
                raise LocalProtocolError(f"{name.decode(errors='replace')} cannot be a trailer (RFC 9110, 6.5.1)")
        return [b"0\r\n%b\r\n" % FieldLines(pairs).raw]


def _refuse_trailers(trailers: Fields) -> None:
    if trailers != () and list(trailers):
        raise LocalProtocolError("trailers need the chunked coding (RFC 9112, 7.1.2)")


def body_writer(framing: Framing) -> BodyWriter:
    """Return the writer for `framing`."""
    if isinstance(framing, Length):
        return LengthWriter(framing.length)
    return ChunkedWriter() if isinstance(framing, Chunked) else UntilCloseWriter()
