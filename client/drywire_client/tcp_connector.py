"""`TCPConnector`: connections over TCP, with TLS and through proxies."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Sequence
from typing import Any

from drywire_transports import ByteStream, Runtime

from .connecting import open_stream
from .connections import ConnectionKey
from .connector import BaseConnector
from .name_cache import NameCache
from .timeouts import Deadlines
from .tracing import Trace

__all__ = ["TCPConnector"]


class TCPConnector(BaseConnector):
    """A pool of TCP connections; `options` are those of `BaseConnector`.

    `ssl` is the default for requests: True verifies, False encrypts without verifying, an `ssl.SSLContext` is used as
    it is. The addresses of a host are kept `ttl_dns_cache` seconds (10; None for good) if `use_dns_cache`.
    """

    def __init__(
        self,
        *,
        ssl: bool | ssl_module.SSLContext = True,
        use_dns_cache: bool = True,
        ttl_dns_cache: float | None = 10,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._names = NameCache(use_dns_cache, ttl_dns_cache)
        self._ssl = ssl

    async def _open(
        self, runtime: Runtime, key: ConnectionKey, deadlines: Deadlines, traces: Sequence[Trace]
    ) -> ByteStream:
        return await open_stream(runtime, key, self._names, deadlines, traces)

    def _close(self) -> None:
        super()._close()
        self._names.close()
