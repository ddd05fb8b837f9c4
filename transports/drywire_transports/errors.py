"""The errors of the transport layer: one root, and each class also a kind of its standard-library kin.

TransportError
    ConnectFailed      (OSError)          no connection could be opened
        NameNotResolved                   the host name has no address
    TLSFailed          (OSError)          the TLS handshake was refused
    StreamBroken       (ConnectionError)  the peer or the network ended the connection abruptly
    StreamClosed       (ConnectionError)  this side had ended the stream before the call
    StreamTimeout      (TimeoutError)     a deadline passed while waiting
        ConnectTimedOut                   ... for a connection
    StreamBusy         (RuntimeError)     two tasks used one direction of a stream at once
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = [
    "ConnectFailed",
    "ConnectTimedOut",
    "NameNotResolved",
    "StreamBroken",
    "StreamBusy",
    "StreamClosed",
    "StreamTimeout",
    "TLSFailed",
    "TransportError",
]


MOST_REASONS: Final = 8
"""Attempts whose errors a text shows: a host may have many addresses."""


class TransportError(Exception):
    """Root of everything that goes wrong between this process and the wire."""


class ConnectFailed(TransportError, OSError):
    """No address of the peer accepted a connection.

    `target` names what was dialled (``"host:port"`` or a path), `attempts` holds the error of each address tried,
    in the order tried, and `addresses` those addresses, as `socket.connect` takes them (empty where none was reached
    for); `errno` and `strerror` are those of the last.
    """

    def __init__(self, target: str, attempts: Sequence[OSError], addresses: Sequence[Any] = ()) -> None:
        last = attempts[-1] if attempts else OSError(f"no address to connect to for {target}")
        super().__init__(last.errno, last.strerror or str(last))
        self.target = target
        self.attempts = tuple(attempts)
        self.addresses = tuple(addresses)

    def __str__(self) -> str:
        return f"could not connect to {self.target}: {reasons_of(self.attempts) or self.strerror}"


def reasons_of(attempts: Sequence[OSError]) -> str:
    """Return what `attempts` failed of, each reason once, and of many the first."""
    reasons = list(dict.fromkeys(error.strerror or str(error) for error in attempts))
    more = f"; and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else ""
    return "; ".join(reasons[:MOST_REASONS]) + more


class NameNotResolved(ConnectFailed):
    """The resolver knows no address for the host name."""


class TLSFailed(TransportError, OSError):
    """The TLS handshake failed; `__cause__` says why: an `ssl.SSLError`, or an OSError where the peer hung up."""

    certificate: dict[str, Any] | None = None
    """What the refused certificate of the peer says, as `ssl.SSLSocket.getpeercert` has it, if that can be known."""


class StreamBroken(TransportError, ConnectionError):
    """The connection was reset, aborted or lost while in use; nothing more can be sent or received."""


class StreamClosed(TransportError, ConnectionError):
    """This side has closed or aborted the stream, or broken it by a cancelled `send`; open a new one."""


class StreamTimeout(TransportError, TimeoutError):
    """A deadline passed before what was waited for came. The stream is usable if it was `receive` that waited."""


class ConnectTimedOut(StreamTimeout):
    """No address of the peer had accepted a connection when the deadline passed.

    `addresses` are those that were tried, in that order, as `socket.connect` takes them; `attempts` the errors of those
    that had failed, by their place among them. The others had not answered.
    """

    def __init__(self, target: str, addresses: Sequence[Any] = (), attempts: dict[int, OSError] | None = None) -> None:
        super().__init__(f"connecting to {target} did not end before the deadline")
        self.target = target
        self.addresses = tuple(addresses)
        self.attempts = dict(attempts or {})


class StreamBusy(TransportError, RuntimeError):
    """Two tasks wait in the same direction of one stream: a mistake in the caller, so it is not made to queue."""
