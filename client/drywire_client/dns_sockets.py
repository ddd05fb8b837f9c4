"""The sockets that dnspython asks through: its own for UDP, streams of the runtime for TCP, and deadlines that hold.

dnspython waits by `asyncio.wait_for`, which on Python 3.11 may lose a cancellation that comes together with what was
waited for. Here nothing waits so: what arrives is taken in by a task, and who waits for it parks.
"""

from __future__ import annotations

import math
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from drywire_transports import ByteStream, Runtime, StreamTimeout, TaskHandle, Wake

__all__ = ["Backend"]


class Backend:
    """What dnspython calls a backend, on `runtime`; `own` is dnspython's for the same event loop."""

    def __init__(self, runtime: Runtime, own: Any, timed_out: type[Exception]) -> None:
        self._runtime = runtime
        self._own = own
        self._timed_out = timed_out

    def name(self) -> str:
        """Return the name of the event loop's kind."""
        return self._runtime.name

    def datagram_connection_required(self) -> bool:
        """Return whether a socket for datagrams has to be told its peer."""
        return bool(self._own.datagram_connection_required())

    async def sleep(self, interval: float) -> None:
        """Wait `interval` seconds."""
        await self._runtime.sleep_until(self._runtime.now() + interval)

    async def make_socket(
        self,
        af: int,
        socktype: int,
        proto: int = 0,
        source: Any = None,
        destination: Any = None,
        timeout: float | None = None,
        *_: object,
        **__: object,
    ) -> _Datagrams | _Stream:
        """Return a socket to ask through: for UDP, or for TCP without TLS."""
        if socktype == socket.SOCK_DGRAM:
            inner = await self._made(lambda: self._own.make_socket(af, socktype, proto, source, destination))
            return _Datagrams(self._runtime, inner, af, self._timed_out)
        host, port = destination[:2]
        try:
            stream = await self._runtime.connect_tcp(host, port, deadline=_deadline(self._runtime, timeout))
        except StreamTimeout as error:
            raise self._timed_out from error
        return _Stream(self._runtime, stream, af, self._timed_out)

    async def _made(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Return the socket that `make` opens, in a task that is not cancelled: uvloop would leave the socket open.

        It takes a turn or two of the loop. Whoever is cancelled meanwhile has the socket closed.
        """
        made: list[Any] = []
        failed: list[Exception] = []
        wanted = True

        async def run() -> None:
            try:
                inner = await make()
            except Exception as error:
                failed.append(error)
                return
            made.append(inner)
            if not wanted:
                await inner.close()

        task = self._runtime.spawn(run, name="drywire opens a socket to a nameserver")
        try:
            await task.wait()
        except BaseException:
            wanted = False
            for inner in made:
                await inner.close()
            raise
        if not made:
            raise failed[0] if failed else OSError("the event loop ended before a socket was open")
        return made[0]


def _deadline(runtime: Runtime, timeout: float | None) -> float:
    return math.inf if timeout is None else runtime.now() + timeout


class _Socket:
    def __init__(self, runtime: Runtime, family: int, timed_out: type[Exception]) -> None:
        self._runtime = runtime
        self.family = family
        self._timed_out = timed_out

    async def __aenter__(self) -> _Socket:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        raise NotImplementedError


class _Datagrams(_Socket):
    """A socket for UDP; a task of its own takes in what arrives."""

    def __init__(self, runtime: Runtime, inner: Any, family: int, timed_out: type[Exception]) -> None:
        super().__init__(runtime, family, timed_out)
        self._inner = inner
        self._arrived: deque[tuple[bytes, Any] | Exception] = deque(maxlen=100)
        self._wake: Wake = runtime.wake()
        self._task: TaskHandle | None = None

    async def sendto(self, what: bytes, destination: Any, timeout: float | None) -> int:
        sent: int = await self._inner.sendto(what, destination, None)
        return sent

    async def recvfrom(self, size: int, timeout: float | None) -> tuple[bytes, Any]:
        if self._task is None:
            self._task = self._runtime.spawn(self._take_in, size, name="drywire waits for a nameserver")
        if not self._arrived:
            self._wake = self._runtime.wake()
            try:
                await self._runtime.park(self._wake, _deadline(self._runtime, timeout))
            except StreamTimeout as error:
                raise self._timed_out from error
        arrived = self._arrived.popleft()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    async def _take_in(self, size: int) -> None:
        try:
            while True:
                self._arrived.append(await self._inner.recvfrom(size, None))
                self._wake.set()
        except Exception as error:
            self._arrived.append(error)
            self._wake.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await self._inner.close()  # waits for nothing


class _Stream(_Socket):
    """A connection over TCP."""

    def __init__(self, runtime: Runtime, stream: ByteStream, family: int, timed_out: type[Exception]) -> None:
        super().__init__(runtime, family, timed_out)
        self._stream = stream
        self._rest = b""

    async def sendall(self, what: bytes, timeout: float | None) -> None:
        self._stream.write_deadline = _deadline(self._runtime, timeout)
        try:
            await self._stream.send(what)
        except StreamTimeout as error:
            raise self._timed_out from error

    async def recv(self, size: int, timeout: float | None) -> bytes:
        if not self._rest:
            self._stream.read_deadline = _deadline(self._runtime, timeout)
            try:
                self._rest = bytes(await self._stream.receive())
            except StreamTimeout as error:
                raise self._timed_out from error
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    async def close(self) -> None:
        self._stream.abort()
