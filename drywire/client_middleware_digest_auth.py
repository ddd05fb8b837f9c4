"""Digest authentication, by the name that its module has in aiohttp."""

from drywire_client import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_client import DigestAuthMiddleware as DigestAuthMiddleware

__all__ = ["DigestAuthMiddleware"]
