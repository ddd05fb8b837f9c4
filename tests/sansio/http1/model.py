"""The state tables as an oracle, and a client and a server back to back to hold against it."""

import contextlib
from dataclasses import dataclass, replace

from drywire_sansio.http1 import (
    CLIENT,
    DONE,
    IDLE,
    NEED_DATA,
    PAUSED,
    SERVER,
    ClientConnection,
    ConnectionClosed,
    Data,
    EndOfMessage,
    InformationalResponse,
    LocalProtocolError,
    Request,
    Response,
    ServerConnection,
    State,
)
from drywire_sansio.http1.states import EVENTS, RULES, Switch, settle

HOST = (b"Host", b"a")
CHUNKED = (b"Transfer-Encoding", b"chunked")
CLOSE = (b"Connection", b"close")
UPGRADE = [(b"Connection", b"upgrade"), (b"Upgrade", b"b")]

CLIENT_SENDS = {
    "request": Request(b"GET", b"/", [HOST]),
    "request with a body": Request(b"POST", b"/", [HOST, CHUNKED]),
    "last request": Request(b"POST", b"/", [HOST, CHUNKED, CLOSE]),
    "upgrade": Request(b"GET", b"/", [HOST, *UPGRADE]),
    "upgrade with a body": Request(b"POST", b"/", [HOST, CHUNKED, *UPGRADE]),
    "connect": Request(b"CONNECT", b"a:1", [HOST]),
    "expecting request": Request(b"PUT", b"/", [HOST, CHUNKED, (b"Expect", b"100-continue")]),
    "data": Data(b"abc"),
    "end": EndOfMessage(),
    "closed": ConnectionClosed(),
    "response": Response(200),
}
SERVER_SENDS = {
    "continue": InformationalResponse(100),
    "hints": InformationalResponse(103, [(b"Link", b"</a>")]),
    "switch": InformationalResponse(101, [(b"Upgrade", b"b")]),
    "response": Response(200, [CHUNKED]),
    "plain response": Response(200),
    "short response": Response(408, [(b"Content-Length", b"0")]),
    "last response": Response(500, [CHUNKED, CLOSE]),
    "refusal": Response(407, [CHUNKED]),
    "data": Data(b"abc"),
    "end": EndOfMessage(),
    "closed": ConnectionClosed(),
    "request": CLIENT_SENDS["request"],
}


@dataclass(frozen=True)
class Model:
    """What the tables, and nothing else, say of a connection whose bytes arrive at once."""

    client: State = IDLE
    server: State = IDLE
    keep_alive: bool = True
    proposal: str = ""
    cycle: bool = False  # whether a request was sent in this one
    client_body: bool = False  # whether the message under way may have data
    server_body: bool = False
    awaiting: bool = False

    def state(self, role):
        return self.client if role is CLIENT else self.server

    def trigger(self, event):
        status = getattr(event, "status", 0)
        agrees = (self.proposal == "upgrade" and status == 101) or (self.proposal == "connect" and 200 <= status < 300)
        return Switch if agrees else type(event)

    def allows(self, role, event):
        """Whether `role` may send `event`."""
        trigger = self.trigger(event)
        if trigger not in EVENTS[role].get(self.state(role), {}):
            return False
        if isinstance(event, Request):
            return role is CLIENT and Request in EVENTS[SERVER][self.server]
        if isinstance(event, Response) and not self.cycle:
            return event.status >= 400  # only a complaint may come unasked
        if isinstance(event, Data):
            return self.client_body if role is CLIENT else self.server_body
        if trigger is Switch:
            # It has no body to be framed, and does not come before the 100 that a client waits for.
            return CHUNKED not in event.headers and not (self.awaiting and event.status == 101)
        return getattr(event, "status", 0) != 101

    def rows(self, role, event):
        """Return the rows of both tables that `event` uses: (role, state, trigger), and the rules that apply then."""
        rows = {(role, self.state(role), self.trigger(event))}
        if isinstance(event, Request):
            rows.add((SERVER, self.server, Request))
        client, server, keep_alive, proposed = self._unsettled(role, event)
        states = {CLIENT: client, SERVER: server}
        while rule := next((rule for rule in RULES if self._applies(rule, states, keep_alive, proposed)), None):
            states[rule.role] = rule.becomes
            rows.add(rule)
        return rows

    def _applies(self, rule, states, keep_alive, proposed):
        other = states[SERVER if rule.role is CLIENT else CLIENT]
        facts = (rule.keep_alive, keep_alive), (rule.proposed, proposed)
        holds = all(wanted is None or wanted is fact for wanted, fact in facts)
        return states[rule.role] is rule.state and other in rule.other and holds

    def _unsettled(self, role, event):
        """Return the states to which `event` leads by itself, and the facts then."""
        trigger = self.trigger(event)
        learned = replace(self, **self._learned(role, event, trigger))
        client, server = self.client, self.server
        if role is CLIENT:
            client = EVENTS[CLIENT][client][trigger]
            if trigger is Request:
                server = EVENTS[SERVER][server][Request]
        else:
            server = EVENTS[SERVER][server][trigger]
        return client, server, learned.keep_alive, bool(learned.proposal)

    def after(self, role, event):
        """Return the model after `role` has sent `event`, which it may."""
        learned = replace(self, **self._learned(role, event, self.trigger(event)))
        client, server = settle(*self._unsettled(role, event))
        return replace(learned, client=client, server=server)

    def _learned(self, role, event, trigger):
        if isinstance(event, Request):
            return {
                "cycle": True,
                "keep_alive": self.keep_alive and CLOSE not in event.headers,
                "proposal": "connect" if event.method == b"CONNECT" else "upgrade" * (UPGRADE[1] in event.headers),
                "client_body": CHUNKED in event.headers,
                "awaiting": any(name == b"Expect" for name, _ in event.headers),
            }
        if role is CLIENT:
            return {"awaiting": False}
        if isinstance(event, InformationalResponse):
            return {"awaiting": self.awaiting and event.status != 100}
        if isinstance(event, Response) and trigger is Response:
            last = CLOSE in event.headers or self.awaiting or self.proposal == "connect" or not self.cycle
            return {
                "keep_alive": self.keep_alive and not last,
                "proposal": "",
                "server_body": (b"Content-Length", b"0") not in event.headers,
                "awaiting": False,
            }
        return {}

    def next_cycle(self):
        """Return the model after `start_next_cycle`, None where it is refused."""
        if self.client is not DONE or self.server is not DONE:
            return None
        return Model()


class Pair:
    """A client and a server with a perfect network between them."""

    def __init__(self):
        self.connections = {CLIENT: ClientConnection(), SERVER: ServerConnection()}
        self.model = Model()
        self.reached = set()  # rows of the two tables

    def can_be_told(self, event):
        """Whether the other side could tell where `event` ends while the connection stays open."""
        # Nothing is known of a client that has not said anything: it is answered as 1.0 is, until the end.
        known = self.connections[SERVER].their_http_version is not None
        return known or not isinstance(event, Response) or event.status == 408

    def send(self, role, event):
        """Send `event` from `role`, hold what comes of it against the model, and return whether it was accepted."""
        connection = self.connections[role]
        allowed = self.model.allows(role, event)
        before = facts(connection)
        try:
            wire = connection.send(event)
        except LocalProtocolError:
            assert not allowed, f"{role} may send {event} in {self.model}"
            assert facts(connection) == before
            return False
        assert allowed, f"{role} may not send {event} in {self.model}"
        self.reached |= self.model.rows(role, event)
        self.model = self.model.after(role, event)
        self._deliver(role, event, wire)
        self.check()
        return True

    def _deliver(self, role, event, wire):
        """Hand `wire` to the other side, which must read `event` in it, and nothing more."""
        other = self.connections[SERVER if role is CLIENT else CLIENT]
        closes = isinstance(event, ConnectionClosed)
        if wire or closes:
            other.receive_data(wire)
        assert same(event, other.next_event())
        if closes:
            return
        waiting = other.next_event()
        if isinstance(waiting, EndOfMessage):
            self._end_empty_body(role)
        else:
            assert waiting is NEED_DATA or waiting is PAUSED

    def _end_empty_body(self, role):
        """Say on the sending side what the other has read: a body of no length ends with its head."""
        assert not self.model.allows(role, Data(b"a"))
        with contextlib.suppress(LocalProtocolError):
            raise AssertionError(self.connections[role].send(Data(b"a")))
        assert self.connections[role].send(EndOfMessage()) == b""
        self.model = self.model.after(role, EndOfMessage())

    def start_next_cycle(self):
        """Start the next cycle on both sides and return whether the model allows it."""
        following = self.model.next_cycle()
        for connection in self.connections.values():
            before = facts(connection)
            try:
                connection.start_next_cycle()
            except LocalProtocolError:
                assert following is None
                assert facts(connection) == before
            else:
                assert following is not None
        self.model = following or self.model
        self.check()
        return following is not None

    def check(self):
        """Hold both sides against the model."""
        model = self.model
        for connection in self.connections.values():
            assert connection.states == {CLIENT: model.client, SERVER: model.server}
            assert connection.keep_alive is model.keep_alive
            assert connection.client_is_waiting_for_100_continue is model.awaiting
            assert connection.trailing_data[0] == b""


def facts(connection):
    """Return what anybody can know of a connection."""
    return (
        connection.states,
        connection.keep_alive,
        connection.client_is_waiting_for_100_continue,
        connection.their_http_version,
        connection.trailing_data,
    )


def same(sent, received):
    """Whether `received` is `sent`; a server may add fields behind its own."""
    if isinstance(sent, Data):
        return isinstance(received, Data) and received.data == sent.data
    if not isinstance(sent, Response):
        return sent == received
    added = list(received.headers)[len(list(sent.headers)) :]
    return (
        received.status == sent.status
        and list(received.headers)[: len(sent.headers)] == list(sent.headers)
        and set(added) <= {CHUNKED, CLOSE}
    )
