"""`TCPConnector`: connections over TCP, with TLS and through proxies."""

from __future__ import annotations

import math
import socket
import ssl as ssl_module
from collections.abc import Collection
from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import ByteStream
from drywire_transports.dialling import local_socket_address
from drywire_transports.runtime import AddrInfoType, DialOptions, SocketFactoryType

from .address_policy import AddressPolicy
from .connecting import Wanted, check_ssl, open_stream
from .connector import BaseConnector
from .fingerprint import Fingerprint
from .legacy import deprecated, merged_ssl
from .name_cache import NameCache
from .options import UNSET, Unset
from .resolver import AbstractResolver
from .tls_settings import TLSSessions

__all__ = ["AddrInfoType", "SocketFactoryType", "TCPConnector"]

FAMILIES: Final = (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6)


class TCPConnector(BaseConnector):
    """A pool of TCP connections, with TLS where a URL says https or wss.

    TLS: `ssl` is the default for requests. True verifies, False encrypts without verifying, an `ssl.SSLContext` is used
    as it is, a `Fingerprint` is that of the server's certificate.

    Names: `resolver` is asked for addresses (the system's by default, closed with the connector; one that is given is
    not). If `use_dns_cache`, they are kept `ttl_dns_cache` seconds (10; None for good), of at most `dns_cache_max_size`
    hosts (1000). `family` is ``socket.AF_INET`` or ``socket.AF_INET6`` to use such addresses only.

    Dialling: while an address does not answer, the next one is tried beside it after `happy_eyeballs_delay` seconds
    (0.25, RFC 8305, 5; None: only once it has failed). `interleave` of the first family are tried before one of the
    other (1; where `happy_eyeballs_delay` is None, 0: in the order of the resolver). `local_addr` is an IP address and
    a port (0 for any) of this machine to connect from; only addresses of its family are tried. `socket_factory` makes
    the sockets: it is called with an address as `socket.getaddrinfo` gives it, in the event loop, and its OSError is
    that of the address. `address_policy` sees each address just before it is dialled, and may forbid it, see
    `AddressPolicy`: AddressForbiddenError is raised where it forbids all of a host.

    The others are those of `BaseConnector`. Old names work, and warn: `verify_ssl`, `ssl_context` and `fingerprint` for
    `ssl`; `ssl_shutdown_timeout` has no effect, no connection is kept open to say goodbye.

    Raises TypeError for `ssl` of another type, ValueError for `ssl` beside one of its old names, and for delays,
    counts, families and local addresses that are none.
    """

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"tcp"}

    def __init__(
        self,
        *,
        verify_ssl: bool = True,
        fingerprint: bytes | None = None,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        dns_cache_max_size: int = 1000,
        family: int = socket.AF_UNSPEC,
        ssl_context: ssl_module.SSLContext | None = None,
        ssl: bool | Fingerprint | ssl_module.SSLContext = True,
        local_addr: tuple[str, int] | None = None,
        resolver: AbstractResolver | None = None,
        keepalive_timeout: float | Unset | None = UNSET,
        force_close: bool = False,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        enable_cleanup_closed: bool = False,
        loop: object = None,
        timeout_ceil_threshold: float = 5,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl_shutdown_timeout: float | Unset | None = UNSET,
        address_policy: AddressPolicy | None = None,
        limits: http1.Limits | None = None,
        quirks: Collection[http1.Quirk] = (),
    ) -> None:
        super().__init__(
            keepalive_timeout=keepalive_timeout,
            force_close=force_close,
            limit=limit,
            limit_per_host=limit_per_host,
            enable_cleanup_closed=enable_cleanup_closed,
            loop=loop,
            timeout_ceil_threshold=timeout_ceil_threshold,
            limits=limits,
            quirks=quirks,
        )
        self._ssl = _ssl_setting(ssl, verify_ssl, ssl_context, fingerprint)
        self._dialling = _dial_options(happy_eyeballs_delay, interleave, family, local_addr, socket_factory)
        self._names = NameCache(use_dns_cache, ttl_dns_cache, resolver=resolver, family=family, most=dns_cache_max_size)
        self._use_dns_cache = use_dns_cache
        self._policy = _checked_policy(address_policy)
        self._sessions = TLSSessions()
        if not isinstance(ssl_shutdown_timeout, Unset):
            deprecated("ssl_shutdown_timeout has no effect: no connection is kept open to say goodbye")

    @property
    def family(self) -> int:
        """The family of addresses that are used, ``socket.AF_UNSPEC`` for each."""
        return self._dialling.family

    @property
    def use_dns_cache(self) -> bool:
        """Whether addresses are kept for a while."""
        return self._use_dns_cache

    def clear_dns_cache(self, host: str | None = None, port: int | None = None) -> None:
        """Forget the addresses of `host` at `port`, or all. Raises ValueError where only one of the two is given."""
        self._names.clear(host, port)

    async def _open(self, wanted: Wanted) -> ByteStream:
        return await open_stream(wanted, self._names, self._dialling, self._policy, self._sessions)

    def _close(self) -> None:
        super()._close()
        self._names.close()
        self._sessions.clear()

    async def _wait_closed(self) -> None:
        await super()._wait_closed()
        await self._names.close_resolver()


def _ssl_setting(
    ssl: Any, verify_ssl: bool, ssl_context: ssl_module.SSLContext | None, fingerprint: bytes | None
) -> Any:
    # ssl=None and verify_ssl=True were defaults of old: they say nothing.
    merged = merged_ssl(True if ssl is None else ssl, False if verify_ssl is False else None, ssl_context, fingerprint)
    check_ssl(merged)
    return merged


def _dial_options(
    delay: float | None,
    interleave: int | None,
    family: int,
    local_addr: tuple[str, int] | None,
    socket_factory: SocketFactoryType | None,
) -> DialOptions:
    if delay is not None and not delay >= 0:
        raise ValueError(f"happy_eyeballs_delay must be None or at least 0 seconds, not {delay!r}")
    if interleave is not None and interleave < 0:
        raise ValueError(f"interleave must be None or a count of addresses, not {interleave!r}")
    if family not in FAMILIES:
        raise ValueError(f"family must be socket.AF_INET, socket.AF_INET6 or 0, not {family!r}")
    if socket_factory is not None and not callable(socket_factory):
        raise TypeError(f"socket_factory must be a function, not {type(socket_factory).__name__}")
    if local_addr is not None:
        local_addr = (local_addr[0], local_addr[1])
        local_socket_address(local_addr)
    return DialOptions(
        stagger=math.inf if delay is None else delay,
        first_family_count=interleave if interleave is not None else 0 if delay is None else 1,
        family=socket.AddressFamily(family),
        local_address=local_addr,
        make_socket=socket_factory,
    )


def _checked_policy(policy: AddressPolicy | None) -> AddressPolicy | None:
    if policy is not None and not callable(policy):
        raise TypeError(f"address_policy must be a function of an AddressToDial, not {type(policy).__name__}")
    return policy
