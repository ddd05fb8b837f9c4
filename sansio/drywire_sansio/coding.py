"""Content codings: gzip, deflate, br and zstd, both ways (RFC 9110, 8.4).

A decoder never gives out more than it is asked for, so whoever reads it decides how much memory a body may take, and
it watches the proportion of what comes out to what went in. br needs the package Brotli (or brotlicffi), zstd Python
3.14 or the package backports.zstd; without them these codings are neither asked for nor understood.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, Protocol

from .limits import DEFAULT_LIMITS, Limits

__all__ = [
    "ContentCodingError",
    "ContentDecoder",
    "ContentEncoder",
    "accepted_codings",
    "content_codings",
    "set_zlib_backend",
]

_GZIP_BITS: Final = 16 + zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"
# RFC 9659, 3: a client need not keep more than 8 MiB for a window of zstd.
_ZSTD_WINDOW_LOG: Final = 23
_ALIASES: Final = {"x-gzip": "gzip", "x-deflate": "deflate"}

_zlib: Any = zlib


class ContentCodingError(ValueError):
    """A coded body is malformed, cut off, or inflates to more than its size can justify."""


def set_zlib_backend(module: Any) -> None:
    """Use `module` in place of zlib for gzip and deflate from now on: ``zlib_ng.zlib_ng`` or ``isal.isal_zlib``.

    Raises TypeError for a module that lacks what zlib has.
    """
    missing = [name for name in ("decompressobj", "compressobj", "error") if not hasattr(module, name)]
    if missing:
        raise TypeError(f"{module!r} cannot stand in for zlib: it has no {', '.join(missing)}")
    global _zlib
    _zlib = module


@lru_cache(None)
def _brotli() -> Any:
    """Return a module with a bounded brotli decoder; None where there is none (Brotli has it since 1.2)."""
    try:
        import brotli
    except ImportError:
        try:
            import brotlicffi as brotli
        except ImportError:
            return None
    return brotli if hasattr(brotli.Decompressor, "can_accept_more_data") else None


@lru_cache(None)
def _zstd() -> Any:
    try:
        from compression import zstd
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            return None
    return zstd


@lru_cache(None)
def accepted_codings() -> str:
    """Return the codings that can be read here, as Accept-Encoding names them."""
    names = ["gzip", "deflate"]
    if _brotli() is not None:
        names.append("br")
    if _zstd() is not None:
        names.append("zstd")
    return ", ".join(names)


def content_codings(value: str) -> list[str]:
    """Return the codings that a Content-Encoding field names, in the order in which they were applied."""
    names = (part.strip(" \t") for part in value.split(","))
    lowered = (name.lower() if name.isascii() else name for name in names)
    return [_ALIASES.get(name, name) for name in lowered if name and name != "identity"]


# Decoding


class _Stage(Protocol):
    """One coding of a body."""

    ended: bool
    """Whether a whole stream of the coding has been read, so that the body may end here."""

    def decode(self, data: bytes, room: int) -> tuple[bytes, bytes]:
        """Return up to about `room` decoded bytes, and what of `data` is still to be decoded."""
        ...


class _Zlib:
    """gzip, or deflate: as the standard has it, in zlib's wrapping, or as some servers send it, without one."""

    def __init__(self, gzip: bool, limits: Limits) -> None:
        self._gzip = gzip
        self._limits = limits
        self._members = 0
        self._start = b""  # of a deflate stream whose kind is not known yet
        self._decoder: Any = _zlib.decompressobj(_GZIP_BITS) if gzip else None
        self._over = False  # what follows is padding
        self.ended = False
        self.holds_output = False

    def decode(self, data: bytes, room: int) -> tuple[bytes, bytes]:
        if self._over:
            return b"", b""
        if self.ended:
            return b"", self._next_member(data)
        if self._decoder is None:
            data, self._start = self._start + data, b""
            if len(data) < 2:
                self._start = data
                return b"", b""
            self._decoder = _zlib.decompressobj(_deflate_bits(data))
        data, waiting = (b"", data) if self.holds_output else (data, b"")
        try:
            decoded = self._decoder.decompress(data, room)
        except _zlib.error as error:
            raise ContentCodingError(f"malformed {'gzip' if self._gzip else 'deflate'}: {error}") from error
        self.ended = self._decoder.eof
        rest = self._decoder.unused_data if self.ended else self._decoder.unconsumed_tail
        # Where a piece is full just as the input is used up, zlib keeps the rest in its window, and shows no tail.
        self.holds_output = not self.ended and not rest and len(decoded) >= room
        return decoded, rest + waiting

    def _next_member(self, data: bytes) -> bytes:
        """Return what is to be decoded of what follows the end: another member, or nothing (RFC 1952, 2.2)."""
        data, self._start = self._start + data, b""
        if not self._gzip or not _GZIP_MAGIC.startswith(data[:2]):
            self._over = True  # padding, as some servers send it; browsers drop it too
            return b""
        if len(data) < 2:
            self._start = data
            return b""
        self._members += 1
        if self._members > self._limits.coding_members:
            raise _over("coding_members", self._limits.coding_members)
        self._decoder = _zlib.decompressobj(_GZIP_BITS)
        self.ended = False
        return data


def _deflate_bits(start: bytes) -> int:
    """Return zlib's window bits: a header of RFC 1950 says method 8 and is a multiple of 31."""
    wrapped = start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self, module: Any) -> None:
        self._module = module
        self._decoder = module.Decompressor()
        self.ended = False
        self.holds_output = False

    def decode(self, data: bytes, room: int) -> tuple[bytes, bytes]:
        if self.ended:
            if data:
                raise ContentCodingError("malformed br: more follows its end")  # as the decoder has it for one piece
            return b"", b""
        step = self._decoder.process if hasattr(self._decoder, "process") else self._decoder.decompress
        try:
            if self.holds_output:
                decoded, rest = step(b"", output_buffer_limit=room), data
            else:
                decoded, rest = step(data, output_buffer_limit=room), b""
        except self._module.error as error:
            raise ContentCodingError(f"malformed br: {error}") from error
        self.ended = self._decoder.is_finished()
        # Some versions say that they can take more while they hold output, too: a full piece tells.
        full = len(decoded) >= room or not self._decoder.can_accept_more_data()
        self.holds_output = full and not self.ended
        return decoded, rest


class _Zstd:
    def __init__(self, module: Any, limits: Limits) -> None:
        self._module = module
        self._limits = limits
        self._frames = 0
        self._decoder = self._fresh()
        self.ended = False

    def _fresh(self) -> Any:
        options = {self._module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        return self._module.ZstdDecompressor(options=options)

    def decode(self, data: bytes, room: int) -> tuple[bytes, bytes]:
        if self.ended:
            if not data:
                return b"", b""
            self._frames += 1
            if self._frames > self._limits.coding_members:
                raise _over("coding_members", self._limits.coding_members)
            self._decoder = self._fresh()
            self.ended = False
        try:
            if self._decoder.needs_input:
                decoded, rest = self._decoder.decompress(data, room), b""
            else:
                decoded, rest = self._decoder.decompress(b"", room), data
        except self._module.ZstdError as error:
            raise ContentCodingError(f"malformed zstd: {error}") from error
        if self._decoder.eof:
            self.ended = True
            rest = self._decoder.unused_data + rest
        return decoded, rest

    @property
    def holds_output(self) -> bool:
        """Whether more can be had without more input."""
        return not self.ended and not self._decoder.needs_input


def _stage(coding: str, limits: Limits) -> _Stage | None:
    if coding == "gzip" or coding == "deflate":
        return _Zlib(coding == "gzip", limits)
    if coding == "br" and _brotli() is not None:
        return _Brotli(_brotli())
    if coding == "zstd" and _zstd() is not None:
        return _Zstd(_zstd(), limits)
    return None


def _over(name: str, value: int) -> ContentCodingError:
    return ContentCodingError(f"{name.replace('_', ' ')} over the limit of {value} (Limits.{name})")


class ContentDecoder:
    """A coded body on its way to what it was: `feed` it as it comes, `take` what it gives, and `end` it.

    `codings` are those of `content_codings`. Raises ContentCodingError for more of them than `limits` allow, or one
    that cannot be read here: see `make`.
    """

    def __init__(self, codings: Iterable[str], limits: Limits = DEFAULT_LIMITS) -> None:
        names = list(codings)
        if len(names) > limits.content_codings:
            raise _over("content_codings", limits.content_codings)
        self._stages: list[_Stage] = []
        for name in reversed(names):
            stage = _stage(name, limits)
            if stage is None:
                raise ContentCodingError(f"content coding {name[:30]!r} is not known here{_remedy(name)}")
            self._stages.append(stage)
        self._limits = limits
        self._inputs = [b""] * len(self._stages)
        self.total_in = 0
        """Coded bytes taken in so far."""
        self.total_out = 0
        """Decoded bytes given out so far."""

    @classmethod
    def make(cls, value: str | None, limits: Limits = DEFAULT_LIMITS) -> ContentDecoder | None:
        """Return the decoder for a Content-Encoding field; None where the body is to be left as it is.

        That is so with no coding, and with one that is not known here: whoever reads the body sees the field. Raises
        ContentCodingError for too many codings.
        """
        codings = content_codings(value) if value else []
        if not codings:
            return None
        if len(codings) <= limits.content_codings and any(_stage(name, limits) is None for name in codings):
            return None
        return cls(codings, limits)

    @property
    def pending(self) -> bool:
        """Whether `take` may have more to give without more input."""
        return any(self._inputs) or any(getattr(stage, "holds_output", False) for stage in self._stages)

    def feed(self, data: bytes) -> None:
        """Add coded bytes. What was fed before should have been taken."""
        self.total_in += len(data)
        self._inputs[0] += data

    def take(self, room: int = 262_144) -> bytes:
        """Return the next decoded bytes, `room` of them or (br) up to three times as many; ``b""`` to get more input.

        Raises ContentCodingError, also where far more comes out than went in (`Limits.decoded_ratio`).
        """
        while True:
            data = self._from(len(self._stages) - 1, room)
            if data or not self.pending:
                break
        self.total_out += len(data)
        limits = self._limits
        if self.total_out > limits.decoded_free and self.total_out > self.total_in * limits.decoded_ratio:
            raise ContentCodingError(
                f"{self.total_in} bytes have become {self.total_out}: more than {limits.decoded_ratio} times as many "
                "(Limits.decoded_ratio)"
            )
        return data

    def _from(self, index: int, room: int) -> bytes:
        stage = self._stages[index]
        if index and not self._inputs[index] and not getattr(stage, "holds_output", False):
            self._inputs[index] = self._from(index - 1, room)
        decoded, self._inputs[index] = stage.decode(self._inputs[index], room)
        return decoded

    def end(self) -> None:
        """Say that the coded body is complete. Raises ContentCodingError where a coding is not at its end."""
        if self.total_in and not all(stage.ended for stage in self._stages):
            raise ContentCodingError("the coded body is cut off before its end")


def _remedy(coding: str) -> str:
    remedies = {"br": "drywire[brotli]", "zstd": "drywire[zstd]"}
    return f": install {remedies[coding]}" if coding in remedies else ""


# Encoding


class ContentEncoder:
    """A body on its way into one coding: ``"gzip"``, ``"deflate"``, ``"br"`` or ``"zstd"``.

    `level` is the coding's own, None for its default. Raises ValueError for another coding, and for one whose package
    is not installed.
    """

    def __init__(self, coding: str, level: int | None = None) -> None:
        self._encode: Callable[[bytes], bytes]
        self._finish: Callable[[], bytes]
        if coding in ("gzip", "deflate"):
            bits = _GZIP_BITS if coding == "gzip" else zlib.MAX_WBITS
            encoder = _zlib.compressobj(-1 if level is None else level, zlib.DEFLATED, bits)
            self._encode, self._finish = encoder.compress, encoder.flush
        elif coding == "br" and _brotli() is not None:
            brotli = _brotli().Compressor(quality=5 if level is None else level)
            self._encode = brotli.process if hasattr(brotli, "process") else brotli.compress
            self._finish = brotli.finish
        elif coding == "zstd" and _zstd() is not None:
            zstd = _zstd().ZstdCompressor(level=level)
            self._encode, self._finish = zstd.compress, zstd.flush
        else:
            raise ValueError(f"content coding {coding[:30]!r} cannot be written here{_remedy(coding)}")

    def encode(self, data: bytes) -> bytes:
        """Return what `data` adds to the coded body; may be nothing yet."""
        return self._encode(data)

    def finish(self) -> bytes:
        """Return the end of the coded body."""
        return self._finish()
