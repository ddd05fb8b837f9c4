"""WebSockets of a server, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import WebSocketReady as WebSocketReady
from drywire_server import WebSocketResponse as WebSocketResponse
from drywire_server import WSCloseCode as WSCloseCode
from drywire_server import WSMessage as WSMessage
from drywire_server import WSMsgType as WSMsgType

__all__ = ["WSCloseCode", "WSMessage", "WSMsgType", "WebSocketReady", "WebSocketResponse"]
