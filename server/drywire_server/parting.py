"""How a connection ends: politely, so that the client gets all that was sent to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from drywire_transports import ByteStream, StreamTimeout
from drywire_transports.polling import has_unsent

__all__ = ["LINGER_BYTES", "close_politely"]

LINGER_BYTES: Final = 256 * 1024
"""Bytes of a client that still sends which are read and dropped."""
LAST_WORDS: Final = 1.0
"""Seconds for the close of a connection on which a client was waited for already."""
FIRST_LOOK: Final = 0.001
LAST_LOOK: Final = 0.1
"""Seconds after which it is looked again whether the client has got everything: at first, and at the longest."""


async def close_politely(
    stream: ByteStream, now: Callable[[], float], patience: float, *, is_sending: bool, has_ended: bool
) -> None:
    """Close, within about `patience` seconds; where the client may still be sending, end our direction first.

    Closing at once, with bytes of the client unread, would reset the connection, and the reset could overtake
    the response (RFC 9112, 9.6). `has_ended` says that the client has ended its direction, `is_sending` that something
    of it is unread. Raises what the stream raises.
    """
    stream.write_deadline = stream.read_deadline = now() + patience
    if not has_ended and (is_sending or has_unsent(stream)):
        await stream.send_eof()
        with contextlib.suppress(StreamTimeout):
            await _linger(stream, now, is_sending)
        stream.write_deadline = now() + LAST_WORDS
    await stream.aclose()


async def _linger(stream: ByteStream, now: Callable[[], float], is_sending: bool) -> None:
    """Drop what comes until the client ends its direction; if it is not sending, until it has all of ours."""
    left, pause, deadline = LINGER_BYTES, FIRST_LOOK, stream.read_deadline
    while left > 0 and (is_sending or has_unsent(stream)):
        if not is_sending:
            stream.read_deadline = min(deadline, now() + pause)
            pause = min(2 * pause, LAST_LOOK)
        try:
            data = await stream.receive()
        except StreamTimeout:
            if now() >= deadline:
                raise
            continue
        if not data:
            return
        left -= len(data)
