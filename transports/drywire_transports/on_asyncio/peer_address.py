"""`peer_address`: who is at the other end of a connection that was just accepted, gone again or not."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import Any, Final

__all__ = ["peer_address"]

SO_PEERNAME: Final = 28 if sys.platform == "linux" else 0
"""The option that tells the address also of a peer that has reset the connection, where `getpeername` does not."""

_IPV4: Final = struct.Struct("!2xH4s8x")
_IPV6: Final = struct.Struct("!2xHI16s4x")


def peer_address(transport: asyncio.BaseTransport) -> Any:
    """Return the address of the peer of `transport`, as `socket.getpeername` gives it; None where it is not known.

    asyncio has kept what `accept` gave. uvloop asks the socket, which has no peer any more once that has reset the
    connection, were it before it was accepted. Linux tells all the same.
    """
    try:
        address = transport.get_extra_info("peername")
        if address is None and SO_PEERNAME:
            address = _of_a_lost_peer(transport.get_extra_info("socket"))
    except (AttributeError, OSError, ValueError):  # the socket is closed, or has no such option
        return None
    return address


def _of_a_lost_peer(sock: Any) -> Any:
    """Ask the socket `sock`. Raises OSError, AttributeError."""
    if sock.family == socket.AF_INET:
        port, host = _IPV4.unpack(sock.getsockopt(socket.SOL_SOCKET, SO_PEERNAME, _IPV4.size))
        return socket.inet_ntop(socket.AF_INET, host), port
    if sock.family == socket.AF_INET6:
        port, flow, host = _IPV6.unpack(sock.getsockopt(socket.SOL_SOCKET, SO_PEERNAME, _IPV6.size))
        return socket.inet_ntop(socket.AF_INET6, host), port, flow & 0xFFFFF, 0
    return None
