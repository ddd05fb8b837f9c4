"""Which runtime is running: asked once, where a session or a server is made, and passed down from there."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import math
import sys
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, Literal, TypeVar

from .body_reader import StreamReader
from .runtime import Runtime

__all__ = ["cancellable", "current_runtime", "current_task", "outlasting_cancellation", "run"]

T = TypeVar("T")

# A runtime holds its loop, so an entry lives just as long as somebody uses the runtime, and no id is reused meanwhile.
_asyncio_runtimes: Final[weakref.WeakValueDictionary[asyncio.AbstractEventLoop, Any]] = weakref.WeakValueDictionary()

_recent: Final[list[Callable[[], Any]]] = [lambda: None]
"""The asyncio runtime that was asked for last: mostly it is the next, too, and this is the shortest way to it."""


def current_runtime() -> Runtime:
    """Return the runtime of the event loop that is running this code: asyncio's (uvloop's too) or trio's.

    Raises RuntimeError outside of both.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return _trio_runtime()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        if trio is not None and trio.lowlevel.in_trio_run():
            return _trio_runtime()
        hint = "call this from a coroutine run by asyncio, uvloop or trio"
        raise RuntimeError(f"no event loop is running here: {hint}") from None
    runtime: Any = _recent[0]()
    if runtime is None or runtime.loop is not loop:
        runtime = _runtime_of(loop)
    result: Runtime = runtime
    return result


def _runtime_of(loop: asyncio.AbstractEventLoop) -> Any:
    runtime = _asyncio_runtimes.get(loop)
    if runtime is None:
        from .on_asyncio import AsyncioRuntime

        runtime = _asyncio_runtimes[loop] = AsyncioRuntime(loop)
    _recent[0] = weakref.ref(runtime)
    return runtime


StreamReader.runtime = staticmethod(current_runtime)


def _trio_runtime() -> Runtime:
    from .on_anyio.runtime import current_trio_runtime

    return current_trio_runtime()


def current_task() -> Any:
    """Return the task that is running this code, of asyncio's kind or trio's; None where neither runs one."""
    with contextlib.suppress(RuntimeError):
        return asyncio.current_task()
    if "trio" not in sys.modules:
        return None
    import trio

    with contextlib.suppress(RuntimeError):
        return trio.lowlevel.current_task()
    return None


def run(
    main: Callable[..., Coroutine[Any, Any, T]],
    *args: Any,
    backend: Literal["asyncio", "uvloop", "trio"] = "asyncio",
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    debug: bool | None = None,
) -> T:
    """Run ``main(*args)`` in a new event loop to its end, and return what it returns.

    On asyncio, `loop_factory` makes the loop, else the policy in force; `debug` is asyncio's, also on uvloop. Raises
    RuntimeError where `backend` is ``"uvloop"`` or ``"trio"`` and that is not installed.
    """
    if backend not in ("asyncio", "uvloop", "trio"):
        raise ValueError(f"backend must be 'asyncio', 'uvloop' or 'trio', not {backend!r}")
    if backend != "asyncio" and importlib.util.find_spec(backend) is None:
        raise RuntimeError(f"{backend} is not installed: pip install 'drywire[{backend}]'")
    if backend != "trio":
        if backend == "uvloop" and loop_factory is None:
            import uvloop

            loop_factory = uvloop.new_event_loop
        with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
            return runner.run(main(*args))
    import trio

    return trio.run(main, *args)


@contextlib.contextmanager
def cancellable() -> Iterator[Callable[[], None]]:
    """Give what cancels the block, from a callback of the event loop; that ends without an error then."""
    if current_runtime().name == "trio":
        with sys.modules["trio"].CancelScope() as scope:
            yield scope.cancel
        return
    task = asyncio.current_task()
    assert task is not None
    before, ours = task.cancelling(), []

    def cancel() -> None:
        ours.append(task.cancel())

    try:
        yield cancel
    except asyncio.CancelledError:
        if not ours or task.cancelling() > before + len(ours):
            raise
    finally:
        for _ in ours:
            task.uncancel()


@contextlib.contextmanager
def outlasting_cancellation() -> Iterator[None]:
    """Let the block wait although the scope around it, of trio or anyio, is cancelled already.

    Where it is not, a cancellation that comes during the block ends it as ever. A task of asyncio that was cancelled
    can wait by itself until it is cancelled again.
    """
    library: Any = sys.modules.get("trio")
    if library is None or not library.lowlevel.in_trio_task():
        library = sys.modules.get("anyio")
    with library.CancelScope(shield=True) if _is_cancelled(library) else contextlib.nullcontext():
        yield


def _is_cancelled(library: Any) -> bool:
    try:
        return library is not None and library.current_effective_deadline() == -math.inf
    except RuntimeError:  # a task that another thread has started, from within another library: its context says that
        return False
