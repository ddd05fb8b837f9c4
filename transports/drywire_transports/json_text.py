"""JSON by the standard library's own parser and writer, without what its front doors do anew for each call.

`json.dumps` makes its writer for each text, and `json.loads` looks twice for white space around it. Both are asked all
the same for whatever is not the plainest case, and for every error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json import encoder
from typing import Any, Final

__all__ = ["from_json", "to_json"]

_raw_decode: Final = json.JSONDecoder().raw_decode
_WHITE_SPACE: Final = " \t\n\r"
_under_way: Final[dict[int, object]] = {}
"""What the writer is at, for it to see what refers to itself."""


def _make_writer() -> Callable[[Any, int], tuple[str, ...]] | None:
    """Return what writes as `json.dumps` does by default; None where this Python has none."""
    usual, make = json.JSONEncoder(), getattr(encoder, "c_make_encoder", None)
    if make is None:
        return None
    escape = encoder.encode_basestring_ascii
    try:
        writer: Callable[[Any, int], tuple[str, ...]] = make(
            _under_way, usual.default, escape, None, usual.key_separator, usual.item_separator, False, False, True
        )
        works = "".join(writer({"a": [1, None]}, 0)) == '{"a": [1, null]}'
    except Exception:
        return None
    return writer if works else None


_write: Final = _make_writer()


def to_json(value: Any, dumps: Callable[[Any], str] = json.dumps) -> str:
    """Return what ``dumps(value)`` does, sooner where that is ``json.dumps``. Raises what it raises."""
    if dumps is json.dumps and _write is not None:
        try:
            return "".join(_write(value, 0))
        except Exception:
            # Raised below, and for what it is: two threads that write one object, say, are no reason.
            _under_way.clear()
        except BaseException:
            _under_way.clear()
            raise
    return dumps(value)


def from_json(text: Any, loads: Callable[[Any], Any] = json.loads) -> Any:
    """Return what ``loads(text)`` does, sooner where that is ``json.loads``. Raises what it raises."""
    if loads is json.loads and type(text) is str:
        try:
            value, end = _raw_decode(text)
        except ValueError:
            return loads(text)
        if end == len(text) or not text[end:].strip(_WHITE_SPACE):
            return value
    return loads(text)
