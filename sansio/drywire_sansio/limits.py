"""`Limits`: how much a peer may make us hold or do, one value a role, on by default.

Each limit is counted cumulatively and checked before anything is stored for it. The error that a limit raises
(`LimitExceeded`) names the field here to change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .errors import LimitExceeded

__all__ = ["DEFAULT_LIMITS", "Limits", "exceeded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one peer may send, over HTTP/1.1 or a WebSocket. Sizes are bytes, without a line's CRLF.

    Behind each stands the status that a server answers with (what a client reads over a limit is a bad gateway's
    matter, 502), or the code that a WebSocket is closed with.

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
    body: int = 1 << 40
    """The content of one body, of whatever framing (413). A body is handed on as it comes and held nowhere, so the
    default, 1 TiB, only ends what would never end; a program that knows better sets it, and a Content-Length over it
    is refused with the head."""
    informational: int = 32
    """Interim 1xx responses before one final response (502)."""
    content_codings: int = 5
    """Content codings laid over one another around one body (400)."""
    coding_members: int = 1024
    """Streams of one content coding behind one another, such as members of a gzip file (400)."""
    decoded_ratio: int = 200
    """How many times its size a coded body may inflate to, once it is larger than `decoded_free` (400). gzip can reach
    1032; text seldom 20."""
    decoded_free: int = 32 * 1024 * 1024
    """What a coded body may inflate to whatever its size."""
    frame: int = 4 * 1024 * 1024
    """The payload of one WebSocket frame, as it is on the wire (close code 1009)."""
    message: int = 4 * 1024 * 1024
    """The content of one WebSocket message, after decompression; of text its UTF-8 (close code 1009)."""
    message_frames: int = 131_072
    """Frames of one WebSocket message: each costs its own work, however small it is (close code 1008)."""
    control_frames: int = 1000
    """Pings and pongs within ten seconds, where the connection was given a clock (close code 1008)."""


DEFAULT_LIMITS: Final = Limits()

_ANSWERS: Final = {
    "start_line": (414, "RFC 9110, 15.5.15"),
    "field_line": (431, "RFC 6585, 5"),
    "field_count": (431, "RFC 6585, 5"),
    "head": (431, "RFC 6585, 5"),
    "chunk_extensions": (400, "RFC 9112, 7.1.1"),
    "trailer_count": (431, "RFC 6585, 5"),
    "trailers": (431, "RFC 6585, 5"),
    "body": (413, "RFC 9110, 15.5.14"),
    "informational": (502, "RFC 9110, 15.2"),
}
_CLOSE_CODES: Final = {"frame": 1009, "message": 1009, "message_frames": 1008, "control_frames": 1008}
_COUNTS: Final = frozenset({"field_count", "trailer_count", "informational", "message_frames", "control_frames"})


def exceeded(name: str, value: int, offset: int) -> LimitExceeded:
    """Return the error for the byte at `offset`, which is over the limit `name` of `value`."""
    status, section = _ANSWERS.get(name, (400, "RFC 6455, 10.4"))
    unit = "" if name in _COUNTS else " bytes"
    message = f"{name.replace('_', ' ')} over the limit of {value}{unit} (Limits.{name})"
    close_code = _CLOSE_CODES.get(name, 0)
    return LimitExceeded(
        message, limit=name, value=value, status=status, section=section, offset=offset, close_code=close_code
    )
