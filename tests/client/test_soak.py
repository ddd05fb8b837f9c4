"""`tools/soak` on a small scale: servers that close, cut, reset and say nonsense, and what is left behind."""

import re
import subprocess
import sys

import pytest

from ..tree import ROOT, environment


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_nothing_is_lost_or_left_behind(loop):
    command = [sys.executable, str(ROOT / "tools" / "soak"), "--idle", "800", "--faults", "1600", "--loop", loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    idle, faults, server = done.stdout.splitlines()
    assert "GET" not in idle.partition("descriptors")[0]
    assert {"ClientPayloadError", "ClientResponseError", "SocketTimeoutError"} <= set(re.findall(r"\w+Error", faults))
    posts, twice = map(int, re.findall(r"\d+", server))
    assert posts > 500
    assert twice == 0
