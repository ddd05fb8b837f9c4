"""Workers for gunicorn: ``gunicorn module:app --worker-class drywire.GunicornWebWorker``. Needs gunicorn.

GunicornWebWorker      on asyncio
GunicornUVLoopWebWorker  on uvloop
GunicornTrioWebWorker  on trio
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import signal
import ssl
import sys
from typing import Any, Final

from gunicorn.config import AccessLogFormat  # type: ignore[import-untyped,import-not-found,unused-ignore]
from gunicorn.workers import base  # type: ignore[import-untyped,import-not-found,unused-ignore]

from drywire_transports import StreamTimeout, current_runtime, run

from .access_log import AccessLogger
from .app import Application
from .run_app import Backend
from .runner import AppRunner
from .sites import SockSite

__all__ = ["GunicornTrioWebWorker", "GunicornUVLoopWebWorker", "GunicornWebWorker"]

NOTIFY_EVERY: Final = 1.0
"""Seconds between signs of life to the arbiter."""
SHARE_OF_GRACE: Final = 0.95
"""Share of gunicorn's `graceful_timeout` that requests under way have; the rest is for the application's clean-up."""


class GunicornWebWorker(base.Worker):  # type: ignore[misc,no-any-unimported,unused-ignore]
    """Serves an `Application` in a process of gunicorn, on asyncio.

    What gunicorn is told to run is an application, or a function that returns one or an `AppRunner`, async or not. Of
    gunicorn's settings, `keepalive`, `graceful_timeout`, `max_requests`, `accesslog` with `access_log_format` (in the
    atoms of `AccessLogger`), and those of TLS hold. SIGTERM lets requests under way finish, SIGINT and SIGQUIT do not.
    """

    backend: Backend = "asyncio"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exit_code = 0

    def run(self) -> None:
        """Serve until gunicorn ends it; then leave the process."""
        self.booted = False  # gunicorn gives up where a worker ends before it has booted, and that is not done yet
        signal.set_wakeup_fd(-1)  # gunicorn's, where the event loop wants its own
        run(self._serve, backend=self.backend)
        sys.exit(self.exit_code)

    async def _serve(self) -> None:
        runtime = current_runtime()
        wake = runtime.wake()
        runner = await self._make_runner()

        def came(number: int) -> None:
            self.alive = False
            if number != signal.SIGTERM:
                self.cfg.worker_int(self)
                runner.hurry()
            wake.set()

        unwatch = runtime.watch_signals((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT), came)
        try:
            await runner.setup()
            server = runner.server
            assert server is not None
            server.on_exit = lambda: came(signal.SIGTERM)
            context = self._ssl_context() if self.cfg.is_ssl else None
            for sock in self.sockets:
                await SockSite(runner, getattr(sock, "sock", sock), ssl_context=context).start()
            self.booted = True
            while self.alive and self._is_wanted(server.requests_count):
                self.notify()
                with contextlib.suppress(StreamTimeout):
                    await runtime.park(wake, runtime.now() + NOTIFY_EVERY)
        finally:
            self.alive = False
            await runner.cleanup()
            unwatch()

    def _is_wanted(self, requests: int) -> bool:
        """Whether the worker goes on: not after its number of requests, and not without its arbiter."""
        if self.max_requests and requests > self.max_requests:
            self.log.info("Max requests, shutting down: %s", self)
            return False
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            return False
        return True

    async def _make_runner(self) -> AppRunner:
        made: Any = self.wsgi
        if not isinstance(made, Application):
            if not inspect.isroutine(made) and not inspect.iscoroutinefunction(made):
                raise RuntimeError(f"gunicorn must be given an Application, or a function that makes one, not {made!r}")
            made = made()
            if inspect.isawaitable(made):
                made = await made
        if isinstance(made, AppRunner):
            return made
        return AppRunner(
            made,
            logger=self.log,
            keepalive_timeout=self.cfg.keepalive,
            access_log=self.log.access_log if self.cfg.accesslog else None,
            access_log_format=self._log_format(self.cfg.access_log_format),
            shutdown_timeout=self.cfg.graceful_timeout * SHARE_OF_GRACE,
        )

    def _log_format(self, wanted: str) -> str:
        if wanted == AccessLogFormat.default:
            return AccessLogger.LOG_FORMAT
        if re.search(r"%\([^)]+\)", wanted):
            raise ValueError(
                "gunicorn's own atoms, such as %(h)s, cannot be used in access_log_format with this worker: "
                "use those of drywire.web.AccessLogger, such as %a"
            )
        return wanted

    def _ssl_context(self) -> ssl.SSLContext:
        cfg = self.cfg
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cfg.certfile, cfg.keyfile)
        context.verify_mode = cfg.cert_reqs
        if cfg.ca_certs:
            context.load_verify_locations(cfg.ca_certs)
        if cfg.ciphers:
            context.set_ciphers(cfg.ciphers)
        return context


class GunicornUVLoopWebWorker(GunicornWebWorker):
    """Serves an `Application` in a process of gunicorn, on uvloop."""

    backend: Backend = "uvloop"


class GunicornTrioWebWorker(GunicornWebWorker):
    """Serves an `Application` in a process of gunicorn, on trio."""

    backend: Backend = "trio"
