"""Connections in memory, for tests of your own: a pair of streams, and streams that fail on a script.

Built on `Runtime.wake()` and `Runtime.park()` alone, so they work on every runtime.
"""

from .faults import Delayed, EndsAfter, ResetsAfter, Split, Wrapped
from .pair import MemoryStream, memory_pair

__all__ = ["Delayed", "EndsAfter", "MemoryStream", "ResetsAfter", "Split", "Wrapped", "memory_pair"]
