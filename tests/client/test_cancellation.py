"""Whenever a request is cancelled, the pool stays whole: no place and no connection is lost."""

import random

import pytest

import drywire
from drywire_transports import current_runtime

STEPS = 60
"""Turns of the loop after which a request has mostly ended; the last one may take its time."""


async def wait_turns(runtime, count):
    for _ in range(count):
        await runtime.sleep_until(runtime.now())


async def slow_echo(peer, script):
    """Answers in four pieces, with turns of the loop between them."""
    runtime = current_runtime()
    while (await peer.request())[0]:
        for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n\r\n", b"ok", b"ok"):
            await wait_turns(runtime, 2)
            await peer.send(piece)


async def body():
    for _ in range(3):
        yield bytes(70_000)


@pytest.mark.parametrize("kind", ["get", "bytes", "async"])
async def test_a_request_cancelled_at_any_step_gives_its_place_back(scripted, kind):
    runtime = current_runtime()
    outcomes = set()
    async with scripted(slow_echo) as script:
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector) as session:

            async def once():
                data = {"get": None, "bytes": bytes(200_000), "async": body()}[kind]
                async with session.request("GET" if kind == "get" else "POST", script.url, data=data) as response:
                    outcomes.add(await response.read())

            for step in range(STEPS):
                task = runtime.spawn(once)
                await wait_turns(runtime, step)
                if step == STEPS - 1:
                    await task.wait(runtime.now() + 5)
                task.cancel()
                task.cancel()
                assert await task.wait(runtime.now() + 5)
                assert repr(connector) in (
                    "<TCPConnector 0 in use, 0 idle, 0 waiting>",
                    "<TCPConnector 0 in use, 1 idle, 0 waiting>",
                )
            async with session.get(script.url, timeout=5) as response:
                assert await response.read() == b"okok"
    assert outcomes == {b"okok"}


@pytest.mark.parametrize("seed", range(8))
async def test_many_requests_cancelled_and_timed_out_at_random_lose_no_place(scripted, eventually, seed):
    runtime, chance = current_runtime(), random.Random(seed)

    async def talk(peer, script):
        while (await peer.request())[0]:
            await runtime.sleep_until(runtime.now() + chance.random() * 0.002)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with scripted(talk) as script:
        connector = drywire.TCPConnector(limit=3)
        async with drywire.ClientSession(connector=connector) as session:
            done = []

            async def user():
                try:
                    async with session.get(script.url, timeout=chance.choice([0.004, 20])) as response:
                        done.append(await response.read())
                except TimeoutError:
                    done.append(None)

            tasks = [runtime.spawn(user) for _ in range(40)]
            victims = chance.sample(tasks, 20)
            for task in victims:
                await runtime.sleep_until(runtime.now() + chance.random() * 0.001)
                task.cancel()
                task.cancel()
            for task in tasks:
                assert await task.wait(runtime.now() + 10)
            assert "0 in use" in repr(connector)
            assert "0 waiting" in repr(connector)
            assert len(done) >= 20
            async with session.get(script.url, timeout=5) as response:
                assert await response.read() == b"ok"


async def test_a_place_that_is_handed_over_while_its_taker_is_cancelled_goes_to_the_next(scripted, eventually):
    runtime = current_runtime()

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[0].split()[1])
            if request[0].startswith(b"GET /first"):
                await eventually(lambda: "go on" in script.heads)
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with scripted(talk) as script:
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector) as session:
            finished = []

            async def get(path):
                async with session.get(script.url + path) as response:
                    finished.append((path, await response.read()))

            first = runtime.spawn(get, "first")
            await eventually(lambda: script.heads)
            second = runtime.spawn(get, "second")
            await eventually(lambda: "1 waiting" in repr(connector))
            third = runtime.spawn(get, "third")
            await eventually(lambda: "2 waiting" in repr(connector))
            held = next(iter(connector._pool.members))
            held.close()  # hands the place to the second, which is cancelled before it can run
            second.cancel()
            for task in (first, second, third):
                assert await task.wait(runtime.now() + 5)
            assert finished == [("third", b"ok")]
            assert "0 in use, 1 idle, 0 waiting" in repr(connector)
