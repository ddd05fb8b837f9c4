"""The Forwarded field: what proxies on the way say they have changed (RFC 7239)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MOST_ELEMENTS", "parse_forwarded"]

MOST_ELEMENTS: Final = 256
"""Elements of one field that are read, one for each proxy; what is behind them is left out."""

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# A port may stand behind a token, which could not have its colon: proxies write "for=192.0.2.1:80" all the same.
_PAIR: Final = re.compile(
    rf'({_TOKEN})=({_TOKEN}|"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e])*+")(:[0-9]{{1,5}})?'
)
_BLANK: Final = re.compile(r"[ \t]*+")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


def parse_forwarded(field: str) -> list[dict[str, str]]:
    """Return the elements of a Forwarded field, one for each proxy, the client's own first (RFC 7239, 4).

    Names are in lower case, values without their quotes; nobody has checked what they say, and any client can send
    such a field. What is malformed ends its element: the next begins behind the next comma. Takes linear time.
    """
    elements: list[dict[str, str]] = []
    position = 0
    while len(elements) < MOST_ELEMENTS:
        pairs: dict[str, str] = {}
        elements.append(pairs)
        position = _read_element(field, position, pairs)
        if position < 0:
            break
    return elements


def _read_element(field: str, position: int, pairs: dict[str, str]) -> int:
    """Add the pairs at `position` to `pairs`; return where the next element begins, -1 at the end."""
    is_open = True  # whether a pair may begin here
    while True:
        position = _end_of_blank(field, position)
        match = _PAIR.match(field, position) if is_open else None
        if match is not None:
            name, value, port = match.groups()
            if value[0] == '"':
                value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
            pairs[name.lower()] = value + (port or "")
            position = match.end()
            is_open = False
        elif field.startswith(";", position):
            position += 1
            is_open = True
        else:
            comma = field.find(",", position)
            return comma if comma < 0 else comma + 1


def _end_of_blank(field: str, position: int) -> int:
    match = _BLANK.match(field, position)
    return position if match is None else match.end()
