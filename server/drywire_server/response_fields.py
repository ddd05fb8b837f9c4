"""`ResponseFields`: what the header of a response says, to be read and set."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from multidict import CIMultiDict

from drywire_sansio.conditional import ANY_ETAG, ETag, parse_etag
from drywire_sansio.dates import imf_fixdate, parse_http_date
from drywire_sansio.media_types import parse_media_type

__all__ = ["ResponseFields"]

_ETAG_VALUE: Final = re.compile(r"[\x21\x23-\x7e\x80-\xff]*+")


class ResponseFields:
    """The fields of a response that have a meaning here."""

    _headers: CIMultiDict[str] | None

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, to be changed until the head is sent."""
        if self._headers is None:
            self._headers = CIMultiDict()
        return self._headers

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes; None where it is not known beforehand."""
        value = None if self._headers is None else self._headers.get("Content-Length")
        return None if value is None else int(value)

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        if value is None:
            self.headers.pop("Content-Length", None)
            return
        value = int(value)
        if self.chunked:
            raise RuntimeError("a chunked response cannot have a Content-Length")
        if value < 0:
            raise ValueError(f"a Content-Length cannot be negative: {value}")
        self.headers["Content-Length"] = str(value)

    @property
    def chunked(self) -> bool:
        """Whether `enable_chunked_encoding` was called."""
        return self._headers is not None and self._headers.get("Transfer-Encoding") == "chunked"

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return parse_media_type(self.headers.get("Content-Type")).essence

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._set_content_type(str(value), self.charset)

    @property
    def charset(self) -> str | None:
        """The charset of the body, None where none is said. Setting it to None takes it away."""
        return parse_media_type(self.headers.get("Content-Type")).charset

    @charset.setter
    def charset(self, value: str | None) -> None:
        media_type = self.content_type
        if media_type == "application/octet-stream":
            raise RuntimeError("bytes of no known type have no charset: set content_type before charset")
        self._set_content_type(media_type, None if value is None else str(value).lower())

    def _set_content_type(self, media_type: str, charset: str | None) -> None:
        self.headers["Content-Type"] = media_type if charset is None else f"{media_type}; charset={charset}"

    @property
    def last_modified(self) -> datetime | None:
        """When what is sent was last changed, in UTC; None where it is not said, or is no date.

        Set it to a datetime (UTC where it has no zone), to seconds after the Unix epoch, both rounded up to whole
        seconds, to a date as HTTP writes it, or to None. Raises TypeError for anything else.
        """
        field = self.headers.get("Last-Modified")
        seconds = None if field is None else parse_http_date(field)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    @last_modified.setter
    def last_modified(self, value: datetime | float | str | None) -> None:
        if value is None:
            self.headers.pop("Last-Modified", None)
        elif isinstance(value, str):
            self.headers["Last-Modified"] = value
        elif isinstance(value, datetime):
            moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
            self.headers["Last-Modified"] = imf_fixdate(math.ceil(moment.timestamp())).decode("ascii")
        elif isinstance(value, int | float):
            self.headers["Last-Modified"] = imf_fixdate(math.ceil(value)).decode("ascii")
        else:
            raise TypeError(f"last_modified must be a datetime, seconds, or a date as text, not {type(value).__name__}")

    @property
    def etag(self) -> ETag | None:
        """The entity tag of what is sent; None where there is none.

        Set it to an `ETag`, to the text of a strong one without quotes, or to None. Raises ValueError for a text that
        cannot be one, and for anything else.
        """
        field = self.headers.get("ETag")
        if not field:
            return None
        return ANY_ETAG if field == "*" else parse_etag(field)

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        if value is None:
            self.headers.pop("ETag", None)
            return
        tag = ETag(value) if isinstance(value, str) else value
        if not isinstance(tag, ETag):
            raise ValueError(f"etag must be an ETag, text or None, not {type(value).__name__}")
        if _ETAG_VALUE.fullmatch(tag.value) is None:
            raise ValueError(f"{tag.value[:60]!r} cannot be an entity tag: quote, space or control (RFC 9110, 8.8.3)")
        self.headers["ETag"] = "*" if tag.value == "*" else str(tag)
