"""Forms that requests carry: URL-encoded, and multipart with files, counted before anything of them is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Final, cast
from urllib.parse import parse_qsl

from multidict import CIMultiDictProxy, MultiDict, MultiDictProxy

from drywire_sansio.charsets import known_charset
from drywire_sansio.errors import LimitExceeded
from drywire_sansio.multipart import MultipartLimits
from drywire_transports import current_runtime
from drywire_transports.multipart_reader import BodyPartReader, MultipartError, MultipartReader

from .errors import HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType, RequestPayloadError, decoded

__all__ = [
    "FileField",
    "FormError",
    "FormValue",
    "UploadedFile",
    "read_multipart_form",
    "read_urlencoded_form",
]

IN_MEMORY: Final = 1024**2
"""Bytes of an uploaded file up to which it is kept in memory; a larger one goes to a temporary file."""
PIECE: Final = 256 * 1024
"""Bytes of an uploaded file that are written at a time."""
IN_A_ROW: Final = 32
"""Fields of a form after which other tasks run, since all of them may be here already."""


class FormError(RequestPayloadError, ValueError):
    """The form in a request is malformed; `status` is what the client is answered, 400 or 431."""


@dataclass(frozen=True, slots=True)
class FileField:
    """A file that a form brought."""

    name: str
    """The name of the field."""
    filename: str
    """The name of the file, as the client says it: never use it as a path as it is."""
    file: IO[bytes]
    """Its content, from the start; up to 1 MiB in memory, else in a temporary file. Closed when the request ends."""
    content_type: str
    """What the client says the content is; ``application/octet-stream`` where it says nothing."""
    headers: CIMultiDictProxy[str]
    """The header fields of the part that it came in."""


FormValue = str | bytearray | FileField
"""A field of a form: text, or bytes where its part has another type than text, or a file."""


class UploadedFile:
    """The temporary file of an upload. Closing it is synchronous, and safe while a thread writes to it."""

    def __init__(self) -> None:
        self.file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with the request
        self._size = 0
        self._writing = Lock()
        self._unwanted = False

    async def write(self, data: bytes) -> None:
        """Add `data`: here and now while it stays in memory, else in a thread."""
        self._size += len(data)
        if self._size <= IN_MEMORY:
            self.file.write(data)
        else:
            await current_runtime().in_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        try:
            with self._writing:
                if not self._unwanted:
                    self.file.write(data)
        finally:
            if self._unwanted:
                self.close()

    async def rewind(self) -> None:
        """Go back to the start."""
        if self._size <= IN_MEMORY:
            self.file.seek(0)
        else:
            await current_runtime().in_thread(self.file.seek, 0)

    def close(self) -> None:
        """Give up the file; where a thread is writing to it, that does so when it is done."""
        self._unwanted = True
        if self._writing.acquire(blocking=False):
            try:
                self.file.close()
            finally:
                self._writing.release()


def too_many_fields(max_fields: int) -> HTTPRequestEntityTooLarge:
    """Return the refusal of a form with more than `max_fields` fields."""
    return HTTPRequestEntityTooLarge(max_fields, text=f"Maximum number of form fields {max_fields} exceeded.")


def read_urlencoded_form(body: bytes, charset: str, max_fields: int) -> MultiDictProxy[FormValue]:
    """Return the fields of a URL-encoded form. Raises BodyDecodeError, HTTPRequestEntityTooLarge."""
    if not body:
        return MultiDictProxy(MultiDict())
    if 0 < max_fields <= body.count(b"&"):
        raise too_many_fields(max_fields)
    text = decoded(body.rstrip(b" \t\r\n"), charset)
    if 0 < max_fields <= text.count("&"):  # not every charset writes it as ASCII does
        raise too_many_fields(max_fields)
    return MultiDictProxy(MultiDict(parse_qsl(text, keep_blank_values=True, encoding=charset)))


async def read_multipart_form(
    make_reader: Callable[..., MultipartReader], files: list[UploadedFile], max_size: int, max_fields: int
) -> MultiDictProxy[FormValue]:
    """Return the fields of a multipart form, read by what `make_reader` makes with these limits.

    What is made for its files is added to `files` at once, for the caller to close. The limits hold for the body as it
    comes, before anything of it is kept: heads of parts, empty parts and all (`client_max_size`, `client_max_fields`).
    """
    usual = MultipartLimits()
    # Without a limit of their own there cannot be more fields than bytes.
    limits = MultipartLimits(body=max_size or usual.body, parts=max_fields or usual.body)
    fields: MultiDict[FormValue] = MultiDict()
    runtime = current_runtime()
    try:
        reader = make_reader(limits=limits)
        while (part := await reader.next()) is not None:
            if len(fields) % IN_A_ROW == IN_A_ROW - 1:
                await runtime.sleep_until(runtime.now())
            if not isinstance(part, BodyPartReader):
                raise FormError("a form with a multipart body in a part: read it by multipart()")
            if part.name is None:
                raise FormError("a part of the form has no name: Multipart field missing name.")
            fields.add(part.name, await _file(part, files) if part.filename else await _value(part))
    except RequestPayloadError:
        raise
    except MultipartError as error:
        raise _refused(error, max_size, max_fields) from error
    except (RuntimeError, ValueError) as error:  # of an encoding that nobody knows, or that is broken
        raise FormError(str(error)) from error
    return MultiDictProxy(fields)


def _refused(error: MultipartError, max_size: int, max_fields: int) -> Exception:
    cause = error.__cause__
    if error.status != 413:
        return FormError(str(error), error.status)
    if isinstance(cause, LimitExceeded) and cause.limit == "parts":
        return too_many_fields(max_fields)
    return HTTPRequestEntityTooLarge(max_size)


async def _file(part: BodyPartReader, files: list[UploadedFile]) -> FileField:
    upload = UploadedFile()
    files.append(upload)
    while chunk := await part.read_chunk(PIECE):
        await upload.write(part.decode(chunk))
    await upload.rewind()
    content_type = part.headers.get("Content-Type", "application/octet-stream")
    headers = cast("CIMultiDictProxy[str]", part.headers)
    return FileField(part.name or "", part.filename or "", cast("IO[bytes]", upload.file), content_type, headers)


async def _value(part: BodyPartReader) -> str | bytearray:
    data = await part.read(decode=True)
    content_type = part.headers.get("Content-Type")
    if content_type is not None and not content_type.startswith("text/"):
        return bytearray(data)
    charset = part.get_charset("utf-8")
    name = known_charset(charset)
    if name is None:
        raise HTTPUnsupportedMediaType(text=f"415: the charset {charset[:40]!r} of a form's field is not known")
    return decoded(bytes(data), name)
