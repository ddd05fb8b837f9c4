"""`TestClient`: a session whose requests go to one server under test, which it starts and closes."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, Unpack, cast

from yarl import URL

from .awaited import Awaited
from .cookie_jar import AbstractCookieJar, CookieJar
from .memory_connector import MemoryConnector
from .request_options import RequestOptions
from .response import ClientResponse
from .session import ClientSession
from .websocket import ClientWebSocketResponse

__all__ = ["TestClient", "TestedServer"]

RequestT = TypeVar("RequestT")
ApplicationT = TypeVar("ApplicationT")


class TestedServer(Protocol):
    """A server for tests, as a client needs it. One that has `in_memory` set is reached by its `accept`, see `Peer`."""

    host: str
    port: int | None

    async def start_server(self) -> None:
        """Start, unless started."""
        ...

    async def close(self) -> None:
        """End, unless closed."""
        ...

    def make_url(self, path: str | URL) -> URL:
        """Return the URL of `path`."""
        ...


class TestClient(Generic[RequestT, ApplicationT]):
    """Requests paths of `server`; by ``async with``, or by `start_server` and `close`, which are the server's too.

    `server` is a `TestServer`, `RawTestServer`, or of one's own with their methods; in memory where that is.
    `cookie_jar` is one that takes cookies from IP addresses, unless given; `options` are those of `ClientSession`.
    `loop` is ignored. Raises TypeError for what is no server.

        async with TestClient(TestServer(app)) as client:
            async with client.get("/") as response:
                assert response.status == 200
    """

    __test__ = False  # for pytest: the name is no test's

    def __init__(
        self,
        server: TestedServer,
        *,
        cookie_jar: AbstractCookieJar | None = None,
        loop: object = None,
        **options: Any,
    ) -> None:
        if isinstance(server, type) or not all(hasattr(server, verb) for verb in ("start_server", "close", "make_url")):
            raise TypeError(f"server must be a TestServer or a RawTestServer, not {type(server).__name__}")
        self._server = server
        self._closed = False
        self._websockets: list[ClientWebSocketResponse] = []
        if getattr(server, "in_memory", False):
            options.setdefault("connector", MemoryConnector(_PeerOf(server)))
        self._session = ClientSession(
            cookie_jar=CookieJar(unsafe=True) if cookie_jar is None else cookie_jar, **options
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed ' if self._closed else ''}{self._server!r}>"

    async def start_server(self) -> None:
        """Start the server, unless it is started."""
        await self._server.start_server()

    @property
    def host(self) -> str:
        """The address of the server."""
        return self._server.host

    @property
    def port(self) -> int | None:
        """The port of the server; None where it does not run."""
        return self._server.port

    @property
    def server(self) -> Any:
        """The server."""
        return self._server

    @property
    def app(self) -> ApplicationT:
        """The application; None where the server has none."""
        return cast(ApplicationT, getattr(self._server, "app", None))

    @property
    def session(self) -> ClientSession:
        """The session, which wants whole URLs; see `make_url`."""
        return self._session

    def make_url(self, path: str | URL) -> URL:
        """Return the URL of `path`. Raises RuntimeError where the server does not run, ValueError for a whole URL."""
        return self._server.make_url(path)

    def request(self, method: str, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """Request `path` by `method`: await it for the response, or enter it; see `ClientSession.request`."""
        return self._session.request(method, self.make_url(path), **options)

    def get(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """GET `path`; see `request`."""
        return self.request("GET", path, **options)

    def post(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """POST `data` to `path`; see `request`."""
        return self.request("POST", path, **options)

    def options(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """OPTIONS on `path`; see `request`."""
        return self.request("OPTIONS", path, **options)

    def head(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """HEAD `path`, and follow redirects, as a session does not; see `request`."""
        return self.request("HEAD", path, **options)

    def put(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """PUT `data` to `path`; see `request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """PATCH `path` with `data`; see `request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str | URL, **options: Unpack[RequestOptions]) -> Awaited[ClientResponse]:
        """DELETE `path`; see `request`."""
        return self.request("DELETE", path, **options)

    def ws_connect(self, path: str | URL, **options: Any) -> Awaited[ClientWebSocketResponse[Any]]:
        """Open a WebSocket at `path`; see `ClientSession.ws_connect`. It is closed with the client at the latest."""
        return Awaited(self._ws_connect(path, options))

    async def _ws_connect(self, path: str | URL, options: dict[str, Any]) -> ClientWebSocketResponse[Any]:
        websocket: ClientWebSocketResponse[Any] = await self._session.ws_connect(self.make_url(path), **options)
        self._websockets.append(websocket)
        return websocket

    async def close(self) -> None:
        """Close the WebSockets, the session and the server. Does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        try:
            for websocket in self._websockets:
                await websocket.close()
        finally:
            try:
                await self._session.close()
            finally:
                await self._server.close()

    def __enter__(self) -> None:
        raise TypeError("Use async with instead")

    def __exit__(self, *_: object) -> None:
        """Never reached."""

    async def __aenter__(self) -> Self:
        try:
            await self.start_server()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class _PeerOf:
    """The other end of connections in memory: a server whose start and end are its client's business."""

    def __init__(self, server: Any) -> None:
        self.accept = server.accept

    async def start(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""
