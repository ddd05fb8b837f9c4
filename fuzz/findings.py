"""A finding: bytes for which a target's promise does not hold, made small and kept in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path

__all__ = ["Check", "Finding", "minimised", "save"]

Check = Callable[[bytes], Hashable]
"""A target: raises for a finding, else returns what kind of thing happened, which tells inputs apart."""

TRIES = 3000
"""How often the target may be run to make one finding smaller."""


class Finding(AssertionError):
    """What a target found, in words."""


def minimised(check: Check, data: bytes, tries: int = TRIES) -> bytes:
    """Return a part of `data`, as small as can be found soon, for which `check` raises the same type of error."""
    kind = _error(check, data)
    size = len(data) // 2
    while size and tries > 0:
        place = 0
        while place < len(data) and tries > 0:
            shorter = data[:place] + data[place + size :]
            tries -= 1
            if _error(check, shorter) is kind:
                data = shorter
            else:
                place += size
        size //= 2
    return data


def _error(check: Check, data: bytes) -> type[BaseException] | None:
    try:
        check(data)
    except Exception as error:
        return type(error)
    return None


def save(folder: Path, target: str, data: bytes) -> Path:
    """Write `data` to a file of its own in `folder` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    return path
