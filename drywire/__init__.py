"""drywire: async HTTP/1.1 and WebSocket for asyncio and trio, with the names of aiohttp.

    import drywire

    async with drywire.ClientSession() as session, session.get("https://example.com") as response:
        print(response.status, await response.text())

Names are loaded when they are first used. The server is ``from drywire import web``, the protocol core
`drywire_sansio`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from drywire_sansio import __version__

if TYPE_CHECKING:
    from drywire_client import (
        ClientConnectionError,
        ClientConnectionResetError,
        ClientConnectorCertificateError,
        ClientConnectorDNSError,
        ClientConnectorError,
        ClientConnectorSSLError,
        ClientError,
        ClientOSError,
        ClientPayloadError,
        ClientRequest,
        ClientResponse,
        ClientResponseError,
        ClientSession,
        ClientSSLError,
        ClientTimeout,
        ClientWebSocketResponse,
        ClientWSTimeout,
        Connection,
        ConnectionTimeoutError,
        ContentTypeError,
        InvalidURL,
        InvalidUrlClientError,
        NonHttpUrlClientError,
        RequestInfo,
        ServerConnectionError,
        ServerDisconnectedError,
        ServerTimeoutError,
        SocketTimeoutError,
        TCPConnector,
        UnixClientConnectorError,
        WebSocketError,
        WSCloseCode,
        WSHandshakeError,
        WSMessage,
        WSMessageTypeError,
        WSMsgType,
        WSServerHandshakeError,
    )
    from drywire_sansio.http1 import Limits, Quirk

__all__ = [
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientRequest",
    "ClientResponse",
    "ClientResponseError",
    "ClientSSLError",
    "ClientSession",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "Connection",
    "ConnectionTimeoutError",
    "ContentTypeError",
    "InvalidURL",
    "InvalidUrlClientError",
    "Limits",
    "NonHttpUrlClientError",
    "Quirk",
    "RequestInfo",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "TCPConnector",
    "UnixClientConnectorError",
    "WSCloseCode",
    "WSHandshakeError",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WSServerHandshakeError",
    "WebSocketError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module("drywire_sansio.http1" if name in ("Limits", "Quirk") else "drywire_client")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
