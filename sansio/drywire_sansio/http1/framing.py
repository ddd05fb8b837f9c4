"""How long is the body? The one place that decides it, for messages read and written (RFC 9112, 6.3).

A message that two serious parsers could frame differently is refused: Content-Length beside Transfer-Encoding,
any repeated Content-Length (even of one value), any transfer coding but one final ``chunked``, and any
Transfer-Encoding in HTTP/1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..fields import list_members
from ..grammar import CONTENT_LENGTH

__all__ = ["CHUNKED", "NO_BODY", "UNTIL_CLOSE", "Chunked", "Framing", "FramingError", "Length", "UntilClose"]


@dataclass(frozen=True, slots=True)
class Length:
    """The body is `length` bytes long."""

    length: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """The body is in the chunked coding (RFC 9112, 7.1)."""


@dataclass(frozen=True, slots=True)
class UntilClose:
    """The body goes on until the connection closes; responses only."""


Framing = Length | Chunked | UntilClose
NO_BODY: Final = Length(0)
CHUNKED: Final = Chunked()
UNTIL_CLOSE: Final = UntilClose()


_WITHOUT_BODY: Final = {b"CONNECT": "RFC 9110, 9.3.6", b"TRACE": "RFC 9110, 9.3.8"}


class FramingError(ValueError):
    """The framing fields of a message contradict each other or HTTP. Carries rule, section and a server's status."""

    def __init__(self, message: str, rule: str, section: str, status: int = 400) -> None:
        super().__init__(message)
        self.rule = rule
        self.section = section
        self.status = status


@lru_cache(1024)
def parse_content_length(value: bytes) -> Length:
    """Return the framing of a body of that length. Raises FramingError where `value` is not 1 to 18 ASCII digits."""
    if CONTENT_LENGTH.fullmatch(value) is None:
        raise FramingError("Content-Length is not a number of 1 to 18 digits", "bad-content-length", "RFC 9110, 8.6")
    return Length(int(value))


def check_transfer_encoding(value: bytes, http_version: bytes) -> None:
    """Check that `value`, in lower case, says just ``chunked``. Raises FramingError."""
    section = "RFC 9112, 6.1"
    if http_version == b"1.0":
        raise FramingError("Transfer-Encoding in an HTTP/1.0 message", "transfer-encoding-1.0", section)
    if value == b"chunked":
        return
    codings = list_members(value)
    # Where chunked is not the last, nobody can tell where the body ends, which is worse than a coding not understood.
    if codings[-1:] != [b"chunked"] or codings.count(b"chunked") > 1 or len(codings) == 1:
        raise FramingError("Transfer-Encoding is not exactly one final chunked", "bad-transfer-encoding", section)
    raise FramingError("Transfer-Encoding names a coding that is not understood", "unknown-coding", section, 501)


def declared_framing(fields: Mapping[bytes, bytes], http_version: bytes) -> Framing | None:
    """Return what `fields` (lower-case names and values) say of the body, None if nothing. Raises FramingError."""
    if not fields:
        return None
    coding = fields.get(b"transfer-encoding")
    length = fields.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise FramingError("both Content-Length and Transfer-Encoding", "length-and-coding", "RFC 9112, 6.1")
        check_transfer_encoding(coding, http_version)
        return CHUNKED
    if length is not None:
        return parse_content_length(length)
    return None


def request_framing(method: bytes, fields: Mapping[bytes, bytes], http_version: bytes) -> Framing:
    """Return the framing of a request: without a word about it there is no body. Raises FramingError.

    A CONNECT with a body is refused: for some parsers it ends with its head, and what follows is the tunnel's. So is
    TRACE.
    """
    framing = declared_framing(fields, http_version)
    if framing is None:
        return NO_BODY
    if method in _WITHOUT_BODY and framing != NO_BODY:
        name = method.decode()
        raise FramingError(f"a {name} request cannot have a body", f"{name.lower()}-body", _WITHOUT_BODY[method])
    return framing


def has_no_body(request_method: bytes | None, status: int) -> bool:
    """Whether a final or interim response ends with its head, whatever its fields say (RFC 9112, 6.3, 1 and 2)."""
    return (
        request_method == b"HEAD"
        or status in (204, 304)
        or status < 200
        or (request_method == b"CONNECT" and status < 300)
    )


def response_framing(
    request_method: bytes | None, status: int, fields: Mapping[bytes, bytes], http_version: bytes
) -> Framing:
    """Return the framing of a response to `request_method` (None where the request is not known).

    Raises FramingError, also where the response has no body but contradictory fields.
    """
    framing = declared_framing(fields, http_version)
    if has_no_body(request_method, status):
        return NO_BODY
    return UNTIL_CLOSE if framing is None else framing
