"""Opening connections on trio: resolve, dial, TLS, in one deadline."""

from __future__ import annotations

import contextlib
import math
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import trio

from ..dialling import InPerson, begin_to_connect, connect_error, dial, dial_unix, literal_address, target_name
from ..errors import NameNotResolved, StreamTimeout
from ..runtime import Address, ClientTLS, DialOptions, Runtime, Undertaking
from ..stream import ByteStream
from .socket_stream import SocketStream
from .timers import Timers

__all__ = ["connect_tcp", "connect_unix", "resolve"]


async def resolve(host: str, port: int, family: int = 0) -> list[Address]:
    """Return the addresses of `host` (see `Runtime.resolve`). Raises NameNotResolved."""
    literal = literal_address(host, port)
    if literal is not None and family in (0, literal.family):
        return [literal]
    try:
        found = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error if isinstance(error, OSError) else OSError(f"not a host name: {error}")
        raise NameNotResolved(target_name(host, port), [reason]) from error
    if not found:
        raise NameNotResolved(target_name(host, port), [])
    return [Address(info[0], info[4]) for info in found]


async def connect_tcp(
    runtime: Runtime,
    timers: Timers,
    host: str,
    port: int,
    *,
    tls: ClientTLS | None,
    deadline: float,
    addresses: Sequence[Address] | None,
    options: DialOptions,
    admit: Callable[[Address], None] | None,
    undertaking: Undertaking | None,
) -> ByteStream:
    """Open a TCP connection (see `Runtime.connect_tcp`)."""
    target = target_name(host, port)
    if addresses is None:
        with _until(deadline, f"resolving {target}"):
            addresses = await resolve(host, port, options.family)
    sock = await dial(
        runtime,
        target,
        addresses,
        partial(_connect, runtime),
        options=options,
        admit=admit,
        deadline=deadline,
        in_person=InPerson(_wait_writable, _stop_waiting),
        undertaking=undertaking,
    )
    if tls is None:
        return SocketStream(sock, timers)
    with _until(deadline, f"connecting to {target}"):
        return await _over(SocketStream(sock, timers), tls, host, undertaking)
    raise AssertionError("a scope that ends by its deadline raises")


async def connect_unix(
    runtime: Runtime,
    timers: Timers,
    path: str,
    *,
    tls: ClientTLS | None,
    deadline: float,
    undertaking: Undertaking | None,
) -> ByteStream:
    """Open a Unix-socket connection (see `Runtime.connect_unix`)."""
    sock = await dial_unix(runtime, path, deadline, undertaking)
    with _until(deadline, f"connecting to {path}"):
        return await _over(SocketStream(sock, timers), tls, "localhost", undertaking)
    raise AssertionError("a scope that ends by its deadline raises")


def _connect(
    runtime: Runtime, sock: socket.socket, sockaddr: Any, done: Callable[[OSError | None], None]
) -> Callable[[], None] | None:
    """Begin to connect `sock`: see `dialling.Connect`. A task that is cancelled lets go of the socket at once."""
    if begin_to_connect(sock, sockaddr):
        return None
    return runtime.spawn(_wait_connected, sock, done, name="drywire connects").cancel


async def _wait_connected(sock: socket.socket, done: Callable[[OSError | None], None]) -> None:
    await trio.lowlevel.wait_writable(sock)
    if sock.fileno() != -1:  # else the attempt was stopped after this task was woken, and before it ran
        done(connect_error(sock))


async def _wait_writable(sock: socket.socket, deadline: float) -> None:
    with _until(deadline, "connecting"), contextlib.suppress(trio.ClosedResourceError):
        await trio.lowlevel.wait_writable(sock)


def _stop_waiting(sock: socket.socket) -> None:
    with contextlib.suppress(RuntimeError):  # the run is over, and nobody waits
        trio.lowlevel.notify_closing(sock)


async def _over(stream: SocketStream, tls: ClientTLS | None, host: str, undertaking: Undertaking | None) -> ByteStream:
    if tls is None:
        return stream
    if undertaking is not None:
        undertaking.step(stream.abort)
    return await stream.start_tls(tls.context, server_hostname=tls.server_hostname or host)


@contextlib.contextmanager
def _until(deadline: float, what: str) -> Iterator[None]:
    if deadline == math.inf:
        yield
        return
    with trio.CancelScope(deadline=deadline) as scope:
        yield
    if scope.cancelled_caught:
        raise StreamTimeout(f"{what} did not end before the deadline")
