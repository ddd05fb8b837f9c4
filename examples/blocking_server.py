"""drywire's core on plain blocking sockets: an HTTP/1.1 server without an event loop, in some thirty lines.

python examples/blocking_server.py 8080
curl http://127.0.0.1:8080/ -d hello
"""

import contextlib
import socket
import sys

from drywire_sansio import http1


def serve(client: socket.socket) -> None:
    """Answer the requests of one client, one after the other, until either side wants no more."""
    connection = http1.ServerConnection()
    method, size = b"", 0
    while connection.our_state in (http1.IDLE, http1.SEND_RESPONSE):
        try:
            event = connection.next_event()
        except http1.RemoteProtocolError as error:
            client.sendall(answer(connection, b"", error.status, f"{error}\n".encode()))
            break
        match event:
            case http1.NeedData():
                if connection.client_is_waiting_for_100_continue:
                    client.sendall(connection.send(http1.InformationalResponse(100)))
                connection.receive_data(client.recv(65536))
            case http1.Request():
                method, size = event.method, 0
            case http1.Data(data):
                size += len(data)
            case http1.EndOfMessage():
                status = 405 if method == b"CONNECT" else 200
                client.sendall(answer(connection, method, status, b"%b with %d bytes\n" % (method, size)))
                if connection.our_state is http1.DONE:
                    connection.start_next_cycle()
            case _:  # ConnectionClosed: the client wants no more
                break


def answer(connection: http1.ServerConnection, method: bytes, status: int, text: bytes) -> bytes:
    """Return the bytes of a whole response, without its body for HEAD."""
    head = http1.Response(status, [(b"Content-Type", b"text/plain"), (b"Content-Length", b"%d" % len(text))])
    return b"".join(connection.send_whole(head, b"" if method == b"HEAD" else text))


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        while True:
            with contextlib.suppress(ConnectionError), listener.accept()[0] as client:
                serve(client)
