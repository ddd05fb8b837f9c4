"""The header fields that every response has: Date and Server; and whole heads of them, made once a second."""

from __future__ import annotations

import sys
from time import time  # noqa: TID251 - a Date is wall-clock time, which no runtime has

from drywire_sansio import __version__
from drywire_sansio.dates import imf_fixdate
from drywire_sansio.http1 import FieldLines

__all__ = ["SERVER_FIELD", "SERVER_SOFTWARE", "date_field", "fields_of_body"]

SERVER_SOFTWARE = f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{__version__}"
SERVER_FIELD = (b"Server", SERVER_SOFTWARE.encode("ascii"))
KEPT = 256
"""Heads kept for the present second."""


class _PresentSecond:
    """What holds for one second. The heads in it hold nothing of a user's but a content type and a length."""

    __slots__ = ("date", "heads", "second")

    def __init__(self) -> None:
        self.second = -1
        self.date = b""
        self.heads: dict[tuple[str, int], FieldLines] = {}

    def update(self) -> None:
        second = int(time())
        if second != self.second:
            self.second = second
            self.date = imf_fixdate(second)
            self.heads = {}


_present = _PresentSecond()


def date_field() -> tuple[bytes, bytes]:
    """Return the Date field for now (RFC 9110, 6.6.1)."""
    _present.update()
    return b"Date", _present.date


def fields_of_body(content_type: str, length: int) -> FieldLines:
    """Return the fields of a response of which only the body's type and its length in bytes are to be said."""
    _present.update()
    heads = _present.heads
    lines = heads.get((content_type, length))
    if lines is None:
        fields = [
            (b"Content-Type", content_type.encode("utf-8")),
            (b"Content-Length", b"%d" % length),
            (b"Date", _present.date),
            SERVER_FIELD,
        ]
        lines = FieldLines(fields)
        if len(heads) < KEPT:
            heads[content_type, length] = lines
    return lines
