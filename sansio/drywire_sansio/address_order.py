"""In which order, and how far apart, the addresses of a host are tried (RFC 8305, "Happy Eyeballs")."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar

__all__ = ["ATTEMPT_DELAY", "interleave_families"]

T = TypeVar("T")

ATTEMPT_DELAY: Final = 0.25
"""Seconds between the starts of two attempts where the earlier one has not failed (RFC 8305, section 5)."""


def interleave_families(
    addresses: Iterable[T], family_of: Callable[[T], Hashable], first_family_count: int = 1
) -> list[T]:
    """Return `addresses` with their families taking turns, each family in its own order (RFC 8305, section 4).

    The resolver's order says which family begins; `first_family_count` of its addresses come before the first of
    another family, and 0 leaves the order as it is. An address that occurs twice is tried once.
    """
    once = dict.fromkeys(addresses)
    if not first_family_count:
        return list(once)
    queues: dict[Hashable, deque[T]] = {}
    for address in once:
        queues.setdefault(family_of(address), deque()).append(address)
    ordered: list[T] = []
    if queues:
        first = next(iter(queues.values()))
        while first and len(ordered) < first_family_count - 1:
            ordered.append(first.popleft())
    while queues:
        for family, queue in list(queues.items()):
            if queue:
                ordered.append(queue.popleft())
            if not queue:
                del queues[family]
    return ordered
