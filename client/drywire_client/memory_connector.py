"""`MemoryConnector`: a connector that opens connections in memory, and runs their other ends. There is no socket.

connector = MemoryConnector({("GET", "https://api.example.com/users"): [{"name": "Ada"}]})
async with ClientSession(connector=connector) as session:
    async with session.get("https://api.example.com/users") as response:
        print(await response.json())
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from yarl import URL

from drywire_transports import (
    ByteStream,
    Runtime,
    StreamTimeout,
    TransportError,
    Wake,
    current_runtime,
    memory_pair,
)
from drywire_transports.in_memory import Wrapped

from .connecting import Wanted
from .connector import ConnectionKey
from .memory_peer import Answer, HandlerPeer, Peer, RequestHandler, SeenRequest, logger
from .memory_routes import Pattern, Routes
from .session import ClientSession
from .tcp_connector import TCPConnector
from .timeouts import ClientTimeout, Deadlines

__all__ = ["Fault", "MemoryConnector", "session_over"]

Fault = Callable[[ByteStream, Runtime], ByteStream]
"""Puts a fault around one end of a connection, such as those of `drywire_transports.in_memory`."""

_NO_LIMIT: Final = ClientTimeout()
_FIRST_PORT: Final = 49152  # RFC 6335, 6: the dynamic ports begin here
_PORTS: Final = 65536 - _FIRST_PORT


class MemoryConnector(TCPConnector):
    """Connects to what it is given, whatever the host, port and scheme; https goes without TLS.

    That is a handler of `SeenRequest`, async or not; a table of routes, see `Routes`; or a `Peer`, which gets the
    streams themselves. `client_fault` goes around the client's end of each connection, `peer_fault` around the other.
    `options` are those of `TCPConnector`. Everything above the stream is as over a socket: framing, keep-alive, the
    pool and its limits, timeouts, cookies, redirects; also that an idempotent request, whose kept connection breaks
    before it is answered, is sent once more, and so is seen twice.

    `close` aborts the connections and cancels what still runs at their other ends at once, and returns when all of it
    has ended. An application is given its time for that.
    """

    def __init__(
        self,
        answers: RequestHandler | Mapping[tuple[str, Pattern], Answer | RequestHandler] | Peer,
        *,
        client_fault: Fault | None = None,
        peer_fault: Fault | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._peer = _peer(answers)
        self._client_fault = client_fault
        self._peer_fault = peer_fault
        self._opened = 0
        self._started = False
        self._starting = False
        self._awaiting_start: list[Wake] = []

    async def __aenter__(self) -> Self:
        self._runtime = current_runtime()
        await self._start(self._runtime, Deadlines(_NO_LIMIT, self._runtime.now()))
        return self

    @property
    def calls(self) -> list[SeenRequest]:
        """The requests that a handler or a table of routes was asked so far; empty for an application."""
        return self._peer.calls if isinstance(self._peer, HandlerPeer) else []

    @property
    def opened(self) -> int:
        """How many connections were opened so far."""
        return self._opened

    async def _open(self, wanted: Wanted) -> ByteStream:
        runtime, key = wanted.runtime, wanted.key
        await self._start(runtime, wanted.deadlines)
        self._refuse_if_closed()
        self._opened += 1
        origin = URL.build(scheme="https" if key.is_ssl else "http", host=key.host, port=key.port)
        ours, theirs = memory_pair(runtime, names=("memory-client", f"memory-{key.host}:{key.port}"))
        near = _ClientEnd(ours)
        client: ByteStream = near
        peer: ByteStream = _PeerEnd(theirs, key, self._opened)
        if self._client_fault is not None:
            client = self._client_fault(client, runtime)
        if self._peer_fault is not None:
            peer = self._peer_fault(peer, runtime)
        self._peer.accept(peer, origin, near.fail)
        return client

    async def _start(self, runtime: Runtime, deadlines: Deadlines) -> None:
        """Start the peer, once; whoever comes meanwhile waits. Raises what it raises."""
        while self._starting:
            try:
                await self._start_over(runtime, deadlines.connect)
            except StreamTimeout as error:
                raise deadlines.blame(runtime.now(), "connect") from error
        if self._started or self._closed:
            return
        self._starting = True
        try:
            await self._peer.start()
            if self.closed:  # meanwhile
                await self._peer.stop()
            else:
                self._started = True
        finally:
            self._starting = False
            for wake in self._awaiting_start:
                wake.set()

    async def _start_over(self, runtime: Runtime, deadline: float) -> None:
        wake = runtime.wake()
        self._awaiting_start.append(wake)
        try:
            await runtime.park(wake, deadline)
        finally:
            self._awaiting_start.remove(wake)

    async def _wait_closed(self) -> None:
        """End the peer."""
        try:
            await super()._wait_closed()
            while self._starting and self._runtime is not None:
                await self._start_over(self._runtime, math.inf)
        finally:
            if self._started:
                self._started = False
                await self._peer.stop()

    def _close(self) -> None:
        super()._close()
        self._peer.close()


@asynccontextmanager
async def session_over(
    connector: TCPConnector, base_url: str | URL = "http://localhost", **options: Any
) -> AsyncIterator[ClientSession]:
    """A session that goes over `connector`, which is closed with it; `options` are those of `ClientSession`.

    Relative URLs are joined to `base_url`.
    """
    async with connector, ClientSession(base_url, connector=connector, connector_owner=False, **options) as session:
        yield session


def _peer(answers: RequestHandler | Mapping[tuple[str, Pattern], Answer | RequestHandler] | Peer) -> Peer:
    if isinstance(answers, Mapping) and not hasattr(answers, "on_startup"):
        return HandlerPeer(Routes(answers))
    if not isinstance(answers, type) and hasattr(answers, "accept"):
        return answers  # type: ignore[return-value]  # by its verbs: the application's peer lives in the server
    if not callable(answers) or hasattr(answers, "on_startup"):
        raise TypeError(
            f"a MemoryConnector needs a handler, a table of routes or a Peer, not {type(answers).__name__}; "
            "for an application use drywire.testing.app_connector"
        )
    return HandlerPeer(answers)


class _ClientEnd(Wrapped):
    """The client's end: raises what the peer lets it fail with."""

    def __init__(self, below: ByteStream) -> None:
        super().__init__(below)
        self._error: Exception | None = None

    def fail(self, error: Exception) -> None:
        """Raise `error` where the client next receives; log it where the client has gone."""
        if self.closed:
            logger.error("a handler failed after its client had gone", exc_info=error)
        else:
            self._error = error

    async def receive(self) -> bytes:
        """Receive. Raises what the peer has failed with."""
        try:
            return await super().receive()
        except TransportError:
            if self._error is None:
                raise
        raise self._error


class _PeerEnd(Wrapped):
    """The other end: looks like an accepted socket."""

    def __init__(self, below: ByteStream, key: ConnectionKey, number: int) -> None:
        super().__init__(below)
        self._info: dict[str, Any] = {
            "sockname": (key.host, key.port),
            "peername": ("127.0.0.1", _FIRST_PORT + number % _PORTS),
        }
        if key.is_ssl:
            self._info["ssl_object"] = _StandInForTLS()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return addresses as a socket has them, and for https a stand-in for the ``"ssl_object"``."""
        return self._info.get(name, default)


class _StandInForTLS:
    """What stands for the TLS of an https connection in memory, which has none."""

    def getpeercert(self, binary_form: bool = False) -> None:
        """Return None: the client shows no certificate."""

    def cipher(self) -> None:
        """Return None: nothing is encrypted."""

    def version(self) -> None:
        """Return None: there is no TLS."""
