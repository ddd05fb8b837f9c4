"""`WebSocketResponse`: the server's end of a WebSocket, as a response that never ends by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from drywire_sansio import http1, websocket
from drywire_sansio.limits import DEFAULT_LIMITS
from drywire_transports import ByteStream, Runtime
from drywire_transports.message_fields import map_to_fields
from drywire_transports.websocket import DecodeText, WebSocketEndpoint, WSMessage

from .cookies import set_cookie_fields
from .errors import HTTPBadRequest, HTTPServiceUnavailable, HTTPUpgradeRequired
from .settings import ServerSettings
from .stream_response import StreamResponse

__all__ = ["WebSocketReady", "WebSocketResponse"]

logger = logging.getLogger("drywire.websocket")

ASKED_AFTER_THE_END: Final = 5
"""Times that a closed connection may be asked for a message: a loop that does not look at the answer ends here."""

UNLIMITED: Final = 1 << 62


class Upgradable(Protocol):
    """The connection that a request came over, as its WebSocket needs it."""

    responding: bool
    websocket: WebSocketResponse[bool] | None
    stream: ByteStream

    @property
    def core(self) -> http1.ServerConnection: ...
    @property
    def runtime(self) -> Runtime: ...
    @property
    def settings(self) -> ServerSettings: ...
    @property
    def closing(self) -> bool: ...
    async def send(self, *events: http1.Event) -> None: ...


class Asked(Protocol):
    """A request, as its WebSocket needs it."""

    method: str

    @property
    def head(self) -> http1.Request: ...
    @property
    def link(self) -> Any: ...  # an Upgradable, which the requests of users are not known to have
    @property
    def remote(self) -> Any: ...  # str | None; cached, which a checker takes for another type
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class WebSocketReady:
    """Whether a request can become a WebSocket, and with which subprotocol; true or false by itself."""

    ok: bool
    protocol: str | None

    def __bool__(self) -> bool:
        return self.ok


class WebSocketResponse(WebSocketEndpoint[DecodeText], StreamResponse):
    """The server's end of a WebSocket: `prepare` it, then send and receive, and return it from the handler.

    Whatever the handler does, the connection is closed once it returns: with 1000, or with 1011 if it raises.

    `timeout`: seconds to wait for the client's close frame (10). `receive_timeout`: seconds to wait for a message
    (None: for ever). `autoclose`: answer the client's close frame by itself. `autoping`: answer pings, and keep pings
    and pongs from the program. `heartbeat`: seconds of silence after which the client is pinged; without any sign of
    life for half of that it is given up (None: never). `protocols`: the subprotocols that are spoken here; the first
    of the client's list that is among them is chosen. `compress`: agree to compression where the client offers it;
    False for never, 9 to 15 for a window of that many bits. `max_msg_size`: bytes that a message may have, inflated
    (4 MiB; 0 for any number). `writer_limit` is accepted for aiohttp's sake: each send here waits for room by itself.
    `decode_text`: False gives text as bytes in UTF-8.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        protocols: Iterable[str] = (),
        compress: bool | int = True,
        max_msg_size: int = 4 * 1024 * 1024,
        writer_limit: int = 256 * 1024,
        decode_text: bool = True,
    ) -> None:
        super().__init__(status=101)
        self._configure(
            timeout=timeout,
            receive_timeout=receive_timeout,
            autoclose=autoclose,
            autoping=autoping,
            heartbeat=heartbeat,
            decode_text=decode_text,
        )
        self._protocols = tuple(protocols)
        self._compress = compress
        self._max_msg_size = max_msg_size
        self._ws_protocol: str | None = None
        self._asked_after_the_end = 0
        self._own_close_code: int | None = None

    # The handshake

    def can_prepare(self, request: Asked) -> WebSocketReady:
        """Return whether `prepare` would succeed, and with which subprotocol. Raises RuntimeError once prepared."""
        if self.prepared:
            raise RuntimeError("Already started")
        try:
            accepted = self._accept(request)
        except websocket.HandshakeRefused:
            return WebSocketReady(ok=False, protocol=None)
        return WebSocketReady(ok=True, protocol=accepted.protocol)

    async def prepare(self, request: Asked) -> Any:  # type: ignore[override]  # it needs more of a request
        """Answer the handshake, and return what `request.writer` is. Does nothing the second time.

        Raises HTTPBadRequest for a request that is no handshake, HTTPUpgradeRequired for another version than 13,
        and HTTPServiceUnavailable while the server shuts down.
        """
        if not self.prepared:
            await self._answer_handshake(request, request.link)
        return self._payload_writer

    async def _answer_handshake(self, request: Asked, link: Upgradable) -> None:
        if link.closing:
            raise HTTPServiceUnavailable(text="503: the server is shutting down")
        accepted = self._checked(request)
        head = accepted.response
        fields = list(head.headers)
        if getattr(request, "_on_prepare", None) is not None:
            self.headers.update((name.decode("ascii"), value.decode("ascii")) for name, value in fields)
            await self._show_head(request)
            fields.clear()
        fields += map_to_fields(self._headers or {})
        if self._cookies and not self._is_settled:
            fields += set_cookie_fields(self._cookies)
        sent = http1.InformationalResponse(head.status, fields, head.reason)
        await link.send(sent)
        link.responding = True
        self._request, self._sent_head = request, sent
        self._ws_protocol = accepted.protocol
        self._compress = 0 if accepted.deflate is None else accepted.deflate.server_max_window_bits
        core = websocket.ServerConnection(
            limits=self._limits(link.core.limits), deflate=accepted.deflate, clock=link.runtime.now
        )
        data, at_end = link.core.trailing_data
        if data:
            core.receive_data(data)
        if at_end:
            core.receive_data(b"")
        self._open(link.stream, core, link.runtime, write_patience=link.settings.write_timeout)
        link.websocket = self

    def _accept(self, request: Asked) -> websocket.Accepted:
        return websocket.accept(request.head, protocols=self._protocols, deflate=self._wished_compression())

    def _checked(self, request: Asked) -> websocket.Accepted:
        try:
            accepted = self._accept(request)
        except websocket.HandshakeRefused as error:
            text = f"{error.status}: {error.args[0]}"
            if error.status != 426:
                raise HTTPBadRequest(text=text) from error
            headers = [(name.decode(), value.decode()) for name, value in error.fields()]
            raise HTTPUpgradeRequired(text=text, headers=headers) from error
        if self._protocols and accepted.protocol is None:
            offered = [value for name, value in request.head.headers if name.lower() == b"sec-websocket-protocol"]
            if offered:
                message = "%s: none of the subprotocols %r is spoken here: %r"
                logger.warning(message, request.remote, offered[0][:200], self._protocols)
        return accepted

    def _wished_compression(self) -> websocket.Deflate | None:
        if not self._compress:
            return None
        bits = 15 if self._compress is True else self._compress
        return websocket.Deflate(server_max_window_bits=bits, client_max_window_bits=bits)

    def _limits(self, limits: http1.Limits | None) -> http1.Limits:
        size = self._max_msg_size or UNLIMITED
        return replace(limits or DEFAULT_LIMITS, frame=size, message=size)

    @property
    def ws_protocol(self) -> str | None:
        """The subprotocol that was agreed on; None for none, and before `prepare`."""
        return self._ws_protocol

    @property
    def compress(self) -> int | bool:
        """What was asked for until `prepare`; then the bits of our window, 0 where messages are not compressed."""
        return self._compress

    # As a response

    async def write(self, data: Any) -> None:
        """Raise RuntimeError: a WebSocket has messages, not a body."""
        raise RuntimeError("Cannot call .write() for websocket")

    async def write_eof(self, data: bytes = b"") -> None:
        """Close the connection, if nobody has; return once that is done."""
        if self._eof_sent:
            return
        self._prepared_channel()
        await self.finish(websocket.WSCloseCode.OK)
        self._eof_sent = True

    @property
    def close_code(self) -> int | None:
        """The code it was closed with: the peer's, 1005 if it gave none, 1006 if it was lost; None while it is open.

        From a `close` of ours until the peer's is known, it is the one given there: a receiver that this wakes sees it.
        """
        if self._close_code is None and self._closed:
            return self._own_close_code
        return self._close_code

    async def close(
        self, *, code: int = websocket.WSCloseCode.OK, message: bytes | str = b"", drain: bool = True
    ) -> bool:
        """Close the connection; see `WebSocketEndpoint.close`."""
        if not self._closed:
            self._own_close_code = int(code)
        return await super().close(code=code, message=message, drain=drain)

    async def finish(self, code: int) -> None:
        """Close with `code`, or wait until another task's `close` is done."""
        if not await self.close(code=code):
            await self._until_ended()

    def _closed_message(self) -> WSMessage:
        self._asked_after_the_end += 1
        if self._asked_after_the_end >= ASKED_AFTER_THE_END:
            raise RuntimeError("WebSocket connection is closed.")
        return super()._closed_message()
