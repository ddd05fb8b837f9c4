"""A message head: bytes in, `Request` or `Response` out, and the same back (RFC 9112, 2 to 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import FieldLines, FramingFields, ReceivedFieldLines, RepeatedField, framing_fields
from ..grammar import (
    AUTHORITY_FORM,
    FRAMING_FIELD,
    HOST,
    HTTP_VERSION,
    METHOD,
    REASON,
    REQUEST_FIELD,
    REQUEST_LINE,
    REQUEST_TARGET,
    STATUS_LINE,
    TARGET_FORM,
    head,
)
from ..limits import DEFAULT_LIMITS, Limits
from .buffer import MOST_KEPT, ReceiveBuffer
from .events import Fields, InformationalResponse, Request, Response
from .section import Bounds, SectionScanner

__all__ = [
    "REQUEST",
    "RESPONSE",
    "HeadReader",
    "check_request_fields",
    "checked_fields",
    "host_error",
    "request_line_error",
    "request_start",
    "status_line_error",
    "status_start",
    "target_error",
    "written_framing_fields",
]

H = TypeVar("H")
Match = Callable[[bytes | bytearray, int], "re.Match[bytes] | None"]


@dataclass(frozen=True, slots=True)
class HeadKind(Generic[H]):
    """What tells a request head from a response head, for `HeadReader`."""

    start_line: re.Pattern[bytes]
    """Matches a valid first line."""
    make: Callable[[re.Match[bytes], FieldLines, ReceiveBuffer], H]
    """Makes the event from the match of the first line, the fields, and the buffer that stands at its first byte."""
    start_line_error: Callable[[bytes, int], RemoteProtocolError | None]
    """Says what is wrong with a first line."""
    fields: re.Pattern[bytes]
    """Finds the fields that are looked at before the event is given out."""
    usual: tuple[Match, int] = field(init=False)
    """What `under` returns for the default limits, which most connections have."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "usual", self.under(DEFAULT_LIMITS))

    def under(self, limits: Limits) -> tuple[Match, int]:
        """Return what matches a whole head under `limits`, and the size up to which no head is over any of them."""
        match = head(self.start_line.pattern, limits.field_count).match
        return match, min(limits.field_line, limits.start_line, limits.head)


def target_error(method: bytes, target: bytes) -> str | None:
    """Return why `target` is not a request target for `method`, None if it is (RFC 9112, 3.2)."""
    if method == b"CONNECT":
        if AUTHORITY_FORM.fullmatch(target.lower()) is None:
            return "the target of CONNECT is not host:port"
    elif TARGET_FORM.match(target.lower()) is None:
        return "request target is neither a path, an absolute URI with a valid authority, nor *"
    elif target == b"*" and method != b"OPTIONS":
        return "the target * is for OPTIONS only"
    return None


def host_error(host: bytes | None, http_version: bytes) -> str | None:
    """Return what is wrong with a request's one Host field, None if nothing is (RFC 9112, 3.2)."""
    if host is None:
        return None if http_version == b"1.0" else "HTTP/1.1 request without Host"
    return None if HOST.fullmatch(host) else "Host is not host[:port]"


NO_FIELDS = FieldLines()
_ONCE = {"Host": "RFC 9112, 3.2", "Content-Length": "RFC 9112, 6.3"}
"""Where it stands that a field is said once; of the others, in general."""


class HeadReader(Generic[H]):
    """Reads one head after the other from `buffer`, each as its event.

    The messages of one connection mostly repeat their fields and differ in their first line only, which is what
    HPACK and QPACK live on. So the last section is remembered, and one that is equal to it, byte for byte, is known
    to be valid.
    """

    __slots__ = ("_buffer", "_kind", "_limits", "_match", "_scanner", "_searched", "_tail", "fields", "longest")

    def __init__(self, buffer: ReceiveBuffer, limits: Limits, kind: HeadKind[H]) -> None:
        self._buffer = buffer
        self._kind = kind
        self._match, self.longest = kind.usual if limits is DEFAULT_LIMITS else kind.under(limits)
        """What matches a whole head, and the bytes up to which none is over a limit."""
        self._limits = limits
        self._scanner: SectionScanner | None = None  # made for a head that comes in pieces, or is refused
        self._searched = 0  # where the search for the empty line goes on, counted from the head's start
        self.fields = NO_FIELDS
        """The fields of the head that was read last."""
        self._tail = b""

    @property
    def fields_offset(self) -> int:
        """The byte of the stream where the fields of the head that was just read began."""
        return self._buffer.offset - 2 - len(self.fields.raw)

    def read(self) -> H | None:
        """Return the next head, None while it is not complete. Raises RemoteProtocolError."""
        buffer = self._buffer
        data, start = buffer.data, buffer.start
        if self.fields is not NO_FIELDS and not self._searched:
            line = self._kind.start_line.match(data, start)
            if line is not None and data.startswith(self._tail or self.last_section(), begin := line.end()):
                end = begin + len(self._tail)
                if end - start <= self.longest:
                    event = self._kind.make(line, self.fields, buffer)
                    buffer.start = end
                    self._scanner = None
                    return event
        # Most heads end where an arrival ends; then there is nothing to search for.
        if not data.endswith(b"\r\n\r\n") and data.find(b"\r\n\r\n", start + self._searched) < 0:
            self._searched = max(0, len(data) - start - 3)
            self._scan()
            return None
        match = self._match(data, start)
        if match is None or (match.end() - start > self.longest and self._over_limits(match[0])):
            if self._scan() is not None:
                raise AssertionError("a head that no rule refuses was not matched")  # pragma: no cover
            return None
        self._scanner = None
        self._searched = 0
        return self._accept(match)

    def _accept(self, match: re.Match[bytes]) -> H:
        """Return the event of a head that has the right form. Raises RemoteProtocolError."""
        buffer = self._buffer
        block: bytes = match[4]
        try:
            fields = ReceivedFieldLines(block, framing_fields(match[0], self._kind.fields))
        except RepeatedField as error:
            section = _ONCE.get(error.args[0], "RFC 9110, 5.3")
            where = buffer.offset + match.start(4) - match.start()
            raise _refused(f"more than one {error.args[0]} field", "repeated-field", section, where, block) from None
        event = self._kind.make(match, fields, buffer)
        buffer.start = match.end()
        self.fields = fields
        self._tail = b""
        return event

    def let_go(self) -> None:
        """Do not remember a section that is too large to be kept until the next head comes."""
        if len(self.fields.raw) > MOST_KEPT:
            self.fields, self._tail = NO_FIELDS, b""

    def last_section(self) -> bytes:
        """Return the last section and the empty line behind it, as they came."""
        if not self._tail:
            self._tail = self.fields.raw + b"\r\n"
        return self._tail

    def _scan(self) -> int | None:
        """Judge line by line what has arrived since the last time; see `SectionScanner.scan`."""
        if self._scanner is None:
            bounds = _head_bounds(self._limits)
            self._scanner = SectionScanner(self._buffer, bounds, self._kind.start_line_error)
        return self._scanner.scan()

    def _over_limits(self, head: bytes) -> bool:
        """Whether a long head that is well-formed is over a limit."""
        limits = self._limits
        if len(head) - 2 > limits.head:
            return True
        start_line, *lines = head.split(b"\r\n")
        return len(start_line) > limits.start_line or len(max(lines, key=len)) > limits.field_line


def _refused(
    message: str, rule: str, section: str, offset: int, excerpt: bytes, status: int = 400
) -> RemoteProtocolError:
    return RemoteProtocolError(message, status=status, rule=rule, section=section, offset=offset, excerpt=excerpt)


def _make_request(line: re.Match[bytes], fields: FieldLines, buffer: ReceiveBuffer) -> Request:
    method, target, version = line.group(1, 2, 3)
    if target[0] != 0x2F or method == b"CONNECT":
        problem = target_error(method, target)
        if problem is not None:
            raise _refused(problem, "bad-target", "RFC 9112, 3.2", buffer.offset + len(method) + 1, target)
    if not fields.suits_request or version != b"1.1":
        host = fields.framing.get(b"host")
        problem = None if host is not None and HOST.fullmatch(host) else host_error(host, version)
        if problem is not None:
            where = buffer.offset + line.end(3) - line.start() + 2  # the first field line
            raise _refused(problem, "bad-host", "RFC 9112, 3.2", where, host or b"")
        fields.suits_request = host is not None
    return Request(method, target, fields, version)


def _make_response(
    line: re.Match[bytes], fields: FieldLines, buffer: ReceiveBuffer
) -> Response | InformationalResponse:
    version, status_code, reason = line.group(1, 2, 3)
    status = int(status_code)
    kind = InformationalResponse if status < 200 else Response
    return kind(status, fields, reason or b"", version)


def _version_error(version: bytes, offset: int) -> RemoteProtocolError | None:
    if HTTP_VERSION.fullmatch(version) is None:
        return _refused("not an HTTP version", "bad-version", "RFC 9112, 2.3", offset, version)
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        message = "only HTTP/1.0 and HTTP/1.1 are spoken here"
        return _refused(message, "unsupported-version", "RFC 9110, 15.6.6", offset, version, 505)
    return None


def request_line_error(line: bytes, offset: int) -> RemoteProtocolError | None:
    """Return what is wrong with a request line (CRLF and all), None if nothing is."""
    if REQUEST_LINE.fullmatch(line) is not None:
        return None
    section = "RFC 9112, 3"
    parts = line.rstrip(b"\r\n").split(b" ")
    if METHOD.fullmatch(parts[0]) is None:
        return _refused("method is not a token", "bad-method", "RFC 9110, 9.1", offset, line)
    if len(parts) != 3:
        message = "request line is not method, target and version with one space between"
        return _refused(message, "bad-request-line", section, offset, line)
    if REQUEST_TARGET.fullmatch(parts[1]) is None:
        message = "request target is empty or has a byte that must be percent-encoded"
        return _refused(message, "bad-target", "RFC 9112, 3.2", offset + len(parts[0]) + 1, parts[1])
    return _version_error(parts[2], offset + len(line) - 2 - len(parts[2]))


def status_line_error(line: bytes, offset: int) -> RemoteProtocolError | None:
    """Return what is wrong with a status line (CRLF and all), None if nothing is."""
    if STATUS_LINE.fullmatch(line) is not None:
        return None
    version, _, _ = line.rstrip(b"\r\n").partition(b" ")
    error = _version_error(version, offset)
    if error is not None:
        return error
    return _refused("status is not three digits and a reason", "bad-status-line", "RFC 9112, 4", offset, line)


def _head_bounds(limits: Limits) -> Bounds:
    return Bounds(
        total=limits.head,
        total_name="head",
        count=limits.field_count,
        count_name="field_count",
        line=limits.field_line,
        start_line=limits.start_line,
    )


REQUEST: HeadKind[Request] = HeadKind(REQUEST_LINE, _make_request, request_line_error, REQUEST_FIELD)
RESPONSE: HeadKind[Response | InformationalResponse] = HeadKind(
    STATUS_LINE, _make_response, status_line_error, FRAMING_FIELD
)


def request_field_lines(pairs: Iterable[tuple[bytes, bytes]]) -> FieldLines:
    """Return `pairs` as fields that a request may have, checked here once. Raises LocalProtocolError."""
    lines = FieldLines(pairs)
    check_request_fields(lines, b"1.1")
    written_framing_fields(lines)
    return lines


def checked_fields(fields: Fields) -> FieldLines:
    """Return `fields` as lines that may be sent. Raises LocalProtocolError for what HTTP does not allow."""
    # By type first: asking whether something is an instance takes long where its class is abstract in part.
    if type(fields) is FieldLines or type(fields) is ReceivedFieldLines or isinstance(fields, FieldLines):
        return fields
    return FieldLines(fields)


def written_framing_fields(lines: FieldLines) -> FramingFields:
    """Return the framing fields of a section about to be sent. Raises LocalProtocolError for a repeated one."""
    try:
        return lines.framing
    except RepeatedField as error:
        raise _repeated(error) from None


def check_request_fields(lines: FieldLines, version: bytes) -> None:
    """Check that a request of HTTP `version` may have `lines`. Raises LocalProtocolError."""
    if lines.suits_request:
        return
    try:
        fields = framing_fields(b"\n" + lines.raw, REQUEST_FIELD)
    except RepeatedField as error:
        raise _repeated(error) from None
    host = fields.get(b"host")
    problem = host_error(host, version)
    if problem is not None:
        raise LocalProtocolError(f"{problem} (RFC 9112, 3.2)")
    lines.suits_request = host is not None


def _repeated(error: RepeatedField) -> LocalProtocolError:
    name = error.args[0]
    return LocalProtocolError(f"more than one {name} field ({_ONCE.get(name, 'RFC 9110, 5.3')})")


LONGEST_KNOWN = 1024
"""Bytes of a request target up to which its line is remembered: redirects and queries may make them long."""


def request_start(method: bytes, target: bytes, version: bytes) -> bytes:
    """Return a request line without its CRLF. Raises LocalProtocolError."""
    return (_known_start if len(target) <= LONGEST_KNOWN else _request_start)(method, target, version)


def _request_start(method: bytes, target: bytes, version: bytes) -> bytes:
    if METHOD.fullmatch(method) is None:
        raise LocalProtocolError(f"method {method[:60]!r} is not a token (RFC 9110, 9.1)")
    if REQUEST_TARGET.fullmatch(target) is None:
        raise LocalProtocolError(f"request target {target[:60]!r} has a byte that must be percent-encoded")
    error = target_error(method, target)
    if error is not None:
        raise LocalProtocolError(f"{error}: {target[:60]!r} (RFC 9112, 3.2)")
    if version not in (b"1.1", b"1.0"):
        raise LocalProtocolError(f"HTTP version {version[:10]!r} is not b'1.1' or b'1.0'")
    return b"%b %b HTTP/%b" % (method, target, version)


_known_start = lru_cache(256)(_request_start)


@lru_cache(512)
def status_start(status: int, reason: bytes) -> bytes:
    """Return a status line without its CRLF. Raises LocalProtocolError."""
    if not 100 <= status <= 999:
        raise LocalProtocolError(f"status {status} is not a number from 100 to 999 (RFC 9110, 15)")
    if REASON.fullmatch(reason) is None:
        raise LocalProtocolError(f"reason {reason[:60]!r} holds a control byte (RFC 9112, 4)")
    return b"HTTP/1.1 %d %b" % (status, reason)
