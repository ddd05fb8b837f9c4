"""The modules that programs import from: each has its names here too, and what has none says why."""

import functools
import importlib
import importlib.util
import logging
import pkgutil
import types

import aiohttp
import pytest
from yarl import URL

import drywire
from drywire import client, helpers, http_exceptions, web, web_exceptions

from ..tree import run_python

PARSING = "drywire's own parser and writer are `drywire_sansio.http1`"
FRAMES = "frames and handshakes are `drywire_sansio.websocket`; a message is a `WSMessage`, whatever is in it"
LOOP = "how aiohttp waits on asyncio; nothing here outside of the transports does"
DECODING = "bodies are decoded by `drywire_sansio.coding`"
DIGEST = "what aiohttp's middleware is made of"
ENVIRONMENT = "sessions ask the environment with `trust_env=True`"
FIELDS = "what aiohttp reads and writes fields with; requests and responses have properties for them"
INSIDE = "what aiohttp's classes are made of, not what they offer"

MISSING_MODULES = {
    "base_protocol": LOOP,
    "client_proto": LOOP,
    "tcp_helpers": "sockets are set up by a `socket_factory`, and by sites",
}

MISSING = {
    "client_middleware_digest_auth": {
        DIGEST: "DigestAuthChallenge escape_quotes parse_header_pairs unescape_quotes",
    },
    "compression_utils": {
        DECODING: """BrotliDecompressor ConcatDecompressionHandler DecompressionBaseHandler CompressObjArgs
        MemberDecompressObjProtocol TooManyMembersError ZLibBackend ZLibBackendProtocol ZLibBackendWrapper
        ZLibCompressObjProtocol ZLibCompressor ZLibDecompressObjProtocol ZLibDecompressor
        ZSTDDecompressor encoding_to_mode""",
    },
    "helpers": {
        LOOP: """BaseTimerContext ErrorableProtocol TimeoutHandle TimerContext TimerNoop calculate_timeout_when
        call_later ceil_timeout noop set_exception set_result weakref_handle""",
        ENVIRONMENT: "ProxyInfo basicauth_from_netrc get_env_proxy_for_url netrc_from_env proxies_from_env",
        FIELDS: """EnsureOctetStream HeadersMixin MimeType content_disposition_header guess_filename must_be_empty_body
        parse_content_type parse_http_date parse_mimetype quoted_string rfc822_formatted_time
        should_remove_content_length validate_etag_value""",
        "the standard library has `ipaddress.ip_address`": "is_canonical_ipv4_address is_ip_address",
    },
    "http": {
        PARSING: """HeadersParser HttpParser HttpRequestParser HttpResponseParser RawResponseMessage StreamWriter""",
        FRAMES: """WSMessageDecodeText WSMessageNoDecodeText WSMessageTextBytes WS_KEY WebSocketReader WebSocketWriter
        ws_ext_gen ws_ext_parse""",
        "the standard library has `http.HTTPStatus`": "RESPONSES",
    },
    "http_parser": {
        PARSING: """ChunkState DeflateBuffer HeadersParser HttpParser HttpPayloadParser HttpRequestParser
        HttpRequestParserPy HttpResponseParser HttpResponseParserPy ParseState PayloadState RawRequestMessagePy
        RawResponseMessage RawResponseMessagePy""",
    },
    "http_websocket": {
        FRAMES: """WSMessageDecodeText WSMessageNoDecodeText WSMessageTextBytes WS_KEY WebSocketReader WebSocketWriter
        ws_ext_gen ws_ext_parse""",
    },
    "http_writer": {PARSING: "StreamWriter"},
    "multipart": {INSIDE: "BodyPartReaderPayload MultipartPayloadWriter"},
    "payload_streamer": {INSIDE: "StreamPayload StreamWrapperPayload"},
    "pytest_plugin": {
        "pytest collects async functions by itself": "pytest_pycollect_makeitem",
        "asyncio's own loop is such a one on Windows": "proactor_loop",
    },
    "streams": {INSIDE: "AsyncStreamIterator ChunkTupleAsyncStreamIterator"},
    "web": {"the command line is `python -m drywire.web`": "main"},
    "web_app": {INSIDE: "CleanupContext"},
    "web_log": {INSIDE: "KeyMethod"},
    "web_urldispatcher": {"no class of its own: `match_info.http_exception` is what it would have": "MatchInfoError"},
}

MODULES = sorted(found.name for found in pkgutil.iter_modules(aiohttp.__path__) if not found.name.startswith("_"))

of_314 = pytest.mark.skipif(not aiohttp.__version__.startswith("3.14."), reason="the names are those of aiohttp 3.14")


def names_of(module):
    """Return what a module of aiohttp offers: its `__all__`, and classes and functions that it defines."""
    theirs = importlib.import_module(f"aiohttp.{module}")
    constants = (str, set, frozenset, logging.Logger) if module in ("hdrs", "log") else ()
    defined = {
        name
        for name, value in vars(theirs).items()
        if not name.startswith("_")
        and (getattr(value, "__module__", None) == theirs.__name__ or isinstance(value, constants))
    }
    return defined | set(getattr(theirs, "__all__", ()))


def missing_of(module):
    return {name for names in MISSING.get(module, {}).values() for name in names.split()}


@of_314
def test_each_module_of_aiohttp_is_here_or_has_a_reason_not_to_be():
    here = {module for module in MODULES if importlib.util.find_spec(f"drywire.{module}")}
    assert set(MODULES) - here == set(MISSING_MODULES)


@of_314
@pytest.mark.parametrize("module", sorted(set(MODULES) - set(MISSING_MODULES)))
def test_each_name_of_a_module_is_here_or_has_a_reason_not_to_be(module):
    ours = importlib.import_module(f"drywire.{module}")
    names = names_of(module)
    assert names
    missing = {name for name in names if not hasattr(ours, name)}
    assert missing == missing_of(module)
    fronts = (drywire, web)
    offered = {name for name in missing for front in fronts if name in front.__all__}
    assert not offered, "missing in the module of its name, but at the front door"
    for name in names - missing:
        for front in fronts:
            if name in front.__all__ and not isinstance(getattr(front, name), types.ModuleType):
                assert getattr(ours, name) is getattr(front, name), name


@pytest.mark.parametrize(
    "line",
    [
        "from drywire.abc import AbstractStreamWriter, Application, Request, StreamResponse",
        "from drywire.client import URL, ClientSession, _RequestContextManager, _RequestOptions",
        "from drywire.client import _WSRequestContextManager, request",
        "from drywire.client_exceptions import ClientResponse, ClientResponseError, ConnectionKey, RequestInfo",
        "from drywire.client_reqrep import ClientResponse, ConnectionKey, Fingerprint, RequestInfo",
        "from drywire.client_ws import ClientWebSocketResponse, WSMsgType",
        "from drywire.connector import BaseConnector, ClientConnectorError, Connection, TCPConnector",
        "from drywire.helpers import _SENTINEL, BasicAuth, ChainMapProxy, reify, sentinel",
        "from drywire.http import SERVER_SOFTWARE, HttpVersion, RawRequestMessage, WSCloseCode, WSMessage, WSMsgType",
        "from drywire.http_exceptions import BadHttpMessage, BadStatusLine, HttpBadRequest, HttpProcessingError",
        "from drywire.http_websocket import WS_CLOSED_MESSAGE, WSCloseCode, WSMessage, WSMsgType",
        "from drywire.http_writer import HttpVersion, HttpVersion10, HttpVersion11",
        "from drywire.pytest_plugin import AiohttpClient, AiohttpRawServer, AiohttpServer",
        "from drywire.resolver import AbstractResolver, DefaultResolver, ThreadedResolver",
        "from drywire.typedefs import DEFAULT_JSON_DECODER, Handler, LooseCookies, LooseHeaders, Middleware, StrOrURL",
        "from drywire.web_app import Application, AppKey, Request",
        "from drywire.web_exceptions import HTTPException, HTTPNotFound, NotAppKeyWarning",
        "from drywire.web_fileresponse import FileResponse, StreamResponse",
        "from drywire.web_log import AccessLogger",
        "from drywire.web_middlewares import Handler, middleware, normalize_path_middleware",
        "from drywire.web_protocol import RequestHandler, RequestPayloadError, _RequestHandler",
        "from drywire.web_request import BaseRequest, FileField, Request",
        "from drywire.web_response import Response, StreamResponse, json_response",
        "from drywire.web_routedef import RouteDef, RouteTableDef, get, post, view",
        "from drywire.web_runner import AppRunner, BaseRunner, GracefulExit, ServerRunner, TCPSite, UnixSite",
        "from drywire.web_server import Server",
        "from drywire.web_urldispatcher import AbstractRoute, Domain, ResourcesView, SystemRoute, UrlDispatcher, View",
        "from drywire.web_ws import WebSocketReady, WebSocketResponse, WSMsgType",
    ],
)
def test_what_programs_import_is_there(line):
    exec(line, {})


def test_a_module_is_loaded_when_it_is_asked_for_by_name():
    """``import drywire`` alone, and then ``drywire.web_exceptions.HTTPNotFound``."""
    loaded = run_python("-c", "import sys, drywire; print(*[name for name in sys.modules if 'drywire.' in name])")
    assert not loaded.split()
    code = "import drywire; print(drywire.web_exceptions.HTTPNotFound.__name__, drywire.log.client_logger.name)"
    assert run_python("-c", code).split() == ["HTTPNotFound", "drywire.client"]
    for module in set(MODULES) - set(MISSING_MODULES) - {"pytest_plugin", "worker"}:
        assert getattr(drywire, module) is importlib.import_module(f"drywire.{module}")


def test_a_name_that_is_missing_is_named():
    with pytest.raises(ImportError, match=r"cannot import name 'TimerNoop' from 'drywire\.helpers'"):
        exec("from drywire.helpers import TimerNoop", {})


def test_helpers():
    class Page:
        made = 0

        @helpers.reify
        def title(self):
            self.made += 1
            return "title"

    page = Page()
    assert (page.title, page.title, page.made) == ("title", "title", 1)
    bare, auth = helpers.strip_auth_from_url(URL("http://ann:secret@a/b"))
    assert (bare, auth) == (URL("http://a/b"), drywire.BasicAuth("ann", "secret"))
    assert helpers.strip_auth_from_url(URL("http://a/b")) == (URL("http://a/b"), None)
    assert isinstance(helpers.sentinel, helpers._SENTINEL)


def test_errors_of_the_lowest_level_can_be_raised_and_caught():
    error = http_exceptions.HttpProcessingError(code=404, message="none", headers={"A": "b"})
    assert (error.code, error.message, error.headers, str(error)) == (404, "none", {"A": "b"}, "404: none")
    bad = http_exceptions.BadHttpMethod("G@T /")
    assert isinstance(bad, http_exceptions.BadStatusLine | http_exceptions.BadHttpMessage)
    assert (bad.code, bad.line, str(bad)) == (400, "G@T /", "400: bad status line 'G@T /'")
    assert (http_exceptions.InvalidHeader(b"\xff:").hdr, http_exceptions.BadStatusLine(error="x").message) == (
        "\\xff:",
        "x",
    )
    assert issubclass(http_exceptions.ContentLengthError, http_exceptions.PayloadEncodingError)


async def test_a_session_can_be_wrapped_by_what_these_modules_have(serving):
    """A wrapper hands on a timeout that it was not given, and returns what can be awaited and entered."""

    class Wrapper:
        def __init__(self, session):
            self.session = session

        def get(self, url, timeout=helpers.sentinel, **options: "client._RequestOptions"):
            return client._RequestContextManager(self.session._request("GET", url, timeout=timeout, **options))

    async def hello(request):
        raise web_exceptions.HTTPAccepted(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app) as url, drywire.ClientSession() as session:
        wrapper = Wrapper(session)
        async with wrapper.get(url) as response:
            assert (response.status, await response.text()) == (202, "hello")
        response = await wrapper.get(url)
        assert await response.text() == "hello"


async def test_middlewares_of_a_client_can_be_joined_by_hand():
    said = []

    async def handler(request):
        said.append(request)
        return "response"

    async def middleware(request, handler, name):
        said.append(name)
        return await handler(request)

    outer, inner = (functools.partial(middleware, name=name) for name in ("outer", "inner"))
    joined = drywire.client_middlewares.build_client_middlewares(handler, (outer, inner))
    assert await joined("request") == "response"
    assert said == ["outer", "inner", "request"]
