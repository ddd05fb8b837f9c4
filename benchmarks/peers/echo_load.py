"""Load for a WebSocket echo server: raw connections, each with one message under way, with no parsing to speak of.

Arguments: port, connections, bytes of a message, seconds; prints messages a second. With 0 seconds the connections are
only opened, and kept until standard input ends; "ready" says when all are there.
"""

import asyncio
import os
import struct
import sys
import time

import uvloop

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def header(size, bit):
    if size < 126:
        return struct.pack("!BB", 0x81, bit | size)
    if size < 65536:
        return struct.pack("!BBH", 0x81, bit | 126, size)
    return struct.pack("!BBQ", 0x81, bit | 127, size)


class Load(asyncio.Protocol):
    total = 0

    def __init__(self, size, ready):
        key = os.urandom(4)
        payload = bytes(byte ^ key[at & 3] for at, byte in enumerate(b"x" * size))
        self.frame = header(size, 0x80) + key + payload
        self.left = self.answer = len(header(size, 0)) + size
        self.size = size
        self.ready = ready
        self.open = False
        self.head = b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(REQUEST)

    def data_received(self, data):
        if not self.open:
            self.head += data
            if b"\r\n\r\n" in self.head:
                assert self.head.startswith(b"HTTP/1.1 101"), self.head
                self.open = True
                self.ready.release()
                if self.size:
                    self.transport.write(self.frame)
            return
        self.left -= len(data)
        if self.left == 0:
            self.left = self.answer
            Load.total += 1
            self.transport.write(self.frame)

    def connection_lost(self, exc):
        if self.open and not closing:
            print("lost a connection", exc, file=sys.stderr)


closing = False


async def main(port, connections, size, seconds):
    global closing
    loop = asyncio.get_running_loop()
    ready = asyncio.Semaphore(0)
    transports = []
    for start in range(0, connections, 100):
        for _ in range(start, min(start + 100, connections)):
            transports.append((await loop.create_connection(lambda: Load(size, ready), "127.0.0.1", port))[0])
        for _ in range(start, min(start + 100, connections)):
            await ready.acquire()
    if seconds:
        await asyncio.sleep(0.3)
        before, began = Load.total, time.perf_counter()
        await asyncio.sleep(seconds)
        print((Load.total - before) / (time.perf_counter() - began))
    else:
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.read)
    closing = True
    for transport in transports:
        transport.abort()


uvloop.run(main(*[int(word) for word in sys.argv[1:4]], float(sys.argv[4])))
