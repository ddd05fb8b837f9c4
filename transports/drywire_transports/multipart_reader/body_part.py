"""`BodyPartReader`: the content of one part, as bytes, lines, text or values."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cached_property
from io import BytesIO
from typing import Any, Final
from urllib.parse import parse_qsl

from drywire_sansio.charsets import known_charset
from drywire_sansio.coding import ContentDecoder, content_codings
from drywire_sansio.content_disposition import content_disposition_filename, parse_content_disposition
from drywire_sansio.media_types import parse_media_type
from drywire_sansio.multipart import (
    DEFAULT_MULTIPART_LIMITS,
    SMALLEST_PIECE,
    MultipartParser,
    decode_transfer,
    transfer_pieces,
)

from ..body_reader import StreamReader
from ..which import current_runtime
from .content import Feed, PartContent, PartSource, declared_length

__all__ = ["BodyPartReader"]

DECODED_PIECE: Final = 256 * 1024
"""Bytes that coded content is decoded to at a time."""
_CODED_PIECE: Final = 64 * 1024


class _Steps(AsyncIterator[bytes]):
    """Iterates over work that is done step by step, and lets others run between the steps.

    A plain object, not an async generator: one that is left half-way owes nobody a clean-up.
    """

    def __init__(self, steps: Iterator[bytes]) -> None:
        self._steps = steps
        self._begun = False

    async def __anext__(self) -> bytes:
        if self._begun:
            runtime = current_runtime()
            await runtime.sleep_until(runtime.now())
        self._begun = True
        for step in self._steps:
            return step
        raise StopAsyncIteration


class BodyPartReader:
    """One part of a multipart body, read once, from front to back.

    `content` is that of a part, as `MultipartReader` makes it; or a whole stream that stands behind the headers of the
    part and goes on with `boundary`, two hyphens before it, which is then read further than the part. `subtype` is what
    the body around it is, `default_charset` what its ``_charset_`` field says. `read` and what is built on it raise
    ``max_size_error_cls(client_max_size)`` where a part has more than `client_max_size` bytes, decoded or not; the size
    of a piece that is decoded at a time is `max_decompress_size` bytes.

    Iterating gives the whole content, once. A Content-Length and Content-Encoding of a form's part say nothing (RFC
    7578, 4.8).
    """

    chunk_size = 8192
    """Bytes that `read` takes at a time, and `read_chunk` unless told otherwise."""

    def __init__(
        self,
        boundary: bytes,
        headers: Mapping[str, str],
        content: StreamReader,
        *,
        subtype: str = "mixed",
        default_charset: str | None = None,
        max_decompress_size: int = DECODED_PIECE,
        client_max_size: float = math.inf,
        max_size_error_cls: Callable[[Any], Exception] = ValueError,
    ) -> None:
        self.headers = headers
        """The header fields of the part, by name in any case."""
        self._is_form = subtype == "form-data"
        if not isinstance(content, PartContent):
            parser = MultipartParser(boundary.removeprefix(b"--"), in_part=True)
            length = None if self._is_form else declared_length(headers)
            content = PartContent(PartSource(Feed(content, parser), length), DEFAULT_MULTIPART_LIMITS, 1)
        self._content = content
        self._default_charset = default_charset
        self._max_decompress_size = max_decompress_size
        self._client_max_size = client_max_size
        self._max_size_error_cls = max_size_error_cls
        self._transfer = headers.get("Content-Transfer-Encoding", "").lower()
        self._pieces = transfer_pieces(self._transfer)

    def __aiter__(self) -> BodyPartReader:
        return self

    async def __anext__(self) -> bytes:
        data = await self.next()
        if data is None:
            raise StopAsyncIteration
        return data

    async def next(self) -> bytes | None:
        """Return the content, or what is left of it; None where nothing is."""
        return await self.read() or None

    # What the headers say

    @cached_property
    def _parameters(self) -> dict[str, str]:
        return parse_content_disposition(self.headers.get("Content-Disposition"))[1]

    @cached_property
    def name(self) -> str | None:
        """The name of the form's field, None where the Content-Disposition field says none."""
        return content_disposition_filename(self._parameters, "name")

    @cached_property
    def filename(self) -> str | None:
        """The file name, None where none is said. It is what the peer says: never use it as a path as it is."""
        return content_disposition_filename(self._parameters)

    def get_charset(self, default: str) -> str:
        """Return the charset of the Content-Type field; else the form's own default, else `default`."""
        parameters = parse_media_type(self.headers.get("Content-Type")).parameters
        return parameters.get("charset") or self._default_charset or default

    # Reading

    def at_eof(self) -> bool:
        """Whether the part has been read to its end, which a read that returned nothing has found."""
        return self._content.at_eof() and not self._pieces

    async def read(self, *, decode: bool = False) -> bytes:
        """Return the content, or what is left of it; with `decode` as `decode` returns it.

        Raises MultipartError, what `decode` raises, and what reading the body around it raises.
        """
        gathered = BytesIO()  # as large as what it holds, however small the pieces
        while piece := await self.read_chunk(self.chunk_size):
            self._count(gathered.tell() + len(piece))
            gathered.write(piece)
        data = gathered.getvalue()
        if not decode or not data:
            return data
        gathered = BytesIO()
        async for piece in self.decode_iter(data):
            gathered.write(piece)
        return gathered.getvalue()

    def _count(self, size: int) -> None:
        if size > self._client_max_size:
            raise self._max_size_error_cls(self._client_max_size)

    async def read_chunk(self, size: int = chunk_size) -> bytes:
        """Return up to `size` bytes as soon as there are any, ``b""`` at the end.

        Of base64 and quoted-printable the pieces can be decoded one by one; where `size` is less than 8, they may be
        that large. Raises ValueError for a size below 1, MultipartError, and what reading the body around it raises.
        """
        if size < 1:
            raise ValueError(f"a chunk of {size} bytes cannot be read")
        pieces = self._pieces
        if pieces is None:
            return await self._content.read(size)
        size = max(size, SMALLEST_PIECE)
        while not (piece := pieces.take(size)):
            data = await self._content.read(size - len(pieces))
            if not data:
                return pieces.take(size, ended=True)
            pieces.add(data)
        return piece

    async def readline(self) -> bytes:
        """Return a line with its line end, which the last may lack; ``b""`` at the end.

        Raises MultipartError, LineTooLong, and what reading the body around it raises.
        """
        if not self._pieces:
            return await self._content.readline()
        # What is held goes only when what belongs to it has come: the call may be cancelled.
        line = b"" if self._pieces.holds_line else await self._content.readline()
        return self._pieces.take_line() + line

    async def release(self) -> None:
        """Read what is left, to no use."""
        while await self._content.readany():
            pass
        if self._pieces is not None:
            self._pieces.clear()

    async def text(self, *, encoding: str | None = None) -> str:
        """Return the decoded content as text.

        `encoding` is by default the charset that is said, else UTF-8. Raises UnicodeDecodeError, LookupError for a
        charset that is not known, and what `read` raises.
        """
        data = await self.read(decode=True)
        return data.decode(encoding or self._charset())

    def _charset(self) -> str:
        """Return Python's own name of the charset that the peer has chosen. Raises LookupError for an unknown one."""
        charset = self.get_charset("utf-8")
        name = known_charset(charset)
        if name is None:
            raise LookupError(f"unknown charset: {charset[:60]}")
        return name

    async def json(self, *, encoding: str | None = None) -> Any:
        """Return the decoded content, decoded from JSON; None where it is empty.

        Raises json.JSONDecodeError and what `text` raises.
        """
        text = await self.text(encoding=encoding)
        return json.loads(text) if text else None

    async def form(self, *, encoding: str | None = None) -> list[tuple[str, str]]:
        """Return the decoded content as the pairs of a URL-encoded form. Raises ValueError and what `text` raises."""
        charset = encoding or self._charset()
        data = await self.read(decode=True)
        try:
            text = data.rstrip().decode(charset)
        except UnicodeDecodeError as error:
            said = encoding or self.get_charset("utf-8")
            raise ValueError(f"data cannot be decoded with {said} encoding") from error
        return parse_qsl(text, keep_blank_values=True, encoding=charset)

    # Decoding

    def decode(self, data: bytes | bytearray | memoryview) -> bytes:
        """Return `data` without its Content-Transfer-Encoding, then without its Content-Encoding.

        `data` is the whole content; where it has no Content-Encoding, pieces of `read_chunk` will do. Raises
        RuntimeError for an encoding that is not known, ValueError for what is malformed or cut off,
        ``max_size_error_cls(client_max_size)`` for more than `client_max_size` bytes, and ContentCodingError, a
        ValueError, for what inflates beyond measure (`Limits.decoded_ratio`).
        """
        return b"".join(self._decoded(bytes(data)))

    def decode_iter(self, data: bytes | bytearray | memoryview) -> AsyncIterator[bytes]:
        """Iterate over what `decode` returns, piece by piece; other tasks run in between."""
        return _Steps(self._decoded(bytes(data)))

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        try:
            plain = decode_transfer(data, self._transfer)
        except LookupError as error:
            raise RuntimeError(*error.args) from None
        coding = "" if self._is_form else self.headers.get("Content-Encoding", "")
        if not content_codings(coding):
            yield plain
            return
        decoder = ContentDecoder.make(coding)
        if decoder is None:
            raise RuntimeError(f"unknown content encoding: {coding[:60]}")
        size = 0
        for start in range(0, len(plain), _CODED_PIECE):
            decoder.feed(plain[start : start + _CODED_PIECE])
            while piece := decoder.take(self._max_decompress_size):
                size += len(piece)
                self._count(size)
                yield piece
        decoder.end()
