"""`MessageReader`: received bytes to events, the plain ones straight and the others by wsproto."""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import RemoteProtocolError
from ..http1.buffer import ReceiveBuffer
from ..limits import Limits, exceeded
from .deflate import Inflater, MessageTooBig
from .events import Binary, Close, Event, Ping, Pong, Text
from .frames import BINARY, CLOSE, FIN, LARGEST_CONTROL, PING, PONG, RSV1, TEXT, FrameHeader, read_header
from .masking import apply_mask

if TYPE_CHECKING:
    from .engine import Engine, Frame

__all__ = ["CONTROL_PERIOD", "MessageReader"]

CONTROL_PERIOD: Final = 10.0
"""Seconds within which `Limits.control_frames` pings and pongs may come."""

_PLAIN_TEXT: Final = FIN | TEXT
_PLAIN_BINARY: Final = FIN | BINARY
_PING: Final = FIN | PING
_PLAIN: Final = frozenset({_PLAIN_TEXT, _PLAIN_BINARY})
_PINGS: Final = frozenset({_PING, FIN | PONG})
_CONTROL_BIT: Final = 0x08

_new_decoder = getincrementaldecoder("utf-8")


class MessageReader:
    """Reads one peer's frames from `buffer` and gives out whole messages, or their parts as they come.

    A frame that is a whole message, not compressed, is read here; so are pings and pongs. What else there is goes to
    wsproto a frame at a time, so that it is always known who reads the next one. `direct=False` sends all there.
    """

    __slots__ = (
        "_buffer",
        "_checked",
        "_client",
        "_clock",
        "_compressed",
        "_control_frames",
        "_control_since",
        "_decoder",
        "_direct",
        "_engine",
        "_frames",
        "_in_message",
        "_inflater",
        "_left",
        "_limits",
        "_message",
        "_opcode_bits",
        "_parts",
        "_size",
    )

    def __init__(
        self,
        buffer: ReceiveBuffer,
        limits: Limits,
        *,
        client: bool,
        inflater: Inflater | None,
        clock: Callable[[], float] | None,
        parts: bool,
        direct: bool = True,
    ) -> None:
        self._buffer = buffer
        self._limits = limits
        self._client = client
        self._inflater = inflater
        self._clock = clock
        self._parts = parts
        self._direct = direct
        self._engine: Engine | None = None
        self._left = -1  # bytes of the frame that the engine is reading, -1 between frames
        self._opcode_bits = 0  # the first byte of that frame
        # The message under way, of frames that the engine reads
        self._in_message = False
        self._compressed = False
        self._frames = 0
        self._size = 0
        self._message = bytearray()
        # The text frame under way that is read here
        self._decoder: IncrementalDecoder | None = None
        self._checked = 0
        self._control_frames = 0
        self._control_since = 0.0

    def read(self) -> Event | None:
        """Return the next event, None where more bytes are needed. Raises RemoteProtocolError with a close code."""
        try:
            while True:
                buffer = self._buffer
                if self._left >= 0:
                    if buffer.start == len(buffer.data):
                        return None
                    event = self._feed_payload()
                else:
                    header = read_header(buffer.data, buffer.start)
                    if header is None:
                        return None
                    if self._reads_itself(header):
                        return self._read_control(header) if header.first & _CONTROL_BIT else self._read_plain(header)
                    event = self._feed_header(header)
                if event is not None:
                    return event
        except MessageTooBig:
            raise exceeded("message", self._limits.message, self._buffer.offset) from None
        except RemoteProtocolError as error:
            error.offset = self._buffer.offset
            raise

    # The direct path

    def _reads_itself(self, header: FrameHeader) -> bool:
        """Whether a frame needs no engine: a valid ping or pong, or a valid frame that is a whole, plain message."""
        if not self._direct or not header.shortest or header.masked is self._client:
            return False
        if header.first in _PLAIN:
            return not self._in_message
        return header.first in _PINGS and header.size <= LARGEST_CONTROL

    def _read_plain(self, header: FrameHeader) -> Event | None:
        """Return the message that a frame is, once all of it has come."""
        size = header.size
        if size > self._limits.frame:
            raise exceeded("frame", self._limits.frame, 0)
        if size > self._limits.message:
            raise exceeded("message", self._limits.message, 0)
        buffer = self._buffer
        start = buffer.start + header.length
        if len(buffer.data) < start + size:
            if header.first == _PLAIN_TEXT and size:
                self._check_text(header, start)
            return None
        payload = self._payload(header, start, start + size)
        buffer.start = start + size
        if header.first == _PLAIN_BINARY:
            return Binary(payload)
        self._decoder = None
        try:
            return Text(payload.decode())
        except UnicodeDecodeError as error:
            raise _invalid_text(error) from None

    def _payload(self, header: FrameHeader, start: int, end: int, skipped: int = 0) -> bytes:
        """Return that part of a payload, unmasked; `skipped` bytes of it lie before."""
        data = self._buffer.data
        if not header.masked:
            return data[start:end] if type(data) is bytes else bytes(memoryview(data)[start:end])
        key_start = self._buffer.start + header.length - 4
        key = bytes(data[key_start : key_start + 4])
        turn = skipped & 3
        if turn:
            key = key[turn:] + key[:turn]
        with memoryview(data) as view:
            return apply_mask(view[start:end], key)

    def _check_text(self, header: FrameHeader, start: int) -> None:
        """Look at what has come of a text, so that it fails where it is wrong and not at its end."""
        if self._decoder is None:
            self._decoder = _new_decoder()
            self._checked = 0
        part = self._payload(header, start + self._checked, len(self._buffer.data), self._checked)
        try:
            self._decoder.decode(part)
        except UnicodeDecodeError as error:
            raise _invalid_text(error) from None
        self._checked += len(part)

    def _read_control(self, header: FrameHeader) -> Event | None:
        buffer = self._buffer
        start = buffer.start + header.length
        end = start + header.size
        if len(buffer.data) < end:
            return None
        payload = self._payload(header, start, end)
        buffer.start = end
        self._count_control_frame()
        return Ping(payload) if header.first == _PING else Pong(payload)

    def _count_control_frame(self) -> None:
        self._control_frames += 1
        if self._control_frames <= self._limits.control_frames or self._clock is None:
            return
        now = self._clock()
        if now - self._control_since < CONTROL_PERIOD:
            raise exceeded("control_frames", self._limits.control_frames, 0)
        self._control_since = now
        self._control_frames = 1

    # By wsproto

    def _feed_header(self, header: FrameHeader) -> Event | None:
        """Give a frame's header to the engine, which says whether it is right, and hold it against the limits."""
        buffer = self._buffer
        engine = self._engine
        if engine is None:
            # Most connections never need it, and wsproto takes a while to load: it brings an HTTP library.
            from .engine import Engine

            self._engine = engine = Engine(client=self._client, inflater=self._inflater)
        with memoryview(buffer.data) as view:
            raw = bytes(view[buffer.start : buffer.start + header.length])
        # A frame without a payload is complete with its header, and may end a message: so its first frame is seen to
        # before the engine is.
        is_data = not header.first & _CONTROL_BIT
        if is_data and not self._in_message:
            self._compressed = bool(header.first & RSV1)
        frames = engine.feed(raw, self._room())
        buffer.start += header.length
        self._opcode_bits = header.first
        self._left = header.size
        if is_data:
            self._admit(header.size)
        elif header.first & 0x0F != CLOSE:
            self._count_control_frame()
        return self._taken(frames)

    def _admit(self, size: int) -> None:
        """Hold a data frame against the limits before anything of it is stored."""
        limits = self._limits
        self._in_message = True
        self._frames += 1
        if size > limits.frame:
            raise exceeded("frame", limits.frame, 0)
        if self._frames > limits.message_frames:
            raise exceeded("message_frames", limits.message_frames, 0)
        if not self._compressed:
            self._size += size
            if self._size > limits.message:
                raise exceeded("message", limits.message, 0)

    def _room(self) -> int:
        return self._limits.message - self._size

    def _feed_payload(self) -> Event | None:
        buffer = self._buffer
        end = min(buffer.start + self._left, len(buffer.data))
        if end == buffer.start:
            return None
        with memoryview(buffer.data) as view:
            data = bytes(view[buffer.start : end])
        assert self._engine is not None
        frames = self._engine.feed(data, self._room())
        buffer.start = end
        self._left -= len(data)
        return self._taken(frames)

    def _taken(self, frames: list[Frame]) -> Event | None:
        """Return the event that comes of what the engine has read: at most one frame, or a part of one."""
        event = None
        for frame in frames:
            event = self._event(frame)
        if self._left == 0:
            self._left = -1
            if self._opcode_bits & (FIN | _CONTROL_BIT) == FIN:
                self._end_message()
        return event

    def _event(self, frame: Frame) -> Event | None:
        payload = frame.payload
        if isinstance(payload, tuple):
            return Close(int(payload[0]), payload[1])
        if frame.opcode & _CONTROL_BIT:
            assert isinstance(payload, bytes)
            return Ping(payload) if frame.opcode == PING else Pong(payload)
        final = frame.frame_finished and frame.message_finished
        if self._compressed:
            self._size += len(payload.encode()) if isinstance(payload, str) else len(payload)
        if self._parts:
            if not payload and not final:
                return None
            return Text(payload, final) if isinstance(payload, str) else Binary(payload, final)
        # Gathered as bytes, whose size is bounded whatever the pieces are; a list of tiny strings would take fifty
        # times their content.
        self._message += payload.encode() if isinstance(payload, str) else payload
        if not final:
            return None
        whole, self._message = bytes(self._message), bytearray()
        return Text(whole.decode()) if isinstance(payload, str) else Binary(whole)

    def _end_message(self) -> None:
        self._in_message = False
        self._compressed = False
        self._frames = 0
        self._size = 0


def _invalid_text(error: UnicodeDecodeError) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"a text message is not UTF-8: {error.reason}", rule="invalid-text", section="RFC 6455, 8.1", close_code=1007
    )
