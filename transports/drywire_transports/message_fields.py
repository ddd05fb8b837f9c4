"""Header fields between the two forms they have here: pairs of bytes on the wire, a case-insensitive map to users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from drywire_sansio.http1 import FieldLines

__all__ = [
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "LooseHeaders",
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

LooseHeaders = Mapping[str, str] | Iterable[tuple[str, str]]
"""What users may give as headers: any mapping, a multidict among them, or pairs."""


def fields_to_map(fields: Iterable[tuple[bytes, bytes]]) -> CIMultiDictProxy[str]:
    """Return wire fields as users see them: text in UTF-8, bytes that are none kept by surrogate escapes.

    The map of one `FieldLines` is made once: a proxy cannot be changed, so it may be shared.
    """
    if isinstance(fields, FieldLines) and isinstance(fields.derived, CIMultiDictProxy):
        return fields.derived
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
