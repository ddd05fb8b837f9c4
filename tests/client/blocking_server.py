"""A server in a thread of its own: it goes on while a test keeps the client's loop from running, and between loops."""

import contextlib
import socket
import struct
import threading

__all__ = ["BlockingServer"]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class BlockingServer:
    """Answers each request with OK; `serve` accepts in the background until the block is left."""

    def __init__(self):
        self.connections = []
        self.heads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for sock in self.connections:
            sock.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.append(sock)
                self._threads.append(threading.Thread(target=self._talk, args=(sock,)))
                self._threads[-1].start()

    def _talk(self, sock):
        buffer = b""
        with contextlib.suppress(OSError):
            while data := sock.recv(65536):
                buffer += data
                while b"\r\n\r\n" in buffer:
                    head, _, buffer = buffer.partition(b"\r\n\r\n")
                    self.heads.append(head)
                    sock.sendall(OK)

    # What a server may do to an idle connection

    def say(self, data):
        """Send `data` unasked on every connection; it is in the client's kernel when this returns."""
        for sock in self.connections:
            sock.sendall(data)

    def end(self):
        """End every connection."""
        for sock in self.connections:
            sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Reset every connection."""
        for sock, thread in zip(self.connections, self._threads[1:], strict=True):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
            thread.join()  # while it receives, the socket is not closed
            sock.close()
