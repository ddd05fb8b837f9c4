"""Opening connections on asyncio: resolve, dial, TLS, in one deadline."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import AsyncIterator, Sequence

from drywire_sansio.address_order import interleave_families

from ..binding import is_unix
from ..dialling import dial, literal_address, new_socket, target_name
from ..errors import ConnectFailed, NameNotResolved, StreamTimeout, TLSFailed
from ..runtime import Address, ClientTLS, Runtime
from .buffered import new_stream
from .stream import AsyncioStream

__all__ = ["connect_tcp", "connect_unix", "resolve"]


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
    local_address: tuple[str, int] | None,
    addresses: Sequence[Address] | None,
    stagger: float,
) -> AsyncioStream:
    """Open a TCP connection (see `Runtime.connect_tcp`)."""

    async def connect(address: Address) -> socket.socket:
        sock = new_socket(address.family, local_address)
        try:
            await loop.sock_connect(sock, address.sockaddr)
        except BaseException:
            sock.close()
            raise
        return sock

    target = target_name(host, port)
    async with _until(deadline, f"connecting to {target}"):
        if addresses is None:
            found = await resolve(loop, host, port)
            addresses = interleave_families(found, lambda address: address.family)
        sock = await dial(runtime, target, addresses, connect, socket.socket.close, stagger)
        return await _over(loop, sock, tls, host)


async def connect_unix(
    loop: asyncio.AbstractEventLoop, path: str, *, tls: ClientTLS | None, deadline: float
) -> AsyncioStream:
    """Open a Unix-socket connection (see `Runtime.connect_unix`)."""
    async with _until(deadline, f"connecting to {path}"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, path)
        except OSError as error:
            sock.close()
            raise ConnectFailed(path, [error]) from error
        except BaseException:
            sock.close()
            raise
        return await _over(loop, sock, tls, "localhost")


async def _over(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, tls: ClientTLS | None, host: str
) -> AsyncioStream:
    """Return a stream over the connected `sock`, which is closed if anything goes wrong.

    Closed by asyncio, whose transport owns it from here on, also when this is cancelled: closed under the transport,
    its descriptor could be somebody else's by the time the transport lets go of it.
    """
    context: ssl.SSLContext | None = None
    hostname: str | None = None
    if tls is not None:
        context, hostname = tls.context, tls.server_hostname or host
    create = loop.create_unix_connection if is_unix(sock) else loop.create_connection
    try:
        _, stream = await create(lambda: new_stream(loop), sock=sock, ssl=context, server_hostname=hostname)
    except OSError as error:
        if tls is None:
            raise ConnectFailed(host, [error]) from error
        raise TLSFailed(f"the TLS handshake with {host} failed: {error}") from error
    return stream


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
