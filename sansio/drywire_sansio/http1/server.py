"""The server's end of an HTTP/1.1 connection: reads requests, writes responses."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ..errors import LocalProtocolError
from ..fields import FieldLines, FramingFields
from ..grammar import REQUEST_LINE
from ..limits import Limits
from .bodies import EMPTY_READER, LengthReader, body_reader, body_writer, size_in_bytes
from .connection import Connection
from .events import Buffer, InformationalResponse, Request, Response
from .framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Framing,
    FramingError,
    Length,
    parse_content_length,
    request_framing,
    response_framing,
)
from .head import REQUEST, HeadReader, checked_fields, status_start, written_framing_fields
from .persistence import connection_options
from .states import CLIENT, DONE, IDLE, SEND_RESPONSE, SERVER, Role, State, Switch, moved_by_whole

__all__ = ["ServerConnection"]

_BODY_FIELDS = frozenset({b"content-length", b"transfer-encoding"})
_RECEIVED = moved_by_whole(CLIENT, Request, IDLE, IDLE, True, False)
"""The states once a plain request is read to its end."""
_SENT = moved_by_whole(SERVER, Response, DONE, SEND_RESPONSE, True, False)
"""The states once its response is sent to the end."""
_SLASH = 0x2F


class ServerConnection(Connection):
    """An HTTP/1.1 connection as its server sees it.

    `next_event` gives `Request`, `Data`, `EndOfMessage`, `ConnectionClosed`; `send` takes `InformationalResponse`,
    `Response`, `Data`, `EndOfMessage`, `ConnectionClosed`. Header fields go out as given; added behind them is only

    - ``Transfer-Encoding: chunked`` where the response says nothing of its length and the client speaks 1.1;
    - ``Connection: close`` where the connection cannot persist, and ``Connection: keep-alive`` where a 1.0 client
      asked for it and it can.

    A Transfer-Encoding is left out for a 1.0 client, which could not read it. Raises are in `Connection`.
    """

    __slots__ = ("_head_reader", "_known", "_may_skip_line")

    our_role: ClassVar[Role] = SERVER
    their_role: ClassVar[Role] = CLIENT

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits)
        self._head_reader = HeadReader(self._buffer, self.limits, REQUEST)
        self._may_skip_line = True
        self._known: _KnownRequest | None = None

    @property
    def our_state(self) -> State:
        """The state of this side."""
        return self._server

    @property
    def their_state(self) -> State:
        """The state of the client, as far as events were read."""
        return self._client

    def _read_head(self) -> Request | None:
        buffer = self._buffer
        if buffer.data[buffer.start] == 0x0D and self._may_skip_line and self._empty_line_is_open():
            return None
        request = self._head_reader.read()
        if request is None:
            return None
        self._may_skip_line = True  # before the next one
        known = self._known
        if (
            known is not None
            and known.fields is request.headers
            and known.method == request.method
            and known.version == request.http_version
        ):
            # All that it says of its body and its connection is what the last one said.
            self._their_version, self._method = known.version, known.method
            self._proposal, self._awaits_continue, self._plain = None, False, known.plain
            self._body_reader = LengthReader(known.length) if known.length else EMPTY_READER
            self._move_them(Request)
            return request
        fields = self._head_reader.fields.framing
        framing: Framing = NO_BODY
        if not _BODY_FIELDS.isdisjoint(fields):
            try:
                framing = request_framing(request.method, fields, request.http_version)
            except FramingError as error:
                raise self._framing_refused(error, self._head_reader.fields_offset) from None
        self._their_version = request.http_version
        self._learn_request(request, fields, framing)
        self._body_reader = body_reader(framing, self.limits, self._buffer)
        self._move_them(Request)
        reader = self._head_reader
        reader.let_go()
        is_plain = self._proposal is None and not self._awaits_continue and self._keep_alive
        self._known = None
        if is_plain and isinstance(framing, Length) and reader.fields is request.headers:
            self._known = _KnownRequest(
                reader.fields,
                request.method,
                request.http_version,
                framing.length,
                self._plain,
                reader.last_section(),
                reader.longest,
            )
        return request

    def next_whole_request(self) -> tuple[Request, bytes] | None:
        """Return the next request and its body where all of both is here, and its fields repeat the last ones.

        It is what `next_event` would give as `Request`, `Data` and `EndOfMessage`. None in any other case; then nothing
        has changed, and `next_event` says what there is.
        """
        known, buffer = self._known, self._buffer
        data, start = buffer.data, buffer.start  # no bytes, but a bytearray, where a head came in pieces
        if known is None or self._client is not IDLE or self._server is not IDLE or type(data) is not bytes:
            return None
        fields, usual_method, usual_version, length, plain, tail, longest = known
        line = REQUEST_LINE.match(data, start)
        if line is None or not data.startswith(tail, begin := line.end()):
            return None
        method, target, version = line.group(1, 2, 3)
        body = begin + len(tail)
        end = body + length
        if method != usual_method or version != usual_version or target[0] != _SLASH:
            return None
        if body - start > longest or len(data) < end:
            return None
        buffer.start = end
        self._may_skip_line = True
        self._their_version, self._method, self._plain = version, method, plain
        self._client, self._server = _RECEIVED
        return Request(method, target, fields, version), data[body:end]

    def _empty_line_is_open(self) -> bool:
        """Skip one empty line before a request (RFC 9112, 2.2); True while only its CR has arrived."""
        buffer = self._buffer
        data, start = buffer.data, buffer.start
        if len(data) == start + 1:
            return True
        self._may_skip_line = False
        if data[start + 1] == 0x0A:
            buffer.start = start + 2
        return buffer.start == len(data)

    def send_whole(self, head: Request | Response, body: Buffer = b"") -> list[Buffer]:
        """Return the buffers of a whole response; see `Connection.send_whole`.

        The plainest kind, a 1.1 client's request that says nothing of the connection and fields that say just the
        body's length, is known to be right once its `FieldLines` were sent before, and goes out without a look.
        """
        if self._plain and self._keep_alive and self._client is DONE and self._server is SEND_RESPONSE:
            known = _known_head(head)
            size = len(body) if type(body) is bytes else size_in_bytes(body)
            if known is not None and known.length == size:
                self._client, self._server = _SENT
                return [known.head, body] if size else [known.head]
        return super().send_whole(head, body)

    def _send_head(self, event: Request | InformationalResponse | Response) -> bytes:
        if isinstance(event, Request):
            raise LocalProtocolError("a server cannot send a Request")
        kind = self._kind_of_response(event)
        self._check_ours(kind)
        lines = checked_fields(event.headers)
        fields = written_framing_fields(lines)
        self._check_response(event, kind, fields)
        start = status_start(event.status, event.reason)
        block = lines.raw
        if isinstance(event, Response):
            if self._their_version != b"1.1" and b"transfer-encoding" in fields:
                block = FieldLines([pair for pair in lines if pair[0].lower() != b"transfer-encoding"]).raw
            added = self._final_head(event, kind, fields)
            if added:
                block += added
        elif event.status == 100:
            self._awaits_continue = False
        self._move(SERVER, kind)
        return b"%b\r\n%b\r\n" % (start, block)

    def _check_response(
        self, event: InformationalResponse | Response, kind: type[object], fields: FramingFields
    ) -> None:
        """Raise LocalProtocolError for a head that HTTP does not allow here."""
        status = event.status
        if self._method is None and status < 400:
            raise LocalProtocolError(f"{status} answers no request; only a complaint, 4xx or 5xx, may (RFC 9112, 9.2)")
        if status > 204 and kind is Response:
            return
        if isinstance(event, InformationalResponse) != (100 <= status < 200):
            raise LocalProtocolError(f"{type(event).__name__} cannot have the status {status} (RFC 9110, 15.2)")
        if isinstance(event, InformationalResponse) and self._their_version == b"1.0":
            raise LocalProtocolError("an HTTP/1.0 client must not be sent a 1xx response (RFC 9110, 15.2)")
        if status == 101 and (kind is not Switch or not self._is_offered(fields)):
            raise LocalProtocolError("101 needs a request to upgrade, and an Upgrade field it offered (RFC 9110, 7.8)")
        if status == 101 and self._awaits_continue:
            raise LocalProtocolError("100 Continue must be sent before 101 to a client that waits (RFC 9110, 7.8)")
        if (status < 200 or status == 204 or kind is Switch) and not fields.keys().isdisjoint(_BODY_FIELDS):
            raise LocalProtocolError(
                f"a response with status {status} to {_name(self._method)} cannot have Content-Length or "
                "Transfer-Encoding (RFC 9110, 8.6; RFC 9112, 6.1)"
            )

    def _final_head(self, event: Response, kind: type[object], fields: FramingFields) -> bytes:
        """Settle the body's framing and the connection's future; return the lines that say it where `event` does not.

        Raises LocalProtocolError before anything is changed.
        """
        added = b""
        framing = self._framing(event, fields)
        if framing is CHUNKED and b"transfer-encoding" not in fields:
            added = b"Transfer-Encoding: chunked\r\n"
        self._body_writer = body_writer(framing)
        if kind is Switch:
            return added
        options = connection_options(fields) if b"connection" in fields else []
        if b"close" in options or framing is UNTIL_CLOSE or self._is_last_word():
            self._keep_alive = False
        self._awaits_continue = False
        self._proposal = None
        if not self._keep_alive:
            return added if b"close" in options else added + b"Connection: close\r\n"
        if self._their_version == b"1.0" and b"keep-alive" not in options:
            return added + b"Connection: keep-alive\r\n"
        return added

    def _is_last_word(self) -> bool:
        """Whether the final response about to be sent ends the connection by what it answers."""
        # A client that waits for 100 Continue may send its body after all, or not: nobody could tell where the next
        # request begins (RFC 9110, 10.1.1). Behind a CONNECT there may be bytes meant for the tunnel, sent on behalf
        # of somebody who would like to see them taken for requests (RFC 9931, "Requirements for HTTP CONNECT").
        return self._awaits_continue or self._proposal == b"CONNECT" or self._method is None

    def _framing(self, event: Response, fields: FramingFields) -> Framing:
        try:
            framing = response_framing(self._method, event.status, fields, b"1.1")
        except FramingError as error:
            raise LocalProtocolError(f"{error} ({error.section})") from None
        if self._their_version == b"1.1":
            return CHUNKED if framing is UNTIL_CLOSE else framing
        return UNTIL_CLOSE if framing is CHUNKED else framing


def _name(method: bytes | None) -> str:
    return "no request" if method is None else method.decode("ascii", "replace")


class _KnownRequest(NamedTuple):
    """A request that lets the connection persist and asks nothing of it, and the length of its body."""

    fields: FieldLines
    method: bytes
    version: bytes
    length: int
    plain: bool
    tail: bytes
    """The fields and the empty line behind them, as they came."""
    longest: int
    """Bytes up to which a head is over no limit."""


class _KnownHead(NamedTuple):
    """A final response head that was found right, as it goes out."""

    status: int
    reason: bytes
    head: bytes
    length: int


def _known_head(event: Request | Response) -> _KnownHead | None:
    """Return the plain head that `event` is, None where it is another kind. Raises LocalProtocolError."""
    lines = event.headers
    if type(lines) is not FieldLines or type(event) is not Response:
        return None
    known = lines.known
    if type(known) is _KnownHead and known.status == event.status and known.reason == event.reason:
        return known
    fields = written_framing_fields(lines)
    if fields.keys() != {b"content-length"} or event.status < 200 or event.status in (204, 304):
        return None
    try:
        length = parse_content_length(fields[b"content-length"]).length
    except FramingError:
        return None
    head = b"%b\r\n%b\r\n" % (status_start(event.status, event.reason), lines.raw)
    lines.known = known = _KnownHead(event.status, event.reason, head, length)
    return known
