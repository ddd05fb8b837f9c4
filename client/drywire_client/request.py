"""`ClientRequest`: one request of a session, as middlewares see it and as it goes to the wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.retries import IDEMPOTENT
from drywire_transports.message_fields import HttpVersion, HttpVersion11, fields_to_map, map_to_fields
from drywire_transports.payloads import Payload

from .bodies import make_body
from .errors import InvalidUrlClientError, NonHttpUrlClientError
from .proxies import ProxyRoute, route_through, through_proxy
from .request_fields import length_field, with_cookies
from .timeouts import Deadlines
from .tracing import Trace
from .upload_tracker import UploadTracker

__all__ = [
    "ClientRequest",
    "RequestInfo",
    "RequestSettings",
    "absolute_text",
    "absolute_url",
    "check_url",
    "origin_of",
    "parsed_url",
]


LONGEST_HOST: Final = 255


class _RequestInfo(NamedTuple):
    url: URL
    method: str
    headers: CIMultiDictProxy[str]
    real_url: URL


class RequestInfo(_RequestInfo):
    """What was asked: kept with a response and its errors. `real_url` is the URL with its fragment."""

    __slots__ = ()

    def __new__(cls, url: URL, method: str, headers: CIMultiDictProxy[str], real_url: URL | None = None) -> RequestInfo:
        """Take `url` for `real_url` too, unless that is given."""
        return super().__new__(cls, url, method, headers, url if real_url is None else real_url)

    def __reduce__(self) -> tuple[Any, ...]:
        return _request_info, (self.url, self.method, tuple(self.headers.items()), self.real_url)


def _request_info(url: URL, method: str, headers: tuple[tuple[str, str], ...], real_url: URL) -> RequestInfo:
    return RequestInfo(url, method, CIMultiDictProxy(CIMultiDict(headers)), real_url)


@dataclass(slots=True, frozen=True)
class RequestSettings:
    """What a request is beside its method, URL, header and body: most requests of a session share one of these."""

    version: HttpVersion = HttpVersion11
    compress: str | None = None
    """The content coding that the body is put into as it is sent."""
    chunked: bool | None = None
    expect100: bool = False
    proxy: URL | None = None
    proxy_authorization: str | None = None
    proxy_headers: CIMultiDict[str] | None = None
    websocket: bool = False
    """Whether it opens a WebSocket, which goes through proxies by a tunnel only (RFC 6455, 4.1)."""
    ssl: Any = True
    server_hostname: str | None = None
    response_class: Any = None
    auto_decompress: bool = True
    read_until_eof: bool = True
    """Whether a body whose end nothing but the end of the connection can tell is read."""
    read_bufsize: int = 2**18
    limits: http1.Limits | None = None
    """Bounds on the response other than the connector's."""
    traces: Sequence[Trace] = ()
    upload_tracker: UploadTracker | None = None


class ClientRequest:
    """A request, ready to be sent, and to be sent again if its body can be.

    A middleware may change `headers`, and the body by `update_body`.
    """

    def __init__(
        self,
        method: str,
        url: URL,
        *,
        session: Any,
        settings: RequestSettings,
        deadlines: Deadlines,
        fields: http1.FieldLines | None = None,
        headers: CIMultiDict[str] | None = None,
        payload: Payload | None = None,
    ) -> None:
        self.method = method
        self.original_url = url
        """The URL with its fragment."""
        self.session = session
        self.settings = settings
        self.deadlines = deadlines
        self.payload = payload
        """The body, None for none."""
        self.was_sent = False
        self._fields = fields
        self._headers = headers

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.url}>"

    @property
    def url(self) -> URL:
        """The URL without its fragment."""
        return self.original_url.with_fragment(None)

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields, those that are set by themselves among them; may be changed until it is sent."""
        if self._headers is None:
            assert self._fields is not None
            self._headers = CIMultiDict(fields_to_map(self._fields))
            self._fields = None
        return self._headers

    @property
    def body(self) -> Payload | bytes:
        """The body, ``b""`` for none."""
        return b"" if self.payload is None else self.payload

    @body.setter
    def body(self, value: Any) -> None:
        self._set_body(value)

    async def update_body(self, body: Any) -> None:
        """Send `body` in place of the one there is, which is closed. The header says its length; its type stays."""
        before = self.payload
        self._set_body(body)
        if before is not None and before is not self.payload:
            await before.close()

    def _set_body(self, body: Any) -> None:
        headers = self.headers
        headers.popall("Content-Length", None)
        headers.popall("Transfer-Encoding", None)
        self.payload = None if body is None or body == b"" else make_body(body)
        if self.payload is not None and "Content-Type" not in headers:
            headers["Content-Type"] = self.payload.content_type
        length = length_field(self.method, self.payload, bool(self.settings.compress or self.settings.chunked))
        if length is not None:
            headers[length[0].decode()] = length[1].decode()

    @property
    def fields(self) -> http1.FieldLines:
        """The header fields as they go out. Raises LocalProtocolError for what HTTP does not allow."""
        if self._headers is not None:
            return http1.FieldLines(map_to_fields(self._headers))
        assert self._fields is not None
        return self._fields

    def head(self) -> http1.Request:
        """Return the head for the wire. Raises LocalProtocolError."""
        version = b"1.1" if self.settings.version >= HttpVersion11 else b"1.0"
        target = self.original_url.raw_path_qs.encode("ascii")
        fields = self.fields
        if self.settings.proxy is not None:
            target, fields = through_proxy(self.route, self.original_url, target, fields)
        return http1.Request(self.method.encode("ascii"), target, fields, version)

    @property
    def route(self) -> ProxyRoute:
        """How it goes through its proxy."""
        settings, proxy = self.settings, self.settings.proxy
        assert proxy is not None
        return route_through(
            proxy,
            settings.proxy_authorization,
            settings.proxy_headers,
            settings.websocket or self.original_url.scheme != "http",
        )

    def renew_cookies(self) -> None:
        """Take the cookies that the session has got since this was made, in place of those of the same names."""
        field = self.session.cookie_jar.cookie_header(self.url)
        if field:
            self.headers["Cookie"] = with_cookies(self.headers.popall("Cookie", []), field)

    @property
    def request_info(self) -> RequestInfo:
        """What is asked, to be kept."""
        headers = fields_to_map(self._fields) if self._headers is None and self._fields else CIMultiDict(self.headers)
        view = headers if isinstance(headers, CIMultiDictProxy) else CIMultiDictProxy(headers)
        return RequestInfo(self.url, self.method, view, self.original_url)

    @property
    def expects_continue(self) -> bool:
        """Whether the body is to wait for the server's 100 Continue."""
        return self.settings.expect100 or (self._headers is not None and "Expect" in self._headers)

    @property
    def replayable(self) -> bool:
        """Whether it can be sent as it is, once more."""
        payload = self.payload
        return payload is None or payload.replayable

    @property
    def is_idempotent(self) -> bool:
        """Whether its method may be repeated without harm (RFC 9110, 9.2.2)."""
        return self.method in IDEMPOTENT

    # What aiohttp's middlewares look at

    def is_ssl(self) -> bool:
        """Return whether it goes over TLS."""
        return self.original_url.scheme in ("https", "wss")

    @property
    def host(self) -> str:
        """The host of the URL."""
        return self.original_url.raw_host or ""

    @property
    def port(self) -> int | None:
        """The port of the URL."""
        return self.original_url.port

    @property
    def version(self) -> HttpVersion:
        """The version of HTTP on its request line."""
        return self.settings.version

    @property
    def compress(self) -> str | None:
        """The content coding that the body is put into as it is sent."""
        return self.settings.compress

    @property
    def chunked(self) -> bool | None:
        """Whether the chunked coding was asked for."""
        return self.settings.chunked

    @property
    def ssl(self) -> Any:
        """True, False, an SSLContext or a Fingerprint."""
        return self.settings.ssl

    @property
    def server_hostname(self) -> str | None:
        """The name for TLS, None for the URL's host."""
        return self.settings.server_hostname

    @property
    def proxy(self) -> URL | None:
        """The proxy that it goes through."""
        return self.settings.proxy

    @property
    def proxy_headers(self) -> CIMultiDict[str] | None:
        """Header fields for the proxy."""
        return self.settings.proxy_headers

    @property
    def response_class(self) -> Any:
        """The class that its response will be of."""
        return self.settings.response_class

    @property
    def connection_key(self) -> Any:
        """What a connection must be to carry it."""
        connector = self.session.connector
        return None if connector is None else connector.key_of(self)


def parsed_url(url: URL | str) -> URL:
    """Return `url` as a URL. Raises InvalidUrlClientError where it is none, TypeError for what is neither."""
    if isinstance(url, URL):
        return url
    if not isinstance(url, str):
        raise TypeError(f"a URL must be a str or yarl.URL, not {type(url).__name__}")
    try:
        return URL(url)
    except ValueError as error:
        if "@" in str(error):  # it may show a login
            raise InvalidUrlClientError(url, "it is not a valid URL") from None
        raise InvalidUrlClientError(url, str(error)) from error


def absolute_url(url: URL | str, base: URL | None) -> URL:
    """Return the URL to request.

    Raises InvalidUrlClientError where it has no host, NonHttpUrlClientError for another scheme, TypeError for what is
    not a URL.
    """
    url = parsed_url(url)
    if base is not None:
        url = base.join(url)
    check_url(url)
    return url


# Only texts are looked up: URL("http://a") and URL("http://a/") are equal, and yet a user is told the one they gave.
@lru_cache(1024)
def absolute_text(url: str, base: URL | None) -> URL:
    """Return the URL to request, as `absolute_url` does."""
    return absolute_url(url, base)


def check_url(url: URL) -> None:
    """Raise InvalidUrlClientError or NonHttpUrlClientError unless `url` can be requested."""
    if url.scheme not in ("http", "https", "ws", "wss"):
        if url.scheme:
            raise NonHttpUrlClientError(url, "only http and https can be requested")
        raise InvalidUrlClientError(url, "a relative URL needs a session with base_url: ClientSession(base_url=...)")
    host = url.raw_host
    if not host:
        raise InvalidUrlClientError(url, "the URL has no host")
    if url.port == 0:
        raise InvalidUrlClientError(url, "nobody can be connected to at port 0")
    if len(host) > LONGEST_HOST:
        raise InvalidUrlClientError(
            str(url)[:200], f"the host has more than {LONGEST_HOST} characters (RFC 1035, 2.3.4)"
        )
    # RFC 3986, 7.4: what old resolvers take for an address is none that anybody else checks
    last = host.rpartition(".")[2]
    if ":" not in host and (last.isdecimal() or last[:2] in ("0x", "0X")) and not _is_address(host):
        raise InvalidUrlClientError(
            url, f"the host {host[:60]!r} is neither a name nor an IP address in its usual form"
        )


def _is_address(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and all(
        part.isascii() and part.isdecimal() and len(part) <= 3 and int(part) < 256 and str(int(part)) == part
        for part in parts
    )


def origin_of(url: URL) -> tuple[str, str | None, int | None]:
    """Return the origin of `url`: ``URL.origin()`` tells ``http://a:80`` from ``http://a``, which are one."""
    return url.scheme, url.raw_host, url.port
