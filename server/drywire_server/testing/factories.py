"""What fixtures hand to tests: functions that start servers and clients, to be closed when the test is over."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

from drywire_transports import current_runtime

from ..app import Application
from ..connection import RequestHandler
from .servers import BaseTestServer, RawTestServer, TestServer

__all__ = ["ClientFactory", "Opened", "RawServerFactory", "ServerFactory"]


class Opened(AsyncExitStack):
    """What a test has opened, to be closed when it is over, the last first."""

    loop: Any = None
    """asyncio's event loop that runs the test; None on trio."""

    async def __aenter__(self) -> Self:
        self.loop = getattr(current_runtime(), "loop", None)
        return await super().__aenter__()


class ServerFactory:
    """Starts servers of applications; `opened` closes them."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def __call__(
        self,
        app: Application,
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        in_memory: bool = False,
        **settings: Any,
    ) -> TestServer:
        """Return a `TestServer` of `app` that is started; `settings` are those of `TestServer.start_server`."""
        server = TestServer(app, host=host, port=port, in_memory=in_memory)
        self._opened.push_async_callback(server.close)
        await server.start_server(**settings)
        return server


class RawServerFactory:
    """Starts servers of bare handlers; `opened` closes them."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    async def __call__(
        self, handler: RequestHandler, *, port: int | None = None, in_memory: bool = False, **settings: Any
    ) -> RawTestServer:
        """Return a `RawTestServer` of `handler` that is started; `settings` are those of its `start_server`."""
        server = RawTestServer(handler, port=port, in_memory=in_memory)
        self._opened.push_async_callback(server.close)
        await server.start_server(**settings)
        return server


class ClientFactory:
    """Starts clients, made by `client_class`, and servers where there is none yet; `opened` closes them."""

    def __init__(self, opened: Opened, client_class: Callable[..., Any]) -> None:
        self._opened = opened
        self._client_class = client_class

    async def __call__(
        self,
        app: Any,
        *args: Any,
        server_kwargs: Mapping[str, Any] | None = None,
        in_memory: bool = False,
        **options: Any,
    ) -> Any:
        """Return a client of `app`, an application or a server of the kinds in `servers`, that is started.

        `server_kwargs` are options of the server, with `in_memory`, for an application; `options` are those of the
        client. A function of the event loop that makes either, with arguments, is deprecated. Raises ValueError for
        anything else.
        """
        if callable(app) and not isinstance(app, Application | BaseTestServer):
            app = await _made(app, args, options)
            args, options = (), {}
        if args:
            raise TypeError("a client takes its options by keyword")
        if isinstance(app, Application):
            app = TestServer(app, **{"in_memory": in_memory, **(server_kwargs or {})})
        elif not isinstance(app, BaseTestServer):
            raise ValueError(f"a client needs an Application or a server for tests, not {type(app).__name__}")
        client = self._client_class(app, **options)
        self._opened.push_async_callback(client.close)
        await client.start_server()
        return client


async def _made(make: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    warnings.warn("hand over the application itself, not what makes it", DeprecationWarning, stacklevel=3)
    made = make(getattr(current_runtime(), "loop", None), *args, **options)
    return await made if inspect.isawaitable(made) else made
