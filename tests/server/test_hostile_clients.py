"""Clients that mean harm, all at once against a server of its own: what they get, and what the others notice of it.

The offenders are those of `tools/hostile-clients`, few of each and with deadlines of half a second. Run by itself, the
tool does the same with thousands, one kind after the other.
"""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from ..tree import ROOT, environment

TOOL = ROOT / "tools" / "hostile-clients"
OFFENDERS = 2
IDLE = 300
PATIENCE = 0.5
MEMORY = 64  # MiB that all kinds together may cost
WAIT = 1.0  # seconds that no other client may wait

ENDS = {
    "says nothing": {"closed"},
    "slow head": {"408"},
    "slow fields": {"408"},
    "empty lines": {"400"},
    "half a head": {"408"},
    "half a second head": {"200, 408"},
    "silent body": {"408"},
    "silent after 100": {"100, 408"},
    "slow body": {"408"},
    "slow chunks": {"408"},
    "slow body that nobody reads": {"200"},
    "never-ending chunks, read": {"413"},
    "never-ending chunks, streamed": {"413"},
    "never-ending chunks of a byte": {"413"},
    "never-ending chunk extension": {"400"},
    "never-ending trailers": {"431"},
    "announces a terabyte": {"413"},
    "reads nothing of a stream": {"reset"},
    "reads nothing of a response": {"reset"},
    "reads drops": {"reset"},
    "10,000 pipelined requests": {"reset"},
    "a flood of requests": {"answered"},
    "resets": {"reset"},
    "half-closes": None,
    "comes and goes": {"gone"},
    "huge request line": {"414"},
    "huge field": {"431"},
    "header bomb": {"431"},
    "many parts": {"413"},
    "endless head of a part": {"413", "431"},
    "many fields of a part": {"413", "431"},
    "nested parts": {"400", "413"},
    "gzip bomb, read": {"413"},
    "gzip bomb, streamed": {"400"},
    "gzip bomb, a form": {"400", "413"},
    "gzip bomb of members": {"400"},
    "TLS": {"400"},
    "NULs": {"400"},
}
"""What each kind gets; None where the tool knows better, since it is many answers."""


@pytest.fixture(
    scope="module",
    params=[
        "asyncio",
        *(
            pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
            for name in ("uvloop", "trio")
        ),
    ],
)
def attacked(request):
    """What the tool has measured of a server on one loop."""
    command = [sys.executable, str(TOOL), "--json", "--together", "--loop", request.param]
    command += ["--offenders", str(OFFENDERS), "--idle", str(IDLE), "--patience", str(PATIENCE), "--keepalive", "1"]
    command += ["--max-size", "30000", "--grace", "3"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def figures(attacked, record_property):
    """The figures by kind; a test that fails shows them all."""
    record_property("figures", attacked)
    return {result["kind"].partition(" (")[0]: result for result in attacked["results"]}


@pytest.mark.parametrize("kind", ENDS)
def test_an_offender_gets_its_answer_and_is_cut_at_its_deadline(figures, kind):
    result = figures[kind]
    assert result["is_right"], result["outcomes"]
    if ENDS[kind] is not None:
        assert result["outcomes"].keys() <= ENDS[kind]
    assert sum(result["outcomes"].values()) == OFFENDERS
    assert result["is_in_time"], result


@pytest.mark.parametrize("kind", ["slow head", "slow fields", "half a head", "silent body", "slow body", "slow chunks"])
def test_nobody_is_cut_before_the_deadline(figures, kind):
    assert figures[kind]["seconds"][0] >= PATIENCE


def test_idle_connections_cost_little_and_are_closed_in_the_end(figures):
    result = figures[f"{IDLE} idle connections"]
    assert result["outcomes"] == {"closed": IDLE}
    assert result["is_in_time"], result
    assert float(result["kind"].partition("(")[2].split()[0]) < 20  # KiB each


def test_other_clients_are_served_within_a_second_all_the_while(figures):
    slowest = max(result["slowest"] for result in figures.values())
    assert min(result["others"] for result in figures.values()) > 0
    assert slowest < WAIT * _load(), slowest


def test_memory_is_bounded(figures):
    before = min(result["memory"][0] for result in figures.values())
    peak = max(result["memory"][1] for result in figures.values())
    assert before > 0
    assert peak - before < MEMORY, (before, peak)


def test_nothing_is_left_behind_and_nothing_is_logged(attacked):
    assert attacked["connections"] == 1  # the one that asks
    assert attacked["descriptors"][1] <= attacked["descriptors"][0]
    assert (attacked["exit"], attacked["errors"]) == (0, "")


def _load():
    """How many programs share a processor here: a second is a second of one that has it to itself."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)) if hasattr(os, "getloadavg") else 1.0
