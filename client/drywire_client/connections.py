"""Connections as their pool holds them: by endpoint, each in use by one request or idle."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

from drywire_sansio import http1
from drywire_transports import ByteStream, Runtime, TaskHandle, Wake
from drywire_transports.http_channel import HTTPChannel

from .proxies import ProxyRoute

__all__ = ["Connection", "ConnectionKey", "Endpoint", "Pool", "Turn"]


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


class Endpoint:
    """Where connections of one key lead: those that are idle, oldest first, and how many places are taken."""

    __slots__ = ("idle", "key", "places")

    def __init__(self, key: ConnectionKey) -> None:
        self.key = key
        self.idle: list[Connection] = []
        self.places = 0


class Pool(Protocol):
    """What a connection asks of the pool that it belongs to."""

    @property
    def is_wanted(self) -> bool:
        """Whether requests wait for a place."""
        ...

    def own(self, task: TaskHandle) -> None:
        """End `task` with the pool, at the latest."""
        ...

    def give_back(self, connection: Connection) -> None:
        """Take a connection that can serve another request."""
        ...

    def forget(self, connection: Connection) -> None:
        """Free the place of a connection that is closed."""
        ...


class Connection:
    """A connection in use by one request. `release` or `close` gives back its place, once."""

    __slots__ = ("_pool", "answered", "channel", "endpoint", "idle_since", "read_ahead", "reused", "sent", "stream")

    def __init__(self, pool: Pool, endpoint: Endpoint, stream: ByteStream, core: http1.ClientConnection) -> None:
        self._pool: Pool | None = pool
        self.endpoint = endpoint
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
        return self._pool is not None and self._pool.is_wanted

    def spawn(
        self, runtime: Runtime, function: Callable[..., Coroutine[Any, Any, object]], *args: object, name: str
    ) -> TaskHandle:
        """Run ``function(*args)`` as a task that ends with the connector at the latest."""
        task = runtime.spawn(function, *args, name=name)
        if self._pool is not None:
            self._pool.own(task)
        return task

    @property
    def key(self) -> ConnectionKey:
        """What it is."""
        return self.endpoint.key

    @property
    def transport(self) -> ByteStream:
        """The stream below."""
        return self.stream

    @property
    def closed(self) -> bool:
        """Whether it is no longer this request's."""
        return self._pool is None

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
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.give_back(self)

    def close(self) -> None:
        """Close the connection and give back its place."""
        self.stream.abort()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.forget(self)

    def taken_by(self, pool: Pool) -> None:
        """Belong to a request again."""
        self._pool = pool
        self.reused = True
        self.answered = False
        self.sent = 0


class Turn:
    """A request that waits for a place. Its wake-up carries nothing: whether it has a place stands in `granted`."""

    __slots__ = ("endpoint", "granted", "wake")

    def __init__(self, endpoint: Endpoint, wake: Wake) -> None:
        self.endpoint = endpoint
        self.wake = wake
        self.granted = False
