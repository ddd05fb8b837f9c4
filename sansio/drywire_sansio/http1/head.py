"""A message head: bytes in, `Request` or `Response` out, and the same back (RFC 9112, 2 to 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import FieldLines
from ..grammar import (
    AUTHORITY_FORM,
    FIELD_LINES,
    FRAMING_FIELD,
    HOST,
    HTTP_VERSION,
    METHOD,
    REASON,
    REQUEST_LINE,
    REQUEST_TARGET,
    STATUS_LINE,
    TARGET_FORM,
    TOKEN,
    head,
)
from ..limits import Limits
from .buffer import ReceiveBuffer
from .events import Fields, InformationalResponse, Request, Response
from .section import Bounds, SectionScanner

__all__ = [
    "REQUEST",
    "RESPONSE",
    "FramingFields",
    "HeadReader",
    "RepeatedField",
    "field_block",
    "framing_fields",
    "host_error",
    "request_line_error",
    "request_start",
    "status_line_error",
    "status_start",
    "target_error",
    "written_framing_fields",
]

H = TypeVar("H")
FramingFields = dict[bytes, bytes]
"""The fields that frame a message (see `grammar.FRAMING_FIELD`): lower-case names to lower-case values."""
_SINGLE = (b"content-length", b"host")


@dataclass(frozen=True, slots=True)
class HeadKind(Generic[H]):
    """What tells a request head from a response head, for `HeadReader`."""

    start_line: re.Pattern[bytes]
    """Matches a valid first line."""
    make: Callable[[re.Match[bytes], int], tuple[H, FramingFields]]
    """Makes the event from the match, which began at the given byte of the stream."""
    start_line_error: Callable[[bytes, int], RemoteProtocolError | None]
    """Says what is wrong with a first line."""
    start_line_status: int
    """The status that answers a first line over the limit."""


class RepeatedField(ValueError):
    """A field that cannot be a list stands in a head twice; `args[0]` is its name."""


def framing_fields(block: bytes) -> FramingFields:
    """Return the framing fields of a validated head, or of a line feed and a section of one.

    Lists are joined by a comma (RFC 9110, 5.3). Raises RepeatedField for Host and Content-Length, which cannot be
    (RFC 9112, 3.2 and 6.3).
    """
    pairs: list[tuple[bytes, bytes]] = FRAMING_FIELD.findall(block.lower())
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    for name in _SINGLE:
        if sum(name == other for other, _ in pairs) > 1:
            raise RepeatedField(name.decode().title())
    return {name: b",".join(value for other, value in pairs if other == name) for name in fields}


def target_error(method: bytes, target: bytes) -> str | None:
    """Return why `target` is not a request target for `method`, None if it is (RFC 9112, 3.2)."""
    if method == b"CONNECT":
        if AUTHORITY_FORM.fullmatch(target.lower()) is None:
            return "the target of CONNECT is not host:port"
    elif TARGET_FORM.match(target) is None:
        return "request target is neither a path, an absolute URI, nor *"
    elif target == b"*" and method != b"OPTIONS":
        return "the target * is for OPTIONS only"
    return None


def host_error(host: bytes | None, http_version: bytes) -> str | None:
    """Return what is wrong with a request's one Host field, None if nothing is (RFC 9112, 3.2)."""
    if host is None:
        return None if http_version == b"1.0" else "HTTP/1.1 request without Host"
    return None if HOST.fullmatch(host) else "Host is not host[:port]"


class HeadReader(Generic[H]):
    """Reads one head after the other from `buffer`: each is its event, and its framing fields."""

    __slots__ = ("_buffer", "_kind", "_limits", "_long", "_make", "_match", "_scanner", "_searched")

    def __init__(self, buffer: ReceiveBuffer, limits: Limits, kind: HeadKind[H]) -> None:
        self._buffer = buffer
        self._kind = kind
        self._make = kind.make
        self._match = head(kind.start_line, limits.field_count).match
        self._limits = limits
        self._scanner: SectionScanner | None = None  # made for a head that comes in pieces, or is refused
        self._searched = 0  # where the search for the empty line goes on, counted from the head's start
        self._long = min(limits.field_line, limits.start_line, limits.head)  # no shorter head is over these limits

    def read(self) -> tuple[H, FramingFields] | None:
        """Return the next head, None while it is not complete. Raises RemoteProtocolError."""
        buffer = self._buffer
        data, start = buffer.data, buffer.start
        # Most heads end where an arrival ends; then there is nothing to search for.
        if not data.endswith(b"\r\n\r\n") and data.find(b"\r\n\r\n", start + self._searched) < 0:
            self._searched = max(0, len(data) - start - 3)
            self._scan()
            return None
        match = self._match(data, start)
        if match is None or (match.end() - start > self._long and self._over_limits(match[0])):
            if self._scan() is not None:
                raise AssertionError("a head that no rule refuses was not matched")  # pragma: no cover
            return None
        self._scanner = None
        self._searched = 0
        offset = buffer.offset
        buffer.start = match.end()
        return self._make(match, offset)

    def _scan(self) -> int | None:
        """Judge line by line what has arrived since the last time; see `SectionScanner.scan`."""
        if self._scanner is None:
            bounds = _head_bounds(self._limits, self._kind.start_line_status)
            self._scanner = SectionScanner(self._buffer, bounds, self._kind.start_line_error)
        return self._scanner.scan()

    def _over_limits(self, head: bytes) -> bool:
        """Whether a long head that is well-formed is over a limit."""
        limits = self._limits
        if len(head) > limits.head:
            return True
        start_line, *lines = head.split(b"\r\n")
        return len(start_line) > limits.start_line or len(max(lines, key=len)) > limits.field_line


def _refused(
    message: str, rule: str, section: str, offset: int, excerpt: bytes, status: int = 400
) -> RemoteProtocolError:
    return RemoteProtocolError(message, status=status, rule=rule, section=section, offset=offset, excerpt=excerpt)


def _repeated(error: RepeatedField, match: re.Match[bytes], offset: int) -> RemoteProtocolError:
    section = "RFC 9112, 3.2" if error.args[0] == "Host" else "RFC 9112, 6.3"
    return _refused(f"more than one {error.args[0]} field", "repeated-field", section, offset, match[0])


def _make_request(match: re.Match[bytes], offset: int) -> tuple[Request, FramingFields]:
    method, target, version, block = match.groups()
    try:
        fields = framing_fields(match[0])
    except RepeatedField as error:
        raise _repeated(error, match, offset) from None
    if target[0] != 0x2F or method == b"CONNECT":
        problem = target_error(method, target)
        if problem is not None:
            raise _refused(problem, "bad-target", "RFC 9112, 3.2", offset + len(method) + 1, target)
    host = fields.get(b"host")
    problem = host_error(host, version)
    if problem is not None:
        raise _refused(problem, "bad-host", "RFC 9112, 3.2", offset, host or b"")
    return Request(method, target, FieldLines(block), version), fields


def _make_response(match: re.Match[bytes], offset: int) -> tuple[Response | InformationalResponse, FramingFields]:
    version, status_code, reason, block = match.groups()
    try:
        fields = framing_fields(match[0])
    except RepeatedField as error:
        raise _repeated(error, match, offset) from None
    status = int(status_code)
    kind = InformationalResponse if status < 200 else Response
    return kind(status, FieldLines(block), reason or b"", version), fields


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
        message = "request target has a byte that must be percent-encoded"
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


def _head_bounds(limits: Limits, start_line_status: int) -> Bounds:
    return Bounds(
        total=limits.head,
        total_name="head",
        count=limits.field_count,
        count_name="field_count",
        line=limits.field_line,
        start_line=limits.start_line,
        start_line_status=start_line_status,
    )


REQUEST: HeadKind[Request] = HeadKind(REQUEST_LINE, _make_request, request_line_error, 414)
RESPONSE: HeadKind[Response | InformationalResponse] = HeadKind(STATUS_LINE, _make_response, status_line_error, 431)


@lru_cache(256)
def _checked_name(name: bytes) -> bool:
    return TOKEN.fullmatch(name) is not None


def field_block(fields: Fields) -> bytes:
    """Return `fields` as lines. Raises LocalProtocolError for a name or value that HTTP does not allow.

    A value cannot smuggle in a line: the lines are counted after they were joined.
    """
    if isinstance(fields, FieldLines):
        return fields.raw
    pairs = fields if isinstance(fields, list | tuple) else list(fields)
    block = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    if FIELD_LINES.fullmatch(block) is None or block.count(b"\n") != len(pairs):
        raise _field_error(pairs)
    for name, _ in pairs:
        if not _checked_name(name):
            raise _field_error(pairs)
    return block


def _field_error(pairs: Iterable[tuple[bytes, bytes]]) -> LocalProtocolError:
    for name, value in pairs:
        if TOKEN.fullmatch(name) is None:
            return LocalProtocolError(f"header name {name[:60]!r} is not a token (RFC 9110, 5.1)")
        if REASON.fullmatch(value) is None:
            return LocalProtocolError(
                f"value of header {name.decode()} holds a control byte, such as CR or LF (RFC 9110, 5.5)"
            )
    raise AssertionError("a header section that no rule refuses was not matched")  # pragma: no cover


def written_framing_fields(block: bytes) -> FramingFields:
    """Return the framing fields of a section about to be sent. Raises LocalProtocolError for a repeated one."""
    try:
        return framing_fields(b"\n" + block)
    except RepeatedField as error:
        raise LocalProtocolError(f"more than one {error.args[0]} field (RFC 9112, 3.2 and 6.3)") from None


def request_start(method: bytes, target: bytes, version: bytes) -> bytes:
    """Return a request line without its CRLF. Raises LocalProtocolError."""
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


@lru_cache(512)
def status_start(status: int, reason: bytes) -> bytes:
    """Return a status line without its CRLF. Raises LocalProtocolError."""
    if not 100 <= status <= 999:
        raise LocalProtocolError(f"status {status} is not a number from 100 to 999 (RFC 9110, 15)")
    if REASON.fullmatch(reason) is None:
        raise LocalProtocolError(f"reason {reason[:60]!r} holds a control byte (RFC 9112, 4)")
    return b"HTTP/1.1 %d %b" % (status, reason)
