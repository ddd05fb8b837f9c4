"""`WSCloseCode`: why a WebSocket was closed (RFC 6455, 7.4.1, and IANA's registry)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

__all__ = ["ABNORMAL_CLOSURE", "NO_STATUS_RECEIVED", "WSCloseCode", "may_be_sent"]


class WSCloseCode(IntEnum):
    """The registered close codes that have a meaning to a program."""

    OK = 1000
    """The purpose of the connection is fulfilled."""
    GOING_AWAY = 1001
    """A server goes down, or a browser has left the page."""
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    """A kind of message that the endpoint cannot take, such as binary where it understands text only."""
    ABNORMAL_CLOSURE = 1006
    """Never sent: the connection was lost without a close frame."""
    INVALID_TEXT = 1007
    """Text that is not UTF-8, or a compressed message that does not inflate."""
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    """A client misses an extension in the server's handshake."""
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014


NO_STATUS_RECEIVED: Final = 1005
"""Never sent: stands for a close frame without a code."""
ABNORMAL_CLOSURE: Final = int(WSCloseCode.ABNORMAL_CLOSURE)

_REGISTERED: Final = frozenset(WSCloseCode) - {WSCloseCode.ABNORMAL_CLOSURE}


def may_be_sent(code: int) -> bool:
    """Whether a close frame may carry `code`: a registered one, or 3000 to 4999 (RFC 6455, 7.4.2)."""
    return code in _REGISTERED or 3000 <= code <= 4999
