"""`TestServer` and `RawTestServer`: a server for the length of a test, on a free port or in memory."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from yarl import URL

from drywire_transports import ByteStream

from ..app import Application
from ..connection import RequestHandler
from ..in_memory import StreamSite
from ..runner import AppRunner, BaseRunner, ServerRunner
from ..server import Server
from ..sites import SockSite
from .ports import SocketFactory, get_port_socket

__all__ = ["BaseTestServer", "RawTestServer", "TestServer"]


class BaseTestServer(ABC):
    """A server for the length of a test, by ``async with`` or by `start_server` and `close`.

    `host` is the address to listen on, `port` the port (None or 0: a free one). `scheme` is what `make_url` says,
    ``"https"`` with TLS and ``"http"`` without unless given. With `skip_url_asserts` `make_url` takes what it is given
    as it is. `socket_factory` makes the socket, of host, port and address family.

    With `in_memory` there is no socket: a `TestClient` opens connections in memory, and nobody else can. They are as
    over a socket, but for TLS, which there is none: with the scheme ``"https"`` requests are secure all the same.

    `settings` are those of the runner, such as `keepalive_timeout` and `shutdown_timeout`. As with aiohttp, a handler
    is cancelled once its client has gone, unless `handler_cancellation` is given. `loop` is ignored.
    """

    __test__ = False  # for pytest: the name is no test's

    def __init__(
        self,
        *,
        scheme: str = "",
        host: str = "127.0.0.1",
        port: int | None = None,
        skip_url_asserts: bool = False,
        socket_factory: SocketFactory = get_port_socket,
        in_memory: bool = False,
        loop: object = None,
        **settings: Any,
    ) -> None:
        self.scheme = scheme
        """``"http"`` or ``"https"``; before the start empty, unless given."""
        self.host = host
        """The address that is listened on."""
        self.port = port
        """The port that is listened on; None before the start, unless given, and after the end."""
        self.skip_url_asserts = skip_url_asserts
        """Whether `make_url` takes what it is given as it is."""
        self.socket_factory = socket_factory
        """Makes the socket."""
        self.in_memory = in_memory
        """Whether connections are made in memory."""
        self.runner: BaseRunner | None = None
        """What runs the server; None before the start."""
        self._settings = settings
        self._root: URL | None = None
        self._closed = False
        self._stream_site = StreamSite()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "not started" if self._root is None else str(self._root)
        return f"<{type(self).__name__} {state}>"

    @abstractmethod
    def _make_runner(self, **settings: Any) -> BaseRunner:
        """Return what runs the server."""

    async def start_server(self, loop: object = None, *, ssl: ssl.SSLContext | None = None, **settings: Any) -> None:
        """Start the server, with TLS where `ssl` is a context; `settings` go before those it was made with.

        In memory there is no TLS, but then the scheme is https. Does nothing where it is started. `loop` is ignored.
        Raises OSError where the port cannot be had, and what the application's start raises; then nothing is left
        running.
        """
        if self.runner is not None:
            return
        settings = {"handler_cancellation": True, **self._settings, **settings}
        settings.pop("debug", None)  # aiohttp's, without effect there too
        self.scheme = self.scheme or ("http" if ssl is None else "https")
        runner = self._make_runner(**settings)
        await runner.setup()
        try:
            if self.in_memory:
                self._listen_in_memory(runner)
            else:
                await self._listen(runner, ssl)
        except BaseException:
            await runner.cleanup()
            raise
        self.runner = runner

    async def _listen(self, runner: BaseRunner, context: ssl.SSLContext | None) -> None:
        version = _ip_version(self.host)
        written = f"[{self.host}]" if version == 6 else self.host
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        sock = self.socket_factory(self.host, self.port or 0, family)
        try:
            site = SockSite(runner, sock, ssl_context=context)
            await site.start()
        except BaseException:
            sock.close()
            raise
        self.host, self.port = site.addresses[0][:2]
        self._root = URL(f"{self.scheme}://{written}:{self.port}")

    def _listen_in_memory(self, runner: BaseRunner) -> None:
        self._stream_site = StreamSite()
        runner.register(self._stream_site)
        self.port = self.port or (443 if self.scheme == "https" else 80)
        written = f"[{self.host}]" if _ip_version(self.host) == 6 else self.host
        self._root = URL(f"{self.scheme}://{written}:{self.port}")

    def accept(
        self, stream: ByteStream, origin: object = None, fail: Callable[[Exception], None] | None = None
    ) -> None:
        """Serve the connection `stream` to its end, in a task that this owns: one that was not made over a socket.

        `origin` and `fail` are what a client's connector tells of it; a server answers for its own errors. Raises
        RuntimeError before the start and after the end.
        """
        self._stream_site.serve(self.handler.serve, stream)

    def make_url(self, path: str | URL) -> URL:
        """Return the URL of `path` on this server.

        Raises RuntimeError before the start and after the end, ValueError for a whole URL.
        """
        if self._root is None:
            raise RuntimeError(f"{self!r} has no URL: start it first, by `async with` or start_server()")
        if self.skip_url_asserts:
            return URL(f"{self._root}{path}")
        url = URL(path)
        if url.absolute:
            raise ValueError(f"a path on this server is wanted, not a whole URL: {url.with_user(None)}")
        return self._root.join(url)

    @property
    def started(self) -> bool:
        """Whether it was started; also once it is closed."""
        return self.runner is not None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def handler(self) -> Server:
        """The server itself. Raises RuntimeError before the start and after the end."""
        server: Server | None = None if self.runner is None else self.runner.server
        if server is None:
            raise RuntimeError(f"{self!r} does not run: start it first, by `async with` or start_server()")
        return server

    async def close(self) -> None:
        """End the server: let requests finish for the `shutdown_timeout`, then cut them, and run the clean-up.

        Does nothing before the start, nor the second time.
        """
        if self.runner is None or self._closed:
            return
        self._closed = True
        self._root = None
        self.port = None
        await self.runner.cleanup()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *_: object) -> None:
        raise TypeError("Use async with instead")

    async def __aenter__(self) -> Self:
        await self.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class TestServer(BaseTestServer):
    """Serves `app`, from its start to its clean-up; `options` are those of `BaseTestServer`."""

    def __init__(
        self, app: Application, *, scheme: str = "", host: str = "127.0.0.1", port: int | None = None, **options: Any
    ) -> None:
        super().__init__(scheme=scheme, host=host, port=port, **options)
        self.app = app
        """The application."""

    def _make_runner(self, **settings: Any) -> BaseRunner:
        return AppRunner(self.app, **settings)


class RawTestServer(BaseTestServer):
    """Serves every request by `handler`, an async function from a `BaseRequest` to a response: there are no routes.

    `options` are those of `BaseTestServer`.
    """

    def __init__(
        self,
        handler: RequestHandler,
        *,
        scheme: str = "",
        host: str = "127.0.0.1",
        port: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(scheme=scheme, host=host, port=port, **options)
        self._handler = handler

    def _make_runner(self, **settings: Any) -> BaseRunner:
        patience = {"shutdown_timeout": settings.pop("shutdown_timeout")} if "shutdown_timeout" in settings else {}
        return ServerRunner(Server(self._handler, **settings), **patience)


def _ip_version(host: str) -> int:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 4  # a name
