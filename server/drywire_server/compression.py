"""Content codings of responses: which one a client gets, and the body on its way into it (RFC 9110, 8.4 and 12.5.3)."""

from __future__ import annotations

import enum
import re
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final, NamedTuple

from drywire_sansio.coding import ContentEncoder
from drywire_transports import current_runtime

__all__ = ["BodyEncoder", "Compression", "ContentCoding", "choose_coding", "encode_in_thread", "make_compression"]

_STRATEGIES: Final = (None, zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)
_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?", re.ASCII)


class ContentCoding(enum.Enum):
    """A coding for `StreamResponse.enable_compression`. Of those that a client likes as well, the first is taken."""

    deflate = "deflate"
    gzip = "gzip"
    identity = "identity"


class Compression(NamedTuple):
    """What `enable_compression` was asked for."""

    force: ContentCoding | None
    strategy: int | None


def make_compression(force: ContentCoding | bool | None, strategy: int | None) -> Compression:
    """Return what is asked for. A bool for `force` is deprecated: True is deflate, False is None.

    Raises TypeError for another `force`, ValueError for a strategy that zlib does not have.
    """
    if isinstance(force, bool):
        warnings.warn("a bool for force is deprecated: use a ContentCoding", DeprecationWarning, stacklevel=3)
        force = ContentCoding.deflate if force else None
    elif force is not None and not isinstance(force, ContentCoding):
        raise TypeError(f"force must be a ContentCoding or None, not {type(force).__name__}")
    if strategy not in _STRATEGIES:
        raise ValueError(f"zlib has no strategy {strategy!r}")
    return Compression(force, strategy)


def choose_coding(accept_encoding: str) -> ContentCoding:
    """Return the coding that the Accept-Encoding field of a request likes best; identity where it says nothing.

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
    best = ContentCoding.identity
    for coding in (ContentCoding.deflate, ContentCoding.gzip):
        weight = weights.get(coding.value, others)
        # What is liked as well as identity is taken: the handler wishes to compress.
        if weight > least or (weight == least > 0 and best is ContentCoding.identity):
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
    """A body on its way into gzip or deflate.

    `strategy` is zlib's, None for its default; with one the work is done by Python's own zlib.
    """

    def __init__(self, coding: ContentCoding, strategy: int | None) -> None:
        if strategy is None:
            encoder = ContentEncoder(coding.value)
            self.encode: Callable[[bytes], bytes] = encoder.encode
            self.finish: Callable[[], bytes] = encoder.finish
        else:
            bits = 16 + zlib.MAX_WBITS if coding is ContentCoding.gzip else zlib.MAX_WBITS
            other = zlib.compressobj(-1, zlib.DEFLATED, bits, zlib.DEF_MEM_LEVEL, strategy)
            self.encode, self.finish = other.compress, other.flush

    def whole(self, body: bytes | bytearray | memoryview) -> bytes:
        """Return all of `body`, coded."""
        return self.encode(bytes(body)) + self.finish()


async def encode_in_thread(
    encoder: BodyEncoder, body: bytes | bytearray | memoryview, executor: Executor | None
) -> bytes:
    """Return all of `body`, coded by a thread of the event loop's, or of `executor`."""
    runtime = current_runtime()
    if executor is None:
        return await runtime.in_thread(encoder.whole, body)
    # An executor knows no event loop but by threads of its own, so a thread waits for it.
    return await runtime.in_thread(executor.submit(encoder.whole, body).result)
