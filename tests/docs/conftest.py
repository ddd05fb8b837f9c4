"""Snippets run as processes of their own, hundreds of them: each is a fork of one that has imported drywire already."""

import ast
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import types

import pytest

import drywire

from ..tree import ROOT, environment

PATIENCE = 50


class Forks:
    """The process that runs programs; see fork_server.py."""

    def __init__(self, folder):
        self._printed = folder / "stdout"
        self._complaints = folder / "stderr"
        self._server = subprocess.Popen(
            [sys.executable, "-P", str(ROOT / "tests" / "fork_server.py")],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, program):
        """Run a program and return what it printed; fail with all that it said where it fails."""
        check_imports(program)
        self._printed.write_bytes(b"")
        self._complaints.write_bytes(b"")
        asked = {"program": program, "stdout": str(self._printed), "stderr": str(self._complaints)}
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        if not select.select([self._server.stdout], [], [], PATIENCE)[0]:
            os.killpg(self._server.pid, signal.SIGKILL)
        status = self._server.stdout.readline().strip() or "none: it did not end"
        printed = self._printed.read_text("utf-8")
        assert status == "0", f"exit status {status}\n{printed}\n{self._complaints.read_text('utf-8')}"
        return printed

    def end(self):
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(PATIENCE)


def check_imports(program):
    """Fail where a program uses a module that it does not import, and that only the process above has."""
    nodes = list(ast.walk(ast.parse(program)))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported):
            continue
        name = f"{node.value.id}.{node.attr}"
        used = getattr(importlib.import_module(node.value.id), node.attr, None)
        if isinstance(used, types.ModuleType) and used.__name__ == name:
            by_itself = node.value.id == "drywire" and node.attr in drywire._MODULES
            assert by_itself or name in imported, f"{name} is used, and not imported"


@pytest.fixture(scope="session")
def run_program(tmp_path_factory):
    """``run_program(text)``: what the program prints, in a process of its own."""
    forks = Forks(tmp_path_factory.mktemp("programs"))
    yield forks.run
    forks.end()
