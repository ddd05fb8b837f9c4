"""`ServerSettings`: how long a client may take for each step. All are seconds, and all are on by default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Time limits of one server, in seconds."""

    keepalive_timeout: float = 75.0
    """Without a request: a connection that is idle, or was never used, is closed."""
    head_timeout: float = 30.0
    """From the first byte of a request to the end of its head; answered with 408."""
    body_timeout: float = 60.0
    """Without a byte of the request's body while the handler waits for it; answered with 408."""
    write_timeout: float = 60.0
    """Without room for more of the response: a client that does not read is cut off."""
    lingering_time: float = 10.0
    """For the rest of a body that the handler did not read, and for the client to close after the last response."""
