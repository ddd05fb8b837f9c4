"""Abstract classes to build on, and the classes that annotations import from here."""

from drywire_client import AbstractCookieJar as AbstractCookieJar
from drywire_client.cookie_jar import ClearCookiePredicate as ClearCookiePredicate
from drywire_client.resolver import AbstractResolver as AbstractResolver
from drywire_client.resolver import ResolveResult as ResolveResult
from drywire_server import Application as Application
from drywire_server import BaseRequest as BaseRequest
from drywire_server import HTTPException as HTTPException
from drywire_server import Request as Request
from drywire_server import StreamResponse as StreamResponse
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
    "Application",
    "BaseRequest",
    "ClearCookiePredicate",
    "HTTPException",
    "Request",
    "ResolveResult",
    "StreamResponse",
]
