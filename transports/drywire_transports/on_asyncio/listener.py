"""`AsyncioListener`: accepts connections on asyncio and owns a task for each."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ..binding import is_unix, socket_file_id, unlink_socket
from ..errors import StreamBroken, TransportError
from ..stream import Handle
from .buffered import new_stream
from .stream import AsyncioStream

__all__ = ["AsyncioListener", "listen"]

logger = logging.getLogger("drywire.transports")

HANDSHAKE_TIMEOUT: Final = 60.0
"""Seconds that a peer has for its TLS handshake."""


async def listen(
    loop: asyncio.AbstractEventLoop,
    handle: Handle,
    sockets: Sequence[socket.socket],
    *,
    backlog: int,
    tls: ssl.SSLContext | None,
    unix_path: str | None = None,
) -> AsyncioListener:
    """Listen on the bound `sockets`, which are closed if that fails. Raises OSError."""
    listener = AsyncioListener(loop, handle, sockets, tls, unix_path)
    try:
        await listener.start(backlog)
    except BaseException:
        listener.close()
        for sock in sockets:
            sock.close()
        raise
    return listener


class AsyncioListener:
    """Listening sockets and the connections accepted from them; a connection lives as long as its handler."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: Handle,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None = None,
        unix_path: str | None = None,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._tls = tls
        self._shaking_hands: set[AsyncioStream] = set()
        self._sockets = tuple(sockets)
        self._addresses = tuple(sock.getsockname() for sock in sockets)
        self._unix_path = unix_path
        self._unix_file = socket_file_id(unix_path) if unix_path is not None else None
        self._servers: list[asyncio.AbstractServer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty: list[asyncio.Future[None]] = []
        self._closed = False
        self._cancelled = False

    async def start(self, backlog: int) -> None:
        """Begin to accept. Raises OSError."""
        for sock in self._sockets:
            create = self._loop.create_unix_server if is_unix(sock) else self._loop.create_server
            server = await create(self._new_stream, sock=sock, backlog=backlog)
            self._servers.append(server)
            if self._closed:
                server.close()

    def _new_stream(self) -> AsyncioStream:
        return new_stream(self._loop, self._connected)

    def _connected(self, stream: AsyncioStream) -> None:
        if self._cancelled:
            stream.abort()
            return
        serve = self._handle(stream) if self._tls is None else self._handle_securely(stream, self._tls)
        task: asyncio.Task[None] = self._loop.create_task(serve)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, stream))

    async def _handle_securely(self, plain: AsyncioStream, tls: ssl.SSLContext) -> None:
        self._shaking_hands.add(plain)
        plain.read_deadline = plain.write_deadline = self._loop.time() + HANDSHAKE_TIMEOUT
        try:
            stream = await plain.start_tls(tls, server_side=True)
        except TransportError:
            return  # whoever cannot speak TLS shall not fill the server's log
        finally:
            self._shaking_hands.discard(plain)
        stream.read_deadline = stream.write_deadline = math.inf
        await self._handle(stream)

    def _ended(self, stream: AsyncioStream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not stream.closed:
            stream.abort()
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            level = logging.DEBUG if isinstance(error, StreamBroken) else logging.ERROR
            logger.log(level, "the handler of a connection failed", exc_info=error)
        if not self._tasks:
            for waiter in self._empty:
                if not waiter.done():
                    waiter.set_result(None)

    @property
    def addresses(self) -> Sequence[Any]:
        """The addresses listened on, as `socket.getsockname` gives them."""
        return self._addresses

    def close(self) -> None:
        """Stop accepting; connections already accepted go on."""
        if self._closed:
            return
        self._closed = True
        if isinstance(self._loop, asyncio.SelectorEventLoop) and not self._loop.is_closed():
            # asyncio loses what it has accepted and not yet made a transport for when its server is closed: neither
            # served nor closed. That is made in the loop's next turn.
            for sock in self._sockets:
                self._loop.remove_reader(sock)
            self._loop.call_soon(self._close_servers)
        else:
            self._close_servers()
        for stream in list(self._shaking_hands):
            stream.abort()
        if self._unix_path is not None:
            unlink_socket(self._unix_path, self._unix_file)

    def _close_servers(self) -> None:
        for server in self._servers:
            server.close()

    def cancel(self) -> None:
        """Stop accepting and cancel the task of each connection."""
        self._cancelled = True
        self.close()
        for task in self._tasks:
            task.cancel()

    async def join(self, deadline: float = math.inf) -> bool:
        """Wait until each connection's task has ended, or until `deadline`; return whether all have."""
        while self._tasks:
            waiter = self._loop.create_future()
            self._empty.append(waiter)
            patience = None if deadline == math.inf else max(0.0, deadline - self._loop.time())
            try:
                await asyncio.wait((waiter,), timeout=patience)
            finally:
                self._empty.remove(waiter)
            if not waiter.done():
                return False
        return True
