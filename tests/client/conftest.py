"""A server that is a script: it sees each byte of the client, and answers with whatever bytes a test likes."""

import contextlib
import re

import pytest

from drywire_transports import TransportError, current_runtime

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class HungUp(Exception):
    """The client has ended the connection in the middle of a request."""


class Peer:
    """One accepted connection, read request by request."""

    def __init__(self, stream, number):
        self.stream = stream
        self.number = number
        self._buffer = b""

    async def _more(self):
        data = await self.stream.receive()
        self._buffer += data
        return data

    async def head(self):
        """Return the next request's head, b"" where the client has ended the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not await self._more():
                return b""
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    async def exactly(self, size):
        while len(self._buffer) < size:
            if not await self._more():
                break
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    async def line(self):
        while b"\r\n" not in self._buffer:
            if not await self._more():
                raise HungUp
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    async def chunks(self):
        """Return the chunks of a body in the chunked coding."""
        found = []
        while size := int(await self.line(), 16):
            found.append(await self.exactly(size))
            assert await self.line() == b""
        assert await self.line() == b""
        return found

    async def request(self):
        """Return the next request as (head, body)."""
        head = await self.head()
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
        if b"transfer-encoding: chunked" in head.lower():
            return head, b"".join(await self.chunks())
        return head, await self.exactly(int(length[1])) if length else b""

    async def send(self, *data):
        await self.stream.send(*data)

    async def ended(self):
        """Wait until the client has ended the connection; whatever else it says is dropped."""
        with contextlib.suppress(TransportError):
            while await self.stream.receive():
                pass


class Script:
    """What the server has seen so far."""

    def __init__(self):
        self.url = ""
        self.port = 0
        self.connections = 0
        self.open = 0
        self.heads = []


@pytest.fixture
def scripted():
    """``async with scripted(talk) as script``: runs ``talk(peer, script)`` for each connection to ``script.url``."""

    @contextlib.asynccontextmanager
    async def serve(talk, tls=None):
        runtime, script, errors = current_runtime(), Script(), []

        async def handle(stream):
            script.connections += 1
            script.open += 1
            stream.read_deadline = stream.write_deadline = runtime.now() + 30
            try:
                if tls is not None:
                    stream = await stream.start_tls(tls, server_side=True)
                    stream.read_deadline = stream.write_deadline = runtime.now() + 30
                await talk(Peer(stream, script.connections), script)
            except (TransportError, HungUp):
                pass  # the client has hung up: tests look at what it says itself
            except AssertionError as error:
                errors.append(error)
            finally:
                script.open -= 1
                stream.abort()

        listener = await runtime.listen_tcp(handle, "127.0.0.1", 0)
        script.port = listener.addresses[0][1]
        script.url = f"{'https' if tls else 'http'}://127.0.0.1:{script.port}/"
        try:
            yield script
        finally:
            listener.cancel()
            assert await listener.join(runtime.now() + 10)
        if errors:
            raise errors[0]

    return serve


@pytest.fixture
def answering():
    """``answering(response)``: a script that gives each request the same response."""

    def make(response=OK):
        async def talk(peer, script):
            while (request := await peer.request())[0]:
                script.heads.append(request[0])
                await peer.send(response)

        return talk

    return make


@pytest.fixture
def eventually():
    """``await eventually(condition)``: wait until it holds, at most 5 seconds."""

    async def wait(condition):
        runtime = current_runtime()
        limit = runtime.now() + 5
        while not condition():
            assert runtime.now() < limit, "what should have come about has not"
            await runtime.sleep_until(runtime.now() + 0.002)

    return wait
