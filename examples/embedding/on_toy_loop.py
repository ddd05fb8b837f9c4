"""The core on an event loop of one's own: the one in toy_loop.py.

python examples/embedding/on_toy_loop.py --port 8080
curl http://127.0.0.1:8080/ -d hello

The same lines as in threads.py with `await` in front of what waits, since a coroutine is written like a thread. Nothing
of the core had to be told: it never waits, so it has no colour. Back-pressure is again that a client who is being
written to is not read from.
"""

from __future__ import annotations

import contextlib
import socket
import time

from application import Conversation, Then
from program import listen, parser, stop_signals
from toy_loop import READ, Loop, ready, receive, send_all

SILENCE = 60.0
"""Seconds that a client may say nothing, or not take what we send."""
LINGER = 2.0
"""Seconds for the client to read our last words and close, once we have ended our direction."""
DRAIN = 1 << 20
"""Bytes that we read and drop in that time."""


async def serve(client: socket.socket) -> None:
    """Answer one client until either side wants no more, and close its socket."""
    with client, contextlib.suppress(OSError):  # a broken connection or a TimeoutError: there is nobody to tell
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        await converse(client)
        await hang_up(client)


async def converse(client: socket.socket) -> None:
    """Take turns with the client until a step says close. Raises OSError."""
    conversation = Conversation()
    then = Then.ASK
    while then is not Then.CLOSE:
        if then is Then.READ:
            try:
                data = await receive(client, SILENCE)
            except TimeoutError:
                await send_all(client, b"".join(conversation.timed_out()), LINGER)
                return
            conversation.connection.receive_data(data)
        output, then = conversation.advance()
        await send_all(client, b"".join(output), SILENCE)


async def hang_up(client: socket.socket) -> None:
    """End our direction, then wait a little for the client's end: see `hang_up` in threads.py. Raises OSError."""
    client.shutdown(socket.SHUT_WR)
    limit = time.monotonic() + LINGER
    dropped = 0
    while dropped < DRAIN and (data := await receive(client, limit - time.monotonic())):
        dropped += len(data)


async def accept(loop: Loop, listener: socket.socket) -> None:
    """Serve each client in a task of its own."""
    while True:
        await ready(listener, READ)
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            loop.spawn(serve(listener.accept()[0]))


def main() -> None:
    """Serve until a signal says that it is enough."""
    options = parser(__doc__).parse_args()
    loop = Loop()
    with stop_signals() as stop, listen(options.port) as listener:

        async def until_stopped() -> None:
            loop.spawn(accept(loop, listener))
            await ready(stop, READ)

        loop.run(until_stopped())


if __name__ == "__main__":
    main()
