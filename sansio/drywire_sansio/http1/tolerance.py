"""Reads the heads of broken servers: puts each line right as far as the quirks allow, then reads it strictly.

The strict reader behind it sees repaired lines only, so there is one grammar and one set of limits. Lines are judged
when they are whole; only their length is judged before. Errors name the byte as it arrived.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Set
from typing import Final

from ..errors import RemoteProtocolError
from ..fields import FieldLines
from ..grammar import CONTENT_LENGTH, FRAMING_NAME, TOKEN
from ..limits import Limits, exceeded
from .buffer import ReceiveBuffer
from .events import InformationalResponse, Response
from .head import RESPONSE, HeadReader
from .quirks import Quirk

__all__ = ["TolerantHeadReader"]

_SPACES: Final = b" \t"
_ICY_MEANS: Final = b"HTTP/1.0"
_WITHOUT_CONTROLS: Final = bytes(
    0x20 if (byte < 0x20 and byte != 0x09) or byte == 0x7F else byte for byte in range(256)
)


class TolerantHeadReader:
    """Reads response heads from `buffer` like `HeadReader`, tolerating `quirks`.

    `buffer` keeps a head until it is whole, so that an end of the connection inside it is known for one.
    """

    __slots__ = (
        "_buffer",
        "_length",
        "_limits",
        "_line",
        "_pending",
        "_places",
        "_quirks",
        "_reader",
        "_repaired",
        "_searched",
        "_terminator",
        "fields_offset",
    )

    def __init__(self, buffer: ReceiveBuffer, limits: Limits, quirks: Set[Quirk]) -> None:
        self._buffer = buffer
        self._limits = limits
        self._quirks = quirks
        self._repaired = ReceiveBuffer()
        self._reader = HeadReader(self._repaired, limits, RESPONSE)
        self.fields_offset = 0
        """The byte of the stream where the fields of the head that was read last began."""
        self._begin()

    def _begin(self) -> None:
        self._line = 0  # where the present line begins, counted from the head's start
        self._searched = 0
        self._terminator = b""  # of the status line, and so of every line
        self._pending: tuple[bytes, int] | None = None  # a field line that may yet be folded, and where it began
        self._length: bytes | None = None  # the digits of Content-Length
        self._places: list[tuple[int, int]] = []  # where each line begins: repaired, and as it arrived

    @property
    def fields(self) -> FieldLines:
        """The fields of the head that was read last; see `HeadReader.fields`."""
        return self._reader.fields

    def let_go(self) -> None:
        """Do not remember a section that is too large to be kept; see `HeadReader.let_go`."""
        self._reader.let_go()
        self._repaired.let_go()

    def read(self) -> InformationalResponse | Response | None:
        """Return the next head, None while it is not complete. Raises RemoteProtocolError."""
        buffer = self._buffer
        data, start = buffer.data, buffer.start
        while (end := data.find(b"\n", start + self._searched)) >= 0:
            first = start + self._line
            line = bytes(memoryview(data)[first : end + 1])
            self._check_length(len(line) - (2 if line.endswith(b"\r\n") else 1))
            head = self._take_line(line, buffer.offset + self._line)
            self._line = self._searched = end + 1 - start
            if head is not None:
                buffer.start += self._line
                self._begin()
                return head
        self._searched = len(data) - start
        self._check_length(self._searched - self._line - data.endswith(b"\r"))
        return None

    def _check_length(self, length: int) -> None:
        """Raise LimitExceeded for the present line once it has `length` bytes, which may be too many."""
        limits = self._limits
        name, value = ("field_line", limits.field_line) if self._terminator else ("start_line", limits.start_line)
        room, left = value, limits.head - self._line
        if left < room:
            name, value, room = "head", limits.head, left
        if length > room:
            self._flush()
            raise exceeded(name, value, self._buffer.offset + self._line + room)

    def _take_line(self, line: bytes, offset: int) -> InformationalResponse | Response | None:
        """Repair the line that began at `offset` and hand it on; return the head that it ends."""
        if not self._terminator:
            self._take_status_line(line, offset)
            return None
        if not line.endswith(self._terminator):
            self._flush()
            return self._hand_on(line, offset)  # a bare line feed, as the strict reader will say
        if self._terminator == b"\n" and line.endswith(b"\r\n"):
            self._flush()
            message = "a head whose lines end in CRLF and in a line feed alone"
            raise RemoteProtocolError(
                message,
                rule="mixed-line-ends",
                section="RFC 9112, 2.2",
                offset=offset + len(line) - 2,
                excerpt=line[-60:],
            )
        content = line[: -len(self._terminator)]
        if not content:
            self._flush()
            return self._hand_on(b"\r\n", offset)
        self._take_field_line(content, offset)
        return None

    def _take_status_line(self, line: bytes, offset: int) -> None:
        quirks = self._quirks
        strict = line.endswith(b"\r\n")
        if not strict and Quirk.BARE_LF not in quirks:
            self._hand_on(line, offset)
            return
        content = line[: -2 if strict else -1]
        if not content and Quirk.EMPTY_LINES in quirks:
            return
        self._terminator = b"\r\n" if strict else b"\n"
        if content.startswith(b"ICY ") and Quirk.ICY_STATUS_LINE in quirks:
            content = _ICY_MEANS + content[3:]
            # What stands behind it has moved.
            self._places.append((self._repaired.offset + len(self._repaired) + len(_ICY_MEANS), offset + 3))
        self.fields_offset = offset + len(line)
        self._hand_on(content + b"\r\n", offset)

    def _take_field_line(self, content: bytes, offset: int) -> None:
        if content[0] in _SPACES and self._pending is not None and Quirk.OBS_FOLD in self._quirks:
            before, began = self._pending
            fold = content.strip(_SPACES)
            if FRAMING_NAME.match(before.lower()) is None and FRAMING_NAME.match(fold.lower()) is None:
                self._pending = (before + b" " + self._without_controls(fold), began)
                return
        self._flush()
        repaired = self._repaired_field(content)
        if repaired is not None:
            self._pending = (repaired, offset)

    def _repaired_field(self, content: bytes) -> bytes | None:
        """Return a field line as the strict reader may take it, None for one that says nothing new."""
        name, colon, value = content.partition(b":")
        if FRAMING_NAME.match(content.lower()) is not None:
            if name.lower() == b"content-length" and Quirk.REPEATED_LENGTH in self._quirks:
                return self._single_length(name, value)
            return content
        if Quirk.SPACE_BEFORE_COLON in self._quirks and TOKEN.fullmatch(name.rstrip(_SPACES)):
            name = name.rstrip(_SPACES)
        return name + colon + self._without_controls(value)

    def _without_controls(self, value: bytes) -> bytes:
        return value.translate(_WITHOUT_CONTROLS) if Quirk.CONTROL_BYTES in self._quirks else value

    def _single_length(self, name: bytes, value: bytes) -> bytes | None:
        """Return the one Content-Length line for several that agree; None where it was there before."""
        members = {member.strip(_SPACES) for member in value.split(b",")}
        if len(members) != 1:
            return name + b":" + value
        (digits,) = members
        if CONTENT_LENGTH.fullmatch(digits) is None:
            return name + b":" + value
        if digits == self._length:
            return None
        self._length = digits
        return name + b": " + digits

    def _flush(self) -> None:
        if self._pending is not None:
            (content, offset), self._pending = self._pending, None
            self._hand_on(content + b"\r\n", offset)

    def _hand_on(self, line: bytes, offset: int) -> InformationalResponse | Response | None:
        """Let the strict reader judge a repaired line, which began at `offset` as it arrived."""
        repaired = self._repaired
        insort(self._places, (repaired.offset + len(repaired), offset))
        repaired.append(line)
        try:
            return self._reader.read()
        except RemoteProtocolError as error:
            began, arrived = self._places[bisect_right(self._places, error.offset, key=lambda place: place[0]) - 1]
            error.offset = arrived + error.offset - began
            raise
