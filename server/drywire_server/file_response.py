"""`FileResponse`: a file as a response, whole or in parts, or only the word that the client has it already."""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from drywire_sansio import http1
from drywire_sansio.conditional import Conditions, ETag, Validators, evaluate, parse_etag, range_is_wanted
from drywire_sansio.content_disposition import format_content_disposition
from drywire_sansio.dates import imf_fixdate, parse_http_date
from drywire_sansio.ranges import ByteRange, MalformedRange, choose_ranges, lay_out
from drywire_transports import current_runtime
from drywire_transports.message_fields import LooseHeaders

from .errors import HTTPNotFound
from .file_sending import FileLink, cut_off, send_part
from .file_types import liked_codings
from .opened_file import SMALL, OpenedFile, as_http_error, in_thread, open_file
from .stream_response import Asked, StreamResponse, forbids_body

__all__ = ["FileResponse"]

CHUNK_SIZE: Final = 256 * 1024
_CONDITIONS: Final = frozenset(
    ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range")
)
_ASKED: Final = _CONDITIONS | {"accept-encoding"}
_ABOUT_CONTENT: Final = (
    "Accept-Ranges", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Type", "ETag", "Expires",
    "Last-Modified",
)  # fmt: skip
_END: Final = http1.EndOfMessage()


class FileResponse(StreamResponse):
    """A response with the file at `path`: its type, length, ETag and Last-Modified are found, ranges are answered.

    Conditions of the request are heeded (If-Match and its kin), a compressed file beside it (``.br``, ``.zst``,
    ``.gz``) is sent to who likes that, and the disk is asked in worker threads. A file of more than 64 KiB goes out by
    the kernel's sendfile where the event loop has it, else in pieces; of either, the first has `chunk_size` bytes
    (256 KiB).

    `content_type` is the media type to say in place of the one found; with `filename` the client saves the file under
    that name; `last_modified` (a datetime, in UTC where it has no zone; seconds after the Unix epoch; or an HTTP date)
    is said in place of the file's own time; `cache_control` is the field of that name; without `allow_range` the file
    is only sent whole.

    Raises HTTPNotFound here where there is no such file, and where it has gone by then in `prepare`, which raises
    HTTPForbidden for what is no regular file or may not be read. ValueError for a `chunk_size` below 1, a
    `last_modified` that is no date, and `content_type` beside a Content-Type in `headers`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        chunk_size: int = CHUNK_SIZE,
        status: int = 200,
        reason: str | None = None,
        headers: LooseHeaders | None = None,
        *,
        content_type: str | None = None,
        filename: str | None = None,
        last_modified: datetime | float | str | None = None,
        cache_control: str | None = None,
        allow_range: bool = True,
    ) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1 byte, not {chunk_size}")
        if content_type is not None and "Content-Type" in self.headers:
            raise ValueError("content_type is not allowed beside a Content-Type header")
        self._path = pathlib.Path(path)
        self._chunk_size = chunk_size
        self._allow_range = allow_range
        self._opened: OpenedFile | None = None
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        if filename is not None:
            value = format_content_disposition(
                "attachment", {"filename": filename}, quote_fields=not filename.isascii()
            )
            self.headers["Content-Disposition"] = value
        if last_modified is not None:
            self.headers["Last-Modified"] = imf_fixdate(_seconds(last_modified)).decode("ascii")
        if cache_control is not None:
            self.headers["Cache-Control"] = cache_control
        self._look()

    @classmethod
    def of_opened(cls, opened: OpenedFile, chunk_size: int = CHUNK_SIZE) -> FileResponse:
        """Return the response with a file that is open; it is closed with the response."""
        response = cls.__new__(cls)
        StreamResponse.__init__(response)
        response._path = pathlib.Path(opened.path)
        response._chunk_size = chunk_size
        response._allow_range = True
        response._opened = opened
        return response

    def _look(self) -> None:
        """Raise HTTPNotFound where there is no file: here the handler can catch it, before it returns the response."""
        # One stat of a name that is opened next: it is not worth a thread, nor could a constructor wait for one.
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise HTTPNotFound from error
        except OSError:
            pass  # said with the right status when it is opened

    async def prepare(self, request: Asked) -> Any:
        """Send head and file, and return what `request.writer` is; sends nothing the second time.

        Raises HTTPNotFound and HTTPForbidden, and what `write` does. The client is cut off, and StreamBroken raised,
        where the file becomes shorter while it is sent.
        """
        if self._request is not None:
            return self._payload_writer
        asked = asked_of_file(request.headers)
        opened = self._opened
        if opened is None:
            opened = await self._open(request, asked)
        self._opened = None
        try:
            await self._answer(request, opened, asked)
        finally:
            opened.close()
        return self._payload_writer

    async def _open(self, request: Asked, asked: Mapping[str, str]) -> OpenedFile:
        likes = None if "Content-Encoding" in self.headers else liked_codings(asked.get("accept-encoding"))
        small = SMALL if reads_whole(request.method, asked) else 0
        try:
            return cast(OpenedFile, await in_thread(current_runtime(), open_file, str(self._path), likes, small))
        except (OSError, ValueError) as error:
            refusal = as_http_error(error)
            if refusal is None:
                raise
            raise refusal from error

    # What is answered

    async def _answer(self, request: Asked, opened: OpenedFile, asked: Mapping[str, str]) -> None:
        self._describe(opened)
        status, ranges = self._status, None
        if 200 <= status < 300 and not _CONDITIONS.isdisjoint(asked):
            status, ranges = self._decide(request.method, opened, asked)
        if status != self._status:
            self.set_status(status)
        if status in (304, 412, 416):
            if status != 304:
                self._forget_content(opened.size if status == 416 else None)
            await self._head_and(request)
        elif ranges is not None:
            await self._send_ranges(request, opened, ranges)
        elif self.compressed is not None and opened.coding is None:
            await self._send_coded(request, opened)
        else:
            self.content_length = opened.size
            await self._send_file(request, opened, ByteRange(0, opened.size))

    def _describe(self, opened: OpenedFile) -> None:
        headers = self.headers
        headers.setdefault("Content-Type", opened.media_type)
        headers.setdefault("ETag", str(ETag(opened.etag_value)))
        headers.setdefault("Last-Modified", imf_fixdate(opened.modified).decode("ascii"))
        headers.setdefault("Accept-Ranges", "bytes" if self._allow_range else "none")
        if opened.coding is not None:
            headers["Content-Encoding"] = opened.coding
        if opened.varies:
            vary = ", ".join(headers.getall("Vary", ()))
            if not {"*", "accept-encoding"} & {name.strip(" \t").lower() for name in vary.split(",")}:
                headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"

    def _decide(
        self, method: str, opened: OpenedFile, asked: Mapping[str, str]
    ) -> tuple[int, tuple[ByteRange, ...] | None]:
        """Return the status, and which parts to send; None where that is all of it (RFC 9110, 13.2.2)."""
        validators = Validators(parse_etag(self.headers["ETag"]), parse_http_date(self.headers["Last-Modified"]))
        conditions = Conditions.read(lambda name: asked.get(name.lower()))
        status = evaluate(method, conditions, validators)
        if status != 200:
            return status, None
        # Ranges are defined for GET only (RFC 9110, 14.2).
        if not self._allow_range or self._status != 200 or method != "GET" or "range" not in asked:
            return self._status, None
        if not range_is_wanted(conditions, validators):
            return self._status, None
        try:
            ranges = choose_ranges(asked["range"], opened.size)
        except MalformedRange:
            return 416, None
        # Of several parts only the parts would be in the coding, and no field says that.
        if ranges is None or (len(ranges) > 1 and "Content-Encoding" in self.headers):
            return self._status, None
        return (206, ranges) if ranges else (416, None)

    def _forget_content(self, size: int | None) -> None:
        """Drop what is true of the file and not of a refusal."""
        self.compressed = None
        for name in _ABOUT_CONTENT:
            self.headers.pop(name, None)
        if size is not None:
            self.headers["Content-Range"] = f"bytes */{size}"
        self.content_length = 0

    # Sending

    async def _head_and(self, request: Asked, *events: http1.Event) -> None:
        """Send the head and `events`, in one go; without any the response ends here."""
        await self._make_ready(request)
        await self._begin(request, *(events or (_END,)))
        self._eof_sent = not events or events[-1] is _END

    async def _send_part(self, request: Asked, opened: OpenedFile, part: ByteRange) -> None:
        count = part.end - part.start
        self._body_length += count
        await send_part(cast(FileLink, request.link), opened, part.start, count, self._chunk_size)

    async def _send_file(self, request: Asked, opened: OpenedFile, part: ByteRange) -> None:
        if forbids_body(request.method, self._status) or part.start == part.end:
            await self._head_and(request)
        elif opened.content is not None:
            self._body_length = len(opened.content)
            await self._head_and(request, http1.Data(opened.content), _END)
        else:
            await self._head_and(request, http1.Data(b""))
            await self._send_part(request, opened, part)
            await self.write_eof()

    async def _send_ranges(self, request: Asked, opened: OpenedFile, ranges: tuple[ByteRange, ...]) -> None:
        if len(ranges) == 1:
            part = ranges[0]
            self.headers["Content-Range"] = part.content_range(opened.size).decode("ascii")
            self.content_length = part.end - part.start
            await self._send_file(request, opened, part)
            return
        boundary = secrets.token_hex(16)
        content_type = self.headers["Content-Type"].encode("utf-8", "surrogateescape")
        body = lay_out(ranges, opened.size, content_type, boundary.encode("ascii"))
        self.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
        self.content_length = body.length
        await self._head_and(request, http1.Data(b""))
        for head, part in zip(body.heads, ranges, strict=True):
            await self.write(head)
            await self._send_part(request, opened, part)
        await self.write_eof(body.tail)

    def _say_coding(self, coding: Any) -> None:
        super()._say_coding(coding)
        # Other bytes than those of the file, which alone has the strong tag and the ranges.
        tag = parse_etag(self.headers["ETag"])
        if tag is not None:
            self.headers["ETag"] = str(ETag(tag.value, is_weak=True))
        self.headers["Accept-Ranges"] = "none"

    async def _send_coded(self, request: Asked, opened: OpenedFile) -> None:
        """Send the file in the coding that `enable_compression` has for this client."""
        self.content_length = opened.size
        await super().prepare(request)
        if opened.content is not None:
            await self.write(opened.content)
        elif not forbids_body(request.method, self._status):
            left, runtime, link = opened.size, current_runtime(), cast(FileLink, request.link)
            while left:
                try:
                    piece = await in_thread(runtime, opened.file.read, min(left, self._chunk_size))
                    if not piece:
                        raise EOFError(f"it ended {left} bytes early")
                except (EOFError, OSError, ValueError) as error:
                    # Not even a body without a length may look whole: neither its coding nor its last chunk is ended.
                    raise cut_off(link, opened, error) from error
                left -= len(piece)
                await self.write(piece)
        await self.write_eof()


def asked_of_file(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a request that matter to a file, by lower-case name; repeated ones are joined."""
    asked: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in _ASKED:
            asked[lowered] = f"{asked[lowered]}, {value}" if lowered in asked else value
    return asked


def reads_whole(method: str, asked: Mapping[str, str]) -> bool:
    """Whether all of a file is likely to be sent, so that a small one may be read at once."""
    return method != "HEAD" and _CONDITIONS.isdisjoint(asked)


def _seconds(moment: datetime | float | str) -> float:
    """Return a time as seconds after the Unix epoch. Raises ValueError for a str that is no HTTP date."""
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, str):
        seconds = parse_http_date(moment)
        if seconds is None:
            raise ValueError(f"last_modified {moment!r} is no HTTP date, such as 'Sun, 06 Nov 1994 08:49:37 GMT'")
        return seconds
    return float(moment)
