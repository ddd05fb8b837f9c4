"""Connections in memory and their scripted faults."""

import pytest

from drywire_transports import StreamBroken, current_runtime, memory_pair
from drywire_transports.in_memory import Delayed, EndsAfter, ResetsAfter, Split

pytestmark = pytest.mark.anyio


async def read_all(stream):
    pieces = []
    while data := await stream.receive():
        pieces.append(data)
    return pieces


async def test_pieces_arrive_as_they_were_sent_where_each_is_taken():
    here, there = memory_pair(current_runtime())
    for piece in (b"one", b"two"):
        await here.send(piece)
        assert await there.receive() == piece


async def test_the_high_water_mark_can_be_chosen():
    runtime = current_runtime()
    here, there = memory_pair(runtime, high_water=10)
    await here.send(b"0123456789")
    sending = runtime.spawn(here.send, b"!")
    await runtime.sleep_until(runtime.now() + 0.01)
    assert not sending.done
    assert await there.receive() == b"0123456789!"
    assert await sending.wait(runtime.now() + 5)


async def test_the_ends_have_names():
    here, there = memory_pair(current_runtime(), names=("client", "server"))
    assert here.extra_info("sockname") == there.extra_info("peername") == "client"
    assert here.extra_info("socket", 3) == 3


async def test_an_abort_reaches_the_peer_as_a_reset():
    here, there = memory_pair(current_runtime())
    await here.send(b"lost")
    here.abort()
    with pytest.raises(StreamBroken):
        await there.receive()
    with pytest.raises(StreamBroken):
        await there.send(b"x")
    assert there.closed


async def test_split_gives_the_sizes_of_its_script_round_and_round():
    here, there = memory_pair(current_runtime())
    await here.send(b"abcdefgh")
    await here.aclose()
    assert await read_all(Split(there, [1, 3])) == [b"a", b"bcd", b"e", b"fgh"]


async def test_split_is_readable_while_a_piece_is_left():
    here, there = memory_pair(current_runtime())
    stream = Split(there, [1])
    await here.send(b"ab")
    await stream.receive()
    assert stream.readable
    await stream.receive()
    assert not stream.readable


async def test_a_reset_comes_after_the_bytes_received():
    here, there = memory_pair(current_runtime())
    stream = ResetsAfter(there, received=3)
    await here.send(b"abcdef")
    assert await stream.receive() == b"abc"
    assert stream.readable
    with pytest.raises(StreamBroken):
        await stream.receive()
    assert stream.closed
    with pytest.raises(StreamBroken):
        await here.send(b"x")


async def test_a_reset_comes_after_the_bytes_sent():
    here, there = memory_pair(current_runtime())
    stream = ResetsAfter(here, sent=3)
    await stream.send(b"ab")
    with pytest.raises(StreamBroken):
        await stream.send(b"cd")
    with pytest.raises(StreamBroken):
        await stream.receive()
    with pytest.raises(StreamBroken):
        await there.receive()


async def test_an_end_comes_after_the_bytes_received():
    here, there = memory_pair(current_runtime())
    stream = EndsAfter(there, 3)
    await here.send(b"abcdef")
    assert await read_all(stream) == [b"abc"]
    assert stream.readable
    await stream.send(b"still open")
    assert await here.receive() == b"still open"


async def test_faults_combine_to_a_slow_reader():
    runtime = current_runtime()
    here, there = memory_pair(runtime, high_water=4)
    slow = Delayed(Split(there, [2]), runtime, 0.002)
    sending = runtime.spawn(here.send, b"0123456789")
    begin = runtime.now()
    received = b""
    while len(received) < 10:
        received += await slow.receive()
    assert received == b"0123456789"
    assert runtime.now() - begin >= 0.008
    assert await sending.wait(runtime.now() + 5)
