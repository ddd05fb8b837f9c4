"""What a program receives of a WebSocket, in aiohttp's words: `WSMessage`, `WSMsgType`, and the errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple

from ..json_text import from_json

__all__ = [
    "CLOSED_MESSAGE",
    "CLOSING_MESSAGE",
    "WSHandshakeError",
    "WSMessage",
    "WSMessageTypeError",
    "WSMsgType",
    "WebSocketError",
]


class WSMsgType(IntEnum):
    """The type of a message: the opcodes of RFC 6455, and four that say what became of the connection."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    """The peer closes: `data` is its code, `extra` its reason."""
    PING = 0x9
    PONG = 0xA
    CLOSING = 0x100
    """This side is closing, by another task or after a CLOSE."""
    CLOSED = 0x101
    """The connection is closed, or was lost."""
    ERROR = 0x102
    """The peer broke the protocol, or did not answer a ping: `data` is the exception."""

    text = TEXT
    binary = BINARY
    close = CLOSE
    ping = PING
    pong = PONG
    closing = CLOSING
    closed = CLOSED
    error = ERROR


class WSMessage(NamedTuple):
    """A message, or what happened in place of one."""

    type: WSMsgType
    data: Any
    """str of TEXT (bytes with ``decode_text=False``), bytes of BINARY, PING and PONG; see `WSMsgType` for the rest."""
    extra: str | None
    """The reason of a CLOSE."""

    def json(self, *, loads: Callable[[Any], Any] = json.loads) -> Any:
        """Return `data` decoded from JSON. Raises json.JSONDecodeError."""
        return from_json(self.data, loads)


CLOSED_MESSAGE: Final = WSMessage(WSMsgType.CLOSED, None, None)
CLOSING_MESSAGE: Final = WSMessage(WSMsgType.CLOSING, None, None)


class WebSocketError(Exception):
    """The peer broke the protocol. `code` is what the connection was closed with (a `WSCloseCode`)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


class WSHandshakeError(Exception):
    """The handshake of a WebSocket does not hold."""


class WSMessageTypeError(TypeError):
    """`receive_str`, `receive_bytes` or `receive_json` met a message of another type."""
