"""Charsets that a peer may choose for its text."""

from __future__ import annotations

from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import Final

__all__ = ["known_charset"]

# What Python is asked for it remembers for ever, in each spelling: so only these, by one name each. Decoding punycode
# takes quadratic time, and idna is made of it; the others of aliases that are no charsets turn bytes into bytes.
_NO_CHARSETS: Final = frozenset(
    {
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "idna",
        "mbcs",
        "punycode",
        "quopri_codec",
        "rot_13",
        "uu_codec",
        "zlib_codec",
    }
)
_CHARSETS: Final = (
    frozenset({*aliases.values(), "cp720", "cp737", "cp856", "cp874", "koi8_t", "koi8_u", "utf_8_sig"}) - _NO_CHARSETS
)


def known_charset(name: str) -> str | None:
    """Return Python's own name of the charset `name`; None for one that is not known, or not safe to decode."""
    if not name.isascii() or len(name) > 40:
        return None
    normal = normalize_encoding(name).lower()
    normal = aliases.get(normal, normal)
    return normal if normal in _CHARSETS else None
