"""What the head of a response says."""

from __future__ import annotations

import warnings
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

from multidict import CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.content_disposition import content_disposition_filename
from drywire_sansio.links import parse_links
from drywire_sansio.media_types import MediaType
from drywire_transports.dispositions import parse_content_disposition
from drywire_transports.message_fields import HttpVersion, HttpVersion10, HttpVersion11, MessageHead

from .cookie_jar import response_cookies
from .errors import ClientResponseError
from .request import ClientRequest, RequestInfo

__all__ = ["ContentDisposition", "ResponseHead"]

_VERSIONS = {b"1.0": HttpVersion10, b"1.1": HttpVersion11}


class ContentDisposition(NamedTuple):
    """What a Content-Disposition field says (RFC 6266)."""

    type: str | None
    parameters: MultiDictProxy[str]
    filename: str | None


class ResponseHead(MessageHead):
    """The head of a response, and the request that it answers."""

    _headers: CIMultiDictProxy[str] | None = None
    _type: MediaType | None = None
    _cookies: SimpleCookie | None = None
    _resolve_charset: Any = None
    history: tuple[Any, ...] = ()
    """The responses that led here by redirects, oldest first."""

    def __init__(self, request: ClientRequest, head: http1.Response) -> None:
        self._request = request
        self.head: http1.Response = head
        """The head as the protocol core gave it."""
        self.status = head.status
        """The status code."""

    def __repr__(self) -> str:
        reason = self.reason.encode("ascii", "backslashreplace").decode("ascii")  # U+2028 begins a line in some logs
        return f"<{type(self).__name__}({self.url}) [{self.status} {reason}]>"

    @property
    def reason(self) -> str:
        """The reason phrase; may be empty."""
        return self.head.reason.decode("utf-8", "surrogateescape")

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def version(self) -> HttpVersion:
        """The HTTP version of the response."""
        return _VERSIONS[self.head.http_version]

    @property
    def method(self) -> str:
        """The method of the request."""
        return self._request.method

    @property
    def url(self) -> URL:
        """The URL of the request, without its fragment; after redirects that of the last."""
        return self._request.url

    @property
    def real_url(self) -> URL:
        """The URL of the request, with its fragment."""
        return self._request.original_url

    @property
    def url_obj(self) -> URL:
        """`url`, by its old name."""
        warnings.warn("url_obj is deprecated: use url", DeprecationWarning, stacklevel=2)
        return self.url

    @property
    def host(self) -> str | None:
        """The host of the URL."""
        return self._request.original_url.host

    @property
    def request_info(self) -> RequestInfo:
        """What was asked."""
        return self._request.request_info

    @property
    def content_disposition(self) -> ContentDisposition | None:
        """What the Content-Disposition field says, None where there is none. Never use its `filename` as a path."""
        field = self.headers.get("Content-Disposition")
        if field is None:
            return None
        kind, parameters = parse_content_disposition(field)
        view = MultiDictProxy(MultiDict(parameters))
        return ContentDisposition(kind, view, content_disposition_filename(parameters))

    @property
    def cookies(self) -> SimpleCookie:
        """The cookies that this response sets, and no response before it."""
        if self._cookies is None:
            self._cookies = response_cookies(self.headers.getall("Set-Cookie", ()))
        return self._cookies

    @cookies.setter
    def cookies(self, value: SimpleCookie) -> None:
        self._cookies = value

    @property
    def links(self) -> MultiDictProxy[MultiDictProxy[str | URL]]:
        """The Link fields: by their relation (``rel``), or their URL, a map of parameters with ``url`` among them."""
        links: MultiDict[MultiDictProxy[str | URL]] = MultiDict()
        for target, parameters in parse_links(", ".join(self.headers.getall("Link", ()))):
            link: MultiDict[str | URL] = MultiDict(parameters)
            try:
                url = self.url.join(URL(target))
            except ValueError:
                continue
            key = parameters.get("rel") or target
            link["url"] = url
            links.add(key, MultiDictProxy(link))
        return MultiDictProxy(links)

    def error(self, message: str | None = None, kind: type[ClientResponseError] = ClientResponseError) -> Any:
        """Return an error about this response, of the class `kind`."""
        return kind(
            self.request_info,
            self.history,
            status=self.status,
            message=self.reason if message is None else message,
            headers=self.headers,
        )
