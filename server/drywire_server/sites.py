"""Sites: where a runner's application can be reached. `TCPSite`, `UnixSite`, `SockSite`."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Sequence
from typing import Any

from drywire_transports import Listener

from .runner import AppRunner
from .server import Server

__all__ = ["BaseSite", "SockSite", "TCPSite", "UnixSite"]


class BaseSite:
    """A listening socket of an `AppRunner`; `start` opens it, `stop` or the runner's `cleanup` closes it."""

    def __init__(self, runner: AppRunner, *, ssl_context: ssl.SSLContext | None = None, backlog: int = 128) -> None:
        self._runner = runner
        self._ssl_context = ssl_context
        self._backlog = backlog
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def name(self) -> str:
        """Where the site is, as a URL or a path."""
        raise NotImplementedError

    @property
    def addresses(self) -> Sequence[Any]:
        """The addresses listened on; none before `start`."""
        return () if self._listener is None else self._listener.addresses

    async def start(self) -> None:
        """Listen. Raises RuntimeError before the runner's `setup`, OSError where the address cannot be had."""
        server = self._runner.register(self)
        try:
            self._listener = await self._listen(server)
        except BaseException:
            self._runner.unregister(self)
            raise

    async def _listen(self, server: Server) -> Listener:
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening; connections go on until the runner's `cleanup`."""
        self.close()

    def close(self) -> None:
        """Stop listening, without a wait."""
        if self._listener is not None:
            self._listener.close()

    def cancel(self) -> None:
        """Stop listening and cancel what still runs on this site's connections."""
        if self._listener is not None:
            self._listener.cancel()

    async def join(self, deadline: float = math.inf) -> bool:
        """Wait for this site's connections to end, or for `deadline`; return whether they have."""
        return self._listener is None or await self._listener.join(deadline)

    @property
    def _scheme(self) -> str:
        return "http" if self._ssl_context is None else "https"


class TCPSite(BaseSite):
    """Listens on `host` (None: every interface) and `port` (8080, or 8443 with TLS; 0: a free one)."""

    def __init__(
        self,
        runner: AppRunner,
        host: str | None = None,
        port: int | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context, backlog=backlog)
        self._host = host
        self._port = port if port is not None else 8080 if ssl_context is None else 8443
        self._reuse_address = reuse_address
        self._reuse_port = reuse_port

    @property
    def port(self) -> int:
        """The port listened on; before `start`, the one asked for."""
        return int(self.addresses[0][1]) if self.addresses else self._port

    @property
    def name(self) -> str:
        """The URL of the site."""
        host = self._host or "0.0.0.0"
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_tcp(
            server.serve,
            self._host,
            self._port,
            backlog=self._backlog,
            tls=self._ssl_context,
            reuse_address=self._reuse_address,
            reuse_port=self._reuse_port,
        )


class UnixSite(BaseSite):
    """Listens on the Unix socket `path`."""

    def __init__(
        self, runner: AppRunner, path: str, *, ssl_context: ssl.SSLContext | None = None, backlog: int = 128
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context, backlog=backlog)
        self._path = path

    @property
    def name(self) -> str:
        """The URL of the site."""
        return f"{self._scheme}://unix:{self._path}:"

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_unix(server.serve, self._path, backlog=self._backlog, tls=self._ssl_context)


class SockSite(BaseSite):
    """Listens on a socket that is bound already."""

    def __init__(
        self, runner: AppRunner, sock: socket.socket, *, ssl_context: ssl.SSLContext | None = None, backlog: int = 128
    ) -> None:
        super().__init__(runner, ssl_context=ssl_context, backlog=backlog)
        self._sock = sock
        address = sock.getsockname()
        self._name = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else f"unix:{address}:"

    @property
    def name(self) -> str:
        """The URL of the site."""
        return f"{self._scheme}://{self._name}"

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_sockets(
            server.serve, [self._sock], backlog=self._backlog, tls=self._ssl_context
        )
