"""`request` and `ws_connect`: one request, or one WebSocket, with a session of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from yarl import URL

from .response import ClientResponse
from .session import ClientSession
from .websocket import ClientWebSocketResponse

__all__ = ["request", "ws_connect"]


class _Alone:
    """Enters what a session of its own makes, and closes both at the end."""

    def __init__(self, session: ClientSession, made: Any) -> None:
        self._session = session
        self._made = made

    async def __aenter__(self) -> Any:
        try:
            return await self._made.__aenter__()
        except BaseException:
            await self._session.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._made.__aexit__(kind, error, traceback)
        finally:
            await self._session.close()

    def __del__(self) -> None:
        if not self._session.closed:  # never entered: nothing was sent
            self._made.close()
            self._session.detach()


class _AloneRequest(_Alone):
    """A response, by ``async with`` only."""

    async def __aenter__(self) -> ClientResponse:
        response: ClientResponse = await super().__aenter__()
        return response


class _AloneWebSocket(_Alone):
    """A WebSocket, by ``async with`` only."""

    async def __aenter__(self) -> ClientWebSocketResponse:
        websocket: ClientWebSocketResponse = await super().__aenter__()
        return websocket


_OF_SESSION = frozenset({"connector", "version", "loop", "json_serialize", "trust_env", "cookie_jar", "request_class"})


def _session_for(options: dict[str, Any]) -> ClientSession:
    """Return a session made with those of `options` that are a session's, which are taken out."""
    settings = {name: options.pop(name) for name in list(options) if name in _OF_SESSION}
    if settings.get("connector") is not None:
        settings["connector_owner"] = False
    if settings.get("version") is None:
        settings.pop("version", None)
    return ClientSession(**settings)


def request(method: str, url: str | URL, **options: Any) -> _AloneRequest:
    """Request `url` by `method` in a session that ends with the response; use it by ``async with``.

    `options` are those of `ClientSession.request`, and `connector` (not closed), `version`, `cookie_jar`,
    `json_serialize` and `trust_env` of a session.
    """
    session = _session_for(options)
    return _AloneRequest(session, session.request(method, url, **options))


def ws_connect(url: str | URL, **options: Any) -> _AloneWebSocket:
    """Open a WebSocket at `url` in a session that ends with it; use it by ``async with``.

    `options` are those of `ClientSession.ws_connect`, and of a session as for `request`.
    """
    session = _session_for(options)
    return _AloneWebSocket(session, session.ws_connect(url, **options))
