"""Runners and sites, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import AppRunner as AppRunner
from drywire_server import BaseRunner as BaseRunner
from drywire_server import BaseSite as BaseSite
from drywire_server import GracefulExit as GracefulExit
from drywire_server import NamedPipeSite as NamedPipeSite
from drywire_server import ServerRunner as ServerRunner
from drywire_server import SockSite as SockSite
from drywire_server import TCPSite as TCPSite
from drywire_server import UnixSite as UnixSite

__all__ = [
    "AppRunner",
    "BaseRunner",
    "BaseSite",
    "GracefulExit",
    "NamedPipeSite",
    "ServerRunner",
    "SockSite",
    "TCPSite",
    "UnixSite",
]
