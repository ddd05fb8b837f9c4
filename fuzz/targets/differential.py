"""Differential reading: what we accept, other serious parsers frame as we do, or refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping

from ..differential import classify
from ..explained import explanation
from ..findings import Finding
from ..inputs import split_input
from ..peers import REQUEST_PEERS, RESPONSE_PEERS, Peer, Reading, our_requests, our_responses

__all__ = ["notes", "requests", "responses"]

COUNTS: Counter[tuple[str, str]] = Counter()
"""How often a peer's reading fell in which class, since the process began."""


def notes() -> list[str]:
    """Return the counts as lines of text."""
    return [f"{peer}: {verdict}: {count:,}" for (peer, verdict), count in sorted(COUNTS.items())]


def requests(data: bytes) -> Hashable:
    """Read pipelined requests with every peer; the choices are not used."""
    wire, _ = split_input(data)
    return _compare(wire, our_requests(wire), REQUEST_PEERS)


def responses(data: bytes) -> Hashable:
    """Read responses to a GET with every peer; the choices are not used."""
    wire, _ = split_input(data)
    return _compare(wire, our_responses(wire), RESPONSE_PEERS)


def _compare(wire: bytes, ours: Reading, peers: Mapping[str, Peer]) -> Hashable:
    classes = []
    for name, read in peers.items():
        theirs = read(wire)
        verdict = classify(ours, theirs)
        if verdict.startswith("differs"):
            reason = explanation(name, wire, ours, theirs)
            if reason is None:
                raise Finding(f"{name} {verdict}\n  ours: {ours}\n  theirs: {theirs}")
            verdict = f"explained: {reason}"
        COUNTS[name, verdict] += 1
        classes.append(verdict)
    return (*classes, len(ours.messages), bool(ours.refused))
