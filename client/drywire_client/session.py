"""`ClientSession`: the settings that requests share, and a method for each verb."""

from __future__ import annotations

import json as json_module
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, TypeVar

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import http1
from drywire_transports import current_runtime
from drywire_transports.message_fields import LooseHeaders, to_multidict

from .connector import TCPConnector
from .errors import ClientResponseError
from .exchange import exchange
from .payloads import BytesPayload, Payload, make_payload
from .request import ClientRequest, absolute_url, plain_headers, request_headers
from .response import ClientResponse
from .timeouts import DEFAULT_TIMEOUT, DEFAULT_WS_TIMEOUT, ClientTimeout, ClientWSTimeout, Deadlines
from .websocket import ClientWebSocketResponse, WebSocketSettings, WebSocketWish, handshake_error, http_url

__all__ = ["ClientSession"]

Query = Any
"""What yarl takes as a query: str, a mapping, or pairs."""
Timeout = ClientTimeout | float | None
RaiseForStatus = bool | Callable[[ClientResponse], Awaitable[None]]

T = TypeVar("T", bound=AbstractAsyncContextManager[Any])

KEPT: Final = 64
"""Hosts of which the plain header section is kept."""


class _Unset:
    """The type of `UNSET`."""


UNSET: Final = _Unset()
"""A parameter that was not given, where None has a meaning of its own."""


class _Awaited(Coroutine[Any, Any, T]):
    """What is made by a coroutine: await it for the thing itself, or enter it to have that taken care of at the end."""

    __slots__ = ("_coroutine", "_made")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        """Go on with the request."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with the request by an error."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Drop the request."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> T:
        self._made = made = await self._coroutine
        await made.__aenter__()
        return made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._made.__aexit__(kind, error, traceback)


async def _checked(response: ClientResponse, check: RaiseForStatus) -> None:
    """Raise what `check` makes of `response`, which is closed then."""
    if not callable(check):
        response.raise_for_status()
        return
    try:
        await check(response)
    except BaseException:
        response.close()
        raise


def _to_timeout(timeout: Timeout) -> ClientTimeout:
    if isinstance(timeout, ClientTimeout):
        return timeout
    return ClientTimeout(total=timeout)


def _to_ws_timeout(timeout: ClientWSTimeout | float, receive: float | None) -> ClientWSTimeout:
    if not isinstance(timeout, ClientWSTimeout):
        message = "a float as timeout is deprecated: use timeout=ClientWSTimeout(ws_close=...)"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        timeout = ClientWSTimeout(ws_receive=receive, ws_close=timeout)
    if receive is not None:
        message = "receive_timeout is deprecated: use timeout=ClientWSTimeout(ws_receive=...)"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        timeout = replace(timeout, ws_receive=receive)
    return timeout


class ClientSession:
    """Requests that share connections, headers and settings. Make one for a program, and close it.

    `base_url` is what relative URLs are joined to; `headers` are sent with each request; `timeout` is a
    `ClientTimeout`, or the total in seconds; with `raise_for_status` a status of 400 or more raises, or what an async
    function of the response makes of it; `connector` is closed with the session if `connector_owner`;
    `ws_response_class` is a class of your own, made of `ClientWebSocketResponse`.
    """

    def __init__(
        self,
        base_url: str | URL | None = None,
        *,
        connector: TCPConnector | None = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] = (),
        json_serialize: Callable[[Any], str] = json_module.dumps,
        timeout: Timeout | _Unset = UNSET,
        raise_for_status: RaiseForStatus = False,
        connector_owner: bool = True,
        ws_response_class: type[ClientWebSocketResponse] = ClientWebSocketResponse,
    ) -> None:
        self._closed = True  # until all is well
        self._base_url = _checked_base(base_url)
        self._headers = to_multidict(headers)
        self._skip = frozenset(name.lower() for name in skip_auto_headers)
        self._json_serialize = json_serialize
        self._timeout = DEFAULT_TIMEOUT if isinstance(timeout, _Unset) or timeout is None else _to_timeout(timeout)
        self._raise_for_status = raise_for_status
        self._connector: TCPConnector | None = TCPConnector() if connector is None else connector
        self._connector_owner = connector_owner
        self._ws_response_class = ws_response_class
        self._plain: dict[URL, http1.FieldLines] = {}
        self._closed = False

    async def __aenter__(self) -> ClientSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *_: object) -> None:
        """Never reached."""

    def __del__(self) -> None:
        connector = getattr(self, "_connector", None)
        if not self._closed and connector is not None and self._connector_owner:
            warnings.warn(f"Unclosed client session {self!r}", ResourceWarning, stacklevel=2, source=self)

    # What is known

    @property
    def closed(self) -> bool:
        """Whether the session is closed or detached."""
        return self._closed

    @property
    def connector(self) -> TCPConnector | None:
        """The connector; None once the session is closed."""
        return self._connector

    @property
    def headers(self) -> CIMultiDict[str]:
        """The header fields of each request; may be changed."""
        return self._headers

    @property
    def timeout(self) -> ClientTimeout:
        """The time limits of each request."""
        return self._timeout

    # Requests

    def request(self, method: str, url: str | URL, **options: Any) -> _Awaited[ClientResponse]:
        """Request `url` by `method`. The options are those of `_request`.

        Raises the errors of `drywire_client.errors`, TimeoutError where the total timeout passes, RuntimeError once
        the session is closed, and TypeError or ValueError for options that are not valid.
        """
        return _Awaited(self._request(method, url, **options))

    def get(self, url: str | URL, **options: Any) -> _Awaited[ClientResponse]:
        """GET `url`; see `request`."""
        return _Awaited(self._request("GET", url, **options))

    def head(self, url: str | URL, **options: Any) -> _Awaited[ClientResponse]:
        """HEAD `url`; see `request`."""
        return _Awaited(self._request("HEAD", url, **options))

    def options(self, url: str | URL, **options: Any) -> _Awaited[ClientResponse]:
        """OPTIONS on `url`; see `request`."""
        return _Awaited(self._request("OPTIONS", url, **options))

    def post(self, url: str | URL, *, data: Any = None, **options: Any) -> _Awaited[ClientResponse]:
        """POST `data` to `url`; see `request`."""
        return _Awaited(self._request("POST", url, data=data, **options))

    def put(self, url: str | URL, *, data: Any = None, **options: Any) -> _Awaited[ClientResponse]:
        """PUT `data` to `url`; see `request`."""
        return _Awaited(self._request("PUT", url, data=data, **options))

    def patch(self, url: str | URL, *, data: Any = None, **options: Any) -> _Awaited[ClientResponse]:
        """PATCH `url` with `data`; see `request`."""
        return _Awaited(self._request("PATCH", url, data=data, **options))

    def delete(self, url: str | URL, **options: Any) -> _Awaited[ClientResponse]:
        """DELETE `url`; see `request`."""
        return _Awaited(self._request("DELETE", url, **options))

    async def _request(
        self,
        method: str,
        url: str | URL,
        *,
        params: Query = None,
        data: Any = None,
        json: Any = None,
        headers: LooseHeaders | None = None,
        skip_auto_headers: Iterable[str] = (),
        timeout: Timeout | _Unset = UNSET,
        raise_for_status: RaiseForStatus | None = None,
        ssl: Any = True,
        server_hostname: str | None = None,
        chunked: bool | None = None,
    ) -> ClientResponse:
        if self._closed or self._connector is None:
            raise RuntimeError("Session is closed")
        runtime = current_runtime()
        target = absolute_url(url, self._base_url)
        if params:
            target = target.extend_query(params)
        payload = self._payload(data, json)
        if payload is None and not headers and not self._headers and not self._skip and method in ("GET", "HEAD"):
            fields = self._plain_fields(target)
        else:
            method = method.upper()
            skip = self._skip.union(skip_auto_headers)
            fields = request_headers(method, target, self._merged(headers), payload, skip, chunked)
        limits = self._timeout if isinstance(timeout, _Unset) else _to_timeout(timeout)
        request = ClientRequest(method, target, fields, payload, ssl, server_hostname)
        response = await exchange(self._connector, request, Deadlines(limits, runtime.now()), runtime)
        check = self._raise_for_status if raise_for_status is None else raise_for_status
        if check:
            await _checked(response, check)
        return response

    # WebSockets

    def ws_connect(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        protocols: Iterable[str] = (),
        timeout: ClientWSTimeout | float = DEFAULT_WS_TIMEOUT,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        auth: Any = None,
        origin: str | None = None,
        params: Query = None,
        headers: LooseHeaders | None = None,
        ssl: Any = True,
        server_hostname: str | None = None,
        compress: int = 0,
        max_msg_size: int = 4 * 1024 * 1024,
        decode_text: bool = True,
    ) -> _Awaited[ClientWebSocketResponse]:
        """Open a WebSocket at `url` (ws, wss, http or https): await it, or enter it to have it closed at the end.

        `protocols`: the subprotocols wished for, the dearest first. `timeout`: a `ClientWSTimeout`. `autoclose`:
        answer the server's close frame by itself. `autoping`: answer pings, and keep pings and pongs from the program.
        `heartbeat`: seconds of silence after which the server is pinged; without any sign of life for half of that it
        is given up. `auth`: what has an `encode` for the Authorization header. `compress`: 0, or the bits of the
        server's compression window, 9 to 15. `max_msg_size`: bytes that a message may have, inflated (0 for any
        number). `decode_text`: False gives text as bytes in UTF-8. The others are those of `request`, and the
        session's timeouts hold for the handshake.

        Raises WSServerHandshakeError where the server does not agree, ValueError for options that are not valid, and
        what `request` raises.
        """
        limits = _to_ws_timeout(timeout, receive_timeout)
        wish = WebSocketWish(tuple(protocols), compress, origin)
        settings = WebSocketSettings(
            close_timeout=limits.ws_close,
            receive_timeout=limits.ws_receive,
            autoclose=autoclose,
            autoping=autoping,
            heartbeat=heartbeat,
            max_msg_size=max_msg_size,
            decode_text=decode_text,
        )
        options = {"params": params, "headers": wish.headers(headers, auth), "ssl": ssl}
        return _Awaited(self._ws_connect(method, url, wish, settings, server_hostname=server_hostname, **options))

    async def _ws_connect(
        self, method: str, url: str | URL, wish: WebSocketWish, settings: WebSocketSettings, **options: Any
    ) -> ClientWebSocketResponse:
        try:
            response = await self._request(method, http_url(url), raise_for_status=False, **options)
        except ClientResponseError as error:
            raise handshake_error(error) from error.__cause__
        agreement = wish.confirm(response)
        return self._ws_response_class(response, response.detach(), agreement, settings, current_runtime())

    def _payload(self, data: Any, json: Any) -> Payload | None:
        if json is not None:
            if data is not None:
                raise ValueError("data and json parameters can not be used at the same time")
            return BytesPayload(self._json_serialize(json).encode("utf-8"), "application/json")
        return None if data is None else make_payload(data)

    def _merged(self, headers: LooseHeaders | None) -> CIMultiDict[str]:
        """Return the session's headers with those of the call in place of the same names."""
        own = to_multidict(headers)
        merged = CIMultiDict((name, value) for name, value in self._headers.items() if name not in own)
        merged.extend(own)
        return merged

    def _plain_fields(self, url: URL) -> http1.FieldLines:
        """Return the fields of a request that adds none, made once for each URL that is asked for again and again."""
        fields = self._plain.get(url)
        if fields is None:
            fields = plain_headers(url)
            if len(self._plain) >= KEPT:
                self._plain.clear()
            self._plain[url] = fields
        return fields

    # The end

    async def close(self) -> None:
        """Close the session and, if it owns it, its connector with all connections. Idempotent."""
        connector, self._connector = self._connector, None
        self._closed = True
        if connector is not None and self._connector_owner:
            await connector.close()

    def detach(self) -> None:
        """Give up the connector without closing it; the session is closed then."""
        self._connector = None
        self._closed = True


def _checked_base(base_url: str | URL | None) -> URL | None:
    if base_url is None:
        return None
    base = URL(base_url) if isinstance(base_url, str) else base_url
    if not base.absolute:
        raise ValueError(f"base_url must be an absolute URL, not {str(base)!r}")
    if not base.path.endswith("/"):
        raise ValueError("base_url must have a trailing '/'")
    return base
