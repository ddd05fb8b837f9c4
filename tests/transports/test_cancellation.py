"""Cancel at any moment: a receive loses nothing, a send breaks the stream, an end is an end."""

import contextlib
import random

import pytest

from drywire_transports import ClientTLS, StreamBroken, StreamClosed, StreamTimeout, current_runtime

from .pairs import Pairs

pytestmark = pytest.mark.anyio

KINDS = ["tcp", "unix", "tls", "start-tls", "memory", "memory-tls", "anyio"]


@pytest.fixture
async def pair(request, server_tls, client_tls):
    pairs = Pairs(current_runtime(), request.param, server_tls, client_tls)
    here, there = await pairs.make()
    yield here, there
    for stream in (here, there):
        stream.abort()
        await stream.aclose()
    await pairs.close()


async def send_numbers(runtime, stream, count, rest):
    for number in range(count):
        await stream.send(b"%06d" % number)
        if rest.random() < 0.3:
            await runtime.sleep_until(runtime.now() + rest.random() * 0.002)
    await stream.send(b"end")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pair", KINDS, indirect=True)
async def test_receives_cancelled_and_timed_out_at_random_lose_no_byte(pair, seed):
    runtime = current_runtime()
    here, there = pair
    chance = random.Random(seed)
    sending = runtime.spawn(send_numbers, runtime, there, 200, random.Random(seed + 1))
    received = bytearray()

    async def receive():
        data = await here.receive()
        received.extend(data)  # no await between: what was received is kept

    limit = runtime.now() + 20
    while not received.endswith(b"end"):
        assert runtime.now() < limit
        here.read_deadline = runtime.now() + chance.choice([0, 0.001, 60])
        task = runtime.spawn(_tolerant, receive)
        await runtime.sleep_until(runtime.now() + chance.choice([0, 0, 0.001]))
        task.cancel()
        task.cancel()
        await task.wait()
        assert task.exception() is None
    assert received == b"".join(b"%06d" % number for number in range(200)) + b"end"
    assert await sending.wait(limit)


async def _tolerant(verb):
    with contextlib.suppress(StreamTimeout):
        await verb()


@pytest.mark.parametrize("pair", KINDS, indirect=True)
async def test_a_send_cancelled_at_any_time_either_was_whole_or_broke_the_stream(pair):
    runtime = current_runtime()
    here, _ = pair
    waiting = False
    while not waiting:
        sending = runtime.spawn(here.send, bytes(1 << 20))
        waiting = not await sending.wait(runtime.now() + 0.02)
    sending.cancel()
    assert await sending.wait(runtime.now() + 5)
    assert here.closed
    with pytest.raises(StreamClosed):
        await here.send(b"x")
    with pytest.raises(StreamClosed):
        await here.receive()


@pytest.mark.parametrize("pair", ["tcp", "unix", "memory"], indirect=True)
async def test_a_cancelled_tls_handshake_aborts_the_stream(pair, client_tls):
    runtime = current_runtime()
    here, there = pair

    async def shake_hands():
        await here.start_tls(client_tls, server_hostname="localhost")

    task = runtime.spawn(shake_hands)
    await runtime.sleep_until(runtime.now() + 0.02)
    assert not task.done
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    assert here.closed
    there.read_deadline = runtime.now() + 5
    with contextlib.suppress(StreamBroken):
        while await there.receive():
            pass


@pytest.mark.parametrize("pair", ["tcp", "unix", "memory"], indirect=True)
async def test_a_tls_handshake_that_is_too_slow_aborts_the_stream(pair, client_tls):
    runtime = current_runtime()
    here, _ = pair
    here.read_deadline = runtime.now() + 0.03
    with pytest.raises(StreamTimeout):
        await here.start_tls(client_tls, server_hostname="localhost")
    assert here.closed


@pytest.mark.parametrize("pair", ["tcp", "tls", "memory"], indirect=True)
async def test_a_file_whose_sending_is_cancelled_breaks_the_stream(pair, tmp_path):
    runtime = current_runtime()
    here, _ = pair
    path = tmp_path / "large"
    path.write_bytes(bytes(32 << 20))
    with path.open("rb") as file:
        sending = runtime.spawn(here.send_file, file, 0, 32 << 20)
        assert not await sending.wait(runtime.now() + 0.05)
        sending.cancel()
        assert await sending.wait(runtime.now() + 5)
    assert here.closed


@pytest.mark.parametrize("pair", ["tcp", "tls", "memory"], indirect=True)
async def test_an_abort_ends_the_sending_of_a_file(pair, tmp_path):
    runtime = current_runtime()
    here, _ = pair
    path = tmp_path / "large"
    path.write_bytes(bytes(32 << 20))

    async def send():
        with path.open("rb") as file, pytest.raises(StreamClosed):
            await here.send_file(file, 0, 32 << 20)

    sending = runtime.spawn(send)
    assert not await sending.wait(runtime.now() + 0.05)
    here.abort()
    assert await sending.wait(runtime.now() + 5)
    assert sending.exception() is None


@pytest.mark.parametrize("pair", ["tcp", "tls", "memory"], indirect=True)
async def test_a_file_that_the_peer_takes_too_slowly_times_out(pair, tmp_path):
    runtime = current_runtime()
    here, _ = pair
    path = tmp_path / "large"
    path.write_bytes(bytes(32 << 20))
    here.write_deadline = runtime.now() + 0.05
    with path.open("rb") as file, pytest.raises(StreamTimeout):
        await here.send_file(file, 0, 32 << 20)
    assert here.closed


async def test_a_connect_with_tls_can_be_cancelled_at_every_step(server_tls, client_tls):
    """Nothing is closed twice, nothing stays open, and the listener goes on serving."""
    runtime = current_runtime()

    async def serve(stream):
        with contextlib.suppress(StreamBroken):
            await stream.send(b"hello")
            while await stream.receive():
                pass
        stream.abort()

    listener = await runtime.listen_tcp(serve, "127.0.0.1", 0, tls=server_tls)
    port = listener.addresses[0][1]

    async def connect():
        stream = await runtime.connect_tcp("127.0.0.1", port, tls=ClientTLS(client_tls, "localhost"))
        try:
            assert await stream.receive() == b"hello"
        finally:
            stream.abort()

    for steps in range(25):
        task = runtime.spawn(connect)
        for _ in range(steps):
            await runtime.sleep_until(runtime.now())
        task.cancel()
        assert await task.wait(runtime.now() + 5)
        assert task.exception() is None
    await connect()
    listener.cancel()
    assert await listener.join(runtime.now() + 5)
