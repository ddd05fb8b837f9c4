"""`make_mocked_request`: a `Request` that no client has sent, for tests that call a handler themselves."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Mapping
from typing import Any, Final
from unittest import mock

from aiosignal import Signal
from yarl import URL

from drywire_sansio import http1
from drywire_transports.body_reader import StreamReader, empty_body
from drywire_transports.message_fields import HttpVersion, HttpVersion11, LooseHeaders, map_to_fields, to_multidict

from ..app import Application
from ..match_info import UrlMappingMatchInfo
from ..request import Request
from ..stream_response import StreamResponse
from .mocked_connection import MockedCore, MockedLink, MockedStream

__all__ = ["make_mocked_coro", "make_mocked_request"]

_NOT_GIVEN: Final[Any] = object()


def make_mocked_coro(return_value: Any = _NOT_GIVEN, raise_exception: Any = _NOT_GIVEN) -> Any:
    """Return a mock of a coroutine function, which returns `return_value` or raises `raise_exception`.

    A `return_value` that can be awaited is awaited, and its result returned; without one the result is None. The mock
    counts calls as any does.
    """

    async def answer(*args: Any, **kwargs: Any) -> Any:
        if raise_exception is not _NOT_GIVEN:
            raise raise_exception
        if return_value is _NOT_GIVEN:
            return None
        return await return_value if inspect.isawaitable(return_value) else return_value

    return mock.Mock(wraps=answer)


def make_mocked_request(
    method: str,
    path: str,
    headers: LooseHeaders | None = None,
    *,
    match_info: Mapping[str, str] = _NOT_GIVEN,
    version: HttpVersion = HttpVersion11,
    closing: bool = False,
    app: Any = None,
    writer: Any = _NOT_GIVEN,
    protocol: Any = _NOT_GIVEN,
    transport: Any = _NOT_GIVEN,
    payload: StreamReader | None = None,
    sslcontext: ssl.SSLContext | None = None,
    client_max_size: int = 1024**2,
    client_max_fields: int = 1000,
    loop: object = None,
) -> Request:
    """Return a `Request` for the target `path`, to be handed to a handler or middleware in a test. Nothing is sent.

    `match_info` are the variables of the path. `payload` is the body, such as a `StreamReader` that was fed by hand;
    else there is none. With `closing`, or a `version` before 1.1, its connection is not kept. With `sslcontext` its
    scheme is https. `app` is an `Application`, a fresh one unless given.

    `transport` and `protocol` stand as the request's; mocks unless given. So does `writer`, which gets the response:
    ``write_headers`` a status line and the fields, ``write`` what a handler writes, ``write_eof`` the end. The frames
    of a `WebSocketResponse` go to ``transport.write``; its client says nothing, but answers a close. `loop` is ignored.
    No event loop has to run. A `path` that cannot be sent as it is, such as one beyond ASCII, is quoted.
    """
    if transport is _NOT_GIVEN:
        transport = _transport(sslcontext)
    if writer is _NOT_GIVEN:
        writer = mock.Mock(transport=transport)
        for name in ("write_headers", "write", "write_eof", "drain"):
            setattr(writer, name, make_mocked_coro(None))
    if protocol is _NOT_GIVEN:
        protocol = mock.Mock(transport=transport, writer=writer, ssl_context=sslcontext)
    keep_alive = not closing and version >= HttpVersion11
    link = MockedLink(MockedCore(keep_alive), MockedStream(transport, sslcontext), writer)
    content = empty_body() if payload is None else payload
    request = MockedRequest(_head(method.upper(), path, headers, version), content, link)
    request.stand_ins = transport, protocol, writer
    known: Any = Application() if app is None else app
    request._app = known
    info = UrlMappingMatchInfo({} if match_info is _NOT_GIVEN else dict(match_info), mock.Mock(http_exception=None))
    info.add_app(known)
    request._match_info = info
    request._client_max_size = client_max_size
    request._client_max_fields = client_max_fields
    signal = getattr(known, "on_response_prepare", None)
    if isinstance(signal, Signal) and signal:
        request._on_prepare = _sender(signal)
    return request


def _head(method: str, path: str, headers: LooseHeaders | None, version: HttpVersion) -> http1.Request:
    fields = http1.FieldLines(map_to_fields(to_multidict(headers)))
    target = path if path.isascii() and " " not in path else str(URL(path))
    return http1.Request(method.encode("ascii"), target.encode("ascii"), fields, b"%d.%d" % version)


def _sender(signal: Signal[Request, StreamResponse]) -> Any:
    async def send(request: Request, response: StreamResponse) -> None:
        for receiver in signal:  # which may be called here though the application was never frozen
            await receiver(request, response)

    return send


def _transport(context: ssl.SSLContext | None) -> mock.Mock:
    known: dict[str, Any] = {"sslcontext": context, "sockname": ("127.0.0.1", 80)}
    transport = mock.Mock()
    transport.get_extra_info.side_effect = lambda name, default=None: known.get(name, default)
    return transport


class MockedRequest(Request):
    """A request whose connection is made of what the test gave."""

    stand_ins: tuple[Any, Any, Any]

    @property
    def transport(self) -> Any:
        """The transport that was given, or a mock."""
        return self.stand_ins[0]

    @property
    def protocol(self) -> Any:
        """The protocol that was given, or a mock."""
        return self.stand_ins[1]

    @property
    def writer(self) -> Any:
        """The writer that was given, or a mock."""
        return self.stand_ins[2]

    def clone(self, **changes: Any) -> MockedRequest:
        """Return another request, in which what is given is different; see `BaseRequest.clone`."""
        new = super().clone(**changes)
        new.stand_ins = self.stand_ins
        return new
