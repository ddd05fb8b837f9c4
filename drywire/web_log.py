"""The access log, by the name that its module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import AccessLogger as AccessLogger

__all__ = ["AccessLogger"]
