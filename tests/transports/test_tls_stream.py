"""TLS over any stream, and what is particular to it."""

import ssl

import pytest

from drywire_transports import ConnectFailed, StreamBroken, TLSFailed, current_runtime, memory_pair
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


async def test_an_end_without_a_tls_close_is_an_end_as_on_asyncio(client_tls, server_tls):
    runtime = current_runtime()
    below = memory_pair(runtime)
    here, there = await shake_hands(runtime, *below, client_tls, server_tls)
    await here.send(b"last")
    await below[0].aclose()
    assert await there.receive() == b"last"
    assert await there.receive() == b""


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
