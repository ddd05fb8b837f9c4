"""Bodies that are files: read in a worker thread, piece by piece, so that the event loop never waits for a disk."""

from __future__ import annotations

import io
import os
import threading
from typing import IO, Any

from ..file_pieces import sendfile_works
from ..which import current_runtime
from .in_memory import text_type
from .payload import PIECE, BodyWriter, Payload

__all__ = ["BufferedReaderPayload", "IOBasePayload", "TextIOPayload"]

FILE_PIECE = 4 * PIECE
"""Bytes that are read from a file at a time: each read costs the way to a thread and back."""


class IOBasePayload(Payload):
    """An open file, from where it stands to its end. It is closed once it was sent.

    A file that can be sought is sent again from the same place where that is needed. Where its end can be known, that
    is looked up once, and what is written to the file from then on is not sent. What the file gives as text goes in
    the charset of `encoding`, or in UTF-8.
    """

    def __init__(self, value: IO[Any], *args: Any, **kwargs: Any) -> None:
        if kwargs.get("filename") is None:
            opened = opened_name(value)
            kwargs["filename"] = None if opened is None else os.path.basename(opened)
        super().__init__(value, *args, **kwargs)
        self._start: int | None = None
        self._seekable: bool | None = None
        self._is_measured = False
        # Held by the thread that reads. One whose task was cancelled reads to its end: it must neither take from what
        # is sent again, nor keep the loop waiting for its end.
        self._in_use = threading.Lock()
        self._closing = False

    @property
    def replayable(self) -> bool:  # type: ignore[override]  # it depends on the file
        """Whether the file can be sought."""
        if self._seekable is None:
            try:
                self._seekable = bool(self._value.seekable())
            except (AttributeError, ValueError, OSError):
                self._seekable = False
        return self._seekable

    @property
    def size(self) -> int | None:
        """What was left of the file in bytes when this was first asked; None where it cannot tell, or is text."""
        if not self._is_measured:
            self._is_measured = True
            self._size = self._measured()
        return self._size

    def _measured(self) -> int | None:
        start, file = self._position(), self._value
        if start is None:
            return None
        try:
            if sendfile_works(file):
                return max(0, os.fstat(file.fileno()).st_size - start)
            if _is_costly_to_seek(file) or isinstance(file.read(0), str):
                return None
            file.seek(0, os.SEEK_END)
            end = file.tell()
            file.seek(start)
            return max(0, int(end) - start)
        except (AttributeError, OSError, TypeError, ValueError):
            return None

    @property
    def autoclose(self) -> bool:
        """False: the file is closed after it was sent."""
        return False

    def _position(self) -> int | None:
        """Return where the body begins in the file, None where that cannot be told."""
        if self._start is None and self.replayable:
            try:
                self._start = self._value.tell()
            except (AttributeError, OSError, ValueError):
                self._seekable = False
        return self._start

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the rest of the file as text. It is read here and now."""
        start = self._position()
        if start is not None:
            self._value.seek(start)
        data = self._value.read()
        return data if isinstance(data, str) else bytes(data).decode(encoding, errors)

    def _read(self) -> bytes:
        data: bytes | str = self._value.read(FILE_PIECE)
        return data.encode(self._encoding or "utf-8") if isinstance(data, str) else data

    def _read_at(self, position: Any) -> tuple[bytes, Any]:
        """Return the bytes at `position` (None: wherever the file stands), and the next position; runs in a thread."""
        try:
            with self._in_use:
                if position is not None and position != self._value.tell():  # going back may mean to unpack it again
                    self._value.seek(position)
                return self._read(), None if position is None else self._value.tell()
        finally:
            # Asked only when the lock is free: a `_close` that found it taken has said so before, and left it to this.
            if self._closing:
                self._close()

    async def write(self, writer: BodyWriter) -> None:
        """Write the rest of the file, and of it no more than `size`.

        Raises EOFError where the file has become shorter than `size` said, and what reading it raises.
        """
        if self._consumed:
            raise OSError("the file has been sent already, and cannot be sought back")
        position, left = self._position(), self.size
        self._consumed = not self.replayable
        runtime = current_runtime()
        while left is None or left > 0:
            data, position = await runtime.in_thread(self._read_at, position)
            if not data and left is None:
                return
            if not data:
                raise EOFError(f"the file has become shorter: {left} of the {self.size} bytes announced are missing")
            if left is not None:
                data = data[:left]
                left -= len(data)
            await writer.write(data)

    def _close(self) -> None:
        self._closing = True
        if self._in_use.acquire(blocking=False):  # else the thread that reads does it
            try:
                self._value.close()
            finally:
                self._in_use.release()


def _is_costly_to_seek(file: object) -> bool:
    """Whether `file` unpacks what it reads (gzip, bz2, lzma, a member of a zip): its end is found by unpacking it."""
    cheap = io.BufferedReader | io.BufferedRandom | io.BytesIO
    return isinstance(file, io.BufferedIOBase) and not isinstance(file, cheap)


def opened_name(value: object) -> str | None:
    """Return by what name the file `value` was opened; None for a number, or what stands for none, as ``<stdin>``."""
    name = getattr(value, "name", None)
    if isinstance(name, str) and name and not (name[0] == "<" and name[-1] == ">"):
        return name
    return None


class BufferedReaderPayload(IOBasePayload):
    """A binary file."""


class TextIOPayload(IOBasePayload):
    """A text file, in the charset of `encoding`, of `content_type`, or in UTF-8. Its size is not known beforehand."""

    _default_content_type = "text/plain; charset=utf-8"

    def __init__(
        self,
        value: io.TextIOBase,
        *args: Any,
        encoding: str | None = None,
        content_type: str | None = None,
        **kwargs: Any,
    ) -> None:
        charset, kind = text_type(encoding, content_type)
        super().__init__(value, *args, content_type=kind, encoding=charset, **kwargs)  # type: ignore[arg-type]

    @property
    def size(self) -> None:
        """None: what text comes to is known once it is encoded."""
        return None
