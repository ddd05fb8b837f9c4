"""What a connection's TLS is: its context, the name that its certificate must have, and sessions to be resumed."""

from __future__ import annotations

import functools
import math
import ssl as ssl_module
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final, NamedTuple

from drywire_transports import ByteStream, Runtime, TLSFailed, client_context, unverified_context
from drywire_transports.tls_stream import TLSStream, start_tls_over

from .connections import ConnectionKey
from .errors import (
    ClientConnectorCertificateError,
    ClientConnectorSSLError,
    ClientSSLError,
    ServerFingerprintMismatch,
    shortened,
)
from .fingerprint import Fingerprint

__all__ = ["TLSSessions", "certificate_name", "check_ssl", "context_for", "context_for_proxy", "secured", "tls_error"]

SERVERS: Final = 256
"""Servers whose sessions a connector keeps; that which was used least recently goes first."""
SESSIONS_EACH: Final = 4
"""Sessions kept for one server: as many new connections may begin at once with one each."""
EACH: Final = 1.0
"""Seconds after which one more session of a server is asked for: taking one out and handing it to the next connection
copies it, which costs a client more than the handshake that it spares. It is the server that is spared, and who comes
back after a while; not many connections at once."""
SPOKEN: Final = frozenset({None, "http/1.1", "http/1.0"})
"""What ALPN may have come to."""


def check_ssl(ssl: object) -> None:
    """Raise TypeError for what is no setting of TLS."""
    if ssl is not None and not isinstance(ssl, bool | ssl_module.SSLContext | Fingerprint):
        raise TypeError(f"ssl must be a bool, an SSLContext or a Fingerprint, not {type(ssl).__name__}")


def context_for(ssl: Any) -> ssl_module.SSLContext:
    """Return the context that `ssl` means: None is True, and a Fingerprint alone says whom to believe."""
    if isinstance(ssl, ssl_module.SSLContext):
        return ssl
    return client_context() if ssl is True or ssl is None else unverified_context()


def context_for_proxy(ssl: Any) -> ssl_module.SSLContext:
    """Return the context for a proxy: that of the server, as in aiohttp; a pinned certificate is the server's own."""
    return client_context() if isinstance(ssl, Fingerprint) else context_for(ssl)


def certificate_name(host: str) -> str:
    """Return `host` as certificates have it: without the dot of a name that is complete, or an address's zone."""
    if ":" in host:
        return host.partition("%")[0]
    return host.removesuffix(".") or host


class _Kept(NamedTuple):
    session: ssl_module.SSLSession
    once: bool


class _Server:
    """The sessions of one server, and how many more may be asked for now."""

    __slots__ = ("budget", "kept", "since")

    def __init__(self) -> None:
        self.kept: list[_Kept] = []
        self.budget = float(SESSIONS_EACH)
        self.since = 0.0


class TLSSessions:
    """Sessions of a connector's TLS, by which new connections to the same server skip most of the handshake.

    A session is for connections with an equal `ConnectionKey` (server, context, server_hostname, proxy and all the
    rest) and with the context as it was. One of TLS 1.3 is used once, so that nobody on the way can tell two
    connections for the same client's (RFC 8446, C.4).
    """

    def __init__(self) -> None:
        self._servers: OrderedDict[Hashable, _Server] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(server.kept) for server in self._servers.values())

    def _server_of(self, purpose: Hashable) -> _Server:
        server = self._servers.get(purpose)
        if server is None:
            server = self._servers[purpose] = _Server()
            if len(self._servers) > SERVERS:
                self._servers.popitem(last=False)
        else:
            self._servers.move_to_end(purpose)
        return server

    def wants(self, purpose: Hashable, now: float) -> bool:
        """Return whether a connection that begins at `now` is to be asked for its session."""
        server = self._server_of(purpose)
        server.budget = min(SESSIONS_EACH, server.budget + max(0.0, now - server.since) / EACH)
        server.since = now
        if server.budget < 1:
            return False
        server.budget -= 1
        return True

    def take(self, purpose: Hashable) -> ssl_module.SSLSession | None:
        """Return the session that came last for `purpose`, if there is one."""
        server = self._servers.get(purpose)
        if server is None or not server.kept:
            return None
        self._servers.move_to_end(purpose)
        kept = server.kept
        return (kept.pop() if kept[-1].once else kept[-1]).session

    def keep(self, purpose: Hashable, once: bool, session: ssl_module.SSLSession) -> None:
        """Keep `session` for `purpose`; for one connection only if `once`."""
        server = self._server_of(purpose)
        server.kept.append(_Kept(session, once))
        if len(server.kept) > (SESSIONS_EACH if once else 1):
            del server.kept[0]

    def clear(self) -> None:
        """Forget them all."""
        self._servers.clear()


def _purpose(key: ConnectionKey, context: ssl_module.SSLContext) -> Hashable:
    """Return what a session is good for. A context may have been made stricter since, and resuming verifies nothing."""
    return key, context, context.verify_mode, context.check_hostname, context.verify_flags


async def secured(
    runtime: Runtime, stream: ByteStream, key: ConnectionKey, deadline: float, sessions: TLSSessions | None = None
) -> ByteStream:
    """Return the stream to the server of `key` over TLS over `stream`, and without a deadline.

    A pinned server shows its certificate each time: its sessions are not resumed. Raises TLSFailed, StreamTimeout at
    `deadline`, ServerFingerprintMismatch; `stream` is aborted then.
    """
    context, name = context_for(key.ssl), certificate_name(key.server_hostname or key.host)
    if isinstance(key.ssl, Fingerprint):
        sessions = None
    purpose = _purpose(key, context) if sessions is not None else None
    stream.read_deadline = stream.write_deadline = deadline
    try:
        secure = await start_tls_over(
            stream,
            context,
            server_side=False,
            server_hostname=name,
            now=runtime.now,
            in_thread=runtime.in_thread,
            session=None if sessions is None else sessions.take(purpose),
        )
    except ValueError as error:
        raise TLSFailed(f"{shortened(name)!r} cannot be asked for as a server's name: {error}") from error
    try:
        _check_server(secure, key)
    except BaseException:
        secure.abort()
        raise
    secure.read_deadline = secure.write_deadline = math.inf
    if sessions is not None and sessions.wants(purpose, runtime.now()):
        once = secure.extra_info("ssl_object").version() == "TLSv1.3"
        secure.on_session = functools.partial(sessions.keep, purpose, once)
    return secure


def _check_server(stream: TLSStream, key: ConnectionKey) -> None:
    """Raise ServerFingerprintMismatch unless the server has the pinned certificate, TLSFailed if it talks not HTTP/1.1.

    Nothing of a request has been sent yet.
    """
    ssl_object = stream.extra_info("ssl_object")
    if isinstance(key.ssl, Fingerprint):
        try:
            key.ssl.verify(ssl_object.getpeercert(binary_form=True), key.host, key.port)
        except ServerFingerprintMismatch as error:
            error.phase = "tls"
            raise
    protocol = ssl_object.selected_alpn_protocol()
    if protocol not in SPOKEN:
        raise TLSFailed(
            f"the server wants to speak {protocol!r}, which the SSLContext offers: "
            'context.set_alpn_protocols(["http/1.1"]) offers what drywire speaks'
        )


def tls_error(shown: ConnectionKey, error: TLSFailed) -> ClientSSLError:
    """Return the error for a handshake that failed, with advice; `shown` has the host and port that it was with."""
    cause = error.__cause__
    if isinstance(cause, ssl_module.CertificateError):
        refused = ClientConnectorCertificateError(shown, cause)
        refused.advice = _certificate_advice(cause, error.certificate or {})
        return refused
    failed = ClientConnectorSSLError(shown, cause if isinstance(cause, ssl_module.SSLError) else error)
    failed.advice = _handshake_advice(cause) if cause is not None else ""
    return failed


EXPIRED: Final = 10
NOT_YET_VALID: Final = 9
WRONG_NAMES: Final = frozenset({62, 63, 64})
SELF_SIGNED: Final = 18
UNKNOWN_ISSUERS: Final = frozenset({2, 18, 19, 20, 21})


def _certificate_advice(cause: ssl_module.CertificateError, certificate: dict[str, Any]) -> str:
    code = getattr(cause, "verify_code", None)
    if code == EXPIRED:
        return f"its time was over at {certificate.get('notAfter', 'an unknown time')}: the server needs a new one"
    if code == NOT_YET_VALID:
        return f"it is valid from {certificate.get('notBefore', 'an unknown time')} on: is the clock here right?"
    if code in WRONG_NAMES:
        names = ", ".join(value for _, value in certificate.get("subjectAltName", ())) or "no name"
        return (
            f"it is for {_shown(names)}: "
            "if that is the server that is meant, ask for it by such a name, or give it as server_hostname"
        )
    if code in UNKNOWN_ISSUERS:
        issuer = "signed by itself" if code == SELF_SIGNED else f"issued by {_issuer(certificate)}"
        return (
            f"it is {issuer}, which is not trusted here: give ssl=SSLContext with that authority "
            "(ssl.create_default_context(cafile=...)), or pin the certificate by ssl=Fingerprint(...); "
            "ssl=False, which believes anybody, is for tests"
        )
    return "ssl=SSLContext says whom to trust; ssl=False, which believes anybody, is for tests"


def _issuer(certificate: dict[str, Any]) -> str:
    names = [value for part in certificate.get("issuer", ()) for _, value in part]
    return f"'{_shown(', '.join(names))}'" if names else "an authority"


def _shown(text: str) -> str:
    """Return what an unknown peer says of itself as it may stand in a log: a line of ASCII, and not a long one."""
    return ascii(shortened(text, 200))[1:-1]


ADVICE: Final = {
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS: is it the right port, or meant to be http://?",
    "HTTP_REQUEST": "what answers there does not speak TLS: is it the right port, or meant to be http://?",
    "UNSUPPORTED_PROTOCOL": "there is no version of TLS that both sides allow: see SSLContext.minimum_version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "there is no version of TLS that both sides allow: see SSLContext.maximum_version",
    "NO_PROTOCOLS_AVAILABLE": "the SSLContext allows no version of TLS: see its minimum_version and maximum_version",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the server found no cipher that both sides allow (SSLContext.set_ciphers), "
        "or wants a certificate of the client's (SSLContext.load_cert_chain)"
    ),
    "TLSV1_UNRECOGNIZED_NAME": "the server does not know the name that it was asked for: see server_hostname",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not trust the client's certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses the client's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server refuses the client's certificate, whose time is over",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server refuses the client's certificate",
    "DH_KEY_TOO_SMALL": "the server's keys are weaker than the SSLContext allows: see SSLContext.set_ciphers",
}


def _handshake_advice(cause: BaseException) -> str:
    reason = getattr(cause, "reason", None)
    if isinstance(cause, ssl_module.SSLEOFError) or not isinstance(cause, ssl_module.SSLError):
        return "the server hung up in the handshake: does it speak TLS on that port, and know the name asked for?"
    return ADVICE.get(reason or "", "")
