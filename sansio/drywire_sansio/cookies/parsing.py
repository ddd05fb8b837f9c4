"""Both cookie fields: Set-Cookie is read as RFC 6265bis, 5.6 has it, Cookie is read and written (5.8.3).

What cannot be read is passed over, never raised: one server's bad cookie must not cost the response. All is done in
linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_ATTRIBUTE_VALUE",
    "MAX_PAIR",
    "SetCookie",
    "is_cookie_name",
    "is_cookie_value",
    "octets",
    "parse_cookie",
    "parse_set_cookie",
    "unquote",
    "write_cookie",
]

MAX_PAIR: Final = 4096
"""Bytes that a name and its value may have together; a longer cookie is passed over (RFC 6265bis, 5.6)."""
MAX_ATTRIBUTE_VALUE: Final = 1024
"""Bytes that the value of one attribute may have; a longer one is passed over (RFC 6265bis, 5.6)."""
MAX_ATTRIBUTES: Final = 32
"""Attributes of one cookie that are looked at; there are ten."""

# Others are passed over: nobody reads them, so nobody needs to keep them.
_ATTRIBUTES: Final = frozenset(
    {"comment", "domain", "expires", "httponly", "max-age", "partitioned", "path", "samesite", "secure", "version"}
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Wider than the token of RFC 6265, 4.1.1, since servers are: all that is visible in ASCII, but no separator of
# another reader ("," and '"' of RFC 2109, "\" inside of quotes), by which one cookie could become two.
_NAME: Final = re.compile(r"[!#-+\--:<>-\[\]-~]++")
_NOT_IN_VALUE: Final = re.compile(r"[\x00-\x1f\x7f;]")
_ESCAPE: Final = re.compile(r"\\(?:([0-3][0-7]{2})|(.))", re.DOTALL)


class SetCookie(NamedTuple):
    """One cookie as its server wrote it. Nothing is decided yet: that is `accept`.

    `value` stands as on the wire, with its quotes. `attributes` are the known ones, by their name in lower case; a
    flag such as ``secure`` has whatever text was given, mostly none. Of two of the same name the last one holds.
    """

    name: str
    value: str
    attributes: dict[str, str]


def octets(text: str) -> int:
    """Return how many bytes `text` has on the wire, where bytes that are not UTF-8 stand as surrogate escapes.

    -1 if it cannot be written at all.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return -1


def is_cookie_name(name: str) -> bool:
    """Return whether a cookie may be called `name`: visible ASCII but ``" , ; = \\``. Nameless cookies are none."""
    return _NAME.fullmatch(name) is not None


def is_cookie_value(value: str) -> bool:
    """Return whether `value` can stand in a Cookie field as it is: no control character, no ``;``, writable."""
    return _NOT_IN_VALUE.search(value) is None and octets(value) >= 0


def parse_set_cookie(field: str) -> SetCookie | None:
    """Return the cookie of one Set-Cookie field value, or None where it is none.

    None for control characters anywhere, for a name that `is_cookie_name` refuses (no ``=`` and an empty name among
    them), for a tab inside of name or value, and for a pair over `MAX_PAIR` bytes.
    """
    if _CONTROL.search(field) is not None:
        return None
    pair, _, rest = field.partition(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(" \t"), value.strip(" \t")
    if not equals or not is_cookie_name(name) or not is_cookie_value(value):
        return None
    if len(name) + octets(value) > MAX_PAIR:
        return None
    return SetCookie(name, value, _parse_attributes(rest) if rest else {})


def _parse_attributes(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for piece in text.split(";", MAX_ATTRIBUTES)[:MAX_ATTRIBUTES]:
        name, _, value = piece.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        # lower() of other than ASCII could make a known name of an unknown one
        if not name.isascii() or (name := name.lower()) not in _ATTRIBUTES:
            continue
        if "\t" not in value and 0 <= octets(value) <= MAX_ATTRIBUTE_VALUE:
            attributes[name] = value
    return attributes


def parse_cookie(field: str) -> list[tuple[str, str]]:
    """Return the pairs of a Cookie field value in their order, each value as it stands, with its quotes.

    What has no name, a name that `is_cookie_name` refuses, or a control character is passed over; names may come
    more than once.
    """
    pairs = []
    for piece in field.split(";"):
        name, equals, value = piece.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if equals and is_cookie_name(name) and is_cookie_value(value):
            pairs.append((name, value))
    return pairs


def write_cookie(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the value of a Cookie field with `pairs` in their order (RFC 6265, 4.2.1).

    Raises ValueError for a pair that could be read as another, or as more than one.
    """
    written = []
    for name, value in pairs:
        if not is_cookie_name(name) or not is_cookie_value(value):
            raise ValueError(f"a cookie named {name[:60]!r} cannot be written: RFC 6265, 4.1.1")
        written.append(f"{name}={value}")
    return "; ".join(written)


def unquote(value: str) -> str:
    r"""Return what a value in quotes stands for, with ``\"`` and ``\073`` resolved; any other value as it is.

    Quotes belong to the value for RFC 6265; Python's http.cookies and its like write them around what they encode.
    """
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    if "\\" not in value:
        return value[1:-1]
    return _ESCAPE.sub(_unescaped, value[1:-1])


def _unescaped(escape: re.Match[str]) -> str:
    octal: str | None = escape[1]
    return chr(int(octal, 8)) if octal is not None else str(escape[2])
