"""Applications, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import Application as Application
from drywire_server import CleanupError as CleanupError

__all__ = ["Application", "CleanupError"]
