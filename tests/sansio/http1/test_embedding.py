"""The core in other people's loops: over a list of byte strings, and over blocking sockets."""

import ast
import http.client
import runpy
import socket
import sys
import threading
from contextlib import contextmanager

import pytest

from drywire_sansio.http1 import (
    NEED_DATA,
    PAUSED,
    ClientConnection,
    Data,
    EndOfMessage,
    Request,
    Response,
    ServerConnection,
)

from ...tree import ROOT

EXAMPLE = ROOT / "examples" / "blocking_server.py"


def test_a_list_of_byte_strings_is_network_enough():
    network = [b"POST /a HTTP/1.1\r\nHo", b"st: b\r\nContent-Length: 5\r\n\r\nhe", b"llo"]
    network.append(b"GET /c HTTP/1.1\r\nHost: d\r\n\r\n")
    connection, seen, out = ServerConnection(), [], []
    while (event := connection.next_event()) is not NEED_DATA or network:
        if event is NEED_DATA:
            connection.receive_data(network.pop(0))
            continue
        seen.append(event)
        if isinstance(event, EndOfMessage):
            out += connection.send_whole(Response(204))
            connection.start_next_cycle()
    assert seen == [
        Request(b"POST", b"/a", [(b"Host", b"b"), (b"Content-Length", b"5")]),
        Data(b"he"),
        Data(b"llo"),
        EndOfMessage(),
        Request(b"GET", b"/c", [(b"Host", b"d")]),
        EndOfMessage(),
    ]
    assert out == [b"HTTP/1.1 204 \r\n\r\n"] * 2


def test_the_documented_loop_meets_every_sentinel():
    connection = ServerConnection()
    assert connection.next_event() is NEED_DATA
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert isinstance(connection.next_event(), Request)
    assert connection.next_event() == EndOfMessage()
    assert connection.next_event() is PAUSED
    assert connection.next_event() is PAUSED
    connection.send_whole(Response(204))
    assert connection.next_event() is PAUSED
    connection.start_next_cycle()
    assert isinstance(connection.next_event(), Request)


# examples/blocking_server.py


@contextmanager
def talking_to_the_example():
    """Give a socket whose other end the example serves, in a thread that has ended when the block has."""
    serve = runpy.run_path(str(EXAMPLE))["serve"]
    ours, theirs = socket.socketpair()
    failures = []

    def run():
        try:
            with theirs:
                serve(theirs)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    with ours:
        ours.settimeout(10)
        yield ours
    thread.join(10)
    assert not thread.is_alive()
    assert not failures


def received(sock):
    """Return all that comes until the other end closes."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def test_the_blocking_server_answers_pipelined_requests_and_a_split_body():
    with talking_to_the_example() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
        sock.sendall(b"lloHEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head = b"HTTP/1.1 200 \r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
        assert received(sock) == (
            head % 18 + b"\r\nPOST with 5 bytes\n" + head % 18 + b"\r\n" + head % 17
            + b"Connection: close\r\n\r\nGET with 0 bytes\n"
        )  # fmt: skip


def test_the_blocking_server_asks_for_a_body_that_is_held_back():
    with talking_to_the_example() as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(1000) == b"HTTP/1.1 100 \r\n\r\n"
        sock.sendall(b"ab")
        assert sock.recv(1000).endswith(b"\r\n\r\nPUT with 2 bytes\n")


def test_the_blocking_server_refuses_what_is_not_http_and_says_why():
    with talking_to_the_example() as sock:
        sock.sendall(b"GET / HTTP/1.1\n")
        answer = received(sock)
        assert answer.startswith(b"HTTP/1.1 400 \r\n")
        assert b"line feed without carriage return, at byte 14" in answer


def test_the_blocking_server_speaks_with_another_client_of_the_standard_library():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serve = runpy.run_path(str(EXAMPLE))["serve"]

        def run():
            with listener.accept()[0] as client:
                serve(client)

        thread = threading.Thread(target=run)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for body in (b"hello", [b"in", b"chunks"]):
            connection.request("POST", "/", body, encode_chunked=True)
            response = connection.getresponse()
            assert response.read() == b"POST with %d bytes\n" % len(b"".join([body] if body == b"hello" else body))
        connection.close()
        thread.join(10)
        assert not thread.is_alive()


def test_the_blocking_server_needs_the_standard_library_only_and_little_of_it():
    tree = ast.parse(EXAMPLE.read_bytes())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= sys.stdlib_module_names
    assert {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} == {"drywire_sansio"}
    serve = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "serve")
    assert serve.end_lineno - serve.lineno < 35


def test_two_connections_can_talk_without_anything_between_them():
    client, server = ClientConnection(), ServerConnection()
    for buffer in client.send_whole(Request(b"GET", b"/", [(b"Host", b"a")])):
        server.receive_data(buffer)
    assert isinstance(server.next_event(), Request)
    assert server.next_event() == EndOfMessage()
    for buffer in server.send_whole(Response(200, [(b"Content-Length", b"2")], b"OK"), b"hi"):
        client.receive_data(buffer)
    assert client.next_event() == Response(200, [(b"Content-Length", b"2")], b"OK")
    assert client.next_event() == Data(b"hi")
    assert client.next_event() == EndOfMessage()


def test_bytes_after_the_end_are_a_mistake_of_the_caller():
    connection = ServerConnection()
    connection.receive_data(b"")
    connection.receive_data(b"")
    with pytest.raises(ValueError, match="after the end"):
        connection.receive_data(b"a")
