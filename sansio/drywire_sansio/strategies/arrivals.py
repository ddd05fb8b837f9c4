"""How bytes arrive: cut anywhere, by the byte, or whole."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

__all__ = ["splits"]


@st.composite
def splits(draw: DrawFn, data: bytes, max_pieces: int = 8) -> list[bytes]:
    """Return `data` as the pieces in which it may arrive, none empty: whole, byte by byte, or cut at any places."""
    if draw(st.integers(0, 3)) == 3:
        return [data[place : place + 1] for place in range(len(data))]
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=max_pieces - 1))
    places = [0, *sorted(set(cuts) - {0, len(data)}), len(data)]
    return [data[begin:end] for begin, end in pairwise(places) if begin < end]
