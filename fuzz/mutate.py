"""Inputs made from inputs: a few bytes lost, doubled, grafted in, or two inputs spliced."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from drywire_sansio.strategies.damage import GRAFTS

__all__ = ["mutated"]


def mutated(chance: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return a neighbour of `data`; its last byte, the choices, is kept as often as not."""
    message, choices = data[:-1], data[-1:] or b"\0"
    if chance.random() < 0.5:
        choices = bytes([chance.randrange(256)])
    if others and chance.random() < 0.3:
        message = _spliced(chance, message, chance.choice(others)[:-1])
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        message = _damaged(chance, message)
    return message + choices


def _spliced(chance: Random, first: bytes, second: bytes) -> bytes:
    if chance.random() < 0.5:
        return first + second
    return first[: chance.randrange(len(first) + 1)] + second[chance.randrange(len(second) + 1) :]


def _damaged(chance: Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    if chance.random() < 0.5:
        place = data.find(b"\r\n", place) + chance.choice((0, 1, 2))
    match chance.randrange(8):
        case 0:
            length = chance.randrange(1, 40)
            return data[: place + length] + data[place:]  # some bytes twice
        case 1:
            return data[:place] + data[place + chance.choice((1, 1, 2, 8)) :]
        case 2:
            return data[:place] + chance.randbytes(chance.choice((1, 1, 2, 4))) + data[place + 1 :]
        case _:
            return data[:place] + chance.choice(GRAFTS) + data[place + chance.choice((0, 0, 0, 1, 2)) :]
