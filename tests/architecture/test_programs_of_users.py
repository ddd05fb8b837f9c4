"""What type checkers make of a program that uses drywire: it passes under --strict, and its mistakes are found."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..tree import ROOT, environment

PROGRAM = Path(__file__).with_name("program_of_a_user.py")

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed here")


def checked(path):
    """Return what mypy says of a file; it keeps what it knows of the rest where `make types` does."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--strict", str(path)]
    roots = os.pathsep.join(str(ROOT / root) for root in ("sansio", "transports", "client", "server", "."))
    env = {**environment(), "MYPYPATH": roots}
    env.pop("PYTHONPATH")  # it is for what runs; mypy would take the roots twice
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=55)


def test_a_program_is_well_typed():
    done = checked(PROGRAM)
    assert done.stdout.startswith("Success"), done.stdout + done.stderr


def test_mistakes_in_it_are_found(tmp_path):
    text = PROGRAM.read_text("utf-8")
    mistakes = {
        "raise web.HTTPNotFound(": "raise web.HTTPNotThere(",
        "count: int = request.app[NAMES][name]": "count: str = request.app[NAMES][name]",
        "heartbeat=20": "heartbeat='20'",
        "words: str = await ws.receive_str()": "words: bytes = await ws.receive_str()",
    }
    for right, wrong in mistakes.items():
        assert right in text, right
        text = text.replace(right, wrong)
    program = tmp_path / "program.py"
    program.write_text(text, "utf-8")
    done = checked(program)
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(found) == len(mistakes), done.stdout + done.stderr
    assert "HTTPNotThere" in done.stdout
