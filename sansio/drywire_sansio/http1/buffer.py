"""Received bytes: consumed by offset, so that each is looked at once and a body is handed on as it came."""

from __future__ import annotations

from typing import Final

__all__ = ["LARGE", "MOST_KEPT", "ReceiveBuffer", "piece"]

LARGE: Final = 16 * 1024
"""Bytes from which on a part of an arrival is given out as a view: copying them takes longer than all else."""

MOST_KEPT: Final = 4096
"""Bytes of what was used up, such as the last head, that an idle connection may hold."""


class ReceiveBuffer:
    """Bytes received and not yet consumed.

    `data` from `start` on is what is there; readers match against it in place. As long as each arrival is used up
    before the next, it is the very object that arrived. Only what stays over is gathered in a bytearray, which
    grows, and is cut at its front, in amortised constant time a byte: an input in one-byte pieces costs linear
    time.
    """

    __slots__ = ("_dropped", "data", "eof", "start")

    def __init__(self) -> None:
        self.data: bytes | bytearray = b""
        self.start = 0
        self.eof = False
        self._dropped = 0

    def __len__(self) -> int:
        return len(self.data) - self.start

    @property
    def offset(self) -> int:
        """How many bytes were consumed since the connection began."""
        return self._dropped + self.start

    def let_go(self) -> None:
        """Drop an arrival that was used up."""
        if self.start == len(self.data):
            self._dropped += self.start
            self.start = 0
            self.data = b""

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Add `data`; a bytearray or memoryview is copied, since its owner may change it."""
        if self.start == len(self.data):
            self._dropped += self.start
            self.start = 0
            self.data = data if type(data) is bytes else bytes(data)
            return
        if type(self.data) is bytearray:
            if self.start:
                del self.data[: self.start]
                self._dropped += self.start
                self.start = 0
            self.data += data
            return
        rest = bytearray(memoryview(self.data)[self.start :])
        rest += data
        self._dropped += self.start
        self.start = 0
        self.data = rest

    def take(self, count: int) -> bytes | memoryview:
        """Consume and return the next `count` bytes, or all there are if fewer; see `piece`."""
        data, start = self.data, self.start
        end = min(start + count, len(data))
        self.start = end
        return piece(data, start, end)

    def take_bytes(self, count: int) -> bytes:
        """Consume and return the next `count` bytes, which must be there."""
        start = self.start
        self.start = end = start + count
        data = self.data[start:end]
        return data if type(data) is bytes else bytes(data)


def piece(data: bytes | bytearray, start: int, end: int) -> bytes | memoryview:
    """Return that part of an arrival: the arrival itself if it is the whole, and no copy of a large part."""
    if type(data) is not bytes:
        return bytes(memoryview(data)[start:end])
    return data[start:end] if end - start < LARGE or end - start == len(data) else memoryview(data)[start:end]
