"""A header section: validated bytes on one side, (name, value) pairs on the other (RFC 9112, 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import SupportsIndex, overload

from .errors import LocalProtocolError
from .grammar import FIELD, FIELD_LINES, FRAMING_FIELD, REASON, TOKEN

__all__ = [
    "FieldLines",
    "FramingFields",
    "ReceivedFieldLines",
    "RepeatedField",
    "SizedFieldLines",
    "framing_fields",
    "list_members",
]

Pair = tuple[bytes, bytes]
FramingFields = dict[bytes, bytes]
"""The fields that frame a message (see `grammar.FRAMING_FIELD`): lower-case names to lower-case values."""
_FRAMING_NAMES = frozenset([b"connection", b"content-length", b"expect", b"host", b"transfer-encoding", b"upgrade"])
_LISTS = frozenset([b"connection", b"expect", b"transfer-encoding", b"upgrade"])


class RepeatedField(ValueError):
    """A field that cannot be a list stands in a head twice; `args[0]` is its name."""


def framing_fields(block: bytes, pattern: re.Pattern[bytes] = FRAMING_FIELD) -> FramingFields:
    """Return the framing fields of a validated head, or of a line feed and a section of one.

    `pattern` finds them, and with `grammar.REQUEST_FIELD` those too that a request can have once only. Lists are
    joined by a comma (RFC 9110, 5.3). Raises RepeatedField for what is no list, such as Host and Content-Length (RFC
    9112, 3.2 and 6.3).
    """
    pairs: list[Pair] = pattern.findall(block.lower())
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    for name in fields.keys() - _LISTS:
        if sum(name == other for other, _ in pairs) > 1:
            raise RepeatedField(name.decode().title())
    return {name: b",".join(value for other, value in pairs if other == name) for name in fields}


class FieldLines(Sequence[Pair]):
    """The fields of a message, known to be valid: (name, value) pairs in wire order, names in their own case.

    What is received comes as one. Make one of your own for fields that you send again and again: they are checked
    here, once. It compares equal to any sequence of the same pairs. Raises LocalProtocolError for a name or value
    that HTTP does not allow.
    """

    __slots__ = ("_framing", "_pairs", "_raw", "derived", "known", "suits_request")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        self._raw = _joined(pairs if isinstance(pairs, list | tuple) else list(pairs))
        # Split when somebody looks: many fields never are.
        self._pairs: list[Pair] | None = None
        self._framing: FramingFields | None = None
        self.suits_request = False
        """Whether Host is known to be one valid field, and no other stands here twice that a request can have once."""
        self.derived: object = None
        """What the layer above made of these fields and wants to find again with them."""
        self.known: object = None
        """The head that was found right with these fields: what `http1` wants to find again."""

    @property
    def raw(self) -> bytes:
        """The section as it stands on the wire: lines that each end in CRLF."""
        return self._raw

    @property
    def framing(self) -> FramingFields:
        """The fields among them that frame a message. Raises RepeatedField."""
        if self._framing is None:
            self._framing = framing_fields(b"\n" + self.raw)
        return self._framing

    def plus(self, pairs: Sequence[Pair]) -> FieldLines:
        """Return these fields with `pairs` behind them; only those are checked. Raises LocalProtocolError.

        Meant for what differs from message to message, such as Content-Length. None of them may stand here already.
        """
        added = _joined(pairs)
        framing = None if self._framing is None else self._framing.copy()
        if framing is not None:
            for name, value in pairs:
                if (lowered := name.lower()) in _FRAMING_NAMES:
                    framing[lowered] = value.strip(b" \t").lower()
        result = ReceivedFieldLines(self.raw + added, framing)
        result.suits_request = self.suits_request
        return result

    def with_length(self, size: int) -> FieldLines:
        """Return these fields, among which is no Content-Length, with one of `size` bytes behind them."""
        return SizedFieldLines(self, size)

    def _split(self) -> list[Pair]:
        if self._pairs is None:
            self._pairs = FIELD.findall(self.raw)
        return self._pairs

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._split())

    def __len__(self) -> int:
        return len(self._split())

    @overload
    def __getitem__(self, index: SupportsIndex) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Pair | list[Pair]:
        return self._split()[index]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FieldLines):
            return self._split() == other._split()
        if isinstance(other, list | tuple):
            return self._split() == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have no hash

    def __repr__(self) -> str:
        return repr(self._split())


class ReceivedFieldLines(FieldLines):
    """The fields of a section that the head's pattern has matched; not for anything else."""

    __slots__ = ()

    def __init__(self, raw: bytes, framing: FramingFields | None = None) -> None:
        self._raw = raw
        self._pairs = None
        self._framing = framing
        self.suits_request = False
        self.derived = None
        self.known = None


class SizedFieldLines(FieldLines):
    """Fields with a Content-Length behind them, the one thing in which many messages differ.

    They are joined only where somebody looks: what `base` says of its message need not be worked out again for each.
    """

    __slots__ = ("base", "size")

    def __init__(self, base: FieldLines, size: int) -> None:
        self.base = base
        self.size = size
        self._raw = b""
        self._pairs = None
        self._framing = None
        self.suits_request = base.suits_request
        self.derived = None
        self.known = None

    @property
    def raw(self) -> bytes:
        """The section as it stands on the wire."""
        if not self._raw:
            self._raw = b"%bContent-Length: %d\r\n" % (self.base.raw, self.size)
        return self._raw


@lru_cache(256)
def _is_token(name: bytes) -> bool:
    return TOKEN.fullmatch(name) is not None


def _joined(pairs: Sequence[Pair]) -> bytes:
    """Return `pairs` as lines. A value cannot smuggle in a line: they are counted after they were joined."""
    block = b"".join([b"%b: %b\r\n" % pair for pair in pairs])
    if FIELD_LINES.fullmatch(block) is None or block.count(b"\n") != len(pairs):
        raise _error(pairs)
    for name, _ in pairs:
        if not _is_token(name):
            raise _error(pairs)
    return block


def _error(pairs: Iterable[Pair]) -> LocalProtocolError:
    for name, value in pairs:
        if TOKEN.fullmatch(name) is None:
            return LocalProtocolError(f"header name {name[:60]!r} is not a token (RFC 9110, 5.1)")
        if REASON.fullmatch(value) is None:
            return LocalProtocolError(
                f"value of header {name.decode()} holds a control byte, such as CR or LF (RFC 9110, 5.5)"
            )
    raise AssertionError("a header section that no rule refuses was not matched")  # pragma: no cover


def list_members(value: bytes) -> list[bytes]:
    """Return the members of a comma-separated list of tokens, empty ones left out (RFC 9110, 5.6.1)."""
    return [member for part in value.split(b",") if (member := part.strip(b" \t"))]
