"""A client at work: small GETs, JSON that is POSTed, and one large download, from a server that parses nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .processes import LOAD_CORE, pin, serving
from .rounds import Target, interleaved, show

Peer = tuple[str, str]

PEERS: dict[str, Peer] = {
    "drywire uvloop": ("drywire", "uvloop"),
    "aiohttp uvloop": ("aiohttp", "uvloop"),
    "drywire asyncio": ("drywire", "asyncio"),
    "aiohttp asyncio": ("aiohttp", "asyncio"),
    "drywire trio": ("drywire", "trio"),
    "httpx trio": ("httpx", "trio"),
    "httpx asyncio": ("httpx", "asyncio"),
}
REQUESTS = {"drywire": 20_000, "aiohttp": 20_000, "httpx": 1_600}
SMALL = [
    Target("drywire uvloop", "aiohttp uvloop", 1.6),
    Target("drywire asyncio", "aiohttp asyncio", 1.6),
    Target("drywire trio", "httpx trio", 5.0),
]
HTTPS = [Target("drywire uvloop", "aiohttp uvloop", 1.3), Target("drywire asyncio", "aiohttp asyncio", 1.3)]
HANDSHAKES = [Target("drywire uvloop", "aiohttp uvloop", 1.0), Target("drywire asyncio", "aiohttp asyncio", 1.0)]
BULK = [Target("drywire uvloop", "aiohttp uvloop", 1.0), Target("drywire asyncio", "aiohttp asyncio", 1.0)]
BULK_SERVERS = {"nginx_server": "nginx", "bulk_server": "Python's streams on uvloop"}
"""The second writes as its client reads: whoever reads at once makes it write in small pieces."""


class Contender:
    """One library on one loop, run again and again; its processor time is kept beside the rate."""

    def __init__(self, library: str, loop: str, kind: str, port: int, requests: int = 0, authority: str = "") -> None:
        self._words = [library, loop, kind, str(port), str(requests or REQUESTS[library]), *filter(None, [authority])]
        self.microseconds: list[float] = []

    def __call__(self) -> float:
        command = [*pin(LOAD_CORE), sys.executable, "-m", "benchmarks.peers.requests", *self._words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        rate, microseconds = map(float, done.stdout.split())
        self.microseconds.append(microseconds)
        return rate


def over_tls(rounds: int) -> None:
    """Measure requests over TLS, on kept connections and on new ones."""
    with tempfile.TemporaryDirectory() as folder, serving("raw_tls_server", folder) as (port, _):
        authority = str(Path(folder) / "authority.pem")
        for kind, title, requests, targets in (
            ("https", "small GETs over TLS, kept connections", 20_000, HTTPS),
            ("handshake", "2,000 new TLS connections, a small GET on each", 2_000, HANDSHAKES),
        ):
            contenders = {
                name: Contender(*peer, kind, port, requests, authority)
                for name, peer in PEERS.items()
                if peer[0] != "httpx"
            }
            runs: dict[str, Callable[[], float]] = dict(contenders)
            results = interleaved(runs, rounds)
            show(f"client: 32 tasks, {title}", results, "req/s", targets, less_is_better=False)
            used = {name: one.microseconds for name, one in contenders.items() if name in results}
            show("  processor time of it", used, "us", targets, less_is_better=True)


def main(rounds: int) -> None:
    """Measure and print."""
    with serving("raw_server") as (port, _):
        for kind, title in (("get", "small GETs"), ("post", "small JSON POSTs")):
            contenders = {name: Contender(*peer, kind, port) for name, peer in PEERS.items()}
            runs: dict[str, Callable[[], float]] = dict(contenders)
            results = interleaved(runs, rounds)
            show(f"client: 32 tasks, {title}, kept connections", results, "req/s", SMALL, less_is_better=False)
            used = {name: one.microseconds for name, one in contenders.items() if name in results}
            show("  processor time of it", used, "us", SMALL, less_is_better=True)
    over_tls(rounds)
    for script, title in BULK_SERVERS.items():
        if script == "nginx_server" and shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            continue
        with serving(script) as (port, _):
            bulk: dict[str, Callable[[], float]] = {
                name: Contender(*peer, "download", port) for name, peer in PEERS.items() if peer[0] != "httpx"
            }
            results = interleaved(bulk, 2 * rounds + 1)  # a download is short, and the worse for chance
            show(f"client: 1 GiB in one response from {title}", results, "MiB/s", BULK, less_is_better=False)
