"""Work grows with the input and no faster, however the input arrives. Measured as ratios, never as times.

Where bytes trickle in, one run is cut into two halves: the second half must not take much longer than the first. A
quadratic reader needs about three times as long for it. Where all is there at once, twice the input must not take much
more than twice the time; a quadratic reader takes four times. The best of several attempts counts, since a busy machine
only ever adds time.
"""

import gc
from time import process_time

import pytest

from drywire_sansio.http1 import (
    NEED_DATA,
    ClientConnection,
    Data,
    EndOfMessage,
    FieldLines,
    Limits,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

ATTEMPTS = 7
HUGE = 1 << 30
NO_LIMITS = Limits(
    start_line=HUGE,
    field_line=HUGE,
    field_count=1 << 20,
    head=HUGE,
    chunk_extensions=HUGE,
    trailer_count=1 << 20,
    trailers=HUGE,
)
LINE = b"GET / HTTP/1.1\r\n"
HEAD = LINE + b"Host: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def drain(connection):
    while connection.next_event() is not NEED_DATA:
        pass


def seconds(work):
    gc.disable()
    try:
        before = process_time()
        work()
        return process_time() - before
    finally:
        gc.enable()


def halves(make, read, pieces):
    """Return how much longer the second half of `pieces` takes than the first."""
    reader = make()
    middle = len(pieces) // 2

    def feed(part):
        for piece in part:
            read(reader, piece)

    first = seconds(lambda: feed(pieces[:middle]))
    return seconds(lambda: feed(pieces[middle:])) / first


def server_ahead_of(start):
    """Return a function that makes a server which has read `start`."""

    def make():
        connection = ServerConnection(NO_LIMITS)
        connection.receive_data(start)
        drain(connection)
        return connection

    return make


def read_piece(connection, piece):
    connection.receive_data(piece)
    drain(connection)


def pieces(data, size=1):
    return [data[start : start + size] for start in range(0, len(data), size)]


def assert_halves_alike(make, read, parts):
    measured = []
    for _ in range(ATTEMPTS):
        measured.append(halves(make, read, parts))
        if measured[-1] < 1.4:
            return
    pytest.fail(f"the second half took {sorted(measured)[0]:.2f} times as long as the first, at best")


TRICKLES = {
    "a long request line": (b"GET /", b"a" * 50_000),
    "a long field line": (HEAD + b"X: ", b"a" * 50_000),
    "a head of many lines": (HEAD, b"Name: some value\r\n" * 1_500),
    "a head of many blank values": (HEAD, b"N:" + b" " * 12_500 + b"\r\nN:" + b"\t" * 12_500),
    "carriage returns that end nothing": (HEAD, b"X: y\r\n" * 4_000),
    "a body of known length": (HEAD + b"Content-Length: 1000000\r\n\r\n", b"\r\n" * 15_000),
    "a chunk": (CHUNKED + b"fffff\r\n", b"\r\n" * 15_000),
    "one-byte chunks": (CHUNKED, b"1\r\na\r\n" * 4_000),
    "a long chunk extension": (CHUNKED, b"1;a=" + b"b" * 50_000),
    "many chunk extensions": (CHUNKED, b"1" + b";a=b" * 6_250),
    "a long trailer": (CHUNKED + b"0\r\n", b"X: " + b"a" * 50_000),
    "many trailers": (CHUNKED + b"0\r\n", b"Name: value\r\n" * 2_000),
}


@pytest.mark.parametrize("name", TRICKLES)
def test_what_comes_byte_by_byte_takes_time_in_proportion(name):
    start, rest = TRICKLES[name]
    assert_halves_alike(server_ahead_of(start), read_piece, pieces(rest))


def test_a_body_until_the_end_takes_time_in_proportion():
    def make():
        connection = ClientConnection()
        connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
        connection.receive_data(b"HTTP/1.1 200 OK\r\n\r\n")
        drain(connection)
        return connection

    assert_halves_alike(make, read_piece, pieces(b"\r\n" * 15_000))


def test_pipelined_requests_that_have_all_arrived_are_read_in_proportion():
    def make():
        connection = ServerConnection()
        connection.receive_data(b"".join([HEAD + b"N: %d\r\n\r\n" % number for number in range(8_000)]))
        return connection

    def answer(connection, _):
        assert isinstance(connection.next_event(), Request)
        assert connection.next_event() == EndOfMessage()
        connection.send_whole(Response(204))
        connection.start_next_cycle()

    assert_halves_alike(make, answer, range(8_000))


def test_requests_that_arrive_out_of_step_with_their_ends_are_read_in_proportion():
    def read(connection, piece):
        connection.receive_data(piece)
        while isinstance(connection.next_event(), Request):
            connection.next_event()
            connection.send_whole(Response(204))
            connection.start_next_cycle()

    assert_halves_alike(ServerConnection, read, pieces((HEAD + b"\r\n") * 4_000, 37))


# All at once


def assert_doubles(work, size):
    measured = []
    for _ in range(ATTEMPTS):
        measured.append(seconds(lambda: work(2 * size)) / seconds(lambda: work(size)))
        if measured[-1] < 3.2:
            return
    pytest.fail(f"twice the input took {sorted(measured)[0]:.2f} times as long, at best")


def read_all(data):
    connection = ServerConnection(NO_LIMITS)
    connection.receive_data(data)
    try:
        drain(connection)
    except RemoteProtocolError:
        return


WHOLES = {
    "a head of many lines": lambda size: read_all(HEAD + b"Name: some value\r\n" * (size // 18) + b"\r\n"),
    "a head of one long line": lambda size: read_all(HEAD + b"X: " + b"a" * size + b"\r\n\r\n"),
    "a head of blanks": lambda size: read_all(HEAD + b"Expect:" + b" " * size + b"x" + b"\t" * size + b"\r\n\r\n"),
    "a head that goes wrong at its end": lambda size: read_all(HEAD + b"A: b\r\n" * (size // 6) + b"A : b\r\n\r\n"),
    "a framing field of many lines": lambda size: read_all(HEAD + b"Connection: a\r\n" * (size // 15) + b"\r\n"),
    "a long list of options": lambda size: read_all(HEAD + b"Connection: " + b",a" * (size // 2) + b"\r\n\r\n"),
    "a long list of codings": lambda size: read_all(HEAD + b"Transfer-Encoding: " + b"a," * (size // 2) + b"\r\n\r\n"),
    "a long target": lambda size: read_all(b"GET http://" + b"a" * size + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a long Host": lambda size: read_all(LINE + b"Host: " + b"a." * (size // 2) + b"/\r\n\r\n"),
    "small chunks": lambda size: read_all(CHUNKED + b"1\r\na\r\n" * (size // 30)),
    "a long quoted extension": lambda size: read_all(CHUNKED + b'1;a="' + b"\\a" * (size // 2) + b"\r\n"),
    "blank extensions": lambda size: read_all(CHUNKED + b"1" + b" " * size + b"\t;" + b" " * size + b"\r\n"),
    "many trailers": lambda size: read_all(CHUNKED + b"0\r\n" + b"A: b\r\n" * (size // 6) + b"\r\n"),
    "fields to be written": lambda size: FieldLines([(b"Name%d" % i, b"some value") for i in range(size // 24)]),
}


@pytest.mark.parametrize("name", WHOLES)
def test_what_is_there_at_once_takes_time_in_proportion(name):
    assert_doubles(WHOLES[name], 500_000)


# The measure itself


class Naive:
    """Searches all it has for the end at each arrival."""

    def __init__(self):
        self.data = bytearray()

    def read(self, piece):
        self.data += piece
        assert b"\r\n\r\n" not in self.data


def test_a_quadratic_reader_is_noticed():
    with pytest.raises(pytest.fail.Exception, match="times as long as the first"):
        assert_halves_alike(Naive, Naive.read, pieces(b"a" * 15_000))
    with pytest.raises(pytest.fail.Exception, match="twice the input took"):  # about eight times as long
        assert_doubles(lambda size: sum(len(b"a" * size) for _ in range(size) for _ in range(size // 8)), 300)


def test_a_large_body_is_read_in_few_steps():
    connection = server_ahead_of(HEAD + b"Content-Length: 1000000\r\n\r\n")()
    connection.receive_data(bytes(1_000_000))
    assert isinstance(connection.next_event(), Data)
    assert connection.next_event() == EndOfMessage()
