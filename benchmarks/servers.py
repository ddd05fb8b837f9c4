"""A server that says hello, under wrk: requests a second, and processor time a request."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable

from .heads import BROWSER_FIELDS
from .processes import LOAD_CORE, cpu_seconds, pin, serving
from .rounds import Target, interleaved, show

PEERS = {
    "drywire asyncio": ("drywire_server", "asyncio"),
    "aiohttp asyncio": ("aiohttp_server", "asyncio"),
    "drywire uvloop": ("drywire_server", "uvloop"),
    "aiohttp uvloop": ("aiohttp_server", "uvloop"),
    "drywire trio": ("drywire_server", "trio"),
    "uvicorn uvloop, bare ASGI": ("uvicorn_server",),
    "granian (Rust), bare ASGI": ("granian_server",),
}
TARGETS = [
    Target("drywire uvloop", "aiohttp uvloop", 1.5),
    Target("drywire asyncio", "aiohttp asyncio", 1.5),
    Target("drywire trio", "aiohttp asyncio", 0.6),
]
CONNECTIONS = 64


def wrk(port: int, seconds: int, script: str | None) -> float:
    """Return requests a second."""
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}", *(["-s", script] if script else [])]
    done = subprocess.run(
        [*pin(LOAD_CORE), "wrk", *options, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(found[1])


def contender(
    name: str, command: tuple[str, ...], seconds: int, script: str | None, costs: dict[str, list[float]]
) -> Callable[[], float]:
    def run() -> float:
        with serving(*command) as (port, process):
            wrk(port, 1, script)
            before = cpu_seconds(process)
            speed = wrk(port, seconds, script)
            costs.setdefault(name, []).append((cpu_seconds(process) - before) / (speed * seconds) * 1e6)
            return speed

    return run


def main(rounds: int, seconds: int) -> None:
    """Measure and print."""
    if shutil.which("wrk") is None:
        print("\nserver: wrk is not installed, left out")
        return
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        for name, value in BROWSER_FIELDS:
            if name not in ("Host", "Connection"):
                lua.write(f"wrk.headers[{name!r}] = {value!r}\n")
        lua.flush()
        for heads, script in (("browser-sized", lua.name), ("minimal", None)):
            costs: dict[str, list[float]] = {}
            runs = {name: contender(name, command, seconds, script, costs) for name, command in PEERS.items()}
            results = interleaved(runs, rounds)
            targets = TARGETS if script else []
            show(
                f"server: hello, {CONNECTIONS} connections, {heads} heads",
                results,
                "req/s",
                targets,
                less_is_better=False,
            )
            show(f"the same: processor time of the server, {heads} heads", costs, "us", targets, less_is_better=True)
