"""The other end of a connection in memory: reads requests, and answers each with what a handler makes of it.

The bytes are real. Requests are read and replies framed by the core's `ServerConnection`, so keep-alive, the chunked
coding, 100 Continue and broken connections are what they are over a socket.
"""

from __future__ import annotations

import inspect
import json as json_module
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol

from multidict import CIMultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_transports import ByteStream, TaskHandle, TransportError, current_runtime
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import LooseHeaders, fields_to_map, map_to_fields, to_multidict

from .errors import ClientError

__all__ = ["Answer", "HandlerPeer", "Peer", "Reply", "RequestHandler", "ScriptedPeer", "SeenRequest", "read_request"]

logger = logging.getLogger("drywire.client")

GENEROUS: Final = http1.Limits(
    start_line=1 << 20, field_line=1 << 20, field_count=10_000, head=1 << 24, trailer_count=10_000, trailers=1 << 24
)
"""For requests of the program under test: what it may send is not for its test to bound."""
_BODILESS: Final = (204, 304)
_UNSET: Final[Any] = object()


@dataclass(slots=True)
class SeenRequest:
    """A request as it arrived at the other end."""

    method: str
    url: URL
    """As the client asked it, without login and fragment, which do not travel; percent-encoded as on the wire."""
    headers: CIMultiDictProxy[str]
    body: bytes = b""
    """All of the body, out of the chunked coding, but with its content coding if it has one."""
    match_info: Mapping[str, str] = field(default_factory=dict)
    """What the ``{name}`` parts of the route's URL stand for, percent-decoded; empty without a route."""

    def text(self, encoding: str = "utf-8") -> str:
        """Return the body as text. Raises UnicodeDecodeError."""
        return self.body.decode(encoding)

    def json(self) -> Any:
        """Return what the JSON of the body means. Raises ValueError where it is none."""
        return json_module.loads(self.body)


class Reply:
    """What a request is answered with.

    `status` is 200 to 599. `body` is bytes, a str, which goes out in UTF-8, or a list of bytes, which goes out in
    the chunked coding with these chunks; or `json` is given in its place. `headers` are a mapping or pairs; a
    Content-Length, and a Content-Type for text and JSON, go along unless they are among them. `reason` is the one
    that is registered for the status. Raises ValueError and TypeError for what is none of that.
    """

    __slots__ = ("chunked", "chunks", "headers", "reason", "status")

    def __init__(
        self,
        status: int = 200,
        body: bytes | str | Sequence[bytes] = b"",
        *,
        json: Any = _UNSET,
        headers: LooseHeaders | None = None,
        reason: str | None = None,
    ) -> None:
        if not 200 <= status <= 599:
            raise ValueError(f"a reply has a status from 200 to 599, not {status}; a WebSocket needs an application")
        if json is not _UNSET and body:
            raise ValueError("body and json cannot both be given")
        self.status = status
        self.reason = _registered_reason(status) if reason is None else reason
        self.headers = to_multidict(headers)
        content_type = None
        if json is not _UNSET:
            body, content_type = json_module.dumps(json), "application/json"
        elif isinstance(body, str):
            content_type = "text/plain; charset=utf-8"
        self.chunked = not isinstance(body, bytes | bytearray | memoryview | str)
        self.chunks = _chunks(body)
        """The body, in the pieces that it goes out in."""
        if content_type is not None:
            self.headers.setdefault("Content-Type", content_type)

    def __repr__(self) -> str:
        return f"<Reply {self.status} {self.reason}>"

    def events(self, method: bytes | None) -> list[http1.Event]:
        """Return what goes out to a request of `method`."""
        headers = self.headers
        if not self.chunked and self.status not in _BODILESS and "Transfer-Encoding" not in headers:
            headers = headers.copy()
            headers.setdefault("Content-Length", str(sum(map(len, self.chunks))))
        events: list[http1.Event] = [http1.Response(self.status, map_to_fields(headers), self.reason.encode())]
        if method != b"HEAD":
            events += [http1.Data(chunk) for chunk in self.chunks]
        return [*events, http1.EndOfMessage()]


def _chunks(body: Any) -> tuple[bytes, ...]:
    if isinstance(body, str):
        body = body.encode("utf-8")
    if isinstance(body, bytes | bytearray | memoryview):
        return (bytes(body),) if body else ()
    if not isinstance(body, list | tuple) or not all(isinstance(chunk, bytes) for chunk in body):
        raise TypeError(f"the body of a reply is bytes, str or a list of bytes, not {type(body).__name__}")
    return tuple(chunk for chunk in body if chunk)  # an empty chunk would be the end (RFC 9112, 7.1)


def _registered_reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


Answer = Reply | bytes | str | int | Mapping[str, Any] | list[Any] | Exception | type[Exception]
"""What may stand for a `Reply`: a body, a status, something for JSON; or an error.

A ConnectionError resets the connection. Any other exception is raised, as it is, where the response is awaited.
"""
RequestHandler = Callable[[SeenRequest], Answer | Awaitable[Answer]]
"""Makes the answer to a request; may be async. What it raises counts as its answer."""


def to_reply(answer: Answer, request: SeenRequest) -> Reply:
    """Return the reply that `answer` stands for. Raises it if it is an error, and TypeError for anything else."""
    match answer:
        case Reply():
            return answer
        case Exception():
            raise answer.with_traceback(None)
        case type() if issubclass(answer, Exception):
            raise answer
        case bytes() | str():
            return Reply(body=answer)
        case int() if not isinstance(answer, bool):
            return Reply(answer)
        case Mapping() | list():
            return Reply(json=answer)
        case _:
            pass
    raise TypeError(f"the answer to {request.method} {request.url} must be a Reply, not {type(answer).__name__}")


Fail = Callable[[Exception], None]


class Peer(Protocol):
    """What a `MemoryConnector` connects to."""

    async def start(self) -> None:
        """Get ready for the first connection."""
        ...

    def accept(self, stream: ByteStream, origin: URL, fail: Fail) -> None:
        """Serve the connection `stream`, opened to reach `origin`, in a task that this owns.

        ``fail(error)`` lets the client raise `error` in place of what a broken connection would give.
        """
        ...

    def close(self) -> None:
        """Begin to end: every connection is aborted already. Synchronous and idempotent."""
        ...

    async def stop(self) -> None:
        """End: no task of this runs any more when it returns."""
        ...


class ScriptedPeer:
    """A peer that serves each connection by `talk`, in a task of its own."""

    def __init__(self) -> None:
        self._tasks: set[TaskHandle] = set()

    async def start(self) -> None:
        """Do nothing: it is ready."""

    def accept(self, stream: ByteStream, origin: URL, fail: Fail) -> None:
        """Serve `stream`; see `Peer`."""
        self._tasks = {task for task in self._tasks if not task.done}
        name = f"drywire {type(self).__name__} for {origin}"
        self._tasks.add(current_runtime().spawn(self._serve, stream, origin, fail, name=name))

    def close(self) -> None:
        """Cancel each connection's task: nobody waits for what it does."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Cancel, and wait for the end of each task."""
        self.close()
        for task in self._tasks:
            await task.wait()

    async def talk(self, stream: ByteStream, origin: URL) -> None:
        """Serve the requests of one connection; see the classes made of this."""
        raise NotImplementedError

    async def _serve(self, stream: ByteStream, origin: URL, fail: Fail) -> None:
        try:
            await self.talk(stream, origin)
            await stream.aclose()
        except ClientError as error:
            fail(error)
        except (TransportError, ConnectionError) as error:
            logger.debug("connection to %s ended: %s", origin, error)
        except Exception as error:
            fail(error)
        finally:
            stream.abort()


class HandlerPeer(ScriptedPeer):
    """Answers each request with what `handler` makes of it. `calls` are the requests so far, in order of arrival."""

    def __init__(self, handler: RequestHandler) -> None:
        super().__init__()
        self._handler = handler
        self.calls: list[SeenRequest] = []

    async def talk(self, stream: ByteStream, origin: URL) -> None:
        """Serve until either side ends the connection."""
        core = http1.ServerConnection(GENEROUS)
        channel = HTTPChannel(stream, core)
        while (request := await read_request(channel, origin)) is not None:
            self.calls.append(request)
            answer = self._handler(request)
            reply = to_reply(await answer if inspect.isawaitable(answer) else answer, request)
            try:
                await channel.send(*reply.events(core.request_method))
            except http1.LocalProtocolError as error:
                raise ValueError(f"{reply!r} to {request.method} {request.url} cannot be sent: {error}") from error
            if core.our_state is not http1.DONE or core.their_state is not http1.DONE:
                return
            core.start_next_cycle()


async def read_request(channel: HTTPChannel, origin: URL) -> SeenRequest | None:
    """Return the next request to `origin` with all of its body; None where the client ends the connection.

    A client that waits for 100 Continue is told to go on. Raises RemoteProtocolError, and TransportError.
    """
    head = await channel.next_event()
    if not isinstance(head, http1.Request):
        return None
    core = channel.connection
    if core.client_is_waiting_for_100_continue:
        await channel.send(http1.InformationalResponse(100, (), b"Continue"))
    body = []
    while isinstance(event := await channel.next_event(), http1.Data):
        body.append(bytes(event.data))
    return SeenRequest(head.method.decode(), url_of(origin, head.target), fields_to_map(head.headers), b"".join(body))


def url_of(origin: URL, target: bytes) -> URL:
    """Return the URL that `target`, an origin form or an absolute one (RFC 9112, 3.2), asks for at `origin`."""
    text = target.decode("ascii")
    return URL(f"{origin}{text}" if text.startswith("/") else text, encoded=True)
