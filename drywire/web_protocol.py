"""Connections of a server, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import PayloadAccessError as PayloadAccessError
from drywire_server import RequestHandler as RequestHandler
from drywire_server import RequestPayloadError as RequestPayloadError
from drywire_server.connection import RequestHandler as _RequestHandler  # noqa: F401 - a type of annotations

__all__ = ["PayloadAccessError", "RequestHandler", "RequestPayloadError"]
