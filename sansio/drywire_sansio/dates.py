"""Dates as HTTP writes them, of a time that is passed in (RFC 9110, 5.6.7)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["imf_fixdate", "parse_http_date"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def imf_fixdate(seconds: float) -> bytes:
    """Return the date `seconds` after the Unix epoch, such as ``b"Sun, 06 Nov 1994 08:49:37 GMT"``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    # strftime would follow the locale.
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT".encode("ascii")


_MONTH: Final = "|".join(_MONTHS)
_TIME: Final = r"([0-9]{2}):([0-9]{2}):([0-9]{2})"
_FIXDATE: Final = re.compile(rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ({_MONTH}) ([0-9]{{4}}) {_TIME} GMT")
_RFC850: Final = re.compile(rf"[A-Z][a-z]{{5,8}}, ([0-9]{{2}})-({_MONTH})-([0-9]{{2}}) {_TIME} GMT")
_ASCTIME: Final = re.compile(rf"[A-Z][a-z]{{2}} ({_MONTH}) ([0-9 ][0-9]) {_TIME} ([0-9]{{4}})")


def parse_http_date(text: str) -> float | None:
    """Return the seconds after the Unix epoch of a date in any of HTTP's three forms, None for anything else.

    A year of two digits is taken as 1970 to 2069.
    """
    if match := _FIXDATE.fullmatch(text):
        day, month, year, *time = match.groups()
    elif match := _RFC850.fullmatch(text):
        day, month, year, *time = match.groups()
        year = ("19" if year >= "70" else "20") + year
    elif match := _ASCTIME.fullmatch(text):
        month, day, *time, year = match.groups()
    else:
        return None
    try:
        hour, minute, second = map(int, time)
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()
