"""The web server of drywire, with aiohttp's names: import it as ``from drywire import web``.

Here live applications, routing, requests, responses, and the runner that puts an application on a socket. It stands
on `drywire_transports` and `drywire_sansio`, never names an event loop, and never imports the client.
"""

from drywire_transports.websocket import WebSocketError, WSCloseCode, WSMessage, WSMsgType

from .app import Application
from .app_key import AppKey, NotAppKeyWarning
from .cleanup_contexts import CleanupError
from .compression import ContentCoding
from .errors import *  # noqa: F403 - the whole tree, as its own __all__ says
from .errors import __all__ as _errors
from .match_info import MatchInfo, Route
from .request import Request
from .response import Response, json_response
from .routing.table import RouteDef, UrlDispatcher, delete, get, head, options, patch, post, put, route
from .run_app import run_app
from .runner import AppRunner
from .server import Server
from .settings import ServerSettings
from .sites import BaseSite, SockSite, TCPSite, UnixSite
from .stream_response import StreamResponse
from .websocket import WebSocketReady, WebSocketResponse

__all__ = [
    "AppKey",
    "AppRunner",
    "Application",
    "BaseSite",
    "CleanupError",
    "ContentCoding",
    "MatchInfo",
    "NotAppKeyWarning",
    "Request",
    "Response",
    "Route",
    "RouteDef",
    "Server",
    "ServerSettings",
    "SockSite",
    "StreamResponse",
    "TCPSite",
    "UnixSite",
    "UrlDispatcher",
    "WSCloseCode",
    "WSMessage",
    "WSMsgType",
    "WebSocketError",
    "WebSocketReady",
    "WebSocketResponse",
    "delete",
    "get",
    "head",
    "json_response",
    "options",
    "patch",
    "post",
    "put",
    "route",
    "run_app",
]
__all__ += _errors
