"""HTTP and WebSockets as they travel: versions, messages, heads, and what the client calls itself."""

from drywire_client import HttpVersion as HttpVersion
from drywire_client import HttpVersion10 as HttpVersion10
from drywire_client import HttpVersion11 as HttpVersion11
from drywire_client import WebSocketError as WebSocketError
from drywire_client import WSCloseCode as WSCloseCode
from drywire_client import WSMessage as WSMessage
from drywire_client import WSMsgType as WSMsgType
from drywire_client.request_fields import SERVER_SOFTWARE as SERVER_SOFTWARE
from drywire_server.base_request import RawRequestMessage as RawRequestMessage
from drywire_transports.websocket import CLOSED_MESSAGE as WS_CLOSED_MESSAGE
from drywire_transports.websocket import CLOSING_MESSAGE as WS_CLOSING_MESSAGE

from .http_exceptions import HttpProcessingError as HttpProcessingError

__all__ = [
    "SERVER_SOFTWARE",
    "WS_CLOSED_MESSAGE",
    "WS_CLOSING_MESSAGE",
    "HttpProcessingError",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "RawRequestMessage",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocketError",
]
