"""Header fields between the two forms they have here: pairs of bytes on the wire, a case-insensitive map to users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy, istr

from drywire_sansio.http1 import FieldLines
from drywire_sansio.media_types import MediaType, parse_media_type

__all__ = [
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "LooseHeaders",
    "MessageHead",
    "fields_to_map",
    "map_to_fields",
    "to_multidict",
]


class HttpVersion(NamedTuple):
    """A version of HTTP: compare it, or take it apart."""

    major: int
    minor: int


HttpVersion10 = HttpVersion(1, 0)
HttpVersion11 = HttpVersion(1, 1)

LooseHeaders = Mapping[str, str] | Mapping[istr, str] | Iterable[tuple[str, str]]
"""What users may give as headers: any mapping, a multidict among them, or pairs."""


def fields_to_map(fields: Iterable[tuple[bytes, bytes]]) -> CIMultiDictProxy[str]:
    """Return wire fields as users see them: text in UTF-8, bytes that are none kept by surrogate escapes.

    The map of one `FieldLines` is made once: a proxy cannot be changed, so it may be shared.
    """
    known = getattr(fields, "derived", None)
    if type(known) is CIMultiDictProxy:
        return known
    result = CIMultiDictProxy(
        CIMultiDict([(name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in fields])
    )
    if isinstance(fields, FieldLines):
        fields.derived = result
    return result


def map_to_fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return a header map as wire fields. Raises UnicodeEncodeError for a name that is not ASCII."""
    return [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]


def to_multidict(headers: LooseHeaders | None) -> CIMultiDict[str]:
    """Return a fresh case-insensitive multidict of `headers`.

    Raises TypeError for a name or value that is not a str, with the name in its message.
    """
    result: CIMultiDict[str] = CIMultiDict()
    if headers is None:
        return result
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"header {name!r} needs a str as its value, not {type(value).__name__}")
        result.add(name, value)
    return result


class MessageHead:
    """What the header of a received message says of the message: for requests and responses alike."""

    __slots__ = ("_headers", "_type")

    head: Any  # the Request or Response of the core
    _headers: CIMultiDictProxy[str] | None
    _type: MediaType | None

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """The header fields, by name in any case."""
        headers = self._headers
        if headers is None:
            headers = self._headers = fields_to_map(self.head.headers)
        return headers

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The header fields as they came: in order, names in their own case."""
        return tuple(self.head.headers)

    @property
    def _media_type(self) -> MediaType:
        if self._type is None:
            self._type = parse_media_type(self.headers.get("Content-Type"))
        return self._type

    @property
    def content_type(self) -> str:
        """The media type of the body; ``application/octet-stream`` where none is said."""
        return self._media_type.essence

    @property
    def charset(self) -> str | None:
        """The charset of the body, None where none is said."""
        return self._media_type.charset

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes, as it is coded; None where it was not said beforehand."""
        value = self.headers.get("Content-Length")
        return None if value is None else int(value)
