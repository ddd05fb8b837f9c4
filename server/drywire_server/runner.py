"""`AppRunner`: an application at work, on as many sites as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from drywire_sansio.http1 import Limits
from drywire_transports import current_runtime

from .app import Application
from .request import Request
from .server import Server
from .settings import ServerSettings

__all__ = ["AppRunner"]


class Site(Protocol):
    """A listening socket, as a runner needs it; see `sites.BaseSite`."""

    @property
    def name(self) -> str: ...
    @property
    def addresses(self) -> Sequence[Any]: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...
    async def join(self, deadline: float = ...) -> bool: ...


class AppRunner:
    """Runs `app` on the event loop that is running when `setup` is called.

    `shutdown_timeout` is how long, in seconds, requests under way may take once `cleanup` has begun; what still runs
    then is cancelled. The other settings are those of `ServerSettings`, `limits` those of the protocol core.
    """

    def __init__(
        self,
        app: Application,
        *,
        shutdown_timeout: float = 60.0,
        keepalive_timeout: float = 75.0,
        head_timeout: float = 30.0,
        body_timeout: float = 60.0,
        write_timeout: float = 60.0,
        lingering_time: float = 10.0,
        auto_decompress: bool = True,
        handler_cancellation: bool = False,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(app, Application):
            raise TypeError(f"the first argument must be a web.Application, not {type(app).__name__}")
        self._app = app
        self._shutdown_timeout = shutdown_timeout
        self._settings = ServerSettings(
            keepalive_timeout=keepalive_timeout,
            head_timeout=head_timeout,
            body_timeout=body_timeout,
            write_timeout=write_timeout,
            lingering_time=lingering_time,
            auto_decompress=auto_decompress,
            handler_cancellation=handler_cancellation,
        )
        self._limits = limits
        self._server: Server | None = None
        self._sites: list[Site] = []

    @property
    def app(self) -> Application:
        """The application."""
        return self._app

    @property
    def server(self) -> Server | None:
        """The server; None before `setup` and after `cleanup`."""
        return self._server

    @property
    def sites(self) -> set[Site]:
        """The sites that were started."""
        return set(self._sites)

    @property
    def addresses(self) -> list[Any]:
        """The addresses listened on, as `socket.getsockname` gives them."""
        return [address for site in self._sites for address in site.addresses]

    async def setup(self) -> None:
        """Freeze the application, run its `on_startup`, and be ready for sites. Raises what `on_startup` raises.

        The clean-up contexts that were entered are left again where one of them, or `on_startup`, fails.
        """
        app = self._app
        app.on_startup.freeze()
        try:
            await app.startup()
        except BaseException:
            await app.leave_contexts()
            raise
        app.freeze()
        self._server = Server(
            app.handle,
            request_factory=Request,
            runtime=current_runtime(),
            settings=self._settings,
            limits=self._limits,
            **app.handler_args,
        )

    async def cleanup(self) -> None:
        """Stop accepting, close idle connections, let the others finish, then cut them; run the app's clean-up.

        Bounded by `shutdown_timeout` twice over at the most. Does nothing the second time.
        """
        server, self._server = self._server, None
        if server is None:
            return
        try:
            for site in self._sites:
                site.close()
            server.drain()
            try:
                await self._app.shutdown()
            finally:
                await self._end_connections(server)
        finally:
            for site in self._sites:
                site.cancel()
            self._sites.clear()
            await self._app.cleanup()

    async def _end_connections(self, server: Server) -> None:
        runtime = server.runtime
        deadline = runtime.now() + self._shutdown_timeout
        farewells = server.close_websockets()
        for site in self._sites:
            if not await site.join(deadline):
                site.cancel()
        for site in self._sites:
            await site.join(runtime.now() + self._shutdown_timeout)
        for farewell in farewells:
            await farewell.wait(runtime.now() + self._shutdown_timeout)

    def register(self, site: Site) -> Server:
        """Add a site that is about to start. Raises RuntimeError before `setup`, and for the same site again."""
        if self._server is None:
            raise RuntimeError("call runner.setup() before starting a site")
        if site in self._sites:
            raise RuntimeError(f"{site.name} is started already")
        self._sites.append(site)
        return self._server

    def unregister(self, site: Site) -> None:
        """Forget a site that did not start, or was stopped."""
        if site in self._sites:
            self._sites.remove(site)
