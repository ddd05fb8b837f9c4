"""`Server`: the connections of one application, or of one handler without any, counted, drained and cut."""

from __future__ import annotations

import contextlib
import inspect
import logging
import socket
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, Final

from drywire_sansio.limits import DEFAULT_LIMITS, Limits
from drywire_transports import ByteStream, Runtime, TaskHandle, TransportError, current_runtime

from .access_log import (
    AbstractAccessLogger,
    AbstractAsyncAccessLogger,
    AccessLogger,
    access_logger,
    make_access_logger,
)
from .base_request import BaseRequest
from .connection import RequestHandler, ServerConnection
from .errors import GracefulExit
from .logged_connection import LoggedConnection
from .settings import ServerSettings

__all__ = ["Server", "settings_from"]

logger = logging.getLogger("drywire.server")

_SETTINGS: Final = frozenset(field.name for field in fields(ServerSettings))
_LIMITS: Final = {"max_line_size": "start_line", "max_field_size": "field_line", "max_headers": "field_count"}
_WITHOUT_EFFECT: Final = frozenset({"debug", "read_bufsize", "timeout_ceil_threshold"})


def settings_from(
    arguments: dict[str, Any], settings: ServerSettings | None = None, limits: Limits | None = None
) -> tuple[ServerSettings, Limits | None]:
    """Return `settings` and `limits` with what `arguments` say by aiohttp's names.

    Raises TypeError for one that there is not.
    """
    unknown = sorted(arguments.keys() - _SETTINGS - _LIMITS.keys() - _WITHOUT_EFFECT)
    if unknown:
        raise TypeError(f"unknown settings of the server: {', '.join(unknown)}")
    changed = {name: value for name, value in arguments.items() if name in _SETTINGS}
    if "keepalive_timeout" in changed and changed["keepalive_timeout"] is None:
        changed["keepalive_timeout"] = float("inf")
    bounds = {_LIMITS[name]: value for name, value in arguments.items() if name in _LIMITS}
    if bounds:
        limits = replace(limits or DEFAULT_LIMITS, **bounds)
    return replace(settings or ServerSettings(), **changed), limits


class Server:
    """Serves every stream it is given with one handler. It opens nothing itself: sites do, or ``loop.create_server``.

    `handler` is an async function from a request to its response; there is no routing around it, and the request is a
    `BaseRequest`. `request_factory` makes requests otherwise: a class made of `BaseRequest`, or a function that is
    called with the three arguments of one, head, content and connection (aiohttp's has five). With
    `handler_cancellation` the handler is cancelled once its client has gone. `settings` bounds what a client may take
    in time, `limits` in size; `kwargs` are single settings by name. `logger` gets what goes wrong. Each request is
    logged to `access_log` (None: nowhere), in `access_log_format`, by an `access_log_class`, where that is `enabled`.
    `loop` is ignored: the server runs on the loop that first gives it a connection. Raises TypeError for a setting that
    there is not, and for a `request_factory` that takes other arguments.
    """

    def __init__(
        self,
        handler: RequestHandler,
        *,
        request_factory: Callable[..., Any] | None = None,
        handler_cancellation: bool = False,
        loop: Any = None,
        runtime: Runtime | None = None,
        settings: ServerSettings | None = None,
        limits: Limits | None = None,
        logger: logging.Logger = logger,
        access_log: logging.Logger | None = access_logger,
        access_log_class: type[AbstractAccessLogger] | type[AbstractAsyncAccessLogger] = AccessLogger,
        access_log_format: str = AccessLogger.LOG_FORMAT,
        **kwargs: Any,
    ) -> None:
        if handler_cancellation:
            kwargs["handler_cancellation"] = True
        self.settings, self.limits = settings_from(kwargs, settings, limits)
        self.handler = handler
        self.request_factory: Callable[..., Any] = _checked_factory(request_factory)
        self.requests_count = 0
        """Requests that have come so far."""
        self.logger = logger
        """What is told of handlers that fail."""
        self.access = make_access_logger(access_log, access_log_class, access_log_format)
        """What is told of each request; None for nothing."""
        self.closing = False
        """Whether connections end after the response they are at."""
        self.direct = True
        """Whether a plain response may be sent in the shortest way, which neither closes nor logs."""
        self.on_exit: Callable[[], None] | None = None
        """Called where a handler raises GracefulExit, which otherwise goes on to the event loop."""
        self._runtime = runtime
        self._connections: set[ServerConnection] = set()
        self._tasks: set[TaskHandle] = set()

    def __repr__(self) -> str:
        return f"<Server {len(self._connections)} connections>"

    @property
    def runtime(self) -> Runtime:
        """The event loop that it runs on. Raises RuntimeError where it runs on none yet, nor the caller."""
        if self._runtime is None:
            self._runtime = current_runtime()
        return self._runtime

    @property
    def connections(self) -> list[ServerConnection]:
        """The connections that are open."""
        return list(self._connections)

    async def serve(self, stream: ByteStream) -> None:
        """Serve one connection to its end."""
        access = self.access
        if access is not None and access.enabled:
            self.direct = False
            connection: ServerConnection = LoggedConnection(stream, self, access)
        else:
            connection = ServerConnection(stream, self)
        self._connections.add(connection)
        if not self.settings.tcp_keepalive:
            _set_keepalive(stream, False)
        try:
            await connection.run()
        except GracefulExit:
            if self.on_exit is None:
                raise
            self.on_exit()
        finally:
            self._connections.discard(connection)

    def __call__(self) -> Any:
        """Return the protocol of a new connection, for ``loop.create_server(server, ...)`` on asyncio."""
        from drywire_transports.on_asyncio.protocols import serving_protocol  # not loaded for trio

        return serving_protocol(self._connected)

    def _connected(self, stream: ByteStream) -> None:
        self._tasks = {task for task in self._tasks if not task.done}
        if self.closing:
            stream.abort()
            return
        self._tasks.add(self.runtime.spawn(self._serve_by_itself, stream, name="drywire connection"))

    async def _serve_by_itself(self, stream: ByteStream) -> None:
        with contextlib.suppress(TransportError):
            await self.serve(stream)

    def close_websockets(self) -> list[TaskHandle]:
        """Begin to close each WebSocket that is open, with 1001; return the tasks that do."""
        return [
            self.runtime.spawn(connection.go_away, name="drywire closes a WebSocket")
            for connection in self._connections
            if connection.websocket is not None and not connection.websocket.closed
        ]

    def drain(self) -> None:
        """Close idle connections now, and the others once they have sent the response they are at."""
        self.closing = True
        self.direct = False
        for connection in self._connections:
            connection.last_call()

    pre_shutdown = drain

    async def shutdown(self, timeout: float | None = None) -> None:
        """Let requests under way finish for at most `timeout` seconds (15), then cut them.

        What a site serves is also waited for by its runner; this is for connections of ``loop.create_server``.
        """
        if self._runtime is None:
            return
        self.drain()
        deadline = self.runtime.now() + (SHUTDOWN if timeout is None else timeout)
        farewells = self.close_websockets()
        for task in [*self._tasks, *farewells]:
            await task.wait(deadline)
        for connection in self._connections:
            connection.stream.abort()
        left = [task for task in [*self._tasks, *farewells] if not task.done]
        for task in left:
            task.cancel()
        for task in left:
            await task.wait(self.runtime.now() + SHUTDOWN)


SHUTDOWN: Final = 15.0
"""Seconds that requests under way have, unless it is said otherwise."""


def _checked_factory(factory: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return what makes requests. Raises TypeError where it cannot be called as it will be."""
    if factory is None:
        return BaseRequest
    try:
        signature = inspect.signature(factory)
    except ValueError:  # of something in C, which has none to be read
        return factory
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        raise TypeError(
            f"request_factory is called with three arguments, the head, the content and the connection of a request,"
            f" which {factory!r} cannot be: {error}. A class made of web.BaseRequest can"
        ) from error
    return factory


def _set_keepalive(stream: ByteStream, wanted: bool) -> None:
    """Have the system probe a silent peer, or not; a listening socket has it on, and its connections inherit that."""
    sock = stream.extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(wanted))
