"""Runners: an application, or a bare handler, at work on as many sites as wanted. `AppRunner`, `ServerRunner`."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, Self

from drywire_transports import Runtime, current_runtime
from drywire_transports.which import outlasting_cancellation

from .access_log import AbstractAccessLogger, AbstractAsyncAccessLogger, AccessLogger, check_access_log_class
from .app import Application
from .errors import GracefulExit
from .request import Request
from .server import Server

__all__ = ["AppRunner", "BaseRunner", "ServerRunner", "ShutdownReport"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
HASTE: Final = 1.0
"""Seconds that cancelled handlers have to end, where somebody does not want to wait any longer."""


class Site(Protocol):
    """A listening socket, as a runner needs it; see `sites.BaseSite`."""

    @property
    def name(self) -> str: ...
    @property
    def addresses(self) -> Sequence[Any]: ...
    def close(self) -> None: ...
    def cancel(self) -> None: ...
    async def join(self, deadline: float = ...) -> bool: ...


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How a runner's clean-up went."""

    finished: int = 0
    """Connections that were at work when it began, and ended by themselves."""
    cut: int = 0
    """Connections that had to be cut."""
    seconds: float = 0.0
    """How long it took until the last of them had ended."""


class BaseRunner(ABC):
    """Puts a server to work: `setup`, then sites, and `cleanup` in the end; or ``async with`` for first and last.

    `shutdown_timeout` is how long, in seconds, requests under way may take once `cleanup` has begun; what still runs
    then is cancelled. With `handle_signals`, SIGINT and SIGTERM end the program: by a GracefulExit that leaves the
    event loop, on trio by KeyboardInterrupt in the main task.
    """

    def __init__(self, *, handle_signals: bool = False, shutdown_timeout: float = 60.0) -> None:
        self._handle_signals = handle_signals
        self._shutdown_timeout = shutdown_timeout
        self._server: Server | None = None
        self._sites: list[Site] = []
        self._stopped: list[Site] = []
        self._unwatch: Callable[[], None] | None = None
        self._ending: Server | None = None
        self._in_haste = False
        self._cut_in_haste = 0

    async def __aenter__(self) -> Self:
        await self.setup()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.cleanup()

    @property
    def server(self) -> Server | None:
        """The server; None before `setup` and after `cleanup`."""
        return self._server

    @property
    def sites(self) -> set[Site]:
        """The sites that were started, and not stopped."""
        return set(self._sites)

    @property
    def addresses(self) -> list[Any]:
        """The addresses listened on, as `socket.getsockname` gives them."""
        return [address for site in self._sites for address in site.addresses]

    @property
    def shutdown_timeout(self) -> float:
        """How long requests under way may take once `cleanup` has begun, in seconds."""
        return self._shutdown_timeout

    @shutdown_timeout.setter
    def shutdown_timeout(self, seconds: float) -> None:
        self._shutdown_timeout = seconds

    async def setup(self) -> None:
        """Be ready for sites. Raises RuntimeError the second time, and what the start of an application raises."""
        if self._server is not None:
            raise RuntimeError("this runner is set up already")
        if self._handle_signals:
            self._watch_signals(current_runtime())
        try:
            self._server = await self._make_server()
        except BaseException:
            self._unwatch_signals()
            raise

    def _watch_signals(self, runtime: Runtime) -> None:
        # trio has a way of its own for SIGINT, which raises in the main task; SIGTERM is made to take it, too.
        numbers, end = ((signal.SIGTERM,), _interrupt) if runtime.name == "trio" else (SIGNALS, _raise_graceful_exit)
        try:
            self._unwatch = runtime.watch_signals(numbers, end)
        except NotImplementedError:
            self._unwatch = None  # Windows: Ctrl-C is KeyboardInterrupt there

    def _unwatch_signals(self) -> None:
        unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()

    @abstractmethod
    async def _make_server(self) -> Server:
        """Return the server that sites are to serve with."""

    @abstractmethod
    async def shutdown(self) -> None:
        """Say that the end has come, while requests are still under way."""

    @abstractmethod
    async def _cleanup_server(self) -> None:
        """Take down what `_make_server` has set up."""

    async def cleanup(self) -> ShutdownReport:
        """Stop accepting, close idle connections, let the others finish, then cut them; run the app's clean-up.

        WebSockets are closed with 1001, and the responses that are still to come say ``Connection: close``. Bounded by
        `shutdown_timeout` twice over at the most, beside what the application's own functions take. Done to its end
        also where the scope that it runs in is cancelled already. Does nothing the second time.
        """
        server, self._server = self._server, None
        if server is None:
            return ShutdownReport()
        with outlasting_cancellation():
            try:
                report = await self._end(server)
            finally:
                self._unwatch_signals()
        if report.cut:
            message = "%d of %d connections were cut at shutdown, after %.1f seconds"
            server.logger.warning(message, report.cut, report.cut + report.finished, report.seconds)
        return report

    async def _end(self, server: Server) -> ShutdownReport:
        runtime = server.runtime
        self._ending = server
        at_work = _at_work(server)
        try:
            # What has reached the sockets by now is accepted, and read, before they are closed.
            await runtime.sleep_until(runtime.now())
            for site in self._sites:
                site.close()
            await runtime.sleep_until(runtime.now())
            server.drain()
            try:
                await self.shutdown()
            finally:
                report = await self._end_connections(server, at_work)
        finally:
            with outlasting_cancellation():
                await self._take_down(runtime)
        return report

    async def _take_down(self, runtime: Runtime) -> None:
        """End what still runs, as it may where `_end` was cancelled, and clean up."""
        sites = [*self._sites, *self._stopped]
        self._ending = None
        self._sites.clear()
        self._stopped.clear()
        for site in sites:
            site.cancel()
        deadline = runtime.now() + HASTE
        try:
            for site in sites:
                await site.join(deadline)
        finally:
            await self._cleanup_server()

    async def _end_connections(self, server: Server, at_work: int) -> ShutdownReport:
        runtime, sites = server.runtime, [*self._sites, *self._stopped]
        begun = runtime.now()
        farewells = server.close_websockets()
        deadline = begun if self._in_haste else begun + self._shutdown_timeout
        for site in sites:
            if not await site.join(deadline):
                break
        left = self._cut_in_haste or _at_work(server)
        for site in sites:
            site.cancel()
        patience = HASTE if self._in_haste else self._shutdown_timeout
        for site in sites:
            await site.join(runtime.now() + patience)
        for farewell in farewells:
            if not await farewell.wait(runtime.now() + patience):
                farewell.cancel()
        return ShutdownReport(max(at_work - left, 0), left, runtime.now() - begun)

    def hurry(self) -> None:
        """Cut what `cleanup` still waits for, or would wait for; the application's clean-up is run all the same."""
        self._in_haste = True
        self._cut_in_haste = 0 if self._ending is None else _at_work(self._ending)
        for site in [*self._sites, *self._stopped]:
            site.cancel()

    def register(self, site: Site) -> Server:
        """Add a site that is about to start. Raises RuntimeError before `setup`, and for the same site again."""
        if self._server is None:
            raise RuntimeError("Call runner.setup() before starting a site")
        if site in self._sites:
            raise RuntimeError(f"Site {site} is already registered in runner {self}")
        self._sites.append(site)
        return self._server

    def unregister(self, site: Site) -> None:
        """Forget a site that did not start. Raises RuntimeError for one that is not known."""
        if site not in self._sites:
            raise RuntimeError(f"Site {site} is not registered in runner {self}")
        self._sites.remove(site)

    async def retire(self, site: Site) -> None:
        """Forget a site that was stopped, but for its connections. Raises RuntimeError for one that is not known."""
        self.unregister(site)
        self._stopped.append(site)
        now = current_runtime().now()
        self._stopped = [other for other in self._stopped if not await other.join(now)]


class ServerRunner(BaseRunner):
    """Runs `web_server`, a `Server` around a bare handler, on the event loop that is running when `setup` is called."""

    def __init__(
        self, web_server: Server, *, handle_signals: bool = False, shutdown_timeout: float = 60.0, **kwargs: Any
    ) -> None:
        super().__init__(handle_signals=handle_signals, shutdown_timeout=shutdown_timeout)
        _check_settings(kwargs)  # aiohttp takes them here, too, where they are without effect
        self._web_server = web_server

    async def _make_server(self) -> Server:
        return self._web_server

    async def shutdown(self) -> None:
        """Do nothing: a bare handler is not told."""

    async def _cleanup_server(self) -> None:
        pass


class AppRunner(BaseRunner):
    """Runs `app` on the event loop that is running when `setup` is called.

    `access_log_class`, `access_log`, `access_log_format`, `logger`, `limits` and `kwargs` are the settings of `Server`.
    Raises TypeError for what is no application, and for a setting that there is not.
    """

    def __init__(
        self,
        app: Application,
        *,
        handle_signals: bool = False,
        shutdown_timeout: float = 60.0,
        access_log_class: type[AbstractAccessLogger] | type[AbstractAsyncAccessLogger] = AccessLogger,
        **kwargs: Any,
    ) -> None:
        super().__init__(handle_signals=handle_signals, shutdown_timeout=shutdown_timeout)
        if not isinstance(app, Application):
            raise TypeError(f"the first argument must be a web.Application, not {type(app).__name__}")
        self._app = app
        self._kwargs: dict[str, Any] = {"access_log_class": access_log_class, **kwargs}
        _check_settings(self._kwargs)

    @property
    def app(self) -> Application:
        """The application."""
        return self._app

    async def setup(self) -> None:
        """Freeze the application, run its `on_startup`, and be ready for sites. Raises what `on_startup` raises.

        The clean-up contexts that were entered are left again where one of them, or `on_startup`, fails.
        """
        await super().setup()

    async def _make_server(self) -> Server:
        app = self._app
        app.on_startup.freeze()
        try:
            await app.startup()
        except BaseException:
            with outlasting_cancellation():
                await app.leave_contexts()
            raise
        app.freeze()
        settings = {**self._kwargs, **app.handler_args}
        return Server(app.handle, request_factory=Request, runtime=current_runtime(), **settings)

    async def shutdown(self) -> None:
        """Run the application's `on_shutdown`."""
        await self._app.shutdown()

    async def _cleanup_server(self) -> None:
        await self._app.cleanup()


def _at_work(server: Server) -> int:
    """Return how many connections are there for more than a request that might still come."""
    return sum(not connection.idle for connection in server.connections)


def _check_settings(settings: dict[str, Any]) -> None:
    """Say what is wrong with settings of a server now rather than at the start. Raises TypeError."""
    check_access_log_class(settings.get("access_log_class", AccessLogger))
    Server(_nobody, **{**settings, "access_log": None})


async def _nobody(request: Any) -> NoReturn:
    raise NotImplementedError


def _raise_graceful_exit(number: int) -> NoReturn:
    raise GracefulExit


def _interrupt(number: int) -> None:
    signal.raise_signal(signal.SIGINT)
