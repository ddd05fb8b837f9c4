"""`WebSocketExchange`: a WebSocket at an ASGI application that we serve."""

from __future__ import annotations

from typing import Any, Final

from drywire_transports.websocket import WSCloseCode, WSMsgType

from ..base_request import BaseRequest
from ..errors import ClientGone
from ..websocket import WebSocketResponse
from .exchange import Exchange, UnexpectedMessage
from .hosted_response import HostedResponse
from .messages import ASGIApp, Message, Scope

__all__ = ["WebSocketExchange"]

_LOST: Final = 1006


class WebSocketExchange(Exchange):
    """The WebSocket is opened when the application accepts, and closed when it has ended, if not before.

    `options` are those of `WebSocketResponse`.
    """

    def __init__(self, app: ASGIApp, request: BaseRequest, scope: Scope, options: dict[str, Any]) -> None:
        super().__init__(app, request, scope)
        self._options = options
        self._connected = False
        self._websocket: WebSocketResponse | None = None
        self._goodbye: Message | None = None

    def outcome(self) -> Any:
        """Return the response. Raises what the application raised."""
        if self._websocket is None:
            return super().outcome()
        if self.gone:
            raise ClientGone("the client has closed the WebSocket") from self.error
        if self.error is not None:
            raise self.error
        return self._websocket

    async def receive(self) -> Message:
        """Return ``websocket.connect``, then each message, and at the end ``websocket.disconnect`` again and again."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while self._websocket is None and not self.answered:
            await self._until()
        if self._websocket is None:
            return {"type": "websocket.disconnect", "code": _LOST, "reason": ""}
        if self._goodbye is not None:
            return self._goodbye
        message = await self._websocket.receive()
        if message.type is WSMsgType.TEXT:
            return {"type": "websocket.receive", "text": message.data, "bytes": None}
        if message.type is WSMsgType.BINARY:
            return {"type": "websocket.receive", "text": None, "bytes": message.data}
        if message.type is WSMsgType.CLOSING:
            await self._websocket.finish(WSCloseCode.OK)  # who closes knows the code: this waits for that
        code = self._websocket.close_code
        reason = (message.extra if message.type is WSMsgType.CLOSE else None) or ""
        self._goodbye = {"type": "websocket.disconnect", "code": _LOST if code is None else code, "reason": reason}
        return self._goodbye

    async def send(self, message: Message) -> None:
        """Take in what the application says."""
        kind = message["type"]
        if kind.startswith("websocket.http.response") and self._websocket is None:
            await self._respond("websocket.http.response", message)
        elif kind == "websocket.accept" and self._websocket is None and self.response is None:
            await self._accept(message)
        elif kind == "websocket.send" and self._websocket is not None:
            await self._say(self._websocket, message)
        elif kind == "websocket.close" and not self.answered:
            await self._close(message)
        else:
            state = "before it was accepted" if self._websocket is None else "in an open WebSocket"
            raise UnexpectedMessage(f"{kind!r} is not expected {state}")

    async def _accept(self, message: Message) -> None:
        protocol: str | None = message.get("subprotocol")
        websocket = WebSocketResponse(protocols=(protocol,) if protocol else (), **self._options)
        for name, value in message.get("headers", ()):
            websocket.headers.add(bytes(name).decode("ascii"), bytes(value).decode("utf-8", "surrogateescape"))
        await websocket.prepare(self._request)
        self._websocket = websocket
        self.let_go()

    async def _say(self, websocket: WebSocketResponse, message: Message) -> None:
        text: str | None = message.get("text")
        try:
            if text is not None:
                await websocket.send_str(text)
            else:
                await websocket.send_bytes(message.get("bytes", b""))
        except ConnectionResetError:
            self.gone = True
            raise

    async def _close(self, message: Message) -> None:
        if self._websocket is not None:
            reason = str(message.get("reason") or "").encode()
            await self._websocket.close(code=message.get("code", 1000), message=reason)
        elif self.response is None:
            refusal = HostedResponse(403, ())
            refusal.whole = b""
            self._finish(refusal)
