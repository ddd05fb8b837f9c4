"""Abstract classes to build on."""

from drywire_client import AbstractCookieJar as AbstractCookieJar
from drywire_client.resolver import AbstractResolver as AbstractResolver
from drywire_client.resolver import ResolveResult as ResolveResult
from drywire_server.access_log import AbstractAccessLogger as AbstractAccessLogger
from drywire_server.access_log import AbstractAsyncAccessLogger as AbstractAsyncAccessLogger
from drywire_server.match_info import AbstractMatchInfo as AbstractMatchInfo
from drywire_server.routing.abstract import AbstractRouter as AbstractRouter
from drywire_server.stream_writer import AbstractStreamWriter as AbstractStreamWriter
from drywire_server.views import AbstractView as AbstractView

__all__ = [
    "AbstractAccessLogger",
    "AbstractAsyncAccessLogger",
    "AbstractCookieJar",
    "AbstractMatchInfo",
    "AbstractResolver",
    "AbstractRouter",
    "AbstractStreamWriter",
    "AbstractView",
    "ResolveResult",
]
