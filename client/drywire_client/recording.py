"""`RecordingConnector`: connections through another connector, of which each conversation is kept in a file.

It listens between the client and the stream, above TLS: what goes over the wire is read a second time by the core, so
redirects, retries and logins are recorded as the exchanges that they are.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Self

from yarl import URL

from drywire_sansio import http1
from drywire_transports import Buffer, ByteStream, Runtime
from drywire_transports.file_pieces import send_pieces
from drywire_transports.in_memory import Wrapped

from .connecting import Wanted
from .connector import ConnectionKey
from .conversation import Conversation, Log
from .recording_file import Exchange, save
from .redaction import Redaction, ScrubRequest, ScrubResponse
from .request import ClientRequest
from .tcp_connector import TCPConnector

__all__ = ["RecordingConnector", "record"]


def record(
    path: str | os.PathLike[str],
    connector: TCPConnector | None = None,
    *,
    secrets: Collection[str] = (),
    scrub_request: ScrubRequest | None = None,
    scrub_response: ScrubResponse | None = None,
) -> RecordingConnector:
    """Return a connector that records what goes over `connector` (a `TCPConnector`) to the file `path`.

    The file is written when it is closed, in place of one that is there. Never in it are the values of Authorization,
    Proxy-Authorization, Cookie and Set-Cookie, and of the fields that `secrets` names: ``REDACTED`` stands there.
    `scrub_request` and `scrub_response` take out what else is secret, in URLs and bodies: each gets a `SeenRequest` or
    a `RecordedResponse`, and returns the one to be written.

    Interim responses and delays are not recorded, and a WebSocket cannot be: to open one raises ClientConnectionError.
    Raises FileNotFoundError where the folder of `path` does not exist.
    """
    below = TCPConnector() if connector is None else connector
    return RecordingConnector(path, below, Redaction(secrets, scrub_request, scrub_response))


class RecordingConnector(TCPConnector):
    """A connector that records; see `record`. It has the limits of the one below, which it closes."""

    def __init__(self, path: str | os.PathLike[str], below: TCPConnector, redaction: Redaction) -> None:
        super().__init__(
            keepalive_timeout=below._keepalive_timeout,
            force_close=below.force_close,
            limit=below.limit,
            limit_per_host=below.limit_per_host,
            quirks=below._quirks,
        )
        self._below = below
        self._path = Path(path)
        if not self._path.parent.is_dir():  # better now than when all of it is done
            raise FileNotFoundError(errno.ENOENT, "there is no such folder for a recording", str(self._path.parent))
        self._redaction = redaction
        self._log = Log()
        self._saved = False
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        await self._below.__aenter__()
        return self

    def key_of(self, request: ClientRequest) -> ConnectionKey:
        """Return what a connection must be to carry `request`, by the connector below."""
        return self._below.key_of(request)

    @property
    def exchanges(self) -> list[Exchange]:
        """What is recorded so far, as it will be written, in the order in which the requests began."""
        return [self._redaction(exchange) for exchange in self._log.exchanges()]

    async def _open(self, wanted: Wanted) -> ByteStream:
        stream = await self._below._open(wanted)
        runtime, key = wanted.runtime, wanted.key
        origin = URL.build(scheme="https" if key.is_ssl else "http", host=key.host, port=key.port)
        return _Tap(
            stream, runtime, Conversation(self._log, origin, lambda: http1.ClientConnection(key.limits, self._quirks))
        )

    async def _wait_closed(self) -> None:
        """Close the connector below too. Raises what writing the file has raised, such as OSError."""
        try:
            await super()._wait_closed()
        finally:
            await self._below.close()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _close(self) -> None:
        super()._close()
        if not self._saved:
            self._saved = True
            try:
                save(self._path, self.exchanges)
            except Exception as error:
                self._failure = error  # for whoever awaits the end


class _Tap(Wrapped):
    """The client's stream, with somebody who listens."""

    def __init__(self, below: ByteStream, runtime: Runtime, conversation: Conversation) -> None:
        super().__init__(below)
        self._runtime = runtime
        self._conversation = conversation

    async def send(self, *buffers: Buffer) -> None:
        """Send, and note what is sent."""
        self._conversation.sent(b"".join(buffers))
        await super().send(*buffers)

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file by pieces, which are noted."""
        await send_pieces(self.send, self._runtime.in_thread, file, offset, count)

    async def receive(self) -> bytes:
        """Receive, and note what is received."""
        data = await super().receive()
        self._conversation.received(data)
        return data

    def abort(self) -> None:
        """Abort; what was received of a response is all that will be."""
        self._conversation.ended()
        super().abort()

    async def aclose(self) -> None:
        """Close; what was received of a response is all that will be."""
        self._conversation.ended()
        await super().aclose()
