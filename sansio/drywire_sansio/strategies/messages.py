"""Heads and whole messages: what they mean, and one of the many byte strings that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from ..http1 import Data, EndOfMessage, Event, Request, Response
from .bodies import bodies, chunkings, field_lines, trailers
from .pieces import ONCE_IN_REQUESTS, Form, Pair, header_sets, hosts, methods, reasons, request_targets

__all__ = ["Message", "pipelines", "request_heads", "requests", "response_heads", "responses"]


@dataclass(frozen=True)
class Message:
    """A valid message: `wire` on the network, and what a correct reader finds in it."""

    wire: bytes
    head: Request | Response
    body: bytes
    trailers: tuple[Pair, ...] = ()
    request_method: bytes = b"GET"
    """What a response answers: after HEAD it has no body."""
    ends_with_connection: bool = False
    """Whether only the end of the connection ends the body (RFC 9112, 6.3)."""
    last: bool = False
    """Whether no message can follow on the connection (RFC 9112, 9.3)."""

    @property
    def events(self) -> list[Event]:
        """The events of the core that say the same, with the body as one `Data`, none if it is empty."""
        body: list[Event] = [Data(self.body)] if self.body else []
        return [self.head, *body, EndOfMessage(list(self.trailers)) if self.trailers else EndOfMessage()]


class _Framed(NamedTuple):
    """A body as a message carries it: the field that frames it, and its bytes on the network."""

    field: Pair | None
    wire: bytes
    trailers: tuple[Pair, ...] = ()


_CONNECTION: Final = ((b"Connection", b"keep-alive"), (b"connection", b"x, Keep-Alive"), (b"Connection", b"close"))


_VERSIONS: Final = st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"])
_OPTIONS: Final = st.none() | st.sampled_from(_CONNECTION)
_FORMS: Final[st.SearchStrategy[Form]] = st.sampled_from(["origin", "origin", "origin", "absolute"])
_LENGTHS: Final = st.sampled_from([(b"Content-Length", b"%d"), (b"content-length", b"%d"), (b"Content-Length", b"0%d")])
_CODINGS: Final = st.sampled_from(
    [
        (b"Transfer-Encoding", b"chunked"),
        (b"transfer-encoding", b"chunked"),
        (b"TRANSFER-ENCODING", b"Chunked"),
    ]
)
_REQUEST_FRAMINGS: Final = st.sampled_from(["none", "length", "chunked"])
_RESPONSE_FRAMINGS: Final = st.sampled_from(["length", "chunked", "until close"])
_STATUSES: Final = st.sampled_from([200, 204, 304, 404, 500]) | st.integers(200, 999)


@st.composite
def _framed(draw: DrawFn, body: bytes, chunked: bool) -> _Framed:
    if not chunked:
        name, digits = draw(_LENGTHS)
        return _Framed((name, digits % len(body)), body)
    fields = draw(trailers())
    return _Framed(draw(_CODINGS), draw(chunkings(body, fields)), tuple(fields))


def _inserted(draw: DrawFn, pairs: list[Pair], *more: Pair | None) -> list[Pair]:
    """Return `pairs` with each of `more` at some place among them."""
    result = list(pairs)
    for pair in more:
        if pair is not None:
            result.insert(draw(st.integers(0, len(result))), pair)
    return result


def _each_once(pairs: list[Pair]) -> list[Pair]:
    """Return `pairs` without those that repeat what a request says once."""
    said: set[bytes] = set()
    kept = []
    for name, value in pairs:
        lowered = name.lower()
        if lowered not in said:
            kept.append((name, value))
        if lowered in ONCE_IN_REQUESTS:
            said.add(lowered)
    return kept


@st.composite
def request_heads(draw: DrawFn) -> Request:
    """Return request heads without a body: any method but CONNECT, any fitting form of target, HTTP/1.0 and 1.1."""
    method = draw(methods())
    form = draw(_FORMS)
    target = draw(request_targets("asterisk" if method == b"OPTIONS" and form == "absolute" else form))
    version = draw(_VERSIONS)
    host: Pair | None = (b"Host", draw(hosts()))
    if version == b"1.0" and draw(st.booleans()):
        host = None
    fields = _inserted(draw, _each_once(draw(header_sets())), host, draw(_OPTIONS))
    return Request(method, target, fields, version)


_REQUEST_HEADS: Final = request_heads()


def _keeps_alive(fields: list[Pair], version: bytes) -> bool:
    options = b",".join(value for name, value in fields if name.lower() == b"connection").lower()
    return b"close" not in options and (version == b"1.1" or b"keep-alive" in options)


@st.composite
def requests(draw: DrawFn) -> Message:
    """Return whole requests: no body, one of announced length, or a chunked one with trailers."""
    head = draw(_REQUEST_HEADS)
    assert isinstance(head.headers, list)
    framing = draw(_REQUEST_FRAMINGS)
    body, framed = b"", _Framed(None, b"")
    if framing != "none" and head.method != b"TRACE":  # RFC 9110, 9.3.8
        body = draw(bodies())
        framed = draw(_framed(body, framing == "chunked" and head.http_version == b"1.1"))
    fields = _inserted(draw, head.headers, framed.field)
    line = b"%b %b HTTP/%b\r\n" % (head.method, head.target, head.http_version)
    wire = line + field_lines(draw, fields) + b"\r\n" + framed.wire
    return Message(
        wire,
        Request(head.method, head.target, fields, head.http_version),
        body,
        framed.trailers,
        last=not _keeps_alive(fields, head.http_version),
    )


@st.composite
def response_heads(draw: DrawFn) -> Response:
    """Return heads of final responses, of any status, that say nothing of a body."""
    status = draw(_STATUSES)
    fields = _inserted(draw, draw(header_sets()), draw(_OPTIONS))
    return Response(status, fields, draw(reasons()), draw(_VERSIONS))


_RESPONSE_HEADS: Final = response_heads()


@st.composite
def responses(draw: DrawFn, request_method: bytes = b"GET") -> Message:
    """Return whole final responses to `request_method`, in each framing that they can have."""
    head = draw(_RESPONSE_HEADS)
    assert isinstance(head.headers, list)
    framing = draw(_RESPONSE_FRAMINGS)
    body = draw(bodies())
    framed = _Framed(None, body)
    if framing != "until close":
        framed = draw(_framed(body, framing == "chunked" and head.http_version == b"1.1"))
    without_body = request_method == b"HEAD" or head.status in (204, 304)
    fields = _inserted(draw, head.headers, framed.field)
    line = b"HTTP/%b %d %b\r\n" % (head.http_version, head.status, head.reason)
    if not head.reason and draw(st.booleans()):
        line = line.replace(b" \r\n", b"\r\n")
    ends_with_connection = framed.field is None and not without_body
    return Message(
        line + field_lines(draw, fields) + b"\r\n" + (b"" if without_body else framed.wire),
        Response(head.status, fields, head.reason, head.http_version),
        b"" if without_body else body,
        () if without_body else framed.trailers,
        request_method,
        ends_with_connection,
        ends_with_connection or not _keeps_alive(fields, head.http_version),
    )


_REQUESTS: Final = requests()


@st.composite
def pipelines(draw: DrawFn, max_size: int = 4) -> list[Message]:
    """Return 1 to `max_size` requests that can stand one behind the other on a connection."""
    messages = draw(st.lists(_REQUESTS, min_size=1, max_size=max_size))
    for number, message in enumerate(messages):
        if message.last:
            return messages[: number + 1]
    return messages
