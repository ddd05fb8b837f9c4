"""`DataQueue`: values from one side to the other, as aiohttp's users know it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from .runtime import Wake
from .which import current_runtime

__all__ = ["DataQueue", "EofStream", "FlowControlDataQueue"]

T = TypeVar("T")


class EofStream(Exception):
    """The queue has ended."""


class DataQueue(Generic[T]):
    """A queue that ends: `feed_data` and `feed_eof` on one side, `read` on the other, for one reader."""

    def __init__(self, loop: object = None) -> None:
        self._values: deque[T] = deque()
        self._eof = False
        self._exception: BaseException | None = None
        self._waiting: Wake | None = None

    def __len__(self) -> int:
        return len(self._values)

    def is_eof(self) -> bool:
        """Whether the end was fed."""
        return self._eof

    def at_eof(self) -> bool:
        """Whether everything was read."""
        return self._eof and not self._values

    def exception(self) -> BaseException | None:
        """Return the error that was set, if one was."""
        return self._exception

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """End the queue by an error."""
        if exc_cause is not None:
            exc.__cause__ = exc_cause
        self._eof = True
        self._exception = exc
        self._wake()

    def feed_data(self, data: T, size: int = 0) -> None:
        """Add a value. `size` is aiohttp's, and not needed."""
        self._values.append(data)
        self._wake()

    def feed_eof(self) -> None:
        """End the queue."""
        self._eof = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.set()

    async def read(self) -> T:
        """Wait for the next value. Raises EofStream at the end, the error that was set, RuntimeError for a second."""
        while not self._values and not self._eof:
            if self._waiting is not None:
                raise RuntimeError("read() called while another task is already waiting for this queue")
            runtime = current_runtime()
            self._waiting = wake = runtime.wake()
            try:
                await runtime.park(wake)
            finally:
                self._waiting = None
        if self._values:
            return self._values.popleft()
        raise EofStream if self._exception is None else self._exception

    async def __aiter__(self) -> AsyncIterator[T]:
        """Iterate over the values up to the end."""
        while True:
            try:
                value = await self.read()
            except EofStream:
                return
            yield value


class FlowControlDataQueue(DataQueue[T]):
    """`DataQueue` under an old name; nothing is read ahead here that would have to be controlled."""

    def __init__(self, protocol: object = None, limit: int = 0, *, loop: object = None) -> None:
        super().__init__(loop)
