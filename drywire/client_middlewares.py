"""Middlewares of a client, by the name that their module has in aiohttp."""

from drywire_client import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_client import ClientHandlerType as ClientHandlerType
from drywire_client import ClientMiddlewareType as ClientMiddlewareType
from drywire_client.middlewares import wrapped as build_client_middlewares

__all__ = ["ClientHandlerType", "ClientMiddlewareType", "build_client_middlewares"]
