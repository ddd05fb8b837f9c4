"""`HTTPExchange`: a request and its response at an ASGI application that we serve."""

from __future__ import annotations

import math
from typing import Any

from drywire_transports import StreamBroken, StreamClosed, StreamTimeout, TaskHandle, TransportError

from ..base_request import BaseRequest
from ..errors import RequestPayloadError
from .exchange import Exchange
from .messages import ASGIApp, Message, Scope

__all__ = ["HTTPExchange"]


class HTTPExchange(Exchange):
    """The body is read as the application receives it, and the response sent as it is given."""

    def __init__(self, app: ASGIApp, request: BaseRequest, scope: Scope) -> None:
        super().__init__(app, request, scope)
        self._body_read = False
        self._watcher: TaskHandle | None = None

    async def receive(self) -> Message:
        """Return a piece of the body; behind that, once the client has gone or was answered, ``http.disconnect``."""
        if not (self._body_read or self.gone or self.answered):
            content = self._request.content
            try:
                body = await content.readany()
            except (StreamBroken, StreamClosed):
                self.gone = True
            except (RequestPayloadError, StreamTimeout) as error:
                # The client's mistake: its answer is ours, and the application hears no more of it.
                self.refusal = error
                self.gone = True
                self._settle()
            else:
                self._body_read = content.at_eof()
                return {"type": "http.request", "body": body, "more_body": not self._body_read}
        if not (self.gone or self.answered):
            self._watch()
            await self._until()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take in a message of the response."""
        await self._respond("http.response", message)

    def _watch(self) -> None:
        """Wait for the end of the connection, unless the server does so itself."""
        link: Any = self._request.link
        if self._watcher is None and not link.settings.handler_cancellation:
            self._watcher = self.runtime.spawn(self._wait_for_end, name="drywire watches for a disconnect")

    async def _wait_for_end(self) -> None:
        link = self._request.link
        link.stream.read_deadline = math.inf
        try:
            data = await link.stream.receive()
        except TransportError:
            data = b""
        link.core.receive_data(data)  # of a request that was sent ahead, and will be served
        if not data:
            self.gone = True
            self.let_go()

    def stop(self) -> TaskHandle | None:
        """End what runs beside the application: the connection needs its stream again. Synchronous."""
        self.let_go()
        if self._watcher is not None:
            self._watcher.cancel()
        return self._watcher
