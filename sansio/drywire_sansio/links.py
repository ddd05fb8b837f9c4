"""The Link field (RFC 8288)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["parse_links"]

_LINK: Final = re.compile(r"[ \t,]*+<([^>]*+)>")
_PARAMETER: Final = re.compile(
    r"[ \t]*+;[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z]++)(?:[ \t]*+=[ \t]*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;,\" \t]*+)))?",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_MOST: Final = 256


def parse_links(value: str) -> list[tuple[str, dict[str, str]]]:
    """Return the links of a Link field: each target as it stands, and its parameters with their names in lower case.

    Reads as far as the field is well-formed, at most 256 links, in linear time.
    """
    links: list[tuple[str, dict[str, str]]] = []
    position = 0
    while len(links) < _MOST and (link := _LINK.match(value, position)) is not None:
        position = link.end()
        parameters: dict[str, str] = {}
        while (found := _PARAMETER.match(value, position)) is not None:
            position = found.end()
            name, quoted, bare = found.groups()
            text = bare or "" if quoted is None else _ESCAPE.sub(r"\1", quoted)
            parameters.setdefault(name.lower(), text)
        links.append((link[1].strip(" \t"), parameters))
    return links
