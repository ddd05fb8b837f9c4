"""The Content-Type field: a media type and its parameters (RFC 9110, 8.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from .memo import memo

__all__ = ["MediaType", "parse_media_type"]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TYPE = re.compile(rf"[ \t]*+({_TOKEN}/{_TOKEN})[ \t]*+(?=;|\Z)")
_PARAMETER = re.compile(
    rf';[ \t]*+(?:({_TOKEN})[ \t]*+=[ \t]*+(?:({_TOKEN})|"((?:[^"\\]|\\.)*+)"))?[ \t]*+(?=;|\Z)', re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class MediaType(NamedTuple):
    """A media type in lower case, such as ``"text/html"``, and its parameters with their names in lower case."""

    essence: str
    parameters: Mapping[str, str]

    @property
    def charset(self) -> str | None:
        """The charset parameter in lower case, None where there is none."""
        charset = self.parameters.get("charset")
        return None if charset is None else charset.lower()


@memo(128)
def parse_media_type(value: str | None, default: str = "application/octet-stream") -> MediaType:
    """Return what a Content-Type field says; `default` where it is None or not a media type.

    Parameters are read as far as they are well-formed; the first of a repeated name counts.
    """
    if value is None:
        return MediaType(default, _NONE)
    match = _TYPE.match(value)
    if match is None:
        return MediaType(default, _NONE)
    parameters: dict[str, str] = {}
    position = match.end()
    while (found := _PARAMETER.match(value, position)) is not None:
        position = found.end()
        name, token, quoted = found.groups()
        if name is not None:
            text = _QUOTED_PAIR.sub(r"\1", quoted) if token is None else token
            parameters.setdefault(name.lower(), text)
    return MediaType(match[1].lower(), MappingProxyType(parameters))
