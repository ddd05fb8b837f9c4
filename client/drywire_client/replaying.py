"""`ReplayConnector`: answers from a recording, in memory."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import http1
from drywire_transports import ByteStream
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import map_to_fields

from .errors import ClientConnectionError
from .memory_connector import MemoryConnector
from .memory_peer import GENEROUS, ScriptedPeer, SeenRequest, read_request
from .recording_file import Exchange, RecordedResponse, load
from .redaction import ScrubRequest

__all__ = ["ReplayConnector", "RequestKey", "UnusedRecordingWarning", "method_and_url", "replay"]

RequestKey = Callable[[SeenRequest], Hashable]
"""Returns what two requests have in common that get the same responses."""

_LISTED: Final = 20
"""Requests that a message names at the most."""
_NO_BODY: Final = (204, 304)


class UnusedRecordingWarning(UserWarning):
    """Something of a recording was not asked for again: the program does not do any more what was recorded."""


def method_and_url(request: SeenRequest) -> Hashable:
    """Return the method and the URL of `request`, its query included."""
    return request.method, str(request.url)


def replay(
    path: str | os.PathLike[str], *, key: RequestKey = method_and_url, scrub_request: ScrubRequest | None = None
) -> ReplayConnector:
    """Return a connector that answers as the recording in the file `path` says, without a socket.

    Requests are told apart by `key`; those with an equal one get the recorded responses in the order of the recording,
    each once. A request with none left raises ClientConnectionError. `scrub_request` is what `record` was given, so
    that a request is found under what was written of it. When the connector is closed, it warns by
    `UnusedRecordingWarning` of what was not asked for; `ReplayConnector.unused` names it.

    Raises OSError where the file cannot be read, RecordingError where it is no recording.
    """
    return ReplayConnector(path, key, scrub_request)


class ReplayConnector(MemoryConnector):
    """A connector that answers from a recording; see `replay`."""

    def __init__(
        self, path: str | os.PathLike[str], key: RequestKey = method_and_url, scrub_request: ScrubRequest | None = None
    ) -> None:
        self._path = Path(path)
        self._player = _Player(self._path, load(self._path), key, scrub_request)
        self._warned = False
        super().__init__(self._player)

    @property
    def calls(self) -> list[SeenRequest]:
        """The requests so far, in order of arrival."""
        return self._player.calls

    @property
    def unused(self) -> list[str]:
        """Method and URL of each recorded exchange that was not asked for yet, in the order of the recording."""
        return self._player.unused

    async def _wait_closed(self) -> None:
        """Wait for the end. Warns once, by UnusedRecordingWarning, of what was not asked for."""
        await super()._wait_closed()
        unused = self.unused
        if unused and not self._warned:
            self._warned = True
            message = f"{self._path}: {len(unused)} recorded and not asked for: {_listed(unused)}"
            warnings.warn(message, UnusedRecordingWarning, stacklevel=2)


class _Player(ScriptedPeer):
    def __init__(
        self, path: Path, exchanges: list[Exchange], key: RequestKey, scrub_request: ScrubRequest | None
    ) -> None:
        super().__init__()
        self.calls: list[SeenRequest] = []
        self._path = path
        self._exchanges = exchanges
        self._key = key
        self._scrub = scrub_request
        self._used: set[int] = set()
        self._left: dict[Hashable, deque[int]] = {}
        for number, exchange in enumerate(exchanges):
            self._left.setdefault(key(exchange.request), deque()).append(number)

    @property
    def unused(self) -> list[str]:
        return [_named(exchange) for number, exchange in enumerate(self._exchanges) if number not in self._used]

    async def talk(self, stream: ByteStream, origin: URL) -> None:
        """Answer until a response needs the end of the connection to end, or the client ends it."""
        while True:
            channel = HTTPChannel(stream, http1.ServerConnection(GENEROUS))
            request = await read_request(channel, origin)
            if request is None:
                return
            self.calls.append(request)
            response = self._take(request)
            await stream.send(*_wire(response, request.method))
            if response.cut or not _is_framed(response, request.method):
                return

    def _take(self, request: SeenRequest) -> RecordedResponse:
        """Return the next response for `request`. Raises ClientConnectionError where there is none."""
        key = self._key(request if self._scrub is None else self._scrub(request))
        left = self._left.get(key)
        if left:
            number = left.popleft()
            self._used.add(number)
            return self._exchanges[number].response
        asked = f"{request.method} {request.url}"
        if left is not None:
            count = sum(self._key(exchange.request) == key for exchange in self._exchanges)
            raise ClientConnectionError(f"{self._path}: {asked} was recorded {count} times, and is asked for once more")
        names = list(dict.fromkeys(map(_named, self._exchanges)))
        recorded = _listed(names) if names else "nothing"
        raise ClientConnectionError(f"{self._path}: {asked} was not recorded; recorded is: {recorded}")


def _named(exchange: Exchange) -> str:
    return f"{exchange.request.method} {exchange.request.url}"


def _listed(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _is_framed(response: RecordedResponse, method: str) -> bool:
    """Return whether the client can tell where `response` ends while the connection is open (RFC 9112, 6.3)."""
    if method == "HEAD" or response.status in _NO_BODY or response.chunked:
        return True
    return "Content-Length" in response.headers


def _wire(response: RecordedResponse, method: str) -> list[bytes]:
    """Return what the client gets. Raises ValueError where a header cannot be sent."""
    headers = response.headers
    has_body = method != "HEAD" and response.status not in _NO_BODY
    if has_body and not response.cut and "Content-Length" in headers:
        # The body may have been changed, by a hook or by hand.
        changed = CIMultiDict(headers)
        changed["Content-Length"] = str(sum(map(len, response.body)))
        fields = map_to_fields(changed)
    else:
        fields = map_to_fields(headers)
    start = f"HTTP/{response.version} {response.status} {response.reason}\r\n"
    wire = [start.encode("utf-8", "surrogateescape"), _section(fields)]
    if has_body and response.chunked:
        wire += [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in response.body if chunk]
        if not response.cut:
            wire += [b"0\r\n", _section(map_to_fields(response.trailers))]
    elif has_body:
        wire += response.body
    return wire


def _section(fields: list[tuple[bytes, bytes]]) -> bytes:
    try:
        return http1.FieldLines(fields).raw + b"\r\n"
    except http1.LocalProtocolError as error:
        raise ValueError(f"a recorded header cannot be sent: {error}") from error
