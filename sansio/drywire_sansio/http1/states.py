"""The states of an HTTP/1.1 connection, and the two tables that are the whole of its state machine.

Rule 1: no other code decides a state. `connection.py` looks up, it never compares to choose the next state.
Rule 2: the tables do not know which side we are. Each side is watched by the same machine at both ends.

A connection is two machines, one for each `Role`, and they move

- by event: `EVENTS` has a row for each role and state, which says where each kind of event leads. What the row
  does not name is a protocol error: ours if we tried to send it, the peer's if we read it.
- together: `RULES` says what the state of one side, and the two facts known of the connection, do to the other. A
  fact is `keep_alive` (False once either side has said that this is the last message) or `proposed` (True while a
  request to switch protocols, by Upgrade or CONNECT, is not answered). Rules apply until none does.

The diagrams in ``docs/http1-states.md`` are drawn from these tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, cast

from .events import ConnectionClosed, Data, EndOfMessage, InformationalResponse, Request, Response

__all__ = [
    "CLIENT",
    "CLOSED",
    "DONE",
    "ERROR",
    "EVENTS",
    "IDLE",
    "MIGHT_SWITCH_PROTOCOL",
    "MUST_CLOSE",
    "RULES",
    "SEND_BODY",
    "SEND_RESPONSE",
    "SERVER",
    "STATES",
    "SWITCHED_PROTOCOL",
    "Role",
    "Rule",
    "State",
    "Switch",
    "moved",
    "moved_by_whole",
    "settle",
]

Trigger = type[object]


class Role:
    """One of the two ends of a connection: `CLIENT` or `SERVER`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class State:
    """A state of one side. It is its own two rows of the table: `client` and `server` map an event to a state."""

    __slots__ = ("client", "name", "server")

    def __init__(self, name: str) -> None:
        self.name = name
        self.client: dict[Trigger, State] = {}
        self.server: dict[Trigger, State] = {}

    def __repr__(self) -> str:
        return self.name


class Switch:
    """The trigger in place of a response that agrees to switch: 101 to an Upgrade, or 2xx to a CONNECT."""


CLIENT: Final = Role("CLIENT")
SERVER: Final = Role("SERVER")

IDLE: Final = State("IDLE")
SEND_RESPONSE: Final = State("SEND_RESPONSE")
SEND_BODY: Final = State("SEND_BODY")
DONE: Final = State("DONE")
MUST_CLOSE: Final = State("MUST_CLOSE")
CLOSED: Final = State("CLOSED")
MIGHT_SWITCH_PROTOCOL: Final = State("MIGHT_SWITCH_PROTOCOL")
SWITCHED_PROTOCOL: Final = State("SWITCHED_PROTOCOL")
ERROR: Final = State("ERROR")
STATES: Final = (
    IDLE,
    SEND_RESPONSE,
    SEND_BODY,
    DONE,
    MUST_CLOSE,
    CLOSED,
    MIGHT_SWITCH_PROTOCOL,
    SWITCHED_PROTOCOL,
    ERROR,
)

EVENTS: Final[dict[Role, dict[State, dict[Trigger, State]]]] = {
    CLIENT: {
        IDLE: {Request: SEND_BODY, ConnectionClosed: CLOSED},
        SEND_BODY: {Data: SEND_BODY, EndOfMessage: DONE},
        DONE: {ConnectionClosed: CLOSED},
        MUST_CLOSE: {ConnectionClosed: CLOSED},
        CLOSED: {ConnectionClosed: CLOSED},
        MIGHT_SWITCH_PROTOCOL: {ConnectionClosed: CLOSED},
        SWITCHED_PROTOCOL: {},
        ERROR: {},
    },
    SERVER: {
        # A response without a request is the server's last word to a client that was too slow or not understood.
        IDLE: {Request: SEND_RESPONSE, Response: SEND_BODY, ConnectionClosed: CLOSED},
        SEND_RESPONSE: {
            InformationalResponse: SEND_RESPONSE,
            Response: SEND_BODY,
            Switch: SWITCHED_PROTOCOL,
        },
        SEND_BODY: {Data: SEND_BODY, EndOfMessage: DONE},
        DONE: {ConnectionClosed: CLOSED},
        MUST_CLOSE: {ConnectionClosed: CLOSED},
        CLOSED: {ConnectionClosed: CLOSED},
        SWITCHED_PROTOCOL: {},
        ERROR: {},
    },
}
"""Where an event leads, by the role whose machine it moves. A Request moves both: it opens the server's turn."""

for _state in STATES:
    _state.client = EVENTS[CLIENT].get(_state, {})
    _state.server = EVENTS[SERVER].get(_state, {})


@dataclass(frozen=True, slots=True)
class Rule:
    """If `role` is in `state`, and what else is named holds, `role` moves to `becomes`."""

    role: Role
    state: State
    becomes: State
    other: tuple[State, ...] = STATES
    """The states of the other side in which the rule applies."""
    keep_alive: bool | None = None
    proposed: bool | None = None


RULES: Final = (
    # The order counts: a client that proposed to switch waits for the answer even if it also said "close".
    Rule(CLIENT, DONE, MIGHT_SWITCH_PROTOCOL, proposed=True),
    Rule(CLIENT, MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL, other=(SWITCHED_PROTOCOL,)),
    Rule(CLIENT, MIGHT_SWITCH_PROTOCOL, DONE, proposed=False),
    # The last message was said to be the last.
    Rule(CLIENT, DONE, MUST_CLOSE, keep_alive=False),
    Rule(SERVER, DONE, MUST_CLOSE, keep_alive=False),
    # Nobody is left to talk to.
    Rule(CLIENT, DONE, MUST_CLOSE, other=(CLOSED, ERROR)),
    Rule(CLIENT, IDLE, MUST_CLOSE, other=(CLOSED,)),
    Rule(SERVER, DONE, MUST_CLOSE, other=(CLOSED, ERROR)),
    Rule(SERVER, IDLE, MUST_CLOSE, other=(CLOSED,)),
)


def _moved(client: State, server: State, keep_alive: bool, proposed: bool) -> tuple[State, State] | None:
    for rule in RULES:
        mine, other = (client, server) if rule.role is CLIENT else (server, client)
        if (
            mine is rule.state
            and other in rule.other
            and rule.keep_alive in (None, keep_alive)
            and rule.proposed in (None, proposed)
        ):
            return (rule.becomes, server) if rule.role is CLIENT else (client, rule.becomes)
    return None


@cache
def settle(client: State, server: State, keep_alive: bool, proposed: bool) -> tuple[State, State]:
    """Return the states that the two sides come to rest in: `RULES` applied until none does.

    There are 324 questions in all, so each is answered once.
    """
    while (moved := _moved(client, server, keep_alive, proposed)) is not None:
        client, server = moved
    return client, server


def _moved_by(
    role: Role, trigger: Trigger, client: State, server: State, keep_alive: bool, proposed: bool
) -> tuple[State, State]:
    if role is CLIENT:
        client = client.client[trigger]
        if trigger is Request:
            server = server.server[Request]
    else:
        server = server.server[trigger]
    return settle(client, server, keep_alive, proposed)


def _moved_by_whole(
    role: Role, head: Trigger, client: State, server: State, keep_alive: bool, proposed: bool
) -> tuple[State, State]:
    client, server = moved(role, head, client, server, keep_alive, proposed)
    return moved(role, EndOfMessage, client, server, keep_alive, proposed)


Move = Callable[[Role, Trigger, State, State, bool, bool], tuple[State, State]]

moved: Final = cast(Move, cache(_moved_by))
"""Returns the states that an event of a role leads to. Raises KeyError where the row of the role does not name it."""

moved_by_whole: Final = cast(Move, cache(_moved_by_whole))
"""Returns the states that a whole message of a role leads to, from its head to its end. Raises KeyError."""
