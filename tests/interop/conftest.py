"""Peers that run as processes of their own."""

import subprocess
import sys
import textwrap

import pytest

from ..tree import environment


@pytest.fixture
def process():
    """Run Python code as a process that prints its port first; it is ended with the test."""
    started = []

    def start(code):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, env=environment()
        )
        started.append(child)
        return int(child.stdout.readline())

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()
