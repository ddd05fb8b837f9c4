"""`ASGIRequest`: a request that came by ASGI, as handlers see it."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from drywire_transports.message_fields import HttpVersion

from ..request import Request
from .messages import Scope

__all__ = ["ASGIRequest"]

_VERSIONS: Final = {name: HttpVersion(*map(int, f"{name}.0".split(".")[:2])) for name in ("1.0", "1.1", "2", "3")}
_SECURE: Final = frozenset({"https", "wss"})


class ASGIRequest(Request):
    """A request of which another server has told us: what it said of scheme and version holds."""

    @property
    def _scope(self) -> Scope:
        scope: Scope = self.link.stream.extra_info("asgi.scope")
        return scope

    @property
    def version(self) -> HttpVersion:
        """The HTTP version the client speaks: ``(1, 0)``, ``(1, 1)``, ``(2, 0)`` or ``(3, 0)``."""
        return _VERSIONS.get(str(self._scope.get("http_version", "1.1")), _VERSIONS["1.1"])

    @cached_property
    def scheme(self) -> str:
        """``"https"`` where the other server says so, also of a WebSocket; `clone` can say otherwise."""
        return "https" if self._scope.get("scheme") in _SECURE else "http"
