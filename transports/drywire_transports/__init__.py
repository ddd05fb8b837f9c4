"""Transports: bytes in and out on asyncio, uvloop, trio, or in memory, behind one contract.

Here live the contracts (`ByteStream`, `Listener`, `Runtime`), their errors, and what fulfils them. This is the only
part of drywire that names an event loop, and it knows nothing of HTTP beyond the channels that pump bytes between a
stream and the protocol core. Importing it loads no event loop but the standard library's.

    runtime = current_runtime()
    stream = await runtime.connect_tcp("example.com", 443, tls=ClientTLS(client_context()))
    await stream.send(b"GET / HTTP/1.1\\r\\nHost: example.com\\r\\nConnection: close\\r\\n\\r\\n")
    while data := await stream.receive():
        print(data.decode(), end="")
    await stream.aclose()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import (
    ConnectFailed,
    NameNotResolved,
    StreamBroken,
    StreamBusy,
    StreamClosed,
    StreamTimeout,
    TLSFailed,
    TransportError,
)
from .runtime import Address, ClientTLS, Runtime, TaskHandle, Timer, Wake
from .stream import Buffer, ByteStream, Handle, Listener
from .tls import client_context, unverified_context
from .which import current_runtime, run

if TYPE_CHECKING:
    from .in_memory import MemoryStream, memory_pair

__all__ = [
    "Address",
    "Buffer",
    "ByteStream",
    "ClientTLS",
    "ConnectFailed",
    "Handle",
    "Listener",
    "MemoryStream",
    "NameNotResolved",
    "Runtime",
    "StreamBroken",
    "StreamBusy",
    "StreamClosed",
    "StreamTimeout",
    "TLSFailed",
    "TaskHandle",
    "Timer",
    "TransportError",
    "Wake",
    "client_context",
    "current_runtime",
    "memory_pair",
    "run",
    "unverified_context",
]


def __getattr__(name: str) -> Any:
    if name in ("MemoryStream", "memory_pair"):
        from . import in_memory

        return getattr(in_memory, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
