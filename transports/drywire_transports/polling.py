"""What a socket is asked and told outside its loop: whether it has something to give, and to forget what is unsent."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
from typing import Any, Final, Protocol

__all__ = ["forget_unsent", "has_unseen", "has_unsent", "is_readable"]

try:
    import fcntl
    from termios import TIOCOUTQ
except ImportError:  # Windows
    _UNSENT = 0
else:
    _UNSENT = TIOCOUTQ if sys.platform == "linux" else 0  # of a terminal elsewhere

_HAS_POLL: Final = hasattr(select, "poll")
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


class _HasExtraInfo(Protocol):
    def extra_info(self, name: str, default: Any = None) -> Any: ...


def forget_unsent(sock: Any) -> None:
    """Make `sock` reset its connection when it is closed.

    Otherwise the kernel would keep megabytes for a peer that does not read, for as long as that peer likes.
    """
    if sock is not None:
        with contextlib.suppress(OSError):  # it is closed, or none of TCP's
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)


def is_readable(sock: _HasFileno) -> bool:
    """Return whether `sock` has bytes, its end of stream or an error."""
    if not _HAS_POLL:
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)  # errors and the end are told of in any case
    return bool(poll.poll(0))


def has_unseen(stream: _HasExtraInfo) -> bool:
    """Return whether the socket below `stream` has something that the loop has not read yet; False without a socket.

    A loop that reads by itself sees what has come only when it next runs, and a program may have kept it from that.
    """
    sock = stream.extra_info("socket")
    try:
        return sock is not None and is_readable(sock)
    except (OSError, ValueError):  # it is closed
        return True


def has_unsent(stream: _HasExtraInfo) -> bool:
    """Return whether the peer has not yet taken all that was sent over the socket below `stream`.

    False where the system cannot tell, which is anywhere but on Linux, and without a socket.
    """
    sock = stream.extra_info("socket")
    if sock is None or not _UNSENT:
        return False
    try:
        return any(fcntl.ioctl(sock.fileno(), _UNSENT, bytes(4)))
    except (OSError, ValueError):  # it is closed
        return False
