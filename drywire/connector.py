"""Connectors, by the name that their module has in aiohttp."""

from drywire_client import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_client import AddrInfoType as AddrInfoType
from drywire_client import BaseConnector as BaseConnector
from drywire_client import Connection as Connection
from drywire_client import NamedPipeConnector as NamedPipeConnector
from drywire_client import SocketFactoryType as SocketFactoryType
from drywire_client import TCPConnector as TCPConnector
from drywire_client import UnixConnector as UnixConnector

__all__ = [
    "AddrInfoType",
    "BaseConnector",
    "Connection",
    "NamedPipeConnector",
    "SocketFactoryType",
    "TCPConnector",
    "UnixConnector",
]
