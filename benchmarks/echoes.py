"""WebSocket echo, one core for the server: messages a second, processor time of each, memory of an idle connection."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .processes import LOAD_CORE, cpu_seconds, pin, serving
from .rounds import Target, interleaved, show

CONNECTIONS = 32
IDLE = 10_000
SIZES = {32: 0.9, 1024: 0.9, 65536: 0.7}
"""Bytes of a message, and how much of aiohttp's speed is aimed at."""
PEERS = {
    "drywire uvloop": ("drywire", "uvloop"),
    "aiohttp uvloop": ("aiohttp", "uvloop"),
    "websockets uvloop": ("websockets", "uvloop"),
    "drywire asyncio": ("drywire", "asyncio"),
    "aiohttp asyncio": ("aiohttp", "asyncio"),
    "drywire trio": ("drywire", "trio"),
}


def load(port: int, connections: int, size: int, seconds: float) -> list[str]:
    """Return the command of a load."""
    script = [sys.executable, "-m", "benchmarks.peers.echo_load"]
    return [*pin(LOAD_CORE), *script, *map(str, (port, connections, size, seconds))]


def contender(
    name: str, command: tuple[str, str], size: int, seconds: int, costs: dict[str, list[float]]
) -> Callable[[], float]:
    def run() -> float:
        with serving("echo_server", *command) as (port, process):
            subprocess.run(load(port, CONNECTIONS, size, 0.5), capture_output=True, check=True)
            before = cpu_seconds(process)
            done = subprocess.run(load(port, CONNECTIONS, size, seconds), capture_output=True, text=True, check=True)
            speed = float(done.stdout)
            # The load runs a little before and after its seconds: 0.3 s of a warm start.
            costs.setdefault(name, []).append((cpu_seconds(process) - before) / (speed * (seconds + 0.3)) * 1e6)
            return speed

    return run


def resident(process: int) -> int:
    """Return the kilobytes that a process holds."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def idle(command: tuple[str, str]) -> Callable[[], float]:
    """Return what measures the memory, in kilobytes, that one idle connection costs."""

    def run() -> float:
        with serving("echo_server", *command) as (port, process):
            subprocess.run(load(port, CONNECTIONS, 32, 0.3), capture_output=True, check=True)
            before = resident(process)
            opened = subprocess.Popen(load(port, IDLE, 0, 0), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert opened.stdin is not None
            assert opened.stdout is not None
            try:
                if opened.stdout.readline() != "ready\n":
                    raise RuntimeError("not all connections could be opened")
                return (resident(process) - before) / IDLE
            finally:
                opened.stdin.close()
                opened.stdout.close()
                opened.wait(30)

    return run


def main(rounds: int, seconds: int) -> None:
    """Measure and print."""
    for size, least in SIZES.items():
        costs: dict[str, list[float]] = {}
        runs = {name: contender(name, command, size, seconds, costs) for name, command in PEERS.items()}
        results = interleaved(runs, rounds)
        targets = [
            Target("drywire uvloop", "aiohttp uvloop", least),
            Target("drywire uvloop", "websockets uvloop", 1.5),
        ]
        title = f"websocket: echo of {size} bytes, {CONNECTIONS} connections"
        show(title, results, "msg/s", targets, less_is_better=False)
        show(f"the same: processor time of the server, {size} bytes", costs, "us", targets, less_is_better=True)
    memory = interleaved({name: idle(command) for name, command in PEERS.items()}, 1)
    show(
        f"websocket: memory of an idle connection, {IDLE:,} of them",
        memory,
        "kB",
        [Target("drywire uvloop", "aiohttp uvloop", 1.0), Target("drywire asyncio", "aiohttp asyncio", 1.0)],
        less_is_better=True,
    )
