"""Content-Transfer-Encoding: base64 and quoted-printable, whole or in pieces (RFC 2045, 6)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

__all__ = ["SMALLEST_PIECE", "UNCODED", "TransferPieces", "decode_transfer", "transfer_pieces"]

UNCODED: Final = frozenset({"", "7bit", "8bit", "binary"})
"""The encodings that change nothing."""
_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_NOT_BASE64: Final = bytes(byte for byte in range(256) if byte not in _BASE64)


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """Return `data` without its transfer encoding, a name in lower case.

    What is no base64 in base64, such as line ends, is passed over (RFC 2045, 6.8). Raises LookupError for an encoding
    that is not known, ValueError for base64 that lacks characters at its end.
    """
    if encoding in UNCODED:
        return data
    if encoding == "base64":
        return base64.b64decode(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    raise LookupError(f"unknown content transfer encoding: {encoding[:60]}")


SMALLEST_PIECE: Final = 8
"""Bytes that a piece may have at least: a unit of base64 and a line end in it."""


class TransferPieces:
    """Content on its way through the hands of one who takes it in pieces, none of which tears a unit of the encoding.

    What is added is held until it is taken. This class is for base64, whose units are four characters, whatever stands
    between them.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        # Characters of the encoding among what is held. Counted as they come, so that no byte is looked at again and
        # again while there is no whole unit.
        self._count = 0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, data: bytes) -> None:
        """Hold `data` too."""
        self._held += data
        self._count += self._counted(data)

    def take(self, size: int, *, ended: bool = False) -> bytes:
        """Return whole units of what is held, at most `size` bytes; ``b""`` where there is none yet.

        Where so many bytes hold no unit, or no more come since the content has `ended`, torn ones are returned. `size`
        is `SMALLEST_PIECE` or more.
        """
        window = min(size, len(self._held))
        end = self._cut(window)
        if not end and (ended or window == size):
            end = window
        return self._taken(end)

    @property
    def holds_line(self) -> bool:
        """Whether a line feed is held."""
        return b"\n" in self._held

    def take_line(self) -> bytes:
        """Return what is held up to a line feed, all of it where there is none."""
        return self._taken(self._held.find(b"\n") + 1 or len(self._held))

    def clear(self) -> None:
        """Forget what is held."""
        self._taken(len(self._held))

    def _taken(self, end: int) -> bytes:
        if not end:
            return b""
        piece = bytes(self._held[:end])
        del self._held[:end]
        self._count = self._counted(self._held)
        return piece

    def _counted(self, data: bytes | bytearray) -> int:
        return len(data.translate(None, _NOT_BASE64))

    def _cut(self, window: int) -> int:
        """Return where the last whole unit of the first `window` bytes ends, 0 where there is none."""
        held = self._held
        count = self._count
        if count >= 4 and window < len(held):
            count = self._counted(held[:window])
        if count < 4:
            return 0
        torn = count % 4
        while torn:
            window -= 1
            torn -= held[window] in _BASE64
        return window


class _QuotedPieces(TransferPieces):
    """Units of quoted-printable are an equals sign with the two bytes behind it, and any other byte."""

    def _counted(self, data: bytes | bytearray) -> int:
        return 0

    def _cut(self, window: int) -> int:
        sign = self._held.rfind(b"=", max(0, window - 2), window)
        return window if sign < 0 else sign


def transfer_pieces(encoding: str) -> TransferPieces | None:
    """Return what cuts content in `encoding`, a name in lower case; None where it can be cut anywhere."""
    if encoding == "base64":
        return TransferPieces()
    return _QuotedPieces() if encoding == "quoted-printable" else None
