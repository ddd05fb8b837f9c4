"""`ClientTimeout`, and when each wait of a request must end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from yarl import URL

from drywire_transports import Runtime

from .errors import ConnectionTimeoutError, SocketTimeoutError, TotalTimeoutError

__all__ = ["DEFAULT_TIMEOUT", "DEFAULT_WS_TIMEOUT", "ClientTimeout", "ClientWSTimeout", "Deadlines"]


@dataclass(frozen=True, slots=True)
class ClientTimeout:
    """Time limits of one request, in seconds; None or 0 for no limit."""

    total: float | None = None
    """From the call to the last byte of the body, redirects included. Raises TotalTimeoutError, a TimeoutError."""
    connect: float | None = None
    """Until a connection is there, the wait for a free one in the pool included, for each redirect and each retry
    anew. Raises ConnectionTimeoutError."""
    sock_read: float | None = None
    """Without a byte from the server, once the request is sent; and while it is sent, without the server taking any.
    Raises SocketTimeoutError."""
    sock_connect: float | None = None
    """To open a new connection. Raises ConnectionTimeoutError."""
    ceil_threshold: float = 5
    """Accepted for aiohttp's sake: deadlines here are kept to the millisecond."""


@dataclass(frozen=True, slots=True)
class ClientWSTimeout:
    """Time limits of one WebSocket, in seconds; None for no limit."""

    ws_receive: float | None = None
    """Without a message while one is waited for. Raises TimeoutError."""
    ws_close: float | None = None
    """From `close` to the end of the connection, the server's close frame included."""


DEFAULT_WS_TIMEOUT = ClientWSTimeout(ws_close=10.0)
DEFAULT_TIMEOUT = ClientTimeout(total=300, sock_connect=30)


EARLY: Final = 0.002
"""Seconds by which a loop may ring early: uvloop rounds to milliseconds, asyncio to the clock's resolution."""


class Deadlines:
    """The points in time at which the waits of one call must end, and the error each is blamed on."""

    __slots__ = ("_method", "_started", "_timeout", "_url", "connect", "total")

    def __init__(self, timeout: ClientTimeout, now: float, method: str = "", url: URL | None = None) -> None:
        self._timeout = timeout
        self._started = now
        self._method = method
        self._url = url
        self.total = now + timeout.total if timeout.total else math.inf
        self.connect = min(self.total, now + timeout.connect) if timeout.connect else self.total

    @property
    def timeout(self) -> ClientTimeout:
        """The limits that these come from."""
        return self._timeout

    def for_attempt(self, runtime: Runtime) -> None:
        """Begin an attempt, at a hop or again, now: `connect` is each one's own."""
        if self._timeout.connect:
            self.connect = min(self.total, runtime.now() + self._timeout.connect)

    def dial(self, now: float) -> float:
        """Return when a connection that is opened from `now` on must be open."""
        limit = self._timeout.sock_connect
        return min(self.connect, now + limit) if limit else self.connect

    def read(self, now: float) -> float:
        """Return when something must have been received by."""
        limit = self._timeout.sock_read
        return min(self.total, now + limit) if limit else self.total

    def blame(self, now: float, phase: str) -> TotalTimeoutError | ConnectionTimeoutError | SocketTimeoutError:
        """Return the error for a wait that ended too late, at `now`; `phase` is "connect", "send" or "read"."""
        timeout = self._timeout
        spent = f"after {now - self._started:.3g} s"
        what = f": {self._method} {self._url}" if self._url is not None else ""
        now += EARLY
        if now >= self.total or (phase != "connect" and not timeout.sock_read):
            limit = _seconds(timeout.total)
            return TotalTimeoutError(f"total timeout of {limit} passed {spent} (ClientTimeout.total){what}")
        if phase != "connect":
            done, limit = ("received" if phase == "read" else "taken by the server"), _seconds(timeout.sock_read)
            return SocketTimeoutError(f"nothing {done} for {limit}, {spent} (ClientTimeout.sock_read){what}")
        if now >= self.connect:
            limit = _seconds(timeout.connect)
            return ConnectionTimeoutError(f"no connection within {limit}, {spent} (ClientTimeout.connect){what}")
        limit = _seconds(timeout.sock_connect)
        return ConnectionTimeoutError(
            f"no connection opened within {limit}, {spent} (ClientTimeout.sock_connect){what}"
        )


def _seconds(limit: float | None) -> str:
    return "some time" if limit is None else f"{limit:g} s"
