"""`in_context`: a handler whose context variables are its own, though other requests are served by the same task."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from contextvars import Context
from typing import Any

__all__ = ["in_context"]


class in_context:
    """Await `awaitable` with the context variables of `context`; what it sets stays there."""

    __slots__ = ("_awaitable", "_context")

    def __init__(self, context: Context, awaitable: Awaitable[Any]) -> None:
        self._context = context
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        run = self._context.run
        steps: Any = run(self._awaitable.__await__)
        try:
            waiting = run(next, steps)
            while True:
                try:
                    sent = yield waiting
                except BaseException as error:
                    waiting = run(steps.throw, error)
                else:
                    waiting = run(next, steps) if sent is None else run(steps.send, sent)
        except StopIteration as stop:
            return stop.value
