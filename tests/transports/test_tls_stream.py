"""TLS over any stream, and what is particular to it."""

import contextlib
import ssl
import threading

import pytest

from drywire_transports import ConnectFailed, StreamBroken, TLSFailed, current_runtime, memory_pair, run
from drywire_transports.in_memory import ResetsAfter, Split
from drywire_transports.tls_stream import start_tls_over

pytestmark = pytest.mark.anyio


async def shake_hands(runtime, here, there, client_tls, server_tls):
    ends = {}

    async def serve():
        ends["there"] = await secured(runtime, there, server_tls, server_side=True)

    serving = runtime.spawn(serve)
    here = await secured(runtime, here, client_tls, server_hostname="localhost")
    assert await serving.wait(runtime.now() + 5)
    return here, ends["there"]


async def secured(runtime, stream, context, *, server_side=False, server_hostname=None):
    return await start_tls_over(
        stream,
        context,
        server_side=server_side,
        server_hostname=server_hostname,
        now=runtime.now,
        in_thread=runtime.in_thread,
    )


async def test_records_may_arrive_in_any_pieces(client_tls, server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    here, there = await shake_hands(runtime, Split(below[0], [1, 2, 3]), Split(below[1], [5]), client_tls, server_tls)
    await here.send(b"hello ", bytearray(b"world"))
    received = b""
    while len(received) < 11:
        received += await there.receive()
    assert received == b"hello world"
    await here.aclose()
    assert await there.receive() == b""


@pytest.mark.parametrize("goodbye", [True, False])
async def test_an_end_without_a_tls_close_is_an_end_that_is_known_for_a_cut(client_tls, server_tls, goodbye):
    runtime = current_runtime()
    below = memory_pair(runtime)
    here, there = await shake_hands(runtime, *below, client_tls, server_tls)
    await here.send(b"last")
    await (here if goodbye else below[0]).aclose()
    assert await there.receive() == b"last"
    assert [await there.receive() for _ in range(3)] == [b""] * 3
    assert there.cut_off is not goodbye
    assert there.readable


async def test_a_reset_below_breaks_the_stream(client_tls, server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    here, there = await shake_hands(runtime, *below, client_tls, server_tls)
    below[0].abort()
    with pytest.raises(StreamBroken):
        await there.receive()
    with pytest.raises(StreamBroken):
        await there.send(b"x")
    assert there.closed
    here.abort()


async def test_bytes_that_are_no_tls_break_the_stream(client_tls, server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    _, there = await shake_hands(runtime, *below, client_tls, server_tls)
    await below[0].send(b"plain text in the middle of a session")
    with pytest.raises(StreamBroken, match="TLS session broke"):
        await there.receive()
    assert there.closed


async def test_what_came_before_garbage_is_received_before_the_stream_breaks(client_tls, server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    here, there = await shake_hands(runtime, *below, client_tls, server_tls)
    await here.send(b"x" * 40_000)
    await below[0].send(b"plain text in the middle of a session")
    received = b""
    while len(received) < 40_000:
        received += await there.receive()
    with pytest.raises(StreamBroken, match="TLS session broke"):
        await there.receive()
    assert received == b"x" * 40_000


async def secure_pair(runtime, client_tls, server_tls, depth=1):
    """Return both ends of a TCP connection with TLS over it, `depth` times one in the other, and what ends it."""
    ends, over = {}, runtime.wake()

    async def keep(stream):
        for _ in range(depth):
            stream = await stream.start_tls(server_tls, server_side=True)
        ends["there"] = stream
        await runtime.park(over)

    listener = await runtime.listen_tcp(keep, "127.0.0.1")
    here = await runtime.connect_tcp(*listener.addresses[0])
    for _ in range(depth):
        here = await here.start_tls(client_tls, server_hostname="localhost")
    limit = runtime.now() + 5
    while "there" not in ends:
        assert runtime.now() < limit
        await runtime.sleep_until(runtime.now() + 0.001)

    async def end():
        await here.aclose()
        await ends["there"].aclose()
        over.set()
        listener.close()
        assert await listener.join(limit)

    return here, ends["there"], end


async def exactly(stream, size):
    received = bytearray()
    while len(received) < size:
        received += await stream.receive()
    return bytes(received)


async def test_tls_inside_tls_carries_much_in_both_directions_at_once(client_tls, server_tls):
    runtime = current_runtime()
    here, there, end = await secure_pair(runtime, client_tls, server_tls, depth=3)
    body = bytes(range(256)) * 4000
    sending = [runtime.spawn(stream.send, body, b"!") for stream in (here, there)]
    for stream in (there, here):
        assert await exactly(stream, len(body) + 1) == body + b"!"
    for task in sending:
        assert await task.wait(runtime.now() + 5)
    assert not here.readable
    await there.send(b"one more")
    await until_readable(runtime, here)
    assert here.receive_now() == b"one more"
    assert here.receive_now() is None
    await end()


async def until_readable(runtime, stream):
    limit = runtime.now() + 5
    while not stream.readable:
        assert runtime.now() < limit
        await runtime.sleep_until(runtime.now() + 0.001)


async def test_tickets_that_come_late_make_no_idle_stream_readable_and_the_session_resumable(client_tls, server_tls):
    runtime = current_runtime()
    here, there, end = await secure_pair(runtime, client_tls, server_tls)
    assert here.extra_info("ssl_object").version() == "TLSv1.3"
    kept = []
    here.on_session = kept.append
    # Python's server sends two tickets as soon as it has shaken hands.
    for _ in range(20):
        await runtime.sleep_until(runtime.now() + 0.001)
        assert not here.readable
    assert not kept
    await there.send(b"x")
    await until_readable(runtime, here)
    assert await here.receive() == b"x"
    assert [session.has_ticket for session in kept] == [True]
    assert here.on_session is None
    await end()


async def test_a_session_is_resumed_over_any_stream(client_tls, server_tls):
    runtime, kept = current_runtime(), []
    for reused in (False, True):
        here, there = memory_pair(runtime)
        serving = runtime.spawn(secured_and_heard, runtime, there, server_tls)
        stream = await start_tls_over(
            here,
            client_tls,
            server_side=False,
            server_hostname="localhost",
            now=runtime.now,
            in_thread=runtime.in_thread,
            session=kept[-1] if kept else None,
        )
        assert stream.extra_info("ssl_object").session_reused is reused
        stream.on_session = kept.append
        assert await stream.receive() == b"welcome"
        assert len(kept) == 1 + reused
        await stream.aclose()
        assert await serving.wait(runtime.now() + 5)


async def secured_and_heard(runtime, stream, context):
    secure = await secured(runtime, stream, context, server_side=True)
    await secure.send(b"welcome")
    assert await secure.receive() == b""
    await secure.aclose()


def test_streams_of_several_threads_do_not_mix_what_they_receive(client_tls, server_tls):
    sizes = []

    async def talk(pattern):
        runtime = current_runtime()
        here, there, end = await secure_pair(runtime, client_tls, server_tls)
        body = pattern * (1 << 20)
        sending = runtime.spawn(there.send, body)
        received = await exactly(here, len(body))
        assert await sending.wait(runtime.now() + 5)
        assert received == body
        sizes.append(len(received))
        await end()

    threads = [threading.Thread(target=run, args=(talk, bytes([pattern]))) for pattern in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [1 << 20] * 4


async def test_whoever_refuses_a_certificate_tells_the_peer_why(server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    failures = {}

    async def serve():
        try:
            await secured(runtime, below[1], server_tls, server_side=True)
        except TLSFailed as error:
            failures["there"] = error

    serving = runtime.spawn(serve)
    with pytest.raises(TLSFailed) as caught:
        await secured(runtime, below[0], ssl.create_default_context(), server_hostname="localhost")
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert ("DNS", "localhost") in caught.value.certificate["subjectAltName"]
    assert below[0].closed
    assert await serving.wait(runtime.now() + 5)
    assert "alert" in str(failures["there"]).lower() or "reset" in str(failures["there"]).lower()


async def test_a_connection_lost_in_the_handshake_fails_it(client_tls, server_tls):
    runtime = current_runtime()
    here, there = memory_pair(runtime)
    serving = runtime.spawn(_quietly, secured(runtime, there, server_tls, server_side=True))
    with pytest.raises(TLSFailed) as caught:
        await secured(runtime, ResetsAfter(here, received=100), client_tls, server_hostname="localhost")
    assert isinstance(caught.value.__cause__, StreamBroken)
    assert await serving.wait(runtime.now() + 5)


async def _quietly(coroutine):
    with pytest.raises(TLSFailed):
        await coroutine


async def test_a_missing_host_name_is_refused_and_the_stream_aborted(client_tls):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(_wait, "127.0.0.1")
    for here in (memory_pair(runtime)[0], await runtime.connect_tcp(*listener.addresses[0])):
        with pytest.raises(ValueError, match="server_hostname"):
            await here.start_tls(client_tls)
        assert here.closed
    listener.cancel()
    assert await listener.join(runtime.now() + 5)


async def _wait(stream):
    await stream.receive()


async def test_a_listener_that_closes_does_not_wait_for_who_has_not_shaken_hands(client_tls, server_tls):
    runtime, served, over = current_runtime(), [], current_runtime().wake()

    async def handle(stream):
        served.append(await stream.receive())
        await stream.send(b"served on")
        await runtime.park(over)

    listener = await runtime.listen_tcp(handle, "127.0.0.1", tls=server_tls)
    silent = await runtime.connect_tcp(*listener.addresses[0])
    here = await (await runtime.connect_tcp(*listener.addresses[0])).start_tls(client_tls, server_hostname="localhost")
    await here.send(b"hello")
    assert await here.receive() == b"served on"
    listener.close()
    assert not await listener.join(runtime.now() + 0.05)
    over.set()
    assert await listener.join(runtime.now() + 5)
    with contextlib.suppress(StreamBroken):
        assert await silent.receive() == b""
    assert served == [b"hello"]
    here.abort()
    silent.abort()


async def test_a_handshake_that_the_peer_has_begun_already_is_taken_up(client_tls, server_tls):
    runtime = current_runtime()
    accepted, arrived = [], runtime.wake()
    over = runtime.wake()

    async def keep(stream):
        accepted.append(stream)
        arrived.set()
        await runtime.park(over)

    listener = await runtime.listen_tcp(keep, "127.0.0.1")
    here = await runtime.connect_tcp(*listener.addresses[0])
    await runtime.park(arrived, runtime.now() + 5)
    ends = []

    async def begin():
        ends.append(await here.start_tls(client_tls, server_hostname="localhost"))

    beginning = runtime.spawn(begin)
    limit = runtime.now() + 5
    while not accepted[0].readable:
        assert runtime.now() < limit
        await runtime.sleep_until(runtime.now() + 0.001)
    there = await accepted[0].start_tls(server_tls, server_side=True)
    assert await beginning.wait(limit)
    await ends[0].send(b"hello")
    assert await there.receive() == b"hello"
    await ends[0].aclose()
    await there.aclose()
    over.set()
    listener.close()
    assert await listener.join(limit)


async def test_connecting_and_tls_have_errors_of_their_own():
    assert not issubclass(TLSFailed, ConnectFailed)
    assert issubclass(TLSFailed, OSError)
