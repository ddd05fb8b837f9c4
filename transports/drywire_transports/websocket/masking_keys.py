"""Keys to mask a client's frames with (RFC 6455, 5.3): from the system's random source, some hundred at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["masking_keys"]

BATCH: Final = 1024
"""Bytes drawn at once: a system call for each key would cost more than the rest of a small frame."""


def _keys() -> Iterator[bytes]:
    while True:
        drawn = os.urandom(BATCH)
        for start in range(0, BATCH, 4):
            yield drawn[start : start + 4]


def masking_keys() -> Callable[[], bytes]:
    """Return a function that gives a fresh key with each call."""
    return _keys().__next__
