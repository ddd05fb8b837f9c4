"""permessage-deflate (RFC 7692): what two sides agree on, and messages in and out under that agreement."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import RemoteProtocolError
from .extensions import ExtensionOffer

__all__ = ["NAME", "Deflate", "Deflater", "Inflater", "accept_offer", "confirm_agreement", "offer"]

NAME: Final = "permessage-deflate"

SERVER_NO_CONTEXT: Final = "server_no_context_takeover"
CLIENT_NO_CONTEXT: Final = "client_no_context_takeover"
SERVER_BITS: Final = "server_max_window_bits"
CLIENT_BITS: Final = "client_max_window_bits"
_FLAGS: Final = frozenset({SERVER_NO_CONTEXT, CLIENT_NO_CONTEXT})
_WINDOW_BITS: Final = {str(bits): bits for bits in range(8, 16)}

TAIL: Final = b"\x00\x00\xff\xff"
"""What ends a sync flush, and is left out on the wire (RFC 7692, 7.2.1)."""
ENDINGS: Final = 8
"""Deflate streams that one message may end: each costs the making of the next, and a copy of what is left."""
LARGEST_WINDOW: Final = 15
_MOST: Final = 1 << 62
"""zlib takes no larger bound."""
SMALLEST_WINDOW: Final = 9
"""zlib cannot compress with a window of 2^8 bytes: it takes 2^9, which the peer could not inflate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate:
    """What both sides agreed on, or what one wishes for. Window bits are the base-2 logarithm of bytes, 8 to 15."""

    server_no_context_takeover: bool = False
    """The server compresses each message by itself: less memory, less compression."""
    client_no_context_takeover: bool = False
    server_max_window_bits: int = LARGEST_WINDOW
    """The most that the server uses to compress. A window and its tables take 260 KiB at 15, 10 KiB at 9."""
    client_max_window_bits: int = LARGEST_WINDOW
    level: int = -1
    """zlib's compression level, 0 to 9, or -1 for its default; nobody else's business."""

    def __post_init__(self) -> None:
        for bits in (self.server_max_window_bits, self.client_max_window_bits):
            if not 8 <= bits <= LARGEST_WINDOW:
                raise ValueError(f"window bits are 8 to 15, not {bits} (RFC 7692, 7.1.2)")


def offer(wish: Deflate) -> ExtensionOffer:
    """Return the extension that a client offers to have `wish` fulfilled; it lets the server choose its window."""
    parameters: list[tuple[str, str | None]] = []
    if wish.server_no_context_takeover:
        parameters.append((SERVER_NO_CONTEXT, None))
    if wish.client_no_context_takeover:
        parameters.append((CLIENT_NO_CONTEXT, None))
    if wish.server_max_window_bits < LARGEST_WINDOW:
        parameters.append((SERVER_BITS, str(wish.server_max_window_bits)))
    bits = wish.client_max_window_bits
    parameters.append((CLIENT_BITS, str(bits) if bits < LARGEST_WINDOW else None))
    return ExtensionOffer(NAME, tuple(parameters))


def _parsed(extension: ExtensionOffer, *, bare_client_bits: bool) -> dict[str, int | None] | None:
    """Return the parameters of `extension`, None where one is unknown, twice there or malformed (RFC 7692, 7.1)."""
    result: dict[str, int | None] = {}
    for key, value in extension.parameters:
        if key in result:
            return None
        if (key in _FLAGS and value is None) or (key == CLIENT_BITS and value is None and bare_client_bits):
            result[key] = None
        elif key in (SERVER_BITS, CLIENT_BITS) and value in _WINDOW_BITS:
            result[key] = _WINDOW_BITS[value]
        else:
            return None
    return result


def accept_offer(extensions: Iterable[ExtensionOffer], wish: Deflate) -> tuple[ExtensionOffer, Deflate] | None:
    """Return what a server answers to the first offer that it can fulfil, and what is agreed then; None for neither.

    The windows are the smaller of what is offered and what is wished for; a side keeps no context where either says so.
    """
    for extension in extensions:
        if extension.name != NAME:
            continue
        asked = _parsed(extension, bare_client_bits=True)
        if asked is None:
            continue
        server_bits = min(asked.get(SERVER_BITS) or LARGEST_WINDOW, wish.server_max_window_bits)
        if server_bits < SMALLEST_WINDOW:
            continue
        client_bits = LARGEST_WINDOW
        if CLIENT_BITS in asked:
            client_bits = min(asked[CLIENT_BITS] or LARGEST_WINDOW, wish.client_max_window_bits)
        agreed = Deflate(
            server_no_context_takeover=SERVER_NO_CONTEXT in asked or wish.server_no_context_takeover,
            client_no_context_takeover=CLIENT_NO_CONTEXT in asked or wish.client_no_context_takeover,
            server_max_window_bits=server_bits,
            client_max_window_bits=client_bits,
            level=wish.level,
        )
        return _answer(asked, agreed), agreed
    return None


def _answer(asked: dict[str, int | None], agreed: Deflate) -> ExtensionOffer:
    parameters: list[tuple[str, str | None]] = []
    if agreed.server_no_context_takeover:
        parameters.append((SERVER_NO_CONTEXT, None))
    if agreed.client_no_context_takeover:
        parameters.append((CLIENT_NO_CONTEXT, None))
    if SERVER_BITS in asked or agreed.server_max_window_bits < LARGEST_WINDOW:
        parameters.append((SERVER_BITS, str(agreed.server_max_window_bits)))
    if agreed.client_max_window_bits < LARGEST_WINDOW:
        parameters.append((CLIENT_BITS, str(agreed.client_max_window_bits)))
    return ExtensionOffer(NAME, tuple(parameters))


def confirm_agreement(extension: ExtensionOffer, wish: Deflate) -> Deflate | str:
    """Return what a server's answer to `offer(wish)` agrees on; else a sentence that says why it cannot be taken."""
    parameters = _parsed(extension, bare_client_bits=False)
    if parameters is None:
        return "a parameter of permessage-deflate is unknown, malformed or given twice (RFC 7692, 7.1)"
    server_bits = parameters.get(SERVER_BITS) or LARGEST_WINDOW
    client_bits = parameters.get(CLIENT_BITS) or LARGEST_WINDOW
    if server_bits > wish.server_max_window_bits:
        return "the server's window is larger than was asked for (RFC 7692, 7.1.2.1)"
    if wish.server_no_context_takeover and SERVER_NO_CONTEXT not in parameters:
        return "the server keeps its context although it was asked not to (RFC 7692, 7.1.1.1)"
    return Deflate(
        server_no_context_takeover=SERVER_NO_CONTEXT in parameters,
        client_no_context_takeover=CLIENT_NO_CONTEXT in parameters or wish.client_no_context_takeover,
        server_max_window_bits=server_bits,
        client_max_window_bits=min(client_bits, wish.client_max_window_bits),
        level=wish.level,
    )


class Deflater:
    """Compresses the messages of one direction (RFC 7692, 7.2.1). Memory is taken with the first one.

    `usable` is False for a window of 2^8 bytes, which zlib cannot keep to: messages go out uncompressed then.
    """

    __slots__ = ("_bits", "_keeps_context", "_level", "_stream", "_stream_level", "usable")

    def __init__(self, bits: int, *, keeps_context: bool, level: int = -1) -> None:
        self.usable = bits >= SMALLEST_WINDOW
        self._bits = bits
        self._keeps_context = keeps_context
        self._level = level
        self._stream: zlib._Compress | None = None
        self._stream_level = level

    def compress(self, data: bytes | bytearray | memoryview, *, final: bool, level: int | None = None) -> bytes:
        """Return the next part of a message, compressed at `level` (None: the usual one) from its first part on."""
        wanted = self._level if level is None else level
        stream = self._stream
        if stream is None or wanted != self._stream_level:
            # A new stream refers to nothing before it, which the peer's window allows at the beginning of a message.
            # Tables that shrink with the window: zlib's usual ones take 128 KiB beside the smallest, to save 2 % there.
            self._stream = stream = zlib.compressobj(wanted, zlib.DEFLATED, -self._bits, self._bits - 7)
            self._stream_level = wanted
        compressed = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
        if not final:
            return compressed
        if not self._keeps_context:
            self._stream = None
        # An empty message is one empty block: RFC 7692, 7.2.3.6.
        return compressed[: -len(TAIL)] or b"\x00"


class Inflater:
    """Inflates the messages of one direction, never to more than there is room for (RFC 7692, 7.2.2)."""

    __slots__ = ("_begun", "_bits", "_endings", "_keeps_context", "_stream", "overflowed")

    def __init__(self, bits: int, *, keeps_context: bool) -> None:
        self._bits = bits
        self._keeps_context = keeps_context
        self._stream: zlib._Decompress | None = None
        self.overflowed = False
        """Whether a message inflates to more than there was room for: nothing can be read any more then."""
        self._begun = False
        self._endings = 0

    def inflate(self, data: bytes, room: int) -> bytes:
        """Return what the next bytes of a message inflate to, at most `room` bytes; see `overflowed`.

        Raises RemoteProtocolError (close code 1007) for what is no deflate data.
        """
        result = b""
        while data:
            self._begun = True
            stream = self._stream
            if stream is None:
                self._stream = stream = zlib.decompressobj(-self._bits)
            try:
                result += stream.decompress(data, min(room, _MOST) - len(result) + 1)
            except zlib.error as error:
                raise _broken(f"a compressed message does not inflate: {error}") from None
            if len(result) > room:
                self.overflowed = True
                return result[:room]
            if not stream.eof:
                break
            # The peer has ended its stream inside a message (RFC 7692, 7.2.3.4); what follows begins a new one.
            data, self._stream = stream.unused_data, None
            self._endings += 1
            if self._endings > ENDINGS:
                raise _broken(f"a compressed message ends more than {ENDINGS} deflate streams")
        return result

    def end(self, room: int) -> bytes:
        """Return what was held back at the end of a message. Raises what `inflate` raises."""
        result = b""
        if self._begun and self._stream is not None and not self.overflowed:
            result = self.inflate(TAIL, room)
        if not self._keeps_context:
            self._stream = None
        self._begun = False
        self._endings = 0
        return result


def _broken(message: str) -> RemoteProtocolError:
    return RemoteProtocolError(message, rule="bad-deflate", section="RFC 7692, 7.2.2", close_code=1007)
