"""The loggers, by the names that aiohttp has for them; ours are called ``drywire.access`` and so on."""

from logging import getLogger

__all__ = ["access_logger", "client_logger", "internal_logger", "server_logger", "web_logger", "ws_logger"]

access_logger = getLogger("drywire.access")
client_logger = getLogger("drywire.client")
internal_logger = getLogger("drywire.transports")
server_logger = getLogger("drywire.server")
web_logger = getLogger("drywire.web")
ws_logger = getLogger("drywire.websocket")
