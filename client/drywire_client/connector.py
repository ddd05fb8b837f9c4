"""`TCPConnector`: opens connections, keeps idle ones, and lets at most `limit` be in use.

Taking a connection may wait; giving one back, and closing everything, never does. So no cancellation, whenever it
comes, can lose a place or a connection.
"""

from __future__ import annotations

import ssl as ssl_module
from collections import deque
from collections.abc import Collection
from typing import Any, NamedTuple

from drywire_sansio import http1
from drywire_transports import (
    ByteStream,
    ClientTLS,
    NameNotResolved,
    Runtime,
    StreamTimeout,
    Timer,
    TLSFailed,
    TransportError,
    Wake,
    client_context,
    current_runtime,
    unverified_context,
)
from drywire_transports.http_channel import HTTPChannel

from .errors import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
)
from .timeouts import Deadlines

__all__ = ["Connection", "ConnectionKey", "TCPConnector"]


class ConnectionKey(NamedTuple):
    """Everything that makes a connection what it is: only requests with an equal key may share one."""

    host: str
    port: int
    is_ssl: bool
    ssl: Any
    server_hostname: str | None


class Connection:
    """A connection in use by one request. `release` or `close` gives back its place, once."""

    __slots__ = ("_connector", "answered", "channel", "idle_since", "key", "reused", "stream")

    def __init__(
        self, connector: TCPConnector, key: ConnectionKey, stream: ByteStream, core: http1.ClientConnection
    ) -> None:
        self._connector: TCPConnector | None = connector
        self.key = key
        self.stream = stream
        self.channel = HTTPChannel(stream, core)
        self.reused = False
        """Whether it has served a request before, so that the server may have closed it meanwhile."""
        self.answered = False
        """Whether anything came of it since the present request was begun."""
        self.idle_since = 0.0

    @property
    def closed(self) -> bool:
        """Whether it is no longer this request's."""
        return self._connector is None

    def release(self) -> None:
        """Give the connection back: for another request if it can serve one, else it is closed.

        It cannot where bytes have arrived that answer nothing: they would be taken for the next request's response.
        """
        if self.channel.connection.trailing_data[0]:
            self.close()
            return
        try:
            self.channel.connection.start_next_cycle()
        except http1.LocalProtocolError:
            self.close()
            return
        connector, self._connector = self._connector, None
        if connector is not None:
            connector._give_back(self)

    def close(self) -> None:
        """Close the connection and give back its place."""
        self.stream.abort()
        connector, self._connector = self._connector, None
        if connector is not None:
            connector._forget(self)

    def taken_by(self, connector: TCPConnector) -> None:
        """Belong to a request again."""
        self._connector = connector
        self.reused = True
        self.answered = False


class _Turn:
    """A request that waits for a place. Its wake-up carries nothing: whether it has a place stands in `granted`."""

    __slots__ = ("granted", "key", "wake")

    def __init__(self, key: ConnectionKey, wake: Wake) -> None:
        self.key = key
        self.wake = wake
        self.granted = False


class TCPConnector:
    """A pool of TCP connections.

    `limit` connections may be in use at once (100; 0 or None for any number), `limit_per_host` of them to one host and
    port (0 for any). Who waits is served in order. Idle connections are kept `keepalive_timeout` seconds (15), none if
    `force_close`. `ssl` is the default for requests: True verifies, False encrypts without verifying, an
    `ssl.SSLContext` is used as it is. `limits` bounds what a response may have, and `quirks` names the deviations of a
    broken server that its responses may show; none by default.
    """

    def __init__(
        self,
        *,
        ssl: bool | ssl_module.SSLContext = True,
        keepalive_timeout: float = 15.0,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int = 0,
        limits: http1.Limits | None = None,
        quirks: Collection[http1.Quirk] = (),
    ) -> None:
        self._ssl = ssl
        self._limits = limits
        self._quirks = frozenset(quirks)
        self._keepalive_timeout = keepalive_timeout
        self._force_close = force_close
        self._limit = limit or 0
        self._limit_per_host = limit_per_host
        self._runtime: Runtime | None = None
        self._in_use: set[Connection] = set()
        self._places = 0  # in use, or being opened
        self._places_by_key: dict[ConnectionKey, int] = {}
        self._idle: dict[ConnectionKey, list[Connection]] = {}
        self._waiting: deque[_Turn] = deque()
        self._timer: Timer | None = None
        self._closed = False

    def __repr__(self) -> str:
        idle = sum(map(len, self._idle.values()))
        return f"<{type(self).__name__} {self._places} in use, {idle} idle, {len(self._waiting)} waiting>"

    async def __aenter__(self) -> TCPConnector:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def closed(self) -> bool:
        """Whether the connector is closed."""
        return self._closed

    @property
    def limit(self) -> int:
        """Connections that may be in use at once; 0 for any number."""
        return self._limit

    @property
    def limit_per_host(self) -> int:
        """Connections to one host and port that may be in use at once; 0 for any number."""
        return self._limit_per_host

    @property
    def force_close(self) -> bool:
        """Whether each connection is closed after its request."""
        return self._force_close

    def key(self, host: str, port: int, is_ssl: bool, ssl: Any, server_hostname: str | None) -> ConnectionKey:
        """Return the key of the connections that a request may use. Raises TypeError for `ssl` of another type."""
        if ssl is not True and ssl is not None and ssl is not False and not isinstance(ssl, ssl_module.SSLContext):
            raise TypeError(f"ssl must be a bool or an SSLContext, not {type(ssl).__name__}")
        return ConnectionKey(host, port, is_ssl, self._ssl if is_ssl and ssl is True else ssl, server_hostname)

    # Taking

    async def connect(self, key: ConnectionKey, deadlines: Deadlines) -> Connection:
        """Return a connection for `key`: an idle one that is alive, else a new one.

        Raises ClientConnectorError and its kind, ConnectionTimeoutError, TimeoutError, ClientConnectionError once the
        connector is closed.
        """
        if self._runtime is None:
            self._runtime = current_runtime()
        self._refuse_if_closed()
        if self._admits(key):
            self._enter(key)
        else:
            await self._wait_for_place(self._runtime, key, deadlines)
        connection = self._pop_idle(key)
        if connection is None:
            connection = await self._new(self._runtime, key, deadlines)
        self._in_use.add(connection)
        return connection

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ClientConnectionError("Connector is closed")

    async def _new(self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines) -> Connection:
        try:
            stream = await self._open(runtime, key, deadlines)
            connection = Connection(self, key, stream, http1.ClientConnection(self._limits, self._quirks))
        except BaseException:
            self._leave(key)
            raise
        try:
            self._refuse_if_closed()
        except ClientConnectionError:
            connection.stream.abort()
            self._leave(key)
            raise
        return connection

    async def _wait_for_place(self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines) -> None:
        turn = _Turn(key, runtime.wake())
        self._waiting.append(turn)
        try:
            await runtime.park(turn.wake, deadlines.connect)
        except BaseException as error:
            if turn.granted:
                self._leave(key)  # the place came while this was being cancelled
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, StreamTimeout):
                raise deadlines.blame(runtime.now(), "connect") from error
            raise
        if not turn.granted:
            raise ClientConnectionError("Connector is closed")

    async def _open(self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines) -> ByteStream:
        tls = ClientTLS(_context(key.ssl), key.server_hostname) if key.is_ssl else None
        try:
            return await runtime.connect_tcp(key.host, key.port, tls=tls, deadline=deadlines.dial(runtime.now()))
        except StreamTimeout as error:
            raise deadlines.blame(runtime.now(), "connect") from error
        except NameNotResolved as error:
            raise ClientConnectorDNSError(key.host, key.port, error, ssl=key.ssl) from error
        except TLSFailed as error:
            raise _tls_error(key, error) from error
        except TransportError as error:
            cause = error if isinstance(error, OSError) else OSError(str(error))
            raise ClientConnectorError(key.host, key.port, cause, ssl=key.ssl) from error

    # Places

    def _admits(self, key: ConnectionKey) -> bool:
        if self._limit and self._places >= self._limit:
            return False
        return not self._limit_per_host or self._places_by_key.get(key, 0) < self._limit_per_host

    def _enter(self, key: ConnectionKey) -> None:
        self._places += 1
        self._places_by_key[key] = self._places_by_key.get(key, 0) + 1

    def _leave(self, key: ConnectionKey) -> None:
        """Free a place, and hand it to the first that waits and may have it."""
        self._places -= 1
        left = self._places_by_key[key] - 1
        if left:
            self._places_by_key[key] = left
        else:
            del self._places_by_key[key]
        for turn in self._waiting:
            if self._admits(turn.key):
                self._waiting.remove(turn)
                self._enter(turn.key)
                turn.granted = True
                turn.wake.set()
                return

    # Idle connections

    def _pop_idle(self, key: ConnectionKey) -> Connection | None:
        """Take the idle connection that was used last, if one is alive: a readable one is dead, or speaks unasked."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if not idle:
                del self._idle[key]
            if not connection.stream.closed and not connection.stream.readable:
                connection.taken_by(self)
                return connection
            connection.stream.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        self._in_use.discard(connection)
        if self._closed or self._force_close or self._runtime is None or connection.stream.closed:
            connection.stream.abort()
        else:
            connection.idle_since = self._runtime.now()
            self._idle.setdefault(connection.key, []).append(connection)
            if self._timer is None:
                self._timer = self._runtime.call_at(connection.idle_since + self._keepalive_timeout, self._evict)
        self._leave(connection.key)

    def _forget(self, connection: Connection) -> None:
        self._in_use.discard(connection)
        self._leave(connection.key)

    def _evict(self) -> None:
        """Close the connections that have been idle for too long, and come again when the next will have been."""
        self._timer = None
        if self._runtime is None:
            return
        now = self._runtime.now()
        oldest = now
        for key, connections in list(self._idle.items()):
            kept = [one for one in connections if now - one.idle_since < self._keepalive_timeout]
            for connection in connections[: len(connections) - len(kept)]:
                connection.stream.abort()
            if kept:
                self._idle[key] = kept
                oldest = min(oldest, kept[0].idle_since)
            else:
                del self._idle[key]
        if self._idle:
            self._timer = self._runtime.call_at(oldest + self._keepalive_timeout, self._evict)

    # The end

    async def close(self) -> None:
        """Close every connection, those in use too. All is done before the first wait; idempotent."""
        self._close()
        if self._runtime is not None:
            # The loop closes the sockets in its next turn.
            await self._runtime.sleep_until(self._runtime.now())

    def _close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connections in self._idle.values():
            for connection in connections:
                connection.stream.abort()
        self._idle.clear()
        for connection in list(self._in_use):
            connection.stream.abort()
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            turn.wake.set()


def _context(ssl: Any) -> ssl_module.SSLContext:
    if isinstance(ssl, ssl_module.SSLContext):
        return ssl
    if ssl is True or ssl is None:
        return client_context()
    if ssl is False:
        return unverified_context()
    raise TypeError(f"ssl must be a bool or an SSLContext, not {type(ssl).__name__}")


def _tls_error(key: ConnectionKey, error: TLSFailed) -> ClientConnectorError:
    cause = error.__cause__
    if isinstance(cause, ssl_module.CertificateError):
        return ClientConnectorCertificateError(key.host, key.port, cause, ssl=key.ssl)
    if isinstance(cause, ssl_module.SSLError):
        return ClientConnectorSSLError(key.host, key.port, cause, ssl=key.ssl)
    return ClientConnectorError(key.host, key.port, cause if isinstance(cause, OSError) else error, ssl=key.ssl)
