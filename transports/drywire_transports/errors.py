"""The errors of the transport layer: one root, and each class also a kind of its standard-library kin.

TransportError
    ConnectFailed      (OSError)          no connection could be opened
        NameNotResolved                   the host name has no address
    TLSFailed          (OSError)          the TLS handshake was refused
    StreamBroken       (ConnectionError)  the peer or the network ended the connection abruptly
    StreamClosed       (ConnectionError)  this side had ended the stream before the call
    StreamTimeout      (TimeoutError)     a deadline passed while waiting
    StreamBusy         (RuntimeError)     two tasks used one direction of a stream at once
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ConnectFailed",
    "NameNotResolved",
    "StreamBroken",
    "StreamBusy",
    "StreamClosed",
    "StreamTimeout",
    "TLSFailed",
    "TransportError",
]


class TransportError(Exception):
    """Root of everything that goes wrong between this process and the wire."""


class ConnectFailed(TransportError, OSError):
    """No address of the peer accepted a connection.

    `target` names what was dialled (``"host:port"`` or a path), `attempts` holds the error of each address tried,
    in the order tried; `errno` and `strerror` are those of the last.
    """

    def __init__(self, target: str, attempts: Sequence[OSError]) -> None:
        last = attempts[-1] if attempts else OSError(f"no address to connect to for {target}")
        super().__init__(last.errno, last.strerror or str(last))
        self.target = target
        self.attempts = tuple(attempts)

    def __str__(self) -> str:
        reasons = "; ".join(dict.fromkeys(str(error) for error in self.attempts)) or str(self.strerror)
        return f"could not connect to {self.target}: {reasons}"


class NameNotResolved(ConnectFailed):
    """The resolver knows no address for the host name."""


class TLSFailed(TransportError, OSError):
    """The TLS handshake failed; `__cause__` says why: an `ssl.SSLError`, or an OSError where the peer hung up."""


class StreamBroken(TransportError, ConnectionError):
    """The connection was reset, aborted or lost while in use; nothing more can be sent or received."""


class StreamClosed(TransportError, ConnectionError):
    """This side has closed or aborted the stream, or broken it by a cancelled `send`; open a new one."""


class StreamTimeout(TransportError, TimeoutError):
    """A deadline passed before what was waited for came. The stream is usable if it was `receive` that waited."""


class StreamBusy(TransportError, RuntimeError):
    """Two tasks wait in the same direction of one stream: a mistake in the caller, so it is not made to queue."""
