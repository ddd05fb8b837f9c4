"""`run_app`: an application as a program, in this process or in several, until a signal ends it."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from drywire_transports import Timer, current_runtime, run

from .access_log import AbstractAccessLogger, AbstractAsyncAccessLogger, AccessLogger, access_logger
from .certificates import reload_certificates
from .endpoints import Endpoints, PathLike
from .errors import GracefulExit
from .runner import SIGNALS, AppRunner
from .serve import AppSource, Print, announce, serve_on
from .workers import CUTS, ENDS, Supervisor, can_supervise

__all__ = ["Backend", "run_app"]

Backend = Literal["asyncio", "uvloop", "trio"]

GRACE: Final = 10.0
"""Seconds that a worker has for its own clean-up, beside twice the shutdown timeout, before it is killed."""
ORPHANED_EVERY: Final = 1.0
"""Seconds between looks whether a worker's parent is still there."""


def run_app(
    app: AppSource,
    *,
    host: str | Iterable[str] | None = None,
    port: int | None = None,
    path: PathLike | Iterable[PathLike] | None = None,
    sock: socket.socket | Iterable[socket.socket] | None = None,
    shutdown_timeout: float = 60.0,
    keepalive_timeout: float = 75.0,
    ssl_context: ssl.SSLContext | None = None,
    print: Print | None = builtins.print,
    backlog: int = 128,
    access_log_class: type[AbstractAccessLogger] | type[AbstractAsyncAccessLogger] = AccessLogger,
    access_log_format: str = AccessLogger.LOG_FORMAT,
    access_log: logging.Logger | None = access_logger,
    handle_signals: bool = True,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    handler_cancellation: bool = False,
    loop: Any = None,
    backend: Backend = "asyncio",
    loop_factory: Callable[[], Any] | None = None,
    workers: int | None = None,
    reload_when: Callable[[], bool] | None = None,
    **kwargs: Any,
) -> None:
    """Serve `app` until SIGINT, SIGTERM or a GracefulExit that it raises, then stop it cleanly and return.

    `app` may also be something to be awaited or called for the application. `host` (one or several) defaults to every
    interface, `port` to 8080, or 8443 with `ssl_context`; 0 is a free one. `path` and `sock` add Unix sockets and
    bound sockets. `print` gets the line that says where (None for silence). The others, and `kwargs`, are the settings
    of `AppRunner`. A second signal cuts what is not finished, a third kills.

    `backend` is the event loop: ``"asyncio"``, ``"uvloop"`` or ``"trio"``, which needs the extra of that name;
    `loop_factory` makes another one for asyncio, `loop` is one.

    `workers` processes serve the same sockets where that is given: one that dies is replaced, SIGHUP replaces all, one
    by one, without losing a connection, and what `app` calls or awaits, each does for itself. SystemExit(1) is raised
    where one could not start, or had to be killed. They are also replaced whenever `reload_when` says so.

    Raises OSError where an address cannot be had, and what the application's `on_startup` raises.
    """
    times = {"shutdown_timeout": shutdown_timeout, "keepalive_timeout": keepalive_timeout}
    log = {"access_log": access_log, "access_log_class": access_log_class, "access_log_format": access_log_format}
    settings = {**times, **log, "handler_cancellation": handler_cancellation, **kwargs}
    endpoints = Endpoints(host, port, path, sock, ssl_context, backlog, reuse_address, reuse_port)
    factory = loop_factory if loop is None else lambda: loop
    program = _Program(app, endpoints, settings, backend, factory, print)
    if workers is None and reload_when is None:
        program.serve_here(SIGNALS if handle_signals else ())
    else:
        program.supervise(1 if workers is None else _checked(workers), reload_when)


@dataclass(frozen=True, slots=True)
class _Program:
    """What `run_app` was given, put in order."""

    app: AppSource
    endpoints: Endpoints
    settings: dict[str, Any]
    backend: Backend
    loop_factory: Callable[[], Any] | None
    print: Print | None

    def serve_here(self, signals: tuple[int, ...]) -> None:
        """Serve in this process, until one of `signals` comes."""
        self.serve_on(self.endpoints, signals, lambda runner: announce(self.print, [s.name for s in runner.sites]))

    def serve_on(
        self,
        endpoints: Endpoints,
        signals: tuple[int, ...],
        started: Callable[[AppRunner], None],
        cutting: tuple[int, ...] = (),
    ) -> None:
        """Serve in this process on `endpoints`, until one of `signals` comes."""
        with contextlib.suppress(GracefulExit, KeyboardInterrupt):
            run(
                lambda: serve_on(self.app, endpoints, self.settings, signals=signals, started=started, cutting=cutting),
                backend=self.backend,
                loop_factory=self.loop_factory,
            )

    def supervise(self, workers: int, reload_when: Callable[[], bool] | None) -> None:
        """Serve in `workers` processes. Raises RuntimeError where there can be none, SystemExit where they failed."""
        why_not = can_supervise()
        if why_not is not None:
            raise RuntimeError(why_not)
        parent = os.getpid()
        bound = self.endpoints.bind(workers)

        def work(number: int, ready: Callable[[], None], end_all: Callable[[], None]) -> None:
            def started(runner: AppRunner) -> None:
                _exits_by(runner, end_all)
                _end_when_orphaned(parent)
                ready()

            self.serve_on(self.endpoints.of_sockets(bound.keep(number)), (ENDS,), started, (CUTS,))

        more = f"\n({workers} worker{'s' if workers > 1 else ''})"
        supervisor = Supervisor(
            work=work,
            count=workers,
            grace=2 * self.settings["shutdown_timeout"] + GRACE,
            began=lambda: announce(self.print, bound.names, more),
            closing=bound.close,
            before_reload=lambda: reload_certificates(self.endpoints.ssl_context),
            has_changed=reload_when,
        )
        try:
            code = supervisor.run()
        finally:
            bound.close()
            if inspect.iscoroutine(self.app):
                self.app.close()  # only the workers have run it
        if code:
            raise SystemExit(code)


def _checked(workers: object) -> int:
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise ValueError(f"workers must be a number of processes, 1 or more, or None for this one, not {workers!r}")
    return workers


def _exits_by(runner: AppRunner, end_all: Callable[[], None]) -> None:
    """Let a GracefulExit end all workers, not only this one."""
    server = runner.server
    assert server is not None
    stop = server.on_exit

    def end() -> None:
        end_all()
        if stop is not None:
            stop()

    server.on_exit = end


def _end_when_orphaned(parent: int) -> None:
    """End this worker once its parent is gone, as it does when the parent tells it to."""
    runtime = current_runtime()
    timers: list[Timer] = []

    def look() -> None:
        if os.getppid() != parent:
            signal.raise_signal(ENDS)
        else:
            timers[:] = [runtime.call_at(runtime.now() + ORPHANED_EVERY, look)]

    look()
