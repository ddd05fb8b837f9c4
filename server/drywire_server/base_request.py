"""`BaseRequest`: a request as a low-level server hands it on. Everything that is not asked for is never made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple, Protocol, Self

from multidict import CIMultiDictProxy, MultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.charsets import known_charset
from drywire_sansio.media_types import MediaType
from drywire_transports import ByteStream, Runtime
from drywire_transports.body_reader import StreamReader
from drywire_transports.json_text import from_json
from drywire_transports.message_fields import HttpVersion, LooseHeaders, map_to_fields, to_multidict
from drywire_transports.multipart_reader import MultipartReader
from drywire_transports.which import current_task

from .errors import HTTPBadRequest, HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType, decoded
from .form import FormValue, UploadedFile, read_multipart_form, read_urlencoded_form
from .request_fields import RequestFields
from .request_transport import RequestTransport, RequestWriter
from .storage import Storage
from .stream_response import Link

__all__ = ["BaseRequest", "Connection", "RawRequestMessage"]

_METHODS: Final = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
}
_VERSIONS: Final = {b"1.0": HttpVersion(1, 0), b"1.1": HttpVersion(1, 1)}
_FORM_METHODS: Final = frozenset({"PATCH", "POST", "PUT", "TRACE", "DELETE"})
_NOT_GIVEN: Final[Any] = object()

CLIENT_MAX_SIZE: Final = 1024**2
CLIENT_MAX_FIELDS: Final = 1000
SMALL_PIECE: Final = 4096
"""Bytes below which pieces of a body are put together as they come."""


class Connection(Link, Protocol):
    """The connection that a request came over."""

    core: http1.ServerConnection
    stream: ByteStream

    @property
    def runtime(self) -> Runtime:
        """The event loop it runs on."""
        ...


class RawRequestMessage(NamedTuple):
    """A request's head, as old middlewares ask for it (`request.message`)."""

    method: str
    path: str
    version: HttpVersion
    headers: CIMultiDictProxy[str]
    raw_headers: tuple[tuple[bytes, bytes], ...]
    should_close: bool
    compression: str | None
    upgrade: bool
    chunked: bool
    url: URL


class BaseRequest(RequestFields, Storage):
    """An HTTP request; also a mapping in which middlewares and handlers can keep things for each other."""

    __slots__ = ("_body", "_rel_url", "_state", "content", "head", "link", "method")

    _key_class = "RequestKey"
    _post: MultiDictProxy[FormValue] | None = None
    _files: tuple[UploadedFile, ...] = ()
    _cloned_from: BaseRequest | None = None
    """The server's own request, which closes the files of a form in the end."""
    _reads_parts = False
    """Whether its body is read as a multipart one, so that a MultipartError of its handler is most likely of that."""
    _client_max_size: int = CLIENT_MAX_SIZE
    _client_max_fields: int = CLIENT_MAX_FIELDS
    _on_prepare: Callable[[Any, Any], Awaitable[None]] | None = None
    """Awaited with request and response before the head of its response goes out (`on_response_prepare`)."""
    POST_METHODS: ClassVar[frozenset[str]] = _FORM_METHODS
    """Methods whose requests may carry a form."""

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
        self.method: str = _METHODS.get(head.method) or head.method.decode("ascii")
        """The method, as the client sent it."""
        self.content = content
        """The body as a stream."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.path}>"

    # The request line

    @property
    def version(self) -> HttpVersion:
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

    @cached_property
    def url(self) -> URL:
        """The whole URL, from scheme, host and target; its path is that of `rel_url`, to the letter.

        Raises HTTPBadRequest where the host is none.
        """
        relative = self.rel_url
        path = relative.raw_path
        try:
            host = URL.build(scheme=self.scheme, authority=self.host)
            return URL.build(
                scheme=host.scheme,
                authority=host.raw_authority,
                path=path if path.startswith("/") else f"/{path}",
                query_string=relative.raw_query_string,
                encoded=True,
            )
        except ValueError as error:
            raise HTTPBadRequest(text=f"400: the request has no valid host: {error}") from error

    @property
    def keep_alive(self) -> bool:
        """Whether the client lets the connection serve another request."""
        return self.link.core.keep_alive

    # The connection

    @cached_property
    def host(self) -> str:
        """The host and port that are asked: those of an absolute target, else the Host field as it came.

        Without either it is the local address.
        """
        target = self.head.target
        if not target.startswith(b"/") and b"://" in target:
            authority = URL(self.raw_path, encoded=True).raw_authority
            if authority:
                return authority.rpartition("@")[2]
        host = self.headers.get("Host")
        if host is not None:
            return host
        name = self.link.stream.extra_info("sockname")
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "localhost"

    @cached_property
    def scheme(self) -> str:
        """``"https"`` where the connection is encrypted, else ``"http"``; `clone` can say otherwise."""
        return "http" if self.link.stream.extra_info("ssl_object") is None else "https"

    @property
    def secure(self) -> bool:
        """Whether the scheme is ``"https"``."""
        return self.scheme == "https"

    @cached_property
    def remote(self) -> str | None:
        """The address of the peer; ``""`` over a Unix socket, None where it is not known."""
        name: tuple[str, int] | str | None = self.link.stream.extra_info("peername")
        return name[0] if isinstance(name, tuple) else name

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows under `name`, such as ``"peername"`` or ``"ssl_object"``."""
        return self.link.stream.extra_info(name, default)

    @property
    def transport(self) -> RequestTransport | None:
        """The connection, as far as handlers need to know and end it, on every event loop; None once it has ended."""
        stream = self.link.stream
        return None if stream.closed else RequestTransport(stream)

    @property
    def protocol(self) -> Any:
        """The connection of the server's that the request came over."""
        return self.link

    @property
    def writer(self) -> RequestWriter:
        """What a response's body can be written to by hand, once the response is prepared."""
        return RequestWriter(self.link)

    @property
    def task(self) -> Any:
        """The task that runs: the one of the handler, where a handler asks; asyncio's or trio's own kind."""
        return current_task()

    @property
    def loop(self) -> Any:
        """asyncio's event loop, deprecated. Raises RuntimeError on trio, which has none."""
        warnings.warn("request.loop is deprecated", DeprecationWarning, stacklevel=2)
        loop = getattr(self.link.runtime, "loop", None)
        if loop is None:
            raise RuntimeError("request.loop is asyncio's: there is none on trio")
        return loop

    @property
    def message(self) -> RawRequestMessage:
        """The head, as old code asks for it; deprecated."""
        warnings.warn("request.message is deprecated: ask the request itself", DeprecationWarning, stacklevel=2)
        headers = self.headers
        return RawRequestMessage(
            self.method,
            self.raw_path,
            self.version,
            headers,
            self.raw_headers,
            not self.keep_alive,
            headers.get("Content-Encoding"),
            "Upgrade" in headers,
            "Transfer-Encoding" in headers,
            self.rel_url,
        )

    # The body

    @property
    def client_max_size(self) -> int:
        """The largest body, in bytes, that is taken in whole; 0 for any."""
        return self._client_max_size

    @property
    def client_max_fields(self) -> int:
        """The most fields that a form may have; 0 for any number."""
        return self._client_max_fields

    @property
    def can_read_body(self) -> bool:
        """Whether there is a body of which something is left to read."""
        return not self.content.at_eof()

    @property
    def has_body(self) -> bool:
        """What `can_read_body` says; deprecated."""
        warnings.warn("has_body is deprecated: use can_read_body", DeprecationWarning, stacklevel=2)
        return self.can_read_body

    @property
    def body_exists(self) -> bool:
        """Whether the request has a body, read or not."""
        return self.content.total_raw_bytes > 0 or not self.content.is_eof()

    async def read(self) -> bytes:
        """Return the body.

        Raises HTTPRequestEntityTooLarge beyond `client_max_size`, before anything is read where the Content-Length
        says so; RequestPayloadError where the body is malformed or cut off.
        """
        if self._body is None:
            content, limit = self.content, self.client_max_size
            if 0 < limit < content.total_raw_bytes and content.is_whole and content.unread > limit:
                raise HTTPRequestEntityTooLarge(limit, content.unread)
            body = content.take_whole()
            if body is None and content.is_whole:
                body = content.read_nowait()
            if body is not None:
                if limit and len(body) > limit:
                    raise HTTPRequestEntityTooLarge(limit, len(body))
                self._body = body
            else:
                self._body = await self._read_all(limit)
        return self._body

    async def _read_all(self, limit: int) -> bytes:
        announced = self.content_length
        if announced is not None and limit and announced > limit and "Content-Encoding" not in self.headers:
            raise HTTPRequestEntityTooLarge(limit, announced)
        pieces: list[bytes] = []
        small = bytearray()  # a body in tiny chunks would take many times its size as so many objects
        size = 0
        while piece := await self.content.readany():
            size += len(piece)
            if limit and size > limit:
                raise HTTPRequestEntityTooLarge(limit, size)
            if len(piece) < SMALL_PIECE:
                small += piece
                continue
            if small:
                pieces.append(bytes(small))
                small.clear()
            pieces.append(piece)
        return b"".join((*pieces, small) if small else pieces)

    def _text(self, body: bytes) -> str:
        return decoded(body, "utf-8" if (charset := self.charset) is None else self._known(charset))

    def _known(self, charset: str) -> str:
        """Return Python's name of a charset that the client has chosen. Raises HTTPUnsupportedMediaType."""
        name = known_charset(charset)
        if name is None:
            raise HTTPUnsupportedMediaType(text=f"415: the charset {charset[:40]!r} is not known")
        return name

    async def text(self) -> str:
        """Return the body as text, in its charset or UTF-8.

        Raises BodyDecodeError, a UnicodeDecodeError; HTTPUnsupportedMediaType for a charset that is not known; and what
        `read` raises.
        """
        return self._text(await self.read())

    async def json(self, *, loads: Callable[[str], Any] = json.loads) -> Any:
        """Return the body decoded from JSON. Raises json.JSONDecodeError, and what `text` raises."""
        return from_json(self._text(await self.read()), loads)

    async def multipart(self) -> MultipartReader:
        """Return a reader of the body's parts, each as it arrives. It is made anew by each call.

        A part that is read whole is bounded by `client_max_size`. Raises ValueError for a body of another type. What is
        malformed raises MultipartError, a ValueError, which is answered with its `status` unless it is caught.
        """
        return self._multipart_reader()

    def _multipart_reader(self, **options: Any) -> MultipartReader:
        limits = self.link.core.limits
        (self._cloned_from or self)._reads_parts = True
        return MultipartReader(
            self.headers,
            self.content,
            client_max_size=self.client_max_size or float("inf"),
            max_field_size=limits.field_line,
            max_headers=limits.field_count,
            max_size_error_cls=HTTPRequestEntityTooLarge,
            **options,
        )

    async def post(self) -> MultiDictProxy[FormValue]:
        """Return the fields of the form that the body is, files as `FileField`; none where its type is no form's.

        The whole form is bounded by `client_max_size`, files included, and its fields by `client_max_fields`. Files
        are closed when the request ends. Raises HTTPRequestEntityTooLarge; FormError, a ValueError and a
        RequestPayloadError, for what is malformed; BodyDecodeError; HTTPUnsupportedMediaType for a charset that is
        not known.
        """
        if self._post is None:
            self._post = await self._read_form()
        return self._post

    async def _read_form(self) -> MultiDictProxy[FormValue]:
        kind = self.content_type
        max_size, max_fields = self.client_max_size, self.client_max_fields
        if self.method in self.POST_METHODS and kind == "multipart/form-data":
            files: list[UploadedFile] = []
            try:
                return await read_multipart_form(self._multipart_reader, files, max_size, max_fields)
            except BaseException:
                _close(files)
                files.clear()
                raise
            finally:
                owner = self._cloned_from or self
                owner._files = (*owner._files, *files)
        body, charset = b"", "utf-8"
        if self.method in self.POST_METHODS and kind == "application/x-www-form-urlencoded":
            body = await self.read()
            charset = self._known(self.charset or "utf-8")
        return read_urlencoded_form(body, charset, max_fields)

    async def release(self) -> None:
        """Read what is left of the body, to no use."""
        while await self.content.readany():
            pass

    def _finish(self) -> None:
        """Close the files of the form. The server calls this when the request has been answered, or its client left."""
        if self._files:
            _close(self._files)

    # Another like it

    def clone(
        self,
        *,
        method: str = _NOT_GIVEN,
        rel_url: URL | str = _NOT_GIVEN,
        headers: LooseHeaders = _NOT_GIVEN,
        scheme: str = _NOT_GIVEN,
        host: str = _NOT_GIVEN,
        remote: str = _NOT_GIVEN,
        client_max_size: int = _NOT_GIVEN,
        client_max_fields: int = _NOT_GIVEN,
    ) -> Self:
        """Return another request over the same connection, with the same body, in which what is given is different.

        Meant for middlewares, such as one that believes its proxy. What is kept in the request is copied. Raises
        RuntimeError once the body has been read.
        """
        if self._body is not None:
            raise RuntimeError("a request cannot be cloned after its body was read")
        head = self.head
        fields = head.headers if headers is _NOT_GIVEN else http1.FieldLines(map_to_fields(to_multidict(headers)))
        new_head = http1.Request(
            head.method if method is _NOT_GIVEN else method.encode("ascii"),
            head.target if rel_url is _NOT_GIVEN else str(URL(rel_url)).encode("ascii"),
            fields,
            head.http_version,
        )
        new = type(self)(new_head, self.content, self.link)
        own = vars(new)
        own["_cloned_from"] = self._cloned_from or self
        # What was said of an earlier clone still holds for a clone of that.
        said = vars(self)
        kept = ["scheme", "remote", "_client_max_size", "_client_max_fields", "_on_prepare"]
        if headers is _NOT_GIVEN:
            kept.append("host")
        own.update({name: said[name] for name in kept if name in said})
        given: Mapping[str, Any] = {
            "scheme": scheme,
            "host": host,
            "remote": remote,
            "_client_max_size": client_max_size,
            "_client_max_fields": client_max_fields,
        }
        own.update({name: value for name, value in given.items() if value is not _NOT_GIVEN})
        if self._state is not None:
            new._state = self._state.copy()
        return new


def _close(files: list[UploadedFile] | tuple[UploadedFile, ...]) -> None:
    for file in files:
        file.close()
