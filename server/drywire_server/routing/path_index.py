"""Which resources may match a path: found by its segments, in time that depends on its length, not on their number."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .paths import Segment

__all__ = ["Entry", "PathIndex"]


class Entry(NamedTuple):
    """A resource; of those that match, the first in their order is taken."""

    shallowness: int
    """How few of its segments are fixed, below zero: whoever fixes more comes first."""
    serial: int
    """When it was added."""
    resource: Any


class _Node:
    """The paths that have the same segments up to here, as far as those are known."""

    __slots__ = ("beginnings", "below", "ends", "fixed", "lengths")

    def __init__(self) -> None:
        self.ends: list[Entry] = []
        """Resources whose path ends here."""
        self.below: list[Entry] = []
        """Resources that may match this path and all below it: a pattern may have slashes in it."""
        self.fixed: dict[str, _Node] = {}
        self.beginnings: dict[str, _Node] = {}
        """Of the next segment only a beginning is known, mostly an empty one."""
        self.lengths: tuple[int, ...] = ()
        """How long those beginnings are."""


_WHOLE: Final = (0,)
"""The lengths of beginnings where nothing is known of the next segment."""


class PathIndex:
    """A tree of segments. Fixed ones are found by a look-up, and of those that vary, what they begin with."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, segments: list[Segment], ends_there: bool, entry: Entry) -> None:
        """Add a resource whose path has `segments`, and more behind them unless it ends there."""
        node = self._root
        for text, varies in segments:
            children = node.beginnings if varies else node.fixed
            child = children.get(text)
            if child is None:
                child = children[text] = _Node()
                if varies:
                    node.lengths = tuple(sorted({*node.lengths, len(text)}))
            node = child
        (node.ends if ends_there else node.below).append(entry)

    def find(self, path: str) -> list[Entry]:
        """Return whatever may match the decoded `path`, in no order. Visits no node twice."""
        segments = path.split("/")
        node: _Node | None = self._root
        for depth in range(1, len(segments)):
            # Mostly there is one way to go.
            if node is None:
                return []
            if node.below or (node.lengths and (node.lengths != _WHOLE or node.fixed)):
                return self._find_all(node, segments[depth:])
            node = node.beginnings[""] if node.lengths else node.fixed.get(segments[depth])
        return [] if node is None else [*node.below, *node.ends]

    @staticmethod
    def _find_all(start: _Node, segments: list[str]) -> list[Entry]:
        nodes = [start]
        found: list[Entry] = []
        for segment in segments:
            following: list[_Node] = []
            for node in nodes:
                if node.below:
                    found += node.below
                if segment in node.fixed:
                    following.append(node.fixed[segment])
                for length in node.lengths:
                    if length > len(segment):
                        break
                    child = node.beginnings.get(segment[:length])
                    if child is not None:
                        following.append(child)
            if not following:
                return found
            nodes = following
        for node in nodes:
            found += node.below
            found += node.ends
        return found
