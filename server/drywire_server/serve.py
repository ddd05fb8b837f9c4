"""`serve`: an application at work in a program that has an event loop already, until a signal or a cancellation."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, cast

from drywire_transports import Runtime, current_runtime
from drywire_transports.which import cancellable

from .access_log import access_logger
from .app import Application
from .certificates import ReloadingSSLContext, reload_certificates, watch_certificates
from .endpoints import Endpoints
from .runner import SIGNALS, AppRunner, BaseRunner, ShutdownReport

__all__ = ["AppSource", "Print", "announce", "is_asgi", "make_application", "serve", "serve_on"]

Print = Callable[..., None]
AppSource = Application | Awaitable[Application] | Callable[[], Application | Awaitable[Application]]
"""An application, or something to be awaited or called for one."""

ASGI_PARAMETERS: Final = ["scope", "receive", "send"]
SIGHUP: Final[int | None] = getattr(signal, "SIGHUP", None)


async def serve(
    app: AppSource,
    *,
    print: Print | None = None,
    handle_signals: bool = False,
    task_status: Any = None,
    **settings: Any,
) -> ShutdownReport:
    """Serve `app` on the event loop that runs until this is cancelled, and end it cleanly; for a task of your own.

        async with trio.open_nursery() as nursery:  # or anyio's task group, or asyncio.create_task
            await nursery.start(partial(web.serve, app, port=8080))

    `settings` are those of `run_app` on addresses and of `AppRunner`. `task_status`, which trio and anyio pass in
    ``start``, is told the runner once it listens. With `handle_signals`, SIGINT and SIGTERM end it, too; then a report
    of that is returned. Requests under way are finished for `shutdown_timeout` also where this is cancelled.

    Raises OSError where an address cannot be had, and what the application's `on_startup` raises.
    """
    names = Endpoints.__dataclass_fields__.keys()
    endpoints = Endpoints(**{name: settings.pop(name) for name in names & settings.keys()})
    signals = SIGNALS if handle_signals else ()

    def started(runner: AppRunner) -> None:
        announce(print, [site.name for site in runner.sites])
        if task_status is not None:
            task_status.started(runner)

    return await serve_on(app, endpoints, settings, signals=signals, started=started)


async def _run_app(app: AppSource, *, print: Print | None = builtins.print, **settings: Any) -> None:
    """Do as `serve` does, and say where: what programs call in aiohttp, which has no other name for it."""
    await serve(app, print=print, **settings)


def is_asgi(found: Any) -> bool:
    """Whether it is an application of ASGI of others: called with scope, receive and send."""
    if not callable(found) or isinstance(found, Application | type):
        return False
    try:
        return list(inspect.signature(found).parameters) == ASGI_PARAMETERS
    except (TypeError, ValueError):
        return False


async def make_application(app: AppSource) -> Application:
    """Return the application that `app` is, or gives when it is awaited or called. Raises TypeError for another."""
    made: Any = app
    if callable(made) and not isinstance(made, Application) and not inspect.isawaitable(made):
        if is_asgi(made):
            raise TypeError(f"{made!r} is an application of ASGI: serve it by web.run_asgi or web.asgi_application")
        made = made()
    if inspect.isawaitable(made):
        made = await made
    return cast(Application, made)  # the runner looks at what it is


async def serve_on(
    app: AppSource,
    endpoints: Endpoints,
    settings: dict[str, Any],
    *,
    signals: Sequence[int],
    started: Callable[[AppRunner], None],
    cutting: Sequence[int] = (),
) -> ShutdownReport:
    """Serve on `endpoints` until one of `signals` comes, a handler raises GracefulExit, or this is cancelled.

    `started` is called once all sites listen; a start that a signal finds under way is cancelled. What is not finished
    is cut by the signals `cutting`; where there are none, by the second of `signals`, and the third kills.
    """
    runtime = current_runtime()
    stop = runtime.wake()
    starts = True
    report = ShutdownReport()
    with contextlib.ExitStack() as undo:
        runner = AppRunner(await make_application(app), **settings)
        cancel = undo.enter_context(cancellable())  # around all, for trio: what the start opens, the end closes

        def end() -> None:
            nonlocal starts
            stop.set()
            if starts:
                starts = False
                cancel()

        undo.enter_context(_Ended(signals, cutting, runner, runtime, end))
        undo.enter_context(_reloading(endpoints, runtime, bool(signals)))
        _log_to_terminal(runtime, settings)
        try:
            await runner.setup()
            server = runner.server
            assert server is not None
            server.on_exit = stop.set
            for site in endpoints.sites(runner):
                await site.start()
            starts = False
            started(runner)
            await runtime.park(stop)
        finally:
            report = await runner.cleanup()
    return report


class _Ended:
    """Lets signals call `stop`, cut what is left, and end the process, as long as it is entered; see `serve_on`."""

    def __init__(
        self,
        signals: Sequence[int],
        cutting: Sequence[int],
        runner: BaseRunner,
        runtime: Runtime,
        stop: Callable[[], None],
    ) -> None:
        self._signals = signals
        self._cutting = cutting
        self._runner = runner
        self._runtime = runtime
        self._stop = stop
        self._count = 0
        self._unwatch: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        # Only the main thread may handle signals; in another, whoever started it must cancel this.
        if self._signals and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in self._signals}
            with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C is KeyboardInterrupt there
                self._unwatch = self._runtime.watch_signals((*self._signals, *self._cutting), self._came)

    def __exit__(self, *error: object) -> None:
        self._end_watch()
        if self._count > 1:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _came(self, number: int) -> None:
        self._stop()
        if self._cutting:
            if number in self._cutting:
                self._runner.hurry()
            return
        self._count += 1
        if self._count == 2:
            self._runner.hurry()
            self._runtime.call_at(self._runtime.now(), self._let_the_next_kill)

    def _let_the_next_kill(self) -> None:
        if self._unwatch is not None:
            self._end_watch()
            for number in self._signals:
                signal.signal(number, signal.SIG_DFL)

    def _end_watch(self) -> None:
        unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()


@contextlib.contextmanager
def _reloading(endpoints: Endpoints, runtime: Runtime, on_signal: bool) -> Iterator[None]:
    """Load certificates again when their files change, and on SIGHUP."""
    context = endpoints.ssl_context
    if not isinstance(context, ReloadingSSLContext):
        yield
        return
    with contextlib.ExitStack() as undo:
        undo.callback(watch_certificates(context, runtime))
        if on_signal and SIGHUP is not None and threading.current_thread() is threading.main_thread():
            undo.callback(runtime.watch_signals((SIGHUP,), lambda _: reload_certificates(context)))
        yield


def _log_to_terminal(runtime: Runtime, settings: dict[str, Any]) -> None:
    """Where the event loop is in its debug mode, let the access log be seen although nobody has configured it."""
    loop = getattr(runtime, "loop", None)
    if loop is None or not loop.get_debug() or settings.get("access_log", access_logger) is not access_logger:
        return
    if access_logger.level == logging.NOTSET:
        access_logger.setLevel(logging.DEBUG)
    if not access_logger.hasHandlers():
        access_logger.addHandler(logging.StreamHandler())


def announce(say: Print | None, names: Sequence[str], more: str = "") -> None:
    """Say that the server runs, and where."""
    if say:
        say(f"======== Running on {', '.join(sorted(names))} ========{more}\n(Press CTRL+C to quit)")
