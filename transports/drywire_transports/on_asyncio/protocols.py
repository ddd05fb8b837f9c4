"""`serving_protocol`: what asyncio's own ``loop.create_server`` makes its connections with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..stream import ByteStream
from .buffered import new_stream

__all__ = ["serving_protocol"]


def serving_protocol(connected: Callable[[ByteStream], None]) -> asyncio.BaseProtocol:
    """Return the protocol of one connection of the running loop; `connected` is called with its stream.

    Raises RuntimeError where no loop of asyncio runs.
    """
    return new_stream(asyncio.get_running_loop(), connected)
