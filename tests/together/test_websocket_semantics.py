"""What people trip over: many senders, a peer that does not read, heartbeats, cancellation, and every way to end."""

import itertools

import pytest

import drywire
from drywire import WSMessage, WSMsgType, web
from drywire_sansio import websocket
from drywire_transports import current_runtime

from ..websocketing import app_of, echo, raw_client, raw_server


async def until(condition, seconds=10):
    runtime = current_runtime()
    deadline = runtime.now() + seconds
    while not condition():
        assert runtime.now() < deadline, "it did not happen"
        await runtime.sleep_until(runtime.now() + 0.005)


def opened(**options):
    """A handler that leaves its WebSocket to the test, and returns once `released` is set."""
    runtime = None

    async def handler(request):
        nonlocal runtime
        runtime = current_runtime()
        handler.ws = ws = web.WebSocketResponse(**options)
        await ws.prepare(request)
        handler.released = wake = runtime.wake()
        await runtime.park(wake, runtime.now() + 20)
        return ws

    return handler


# Sending


async def test_concurrent_senders_never_interleave(serving):
    senders, each, size = 8, 5, 200_000

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        runtime = current_runtime()

        async def send(byte):
            for _ in range(each):
                await ws.send_bytes(bytes([byte]) * size)

        tasks = [runtime.spawn(send, byte) for byte in range(senders)]
        for task in tasks:
            assert await task.wait(runtime.now() + 20)
            assert task.exception() is None
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        counts = [0] * senders
        async for message in ws:
            assert message.data == message.data[:1] * size
            counts[message.data[0]] += 1
        assert counts == [each] * senders


async def test_a_send_waits_for_a_peer_that_does_not_read_and_gives_it_up(serving):
    sent = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        try:
            while True:
                await ws.send_bytes(bytes(1 << 20))
                sent.append(1)
        except ConnectionResetError:
            sent.append("given up")
        return ws

    async with serving(app_of(handler), write_timeout=0.2) as url, raw_client(url):
        await until(lambda: sent[-1:] == ["given up"])
        assert len(sent) < 32  # MiB: what the kernel holds, and no more


async def test_a_large_message_to_a_slow_peer_is_no_stuck_one(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_bytes(bytes(16 << 20))
        return ws

    async with serving(app_of(handler), write_timeout=0.8) as url, raw_client(url) as peer:
        runtime = current_runtime()
        size, began = 0, runtime.now()
        while size < (16 << 20) - 300_000:  # the first bytes may have come with the handshake
            data = await peer.stream.receive()
            assert data
            size += len(data)
            if runtime.now() - began < 1.2:
                await runtime.sleep_until(runtime.now() + 0.01)  # slow: a piece in a while, for longer than the timeout


async def test_a_send_that_waits_for_its_turn_may_be_cancelled(serving):
    handler = opened()
    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        await until(lambda: hasattr(handler, "released"))
        runtime = current_runtime()
        first = runtime.spawn(handler.ws.send_bytes, bytes(16 << 20))
        await until(lambda: handler.ws._channel.turns.taken)
        second = runtime.spawn(handler.ws.send_str, "never")
        third = runtime.spawn(handler.ws.send_str, "third")
        await until(lambda: len(handler.ws._channel.turns.waiting) == 2)
        second.cancel()
        assert await second.wait(runtime.now() + 5)
        peer.core.limits  # noqa: B018 - the raw client has the usual ones, so the frame is read by hand
        left = (16 << 20) + 10
        while left:
            data = await peer.stream.receive()
            data, rest = data[:left], data[left:]
            left -= len(data)
        peer.core.receive_data(rest) if rest else None
        assert await peer.event() == websocket.Text("third")
        assert await first.wait(runtime.now() + 5)
        assert await third.wait(runtime.now() + 5)
        handler.released.set()
        assert await peer.event() == websocket.Close(1000)


# Receiving


async def test_a_second_receiver_is_told_so(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        runtime = current_runtime()
        got = []

        async def receive():
            got.append(await ws.receive())

        task = runtime.spawn(receive)
        await until(lambda: ws._receiving)
        with pytest.raises(RuntimeError, match="Concurrent call to receive"):
            await ws.receive()
        await ws.send_str("for the first")
        assert await task.wait(runtime.now() + 5)
        assert got == [WSMessage(WSMsgType.TEXT, "for the first", "")]


async def test_cancelling_a_receive_loses_no_message(serving):
    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        for number in range(200):
            await ws.send_str(str(number) * (1 + number % 3 * 5000))
            if number % 7 == 0:
                await current_runtime().sleep_until(current_runtime().now())
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        runtime = current_runtime()
        got = []

        async def receive():
            got.append(await ws.receive())

        for turns in itertools.cycle(range(7)):
            task = runtime.spawn(receive)
            for _ in range(turns):
                await runtime.sleep_until(runtime.now())
            task.cancel()
            await task.wait(runtime.now() + 5)
            if got and got[-1].type is not WSMsgType.TEXT:
                break
        assert [message.data for message in got[:-1]] == [str(n) * (1 + n % 3 * 5000) for n in range(200)]


async def test_a_receive_that_is_too_late_loses_nothing(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await ws.receive(timeout=0.01)
        await ws.send_str("a")
        assert await ws.receive_str() == "a"


async def test_pings_are_answered_while_nobody_receives(serving):
    handler = opened()
    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        await peer.send(websocket.Text("one"), websocket.Ping(b"there?"))
        await peer.send(websocket.Binary(b"two"), websocket.Ping(b"?"))
        assert await peer.event() == websocket.Pong(b"there?")
        assert await peer.event() == websocket.Pong(b"?")
        # What came meanwhile is there, and the program reads on by itself.
        assert (await handler.ws.receive()).data == "one"
        assert (await handler.ws.receive()).data == b"two"
        await peer.send(websocket.Text("three"))
        assert (await handler.ws.receive()).data == "three"
        handler.released.set()
        assert await peer.event() == websocket.Close(1000)


async def test_messages_that_nobody_receives_do_not_pile_up(serving):
    handler = opened()
    async with serving(app_of(handler)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        runtime = current_runtime()

        async def flood():
            for _ in range(64):
                await ws.send_bytes(bytes(1 << 20))

        task = runtime.spawn(flood)
        await until(lambda: handler.ws._inbox)
        assert not task.done
        assert sum(len(message.data) for message in handler.ws._inbox) <= 2 << 20
        for _ in range(64):
            assert len((await handler.ws.receive()).data) == 1 << 20
        assert await task.wait(runtime.now() + 10)
        handler.released.set()


# Heartbeats


async def test_a_heartbeat_works_while_nobody_receives(serving):
    pings = []

    async def handler(request):
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        async for message in ws:
            pings.append(message.type)
            await ws.pong(message.data)
        return ws

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, heartbeat=0.1) as ws:
            await until(lambda: len(pings) >= 4)
            assert not ws.closed
        assert set(pings) == {WSMsgType.PING}


async def silent(peer):
    """Read, and say nothing."""
    while await peer.stream.receive():
        pass


@pytest.mark.parametrize("receives", [True, False])
async def test_a_dead_server_is_given_up(receives):
    async with raw_server(silent) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url, heartbeat=0.1)
        if not receives:
            await until(lambda: ws.closed)
        message = await ws.receive()
        assert message.type is WSMsgType.ERROR
        assert message.data is ws.exception()
        assert ws.closed
        assert isinstance(ws.exception(), drywire.ServerTimeoutError)
        assert ws.close_code == 1006
        assert (await ws.receive()).type is WSMsgType.CLOSED


async def test_a_dead_client_is_given_up(serving):
    handler = opened(heartbeat=0.1)
    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        await until(lambda: hasattr(handler, "released") and handler.ws.closed)
        assert isinstance(handler.ws.exception(), TimeoutError)
        assert handler.ws.close_code == 1006
        handler.released.set()
        assert await peer.event() == websocket.Ping()


async def test_a_heartbeat_bears_with_a_large_message_under_way():
    wire = websocket.ServerConnection().send(websocket.Binary(bytes(1000)))

    async def slow(peer):
        runtime = current_runtime()
        for place in range(0, len(wire), 50):
            await peer.stream.send(wire[place : place + 50])
            await runtime.sleep_until(runtime.now() + 0.02)  # for three times the heartbeat in all
        await silent(peer)

    async with raw_server(slow) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, heartbeat=0.12, timeout=drywire.ClientWSTimeout(ws_close=0.05)) as ws:
            assert await ws.receive_bytes() == bytes(1000)


# Ends


async def test_closing_from_another_task_wakes_the_receiver(serving):
    async with serving(app_of(echo)) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        runtime = current_runtime()
        got = []

        async def receive():
            got.append(await ws.receive())
            got.append(await ws.receive())

        task = runtime.spawn(receive)
        await until(lambda: ws._receiving)
        assert await ws.close()
        assert await task.wait(runtime.now() + 5)
        assert [message.type for message in got] == [WSMsgType.CLOSING, WSMsgType.CLOSED]
        assert ws.close_code == 1000


async def test_a_peer_that_never_closes_is_dropped_in_bounded_time(serving):
    runtime = current_runtime()
    async with raw_server(silent) as url, drywire.ClientSession() as session:
        ws = await session.ws_connect(url, timeout=drywire.ClientWSTimeout(ws_close=0.1))
        began = runtime.now()
        assert await ws.close()
        assert runtime.now() - began < 2
        assert ws.close_code == 1006
        assert isinstance(ws.exception(), TimeoutError)
    handler = opened(timeout=0.1)
    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        await until(lambda: hasattr(handler, "released"))
        began = runtime.now()
        handler.released.set()
        assert await peer.event() == websocket.Close(1000)
        assert await peer.event() == websocket.ConnectionClosed()
        assert runtime.now() - began < 2


async def test_a_stuck_send_does_not_keep_close_from_ending(serving):
    handler = opened(timeout=0.2)
    async with serving(app_of(handler)) as url, raw_client(url):
        await until(lambda: hasattr(handler, "released"))
        runtime = current_runtime()
        errors = []

        async def send():
            try:
                await handler.ws.send_bytes(bytes(64 << 20))
            except ConnectionResetError as error:
                errors.append(error)

        stuck = runtime.spawn(send)
        await until(lambda: handler.ws._channel.turns.taken)
        began = runtime.now()
        assert await handler.ws.close()
        assert runtime.now() - began < 2
        assert await stuck.wait(runtime.now() + 5)
        assert len(errors) == 1
        assert handler.ws.close_code == 1006
        handler.released.set()


async def test_a_cancelled_close_drops_the_connection():
    async with raw_server(silent) as url, drywire.ClientSession() as session:
        runtime = current_runtime()
        ws = await session.ws_connect(url)
        task = runtime.spawn(ws.close)
        await until(lambda: ws.closed)
        task.cancel()
        assert await task.wait(runtime.now() + 5)
        assert ws.close_code == 1006
        assert (await ws.receive()).type is WSMsgType.CLOSED
        assert "0 in use" in repr(session.connector)


async def test_a_lost_connection_is_closed_with_1006(serving):
    async def hang_up(peer):
        await peer.send(websocket.Text("a"))

    async with raw_server(hang_up) as url, drywire.ClientSession() as session, session.ws_connect(url) as ws:
        assert await ws.receive_str() == "a"
        assert (await ws.receive()).type is WSMsgType.CLOSED
        assert (ws.closed, ws.close_code) == (True, 1006)
        with pytest.raises(drywire.ClientConnectionResetError):
            await ws.send_str("b")
    ended = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        ended.append((await ws.receive()).type)
        ended.append(ws.close_code)
        return ws

    async with serving(app_of(handler)) as url:
        async with raw_client(url):
            pass
        await until(lambda: len(ended) == 2)
        assert ended == [WSMsgType.CLOSED, 1006]


MISTAKES = {
    "a reserved opcode": (b"\x83\x80\0\0\0\0", 1002),
    "an unmasked frame": (b"\x81\x01a", 1002),
    "text that is not UTF-8": (b"\x81\x81\0\0\0\0\xff", 1007),
    "a huge frame": (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + bytes(4), 1009),
    "a bad close code": (b"\x88\x82\0\0\0\0\x03\xed", 1002),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_answered_with_its_code(serving, name):
    wire, code = MISTAKES[name]
    seen = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        seen.append(await ws.receive())
        seen.append(await ws.receive())
        seen.append(ws.close_code)
        return ws

    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        await peer.stream.send(wire)
        event = await peer.event()
        assert event.code == code
        assert event.reason
        assert await peer.event() == websocket.ConnectionClosed()
        await peer.stream.aclose()
    error, after, close_code = seen
    assert error.type is WSMsgType.ERROR
    assert isinstance(error.data, drywire.WebSocketError)
    assert error.data.code == close_code == code
    assert after.type is WSMsgType.CLOSED


async def test_a_shutdown_closes_with_1001():
    ended = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        ended.extend([message async for message in ws])
        ended.append(ws.closed)
        return ws

    runner = web.AppRunner(app_of(handler), shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with drywire.ClientSession() as session:
            sockets = [await session.ws_connect(site.name) for _ in range(3)]
            runtime = current_runtime()
            task = runtime.spawn(runner.cleanup)
            for ws in sockets:
                assert await ws.receive() == WSMessage(WSMsgType.CLOSE, 1001, "Server shutdown")
            assert await task.wait(runtime.now() + 5)
            assert task.exception() is None
    finally:
        await runner.cleanup()
    assert ended == [True, True, True]


async def test_an_applications_own_farewell_comes_first():
    open_now = []

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        open_now.append(ws)
        async for _ in ws:
            pass
        return ws

    async def farewell(app):
        for ws in open_now:
            await ws.close(code=4000, message=b"see you")

    app = app_of(handler)
    app.on_shutdown.append(farewell)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with drywire.ClientSession() as session, session.ws_connect(site.name) as ws:
            runtime = current_runtime()
            task = runtime.spawn(runner.cleanup)
            assert await ws.receive() == WSMessage(WSMsgType.CLOSE, 4000, "see you")
            assert await task.wait(runtime.now() + 5)
    finally:
        await runner.cleanup()
