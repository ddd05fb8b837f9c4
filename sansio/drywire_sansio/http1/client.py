"""The client's end of an HTTP/1.1 connection: writes requests, reads responses."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, NamedTuple, NoReturn

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import FieldLines, FramingFields, SizedFieldLines
from ..limits import Limits, exceeded
from .bodies import EMPTY_READER, LengthReader, body_reader, body_writer, size_in_bytes
from .buffer import MOST_KEPT
from .connection import Connection
from .events import Buffer, Data, Event, InformationalResponse, Request, Response
from .framing import UNTIL_CLOSE, Framing, FramingError, Length, request_framing, response_framing
from .head import (
    RESPONSE,
    HeadReader,
    check_request_fields,
    checked_fields,
    request_start,
    written_framing_fields,
)
from .persistence import connection_options, keeps_alive
from .quirks import Quirk
from .states import CLIENT, IDLE, SERVER, Role, State, Switch, moved_by_whole
from .tolerance import TolerantHeadReader

__all__ = ["ClientConnection"]


class ClientConnection(Connection):
    """An HTTP/1.1 connection as its client sees it.

    `send` takes `Request`, `Data`, `EndOfMessage`, `ConnectionClosed`; `next_event` gives `InformationalResponse`,
    `Response`, `Data`, `EndOfMessage`, `ConnectionClosed`. Header fields go out just as given: a request with a
    body says so itself, by Content-Length or Transfer-Encoding, and an HTTP/1.1 request names its Host.

    `quirks` names the deviations of a broken server that its responses may have; none by default.
    """

    __slots__ = ("_head_reader", "_informational", "_known", "quirks")

    our_role: ClassVar[Role] = CLIENT
    their_role: ClassVar[Role] = SERVER

    def __init__(self, limits: Limits | None = None, quirks: Collection[Quirk] = ()) -> None:
        super().__init__(limits)
        self.quirks = frozenset(quirks)
        self._head_reader: HeadReader[InformationalResponse | Response] | TolerantHeadReader
        if self.quirks - {Quirk.SPACE_AFTER_CHUNK_SIZE}:
            self._head_reader = TolerantHeadReader(self._buffer, self.limits, self.quirks)
        else:
            self._head_reader = HeadReader(self._buffer, self.limits, RESPONSE)
        self._informational = 0
        self._known: _KnownResponse | None = None

    @property
    def our_state(self) -> State:
        """The state of this side."""
        return self._client

    @property
    def their_state(self) -> State:
        """The state of the server, as far as events were read."""
        return self._server

    def send_buffers(self, event: Event) -> list[Buffer]:
        """Return the buffers that carry `event`; see `Connection.send_buffers`."""
        buffers = super().send_buffers(event)
        if isinstance(event, Data):
            self._awaits_continue = False  # the body is on its way, asked for or not
        return buffers

    def send_whole(self, head: Request | Response, body: Buffer = b"") -> list[Buffer]:
        """Return the buffers of a whole request; see `Connection.send_whole`.

        The plainest kind, on a connection at rest and with fields that say of it no more than Host and the body's
        length, is known to be right once its `FieldLines` were sent before, and goes out without a look.
        """
        if self._client is IDLE and self._server is IDLE and self._keep_alive and not self.has_unread:
            known = _known_request(head)
            if known is not None:
                lines, length, end = head.headers, known.length, b"\r\n"
                if type(lines) is SizedFieldLines:
                    length, end = lines.size, b"Content-Length: %d\r\n\r\n" % lines.size
                if size_in_bytes(body) == length:
                    self._client, self._server = moved_by_whole(CLIENT, Request, IDLE, IDLE, True, False)
                    self._method, self._plain = known.method, True
                    self._proposal, self._awaits_continue, self._informational = None, False, 0
                    return [known.lines + end, body] if length else [known.lines + end]
        return super().send_whole(head, body)

    def _send_head(self, event: Request | InformationalResponse | Response) -> bytes:
        if not isinstance(event, Request):
            raise LocalProtocolError("a client cannot send a response")
        self._check_ours(Request)
        if Request not in self._server.server:
            raise LocalProtocolError(f"no request can be sent: the server is {self._server} already")
        buffer = self._buffer
        if buffer.start != len(buffer.data):
            # They would be taken for this request's response: whoever can make a server say one thing too many could
            # answer in its place.
            raise LocalProtocolError("no request can be sent: bytes have arrived that answer none (RFC 9112, 9.2)")
        version = event.http_version
        start = request_start(event.method, event.target, version)
        lines = checked_fields(event.headers)
        fields = written_framing_fields(lines)
        check_request_fields(lines, version)
        try:
            framing = request_framing(event.method, fields, version)
        except FramingError as error:
            raise LocalProtocolError(f"{error} ({error.section})") from None
        self._learn_request(event, fields, framing)
        self._informational = 0
        self._body_writer = body_writer(framing)
        self._move(CLIENT, Request)
        return b"%b\r\n%b\r\n" % (start, lines.raw)

    def _read_head(self) -> InformationalResponse | Response | None:
        event = self._head_reader.read()
        if event is None:
            return None
        known = self._known
        if (
            known is not None
            and known.fields is event.headers
            and known.status == event.status
            and known.method == self._method
            and known.version == event.http_version
            and self._proposal is None
        ):
            # All that it says is what the last one said.
            self._their_version = known.version
            self._body_reader = LengthReader(known.length) if known.length else EMPTY_READER
            self._awaits_continue = False
            self._move_them(Response)
            return event
        fields = self._head_reader.fields.framing
        self._their_version = event.http_version
        kind = self._kind_of_response(event)
        if isinstance(event, InformationalResponse):
            self._read_informational(event, kind, fields)
        else:
            self._read_response(event, kind, fields)
        if kind is not InformationalResponse or event.status == 100:
            self._awaits_continue = False
        self._move_them(kind)
        self._head_reader.let_go()
        return event

    def _read_informational(self, event: InformationalResponse, kind: type[object], fields: FramingFields) -> None:
        if b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0":
            # It has no body, but who reads one there takes a part of the next response for it.
            self._raise_in_fields("an interim response that says it has a body", "interim-body", "RFC 9110, 8.6")
        if event.status == 101:
            self._check_switch(event, kind, fields)
        self._informational += 1
        limit = self.limits.informational
        if self._informational > limit:
            raise exceeded("informational", limit, self._buffer.offset)

    def _check_switch(self, event: InformationalResponse, kind: type[object], fields: FramingFields) -> None:
        if kind is not Switch:
            self._raise("101 without a request to upgrade", "unasked-switch", "RFC 9110, 7.8")
        if not self._is_offered(fields) or event.http_version == b"1.0":
            message = "101 that does not say, in HTTP/1.1, to which of the offered protocols it switches"
            self._raise_in_fields(message, "bad-switch", "RFC 9110, 7.8")

    def _raise_in_fields(self, message: str, rule: str, section: str) -> NoReturn:
        raise RemoteProtocolError(message, rule=rule, section=section, offset=self._head_reader.fields_offset)

    def _read_response(self, event: Response, kind: type[object], fields: FramingFields) -> None:
        version = event.http_version
        if self._method is None and event.status < 400:
            # Only a complaint may come unasked, such as 408 from a server that is tired of waiting.
            self._raise_in_fields("a response to no request", "unasked-response", "RFC 9112, 9.2")
        try:
            framing = response_framing(self._method, event.status, fields, version)
        except FramingError as error:
            raise self._framing_refused(error, self._head_reader.fields_offset) from None
        if kind is Switch:
            return
        tolerant = Quirk.SPACE_AFTER_CHUNK_SIZE in self.quirks
        self._body_reader = body_reader(framing, self.limits, self._buffer, tolerant)
        self._proposal = None
        unasked = self._method is None
        if unasked or framing is UNTIL_CLOSE or not keeps_alive(connection_options(fields), version):
            self._keep_alive = False
        elif (
            isinstance(framing, Length)
            and isinstance(lines := event.headers, FieldLines)
            and len(lines.raw) <= MOST_KEPT
        ):
            self._known = _KnownResponse(lines, event.status, self._method, version, framing.length)


class _KnownResponse(NamedTuple):
    """A final response that lets the connection persist, and what it says to which request."""

    fields: FieldLines
    status: int
    method: bytes | None
    version: bytes
    length: int


class _KnownRequest(NamedTuple):
    """A request that was found right: its head without the empty line."""

    method: bytes
    target: bytes
    lines: bytes
    length: int


_PLAIN = frozenset({b"host", b"content-length"})
_UNPLAIN_METHODS = frozenset({b"CONNECT", b"HEAD", b"TRACE"})


def _known_request(event: Request | Response) -> _KnownRequest | None:
    """Return the plain request that `event` begins, None where it is another kind. Raises LocalProtocolError."""
    lines = event.headers
    if type(lines) is SizedFieldLines:
        lines = lines.base
    if type(lines) is not FieldLines or type(event) is not Request or event.http_version != b"1.1":
        return None
    known = lines.known
    if type(known) is _KnownRequest and known.method == event.method and known.target == event.target:
        return known
    fields = written_framing_fields(lines)
    if not fields.keys() <= _PLAIN or event.method in _UNPLAIN_METHODS:
        return None
    if lines is not event.headers and b"content-length" in fields:
        return None
    check_request_fields(lines, b"1.1")
    try:
        framing: Framing = request_framing(event.method, fields, b"1.1")
    except FramingError:
        return None
    start = request_start(event.method, event.target, b"1.1")
    length = framing.length if isinstance(framing, Length) else 0
    lines.known = known = _KnownRequest(event.method, event.target, b"%b\r\n%b" % (start, lines.raw), length)
    return known
