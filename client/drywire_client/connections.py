"""Connections as their pool holds them: by endpoint, each in use by one request or idle."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

from drywire_sansio import http1
from drywire_sansio.pooling import Endpoint, Pooled
from drywire_transports import ByteStream, Runtime, TaskHandle
from drywire_transports.http_channel import HTTPChannel

from .legacy import deprecated
from .proxies import ProxyRoute

__all__ = ["Connection", "ConnectionKey", "ConnectionTransport", "Pool"]


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
    unix_path: str | None = None
    """The Unix socket to connect to, in place of a host."""
    local_addr: tuple[str, int] | None = None
    """Host and port to connect from."""

    @property
    def next_hop(self) -> tuple[str, int]:
        """Host and port to connect to."""
        return (self.host, self.port) if self.proxy is None else (self.proxy.host, self.proxy.port)


class Pool(Protocol):
    """What a connection asks of the pool that it belongs to."""

    @property
    def is_wanted(self) -> bool:
        """Whether requests wait for a place."""
        ...

    @property
    def runtime(self) -> Runtime | None:
        """The runtime that its connections belong to."""
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

    def replace(self, connection: Connection, successor: Connection) -> None:
        """Know `successor` in place of `connection`."""
        ...


class Connection(Pooled):
    """A connection in use by one request. `release` or `close` gives back its place, once; after that they do nothing.

    Requests share what is below: a connection that a program got hold of is never another request's later.
    """

    __slots__ = ("_callbacks", "_exposed", "_pool", "answered", "channel", "read_ahead", "reused", "sent", "stream")

    def __init__(self, pool: Pool, endpoint: Endpoint[Any, Any], stream: ByteStream, channel: HTTPChannel) -> None:
        self._pool: Pool | None = pool
        self._callbacks: list[Callable[[], object]] | None = None
        self._exposed = False
        self.endpoint = endpoint
        self.idle_since = 0.0
        self.stream = stream
        self.channel = channel
        self.reused = False
        """Whether it has served a request before, so that the server may have closed it meanwhile."""
        self.answered = False
        """Whether anything came of it since the present request was begun."""
        self.sent = 0
        """Bytes of the present request that were handed to it."""
        self.read_ahead: Callable[[], Callable[[], None] | None] | None = None
        """Gives what begins to take in the present response, unread, so that a small one gives its place back."""

    def __repr__(self) -> str:
        key = self.endpoint.key
        return f"<{type(self).__name__} {key.host}:{key.port}{' closed' if self.closed else ''}>"

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
        key: ConnectionKey = self.endpoint.key
        return key

    @property
    def transport(self) -> ConnectionTransport | None:
        """The transport as asyncio's are asked: ``get_extra_info("peername")``; None once it is given back."""
        return None if self._pool is None else ConnectionTransport(self.stream)

    @property
    def protocol(self) -> HTTPChannel | None:
        """The HTTP/1.1 conversation on it; None once it is given back."""
        return None if self._pool is None else self.channel

    @property
    def loop(self) -> Any:
        """The asyncio loop; None on trio. Deprecated, as in aiohttp."""
        deprecated("Connection.loop is deprecated: ask asyncio.get_running_loop()")
        return getattr(None if self._pool is None else self._pool.runtime, "loop", None)

    @property
    def closed(self) -> bool:
        """Whether it is no longer this request's, or is broken."""
        return self._pool is None or self.stream.closed

    def add_callback(self, callback: Callable[[], object] | None) -> None:
        """Call `callback` once, when the connection is given back or closed; what it raises is dropped."""
        if callback is not None:
            self._callbacks = [*(self._callbacks or ()), callback]

    def expose(self) -> Connection:
        """Return it for a program to hold: the next request will have another one over the same stream."""
        self._exposed = True
        return self

    def release(self) -> None:
        """Give the connection back: for another request if it can serve one, else it is closed.

        It cannot where bytes have arrived that answer nothing: they would be taken for the next request's response.
        """
        if self._callbacks is not None:
            self._call_back()
        core = self.channel.connection
        if self._pool is None or core.has_unread:
            self.close()
            return
        try:
            core.start_next_cycle()
        except http1.LocalProtocolError:
            self.close()
            return
        pool, self._pool = self._pool, None
        if self._exposed:
            successor = Connection(pool, self.endpoint, self.stream, self.channel)
            pool.replace(self, successor)
            pool.give_back(successor)
            successor._pool = None
        else:
            pool.give_back(self)

    def close(self) -> None:
        """Close the connection and give back its place."""
        if self._callbacks is not None:
            self._call_back()
        pool, self._pool = self._pool, None
        if pool is not None:
            self.stream.abort()
            pool.forget(self)

    def _call_back(self) -> None:
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            with contextlib.suppress(Exception):
                callback()

    def taken_by(self, pool: Pool) -> None:
        """Belong to a request again."""
        self._pool = pool
        self.reused = True
        self.answered = False
        self.sent = 0

    def disown(self) -> None:
        """Belong to no pool any more: there is none to give its place back to. Drops the stream."""
        self._pool = None
        self.stream.abort()


class ConnectionTransport:
    """A connection's stream under the names that asyncio's transports have."""

    __slots__ = ("stream",)

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the stream knows under `name`, such as ``"peername"``, ``"socket"`` or ``"ssl_object"``."""
        return self.stream.extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the stream is closed."""
        return self.stream.closed

    def close(self) -> None:
        """Drop the stream."""
        self.stream.abort()

    def abort(self) -> None:
        """Drop the stream."""
        self.stream.abort()
