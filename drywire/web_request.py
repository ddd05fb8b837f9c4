"""Requests that a server receives, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import BaseRequest as BaseRequest
from drywire_server import FileField as FileField
from drywire_server import Request as Request

__all__ = ["BaseRequest", "FileField", "Request"]
