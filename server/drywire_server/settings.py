"""`ServerSettings`: how long a client may take for each step, in seconds, all on by default; and what is decoded."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Time limits of one server, in seconds, and how it reads bodies."""

    keepalive_timeout: float = 75.0
    """Without a request: a connection that is idle, or was never used, is closed."""
    head_timeout: float = 30.0
    """From the first byte of a request to the end of its head; answered with 408."""
    body_timeout: float = 60.0
    """Without a byte of the request's body while the handler waits for it; answered with 408."""
    body_rate: float = 240.0
    """Bytes a second that a request's body must come with on average, while the handler waits for it and once that took
    longer than `body_timeout`; answered with 408. 0 for none: bodies that are streams of events may be slower."""
    write_timeout: float = 60.0
    """Without room for more of the response: a client that does not read is cut off."""
    ssl_handshake_timeout: float = 60.0
    """For the TLS handshake of a site: a client that does not end it by then is closed, and no handler sees it."""
    lingering_time: float = 10.0
    """For the rest of a body that the handler did not read, and for the client to close after the last response."""
    auto_decompress: bool = True
    """Whether coded bodies of requests are decoded as they are read (Content-Encoding)."""
    handler_cancellation: bool = False
    """Whether a handler is cancelled once its client has ended the connection."""
    tcp_keepalive: bool = True
    """Whether the system probes a client that is silent, after the time that it has for that (hours, mostly)."""
