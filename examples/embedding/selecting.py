"""The core on `selectors`: one thread, many connections, and nothing that blocks.

python examples/embedding/selecting.py --port 8080
curl http://127.0.0.1:8080/ -d hello

Where no call waits, what could not be written has to be kept. That is `Client.output`, and it sets the rule of this
file: a client waits for one thing at a time. With output left, for room to write it; with none left, for bytes to read.
So a client that sends and does not read costs us one step's output and one read, however much it would like to send.

Do not read while output is left. `receive_data` would take it all in, and the core would hold it.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
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
TICK = 1.0
"""Seconds between two looks at who was silent for too long."""


class Client:
    """One connection: its socket, its conversation, and what is not written yet."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.sock = sock
        self.conversation = Conversation()
        self.output = bytearray()
        self.then = Then.ASK
        self.drain_left: int | None = None  # a number once our direction is ended
        self.deadline = time.monotonic() + SILENCE

    @property
    def waits_for(self) -> int:
        """The one thing that this client waits for, as selectors name it."""
        return selectors.EVENT_WRITE if self.output else selectors.EVENT_READ

    def ready(self) -> bool:
        """Do what can be done now; False once the connection is at its end. Raises OSError where it breaks."""
        if self.drain_left is None:
            self.deadline = time.monotonic() + SILENCE
        if self.output:
            self._write()
        elif not self._read():
            return False
        while not self.output and self.drain_left is None:
            if self.then is Then.READ:
                break
            if self.then is Then.CLOSE:
                self._end_our_direction()
                break
            output, self.then = self.conversation.advance()
            for buffer in output:
                self.output += buffer
            self._write()
        return True

    def _read(self) -> bool:
        try:
            data = self.sock.recv(PIECE)
        except BlockingIOError:  # a selector may be wrong; the next time it is asked, it says so
            return True
        if self.drain_left is None:
            self.conversation.connection.receive_data(data)
            self.then = Then.ASK
            return True
        self.drain_left -= len(data)
        return bool(data) and self.drain_left > 0

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if self.output:
                del self.output[: self.sock.send(self.output)]

    def _end_our_direction(self) -> None:
        """Say that no more comes, and read on for a while: see `hang_up` in threads.py."""
        self.sock.shutdown(socket.SHUT_WR)
        self.drain_left = DRAIN
        self.deadline = time.monotonic() + LINGER

    def timed_out(self) -> bool:
        """Say last words to a silent client; False where it is to be closed without."""
        if self.output or self.drain_left is not None:
            return False
        self.output += b"".join(self.conversation.timed_out())
        self._write()
        if self.output:
            return False  # no room for a few lines: nobody reads them
        self._end_our_direction()
        return True


class Server:
    """All clients of one listening socket, on one selector."""

    def __init__(self, listener: socket.socket, stop: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener, self._stop = listener, stop
        self._clients: dict[socket.socket, Client] = {}

    def run(self) -> None:
        """Serve until `stop` is readable."""
        with self._selector as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stop, selectors.EVENT_READ)
            look = time.monotonic() + TICK
            while True:
                ready = [key.fileobj for key, _ in selector.select(max(0.0, look - time.monotonic()))]
                if self._stop in ready:
                    break
                for sock in ready:
                    self._accept() if sock is self._listener else self._serve(sock)
                if time.monotonic() >= look:
                    self._look_for_the_silent()
                    look = time.monotonic() + TICK
            for sock in list(self._clients):
                self._close(sock)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            client = Client(self._listener.accept()[0])
            self._clients[client.sock] = client
            self._selector.register(client.sock, client.waits_for)

    def _serve(self, sock: object) -> None:
        assert isinstance(sock, socket.socket)
        client = self._clients[sock]
        try:
            goes_on = client.ready()
        except OSError:
            goes_on = False
        self._keep(client) if goes_on else self._close(sock)

    def _keep(self, client: Client) -> None:
        if self._selector.get_key(client.sock).events != client.waits_for:
            self._selector.modify(client.sock, client.waits_for)

    def _look_for_the_silent(self) -> None:
        now = time.monotonic()
        for sock, client in list(self._clients.items()):
            if client.deadline <= now:
                with contextlib.suppress(OSError):
                    if client.timed_out():
                        continue
                self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self._clients[sock]
        sock.close()


def main() -> None:
    """Serve until a signal says that it is enough."""
    options = parser(__doc__).parse_args()
    with stop_signals() as stop, listen(options.port) as listener:
        Server(listener, stop).run()


if __name__ == "__main__":
    main()
