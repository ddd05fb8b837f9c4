"""Part of a file as part of a body: by the kernel's sendfile where the stream can, in pieces from threads elsewhere."""

from __future__ import annotations

import logging
import os
from typing import Any, BinaryIO, Final, Protocol, cast

from drywire_sansio import http1
from drywire_transports import ByteStream, Runtime, StreamBroken, StreamClosed, StreamTimeout

from .errors import ClientGone
from .opened_file import OpenedFile
from .settings import ServerSettings

__all__ = ["FileLink", "cut_off", "send_part"]

logger = logging.getLogger("drywire.server")

LARGEST: Final = 4 * 1024**2
"""Bytes sent in one go to a client that takes them quickly."""
QUICK: Final = 1 / 16
"""Share of the write timeout in which a client has to take a piece for the next to be four times as large."""


NO_SENDFILE: Final = bool(os.environ.get("DRYWIRE_NOSENDFILE") or os.environ.get("AIOHTTP_NOSENDFILE"))
"""Whether the environment forbids sendfile: some file systems, shared ones above all, get it wrong."""


class FileLink(Protocol):
    """The connection that a response goes over, as a file needs it."""

    responding: bool
    core: http1.ServerConnection
    stream: ByteStream
    settings: ServerSettings

    @property
    def runtime(self) -> Runtime:
        """The event loop it runs on."""
        ...

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client."""
        ...


class _Counted:
    """Stands for bytes that do not pass through here, for the core to count."""

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


class _Reading:
    """A file that the kernel does not know: one to be read."""

    __slots__ = ("read", "seek")

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek


async def send_part(link: FileLink, opened: OpenedFile, offset: int, count: int, piece: int) -> None:
    """Send `count` bytes of a file from `offset` as part of a body of announced length; `piece` bytes at first.

    A client has the write timeout for each piece, so the pieces only grow while it takes them quickly. Raises
    ClientGone, StreamTimeout, and StreamBroken where the file is not what it was: the connection is closed then, since
    the length that was announced cannot be kept.
    """
    if not count:
        return
    counted = cast(Any, _Counted(count))
    buffers = link.core.send_buffers(http1.Data(counted))
    place = buffers.index(counted)  # between the ends of a chunk, where somebody has dropped the length
    stream, now, patience = link.stream, link.runtime.now, link.settings.write_timeout
    file = cast(BinaryIO, _Reading(opened.file)) if NO_SENDFILE else opened.file
    try:
        if place:
            stream.write_deadline = now() + patience
            await stream.send(*buffers[:place])
        while count > 0:
            begun = now()
            stream.write_deadline = begun + patience
            size = min(piece, count)
            await stream.send_file(file, offset, size)
            offset += size
            count -= size
            if now() - begun < patience * QUICK:
                piece = max(piece, min(piece * 4, LARGEST))
        if place:
            await stream.send(*buffers[place + 1 :])
    except StreamTimeout:
        link.core.send_failed()
        raise
    except (StreamBroken, StreamClosed) as error:
        link.core.send_failed()
        raise ClientGone(str(error)) from error
    except (EOFError, OSError, ValueError) as error:
        raise cut_off(link, opened, error) from error
    except BaseException:
        link.core.send_failed()
        raise


def cut_off(link: FileLink, opened: OpenedFile, error: Exception) -> StreamBroken:
    """End the connection in the middle of a file that is not what it was, and return what to raise of that."""
    link.core.send_failed()
    link.stream.abort()
    logger.error("the file %s cannot be sent to its end, so the connection is closed: %s", opened.path, error)
    return StreamBroken(f"the file changed while it was sent: {error}")
