"""`Exchange`: one scope at an ASGI application that we serve, and what that makes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import Runtime, StreamTimeout, Wake

from ..base_request import BaseRequest
from ..errors import ClientGone
from ..stream_response import StreamResponse
from .hosted_response import HostedResponse
from .messages import ASGIApp, Message, Scope

__all__ = ["Exchange", "UnexpectedMessage"]

logger = logging.getLogger("drywire.asgi")

GONE: Final = "the client has ended the connection"


class UnexpectedMessage(RuntimeError):
    """An ASGI application sent a message that has no place there."""


class Exchange:
    """Runs the application for one request, and keeps its response. HTTP and WebSockets differ in what they receive."""

    def __init__(self, app: ASGIApp, request: BaseRequest, scope: Scope) -> None:
        self.scope = scope
        self.response: StreamResponse | None = None
        """What to answer with; it may have been sent."""
        self.begun = False
        """Whether the application was called: a task that is cancelled before that never begins."""
        self.answered = False
        """Whether the response is there whole, and the application is not waited for any more."""
        self.gone = False
        """Whether the client has ended the connection."""
        self.error: BaseException | None = None
        """What the application raised."""
        self.refusal: Exception | None = None
        """What was wrong with the request: its client is answered so, whatever the application thinks."""
        self.on_end: Callable[[], None] | None = None
        """Called once the application has returned or raised."""
        self._app = app
        self._request = request
        self._has_trailers = False
        self._body_done = False
        self._settled = self.runtime.wake()
        self._waiting: list[Wake] = []

    @property
    def runtime(self) -> Runtime:
        """The event loop it runs on."""
        return self._request.link.runtime

    async def run(self) -> None:
        """Run the application to its end."""
        self.begun = True
        try:
            await self._app(self.scope, self.receive, self.send)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            self.error = error
            if self.answered:
                path = self.scope["path"]
                logger.error("the ASGI application failed after its response to %s", path, exc_info=error)
        finally:
            self._settle()
            if self.on_end is not None:
                self.on_end()

    async def settled(self) -> None:
        """Wait until the response is there whole, or the application has ended."""
        await self.runtime.park(self._settled)

    def outcome(self) -> StreamResponse:
        """Return the response. Raises what the application raised before it was whole, and RuntimeError for none."""
        if not self.answered:
            if self.refusal is not None:
                raise self.refusal
            if self.gone:
                raise ClientGone(GONE) from self.error
            if self.error is not None:
                raise self.error
            raise RuntimeError("the ASGI application returned before its response was complete")
        assert self.response is not None
        return self.response

    async def receive(self) -> Message:
        """Return what happens next, as the application is told."""
        raise NotImplementedError

    async def send(self, message: Message) -> None:
        """Take in what the application says. Raises ClientGone, an OSError, and UnexpectedMessage."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Wake whoever waits for the end of the exchange; synchronous."""
        for wake in self._waiting:
            wake.set()

    def _settle(self) -> None:
        self._settled.set()
        self.let_go()

    async def _until(self) -> None:
        """Wait for `let_go`."""
        wake = self.runtime.wake()
        self._waiting.append(wake)
        try:
            await self.runtime.park(wake)
        finally:
            self._waiting.remove(wake)

    # The response

    async def _respond(self, kind: str, message: Message) -> None:
        """Take in a message of a response, whose messages are called `kind` with what they are behind it."""
        what = message["type"].removeprefix(kind)
        if self.gone:
            raise ClientGone(GONE)
        if what == ".start" and self.response is None:
            self.response = HostedResponse(message["status"], message.get("headers", ()))
            self._has_trailers = bool(message.get("trailers", False))
        elif what == ".early_hint" and self.response is None:
            links = [(b"Link", bytes(link)) for link in message.get("links", ())]
            await self._request.link.send(http1.InformationalResponse(103, links, b"Early Hints"))
        elif isinstance(self.response, HostedResponse) and not self.answered:
            try:
                await self._go_on(self.response, what, message)
            except (ClientGone, StreamTimeout):
                self.gone = True
                raise
        else:
            raise UnexpectedMessage(f"{message['type']!r} is not expected {self._where}")

    @property
    def _where(self) -> str:
        if self.answered:
            return "after the end of the response"
        return "before the response has begun" if self.response is None else "within the response"

    async def _go_on(self, response: HostedResponse, what: str, message: Message) -> None:
        if what == ".body" and not self._body_done:
            body, self._body_done = bytes(message.get("body", b"")), not message.get("more_body", False)
            if self._body_done and not response.prepared and not self._has_trailers:
                if self._request.method != "HEAD":
                    response.check_length(len(body))
                response.whole = body
                self._finish()
                return
            if not response.prepared:
                await response.begin(self._request, body)
            elif body:
                await response.write(body)
            if self._body_done and not self._has_trailers:
                await self._end(response)
        elif what == ".pathsend" and not response.prepared and not self._has_trailers:
            self._body_done = True
            await response.send_path(self._request, str(message["path"]), self.runtime)
            self._finish()
        elif what == ".trailers" and self._body_done:
            await self._add_trailers(response, message)
        else:
            raise UnexpectedMessage(f"{message['type']!r} is not expected {self._where}")

    async def _add_trailers(self, response: HostedResponse, message: Message) -> None:
        for name, value in message.get("headers", ()):
            response.trailers.add(bytes(name).decode("ascii"), bytes(value).decode("utf-8", "surrogateescape"))
        if not message.get("more_trailers", False):
            await self._end(response)

    async def _end(self, response: HostedResponse) -> None:
        if response._trailers and "Content-Length" in response.headers:
            response.trailers.clear()  # there is no place for them behind a body whose length was said
        await response.write_eof()
        self._finish()

    def _finish(self, response: StreamResponse | None = None) -> None:
        self.response = response or self.response
        self.answered = True
        self._settle()

    def stop(self) -> Any:
        """End what runs beside the application; return a task to be waited for, or None. Synchronous."""
        self.let_go()
        return None
