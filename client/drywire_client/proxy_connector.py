"""`ProxyConnector`: a pool whose connections all go through one proxy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from yarl import URL

from drywire_transports.message_fields import LooseHeaders

from .connections import ConnectionKey
from .legacy import deprecated
from .options import proxying
from .request import ClientRequest
from .tcp_connector import TCPConnector

__all__ = ["ProxyConnector", "with_proxy_of"]


class ProxyConnector(TCPConnector):
    """A pool of connections through `proxy`, as aiohttp had it: ``ClientSession(proxy=...)`` says the same.

    `proxy` is a URL of any kind of proxy, `proxy_auth` a `BasicAuth` in place of a login in that, `proxy_headers` are
    header fields for an HTTP proxy; `options` are those of `TCPConnector`. Requests of a session with this connector go
    through the proxy as if the session had it: the environment is not asked, and only a `proxy` of the session or the
    request itself goes before it.

    Raises what a session does for a proxy: TypeError, InvalidURL, ValueError, RuntimeError. Deprecated; `from_url` is
    not.
    """

    _closed = True  # until all is well

    def __init__(
        self,
        proxy: str | URL,
        *,
        proxy_auth: Any = None,
        proxy_headers: LooseHeaders | None = None,
        **options: Any,
    ) -> None:
        deprecated("ProxyConnector is deprecated: use ClientSession(proxy=...)", 2)
        self._begin(proxy, proxy_auth, proxy_headers, options)

    def _begin(self, proxy: Any, auth: Any, headers: LooseHeaders | None, options: dict[str, Any]) -> None:
        if proxy is None:
            raise TypeError("a ProxyConnector needs the URL of a proxy")
        self._proxying = proxying(proxy, auth, headers)
        super().__init__(**options)

    @classmethod
    def from_url(cls, url: str | URL, *, rdns: bool | None = None, **options: Any) -> Self:
        """Return a connector through the proxy at `url`, such as ``socks5://user:word@127.0.0.1:1080``.

        `rdns` says whether a SOCKS proxy resolves the names of servers (True) or this machine does (False); None leaves
        that to the scheme: ``socks5h`` and ``socks4a`` let the proxy do it. `options` as above.
        """
        connector = cls.__new__(cls)
        connector._begin(url, options.pop("proxy_auth", None), options.pop("proxy_headers", None), options)
        named: URL = connector._proxying["proxy"]
        if rdns is not None and named.scheme.startswith("socks"):
            there = {"socks4": "socks4a", "socks5": "socks5h"}
            here = {name: local for local, name in there.items()}
            scheme = (there if rdns else here).get(named.scheme, named.scheme)
            connector._proxying["proxy"] = named.with_scheme(scheme)
        return connector

    @property
    def proxy(self) -> URL:
        """The proxy, without a login."""
        url: URL = self._proxying["proxy"]
        return url

    def key_of(self, request: ClientRequest) -> ConnectionKey:
        """Return what a connection must be to carry `request`, which goes through the proxy from now on."""
        if request.settings.proxy is None:
            request.settings = replace(request.settings, **with_proxy_of(self, _given(request)))
        return super().key_of(request)


def _given(request: ClientRequest) -> dict[str, Any]:
    settings = request.settings
    return {
        "proxy": settings.proxy,
        "proxy_authorization": settings.proxy_authorization,
        "proxy_headers": settings.proxy_headers,
    }


def with_proxy_of(connector: object, given: dict[str, Any]) -> dict[str, Any]:
    """Return what `RequestSettings` has of a proxy: what was `given`, else what `connector` has if it has a proxy."""
    if given["proxy"] is not None or not isinstance(connector, ProxyConnector):
        return given
    return {**connector._proxying, **{name: value for name, value in given.items() if value is not None}}
