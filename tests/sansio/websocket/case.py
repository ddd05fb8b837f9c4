"""A case of the table: frames as a server sends them, and what is made of them by either role."""

from dataclasses import dataclass

from drywire_sansio import websocket
from drywire_sansio.websocket.frames import pack_header

__all__ = ["Case", "binary", "bye", "error", "frame", "ping", "pong", "text", "texts"]


@dataclass(frozen=True)
class Case:
    """`wire` is read as `expected`, in the form of `fuzz.ws_verdicts`; the id says of what it is a case."""

    id: str
    wire: bytes
    expected: tuple
    deflate: websocket.Deflate | None = None
    limits: websocket.Limits | None = None


def frame(first, payload=b""):
    """An unmasked frame whose first byte is `first`."""
    return pack_header(first, len(payload), masked=False) + payload


def text(content):
    return ("message", content)


def texts(*contents):
    return tuple(map(text, contents))


binary = text


def ping(payload=b""):
    return ("Ping", payload)


def pong(payload=b""):
    return ("Pong", payload)


def bye(code, reason=""):
    return ("close", code, reason)


def error(code, limit=""):
    return ("error", code, limit)
