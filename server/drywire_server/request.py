"""`Request`: what a handler gets. Everything that is not asked for is never made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.media_types import MediaType
from drywire_transports import ByteStream
from drywire_transports.body_reader import StreamReader
from drywire_transports.message_fields import MessageHead

from .errors import HTTPRequestEntityTooLarge
from .match_info import MatchInfo, Route
from .stream_response import Link

__all__ = ["Request"]

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")}
_VERSIONS = {b"1.0": (1, 0), b"1.1": (1, 1)}


class Connection(Link, Protocol):
    """The connection that a request came over."""

    core: http1.ServerConnection
    stream: ByteStream


class App(Protocol):
    """The application that handles a request: a mapping of what handlers share."""

    client_max_size: int
    router: Any

    def __getitem__(self, key: Any) -> Any: ...
    def __contains__(self, key: object) -> bool: ...


class Request(MessageHead):
    """An HTTP request; also a mapping in which middlewares and handlers can keep things for each other."""

    __slots__ = (
        "__weakref__",
        "_app",
        "_body",
        "_match",
        "_match_info",
        "_rel_url",
        "_state",
        "content",
        "head",
        "link",
        "method",
    )

    _app: App
    _match: tuple[Route, dict[str, str] | None]

    def __init__(self, head: http1.Request, content: StreamReader, connection: Connection) -> None:
        self.head: http1.Request = head
        """The head as the protocol core gave it."""
        self.link = connection
        """The connection it came over."""
        self._headers: CIMultiDictProxy[str] | None = None
        self._rel_url: URL | None = None
        self._body: bytes | None = None
        self._type: MediaType | None = None
        self._state: dict[Any, Any] | None = None
        self._match_info: MatchInfo | None = None
        self.method: str = _METHODS.get(head.method) or head.method.decode("ascii")
        """The method, as the client sent it."""
        self.content = content
        """The body as a stream."""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    # The request line

    @property
    def version(self) -> tuple[int, int]:
        """The HTTP version the client speaks, ``(1, 1)`` or ``(1, 0)``."""
        return _VERSIONS[self.head.http_version]

    @property
    def raw_path(self) -> str:
        """The request target exactly as it came."""
        return self.head.target.decode("ascii")

    @property
    def rel_url(self) -> URL:
        """Path and query as a URL; of an absolute target, path and query of that."""
        if self._rel_url is None:
            target = self.raw_path
            if target.startswith("/"):
                path, _, query = target.partition("?")
                self._rel_url = URL.build(path=path, query_string=query, encoded=True)
            elif "://" in target:
                self._rel_url = URL(target, encoded=True).relative()
            else:
                self._rel_url = URL.build(path=target, encoded=True)
        return self._rel_url

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return self.rel_url.path

    @property
    def path_qs(self) -> str:
        """Path and query, percent-encoded."""
        return str(self.rel_url)

    @property
    def query(self) -> MultiDictProxy[str]:
        """The parameters of the query, decoded; names are case-sensitive."""
        return self.rel_url.query

    @property
    def query_string(self) -> str:
        """The query, percent-decoded."""
        return self.rel_url.query_string

    @property
    def url(self) -> URL:
        """The whole URL, from scheme, Host and target; never pieced together as text."""
        authority = URL.build(scheme=self.scheme, authority=self.host, encoded=True)
        return authority.join(self.rel_url)

    @property
    def keep_alive(self) -> bool:
        """Whether the client lets the connection serve another request."""
        return self.link.core.keep_alive

    # The connection

    @property
    def host(self) -> str:
        """The Host field, with its port if it has one; without the field the local address."""
        host = self.headers.get("Host")
        if host is not None:
            return host
        name = self.link.stream.extra_info("sockname")
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "localhost"

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.link.stream.extra_info("ssl_object") is not None

    @property
    def scheme(self) -> str:
        """``"https"`` or ``"http"``."""
        return "https" if self.secure else "http"

    @property
    def remote(self) -> str | None:
        """The address of the peer; ``""`` over a Unix socket."""
        name: tuple[str, int] | str | None = self.link.stream.extra_info("peername")
        return name[0] if isinstance(name, tuple) else name

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows under `name`, such as ``"peername"`` or ``"ssl_object"``."""
        return self.link.stream.extra_info(name, default)

    # The application

    @property
    def app(self) -> App:
        """The application that handles this request."""
        return self._app

    @property
    def match_info(self) -> MatchInfo:
        """The variables of the path, percent-decoded, and the route that was found."""
        if self._match_info is None:
            route, variables = self._match
            self._match_info = MatchInfo(route, variables or {})
        return self._match_info

    # The body

    @property
    def can_read_body(self) -> bool:
        """Whether there is a body of which something is left to read."""
        return not self.content.at_eof()

    @property
    def body_exists(self) -> bool:
        """Whether the request has a body, read or not."""
        return self.content.total_bytes > 0 or not self.content.is_eof()

    async def read(self) -> bytes:
        """Return the body.

        Raises HTTPRequestEntityTooLarge beyond the application's `client_max_size`, RequestPayloadError where the
        body is malformed or cut off.
        """
        if self._body is None:
            limit = self._app.client_max_size
            pieces: list[bytes] = []
            size = 0
            while piece := await self.content.readany():
                size += len(piece)
                if limit and size > limit:
                    raise HTTPRequestEntityTooLarge(limit, size)
                pieces.append(piece)
            self._body = b"".join(pieces)
        return self._body

    async def text(self) -> str:
        """Return the body as text, in its charset or UTF-8. Raises UnicodeDecodeError, and what `read` raises."""
        return (await self.read()).decode(self.charset or "utf-8")

    async def json(self, *, loads: Callable[[str], Any] = json.loads) -> Any:
        """Return the body decoded from JSON. Raises json.JSONDecodeError, and what `text` raises."""
        return loads(await self.text())

    # Storage

    def __getitem__(self, key: Any) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def get(self, key: Any, default: Any = None) -> Any:
        """Return what was kept under `key`."""
        return default if self._state is None else self._state.get(key, default)
