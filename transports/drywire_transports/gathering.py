"""How a `send` cuts its buffers: small ones become one write, large ones go out piece by piece and uncopied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .stream import Buffer

__all__ = ["JOIN_LIMIT", "PIECE", "joined", "pieces"]

JOIN_LIMIT: Final = 32 * 1024
"""Bytes up to which several buffers are joined: copying 32 KiB costs less than a second system call."""

PIECE: Final = 256 * 1024
"""Bytes given to a transport at a time, so that what it copies of a huge buffer stays bounded."""


def joined(buffers: Sequence[Buffer]) -> bytes | None:
    """Return `buffers` as one bytes object, or None where together they are too large to be worth a copy."""
    if len(buffers) == 1:
        only = buffers[0]
        if len(only) > JOIN_LIMIT:
            return None
        return only if type(only) is bytes else bytes(only)
    if sum(map(len, buffers)) > JOIN_LIMIT:
        return None
    return b"".join(buffers)


def pieces(buffers: Sequence[Buffer]) -> Iterator[bytes | memoryview]:
    """Cut `buffers` into pieces of at most PIECE bytes that nobody changes later.

    A transport may still hold a piece when `send` has returned. Bytes and views of bytes can be lent to it; whatever
    could change under it is copied.
    """
    for buffer in buffers:
        if type(buffer) is bytes and 0 < len(buffer) <= PIECE:
            yield buffer
            continue
        view = memoryview(buffer).cast("B")
        lendable = type(view.obj) is bytes
        for start in range(0, len(view), PIECE):
            piece = view[start : start + PIECE]
            yield piece if lendable else bytes(piece)
