"""`TCPConnector`: opens connections, keeps idle ones, and lets at most `limit` be in use.

Taking a connection may wait; giving one back, and closing everything, never does. So no cancellation, whenever it
comes, can lose a place or a connection.
"""

from __future__ import annotations

import math
import ssl as ssl_module
from collections.abc import Collection, Sequence
from typing import Any, Final, TypeVar

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
    client_context,
    current_runtime,
    unverified_context,
)
from drywire_transports.dialling import literal_address

from .connections import Connection, ConnectionKey, Endpoint, Turn
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


class TCPConnector:
    """A pool of TCP connections.

    `limit` connections may be in use at once (100; 0 or None for any number), `limit_per_host` of them to one host and
    port, by the same way and settings (0 for any). Who waits is served in order. Idle connections are kept
    `keepalive_timeout` seconds (15), none if `force_close`. `ssl` is the default for requests: True verifies, False
    encrypts without verifying, an `ssl.SSLContext` is used as it is. `limits` bounds what a response may have, and
    `quirks` names the deviations of a broken server that its responses may show; none by default. The addresses of a
    host are kept `ttl_dns_cache` seconds (10; None for good) if `use_dns_cache`.
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
        self._endpoints: dict[ConnectionKey, Endpoint] = {}
        self._waiting: dict[Turn, None] = {}  # in order, and quick to leave
        self._timer: Timer | None = None
        self._tasks: set[TaskHandle] = set()
        self._closed = False

    def __repr__(self) -> str:
        idle = sum(len(endpoint.idle) for endpoint in self._endpoints.values())
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
    def runtime(self) -> Runtime | None:
        """The runtime that its connections belong to; None before the first."""
        return self._runtime

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

    def endpoint_of(self, request: ClientRequest) -> Endpoint:
        """Return where `request` goes. Raises TypeError for `ssl` of another type."""
        key = self.key_of(request)
        return self._endpoints.get(key) or Endpoint(key)

    @property
    def _places_by_key(self) -> dict[ConnectionKey, int]:
        return {key: endpoint.places for key, endpoint in self._endpoints.items() if endpoint.places}

    # Taking

    async def connect(self, endpoint: Endpoint, deadlines: Deadlines, traces: Sequence[Trace] = ()) -> Connection:
        """Return a connection to `endpoint`: an idle one that is alive, else a new one.

        Raises ClientConnectorError and its kind, ConnectionTimeoutError, TimeoutError, ClientConnectionError once the
        connector is closed.
        """
        if self._runtime is None:
            self._runtime = current_runtime()
        self._refuse_if_closed()
        if self._admits(endpoint):
            endpoint = self._enter(endpoint)
        elif traces:
            endpoint = await self._wait_traced(self._runtime, endpoint, deadlines, traces)
        else:
            endpoint = await self._wait_for_place(self._runtime, endpoint, deadlines)
        connection = self._pop_idle(endpoint)
        if connection is None:
            connection = await self._new(self._runtime, endpoint, deadlines, traces)
        elif traces:
            try:
                await emit(traces, "connection_reuseconn", TraceConnectionReuseconnParams())
            except BaseException:
                connection.close()
                raise
        self._in_use.add(connection)
        return connection

    async def _wait_traced(
        self, runtime: Runtime, endpoint: Endpoint, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> Endpoint:
        await emit(traces, "connection_queued_start", TraceConnectionQueuedStartParams())
        endpoint = self._endpoints.get(endpoint.key, endpoint)
        if self._admits(endpoint):  # a place came while the receivers of the signal were at work
            endpoint = self._enter(endpoint)
        else:
            endpoint = await self._wait_for_place(runtime, endpoint, deadlines)
        try:
            await emit(traces, "connection_queued_end", TraceConnectionQueuedEndParams())
        except BaseException:
            self._leave(endpoint)
            raise
        return endpoint

    def take_idle(self, endpoint: Endpoint) -> Connection | None:
        """Return an idle connection to `endpoint` that is alive, if there is one and a place for it, at once."""
        if self._closed or not endpoint.idle or not self._admits(endpoint):
            return None
        connection = self._pop_idle(endpoint)
        if connection is not None:
            endpoint.places += 1
            self._places += 1
            self._in_use.add(connection)
        return connection

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ClientConnectionError("Connector is closed")

    async def _new(
        self, runtime: Runtime, endpoint: Endpoint, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> Connection:
        try:
            if traces:
                await emit(traces, "connection_create_start", TraceConnectionCreateStartParams())
            stream = await self._open(runtime, endpoint.key, deadlines, traces)
        except BaseException:
            self._leave(endpoint)
            raise
        try:
            if traces:
                await emit(traces, "connection_create_end", TraceConnectionCreateEndParams())
            self._refuse_if_closed()
            return Connection(self, endpoint, stream, http1.ClientConnection(endpoint.key.limits, self._quirks))
        except BaseException:
            stream.abort()
            self._leave(endpoint)
            raise

    async def _wait_for_place(self, runtime: Runtime, endpoint: Endpoint, deadlines: Deadlines) -> Endpoint:
        turn = Turn(endpoint, runtime.wake())
        self._waiting[turn] = None
        for connection in list(self._in_use):
            read_ahead = connection.read_ahead() if connection.read_ahead is not None else None
            if read_ahead is not None:
                read_ahead()
        try:
            await runtime.park(turn.wake, deadlines.connect)
        except BaseException as error:
            if turn.granted:
                self._leave(turn.endpoint)  # the place came while this was being cancelled
            else:
                self._waiting.pop(turn, None)
            if isinstance(error, StreamTimeout):
                raise _in_phase("pool", deadlines.blame(runtime.now(), "connect")) from error
            raise
        if not turn.granted:
            raise ClientConnectionError("Connector is closed")
        return turn.endpoint

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
            stream = await runtime.connect_tcp(host, port, deadline=deadline, addresses=addresses)
            if route is not None and route.tunnel:
                await open_tunnel(stream, route, _url_of(key), key.limits, deadline)
            if tls is not None:
                phase = "tls"
                stream.read_deadline = stream.write_deadline = deadline
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

    @property
    def is_wanted(self) -> bool:
        """Whether requests wait for a place."""
        return bool(self._waiting)

    def _admits(self, endpoint: Endpoint) -> bool:
        if self._limit and self._places >= self._limit:
            return False
        return not self._limit_per_host or endpoint.places < self._limit_per_host

    def _enter(self, endpoint: Endpoint) -> Endpoint:
        """Take a place, and return the endpoint that has it: the one of its key that others know."""
        if not endpoint.places and not endpoint.idle:
            endpoint = self._endpoints.setdefault(endpoint.key, endpoint)
        endpoint.places += 1
        self._places += 1
        return endpoint

    def _leave(self, endpoint: Endpoint) -> None:
        """Free a place, and hand it to the first that waits and may have it."""
        self._places -= 1
        endpoint.places -= 1
        if not endpoint.places and not endpoint.idle:
            del self._endpoints[endpoint.key]
        for turn in self._waiting:
            if self._admits(self._endpoints.get(turn.endpoint.key, turn.endpoint)):
                del self._waiting[turn]
                turn.endpoint = self._enter(turn.endpoint)
                turn.granted = True
                turn.wake.set()
                return

    # Idle connections

    def _pop_idle(self, endpoint: Endpoint) -> Connection | None:
        """Take the idle connection that was used last, if one is alive: a readable one is dead, or speaks unasked."""
        idle = endpoint.idle
        while idle:
            connection = idle.pop()
            if not connection.stream.closed and not connection.stream.readable:
                connection.taken_by(self)
                return connection
            connection.stream.abort()
        return None

    def give_back(self, connection: Connection) -> None:
        """Take `connection`, which can serve another request."""
        self._in_use.discard(connection)
        if self._closed or self._force_close or self._runtime is None or connection.stream.closed:
            connection.stream.abort()
        else:
            connection.idle_since = self._runtime.now()
            connection.endpoint.idle.append(connection)
            if self._timer is None:
                self._timer = self._runtime.call_at(connection.idle_since + self._keepalive_timeout, self._evict)
        self._leave(connection.endpoint)

    def forget(self, connection: Connection) -> None:
        """Free the place of `connection`, which is closed."""
        self._in_use.discard(connection)
        self._leave(connection.endpoint)

    def _evict(self) -> None:
        """Close the connections that have been idle for too long, and come again when the next will have been."""
        self._timer = None
        if self._runtime is None:
            return
        now = self._runtime.now()
        oldest = math.inf
        for key, endpoint in list(self._endpoints.items()):
            idle = endpoint.idle
            while idle and now - idle[0].idle_since >= self._keepalive_timeout:
                idle.pop(0).stream.abort()
            if idle:
                oldest = min(oldest, idle[0].idle_since)
            elif not endpoint.places:
                del self._endpoints[key]
        if oldest < math.inf:
            self._timer = self._runtime.call_at(oldest + self._keepalive_timeout, self._evict)

    # The end

    def own(self, task: TaskHandle) -> None:
        """End `task` with the connector, at the latest."""
        if len(self._tasks) >= TASKS:
            self._tasks = {one for one in self._tasks if not one.done}
        self._tasks.add(task)

    async def close(self) -> None:
        """Close every connection, those in use too. All is done before the first wait; idempotent."""
        self._close()
        if self._runtime is not None:
            for task in list(self._tasks):
                await task.wait(self._runtime.now() + CLOSE_WAIT)
            # The loop closes the sockets in its next turn.
            await self._runtime.sleep_until(self._runtime.now())

    def _close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for endpoint in self._endpoints.values():
            for connection in endpoint.idle:
                connection.stream.abort()
            endpoint.idle.clear()
        self._names.close()
        for connection in list(self._in_use):
            connection.stream.abort()
        for task in self._tasks:
            task.cancel()
        waiting, self._waiting = self._waiting, {}
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
