"""`SourceWatch`: whether Python files have changed, for ``--reload``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

__all__ = ["SourceWatch"]

NOT_LOOKED_INTO: Final = frozenset({"__pycache__", "node_modules"})
MOST_FILES: Final = 20_000
"""Files that are watched; of more, those found first."""

State = dict[str, tuple[int, int]]


class SourceWatch:
    """Says, when it is called, whether a Python file below `folders` is not what it was at the call before.

    Hidden folders, virtual environments, ``__pycache__`` and ``node_modules`` are not looked into.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._folders = list(folders)
        self._state = self._look()

    def __call__(self) -> bool:
        """Look, and say whether something has changed since the last look."""
        before, self._state = self._state, self._look()
        return before != self._state

    def _look(self) -> State:
        found: State = {}
        ahead = list(self._folders)
        while ahead and len(found) < MOST_FILES:
            try:
                with os.scandir(ahead.pop()) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or entry.name in NOT_LOOKED_INTO:
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            if not os.path.exists(os.path.join(entry.path, "pyvenv.cfg")):
                                ahead.append(entry.path)
                        elif entry.name.endswith(".py"):
                            status = entry.stat()
                            found[entry.path] = status.st_mtime_ns, status.st_size
            except OSError:
                continue  # it went while it was looked at, or is none of our business
        return found
