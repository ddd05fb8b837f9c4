"""The header fields that every response has: Date and Server; and whole heads of them, made once a second."""

from __future__ import annotations

import sys
from time import time  # noqa: TID251 - a Date is wall-clock time, which no runtime has

from multidict import CIMultiDict

from drywire_sansio import __version__
from drywire_sansio.dates import imf_fixdate
from drywire_sansio.http1 import FieldLines, Response
from drywire_transports.message_fields import map_to_fields

__all__ = ["SERVER_FIELD", "SERVER_SOFTWARE", "date_field", "head_of_body", "head_of_headers"]

SERVER_SOFTWARE = f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{__version__}"
SERVER_FIELD = (b"Server", SERVER_SOFTWARE.encode("ascii"))
KEPT = 256
"""Heads kept for the present second."""
MANY = 16
"""Fields of a program's own above which a head is not kept."""
_UNPLAIN = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class _PresentSecond:
    """What holds for one second: the date, and the heads that went out in it, each with what it was made of."""

    __slots__ = ("date", "heads", "second")

    def __init__(self) -> None:
        self.second = -1
        self.date = b""
        self.heads: dict[tuple[object, ...], Response] = {}

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


def head_of_body(status: int, reason: bytes, content_type: str, length: int) -> Response:
    """Return the head of a response of which only the body's type and its length in bytes are to be said."""
    _present.update()
    heads = _present.heads
    key = content_type, length, status, reason
    head = heads.get(key)
    if head is None:
        fields = [
            (b"Content-Type", content_type.encode("utf-8")),
            (b"Content-Length", b"%d" % length),
            (b"Date", _present.date),
            SERVER_FIELD,
        ]
        head = Response(status, FieldLines(fields), reason)
        if len(heads) < KEPT:
            heads[key] = head
    return head


def head_of_headers(status: int, reason: bytes, headers: CIMultiDict[str], length: int) -> Response | None:
    """Return a head of `headers` with the length in bytes of the body, Date and Server behind them.

    None where they say something of the connection or of those, or are many: whole heads are for plain responses that
    come again and again. Raises LocalProtocolError for what HTTP does not allow.
    """
    if len(headers) > MANY:
        return None
    _present.update()
    heads = _present.heads
    items = tuple(headers.items())
    key = items, length, status, reason
    head = heads.get(key)
    if head is None:
        if not _UNPLAIN.isdisjoint([name.lower() for name, _ in items]):
            return None
        fields = map_to_fields(headers)
        fields.append((b"Content-Length", b"%d" % length))
        if length and "Content-Type" not in headers:
            fields.append((b"Content-Type", b"application/octet-stream"))
        fields += [(b"Date", _present.date), SERVER_FIELD]
        head = Response(status, FieldLines(fields), reason)
        if len(heads) < KEPT:
            heads[key] = head
    return head
