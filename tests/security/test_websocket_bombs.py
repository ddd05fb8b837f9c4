"""WebSocket bombs: each ends in the right close code, in bounded memory and in work that is linear in what was sent.

Test names carry the numbers of the advisories and threads they keep from coming back.
"""

import time
import tracemalloc
import zlib

import pytest

from drywire_sansio import websocket
from drywire_sansio.websocket import Binary, ClientConnection, Close, Deflate, Ping, Pong, ServerConnection, Text
from drywire_sansio.websocket.frames import pack_header
from fuzz.ws_verdicts import masked

KEY = b"\x01\x02\x03\x04"
NOTHING = b"\0" * 4
MIB = 1 << 20


def fed(connection, arrivals):
    """Feed a server, and return what it made of it: the number of events, and the error that ended it."""
    events = 0
    for arrival in arrivals:
        connection.receive_data(arrival)
        try:
            while connection.next_event() is not websocket.NEED_DATA:
                events += 1
        except websocket.RemoteProtocolError as error:
            return events, error
    return events, None


def peak_of(work):
    """Return what `work` returns, and the most memory it held, in bytes."""
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def compressed(content):
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (stream.compress(content) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def as_client(first, payload):
    return masked(pack_header(first, len(payload), masked=False) + payload)[0]


@pytest.mark.parametrize("arrival", [1 << 16, 100])
def test_a_deflate_bomb_ends_with_1009_in_bounded_memory_websockets_1000518(arrival):
    # 64 KiB on the wire, 64 MiB inflated: a thousand times.
    bomb = as_client(0xC2, compressed(bytes(64 * MIB)))
    assert len(bomb) < 70_000
    pieces = [bomb[place : place + arrival] for place in range(0, len(bomb), arrival)]
    (events, error), peak = peak_of(lambda: fed(ServerConnection(deflate=Deflate()), pieces))
    assert (events, error.close_code, error.limit) == (0, 1009, "message")
    assert peak < 16 * MIB


def test_a_deflate_bomb_in_fragments_ends_with_1009_59881():
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    wire = []
    for number in range(200):
        payload = stream.compress(bytes(MIB)) + stream.flush(zlib.Z_SYNC_FLUSH)
        wire.append(as_client(0x42 if number == 0 else 0x00, payload))
    (events, error), peak = peak_of(lambda: fed(ServerConnection(deflate=Deflate()), wire))
    assert (events, error.close_code) == (0, 1009)
    assert peak < 20 * MIB


def test_nothing_is_inflated_unless_it_was_agreed_12976_13415():
    bomb = compressed(bytes(MIB))
    _, error = fed(ServerConnection(), [as_client(0xC2, bomb)])
    assert error.close_code == 1002
    _, error = fed(ClientConnection(lambda: KEY), [pack_header(0xC2, len(bomb), masked=False) + bomb])
    assert error.close_code == 1002


def test_a_million_tiny_fragments_end_with_1008_13350():
    first, fragment = b"\x02\x80" + NOTHING, b"\x00\x80" + NOTHING
    arrivals = [first] + [fragment * 10_000] * 100
    began = time.process_time()
    (events, error), peak = peak_of(lambda: fed(ServerConnection(), arrivals))
    assert (events, error.close_code, error.limit) == (0, 1008, "message_frames")
    assert time.process_time() - began < 30  # 131,072 of them were read: 20 us each, watched for memory
    assert peak < 4 * MIB


def test_endless_pings_end_with_1008():
    now = [0.0]

    def flood(pings_at_once, seconds_between):
        connection = ServerConnection(clock=lambda: now[0])
        read = 0
        for _ in range(1_000_000 // pings_at_once):
            events, error = fed(connection, [(b"\x89\x80" + NOTHING) * pings_at_once])
            read += events
            if error is not None:
                return read, error
            now[0] += seconds_between
        return read, None

    read, error = flood(500, 0.001)
    assert (read, error.close_code, error.limit) == (1000, 1008, "control_frames")
    # One in a while for ever is a heartbeat.
    assert flood(1000, 10.5) == (1_000_000, None)


@pytest.mark.parametrize("size", [1 << 63, (1 << 64) - 1])
def test_a_length_of_2_63_ends_with_1002(size):
    _, error = fed(ServerConnection(), [b"\x82\xff" + size.to_bytes(8, "big") + KEY])
    assert error.close_code == 1002


@pytest.mark.parametrize("size", [(4 << 20) + 1, 1 << 40, (1 << 63) - 1])
@pytest.mark.parametrize("first", [0x82, 0x02, 0xC2])
def test_a_length_is_held_against_the_limit_before_anything_is_stored_54274(size, first):
    connection = ServerConnection(deflate=Deflate())
    _, error = fed(connection, [bytes([first, 0xFF]) + size.to_bytes(8, "big") + KEY])
    assert (error.close_code, error.limit) == (1009, "frame")


@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x02])
def test_a_frame_that_is_never_finished_costs_its_bytes_and_linear_work_13352(first):
    size = 400_000 if first & 0x80 else 100_000
    wire = bytes([first, 0xFF]) + (4 << 20).to_bytes(8, "big") + KEY + KEY * (size // 4)
    pieces = [wire[place : place + 1] for place in range(len(wire))]

    def feed(count):
        began = time.process_time()
        events, error = fed(ServerConnection(), pieces[:count])
        assert (events, error) == (0, None)
        return time.process_time() - began

    feed(1000)
    half, whole = feed(size // 4), feed(size // 2)
    assert whole < 6 * half + 0.1
    _, peak = peak_of(lambda: fed(ServerConnection(), pieces[: size // 4]))
    assert peak < 4 * (size // 4) + MIB


def test_many_ended_deflate_streams_end_with_1007_in_little_time_13362():
    wire = as_client(0xC2, b"\x03\x00" * 500_000)
    began = time.process_time()
    _, error = fed(ServerConnection(deflate=Deflate()), [wire])
    assert error.close_code == 1007
    assert time.process_time() - began < 2


@pytest.mark.parametrize("opcode", [0x8, 0x9, 0xA])
@pytest.mark.parametrize("size", [126, 65_535, 65_536])
def test_a_control_frame_has_at_most_125_bytes(opcode, size):
    _, error = fed(ServerConnection(), [as_client(0x80 | opcode, b"\x03" * size)])
    assert error.close_code == 1002


def test_a_client_masks_and_a_server_does_not_picows_1_19():
    # aiohttp's threat model, 3.1: neither side looks. Both of ours do.
    unmasked, masked_frame = b"\x81\x01a", b"\x81\x81\0\0\0\0a"
    _, error = fed(ServerConnection(), [unmasked])
    assert error.close_code == 1002
    _, error = fed(ClientConnection(lambda: KEY), [masked_frame])
    assert error.close_code == 1002
    assert ServerConnection().send(Text("a")) == unmasked
    assert ClientConnection(lambda: NOTHING).send(Text("a")) == masked_frame


@pytest.mark.parametrize("deflated", [False, True])
def test_a_control_frame_between_fragments_is_no_part_of_them_12988_13274(deflated):
    """Neither of the message, nor of what is known of its compression; as little where it comes before any message."""
    content, mark = (compressed(b"ab"), 0x40) if deflated else (b"ab", 0)
    frames = [(0x8A, b""), (0x01 | mark, content[:1]), (0x89, b"p"), (0x80, content[1:]), (0x81 | mark, content)]
    connection = ServerConnection(deflate=Deflate(client_no_context_takeover=True) if deflated else None)
    for first, payload in frames:
        connection.receive_data(as_client(first, payload))
    assert [connection.next_event() for _ in range(4)] == [Pong(b""), Ping(b"p"), Text("ab"), Text("ab")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_a_close_code_that_none_may_send_is_refused_12895(code):
    _, error = fed(ServerConnection(), [as_client(0x88, code.to_bytes(2, "big"))])
    assert error.close_code == 1002


def test_what_follows_a_close_frame_is_dropped_and_not_kept():
    connection = ServerConnection()
    connection.receive_data(as_client(0x88, b"\x03\xe8") + bytes(MIB))
    assert connection.next_event() == Close(1000)
    for _ in range(100):
        connection.receive_data(bytes(MIB))
        assert connection.next_event() is websocket.NEED_DATA
    assert len(connection._buffer) == 0


def test_keys_are_compared_whole():
    answer = websocket.accept_value(b"A" * 22 + b"==")
    assert answer != websocket.accept_value(b"A" * 21 + b"Q==")
    assert len(answer) == 28


def test_a_large_message_is_whole_after_all():
    payload = bytes(range(256)) * 8192
    wire = ClientConnection(lambda: KEY).send(Binary(payload))
    connection = ServerConnection()
    for place in range(0, len(wire), 5000):
        connection.receive_data(wire[place : place + 5000])
        event = connection.next_event()
    assert event == Binary(payload)
