"""drywire at work: a real client and a real server on asyncio, uvloop and trio, and curl beside our client.

python examples/demo.py          (or: make demo)

The server runs in a process of its own and is stopped by SIGTERM. Figures are of this machine and this moment.
"""

from __future__ import annotations

import importlib.util
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import drywire
from drywire_transports import current_runtime, run

MEGABYTE = 1_000_000
BODY = 100 * MEGABYTE
PIECE = bytes(250_000)
REQUESTS = 1000
SERVER = Path(__file__).with_name("demo_app.py")

Row = tuple[str, str, str]


@contextmanager
def server(loop: str) -> Iterator[tuple[str, int]]:
    """Run the server on a free port; give its URL and process id, and see that it ends cleanly."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), "--backend", loop, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        yield found[0], process.pid
        process.send_signal(signal.SIGTERM)
        if process.wait(10) != 0:
            raise RuntimeError(f"the server ended with status {process.returncode}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


class Progress:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done, self._shown = what, total, 0, -1

    def add(self, count: int) -> None:
        self._done += count
        percent = self._done * 100 // self._total
        if percent != self._shown and sys.stderr.isatty():
            self._shown = percent
            end = "\n" if percent == 100 else ""
            print(
                f"\r  {self._what:<9} [{'#' * (percent // 4):<25}] {percent:3} %", end=end, file=sys.stderr, flush=True
            )


def own_memory() -> float:
    """Return the most memory this process has held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def memory_of(process: int) -> float:
    """Return the most memory that a process has held, in megabytes; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) / 1000 if found else 0.0


async def json_echo(session: drywire.ClientSession) -> str:
    async with session.post("echo", json={"greeting": "hello", "to": ["asyncio", "trio"]}) as response:
        answer = await response.json()
    assert answer == {"you sent": {"greeting": "hello", "to": ["asyncio", "trio"]}}, answer
    return f"{response.status} {response.headers['Content-Type']}"


async def upload(session: drywire.ClientSession) -> str:
    progress = Progress("upload", BODY)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(BODY // len(PIECE)):
            yield PIECE
            progress.add(len(PIECE))

    async with session.post("upload", data=body()) as response:
        received = (await response.json())["received"]
    assert received == BODY, received
    return f"{received // MEGABYTE} MB"


async def download(session: drywire.ClientSession) -> str:
    progress = Progress("download", BODY)
    received = 0
    async with session.get(f"download/{BODY}") as response:
        async for piece in response.content.iter_chunked(256 * 1024):
            received += len(piece)
            progress.add(len(piece))
    assert received == BODY, received
    return f"{received // MEGABYTE} MB"


async def many(session: drywire.ClientSession) -> str:
    async def one() -> None:
        async with session.get("") as response:
            assert await response.text() == "Hello, world!"

    runtime = current_runtime()
    tasks = [runtime.spawn(one) for _ in range(REQUESTS)]
    for task in tasks:
        await task.wait()
        error = task.exception()
        if error is not None:
            raise error
    return f"{REQUESTS} answered"


def curl(url: str) -> list[Row]:
    """Ask the server with curl, as a peer that we did not write."""
    if shutil.which("curl") is None:
        return [("curl", "not installed, left out", "")]
    hello = subprocess.run(["curl", "-sS", "-m", "10", url + "/"], capture_output=True, text=True, check=True)
    assert hello.stdout == "Hello, world!", hello.stdout
    post = ["curl", "-sS", "-m", "10", "--json", '{"a": 1}', url + "/echo"]
    if "--json" not in subprocess.run(["curl", "--help", "all"], capture_output=True, text=True, check=False).stdout:
        post[4:6] = ["-d", '{"a": 1}']
    answer = subprocess.run(post, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == {"you sent": {"a": 1}}, answer.stdout
    return [("curl", "GET, POST of JSON", "")]


async def drive(url: str, process: int) -> list[Row]:
    """Drive the server with our client; return what happened."""
    rows: list[Row] = []
    now = time.perf_counter
    steps: list[tuple[str, Callable[[drywire.ClientSession], Any], int]] = [
        ("JSON echo", json_echo, 0),
        ("100 MB up", upload, BODY),
        ("100 MB down", download, BODY),
        (f"{REQUESTS} GETs at once", many, 0),
    ]
    async with drywire.ClientSession(url + "/") as session:
        for name, step, size in steps:
            before, began = own_memory(), now()
            result = await step(session)
            took = now() - began
            speed = f"{took * 1000:.1f} ms"
            if size:
                speed = f"{size / MEGABYTE / took:.0f} MB/s"
                result += f", client +{own_memory() - before:.0f} MB, server at most {memory_of(process):.0f} MB"
            elif step is many:
                speed = f"{REQUESTS / took:.0f} req/s"
            rows.append((name, result, speed))
    return rows


def on_loop(loop: str) -> list[Row]:
    """Run the whole demo on one loop."""
    loop_factory = None
    if loop == "uvloop":
        import uvloop

        loop_factory = uvloop.new_event_loop
    with server(loop) as (url, process):
        backend = "trio" if loop == "trio" else "asyncio"
        rows = run(drive, url, process, backend=backend, loop_factory=loop_factory)
        rows += curl(url)
    return [*rows, ("SIGTERM", "the server stopped with status 0", "")]


def main() -> int:
    """Run the demo on each loop that is installed, and print a table."""
    print(f"drywire {drywire.__version__} on Python {sys.version.split()[0]}\n")
    failed = False
    for loop in ("asyncio", "uvloop", "trio"):
        if loop != "asyncio" and importlib.util.find_spec(loop) is None:
            print(f"{loop:<8} not installed, left out\n")
            continue
        try:
            rows = on_loop(loop)
        except Exception as error:
            failed = True
            rows = [("FAILED", f"{type(error).__name__}: {error}", "")]
        for number, (name, result, speed) in enumerate(rows):
            print(f"{loop if number == 0 else '':<8} {name:<18} {result:<58} {speed:>14}")
        print(flush=True)
    print("something failed" if failed else "all of it worked")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
