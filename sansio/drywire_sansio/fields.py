"""A header section: validated bytes on one side, (name, value) pairs on the other (RFC 9112, 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import SupportsIndex, overload

from .grammar import FIELD

__all__ = ["FieldLines", "list_members"]

Pair = tuple[bytes, bytes]


class FieldLines(Sequence[Pair]):
    """The fields of a received message: (name, value) pairs in wire order, names in their own case.

    It is split on first use, since many fields are never looked at. It compares equal to any sequence of the same
    pairs. `raw` is the section as it came: lines that each end in CRLF.
    """

    __slots__ = ("_pairs", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._pairs: list[Pair] | None = None

    @property
    def pairs(self) -> list[Pair]:
        """The pairs as a list, which belongs to this object: do not change it."""
        if self._pairs is None:
            self._pairs = FIELD.findall(self.raw)
        return self._pairs

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Pair | list[Pair]:
        return self.pairs[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FieldLines):
            return self.pairs == other.pairs
        if isinstance(other, list | tuple):
            return self.pairs == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have no hash

    def __repr__(self) -> str:
        return repr(self.pairs)


def list_members(value: bytes) -> list[bytes]:
    """Return the members of a comma-separated list of tokens, empty ones left out (RFC 9110, 5.6.1)."""
    return [member for part in value.split(b",") if (member := part.strip(b" \t"))]
