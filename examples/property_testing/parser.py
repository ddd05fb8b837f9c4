"""A parser of one's own: a request's head and its body, from bytes that have all arrived.

`test_parser.py` beside it holds it against drywire's strategies. They found each of the checks in `_body`: without the
pattern, `int` takes ``+5``, ``0x5`` and ``5_0`` for sizes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\r\n]*)?\r\n")
DIGITS = re.compile(rb"[0-9]+")


@dataclass
class ParsedRequest:
    """A request as this parser understands it."""

    method: bytes
    target: bytes
    fields: dict[bytes, bytes]
    body: bytes


def parse(data: bytes) -> ParsedRequest:
    """Return the request in `data`. Raises ValueError for what is none."""
    head, empty_line, rest = data.partition(b"\r\n\r\n")
    if not empty_line:
        raise ValueError("the head has no end")
    first, *lines = head.split(b"\r\n")
    method, target, version = first.split(b" ")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise ValueError("not HTTP/1")
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or (name in fields and name in (b"content-length", b"transfer-encoding")):
            raise ValueError("a field without a colon, or one too many")
        fields[name] = value.strip(b" ").lstrip(b"\t ")
    return ParsedRequest(method, target, fields, _body(fields, rest))


def _body(fields: dict[bytes, bytes], rest: bytes) -> bytes:
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is None:
        if length is not None and DIGITS.fullmatch(length) is None:
            raise ValueError("the length is no number")
        return rest[: int(length or b"0")]
    if length is not None or coding.lower() != b"chunked":
        raise ValueError("the body has no end, or two")
    body, place = b"", 0
    while True:
        line = SIZE_LINE.match(rest, place)
        if line is None:
            raise ValueError("no chunk size")
        size, place = int(line[1], 16), line.end()
        if size == 0:
            return body
        body += rest[place : place + size]
        place += size + 2
        if rest[place - 2 : place] != b"\r\n":
            raise ValueError("the chunk is longer than its size says")
