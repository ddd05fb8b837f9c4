"""SIGTERM while two hundred clients are at work: whatever has begun is answered whole, and the program ends in time."""

import asyncio
import collections
import contextlib
import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drywire import web
from drywire_transports import current_runtime

from ..tree import environment

SERVER = Path(__file__).with_name("shutdown_server.py")
CLIENTS = 200
ENOUGH = 600  # answers, and the signal goes out
GRACE = 10

GET = "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n"
SOCKET = (
    b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

loops = pytest.mark.parametrize(
    "loop",
    [
        "asyncio",
        *(
            pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
            for name in ("uvloop", "trio")
        ),
    ],
)


@pytest.fixture
def program():
    """Start the server as a process; it is ended with the test, whatever happens."""
    started = []

    def start(loop, shutdown_timeout=GRACE):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(SERVER), loop, str(shutdown_timeout)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        started.append(process)
        found = re.search(r":(\d+) =", process.stdout.readline())
        assert found, process.stderr.read()
        return process, int(found[1])

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


class Load:
    """Clients at work, and what came of their requests."""

    def __init__(self, process, port):
        self.process = process
        self.port = port
        self.came = collections.Counter()
        self.broken = []
        self.closes = 0
        self.signalled = 0.0
        self.ways = [self.kept, self.fresh, self.pipelining, self.slow, self.streamed, self.uploading]

    def answered(self):
        self.came["answered"] += 1
        if self.came["answered"] == ENOUGH:
            self.stop()

    def stop(self):
        if not self.signalled:
            self.signalled = time.monotonic()
            self.process.send_signal(signal.SIGTERM)

    async def client(self, number):
        """Ask until refused, in one of these ways."""
        way = self.ways[number % len(self.ways)]
        while not self.signalled or self.signalled + GRACE > time.monotonic():
            if not await way():
                self.came["refused"] += 1
                return
        self.broken.append("the server does not stop")

    async def kept(self):
        return await self._conversation([GET.format("/quick").encode()] * 20)

    async def fresh(self):
        return await self._conversation([GET.format("/quick").encode()])

    async def slow(self):
        return await self._conversation([GET.format("/work").encode()] * 3)

    async def streamed(self):
        return await self._conversation([GET.format("/stream").encode()] * 3)

    async def uploading(self):
        return await self._conversation([UPLOAD] * 3, pieces=[bytes(500)] * 4)

    async def pipelining(self):
        return await self._conversation([GET.format("/quick").encode() * 5], answers=5)

    async def _conversation(self, requests, pieces=(), answers=1):
        """Send requests over one connection; False where a request was refused: closed without a byte of an answer."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            for request in requests:
                writer.write(request)
                for piece in pieces:
                    await asyncio.sleep(0.02)
                    writer.write(piece)
                for _ in range(answers):
                    closes = await self._answer(reader)
                    if closes is None:
                        return False
                    self.answered()
                    if closes:
                        return True
            return True
        except ConnectionError:
            return False
        finally:
            writer.close()

    async def _answer(self, reader):
        """Read an answer; return whether it is the last of its connection, None where there is none."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.broken.append(error.partial)
            return None
        try:
            assert head.startswith(b"HTTP/1.1 200 "), head
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length:
                await reader.readexactly(int(length[1]))
            else:
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    await reader.readexactly(size + 2)
                await reader.readexactly(2)
        except (asyncio.IncompleteReadError, ConnectionError, AssertionError) as error:
            self.broken.append((head, repr(error)))
            return None
        return b"connection: close" in head.lower()

    async def socket(self):
        """Hold a WebSocket, answer its close, and see with what it was closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(SOCKET)
        await reader.readuntil(b"\r\n\r\n")
        frame = await reader.readexactly(4)
        if frame[0] == 0x88 and int.from_bytes(frame[2:4], "big") == 1001:
            self.closes += 1
            writer.write(b"\x88\x82" + bytes(4) + frame[2:4])
        await reader.read()
        writer.close()

    async def stuck(self):
        """Ask for what is never answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(GET.format("/for-ever").encode())
        with contextlib.suppress(ConnectionError):
            self.broken += [data] if (data := await reader.read()) else []
        self.came["cut"] += 1
        writer.close()

    async def run(self, clients=CLIENTS, sockets=0, stuck=0):
        held = [asyncio.ensure_future(self.stuck()) for _ in range(stuck)]
        held += [asyncio.ensure_future(self.socket()) for _ in range(sockets)]
        await asyncio.gather(*(self.client(number) for number in range(clients)), *held)


def ended(process, load):
    """Wait for the end of the process; return its counts, what it said on stderr, and how long it took."""
    output, errors = process.communicate(timeout=GRACE + 10)
    return json.loads(output.splitlines()[-1]), errors, time.monotonic() - load.signalled


@loops
def test_what_has_begun_is_answered_whole_and_the_program_ends(program, loop, record_property):
    process, port = program(loop)
    load = Load(process, port)
    asyncio.run(load.run(sockets=10))
    counts, errors, seconds = ended(process, load)
    record_property("figures", {**counts, **load.came, "seconds": seconds})
    assert (process.returncode, errors) == (0, "")
    assert load.broken == []
    assert load.came["answered"] > ENOUGH
    # not one request was begun whose answer did not arrive, or the other way round
    answers = load.came["answered"]
    assert (counts["begun"], counts["ended"]) == (answers + 10, answers + 10)
    assert load.closes == 10
    assert load.came["refused"] <= CLIENTS
    assert seconds < GRACE


@loops
def test_what_does_not_end_is_cut_once_the_grace_is_over(program, loop):
    process, port = program(loop, shutdown_timeout=0.8)
    load = Load(process, port)
    load.ways = load.ways[:3]  # the quick ones
    asyncio.run(load.run(stuck=20))
    counts, errors, seconds = ended(process, load)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert load.broken == []
    assert load.came["cut"] == 20
    assert counts["begun"] - counts["ended"] == 20
    assert counts["ended"] == load.came["answered"]
    assert 0.8 <= seconds < 0.8 + 5


@loops
def test_a_second_signal_ends_it_at_once(program, loop):
    process, port = program(loop)
    load = Load(process, port)

    async def run():
        stuck = [asyncio.ensure_future(load.stuck()) for _ in range(20)]
        assert await load.kept()
        load.stop()
        # once nobody is let in any more, the first signal was heard
        while await load.fresh():
            pass
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*stuck)

    asyncio.run(run())
    _, errors = process.communicate(timeout=GRACE)
    assert time.monotonic() - load.signalled < GRACE / 2
    assert "Traceback" not in errors
    assert load.came["cut"] == 20


@pytest.mark.parametrize("kept", [True, False], ids=["on a kept connection", "on a new one"])
async def test_a_request_that_is_on_its_way_when_the_end_comes_is_answered(kept):
    async def hello(request):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    runtime = current_runtime()
    idle, busy = [await runtime.connect_tcp("127.0.0.1", site.port) for _ in range(2)]
    for stream in (idle, busy):
        stream.read_deadline = runtime.now() + 10
    if kept:
        await busy.send(GET.format("/").encode())
        assert b"hello" in await busy.receive()
    begun = runtime.now()
    await busy.send(GET.format("/").encode())
    await runner.cleanup()  # before the loop has run
    answer = b""
    while piece := await busy.receive():
        answer += piece
    assert answer.endswith(b"hello")
    with contextlib.suppress(ConnectionError):
        assert await idle.receive() == b""
    assert runtime.now() - begun < 2
    idle.abort()
    busy.abort()
