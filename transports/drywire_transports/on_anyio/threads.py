"""Blocking functions in worker threads, on trio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import trio

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a blocking function in a worker thread; when cancelled, the thread is left to end by itself."""
    return await trio.to_thread.run_sync(function, *args, abandon_on_cancel=True)
