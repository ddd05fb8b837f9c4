"""`DisconnectWatch`: runs a handler, and cancels it once its client ends the connection (`handler_cancellation`)."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from drywire_sansio import http1
from drywire_transports import ByteStream, Runtime, StreamClosed, TaskHandle, TransportError
from drywire_transports.which import outlasting_cancellation

__all__ = ["DisconnectWatch"]


class DisconnectWatch:
    """One handler at work, in a task of its own, and beside it a task that waits for the end of the connection.

    Nobody else may read from the stream while it is watched, so that begins once the body of the request is there:
    before, it is the handler who reads, and is told.
    """

    __slots__ = ("_core", "_ended", "_handler", "_outcome", "_runtime", "_stream", "_watcher", "is_gone")

    def __init__(self, runtime: Runtime, stream: ByteStream, core: http1.ServerConnection) -> None:
        self._runtime = runtime
        self._stream = stream
        self._core = core
        self._ended = runtime.wake()
        self._outcome: list[tuple[object, BaseException | None]] = []
        self._handler: TaskHandle | None = None
        self._watcher: TaskHandle | None = None
        self.is_gone = False
        """Whether the client has ended the connection while the handler was at work."""

    async def run(self, handle: Callable[[], Awaitable[object]]) -> object:
        """Return what `handle` returns, or raise what it raises. Raises StreamClosed where the client has gone."""
        self._handler = self._runtime.spawn(self._handle, handle, name="drywire handler")
        try:
            if self._core.their_state is not http1.SEND_BODY:
                self.begin()
            await self._runtime.park(self._ended)
        finally:
            if not self.is_gone:  # else it was cancelled, and may be cleaning up
                self._handler.cancel()
            with outlasting_cancellation():
                if self._watcher is not None:
                    self._watcher.cancel()
                    await self._watcher.wait()
                await self._handler.wait()
        if self.is_gone or not self._outcome:
            raise StreamClosed("the client has ended the connection, so the handler was cancelled")
        result, error = self._outcome[0]
        if error is not None:
            raise error
        return result

    async def _handle(self, handle: Callable[[], Awaitable[object]]) -> None:
        try:
            self._outcome.append((await handle(), None))
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            self._outcome.append((None, error))
        finally:
            self._ended.set()

    def begin(self) -> None:
        """Watch from now on: all of the request is there."""
        if self._watcher is None and not self._outcome:
            self._watcher = self._runtime.spawn(self._watch, name="drywire watches for a disconnect")

    async def _watch(self) -> None:
        """Wait for the end of the connection, or for a request that was sent ahead: whoever does that is there."""
        self._stream.read_deadline = math.inf
        try:
            data = await self._stream.receive()
        except TransportError:
            data = b""
        self._core.receive_data(data)
        if not data and self._handler is not None:
            self.is_gone = True
            self._handler.cancel()
            self._ended.set()  # a handler that had not begun never will, so it cannot say that it has ended
