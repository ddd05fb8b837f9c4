"""`TrioListener`: accepts connections on trio and owns a task for each."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import socket
import ssl
from collections.abc import Sequence
from typing import Any, Final

import trio

from ..binding import socket_file_id, unlink_socket
from ..errors import StreamBroken, StreamTimeout, TransportError
from ..stream import HANDSHAKE_TIMEOUT, ByteStream, Handle
from .socket_stream import SocketStream
from .timers import Timers
from .wakes import TrioTask, TrioWake, without_cancellation

__all__ = ["TrioListener"]

logger = logging.getLogger("drywire.transports")

LAST_HANDSHAKE: Final = 1.0
"""Seconds that it has once no more connections are accepted."""

BACK_OFF: Final = 0.1
"""Seconds without accepting once the process or the system has run out of what a connection needs."""

ACCEPT_TURN: Final = 16
"""Connections accepted in a row before other tasks run, and other processes have their share of them."""

PEER_GONE: Final = frozenset({errno.ECONNABORTED, errno.EPERM, errno.EPROTO})
"""What `accept` says of a connection that was lost, or refused by a firewall, before it was accepted."""


class TrioListener:
    """Listening sockets and the connections accepted from them; a connection lives as long as its handler."""

    def __init__(
        self,
        timers: Timers,
        handle: Handle,
        sockets: Sequence[socket.socket],
        *,
        backlog: int,
        tls: ssl.SSLContext | None,
        unix_path: str | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> None:
        self._timers = timers
        self._handle = handle
        self._sockets = tuple(sockets)
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._addresses = tuple(sock.getsockname() for sock in sockets)
        self._unix_path = unix_path
        self._unix_file = socket_file_id(unix_path) if unix_path is not None else None
        self._connections = 0
        self._shaking_hands: set[SocketStream] = set()
        self._empty: list[TrioWake] = []
        self._closed = False
        self._out_of_room = False
        try:
            for sock in self._sockets:
                sock.listen(backlog)
            self._task = TrioTask(timers, self._serve, (), f"listen on {self._addresses}")
        except BaseException:
            self.close()
            raise

    async def _serve(self) -> None:
        async with trio.open_nursery() as nursery:
            for sock in self._sockets:
                nursery.start_soon(self._accept_all, sock, nursery)

    async def _accept_all(self, listening: socket.socket, nursery: trio.Nursery) -> None:
        accepted = 0
        while not self._closed:
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError):
                accepted = 0
                with contextlib.suppress(trio.ClosedResourceError):
                    await trio.lowlevel.wait_readable(listening)
            except OSError as error:
                if error.errno not in PEER_GONE:
                    await self._back_off(error)
            else:
                self._out_of_room = False
                accepted += 1
                self._connections += 1
                nursery.start_soon(self._connection, sock, address)
                if accepted % ACCEPT_TURN == 0:
                    await trio.lowlevel.checkpoint()

    async def _back_off(self, error: OSError) -> None:
        if not self._out_of_room:
            self._out_of_room = True
            logger.error("cannot accept connections for now: %s", error)
        await trio.sleep(BACK_OFF)

    # Ctrl-C belongs to the main task: raised here it would be lost with the connection.
    @trio.lowlevel.enable_ki_protection
    async def _connection(self, sock: socket.socket, address: Any) -> None:
        sock.setblocking(False)
        plain = SocketStream(sock, self._timers, address)
        try:
            await self._handle(plain if self._tls is None else await self._secured(plain, self._tls))
        except _NoHandshake:
            pass
        except BaseException as error:
            _report(error)
        finally:
            plain.abort()
            self._connections -= 1
            if not self._connections:
                for wake in self._empty:
                    wake.set()

    async def _secured(self, plain: SocketStream, tls: ssl.SSLContext) -> ByteStream:
        patience = min(LAST_HANDSHAKE, self._handshake_timeout) if self._closed else self._handshake_timeout
        plain.read_deadline = plain.write_deadline = trio.current_time() + patience
        self._shaking_hands.add(plain)
        try:
            stream = await plain.start_tls(tls, server_side=True)
        except TransportError as error:
            raise _NoHandshake from error
        finally:
            self._shaking_hands.discard(plain)
        stream.read_deadline = stream.write_deadline = math.inf
        return stream

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
        for sock in self._sockets:
            with contextlib.suppress(RuntimeError):  # the run is over, so nobody waits
                trio.lowlevel.notify_closing(sock)
            sock.close()
        self._hurry_handshakes()
        if self._unix_path is not None:
            unlink_socket(self._unix_path, self._unix_file)

    def _hurry_handshakes(self) -> None:
        try:
            limit = trio.current_time() + LAST_HANDSHAKE
        except RuntimeError:  # the run is over, and its tasks with it
            return
        for stream in self._shaking_hands:
            stream.read_deadline = stream.write_deadline = min(limit, stream.read_deadline)
            stream.apply_deadlines()

    def cancel(self) -> None:
        """Stop accepting and cancel the task of each connection."""
        self.close()
        self._task.cancel()

    async def join(self, deadline: float = math.inf) -> bool:
        """Wait until each connection's task has ended, or until `deadline`; return whether all have."""
        while self._connections:
            wake = TrioWake(self._timers)
            self._empty.append(wake)
            try:
                await wake.park(deadline)
            except StreamTimeout:
                return False
            finally:
                self._empty.remove(wake)
        return True


class _NoHandshake(Exception):
    """The peer did not manage to speak TLS: nothing that a server's log should fill with."""


def _report(error: BaseException) -> None:
    failure = without_cancellation(error)
    if failure is not None:
        level = logging.DEBUG if isinstance(failure, StreamBroken) else logging.ERROR
        logger.log(level, "the handler of a connection failed", exc_info=failure)
