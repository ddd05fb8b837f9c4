"""`ClientWebSocketResponse`: the client's end of a WebSocket; and the handshake that leads to one."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from multidict import CIMultiDict
from yarl import URL

from drywire_sansio import websocket
from drywire_transports import Runtime
from drywire_transports.message_fields import LooseHeaders, to_multidict
from drywire_transports.websocket import CLOSING_MESSAGE, DecodeText, WebSocketEndpoint, WSMessage, masking_keys

from .connector import Connection
from .errors import (
    ClientConnectionResetError,
    ClientResponseError,
    ServerTimeoutError,
    WSServerHandshakeError,
)
from .response import ClientResponse

__all__ = ["ClientWebSocketResponse", "WebSocketSettings", "WebSocketWish", "handshake_error", "http_url"]

UNLIMITED: Final = 1 << 62

# aiohttp's words for what is wrong with a response
_MESSAGES: Final = {
    "bad-status": "Invalid response status",
    "bad-upgrade": "Invalid upgrade header",
    "bad-switch": "Invalid upgrade header",
    "bad-connection": "Invalid connection header",
    "bad-accept": "Invalid challenge response",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings:
    """How a WebSocket is to behave once it is open; times are seconds."""

    close_timeout: float | None
    receive_timeout: float | None
    autoclose: bool
    autoping: bool
    heartbeat: float | None
    max_msg_size: int
    decode_text: bool


class WebSocketWish:
    """One handshake: what is asked of the server, and what comes of its response."""

    def __init__(self, protocols: tuple[str, ...], compress: int, origin: str | None) -> None:
        self._protocols = protocols
        self._deflate = _deflate(compress)
        self._origin = origin
        self._random = os.urandom(16)

    def headers(self, given: LooseHeaders | None, auth: Any) -> CIMultiDict[str]:
        """Return the header fields of the request: the given ones, and those of a handshake in place of the same names.

        Raises ValueError for a subprotocol or an origin that is not valid.
        """
        headers = to_multidict(given)
        if auth is not None:
            if "Authorization" in headers:
                raise ValueError("a login is given beside an Authorization header: which one is meant?")
            headers["Authorization"] = auth.encode()
        fields = websocket.request_fields(
            self._random, protocols=self._protocols, deflate=self._deflate, origin=self._origin
        )
        for name, value in fields:
            headers[name.decode()] = value.decode()
        return headers

    def confirm(self, response: ClientResponse) -> websocket.Agreement:
        """Return what `response` settles. Raises WSServerHandshakeError, and closes it then."""
        try:
            return websocket.confirm(response.head, self._random, protocols=self._protocols, deflate=self._deflate)
        except websocket.HandshakeRefused as error:
            response.close()
            raise WSServerHandshakeError(
                response.request_info,
                response.history,
                status=response.status,
                message=_MESSAGES.get(error.rule, error.args[0]),
                headers=response.headers,
            ) from error


def handshake_error(error: ClientResponseError) -> ClientResponseError:
    """Return what to raise in place of `error`, with which the server's response could not be read."""
    cause = error.__cause__
    if not isinstance(cause, websocket.RemoteProtocolError) or cause.rule not in _MESSAGES:
        return error
    return WSServerHandshakeError(
        error.request_info, error.history, status=101, message=_MESSAGES[cause.rule], headers=error.headers
    )


def http_url(url: str | URL) -> str | URL:
    """Return a URL of the scheme ws or wss as one of http or https, and any other as it is."""
    try:
        parsed = URL(url)
    except (TypeError, ValueError):
        return url  # whoever requests it says what is wrong
    scheme = {"ws": "http", "wss": "https"}.get(parsed.scheme)
    return parsed if scheme is None else parsed.with_scheme(scheme)


def _deflate(compress: int) -> websocket.Deflate | None:
    if not compress:
        return None
    bits = 15 if compress is True else compress
    if not 9 <= bits <= 15:
        raise ValueError(f"compress is 0, or the bits of a window from 9 to 15 (zlib has no window of 8), not {bits}")
    return websocket.Deflate(server_max_window_bits=bits)


class ClientWebSocketResponse(WebSocketEndpoint[DecodeText]):
    """The client's end of a WebSocket, made by `ClientSession.ws_connect`: leave its ``async with``, or `close` it."""

    def __init__(
        self,
        response: ClientResponse,
        connection: Connection,
        agreement: websocket.Agreement,
        settings: WebSocketSettings,
        runtime: Runtime,
    ) -> None:
        self._connection: Connection | None = connection
        self._response = response
        self._agreement = agreement
        self._configure(
            timeout=math.inf if settings.close_timeout is None else settings.close_timeout,
            receive_timeout=settings.receive_timeout,
            autoclose=settings.autoclose,
            autoping=settings.autoping,
            heartbeat=settings.heartbeat,
            decode_text=settings.decode_text,
        )
        http = connection.channel.connection
        size = settings.max_msg_size or UNLIMITED
        core = websocket.ClientConnection(
            masking_keys(),
            limits=replace(http.limits, frame=size, message=size),
            deflate=agreement.deflate,
            clock=runtime.now,
        )
        data, at_end = http.trailing_data
        if data:
            core.receive_data(data)
        if at_end:
            core.receive_data(b"")
        self._open(connection.stream, core, runtime)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def protocol(self) -> str | None:
        """The subprotocol that the server chose; None for none."""
        return self._agreement.protocol

    @property
    def compress(self) -> int:
        """The bits of our compression window; 0 where messages are not compressed."""
        deflate = self._agreement.deflate
        return 0 if deflate is None else deflate.client_max_window_bits

    @property
    def client_notakeover(self) -> bool:
        """Whether each of our messages is compressed by itself."""
        deflate = self._agreement.deflate
        return deflate is not None and deflate.client_no_context_takeover

    async def _receive_early(self) -> WSMessage | None:
        message = await super()._receive_early()
        if message is CLOSING_MESSAGE and not self._closed:
            await self.close()  # who goes on receiving after a close frame leaves the answer to it to us
            return self._closed_message()
        return message

    def _end(self) -> None:
        super()._end()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _reset(self) -> ConnectionResetError:
        return ClientConnectionResetError("Cannot write to closing transport")

    def _pong_missing(self, text: str) -> TimeoutError:
        return ServerTimeoutError(text)
