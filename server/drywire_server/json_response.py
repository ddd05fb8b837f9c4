"""`json_response` and `json_bytes_response`: responses in JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from drywire_transports.json_text import to_json
from drywire_transports.message_fields import LooseHeaders

from .response import Response

__all__ = ["json_bytes_response", "json_response"]

_NOTHING: Final[Any] = object()


def json_response(
    data: Any = _NOTHING,
    *,
    text: str | None = None,
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
    dumps: Callable[[Any], str] = json.dumps,
    **options: Any,
) -> Response:
    """Return a `Response` with `data` as JSON, or with `text` or `body` that are JSON already.

    `options` are others of `Response`, such as ``charset``, ``compress`` or ``set_cookie``. Raises ValueError for
    `data` beside `text` or `body`.
    """
    if data is not _NOTHING:
        if text is not None or body is not None:
            raise ValueError("only one of data, text, or body should be specified")
        text = to_json(data, dumps)
    is_plain = headers is None and reason is None and body is None and not options
    if is_plain and type(status) is int and type(text) is str:
        return Response._of_text(text, status, content_type)
    return Response(
        text=text, body=body, status=status, reason=reason, headers=headers, content_type=content_type, **options
    )


def json_bytes_response(
    data: Any = _NOTHING,
    *,
    dumps: Callable[[Any], bytes],
    body: bytes | None = None,
    status: int = 200,
    reason: str | None = None,
    headers: LooseHeaders | None = None,
    content_type: str = "application/json",
    **options: Any,
) -> Response:
    """Return a `Response` with `data` as the JSON that `dumps` returns as bytes, or with `body` that is JSON already.

    `options` are others of `Response`. Raises ValueError for `data` beside `body`.
    """
    if data is not _NOTHING:
        if body is not None:
            raise ValueError("only one of data or body should be specified")
        body = dumps(data)
    return Response(body=body, status=status, reason=reason, headers=headers, content_type=content_type, **options)
