"""Whether a socket has something to give, asked without waiting and without taking it."""

from __future__ import annotations

import select
from typing import Any, Final, Protocol

__all__ = ["has_unseen", "is_readable"]

_HAS_POLL: Final = hasattr(select, "poll")


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


class _HasExtraInfo(Protocol):
    def extra_info(self, name: str, default: Any = None) -> Any: ...


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
