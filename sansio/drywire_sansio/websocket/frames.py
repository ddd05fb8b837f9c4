"""The header of a frame, both ways (RFC 6455, 5.2)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "FIN",
    "LARGEST_CONTROL",
    "PING",
    "PONG",
    "RSV1",
    "TEXT",
    "FrameHeader",
    "pack_header",
    "read_header",
]

FIN: Final = 0x80
RSV1: Final = 0x40

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

LARGEST_CONTROL: Final = 125
"""Bytes that a control frame carries at most (RFC 6455, 5.5)."""

_MASKED: Final = 0x80
_pack_small: Final = struct.Struct("!BB").pack
_pack_medium: Final = struct.Struct("!BBH").pack
_pack_large: Final = struct.Struct("!BBQ").pack


class FrameHeader(NamedTuple):
    """A header as it was received; whether it is a valid one is not said."""

    first: int
    """FIN, the reserved bits and the opcode."""
    masked: bool
    size: int
    """Bytes of the payload."""
    length: int
    """Bytes of the header itself, the masking key included."""
    has_valid_size: bool
    """Whether the size is written in as few bytes as it can be, and is below 2^63."""


def read_header(data: bytes | bytearray, start: int) -> FrameHeader | None:
    """Return the header that begins at `start`; None where it is not there whole."""
    available = len(data) - start
    if available < 2:
        return None
    second = data[start + 1]
    masked = second >= _MASKED
    size, length, valid = second & 0x7F, 2, True
    if size > 125:
        length = 4 if size == 126 else 10
        if available < length:
            return None
        size = int.from_bytes(data[start + 2 : start + length], "big")
        valid = size > 125 if length == 4 else 0xFFFF < size < 1 << 63
    if masked:
        length += 4
        if available < length:
            return None
    return FrameHeader(data[start], masked, size, length, valid)


def pack_header(first: int, size: int, *, masked: bool) -> bytes:
    """Return the header of a frame of `size` bytes, without its masking key."""
    bit = _MASKED if masked else 0
    if size <= 125:
        return _pack_small(first, bit | size)
    if size <= 0xFFFF:
        return _pack_medium(first, bit | 126, size)
    return _pack_large(first, bit | 127, size)
