"""Bodies are handed on, not copied; and any kind of buffer may come in or go out."""

import array
import tracemalloc

import pytest

from drywire_sansio.http1 import (
    NEED_DATA,
    ClientConnection,
    Data,
    EndOfMessage,
    LocalProtocolError,
    Request,
    Response,
    ServerConnection,
)

HOST = (b"Host", b"a")
MEGABYTE = 1 << 20
LENGTH = (b"Content-Length", b"%d" % MEGABYTE)
CHUNKED = (b"Transfer-Encoding", b"chunked")


def request_with(*fields):
    return Request(b"POST", b"/", [HOST, *fields])


def server_that_read(head):
    """Return a server that has read the head of a request."""
    server, client = ServerConnection(), ClientConnection()
    server.receive_data(client.send(head))
    assert isinstance(server.next_event(), Request)
    return server


def test_a_body_comes_out_as_the_very_object_that_came_in():
    server = server_that_read(request_with(LENGTH))
    for _ in range(4):
        piece = bytes(MEGABYTE // 4)
        server.receive_data(piece)
        assert server.next_event().data is piece
    assert server.next_event() == EndOfMessage()


def test_a_chunk_in_its_own_arrival_comes_out_as_the_very_object():
    server = server_that_read(request_with(CHUNKED))
    piece = bytes(1000)
    server.receive_data(b"7d0\r\n")
    assert server.next_event() is NEED_DATA
    server.receive_data(piece)
    assert server.next_event() == Data(piece, True, False)
    server.receive_data(piece)
    event = server.next_event()
    assert event.data is piece
    assert event == Data(piece, False, True)


def test_a_body_until_the_end_comes_out_as_the_very_objects():
    client = ClientConnection()
    client.send_whole(Request(b"GET", b"/", [HOST]))
    client.receive_data(b"HTTP/1.1 200 OK\r\n\r\n")
    assert isinstance(client.next_event(), Response)
    piece = bytes(MEGABYTE)
    client.receive_data(piece)
    assert client.next_event().data is piece


@pytest.mark.parametrize("field", [LENGTH, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_goes_out_as_the_very_object(field, kind):
    data = kind(bytes(MEGABYTE))
    client = ClientConnection()
    client.send(request_with(field))
    buffers = client.send_buffers(Data(data))
    assert any(buffer is data for buffer in buffers)
    assert sum(len(buffer) for buffer in buffers if buffer is not data) < 20


def test_a_whole_message_carries_its_body_itself():
    data = bytes(MEGABYTE)
    buffers = ClientConnection().send_whole(request_with(LENGTH), data)
    assert len(buffers) == 2
    assert buffers[1] is data
    server = server_that_read(Request(b"GET", b"/", [HOST]))
    assert server.next_event() == EndOfMessage()
    buffers = server.send_whole(Response(200), data)
    assert buffers[2] is data


def test_a_large_body_takes_no_memory_of_its_own():
    server = server_that_read(request_with((b"Content-Length", b"%d" % (64 * MEGABYTE))))
    pieces = [bytes(MEGABYTE)] * 64
    tracemalloc.start()
    try:
        for piece in pieces:
            server.receive_data(piece)
            assert server.next_event().data is piece
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTE // 10


def test_what_is_left_over_of_a_large_arrival_is_let_go():
    server = server_that_read(request_with((b"Content-Length", b"1")))
    server.receive_data(b"a" + b"\r\nGET / HTTP/1.1\r\n" + b"X: y\r\n" * 10)
    assert server.next_event() == Data(b"a")
    assert server.next_event() == EndOfMessage()
    server.send_whole(Response(204))
    server.start_next_cycle()
    assert server.next_event() is NEED_DATA
    server.receive_data(b"Host: a\r\n\r\n")
    assert isinstance(server.next_event(), Request)
    assert server.next_event() == EndOfMessage()
    assert server.trailing_data == (b"", False)


@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_any_buffer_can_be_received_and_belongs_to_the_caller_again(kind):
    server = ServerConnection()
    for data in (b"POST / HTTP/1.1\r\nHost: a\r\nCont", b"ent-Length: 4\r\n\r\nab", b"cd"):
        given = kind(data)
        server.receive_data(given)
        if isinstance(given, bytearray):
            given[:] = b"!" * len(given)
    assert server.next_event().headers == [HOST, (b"Content-Length", b"4")]
    assert server.next_event() == Data(b"abcd")
    server = server_that_read(request_with((b"Content-Length", b"2")))
    given = bytearray(b"ab")
    server.receive_data(given)
    event = server.next_event()
    given.clear()
    assert event == Data(b"ab")


def test_an_empty_buffer_of_any_kind_is_the_end():
    for empty in (b"", bytearray(), memoryview(b"")):
        server = ServerConnection()
        server.receive_data(empty)
        assert server.trailing_data == (b"", True)


def test_a_buffer_of_larger_items_counts_in_bytes():
    numbers = memoryview(array.array("I", [1, 2, 3]))
    assert numbers.itemsize == 4
    client = ClientConnection()
    client.send(request_with((b"Content-Length", b"12")))
    assert client.send(Data(numbers)) == numbers.tobytes()
    assert client.send(EndOfMessage()) == b""
    client = ClientConnection()
    client.send(request_with(CHUNKED))
    assert client.send(Data(numbers)) == b"c\r\n" + numbers.tobytes() + b"\r\n"
    server = server_that_read(request_with((b"Content-Length", b"12")))
    server.receive_data(numbers)
    assert server.next_event() == Data(numbers.tobytes())
    client = ClientConnection()
    client.send(request_with((b"Content-Length", b"11")))
    with pytest.raises(LocalProtocolError, match="1 bytes more"):
        client.send(Data(numbers))


def test_empty_data_sends_nothing_and_ends_nothing():
    for field in (CHUNKED, (b"Content-Length", b"0")):
        client = ClientConnection()
        client.send(request_with(field))
        assert client.send_buffers(Data(b"")) == []
    assert client.send_buffers(Data(memoryview(b""))) == []


def test_chunk_boundaries_are_told():
    server = server_that_read(request_with(CHUNKED))
    events = []
    for arrival in (b"5\r\nab", b"c", b"de\r\n1\r\nf\r\n", b"0\r\n\r\n"):
        server.receive_data(arrival)
        while (event := server.next_event()) is not NEED_DATA:
            events.append(event)
    assert events == [
        Data(b"ab", True, False),
        Data(b"c", False, False),
        Data(b"de", False, True),
        Data(b"f", True, True),
        EndOfMessage(),
    ]


def test_fields_that_were_received_are_split_when_somebody_looks():
    server = ServerConnection()
    server.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\nX:  y \r\n\r\n")
    headers = server.next_event().headers
    assert headers.raw == b"Host: a\r\nX:  y \r\n"
    assert list(headers) == [HOST, (b"X", b"y")]


@pytest.mark.parametrize("framing", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n186a0\r\n"])
def test_a_large_part_of_an_arrival_is_not_copied_and_a_small_one_is_bytes(framing):
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + framing
    server = ServerConnection()
    arrival = head + b"x" * 50_000
    server.receive_data(arrival)
    server.next_event()
    part = server.next_event().data
    assert type(part) is memoryview
    assert part.obj is arrival
    assert part.readonly
    assert part == b"x" * 50_000
    whole = b"y" * 49_000
    server.receive_data(whole)
    assert server.next_event().data is whole
    server.receive_data(b"z" * 1000 + b"\r\n0\r\n\r\n")
    rest = server.next_event().data
    assert type(rest) is bytes
    assert rest == b"z" * 1000
