"""`MessageReader`: received bytes to events, the plain ones straight and the others by wsproto."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import RemoteProtocolError
from ..http1.buffer import ReceiveBuffer
from ..limits import Limits, exceeded
from .close_codes import NO_STATUS_RECEIVED, may_be_sent
from .deflate import Inflater
from .events import Binary, Close, Event, Ping, Pong, Text
from .frames import BINARY, CLOSE, FIN, LARGEST_CONTROL, PING, PONG, RSV1, TEXT, FrameHeader, read_header
from .masking import apply_mask
from .plain import PlainContent

if TYPE_CHECKING:
    from .engine import Engine, Frame

__all__ = ["CONTROL_PERIOD", "MessageReader"]

CONTROL_PERIOD: Final = 10.0
"""Seconds within which `Limits.control_frames` pings and pongs may come."""

_PLAIN_TEXT: Final = FIN | TEXT
_PLAIN_BINARY: Final = FIN | BINARY
_PING: Final = FIN | PING
_PLAIN: Final = frozenset({_PLAIN_TEXT, _PLAIN_BINARY})
_CLOSE: Final = FIN | CLOSE
_CONTROLS: Final = frozenset({_PING, FIN | PONG, _CLOSE})
_CONTROL_BIT: Final = 0x08


class MessageReader:
    """Reads one peer's frames from `buffer` and gives out whole messages, or their parts as they come.

    A frame that is a whole message, not compressed, is read here; so are control frames. What else there is goes to
    wsproto a frame at a time, so that it is always known who reads the next one. `direct=False` sends all there.
    """

    __slots__ = (
        "_buffer",
        "_client",
        "_clock",
        "_compressed",
        "_content",
        "_control_frames",
        "_control_since",
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
        "longest",
        "masked",
        "passed",
        "quick",
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
        self.longest = min(limits.frame, limits.message, 0xFFFF)
        """Bytes of the largest payload that `read_plain` may read."""
        self.masked = not client
        """What the peer's frames have to be."""
        self._client = client
        self._inflater = inflater
        self._clock = clock
        self._parts = parts
        self._direct = direct
        self.quick = direct
        """Whether `read_plain` may be asked before this: no message is under way, and the input has not ended."""
        self.passed = 0
        """Bytes that were read so, without being kept in the buffer."""
        self._engine: Engine | None = None
        self._left = -1  # bytes of the frame that the engine is reading, -1 between frames
        self._opcode_bits = 0  # the first byte of that frame
        # The message under way, of frames that the engine reads
        self._in_message = False
        self._compressed = False
        self._frames = 0
        self._size = 0
        self._message = bytearray()
        self._content: PlainContent | None = None  # of the frame under way that is read here
        self._control_frames = 0
        self._control_since = 0.0

    def read(self) -> Event | None:
        """Return the next event, None where more bytes are needed. Raises RemoteProtocolError with a close code."""
        try:
            while True:
                buffer = self._buffer
                if buffer.start == len(buffer.data):
                    return None
                if self._content is not None:
                    return self._read_content(self._content)
                if self._left >= 0:
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
        except RemoteProtocolError as error:
            error.offset = self._offset
            raise

    @property
    def _offset(self) -> int:
        return self._buffer.offset + self.passed

    # The direct path

    def _reads_itself(self, header: FrameHeader) -> bool:
        """Whether a frame needs no engine: a whole control frame, or one that is a whole, plain message."""
        if not self._direct or not header.has_valid_size or header.masked is not self.masked:
            return False
        if header.first in _PLAIN:
            return not self._in_message
        return header.first in _CONTROLS and header.size <= LARGEST_CONTROL

    def _read_plain(self, header: FrameHeader) -> Event | None:
        """Return the message that a frame is, once all of it has come."""
        size = header.size
        if size > self._limits.frame:
            raise exceeded("frame", self._limits.frame, 0)
        if size > self._limits.message:
            raise exceeded("message", self._limits.message, 0)
        self._content = PlainContent(header.first, size, self._key(header))
        self.quick = False
        self._buffer.start += header.length
        return self._read_content(self._content)

    def _key(self, header: FrameHeader) -> bytes:
        end = self._buffer.start + header.length
        return bytes(self._buffer.data[end - 4 : end]) if header.masked else b""

    def _read_content(self, content: PlainContent) -> Event | None:
        """Take in what has come of a plain frame; text fails where it is wrong, and not at its end."""
        try:
            content.add(self._taken_bytes(content.left))
        except UnicodeDecodeError as error:
            raise _invalid_text(error) from None
        if content.left:
            return None
        self._content = None
        self.quick = self._direct and not self._buffer.eof
        whole = content.whole()
        return Text(whole) if isinstance(whole, str) else Binary(whole)

    def _taken_bytes(self, count: int) -> bytes:
        """Consume and return the next `count` bytes, or all there are if fewer."""
        taken = self._buffer.take(count)
        return taken if type(taken) is bytes else bytes(taken)

    def _read_control(self, header: FrameHeader) -> Event | None:
        buffer = self._buffer
        if len(buffer) < header.length + header.size:
            return None
        key = self._key(header)
        buffer.start += header.length
        payload = self._taken_bytes(header.size)
        if key:
            payload = apply_mask(payload, key)
        if header.first == _CLOSE:
            return _read_close(payload)
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
        raw = bytes(buffer.data[buffer.start : buffer.start + header.length])
        # A frame without a payload is complete with its header, and may end a message: so its first frame is seen to
        # before the engine is.
        is_data = not header.first & _CONTROL_BIT
        if is_data and not self._in_message:
            self._compressed = bool(header.first & RSV1)
        frames = self._fed(raw)
        buffer.start += header.length
        self._opcode_bits = header.first
        self._left = header.size
        if is_data:
            self._admit(header)
        return self._taken(frames)

    def _admit(self, header: FrameHeader) -> None:
        """Hold a data frame against the message under way, and against the limits, before anything of it is stored."""
        limits, size = self._limits, header.size
        if self._in_message is bool(header.first & 0x0F):
            # wsproto says so, too, but not before the payload has been inflated, and may be wrong for itself.
            what = "a new message inside another" if self._in_message else "a continuation of nothing"
            raise RemoteProtocolError(what, rule="bad-frame", section="RFC 6455, 5.4", close_code=1002)
        self._in_message = True
        self.quick = False
        self._frames += 1
        if size > limits.frame:
            raise exceeded("frame", limits.frame, 0)
        if self._frames > limits.message_frames:
            raise exceeded("message_frames", limits.message_frames, 0)
        if not self._compressed:
            self._size += size
            if self._size > limits.message:
                raise exceeded("message", limits.message, 0)

    def _fed(self, data: bytes) -> list[Frame]:
        """Return what the engine makes of the next bytes of a frame."""
        # Most connections never need it, and wsproto takes a while to load: it brings an HTTP library.
        from .engine import Engine, MessageTooBig

        if self._engine is None:
            self._engine = Engine(client=self._client, inflater=self._inflater)
        try:
            return self._engine.feed(data, self._limits.message - self._size)
        except MessageTooBig:
            raise exceeded("message", self._limits.message, 0) from None

    def _feed_payload(self) -> Event | None:
        data = self._taken_bytes(self._left)
        frames = self._fed(data)
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
            self._count_control_frame()
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
        self.quick = self._direct and not self._buffer.eof
        self._compressed = False
        self._frames = 0
        self._size = 0


def _read_close(payload: bytes) -> Close:
    """Return the event of a close frame. Raises RemoteProtocolError for a code that none can carry, or a bad reason."""
    if not payload:
        return Close(NO_STATUS_RECEIVED)
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not may_be_sent(code):
        what = "half a code" if len(payload) == 1 else f"the code {code}"
        raise RemoteProtocolError(
            f"a close frame with {what}", rule="bad-close", section="RFC 6455, 7.4", close_code=1002
        )
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        raise _invalid_text(error) from None


def _invalid_text(error: UnicodeDecodeError) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"a text message is not UTF-8: {error.reason}", rule="invalid-text", section="RFC 6455, 8.1", close_code=1007
    )
