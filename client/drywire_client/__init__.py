"""The client of drywire, with aiohttp's names: use it as ``import drywire``.

Here live the session, requests and responses, the pool of connections, and the client's errors. It stands on
`drywire_transports` and `drywire_sansio`, never names an event loop, and never imports the server.
"""

from drywire_sansio.coding import set_zlib_backend
from drywire_sansio.content_disposition import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    content_disposition_filename,
)
from drywire_sansio.pooling import EndpointFigures, PoolFigures
from drywire_transports.body_reader import EMPTY_PAYLOAD, StreamReader
from drywire_transports.data_queue import DataQueue, EofStream, FlowControlDataQueue
from drywire_transports.dispositions import parse_content_disposition
from drywire_transports.message_fields import HttpVersion, HttpVersion10, HttpVersion11
from drywire_transports.multipart_reader import BodyPartReader, MultipartReader
from drywire_transports.multipart_writer import MultipartWriter
from drywire_transports.payloads import (
    PAYLOAD_REGISTRY,
    AsyncIterablePayload,
    BufferedReaderPayload,
    BytesIOPayload,
    BytesPayload,
    IOBasePayload,
    JsonBytesPayload,
    JsonPayload,
    Payload,
    StringIOPayload,
    StringPayload,
    TextIOPayload,
    get_payload,
    payload_type,
)
from drywire_transports.timeout import Timeout
from drywire_transports.websocket import (
    WebSocketError,
    WSCloseCode,
    WSHandshakeError,
    WSMessage,
    WSMessageTypeError,
    WSMsgType,
)

from .address_policy import AddressPolicy, AddressToDial, public_addresses_only
from .auth import BasicAuth, encode_basic_auth
from .connector import BaseConnector, Connection
from .cookie_jar import AbstractCookieJar, CookieJar, DummyCookieJar
from .digest import DigestAuthMiddleware
from .errors import *  # noqa: F403 - the whole tree, as its own __all__ says
from .errors import __all__ as _errors
from .fingerprint import Fingerprint
from .form_data import FormData
from .legacy import streamer
from .middlewares import ClientHandlerType, ClientMiddlewareType
from .one_shot import request, ws_connect
from .proxy_connector import ProxyConnector
from .proxy_digest import ProxyDigestAuthMiddleware
from .request import ClientRequest, RequestInfo
from .resolver import AsyncResolver, DefaultResolver, ThreadedResolver
from .response import ClientResponse, ContentDisposition
from .retry import RetryMiddleware
from .session import ClientSession
from .tcp_connector import AddrInfoType, SocketFactoryType, TCPConnector
from .timeouts import ClientTimeout, ClientWSTimeout
from .tracing import *  # noqa: F403 - the signals' parameters, as its own __all__ says
from .tracing import __all__ as _tracing
from .unix_connector import NamedPipeConnector, UnixConnector
from .upload_tracker import UploadTracker
from .websocket import ClientWebSocketResponse

__all__ = [
    "EMPTY_PAYLOAD",
    "PAYLOAD_REGISTRY",
    "AbstractCookieJar",
    "AddrInfoType",
    "AddressPolicy",
    "AddressToDial",
    "AsyncIterablePayload",
    "AsyncResolver",
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
    "BaseConnector",
    "BasicAuth",
    "BodyPartReader",
    "BufferedReaderPayload",
    "BytesIOPayload",
    "BytesPayload",
    "ClientHandlerType",
    "ClientMiddlewareType",
    "ClientRequest",
    "ClientResponse",
    "ClientSession",
    "ClientTimeout",
    "ClientWSTimeout",
    "ClientWebSocketResponse",
    "Connection",
    "ContentDisposition",
    "CookieJar",
    "DataQueue",
    "DefaultResolver",
    "DigestAuthMiddleware",
    "DummyCookieJar",
    "EndpointFigures",
    "EofStream",
    "Fingerprint",
    "FlowControlDataQueue",
    "FormData",
    "HttpVersion",
    "HttpVersion10",
    "HttpVersion11",
    "IOBasePayload",
    "JsonBytesPayload",
    "JsonPayload",
    "MultipartReader",
    "MultipartWriter",
    "NamedPipeConnector",
    "Payload",
    "PoolFigures",
    "ProxyConnector",
    "ProxyDigestAuthMiddleware",
    "RequestInfo",
    "RetryMiddleware",
    "SocketFactoryType",
    "StreamReader",
    "StringIOPayload",
    "StringPayload",
    "TCPConnector",
    "TextIOPayload",
    "ThreadedResolver",
    "Timeout",
    "UnixConnector",
    "UploadTracker",
    "WSCloseCode",
    "WSHandshakeError",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WebSocketError",
    "content_disposition_filename",
    "encode_basic_auth",
    "get_payload",
    "parse_content_disposition",
    "payload_type",
    "public_addresses_only",
    "request",
    "set_zlib_backend",
    "streamer",
    "ws_connect",
]
__all__ += _errors
__all__ += [name for name in _tracing if name.startswith("Trace") and name != "Trace"]
