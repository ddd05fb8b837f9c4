"""Bodies that are files: read in a worker thread, piece by piece, so that the event loop never waits for a disk."""

from __future__ import annotations

import io
import os
import threading
from typing import IO, Any

from ..which import current_runtime
from .payload import PIECE, BodyWriter, Payload

__all__ = ["BufferedReaderPayload", "IOBasePayload", "TextIOPayload"]

FILE_PIECE = 4 * PIECE
"""Bytes that are read from a file at a time: each read costs the way to a thread and back."""


class IOBasePayload(Payload):
    """An open file, from where it stands to its end. It is closed once it was sent.

    A file that can be sought is sent again from the same place where that is needed.
    """

    def __init__(self, value: IO[Any], *args: Any, **kwargs: Any) -> None:
        if kwargs.get("filename") is None:
            kwargs["filename"] = _file_name(value)
        super().__init__(value, *args, **kwargs)
        self._start: int | None = None
        self._seekable: bool | None = None
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
        """What is left of the file in bytes; None where it cannot tell."""
        start = self._position()
        if start is None:
            return None
        try:
            return max(0, os.fstat(self._value.fileno()).st_size - start)
        except (AttributeError, OSError, ValueError):
            pass
        try:
            end = self._value.seek(0, os.SEEK_END)
            self._value.seek(start)
        except (AttributeError, OSError, ValueError):
            return None
        return max(0, int(end) - start)

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
        data: bytes = self._value.read(FILE_PIECE)
        return data

    def _read_at(self, position: Any) -> tuple[bytes, Any]:
        """Return the bytes at `position` (None: wherever the file stands), and the next position; runs in a thread."""
        with self._in_use:
            if position is not None:
                self._value.seek(position)
            data = self._read()
            next_position = None if position is None else self._value.tell()
            if self._closing:
                self._value.close()
        return data, next_position

    async def write(self, writer: BodyWriter) -> None:
        """Write the rest of the file. Raises what reading it raises."""
        if self._consumed:
            raise OSError("the file has been sent already, and cannot be sought back")
        position, left = self._position(), self.size
        self._consumed = not self.replayable
        runtime = current_runtime()
        while left is None or left > 0:
            data, position = await runtime.in_thread(self._read_at, position)
            if not data:
                return
            await writer.write(data)
            if left is not None:
                left -= len(data)

    def _close(self) -> None:
        self._closing = True
        if self._in_use.acquire(blocking=False):  # else the thread that reads does it
            try:
                self._value.close()
            finally:
                self._in_use.release()


def _file_name(value: object) -> str | None:
    """Return the name of the file `value`; None for a number, or a name that stands for none, such as ``<stdin>``."""
    name = getattr(value, "name", None)
    if isinstance(name, str) and name and not (name[0] == "<" and name[-1] == ">"):
        return os.path.basename(name)
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
        from .in_memory import _text_type

        charset, kind = _text_type(encoding, content_type)
        super().__init__(value, *args, content_type=kind, encoding=charset, **kwargs)  # type: ignore[arg-type]

    @property
    def size(self) -> None:
        """None: what text comes to is known once it is encoded."""
        return None

    def _read(self) -> bytes:
        text: str = self._value.read(FILE_PIECE)
        return text.encode(self._encoding or "utf-8")
