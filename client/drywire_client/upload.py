"""Sends a body that is large, or made while it is sent, beside the wait for the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drywire_sansio import http1
from drywire_sansio.coding import ContentEncoder
from drywire_transports import Runtime, StreamTimeout, TaskHandle, TransportError
from drywire_transports.payloads import Buffer

from .connector import Connection
from .errors import ClientPayloadError
from .request import ClientRequest
from .tracing import TraceRequestChunkSentParams, emit
from .upload_tracker import Outcome, aborted_upload

__all__ = ["INLINE", "Upload", "inline_body"]

INLINE: Final = 64 * 1024
"""Bytes of a body up to which it is sent with its head, and waits for nobody."""
_CODED_IN_A_THREAD: Final = 128 * 1024
"""Bytes from which on compressing a piece would hold up the loop for milliseconds."""


def inline_body(request: ClientRequest) -> bytes | memoryview | None:
    """Return the body of `request` where it is sent together with its head; None where it is sent by an `Upload`."""
    payload, settings = request.payload, request.settings
    if payload is None:
        return b""
    if settings.compress or request.expects_continue:
        return None
    body = payload.in_memory()
    return body if body is not None and len(body) <= INLINE else None


class _RequestBody:
    """What a payload writes itself to: codes, counts, and sends."""

    def __init__(self, connection: Connection, request: ClientRequest, runtime: Runtime) -> None:
        self._connection = connection
        self._request = request
        self._runtime = runtime
        self._encoder = ContentEncoder(request.settings.compress) if request.settings.compress else None

    async def write(self, chunk: Buffer) -> None:
        """Send `chunk`; returns when there is room for the next."""
        request = self._request
        size = chunk.nbytes if isinstance(chunk, memoryview) else len(chunk)
        if not size:
            return
        if self._encoder is None:
            await self._send(chunk)
        elif size < _CODED_IN_A_THREAD:
            await self._send(self._encoder.encode(bytes(chunk)))
        else:
            await self._send(await self._runtime.in_thread(self._encoder.encode, bytes(chunk)))
        if request.settings.upload_tracker is not None:
            request.settings.upload_tracker.bytes_written += size
        if request.settings.traces:
            params = TraceRequestChunkSentParams(request.method, request.url, bytes(chunk))
            await emit(request.settings.traces, "request_chunk_sent", params)

    async def write_eof(self, chunk: Buffer = b"") -> None:
        """Send `chunk`; the end follows by itself."""
        await self.write(chunk)

    async def drain(self) -> None:
        """Return: `write` has waited already."""

    async def _send(self, data: Buffer) -> None:
        if data:
            now, deadlines = self._runtime.now(), self._request.deadlines
            if now >= deadlines.total:  # a server that takes everything never makes the stream look at its deadline
                raise StreamTimeout("the total timeout passed while the body was sent")
            self._connection.stream.write_deadline = deadlines.read(now)
            self._connection.sent += data.nbytes if isinstance(data, memoryview) else len(data)
            await self._connection.channel.send(http1.Data(data))

    async def finish(self) -> None:
        """Send what the coding has kept back, and the end."""
        if self._encoder is not None:
            await self._send(self._encoder.finish())
        await self._connection.channel.send(http1.EndOfMessage())


class Upload:
    """A body on its way. `error` is what went wrong with it on this side; a broken connection is left to the reader."""

    def __init__(self, connection: Connection, request: ClientRequest) -> None:
        assert request.payload is not None
        self._connection = connection
        self._request = request
        self._payload = request.payload
        self._task: TaskHandle | None = None
        self.error: Exception | None = None
        self.done = False
        self.outcome = Outcome()
        """Whether all of it was sent."""
        self.on_done: Callable[[], None] | None = None
        self._is_last = False
        self._has_begun = False

    def start(self, runtime: Runtime) -> None:
        """Begin to send."""
        self._task = self._connection.spawn(runtime, self._send, runtime, name="drywire upload")

    def cancel(self) -> None:
        """Stop sending: the connection cannot be used any more."""
        if self._task is not None and not self.done:
            self._task.cancel()
            if not self._has_begun:  # then it never will
                self._end()

    def let_go(self) -> None:
        """Close the payload once it is sent: nobody will need it again."""
        self._is_last = True
        if self.done:
            self._settle()

    def _settle(self) -> None:
        self._payload._close()
        if self._request.settings.upload_tracker is not None:
            self._request.settings.upload_tracker.abort(self.error)

    async def wait(self) -> None:
        """Wait until nothing is being sent any more."""
        if self._task is not None:
            await self._task.wait()

    async def _send(self, runtime: Runtime) -> None:
        self._has_begun = True
        request, stream = self._request, self._connection.stream
        tracker = request.settings.upload_tracker
        try:
            if tracker is not None:
                tracker.begin()
            body = _RequestBody(self._connection, request, runtime)
            await self._payload.write(body)
            await body.finish()
        except TransportError as error:
            # Otherwise the response may be there all the same; if not, the reader finds the connection broken.
            if isinstance(error, StreamTimeout):
                self.error = request.deadlines.blame(runtime.now(), "send")
                self.error.__cause__ = error
        except http1.LocalProtocolError as error:
            self.error = ClientPayloadError(f"the request's body is not as announced: {error}")
            self.error.__cause__ = error
            stream.abort()
        except Exception as error:
            self.error = error
            stream.abort()
        except BaseException:
            stream.abort()
            raise
        else:
            self.outcome.settle()
            if tracker is not None:
                tracker.upload_complete.settle()
        finally:
            self._finish(runtime)

    def _end(self) -> None:
        self.done = True
        self.outcome.settle(aborted_upload(self.error))  # unless it was settled
        if self._is_last:
            self._settle()

    def _finish(self, runtime: Runtime) -> None:
        """Say that nothing more is sent: only now does the time count that the server takes to answer."""
        try:
            self._end()  # what a callback of the user's own raises costs no place in the pool
        finally:
            if self.on_done is not None:
                self.on_done()
            elif not self._connection.closed:
                stream = self._connection.stream
                stream.read_deadline = self._request.deadlines.read(runtime.now())
                stream.apply_deadlines()
