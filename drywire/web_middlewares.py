"""Middlewares, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import middleware as middleware
from drywire_server import normalize_path_middleware as normalize_path_middleware

from .typedefs import Handler as Handler
from .typedefs import Middleware as Middleware

__all__ = ["Handler", "Middleware", "middleware", "normalize_path_middleware"]
