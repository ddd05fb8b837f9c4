"""Routing, by the name that its module has in aiohttp."""

from drywire_server import *  # noqa: F403 - aiohttp's module has some of these by the way
from drywire_server import AbstractResource as AbstractResource
from drywire_server import AbstractRoute as AbstractRoute
from drywire_server import DynamicResource as DynamicResource
from drywire_server import PlainResource as PlainResource
from drywire_server import PrefixedSubAppResource as PrefixedSubAppResource
from drywire_server import Resource as Resource
from drywire_server import ResourceRoute as ResourceRoute
from drywire_server import StaticResource as StaticResource
from drywire_server import UrlDispatcher as UrlDispatcher
from drywire_server import UrlMappingMatchInfo as UrlMappingMatchInfo
from drywire_server import View as View
from drywire_server.routing.domains import AbstractRuleMatching as AbstractRuleMatching
from drywire_server.routing.domains import Domain as Domain
from drywire_server.routing.domains import MaskDomain as MaskDomain
from drywire_server.routing.resources import PrefixResource as PrefixResource
from drywire_server.routing.routes import SystemRoute as SystemRoute
from drywire_server.routing.sub_applications import MatchedSubAppResource as MatchedSubAppResource
from drywire_server.routing.table import ResourcesView as ResourcesView
from drywire_server.routing.table import RoutesView as RoutesView

__all__ = [
    "AbstractResource",
    "AbstractRoute",
    "AbstractRuleMatching",
    "Domain",
    "DynamicResource",
    "MaskDomain",
    "MatchedSubAppResource",
    "PlainResource",
    "PrefixResource",
    "PrefixedSubAppResource",
    "Resource",
    "ResourceRoute",
    "ResourcesView",
    "RoutesView",
    "StaticResource",
    "SystemRoute",
    "UrlDispatcher",
    "UrlMappingMatchInfo",
    "View",
]
