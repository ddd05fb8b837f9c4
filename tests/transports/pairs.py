"""Pairs of connected streams of every kind, for the tests of the contract."""

import socket
import tempfile
from pathlib import Path

import anyio

from drywire_transports import ClientTLS, memory_pair
from drywire_transports.in_memory import Split
from drywire_transports.on_anyio import AnyioStream

KINDS = ["tcp", "unix", "tls", "unix-tls", "start-tls", "tls-in-tls", "memory", "memory-tls", "split", "anyio"]
HALF_CLOSING = {"tcp", "unix", "memory", "split", "anyio"}


class Pairs:
    """Makes pairs, and closes the listeners that it needed for them."""

    def __init__(self, runtime, kind, server_tls, client_tls):
        self.runtime = runtime
        self.kind = kind
        self.server_tls = server_tls
        self.client_tls = ClientTLS(client_tls, "localhost")
        self.folder = tempfile.TemporaryDirectory()

    async def make(self):
        here, there = await getattr(self, self.kind.replace("-", "_"))()
        return here, there

    async def _accepted(self, connect, listen, **options):
        accepted, done, arrived = [], self.runtime.wake(), self.runtime.wake()

        async def keep(stream):
            accepted.append(stream)
            arrived.set()
            await self.runtime.park(done)

        listener = await listen(keep, **options)
        here = await connect(listener)
        await self.runtime.park(arrived, self.runtime.now() + 10)
        listener.close()
        self._ends = [*getattr(self, "_ends", []), (listener, done)]
        return here, accepted[0]

    async def close(self):
        for listener, done in getattr(self, "_ends", []):
            done.set()
            listener.cancel()
            assert await listener.join(self.runtime.now() + 10)
        self.folder.cleanup()

    async def tcp(self, tls=None):
        def listen(handle):
            return self.runtime.listen_tcp(handle, "127.0.0.1", tls=tls and self.server_tls)

        return await self._accepted(lambda found: self.runtime.connect_tcp(*found.addresses[0], tls=tls), listen)

    async def tls(self):
        return await self.tcp(self.client_tls)

    async def unix(self, tls=None):
        path = str(Path(self.folder.name) / "socket")

        def listen(handle):
            return self.runtime.listen_unix(handle, path, tls=tls and self.server_tls)

        return await self._accepted(lambda _: self.runtime.connect_unix(path, tls=tls), listen)

    async def unix_tls(self):
        return await self.unix(self.client_tls)

    async def memory(self):
        return memory_pair(self.runtime)

    async def memory_tls(self):
        return await self._shake_hands(*await self.memory())

    async def start_tls(self):
        return await self._shake_hands(*await self.tcp())

    async def tls_in_tls(self):
        return await self._shake_hands(*await self.tls())

    async def split(self):
        here, there = memory_pair(self.runtime)
        return Split(here, [1, 7, 4096]), Split(there, [70000])

    async def anyio(self):
        left, right = socket.socketpair()
        here = await anyio.abc.UNIXSocketStream.from_socket(left)
        there = await anyio.abc.UNIXSocketStream.from_socket(right)
        return AnyioStream(here, self.runtime), AnyioStream(there, self.runtime)

    async def _shake_hands(self, here, there):
        streams = {}

        async def serve():
            streams["there"] = await there.start_tls(self.server_tls, server_side=True)

        serving = self.runtime.spawn(serve)
        here = await here.start_tls(self.client_tls.context, server_hostname="localhost")
        assert await serving.wait(self.runtime.now() + 10)
        return here, streams["there"]
