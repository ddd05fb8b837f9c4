"""WebSockets over a `ByteStream`: a channel, and above it an endpoint with aiohttp's methods.

The endpoint is what the client's and the server's WebSockets have in common. It knows the contracts of streams and
runtimes, never one of them.
"""

from drywire_sansio.websocket import WSCloseCode

from .channel import WebSocketChannel
from .endpoint import DecodeText, WebSocketEndpoint
from .masking_keys import masking_keys
from .messages import (
    CLOSED_MESSAGE,
    CLOSING_MESSAGE,
    WebSocketError,
    WSHandshakeError,
    WSMessage,
    WSMessageTypeError,
    WSMsgType,
)

__all__ = [
    "CLOSED_MESSAGE",
    "CLOSING_MESSAGE",
    "DecodeText",
    "WSCloseCode",
    "WSHandshakeError",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WebSocketChannel",
    "WebSocketEndpoint",
    "WebSocketError",
    "masking_keys",
]
