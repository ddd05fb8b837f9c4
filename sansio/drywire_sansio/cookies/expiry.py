"""When a cookie ends: cookie dates and Max-Age, as a moment in seconds since the epoch (RFC 6265, 5.1.1 and 5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import Final

__all__ = ["LAST_MOMENT", "deadline", "parse_cookie_date", "parse_max_age"]

LAST_MOMENT: Final = 253402300799.0
"""The last second of the year 9999: no deadline is later."""

_DELIMITERS: Final = re.compile(r"[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]++")
# [0-9], since \d takes the digits of every script
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY: Final = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR: Final = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_MAX_AGE: Final = re.compile(r"(-?)([0-9]++)")
_ENOUGH_DIGITS: Final = 12  # more seconds than LAST_MOMENT has


class _Date:
    """The four parts that a date is made of; each is taken from the first token that can be it."""

    __slots__ = ("day", "month", "time", "year")

    def __init__(self) -> None:
        self.time: tuple[int, int, int] | None = None
        self.day: int | None = None
        self.month: int | None = None
        self.year: int | None = None

    def take(self, token: str) -> None:
        """Find a part in `token`; the order is that of RFC 6265, 5.1.1."""
        if self.time is None and (found := _TIME.match(token)) is not None:
            self.time = int(found[1]), int(found[2]), int(found[3])
        elif self.day is None and (found := _DAY.match(token)) is not None:
            self.day = int(found[1])
        elif self.month is None and (month := _month(token)) is not None:
            self.month = month
        elif self.year is None and (found := _YEAR.match(token)) is not None:
            self.year = _full_year(int(found[1]))

    def moment(self) -> float | None:
        """Return the date in seconds since the epoch, None if it is no date."""
        if self.time is None or self.day is None or self.month is None or self.year is None or self.year < 1601:
            return None
        try:
            return datetime(self.year, self.month, self.day, *self.time, tzinfo=UTC).timestamp()
        except ValueError:
            return None


def _month(token: str) -> int | None:
    start = token[:3]
    return _MONTHS.get(start.lower()) if start.isascii() else None


def _full_year(year: int) -> int:
    if 70 <= year <= 99:
        return year + 1900
    return year + 2000 if year <= 69 else year


def parse_cookie_date(text: str) -> float | None:
    """Return the moment that the value of Expires names, None if it names none.

    Not the dates of HTTP: any order, any separators, years of two digits; the zone is always taken for GMT.
    """
    date = _Date()
    for token in _DELIMITERS.split(text):
        date.take(token)
    return date.moment()


def parse_max_age(text: str) -> float | None:
    """Return the seconds that the value of Max-Age names, None if it names none: ``-?[0-9]+``, nothing else."""
    found = _MAX_AGE.fullmatch(text)
    if found is None:
        return None
    seconds = float(found[2]) if len(found[2]) <= _ENOUGH_DIGITS else LAST_MOMENT
    return -seconds if found[1] else seconds


def deadline(attributes: Mapping[str, str], now: float) -> float:
    """Return when a cookie with `attributes`, set at `now`, ends: `inf` for one of the session.

    Max-Age goes before Expires; either counts only if it can be read. A Max-Age of 0 or less ended long ago.
    """
    seconds = parse_max_age(attributes.get("max-age", ""))
    if seconds is not None:
        return min(now + seconds, LAST_MOMENT) if seconds > 0 else 0.0
    moment = parse_cookie_date(attributes.get("expires", ""))
    return inf if moment is None else moment
