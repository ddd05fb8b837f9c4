"""Conditional requests: what a client has already, and whether it must be sent again (RFC 9110, 13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from .dates import parse_http_date

__all__ = ["ANY_ETAG", "Conditions", "ETag", "Validators", "evaluate", "parse_etag", "parse_etags", "range_is_wanted"]


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag: the name of one state of a resource (RFC 9110, 8.8.3).

    `value` is what stands between the quotes. A weak one says that the content means the same, a strong one that it is
    the same to the byte.
    """

    value: str
    is_weak: bool = False

    def __str__(self) -> str:
        return f'W/"{self.value}"' if self.is_weak else f'"{self.value}"'


ANY_ETAG: Final = ETag("*")
"""What ``*`` is read as: whatever there is."""

_ETAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*+)"')
_SEPARATOR: Final = re.compile(r"[ \t]*+(?:,[ \t,]*+|\Z)")


def parse_etag(text: str) -> ETag | None:
    """Return the entity tag that `text` is, None where it is none."""
    match = _ETAG.fullmatch(text)
    return None if match is None else ETag(match[2], match[1] is not None)


def parse_etags(field: str | None) -> tuple[ETag, ...] | None:
    """Return the entity tags of an If-Match or If-None-Match field, `ANY_ETAG` alone for ``*``, None without a field.

    What is malformed ends the list. Takes linear time.
    """
    if field is None:
        return None
    field = field.strip(" \t,")
    if field == "*":
        return (ANY_ETAG,)
    found: list[ETag] = []
    position = 0
    while (match := _ETAG.match(field, position)) is not None:
        separator = _SEPARATOR.match(field, match.end())
        if separator is None:
            break
        found.append(ETag(match[2], match[1] is not None))
        position = separator.end()
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a response is known by: its entity tag, and when it was last modified, in seconds after the Unix epoch."""

    etag: ETag | None = None
    last_modified: float | None = None


class Conditions(NamedTuple):
    """What a request makes its answer depend on; None for each field that it lacks, or that is to be ignored."""

    if_match: tuple[ETag, ...] | None = None
    if_none_match: tuple[ETag, ...] | None = None
    if_modified_since: float | None = None
    if_unmodified_since: float | None = None
    if_range: ETag | float | None = None
    """Not None but NaN where the field is malformed: that equals nothing."""

    @classmethod
    def read(cls, get: Callable[[str], str | None]) -> Conditions:
        """Return the conditions of the request whose fields `get` finds by name."""
        if_range = get("If-Range")
        return cls(
            parse_etags(get("If-Match")),
            parse_etags(get("If-None-Match")),
            _date(get("If-Modified-Since")),
            _date(get("If-Unmodified-Since")),
            None if if_range is None else parse_etag(if_range) or _date(if_range) or float("nan"),
        )


def _date(field: str | None) -> float | None:
    return None if field is None else parse_http_date(field)


def _has(tags: tuple[ETag, ...], etag: ETag | None, *, weakly: bool) -> bool:
    """Whether `etag` is among `tags`, by weak or by strong comparison (RFC 9110, 8.8.3.2)."""
    if tags == (ANY_ETAG,):
        return True
    if etag is None or (etag.is_weak and not weakly):
        return False
    return any(tag.value == etag.value and (weakly or not tag.is_weak) for tag in tags)


def evaluate(method: str, conditions: Conditions, validators: Validators) -> int:
    """Return 200 where the request is to be done, 304 where the client has the answer, 412 where it must not be done.

    The order is that of RFC 9110, 13.2.2. For a request whose answer would be 2xx without conditions, and whose
    resource exists. Times are compared by whole seconds, as HTTP has them.
    """
    modified = None if validators.last_modified is None else validators.last_modified // 1
    if conditions.if_match is not None:
        failed = not _has(conditions.if_match, validators.etag, weakly=False)
    else:
        failed = _is_later(modified, conditions.if_unmodified_since) is True
    if failed:
        return 412
    reads = method in ("GET", "HEAD")
    if conditions.if_none_match is not None:
        known = _has(conditions.if_none_match, validators.etag, weakly=True)
    else:
        known = reads and _is_later(modified, conditions.if_modified_since) is False
    if known:
        return 304 if reads else 412
    return 200


def _is_later(modified: float | None, date: float | None) -> bool | None:
    """Whether `modified` is later than `date`; None where either is not known, and the condition is to be ignored."""
    return None if modified is None or date is None else modified > date


def range_is_wanted(conditions: Conditions, validators: Validators) -> bool:
    """Whether If-Range lets a Range count: the client's part is one of what there is now (RFC 9110, 13.1.5).

    A date must be the very one of Last-Modified: a later one is that of something else.
    """
    wanted = conditions.if_range
    if wanted is None:
        return True
    if isinstance(wanted, ETag):
        return _has((wanted,), validators.etag, weakly=False) and wanted != ANY_ETAG
    return validators.last_modified is not None and validators.last_modified // 1 == wanted
