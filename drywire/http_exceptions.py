"""Errors of HTTP's lowest level, for programs that catch them or raise their own.

drywire raises none of them but `LineTooLong`, which reading a body line by line can raise. Where a head is no HTTP the
client raises ClientResponseError, where a body is broken ClientPayloadError; a server answers 400.
"""

from __future__ import annotations

from collections.abc import Mapping

from drywire_transports.body_reader import LineTooLong

__all__ = [
    "BadHttpMessage",
    "BadHttpMethod",
    "BadStatusLine",
    "ContentEncodingError",
    "ContentLengthError",
    "DecompressSizeError",
    "HttpBadRequest",
    "HttpProcessingError",
    "InvalidHeader",
    "InvalidURLError",
    "LineTooLong",
    "PayloadEncodingError",
    "TransferEncodingError",
]


class HttpProcessingError(Exception):
    """A message that cannot be handled: `code` is the status to answer with, `headers` what to send with it."""

    code = 0

    def __init__(self, *, code: int | None = None, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class BadHttpMessage(HttpProcessingError):
    """A message that is no HTTP."""

    code = 400

    def __init__(self, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message=message, headers=headers)


class HttpBadRequest(BadHttpMessage):
    """A request that is to be answered by 400."""


class InvalidHeader(BadHttpMessage):
    """A field that is none; its text is in `hdr`."""

    def __init__(self, hdr: bytes | str) -> None:
        self.hdr = hdr.decode(errors="backslashreplace") if isinstance(hdr, bytes) else hdr
        super().__init__(f"invalid header field {self.hdr[:60]!r}")


class InvalidURLError(BadHttpMessage):
    """A request's target that is no URL."""


class BadStatusLine(BadHttpMessage):
    """A message's first line that is none; it is in `line`."""

    def __init__(self, line: str = "", error: str | None = None) -> None:
        super().__init__(error or f"bad status line {line[:60]!r}")
        self.line = line


class BadHttpMethod(BadStatusLine):
    """A request's first line whose method is none."""


class PayloadEncodingError(BadHttpMessage):
    """A body that cannot be decoded."""


class ContentEncodingError(PayloadEncodingError):
    """A body that is not in the content coding that it is said to be in."""


class TransferEncodingError(PayloadEncodingError):
    """A body whose chunks are none."""


class ContentLengthError(PayloadEncodingError):
    """A body that ended before its Content-Length."""


class DecompressSizeError(PayloadEncodingError):
    """A body that is too large when decompressed."""
