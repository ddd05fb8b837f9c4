"""Servers of a bare handler, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import Server as Server

__all__ = ["Server"]
