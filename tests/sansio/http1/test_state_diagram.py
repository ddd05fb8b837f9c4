"""docs/http1-states.md is what the tables draw, and changes when they do."""

import runpy
from collections import Counter
from dataclasses import replace

import pytest

from drywire_sansio.http1 import CLIENT, CLOSED, IDLE, MUST_CLOSE, SEND_BODY, SERVER, Data, EndOfMessage
from drywire_sansio.http1.states import EVENTS, RULES

from ...tree import ROOT, run_python

DOCUMENT = ROOT / "docs" / "http1-states.md"
GENERATOR = ROOT / "docs" / "draw_http1_states.py"


@pytest.fixture(scope="module")
def document():
    return runpy.run_path(str(GENERATOR))["document"]


def lines_changed(old, new):
    """Return the lines of which two documents do not have as many."""
    before, after = Counter(old.splitlines()), Counter(new.splitlines())
    return {*(before - after), *(after - before)}


def test_the_committed_document_is_what_the_generator_prints():
    assert run_python(str(GENERATOR)) == DOCUMENT.read_text(encoding="utf-8")


def test_a_changed_event_changes_the_document(document):
    events = {role: {state: dict(row) for state, row in rows.items()} for role, rows in EVENTS.items()}
    assert document(events) == document()
    events[CLIENT][SEND_BODY][EndOfMessage] = CLOSED
    assert lines_changed(document(), document(events)) == {
        "    SEND_BODY --> DONE: EndOfMessage",
        "    SEND_BODY --> CLOSED: EndOfMessage",
    }
    del events[SERVER][SEND_BODY][Data]
    assert document(events).count("Data") == 1


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_changed_rule_changes_the_document(document, rule):
    others = [other for other in RULES if other is not rule]
    assert document(rules=others) != document()
    changed = replace(rule, keep_alive=True if rule.keep_alive is None else not rule.keep_alive)
    assert lines_changed(document(), document(rules=[changed if other is rule else other for other in RULES]))


def test_a_changed_condition_on_the_other_side_changes_the_document(document):
    for rule in RULES:
        changed = [replace(other, other=(MUST_CLOSE,)) if other is rule else other for other in RULES]
        assert any("MUST_CLOSE" in line for line in lines_changed(document(), document(rules=changed)))


def test_every_edge_of_the_tables_is_drawn(document):
    text = document()
    for rows in EVENTS.values():
        for state, row in rows.items():
            for trigger, becomes in row.items():
                assert any(
                    line.startswith(f"    {state} --> {becomes}: ") and trigger.__name__ in line
                    for line in text.splitlines()
                )
    assert text.count(f"    [*] --> {IDLE}") == 2
