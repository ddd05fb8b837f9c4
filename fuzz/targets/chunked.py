"""The chunked coding: both roles decode as a plain reading of the grammar does (RFC 9112, 7.1)."""

from __future__ import annotations

import re
from collections.abc import Hashable

from ..findings import Finding
from ..inputs import cut, split_input
from ..verdicts import Verdict, client_verdict, server_verdict
from .reading import signature

__all__ = ["check"]

REQUEST = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

# As slow and as plain as can be: one chunk, its parts as the RFC names them. `re` backtracks here, the core does not.
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
EXTENSION = rb"(?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb"))?)*"
SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})" + EXTENSION + rb"\r\n")
TRAILERS = re.compile(rb"((?:" + TOKEN + rb":[\t -~\x80-\xff]*\r\n)*)\r\n")


def decoded(wire: bytes) -> tuple[bytes, int] | None:
    """Return the content of a chunked body and where it ends, None where it is malformed or not whole."""
    content, place = b"", 0
    while True:
        line = SIZE_LINE.match(wire, place)
        if line is None:
            return None
        size, place = int(line[1], 16), line.end()
        if size == 0:
            end = TRAILERS.match(wire, place)
            return None if end is None else (content, end.end())
        if wire[place + size : place + size + 2] != b"\r\n":
            return None
        content += wire[place : place + size]
        place += size + 2


def check(data: bytes) -> Hashable:
    """Check a body behind a request and behind a response: bits 0-4 of the choices are the size of a piece."""
    wire, choices = split_input(data)
    as_request = server_verdict(cut(REQUEST + wire, 1 + (choices & 31)), None, False)
    as_response = client_verdict(cut(RESPONSE + wire, 1 + (choices & 31)), b"GET", None, False)
    expected = decoded(wire)
    mine = _outcome(as_request, wire, len(REQUEST))
    theirs = _outcome(as_response, wire, len(RESPONSE))
    if mine != theirs:
        raise Finding(f"a server reads {mine}, a client {theirs}")
    if expected is None:
        if isinstance(mine, tuple):
            raise Finding(f"accepted although malformed, as {mine}")
    elif mine != expected[0:1] and not _over_a_limit(mine):
        raise Finding(f"read as {mine}, expected {expected}")
    return signature(as_request)


def _outcome(verdict: Verdict, wire: bytes, ahead: int) -> tuple[bytes] | list[object]:
    """Return the content if the first message was read to its end, else what is said of it, free of its role."""
    content = b""
    for kind, *rest in verdict[1:]:
        if kind == "data":
            content = rest[0]
        elif kind == "event":
            return (content,)
        elif kind == "error":
            return [rest[0], rest[2] - ahead, content]
    return [content]


def _over_a_limit(outcome: object) -> bool:
    return isinstance(outcome, list) and str(outcome[0]).startswith("limit-")
