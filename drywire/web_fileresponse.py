"""Responses from files, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import FileResponse as FileResponse

__all__ = ["FileResponse"]
