"""The content of one part, cut out of the body that it stands in as it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from drywire_sansio.errors import RemoteProtocolError
from drywire_sansio.multipart import Event, MultipartLimits, MultipartParser, NeedData, PartData

from ..body_reader import Piece, StreamReader

__all__ = ["Feed", "MultipartError", "PartContent", "PartSource", "declared_length"]

_LENGTH: Final = re.compile(r"[0-9]{1,18}")


class MultipartError(ValueError):
    """The body is not what a multipart body must be, or goes over a limit; `__cause__` says the rule.

    `status` is what a server answers with: 400, 413 or 431.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Feed:
    """A body on its way through a parser: shared by the reader of its parts and the part that is being read."""

    def __init__(self, content: StreamReader, parser: MultipartParser) -> None:
        self._content = content
        self._parser = parser
        self._error: Exception | None = None
        self.ended = False
        """Whether the closing boundary has been read."""

    def fail(self, error: Exception) -> Exception:
        """Make every further read raise `error`, and return it."""
        self._error = error
        return error

    async def next_event(self) -> Event:
        """Return what comes next in the body. Cancelling it loses nothing."""
        while True:
            event = self._parse()
            if not isinstance(event, NeedData):
                return event
            await self._receive()

    async def finish(self) -> None:
        """Pass over what follows the closing boundary."""
        while await self._receive():
            self._parse()
        self._parse()

    def _parse(self) -> Event | NeedData:
        if self._error is not None:
            raise self._error
        try:
            return self._parser.next_event()
        except RemoteProtocolError as error:
            raise self.fail(MultipartError(str(error), error.status)) from error

    async def _receive(self) -> int:
        """Take in one more piece; return how large it was, 0 at the end of the body."""
        data = await self._content.readany()
        self._parser.receive_data(data)
        return len(data)


class PartSource:
    """Where the content of a part comes from (`BodySource`), up to its boundary.

    A part may say its length. It is then read without waiting for the boundary, which must stand there all the same.
    """

    def __init__(self, feed: Feed, length: int | None) -> None:
        self._feed = feed
        self._left = length
        self._ended = False

    async def pull(self) -> Piece | None:
        """Return the next piece of the content, None at its end."""
        if self._ended or self._left == 0:
            return None
        data = await self._next()
        return (data, False) if data else None

    async def finish(self) -> None:
        """Pass over what is left, the boundary too."""
        while not self._ended:
            await self._next()

    async def _next(self) -> bytes:
        event = await self._feed.next_event()
        if not isinstance(event, PartData):
            self._ended = True
            if self._left:
                raise self._feed.fail(MultipartError(f"a part ends {self._left} bytes before its Content-Length"))
            return b""
        if self._left is not None:
            self._left -= len(event.data)
            if self._left < 0:
                raise self._feed.fail(MultipartError("a part is longer than its Content-Length"))
        return event.data


class PartContent(StreamReader):
    """The content of one part, as if it were a body of its own: bytes up to its boundary, still encoded."""

    def __init__(self, source: PartSource, limits: MultipartLimits, depth: int) -> None:
        super().__init__(source)
        self.limits = limits
        """Those of the body that the part stands in."""
        self.depth = depth
        """How many multipart bodies it stands in."""


def declared_length(headers: Mapping[str, str]) -> int | None:
    """Return the length that a part says it has, in bytes; None where it says none. Raises MultipartError."""
    value = headers.get("Content-Length")
    if value is None:
        return None
    if _LENGTH.fullmatch(value) is None:
        raise MultipartError(f"invalid Content-Length: {value[:60]!r}")
    return int(value)
