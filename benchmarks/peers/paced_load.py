"""GETs at a steady pace, each sent when it is due, answered or not; prints the median and the 99th percentile in ms.

Arguments: port, connections, requests a second, seconds.
"""

import asyncio
import sys
import time
from collections import deque

import uvloop

port, connections, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
END = b"Hello, world!"


class Client(asyncio.Protocol):
    def __init__(self, times):
        self._times = times
        self._sent = deque()
        self._pending = b""

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, due):
        self._sent.append(due)
        self.transport.write(REQUEST)

    def data_received(self, data):
        self._pending += data
        answers = self._pending.count(END)
        if answers:
            self._pending = self._pending[self._pending.rfind(END) + len(END) :]
            now = time.perf_counter()
            for _ in range(answers):
                self._times.append(now - self._sent.popleft())


async def main():
    loop, times = asyncio.get_running_loop(), []
    clients = [(await loop.create_connection(lambda: Client(times), "127.0.0.1", port))[1] for _ in range(connections)]
    begun, number = time.perf_counter(), 0
    while (now := time.perf_counter()) < begun + seconds:
        while begun + number / rate <= now:
            clients[number % connections].ask(begun + number / rate)
            number += 1
        await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    times.sort()
    print(times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3, len(times) / number)


uvloop.run(main())
