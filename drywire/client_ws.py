"""WebSockets of a client, by the name that their module has in aiohttp."""

from drywire_client import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_client import ClientWebSocketResponse as ClientWebSocketResponse
from drywire_client import ClientWSTimeout as ClientWSTimeout
from drywire_client.timeouts import DEFAULT_WS_TIMEOUT as DEFAULT_WS_CLIENT_TIMEOUT

__all__ = ["DEFAULT_WS_CLIENT_TIMEOUT", "ClientWSTimeout", "ClientWebSocketResponse"]
