"""Whether a request may be sent again, and when (RFC 9110, 9.2.2 and 10.2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .dates import parse_http_date

__all__ = ["IDEMPOTENT", "backoff", "may_repeat_unanswered", "retry_after"]

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be repeated without harm (RFC 9110, 9.2.2)."""

_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def may_repeat_unanswered(method: str, *, replayable: bool, reused: bool, answered: bool) -> bool:
    """Return whether a request whose connection broke is sent again without anybody being asked.

    That is so where the server had very likely closed a kept connection before it saw the request: it had been used
    before, nothing came back, and neither method nor body stand against it (RFC 9112, 9.3.1).
    """
    return reused and not answered and replayable and method in IDEMPOTENT


def backoff(attempt: int, *, base: float, factor: float, longest: float, jitter: Callable[[], float]) -> float:
    """Return the seconds to wait before the retry number `attempt` (from 0): full jitter over an exponential bound.

    `jitter` returns a number from 0 to 1.
    """
    return jitter() * min(longest, base * factor ** min(attempt, 64))


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After field asks for at `now` (seconds since the epoch); None where it does not.

    It is a number of seconds or a date (RFC 9110, 10.2.3); one in the past asks for no wait.
    """
    if value is None:
        return None
    text = value.strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    date = parse_http_date(text)
    return None if date is None else max(0.0, date - now)
