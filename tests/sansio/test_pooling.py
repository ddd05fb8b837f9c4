"""The decisions of the pool, as values: examples, and a state machine against a naive model."""

import dataclasses

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from drywire_sansio.pooling import EndpointFigures, Pool, Pooled, PoolFigures


class Wire(Pooled):
    """A connection that is nothing but its number."""

    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"wire {self.number}"


def opened(pool, key, number=0):
    """Take a place at `key` and open a connection for it."""
    wire = Wire(number)
    pool.opened(pool.enter(key), wire)
    return wire


def test_what_was_given_back_is_taken_again_and_the_last_first():
    pool = Pool()
    first, second = opened(pool, "a", 1), opened(pool, "a", 2)
    assert pool.take("a", 0) is None
    assert pool.give_back(first, 1) is None
    assert pool.give_back(second, 2) is None
    assert pool.take("b", 3) is None
    assert [pool.take("a", 3), pool.take("a", 3), pool.take("a", 3)] == [second, first, None]
    assert pool.members == {first, second}


@pytest.mark.parametrize("limits", [(1, 0), (0, 1), (2, 1)])
def test_no_place_above_a_limit(limits):
    pool = Pool(*limits)
    wire = opened(pool, "a")
    assert pool.enter("a") is None
    pool.give_back(wire, 0)
    assert pool.take("a", 0) is wire
    assert pool.enter("a") is None
    assert (pool.enter("b") is None) == (limits == (1, 0))


def test_an_idle_connection_is_not_taken_where_there_is_no_place_for_it():
    pool = Pool(limit=1)
    pool.give_back(opened(pool, "a"), 0)
    opened(pool, "b")
    assert pool.take("a", 0) is None
    assert pool.figures.by_key == {"a": EndpointFigures(0, 1, 0), "b": EndpointFigures(1, 0, 0)}


def test_no_limit_is_no_limit():
    pool = Pool(limit=0)
    assert all(pool.enter("a") for _ in range(1000))


def test_a_place_and_the_connection_in_it_are_handed_to_who_waits_and_nobody_comes_between():
    pool = Pool(limit=1)
    wire = opened(pool, "a")
    turn = pool.wait("a")
    assert not turn.granted
    assert pool.give_back(wire, 1) is turn
    assert turn.granted
    assert pool.take("a", 1) is None
    assert pool.enter("a") is pool.enter("b") is None
    assert pool.accept(turn, 1) is wire


def test_who_waits_is_served_in_order_but_for_those_whose_host_is_full():
    pool = Pool(limit=2, limit_per_host=1)
    first, second = opened(pool, "a"), opened(pool, "b")
    turns = [pool.wait(key) for key in "aacb"]
    assert pool.drop(second) is turns[2]
    assert pool.drop(first) is turns[0]
    assert pool.leave(turns[2].endpoint) is turns[3]
    assert pool.leave(turns[3].endpoint) is None  # a is full
    assert pool.leave(turns[0].endpoint) is turns[1]
    assert pool.leave(turns[1].endpoint) is None
    assert pool.endpoints == {}


def test_who_comes_behind_one_that_leaves_does_not_get_its_number():
    pool = Pool(limit=1)
    wire = opened(pool, "x")
    turns = [pool.wait(key) for key in "aba"]
    pool.withdraw(turns[0])
    assert pool.drop(wire) is turns[1]
    assert pool.leave(turns[1].endpoint) is turns[2]


@pytest.mark.parametrize("granted", [False, True])
def test_a_turn_that_is_withdrawn_keeps_nothing(granted):
    pool = Pool(limit=1)
    wire = opened(pool, "a")
    first, second = pool.wait("a"), pool.wait("a")
    if granted:
        assert pool.give_back(wire, 1) is first
        assert pool.withdraw(first) is second
    else:
        assert pool.withdraw(first) is None
        assert pool.withdraw(first) is None  # once more does no harm
        assert pool.give_back(wire, 1) is second
    assert pool.accept(second, 1) is wire
    assert pool.waiting == 0


def test_a_connection_of_a_withdrawn_turn_is_idle_again_in_its_place_by_age():
    pool = Pool(limit=2, keepalive=10)
    wires = [opened(pool, "a", number) for number in range(2)]
    turn = pool.wait("a")
    pool.give_back(wires[0], 1)
    pool.change_limits(4, 0)
    pool.give_back(wires[1], 2)
    pool.withdraw(turn)
    assert pool.idle == wires
    assert pool.expire(11) == [wires[0]]


@pytest.mark.parametrize("keepalive", [15, None, 0])
def test_idle_connections_are_kept_for_their_time(keepalive):
    pool = Pool(keepalive=keepalive)
    assert pool.keeps == (keepalive != 0)
    if not pool.keeps:
        return
    wire = opened(pool, "a")
    pool.give_back(wire, 100)
    assert pool.next_expiry == (float("inf") if keepalive is None else 115)
    assert pool.expire(114.9) == []
    if keepalive is None:
        assert pool.expire(1e9) == []
        assert pool.take("a", 1e9) is wire
        return
    assert pool.take("a", 115) is None  # though `expire` is late
    assert pool.expire(115) == [wire]
    assert pool.members == set()
    assert pool.endpoints == {}
    assert pool.next_expiry == float("inf")


def test_who_has_a_place_takes_the_next_where_the_first_has_died():
    pool = Pool(limit=3)
    wires = [opened(pool, "a", number) for number in range(3)]
    for now, wire in enumerate(wires):
        pool.give_back(wire, now)
    dead = pool.take("a", 5)
    pool.discard(dead)
    assert dead is wires[2]
    assert pool.next_idle(dead.endpoint, 5) is wires[1]
    assert pool.places == 1
    pool.discard_idle(wires[0])
    assert pool.members == {wires[1]}
    assert pool.next_idle(dead.endpoint, 5) is None


def test_higher_limits_serve_who_waits_at_once_and_lower_ones_nobody():
    pool = Pool(limit=1, limit_per_host=1)
    opened(pool, "a")
    turns = [pool.wait(key) for key in "abac"]
    assert pool.change_limits(3, 1) == [turns[1], turns[3]]
    assert pool.change_limits(3, 3) == []
    assert pool.change_limits(0, 0) == [turns[0], turns[2]]
    assert pool.change_limits(1, 1) == []
    assert pool.enter("d") is None
    assert pool.places == 5


@pytest.mark.parametrize("limits", [(-1, 0), (0, -1)])
def test_negative_limits_are_refused(limits):
    with pytest.raises(ValueError, match=r"0 \(for any number\) or more, not -1"):
        Pool(*limits)
    pool = Pool(7, 3)
    with pytest.raises(ValueError, match="not -1"):
        pool.change_limits(*limits)
    assert (pool.limit, pool.limit_per_host) == (7, 3)


def test_closing_gives_out_everything_once():
    pool = Pool(limit=2)
    idle, used = opened(pool, "a"), opened(pool, "b")
    turns = [pool.wait("b"), pool.wait("c")]
    pool.change_limits(2, 0)
    pool.give_back(idle, 0)
    members, waiting = pool.close()
    assert set(members) == {idle, used}
    assert waiting == [turn for turn in turns if not turn.granted]
    assert pool.close() == ([], [])
    assert pool.closed
    assert not pool.keeps
    for turn in turns:
        pool.withdraw(turn)
    assert pool.drop(used) is None
    assert pool.endpoints == {}
    assert pool.figures == PoolFigures()


def test_figures_say_how_many_there_are():
    pool = Pool(limit=2)
    pool.give_back(opened(pool, "a"), 0)
    opened(pool, "a")
    opened(pool, "b")
    pool.wait("b")
    figures = pool.figures
    assert figures == PoolFigures(2, 1, 1, {"a": EndpointFigures(1, 1, 0), "b": EndpointFigures(1, 0, 1)})
    assert (figures.open, figures.by_key["a"].open) == (3, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        figures.idle = 3


def test_what_waits_in_vain_leaves_nothing_behind():
    """A place that never comes back, and requests to ever new hosts that give up."""
    pool = Pool(limit=1)
    wire = opened(pool, "a")
    patient = [pool.wait("b"), pool.wait("c"), pool.wait("b")]
    for number in range(10_000):
        pool.withdraw(pool.wait(number))
    assert list(pool.endpoints) == ["a", "b", "c"]
    assert len(pool._ready) < 100
    assert pool.drop(wire) is patient[0]
    assert [pool.leave(turn.endpoint) for turn in patient] == [*patient[1:], None]


def test_a_place_costs_the_same_however_many_wait_for_full_hosts():
    """No pass over all that wait: whom it concerns is known."""
    pool = Pool(limit_per_host=1)
    opened(pool, "full")
    for _ in range(50_000):
        pool.wait("full")
    for number in range(50_000):  # 2.5 billion steps, were all of them looked at
        wire = opened(pool, "free", number)
        pool.give_back(wire, 0)
        assert pool.take("free", 0) is wire
        assert pool.drop(wire) is None
    assert pool.waiting == 50_000


# The model


class Model:
    """The same pool, as simple as can be: lists, and a look at everything at each step."""

    def __init__(self, limit, per_host, keepalive):
        self.limit, self.per_host, self.keepalive = limit, per_host, keepalive
        self.places = []  # keys
        self.idle = []  # (since, key, wire), oldest first
        self.waiting = []  # (key, turn), first come first

    def has_room(self, key):
        return (not self.limit or len(self.places) < self.limit) and (
            not self.per_host or self.places.count(key) < self.per_host
        )

    def serve(self):
        """Return the (key, turn) that get a place now, with the wire that comes with each."""
        served = []
        for key, turn in list(self.waiting):
            if self.has_room(key):
                self.waiting.remove((key, turn))
                self.places.append(key)
                served.append((turn, self.pop(key)))
        return served

    def pop(self, key, now=None):
        found = [entry for entry in self.idle if entry[1] == key]
        if not found or (now is not None and self.is_old(found[-1][0], now)):
            return None
        self.idle.remove(found[-1])
        return found[-1][2]

    def is_old(self, since, now):
        return self.keepalive is not None and now - since >= self.keepalive

    def keep(self, since, key, wire):
        self.idle.append((since, key, wire))
        self.idle.sort(key=lambda entry: entry[0])


KEYS = st.sampled_from("abc")
LIMITS = st.integers(0, 4)


class PoolMachine(RuleBasedStateMachine):
    """Everybody's moves in any order; what the pool says must be what the model says, and the promises must hold."""

    @initialize(limit=LIMITS, per_host=LIMITS, keepalive=st.sampled_from([None, 5]))
    def begin(self, limit, per_host, keepalive):
        self.pool = Pool(limit, per_host, keepalive)
        self.model = Model(limit, per_host, keepalive)
        self.now = 0
        self.made = 0
        self.used = []  # connections with somebody
        self.opening = []  # endpoints of places without a connection yet
        self.turns = []  # that wait or were granted, not yet picked up
        self.open = set()  # connections that nobody has closed
        self.closed = False

    def woken(self, turn):
        """What a verb returned must be the model's choice, and no more than one can have got a place."""
        served = self.model.serve()
        assert [turn] == [turn for turn, _ in served] if turn is not None else not served
        self.check_granted(served)

    def check_granted(self, served):
        for turn, wire in served:
            assert turn.granted
            assert turn.connection is wire

    def new_wire(self, endpoint):
        self.made += 1
        wire = Wire(self.made)
        self.pool.opened(endpoint, wire)
        self.open.add(wire)
        self.used.append(wire)

    @rule(key=KEYS)
    def acquire(self, key):
        """As a request does: an idle connection, else a place to open one, else a place in the queue."""
        if self.closed:
            return
        wire = self.pool.take(key, self.now)
        room = self.model.has_room(key)
        expected = self.model.pop(key, self.now) if room else None
        assert wire is expected
        if wire is not None:
            assert wire not in self.used
            self.model.places.append(key)
            self.used.append(wire)
            return
        endpoint = self.pool.enter(key)
        assert (endpoint is not None) == room
        if endpoint is not None:
            assert endpoint.key == key
            self.model.places.append(key)
            self.opening.append(endpoint)
            return
        turn = self.pool.wait(key)
        assert not turn.granted
        self.model.waiting.append((key, turn))
        self.turns.append(turn)

    @precondition(lambda self: self.opening)
    @rule(data=st.data(), works=st.booleans())
    def open_or_fail(self, data, works):
        endpoint = self.opening.pop(data.draw(st.integers(0, len(self.opening) - 1)))
        if works and not self.closed:
            self.new_wire(endpoint)
        else:
            self.model.places.remove(endpoint.key)
            self.woken(self.pool.leave(endpoint))

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def release(self, data):
        wire = self.used.pop(data.draw(st.integers(0, len(self.used) - 1)))
        self.model.places.remove(wire.endpoint.key)
        if self.pool.keeps:
            self.model.keep(self.now, wire.endpoint.key, wire)
            self.woken(self.pool.give_back(wire, self.now))
        else:
            self.open.discard(wire)
            self.woken(self.pool.drop(wire))

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def drop(self, data):
        wire = self.used.pop(data.draw(st.integers(0, len(self.used) - 1)))
        self.model.places.remove(wire.endpoint.key)
        self.open.discard(wire)
        self.woken(self.pool.drop(wire))

    @precondition(lambda self: self.used)
    @rule(data=st.data())
    def find_dead_and_go_on(self, data):
        """The server has closed what was taken: the next idle one in its place, or a new one."""
        wire = self.used.pop(data.draw(st.integers(0, len(self.used) - 1)))
        endpoint = wire.endpoint
        if self.closed:
            self.model.places.remove(endpoint.key)
            self.woken(self.pool.drop(wire))
            return
        self.open.discard(wire)
        self.pool.discard(wire)
        found = self.pool.next_idle(endpoint, self.now)
        assert found is self.model.pop(endpoint.key, self.now)
        if found is None:
            self.new_wire(endpoint)
        else:
            self.used.append(found)

    @precondition(lambda self: self.turns)
    @rule(data=st.data())
    def cancel(self, data):
        """At any moment: while it waits, or when it has its place and does not know yet."""
        turn = self.turns.pop(data.draw(st.integers(0, len(self.turns) - 1)))
        key, wire, was_granted = turn.endpoint.key, turn.connection, turn.granted
        if was_granted:
            self.model.places.remove(key)
            if wire is not None and not self.closed:
                self.model.keep(wire.idle_since, key, wire)
        else:
            self.model.waiting = [entry for entry in self.model.waiting if entry[1] is not turn]
        self.woken(self.pool.withdraw(turn))

    @precondition(lambda self: any(turn.granted for turn in self.turns))
    @rule()
    def pick_up(self):
        """The first that was woken runs, and goes on with what it was given."""
        turn = next(turn for turn in self.turns if turn.granted)
        self.turns.remove(turn)
        if self.closed:
            self.model.places.remove(turn.endpoint.key)
            self.woken(self.pool.withdraw(turn))
            return
        given = turn.connection
        wire = self.pool.accept(turn, self.now)
        if wire is None:
            if given is not None:
                assert self.model.is_old(given.idle_since, self.now)
                self.model.keep(given.idle_since, turn.endpoint.key, given)
            self.opening.append(turn.endpoint)
        else:
            assert wire is given
            assert wire not in self.used
            assert not self.model.is_old(wire.idle_since, self.now)
            self.used.append(wire)

    @precondition(lambda self: self.pool.idle)
    @rule(data=st.data())
    def server_closes(self, data):
        wire = data.draw(st.sampled_from(self.pool.idle))
        self.pool.discard_idle(wire)
        self.open.discard(wire)
        self.model.idle = [entry for entry in self.model.idle if entry[2] is not wire]

    @rule(seconds=st.integers(0, 4))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def expire(self):
        expired = self.pool.expire(self.now)
        old = [entry for entry in self.model.idle if self.model.is_old(entry[0], self.now)]
        assert set(expired) == {wire for _, _, wire in old}
        self.open -= set(expired)
        self.model.idle = [entry for entry in self.model.idle if entry not in old]
        assert self.pool.next_expiry > self.now

    @rule(limit=LIMITS, per_host=LIMITS)
    def change_limits(self, limit, per_host):
        self.model.limit, self.model.per_host = limit, per_host
        granted = self.pool.change_limits(limit, per_host)
        served = self.model.serve()
        assert granted == [turn for turn, _ in served]
        self.check_granted(served)

    @precondition(lambda self: not self.closed and self.made > 3)
    @rule()
    def close(self):
        self.closed = True
        members, turns = self.pool.close()
        assert set(members) == self.open
        assert turns == [turn for _, turn in self.model.waiting]
        self.open.clear()
        self.turns = [turn for turn in self.turns if turn.granted]
        self.model.idle, self.model.waiting = [], []

    @invariant()
    def promises(self):
        pool, model = self.pool, self.model
        assert pool.places == len(model.places)
        assert pool.members == self.open
        assert pool.waiting == len(model.waiting)
        assert len(set(self.used)) == len(self.used)
        assert not {*self.used} & {*pool.idle}
        assert {wire for _, _, wire in model.idle} == set(pool.idle)
        for key in set("abc"):
            idle = [wire for _, where, wire in model.idle if where == key]
            in_use = model.places.count(key)
            waiting = [turn for where, turn in model.waiting if where == key]
            if not idle and not in_use and not waiting:
                assert key not in pool.endpoints
                continue
            endpoint = pool.endpoints[key]
            assert (endpoint.places, list(endpoint.queue)) == (in_use, waiting)
            assert [wire.idle_since for wire in endpoint.idle] == sorted(wire.idle_since for wire in endpoint.idle)
        assert not any(model.has_room(key) for key, _ in model.waiting), "a place is free for one who waits"

    def teardown(self):
        if not hasattr(self, "pool"):
            return
        for turn in self.turns:
            self.pool.withdraw(turn)
        for endpoint in self.opening:
            self.pool.leave(endpoint)
        for wire in self.used:
            self.pool.drop(wire)
        assert set(self.pool.close()[0]) == self.open - set(self.used)
        assert self.pool.figures == PoolFigures()


TestPoolAgainstModel = PoolMachine.TestCase
TestPoolAgainstModel.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
