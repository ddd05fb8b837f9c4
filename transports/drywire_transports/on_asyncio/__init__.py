"""Streams, listeners and the runtime on asyncio and uvloop, native: asyncio's own protocols, no third library."""

from .listener import AsyncioListener
from .runtime import AsyncioRuntime
from .stream import AsyncioStream

__all__ = ["AsyncioListener", "AsyncioRuntime", "AsyncioStream"]
