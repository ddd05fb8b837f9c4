"""The options of one request, for type checkers; what each means stands at `ClientSession.request`."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from yarl import URL

from drywire_transports.message_fields import HttpVersion, LooseHeaders

from .call import RaiseForStatus
from .cookie_jar import LooseCookies
from .fingerprint import Fingerprint
from .middlewares import ClientMiddlewareType
from .options import Query, Timeout, Unset
from .upload_tracker import UploadTracker

__all__ = ["RequestOptions"]


class RequestOptions(TypedDict, total=False):
    """What a request may be given besides its method and URL."""

    params: Query
    data: Any
    json: Any
    files: Any
    cookies: LooseCookies | None
    headers: LooseHeaders | None
    skip_auto_headers: Iterable[str] | None
    auth: Any
    allow_redirects: bool
    max_redirects: int
    compress: str | bool | None
    chunked: bool | None
    expect100: bool
    raise_for_status: RaiseForStatus | None
    read_until_eof: bool
    proxy: str | URL | None
    proxy_auth: Any
    proxy_headers: LooseHeaders | None
    timeout: Timeout | Unset
    ssl: ssl_module.SSLContext | Fingerprint | bool | None
    verify_ssl: bool | None
    ssl_context: ssl_module.SSLContext | None
    fingerprint: bytes | None
    server_hostname: str | None
    version: HttpVersion | None
    trace_request_ctx: Any
    trust_env: bool | None
    read_bufsize: int | None
    auto_decompress: bool | None
    max_line_size: int | None
    max_field_size: int | None
    max_headers: int | None
    middlewares: Sequence[ClientMiddlewareType] | None
    upload_tracker: UploadTracker | None
