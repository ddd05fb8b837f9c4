"""`WebSocketEndpoint`: one end of a WebSocket with aiohttp's methods; the server's and the client's are made of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, overload

from drywire_sansio.websocket import (
    LOCAL_CLOSING,
    NEED_DATA,
    OPEN,
    Binary,
    Close,
    Connection,
    Event,
    LocalProtocolError,
    Ping,
    Pong,
    RemoteProtocolError,
    Text,
    WSCloseCode,
)

from ..errors import StreamTimeout, TransportError
from ..json_text import from_json, to_json
from ..runtime import Runtime, Wake
from ..stream import Buffer, ByteStream
from .attendance import Attendance
from .channel import WebSocketChannel
from .heartbeat import Heartbeat
from .messages import CLOSED_MESSAGE, CLOSING_MESSAGE, WebSocketError, WSMessage, WSMessageTypeError, WSMsgType
from .pongs import Pongs

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    DecodeText = TypeVar("DecodeText", bound=bool, covariant=True, default=Literal[True])
else:
    from typing import TypeVar

    DecodeText = TypeVar("DecodeText", bound=bool, covariant=True)

__all__ = ["DecodeText", "WebSocketEndpoint"]

INFINITE: Final = math.inf
INBOX_BYTES: Final = 64 * 1024
"""Bytes of messages that are read ahead for a program that does not receive: then the peer has to wait, too."""
INBOX_MESSAGES: Final = 64

MOST_DROPPED: Final = 1024 * 1024
"""Bytes that are read, and dropped, of a peer that was told what it did wrong: one that goes on does not listen."""

HIGHEST_LEVEL: Final = 9
"""zlib's; above it stand window bits, which aiohttp takes in the same place, and the agreement has settled those."""

LONGEST_REASON: Final = 123
"""Bytes of a close frame's reason (RFC 6455, 5.5.1)."""

# Half the price of calling the class, which calls a lambda that calls this.
_new_message: Final = tuple.__new__
_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_ENDS: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED})


class WebSocketEndpoint(Generic[DecodeText]):
    """Sends and receives the messages of one WebSocket. Any task may send or close, one at a time may receive.

    - A send waits while the peer does not take what was sent before, so nothing piles up.
    - Cancelling `receive` loses no message. A send that is cancelled in the middle of a frame ends the connection.
    - Pings are answered, and pongs heard, also while nobody receives; then messages wait here, up to 64 KiB.
    - `close` ends the wait of a receiver in another task, and takes `timeout` seconds at the most.

    Type checkers are told by ``[Literal[False]]`` that text comes as bytes.
    """

    _channel: WebSocketChannel | None = None

    def _configure(
        self,
        *,
        timeout: float,
        receive_timeout: float | None,
        autoclose: bool,
        autoping: bool,
        heartbeat: float | None,
        decode_text: bool,
    ) -> None:
        self._close_timeout = timeout
        self._receive_timeout = receive_timeout
        self._autoclose = autoclose
        self._autoping = autoping
        self._heartbeat_interval = heartbeat
        self._decode_text = decode_text
        self._closed = False
        self._closing = False
        self._ended = False
        self._receiving = False
        self._close_code: int | None = None
        self._exception: BaseException | None = None
        self._last_word: WSMessage | None = None  # what a receiver is still to be told once it is closed
        self._inbox: list[WSMessage] = []  # no deque: see Turns
        self._waiting_for_end: list[Wake] = []

    def _open(
        self, stream: ByteStream, core: Connection, runtime: Runtime, *, write_patience: float = math.inf
    ) -> None:
        """Begin: the handshake is done, and `core` has what came behind it."""
        if self._heartbeat_interval:
            # A send that makes no progress is as dead as a peer that does not answer.
            write_patience = min(write_patience, 1.5 * self._heartbeat_interval)
        stream.read_deadline = stream.write_deadline = math.inf
        self._runtime = runtime
        self._stream = stream
        self._core = core
        self._heard_at = runtime.now()
        self._hears = False
        self._channel = channel = WebSocketChannel(stream, core, runtime, write_patience=write_patience)
        self._pongs = Pongs(channel, runtime)
        self._attendance = Attendance(runtime, self._read_ahead, self._interrupt)
        self._attendance.watch()
        self._heartbeat: Heartbeat | None = None
        if self._heartbeat_interval:
            self._hears = True
            self._heartbeat = Heartbeat(runtime, self._heartbeat_interval, _Pulse(self))
            self._heartbeat.start()

    # What is known

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, or this side has begun to close it: nothing can be sent any more."""
        return self._closed

    @property
    def close_code(self) -> int | None:
        """The code it was closed with: the peer's, 1005 if it gave none, 1006 if it was lost; None while it is open."""
        return self._close_code

    def exception(self) -> BaseException | None:
        """Return the error that ended the connection; None where there was none."""
        return self._exception

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows under `name`, such as ``"peername"`` or ``"ssl_object"``."""
        return default if self._channel is None else self._stream.extra_info(name, default)

    # Sending

    def send_str(self, data: str, compress: int | None = None) -> Coroutine[Any, Any, None]:
        """Send `data` as a text message; return when the connection can take more.

        `compress`, where compression was agreed on, is zlib's level for this message, 0 for none. Raises TypeError for
        what is not a str, RuntimeError before the connection is prepared, and ConnectionResetError once it is closed
        or lost.
        """
        if not isinstance(data, str):
            raise TypeError(f"data argument must be str ({type(data)!r})")
        return self._send_content(data, compress)

    def send_bytes(
        self, data: bytes | bytearray | memoryview, compress: int | None = None
    ) -> Coroutine[Any, Any, None]:
        """Send `data` as a binary message; see `send_str`."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        return self._send_content(data, compress)

    async def send_json(
        self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], str] = json.dumps
    ) -> None:
        """Send `data` as a text message in JSON; see `send_str`."""
        await self.send_str(to_json(data, dumps), compress)

    async def send_json_bytes(self, data: Any, compress: int | None = None, *, dumps: Callable[[Any], bytes]) -> None:
        """Send `data` as a binary message in JSON, which `dumps` makes; see `send_str`."""
        await self.send_bytes(dumps(data), compress)

    async def send_frame(self, message: bytes, opcode: WSMsgType, compress: int | None = None) -> None:
        """Send `message` as a whole frame of a type: TEXT (in UTF-8), BINARY, PING or PONG; see `send_str`.

        Raises ValueError for another type, and for text that is not UTF-8.
        """
        match opcode:
            case WSMsgType.TEXT:
                await self.send_str(bytes(message).decode(), compress)
            case WSMsgType.BINARY:
                await self.send_bytes(message, compress)
            case WSMsgType.PING:
                await self.ping(message)
            case WSMsgType.PONG:
                await self.pong(message)
            case _:
                raise ValueError(f"{opcode!r} cannot be sent as a frame: use send_str, send_bytes or close")

    async def ping(self, message: bytes | str = b"") -> None:
        """Send a ping of at most 125 bytes. Raises ValueError for more, and what `send_str` raises."""
        await self._send_control(Ping(_to_bytes(message)))

    async def pong(self, message: bytes | str = b"") -> None:
        """Send a pong that nobody asked for, of at most 125 bytes. Raises ValueError for more, and as `send_str`."""
        await self._send_control(Pong(_to_bytes(message)))

    async def _send_content(self, content: str | Buffer, compress: int | None) -> None:
        channel = self._channel or self._prepared_channel()
        if compress is not None and compress > HIGHEST_LEVEL:
            compress = None
        try:
            await channel.send_made(self._core.send_whole, content, compress)
        except (LocalProtocolError, TransportError) as error:
            raise self._send_error(error) from error

    async def _send_control(self, event: Ping | Pong) -> None:
        try:
            await self._prepared_channel().send(event)
        except (LocalProtocolError, TransportError) as error:
            raise self._send_error(error) from error

    def _send_error(self, error: LocalProtocolError | TransportError) -> Exception:
        """Return what a program gets for `error`."""
        if isinstance(error, LocalProtocolError) and self._core.state is OPEN:
            return ValueError(str(error))
        return self._reset()

    def _prepared_channel(self) -> WebSocketChannel:
        if self._channel is None:
            raise RuntimeError("Call .prepare() first")
        return self._channel

    def _reset(self) -> ConnectionResetError:
        """Return the error for a send that comes too late."""
        return ConnectionResetError("Cannot write to closing transport")

    def _pong_missing(self, text: str) -> TimeoutError:
        """Return the error for a peer that does not answer pings."""
        return TimeoutError(text)

    # Receiving

    def receive(self, timeout: float | None = None) -> Coroutine[Any, Any, WSMessage]:
        """Return the next message: TEXT, BINARY, or what has ended the connection: CLOSE, CLOSING, CLOSED or ERROR.

        With ``autoping=False`` PING and PONG, too. `timeout` is in seconds (None: the one of the connection). Raises
        TimeoutError once it has passed (nothing is lost, and the connection stays open), and RuntimeError while
        another task receives, or before the connection is prepared.
        """
        return self._receive(timeout, False)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, WSMessage]:
        return self._receive(None, True)

    async def _receive(self, timeout: float | None, iterating: bool) -> WSMessage:
        """Receive, for both: each level of awaiting would be passed through twice for every message."""
        if self._channel is None or self._receiving:
            raise self._not_receivable()
        attendance = self._attendance
        self._receiving = True
        try:
            message = None
            if self._closed or self._closing or self._inbox or attendance.reading:
                message = await self._receive_early()
            if message is None:
                patience = timeout or self._receive_timeout
                self._stream.read_deadline = self._runtime.now() + patience if patience else INFINITE
                attendance.reading = True
                try:
                    message = await self._next_message(patience)
                finally:
                    attendance.reading = False
                    attendance.seen = True
                    if attendance.waiting:
                        attendance.end()
        finally:
            self._receiving = False
            if attendance.unwatched and not self._closed:
                attendance.watch()
        if iterating and message.type in _ENDS:
            raise StopAsyncIteration
        return message

    def _not_receivable(self) -> RuntimeError:
        if self._receiving:
            return RuntimeError("Concurrent call to receive() is not allowed")
        return RuntimeError("Call .prepare() first")

    async def _receive_early(self) -> WSMessage | None:
        """Return a message that needs no reading; None once this task may read."""
        while True:
            if self._inbox:
                return self._inbox.pop(0)
            if self._closed:
                return self._told_last_word() if self._last_word is not None else self._closed_message()
            if self._closing:
                return CLOSING_MESSAGE
            if not self._attendance.reading:
                return None
            await self._attendance.turn_over(math.inf)

    def _closed_message(self) -> WSMessage:
        return CLOSED_MESSAGE

    async def _next_message(self, patience: float | None = None) -> WSMessage:
        """Read up to the next message. Raises TimeoutError at the stream's deadline."""
        core, stream = self._core, self._stream
        while True:
            try:
                while (event := core.next_event()) is NEED_DATA:
                    content = core.receive_whole(await stream.receive())
                    if self._hears:
                        self._heard_at = self._runtime.now()
                    if type(content) is str and self._decode_text:
                        return _new_message(WSMessage, (_TEXT, content, ""))
                    if content is not None:
                        return self._message(content)
            except (RemoteProtocolError, TransportError) as error:
                return await self._broken(error, patience)
            message = await self._seen_to(event)  # type: ignore[arg-type]  # the sentinel is handled above
            if message is not None:
                return message

    def _message(self, content: str | bytes) -> WSMessage:
        if isinstance(content, bytes):
            return _new_message(WSMessage, (_BINARY, content, ""))
        return _new_message(WSMessage, (_TEXT, content if self._decode_text else content.encode(), ""))

    async def _seen_to(self, event: Event) -> WSMessage | None:
        """See to an event; return what of it the program shall see."""
        if isinstance(event, Text | Binary):
            return self._message(event.data)  # type: ignore[arg-type]  # what is received is bytes
        if isinstance(event, Ping):
            if not self._autoping:
                return WSMessage(WSMsgType.PING, event.payload, "")
            await self._pongs.answer(event)
            return None
        if isinstance(event, Pong):
            return None if self._autoping else WSMessage(WSMsgType.PONG, event.payload, "")
        if isinstance(event, Close):
            return await self._answer_close(event)
        return self._lose(None)

    async def _broken(self, error: RemoteProtocolError | TransportError, patience: float | None) -> WSMessage:
        """Return what to tell the program of an error while reading."""
        if isinstance(error, RemoteProtocolError):
            return await self._fail(error)
        if not isinstance(error, StreamTimeout):
            return self._lose(error)
        if self._attendance.interrupted:
            return CLOSING_MESSAGE
        raise TimeoutError(f"no message was received within {patience or 0:g} seconds") from error

    async def _read_ahead(self) -> None:
        """Read while nobody receives, as long as there is room for messages."""
        size = sum(_size(message) for message in self._inbox)
        self._stream.read_deadline = math.inf
        while size < INBOX_BYTES and len(self._inbox) < INBOX_MESSAGES and not self._attendance.interrupted:
            message = await self._next_message()
            if message.type is WSMsgType.CLOSING or self._last_word is not None:
                return  # interrupted, or given up, which the receiver will be told
            self._inbox.append(message)
            size += _size(message)
            if message.type not in (_TEXT, _BINARY, WSMsgType.PING, WSMsgType.PONG):
                return

    def _interrupt(self) -> None:
        self._stream.read_deadline = -math.inf
        self._stream.apply_deadlines()

    @overload
    async def receive_str(self: WebSocketEndpoint[Literal[True]], *, timeout: float | None = None) -> str: ...
    @overload
    async def receive_str(self: WebSocketEndpoint[Literal[False]], *, timeout: float | None = None) -> bytes: ...
    @overload
    async def receive_str(self, *, timeout: float | None = None) -> str | bytes: ...
    async def receive_str(self, *, timeout: float | None = None) -> str | bytes:
        """Return the text of the next message. Raises WSMessageTypeError where it is no TEXT, and as `receive`."""
        data: str | bytes = await self._receive_typed(_TEXT, timeout)
        return data

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Return the bytes of the next message. Raises WSMessageTypeError where it is no BINARY, and as `receive`."""
        data: bytes = await self._receive_typed(_BINARY, timeout)
        return data

    async def receive_json(self, *, loads: Callable[[Any], Any] = json.loads, timeout: float | None = None) -> Any:
        """Return the next message, a TEXT, decoded from JSON. Raises what `receive_str` and `loads` raise."""
        return from_json(await self._receive_typed(_TEXT, timeout), loads)

    async def _receive_typed(self, kind: WSMsgType, timeout: float | None) -> Any:
        message = await self.receive(timeout)
        if message.type is not kind:
            raise WSMessageTypeError(f"Received message {message.type!r}:{message.data!r} is not WSMsgType.{kind.name}")
        return message.data

    # The end

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes | str = b"", drain: bool = True) -> bool:
        """Close the connection: send a close frame, wait for the peer's, at most for the close timeout, and hang up.

        `message` is the reason, at most 123 bytes. Another task that receives gets a CLOSING message. Returns False
        where it was closed already. Raises ValueError for a code or a reason that cannot be sent, and RuntimeError
        before the connection is prepared.
        """
        channel = self._prepared_channel()
        if self._closed:
            return False
        event = Close(int(code), message if isinstance(message, str) else bytes(message).decode())
        try:
            self._core.check_close(event)
        except LocalProtocolError as error:
            raise ValueError(str(error)) from error
        deadline = self._begin_end()
        try:
            if self._core.state.sent.get(Close) is not None:
                await channel.send(event)
            await self._attendance.turn_over(deadline)
            await self._wait_for_close(channel, deadline)
            await self._stream.aclose()
        except (TransportError, RemoteProtocolError, LocalProtocolError) as error:
            self._exception = error  # a LocalProtocolError where a stuck send has broken the connection meanwhile
        finally:
            self._end()
        return True

    def _begin_end(self) -> float:
        """Let nobody send any more; return the time by which all must be over, stuck sends among it."""
        self._closed = True
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._attendance.stop()
        deadline = self._runtime.now() + self._close_timeout
        self._prepared_channel().deadline = deadline
        self._stream.write_deadline = min(self._stream.write_deadline, deadline)
        self._stream.apply_deadlines()
        return deadline

    async def _wait_for_close(self, channel: WebSocketChannel, deadline: float) -> None:
        """Read, and drop what is read, until the peer's close frame."""
        self._stream.read_deadline = deadline
        self._attendance.reading = True
        try:
            while self._core.state is LOCAL_CLOSING:
                if self._runtime.now() >= deadline:  # a stream from which something always comes does not look
                    raise StreamTimeout("the peer sent much before the deadline, but no close frame")
                await channel.next_event()
        finally:
            self._attendance.end()

    def _end(self) -> None:
        """Drop the connection, and let everybody know; synchronous."""
        self._closed = True
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._attendance.stop()
        self._stream.abort()
        if self._close_code is None:
            code = self._core.close_code
            self._close_code = int(WSCloseCode.ABNORMAL_CLOSURE) if code is None else code
        self._ended = True
        for wake in self._waiting_for_end:
            wake.set()

    async def _until_ended(self) -> None:
        """Wait until another task's `close` is done."""
        while not self._ended:
            wake = self._runtime.wake()
            self._waiting_for_end.append(wake)
            try:
                await self._runtime.park(wake)
            finally:
                self._waiting_for_end.remove(wake)

    async def _answer_close(self, event: Close) -> WSMessage:
        """Answer the peer's close frame, and hang up, unless the program wants to do so itself."""
        self._closing = True
        self._close_code = event.code
        if self._closed:
            return CLOSING_MESSAGE  # it answers ours
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._autoclose:
            self._begin_end()
            try:
                await self._prepared_channel().send(event.answer())
                await self._stream.aclose()
            except TransportError as error:
                self._exception = error
            finally:
                self._end()
        return WSMessage(WSMsgType.CLOSE, event.code, event.reason)

    async def _fail(self, error: RemoteProtocolError) -> WSMessage:
        """Tell the peer what it did wrong, give it a little time to read that, and hang up."""
        code = error.close_code
        self._exception = wrong = WebSocketError(code, str(error))
        wrong.__cause__ = error
        if self._closed:
            return WSMessage(WSMsgType.ERROR, wrong, None)
        deadline = self._begin_end()
        self._close_code = code
        try:
            reason = error.args[0].encode()[:LONGEST_REASON].decode(errors="ignore")
            await self._prepared_channel().send(Close(code, reason))
            # Hanging up with bytes of the peer unread would reset the connection, and could take our frame with it.
            await self._stream.send_eof()
            self._stream.read_deadline = deadline
            left = MOST_DROPPED
            while left > 0 and self._runtime.now() < deadline and (data := await self._stream.receive()):
                left -= len(data)
        except TransportError:
            pass
        finally:
            self._end()
        return WSMessage(WSMsgType.ERROR, wrong, None)

    def _lose(self, error: TransportError | None) -> WSMessage:
        """Note that the connection was lost."""
        if not self._closed:
            self._exception = error
            self._end()
        return self._told_last_word() if self._receiving else CLOSED_MESSAGE

    def _told_last_word(self) -> WSMessage:
        last_word, self._last_word = self._last_word, None
        return last_word or CLOSED_MESSAGE

    def _give_up(self, text: str) -> None:
        """Drop a connection whose peer is dead; synchronous. A receiver gets an ERROR message."""
        if not self._closed:
            self._exception = self._pong_missing(text)
            self._last_word = WSMessage(WSMsgType.ERROR, self._exception, None)
            self._close_code = int(WSCloseCode.ABNORMAL_CLOSURE)
            self._end()


class _Pulse:
    """What a heartbeat knows of an endpoint."""

    __slots__ = ("_endpoint",)

    def __init__(self, endpoint: WebSocketEndpoint[bool]) -> None:
        self._endpoint = endpoint

    @property
    def heard_at(self) -> float:
        return self._endpoint._heard_at

    @property
    def may_be_judged(self) -> bool:
        endpoint = self._endpoint
        return endpoint._attendance.reading and not endpoint._prepared_channel().turns.taken

    def ping(self) -> None:
        self._endpoint._attendance.stand_in()
        self._endpoint._pongs.ping()

    def give_up(self, error: str) -> None:
        self._endpoint._give_up(error)


def _to_bytes(message: bytes | str) -> bytes:
    return message.encode() if isinstance(message, str) else bytes(message)


def _size(message: WSMessage) -> int:
    return len(message.data) if isinstance(message.data, str | bytes) else 0
