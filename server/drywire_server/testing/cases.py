"""`ApplicationCase`: a case for unittest whose tests have a server and a client; on asyncio, as unittest is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from unittest import IsolatedAsyncioTestCase

from drywire_transports import current_runtime

from ..app import Application
from .servers import TestServer

__all__ = ["ApplicationCase", "unittest_run_loop"]

F = TypeVar("F", bound=Callable[..., Any])


class ApplicationCase(IsolatedAsyncioTestCase):
    """Starts `app`, `server` and `client` before each test, and closes them after it.

    Say which application by `get_application`; which server and client, if others than `TestServer` and `TestClient`,
    by `get_server` and `get_client`. What a test of yours needs besides is set up in `asyncSetUp` and taken down in
    `asyncTearDown`, which call those here.
    """

    client_class: ClassVar[Callable[..., Any]]
    """Makes the client; set where server and client meet."""

    app: Any
    """The application."""
    server: Any
    """The server."""
    client: Any
    """The client."""
    loop: Any
    """asyncio's event loop."""

    async def get_application(self) -> Application:
        """Return the application to test. Raises RuntimeError unless it is defined, or `get_app` is."""
        return self.get_app()

    def get_app(self) -> Application:
        """Return the application to test, as old cases do; define `get_application` instead."""
        raise RuntimeError("define get_application(): it says which application is tested")

    async def get_server(self, app: Application) -> TestServer:
        """Return the server of `app`, not started."""
        return TestServer(app)

    async def get_client(self, server: TestServer) -> Any:
        """Return the client of `server`, not started."""
        return type(self).client_class(server)

    async def asyncSetUp(self) -> None:
        """Start the application, the server and the client."""
        self.loop = getattr(current_runtime(), "loop", None)
        await self.setUpAsync()

    async def setUpAsync(self) -> None:
        """Start the application, the server and the client; `asyncSetUp` calls this."""
        self.app = await self.get_application()
        self.server = await self.get_server(self.app)
        self.client = await self.get_client(self.server)
        self.addAsyncCleanup(self.client.close)  # also where the start fails
        await self.client.start_server()

    async def asyncTearDown(self) -> None:
        """Close the client, and the server with it."""
        await self.tearDownAsync()

    async def tearDownAsync(self) -> None:
        """Close the client, and the server with it; `asyncTearDown` calls this."""
        await self.client.close()


def unittest_run_loop(func: F, *args: Any, **kwargs: Any) -> F:
    """Return `func` as it is: tests of a case may be async without this decorator (deprecated)."""
    message = "unittest_run_loop is not needed: the tests of a case may be async"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return func
