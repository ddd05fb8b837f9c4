"""Types of what functions here take, for programs that annotate their own."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

from yarl import URL

from drywire_client.cookie_jar import LooseCookies as LooseCookies
from drywire_client.options import Query as Query
from drywire_server import Request, StreamResponse
from drywire_transports.message_fields import LooseHeaders as LooseHeaders

__all__ = [
    "DEFAULT_JSON_DECODER",
    "DEFAULT_JSON_ENCODER",
    "Byteish",
    "Handler",
    "JSONBytesEncoder",
    "JSONDecoder",
    "JSONEncoder",
    "LooseCookies",
    "LooseHeaders",
    "Middleware",
    "PathLike",
    "Query",
    "RawHeaders",
    "StrOrURL",
]

Byteish: TypeAlias = bytes | bytearray | memoryview
JSONEncoder: TypeAlias = Callable[[Any], str]
JSONBytesEncoder: TypeAlias = Callable[[Any], bytes]
JSONDecoder: TypeAlias = Callable[[str], Any]
RawHeaders: TypeAlias = tuple[tuple[bytes, bytes], ...]
StrOrURL: TypeAlias = str | URL
PathLike: TypeAlias = str | os.PathLike[str]
DEFAULT_JSON_ENCODER: Final = json.dumps
DEFAULT_JSON_DECODER: Final = json.loads
Handler: TypeAlias = Callable[[Request], Awaitable[StreamResponse]]


class Middleware(Protocol):
    """A middleware of an application: an async function of the request and the handler within."""

    def __call__(self, request: Request, handler: Handler) -> Awaitable[StreamResponse]:
        """Return the response."""
        ...
