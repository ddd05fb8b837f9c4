"""A client and a server back to back, driven by any order of events."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from drywire_sansio.http1 import CLIENT, SERVER, Data
from drywire_sansio.http1.states import EVENTS, RULES

from .model import CLIENT_SENDS, SERVER_SENDS, Pair


class BackToBack(RuleBasedStateMachine):
    """What one side may send the other must read; what it may not changes nothing. `Pair` does the comparing."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()

    @rule(name=st.sampled_from(sorted(CLIENT_SENDS)))
    def client_sends(self, name):
        self.pair.send(CLIENT, CLIENT_SENDS[name])

    @rule(name=st.sampled_from(sorted(SERVER_SENDS)))
    def server_sends(self, name):
        event = SERVER_SENDS[name]
        if self.pair.can_be_told(event):
            self.pair.send(SERVER, event)

    @rule(role=st.sampled_from([CLIENT, SERVER]), data=st.binary(min_size=1, max_size=40))
    def data_is_sent(self, role, data):
        self.pair.send(role, Data(data))

    @rule(data=st.data())
    def somebody_sends_what_may_be_sent(self, data):
        """Orders of events that are drawn blindly end soon: most of what is drawn is refused."""
        pair = self.pair
        allowed = [
            (role, name)
            for role, sends in ((CLIENT, CLIENT_SENDS), (SERVER, SERVER_SENDS))
            for name, event in sends.items()
            if pair.model.allows(role, event) and pair.can_be_told(event)
        ]
        if allowed:
            role, name = data.draw(st.sampled_from(allowed))
            pair.send(role, (CLIENT_SENDS if role is CLIENT else SERVER_SENDS)[name])

    @rule()
    def next_cycle_is_started(self):
        self.pair.start_next_cycle()

    @invariant()
    def both_sides_agree(self):
        self.pair.check()


TestBackToBack = BackToBack.TestCase
TestBackToBack.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


BY_EVENT = {
    (role, state, trigger) for role, states in EVENTS.items() for state, row in states.items() for trigger in row
}
ROWS = BY_EVENT | set(RULES)


def test_any_order_of_events_reaches_every_row_of_the_tables(capsys):
    reached = set()

    class Measured(BackToBack):
        def teardown(self):
            reached.update(self.pair.reached)

    # What chance leaves out of one batch it brings in another; in CI Hypothesis would draw the same ones each time.
    batch = settings(max_examples=200, stateful_step_count=40, database=None, deadline=None, derandomize=False)
    for _ in range(30):
        run_state_machine_as_test(Measured, settings=batch)
        if reached >= ROWS:
            break
    with capsys.disabled():
        events, rules = len(reached & BY_EVENT), len(reached - BY_EVENT)
        print(f"\nstate tables: {events} of {len(BY_EVENT)} rows by event, {rules} of {len(RULES)} joint rules reached")
    assert ROWS - reached == set()
