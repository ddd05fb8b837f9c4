"""Opening connections on trio: resolve, dial, TLS, in one deadline."""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Iterator, Sequence

import trio

from drywire_sansio.address_order import interleave_families

from ..dialling import dial, literal_address, new_socket, target_name
from ..errors import ConnectFailed, NameNotResolved, StreamTimeout
from ..runtime import Address, ClientTLS, Runtime
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
    local_address: tuple[str, int] | None,
    addresses: Sequence[Address] | None,
    stagger: float,
) -> ByteStream:
    """Open a TCP connection (see `Runtime.connect_tcp`)."""

    async def connect(address: Address) -> socket.socket:
        sock = new_socket(address.family, local_address)
        try:
            await _connect(sock, address.sockaddr)
        except BaseException:
            sock.close()
            raise
        return sock

    target = target_name(host, port)
    with _until(deadline, f"connecting to {target}"):
        if addresses is None:
            found = await resolve(host, port)
            addresses = interleave_families(found, lambda address: address.family)
        sock = await dial(runtime, target, addresses, connect, socket.socket.close, stagger)
        return await _over(SocketStream(sock, timers), tls, host)
    raise AssertionError("a scope that ends by its deadline raises")


async def connect_unix(timers: Timers, path: str, *, tls: ClientTLS | None, deadline: float) -> ByteStream:
    """Open a Unix-socket connection (see `Runtime.connect_unix`)."""
    with _until(deadline, f"connecting to {path}"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(path)  # never in progress: a full backlog is an error at once
        except OSError as error:
            sock.close()
            raise ConnectFailed(path, [error]) from error
        return await _over(SocketStream(sock, timers), tls, "localhost")
    raise AssertionError("a scope that ends by its deadline raises")


async def _connect(sock: socket.socket, sockaddr: tuple[object, ...]) -> None:
    try:
        sock.connect(sockaddr)
    except BlockingIOError:
        await trio.lowlevel.wait_writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, f"{os.strerror(code)} at {sockaddr[0]}") from None


async def _over(stream: SocketStream, tls: ClientTLS | None, host: str) -> ByteStream:
    if tls is None:
        return stream
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
