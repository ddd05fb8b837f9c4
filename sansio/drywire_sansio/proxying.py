"""What a request through an HTTP proxy looks like, and which proxy an environment names for a URL.

Plain http goes to the proxy in the absolute form of the target (RFC 9112, 3.2.2); everything else through a tunnel that
CONNECT asks for (RFC 9110, 9.3.6).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from .fields import FieldLines

__all__ = [
    "FOR_ONE_HOP",
    "absolute_form",
    "authority_form",
    "connect_fields",
    "environment_proxy",
    "fields_for_proxy",
    "fields_through_tunnel",
    "is_exempt",
    "variables_for",
]

Pair = tuple[bytes, bytes]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FOR_ONE_HOP: Final = frozenset({"content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"})
"""Lower-case names that nobody may add for a proxy: they say what the request is and where it goes."""

# A WebSocket goes where http and https URLs go, unless it has a variable of its own.
_VARIABLES: Final = {
    "http": ("http", "all"),
    "https": ("https", "all"),
    "ws": ("ws", "http", "all"),
    "wss": ("wss", "https", "all"),
}


# Requests


def absolute_form(scheme: str, authority: str, target: bytes) -> bytes:
    """Return `target`, a path with its query, as the target of a request to a proxy (RFC 9112, 3.2.2)."""
    return b"%b://%b%b" % (scheme.encode("ascii"), authority.encode("ascii"), target)


def authority_form(host: str, port: int) -> bytes:
    """Return the target of CONNECT (RFC 9112, 3.2.3); `host` is an IPv6 address without brackets, too."""
    return f"[{host}]:{port}".encode("ascii") if ":" in host else f"{host}:{port}".encode("ascii")


def connect_fields(
    authority: bytes, authorization: str | None, fields: Iterable[Pair], user_agent: bytes
) -> list[Pair]:
    """Return the fields of a CONNECT request for `authority`: those for the proxy, and the login at it.

    `authorization` is sent in place of a Proxy-Authorization among `fields`.
    """
    added = _with_login(fields, authorization)
    if not any(name.lower() == b"user-agent" for name, _ in added):
        added.append((b"User-Agent", user_agent))
    return [(b"Host", authority), *added]


def fields_for_proxy(fields: FieldLines, authorization: str | None, added: Iterable[Pair]) -> FieldLines:
    """Return `fields` of a request in absolute form with those `added` for the proxy, and the login at it.

    What is added stands in place of fields of the same name. Raises LocalProtocolError.
    """
    pairs = _with_login(added, authorization)
    if not pairs:
        return fields
    names = {name.lower() for name, _ in pairs}
    kept = _without(fields, names)
    # What stands there twice has to be looked at once more: it may be something that can be said once only.
    return kept.plus(pairs) if len(names) == len(pairs) else FieldLines([*kept, *pairs])


def fields_through_tunnel(fields: FieldLines) -> FieldLines:
    """Return `fields` of a request through a tunnel: without a login at the proxy, which is not the server's."""
    return _without(fields, {b"proxy-authorization"})


def _with_login(fields: Iterable[Pair], authorization: str | None) -> list[Pair]:
    if authorization is None:
        return list(fields)
    pairs = [(name, value) for name, value in fields if name.lower() != b"proxy-authorization"]
    pairs.append((b"Proxy-Authorization", authorization.encode("utf-8")))
    return pairs


def _without(fields: FieldLines, names: set[bytes]) -> FieldLines:
    lines = b"\n" + fields.raw.lower()
    if not any(b"\n%b:" % name in lines for name in names):
        return fields
    return FieldLines([(name, value) for name, value in fields if name.lower() not in names])


# The environment


def variables_for(scheme: str) -> tuple[str, ...]:
    """Return the schemes whose proxies are asked for a URL of `scheme`, in order; the last is ``"all"``."""
    return _VARIABLES.get(scheme, ("all",))


def environment_proxy(environ: Mapping[str, str], scheme: str, host: str, port: int) -> str | None:
    """Return the proxy that `environ` names for a URL of `scheme` (http, https, ws or wss), None for none.

    It is named by ``http_proxy``, ``https_proxy``, ``ws_proxy``, ``wss_proxy`` or ``all_proxy``, unless ``no_proxy``
    exempts the host; each in small letters or else in capitals. ``HTTP_PROXY`` does not count where ``REQUEST_METHOD``
    is set: in a CGI script it is what a client says in a field named Proxy (CVE-2016-5385). A value without a scheme is
    an HTTP proxy.
    """
    for name in variables_for(scheme):
        proxy = _variable(environ, f"{name}_proxy")
        if proxy:
            exempt = is_exempt(_variable(environ, "no_proxy"), host, port)
            return None if exempt else proxy if "://" in proxy else f"http://{proxy}"
    return None


def _variable(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if value is None and not (name == "http_proxy" and "REQUEST_METHOD" in environ):
        value = environ.get(name.upper())
    return (value or "").strip(" \t\r\n")


_SEPARATORS: Final = re.compile(r"[, \t\r\n]++")
_HOST_AND_PORT: Final = re.compile(r"(\[[^\]]*+\]|[^:]*+):([0-9]{1,5})")


def is_exempt(no_proxy: str, host: str, port: int) -> bool:
    """Return whether `no_proxy` exempts `host` (ASCII, an IPv6 address without brackets) at `port`.

    It lists, with commas or spaces between, names (which stand for their subdomains too, with or without ``.`` or
    ``*.`` before them), IP addresses, networks (``10.0.0.0/8``), each with or without a ``:port``; ``*`` is any host.
    """
    host = _lower(host.strip("[]"))
    host = host.removesuffix(".")
    addresses = _addresses(host)
    return any(
        (rule_port is None or rule_port == port) and _matches(rule, host, addresses)
        for rule, rule_port in _rules(no_proxy)
    )


def _matches(rule: str | Network, host: str, addresses: Sequence[Address]) -> bool:
    if not isinstance(rule, str):
        return any(address in rule for address in addresses)
    return rule == "*" or host == rule or (not addresses and host.endswith(f".{rule}"))


@lru_cache(16)
def _rules(no_proxy: str) -> Sequence[tuple[str | Network, int | None]]:
    """Return each rule with its port."""
    rules: list[tuple[str | Network, int | None]] = []
    for entry in _SEPARATORS.split(no_proxy):
        found = _HOST_AND_PORT.fullmatch(entry)
        text, port = (found[1], int(found[2])) if found else (entry, None)
        rule = _rule(text)
        if rule is not None:
            rules.append((rule, port))
    return tuple(rules)


def _rule(text: str) -> str | Network | None:
    """Return a network, or a name in lower case; None for what is neither."""
    if not text.isascii():
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    text = _lower(text.strip("[]"))
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text if text == "*" else text.removeprefix("*").removeprefix(".").removesuffix(".") or None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def _addresses(host: str) -> Sequence[Address]:
    """Return `host` as an address, and behind it an IPv4 one that it spells in IPv6; none for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (address,) if mapped is None else (address, mapped)


def _lower(text: str) -> str:
    return text.encode("ascii", "replace").lower().decode("ascii")
