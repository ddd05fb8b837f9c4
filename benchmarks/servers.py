"""A server under wrk: requests a second, and processor time a request; what idle connections cost, and waiting."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

from .echoes import resident
from .heads import BROWSER_FIELDS
from .peers.pages import BODY
from .processes import LOAD_CORE, cpu_seconds, pin, serving
from .rounds import Target, interleaved, show

OURS = {
    "drywire asyncio": ("drywire_server", "asyncio"),
    "aiohttp asyncio": ("aiohttp_server", "asyncio"),
    "drywire uvloop": ("drywire_server", "uvloop"),
    "aiohttp uvloop": ("aiohttp_server", "uvloop"),
    "drywire trio": ("drywire_server", "trio"),
}
BARE = {"uvicorn uvloop, bare ASGI": ("uvicorn_server",), "granian (Rust), bare ASGI": ("granian_server",)}
CONNECTIONS = 64
IDLE = 2_000


COUNTING = """
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", "/users/ada/items/" .. number)
end
"""


def targets(least: float) -> list[Target]:
    """Return what is aimed at beside aiohttp."""
    return [Target("drywire uvloop", "aiohttp uvloop", least), Target("drywire asyncio", "aiohttp asyncio", least)]


HELLO = [
    *targets(1.8),
    Target("drywire trio", "aiohttp asyncio", 0.6),
    Target("drywire uvloop", "granian (Rust), bare ASGI", 0.9),
]


class Page(NamedTuple):
    """What is asked for."""

    title: str
    kind: str
    path: str
    targets: list[Target]
    connections: int = CONNECTIONS
    script: str = ""
    """Lua, for wrk."""


def pages() -> list[Page]:
    """Return all that are measured."""
    fields = "".join(
        f"wrk.headers[{name!r}] = {value!r}\n" for name, value in BROWSER_FIELDS if name not in ("Host", "Connection")
    )
    post = f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = {json.dumps(BODY)}\n'
    return [
        Page("hello, heads of a browser", "plain", "/", HELLO, script=fields),
        Page("hello, minimal heads", "plain", "/", []),
        Page("JSON from a dynamic route behind 3 middlewares", "api", "/users/ada/items/17", targets(1.6)),
        Page("the same, another target each time", "api", "/users/ada/items/17", targets(1.4), script=COUNTING),
        Page("POST of 1 KiB of JSON", "plain", "/json", targets(1.6), script=post),
        Page("a file of 1 MiB", "plain", "/file", targets(1.0), connections=8),
    ]


def wrk(port: int, seconds: int, page: Page, script: str | None) -> float:
    """Return requests a second."""
    options = ["-t1", f"-c{page.connections}", f"-d{seconds}", *(["-s", script] if script else [])]
    done = subprocess.run(
        [*pin(LOAD_CORE), "wrk", *options, f"http://127.0.0.1:{port}{page.path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(found[1])


def contender(
    name: str, command: tuple[str, ...], seconds: int, page: Page, script: str | None, costs: dict[str, list[float]]
) -> Callable[[], float]:
    words = (*command, page.kind) if len(command) > 1 else command

    def run() -> float:
        with serving(*words) as (port, process):
            wrk(port, 1, page, script)
            before = cpu_seconds(process)
            speed = wrk(port, seconds, page, script)
            costs.setdefault(name, []).append((cpu_seconds(process) - before) / (speed * seconds) * 1e6)
            return speed

    return run


def measure(page: Page, rounds: int, seconds: int) -> dict[str, list[float]]:
    """Measure one page, print, and return the rates."""
    peers: Mapping[str, tuple[str, ...]] = {**OURS, **(BARE if page.path == "/" else {})}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(page.script)
        lua.flush()
        script = lua.name if page.script else None
        costs: dict[str, list[float]] = {}
        runs = {name: contender(name, command, seconds, page, script, costs) for name, command in peers.items()}
        results = interleaved(runs, rounds)
    title = f"server: {page.title}, {page.connections} connections"
    show(title, results, "req/s", page.targets, less_is_better=False)
    show("  processor time of the server", costs, "us", page.targets, less_is_better=True)
    return results


def idle(command: tuple[str, ...]) -> Callable[[], float]:
    """Return what measures the memory, in kilobytes, that one idle connection costs."""

    def run() -> float:
        with serving(*command, "plain") as (port, process):
            load = [sys.executable, "-m", "benchmarks.peers.idle_load", str(port)]
            subprocess.run([*load, "100"], input="", text=True, capture_output=True, check=True)
            before = resident(process)
            with subprocess.Popen(
                [*load, str(IDLE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as opened:
                assert opened.stdin is not None
                assert opened.stdout is not None
                if opened.stdout.readline() != "ready\n":
                    raise RuntimeError("not all connections could be opened")
                used = (resident(process) - before) / IDLE
                opened.stdin.close()
            return used

    return run


def paced(command: tuple[str, ...], rate: float, seconds: int) -> Callable[[], float]:
    """Return what measures how long 99 of 100 requests wait, in milliseconds, at `rate` requests a second."""

    def run() -> float:
        with serving(*command, "plain") as (port, _):
            load = [*pin(LOAD_CORE), sys.executable, "-m", "benchmarks.peers.paced_load"]
            done = subprocess.run(
                [*load, str(port), "64", str(rate), str(seconds)], capture_output=True, text=True, check=True
            )
            _, slowest, answered = map(float, done.stdout.split())
            if answered < 0.99:
                raise RuntimeError(f"{answered:.0%} were answered")
            return slowest

    return run


def main(rounds: int, seconds: int) -> None:
    """Measure and print."""
    if shutil.which("wrk") is None:
        print("\nserver: wrk is not installed, left out")
        return
    rates = [measure(page, rounds, seconds) for page in pages()]
    show(
        f"server: memory of an idle connection, {IDLE} of them, each after one request",
        interleaved({name: idle(command) for name, command in OURS.items()}, min(rounds, 3)),
        "kB",
        targets(1.0),
        less_is_better=True,
    )
    half = min(rates[1]["aiohttp uvloop"]) / 2
    show(
        f"server: 99th percentile at {half:.0f} requests a second, half of what aiohttp can on uvloop",
        interleaved({name: paced(command, half, seconds) for name, command in OURS.items()}, rounds),
        "ms",
        targets(1.0),
        less_is_better=True,
    )
