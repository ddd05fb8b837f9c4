"""Opens connections, asks once on each, and keeps them until standard input ends. Arguments: port, connections."""

import socket
import sys

port, count = int(sys.argv[1]), int(sys.argv[2])
connections = []
for _ in range(count):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while b"Hello, world!" not in answer:
        answer += connection.recv(4096)
    connections.append(connection)
print("ready", flush=True)
sys.stdin.read()
