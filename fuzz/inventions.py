"""Inputs out of nothing, as Hypothesis strategies: for each kind of message that a target is about."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from drywire_sansio import strategies as http

__all__ = ["inventions"]

CHOICES = st.integers(0, 255).map(lambda number: bytes([number]))


def _wires(kind: str) -> SearchStrategy[bytes]:
    match kind:
        case "requests":
            return http.pipelines(max_size=3).map(lambda messages: b"".join(message.wire for message in messages))
        case "responses":
            return http.responses().map(lambda message: message.wire)
        case "chunks":
            return http.bodies().flatmap(http.chunkings)
        case "fields":
            pairs = st.tuples(http.methods(), http.request_targets(), st.just(b"Host"), http.hosts())
            return st.tuples(pairs, http.header_sets()).map(
                lambda parts: b"|".join([*parts[0], *(text for pair in parts[1] for text in pair)])
            )
        case _:
            raise ValueError(f"no inventions of the kind {kind!r}")


def inventions(kind: str) -> SearchStrategy[bytes]:
    """Return inputs whose message is of `kind`: requests, responses, chunks or fields."""
    return st.tuples(_wires(kind), CHOICES).map(b"".join)
