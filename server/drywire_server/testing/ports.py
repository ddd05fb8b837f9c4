"""Ports and sockets of this machine that nobody uses."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import Final

__all__ = ["REUSE_ADDRESS", "SocketFactory", "get_port_socket", "get_unused_port_socket", "unused_port"]

SocketFactory = Callable[[str, int, socket.AddressFamily], socket.socket]
"""Makes a socket that is bound to a host and port."""

REUSE_ADDRESS: Final = os.name == "posix" and sys.platform != "cygwin"
"""Whether SO_REUSEADDR means that only a port's past is overlooked; on Windows, that others may take it over."""


def get_port_socket(host: str, port: int, family: socket.AddressFamily) -> socket.socket:
    """Return a TCP socket that is bound to `host` and `port`, 0 for a free one. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if REUSE_ADDRESS:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def get_unused_port_socket(host: str, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """Return a TCP socket that is bound to a free port of `host`. Raises OSError."""
    return get_port_socket(host, 0, family)


def unused_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago.

    Somebody else may take it meanwhile: a server that is given port 0 has none of that trouble.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
