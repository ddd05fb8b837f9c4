"""`RequestFields`: what the header of a request says, read on first use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from drywire_sansio.conditional import ETag, parse_etags
from drywire_sansio.dates import parse_http_date
from drywire_sansio.forwarded import parse_forwarded
from drywire_transports.message_fields import MessageHead

from .cookies import ReceivedCookie, received_cookies

__all__ = ["RequestFields"]

_RANGE: Final = re.compile(r"[Bb][Yy][Tt][Ee][Ss]=([0-9]{0,18})-([0-9]{0,18})")


class RequestFields(MessageHead):
    """The cookies, conditions, range and proxies of a request."""

    # With a __dict__: what is worked out is kept there, and what users put on a request.
    __slots__ = ("__dict__", "__weakref__")

    def _joined(self, name: str) -> str | None:
        """Return a field that is a list, whose lines are one (RFC 9110, 5.3)."""
        values = self.headers.getall(name, ())
        return ", ".join(values) if values else None

    @cached_property
    def cookies(self) -> Mapping[str, ReceivedCookie]:
        """The cookies by name, read-only: each a str that has its text again as `value`."""
        return MappingProxyType(received_cookies(self.headers.getall("Cookie", ())))

    @cached_property
    def forwarded(self) -> tuple[Mapping[str, str], ...]:
        """What proxies say in Forwarded fields, an element for each, the one next to the client first (RFC 7239).

        Anybody can send such fields: nothing here is changed by them, and only what a proxy of yours has added is
        worth a look.
        """
        fields = self.headers.getall("Forwarded", ())
        return tuple(MappingProxyType(element) for field in fields for element in parse_forwarded(field))

    # Conditions (RFC 9110, 13.1)

    @cached_property
    def if_match(self) -> tuple[ETag, ...] | None:
        """The entity tags of If-Match, `ETag("*")` for any; None without the field."""
        return parse_etags(self._joined("If-Match"))

    @cached_property
    def if_none_match(self) -> tuple[ETag, ...] | None:
        """The entity tags of If-None-Match, `ETag("*")` for any; None without the field."""
        return parse_etags(self._joined("If-None-Match"))

    @cached_property
    def if_modified_since(self) -> datetime | None:
        """The date of If-Modified-Since, in UTC; None where there is none."""
        return self._date("If-Modified-Since")

    @cached_property
    def if_unmodified_since(self) -> datetime | None:
        """The date of If-Unmodified-Since, in UTC; None where there is none."""
        return self._date("If-Unmodified-Since")

    @cached_property
    def if_range(self) -> datetime | None:
        """The date of If-Range, in UTC; None where there is none, or an entity tag."""
        return self._date("If-Range")

    def _date(self, name: str) -> datetime | None:
        field = self.headers.get(name)
        seconds = None if field is None else parse_http_date(field)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    @cached_property
    def http_range(self) -> slice:
        """The one range of a Range field in bytes as a slice; ``slice(None, None, 1)`` without the field.

        Raises ValueError for any other field, with several ranges among them.
        """
        field = self.headers.get("Range")
        if field is None:
            return slice(None, None, 1)
        match = _RANGE.fullmatch(field)
        if match is None or match.groups() == ("", ""):
            raise ValueError(f"Range {field[:60]!r} is not one range of bytes (RFC 9110, 14.2)")
        first, last = match.groups()
        if not first:
            return slice(-int(last), None, 1)
        start, end = int(first), int(last) + 1 if last else None
        if end is not None and start >= end:
            raise ValueError(f"Range {field[:60]!r} ends before it begins (RFC 9110, 14.1.1)")
        return slice(start, end, 1)
