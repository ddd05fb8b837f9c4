"""The Content-Disposition field: a form's part names and file names (RFC 6266, RFC 7578, RFC 8187)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote, unquote_to_bytes

__all__ = [
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "content_disposition_filename",
    "format_content_disposition",
    "parse_content_disposition",
]


class BadContentDispositionHeader(RuntimeWarning):
    """A Content-Disposition field that says nothing which could be understood."""


class BadContentDispositionParam(RuntimeWarning):
    """A parameter of a Content-Disposition field that is left out, since it is malformed."""


_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TYPE: Final = re.compile(rf"[ \t]*+({_TOKEN})[ \t]*+(?=;|\Z)")
# Quoted strings of browsers hold raw UTF-8, and a backslash in them is often a path's and no escape: that is settled
# by the value.
_PARAMETER: Final = re.compile(
    rf';[ \t]*+(?:({_TOKEN})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+)))?[ \t]*+(?=;|\Z)', re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\([\\\"])")
_CONTINUATION: Final = re.compile(r"([^*]++)\*(0|[1-9][0-9]?+)(\*?+)")
_EXTENDED: Final = re.compile(r"([A-Za-z0-9\-]{1,20})'[A-Za-z0-9\-]*+'((?:[!#$&+\-.^_`|~0-9A-Za-z]|%[0-9A-Fa-f]{2})*+)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_CHARSETS: Final = frozenset({"utf-8", "iso-8859-1", "us-ascii"})
_MOST_PARAMETERS: Final = 64


Complain = Callable[[Warning], object]
"""Told of what is malformed: a warning that nobody has raised."""


def _nobody(_: Warning) -> None:
    """Complain to nobody."""


def parse_content_disposition(header: str | None, complain: Complain = _nobody) -> tuple[str | None, dict[str, str]]:
    """Return the disposition type in lower case and its parameters: names in lower case, values as they stand.

    A parameter of RFC 8187 (``filename*``) keeps its name, its value decoded. One that is malformed is left out, and
    `complain` called with a BadContentDispositionParam; a field with no type in it is (None, {}), and a
    BadContentDispositionHeader. Takes linear time.
    """
    if not header:
        return None, {}
    match = _TYPE.match(header)
    if match is None:
        complain(BadContentDispositionHeader(header[:200]))
        return None, {}
    position, parameters = match.end(), dict[str, str]()
    while position < len(header):
        found = _PARAMETER.match(header, position)
        if found is None or len(parameters) >= _MOST_PARAMETERS:
            complain(BadContentDispositionHeader(header[:200]))
            return (None, {}) if not parameters else (match[1].lower(), parameters)
        position = found.end()
        _add(parameters, complain, *found.groups())
    return match[1].lower(), parameters


def _add(
    parameters: dict[str, str], complain: Complain, name: str | None, quoted: str | None, bare: str | None
) -> None:
    if name is None:
        return
    key = name.lower()
    value = _ESCAPE.sub(r"\1", quoted) if quoted is not None else (bare or "").rstrip(" \t")
    if key.endswith("*") and _CONTINUATION.fullmatch(key) is None:
        decoded = _decode_extended(value)
        if decoded is None:
            complain(BadContentDispositionParam(f"{name}={value[:200]}"))
            return
        value = decoded
    if key in parameters or (quoted is None and not value):
        complain(BadContentDispositionParam(name))
        return
    parameters[key] = value


def _decode_extended(value: str) -> str | None:
    """Return the text of an ext-value (RFC 8187, 3.2.1), None where it is malformed."""
    match = _EXTENDED.fullmatch(value)
    if match is None or match[1].lower() not in _CHARSETS:
        return None
    try:
        return unquote_to_bytes(match[2]).decode(match[1])
    except UnicodeDecodeError:
        return None


def content_disposition_filename(parameters: Mapping[str, str], name: str = "filename") -> str | None:
    """Return the file name among `parameters`: the extended form before the plain one, or put together from its pieces.

    The pieces are ``filename*0``, ``filename*1*`` and so on (RFC 2231, 3). It is what the peer says: never use it as a
    path as it is.
    """
    extended = parameters.get(f"{name}*")
    if extended is not None:
        return extended
    plain = parameters.get(name)
    if plain is not None:
        return plain
    pieces: list[str] = []
    coded = False
    for number in range(len(parameters)):
        piece = parameters.get(f"{name}*{number}")
        if piece is None:
            piece = parameters.get(f"{name}*{number}*")
            coded = coded or piece is not None
        if piece is None:
            break
        pieces.append(piece)
    if not pieces:
        return None
    whole = "".join(pieces)
    return _decode_extended(whole) if coded else whole


def format_content_disposition(
    kind: str, parameters: Mapping[str, str], *, quote_fields: bool = True, charset: str = "utf-8"
) -> str:
    """Return a Content-Disposition field of the type `kind`.

    With `quote_fields` a file name is percent-encoded where it is not plain ASCII, and outside of forms, where RFC 7578
    has no room for it, said again as ``filename*``; without, it goes out as it is, as browsers do it. Other parameters
    always do. Raises ValueError for a name or type that is not a token, and for a control character.
    """
    if re.fullmatch(_TOKEN, kind) is None:
        raise ValueError(f"bad content disposition type {kind!r}")
    result = [kind]
    for name, value in parameters.items():
        if re.fullmatch(_TOKEN, name) is None:
            raise ValueError(f"bad content disposition parameter {name!r}")
        if _CONTROL.search(value):
            raise ValueError(f"{name} {value[:60]!r} holds a control character, such as CR or LF")
        if not quote_fields or name != "filename":
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            result.append(f'{name}="{escaped}"')
            continue
        quoted = quote(value, "", encoding=charset)
        result.append(f'{name}="{quoted}"')
        if quoted != value and kind != "form-data" and charset.lower() == "utf-8":
            result.append(f"filename*=utf-8''{quoted}")
    return "; ".join(result)
