"""`TrioRuntime`: the runtime contract on a trio run."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

import trio

from ..binding import bind_tcp, bind_unix, prepare
from ..runtime import DEFAULT_DIALLING, Address, ClientTLS, DialOptions, Undertaking, Wake
from ..stream import HANDSHAKE_TIMEOUT, ByteStream, Handle
from . import connecting
from .listener import TrioListener
from .threads import in_thread
from .timers import Timers, TrioTimer
from .wakes import TrioTask, TrioWake

__all__ = ["TrioRuntime", "current_trio_runtime"]

T = TypeVar("T")

logger = logging.getLogger("drywire.transports")


class TrioRuntime:
    """The runtime of the trio run where it is made; see `Runtime` for each verb."""

    name = "trio"

    def __init__(self) -> None:
        self.now: Callable[[], float] = trio.current_time
        self._timers = Timers()
        self._token = trio.lowlevel.current_trio_token()

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        try:
            self._token.run_sync_soon(_nothing, idempotent=True)
        except trio.RunFinishedError:
            return True
        return False

    def wake(self) -> TrioWake:
        """Return a fresh one-shot wake-up."""
        return TrioWake(self._timers)

    async def park(self, wake: Wake, deadline: float = math.inf) -> None:
        """Wait until `wake` is set. Raises StreamTimeout once `deadline` has passed."""
        await cast(TrioWake, wake).park(deadline)

    async def sleep_until(self, when: float) -> None:
        """Wait until `when`."""
        await trio.sleep_until(when)

    def call_at(self, when: float, callback: Callable[[], None]) -> TrioTimer:
        """Call `callback` at `when`, unless the timer is cancelled or the run ends before."""
        return self._timers.call_at(when, callback)

    def spawn(self, function: Callable[..., Coroutine[Any, Any, object]], *args: object, name: str = "") -> TrioTask:
        """Run ``function(*args)`` as a background task; what escapes it is logged and kept for `exception()`."""
        return TrioTask(self._timers, function, args, name)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a worker thread; when cancelled, the thread is left to end by itself."""
        return await in_thread(function, *args)

    async def resolve(self, host: str, port: int, *, family: int = 0) -> list[Address]:
        """Return the addresses of `host` in the resolver's order. Raises NameNotResolved."""
        return await connecting.resolve(host, port, family)

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
            self._timers,
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
            self, self._timers, path, tls=tls, deadline=deadline, undertaking=undertaking
        )

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
    ) -> TrioListener:
        """Listen on `host` (None: every interface) and `port` (0: a free one). Raises OSError."""
        infos = await trio.socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = [Address(info[0], info[4]) for info in infos]
        sockets = bind_tcp(addresses, reuse_address=reuse_address, reuse_port=reuse_port)
        return TrioListener(
            self._timers, handle, sockets, backlog=backlog, tls=tls, handshake_timeout=handshake_timeout
        )

    async def listen_unix(
        self,
        handle: Handle,
        path: str,
        *,
        backlog: int = 128,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> TrioListener:
        """Listen on the Unix socket `path`, whose file goes when the listener is closed. Raises OSError."""
        return TrioListener(
            self._timers,
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
    ) -> TrioListener:
        """Listen on bound sockets, which the listener owns from then on. Raises OSError."""
        for sock in sockets:
            prepare(sock)
        return TrioListener(
            self._timers, handle, sockets, backlog=backlog, tls=tls, handshake_timeout=handshake_timeout
        )

    def watch_signals(self, numbers: Sequence[int], callback: Callable[[int], None]) -> Callable[[], None]:
        """Call `callback` with each signal that arrives; the function returned puts the old handlers back."""
        handlers = contextlib.ExitStack()
        arriving = handlers.enter_context(trio.open_signal_receiver(*numbers))
        task = self.spawn(_pass_on, arriving, callback, handlers, name="drywire signals")

        def stop() -> None:
            task.cancel()
            handlers.close()

        return stop


async def _pass_on(
    arriving: AsyncIterator[int], callback: Callable[[int], None], handlers: contextlib.ExitStack
) -> None:
    with handlers:
        async for number in arriving:
            try:
                callback(number)
            except Exception:
                logger.exception("a signal's callback failed")


_runtime: trio.lowlevel.RunVar[TrioRuntime] = trio.lowlevel.RunVar("drywire runtime")


def current_trio_runtime() -> TrioRuntime:
    """Return the one runtime of this trio run. Raises RuntimeError outside of trio."""
    try:
        return _runtime.get()
    except LookupError:
        runtime = TrioRuntime()
        _runtime.set(runtime)
        return runtime


def _nothing() -> None:
    pass
