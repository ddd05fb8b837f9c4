"""`BaseConnector`: has connections opened, keeps idle ones, and lets at most `limit` be in use.

Taking a connection may wait; giving one back, and closing everything, never does. So no cancellation, whenever it
comes, can lose a place or a connection.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, Final, Self

from drywire_sansio import http1
from drywire_transports import (
    ByteStream,
    Runtime,
    StreamTimeout,
    TaskHandle,
    Timer,
    current_runtime,
)

from .connecting import check_ssl, in_phase
from .connections import Connection, ConnectionKey, Endpoint, Turn
from .errors import ClientConnectionError
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

__all__ = ["BaseConnector", "Connection", "ConnectionKey"]


TASKS: Final = 32
"""Ended tasks that may be kept before they are sorted out."""
CLOSE_WAIT: Final = 1.0
"""Seconds that a cancelled task may take to end: a user's own clean-up may hang."""


class BaseConnector:
    """A pool of connections; how one is opened is for those that derive from it.

    `limit` connections may be in use at once (100; 0 or None for any number), `limit_per_host` of them to one host and
    port, by the same way and settings (0 for any). Who waits is served in order. Idle connections are kept
    `keepalive_timeout` seconds (15), none if `force_close`. `limits` bounds what a response may have, and `quirks`
    names the deviations of a broken server that its responses may show; none by default.
    """

    _ssl: Any = True
    """``ssl`` of requests that say nothing else."""

    def __init__(
        self,
        *,
        keepalive_timeout: float = 15.0,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int = 0,
        limits: http1.Limits | None = None,
        quirks: Collection[http1.Quirk] = (),
    ) -> None:
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

    async def __aenter__(self) -> Self:
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
            check_ssl(ssl)
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
                raise in_phase("pool", deadlines.blame(runtime.now(), "connect")) from error
            raise
        if not turn.granted:
            raise ClientConnectionError("Connector is closed")
        return turn.endpoint

    async def _open(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> ByteStream:
        """Return a new stream to what `key` says."""
        raise NotImplementedError(f"{type(self).__name__} cannot open connections")

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
        for connection in list(self._in_use):
            connection.stream.abort()
        for task in self._tasks:
            task.cancel()
        waiting, self._waiting = self._waiting, {}
        for turn in waiting:
            turn.wake.set()
