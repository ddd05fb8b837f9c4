"""What becomes of connections that come while a listener closes, and of what a cut peer has not taken."""

import asyncio
import contextlib
import select
import socket

import pytest

from drywire_transports import StreamTimeout, current_runtime


async def echo(stream):
    while data := await stream.receive():
        await stream.send(data)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_asyncio_has_accepted_and_not_yet_begun_is_served(anyio_backend):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1", 0)
    with socket.create_connection(listener.addresses[0]) as sock:
        sock.settimeout(10)
        # two turns of the loop: it has accepted, and makes the transport in the third
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        listener.close()
        sock.sendall(b"here")
        assert await runtime.in_thread(sock.recv, 10) == b"here"
        sock.shutdown(socket.SHUT_WR)
        assert await listener.join(runtime.now() + 10)


async def send_for_ever(stream, path):
    while True:
        await stream.send(bytes(1_000_000))


async def send_a_file(stream, path):
    with path.open("rb") as file:
        await stream.send_file(file, 0, path.stat().st_size)


@pytest.mark.parametrize("pour", [send_for_ever, send_a_file])
async def test_a_peer_that_takes_nothing_is_reset_and_nothing_is_kept_for_it(pour, tmp_path):
    runtime = current_runtime()
    outcome = []
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(100_000_000)

    async def serve(stream):
        stream.write_deadline = runtime.now() + 0.1
        try:
            await pour(stream, path)
        except StreamTimeout as error:
            outcome.append(error)

    listener = await runtime.listen_tcp(serve, "127.0.0.1", 0)
    with contextlib.closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(listener.addresses[0])
        poll = select.poll()
        poll.register(sock, 0)
        # closed with bytes unsent, and not reset, it would stay silent until somebody reads
        assert await runtime.in_thread(poll.poll, 10_000) == [(sock.fileno(), select.POLLERR | select.POLLHUP)]
    listener.close()
    assert await listener.join(runtime.now() + 10)
    assert len(outcome) == 1
