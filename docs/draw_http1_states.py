"""Draws docs/http1-states.md from the tables in `drywire_sansio.http1.states`.

python docs/draw_http1_states.py            prints the document
python docs/draw_http1_states.py --write    writes it
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from drywire_sansio.http1 import states
from drywire_sansio.http1.states import Role, Rule, State

DOCUMENT = Path(__file__).with_name("http1-states.md")
HEAD = """\
# The states of an HTTP/1.1 connection

Drawn from the tables in `sansio/drywire_sansio/http1/states.py` by `docs/draw_http1_states.py`; a test holds the two
together. A connection is two machines, one for each side, and each end watches both. A solid arrow is an event of that
side. An arrow whose label is in brackets is a rule: it is taken as soon as what the label says of the connection, or of
the other side, is true. From every state a side comes to ERROR when it breaks the protocol.
"""

Events = Mapping[Role, Mapping[State, Mapping[type[object], State]]]


def condition(rule: Rule) -> str:
    """Return in words when a rule applies."""
    parts = []
    if rule.keep_alive is not None:
        parts.append("kept alive" if rule.keep_alive else "not kept alive")
    if rule.proposed is not None:
        parts.append("switch proposed" if rule.proposed else "no switch proposed")
    if len(rule.other) != len(states.STATES):
        other = states.SERVER if rule.role is states.CLIENT else states.CLIENT
        parts.append(f"{str(other).lower()} is {' or '.join(map(str, rule.other))}")
    return f"[{', '.join(parts)}]"


def diagram(role: Role, events: Events, rules: Sequence[Rule]) -> str:
    """Return the Mermaid diagram of one side."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {states.IDLE}"]
    for state, row in events[role].items():
        lines += [f"    {state} --> {target}: {trigger.__name__}" for trigger, target in row.items()]
    lines += [f"    {rule.state} --> {rule.becomes}: {condition(rule)}" for rule in rules if rule.role is role]
    return "\n".join([*lines, "```"])


def document(events: Events = states.EVENTS, rules: Sequence[Rule] = states.RULES) -> str:
    """Return the whole document."""
    parts = [HEAD]
    for role in (states.CLIENT, states.SERVER):
        parts.append(f"## {str(role).capitalize()}\n\n{diagram(role, events, rules)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        DOCUMENT.write_text(document())
    else:
        print(document(), end="")
