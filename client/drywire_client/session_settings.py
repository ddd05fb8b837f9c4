"""What a session is made with, and what it says of that."""

from __future__ import annotations

import json as json_module
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from multidict import CIMultiDict, getversion, istr
from yarl import URL

from drywire_sansio import http1
from drywire_transports import current_runtime
from drywire_transports.message_fields import HttpVersion, HttpVersion11, LooseHeaders, to_multidict

from .auth import NetrcLogins
from .call import RaiseForStatus
from .connector import BaseConnector
from .cookie_jar import AbstractCookieJar, CookieJar, LooseCookies
from .errors import InvalidUrlClientError
from .legacy import deprecated, merged_timeout
from .middlewares import ClientMiddlewareType
from .options import (
    UNSET,
    Timeout,
    Unset,
    authorization_of,
    checked_base,
    limits_of,
    proxying,
    to_timeout,
)
from .proxies import proxies_by_scheme
from .proxy_connector import with_proxy_of
from .request import ClientRequest, RequestSettings, origin_of
from .request_fields import NO_HOST, is_host, request_fields, to_field_lines
from .response import ClientResponse
from .tcp_connector import TCPConnector
from .timeouts import DEFAULT_TIMEOUT, ClientTimeout
from .tracing import TraceConfig
from .websocket import ClientWebSocketResponse

__all__ = ["SessionSettings"]

KEPT: Final = 64
"""Header sections that are remembered; all are forgotten where there are more."""
MANY: Final = 32
"""Fields of a call above which its header section is not remembered."""


def _settled_timeout(timeout: Timeout | Unset, old: dict[str, Any]) -> ClientTimeout:
    """Return the timeout of a session. Raises TypeError for a keyword in `old` that there never was."""
    unknown = old.keys() - {"read_timeout", "conn_timeout"}
    if unknown:
        raise TypeError(f"ClientSession() got an unexpected keyword argument {min(unknown)!r}")
    if isinstance(timeout, Unset) or timeout is None:
        return merged_timeout(DEFAULT_TIMEOUT, False, old) if old else DEFAULT_TIMEOUT
    settled = to_timeout(timeout)
    return merged_timeout(settled, True, old) if old else settled


def _check(ssl_shutdown_timeout: float | None, proxy: object, proxies: Mapping[str, Any] | None) -> None:
    if proxies and proxy is not None:
        raise ValueError("proxy and proxies are both given: which one is meant?")
    if ssl_shutdown_timeout is not None:
        deprecated("ssl_shutdown_timeout has no effect: pooled connections are closed at once", 3)


def _frozen(configs: Iterable[TraceConfig] | None) -> list[TraceConfig]:
    frozen = list(configs or ())
    for config in frozen:
        config.freeze()
    return frozen


class SessionSettings:
    """The settings that the requests of a session share."""

    def __init__(
        self,
        base_url: str | URL | None = None,
        *,
        connector: BaseConnector | None = None,
        loop: object = None,
        cookies: LooseCookies | None = None,
        headers: LooseHeaders | None = None,
        proxy: str | URL | None = None,
        proxy_auth: Any = None,
        proxy_headers: LooseHeaders | None = None,
        proxies: Mapping[str, Any] | None = None,
        skip_auto_headers: Iterable[str] | None = None,
        auth: Any = None,
        json_serialize: Callable[[Any], str] = json_module.dumps,
        json_serialize_bytes: Callable[[Any], bytes] | None = None,
        request_class: type[ClientRequest] = ClientRequest,
        response_class: type[ClientResponse] = ClientResponse,
        ws_response_class: type[ClientWebSocketResponse] = ClientWebSocketResponse,
        version: HttpVersion = HttpVersion11,
        cookie_jar: AbstractCookieJar | None = None,
        connector_owner: bool = True,
        raise_for_status: RaiseForStatus = False,
        timeout: Timeout | Unset = UNSET,
        auto_decompress: bool = True,
        trust_env: bool = False,
        requote_redirect_url: bool = True,
        trace_configs: Iterable[TraceConfig] | None = None,
        read_bufsize: int = 2**18,
        max_line_size: int | None = None,
        max_field_size: int | None = None,
        max_headers: int | None = None,
        fallback_charset_resolver: Callable[[ClientResponse, bytes], str] | None = None,
        middlewares: Sequence[ClientMiddlewareType] = (),
        ssl_shutdown_timeout: float | None = None,
        ssl: Any = True,
        **old: Any,
    ) -> None:  # the documentation stands at ClientSession
        self._closed = True  # until all is well
        self._base_url = checked_base(base_url)
        self._headers, self._skip = to_multidict(headers), frozenset(map(str.lower, skip_auto_headers or ()))
        self._auth, self._authorization = auth, authorization_of(auth)
        self._json_serialize, self._json_serialize_bytes = json_serialize, json_serialize_bytes
        self.request_class, self._ws_response_class = request_class, ws_response_class
        self._timeout = _settled_timeout(timeout, old)
        self._raise_for_status, self._trust_env, self._netrc = raise_for_status, trust_env, NetrcLogins()
        self._requote_redirect_url = requote_redirect_url
        self.fallback_charset_resolver, self._middlewares = fallback_charset_resolver, tuple(middlewares or ())
        self._trace_configs, self._proxies = _frozen(trace_configs), proxies_by_scheme(proxies)
        self._settings = RequestSettings(
            version=HttpVersion(*version),
            ssl=ssl,
            response_class=response_class,
            auto_decompress=auto_decompress,
            read_bufsize=read_bufsize,
            limits=limits_of(None, max_line_size, max_field_size, max_headers),
            **with_proxy_of(connector, proxying(proxy, proxy_auth, proxy_headers)),
        )
        _check(ssl_shutdown_timeout, self._settings.proxy, proxies)
        self._hold(cookie_jar, cookies, connector, connector_owner)

    def _hold(
        self,
        cookie_jar: AbstractCookieJar | None,
        cookies: LooseCookies | None,
        connector: BaseConnector | None,
        connector_owner: bool,
    ) -> None:
        """Take what outlives a request: the cookies and the connections."""
        self._plain: dict[tuple[Any, ...], http1.FieldLines] = {}
        self._plain_version = -1
        self._cookie_jar = CookieJar() if cookie_jar is None else cookie_jar
        if cookies is not None:
            self._cookie_jar.update_cookies(cookies)
        self._connector_owner = connector_owner
        self._connector: BaseConnector | None = TCPConnector() if connector is None else connector
        self._closed = False

    # What is known

    @property
    def closed(self) -> bool:
        """Whether the session is closed or detached, or its connector is closed."""
        return self._closed or self._connector is None or self._connector.closed

    @property
    def connector(self) -> BaseConnector | None:
        """The connector; None once the session is closed."""
        return self._connector

    @property
    def connector_owner(self) -> bool:
        """Whether the connector is closed with the session."""
        return self._connector_owner

    @property
    def cookie_jar(self) -> AbstractCookieJar:
        """The cookies of the session."""
        return self._cookie_jar

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields of each request; may be changed."""
        return self._headers

    @property
    def _default_headers(self) -> CIMultiDict[str]:
        """What `headers` was before it was public: programs still change it by this name."""
        deprecated("session._default_headers is private to aiohttp: use session.headers", 2)
        return self._headers

    @_default_headers.setter
    def _default_headers(self, value: LooseHeaders) -> None:
        deprecated("session._default_headers is private to aiohttp: use session.headers", 2)
        self._headers = to_multidict(value)

    @property
    def timeout(self) -> ClientTimeout:
        """The time limits of each request."""
        return self._timeout

    @property
    def auth(self) -> Any:
        """The login of each request to the origin of the base URL, or to any without one."""
        return self._auth

    @property
    def json_serialize(self) -> Callable[[Any], str]:
        """What writes the JSON of ``json=``."""
        return self._json_serialize

    @property
    def json_serialize_bytes(self) -> Callable[[Any], bytes] | None:
        """What writes it instead, as bytes."""
        return self._json_serialize_bytes

    @property
    def skip_auto_headers(self) -> frozenset[istr]:
        """Names of the fields that no request has unless it is given them."""
        return frozenset(istr(name.title()) for name in self._skip)

    @property
    def raise_for_status(self) -> RaiseForStatus:
        """Whether a status of 400 or more raises, or what is asked about each response."""
        return self._raise_for_status

    @property
    def auto_decompress(self) -> bool:
        """Whether bodies are decoded as their Content-Encoding says."""
        return self._settings.auto_decompress

    @property
    def trust_env(self) -> bool:
        """Whether the environment's proxies and netrc file are used."""
        return self._trust_env

    @property
    def trace_configs(self) -> list[TraceConfig]:
        """What follows the session's requests."""
        return self._trace_configs

    @property
    def version(self) -> HttpVersion:
        """The version of HTTP on request lines."""
        return self._settings.version

    @property
    def requote_redirect_url(self) -> bool:
        """Whether what should be percent-encoded in a Location is."""
        return self._requote_redirect_url

    @requote_redirect_url.setter
    def requote_redirect_url(self, value: bool) -> None:
        deprecated("setting requote_redirect_url is deprecated: give it to the session's constructor", 2)
        self._requote_redirect_url = value

    @property
    def loop(self) -> Any:
        """The running asyncio loop. Raises RuntimeError on trio, which has none."""
        deprecated("session.loop is deprecated: ask asyncio.get_running_loop()", 2)
        return _running_loop()

    # What calls ask

    def repeated_fields(
        self,
        url: URL,
        content_type: str | None,
        expect100: bool,
        headers: CIMultiDict[str] | None,
        skip: Collection[str],
    ) -> http1.FieldLines:
        """Return the fields of a request to `url` as far as the next one may have the same; made once.

        `headers` are those that the program has given, None for the session's alone.
        """
        version = getversion(self._headers)  # type: ignore[arg-type]  # any multidict has one
        if version != self._plain_version:
            self._plain.clear()
            self._plain_version = version
        host = url.host_port_subcomponent or ""
        key: tuple[Any, ...] = (host, content_type, expect100)
        if headers is not None:
            if len(headers) > MANY:
                return self._made_fields(url, host, headers, content_type, skip, expect100)
            key = (*key, tuple(headers.items()), skip)
        fields = self._plain.get(key)
        if fields is None:
            if len(self._plain) >= KEPT:
                self._plain.clear()
            given = self._headers if headers is None else headers
            fields = self._plain[key] = self._made_fields(url, host, given, content_type, skip, expect100)
        return fields

    def _made_fields(
        self,
        url: URL,
        host: str,
        given: CIMultiDict[str],
        content_type: str | None,
        skip: Collection[str],
        expect100: bool,
    ) -> http1.FieldLines:
        """Return the fields of a request to `url`, checked. Raises InvalidUrlClientError for a host that is none."""
        if "Host" not in given and not is_host(host):
            raise InvalidUrlClientError(url, NO_HOST)
        pairs = request_fields(host, given, content_type, skip, expect100)
        if self._connector is not None and self._connector.force_close and "Connection" not in given:
            pairs.append((b"Connection", b"close"))  # RFC 9112, 9.6: the server need not wait for another request
        return to_field_lines(pairs)

    def authorization(self, url: URL) -> str | None:
        """Return the Authorization field that the session's login gives for `url`."""
        if self._authorization is None:
            return None
        if self._base_url is not None and origin_of(self._base_url) != origin_of(url):
            return None
        return self._authorization

    def _merged(self, headers: LooseHeaders | None) -> CIMultiDict[str]:
        """Return the session's headers with those of the call in place of the same names."""
        given = to_multidict(headers)
        if not self._headers:
            return given
        merged = self._headers.copy()
        for name in set(given):
            merged.popall(name, None)
        merged.extend(given)
        return merged

    def _settings_of(self, options: Mapping[str, Any]) -> RequestSettings:
        """Return the settings of a call that changes some of the session's."""
        changes = {name: value for name, value in options.items() if value is not None}
        own = self._settings.proxy
        if (own is not None or self._proxies) and changes.get("proxy", own) != own:
            # The session's login is for the session's proxy.
            changes = {"proxy_authorization": None, "proxy_headers": None, **changes}
        return replace(self._settings, **changes) if changes else self._settings


def _running_loop() -> Any:
    runtime = current_runtime()
    loop = getattr(runtime, "loop", None)
    if loop is None:
        raise RuntimeError("there is no asyncio loop here: the session runs on trio")
    return loop


def unclosed(session: object) -> None:
    """Warn that `session` was forgotten."""
    warnings.warn(f"Unclosed client session {session!r}", ResourceWarning, stacklevel=3, source=session)
