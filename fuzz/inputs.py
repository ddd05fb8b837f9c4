"""What an input is: the bytes of a message, readable as such in the corpus, and behind them one byte of choices."""

from __future__ import annotations

__all__ = ["cut", "split_input"]


def split_input(data: bytes) -> tuple[bytes, int]:
    """Return the message and the choices, 0 to 255, of an input."""
    return (data[:-1], data[-1]) if data else (b"", 0)


def cut(data: bytes, size: int) -> list[bytes]:
    """Return `data` in pieces of `size` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]
