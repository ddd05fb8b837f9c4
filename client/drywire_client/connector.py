"""`BaseConnector`: has connections opened, keeps idle ones, and lets at most `limit` be in use.

What to do is decided by `drywire_sansio.pooling`; here it is done. Taking a connection may wait; giving one back, and
closing everything, never does. So no cancellation, whenever it comes, can lose a place or a connection.
"""

from __future__ import annotations

import copy
import errno
import warnings
import weakref
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Sequence
from typing import Any, Final, Self

from drywire_sansio import http1
from drywire_sansio.pooling import Endpoint, EndpointFigures, Pool, PoolFigures, Turn
from drywire_transports import ByteStream, Runtime, StreamTimeout, TaskHandle, Timer, current_runtime
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.polling import has_unseen
from drywire_transports.runtime import Undertaking

from .connecting import Wanted, check_ssl, in_phase
from .connections import Connection, ConnectionKey
from .errors import ClientConnectionError
from .legacy import deprecated
from .options import UNSET, Unset
from .request import ClientRequest
from .timeouts import ClientTimeout, Deadlines
from .tracing import (
    Trace,
    TraceConnectionCreateEndParams,
    TraceConnectionCreateStartParams,
    TraceConnectionQueuedEndParams,
    TraceConnectionQueuedStartParams,
    TraceConnectionReuseconnParams,
    emit,
)

__all__ = ["BaseConnector", "Connection", "ConnectionKey", "EndpointFigures", "PoolFigures"]

Place = Endpoint[ConnectionKey, Connection]
"""Where a request has a place: its endpoint."""

KEEPALIVE: Final = 15.0
"""Seconds that an idle connection is kept."""
SWEEP: Final = 60.0
"""Seconds after which idle connections are looked through again, at the latest: their server may have ended some."""
BREATH: Final = 0.0001
"""Seconds between two looks for each connection there is. A look takes 0.4 us a connection: ten thousand hosts that
were visited one after the other would else be looked through ten thousand times."""
TICK: Final = 0.002
"""Seconds by which a loop's timer may be early: uvloop counts milliseconds. It would be set again and again."""
PROBE_AFTER: Final = 0.005
"""Seconds of idleness after which the operating system is asked what has come, for 1 to 2 us. Before that the loop
has hardly been kept from reading it. It is asked in any case where a request could not be sent again."""
NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors by which the system says that there are too many sockets."""
TASKS: Final = 32
"""Ended tasks that may be kept before they are sorted out."""
CLOSE_WAIT: Final = 1.0
"""Seconds that cancelled tasks may take to end, in all: a user's own clean-up may hang."""
TURN: Final = 0.001
"""Seconds after which it is seen again whether all is over."""


class BaseConnector:
    """A pool of connections; how one is opened is for those that derive from it, see `_create_connection`.

    `limit` connections may be in use at once (100; 0 or None for any number), `limit_per_host` of them to one host and
    port, by the same way and settings (0 for any). Who waits is served in order. Idle connections are kept
    `keepalive_timeout` seconds (15; None for good, 0 not at all), none if `force_close`. `limits` bounds what a
    response may have, and `quirks` names the deviations of a broken server that its responses may show; none by
    default. `enable_cleanup_closed`, `loop` and `timeout_ceil_threshold` are accepted for aiohttp's sake.

    It may be made before there is an event loop. It belongs to the loop of its first request; once that has ended, it
    starts afresh on the next. Raises ValueError for negative limits, and for `keepalive_timeout` with `force_close`.
    """

    allowed_protocol_schema_set: frozenset[str] = frozenset({"", "http", "https", "ws", "wss"})
    """The schemes of URLs that it serves; "" where there is none."""

    _closed = True  # until all is well
    _ssl: Any = True
    """``ssl`` of requests that say nothing else."""

    def __init__(
        self,
        *,
        keepalive_timeout: float | Unset | None = UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
        limits: http1.Limits | None = None,
        quirks: Collection[http1.Quirk] = (),
    ) -> None:
        if force_close and not isinstance(keepalive_timeout, Unset) and keepalive_timeout is not None:
            raise ValueError("keepalive_timeout cannot be set if force_close is True: no connection is kept")
        if enable_cleanup_closed:
            deprecated("enable_cleanup_closed has no effect: closed connections leave nothing behind")
        self._limits = limits
        self._quirks = frozenset(quirks)
        if isinstance(keepalive_timeout, Unset):
            keepalive_timeout = None if force_close else KEEPALIVE
        self._keepalive_timeout = keepalive_timeout
        self._force_close = force_close
        self._pool = self._new_pool(limit or 0, limit_per_host or 0)
        self._runtime: Runtime | None = None
        self._timer: Timer | None = None
        self._tasks: set[TaskHandle] = set()
        self._undertakings: set[Undertaking] = set()
        """The connections that are being opened."""
        self._closed = False

    def __repr__(self) -> str:
        figures = self._pool.figures
        return f"<{type(self).__name__} {figures.in_use} in use, {figures.idle} idle, {figures.waiting} waiting>"

    def __enter__(self) -> Self:
        deprecated('"with Connector():" is deprecated: use "async with Connector():"')
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._closed and self._pool.members:
            text = f"Unclosed connector {self!r}"
            BaseConnector._close(self)
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)

    # What is known

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
        """Connections that may be in use at once; 0 for any number. May be set: who may go on then does so at once."""
        return self._pool.limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        self._change_limits(limit or 0, self._pool.limit_per_host)

    @property
    def limit_per_host(self) -> int:
        """Connections to one host and port that may be in use at once; 0 for any number. May be set."""
        return self._pool.limit_per_host

    @limit_per_host.setter
    def limit_per_host(self, limit: int | None) -> None:
        self._change_limits(self._pool.limit, limit or 0)

    def _change_limits(self, limit: int, limit_per_host: int) -> None:
        for turn in self._pool.change_limits(limit, limit_per_host):
            turn.wake.set()

    @property
    def force_close(self) -> bool:
        """Whether each connection is closed after its request."""
        return self._force_close

    @property
    def figures(self) -> PoolFigures:
        """How many connections are `open`, `in_use` and `idle` now, and how many requests are `waiting` for a place.

        `by_key` has the same for each `ConnectionKey`. To be looked at: it does not change any more.
        """
        return self._pool.figures

    @property
    def is_wanted(self) -> bool:
        """Whether requests wait for a place."""
        return self._pool.waiting > 0

    def key_of(self, request: ClientRequest) -> ConnectionKey:
        """Return what a connection must be to carry `request`. Raises TypeError for `ssl` of another type."""
        url, settings = request.original_url, request.settings
        ssl, is_ssl = settings.ssl, url.scheme in ("https", "wss")
        if ssl is not True:
            check_ssl(ssl)
        proxy = settings.proxy
        if ssl is True and (is_ssl or (proxy is not None and proxy.scheme == "https")):
            ssl = self._ssl
        return ConnectionKey(
            url.raw_host or "",
            url.port or 80,
            is_ssl,
            ssl,
            settings.server_hostname,
            settings.limits or self._limits,
            None if proxy is None else request.route,
        )

    # The loop

    def _new_pool(self, limit: int, limit_per_host: int) -> Pool[ConnectionKey, Connection]:
        return Pool(limit, limit_per_host, 0 if self._force_close else self._keepalive_timeout)

    def attach(self, runtime: Runtime) -> None:
        """Work on `runtime` from now on.

        Where the one before has ended, all that is left of it is dropped. Raises RuntimeError where that goes on, and
        has connections.
        """
        before = self._runtime
        if before is not None and before is not runtime:
            if before.over:
                self._restart()
            elif self._pool.members or self._pool.places or self._pool.waiting:
                raise RuntimeError(
                    f"{self!r} belongs to another event loop, which has not ended: "
                    "close it there first, or let each loop have a session and a connector of its own"
                )
        self._runtime = runtime

    def _restart(self) -> None:
        """Forget what belonged to a loop that has ended."""
        before = self._pool
        for connection in list(before.members):
            connection.disown()
        self._pool = self._new_pool(before.limit, before.limit_per_host)
        self._timer = None
        self._tasks.clear()
        self._undertakings.clear()

    # Taking

    def take_idle(self, key: ConnectionKey, is_idempotent: bool = True) -> Connection | None:
        """Return an idle connection that is alive, if there is one and a place for it, at once."""
        runtime = self._runtime
        if runtime is None:
            return None
        now = runtime.now()
        connection = self._pool.take(key, now)
        if connection is None:
            return None
        if connection.stream.readable or not is_idempotent or now - connection.idle_since >= PROBE_AFTER:
            endpoint = connection.endpoint
            connection = self._alive(endpoint, connection, now, is_idempotent)
            if connection is None:
                self._wake(self._pool.leave(endpoint))
                return None
        connection.taken_by(self)
        return connection

    async def connect(
        self, req: ClientRequest, traces: Sequence[Trace] = (), timeout: ClientTimeout | None = None
    ) -> Connection:
        """Return a connection for `req`: an idle one that is alive, else a new one; `release` or `close` it.

        `timeout` is the request's unless it is given. Raises ClientConnectorError and its kind,
        ConnectionTimeoutError, TimeoutError, ClientConnectionError once the connector is closed.
        """
        self._refuse_if_closed()
        runtime, pool = current_runtime(), self._pool
        if runtime is not self._runtime:
            self.attach(runtime)
            pool = self._pool
        if timeout is not None and timeout != req.deadlines.timeout:
            req = copy.copy(req)
            req.deadlines = Deadlines(timeout, runtime.now(), req.method, req.url)
        key = self.key_of(req)
        place, connection = pool.enter(key), None
        if place is None:
            wait = self._wait_traced if traces else self._wait
            turn = await wait(runtime, key, req.deadlines, traces)
            if isinstance(turn, Turn):
                place, connection = turn.endpoint, pool.accept(turn, runtime.now())
                self._arm()
            else:
                place = turn
        now = runtime.now()
        connection = self._alive(place, connection or pool.next_idle(place, now), now, req.is_idempotent)
        if connection is None:
            connection = await self._new(pool, place, req, traces)
        else:
            connection.taken_by(self)
            if traces:
                await self._tell_of_reuse(connection, traces)
        return connection.expose()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ClientConnectionError("Connector is closed")

    def _alive(self, place: Place, connection: Connection | None, now: float, is_idempotent: bool) -> Connection | None:
        """Return `connection`, or if it is dead the next idle one that is not.

        A readable one is dead, or speaks unasked; what has come but was not read by the loop yet is seen too.
        """
        while connection is not None:
            stream = connection.stream
            is_fresh = is_idempotent and now - connection.idle_since < PROBE_AFTER
            if not stream.readable and (is_fresh or not has_unseen(stream)):
                return connection
            stream.abort()
            self._pool.discard(connection)
            connection = self._pool.next_idle(place, now)
        return None

    async def _tell_of_reuse(self, connection: Connection, traces: Sequence[Trace]) -> None:
        try:
            await emit(traces, "connection_reuseconn", TraceConnectionReuseconnParams())
        except BaseException:
            connection.close()
            raise

    async def _new(
        self, pool: Pool[ConnectionKey, Connection], place: Place, req: ClientRequest, traces: Sequence[Trace]
    ) -> Connection:
        stream: ByteStream | None = None
        try:
            self._refuse_if_closed()
            if traces:
                await emit(traces, "connection_create_start", TraceConnectionCreateStartParams())
            stream = await self._dialled(req, traces)
            if traces:
                await emit(traces, "connection_create_end", TraceConnectionCreateEndParams())
            self._refuse_if_closed()
            channel = HTTPChannel(stream, http1.ClientConnection(place.key.limits, self._quirks))
            connection = Connection(self, place, stream, channel)
        except BaseException:
            if stream is not None:
                stream.abort()
            self._wake(pool.leave(place))
            raise
        pool.opened(place, connection)
        return connection

    async def _dialled(self, req: ClientRequest, traces: Sequence[Trace]) -> ByteStream:
        """Return a new stream; where there is no room for it in the process, idle connections make some."""
        try:
            return await self._create_connection(req, traces, req.deadlines.timeout)
        except OSError as error:
            if error.errno not in NO_ROOM or not self._drop_idle():
                raise
        runtime = current_runtime()
        await runtime.sleep_until(runtime.now())  # the loop closes the sockets in its next turn
        return await self._create_connection(req, traces, req.deadlines.timeout)

    def _drop_idle(self) -> bool:
        """Close all idle connections; return whether there were any."""
        idle = self._pool.idle
        for connection in idle:
            connection.stream.abort()
            self._pool.discard_idle(connection)
        return bool(idle)

    async def _create_connection(
        self, req: ClientRequest, traces: Sequence[Trace], timeout: ClientTimeout
    ) -> ByteStream:
        """Return a new stream for `req`: for connectors of your own to override.

        The pool closes it. `req.deadlines.dial` says when it must be open; an error of `drywire_client.errors` says why
        it is not.
        """
        self._refuse_if_closed()
        runtime, undertaking = current_runtime(), Undertaking()
        self._undertakings.add(undertaking)
        try:
            return await self._open(Wanted(runtime, self.key_of(req), req.deadlines, traces, undertaking))
        finally:
            self._undertakings.discard(undertaking)

    async def _open(self, wanted: Wanted) -> ByteStream:
        """Return a new stream to what is `wanted`."""
        raise NotImplementedError(f"{type(self).__name__} cannot open connections")

    # Waiting

    async def _wait_traced(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> Turn[ConnectionKey, Connection] | Place:
        pool = self._pool
        await emit(traces, "connection_queued_start", TraceConnectionQueuedStartParams())
        self._refuse_if_closed()
        got: Turn[ConnectionKey, Connection] | Place | None = pool.enter(key)  # one came while the receivers worked
        if got is None:
            got = await self._wait(runtime, key, deadlines)
        try:
            await emit(traces, "connection_queued_end", TraceConnectionQueuedEndParams())
        except BaseException:
            self._wake(pool.withdraw(got) if isinstance(got, Turn) else pool.leave(got))
            self._arm()
            raise
        return got

    async def _wait(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace] = ()
    ) -> Turn[ConnectionKey, Connection]:
        pool = self._pool
        turn = pool.wait(key)
        turn.wake = runtime.wake()
        for connection in list(pool.members):
            read_ahead = connection.read_ahead() if connection.read_ahead is not None else None
            if read_ahead is not None:
                read_ahead()
        try:
            await runtime.park(turn.wake, deadlines.connect)
            self._refuse_if_closed()
        except BaseException as error:
            self._wake(pool.withdraw(turn))  # the place may have come while this was being cancelled
            self._arm()
            if isinstance(error, StreamTimeout):
                raise in_phase("pool", deadlines.blame(runtime.now(), "connect")) from error
            raise
        return turn

    # Giving back

    @staticmethod
    def _wake(turn: Turn[ConnectionKey, Connection] | None) -> None:
        if turn is not None:
            turn.wake.set()

    def give_back(self, connection: Connection) -> None:
        """Take `connection`, which can serve another request."""
        pool, runtime = self._pool, self._runtime
        if not pool.keeps or runtime is None:
            connection.stream.abort()
            turn = pool.drop(connection)
        else:
            turn = pool.give_back(connection, runtime.now())
            if self._timer is None:
                self._arm()
        if turn is not None:
            turn.wake.set()

    def forget(self, connection: Connection) -> None:
        """Free the place of `connection`, which is closed."""
        self._wake(self._pool.drop(connection))

    def replace(self, connection: Connection, successor: Connection) -> None:
        """Know `successor` in place of `connection`."""
        if connection in self._pool.members:
            self._pool.members.discard(connection)
            self._pool.members.add(successor)

    # Idle connections

    def _arm(self) -> None:
        """See to it that idle connections are looked through when the first will have been idle for too long."""
        runtime = self._runtime
        if self._timer is None and runtime is not None and self._pool.has_idle:
            now = runtime.now()
            soonest = now + TICK + BREATH * len(self._pool.members)
            self._timer = runtime.call_at(max(soonest, min(self._pool.next_expiry, now + SWEEP)), _evicting(self))

    def _evict(self) -> None:
        """Close the connections that have been idle for too long, or are dead; come again when the next may be."""
        self._timer = None
        if self._runtime is None or self._closed:
            return
        for connection in self._pool.expire(self._runtime.now()):
            connection.stream.abort()
        for connection in self._pool.idle:
            if connection.stream.readable:
                connection.stream.abort()
                self._pool.discard_idle(connection)
        self._arm()

    # The end

    def own(self, task: TaskHandle) -> None:
        """End `task` with the connector, at the latest."""
        if len(self._tasks) >= TASKS:
            self._tasks = {one for one in self._tasks if not one.done}
        self._tasks.add(task)

    def close(self, *, abort_ssl: bool = False) -> Awaitable[None]:
        """Close every connection, those in use too; idempotent. Await what it returns: it waits for their sockets.

        All else is done before that. With or without `abort_ssl`, no connection is kept open to say goodbye.
        """
        self._close()
        return _Closing(self._wait_closed())

    async def _wait_closed(self) -> None:
        """Wait until nothing of what `_close` ended is left, in bounded time: for those that derive from this."""
        runtime = self._runtime
        if runtime is None or runtime is not current_runtime():
            return
        until = runtime.now() + CLOSE_WAIT
        for task in list(self._tasks):
            await task.wait(until)
        # The loop closes the sockets in its next turn, or one later where they were about to become its own.
        await runtime.sleep_until(runtime.now())
        while self._undertakings and runtime.now() < until:
            await runtime.sleep_until(runtime.now() + TURN)

    def _close(self) -> None:
        """Close everything at once: for those that derive from this to do more, without an await."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        members, turns = self._pool.close()
        for connection in members:
            connection.stream.abort()
        for task in self._tasks:
            task.cancel()
        if self._runtime is not None and not self._runtime.over:
            for undertaking in list(self._undertakings):
                undertaking.end()
            for turn in turns:
                turn.wake.set()


def _evicting(connector: BaseConnector) -> Callable[[], None]:
    """Return what evicts, without keeping `connector` alive: a forgotten one shall be found so."""
    reference = weakref.ref(connector)

    def evict() -> None:
        found = reference()
        if found is not None:
            found._evict()

    return evict


class _Closing(Coroutine[Any, Any, None]):
    """What `BaseConnector.close` returns: to be awaited, and says so where it was not."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._begun = False

    def send(self, value: Any) -> Any:
        """Go on with closing."""
        self._begun = True
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with closing by an error."""
        self._begun = True
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Wait no longer."""
        self._begun = True
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        self._begun = True
        return self._coroutine.__await__()

    def __del__(self) -> None:
        if not self._begun:
            self._coroutine.close()
            deprecated("Connector.close() is a coroutine: await connector.close()")
