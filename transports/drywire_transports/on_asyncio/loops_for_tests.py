"""asyncio's event loops for tests that run them by hand, with aiohttp's names."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable, Iterator

__all__ = ["loop_context", "loop_factories", "setup_test_loop", "teardown_test_loop"]

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factories(wanted: str) -> dict[str, LoopFactory]:
    """Return what makes the loops that `wanted` names: ``pyloop``, ``uvloop``, both with a comma, or ``all``.

    ``pyloop`` is asyncio's own. With a question mark, ``uvloop?``, a loop is left out where it is not installed, as in
    ``all``. Raises ValueError for a loop that is not known, or not installed.
    """
    known: dict[str, LoopFactory] = {"pyloop": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop

        known["uvloop"] = uvloop.new_event_loop
    names = [name.strip() for name in ("pyloop,uvloop?" if wanted == "all" else wanted).split(",")]
    found = {name.rstrip("?"): known.get(name.rstrip("?")) for name in names}
    missing = [name for name in names if not name.endswith("?") and found[name] is None]
    if missing:
        raise ValueError(f"no event loop is called {missing[0]!r} here; there is {', '.join(known)}")
    return {name: factory for name, factory in found.items() if factory is not None}


def setup_test_loop(loop_factory: LoopFactory = asyncio.new_event_loop) -> asyncio.AbstractEventLoop:
    """Return a new event loop, which is the current one of this thread now; see `teardown_test_loop`."""
    loop = loop_factory()
    asyncio.set_event_loop(loop)
    return loop


def teardown_test_loop(loop: asyncio.AbstractEventLoop, fast: bool = False) -> None:
    """Close `loop` after one last turn; then collect garbage, so that what was forgotten shows here, unless `fast`."""
    if not loop.is_closed():
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
    if not fast:
        gc.collect()
    asyncio.set_event_loop(None)


@contextlib.contextmanager
def loop_context(
    loop_factory: LoopFactory = asyncio.new_event_loop, fast: bool = False
) -> Iterator[asyncio.AbstractEventLoop]:
    """``with loop_context() as loop``: a new event loop, closed at the end, also where the block raises."""
    loop = setup_test_loop(loop_factory)
    try:
        yield loop
    finally:
        teardown_test_loop(loop, fast=fast)
