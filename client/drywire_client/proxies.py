"""Which proxy a request goes through, and what it says to it.

A proxy of a kind that is not known is refused as soon as it is named, so that no request ever goes around it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.auth.basic import decode_basic
from drywire_sansio.proxying import (
    FOR_ONE_HOP,
    absolute_form,
    authority_form,
    connect_fields,
    environment_proxy,
    fields_for_proxy,
    fields_through_tunnel,
    variables_for,
)
from drywire_sansio.socks import require_socksio
from drywire_transports.message_fields import LooseHeaders, map_to_fields, to_multidict

from .auth import url_without_login
from .errors import InvalidURL
from .request_fields import SERVER_SOFTWARE

__all__ = [
    "NamedProxy",
    "ProxyRoute",
    "connect_request",
    "named_proxy",
    "proxies_by_scheme",
    "proxy_for_url",
    "proxy_headers_of",
    "proxy_of_environment",
    "route_through",
    "socks_login",
    "through_proxy",
]

_SCHEMES: Final = ("http", "https", "ws", "wss", "all")

ProxyScheme = Literal["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

_PORTS: Final[dict[str, int]] = {"http": 80, "https": 443} | dict.fromkeys(
    ("socks4", "socks4a", "socks5", "socks5h", "socks"), 1080
)
"""The kinds of proxies, with the port of each."""


class NamedProxy(NamedTuple):
    """A proxy, and the Proxy-Authorization field that its URL says."""

    url: URL
    """Without the login."""
    authorization: str | None


class ProxyRoute(NamedTuple):
    """How a connection goes through a proxy: a part of what a connection is."""

    host: str
    port: int
    authorization: str | None
    headers: tuple[tuple[str, str], ...]
    tunnel: bool
    """Whether by CONNECT, or by SOCKS."""
    scheme: ProxyScheme = "http"
    """What is spoken to it: HTTP, HTTP inside TLS, or SOCKS."""

    def __repr__(self) -> str:
        # without the login, which would come into logs
        return f"<{type(self).__name__} {self.url}{' CONNECT' if self.tunnel and not self.is_socks else ''}>"

    @property
    def url(self) -> str:
        """The proxy as a URL, without the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy."""
        return self.scheme.startswith("socks")

    @property
    def resolves_here(self) -> bool:
        """Whether this machine resolves the name of the server: so it is with SOCKS 4 and 5, not with 4a and 5h."""
        return self.scheme in ("socks4", "socks5")


# Naming a proxy


def named_proxy(proxy: Any, whose: str = "the proxy") -> NamedProxy:
    """Return what ``proxy=`` names; `whose` is what errors call it. ``socks://`` is SOCKS 5h, as in browsers.

    Raises TypeError for what is neither str nor URL, InvalidURL, a ValueError, for anything but a proxy, and
    RuntimeError for a SOCKS proxy where the package socksio is not installed.
    """
    if not isinstance(proxy, str | URL):
        raise TypeError(f"a proxy must be a str or yarl.URL, not {type(proxy).__name__}")
    try:
        url, authorization = url_without_login(URL(proxy))
    except ValueError:
        # No part of it is shown: it may be one of a password.
        raise InvalidURL(whose, "is not a valid URL; characters in its login must be percent-encoded") from None
    if url.scheme not in _PORTS:
        kind = f"a proxy of the scheme {url.scheme[:30]!r} is not supported" if url.host else "a proxy needs a scheme"
        raise InvalidURL(whose, f"{kind}: it is named as in http://proxy.example:3128, or by {', '.join(_PORTS)}")
    if not url.raw_host or url.port == 0:
        raise InvalidURL(whose, "has no host and port to connect to")
    if url.raw_path not in ("", "/") or url.raw_query_string or url.raw_fragment:
        raise InvalidURL(
            whose, "has more than scheme, login, host and port; characters in its login must be percent-encoded"
        )
    if url.scheme.startswith("socks"):
        require_socksio()
    return NamedProxy(url.with_scheme("socks5h") if url.scheme == "socks" else url, authorization)


def proxies_by_scheme(proxies: Mapping[str, Any] | None) -> dict[str, NamedProxy]:
    """Return proxies by the scheme of the URLs that go through them: http, https, ws, wss or all.

    A key may have ``://`` behind it; a proxy of None is none. Raises ValueError for another key, and what `named_proxy`
    does.
    """
    named: dict[str, NamedProxy] = {}
    for key, proxy in (proxies or {}).items():
        scheme = key.removesuffix("://")
        if scheme not in _SCHEMES:
            raise ValueError(f"proxies are given by the scheme of URLs ({', '.join(_SCHEMES)}), not for {key[:60]!r}")
        if proxy is not None:
            named[scheme] = named_proxy(proxy)
    return named


def proxy_headers_of(headers: LooseHeaders | None) -> CIMultiDict[str] | None:
    """Return header fields for a proxy.

    Raises ValueError for those that say what a request is, such as Host, and for what HTTP does not allow.
    """
    if headers is None:
        return None
    fields = to_multidict(headers)
    try:
        http1.FieldLines(map_to_fields(fields))
    except http1.LocalProtocolError as error:
        raise ValueError(f"proxy_headers cannot be sent: {error}") from error
    for name in fields:
        if name.lower() in FOR_ONE_HOP:
            raise ValueError(f"proxy_headers cannot have {name}, which belongs to the request itself")
    return fields


# Choosing one


def proxy_for_url(proxies: Mapping[str, NamedProxy], url: URL, websocket: bool) -> NamedProxy | None:
    """Return which of `proxies` is for `url`, None for none of them."""
    for name in variables_for(_scheme(url, websocket)):
        if name in proxies:
            return proxies[name]
    return None


def proxy_of_environment(url: URL, websocket: bool) -> NamedProxy | None:
    """Return the proxy that the process's environment names for `url`, None for none. Raises InvalidURL."""
    proxy = environment_proxy(os.environ, _scheme(url, websocket), url.raw_host or "", url.port or 80)
    return None if proxy is None else named_proxy(proxy, "the proxy that the environment names")


def _scheme(url: URL, websocket: bool) -> str:
    return {"http": "ws", "https": "wss"}.get(url.scheme, url.scheme) if websocket else url.scheme


# Speaking to it


def route_through(proxy: URL, authorization: str | None, headers: CIMultiDict[str] | None, tunnel: bool) -> ProxyRoute:
    """Return the way through `proxy`, which `named_proxy` has checked; a SOCKS proxy is always a tunnel.

    Raises ValueError for header fields, which a SOCKS proxy would not read.
    """
    scheme: Any = proxy.scheme
    port = _PORTS[scheme] if proxy.port is None else proxy.port
    route = ProxyRoute(proxy.raw_host or "", port, authorization, tuple((headers or {}).items()), tunnel, scheme)
    if not route.is_socks:
        return route
    if headers:
        raise ValueError("proxy_headers are for HTTP proxies: a SOCKS proxy reads no header fields")
    return route._replace(tunnel=True)


def through_proxy(
    route: ProxyRoute, url: URL, target: bytes, fields: http1.FieldLines
) -> tuple[bytes, http1.FieldLines]:
    """Return target and fields of a request to `url` as they go out over `route`. Raises LocalProtocolError."""
    if route.tunnel:
        return target, fields_through_tunnel(fields)
    target = absolute_form(url.scheme, url.host_port_subcomponent or "", target)
    return target, fields_for_proxy(fields, route.authorization, _pairs(route))


def connect_request(route: ProxyRoute, host: str, port: int) -> http1.Request:
    """Return the request for a tunnel over `route` to `host`. Raises LocalProtocolError."""
    authority = authority_form(host, port)
    fields = connect_fields(authority, route.authorization, _pairs(route), SERVER_SOFTWARE.encode())
    return http1.Request(b"CONNECT", authority, fields)


def socks_login(route: ProxyRoute) -> tuple[bytes | None, bytes | None]:
    """Return name and password for the SOCKS proxy of `route`, None for none. Raises ValueError for another login."""
    if route.authorization is None:
        return None, None
    try:
        # latin1 gives the bytes that the login was encoded to, whatever the encoding
        name, password = decode_basic(route.authorization, "latin1")
    except ValueError:
        raise ValueError("a SOCKS proxy takes a name and a password: give proxy_auth=BasicAuth(...)") from None
    return name.encode("latin1"), password.encode("latin1")


def _pairs(route: ProxyRoute) -> list[tuple[bytes, bytes]]:
    return map_to_fields(CIMultiDict(route.headers))
