"""Opening one connection: its address, TCP, the proxy on the way, TLS, and the certificate."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Sequence
from typing import Any, TypeVar

from yarl import URL

from drywire_transports import (
    Address,
    ByteStream,
    ClientTLS,
    ConnectFailed,
    NameNotResolved,
    Runtime,
    StreamTimeout,
    TLSFailed,
    TransportError,
    client_context,
    unverified_context,
)
from drywire_transports.dialling import literal_address

from .connections import ConnectionKey
from .errors import (
    ClientConnectionError,
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientProxyConnectionError,
    Phase,
    RequestProgress,
)
from .fingerprint import Fingerprint
from .name_cache import NameCache
from .timeouts import Deadlines
from .tracing import Trace
from .tunnels import open_tunnel, tls_inside

__all__ = ["check_ssl", "in_phase", "open_stream"]


async def open_stream(
    runtime: Runtime, key: ConnectionKey, names: NameCache, deadlines: Deadlines, traces: Sequence[Trace]
) -> ByteStream:
    """Return a stream to what `key` says.

    Raises ClientConnectorError and its kind, ConnectionTimeoutError, TimeoutError.
    """
    tls = ClientTLS(_context(key.ssl), key.server_hostname) if key.is_ssl else None
    deadline, route = deadlines.dial(runtime.now()), key.proxy
    host, port = key.next_hop
    phase: Phase = "dns"
    try:
        addresses = await _resolve(runtime, names, host, port, deadline, traces)
        phase = "connect" if route is None else "proxy"
        stream = await runtime.connect_tcp(host, port, deadline=deadline, addresses=addresses)
        if route is not None and route.tunnel:
            await open_tunnel(stream, route, _url_of(key), key.limits, deadline)
        if tls is not None:
            phase = "tls"
            stream.read_deadline = stream.write_deadline = deadline
            stream = await tls_inside(stream, tls, key.host)
    except StreamTimeout as error:
        raise in_phase(phase, deadlines.blame(runtime.now(), "connect")) from error
    except TransportError as error:
        if phase != "dns" and not isinstance(error, TLSFailed):
            names.clear(host, port)
        raise _not_opened(key, phase, error) from error
    if isinstance(key.ssl, Fingerprint) and key.is_ssl:
        _verify(key.ssl, stream, key)
    return stream


async def _resolve(
    runtime: Runtime, names: NameCache, host: str, port: int, deadline: float, traces: Sequence[Trace]
) -> Sequence[Address]:
    literal = literal_address(host, port)
    if literal is not None:
        return [literal]
    return await names.addresses(runtime, host, port, deadline, traces)


E = TypeVar("E", bound=RequestProgress)


def in_phase(phase: Phase, error: E) -> E:
    """Return `error`, which says from now on that it happened in `phase`."""
    error.phase = phase
    return error


def _url_of(key: ConnectionKey) -> URL:
    return URL.build(scheme="https" if key.is_ssl else "http", host=key.host, port=key.port)


def _not_opened(key: ConnectionKey, phase: Phase, error: TransportError) -> ClientConnectionError:
    """Return why there is no connection, as the client's own error."""
    host, port = key.next_hop
    if isinstance(error, NameNotResolved):
        return in_phase("dns", ClientConnectorDNSError(host, port, _os_error(error), ssl=key.ssl))
    if isinstance(error, TLSFailed):
        return in_phase("tls", _tls_error(key, error))
    if phase == "dns":
        return ClientConnectionError("Connector is closed")
    kind = ClientProxyConnectionError if phase == "proxy" else ClientConnectorError
    return in_phase(phase, kind(host, port, _os_error(error), ssl=key.ssl))


def _os_error(error: TransportError) -> OSError:
    """Return what the operating system said, of several attempts the last time."""
    if isinstance(error, ConnectFailed) and error.attempts:
        return error.attempts[-1]
    return error if isinstance(error, OSError) else OSError(str(error))


def check_ssl(ssl: object) -> None:
    """Raise TypeError for what is no setting of TLS."""
    if ssl is not None and not isinstance(ssl, bool | ssl_module.SSLContext | Fingerprint):
        raise TypeError(f"ssl must be a bool, an SSLContext or a Fingerprint, not {type(ssl).__name__}")


def _context(ssl: Any) -> ssl_module.SSLContext:
    if isinstance(ssl, ssl_module.SSLContext):
        return ssl
    return client_context() if ssl is True or ssl is None else unverified_context()


def _verify(fingerprint: Fingerprint, stream: ByteStream, key: ConnectionKey) -> None:
    """Raise ServerFingerprintMismatch, and drop `stream`, unless the server has the certificate."""
    try:
        fingerprint.verify(stream.extra_info("ssl_object").getpeercert(binary_form=True), key.host, key.port)
    except BaseException as error:
        stream.abort()
        if isinstance(error, RequestProgress):
            error.phase = "tls"
        raise


def _tls_error(key: ConnectionKey, error: TLSFailed) -> ClientConnectorError:
    cause = error.__cause__
    if isinstance(cause, ssl_module.CertificateError):
        return ClientConnectorCertificateError(key.host, key.port, cause, ssl=key.ssl)
    if isinstance(cause, ssl_module.SSLError):
        return ClientConnectorSSLError(key.host, key.port, cause, ssl=key.ssl)
    return ClientConnectorError(key.host, key.port, cause if isinstance(cause, OSError) else error, ssl=key.ssl)
