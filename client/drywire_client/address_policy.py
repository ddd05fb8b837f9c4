"""Which addresses a connector may dial: `address_policy` sees each one just before a packet would go there.

    async with ClientSession(connector=TCPConnector(address_policy=public_addresses_only)) as session:
        await session.get(url_from_a_stranger)

A policy is asked for every connection that is opened: of each redirect, each retry and each address of a host, after
names are resolved. So no name, no redirect and no change of the name's address (DNS rebinding) leads around it. A
connection that is kept has been asked for when it was opened, and no other connector shares it.

A proxy dials by itself, where nobody here can look: asked is for the address of the proxy, with `is_proxy`, and for
the server's where it stands in the URL or is resolved here, but not for a name that the proxy resolves.
"""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple

from drywire_transports import Address

from .errors import shortened

__all__ = ["AddressPolicy", "AddressToDial", "Forbidden", "admission", "is_public", "public_addresses_only"]


class AddressToDial(NamedTuple):
    """An address that is about to be connected to."""

    host: str
    """The host as it was asked for: the name, or the address itself."""
    ip: IPv4Address | IPv6Address
    port: int
    family: int
    """``socket.AF_INET`` or ``socket.AF_INET6``."""
    is_proxy: bool
    """Whether it is the address of a proxy, not that of the server."""


AddressPolicy = Callable[[AddressToDial], bool | None]
"""Says whether an address may be dialled: True or None lets it be; False, or whatever it raises, forbids it.

It is called in the event loop, so it must not block, and is no coroutine function. Anything else that it returns
forbids the address too.
"""


class Forbidden(PermissionError):
    """What an attempt at an address ends with that the policy forbids. Nothing was sent."""


def admission(policy: AddressPolicy, host: str, is_proxy: bool = False) -> Callable[[Address], None]:
    """Return what raises Forbidden for each address of `host` that `policy` does not let be dialled."""

    def admit(address: Address) -> None:
        found, port = str(address.sockaddr[0]), int(address.sockaddr[1])
        forbids = f"address_policy ({_name_of(policy)}) forbids {shortened(found, 100)} port {port}"
        try:
            ip = ip_address(found)
            verdict: Any = policy(AddressToDial(host, ip, port, address.family, is_proxy))
        except Exception as error:
            why = f": {shortened(error)}" if str(error) else ""
            raise Forbidden(errno.EACCES, forbids + why) from error
        if verdict is None or verdict is True:
            return
        if inspect.iscoroutine(verdict):
            verdict.close()
        if verdict is not False:
            forbids += f": it returned {type(verdict).__name__} in place of True, False or None"
        raise Forbidden(errno.EACCES, forbids)

    return admit


def _name_of(policy: AddressPolicy) -> str:
    return str(getattr(policy, "__name__", type(policy).__name__))


# Public addresses: what IANA's registries of special-purpose addresses (RFC 6890) leave. Not by `ipaddress.is_global`,
# whose answers have changed between releases of Python.

_NOT_PUBLIC_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind carrier-grade NAT
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # the host of a virtual machine at Azure, which believes its guest
            "169.254.0.0/16",  # link-local, and most clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, Teredo among them, which hides two IPv4 addresses
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Return whether `ip` is an address of the public internet.

    Not: loopback, private, link-local, multicast, unspecified and reserved addresses, those behind carrier-grade NAT
    (100.64.0.0/10), those of documents and benchmarks; and IPv6 addresses that lead to such an IPv4 address: mapped
    ones, those of NAT64 by its well-known prefix, and of 6to4. Addresses of Teredo are none at all. A network's own
    prefix for NAT64 cannot be told from other addresses.
    """
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if ip in _MAPPED or ip in _NAT64:
        return is_public(IPv4Address(int(ip) & 0xFFFF_FFFF))
    if ip in _6TO4:
        return is_public(IPv4Address(int(ip) >> 80 & 0xFFFF_FFFF))
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _NOT_PUBLIC_6)


def public_addresses_only(address: AddressToDial) -> bool:
    """An `address_policy` that lets only addresses of the public internet be dialled: see `is_public`.

    It holds for proxies, too. To let some through write a policy around it::

        def policy(address: AddressToDial) -> bool:
            return address.is_proxy or address.host == "intranet.example" or public_addresses_only(address)
    """
    return is_public(address.ip)
