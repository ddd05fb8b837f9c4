"""What a WebSocket connection keeps in memory, as far as it grows with what a peer sends."""

from __future__ import annotations

import sys
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum

from drywire_sansio import websocket
from drywire_sansio.websocket.connection import Connection

from .findings import Finding

__all__ = ["held", "watched"]

UNCHANGING = (websocket.Limits, websocket.State, Enum, BaseException)
LOOKED_INTO = ("drywire_sansio.", "wsproto.")
INFLATION = type(zlib.decompressobj())
FIXED = 4096
"""What a connection of no content takes, strings and small lists together, and some more."""
WIDEST = 5
"""Bytes of memory for a byte of content: four for text with an astral character, and the slack of what grows."""
TIMES = 16
"""How often a connection is measured while it reads one input."""


def held(connection: Connection) -> int:
    """Return the bytes of memory in all strings that `connection` holds, zlib's windows aside."""
    total = 0
    seen: set[int] = set()
    waiting: list[object] = [connection]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, UNCHANGING):
            continue
        seen.add(id(thing))
        if isinstance(thing, bytes | bytearray | str):
            total += sys.getsizeof(thing)
        elif isinstance(thing, list | tuple | deque):
            total += 8 * len(thing)
            waiting += thing
        elif isinstance(thing, INFLATION):
            waiting += [thing.unused_data, thing.unconsumed_tail]
        elif type(thing).__module__.startswith(LOOKED_INTO):
            waiting += _attributes(thing)
    return total


def _attributes(thing: object) -> list[object]:
    slots = [slot for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ())]
    return [*(getattr(thing, slot, None) for slot in slots), *getattr(thing, "__dict__", {}).values()]


def watched(connection: Connection, arrivals: Sequence[bytes]) -> Iterator[bytes]:
    """Give out `arrivals`, and see after each that `connection` holds no more than its limits allow.

    Raises Finding.
    """
    every = 1 + len(arrivals) // TIMES
    for number, arrival in enumerate(arrivals):
        yield arrival
        if number % every:
            continue
        most = FIXED + WIDEST * connection.limits.message + 3 * len(arrival)
        if (size := held(connection)) > most:
            raise Finding(f"{size} bytes are held after arrival {number}, where {most} will do")
