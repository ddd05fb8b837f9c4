"""The state machine of an open WebSocket as a table (RFC 6455, 7); no other code decides a state."""

from __future__ import annotations

from typing import Final

from .events import Binary, Close, ConnectionClosed, Event, Ping, Pong, Text

__all__ = ["CLOSED", "FAILED", "LOCAL_CLOSING", "OPEN", "RECEIVED", "REMOTE_CLOSING", "SENT", "STATES", "State"]

Trigger = type[Event]


class State:
    """A state of the connection. It is its own two rows of the table: what may be sent, and what is received."""

    __slots__ = ("name", "received", "sent")

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: dict[Trigger, State] = {}
        self.received: dict[Trigger, State] = {}

    def __repr__(self) -> str:
        return self.name


OPEN: Final = State("OPEN")
LOCAL_CLOSING: Final = State("LOCAL_CLOSING")
"""We have sent a close frame; what the peer had under way still comes."""
REMOTE_CLOSING: Final = State("REMOTE_CLOSING")
"""The peer has sent a close frame, and waits for ours."""
CLOSED: Final = State("CLOSED")
FAILED: Final = State("FAILED")
"""The peer broke a rule: nothing is read any more, and a close frame can say why."""
STATES: Final = (OPEN, LOCAL_CLOSING, REMOTE_CLOSING, CLOSED, FAILED)

SENT: Final[dict[State, dict[Trigger, State]]] = {
    OPEN: {Text: OPEN, Binary: OPEN, Ping: OPEN, Pong: OPEN, Close: LOCAL_CLOSING},
    LOCAL_CLOSING: {},
    REMOTE_CLOSING: {Close: CLOSED},
    CLOSED: {},
    FAILED: {Close: CLOSED},
}
"""Where an event that we send leads."""

RECEIVED: Final[dict[State, dict[Trigger, State]]] = {
    OPEN: {Text: OPEN, Binary: OPEN, Ping: OPEN, Pong: OPEN, Close: REMOTE_CLOSING, ConnectionClosed: CLOSED},
    LOCAL_CLOSING: {
        Text: LOCAL_CLOSING,
        Binary: LOCAL_CLOSING,
        Ping: LOCAL_CLOSING,
        Pong: LOCAL_CLOSING,
        Close: CLOSED,
        ConnectionClosed: CLOSED,
    },
    # What comes behind a close frame is dropped (RFC 6455, 5.5.1), so only the end of the stream is left to happen.
    REMOTE_CLOSING: {ConnectionClosed: CLOSED},
    CLOSED: {ConnectionClosed: CLOSED},
    FAILED: {},
}
"""Where an event that the peer sent leads."""

for _state in STATES:
    _state.sent = SENT[_state]
    _state.received = RECEIVED[_state]
