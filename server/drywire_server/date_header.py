"""The value of the Date field, made once a second."""

from __future__ import annotations

from time import time  # noqa: TID251 - a Date is wall-clock time, which no runtime has

from drywire_sansio.dates import imf_fixdate

__all__ = ["date_value"]

_cached: tuple[int, bytes] = (0, b"")


def date_value() -> bytes:
    """Return the present time for a Date field (RFC 9110, 6.6.1)."""
    global _cached
    second = int(time())
    if _cached[0] != second:
        _cached = (second, imf_fixdate(second))
    return _cached[1]
