"""Which host and which path a cookie belongs to (RFC 6265, 5.1.3 and 5.1.4).

Hosts are in lower case and in ASCII, as a URL has them; an IPv6 address stands without its brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["MAX_HOST", "default_path", "domain_matches", "domains_of", "is_address", "is_loopback", "path_matches"]

MAX_HOST: Final = 254
"""Characters of a host name, its last dot included (RFC 1035, 2.3.4). A longer one has no domain but itself."""

# A last label of digits makes a host an IPv4 address for browsers ("127.1", "0x7f.1"), whether it is one or not.
_NUMBER: Final = re.compile(r"[0-9]++|0x[0-9a-f]*+")


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address, or could be taken for one: addresses have no parent domains."""
    if ":" in host:
        return True
    label = host.removesuffix(".").rpartition(".")[2]
    return label[:1].isdigit() and _NUMBER.fullmatch(label) is not None


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine by its very name: localhost, below it, 127.0.0.0/8 or ::1."""
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and is_address(host)


def domain_matches(host: str, domain: str) -> bool:
    """Return whether `host` is `domain` or lies below it (RFC 6265, 5.1.3). Nothing lies below an address."""
    if host == domain:
        return True
    return domain != "" and host.endswith(domain) and host[-len(domain) - 1] == "." and not is_address(host)


def domains_of(host: str) -> Iterator[str]:
    """Return the domains whose cookies `host` may see: itself first, then those it lies below."""
    yield host
    if len(host) > MAX_HOST or is_address(host):
        return
    dot = host.find(".")
    while 0 <= dot < len(host) - 1:
        yield host[dot + 1 :]
        dot = host.find(".", dot + 1)


def path_matches(path: str, cookie_path: str) -> bool:
    """Return whether a request for `path` lies at or below `cookie_path` (RFC 6265, 5.1.4)."""
    if not path.startswith(cookie_path):
        return False
    return len(path) == len(cookie_path) or cookie_path[-1:] == "/" or path[len(cookie_path)] == "/"


def default_path(path: str) -> str:
    """Return the path of a cookie that names none, set by a response to a request for `path`."""
    if not path.startswith("/"):
        return "/"
    return path[: path.rfind("/")] or "/"
