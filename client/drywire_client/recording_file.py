"""The file of a recording: conversations as values, and as readable JSON.

    {
      "format": "drywire recording",
      "version": 1,
      "exchanges": [
        {
          "request": {"method": "GET", "url": "http://a.test/", "headers": [["Host", "a.test"]], "body": ""},
          "response": {"version": "1.1", "status": 200, "reason": "OK", "headers": [...], "body": "hello"}
        }
      ]
    }

Where bytes are not UTF-8, ``{"base64": "..."}`` stands in place of the text. A body in the chunked coding is
``"chunks"``, a list, in place of ``"body"``, with ``"trailers"`` beside it if it has any. ``"cut": true`` says that the
recording has no more of the response than that.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from drywire_sansio.grammar import REASON

from .memory_peer import SeenRequest

__all__ = ["Exchange", "RecordedResponse", "RecordingError", "load", "save"]

FORMAT: Final = "drywire recording"
VERSION: Final = 1
# A field to a line. No string of JSON has a line feed in it, so this finds none inside of one.
_PAIR: Final = re.compile(r'\[\n +("(?:[^"\\]|\\.)*+"),\n +("(?:[^"\\]|\\.)*+")\n +\]')

Headers = CIMultiDictProxy[str]


class RecordingError(ValueError):
    """A file is no recording, or one of a format that is not known here; the message says where in it."""


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """A response as it was recorded."""

    status: int
    headers: Headers
    body: tuple[bytes, ...] = ()
    """The body: its chunks if it is chunked, else in one piece; with its content coding if it has one."""
    reason: str = ""
    version: str = "1.1"
    """``"1.1"`` or ``"1.0"``."""
    chunked: bool = False
    trailers: Headers = field(default_factory=lambda: CIMultiDictProxy(CIMultiDict()))
    cut: bool = False
    """Whether the rest of the body is missing: the connection broke, or the client did not read it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the response to it."""

    request: SeenRequest
    response: RecordedResponse


# Writing


def save(path: Path, exchanges: Sequence[Exchange]) -> None:
    """Write `exchanges` to `path`, whole or not at all. Raises OSError."""
    document = {"format": FORMAT, "version": VERSION, "exchanges": [_written(exchange) for exchange in exchanges]}
    text = _PAIR.sub(r"[\1, \2]", json.dumps(document, ensure_ascii=False, indent=2)) + "\n"
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(beside, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _written(exchange: Exchange) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    written: dict[str, Any] = {
        "version": response.version,
        "status": response.status,
        "reason": _as_text(_encoded(response.reason)),
        "headers": _pairs(response.headers),
    }
    if response.chunked:
        written["chunks"] = [_as_text(chunk) for chunk in response.body]
        if response.trailers:
            written["trailers"] = _pairs(response.trailers)
    else:
        written["body"] = _as_text(b"".join(response.body))
    if response.cut:
        written["cut"] = True
    return {
        "request": {
            "method": request.method,
            "url": str(request.url),
            "headers": _pairs(request.headers),
            "body": _as_text(request.body),
        },
        "response": written,
    }


def _pairs(headers: Headers) -> list[list[Any]]:
    return [[name, _as_text(_encoded(value))] for name, value in headers.items()]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _as_text(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


# Reading


def load(path: Path) -> list[Exchange]:
    """Return the exchanges in the file `path`. Raises RecordingError, and OSError where it cannot be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path} is no JSON in UTF-8: {error}") from error
    top = _Node(document, str(path))
    if top.get("format", str) != FORMAT:
        raise RecordingError(f"{path} is no recording of drywire")
    version = top.get("version", int)
    if version != VERSION:
        raise RecordingError(f"{path} is of version {version}; this drywire reads version {VERSION}: record it anew")
    return [
        Exchange(_request(exchange.node("request")), _response(exchange.node("response")))
        for exchange in top.nodes("exchanges")
    ]


class _Node:
    """An object in the file, and where it stands there."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise RecordingError(f"{where} must be an object, not {type(value).__name__}")
        self._value = value
        self._where = where

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def fail(self, name: str, rule: str) -> NoReturn:
        raise RecordingError(f"{self._where}: {name!r} must be {rule}")

    def get(self, name: str, kind: type, default: Any = None) -> Any:
        value = self._value.get(name, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.fail(name, f"there, and of type {kind.__name__}")
        return value

    def node(self, name: str) -> _Node:
        return _Node(self._value.get(name), f"{self._where}: {name!r}")

    def nodes(self, name: str) -> list[_Node]:
        values = self.get(name, list)
        return [_Node(value, f"{self._where}: {name!r}, number {number}") for number, value in enumerate(values, 1)]

    def data(self, name: str) -> bytes:
        return self._data(name, self._value.get(name))

    def pieces(self, name: str) -> tuple[bytes, ...]:
        return tuple(self._data(name, value) for value in self.get(name, list))

    def headers(self, name: str) -> Headers:
        pairs = []
        for pair in self.get(name, list, []):
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
                self.fail(name, "a list of pairs")
            pairs.append((pair[0], self._data(name, pair[1]).decode("utf-8", "surrogateescape")))
        return CIMultiDictProxy(CIMultiDict(pairs))

    def _data(self, name: str, value: Any) -> bytes:
        try:
            if isinstance(value, str):
                return value.encode("utf-8")
            if isinstance(value, dict) and isinstance(value.get("base64"), str):
                return base64.b64decode(value["base64"], validate=True)
        except (UnicodeEncodeError, binascii.Error):
            pass
        self.fail(name, 'text or {"base64": "..."}')


def _request(node: _Node) -> SeenRequest:
    try:
        url = URL(node.get("url", str), encoded=True)
    except ValueError:
        node.fail("url", "a URL")
    return SeenRequest(node.get("method", str), url, node.headers("headers"), node.data("body"))


def _response(node: _Node) -> RecordedResponse:
    status = node.get("status", int)
    if not 200 <= status <= 999:
        node.fail("status", "a status from 200 on")
    version = node.get("version", str)
    if version not in ("1.0", "1.1"):
        node.fail("version", "1.0 or 1.1")
    reason = node.data("reason")
    if not REASON.fullmatch(reason):
        node.fail("reason", "text without control characters (RFC 9112, 4)")
    chunked = "chunks" in node
    return RecordedResponse(
        status,
        node.headers("headers"),
        node.pieces("chunks") if chunked else (node.data("body"),),
        reason.decode("utf-8", "surrogateescape"),
        version,
        chunked,
        node.headers("trailers"),
        node.get("cut", bool, False),
    )
