"""Plain messages: one whole frame, not compressed.

`read_plain` reads the one that comes nearly always, alone in its arrival; in C where the package was built with a
compiler, else in Python, and both pass the same tests. What is anything else, or wrong, is left to `reader.py`, so that
there is one place that refuses. `PlainContent` is the content of a frame that comes in pieces.
"""

from __future__ import annotations

from codecs import utf_8_decode
from typing import Any, Final

from .frames import BINARY, FIN, TEXT
from .masking import apply_mask

__all__ = ["PlainContent", "read_plain", "read_plain_in_python"]

GATHERED: Final = 4096
"""Bytes or characters that are gathered in one object: a list of tiny ones would take fifty times their content."""

_PLAIN_TEXT: Final = FIN | TEXT
_PLAIN_BINARY: Final = FIN | BINARY


def read_plain_in_python(data: bytes, masked: bool, longest: int) -> str | bytes | None:
    """Return the content of the plain message that `data` is, str or bytes; None where it is anything else.

    `masked` says what the frame has to be; `longest` is the largest payload in bytes, up to 65,535.
    """
    start = 6 if masked else 2
    if len(data) < start or (data[1] > 127) is not masked:
        return None
    size = data[1] & 127
    if size > 125:
        start += 2
        if size == 127 or len(data) < start:
            return None
        size = data[2] << 8 | data[3]
        if size < 126:
            return None
    first = data[0]
    if len(data) != start + size or size > longest or (first != _PLAIN_TEXT and first != _PLAIN_BINARY):
        return None
    payload = apply_mask(data[start:], data[start - 4 : start]) if masked else data[start:]
    if first == _PLAIN_BINARY:
        return payload
    try:
        return str(payload, "utf-8")
    except UnicodeDecodeError:
        return None


try:
    from ._frames import read_plain
except ImportError:  # built without a compiler
    read_plain = read_plain_in_python


class PlainContent:
    """The content of a plain frame of `size` bytes as it comes; masked by `key`, empty where it is not."""

    __slots__ = ("_is_text", "_key", "_pieces", "_rest", "_tail", "left")

    def __init__(self, first: int, size: int, key: bytes) -> None:
        self.left = size
        """Bytes that are still to come."""
        self._is_text = first == _PLAIN_TEXT
        self._key = key
        self._rest = b""  # of a character that is not there whole
        self._pieces: list[Any] = []
        self._tail: Any = "" if self._is_text else b""

    def add(self, data: bytes) -> None:
        """Take in the next bytes. Raises UnicodeDecodeError where a text cannot be UTF-8 any more."""
        self.left -= len(data)
        if self._key:
            turn = len(data) & 3
            data = apply_mask(data, self._key)
            self._key = self._key[turn:] + self._key[:turn]
        piece: str | bytes = data
        if self._is_text:
            data = self._rest + data
            piece, used = utf_8_decode(data, "strict", not self.left)
            self._rest = data[used:]
        self._tail += piece
        if len(self._tail) >= GATHERED:
            self._pieces.append(self._tail)
            self._tail = self._tail[:0]

    def whole(self) -> str | bytes:
        """Return all of it, once nothing is left to come."""
        if not self._pieces:
            content: str | bytes = self._tail
            return content
        content = self._tail[:0].join([*self._pieces, self._tail])
        return content
