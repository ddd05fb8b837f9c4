"""A request as a value: what the session's and the call's settings come to, ready for the wire."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from drywire_sansio import __version__, http1
from drywire_sansio.grammar import METHOD
from drywire_transports.message_fields import map_to_fields

from .errors import InvalidUrlClientError, NonHttpUrlClientError
from .payloads import Payload

__all__ = ["USER_AGENT", "ClientRequest", "RequestInfo", "absolute_url", "plain_headers", "request_headers"]

USER_AGENT = f"Python/{sys.version_info[0]}.{sys.version_info[1]} drywire/{__version__}"
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})


class RequestInfo(NamedTuple):
    """What was asked: kept with a response and its errors."""

    url: URL
    method: str
    headers: CIMultiDictProxy[str]
    real_url: URL


class ClientRequest(NamedTuple):
    """A request, ready to be sent and, if its payload allows, to be sent again."""

    method: str
    url: URL
    fields: http1.FieldLines
    payload: Payload | None
    ssl: Any
    server_hostname: str | None

    def head(self) -> http1.Request:
        """Return the head for the wire."""
        return http1.Request(self.method.encode("ascii"), self.url.raw_path_qs.encode("ascii"), self.fields)


def absolute_url(url: URL | str, base: URL | None) -> URL:
    """Return the URL to request.

    Raises InvalidUrlClientError where it has no host, NonHttpUrlClientError for another scheme, TypeError for what is
    not a URL.
    """
    if not isinstance(url, URL):
        if not isinstance(url, str):
            raise TypeError(f"a URL must be a str or yarl.URL, not {type(url).__name__}")
        try:
            url = URL(url)
        except ValueError as error:
            raise InvalidUrlClientError(url, str(error)) from error
    if base is not None:
        url = base.join(url)
    if url.scheme not in ("http", "https"):
        if url.scheme:
            raise NonHttpUrlClientError(url)
        raise InvalidUrlClientError(url, "a relative URL needs a session with base_url")
    if not url.raw_host:
        raise InvalidUrlClientError(url, "the URL has no host")
    return url


def host_field(url: URL) -> str:
    """Return the value of Host for `url`: with its port unless that is the scheme's own (RFC 9110, 7.2).

    Raises InvalidUrlClientError for a URL with a user or password: they would be dropped in silence.
    """
    if url.raw_user is not None or url.raw_password is not None:
        raise InvalidUrlClientError(
            url.with_user(None), "a user and password in the URL are not sent: pass an Authorization header"
        )
    return url.host_port_subcomponent or ""


def plain_headers(url: URL) -> http1.FieldLines:
    """Return the fields of a request to which nobody added any, and which has no body."""
    return http1.FieldLines(
        [(b"Host", host_field(url).encode("ascii")), (b"Accept", b"*/*"), (b"User-Agent", USER_AGENT.encode("ascii"))]
    )


def request_headers(
    method: str, url: URL, headers: CIMultiDict[str], payload: Payload | None, skip: Iterable[str], chunked: bool | None
) -> http1.FieldLines:
    """Return all fields: Host first, the given ones as they are, and the automatic ones that neither lack nor `skip`.

    Raises ValueError where `chunked` contradicts the given headers, and for a method or header that HTTP does not
    allow.
    """
    if not method.isascii() or METHOD.fullmatch(method.encode()) is None:
        raise ValueError(f"method {method[:60]!r} is not a token (RFC 9110, 9.1)")
    skipped = {name.lower() for name in skip}
    fields: list[tuple[bytes, bytes]] = []
    if "Host" not in headers:
        fields.append((b"Host", host_field(url).encode("ascii")))
    fields += map_to_fields(headers)
    for name, value in (("Accept", "*/*"), ("User-Agent", USER_AGENT)):
        if name not in headers and name.lower() not in skipped:
            fields.append((name.encode(), value.encode()))
    if payload is not None and "Content-Type" not in headers and "content-type" not in skipped:
        fields.append((b"Content-Type", payload.content_type.encode("utf-8")))
    fields += _length_fields(method, headers, payload, chunked)
    try:
        return http1.FieldLines(fields)
    except http1.LocalProtocolError as error:
        raise ValueError(f"the request's headers cannot be sent: {error}") from error


def _length_fields(
    method: str, headers: CIMultiDict[str], payload: Payload | None, chunked: bool | None
) -> list[tuple[bytes, bytes]]:
    if chunked and ("Transfer-Encoding" in headers or "Content-Length" in headers):
        raise ValueError("chunked=True cannot go with a Content-Length or Transfer-Encoding header")
    if "Transfer-Encoding" in headers or "Content-Length" in headers:
        return []
    if payload is None:
        return [(b"Content-Length", b"0")] if method in _BODY_EXPECTED else []
    if payload.size is None or chunked:
        return [(b"Transfer-Encoding", b"chunked")]
    return [(b"Content-Length", b"%d" % payload.size)]
