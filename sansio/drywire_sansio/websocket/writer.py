"""`MessageWriter`: events to bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from ..errors import LocalProtocolError
from ..http1.events import Buffer
from .close_codes import NO_STATUS_RECEIVED, may_be_sent
from .deflate import Deflater
from .frames import BINARY, CLOSE, CONTINUATION, FIN, LARGEST_CONTROL, RSV1, TEXT, pack_header
from .masking import apply_mask

__all__ = ["MessageWriter", "close_payload"]

_pack_small: Final = struct.Struct("!BB").pack
_pack_medium: Final = struct.Struct("!BBH").pack
JOINED: Final = 128 * 1024
"""Bytes up to which a payload is joined to its header here: the copy is cheaper than a second system call, or the
second packet that it makes. At 64 KiB it took 8 of 54 us off an echo."""


class MessageWriter:
    """Writes the frames of one side: masked by keys of `mask` for a client, None for a server."""

    __slots__ = ("_compressed", "_deflater", "_level", "_mask", "_opcode")

    def __init__(self, mask: Callable[[], bytes] | None, deflater: Deflater | None) -> None:
        self._mask = mask
        self._deflater = deflater if deflater is not None and deflater.usable else None
        self._opcode = CONTINUATION  # of the message under way, CONTINUATION between messages
        self._compressed = False
        self._level: int | None = None

    def whole(self, opcode: int, payload: Buffer, compress: int | None) -> list[Buffer]:
        """Return the buffers of a whole message: `message`, and written out for nearly everything a server sends."""
        if self._mask is None and self._deflater is None and self._opcode == CONTINUATION and type(payload) is bytes:
            size = len(payload)
            if size <= LARGEST_CONTROL:
                return [_pack_small(FIN | opcode, size) + payload]
            if size <= 0xFFFF:
                return [_pack_medium(FIN | opcode, 126, size) + payload]
        return self.message(opcode, payload, final=True, compress=compress)

    def message(self, opcode: int, payload: Buffer, *, final: bool, compress: int | None) -> list[Buffer]:
        """Return the buffers of a message, or of its next part: one frame.

        `compress` is settled by the first part: None for what was agreed, 0 for not, else the level. Raises
        LocalProtocolError for a part of another kind than the message under way.
        """
        if type(payload) is memoryview and (payload.ndim != 1 or payload.itemsize != 1 or not payload.c_contiguous):
            payload = payload.tobytes()
        first = opcode
        if self._opcode != CONTINUATION:
            if opcode != self._opcode:
                kinds = {TEXT: "text", BINARY: "binary"}
                raise LocalProtocolError(
                    f"a {kinds[opcode]} part cannot follow in a {kinds[self._opcode]} message (RFC 6455, 5.4)"
                )
            first = CONTINUATION
        elif self._deflater is not None:
            self._compressed = compress != 0
            self._level = compress
            if self._compressed:
                first |= RSV1
        if self._compressed and self._deflater is not None:
            payload = self._deflater.compress(payload, final=final, level=self._level)
        if final:
            first |= FIN
            self._opcode = CONTINUATION
            self._compressed = False
        else:
            self._opcode = opcode
        return self._frame(first, payload)

    def control(self, opcode: int, payload: bytes) -> list[Buffer]:
        """Return the buffers of a control frame. Raises LocalProtocolError for more than 125 bytes."""
        if len(payload) > LARGEST_CONTROL:
            raise LocalProtocolError(
                f"a control frame carries at most {LARGEST_CONTROL} bytes, not {len(payload)} (RFC 6455, 5.5)"
            )
        return self._frame(FIN | opcode, payload)

    def close(self, code: int, reason: str) -> list[Buffer]:
        """Return the buffers of a close frame. Raises LocalProtocolError for what it cannot say."""
        return self.control(CLOSE, close_payload(code, reason))

    def _frame(self, first: int, payload: Buffer) -> list[Buffer]:
        size = len(payload)
        if self._mask is not None:
            key = self._mask()
            return [b"%b%b%b" % (pack_header(first, size, masked=True), key, apply_mask(payload, key))]
        header = pack_header(first, size, masked=False)
        return [header + payload] if size <= JOINED else [header, payload]


def close_payload(code: int, reason: str) -> bytes:
    """Return the payload of a close frame, empty for 1005. Raises LocalProtocolError for what it cannot say."""
    if code == NO_STATUS_RECEIVED:
        if reason:
            raise LocalProtocolError("a close frame without a code has no reason (RFC 6455, 5.5.1)")
        return b""
    if not may_be_sent(code):
        raise LocalProtocolError(f"a close frame cannot carry the code {code} (RFC 6455, 7.4)")
    return code.to_bytes(2, "big") + reason.encode()
