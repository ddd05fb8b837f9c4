"""Sec-WebSocket-Extensions: a list of extensions, each with parameters (RFC 6455, 9.1)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["ExtensionOffer", "format_extension", "parse_extensions"]

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# The value of a parameter is a token, or a quoted string whose content is one (RFC 6455, 9.1).
_PARAMETER: Final = (
    rb"[ \t]*+;[ \t]*+(" + _TOKEN + rb")(?:[ \t]*+=[ \t]*+(?:(" + _TOKEN + rb')|"(' + _TOKEN + rb')"))?+'
)
_NEXT_NAME: Final = re.compile(rb"[ \t,]*+(" + _TOKEN + rb")")
_NEXT_PARAMETER: Final = re.compile(_PARAMETER)
_NEXT_COMMA: Final = re.compile(rb"[ \t]*+(?:,|\Z)")


class ExtensionOffer(NamedTuple):
    """One member of the list: the extension's name and its parameters in order, None for one without a value."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]


def parse_extensions(value: bytes) -> list[ExtensionOffer] | None:
    """Return the members of a Sec-WebSocket-Extensions field; None where it does not follow the grammar."""
    result: list[ExtensionOffer] = []
    at = 0
    while value[at:].strip(b" \t,"):
        name = _NEXT_NAME.match(value, at)
        if name is None:
            return None
        at = name.end()
        parameters: list[tuple[str, str | None]] = []
        while (parameter := _NEXT_PARAMETER.match(value, at)) is not None:
            key, token, quoted = parameter.groups()
            content: bytes | None = token if token is not None else quoted
            parameters.append((key.decode("ascii"), None if content is None else content.decode("ascii")))
            at = parameter.end()
        comma = _NEXT_COMMA.match(value, at)
        if comma is None:
            return None
        at = comma.end()
        result.append(ExtensionOffer(name[1].decode("ascii"), tuple(parameters)))
    return result


def format_extension(offer: ExtensionOffer) -> bytes:
    """Return `offer` as it stands in the field."""
    parts = [offer.name]
    parts += [key if value is None else f"{key}={value}" for key, value in offer.parameters]
    return "; ".join(parts).encode("ascii")
