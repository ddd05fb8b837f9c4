"""Content codings of responses: which one a client gets, and the body on its way into it (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import enum
import re
import warnings
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import lru_cache
from typing import Final, NamedTuple

from drywire_sansio.coding import ContentEncoder, accepted_codings
from drywire_sansio.memo import memo
from drywire_transports import current_runtime

__all__ = [
    "ALL_CODINGS",
    "BodyEncoder",
    "Compression",
    "ContentCoding",
    "choose_coding",
    "encode_in_thread",
    "make_compression",
]

_STRATEGIES: Final = (None, zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)

AIOHTTP_CODINGS: Final = ("deflate", "gzip")
ALL_CODINGS: Final = ("zstd", "br", "gzip", "deflate")
"""Codings by their worth for what is compressed while it is sent: of those that a client likes as well, the first."""
ON_LOOP: Final = 16 * 1024
"""Bytes of a piece up to which coding it takes less time than handing it to a thread."""


class ContentCoding(enum.Enum):
    """A coding for `StreamResponse.enable_compression`. Of those that a client likes as well, the first is taken."""

    deflate = "deflate"
    gzip = "gzip"
    identity = "identity"


class Compression(NamedTuple):
    """What `enable_compression` was asked for."""

    force: ContentCoding | None = None
    strategy: int | None = None
    codings: tuple[str, ...] = AIOHTTP_CODINGS
    level: int | None = None


def make_compression(
    force: ContentCoding | bool | None,
    strategy: int | None,
    codings: Sequence[str] | None = None,
    level: int | None = None,
) -> Compression:
    """Return what is asked for. A bool for `force` is deprecated: True is deflate, False is None.

    Raises TypeError for another `force`, ValueError for a strategy that zlib does not have, for a coding that nobody
    has, and for a `level` beside other codings than gzip and deflate that it could be too much for.
    """
    if isinstance(force, bool):
        warnings.warn("a bool for force is deprecated: use a ContentCoding", DeprecationWarning, stacklevel=3)
        force = ContentCoding.deflate if force else None
    elif force is not None and not isinstance(force, ContentCoding):
        raise TypeError(f"force must be a ContentCoding or None, not {type(force).__name__}")
    if strategy not in _STRATEGIES:
        raise ValueError(f"zlib has no strategy {strategy!r}")
    if level is not None and not 0 <= level <= 9:
        raise ValueError(f"a level of compression is 0 to 9, not {level}")
    unknown = set(codings or ()) - set(ALL_CODINGS)
    if unknown:
        raise ValueError(f"no content coding is called {min(unknown)!r}: there are {', '.join(ALL_CODINGS)}")
    return Compression(force, strategy, AIOHTTP_CODINGS if codings is None else _available(tuple(codings)), level)


@lru_cache(64)
def _available(codings: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `codings` whose packages are installed here."""
    here = accepted_codings().split(", ")
    return tuple(coding for coding in codings if coding in here)


@memo(256)
def choose_coding(accept_encoding: str, codings: tuple[str, ...] = AIOHTTP_CODINGS) -> str:
    """Return the one of `codings` that an Accept-Encoding field likes best; identity where it says nothing.

    An element whose weight is malformed counts as refused. That identity is refused, too, is not heeded: a response
    in a coding that the client did not ask for helps nobody (RFC 9110, 12.5.3 lets a server do so).
    """
    weights: dict[str, int] = {}
    for element in accept_encoding.split(","):
        name, *parameters = (part.strip(" \t").lower() for part in element.split(";"))
        if name:
            weights.setdefault("gzip" if name == "x-gzip" else name, _weight(parameters))
    others = weights.get("*", 0)
    least = weights.get("identity", 0)
    best = "identity"
    for coding in codings:
        weight = weights.get(coding, others)
        # What is liked as well as identity is taken: the handler wishes to compress.
        if weight > least or (weight == least > 0 and best == "identity"):
            best, least = coding, weight
    return best


def _weight(parameters: list[str]) -> int:
    """Return the weight among an element's parameters in thousandths; 1000 where none is said."""
    if not parameters:
        return 1000
    name, _, value = parameters[0].partition("=")
    if len(parameters) > 1 or name != "q" or _WEIGHT.fullmatch(value) is None:
        return 0
    whole, _, digits = value.partition(".")
    return int(whole) * 1000 + int(digits.ljust(3, "0"))


class BodyEncoder:
    """A body on its way into a coding.

    `strategy` is zlib's, None for its default; with one the work is done by Python's own zlib. `level` is that of the
    coding, 0 to 9.
    """

    def __init__(self, coding: str, strategy: int | None = None, level: int | None = None) -> None:
        if strategy is None or coding not in AIOHTTP_CODINGS:
            encoder = ContentEncoder(coding, level)
            self.encode: Callable[[bytes], bytes] = encoder.encode
            self.finish: Callable[[], bytes] = encoder.finish
        else:
            bits = 16 + zlib.MAX_WBITS if coding == "gzip" else zlib.MAX_WBITS
            effort = zlib.Z_DEFAULT_COMPRESSION if level is None else level
            other = zlib.compressobj(effort, zlib.DEFLATED, bits, zlib.DEF_MEM_LEVEL, strategy)
            self.encode, self.finish = other.compress, other.flush
        self._is_torn = False

    def whole(self, body: bytes | bytearray | memoryview) -> bytes:
        """Return all of `body`, coded."""
        return self.encode(bytes(body)) + self.finish()

    async def encode_piece(self, data: bytes, ends: bool = False) -> bytes:
        """Return what `data` adds to the coded body, and with `ends` its end; a large piece is coded in a thread.

        Raises RuntimeError once this was cancelled: nobody knows what of that piece went into the body.
        """
        if self._is_torn:
            raise RuntimeError("the body cannot go on: a write() of it was cancelled while it was compressed")
        function = self.whole if ends else self.encode
        if len(data) <= ON_LOOP:
            return function(data)
        self._is_torn = True
        coded = await current_runtime().in_thread(function, data)
        self._is_torn = False
        return coded


async def encode_in_thread(
    encoder: BodyEncoder, body: bytes | bytearray | memoryview, executor: Executor | None
) -> bytes:
    """Return all of `body`, coded by a thread of the event loop's, or of `executor`."""
    runtime = current_runtime()
    if executor is None:
        return await runtime.in_thread(encoder.whole, body)
    # An executor knows no event loop but by threads of its own, so a thread waits for it.
    return await runtime.in_thread(executor.submit(encoder.whole, body).result)
