"""Opening connections on asyncio: resolve, dial, TLS, in one deadline."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from ..binding import is_unix
from ..dialling import begin_to_connect, connect_error, dial, dial_unix, literal_address, target_name
from ..errors import ConnectFailed, NameNotResolved, StreamClosed, StreamTimeout
from ..runtime import Address, ClientTLS, DialOptions, Runtime, Undertaking
from ..stream import ByteStream
from .buffered import new_stream

__all__ = ["connect_pipe", "connect_tcp", "connect_unix", "resolve"]


async def resolve(loop: asyncio.AbstractEventLoop, host: str, port: int, family: int = 0) -> list[Address]:
    """Return the addresses of `host` (see `Runtime.resolve`). Raises NameNotResolved."""
    literal = literal_address(host, port)
    if literal is not None and family in (0, literal.family):
        return [literal]
    try:
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error if isinstance(error, OSError) else OSError(f"not a host name: {error}")
        raise NameNotResolved(target_name(host, port), [reason]) from error
    if not found:
        raise NameNotResolved(target_name(host, port), [])
    return [Address(info[0], info[4]) for info in found]


async def connect_tcp(
    runtime: Runtime,
    loop: asyncio.AbstractEventLoop,
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
        async with _until(deadline, f"resolving {target}"):
            addresses = await resolve(loop, host, port, options.family)
    sock = await dial(
        runtime,
        target,
        addresses,
        partial(_connect, runtime, loop),
        options=options,
        admit=admit,
        deadline=deadline,
        undertaking=undertaking,
    )
    if tls is None:  # nobody is waited for any more
        return await _over(loop, sock, tls, host, undertaking)
    async with _until(deadline, f"connecting to {target}"):
        return await _over(loop, sock, tls, host, undertaking)


async def connect_unix(
    runtime: Runtime,
    loop: asyncio.AbstractEventLoop,
    path: str,
    *,
    tls: ClientTLS | None,
    deadline: float,
    undertaking: Undertaking | None,
) -> ByteStream:
    """Open a Unix-socket connection (see `Runtime.connect_unix`)."""
    sock = await dial_unix(runtime, path, deadline, undertaking)
    async with _until(deadline, f"connecting to {path}"):
        return await _over(loop, sock, tls, "localhost", undertaking)


async def connect_pipe(loop: asyncio.AbstractEventLoop, path: str, *, deadline: float) -> ByteStream:
    """Open a connection to the named pipe `path`, which only a loop of Windows' own kind can. Raises ConnectFailed."""
    create = getattr(loop, "create_pipe_connection", None)
    if create is None:
        raise ConnectFailed(path, [OSError(errno.EOPNOTSUPP, "this event loop has no named pipes")])
    async with _until(deadline, f"connecting to {path}"):
        try:
            stream: ByteStream = (await create(lambda: new_stream(loop), path))[1]
        except OSError as error:
            raise ConnectFailed(path, [error], [path]) from error
        return stream


def _connect(
    runtime: Runtime,
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    sockaddr: Any,
    done: Callable[[OSError | None], None],
) -> Callable[[], None] | None:
    """Begin to connect `sock`: see `dialling.Connect`.

    Watched by hand: `loop.sock_connect` lets go of a socket a turn of the loop after it is cancelled, when its
    descriptor may be another's.
    """
    if type(loop).add_writer is asyncio.AbstractEventLoop.add_writer:  # Windows' own loop cannot watch
        return runtime.spawn(_sock_connect, loop, sock, sockaddr, done, name="drywire connects").cancel
    if begin_to_connect(sock, sockaddr):
        return None
    descriptor = sock.fileno()

    def writable() -> None:
        loop.remove_writer(descriptor)
        done(connect_error(sock))

    loop.add_writer(descriptor, writable)
    return partial(_unwatch, loop, descriptor)


def _unwatch(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    loop.remove_writer(descriptor)


async def _sock_connect(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, sockaddr: Any, done: Callable[[OSError | None], None]
) -> None:
    try:
        await loop.sock_connect(sock, sockaddr)
    except OSError as error:
        done(error)
    else:
        done(None)


async def _over(
    loop: asyncio.AbstractEventLoop,
    sock: socket.socket,
    tls: ClientTLS | None,
    host: str,
    undertaking: Undertaking | None,
) -> ByteStream:
    """Return a stream over the connected `sock`, which is closed if anything goes wrong.

    Closed by asyncio, whose transport owns it from here on, also when this is cancelled: closed under the transport,
    its descriptor could be somebody else's by the time the transport lets go of it.
    """
    create = loop.create_unix_connection if is_unix(sock) else loop.create_connection
    try:
        _, stream = await create(lambda: new_stream(loop), sock=sock)
    except OSError as error:
        raise ConnectFailed(host, [error]) from error
    if undertaking is not None:  # not before: a transport of uvloop's that ends while it is made frees its socket twice
        undertaking.step(stream.abort)
        if undertaking.ended:
            raise StreamClosed(f"connecting to {host} was ended")
    if tls is None:
        return stream
    return await stream.start_tls(tls.context, server_hostname=tls.server_hostname or host)


@contextlib.asynccontextmanager
async def _until(deadline: float, what: str) -> AsyncIterator[None]:
    if deadline == math.inf:
        yield
        return
    try:
        async with asyncio.timeout_at(deadline) as scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise StreamTimeout(f"{what} did not end before the deadline") from error
