"""What the examples need to be programs, and what is not about HTTP: a port to listen on, and a signal to end by."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the command line that knows --port; 0 takes a free one."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    options.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1; 0 for a free one (%(default)s)")
    return options


def listen(port: int) -> socket.socket:
    """Return a listening socket that does not block, and say on stdout where it is."""
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    # Between "a client is there" and accept() it may have gone again; a blocking accept() would then wait.
    listener.setblocking(False)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    return listener


@contextlib.contextmanager
def stop_signals() -> Iterator[socket.socket]:
    """Give a socket that becomes readable with SIGINT or SIGTERM: something to wait for beside the other sockets.

    A handler that raises would interrupt the program at any line; one that sets a flag would not wake a wait.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno())
        handlers = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield ours
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


def stop_event() -> asyncio.Event:
    """Return an event that SIGINT or SIGTERM sets, for programs on asyncio."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: there Ctrl-C raises KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _ignore(number: int, frame: object) -> None:
    """Stand in for the default handler, which ends the process."""
