"""What is read from a multipart body, as values: compared by value, matched by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..fields import FieldLines

__all__ = ["NEED_DATA", "End", "Event", "NeedData", "PartBegin", "PartData", "PartEnd"]


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins; these are its header fields (RFC 2046, 5.1)."""

    headers: FieldLines
    """(name, value) pairs in wire order, names in their own case. May be empty. Values may hold UTF-8 (RFC 7578, 5.1).
    None of the fields that say what the content is, such as Content-Type, stands here twice."""


@dataclass(frozen=True, slots=True)
class PartData:
    """A piece of the part's content, at least one byte, still in its transfer encoding. Its bounds mean nothing."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


@dataclass(frozen=True, slots=True)
class End:
    """The closing boundary: no part follows. What is behind it, the epilogue, is dropped."""


@dataclass(frozen=True, slots=True)
class NeedData:
    """The type of `NEED_DATA`, for `match`."""


NEED_DATA: Final = NeedData()
"""`next_event` has nothing more to say until `receive_data` brings bytes, or the end of the input."""

Event = PartBegin | PartData | PartEnd | End
