"""Dates as HTTP writes them, of a time that is passed in (RFC 9110, 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["imf_fixdate"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def imf_fixdate(seconds: float) -> bytes:
    """Return the date `seconds` after the Unix epoch, such as ``b"Sun, 06 Nov 1994 08:49:37 GMT"``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    # strftime would follow the locale.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT".encode("ascii")
