"""`HostedLifespan`: the start and the end of an ASGI application that we serve."""

from __future__ import annotations

import logging
from typing import Any, Literal

from drywire_transports import TaskHandle, Wake, current_runtime

from .hosted_scope import ASGI
from .messages import ASGIApp, Message

__all__ = ["HostedLifespan", "LifespanFailed", "Mode"]

logger = logging.getLogger("drywire.asgi")

Mode = Literal["auto", "on", "off"]


class LifespanFailed(RuntimeError):
    """An ASGI application could not start, or did not end well, by its own account."""


class HostedLifespan:
    """Tells one application when it starts and ends, all in one task.

    `mode` is ``"on"``; ``"off"`` for an application that is not told; or ``"auto"``, where it may raise or return at
    once, since it does not know of lifespans. `state` is for the application to fill.
    """

    def __init__(self, app: ASGIApp, mode: Mode, state: dict[str, Any]) -> None:
        if mode not in ("auto", "on", "off"):
            raise ValueError(f"lifespan must be 'auto', 'on' or 'off', not {mode!r}")
        self._app = app
        self._mode = mode
        self._state = state
        self._task: TaskHandle | None = None
        self._error: BaseException | None = None
        self._ended = False
        self._told: list[str] = []
        self._said: list[Message] = []
        self._news: dict[str, Wake] = {}

    async def start(self) -> None:
        """Start the application.

        Raises LifespanFailed where it says that it failed, and in the mode "on" where it says nothing.
        """
        if self._mode == "off":
            return
        self._begin()
        try:
            if await self._ask("startup"):
                return
        except BaseException:
            self._cancel()
            raise
        self._task = None
        if self._mode == "on":
            raise LifespanFailed("the ASGI application does not take part in its lifespan") from self._error
        logger.info("the ASGI application does not take part in its lifespan: %s", self._error or "it returned")

    def _begin(self) -> None:
        self._error, self._ended, self._told, self._said = None, False, [], []
        self._task = current_runtime().spawn(self._run, name="drywire ASGI lifespan")

    def _cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        """End the application. Raises LifespanFailed where it says that it failed, and what it raises."""
        task, self._task = self._task, None
        if task is None:
            return
        try:
            await self._ask("shutdown")
            await task.wait()
        finally:
            task.cancel()
        if self._error is not None:
            raise self._error

    async def _ask(self, what: str) -> bool:
        """Tell of `what`, and wait for the answer; False where the application ended without one."""
        self._told.append(what)
        self._wake("told")
        while not self._said:
            if self._ended:
                return False
            await self._wait("said")
        answer = self._said.pop()
        if answer["type"] == f"lifespan.{what}.failed":
            raise LifespanFailed(f"the ASGI application failed at its {what}: {answer.get('message', '')}".rstrip(": "))
        return True

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {**ASGI, "spec_version": "2.0"}, "state": self._state}
        try:
            await self._app(scope, self._receive, self._send)
        except Exception as error:
            self._error = error
        finally:
            self._ended = True
            self._wake("said")

    async def _receive(self) -> Message:
        while not self._told:
            await self._wait("told")
        return {"type": f"lifespan.{self._told.pop(0)}"}

    async def _send(self, message: Message) -> None:
        self._said.append(message)
        self._wake("said")

    async def _wait(self, what: str) -> None:
        self._news[what] = wake = current_runtime().wake()
        try:
            await current_runtime().park(wake)
        finally:
            self._news.pop(what, None)

    def _wake(self, what: str) -> None:
        if what in self._news:
            self._news[what].set()
