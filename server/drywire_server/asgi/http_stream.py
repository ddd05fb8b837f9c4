"""`HTTPStream`: one request and its response between ASGI's messages and a connection of ours."""

from __future__ import annotations

from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import Buffer, Runtime

from ..default_fields import SERVER_FIELD
from .messages import Message, Pair, Receive, Scope, Send, spec_version
from .request_head import request_head
from .scope_stream import ScopeStream

__all__ = ["HTTPStream", "response_start"]

_OF_THE_SERVER: Final = frozenset({b"date", b"keep-alive", b"transfer-encoding", b"upgrade"})
"""Fields of a response that the server which called us writes by itself, or that concern its connection."""


def response_start(kind: str, head: http1.Response, closes: bool) -> Message:
    """Return the message that begins a response; `closes` where Connection may be named to a client of HTTP/1."""
    headers: list[Pair] = []
    for name, value in head.headers:
        name = name.lower()
        if name in _OF_THE_SERVER or (name == b"server" and value == SERVER_FIELD[1]):
            continue
        if name == b"connection" and not (closes and value.lower() == b"close"):
            continue
        headers.append((name, value))
    return {"type": f"{kind}.start", "status": head.status, "headers": headers}


class HTTPStream(ScopeStream):
    """The bytes of one request, then of its response. Raises LocalProtocolError for a request that is not valid."""

    def __init__(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(runtime, scope, receive, send)
        self._core = http1.ClientConnection()
        self.started = False
        """Whether the response has begun."""
        self.answered = False
        """Whether the response has gone out whole."""
        head = request_head(scope)
        self._put(self._core.send(head))
        framing = {name for name, _ in head.headers}
        self._has_body = bool(framing & {b"content-length", b"transfer-encoding"})
        if not self._has_body:
            self._end_request()
        self._tells_of_end = spec_version(scope) >= (2, 4)

    def _end_request(self) -> None:
        self._has_body = False
        for buffer in self._core.send_buffers(http1.EndOfMessage()):
            self._put(buffer)

    @property
    def _is_whole(self) -> bool:
        return not self._has_body

    def _take_in(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            self.gone = True
        elif message["type"] == "http.request" and self._has_body:
            try:
                body: Buffer = message.get("body", b"")
                if body:
                    for buffer in self._core.send_buffers(http1.Data(body)):
                        self._put(buffer)
                if not message.get("more_body", False):
                    self._end_request()
            except http1.LocalProtocolError:
                self.gone = True  # it is not as long as it was said to be: nobody can tell where it ends
                raise

    async def _pass_on(self, buffers: tuple[Buffer, ...]) -> None:
        core = self._core
        start: Message | None = None
        body: list[Buffer] = []
        for buffer in buffers:
            if buffer:
                core.receive_data(bytes(buffer))
            while not isinstance(event := core.next_event(), http1.NeedData | http1.Paused):
                if isinstance(event, http1.Response):
                    closes = str(self._scope.get("http_version", "1.1")).startswith("1")
                    start = response_start("http.response", event, closes)
                elif isinstance(event, http1.Data):
                    body.append(event.data)
                elif isinstance(event, http1.EndOfMessage):
                    self._ended = True
                elif isinstance(event, http1.InformationalResponse):
                    await self._hint(event)
                else:
                    break
        if start is not None:
            self.started = True
            await self._say(start)
        if start is not None or body or self._ended:
            await self._say_body(b"".join(body))

    async def _say_body(self, body: bytes) -> None:
        """Send a piece of the body, an empty one with the head, so that nobody waits for more to send that."""
        await self._say({"type": "http.response.body", "body": body, "more_body": not self._ended})
        if self._ended:
            self.answered = True
        elif not self._tells_of_end:
            self._watch()  # a send would be as good as gone, and not say so

    async def _hint(self, event: http1.InformationalResponse) -> None:
        extensions: dict[str, Any] = self._scope.get("extensions") or {}
        if event.status == 103 and "http.response.early_hint" in extensions:
            links = [value for name, value in event.headers if name.lower() == b"link"]
            await self._say({"type": "http.response.early_hint", "links": links})
