"""Messages of WebSockets, by the name that their module has in aiohttp; for frames, see `drywire_sansio.websocket`."""

from drywire_client import WebSocketError as WebSocketError
from drywire_client import WSCloseCode as WSCloseCode
from drywire_client import WSHandshakeError as WSHandshakeError
from drywire_client import WSMessage as WSMessage
from drywire_client import WSMsgType as WSMsgType
from drywire_transports.websocket import CLOSED_MESSAGE as WS_CLOSED_MESSAGE
from drywire_transports.websocket import CLOSING_MESSAGE as WS_CLOSING_MESSAGE

__all__ = [
    "WS_CLOSED_MESSAGE",
    "WS_CLOSING_MESSAGE",
    "WSCloseCode",
    "WSHandshakeError",
    "WSMessage",
    "WSMsgType",
    "WebSocketError",
]
