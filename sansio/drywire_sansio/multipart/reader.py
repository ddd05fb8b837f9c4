"""`MultipartParser`: the bytes of a multipart body in, its parts out as events (RFC 2046, 5.1; RFC 7578)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import ReceivedFieldLines
from ..grammar import FIELD_LINE, TOKEN
from .events import NEED_DATA, End, Event, NeedData, PartBegin, PartData, PartEnd
from .limits import DEFAULT_MULTIPART_LIMITS, MultipartLimits, exceeded

__all__ = ["MultipartParser"]

# RFC 2046, 5.1.1 has fewer characters; what is sent has others too, and none of these can be mistaken for a line end.
_BOUNDARY: Final = re.compile(rb"[\x20-\x7e]{0,69}[\x21-\x7e]")
_PADDING: Final = re.compile(rb"[ \t]*+")
# RFC 2045, 3: a part has each of them once at most. Of two, each of two readers could take another.
_SINGLE_FIELD: Final = re.compile(rb"(?:\A|\n)(content-(?:disposition|encoding|length|transfer-encoding|type)):")
_BOUNDARY_SECTION: Final = "RFC 2046, 5.1.1"

_Step = Event | NeedData | None
"""What a state returns: None where it has handed over to the next one without anything to say."""


class MultipartParser:
    """Reads one multipart body, however it is split: `receive_data` the bytes, take events from `next_event`.

    `boundary` is that of the Content-Type field, without the leading hyphens. Nested bodies are content here: give the
    data of such a part to a parser of its own. With `in_part` the input begins with the content of a part, whose
    headers were read already. Takes time in proportion to the input, and holds a part's header lines or a boundary's
    length at most.

    Lines end in CRLF only. What two readers could split in two ways is refused: a line that begins with the boundary
    and goes on as none may, header lines that HTTP does not allow, repeated fields that say what the content is.

    Raises ValueError for a boundary that is not 1 to 70 visible ASCII characters or inner spaces.
    """

    __slots__ = (
        "_count",
        "_data",
        "_delimiter",
        "_dropped",
        "_eof",
        "_epilogue",
        "_error",
        "_in_part",
        "_limits",
        "_line",
        "_overflow",
        "_part_size",
        "_parts",
        "_read",
        "_received",
        "_scanned",
        "_skip",
        "_start",
    )

    def __init__(
        self, boundary: bytes, limits: MultipartLimits = DEFAULT_MULTIPART_LIMITS, *, in_part: bool = False
    ) -> None:
        if _BOUNDARY.fullmatch(boundary) is None:
            raise ValueError(
                f"boundary {boundary[:80]!r} is not 1 to 70 visible ASCII characters or inner spaces (RFC 2046, 5.1.1)"
            )
        self._limits = limits
        self._delimiter = b"\r\n--" + boundary
        # A boundary begins a line, and the body begins one too: a CRLF that never came stands before it.
        self._data: bytes | bytearray = b"\r\n"
        self._start = 0  # of what is not consumed
        self._skip = 2  # bytes there that may belong to a delimiter, but to no content
        self._dropped = -2  # bytes that have left the buffer
        self._received = 0
        self._overflow = False
        self._eof = False
        self._error: RemoteProtocolError | None = None
        self._in_part = in_part
        self._parts = int(in_part)
        self._part_size = 0
        self._epilogue = 0  # where it begins
        # Of the header section that begins at _start: where its unfinished line begins, up to where it was searched for
        # line ends, and how many lines it has.
        self._line = self._scanned = self._count = 0
        # A function, not a bound method: that would tie parser and buffer in a circle.
        self._read: Callable[[MultipartParser], _Step] = (
            MultipartParser._read_content if in_part else MultipartParser._read_preamble
        )

    @property
    def offset(self) -> int:
        """How many bytes of the input are consumed."""
        return max(0, self._dropped + self._start)

    # Input

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes of the body; ``b""`` says that it ends. Raises LocalProtocolError for bytes after the end."""
        if not data:
            self._eof = True
            return
        if self._eof:
            raise LocalProtocolError("bytes after the end of the multipart body")
        received = data if type(data) is bytes else bytes(data)
        room = self._limits.body - self._received
        if len(received) > room:
            self._overflow = True
            received = received[:room]
        self._received += len(received)
        self._append(received)

    def _append(self, data: bytes) -> None:
        """Add to the buffer: as it is where nothing is left there, else in amortised constant time a byte."""
        if self._start == len(self._data):
            self._dropped += self._start
            self._start = 0
            self._data = data
            return
        rest = self._data
        if type(rest) is not bytearray:
            rest = bytearray(memoryview(rest)[self._start :])
        elif self._start:
            del rest[: self._start]
        rest += data
        self._dropped += self._start
        self._start = 0
        self._data = rest

    # Output

    def next_event(self) -> Event | NeedData:
        """Return what comes next in the body; NEED_DATA where that has not arrived, and after `End`.

        Raises RemoteProtocolError, LimitExceeded among it, for what is malformed, too large, or ends too early, and the
        same error from then on.
        """
        if self._error is not None:
            raise self._error
        try:
            while (event := self._read(self)) is None:
                pass
            if event is NEED_DATA:
                self._check_end()
        except RemoteProtocolError as error:
            self._error = error
            raise
        return event

    def _check_end(self) -> None:
        """Raise where nothing more can come, although something must."""
        if self._overflow:
            raise exceeded("body", self._limits.body, self._limits.body)
        if not self._eof or self._read is MultipartParser._read_epilogue:
            return
        if self._read is MultipartParser._read_closing_line:
            if self._start == len(self._data):
                return
            raise self._bad_boundary()
        if not self._received:
            message = "the multipart body is empty"
        elif self._read is MultipartParser._read_preamble:
            message = "the multipart body has no boundary in it"
        elif self._read is MultipartParser._read_headers:
            message = "the multipart body ends in the header of a part"
        else:
            message = "the multipart body ends without its closing boundary"
        raise RemoteProtocolError(message, rule="truncated", section=_BOUNDARY_SECTION, offset=self._received)

    # Boundaries

    def _content_end(self) -> tuple[int, bool]:
        """Return up to where the buffer holds what is no delimiter, and whether a whole one begins there."""
        data, start, delimiter = self._data, self._start, self._delimiter
        found = data.find(delimiter, start)
        if found >= 0:
            return found, True
        # A delimiter begins with a CR and has no other, so the last CR alone can begin one that has not ended.
        last = data.rfind(b"\r", max(start, len(data) - len(delimiter) + 1))
        if last >= 0 and delimiter.startswith(data[last:]):
            return last, False
        return len(data), False

    def _take_content(self, end: int) -> int:
        """Pass over what is no delimiter up to `end`; return where it began, `end` itself if there is none."""
        begin = self._start + self._skip
        if begin > end:
            return end  # a delimiter whose CRLF ends the line before the content: nothing to pass over
        self._start = end
        self._skip = 0
        return begin

    def _take_line_end(self) -> bool:
        """Pass over padding and the CRLF that ends a boundary's line; False where they have not arrived."""
        data, start = self._data, self._start
        found = _PADDING.match(data, start)
        end = start if found is None else found.end()
        if end - start > self._limits.padding:
            raise exceeded("padding", self._limits.padding, self.offset + self._limits.padding)
        rest = data[end : end + 2]
        if rest == b"\r\n":
            self._start = end + 2
            return True
        if not b"\r\n".startswith(rest):
            raise self._bad_boundary()
        if self._eof and not rest:
            self._start = end  # only the closing boundary may end so, which `_check_end` knows
        return False

    def _bad_boundary(self) -> RemoteProtocolError:
        around = bytes(self._data[self._start : self._start + 40])
        return RemoteProtocolError(
            "a line begins with the boundary and goes on as none may",
            rule="bad-boundary",
            section=_BOUNDARY_SECTION,
            offset=self.offset,
            excerpt=around,
        )

    # Headers

    def _end_section(self, end: int) -> PartBegin:
        """Return the part whose header section ends before the empty line up to `end`."""
        raw = bytes(self._data[self._start : end - 2])
        names = _SINGLE_FIELD.findall(raw.lower())
        if len(names) != len(set(names)):
            twice = next(name for name in names if names.count(name) > 1)
            message = f"a part has two {twice.decode().title()} fields"
            raise RemoteProtocolError(message, rule="repeated-field", section="RFC 2045, 3", offset=self.offset)
        # The empty line's CRLF may be the delimiter's too: a part without content need not have another.
        self._start = end - 2
        self._skip = 2
        self._part_size = 0
        self._in_part = True
        self._read = MultipartParser._read_content
        return PartBegin(ReceivedFieldLines(raw))

    def _check_line(self, length: int) -> None:
        """Check the number of lines, and that the current one, `length` bytes so far without CRLF, is not too long."""
        limits = self._limits
        offset = self.offset + self._line
        if self._count >= limits.field_count:
            raise exceeded("field_count", limits.field_count, offset)
        left = limits.head - self._line - 2
        if length > min(left, limits.field_line):
            if limits.field_line <= left:
                raise exceeded("field_line", limits.field_line, offset + limits.field_line)
            raise exceeded("head", limits.head, offset + max(0, left))

    # States: each a method that reads on in it

    def _read_preamble(self) -> _Step:
        """Before the first boundary."""
        end, found = self._content_end()
        self._take_content(end)
        limit = self._limits.preamble
        if self.offset > limit:
            raise exceeded("preamble", limit, limit)
        if not found:
            return NEED_DATA
        self._start += len(self._delimiter)
        self._read = MultipartParser._read_boundary_line
        return None

    def _read_content(self) -> _Step:
        """In the content of a part."""
        end, found = self._content_end()
        begin = self._take_content(end)
        if begin < end:
            room = self._limits.part - self._part_size
            if end - begin > room:
                self._start = end = begin + room
                if not room:
                    raise exceeded("part", self._limits.part, self.offset)
            self._part_size += end - begin
            data = self._data
            # A whole arrival is handed on as the object that it is.
            return PartData(data[begin:end] if type(data) is bytes else bytes(memoryview(data)[begin:end]))
        if not found:
            return NEED_DATA
        self._start += len(self._delimiter)
        self._read = MultipartParser._read_boundary_line
        return None

    def _read_boundary_line(self) -> _Step:
        """Behind a boundary, in its line: it may be the closing one."""
        hyphens = self._data[self._start : self._start + 2]
        if hyphens == b"-":
            return NEED_DATA
        if hyphens == b"--":
            self._start += 2
            self._read = MultipartParser._read_end
        elif self._take_line_end():
            self._read = MultipartParser._read_part
        else:
            return NEED_DATA
        if not self._in_part:
            return None
        self._in_part = False
        return PartEnd()

    def _read_part(self) -> _Step:
        """Where a part begins."""
        self._parts += 1
        if self._parts > self._limits.parts:
            raise exceeded("parts", self._limits.parts, self.offset)
        self._line = self._scanned = self._count = 0
        self._read = MultipartParser._read_headers
        return None

    def _read_headers(self) -> _Step:
        """In the header section of a part."""
        data, start = self._data, self._start
        while (end := data.find(b"\n", start + self._scanned) + 1) > 0:
            first = start + self._line
            line = bytes(data[first:end])
            if line == b"\r\n":
                return self._end_section(end)
            self._check_line(len(line.removesuffix(b"\n").removesuffix(b"\r")))
            if FIELD_LINE.fullmatch(line) is None:
                raise _field_error(line, self.offset + self._line)
            self._line = self._scanned = end - start
            self._count += 1
        self._scanned = len(data) - start
        length = self._scanned - self._line
        if length and data[-1] == 0x0D:
            length -= 1
        if length:
            self._check_line(length)
        return NEED_DATA

    def _read_end(self) -> _Step:
        """Behind the closing boundary, once its part has ended."""
        self._read = MultipartParser._read_closing_line
        return End()

    def _read_closing_line(self) -> _Step:
        """In the line of the closing boundary."""
        if not self._take_line_end():
            return NEED_DATA
        self._epilogue = self.offset
        self._read = MultipartParser._read_epilogue
        return None

    def _read_epilogue(self) -> _Step:
        """In what nobody reads."""
        self._start = len(self._data)
        limit = self._limits.epilogue
        if self.offset - self._epilogue > limit:
            raise exceeded("epilogue", limit, self._epilogue + limit)
        return NEED_DATA


def _field_error(line: bytes, offset: int) -> RemoteProtocolError:
    """Return what is wrong with a header line, line feed and all, that is not as HTTP has it."""
    content = line.removesuffix(b"\n").removesuffix(b"\r")
    name, colon, _ = content.partition(b":")
    if not line.endswith(b"\r\n"):
        message, rule, section = "line feed without carriage return", "bare-lf", "RFC 9112, 2.2"
    elif b"\r" in content:
        message, rule, section = "carriage return without line feed", "bare-cr", "RFC 9112, 2.2"
    elif line[:1] in (b" ", b"\t"):
        message, rule, section = "line folding", "obs-fold", "RFC 9112, 5.2"
    elif not colon:
        message, rule, section = "header line without a colon", "no-colon", "RFC 9112, 5"
    elif TOKEN.fullmatch(name) is not None:
        message, rule, section = "control byte in a header", "control-byte", "RFC 9110, 5.5"
    elif TOKEN.fullmatch(name.rstrip(b" \t")) is not None:
        message, rule, section = "white space before the colon", "space-before-colon", "RFC 9112, 5.1"
    else:
        message, rule, section = "header name is not a token", "bad-field-name", "RFC 9110, 5.1"
    return RemoteProtocolError(f"{message} in a part", rule=rule, section=section, offset=offset, excerpt=content)
