"""Whether a socket has something to give, asked without waiting and without taking it."""

from __future__ import annotations

import select
from typing import Protocol

__all__ = ["is_readable"]


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


def is_readable(sock: _HasFileno) -> bool:
    """Return whether `sock` has bytes, its end of stream or an error."""
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLERR | select.POLLHUP)
    return bool(poll.poll(0))
