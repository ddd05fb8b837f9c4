"""`UnixConnector` and `NamedPipeConnector`: connections to servers on this machine, whatever a URL's host."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import ByteStream, StreamTimeout

from .connecting import Wanted, open_local_stream
from .connections import ConnectionKey
from .connector import BaseConnector
from .errors import ConnectionTimeoutError
from .legacy import deprecated
from .options import UNSET, Unset
from .request import ClientRequest

__all__ = ["NamedPipeConnector", "UnixConnector"]

_PIPES: Final = "connect_pipe"
"""The verb of a runtime that has named pipes."""


class _LocalConnector(BaseConnector):
    """A pool of connections to one path."""

    _path: str

    @property
    def path(self) -> str:
        """What is connected to."""
        return self._path

    def key_of(self, request: ClientRequest) -> ConnectionKey:
        """Return what a connection must be to carry `request`. Raises ValueError for one through a proxy."""
        key = super().key_of(request)
        if key.proxy is not None:
            raise ValueError(f"a {type(self).__name__} goes through no proxy: use proxy= with a TCPConnector")
        return key._replace(unix_path=self._path)


class UnixConnector(_LocalConnector):
    """A pool of connections to the Unix socket `path`, over TLS for https and wss; the URL's host is only named.

    A `path` that begins with a NUL character is one of Linux's abstract names. Where the server's queue is full, it is
    waited for. The other arguments are those of `BaseConnector`. `conn_timeout`, seconds to connect, is of old: use
    ``ClientTimeout(sock_connect=...)``.

    Raises UnixClientConnectorError from requests that do not reach it.
    """

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"unix"}

    def __init__(
        self,
        path: str | os.PathLike[str],
        force_close: bool = False,
        keepalive_timeout: float | Unset | None = UNSET,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        loop: object = None,
        *,
        conn_timeout: float | None = None,
        limits: http1.Limits | None = None,
        quirks: Collection[http1.Quirk] = (),
    ) -> None:
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
            limits=limits,
            quirks=quirks,
        )
        self._path = _checked_path(path)
        if conn_timeout is not None:
            deprecated("conn_timeout is deprecated: use timeout=ClientTimeout(sock_connect=...)")
        self._conn_timeout = conn_timeout

    async def _open(self, wanted: Wanted) -> ByteStream:
        async def connect(deadline: float) -> ByteStream:
            own = wanted.runtime.now() + (self._conn_timeout or math.inf)
            try:
                return await wanted.runtime.connect_unix(
                    self._path, deadline=min(deadline, own), undertaking=wanted.undertaking
                )
            except StreamTimeout as error:
                if own >= deadline:
                    raise
                raise ConnectionTimeoutError(
                    f"no connection opened within conn_timeout={self._conn_timeout} s"
                ) from error

        return await open_local_stream(wanted, connect)


class NamedPipeConnector(_LocalConnector):
    r"""A pool of connections to the named pipe `path` of Windows, such as ``\\.\pipe\name``, on its Proactor loop.

    The other arguments are those of `BaseConnector`. Raises RuntimeError anywhere else.
    """

    allowed_protocol_schema_set = BaseConnector.allowed_protocol_schema_set | {"npipe"}

    def __init__(
        self,
        path: str,
        force_close: bool = False,
        keepalive_timeout: float | Unset | None = UNSET,
        limit: int | None = 100,
        limit_per_host: int | None = 0,
        loop: object = None,
    ) -> None:
        if os.name != "nt":
            raise RuntimeError("named pipes are only available on Windows: use a UnixConnector here")
        super().__init__(
            force_close=force_close,
            keepalive_timeout=keepalive_timeout,
            limit=limit,
            limit_per_host=limit_per_host,
            loop=loop,
        )
        self._path = _checked_path(path)

    async def _open(self, wanted: Wanted) -> ByteStream:
        pipes = getattr(wanted.runtime, _PIPES, None)
        if pipes is None:
            name = wanted.runtime.name
            raise RuntimeError(f"named pipes are only available on asyncio's Proactor loop, not on {name}")

        async def connect(deadline: float) -> ByteStream:
            stream: ByteStream = await pipes(self._path, deadline=deadline)
            return stream

        return await open_local_stream(wanted, connect)


def _checked_path(path: Any) -> str:
    found: Any = os.fspath(path)
    if not isinstance(found, str) or not found:
        raise ValueError(f"a path must be a str that is not empty, not {found!r}")
    return found
