"""`HostedResponse`: what an ASGI application answers, as a response that middlewares of ours may see and change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from multidict import CIMultiDict

from drywire_sansio import http1
from drywire_transports import Runtime
from drywire_transports.message_fields import map_to_fields

from ..file_sending import FileLink, send_part
from ..opened_file import OpenedFile, in_thread, open_file
from ..stream_response import Asked, Fields, StreamResponse, forbids_body
from .messages import Pair

__all__ = ["HostedResponse"]

FILE_PIECE: Final = 256 * 1024
"""Bytes of a file that are sent in one go at first."""


class HostedResponse(StreamResponse):
    """A response with the status and the fields that an ASGI application gave, and `whole`, its body, if that is all.

    Raises TypeError, ValueError and UnicodeDecodeError for what is no status, and no fields.
    """

    whole: bytes | None = None
    """The body, where it came in one piece; then nothing has been sent yet."""

    def __init__(self, status: int, fields: Iterable[Pair]) -> None:
        super().__init__(status=int(status))
        self._headers = CIMultiDict(
            (bytes(name).decode("ascii"), bytes(value).decode("utf-8", "surrogateescape")) for name, value in fields
        )
        # How the body goes out is for the server to say.
        self._headers.popall("Transfer-Encoding", None)

    def check_length(self, size: int) -> None:
        """Raise ValueError where the body of `size` bytes is not as long as its Content-Length says."""
        said = self.headers.get("Content-Length")
        if said is not None and said != str(size):
            raise ValueError(f"Content-Length says {said[:40]!r}, and the body has {size} bytes")

    async def begin(self, request: Asked, body: bytes) -> None:
        """Send the head with the first piece of the body."""
        await self._make_ready(request)
        body = b"" if forbids_body(request.method, self._status) else body
        if body and self._encoder is not None:
            body = await self._encoder.encode_piece(body)
        self._body_length = len(body)
        await self._begin(request, *((http1.Data(body),) if body else ()))

    async def send_to(self, request: Asked) -> None:
        """Send what is not sent yet, to the end; head and body together, where nothing is."""
        body = self.whole
        if body is None or self.prepared:
            await super().send_to(request)
            return
        await self._make_ready(request)
        if self._encoder is not None:
            body = await self._encoder.encode_piece(body, ends=True)
        if forbids_body(request.method, self._status):
            body = b""
        else:
            self.headers.setdefault("Content-Length", str(len(body)))
        self._eof_sent = True
        self._body_length = len(body)
        await self._begin(request, *((http1.Data(body),) if body else ()), http1.EndOfMessage())

    async def send_path(self, request: Asked, path: str, runtime: Runtime) -> None:
        """Send the file at `path` as the whole body, by the kernel's sendfile where that can be. Raises OSError."""
        opened: OpenedFile = await in_thread(runtime, open_file, path)
        try:
            self.headers.setdefault("Content-Length", str(opened.size))
            self.check_length(opened.size)
            await self.begin(request, b"")
            if not forbids_body(request.method, self._status):
                self._body_length = opened.size
                await send_part(cast(FileLink, request.link), opened, 0, opened.size, FILE_PIECE)
        finally:
            opened.close()
        await self.write_eof()

    def _fields(self, request: Asked) -> Fields:
        headers = self.headers
        if self._status in (204, 304) or self._status < 200:
            headers.popall("Content-Length", None)
        return map_to_fields(headers)
