"""`ASGIHandler`: an ASGI application as a handler of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from drywire_transports import TaskHandle, current_runtime

from ..base_request import BaseRequest
from ..stream_response import StreamResponse
from ..websocket import WebSocketResponse
from .exchange import Exchange
from .hosted_lifespan import HostedLifespan, Mode
from .hosted_scope import hosted_scope
from .http_exchange import HTTPExchange
from .messages import ASGIApp
from .websocket_exchange import WebSocketExchange

__all__ = ["ASGIHandler"]

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of a WebSocket message: what applications are used to from other servers."""
BACKGROUND: Final = 10.0
"""Seconds that work which goes on after its response has at the end, before it is cancelled."""


class ASGIHandler:
    """A handler that lets `app`, an ASGI 3 application such as Starlette's, FastAPI's or Django's, answer.

    `root_path` is what was cut off the paths before they came here, by a proxy. `lifespan` says whether the application
    is told of its start and its end, by the clean-up context of the same name: ``"auto"``, ``"on"`` or ``"off"``.
    `max_msg_size` (bytes; 16 MiB), `heartbeat` (seconds; None for never) and the others of `websocket` are those of
    `WebSocketResponse`.

    A response that comes in one piece goes through the middlewares as others do; one that is streamed has been sent by
    then. What the application does behind its response goes on in the background.

        handler = web.ASGIHandler(app)
        outer.router.add_route("*", "/api/{tail:.*}", handler)
        outer.cleanup_ctx.append(handler.lifespan)
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        root_path: str = "",
        lifespan: Mode = "auto",
        max_msg_size: int = LARGEST_MESSAGE,
        **websocket: Any,
    ) -> None:
        if not callable(app):
            raise TypeError(f"an ASGI application must be callable, not {type(app).__name__}")
        self.app = app
        self.mounted_at = ""
        """The path, decoded, below which it answers, where that stands in the paths of requests."""
        self.state: dict[str, Any] = {}
        """What the application has put there at its start; each request gets a copy."""
        self._root_path = root_path.rstrip("/")
        self._websocket = {"max_msg_size": max_msg_size, **websocket}
        WebSocketResponse(**self._websocket)  # raises TypeError for what is no option, here and not at a request
        self._lifespan = HostedLifespan(app, lifespan, self.state)
        self._left: set[TaskHandle] = set()

    def __repr__(self) -> str:
        return f"<ASGIHandler {self.app!r}>"

    async def __call__(self, request: BaseRequest) -> StreamResponse:
        """Return what the application answers. Raises what it raises before its response is complete."""
        scope = hosted_scope(request, self._root_path, self.mounted_at, self.state)
        exchange: Exchange
        if scope["type"] == "websocket":
            if not (ready := WebSocketResponse()).can_prepare(request):
                await ready.prepare(request)  # raises what the client is told
            exchange = WebSocketExchange(self.app, request, scope, self._websocket)
        else:
            exchange = HTTPExchange(self.app, request, scope)
        task = exchange.runtime.spawn(exchange.run, name="drywire ASGI application")
        self._left.add(task)
        exchange.on_end = lambda: self._left.discard(task)
        try:
            await exchange.settled()
        finally:
            if not exchange.answered:
                task.cancel()
                if not exchange.begun:
                    self._left.discard(task)
            watcher = exchange.stop()
            if watcher is not None:
                await watcher.wait()
        return exchange.outcome()

    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Start the application, and end it: a clean-up context. Raises LifespanFailed."""
        await self._lifespan.start()
        try:
            yield
        finally:
            try:
                await self._end_background()
            finally:
                await self._lifespan.stop()

    async def _end_background(self) -> None:
        deadline = current_runtime().now() + BACKGROUND
        left = [task for task in self._left if not task.done]
        self._left.clear()
        try:
            for task in left:
                await task.wait(deadline)
        finally:
            for task in left:
                task.cancel()
        for task in left:
            await task.wait()
