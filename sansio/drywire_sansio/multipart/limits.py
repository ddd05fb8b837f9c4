"""`MultipartLimits`: how much a multipart body may make us hold or do, on by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import LimitExceeded

__all__ = ["DEFAULT_MULTIPART_LIMITS", "MultipartLimits", "exceeded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipartLimits:
    """Bounds on a multipart body, each checked before anything is stored for it. Sizes are bytes.

    In brackets the status that a server answers with. Make your own with `MultipartLimits(parts=50)`; what is not named
    keeps its default.
    """

    parts: int = 1000
    """Parts of one multipart body; of a nested one too, by itself (413)."""
    field_count: int = 128
    """Header lines of one part (431)."""
    field_line: int = 8190
    """One header line of a part, name and value, without its CRLF (431)."""
    head: int = 65_536
    """All header lines of one part with their line ends, without the empty line behind them (431)."""
    part: int = 1 << 40
    """The content of one part, in its transfer encoding (413). It is handed on as it comes and held nowhere, so the
    default, 1 TiB, only ends what would never end."""
    body: int = 1 << 40
    """The whole body: all parts, their heads, boundaries, and what is around them (413)."""
    preamble: int = 65_536
    """What stands before the first boundary, and is dropped (400)."""
    epilogue: int = 65_536
    """What stands behind the closing boundary, and is dropped (400)."""
    padding: int = 128
    """White space between a boundary and the end of its line (400). Nobody may send any (RFC 2046, 5.1.1)."""
    nesting: int = 8
    """Multipart bodies inside one another, the outermost counted as one (400). `MultipartParser` reads one level, so
    whoever nests them counts."""


DEFAULT_MULTIPART_LIMITS: Final = MultipartLimits()

_ANSWERS: Final = {
    "parts": (413, "RFC 9110, 15.5.14"),
    "field_count": (431, "RFC 6585, 5"),
    "field_line": (431, "RFC 6585, 5"),
    "head": (431, "RFC 6585, 5"),
    "part": (413, "RFC 9110, 15.5.14"),
    "body": (413, "RFC 9110, 15.5.14"),
}
_COUNTS: Final = frozenset({"parts", "field_count", "nesting"})


def exceeded(name: str, value: int, offset: int) -> LimitExceeded:
    """Return the error for the byte at `offset` of the body, which is over the limit `name` of `value`."""
    status, section = _ANSWERS.get(name, (400, "RFC 2046, 5.1.1"))
    unit = "" if name in _COUNTS else " bytes"
    message = f"multipart {name.replace('_', ' ')} over the limit of {value}{unit} (MultipartLimits.{name})"
    return LimitExceeded(message, limit=name, value=value, status=status, section=section, offset=offset)
