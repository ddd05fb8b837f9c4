"""`Quirk`: the deviations of broken servers that a client may tolerate, each by its own name.

Nothing is tolerated unless it is named, and a `ServerConnection` tolerates nothing. What a quirk lets through is put
right before it is read, so events never show it. None touches a field that frames a message (Content-Length and its
kin), but for `REPEATED_LENGTH`, which RFC 9110 allows by name: a response that two clients could frame differently is
refused whatever the quirks.
"""

from __future__ import annotations

import enum

__all__ = ["Quirk"]


class Quirk(enum.Enum):
    """One deviation from RFC 9112 in responses, for ``ClientConnection(quirks={...})``."""

    BARE_LF = enum.auto()
    """Every line of the head ends in a line feed alone (RFC 9112, 2.2). A head that mixes both line ends is refused,
    since a line feed inside a value could then hide a field."""

    OBS_FOLD = enum.auto()
    """A field value goes on in the next line, which begins with white space (RFC 9112, 5.2). The fold becomes one
    space."""

    SPACE_BEFORE_COLON = enum.auto()
    """White space between a field's name and its colon (RFC 9112, 5.1). It is removed."""

    CONTROL_BYTES = enum.auto()
    """Control bytes in a field value, NUL and a bare CR among them (RFC 9110, 5.5). Each becomes a space."""

    REPEATED_LENGTH = enum.auto()
    """Content-Length said more than once, always with the same digits (RFC 9110, 8.6). It is taken as said once."""

    EMPTY_LINES = enum.auto()
    """Empty lines before the status line (RFC 9112, 2.2 allows them before requests only). They are skipped."""

    ICY_STATUS_LINE = enum.auto()
    """A status line that begins with ``ICY``, as SHOUTcast servers send. It is read as HTTP/1.0."""

    SPACE_AFTER_CHUNK_SIZE = enum.auto()
    """Spaces or tabs between a chunk's size and its line end (RFC 9112, 7.1). They are skipped, and count as chunk
    extension."""
