"""Reading a file for `send_file`, where the kernel cannot send it by itself."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

from .gathering import PIECE
from .stream import ByteStream

__all__ = ["send_file_in_pieces", "send_pieces", "sendfile_works"]


def sendfile_works(file: BinaryIO) -> bool:
    """Return whether what `file` reads is what its descriptor holds (not so for a GzipFile or a BytesIO)."""
    if not isinstance(file, io.FileIO | io.BufferedReader | io.BufferedRandom):
        return False
    return isinstance(getattr(file, "raw", file), io.FileIO)


async def send_pieces(
    send: Callable[[bytes], Awaitable[None]],
    in_thread: Callable[..., Awaitable[Any]],
    file: BinaryIO,
    offset: int,
    count: int,
) -> None:
    """Read `count` bytes of `file` from `offset` in worker threads, and `send` each PIECE bytes of them.

    Raises EOFError where the file ends before.
    """
    while count > 0:
        piece = await in_thread(_read_at, file, offset, min(count, PIECE))
        if not piece:
            raise EOFError(f"the file ended {count} bytes early")
        await send(piece)
        offset += len(piece)
        count -= len(piece)


async def send_file_in_pieces(
    stream: ByteStream, in_thread: Callable[..., Awaitable[Any]], file: BinaryIO, offset: int, count: int
) -> None:
    """Send all of it by `send_pieces` over `stream`, which is aborted where that fails. Raises EOFError."""
    try:
        await send_pieces(stream.send, in_thread, file, offset, count)
    except BaseException:
        stream.abort()
        raise


def _read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
