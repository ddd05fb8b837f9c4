"""`Endpoints`: the addresses that `run_app` serves on, as sites of one process, or as sockets for many."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from drywire_transports.binding import bind_tcp, bind_unix, socket_file_id, unlink_socket
from drywire_transports.runtime import Address

from .runner import BaseRunner
from .sites import BaseSite, SockSite, TCPSite, UnixSite, check_place

__all__ = ["BoundSockets", "Endpoints", "PathLike"]

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where to serve: see `run_app` for each."""

    host: str | Iterable[str] | None = None
    port: int | None = None
    path: PathLike | Iterable[PathLike] | None = None
    sock: socket.socket | Iterable[socket.socket] | None = None
    ssl_context: ssl.SSLContext | None = None
    backlog: int = 128
    reuse_address: bool | None = None
    reuse_port: bool | None = None

    def __post_init__(self) -> None:
        check_place(self.port, self.ssl_context)

    @property
    def _hosts(self) -> list[str | None]:
        if self.host is None:
            return [None] if self.port is not None or (self.path is None and self.sock is None) else []
        return [self.host] if isinstance(self.host, str) else list(self.host)

    @property
    def _paths(self) -> list[str]:
        if self.path is None:
            return []
        return [os.fspath(path) for path in ([self.path] if isinstance(self.path, str | os.PathLike) else self.path)]

    @property
    def _socks(self) -> list[socket.socket]:
        if self.sock is None:
            return []
        return [self.sock] if isinstance(self.sock, socket.socket) else list(self.sock)

    def sites(self, runner: BaseRunner) -> list[BaseSite]:
        """Return a site of `runner` for each, none of them started."""
        common: dict[str, Any] = {"ssl_context": self.ssl_context, "backlog": self.backlog}
        reuse: dict[str, Any] = {"reuse_address": self.reuse_address, "reuse_port": self.reuse_port}
        return [
            *(TCPSite(runner, host, self.port, **reuse, **common) for host in self._hosts),
            *(UnixSite(runner, path, **common) for path in self._paths),
            *(SockSite(runner, sock, **common) for sock in self._socks),
        ]

    def bind(self, shares: int) -> BoundSockets:
        """Return listening sockets for `shares` processes.

        All share the same sockets; but with `reuse_port` each has TCP sockets of its own, between which the system
        distributes connections. Raises OSError.
        """
        with contextlib.ExitStack() as undo:
            bound = BoundSockets(self, shares)
            undo.callback(bound.close)
            for host in self._hosts:
                bound.add_tcp(host)
            for path in self._paths:
                bound.add_unix(path)
            for sock in self._socks:
                bound.add(sock)
            undo.pop_all()
        return bound

    def of_sockets(self, sockets: Iterable[socket.socket]) -> Endpoints:
        """Return what serves on `sockets` in the place of these."""
        return replace(self, host=None, port=None, path=None, sock=list(sockets))


class BoundSockets:
    """Sockets that listen, a list of them for each process; their owner accepts nothing from them."""

    def __init__(self, endpoints: Endpoints, shares: int) -> None:
        self.shares: list[list[socket.socket]] = [[] for _ in range(shares)]
        """For each process the sockets that it serves on."""
        self.names: list[str] = []
        """The URLs."""
        self._endpoints = endpoints
        self._files: list[tuple[str, tuple[int, int] | None]] = []

    @property
    def _scheme(self) -> str:
        return "http" if self._endpoints.ssl_context is None else "https"

    def add(self, sock: socket.socket) -> None:
        """Listen on a bound socket, for all."""
        sock.listen(self._endpoints.backlog)
        for share in self.shares:
            share.append(sock)
        address = sock.getsockname()
        where = _authority(*address[:2]) if isinstance(address, tuple) else f"unix:{os.fsdecode(address)}:"
        self.names.append(f"{self._scheme}://{where}")

    def add_tcp(self, host: str | None) -> None:
        """Bind to `host`, once, or for each on its own."""
        wanted = self._endpoints
        port = wanted.port if wanted.port is not None else 8080 if wanted.ssl_context is None else 8443
        sockets: list[socket.socket] = []
        for number, share in enumerate(self.shares):
            if number and not wanted.reuse_port:
                share.extend(sockets)
                continue
            infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            addresses = [Address(info[0], info[4]) for info in infos]
            sockets = bind_tcp(addresses, reuse_address=wanted.reuse_address, reuse_port=wanted.reuse_port)
            share.extend(sockets)
            for sock in sockets:
                sock.listen(wanted.backlog)
            port = sockets[0].getsockname()[1]
        self.names.append(f"{self._scheme}://{_authority(host or '0.0.0.0', port)}")

    def add_unix(self, path: str) -> None:
        """Bind to the Unix socket `path`, for all."""
        sock = bind_unix(path)
        self._files.append((path, socket_file_id(path)))
        self.add(sock)

    def keep(self, share: int) -> list[socket.socket]:
        """Close what other processes serve on, and return what this one does."""
        mine = self.shares[share]
        for others in self.shares:
            for sock in others:
                if sock not in mine:
                    sock.close()
        return mine

    def close(self) -> None:
        """Close all in this process, and remove the files of Unix sockets; connections that were accepted go on."""
        for share in self.shares:
            for sock in share:
                sock.close()
        for path, file_id in self._files:
            unlink_socket(path, file_id)


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
