"""`ServerConnection` and `ClientConnection`: bytes in, events out, and the way back (RFC 9112).

Three verbs and no I/O: `receive_data` takes what the network brought, `next_event` says what it meant, `send` says
what to give the network. What state follows is decided in `states.py`, what a message's length is in `framing.py`,
what a message means for its connection in `persistence.py`; here they are put together.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fields import FramingFields, list_members
from ..limits import DEFAULT_LIMITS, Limits
from .bodies import EMPTY_READER, BodyReader, BodyWriter, LengthReader, UntilCloseReader
from .buffer import MOST_KEPT, ReceiveBuffer
from .events import (
    NEED_DATA,
    PAUSED,
    Buffer,
    ConnectionClosed,
    Data,
    EndOfMessage,
    Event,
    InformationalResponse,
    NeedData,
    Paused,
    Request,
    Response,
)
from .framing import NO_BODY, Framing, FramingError
from .persistence import connection_options, expects_continue, keeps_alive, proposes_switch
from .states import (
    CLIENT,
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    SEND_BODY,
    SEND_RESPONSE,
    SERVER,
    SWITCHED_PROTOCOL,
    Role,
    State,
    Switch,
    moved,
    settle,
)

__all__ = ["Connection"]


class Connection:
    """What the two roles share; use `ServerConnection` or `ClientConnection`.

    `limits` bounds what the peer may send. After a RemoteProtocolError the peer's state is ERROR and `next_event`
    raises the same error again. A LocalProtocolError means that nothing was sent and nothing has changed.
    """

    __slots__ = (
        "_awaits_continue",
        "_body_reader",
        "_body_writer",
        "_buffer",
        "_client",
        "_error",
        "_keep_alive",
        "_method",
        "_offered",
        "_plain",
        "_proposal",
        "_server",
        "_their_version",
        "limits",
    )

    our_role: ClassVar[Role]
    their_role: ClassVar[Role]

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = DEFAULT_LIMITS if limits is None else limits
        self._client = IDLE
        self._server = IDLE
        self._keep_alive = True
        self._proposal: bytes | None = None  # b"CONNECT" or b"Upgrade" while a switch is proposed
        self._offered: list[bytes] = []  # the protocols to switch to, where an Upgrade is proposed
        self._method: bytes | None = None  # of the present cycle's request
        self._plain = False  # whether the request says nothing of its connection and its response may have a body
        self._their_version: bytes | None = None
        self._awaits_continue = False
        self._buffer = ReceiveBuffer()
        self._error: RemoteProtocolError | None = None
        self._body_reader: BodyReader | None = None  # of the peer's body, while that is read
        self._body_writer: BodyWriter | None = None

    # What is known of the connection

    @property
    def our_state(self) -> State:
        """The state of this side."""
        raise NotImplementedError

    @property
    def their_state(self) -> State:
        """The state of the peer, as far as events were read."""
        raise NotImplementedError

    @property
    def states(self) -> dict[Role, State]:
        """The state of each side, by role."""
        return {CLIENT: self._client, SERVER: self._server}

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may serve another cycle, by what both sides have said so far (RFC 9112, 9.3)."""
        return self._keep_alive

    @property
    def their_http_version(self) -> bytes | None:
        """``b"1.0"`` or ``b"1.1"`` from the peer's last head; None before its first."""
        return self._their_version

    @property
    def request_method(self) -> bytes | None:
        """The method of the present cycle's request, None before it: a response to HEAD has no body."""
        return self._method

    @property
    def ends_with_connection(self) -> bool:
        """Whether the message that is being received has no other end than that of the connection (RFC 9112, 6.3).

        If something can tell a cut from an end, such as TLS, it should be asked then (RFC 9112, 9.8).
        """
        return type(self._body_reader) is UntilCloseReader

    @property
    def client_is_waiting_for_100_continue(self) -> bool:
        """Whether the client holds its body back until it is sent 100 Continue or a final response."""
        return self._awaits_continue and self._client is SEND_BODY

    @property
    def trailing_data(self) -> tuple[bytes, bool]:
        """What was received but not read as HTTP, and whether the peer has ended its direction after it.

        After a switch of protocols these are the first bytes of the new one.
        """
        buffer = self._buffer
        return bytes(memoryview(buffer.data)[buffer.start :]), buffer.eof

    # Reading

    def receive_data(self, data: Buffer) -> None:
        """Take in bytes from the network; ``b""`` says that the peer has ended its direction.

        Nothing is looked at until `next_event`. A `bytes` object is kept, not copied; it may come out again as
        `Data`. Raises ValueError for bytes after the end.
        """
        if not data:
            self._buffer.eof = True
        elif self._buffer.eof:
            raise ValueError("received bytes after the end of the connection")
        else:
            self._buffer.append(data)

    def next_event(self) -> Event | NeedData | Paused:
        """Return what the peer said next; `NEED_DATA` or `PAUSED` where it cannot be told yet.

        Raises RemoteProtocolError for what HTTP forbids; after that, the same error again.
        """
        if self._error is not None:
            raise self._error.with_traceback(None)
        try:
            reader = self._body_reader
            if reader is None:
                return self._read()
            event = reader.read(self._buffer)
            if event is None:
                return NEED_DATA
            return event if type(event) is Data and not self._awaits_continue else self._body_event(event)
        except RemoteProtocolError as error:
            if self.our_role is CLIENT:
                error.status = 502
            self._error = error
            self._stop(self.their_role)
            raise

    def _read(self) -> Event | NeedData | Paused:
        state, buffer = (self._client if self.our_role is SERVER else self._server), self._buffer
        arrived = buffer.start != len(buffer.data)
        event: Event | None = None
        if state is IDLE or state is SEND_RESPONSE:
            if arrived:
                event = self._read_head()
        elif arrived:
            if state is MUST_CLOSE or state is CLOSED:
                self._raise(f"data after the peer's last message ({state})", "data-after-end", "RFC 9112, 9.6")
            return PAUSED
        elif state is SWITCHED_PROTOCOL or (state is MIGHT_SWITCH_PROTOCOL and not buffer.eof):
            return PAUSED
        if event is not None:
            return event
        return self._closed() if buffer.eof else NEED_DATA

    def _closed(self) -> ConnectionClosed:
        """Return the event for the end of input where no message was under way. Raises RemoteProtocolError."""
        unread = len(self._buffer)
        if unread:
            self._raise("connection closed inside a head", "incomplete-head", "RFC 9112, 8", unread)
        self._move_them(ConnectionClosed)
        return ConnectionClosed()

    def _read_head(self) -> Event | None:
        raise NotImplementedError

    def _body_event(self, event: Data | EndOfMessage) -> Data | EndOfMessage:
        if type(event) is EndOfMessage:
            self._body_reader = None
            self._move_them(EndOfMessage)
        if self.our_role is SERVER:
            self._awaits_continue = False  # the client did not wait after all
        return event

    def _framing_refused(self, error: FramingError, offset: int) -> RemoteProtocolError:
        """Return the error for a head just read, whose fields begin at `offset` and are to blame."""
        return RemoteProtocolError(
            str(error), status=error.status, rule=error.rule, section=error.section, offset=offset
        )

    def _raise(self, message: str, rule: str, section: str, ahead: int = 0) -> NoReturn:
        offset = self._buffer.offset + ahead
        raise RemoteProtocolError(message, rule=rule, section=section, offset=offset) from None

    def read_whole_body(self) -> bytes | None:
        """Return the peer's body where its length is known and the whole of it has arrived, and end its message.

        It is what `next_event` would give as `Data` and `EndOfMessage`. None in any other case; then nothing has
        changed.
        """
        reader = self._body_reader
        if type(reader) is not LengthReader or self._awaits_continue or self._error is not None:
            return None
        body = b"" if reader is EMPTY_READER else reader.take_whole(self._buffer)
        if body is not None:
            self._body_reader = None
            self._move_them(EndOfMessage)
            if self.our_role is SERVER:
                self._awaits_continue = False
        return body

    @property
    def has_unread(self) -> bool:
        """Whether bytes have arrived that were not read yet, or belong to nothing that was asked for."""
        return self._buffer.start != len(self._buffer.data)

    # Sending

    def send(self, event: Event) -> bytes:
        """Return the bytes that carry `event` to the peer; see `send_buffers`, which copies no body."""
        return b"".join(self.send_buffers(event))

    def send_buffers(self, event: Event) -> list[Buffer]:
        """Return the buffers that carry `event` to the peer, the body's own among them.

        Raises LocalProtocolError where HTTP forbids `event` now or as it is; then nothing has changed, and
        something else may be sent in its place.
        """
        if isinstance(event, Data):
            self._check_ours(Data)
            assert self._body_writer is not None
            return self._body_writer.data(event.data)
        if isinstance(event, EndOfMessage):
            self._check_ours(EndOfMessage)
            assert self._body_writer is not None
            buffers = self._body_writer.end(event.trailers)
            self._move(self.our_role, EndOfMessage)
            return buffers
        if isinstance(event, ConnectionClosed):
            self._check_ours(ConnectionClosed)
            self._move(self.our_role, ConnectionClosed)
            return []
        return [self._send_head(event)]

    def send_whole(self, head: Request | Response, body: Buffer = b"") -> list[Buffer]:
        """Return the buffers of a whole message: `head`, all of `body` and the end, as three events would give them.

        Raises LocalProtocolError; then nothing has changed.
        """
        before = self._client, self._server, self._keep_alive, self._proposal, self._method, self._awaits_continue
        buffers: list[Buffer] = [self._send_head(head)]
        try:
            self._check_ours(EndOfMessage)
            writer = self._body_writer
            assert writer is not None
            if body:
                buffers += writer.data(body)
            buffers += writer.end(())
        except LocalProtocolError:
            (self._client, self._server, self._keep_alive, self._proposal, self._method, self._awaits_continue) = before
            raise
        self._move(self.our_role, EndOfMessage)
        return buffers

    def _send_head(self, event: Request | InformationalResponse | Response) -> bytes:
        raise NotImplementedError

    def send_failed(self) -> None:
        """Say that what `send` returned could not be delivered: this side's state becomes ERROR."""
        self._stop(self.our_role)

    def start_next_cycle(self) -> None:
        """Make both sides IDLE again for the next request and response.

        Raises LocalProtocolError unless both sides are DONE.
        """
        if not self.next_cycle_if_done():
            raise LocalProtocolError(
                f"the connection cannot be used again: client {self._client}, server {self._server}"
            )

    def next_cycle_if_done(self) -> bool:
        """Do as `start_next_cycle` where both sides are DONE; return whether they were."""
        if self._client is not DONE or self._server is not DONE:
            return False
        self._client = self._server = IDLE
        self._method = None
        if self._buffer.start > MOST_KEPT:
            self._buffer.let_go()
        return True

    def _check_ours(self, trigger: type[object]) -> None:
        state = self.our_state
        if trigger not in (state.client if self.our_role is CLIENT else state.server):
            raise LocalProtocolError(
                f"{self.our_role} cannot send {trigger.__name__} while {state} (peer {self.their_state})"
            )

    # Moving, all by the tables of states.py

    def _move_them(self, trigger: type[object]) -> None:
        try:
            self._move(self.their_role, trigger)
        except KeyError:
            if trigger is ConnectionClosed:
                self._raise("connection closed without a response", "closed-without-response", "RFC 9112, 8")
            self._raise(
                f"{self.their_role} sent {trigger.__name__} while {self.their_state}", "out-of-order", "RFC 9112, 9.3"
            )

    def _move(self, role: Role, trigger: type[object]) -> None:
        """Move the machine of `role`. Raises KeyError where its row does not name `trigger`."""
        proposed = self._proposal is not None
        self._client, self._server = moved(role, trigger, self._client, self._server, self._keep_alive, proposed)

    def _stop(self, role: Role) -> None:
        self._keep_alive = False
        client, server = (ERROR, self._server) if role is CLIENT else (self._client, ERROR)
        self._client, self._server = settle(client, server, False, self._proposal is not None)

    # What heads say of the connection, the same for both ends

    def _learn_request(self, request: Request, fields: FramingFields, framing: Framing) -> None:
        version = request.http_version
        self._method = request.method
        self._proposal = None
        self._awaits_continue = False
        self._plain = False
        if (
            fields.get(b"connection", b"keep-alive") == b"keep-alive"
            and b"expect" not in fields
            and version == b"1.1"
            and request.method != b"CONNECT"
        ):
            self._plain = request.method != b"HEAD"
            return  # nothing is said of the connection
        options = connection_options(fields)
        self._proposal = proposes_switch(request.method, fields, options, version)
        self._offered = list_members(fields.get(b"upgrade", b""))
        self._awaits_continue = framing != NO_BODY and expects_continue(fields, version)
        self._keep_alive = self._keep_alive and keeps_alive(options, version)

    def _is_offered(self, fields: FramingFields) -> bool:
        """Whether a 101 with `fields` says to which of the offered protocols it switches (RFC 9110, 7.8)."""
        chosen = list_members(fields.get(b"upgrade", b""))
        return bool(chosen) and set(chosen) <= set(self._offered)

    def _kind_of_response(self, event: InformationalResponse | Response) -> type[object]:
        """Return what a response is to the state machine: its own type, or the agreement to switch protocols."""
        if event.status == 101 and self._proposal == b"Upgrade":
            return Switch
        if self._proposal == b"CONNECT" and 200 <= event.status < 300:
            return Switch
        return type(event)
