"""The web server of drywire, with aiohttp's names: import it as ``from drywire import web``.

Here live applications, routing, requests, responses, and the runner that puts an application on a socket. It stands
on `drywire_transports` and `drywire_sansio`, never names an event loop, and never imports the client.
"""

from drywire_transports.websocket import WebSocketError, WSCloseCode, WSMessage, WSMsgType

from .access_log import (
    AbstractAccessLogger,
    AbstractAsyncAccessLogger,
    AccessLogger,
    JSONAccessLogger,
    access_logger,
)
from .app import Application
from .app_key import AppKey, NotAppKeyWarning, RequestKey, ResponseKey
from .asgi import ASGIHandler, ASGIResource, LifespanFailed, asgi_lifespan, mount_asgi
from .base_request import BaseRequest
from .certificates import ReloadingSSLContext
from .cleanup_contexts import CleanupError
from .compression import ContentCoding
from .errors import *  # noqa: F403 - the whole tree, as its own __all__ says
from .errors import __all__ as _errors
from .file_response import FileResponse
from .form import FileField, FormError
from .json_response import json_bytes_response, json_response
from .match_info import UrlMappingMatchInfo
from .middlewares import middleware
from .normalize_path import normalize_path_middleware
from .request import Request
from .response import Response
from .routing.abstract import AbstractResource
from .routing.definitions import (
    AbstractRouteDef,
    RouteDef,
    RouteTableDef,
    StaticDef,
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    route,
    static,
    view,
)
from .routing.resources import DynamicResource, PlainResource, Resource
from .routing.routes import AbstractRoute, ResourceRoute
from .routing.static_files import StaticResource
from .routing.sub_applications import PrefixedSubAppResource
from .routing.table import UrlDispatcher
from .run_app import run_app
from .run_asgi import asgi_application, run_asgi
from .runner import AppRunner, BaseRunner, ServerRunner, ShutdownReport
from .serve import serve
from .server import Server
from .settings import ServerSettings
from .sites import BaseSite, NamedPipeSite, SockSite, TCPSite, UnixSite
from .stream_response import StreamResponse
from .views import View
from .websocket import WebSocketReady, WebSocketResponse

__all__ = [
    "ASGIHandler",
    "ASGIResource",
    "AbstractAccessLogger",
    "AbstractAsyncAccessLogger",
    "AbstractResource",
    "AbstractRoute",
    "AbstractRouteDef",
    "AccessLogger",
    "AppKey",
    "AppRunner",
    "Application",
    "BaseRequest",
    "BaseRunner",
    "BaseSite",
    "CleanupError",
    "ContentCoding",
    "DynamicResource",
    "FileField",
    "FileResponse",
    "FormError",
    "JSONAccessLogger",
    "LifespanFailed",
    "NamedPipeSite",
    "NotAppKeyWarning",
    "PlainResource",
    "PrefixedSubAppResource",
    "ReloadingSSLContext",
    "Request",
    "RequestKey",
    "Resource",
    "ResourceRoute",
    "Response",
    "ResponseKey",
    "RouteDef",
    "RouteTableDef",
    "Server",
    "ServerRunner",
    "ServerSettings",
    "ShutdownReport",
    "SockSite",
    "StaticDef",
    "StaticResource",
    "StreamResponse",
    "TCPSite",
    "UnixSite",
    "UrlDispatcher",
    "UrlMappingMatchInfo",
    "View",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocketError",
    "WebSocketReady",
    "WebSocketResponse",
    "access_logger",
    "asgi_application",
    "asgi_lifespan",
    "delete",
    "get",
    "head",
    "json_bytes_response",
    "json_response",
    "middleware",
    "mount_asgi",
    "normalize_path_middleware",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "run_app",
    "run_asgi",
    "serve",
    "static",
    "view",
]
__all__ += _errors
