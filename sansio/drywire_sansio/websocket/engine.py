"""wsproto's frame protocol behind a narrow door: one frame's bytes in, what they mean out.

It reads whatever is not a whole, plain frame: fragments, compressed messages, close frames, and all that is wrong.
"""

from __future__ import annotations

from typing import Final

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, Frame, FrameDecoder, FrameProtocol, Opcode, ParseFailed, RsvBits

from ..errors import RemoteProtocolError
from .deflate import Inflater

__all__ = ["Engine", "Frame", "MessageTooBig"]

_RULES = {1002: ("bad-frame", "RFC 6455, 5"), 1007: ("invalid-text", "RFC 6455, 8.1")}
_NO_BITS = RsvBits(rsv1=False, rsv2=False, rsv3=False)
_COMPRESSION_BIT = RsvBits(rsv1=True, rsv2=False, rsv3=False)


CUT_OFF: Final = "unexpected end of data"
"""How Python's decoder calls text that ends inside a character."""


class MessageTooBig(Exception):
    """A message inflates to more than there is room for."""


class Engine:
    """Reads frames for one connection; `client` says whose side this is, `inflater` how messages are inflated."""

    __slots__ = ("_inflation", "_protocol")

    def __init__(self, *, client: bool, inflater: Inflater | None) -> None:
        self._inflation = None if inflater is None else _Inflation(inflater)
        self._protocol = FrameProtocol(client, [] if self._inflation is None else [self._inflation])

    def feed(self, data: bytes, room: int) -> list[Frame]:
        """Return what `data`, the next bytes of one frame, brings; a message that begins may inflate to `room` bytes.

        Raises RemoteProtocolError with a close code, MessageTooBig where there is no room for what a message inflates
        to; but text that is wrong before that is wrong first, however it was split.
        """
        if self._inflation is not None:
            self._inflation.room_for_next = room
        self._protocol.receive_bytes(data)
        try:
            frames = list(self._protocol.received_frames())
        except ParseFailed as error:
            if self._overflowed and CUT_OFF in str(error):
                raise MessageTooBig from None
            rule, section = _RULES[int(error.code)]
            raise RemoteProtocolError(str(error), rule=rule, section=section, close_code=int(error.code)) from None
        if self._overflowed:
            raise MessageTooBig
        return frames

    @property
    def _overflowed(self) -> bool:
        return self._inflation is not None and self._inflation.inflater.overflowed


class _Inflation(Extension):
    """permessage-deflate as an extension of wsproto's; its own one inflates without a bound."""

    name = "permessage-deflate"

    def __init__(self, inflater: Inflater) -> None:
        self.room_for_next = 0
        # What is left of it to the message under way. Counted here, by the byte: what a message has given out so far
        # lacks the first bytes of a character that was cut.
        self._room = 0
        self.inflater = inflater
        self._compressed = False  # the message under way
        self._in_data_frame = False

    def enabled(self) -> bool:
        """It was agreed on."""
        return True

    def offer(self) -> bool | str:
        """The handshake is not wsproto's business here."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Say which reserved bits a frame may have: the first of a message RSV1, and no other (RFC 7692, 6)."""
        self._in_data_frame = not opcode.iscontrol()
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._compressed = rsv.rsv1
            self._room = self.room_for_next
            return _COMPRESSION_BIT
        return _NO_BITS

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Inflate the next bytes of a frame."""
        if not self._compressed or not self._in_data_frame:
            return data
        result = self.inflater.inflate(data, self._room)
        self._room -= len(result)
        return result

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:
        """Inflate what was held back, once the message is complete."""
        if not fin or not self._compressed or not self._in_data_frame:
            return None
        self._compressed = False
        return self.inflater.end(self._room)
