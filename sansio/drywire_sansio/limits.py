"""`Limits`: how much a peer may make us hold or do, one value a role, on by default.

Each limit is counted cumulatively and checked before anything is stored for it. The error that a limit raises
(`LimitExceeded`) names the field here to change.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one HTTP/1.1 peer may send. Sizes are bytes, without the line's CRLF.

    Make your own with `Limits(field_count=64)`; what is not named keeps its default. The defaults for lines and
    counts are those aiohttp's users know; a server with very long URLs raises `start_line`.
    """

    start_line: int = 8190
    """Request line (answered with 414) or status line."""
    field_line: int = 8190
    """One header line, name and value (431)."""
    field_count: int = 128
    """Header lines of one head (431)."""
    head: int = 65_536
    """A whole head: start line, header lines and their line ends, without the empty line behind them (431)."""
    chunk_extensions: int = 4096
    """Chunk extensions of one body, all chunks together: nobody reads them, so nobody needs many (400)."""
    trailer_count: int = 128
    """Trailer lines of one chunked body (431)."""
    trailers: int = 16_384
    """The trailer lines of one chunked body and their line ends, without the empty line behind them (431)."""
    informational: int = 32
    """Interim 1xx responses before one final response."""
