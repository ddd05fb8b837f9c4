"""Finds the end of a header or trailer section, once, and names the first thing wrong with it.

A complete section is matched whole by one pattern (`head.py`). This module has the two other cases: a section that
is still arriving, and one that the pattern refused. Both go through the same checks, line by line from the front,
and each check depends on nothing behind the byte it judges: so the same bytes get the same verdict, at the same
byte, however they are split. No byte is searched twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import RemoteProtocolError
from ..grammar import CONTROL_BYTE, FIELD_LINE, TOKEN
from ..limits import exceeded
from .buffer import ReceiveBuffer

__all__ = ["Bounds", "SectionScanner", "control_error", "field_line_error"]

StartLineError = Callable[[bytes, int], RemoteProtocolError | None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one kind of section, each with the name of its setting."""

    total: int
    total_name: str
    count: int
    count_name: str
    line: int
    line_name: str = "field_line"
    start_line: int = 0


def control_error(data: bytes | bytearray, position: int, offset: int) -> RemoteProtocolError:
    """Return the error for the forbidden byte at `position` of `data`, which is byte `offset` of the stream."""
    byte = data[position]
    if byte == 0x0D:
        message, rule, section = "carriage return without line feed", "bare-cr", "RFC 9112, 2.2"
    elif byte == 0x0A:
        message, rule, section = "line feed without carriage return", "bare-lf", "RFC 9112, 2.2"
    else:
        message, rule, section = "control byte in a head", "control-byte", "RFC 9110, 5.5"
    around = bytes(data[max(0, position - 20) : position + 20])
    return RemoteProtocolError(message, rule=rule, section=section, offset=offset, excerpt=around)


def field_line_error(line: bytes, offset: int) -> RemoteProtocolError | None:
    """Return what is wrong with a field line (CRLF and all, free of control bytes), None if nothing is."""
    if FIELD_LINE.fullmatch(line) is not None:
        return None
    name, colon, _ = line.partition(b":")
    if line[:1] in (b" ", b"\t"):
        message, rule, section = "line folding", "obs-fold", "RFC 9112, 5.2"
    elif not colon:
        message, rule, section = "header line without a colon", "no-colon", "RFC 9112, 5"
    elif name != name.rstrip(b" \t") and TOKEN.fullmatch(name.rstrip(b" \t")):
        message, rule, section = "white space before the colon", "space-before-colon", "RFC 9112, 5.1"
    else:
        message, rule, section = "header name is not a token", "bad-field-name", "RFC 9110, 5.1"
    return RemoteProtocolError(message, rule=rule, section=section, offset=offset, excerpt=line)


class SectionScanner:
    """Follows one section through a `ReceiveBuffer`: `start_line_error` judges its first line, None if it has none.

    `scan()` looks at what has arrived since the last call, and returns the section's length in bytes once its empty
    line is there, else None. It raises RemoteProtocolError for the first thing wrong.
    """

    __slots__ = ("_bounds", "_buffer", "_count", "_line", "_scanned", "_start_line_error")

    def __init__(self, buffer: ReceiveBuffer, bounds: Bounds, start_line_error: StartLineError | None) -> None:
        self._buffer = buffer
        self._bounds = bounds
        self._start_line_error = start_line_error
        self._line = 0  # where the unfinished line begins, counted from the section's start
        self._scanned = 0  # up to where it was looked at
        self._count = -1 if start_line_error is not None else 0  # finished field lines

    def scan(self) -> int | None:
        """Judge what is new; return the section's length in bytes if it is complete, else None."""
        buffer = self._buffer
        data, start = buffer.data, buffer.start
        size = len(data) - start
        while True:
            end = data.find(b"\n", start + self._scanned)
            if end < 0:
                self._check_open_line(data, start, size)
                self._scanned = size
                return None
            # A bare line feed ends a line here so that the check finds it at once.
            self._scanned = end + 1 - start
            if end - start - self._line == 1 and data[end - 1] == 0x0D and self._count >= 0:
                return self._checked_length(self._scanned)
            self._check_line(bytes(memoryview(data)[start + self._line : end + 1]))
            self._line = self._scanned
            self._count += 1

    def _checked_length(self, length: int) -> int:
        bounds = self._bounds
        if length - 2 > bounds.total:
            raise exceeded(bounds.total_name, bounds.total, self._buffer.offset + bounds.total)
        return length

    def _room(self) -> tuple[str, int, int]:
        """Return the limit that the unfinished line meets first: name, value, and the bytes it leaves."""
        bounds = self._bounds
        left = bounds.total - self._line
        if self._count < 0:
            name, line = "start_line", bounds.start_line
        else:
            name, line = bounds.line_name, bounds.line
        return (name, line, line) if line <= left else (bounds.total_name, bounds.total, left)

    def _check_open_line(self, data: bytes | bytearray, start: int, size: int) -> None:
        """Check a line that has not ended: its count, its bytes so far, its length."""
        first = start + self._line
        length = size - self._line
        if length == 0 or (length == 1 and data[first] == 0x0D):
            return  # nothing to judge yet: the section may end here
        self._check_count()
        bad = CONTROL_BYTE.search(data, max(first, start + self._scanned - 1))
        self._check_length(data, first, length - (data[-1] == 0x0D), None if bad is None else bad.start())

    def _check_line(self, line: bytes) -> None:
        """Check a line that has ended, its line feed included."""
        self._check_count()
        terminated = line.endswith(b"\r\n")
        bad = CONTROL_BYTE.search(line)
        self._check_length(line, 0, len(line) - (2 if terminated else 1), None if bad is None else bad.start())
        offset = self._buffer.offset + self._line
        if self._count < 0 and self._start_line_error is not None:
            error = self._start_line_error(line, offset)
        else:
            error = field_line_error(line, offset)
        if error is not None:
            raise error

    def _check_count(self) -> None:
        bounds = self._bounds
        if self._count >= bounds.count:
            raise exceeded(bounds.count_name, bounds.count, self._buffer.offset + self._line)

    def _check_length(self, data: bytes | bytearray, first: int, length: int, bad: int | None) -> None:
        """Raise for the forbidden byte at `bad`, or for a line longer than allowed: whichever comes first."""
        name, value, room = self._room()
        offset = self._buffer.offset + self._line
        if bad is not None and bad - first <= room:
            raise control_error(data, bad, offset + bad - first)
        if length > room:
            raise exceeded(name, value, offset + room)
