"""`TCPConnector`: opens connections, keeps idle ones, and lets at most `limit` be in use.

Taking a connection may wait; giving one back, and closing everything, never does. So no cancellation, whenever it
comes, can lose a place or a connection.
"""

from __future__ import annotations

import ssl as ssl_module
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from yarl import URL

from drywire_sansio import http1
from drywire_transports import (
    Address,
    ByteStream,
    ClientTLS,
    ConnectFailed,
    NameNotResolved,
    Runtime,
    StreamTimeout,
    TaskHandle,
    Timer,
    TLSFailed,
    TransportError,
    Wake,
    client_context,
    current_runtime,
    unverified_context,
)
from drywire_transports.dialling import literal_address
from drywire_transports.http_channel import HTTPChannel

from .errors import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientProxyConnectionError,
    Phase,
    RequestProgress,
)
from .fingerprint import Fingerprint
from .name_cache import NameCache
from .proxies import ProxyRoute
from .request import ClientRequest
from .timeouts import Deadlines
from .tracing import (
    Trace,
    TraceConnectionCreateEndParams,
    TraceConnectionCreateStartParams,
    TraceConnectionQueuedEndParams,
    TraceConnectionQueuedStartParams,
    TraceConnectionReuseconnParams,
    emit,
)
from .tunnels import open_tunnel, tls_inside

__all__ = ["Connection", "ConnectionKey", "TCPConnector"]


TASKS: Final = 32
"""Ended tasks that may be kept before they are sorted out."""
CLOSE_WAIT: Final = 1.0
"""Seconds that a cancelled task may take to end: a user's own clean-up may hang."""


class ConnectionKey(NamedTuple):
    """Everything that makes a connection what it is: only requests with an equal key may share one."""

    host: str
    port: int
    is_ssl: bool
    ssl: Any
    server_hostname: str | None
    limits: http1.Limits | None = None
    """Bounds on responses, where a session has its own."""
    proxy: ProxyRoute | None = None
    """The proxy on the way, with all that it is told."""

    @property
    def next_hop(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)


class Connection:
    """A connection in use by one request. `release` or `close` gives back its place, once."""

    __slots__ = ("_connector", "answered", "channel", "idle_since", "key", "read_ahead", "reused", "sent", "stream")

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
        self.sent = 0
        """Bytes of the present request that were handed to it."""
        self.read_ahead: Callable[[], Callable[[], None] | None] | None = None
        """Gives what begins to take in the present response, unread, so that a small one gives its place back."""
        self.idle_since = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether requests wait for a place."""
        return self._connector is not None and bool(self._connector._waiting)

    def spawn(
        self, runtime: Runtime, function: Callable[..., Coroutine[Any, Any, object]], *args: object, name: str
    ) -> TaskHandle:
        """Run ``function(*args)`` as a task that ends with the connector at the latest."""
        task = runtime.spawn(function, *args, name=name)
        if self._connector is not None:
            self._connector._own(task)
        return task

    @property
    def transport(self) -> ByteStream:
        """The stream below."""
        return self.stream

    @property
    def closed(self) -> bool:
        """Whether it is no longer this request's."""
        return self._connector is None

    def release(self) -> None:
        """Give the connection back: for another request if it can serve one, else it is closed.

        It cannot where bytes have arrived that answer nothing: they would be taken for the next request's response.
        """
        if self.channel.connection.has_unread:
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
        self.sent = 0


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
    broken server that its responses may show; none by default. The addresses of a host are kept `ttl_dns_cache` seconds
    (10; None for good) if `use_dns_cache`.
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
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
    ) -> None:
        self._names = NameCache(use_dns_cache, ttl_dns_cache)
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
        self._tasks: set[TaskHandle] = set()
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

    def key_of(self, request: ClientRequest) -> ConnectionKey:
        """Return what a connection must be to carry `request`. Raises TypeError for `ssl` of another type."""
        url, settings = request.original_url, request.settings
        ssl, is_ssl = settings.ssl, url.scheme in ("https", "wss")
        if ssl is not True:
            _check_ssl(ssl)
        if is_ssl and ssl is True:
            ssl = self._ssl
        return ConnectionKey(
            url.raw_host or "",
            url.port or 80,
            is_ssl,
            ssl,
            settings.server_hostname,
            settings.limits or self._limits,
            None if settings.proxy is None else request.route,
        )

    # Taking

    async def connect(self, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace] = ()) -> Connection:
        """Return a connection for `key`: an idle one that is alive, else a new one.

        Raises ClientConnectorError and its kind, ConnectionTimeoutError, TimeoutError, ClientConnectionError once the
        connector is closed.
        """
        if self._runtime is None:
            self._runtime = current_runtime()
        self._refuse_if_closed()
        if self._admits(key):
            self._enter(key)
        elif traces:
            await self._wait_traced(self._runtime, key, deadlines, traces)
        else:
            await self._wait_for_place(self._runtime, key, deadlines)
        connection = self._pop_idle(key)
        if connection is None:
            connection = await self._new(self._runtime, key, deadlines, traces)
        elif traces:
            try:
                await emit(traces, "connection_reuseconn", TraceConnectionReuseconnParams())
            except BaseException:
                connection.close()
                raise
        self._in_use.add(connection)
        return connection

    async def _wait_traced(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> None:
        await emit(traces, "connection_queued_start", TraceConnectionQueuedStartParams())
        if self._admits(key):  # a place came while the receivers of the signal were at work
            self._enter(key)
        else:
            await self._wait_for_place(runtime, key, deadlines)
        try:
            await emit(traces, "connection_queued_end", TraceConnectionQueuedEndParams())
        except BaseException:
            self._leave(key)
            raise

    def take_idle(self, key: ConnectionKey) -> Connection | None:
        """Return an idle connection for `key` that is alive, if there is one and a place for it, without waiting."""
        if self._closed or key not in self._idle or not self._admits(key):
            return None
        connection = self._pop_idle(key)
        if connection is not None:
            self._enter(key)
            self._in_use.add(connection)
        return connection

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ClientConnectionError("Connector is closed")

    async def _new(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> Connection:
        try:
            if traces:
                await emit(traces, "connection_create_start", TraceConnectionCreateStartParams())
            stream = await self._open(runtime, key, deadlines, traces)
        except BaseException:
            self._leave(key)
            raise
        try:
            if traces:
                await emit(traces, "connection_create_end", TraceConnectionCreateEndParams())
            self._refuse_if_closed()
            return Connection(self, key, stream, http1.ClientConnection(key.limits, self._quirks))
        except BaseException:
            stream.abort()
            self._leave(key)
            raise

    async def _wait_for_place(self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines) -> None:
        turn = _Turn(key, runtime.wake())
        self._waiting.append(turn)
        for connection in list(self._in_use):
            read_ahead = connection.read_ahead() if connection.read_ahead is not None else None
            if read_ahead is not None:
                read_ahead()
        try:
            await runtime.park(turn.wake, deadlines.connect)
        except BaseException as error:
            if turn.granted:
                self._leave(key)  # the place came while this was being cancelled
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, StreamTimeout):
                raise _in_phase("pool", deadlines.blame(runtime.now(), "connect")) from error
            raise
        if not turn.granted:
            raise ClientConnectionError("Connector is closed")

    async def _open(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> ByteStream:
        tls = ClientTLS(_context(key.ssl), key.server_hostname) if key.is_ssl else None
        deadline, route = deadlines.dial(runtime.now()), key.proxy
        host, port = key.next_hop
        phase: Phase = "dns"
        try:
            addresses = await self._resolve(runtime, host, port, deadline, traces)
            phase = "connect" if route is None else "proxy"
            stream = await runtime.connect_tcp(
                host, port, tls=tls if route is None else None, deadline=deadline, addresses=addresses
            )
            if route is not None and route.tunnel:
                await open_tunnel(stream, route, _url_of(key), key.limits, deadline)
                phase = "tls"
                stream = await tls_inside(stream, tls, key.host)
        except StreamTimeout as error:
            raise _in_phase(phase, deadlines.blame(runtime.now(), "connect")) from error
        except TransportError as error:
            if phase != "dns" and not isinstance(error, TLSFailed):
                self._names.clear(host, port)
            raise _not_opened(key, phase, error) from error
        if isinstance(key.ssl, Fingerprint) and key.is_ssl:
            _verify(key.ssl, stream, key)
        return stream

    async def _resolve(
        self, runtime: Runtime, host: str, port: int, deadline: float, traces: Sequence[Trace]
    ) -> Sequence[Address]:
        literal = literal_address(host, port)
        if literal is not None:
            return [literal]
        return await self._names.addresses(runtime, host, port, deadline, traces)

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

    def _own(self, task: TaskHandle) -> None:
        if len(self._tasks) >= TASKS:
            self._tasks = {one for one in self._tasks if not one.done}
        self._tasks.add(task)

    async def close(self) -> None:
        """Close every connection, those in use too. All is done before the first wait; idempotent."""
        self._close()
        if self._runtime is not None:
            for task in self._tasks:
                await task.wait(self._runtime.now() + CLOSE_WAIT)
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
        self._names.close()
        for connection in list(self._in_use):
            connection.stream.abort()
        for task in self._tasks:
            task.cancel()
        waiting, self._waiting = self._waiting, deque()
        for turn in waiting:
            turn.wake.set()


E = TypeVar("E", bound=RequestProgress)


def _in_phase(phase: Phase, error: E) -> E:
    error.phase = phase
    return error


def _url_of(key: ConnectionKey) -> URL:
    return URL.build(scheme="https" if key.is_ssl else "http", host=key.host, port=key.port)


def _not_opened(key: ConnectionKey, phase: Phase, error: TransportError) -> ClientConnectionError:
    """Return why there is no connection, as the client's own error."""
    host, port = key.next_hop
    if isinstance(error, NameNotResolved):
        return _in_phase("dns", ClientConnectorDNSError(host, port, _os_error(error), ssl=key.ssl))
    if isinstance(error, TLSFailed):
        return _in_phase("tls", _tls_error(key, error))
    if phase == "dns":
        return ClientConnectionError("Connector is closed")
    kind = ClientProxyConnectionError if phase == "proxy" else ClientConnectorError
    return _in_phase(phase, kind(host, port, _os_error(error), ssl=key.ssl))


def _os_error(error: TransportError) -> OSError:
    """Return what the operating system said, of several attempts the last time."""
    if isinstance(error, ConnectFailed) and error.attempts:
        return error.attempts[-1]
    return error if isinstance(error, OSError) else OSError(str(error))


def _check_ssl(ssl: object) -> None:
    if ssl is not None and not isinstance(ssl, bool | ssl_module.SSLContext | Fingerprint):
        raise TypeError(f"ssl must be a bool, an SSLContext or a Fingerprint, not {type(ssl).__name__}")


def _context(ssl: Any) -> ssl_module.SSLContext:
    if isinstance(ssl, ssl_module.SSLContext):
        return ssl
    return client_context() if ssl is True or ssl is None else unverified_context()


def _verify(fingerprint: Fingerprint, stream: ByteStream, key: ConnectionKey) -> None:
    """Raise ServerFingerprintMismatch, and drop `stream`, unless the server has the certificate."""
    try:
        fingerprint.verify(stream.extra_info("ssl_object").getpeercert(binary_form=True), key.host, key.port)
    except BaseException as error:
        stream.abort()
        if isinstance(error, RequestProgress):
            error.phase = "tls"
        raise


def _tls_error(key: ConnectionKey, error: TLSFailed) -> ClientConnectorError:
    cause = error.__cause__
    if isinstance(cause, ssl_module.CertificateError):
        return ClientConnectorCertificateError(key.host, key.port, cause, ssl=key.ssl)
    if isinstance(cause, ssl_module.SSLError):
        return ClientConnectorSSLError(key.host, key.port, cause, ssl=key.ssl)
    return ClientConnectorError(key.host, key.port, cause if isinstance(cause, OSError) else error, ssl=key.ssl)
