"""The state tables themselves, and every state of a connection against every event."""

import itertools

import pytest

from drywire_sansio.http1 import (
    CLIENT,
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    NEED_DATA,
    PAUSED,
    SEND_BODY,
    SEND_RESPONSE,
    SERVER,
    SWITCHED_PROTOCOL,
    ClientConnection,
    ConnectionClosed,
    Data,
    EndOfMessage,
    LocalProtocolError,
    RemoteProtocolError,
    Response,
    ServerConnection,
    states,
)
from drywire_sansio.http1.states import EVENTS, RULES, STATES, settle

from .model import CLIENT_SENDS, SERVER_SENDS, Model, Pair

SENDS = {CLIENT: CLIENT_SENDS, SERVER: SERVER_SENDS}
STEPS = [(role, name) for role in (CLIENT, SERVER) for name in SENDS[role]] + [(None, "next cycle")]
LONGEST = 14


def replayed(path):
    """Return a pair that has gone `path`."""
    pair = Pair()
    for role, name in path:
        assert step(pair, role, name)
    return pair


def step(pair, role, name):
    if role is None:
        return pair.start_next_cycle()
    event = SENDS[role][name]
    return pair.can_be_told(event) and pair.send(role, event)


def walk():
    """Return a shortest path to each model that any order of events can reach, after trying all events in each."""
    paths = {Pair().model: ()}
    new = [()]
    while new:
        path = new.pop(0)
        assert len(path) < LONGEST
        for role, name in STEPS:
            pair = replayed(path)
            if step(pair, role, name) and pair.model not in paths:
                paths[pair.model] = (*path, (role, name))
                new.append(paths[pair.model])
    return paths


@pytest.fixture(scope="module")
def paths():
    return walk()


def test_every_event_in_every_reachable_state_is_accepted_or_refused_as_the_tables_say(paths):
    # Pair.send has compared: here it is only made sure that it went everywhere.
    assert {model.client for model in paths} == set(EVENTS[CLIENT]) - {ERROR}
    assert {model.server for model in paths} == set(EVENTS[SERVER]) - {ERROR}
    assert len(paths) > 75


def test_every_edge_of_the_table_is_walked(paths):
    walked = set()
    for model, path in paths.items():
        for role, sends in SENDS.items():
            for event in sends.values():
                if model.allows(role, event):
                    walked |= {row for row in model.rows(role, event) if isinstance(row, tuple)}
        assert path is not None
    edges = {(role, state, trigger) for role, rows in EVENTS.items() for state, row in rows.items() for trigger in row}
    assert walked == edges


def test_no_state_is_a_trap(paths):
    """From wherever two well-meaning sides are, they can go on to a new cycle, a switch or the end."""
    ends = {
        model
        for model in paths
        if {model.client, model.server} <= {CLOSED, SWITCHED_PROTOCOL} or model.next_cycle() is not None
    }
    leads_on = {
        model: {
            model.after(role, event)
            for role, sends in SENDS.items()
            for event in sends.values()
            if model.allows(role, event)
        }
        for model in paths
    }
    saved = set(ends)
    while more := {model for model, following in leads_on.items() if model not in saved and following & saved}:
        saved |= more
    assert saved == set(paths)


@pytest.mark.parametrize("role", [CLIENT, SERVER], ids=repr)
def test_after_a_failed_send_nothing_can_be_sent_any_more(paths, role):
    for model, path in paths.items():
        connection = replayed(path).connections[role]
        connection.send_failed()
        client, server = (ERROR, model.server) if role is CLIENT else (model.client, ERROR)
        client, server = settle(client, server, False, bool(model.proposal))
        assert connection.states == {CLIENT: client, SERVER: server}
        assert connection.keep_alive is False
        for event in SENDS[role].values():
            with pytest.raises(LocalProtocolError):
                connection.send(event)
        with pytest.raises(LocalProtocolError):
            connection.start_next_cycle()


@pytest.mark.parametrize("role", [CLIENT, SERVER], ids=repr)
def test_in_every_state_what_makes_no_sense_is_an_error_or_left_alone(paths, role):
    for model, path in paths.items():
        connection = replayed(path).connections[role]
        theirs = connection.their_state
        if theirs is CLOSED:
            continue  # its direction has ended: nothing can arrive
        connection.receive_data(b"\0")
        try:
            event = connection.next_event()
        except RemoteProtocolError:
            assert theirs in (IDLE, SEND_RESPONSE, SEND_BODY, MUST_CLOSE)
            assert connection.their_state is ERROR
        else:
            assert event is PAUSED
            assert theirs in (DONE, MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL)
            assert connection.states == {CLIENT: model.client, SERVER: model.server}
            assert connection.trailing_data == (b"\0", False)


@pytest.mark.parametrize("role", [CLIENT, SERVER], ids=repr)
def test_in_every_state_the_end_is_an_event_where_the_table_names_it(paths, role):
    other = SERVER if role is CLIENT else CLIENT
    for path in paths.values():
        connection = replayed(path).connections[role]
        theirs = connection.their_state
        connection.receive_data(b"")
        if theirs is SWITCHED_PROTOCOL:
            assert connection.next_event() is PAUSED
            assert connection.trailing_data == (b"", True)
        elif ConnectionClosed in EVENTS[other][theirs]:
            assert connection.next_event() == ConnectionClosed()
            assert connection.their_state is CLOSED
            assert connection.next_event() == ConnectionClosed()
        else:
            with pytest.raises(RemoteProtocolError, match="connection closed"):
                connection.next_event()
            assert connection.their_state is ERROR


def test_a_refusal_names_role_event_and_both_states():
    connection = ServerConnection()
    with pytest.raises(LocalProtocolError, match=r"SERVER cannot send Data while IDLE \(peer IDLE\)"):
        connection.send(Data(b"a"))
    with pytest.raises(LocalProtocolError, match="client IDLE, server IDLE"):
        connection.start_next_cycle()
    with pytest.raises(LocalProtocolError, match="a server cannot send a Request"):
        connection.send(CLIENT_SENDS["request"])
    with pytest.raises(LocalProtocolError, match="a client cannot send a response"):
        ClientConnection().send(Response(200))


# The tables as data


def test_a_state_is_its_own_row():
    for state in STATES:
        assert state.client is EVENTS[CLIENT].get(state, state.client)
        assert state.server is EVENTS[SERVER].get(state, state.server)
        assert state.client == EVENTS[CLIENT].get(state, {})
        assert state.server == EVENTS[SERVER].get(state, {})
        assert repr(state) == state.name
    assert [repr(CLIENT), repr(SERVER)] == ["CLIENT", "SERVER"]


QUESTIONS = list(itertools.product(STATES, STATES, (True, False), (True, False)))


def test_rules_come_to_rest():
    for question in QUESTIONS:
        client, server = settle(*question)
        assert settle(client, server, *question[2:]) == (client, server)


def test_rules_do_not_move_what_has_ended():
    for client, server, keep_alive, proposed in QUESTIONS:
        settled = settle(client, server, keep_alive, proposed)
        for before, after in zip((client, server), settled, strict=True):
            assert before is after or before in (IDLE, DONE, MIGHT_SWITCH_PROTOCOL)


def test_every_rule_is_needed(monkeypatch):
    answers = [settle(*question) for question in QUESTIONS]
    for rule in RULES:
        monkeypatch.setattr(states, "RULES", tuple(other for other in RULES if other is not rule))
        assert [settle.__wrapped__(*question) for question in QUESTIONS] != answers, rule


def test_a_model_that_is_wrong_is_noticed(monkeypatch):
    monkeypatch.setitem(EVENTS[SERVER], SEND_BODY, {EndOfMessage: DONE})
    with pytest.raises(AssertionError, match="may not send"):
        walk()
    monkeypatch.undo()
    monkeypatch.setattr(Model, "after", lambda model, role, event: model)
    with pytest.raises(AssertionError):
        walk()


def test_only_a_switch_makes_a_reader_pause_before_anything_arrives(paths):
    for path in paths.values():
        for connection in replayed(path).connections.values():
            if connection.their_state is not CLOSED:
                switches = connection.their_state in (MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL)
                assert connection.next_event() is (PAUSED if switches else NEED_DATA)
