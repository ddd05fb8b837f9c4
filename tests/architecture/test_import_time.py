"""Importing is cheap. Modules are counted, not milliseconds: a count is the same on a loaded machine."""

import pytest

from ..tree import run_python

NEVER = {"anyio", "http.server", "hypothesis", "pytest", "trio", "unittest", "uvloop"}
"""Loaded on first use or not at all."""


def modules_loaded_by(statement):
    printed = run_python("-c", f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)")
    return set(printed.split())


@pytest.mark.parametrize(
    ("statement", "budget"),
    [("import drywire_sansio.http1", 60), ("import drywire", 60)],
)
def test_an_import_loads_little(statement, budget):
    loaded = modules_loaded_by(statement)
    assert not loaded & NEVER
    others = {name for name in loaded if not name.startswith("drywire")}
    assert len(others) <= budget, sorted(others)
