"""The scope of a request to an ASGI application that we serve."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from ..base_request import BaseRequest
from .messages import Pair, Scope

__all__ = ["ASGI", "hosted_scope", "is_handshake"]

ASGI: Final = {"version": "3.0", "spec_version": "2.4"}
"""A send to a client that has gone raises OSError, and nobody needs to listen for its leaving meanwhile."""

_OF_WEBSOCKETS: Final = {"http": "ws", "https": "wss"}
_OF_HTTP_1_1: Final = ("http.response.trailers", "http.response.early_hint")


def is_handshake(request: BaseRequest) -> bool:
    """Whether `request` wishes to become a WebSocket."""
    framing = getattr(request.head.headers, "framing", None) or {}
    return request.method == "GET" and b"websocket" in framing.get(b"upgrade", b"") and b"connection" in framing


def hosted_scope(request: BaseRequest, root_path: str, mounted_at: str, state: dict[str, Any]) -> Scope:
    """Return the scope of `request`, the path `mounted_at` being in its path, `root_path` cut off before we saw it."""
    target = request.raw_path if request.raw_path.startswith("/") else request.path_qs
    raw_path, _, query = target.partition("?")
    outer: Scope = request.get_extra_info("asgi.scope") or {}
    before = outer.get("root_path", "").rstrip("/") + root_path
    version = request.version
    is_websocket = is_handshake(request)
    scope: Scope = {
        "type": "websocket" if is_websocket else "http",
        "asgi": dict(ASGI),
        "http_version": f"{version.major}.{version.minor}" if version.major == 1 else str(version.major),
        "scheme": _OF_WEBSOCKETS.get(request.scheme, request.scheme) if is_websocket else request.scheme,
        "path": before + unquote(raw_path),
        "raw_path": before.encode() + raw_path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": before + mounted_at,
        "headers": _headers(request),
        "client": _client(request),
        "server": _server(request),
        "state": state.copy(),
    }
    if is_websocket:
        offered = ",".join(request.headers.getall("Sec-WebSocket-Protocol", ()))
        scope["subprotocols"] = [name for part in offered.split(",") if (name := part.strip(" \t"))]
        scope["extensions"] = {"websocket.http.response": {}}
    else:
        scope["method"] = request.method
        scope["extensions"] = {"http.response.pathsend": {}}
        if version.minor or version.major > 1:
            scope["extensions"].update({name: {} for name in _OF_HTTP_1_1})
    return scope


def _headers(request: BaseRequest) -> list[Pair]:
    pairs = [(name.lower(), value) for name, value in request.head.headers]
    if request.content.total_compressed_bytes is None:
        return pairs
    # The body is decoded as it is read: nothing of this holds for what the application gets.
    return [pair for pair in pairs if pair[0] not in (b"content-encoding", b"content-length")]


def _client(request: BaseRequest) -> tuple[str, int] | None:
    peer = request.get_extra_info("peername")
    port = peer[1] if isinstance(peer, tuple) and peer[0] == request.remote else 0
    return (request.remote, port) if request.remote and isinstance(peer, tuple) else None


def _server(request: BaseRequest) -> tuple[str, int | None] | None:
    name = request.get_extra_info("sockname")
    if isinstance(name, tuple):
        return name[0], name[1]
    return (name, None) if name else None
