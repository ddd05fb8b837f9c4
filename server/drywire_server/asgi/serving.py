"""`ASGIServing`: an application of ours at work under another server, which speaks ASGI to it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Protocol

from aiosignal import Signal

from drywire_sansio import http1
from drywire_transports import StreamBroken, TransportError, Wake, current_runtime

from ..server import Server
from .http_stream import HTTPStream
from .messages import Receive, Scope, Send
from .request import ASGIRequest
from .websocket_stream import WebSocketStream

__all__ = ["ASGIServing", "ResponseCutOff", "asgi_lifespan", "serving_of"]

logger = logging.getLogger("drywire.asgi")

GRACE: Final = 5.0
"""Seconds that what is still at work has when the application ends: the outer server has given it time before."""


class Application(Protocol):
    """What of an application it takes to run it."""

    handler_args: dict[str, Any]

    @property
    def handle(self) -> Callable[[Any], Awaitable[Any]]: ...
    @property
    def on_startup(self) -> Signal[Any]: ...
    def freeze(self) -> None: ...
    async def startup(self) -> None: ...
    async def shutdown(self) -> None: ...
    async def cleanup(self) -> None: ...
    async def leave_contexts(self) -> None: ...


class ResponseCutOff(RuntimeError):
    """A handler left its response half sent, which only the end of the connection can tell the client.

    It goes to the outer server, for that to cut the connection.
    """


class ASGIServing:
    """Runs `app`, once, and serves the scopes that an outer server brings.

    It starts with the lifespan, or with the first request where there is none: frameworks do not pass the lifespan on
    to what is mounted in them. Then it is `asgi_lifespan` that ends it.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._server: Server | None = None
        self._starting = False
        self._waiting: list[Wake] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. Raises ValueError for another kind than ASGI 3 has, ResponseCutOff."""
        match scope["type"]:
            case "http":
                await self._serve_http(scope, receive, send)
            case "websocket":
                await self._serve_websocket(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case kind:
                raise ValueError(
                    f"scopes of the type {kind!r} are not known to ASGI 3: http, websocket and lifespan are"
                )

    # Its life

    async def start(self) -> None:
        """Start the application, unless that was done; raises what its start raises."""
        while self._starting:
            wake = current_runtime().wake()
            self._waiting.append(wake)
            await current_runtime().park(wake)
        if self._server is not None:
            return
        self._starting = True
        try:
            self._app.on_startup.freeze()
            try:
                await self._app.startup()
            except BaseException:
                await self._app.leave_contexts()
                raise
            self._app.freeze()
            self._server = self._make_server()
        finally:
            self._starting = False
            waiting, self._waiting = self._waiting, []
            for wake in waiting:
                wake.set()

    async def stop(self) -> None:
        """End the application, if it runs: its WebSockets are closed, what is left is cut, then it cleans up."""
        server, self._server = self._server, None
        if server is None:
            return
        try:
            await self._app.shutdown()
        finally:
            try:
                await server.shutdown(GRACE)
            finally:
                await self._app.cleanup()

    def _make_server(self) -> Server:
        settings = {"access_log": None, **self._app.handler_args}
        return Server(self._app.handle, request_factory=ASGIRequest, runtime=current_runtime(), **settings)

    async def _running(self) -> Server:
        if self._server is None:
            await self.start()
        server = self._server
        if server is None:
            raise RuntimeError("the application has been stopped")
        if server.runtime is not current_runtime():  # a test client may take another loop for each request
            server = self._server = self._make_server()
        return server

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and end as the outer server does, and tell it where that fails."""
        await receive()
        try:
            await self.start()
        except Exception as error:
            logger.exception("the application did not start")
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            failed = await self._stopped()
        if failed is None:
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "lifespan.shutdown.failed", "message": failed})

    async def _stopped(self) -> str | None:
        """Stop, and return what went wrong."""
        try:
            await self.stop()
        except Exception as error:
            logger.exception("the application did not end well")
            return f"{type(error).__name__}: {error}"
        return None

    # Requests

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = await self._running()
        try:
            stream = HTTPStream(server.runtime, scope, receive, send)
        except (http1.LocalProtocolError, UnicodeError) as error:
            await _answer(send, "http.response", 400, f"400: {error}\n")
            return
        await _serve(server, stream)
        if stream.gone or stream.answered:
            return
        if stream.started:
            raise ResponseCutOff("the response ended before its end: the connection must be closed")
        closing = server.closing
        text = "503: the application is shutting down\n" if closing else "500: there is no response\n"
        await _answer(send, "http.response", 503 if closing else 500, text)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        server = await self._running()
        try:
            stream = WebSocketStream(server.runtime, scope, receive, send)
        except (http1.LocalProtocolError, UnicodeError, ValueError):
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        await _serve(server, stream)
        try:
            await stream.finish()
        except StreamBroken as error:
            logger.debug("a WebSocket could not be closed: %s", error)


async def _serve(server: Server, stream: HTTPStream | WebSocketStream) -> None:
    """Serve `stream` to its end, and leave no task behind."""
    try:
        await server.serve(stream)
    except TransportError as error:
        logger.debug("connection ended: %s", error)
    finally:
        receiving = stream.end()
        if receiving is not None:
            await receiving.wait()


async def _answer(send: Send, kind: str, status: int, text: str) -> None:
    body = text.encode("utf-8", "replace")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body, "more_body": False})


def serving_of(app: Any) -> ASGIServing:
    """Return what serves `app` by ASGI: the same at each call, so that it starts once."""
    serving: ASGIServing | None = vars(app).get("_asgi_serving")
    if serving is None:
        serving = vars(app)["_asgi_serving"] = ASGIServing(app)
    return serving


class asgi_lifespan(AbstractAsyncContextManager[None]):
    """Runs `app`, an `Application`, for as long as the block lasts: for one that is mounted in another framework.

    A framework hands the lifespan on to nobody, so enter this in its own. Without it the application starts with its
    first request, and never ends. Raises what the application's start and clean-up raise.

        @contextlib.asynccontextmanager
        async def lifespan(outer):
            async with web.asgi_lifespan(app):
                yield
    """

    def __init__(self, app: Application) -> None:
        self._serving = serving_of(app)

    async def __aenter__(self) -> None:
        await self._serving.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._serving.stop()
