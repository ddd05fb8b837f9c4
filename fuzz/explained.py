"""Known differences in framing where the RFC, or prudence, is on our side: each with its reason, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .peers import Reading

__all__ = ["EXPLAINED", "explanation"]


@dataclass(frozen=True)
class Explained:
    """A difference that `peer` is known to show where `applies` holds."""

    peer: str
    reason: str
    applies: Callable[[bytes, Reading, Reading], bool]


def _asks_to_upgrade_with_a_body(wire: bytes, ours: Reading, theirs: Reading) -> bool:
    last = len(theirs.messages) - 1
    return (
        theirs.stopped
        and last < len(ours.messages)
        and any(name == b"upgrade" for name, _ in theirs.messages[last].fields)
        and not theirs.messages[last].body
    )


EXPLAINED: tuple[Explained, ...] = (
    Explained(
        "llhttp",
        "httptools ends a request to upgrade with its head; a server reads its body first (RFC 9110, 7.8)",
        _asks_to_upgrade_with_a_body,
    ),
)


def explanation(peer: str, wire: bytes, ours: Reading, theirs: Reading) -> str | None:
    """Return why `peer` frames `wire` differently, None where no reason is known."""
    for known in EXPLAINED:
        if known.peer == peer and known.applies(wire, ours, theirs):
            return known.reason
    return None
