"""Bound sockets for listeners, the same for every runtime."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .runtime import Address

__all__ = ["bind_tcp", "bind_unix", "is_unix", "prepare", "socket_file_id", "unlink_socket"]

PORT_ATTEMPTS: Final = 20
"""How often a free port is looked for that is free on every address."""

NOT_HERE: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
"""What binding to the address of a family says that this machine does not have."""


def bind_tcp(
    addresses: Iterable[Address], *, reuse_address: bool | None = None, reuse_port: bool | None = None
) -> list[socket.socket]:
    """Return a non-blocking socket bound to each of `addresses`; with port 0 all get the same free port.

    An address of a family that this machine lacks is left out if another can be bound. Raises OSError.
    """
    wanted = list(dict.fromkeys(addresses))
    if reuse_address is None:
        reuse_address = os.name == "posix"
    for _ in range(PORT_ATTEMPTS):
        try:
            return _bind_each(wanted, reuse_address, bool(reuse_port))
        except OSError as error:
            # A port that was free on one address may be taken on the next: look for another.
            if error.errno != errno.EADDRINUSE or any(address.sockaddr[1] for address in wanted):
                raise
            last = error
    raise last


def _bind_each(addresses: Sequence[Address], reuse_address: bool, reuse_port: bool) -> list[socket.socket]:
    bound: list[socket.socket] = []
    port = 0
    missing: OSError | None = None
    with contextlib.ExitStack() as undo:
        for family, sockaddr in addresses:
            host, wanted_port, *rest = sockaddr
            try:
                sock = _bind(family, (host, wanted_port or port, *rest), reuse_address, reuse_port)
            except OSError as error:
                if error.errno not in NOT_HERE:
                    raise
                missing = error
                continue
            undo.callback(sock.close)
            bound.append(sock)
            port = port or sock.getsockname()[1]
        if not bound:
            raise missing or OSError("no address to listen on")
        undo.pop_all()
    return bound


def _bind(family: int, sockaddr: Any, reuse_address: bool, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        prepare(sock)
        if reuse_address:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(sockaddr)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {sockaddr[0]} port {sockaddr[1]}: {error.strerror}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def bind_unix(path: str) -> socket.socket:
    """Return a non-blocking socket bound to `path`, in place of a socket left there by an earlier process.

    Raises OSError, also where something that is no socket has that path.
    """
    with contextlib.suppress(FileNotFoundError):
        if path[:1] not in ("", "\0") and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(path)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot listen on {path}: {error.strerror}") from error
    return sock


def prepare(sock: socket.socket) -> None:
    """Make a bound socket ready to listen: non-blocking, with TCP_NODELAY and keep-alive for what it will accept.

    Connections inherit these options, which saves a system call each; asyncio sets TCP_NODELAY by itself, but only
    where a socket was made with its protocol spelled out. Keep-alive finds peers that went without a word.
    """
    sock.setblocking(False)
    if not is_unix(sock):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def is_unix(sock: socket.socket) -> bool:
    """Return whether `sock` is a Unix socket."""
    return sock.family == getattr(socket, "AF_UNIX", None)


def socket_file_id(path: str) -> tuple[int, int] | None:
    """Return what tells the file at `path` from one that replaces it later; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def unlink_socket(path: str, file_id: tuple[int, int] | None) -> None:
    """Remove the socket file at `path` if it still is the one of `file_id`."""
    if file_id is not None and socket_file_id(path) == file_id:
        with contextlib.suppress(OSError):
            os.unlink(path)
