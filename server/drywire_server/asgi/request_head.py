"""A scope of ASGI as the head of an HTTP/1.1 request, which is what our own server reads."""

from __future__ import annotations

import base64
import os
from typing import Final
from urllib.parse import quote, unquote

from drywire_sansio import http1
from drywire_sansio.fields import list_members
from drywire_sansio.websocket import request_fields

from .messages import Pair, Scope

__all__ = ["request_head", "target_of"]

_OF_THE_CONNECTION: Final = frozenset(
    {b"connection", b"http2-settings", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
"""Fields between the client and the server that called us, which do not concern the connection in here."""
_OF_THE_HANDSHAKE: Final = frozenset(
    {b"content-length", b"expect", b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-protocol"}
    | {b"sec-websocket-version"}
)
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def target_of(scope: Scope) -> bytes:
    """Return path and query as they stood in the request, less the path that the application is mounted at."""
    raw: bytes | None = scope.get("raw_path")
    text = quote(scope["path"], safe="/!$&'()*+,;=:@-._~") if raw is None else raw.partition(b"?")[0].decode("latin-1")
    mounted: str = scope.get("root_path", "").rstrip("/")
    if mounted:
        # Segment by segment: what is encoded in the one may stand plain in the other. Some servers cut by themselves.
        segments, roots = text.split("/"), mounted.split("/")
        if [unquote(segment) for segment in segments[: len(roots)]] == roots:
            text = "/" + "/".join(segments[len(roots) :])
    query: bytes = scope.get("query_string", b"")
    return b"%b?%b" % (text.encode("latin-1"), query) if query else text.encode("latin-1")


def request_head(scope: Scope) -> http1.Request:
    """Return the request that `scope` speaks of; what is not valid in it, sending it will tell.

    A body of which nothing says how long it is goes chunked. A WebSocket gets the fields of a handshake.
    """
    pairs: list[Pair] = [(bytes(name).lower(), bytes(value)) for name, value in scope["headers"]]
    version: str = scope.get("http_version", "1.1")
    if scope["type"] == "websocket":
        method = "GET"
        kept = [pair for pair in pairs if pair[0] not in _OF_THE_CONNECTION | _OF_THE_HANDSHAKE]
        kept += _handshake(pairs, scope)
    else:
        method = scope["method"]
        kept = _http_fields(pairs, method, version)
    if version != "1.1" and not any(name == b"host" for name, _ in kept):
        kept.insert(0, (b"host", _host(scope)))
    return http1.Request(method.encode("ascii"), target_of(scope), kept)


def _http_fields(pairs: list[Pair], method: str, version: str) -> list[Pair]:
    kept = [pair for pair in pairs if pair[0] not in _OF_THE_CONNECTION]
    names = {name for name, _ in pairs}
    if b"transfer-encoding" in names:
        kept = [pair for pair in kept if pair[0] != b"content-length"]
    is_old = version == "1.0"
    is_open = not version.startswith("1") and b"content-length" not in names and method not in _WITHOUT_BODY
    if b"transfer-encoding" in names or is_open:
        kept.append((b"transfer-encoding", b"chunked"))
    options = [option for name, value in pairs if name == b"connection" for option in list_members(value.lower())]
    if b"close" in options or (is_old and b"keep-alive" not in options):
        kept.append((b"connection", b"close"))
    return [pair for pair in kept if pair[0] != b"expect"] if is_old else kept


def _handshake(pairs: list[Pair], scope: Scope) -> list[Pair]:
    """Return the fields of a handshake, with the client's own key where there is one."""
    given = [value for name, value in pairs if name == b"sec-websocket-key"]
    key = given[0] if given and len(given[0]) == 24 else base64.b64encode(os.urandom(16))
    fields = request_fields(bytes(16), protocols=list(dict.fromkeys(scope.get("subprotocols") or ())))
    return [(name.lower(), key if name == b"Sec-WebSocket-Key" else value) for name, value in fields]


def _host(scope: Scope) -> bytes:
    server = scope.get("server")
    if not server or server[1] is None:
        return b"localhost"
    host = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{host}:{server[1]}".encode("ascii", "replace")
