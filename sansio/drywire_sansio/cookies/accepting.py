"""What becomes of a cookie that a server sets: a `Cookie` for the jar, or nothing (RFC 6265bis, 5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple, TypeVar

from .expiry import deadline
from .matching import default_path, domain_matches, is_address, is_loopback
from .parsing import octets
from .suffixes import IsPublicSuffix, top_level

__all__ = ["NOWHERE", "Cookie", "Origin", "accept", "cookie_domain", "keeps_its_prefix"]


class Origin(NamedTuple):
    """Who answers, or who is asked: a request's URL as far as cookies are concerned."""

    host: str
    """In lower case, in ASCII, an IPv6 address without brackets; empty for a cookie that is shared by all hosts."""
    path: str
    """As it is on the wire, escapes and all; without the query."""
    secure: bool
    """Whether nobody can have looked or written in between: https, wss, or what the user says is as good."""


NOWHERE: Final = Origin("", "/", True)
"""The origin of cookies that the program itself sets for every host."""


@dataclass(slots=True, eq=False)
class Cookie:
    """A cookie as it is kept (RFC 6265, 5.3). `domain`, `path` and `name` together say which one it is."""

    name: str
    value: str
    """As it goes on the wire."""
    domain: str = ""
    """In lower case, no dot in front; empty for every host."""
    path: str = "/"
    host_only: bool = False
    """Whether it goes to `domain` only, and to nothing below."""
    secure: bool = False
    """Whether it goes to secure origins only."""
    expires: float = inf
    """When it ends, in seconds since the epoch; `inf` for one that ends with the session."""
    created: int = 0
    """Its place among all cookies of the jar; the jar writes it, and `used`."""
    used: int = 0
    """When it was last stored or sent, counted in uses of the jar."""
    size: int = 0
    """Bytes of ``name=value``; the jar writes it."""

    def measure(self) -> None:
        """Set `size`."""
        self.size = len(self.name) + 1 + octets(self.value)


C = TypeVar("C", bound=Cookie)


def cookie_domain(attribute: str, host: str, is_public_suffix: IsPublicSuffix) -> tuple[str, bool] | None:
    """Return the domain of a cookie of `host` with the Domain `attribute`, and whether it is for the host only.

    None where the host must not set it: for a domain that it does not lie in, or that is a public suffix. A dot in
    front counts for nothing; a domain with one behind is none (and the cookie for the host only), as is an empty one.
    A host that is a public suffix itself keeps the cookie to itself. Without a host, all is taken as it is.
    """
    if not attribute.isascii():
        return None
    domain = attribute.lower().removeprefix(".")
    if not domain or domain.endswith("."):
        return host, host != ""
    if not host:
        return domain, False
    if not domain_matches(host, domain):
        return None
    if not is_address(host) and is_public_suffix(domain):
        return (host, True) if domain == host else None
    return domain, False


def keeps_its_prefix(cookie: Cookie, path_given: bool) -> bool:
    """Return whether `cookie` is what the prefix of its name promises (RFC 6265bis, 4.1.3), in any case of letters.

    ``__Secure-``: has Secure. ``__Host-``: has Secure too, names no domain, and names the path ``/``.
    """
    name = cookie.name[:9].lower()  # names are ASCII
    if name == "__secure-":
        return cookie.secure
    if name.startswith("__host-"):
        return cookie.secure and (cookie.host_only or not cookie.domain) and path_given and cookie.path == "/"
    return True


def accept(
    cookie: C, attributes: Mapping[str, str], origin: Origin, now: float, is_public_suffix: IsPublicSuffix = top_level
) -> C | None:
    """Return `cookie`, which has name and value, as `origin` sets it at `now`; None where it must not.

    `attributes` are those of a `SetCookie`; `now` is in seconds since the epoch. Refused are: a Domain that is foreign
    or a public suffix, what its name's prefix forbids, and Secure from an origin that is not. This machine by its
    loopback names may set Secure cookies over plain HTTP, as in browsers, so that servers can be tried out.
    """
    found = cookie_domain(attributes.get("domain", ""), origin.host, is_public_suffix)
    if found is None:
        return None
    cookie.domain, cookie.host_only = found
    path = attributes.get("path", "")
    path_given = path.startswith("/")
    cookie.path = path if path_given else default_path(origin.path)
    cookie.expires = deadline(attributes, now)
    cookie.secure = "secure" in attributes
    if cookie.secure and not origin.secure and not is_loopback(origin.host):
        return None
    return cookie if keeps_its_prefix(cookie, path_given) else None
