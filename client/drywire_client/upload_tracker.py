"""`UploadTracker`: how far the body of a request has come."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from drywire_transports import Wake, current_runtime

from .errors import UploadAbortedError

__all__ = ["Outcome", "UploadTracker", "settled"]


class Outcome:
    """Whether a body was sent: await it, or ask it. It is what asyncio calls a future, on every loop."""

    def __init__(self) -> None:
        self._done = False
        self._error: BaseException | None = None
        self._waiting: list[Wake] = []
        self._callbacks: list[Callable[[Outcome], object]] = []

    def done(self) -> bool:
        """Return whether it is settled."""
        return self._done

    def exception(self) -> BaseException | None:
        """Return why the body was not sent, None where it was or is not settled yet."""
        return self._error

    def result(self) -> None:
        """Raise why the body was not sent, or RuntimeError while that is not settled."""
        if not self._done:
            raise RuntimeError("the upload has not ended yet")
        if self._error is not None:
            raise self._error

    def add_done_callback(self, callback: Callable[[Outcome], object]) -> None:
        """Call `callback` with this once it is settled; now if it is."""
        if self._done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def settle(self, error: BaseException | None = None) -> None:
        """Say how it ended; the first word counts."""
        if self._done:
            return
        self._done, self._error = True, error
        for wake in self._waiting:
            wake.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        if not self._done:
            runtime = current_runtime()
            wake = runtime.wake()
            self._waiting.append(wake)
            await runtime.park(wake)
        self.result()


def aborted_upload(cause: BaseException | None) -> UploadAbortedError:
    """Return the error for a body that was not sent whole."""
    aborted = UploadAbortedError("the request ended before its body was sent whole")
    aborted.__cause__ = cause
    return aborted


def settled() -> Outcome:
    """Return what says that a body was sent."""
    outcome = Outcome()
    outcome.settle()
    return outcome


class UploadTracker:
    """Follows the body of one request, given to it as ``upload_tracker=``.

    Raises RuntimeError for a second request, and where no event loop is running.
    """

    def __init__(self) -> None:
        current_runtime()
        self.bytes_written = 0
        """Bytes of the body that were handed to the connection, in the last attempt to send it."""
        self.attempts = 0
        """How often sending was begun: once more for each redirect and each connection that turned out to be dead."""
        self.upload_complete = Outcome()
        """Await it: done once the body was sent; raises UploadAbortedError where it never was, or what broke it."""
        self._used = False

    def bind(self) -> None:
        """Belong to a request. Raises RuntimeError where it does to another."""
        if self._used:
            raise RuntimeError("an UploadTracker follows one request only: make another")
        self._used = True

    def begin(self) -> None:
        """Say that the body is sent from its start."""
        self.attempts += 1
        self.bytes_written = 0

    def abort(self, error: BaseException | None = None) -> None:
        """Say that no more of the body will be sent."""
        if not self.upload_complete.done():
            self.upload_complete.settle(aborted_upload(error))
