"""What a file is sent as: its media type by its name, and the codings in which it may lie beside itself, compressed."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from drywire_sansio.memo import memo

__all__ = ["SIBLINGS", "liked_codings", "media_type_of"]

SIBLINGS: Final = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""Content codings, and the suffix that a file in one of them has; of those liked as well the first is taken."""

_MORE: Final = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".br": "application/x-brotli",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp4": "video/mp4",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xz": "application/x-xz",
    ".Z": "application/x-compress",
    ".zst": "application/zstd",
}
"""Types that systems know differently, or not at all."""

_WEIGHT: Final = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@lru_cache(1)
def _types() -> mimetypes.MimeTypes:
    """Return the table of types. It reads files of the system, so it is made in a worker thread, once."""
    types = mimetypes.MimeTypes()
    # A file is sent as it is: "a.tar.gz" is gzip, not a tar file in a content coding.
    types.encodings_map.clear()
    for suffix, media_type in _MORE.items():
        types.add_type(media_type, suffix)
    return types


def media_type_of(path: str) -> str:
    """Return the media type of a file by its name, ``application/octet-stream`` where the name says nothing."""
    # Only the last part: all of it could be read as a URL.
    name = path.replace("\\", "/").rpartition("/")[2]
    return _types().guess_type(f"/{name}")[0] or "application/octet-stream"


@memo(256)
def liked_codings(accept_encoding: str | None) -> tuple[str, ...]:
    """Return the codings of `SIBLINGS` that an Accept-Encoding field likes as well as none or better, the best first.

    A weight that is malformed counts as 0 (RFC 9110, 12.4.2 and 12.5.3).
    """
    if not accept_encoding:
        return ()
    weights: dict[str, float] = {}
    for element in accept_encoding.split(","):
        name, *parameters = (part.strip(" \t") for part in element.split(";"))
        name = name.lower()
        weights.setdefault("gzip" if name == "x-gzip" else name, _weight(parameters))
    others = weights.get("*", 0.0)
    least = weights.get("identity", 0.0)
    liked = {coding: weight for coding in SIBLINGS if 0 < (weight := weights.get(coding, others)) >= least}
    return tuple(sorted(liked, key=liked.__getitem__, reverse=True))  # a stable sort


def _weight(parameters: Sequence[str]) -> float:
    if not parameters:
        return 1.0
    match = _WEIGHT.fullmatch(parameters[0])
    return 0.0 if match is None or len(parameters) > 1 else float(match[1])
