"""Range requests: which parts of a content are asked for, and how several are sent as one body (RFC 9110, 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["MOST_RANGES", "ByteRange", "ByteRanges", "MalformedRange", "choose_ranges", "lay_out"]

MOST_RANGES: Final = 64
"""Ranges that one request may ask for; with more of them its Range field is ignored."""

NEAR: Final = 128
"""Bytes between two ranges up to which they are sent as one: about what the head of a part takes."""

_DIGITS: Final = 18
_BEYOND: Final = 10**_DIGITS
_RANGE: Final = re.compile(r"([0-9]*+)-([0-9]*+)")


class MalformedRange(ValueError):
    """A Range field in bytes that HTTP does not allow, such as ``bytes=5-2``."""


class ByteRange(NamedTuple):
    """The bytes from `start` up to `end`, which is not part of it."""

    start: int
    end: int

    def content_range(self, size: int) -> bytes:
        """Return the Content-Range field of this part of `size` bytes."""
        return b"bytes %d-%d/%d" % (self.start, self.end - 1, size)


def choose_ranges(field: str, size: int, most: int = MOST_RANGES) -> tuple[ByteRange, ...] | None:
    """Return the ranges of `size` bytes that the Range field asks for, in its order; None where it is to be ignored.

    Empty where none can be satisfied (416). Ranges that overlap, or nearly touch, become one in the place of the first
    of them, so what is sent is never more than there is. A field in another unit than bytes, or with more than `most`
    ranges, is ignored. Raises MalformedRange. Takes time linear in the field.
    """
    unit, equals, ranges = field.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    if ranges.count(",") >= most:
        return None
    asked = [text for part in ranges.split(",") if (text := part.strip(" \t"))]
    if not asked:
        raise MalformedRange("a Range field without a range (RFC 9110, 14.1.1)")
    found = [part for part in (_byte_range(text, size) for text in asked) if part is not None]
    return _coalesced(found)


def _byte_range(text: str, size: int) -> ByteRange | None:
    """Return one range, None where it lies behind the end. Raises MalformedRange."""
    match = _RANGE.fullmatch(text)
    if match is None or text == "-":
        raise MalformedRange(f"{text[:60]!r} is no range of bytes (RFC 9110, 14.1.1)")
    first, last = match.groups()
    if not first:
        length = min(_number(last), size)
        return ByteRange(size - length, size) if length else None
    start = _number(first)
    end = size
    if last:
        if _order(last) < _order(first):
            raise MalformedRange(f"the range {text[:60]!r} ends before it begins (RFC 9110, 14.1.1)")
        end = min(size, _number(last) + 1)
    return ByteRange(start, end) if start < size else None


def _number(digits: str) -> int:
    """Return what ASCII `digits` say; of more than any file has bytes, that it is more."""
    digits = digits.lstrip("0")
    return _BEYOND if len(digits) > _DIGITS else int(digits or "0")


def _order(digits: str) -> tuple[int, str]:
    """Return what numbers of any length are compared by, without reading them as numbers."""
    digits = digits.lstrip("0")
    return len(digits), digits


def _coalesced(ranges: Sequence[ByteRange]) -> tuple[ByteRange, ...]:
    if len(ranges) <= 1:
        return tuple(ranges)
    order = sorted(range(len(ranges)), key=ranges.__getitem__)
    merged: list[tuple[int, ByteRange]] = []  # and the place in the field of the first that is in it
    for place in order:
        part = ranges[place]
        if merged and part.start <= merged[-1][1].end + NEAR:
            before, last = merged[-1]
            merged[-1] = min(before, place), ByteRange(last.start, max(last.end, part.end))
        else:
            merged.append((place, part))
    return tuple(part for _, part in sorted(merged))


class ByteRanges(NamedTuple):
    """How several ranges are sent as one body (multipart/byteranges, RFC 9110, 14.6)."""

    heads: tuple[bytes, ...]
    """What goes before each of the ranges."""
    tail: bytes
    """What goes behind the last of them."""
    length: int
    """Bytes of the whole body."""


def lay_out(ranges: Sequence[ByteRange], size: int, content_type: bytes, boundary: bytes) -> ByteRanges:
    """Return what goes around `ranges` of a content of `size` bytes.

    `boundary` is the caller's choice: characters of a token that do not occur in the content, so best random ones.
    """
    heads = tuple(
        b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n"
        % (boundary, content_type, part.content_range(size))
        for part in ranges
    )
    tail = b"\r\n--%b--\r\n" % boundary
    length = sum(map(len, heads)) + sum(part.end - part.start for part in ranges) + len(tail)
    return ByteRanges(heads, tail, length)
