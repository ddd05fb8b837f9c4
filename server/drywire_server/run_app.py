"""`run_app`: an application as a program, until a signal ends it."""

from __future__ import annotations

import builtins
import contextlib
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

from drywire_transports import current_runtime, run

from .app import Application
from .errors import GracefulExit
from .runner import AppRunner
from .sites import BaseSite, SockSite, TCPSite, UnixSite

__all__ = ["run_app"]

Print = Callable[..., None]


def run_app(
    app: Application | Awaitable[Application],
    *,
    host: str | Iterable[str] | None = None,
    port: int | None = None,
    path: str | Iterable[str] | None = None,
    sock: socket.socket | Iterable[socket.socket] | None = None,
    backend: Literal["asyncio", "trio"] = "asyncio",
    ssl_context: ssl.SSLContext | None = None,
    print: Print | None = builtins.print,
    backlog: int = 128,
    handle_signals: bool = True,
    reuse_address: bool | None = None,
    reuse_port: bool | None = None,
    shutdown_timeout: float = 60.0,
    keepalive_timeout: float = 75.0,
    loop_factory: Callable[[], Any] | None = None,
    loop: Any = None,
    **settings: Any,
) -> None:
    """Serve `app` until SIGINT, SIGTERM or a GracefulExit that it raises, then stop it cleanly and return.

    `backend` is the event loop: ``"asyncio"`` (uvloop where its policy is set, `loop_factory` is
    ``uvloop.new_event_loop``, or `loop` is one of its loops) or ``"trio"``, which needs ``drywire[trio]``. `host`
    defaults to every interface, `port` to 8080, or 8443 with `ssl_context`; 0 is a free one. `path` and `sock` add
    Unix sockets and bound sockets. `print` gets the line that says where (None for silence). `settings` are those of
    `AppRunner`.

    Raises OSError where an address cannot be had, and what the application's `on_startup` raises.
    """

    def sites(runner: AppRunner) -> list[BaseSite]:
        common: dict[str, Any] = {"ssl_context": ssl_context, "backlog": backlog}
        paths, socks = _each(path, str), _each(sock, socket.socket)
        hosts: list[str | None] = [*_each(host, str)]
        if not hosts and (port is not None or not (paths or socks)):
            hosts = [None]
        return [
            *(TCPSite(runner, h, port, reuse_address=reuse_address, reuse_port=reuse_port, **common) for h in hosts),
            *(UnixSite(runner, p, **common) for p in paths),
            *(SockSite(runner, s, **common) for s in socks),
        ]

    async def main() -> None:
        application = app if isinstance(app, Application) else await app
        runner = AppRunner(
            application, shutdown_timeout=shutdown_timeout, keepalive_timeout=keepalive_timeout, **settings
        )
        await _serve(runner, sites, print, handle_signals)

    with contextlib.suppress(GracefulExit):
        run(main, backend=backend, loop_factory=loop_factory if loop is None else lambda: loop)


async def _serve(
    runner: AppRunner, make_sites: Callable[[AppRunner], list[BaseSite]], say: Print | None, handle_signals: bool
) -> None:
    """Serve until a signal comes, or until cancelled."""
    runtime = current_runtime()
    stop = runtime.wake()
    # Only the main thread may handle signals; in another, whoever started it must cancel this.
    watched = handle_signals and threading.current_thread() is threading.main_thread()
    unwatch = runtime.watch_signals((signal.SIGINT, signal.SIGTERM), lambda _: stop.set()) if watched else None
    try:
        await runner.setup()
        if runner.server is not None:
            runner.server.on_exit = stop.set
        try:
            started = make_sites(runner)
            for site in started:
                await site.start()
            if say is not None:
                names = ", ".join(site.name for site in started)
                say(f"======== Running on {names} ========\n(Press CTRL+C to quit)")
            await runtime.park(stop)
        finally:
            await runner.cleanup()
    finally:
        if unwatch is not None:
            unwatch()


def _each(value: Any, kind: type) -> list[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, kind) else list(value)
