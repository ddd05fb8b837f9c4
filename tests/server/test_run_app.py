"""`run_app` as a program of its own: signals, bad input, and what it leaves on stderr."""

import importlib.util
import random
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ..tree import environment

SERVER = Path(__file__).with_name("bad_input_server.py")
MUTATIONS = 500
VALID = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"PUT /a/c?d=e HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    b"GET http://a/ HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
]

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

    def start(loop):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(SERVER), loop],
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


def ask(port, data):
    """Send `data` and return all that comes back; fails by timeout where the server hangs."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
        answer = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(65536):
                answer += piece
        except ConnectionError:
            pass  # cut off in the middle: a close, too
        return answer


def mutated(rng):
    data = bytearray(rng.choice(VALID) * rng.randint(1, 2))
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        elif kind == 1:
            del data[place : place + rng.randint(1, 8)]
        elif kind == 2 and place < len(data):
            data[place] = rng.randrange(256)
        else:
            data[place:place] = rng.choice([b"\r\n", b"\n", b"\0", b" ", b":", b"Content-Length: 9\r\n", b"chunked"])
    return bytes(data)


@loops
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_it_cleanly(program, loop, number):
    process, port = program(loop)
    assert b'{"path": "/", "size": 0}' in ask(port, VALID[0])
    process.send_signal(number)
    _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, "")


@loops
def test_five_hundred_mutations_of_valid_requests_do_no_harm(program, loop):
    process, port = program(loop)
    rng = random.Random(f"drywire {loop}")
    inputs = [mutated(rng) for _ in range(MUTATIONS)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda data: ask(port, data), inputs))
    for data, answer in zip(inputs, answers, strict=True):
        first = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        assert answer == b"" or (first and int(first[1]) < 500) or first[1] in (b"501", b"505"), (data, answer)
        assert b"500 Internal" not in answer, (data, answer)
    assert any(answer.startswith(b"HTTP/1.1 4") for answer in answers)
    assert any(answer.startswith(b"HTTP/1.1 2") for answer in answers)
    assert process.poll() is None
    assert b'{"path": "/", "size": 0}' in ask(port, VALID[0])
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=15)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="no uvloop")
@pytest.mark.parametrize("given", ["loop=uvloop.new_event_loop()", "loop_factory=uvloop.new_event_loop"])
def test_it_runs_on_the_loop_that_it_is_given(given):
    code = f"""
import asyncio, os, signal, uvloop
from drywire import web
async def tell(app):
    print(type(asyncio.get_running_loop()).__module__, flush=True)
    asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
app = web.Application()
app.on_startup.append(tell)
web.run_app(app, host="127.0.0.1", port=0, print=None, {given})
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=environment(), timeout=20
    )
    assert (done.stdout, done.stderr, done.returncode) == ("uvloop\n", "", 0)
