"""Sites: where a runner's server can be reached. `TCPSite`, `UnixSite`, `SockSite`, and on Windows `NamedPipeSite`."""

from __future__ import annotations

import math
import os
import socket
import ssl
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from yarl import URL

from drywire_transports import Listener, current_runtime

from .runner import BaseRunner
from .server import Server

__all__ = ["BaseSite", "NamedPipeSite", "SockSite", "TCPSite", "UnixSite"]

SHUTDOWN_TIMEOUT: Final = 60.0


def check_place(port: object, ssl_context: object) -> None:
    """Raise OverflowError for a port that cannot be, which some systems would cut, TypeError for what is no context."""
    if isinstance(port, int) and not 0 <= port <= 65535:
        raise OverflowError(f"port must be 0 to 65535, not {port}")
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        hint = "web.ReloadingSSLContext.from_files(certfile, keyfile) makes one"
        raise TypeError(f"ssl_context must be an ssl.SSLContext, not {type(ssl_context).__name__}: {hint}")


class BaseSite(ABC):
    """A listening socket of a runner; `start` opens it, `stop` or the runner's `cleanup` closes it.

    `shutdown_timeout` is deprecated: it is the runner's. Raises RuntimeError before the runner's `setup`.
    """

    def __init__(
        self,
        runner: BaseRunner,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
    ) -> None:
        if runner.server is None:
            raise RuntimeError("Call runner.setup() before making a site")
        check_place(None, ssl_context)
        if shutdown_timeout != SHUTDOWN_TIMEOUT:
            message = "shutdown_timeout of a site is deprecated: pass it to the runner"
            warnings.warn(message, DeprecationWarning, stacklevel=3)
            runner.shutdown_timeout = shutdown_timeout
        self._runner = runner
        self._ssl_context = ssl_context
        self._backlog = backlog
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    @abstractmethod
    def name(self) -> str:
        """Where the site is, as a URL or a path."""

    @property
    def addresses(self) -> Sequence[Any]:
        """The addresses listened on; none before `start`."""
        return () if self._listener is None else self._listener.addresses

    @property
    def _server(self) -> Any:
        """What old code looks into for ``_server.sockets``; None before `start`. `addresses` says the same."""
        return self._listener

    async def start(self) -> None:
        """Listen. Raises RuntimeError the second time, OSError where the address cannot be had."""
        server = self._runner.register(self)
        try:
            self._listener = await self._listen(server)
        except BaseException:
            self._runner.unregister(self)
            raise

    @abstractmethod
    async def _listen(self, server: Server) -> Listener: ...

    async def stop(self) -> None:
        """Stop listening; connections go on until the runner's `cleanup`. Raises RuntimeError before `start`."""
        self.close()
        await self._runner.retire(self)

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

    def _url(self, host: str, port: int) -> str:
        return str(URL.build(scheme=self._scheme, host=host, port=port))


class TCPSite(BaseSite):
    """Listens on `host` (None: every interface) and `port` (8080, or 8443 with TLS; 0: a free one)."""

    def __init__(
        self,
        runner: BaseRunner,
        host: str | None = None,
        port: int | None = None,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._host = host
        check_place(port, None)
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
        return self._url(self._host or "0.0.0.0", self.port)

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_tcp(
            server.serve,
            self._host,
            self._port,
            backlog=self._backlog,
            tls=self._ssl_context,
            reuse_address=self._reuse_address,
            reuse_port=self._reuse_port,
            handshake_timeout=server.settings.ssl_handshake_timeout,
        )


class UnixSite(BaseSite):
    """Listens on the Unix socket `path`, whose file goes with the site."""

    def __init__(
        self,
        runner: BaseRunner,
        path: str | os.PathLike[str],
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._path = os.fspath(path)

    @property
    def name(self) -> str:
        """The URL of the site."""
        return f"{self._scheme}://unix:{self._path}:"

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_unix(
            server.serve,
            self._path,
            backlog=self._backlog,
            tls=self._ssl_context,
            handshake_timeout=server.settings.ssl_handshake_timeout,
        )


class SockSite(BaseSite):
    """Listens on a socket that is bound already, and closes it in the end."""

    def __init__(
        self,
        runner: BaseRunner,
        sock: socket.socket,
        *,
        shutdown_timeout: float = SHUTDOWN_TIMEOUT,
        ssl_context: ssl.SSLContext | None = None,
        backlog: int = 128,
    ) -> None:
        super().__init__(runner, shutdown_timeout=shutdown_timeout, ssl_context=ssl_context, backlog=backlog)
        self._sock = sock
        address = sock.getsockname()
        is_tcp = isinstance(address, tuple)
        self._name = self._url(*address[:2]) if is_tcp else f"{self._scheme}://unix:{os.fsdecode(address)}:"

    @property
    def name(self) -> str:
        """The URL of the site."""
        return self._name

    async def _listen(self, server: Server) -> Listener:
        return await server.runtime.listen_sockets(
            server.serve,
            [self._sock],
            backlog=self._backlog,
            tls=self._ssl_context,
            handshake_timeout=server.settings.ssl_handshake_timeout,
        )


class NamedPipeSite(BaseSite):
    """Listens on the named pipe `path`: with asyncio's proactor loop on Windows, and nowhere else.

    Raises RuntimeError on any other loop.
    """

    def __init__(self, runner: BaseRunner, path: str, *, shutdown_timeout: float = SHUTDOWN_TIMEOUT) -> None:
        if not hasattr(getattr(current_runtime(), "loop", None), "start_serving_pipe"):
            raise RuntimeError("Named Pipes only available in proactor loop under windows")
        super().__init__(runner, shutdown_timeout=shutdown_timeout)
        self._path = path

    @property
    def name(self) -> str:
        """The path."""
        return self._path

    async def _listen(self, server: Server) -> Listener:
        runtime: Any = server.runtime
        [pipe] = await runtime.loop.start_serving_pipe(server, self._path)
        return _Pipe(server, pipe)


class _Pipe:
    """A named pipe, as a site knows its listener; `Server` itself owns the connections."""

    addresses: Sequence[Any] = ()
    sockets: tuple[socket.socket, ...] = ()

    def __init__(self, server: Server, pipe: Any) -> None:
        self._server = server
        self._pipe = pipe

    def close(self) -> None:
        """Stop accepting."""
        self._pipe.close()

    def cancel(self) -> None:
        """Stop accepting, and end the connections."""
        self.close()
        for connection in self._server.connections:
            connection.stream.abort()

    async def join(self, deadline: float = math.inf) -> bool:
        """Wait for the connections to end."""
        await self._server.shutdown(deadline - self._server.runtime.now())
        return not self._server.connections
