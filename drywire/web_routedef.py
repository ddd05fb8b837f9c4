"""Routes in tables, by the name that their module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import AbstractRouteDef as AbstractRouteDef
from drywire_server import RouteDef as RouteDef
from drywire_server import RouteTableDef as RouteTableDef
from drywire_server import StaticDef as StaticDef
from drywire_server import delete as delete
from drywire_server import get as get
from drywire_server import head as head
from drywire_server import options as options
from drywire_server import patch as patch
from drywire_server import post as post
from drywire_server import put as put
from drywire_server import route as route
from drywire_server import static as static
from drywire_server import view as view

__all__ = [
    "AbstractRouteDef",
    "RouteDef",
    "RouteTableDef",
    "StaticDef",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "static",
    "view",
]
