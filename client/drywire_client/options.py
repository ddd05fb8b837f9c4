"""What the options of a session or a call may be, and what they come to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.coding import ContentEncoder
from drywire_sansio.limits import DEFAULT_LIMITS
from drywire_transports.message_fields import to_multidict

from .auth import BasicAuth
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
    "proxies_by_scheme",
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


def proxy_of(proxy: Any) -> URL | None:
    """Return a proxy as a URL. Raises ValueError where it is none."""
    if proxy is None:
        return None
    url = URL(proxy) if isinstance(proxy, str) else proxy
    if not isinstance(url, URL):
        raise TypeError(f"a proxy must be a str or yarl.URL, not {type(proxy).__name__}")
    return url


def proxies_by_scheme(proxies: Mapping[str, Any] | None) -> dict[str, URL]:
    """Return proxies by the scheme of the URLs that go through them."""
    return {} if proxies is None else {scheme: URL(proxy) for scheme, proxy in proxies.items() if proxy is not None}


def proxying(proxy: Any, auth: Any, headers: Any) -> dict[str, Any]:
    """Return what `RequestSettings` has of a proxy, for one, the login at it, and header fields for it."""
    fields: CIMultiDict[str] | None = None if headers is None else to_multidict(headers)
    return {"proxy": proxy_of(proxy), "proxy_authorization": authorization_of(auth), "proxy_headers": fields}
