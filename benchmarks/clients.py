"""A client that GETs a small page again and again from one and the same server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from .processes import LOAD_CORE, pin, serving
from .rounds import Target, interleaved, show

PEERS = {
    "drywire uvloop": ("drywire", "uvloop", 20_000),
    "aiohttp uvloop": ("aiohttp", "uvloop", 20_000),
    "drywire asyncio": ("drywire", "asyncio", 20_000),
    "aiohttp asyncio": ("aiohttp", "asyncio", 20_000),
    "drywire trio": ("drywire", "trio", 20_000),
    "httpx asyncio": ("httpx", "asyncio", 1_600),
}
TARGETS = [
    Target("drywire uvloop", "aiohttp uvloop", 1.3),
    Target("drywire asyncio", "aiohttp asyncio", 1.0),
    Target("drywire trio", "httpx asyncio", 1.0),
]


def contender(library: str, loop: str, requests: int, port: int) -> Callable[[], float]:
    def run() -> float:
        command = [
            *pin(LOAD_CORE),
            sys.executable,
            "-m",
            "benchmarks.peers.get",
            library,
            loop,
            str(port),
            str(requests),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return float(done.stdout)

    return run


def main(rounds: int) -> None:
    """Measure and print."""
    with serving("raw_server") as (port, _):
        results = interleaved({name: contender(*peer, port) for name, peer in PEERS.items()}, rounds)
    show("client: 32 tasks, small GETs, kept connections", results, "req/s", TARGETS, less_is_better=False)
