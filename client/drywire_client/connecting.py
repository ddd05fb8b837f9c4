"""Opening one connection: its address, TCP, the proxy on the way, TLS, and the certificate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from yarl import URL

from drywire_sansio.address_order import interleave_families
from drywire_transports import (
    Address,
    ByteStream,
    ConnectFailed,
    NameNotResolved,
    Runtime,
    StreamTimeout,
    TLSFailed,
    TransportError,
)
from drywire_transports.dialling import literal_address, target_name
from drywire_transports.errors import ConnectTimedOut, reasons_of
from drywire_transports.runtime import DEFAULT_DIALLING, DialOptions, Undertaking

from .address_policy import AddressPolicy, Forbidden, admission
from .connections import ConnectionKey
from .errors import (
    AddressForbiddenError,
    ClientConnectionError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientProxyConnectionError,
    ConnectAttempt,
    ConnectionTimeoutError,
    Phase,
    RequestProgress,
    SocketTimeoutError,
    TotalTimeoutError,
    UnixClientConnectorError,
)
from .name_cache import NameCache
from .proxies import ProxyRoute
from .timeouts import Deadlines
from .tls_settings import TLSSessions, check_ssl, context_for_proxy, secured, tls_error
from .tracing import Trace
from .tunnels import open_tunnel, tls_to_proxy, tunnel_by_addresses

__all__ = ["Wanted", "check_ssl", "in_phase", "open_local_stream", "open_stream"]


class Wanted(NamedTuple):
    """A connection to be opened."""

    runtime: Runtime
    key: ConnectionKey
    deadlines: Deadlines
    traces: Sequence[Trace]
    undertaking: Undertaking
    """Ends with the connector."""


async def open_stream(
    wanted: Wanted,
    names: NameCache,
    options: DialOptions = DEFAULT_DIALLING,
    policy: AddressPolicy | None = None,
    sessions: TLSSessions | None = None,
) -> ByteStream:
    """Return a stream to what is `wanted`, dialled by `options` where `policy` lets it be.

    TLS resumes one of `sessions` where it can, and adds its own.

    Raises ClientConnectorError and its kind, ConnectionTimeoutError, TimeoutError, ClientConnectionError once the
    undertaking is ended.
    """
    return await _opened(_Opening(wanted, names, options, policy, sessions))


async def open_local_stream(wanted: Wanted, connect: Callable[[float], Awaitable[ByteStream]]) -> ByteStream:
    """Return a stream to what is `wanted` over what `connect` opens on this machine until the time that it is given.

    Raises as `open_stream` does.
    """
    return await _opened(_LocalOpening(wanted, connect))


async def _opened(opening: _Opening) -> ByteStream:
    """Return the stream that `opening` comes to. Raises the client's own errors."""
    try:
        return await opening.run()
    except TransportError as error:
        if opening.undertaking.ended:
            raise in_phase(opening.phase, ClientConnectionError("Connector is closed")) from error
        if isinstance(error, StreamTimeout):
            raise _too_late(opening, opening.deadlines, error) from error
        raise _not_opened(opening, error) from error
    finally:
        opening.undertaking.step(None)


class _Opening:
    """A connection that is being opened: at what step it is, and by which host and port errors name that."""

    def __init__(
        self,
        wanted: Wanted,
        names: NameCache | None,
        options: DialOptions = DEFAULT_DIALLING,
        policy: AddressPolicy | None = None,
        sessions: TLSSessions | None = None,
    ) -> None:
        self.runtime, self.key, self.deadlines, self.traces, self.undertaking = wanted
        self.deadline = self.deadlines.dial(self.runtime.now())
        self.names, self.options, self.policy, self.sessions = names, options, policy, sessions
        self.phase: Phase = "dns"
        self.host, self.port = self.key.next_hop

    async def run(self) -> ByteStream:
        """Return the stream. Raises TransportError."""
        key = self.key
        stream = await (self._dial("connect") if key.proxy is None else self._through(key.proxy))
        if key.is_ssl:
            self._come_to("tls", key.host, key.port)
            self.undertaking.step(stream.abort)
            stream = await secured(self.runtime, stream, key, self.deadline, self.sessions)
        return stream

    async def _dial(self, phase: Phase) -> ByteStream:
        """Return a stream to the next hop."""
        host, port = self.key.next_hop
        self._come_to("dns", host, port)
        addresses = await self._resolve(host, port)
        self.phase = phase
        try:
            stream = await self.runtime.connect_tcp(
                host,
                port,
                deadline=self.deadline,
                addresses=addresses,
                options=self.options,
                admit=None if self.policy is None else admission(self.policy, host, phase == "proxy"),
                undertaking=self.undertaking,
            )
        except (ConnectFailed, ConnectTimedOut):
            if self.names is not None:
                self.names.clear(host, port)  # the host may have moved: ask again next time
            raise
        self.undertaking.step(stream.abort)
        return stream

    async def _resolve(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`; an address is its own, and nobody is asked."""
        literal = literal_address(host, port)
        if literal is not None:
            return [literal]
        assert self.names is not None
        return await self.names.addresses(self.runtime, host, port, self.deadline, self.traces)

    def _admitted(self, addresses: Sequence[Address]) -> Sequence[Address]:
        """Return those of the server's `addresses` that a proxy may be told. Raises ConnectFailed for none of them."""
        if self.policy is None:
            return addresses
        admit, admitted, refusals = admission(self.policy, self.key.host), [], []
        for address in addresses:
            try:
                admit(address)
            except Forbidden as error:
                refusals.append(error)
            else:
                admitted.append(address)
        if addresses and not admitted:
            found = [address.sockaddr for address in addresses]
            raise ConnectFailed(target_name(self.key.host, self.key.port), refusals, found)
        return admitted

    async def _through(self, route: ProxyRoute) -> ByteStream:
        """Return a stream through the proxy."""
        key = self.key
        if route.resolves_here:
            self._come_to("dns", key.host, key.port)
            found = await self._resolve(key.host, key.port)
            self.phase = "connect"
            count = self.options.first_family_count
            ordered = interleave_families(self._admitted(found), lambda address: address.family, count)
            servers = [str(address.sockaddr[0]) for address in ordered]
            return await tunnel_by_addresses(
                lambda: self._dial("proxy"), route, _url_of(key), servers, key.limits, self.deadline
            )
        literal = literal_address(key.host, key.port)
        if literal is not None:
            self._come_to("connect", key.host, key.port)
            self._admitted([literal])
        stream = await self._dial("proxy")
        stream = await tls_to_proxy(stream, route, context_for_proxy(key.ssl), self.deadline)
        self.undertaking.step(stream.abort)
        if route.tunnel:
            await open_tunnel(stream, route, _url_of(key), key.limits, self.deadline)
        return stream

    def _come_to(self, phase: Phase, host: str, port: int) -> None:
        self.phase, self.host, self.port = phase, host, port


class _LocalOpening(_Opening):
    """A connection that is being opened within this machine, where nothing is resolved."""

    def __init__(self, wanted: Wanted, connect: Callable[[float], Awaitable[ByteStream]]) -> None:
        super().__init__(wanted, None)
        self._connect = connect

    async def _dial(self, phase: Phase) -> ByteStream:
        self.phase = phase
        return await self._connect(self.deadline)


E = TypeVar("E", bound=RequestProgress)


def in_phase(phase: Phase, error: E) -> E:
    """Return `error`, which says from now on that it happened in `phase`."""
    error.phase = phase
    return error


def _url_of(key: ConnectionKey) -> URL:
    return URL.build(scheme="https" if key.is_ssl else "http", host=key.host, port=key.port)


def _too_late(
    opening: _Opening, deadlines: Deadlines, error: StreamTimeout
) -> TotalTimeoutError | ConnectionTimeoutError | SocketTimeoutError:
    """Return the error for a connection that was not open in time."""
    late = in_phase(opening.phase, deadlines.blame(opening.runtime.now(), "connect"))
    if isinstance(late, ConnectionTimeoutError):
        late.host, late.port = opening.host, opening.port
        if isinstance(error, ConnectTimedOut):
            failed = [error.attempts.get(index) for index in range(len(error.addresses))]
            late.attempts = _attempts(error.addresses, failed)
    return late


def _not_opened(opening: _Opening, error: TransportError) -> ClientConnectionError:
    """Return why there is no connection, as the client's own error."""
    key, phase = opening.key, opening.phase
    shown = key._replace(host=opening.host, port=opening.port)
    if isinstance(error, NameNotResolved):
        return in_phase("dns", ClientConnectorDNSError(shown, _os_error(error)))
    if isinstance(error, TLSFailed):
        return in_phase(phase, tls_error(shown, error))
    if phase == "dns":  # the names were closed, and with them the connector
        return in_phase(phase, ClientConnectionError("Connector is closed"))
    failed = in_phase(phase, _connector_error(key, shown, phase, error))
    if isinstance(error, ConnectFailed):
        failed.attempts = _attempts(error.addresses, error.attempts)
    return failed


def _connector_error(
    key: ConnectionKey, shown: ConnectionKey, phase: Phase, error: TransportError
) -> ClientConnectorError:
    reason = _os_error(error)
    if (
        isinstance(error, ConnectFailed)
        and error.attempts
        and all(isinstance(one, Forbidden) for one in error.attempts)
    ):
        return AddressForbiddenError(shown, reason)
    if phase == "proxy":
        refused = ClientProxyConnectionError(shown, reason)
        refused.target = f"{key.host}:{key.port}"
        return refused
    return (
        ClientConnectorError(shown, reason)
        if key.unix_path is None
        else UnixClientConnectorError(key.unix_path, key, reason)
    )


def _attempts(addresses: Sequence[Any], errors: Sequence[OSError | None]) -> tuple[ConnectAttempt, ...]:
    """Return what was tried; `addresses` are as sockets have them."""
    pairs = [(one, 0) if isinstance(one, str) else one for one in addresses]
    return tuple(ConnectAttempt(str(one[0]), one[1], error) for one, error in zip(pairs, errors, strict=False))


def _os_error(error: TransportError) -> OSError:
    """Return what the operating system said; of several attempts each, under the number of the last."""
    if not isinstance(error, ConnectFailed):
        return error if isinstance(error, OSError) else OSError(str(error))
    if len(error.attempts) == 1:
        return error.attempts[0]
    why = reasons_of(error.attempts) or error.strerror
    return OSError(why) if error.errno is None else OSError(error.errno, why)
