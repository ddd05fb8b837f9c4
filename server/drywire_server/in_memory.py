"""`ApplicationInMemory`: runs an application on streams that it is handed, without a socket."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from drywire_transports import ByteStream, TaskHandle, current_runtime

from .app import Application
from .runner import AppRunner

__all__ = ["ApplicationInMemory", "StreamSite"]

GRACE: Final = 5.0
"""Seconds in which the handler of a connection must end once it is cancelled."""


class ApplicationInMemory:
    """Serves connections in memory with `app`: its start and clean-up, the log, WebSockets, all as on a socket.

    `shutdown_timeout` is how long handlers still at work may take once the end has begun, in seconds (1); then they are
    cancelled. `settings` are the others of `AppRunner`. Raises TypeError for what is no application.

        app = ApplicationInMemory(application)
        await app.start()
        ours, theirs = memory_pair(current_runtime())
        app.accept(theirs)
    """

    def __init__(self, app: Application, *, shutdown_timeout: float = 1.0, **settings: Any) -> None:
        self._runner = AppRunner(app, shutdown_timeout=shutdown_timeout, **settings)
        self._site = StreamSite()

    @property
    def app(self) -> Application:
        """The application."""
        return self._runner.app

    async def start(self) -> None:
        """Freeze the application and run its `on_startup`. Raises what that raises."""
        await self._runner.setup()
        self._site = StreamSite()
        self._runner.register(self._site)

    def accept(
        self, stream: ByteStream, origin: object = None, fail: Callable[[Exception], None] | None = None
    ) -> None:
        """Serve the connection `stream` to its end, in a task that this owns.

        `origin` and `fail` are what a client's connector tells of it; an application answers for its own errors, by
        500 and a log record. Raises RuntimeError before `start` and after `stop`.
        """
        server = self._runner.server
        if server is None:
            raise RuntimeError("the application is not running: call start() before accept()")
        self._site.serve(server.serve, stream)

    def close(self) -> None:
        """Do nothing: `stop` gives handlers their time."""

    async def stop(self) -> None:
        """Let handlers finish for the shutdown timeout, cancel the others, and run the application's clean-up."""
        await self._runner.cleanup()


class StreamSite:
    """The tasks of the connections, as a runner knows a site."""

    name = "memory"
    addresses: Sequence[Any] = ()

    def __init__(self) -> None:
        self._tasks: dict[TaskHandle, ByteStream] = {}
        self._cancelled = False

    def serve(self, function: Callable[[ByteStream], Coroutine[Any, Any, object]], stream: ByteStream) -> None:
        """Run ``function(stream)`` as the task of a connection."""
        self._tasks = {task: other for task, other in self._tasks.items() if not task.done}
        task = current_runtime().spawn(function, stream, name="drywire connection in memory")
        self._tasks[task] = stream

    def close(self) -> None:
        """Do nothing: whoever hands over streams stops by itself."""

    def cancel(self) -> None:
        """Cancel the connections."""
        self._cancelled = True
        for task, stream in self._tasks.items():
            task.cancel()
            stream.abort()  # a task that has not begun does nothing any more

    async def join(self, deadline: float = math.inf) -> bool:
        """Wait for the connections to end, or for `deadline`; return whether they have."""
        if self._cancelled:  # they end in their next turn, which a deadline of now would not wait for
            deadline = max(deadline, current_runtime().now() + GRACE)
        return all([await task.wait(deadline) for task in self._tasks])
