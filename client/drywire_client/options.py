"""What the options of a session or a call may be, and what they come to."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Final

from yarl import URL

from drywire_sansio import http1
from drywire_sansio.coding import ContentEncoder
from drywire_sansio.limits import DEFAULT_LIMITS

from .auth import BasicAuth
from .proxies import named_proxy, proxy_headers_of
from .timeouts import ClientTimeout, ClientWSTimeout

__all__ = [
    "UNSET",
    "Query",
    "Timeout",
    "Unset",
    "authorization_of",
    "checked_base",
    "compression",
    "limits_of",
    "proxying",
    "to_timeout",
    "to_ws_timeout",
    "with_query",
]

Query = Any
"""What yarl takes as a query: str, a mapping, or pairs."""
Timeout = ClientTimeout | float | None


class Unset:
    """The type of `UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""A parameter that was not given, where None has a meaning of its own."""


def to_timeout(timeout: Timeout) -> ClientTimeout:
    """Return a number of seconds as the total, None as no limit at all. Raises ValueError for anything else."""
    if isinstance(timeout, ClientTimeout):
        return timeout
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
        raise ValueError(
            f"timeout parameter cannot be of {type(timeout)} type, please use 'timeout=ClientTimeout(...)' or seconds"
        )
    return ClientTimeout(total=timeout)


def to_ws_timeout(timeout: ClientWSTimeout | float, receive: float | None) -> ClientWSTimeout:
    """Return the time limits of a WebSocket; a number is what closing may take, as it once was."""
    if not isinstance(timeout, ClientWSTimeout):
        message = "a float as timeout is deprecated: use timeout=ClientWSTimeout(ws_close=...)"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        timeout = ClientWSTimeout(ws_receive=receive, ws_close=timeout)
    if receive is not None:
        message = "receive_timeout is deprecated: use timeout=ClientWSTimeout(ws_receive=...)"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        timeout = replace(timeout, ws_receive=receive)
    return timeout


def checked_base(base_url: str | URL | None) -> URL | None:
    """Return the base of a session's relative URLs. Raises ValueError unless it is absolute and ends in a slash."""
    if base_url is None:
        return None
    base = URL(base_url) if isinstance(base_url, str) else base_url
    if not base.absolute:
        raise ValueError(f"base_url must be an absolute URL, not {str(base)!r}")
    if not base.path.endswith("/"):
        raise ValueError("base_url must have a trailing '/'")
    return base


def with_query(url: URL, params: Query) -> URL:
    """Return `url` with `params` behind its query. Raises TypeError for a bool or None among them."""
    return url.extend_query(params) if params else url


def authorization_of(auth: Any) -> str | None:
    """Return the Authorization field of `auth`. Raises TypeError for what cannot `encode` one."""
    if auth is None:
        return None
    if isinstance(auth, tuple) and not isinstance(auth, BasicAuth) and len(auth) == 2:
        auth = BasicAuth(*auth, encoding="utf-8")
    if not callable(getattr(auth, "encode", None)) or isinstance(auth, str):
        raise TypeError(f"auth must be a BasicAuth, not {type(auth).__name__}")
    field: str = auth.encode()
    return field


def compression(compress: Any) -> str | None:
    """Return the content coding that ``compress=`` asks for. Raises ValueError for one that cannot be written here."""
    if not compress:
        return None
    coding = compress if isinstance(compress, str) else "deflate"
    ContentEncoder(coding)
    return coding


def limits_of(
    base: http1.Limits | None, line: int | None, field: int | None, headers: int | None
) -> http1.Limits | None:
    """Return the bounds on responses with those that the session or the call changes; None for no change."""
    changes: dict[str, int] = {}
    if line is not None:
        changes["start_line"] = line
    if field is not None:
        changes["field_line"] = field
    if headers is not None:
        changes["field_count"] = changes["trailer_count"] = headers
    if not changes:
        return base
    limits = base or DEFAULT_LIMITS
    needed = max(changes.get("start_line", 0), changes.get("field_line", 0)) + limits.field_line
    return replace(limits, head=max(limits.head, needed), **changes)


def proxying(proxy: Any, auth: Any, headers: Any) -> dict[str, Any]:
    """Return what `RequestSettings` has of a proxy, for one, the login at it, and header fields for it.

    `auth` goes before a login in the proxy's URL. Raises TypeError for a proxy that is no URL, ValueError for one that
    is not supported, for another login than of Basic, and for header fields that are not a proxy's.
    """
    url, authorization = (None, None) if proxy is None else named_proxy(proxy)
    if auth is not None:
        try:
            authorization = authorization_of(auth)
        except TypeError as error:  # aiohttp's error
            message = "proxy_auth must be a BasicAuth; for a proxy that wants Digest there is ProxyDigestAuthMiddleware"
            raise ValueError(message) from error
    return {"proxy": url, "proxy_authorization": authorization, "proxy_headers": proxy_headers_of(headers)}
