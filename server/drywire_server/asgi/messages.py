"""What ASGI calls its parts: scopes, messages, and the three arguments of an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["ASGIApp", "Message", "Pair", "Receive", "Scope", "Send", "spec_version"]

Scope = MutableMapping[str, Any]
"""What a request, a WebSocket or a lifespan is."""
Message = MutableMapping[str, Any]
"""What happens in one."""
Receive = Callable[[], Awaitable[Message]]
"""Waits for the next message of the server's."""
Send = Callable[[Message], Awaitable[None]]
"""Gives a message to the server."""
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application of ASGI 3."""
Pair = tuple[bytes, bytes]

_UNKNOWN: Final = (2, 0)


def spec_version(scope: Scope) -> tuple[int, ...]:
    """Return the version of the HTTP and WebSocket specification that the server of `scope` follows."""
    parts = str(scope.get("asgi", {}).get("spec_version", "2.0")).split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else _UNKNOWN
