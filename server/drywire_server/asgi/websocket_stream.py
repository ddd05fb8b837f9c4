"""`WebSocketStream`: a WebSocket between ASGI's messages and a connection of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from drywire_sansio import http1, websocket
from drywire_sansio.limits import DEFAULT_LIMITS
from drywire_sansio.websocket.close_codes import NO_STATUS_RECEIVED
from drywire_transports import Buffer, Runtime

from .http_stream import response_start
from .messages import Message, Pair, Receive, Scope, Send
from .request_head import request_head
from .scope_stream import ScopeStream

__all__ = ["WebSocketStream"]

_OF_THE_SERVER: Final = frozenset(
    {b"connection", b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-protocol", b"upgrade"}
)
_OUR_OWN: Final = replace(DEFAULT_LIMITS, frame=1 << 62, message=1 << 62, message_frames=1 << 62)
_REFUSAL: Final = "websocket.http.response"


class WebSocketStream(ScopeStream):
    """The bytes of a handshake, then of a WebSocket. Raises LocalProtocolError for a request that is not valid.

    `websocket.connect` must have been received before anything is sent.
    """

    def __init__(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(runtime, scope, receive, send)
        self._http = http1.ClientConnection()
        self._frames: websocket.ClientConnection | None = None
        self._refuses = False
        self.started = False
        """Whether the handshake was answered."""
        self.answered = False
        """Whether the WebSocket was closed, or refused."""
        for event in (request_head(scope), http1.EndOfMessage()):
            self._put(self._http.send(event))

    def _watch(self) -> None:
        if self._frames is not None:  # before, there is nothing to be received
            super()._watch()

    def _take_in(self, message: Message) -> None:
        frames = self._frames
        if frames is None:
            return
        if message["type"] == "websocket.receive" and frames.state is websocket.OPEN:
            text: str | None = message.get("text")
            content: str | bytes = message.get("bytes", b"") if text is None else text
            for buffer in frames.send_whole(content):
                self._put(buffer)
        elif message["type"] == "websocket.disconnect":
            self._answer(websocket.Close(message.get("code", NO_STATUS_RECEIVED), message.get("reason") or ""))
            self._ended = self.answered = True

    def _answer(self, event: websocket.Event) -> None:
        """Let our end receive `event`; a close frame that cannot be is left out, and the connection counts as lost."""
        frames = self._frames
        if frames is not None and type(event) in frames.state.sent:
            try:
                self._put(frames.send(event))
            except websocket.LocalProtocolError:
                return

    async def _pass_on(self, buffers: tuple[Buffer, ...]) -> None:
        refusal: list[Buffer] = []
        for buffer in buffers:
            if not buffer:
                continue
            if self._frames is not None:
                self._frames.receive_data(bytes(buffer))
                await self._pass_frames(self._frames)
            else:
                self._http.receive_data(bytes(buffer))
                await self._pass_answer(refusal)
        if self._refuses and (refusal or self._ended):
            await self._say({"type": f"{_REFUSAL}.body", "body": b"".join(refusal), "more_body": not self._ended})

    # The handshake

    async def _pass_answer(self, refusal: list[Buffer]) -> None:
        """Pass on the answer to the handshake, and put what comes of a refusal's body into `refusal`."""
        while not isinstance(event := self._http.next_event(), http1.NeedData | http1.Paused):
            if isinstance(event, http1.InformationalResponse) and event.status == 101:
                await self._accept(event)
                return
            if isinstance(event, http1.Response):
                await self._refuse(event)
            elif isinstance(event, http1.Data):
                refusal.append(event.data)
            elif isinstance(event, http1.EndOfMessage):
                self._ended = self.answered = True
            elif isinstance(event, http1.ConnectionClosed):
                return

    async def _accept(self, head: http1.InformationalResponse) -> None:
        fields = [(name.lower(), value) for name, value in head.headers]
        protocol = next((value.decode("latin-1") for name, value in fields if name == b"sec-websocket-protocol"), None)
        headers: list[Pair] = [pair for pair in fields if pair[0] not in _OF_THE_SERVER]
        self._frames = frames = websocket.ClientConnection(_no_mask, limits=_OUR_OWN)
        self.started = True
        await self._say({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
        behind, _ = self._http.trailing_data
        if behind:
            frames.receive_data(behind)
            await self._pass_frames(frames)

    async def _refuse(self, head: http1.Response) -> None:
        """Refuse by the response, where the server can send one, else as it does."""
        extensions: dict[str, Any] = self._scope.get("extensions") or {}
        self._refuses = _REFUSAL in extensions
        self.started = True
        if self._refuses:
            await self._say(response_start(_REFUSAL, head, False))
        else:
            await self._say({"type": "websocket.close", "code": 1000, "reason": ""})

    # Frames

    async def _pass_frames(self, frames: websocket.ClientConnection) -> None:
        while not isinstance(event := frames.next_event(), http1.NeedData):
            if isinstance(event, websocket.Text):
                await self._say({"type": "websocket.send", "text": event.data})
            elif isinstance(event, websocket.Binary):
                await self._say({"type": "websocket.send", "bytes": bytes(event.data)})
            elif isinstance(event, websocket.Ping):
                self._answer(event.answer())  # whether the client lives is for the outer server to find out
            elif isinstance(event, websocket.Close):
                await self._close(event)
                break
            elif isinstance(event, websocket.ConnectionClosed):
                break
        self._wake()

    async def _close(self, event: websocket.Close) -> None:
        """Close, unless that was but the answer to the client's close frame; and answer, as a client does."""
        self._answer(event.answer())
        if not self.answered:
            self.answered = True
            receiving = self.end()  # nothing more is to be received, and some servers do not close beside that
            if receiving is not None:
                await receiving.wait()
            code = 1000 if event.code == NO_STATUS_RECEIVED else event.code
            await self._say({"type": "websocket.close", "code": code, "reason": event.reason})
        self._ended = True

    async def finish(self) -> None:
        """Close, if nobody has: the handler has left without a word, or the client was given up."""
        if self.answered or self.gone:
            return
        self.answered = True
        code = 1011 if self.started else 1000
        await self._say({"type": "websocket.close", "code": code, "reason": ""})


def _no_mask() -> bytes:
    """Return the key of frames that no network ever sees."""
    return bytes(4)
