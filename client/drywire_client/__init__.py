"""The client of drywire, with aiohttp's names: use it as ``import drywire``.

Here live the session, requests and responses, the pool of connections, and the client's errors. It stands on
`drywire_transports` and `drywire_sansio`, never names an event loop, and never imports the server.
"""

from drywire_transports.websocket import (
    WebSocketError,
    WSCloseCode,
    WSHandshakeError,
    WSMessage,
    WSMessageTypeError,
    WSMsgType,
)

from .connector import Connection, TCPConnector
from .errors import *  # noqa: F403 - the whole tree, as its own __all__ says
from .errors import __all__ as _errors
from .request import ClientRequest, RequestInfo
from .response import ClientResponse
from .session import ClientSession
from .timeouts import ClientTimeout, ClientWSTimeout
from .websocket import ClientWebSocketResponse

__all__ = [
    "ClientRequest",
    "ClientResponse",
    "ClientSession",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "Connection",
    "RequestInfo",
    "TCPConnector",
    "WSCloseCode",
    "WSHandshakeError",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WebSocketError",
]
__all__ += _errors
