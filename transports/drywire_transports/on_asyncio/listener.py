"""`AsyncioListener`: accepts connections on asyncio and owns a task for each."""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import socket
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from ..binding import is_unix, socket_file_id, unlink_socket
from ..errors import StreamBroken, TransportError
from ..stream import HANDSHAKE_TIMEOUT, Handle
from .buffered import new_stream
from .stream import AsyncioStream

__all__ = ["AsyncioListener", "listen"]

logger = logging.getLogger("drywire.transports")

LAST_HANDSHAKE: Final = 1.0
"""Seconds that it has once no more connections are accepted."""

BACK_OFF: Final = 0.1
"""Seconds without accepting once the process or the system has run out of what a connection needs."""

ACCEPT_TURN: Final = 16
"""Connections accepted in a row before the loop does something else, and other processes have their share of them."""

PEER_GONE: Final = frozenset({errno.ECONNABORTED, errno.EPERM, errno.EPROTO})
"""What `accept` says of a connection that was lost, or refused by a firewall, before it was accepted."""


async def listen(
    loop: asyncio.AbstractEventLoop,
    handle: Handle,
    sockets: Sequence[socket.socket],
    *,
    backlog: int,
    tls: ssl.SSLContext | None,
    unix_path: str | None = None,
    handshake_timeout: float = HANDSHAKE_TIMEOUT,
) -> AsyncioListener:
    """Listen on the bound `sockets`, which are closed if that fails. Raises OSError."""
    listener = AsyncioListener(loop, handle, sockets, tls, unix_path, handshake_timeout)
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
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._tls = tls
        self._handshake_timeout = handshake_timeout
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
        self._unserved: set[socket.socket] = set()
        self._out_of_room = False

    async def start(self, backlog: int) -> None:
        """Begin to accept. Raises OSError."""
        if isinstance(self._loop, asyncio.SelectorEventLoop):
            for sock in self._sockets:
                sock.listen(backlog)
                self._loop.add_reader(sock, self._accept, sock)
            return
        for sock in self._sockets:
            create = self._loop.create_unix_server if is_unix(sock) else self._loop.create_server
            server = await create(self._new_stream, sock=sock, backlog=backlog)
            self._servers.append(server)
            if self._closed:
                server.close()

    # On asyncio's own loop, which out of file descriptors would log a traceback for each connection that waits, and
    # which loses a connection that it has just accepted when its server is closed

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPT_TURN):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in PEER_GONE:
                    self._back_off(listening, error)
                    return
            else:
                self._out_of_room = False
                self._unserved.add(sock)
                task: asyncio.Task[None] = self._loop.create_task(self._serve(sock, address))
                self._tasks.add(task)
                task.add_done_callback(partial(self._served, sock))

    def _back_off(self, listening: socket.socket, error: OSError) -> None:
        if not self._out_of_room:
            self._out_of_room = True
            logger.error("cannot accept connections for now: %s", error)
        self._loop.remove_reader(listening)
        self._loop.call_later(BACK_OFF, self._accept_again, listening)

    def _accept_again(self, listening: socket.socket) -> None:
        if not self._closed:
            self._loop.add_reader(listening, self._accept, listening)

    async def _serve(self, sock: socket.socket, address: Any) -> None:
        self._unserved.discard(sock)
        sock.setblocking(False)
        _, stream = await self._loop.connect_accepted_socket(partial(new_stream, self._loop), sock)
        stream.know_peer(address)
        try:
            await (self._handle(stream) if self._tls is None else self._handle_securely(stream, self._tls))
        finally:
            if not stream.closed:
                stream.abort()

    def _served(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        if sock in self._unserved:  # cancelled before it began
            self._unserved.discard(sock)
            sock.close()
        self._has_ended(task)

    # On uvloop and on Windows

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
        patience = min(LAST_HANDSHAKE, self._handshake_timeout) if self._closed else self._handshake_timeout
        plain.read_deadline = plain.write_deadline = self._loop.time() + patience
        try:
            stream = await plain.start_tls(tls, server_side=True)
        except TransportError:
            return  # whoever cannot speak TLS shall not fill the server's log
        finally:
            self._shaking_hands.discard(plain)
        stream.read_deadline = stream.write_deadline = math.inf
        await self._handle(stream)

    def _ended(self, stream: AsyncioStream, task: asyncio.Task[None]) -> None:
        if not stream.closed:
            stream.abort()
        self._has_ended(task)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
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

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The sockets listened on; none once it is closed."""
        return () if self._closed else self._sockets

    def close(self) -> None:
        """Stop accepting; connections already accepted go on."""
        if self._closed:
            return
        self._closed = True
        for server in self._servers:
            server.close()
        for sock in self._sockets:
            if isinstance(self._loop, asyncio.SelectorEventLoop):
                if not self._loop.is_closed():
                    self._loop.remove_reader(sock)
                sock.close()
        limit = 0.0 if self._loop.is_closed() else self._loop.time() + LAST_HANDSHAKE
        for stream in list(self._shaking_hands):
            stream.read_deadline = stream.write_deadline = min(limit, stream.read_deadline)
            stream.apply_deadlines()
        if self._unix_path is not None:
            unlink_socket(self._unix_path, self._unix_file)

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
