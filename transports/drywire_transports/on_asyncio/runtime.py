"""`AsyncioRuntime`: the runtime contract on a running asyncio loop, uvloop's included."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from ..binding import bind_tcp, bind_unix, prepare
from ..runtime import DEFAULT_DIALLING, Address, ClientTLS, DialOptions, Timer, Undertaking, Wake
from ..stream import HANDSHAKE_TIMEOUT, ByteStream, Handle
from . import connecting
from .listener import AsyncioListener, listen
from .wakes import AsyncioTask, AsyncioWake

__all__ = ["AsyncioRuntime"]

T = TypeVar("T")


class AsyncioRuntime:
    """The runtime of the loop that is running where it is made; see `Runtime` for each verb."""

    name = "asyncio"

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self.loop = self._loop
        """The loop itself."""
        self.now: Callable[[], float] = self._loop.time
        self._tasks: set[AsyncioTask] = set()

    @property
    def over(self) -> bool:
        """Whether the loop is closed."""
        return self._loop.is_closed()

    def wake(self) -> AsyncioWake:
        """Return a fresh one-shot wake-up."""
        return AsyncioWake(self._loop)

    async def park(self, wake: Wake, deadline: float = math.inf) -> None:
        """Wait until `wake` is set. Raises StreamTimeout once `deadline` has passed."""
        await cast(AsyncioWake, wake).park(deadline)

    async def sleep_until(self, when: float) -> None:
        """Wait until `when`."""
        if when < math.inf:
            await asyncio.sleep(when - self._loop.time())
        else:
            await self._loop.create_future()

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` at `when`, unless the timer is cancelled or the loop ends before."""
        return self._loop.call_at(when, callback) if when < math.inf else _Never()

    def spawn(self, function: Callable[..., Coroutine[Any, Any, object]], *args: object, name: str = "") -> AsyncioTask:
        """Run ``function(*args)`` as a background task; what escapes it is logged and kept for `exception()`."""
        coroutine = function(*args)
        try:
            task = self._loop.create_task(coroutine, name=name or None)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise
        handle = AsyncioTask(task, self._tasks.discard)
        self._tasks.add(handle)
        return handle

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a worker thread; when cancelled, the thread is left to end by itself."""
        return await asyncio.to_thread(function, *args)

    async def resolve(self, host: str, port: int, *, family: int = 0) -> list[Address]:
        """Return the addresses of `host` in the resolver's order. Raises NameNotResolved."""
        return await connecting.resolve(self._loop, host, port, family)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        *,
        tls: ClientTLS | None = None,
        deadline: float = math.inf,
        addresses: Sequence[Address] | None = None,
        options: DialOptions = DEFAULT_DIALLING,
        admit: Callable[[Address], None] | None = None,
        undertaking: Undertaking | None = None,
    ) -> ByteStream:
        """Open a TCP connection. Raises NameNotResolved, ConnectFailed, TLSFailed, ConnectTimedOut, StreamTimeout."""
        return await connecting.connect_tcp(
            self,
            self._loop,
            host,
            port,
            tls=tls,
            deadline=deadline,
            addresses=addresses,
            options=options,
            admit=admit,
            undertaking=undertaking,
        )

    async def connect_unix(
        self,
        path: str,
        *,
        tls: ClientTLS | None = None,
        deadline: float = math.inf,
        undertaking: Undertaking | None = None,
    ) -> ByteStream:
        """Open a Unix-socket connection. Raises ConnectFailed, TLSFailed, StreamTimeout."""
        return await connecting.connect_unix(
            self, self._loop, path, tls=tls, deadline=deadline, undertaking=undertaking
        )

    async def connect_pipe(self, path: str, *, deadline: float = math.inf) -> ByteStream:
        """Open a connection to a named pipe of Windows. Raises ConnectFailed, also on a loop that has none."""
        return await connecting.connect_pipe(self._loop, path, deadline=deadline)

    async def listen_tcp(
        self,
        handle: Handle,
        host: str | None = None,
        port: int = 0,
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> AsyncioListener:
        """Listen on `host` (None: every interface) and `port` (0: a free one). Raises OSError."""
        infos = await self._loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = [Address(info[0], info[4]) for info in infos]
        sockets = bind_tcp(addresses, reuse_address=reuse_address, reuse_port=reuse_port)
        return await listen(self._loop, handle, sockets, backlog=backlog, tls=tls, handshake_timeout=handshake_timeout)

    async def listen_unix(
        self,
        handle: Handle,
        path: str,
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> AsyncioListener:
        """Listen on the Unix socket `path`, whose file goes when the listener is closed. Raises OSError."""
        return await listen(
            self._loop,
            handle,
            [bind_unix(path)],
            backlog=backlog,
            tls=tls,
            unix_path=path,
            handshake_timeout=handshake_timeout,
        )

    async def listen_sockets(
        self,
        handle: Handle,
        sockets: Sequence[socket.socket],
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> AsyncioListener:
        """Listen on bound sockets, which the listener owns from then on. Raises OSError."""
        for sock in sockets:
            prepare(sock)
        return await listen(self._loop, handle, sockets, backlog=backlog, tls=tls, handshake_timeout=handshake_timeout)

    def watch_signals(self, numbers: Sequence[int], callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback` with each signal that arrives; the function returned puts the old handlers back."""
        before: dict[int, Any] = {}

        def stop() -> None:
            while before:
                number, handler = before.popitem()
                self._loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

        try:
            for number in numbers:
                handler = signal.getsignal(number)
                self._loop.add_signal_handler(number, callback, number)
                before[number] = handler
        except BaseException:
            stop()
            raise
        return stop


class _Never:
    def cancel(self) -> None:
        pass
