"""Servers as processes of their own, for tests of `run_app`, its workers and the command line."""

import contextlib
import http.client
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from ..tree import environment

__all__ = ["LOOPS", "Program", "program"]

PATIENCE = 15

LOOPS = [
    "asyncio",
    *(
        pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
        for name in ("uvloop", "trio")
    ),
]


class Program:
    """A process whose first line tells where it serves; its other lines are collected while it runs."""

    def __init__(self, *arguments, cwd=None, banner=True, flags=("-W", "error"), **variables):
        self.process = subprocess.Popen(
            [sys.executable, *flags, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**environment(), "PYTHONUNBUFFERED": "1", **variables},
        )
        self.out, self.err = [], []
        self._readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()
        self.port = None
        if banner:
            self.port = int(self.until(self._banner)[1])

    def _banner(self):
        return next(filter(None, (re.search(r"Running on .*:(\d+)\b", line) for line in self.out)), None)

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    def until(self, condition):
        """Wait until `condition()` is true, and return it; fail where the process ends before, or nothing comes."""
        limit = time.monotonic() + PATIENCE
        while True:
            over = self.process.poll() is not None
            if found := condition():
                return found
            if over or time.monotonic() > limit:
                pytest.fail("\n".join([f"exit status {self.process.poll()}", *self.out, *self.err]))
            time.sleep(0.01)

    def get(self, path="/", method="GET", **headers):
        """Return status and text of an answer, over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Wait for its end, and return its exit status."""
        code = self.process.wait(timeout=PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def end(self, number=signal.SIGTERM):
        """End it, and return what its exit status was, and what it has printed to stderr."""
        self.send(number)
        return self.wait(), "\n".join(self.err)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def program():
    """Start a `Program`; it is ended with the test, whatever happens."""
    with contextlib.ExitStack() as undo:

        def start(*arguments, **options):
            started = Program(*arguments, **options)
            undo.callback(started.kill)
            return started

        yield start


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
