"""The core on blocking sockets, with a thread for each connection.

python examples/embedding/threads.py --port 8080
curl http://127.0.0.1:8080/ -d hello

The plainest embedding: `serve` is the whole of it. A blocking call is the wait, so back-pressure comes by itself: while
`sendall` waits for the client to read, nobody reads from the client.

What you owe the core: all that `recv` returns, its b"" too, and nothing after that. What you owe the client: the output
of each step before the next step, and at the end a close that does not destroy what it has not read yet (`hang_up`).
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time

from application import Conversation, Then
from program import listen, parser, stop_signals

SILENCE = 60.0
"""Seconds that a client may say nothing, or not take what we send."""
LINGER = 2.0
"""Seconds for the client to read our last words and close, once we have ended our direction."""
DRAIN = 1 << 20
"""Bytes that we read and drop in that time."""
PIECE = 65536
"""Bytes to ask a socket for at once."""


def serve(client: socket.socket) -> None:
    """Answer one client until either side wants no more. Raises OSError where the connection breaks."""
    client.settimeout(SILENCE)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    conversation = Conversation()
    then = Then.ASK
    while then is not Then.CLOSE:
        if then is Then.READ:
            try:
                data = client.recv(PIECE)
            except TimeoutError:
                client.sendall(b"".join(conversation.timed_out()))
                break
            conversation.connection.receive_data(data)
        output, then = conversation.advance()
        if output:
            # To join copies; a system call for each small buffer costs more. With large bodies, use sendmsg.
            client.sendall(b"".join(output))
    hang_up(client)


def hang_up(client: socket.socket) -> None:
    """End our direction, then wait a little for the client to end its own.

    A close with unread bytes makes the kernel send a reset, and a client drops what it has not read when that comes:
    the answer to the very request that we did not read to its end (RFC 9112, 9.6).
    """
    client.shutdown(socket.SHUT_WR)
    limit = time.monotonic() + LINGER
    dropped = 0
    while dropped < DRAIN and (left := limit - time.monotonic()) > 0:
        client.settimeout(left)
        data = client.recv(PIECE)
        if not data:
            return
        dropped += len(data)


class Clients:
    """The connections that are open, each with the thread that serves it."""

    def __init__(self) -> None:
        self._threads: dict[socket.socket, threading.Thread] = {}

    def start(self, client: socket.socket) -> None:
        """Serve `client` in a thread of its own, which closes it."""
        # A daemon: a client that does not read cannot keep the program from ending.
        thread = threading.Thread(target=self._run, args=(client,), daemon=True)
        self._threads[client] = thread
        thread.start()

    def _run(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):  # the client is gone: there is nobody to tell
            serve(client)
        self._threads.pop(client, None)

    def stop(self) -> None:
        """Let each thread see the end of its client's input, which ends it, and wait for it a little."""
        threads = self._threads.copy()
        for client in threads:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)
        limit = time.monotonic() + LINGER
        for thread in threads.values():
            thread.join(max(0.0, limit - time.monotonic()))


def main() -> None:
    """Accept clients until a signal says that it is enough."""
    options = parser(__doc__).parse_args()
    clients = Clients()
    with stop_signals() as stop, listen(options.port) as listener:
        while stop not in select.select([listener, stop], [], [])[0]:
            with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
                clients.start(listener.accept()[0])
    clients.stop()


if __name__ == "__main__":
    main()
