"""`ServerConnection` and `ClientConnection`: an open WebSocket, bytes in and events out, and the way back (RFC 6455).

The verbs are those of HTTP: `receive_data` takes what the network brought, `next_event` says what it meant, `send`
says what to give the network.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import LocalProtocolError, RemoteProtocolError
from ..http1.buffer import ReceiveBuffer
from ..http1.events import Buffer
from ..limits import DEFAULT_LIMITS, Limits
from .close_codes import ABNORMAL_CLOSURE
from .deflate import Deflate, Deflater, Inflater
from .events import NEED_DATA, Binary, Close, ConnectionClosed, Event, NeedData, Ping, Pong, Text
from .frames import BINARY, LARGEST_CONTROL, PING, PONG, TEXT
from .plain import read_plain
from .reader import MessageReader
from .states import CLOSED, FAILED, LOCAL_CLOSING, OPEN, State
from .writer import MessageWriter, close_payload

__all__ = ["ClientConnection", "Connection", "ServerConnection"]


class Connection:
    """What the two roles share; use `ServerConnection` or `ClientConnection`.

    After a RemoteProtocolError the state is FAILED and `next_event` raises the same error again; a `Close` with the
    error's `close_code` can still be sent. A LocalProtocolError means that nothing was sent and nothing has changed.
    """

    __slots__ = ("_buffer", "_error", "_reader", "_state", "_writer", "close_code", "close_reason", "limits")

    def __init__(
        self,
        *,
        client: bool,
        mask: Callable[[], bytes] | None,
        limits: Limits | None,
        deflate: Deflate | None,
        clock: Callable[[], float] | None,
        parts: bool,
        direct: bool = True,
    ) -> None:
        self.limits = DEFAULT_LIMITS if limits is None else limits
        self.close_code: int | None = None
        """Why the connection ended: the code of the peer's close frame, 1005 for one without, 1006 where the
        connection was lost without one, or what the peer's mistake is closed with; None while it is open."""
        self.close_reason = ""
        """The reason of the peer's close frame."""
        self._state = OPEN
        self._buffer = ReceiveBuffer()
        self._error: RemoteProtocolError | None = None
        inflater, deflater = (None, None) if deflate is None else _compression(deflate, client=client)
        self._reader = MessageReader(
            self._buffer,
            self.limits,
            client=client,
            inflater=inflater,
            clock=clock,
            parts=parts,
            direct=direct,
        )
        self._writer = MessageWriter(mask, deflater)

    @property
    def state(self) -> State:
        """The state of the connection (see `states.py`)."""
        return self._state

    # Reading

    def receive_data(self, data: Buffer) -> None:
        """Take in bytes from the network; ``b""`` says that the peer has ended its direction.

        Nothing is looked at until `next_event`. What comes behind a close frame or an error is dropped. Raises
        ValueError for bytes after the end.
        """
        buffer = self._buffer
        if not data:
            buffer.eof = True
            self._reader.quick = False
        elif buffer.eof:
            raise ValueError("received bytes after the end of the connection")
        elif self._state is OPEN or self._state is LOCAL_CLOSING:
            buffer.append(data)

    def receive_whole(self, data: bytes) -> str | bytes | None:
        """Take in bytes as `receive_data` does; where they are one message, whole and by itself, return its content.

        That is str for text and bytes for binary, and no event comes of it any more. In all other cases None, and
        `next_event` says what there is. Most messages come by themselves, and are read so at a third of the price.
        """
        reader, buffer = self._reader, self._buffer
        if reader.quick and buffer.start == len(buffer.data) and self._state is OPEN:
            content = read_plain(data, reader.masked, reader.longest)
            if content is not None:
                reader.passed += len(data)
                return content
        self.receive_data(data)
        return None

    def next_event(self) -> Event | NeedData:
        """Return what the peer said next; `NEED_DATA` where it cannot be told yet.

        Raises RemoteProtocolError for what the protocol forbids; after that, the same error again.
        """
        buffer = self._buffer
        if buffer.start == len(buffer.data) and not buffer.eof and self._error is None:
            return NEED_DATA
        state = self._state
        event: Event | None = None
        if state is OPEN or state is LOCAL_CLOSING:
            try:
                event = self._reader.read()
            except RemoteProtocolError as error:
                self._fail(error)
                raise
        elif self._error is not None:
            raise self._error.with_traceback(None)
        if event is None:
            if not buffer.eof:
                return NEED_DATA
            event = ConnectionClosed()
            if self.close_code is None:
                self.close_code = ABNORMAL_CLOSURE
        elif type(event) is Close:
            self.close_code = event.code
            self.close_reason = event.reason
            self._drop_input()
        self._state = state.received[type(event)]
        return event

    def _fail(self, error: RemoteProtocolError) -> None:
        self._error = error
        self._state = FAILED
        self.close_code = error.close_code
        self._drop_input()

    def _drop_input(self) -> None:
        self._buffer.start = len(self._buffer.data)

    # Sending

    def send(self, event: Event, compress: int | None = None) -> bytes:
        """Return the bytes that carry `event`; see `send_buffers`."""
        return b"".join(self.send_buffers(event, compress))

    def send_buffers(self, event: Event, compress: int | None = None) -> list[Buffer]:
        """Return the buffers that carry `event`, a large payload uncopied where it goes out unmasked.

        `compress`, where compression was agreed on, is zlib's level for this message, 0 for none at all, and None for
        what was agreed. Raises LocalProtocolError for what the state or the protocol forbids, and UnicodeEncodeError
        for text that UTF-8 cannot say (a lone surrogate).
        """
        kind = type(event)
        after = self._state.sent.get(kind)
        if after is None:
            raise LocalProtocolError(f"{kind.__name__} cannot be sent: the WebSocket is {self._state!r}")
        if isinstance(event, Text):
            buffers = self._writer.message(TEXT, event.data.encode(), final=event.final, compress=compress)
        elif isinstance(event, Binary):
            buffers = self._writer.message(BINARY, event.data, final=event.final, compress=compress)
        elif isinstance(event, Ping):
            buffers = self._writer.control(PING, event.payload)
        elif isinstance(event, Pong):
            buffers = self._writer.control(PONG, event.payload)
        else:
            assert isinstance(event, Close)
            buffers = self._writer.close(event.code, event.reason)
        self._state = after
        return buffers

    def send_whole(self, content: str | Buffer, compress: int | None = None) -> list[Buffer]:
        """Return the buffers of a whole message: `send_buffers` for a `Text` or `Binary` that need not be made."""
        if self._state is not OPEN:
            raise LocalProtocolError(f"no message can be sent: the WebSocket is {self._state!r}")
        if isinstance(content, str):
            return self._writer.whole(TEXT, content.encode(), compress)
        return self._writer.whole(BINARY, content, compress)

    @staticmethod
    def check_close(event: Close) -> None:
        """Raise LocalProtocolError for a code or a reason that no close frame can carry."""
        payload = close_payload(event.code, event.reason)
        if len(payload) > LARGEST_CONTROL:
            raise LocalProtocolError(
                f"a close frame's reason has at most {LARGEST_CONTROL - 2} bytes, not {len(payload) - 2} "
                "(RFC 6455, 5.5)"
            )

    def send_failed(self) -> None:
        """Note that what `send` returned did not reach the peer whole: nothing can be sent any more."""
        self._state = CLOSED
        if self.close_code is None:
            self.close_code = ABNORMAL_CLOSURE


def _compression(agreed: Deflate, *, client: bool) -> tuple[Inflater, Deflater]:
    """Return how to inflate the peer's messages and to deflate ours."""
    inflaters = Inflater(agreed.client_max_window_bits, keeps_context=not agreed.client_no_context_takeover)
    if not client:
        return inflaters, Deflater(
            agreed.server_max_window_bits, keeps_context=not agreed.server_no_context_takeover, level=agreed.level
        )
    return (
        Inflater(agreed.server_max_window_bits, keeps_context=not agreed.server_no_context_takeover),
        Deflater(
            agreed.client_max_window_bits, keeps_context=not agreed.client_no_context_takeover, level=agreed.level
        ),
    )


class ServerConnection(Connection):
    """The server's end of an open WebSocket.

    `limits` bounds what the peer may send; `deflate` is the compression that the handshake has settled; `clock` tells
    the time in seconds, and without one pings and pongs have no limit; with `parts` a message is given out in parts
    as they come, and not whole.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        deflate: Deflate | None = None,
        clock: Callable[[], float] | None = None,
        parts: bool = False,
    ) -> None:
        super().__init__(client=False, mask=None, limits=limits, deflate=deflate, clock=clock, parts=parts)


class ClientConnection(Connection):
    """The client's end of an open WebSocket.

    `mask` returns four fresh random bytes, hard to guess (``lambda: os.urandom(4)``): they keep what a client sends
    from being taken for something else on the way (RFC 6455, 10.3). The others are those of `ServerConnection`.
    """

    __slots__ = ()

    def __init__(
        self,
        mask: Callable[[], bytes],
        *,
        limits: Limits | None = None,
        deflate: Deflate | None = None,
        clock: Callable[[], float] | None = None,
        parts: bool = False,
    ) -> None:
        super().__init__(client=True, mask=mask, limits=limits, deflate=deflate, clock=clock, parts=parts)
