"""Files opened to be sent: everything that asks the disk, for worker threads to do, and nothing of it left open."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final

from drywire_transports import Runtime

from .errors import HTTPException, HTTPForbidden, HTTPNotFound
from .file_types import SIBLINGS, media_type_of

__all__ = ["SMALL", "NotRegularFile", "OpenedFile", "as_http_error", "in_thread", "open_file"]

SMALL: Final = 64 * 1024
"""Bytes of a file up to which it is read where it is opened: cheaper than another turn to the disk."""

_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO that took the file's place just now must not hold the thread
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_SUCH_FILE: Final = frozenset((errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.ENODEV))

Admit = Callable[[str], str | None]
"""From a path to the one to open in its place, None where it must not be."""


class NotRegularFile(OSError):
    """What lies at a path is a directory, device, FIFO or socket."""


class _HeldFile(io.FileIO):
    """A file that one thread reads while another closes it: the descriptor is given up when the reader is done.

    Closed at once, its number could belong to something else by the time the reader uses it.
    """

    def __init__(self, descriptor: int) -> None:
        self._reading = Lock()
        self._unwanted = False
        super().__init__(descriptor, "rb")

    def seek(self, offset: int, whence: int = 0, /) -> int:
        result: int = self._held(super().seek, offset, whence)
        return result

    def read(self, size: int | None = -1, /) -> bytes:
        result: bytes = self._held(super().read, -1 if size is None else size)
        return result

    def _held(self, function: Callable[..., Any], *args: int) -> Any:
        try:
            with self._reading:
                return function(*args)
        finally:
            if self._unwanted:
                self.close()

    def close(self) -> None:
        self._unwanted = True
        if self._reading.acquire(blocking=False):
            try:
                super().close()
            finally:
                self._reading.release()


class OpenedFile:
    """A regular file as it was when it was opened, perhaps one that holds another's content in a coding.

    Closing is synchronous and idempotent; one that nobody wants any more closes itself.
    """

    __slots__ = ("coding", "content", "etag_value", "file", "media_type", "modified", "path", "size", "varies")

    def __init__(self, path: str, file: _HeldFile, status: os.stat_result, coding: str | None) -> None:
        self.path = path
        """The path that was asked for."""
        self.file = file
        self.size = status.st_size
        """Bytes."""
        self.modified = status.st_mtime
        """Seconds after the Unix epoch."""
        self.coding = coding
        """The content coding that it is in, None for its own content."""
        self.varies = False
        """Whether its content lies there in a coding, too."""
        self.content: bytes | None = None
        """All that is in it, where it was read already."""
        self.media_type = media_type_of(path)
        value = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        self.etag_value = value if coding is None else f"{value}-{coding}"

    def read_all(self) -> None:
        """Read what is in it."""
        pieces: list[bytes] = []
        left = self.size
        while left and (piece := self.file.read(left)):
            pieces.append(piece)
            left -= len(piece)
        self.content = b"".join(pieces)
        self.size = len(self.content)
        self.file.close()

    def close(self) -> None:
        """Close it."""
        self.file.close()

    def __del__(self) -> None:
        # A response that was dropped before it was sent.
        if hasattr(self, "file"):
            self.file.close()


def as_is(path: str) -> str:
    """Admit any path (`Admit`)."""
    return path


def open_file(
    path: str, likes: Sequence[str] | None = None, small: int = 0, admit: Admit = as_is, flags: int = 0
) -> OpenedFile:
    """Open the file at `path`, or one beside it in a coding of `likes`. Blocks.

    With `likes` None none is looked for. A file of at most `small` bytes is read at once. Raises OSError,
    NotRegularFile, ValueError for what cannot be a path.
    """
    opened = None
    varies = False
    for coding in () if likes is None else [*likes, *(other for other in SIBLINGS if other not in likes)]:
        beside = _admitted_sibling(path + SIBLINGS[coding], admit)
        if beside is None:
            continue
        varies = True
        if coding in (likes or ()):
            opened = _sibling(path, beside, coding, flags)
        if opened is not None:
            break
    if opened is None:
        real = admit(path)
        if real is None:
            raise FileNotFoundError(errno.ENOENT, "outside of what may be sent", path)
        opened = _opened(path, real, None, flags)
    opened.varies = varies
    if opened.size <= small:
        opened.read_all()
    return opened


def _admitted_sibling(path: str, admit: Admit) -> str | None:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
    except OSError:
        return None
    return admit(path)


def _sibling(path: str, beside: str, coding: str, flags: int) -> OpenedFile | None:
    try:
        return _opened(path, beside, coding, flags)
    except OSError:
        return None


def _opened(path: str, real: str, coding: str | None, flags: int) -> OpenedFile:
    # Opening a device can do something to it, so this is asked first; and again, of what was opened indeed.
    _check_regular(os.stat(real), path)
    file = _HeldFile(os.open(real, _FLAGS | flags))
    try:
        status = os.fstat(file.fileno())
        _check_regular(status, path)
        return OpenedFile(path, file, status, coding)
    except BaseException:
        file.close()
        raise


def _check_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegularFile(errno.EINVAL, "not a regular file", path)


def as_http_error(error: OSError | ValueError) -> HTTPException | None:
    """Return what tells a client of `error`, met in opening a file: 404 or 403; None for a failure of the server's."""
    if isinstance(error, ValueError):
        return HTTPNotFound()  # a NUL in the path, or a character that no file name has
    if isinstance(error, NotRegularFile | PermissionError):
        return HTTPForbidden()
    missing = isinstance(error, FileNotFoundError | NotADirectoryError) or error.errno in _NO_SUCH_FILE
    return HTTPNotFound() if missing else None


class _Hand:
    """Takes what a thread opened, or closes it where the one who waited for it has gone.

    The thread itself gets nothing: it may remember its last call, and what that returned, for longer than anybody.
    """

    def __init__(self) -> None:
        self._filling = Lock()
        self._gone = False
        self._result: Any = None

    def fill(self, function: Callable[..., Any], *args: Any) -> None:
        with self._filling:
            self._result = function(*args)
        if self._gone:
            self.drop()

    def take(self) -> Any:
        result, self._result = self._result, None
        return result

    def drop(self) -> None:
        self._gone = True
        if self._filling.acquire(blocking=False):
            try:
                if isinstance(self._result, OpenedFile):
                    self._result.close()
            finally:
                self._filling.release()


async def in_thread(runtime: Runtime, function: Callable[..., Any], *args: Any) -> Any:
    """Return what ``function(*args)`` does, from a worker thread; an `OpenedFile` is closed where that is cancelled."""
    hand = _Hand()
    try:
        await runtime.in_thread(hand.fill, function, *args)
    except BaseException:
        hand.drop()
        raise
    return hand.take()
