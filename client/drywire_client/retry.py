"""`RetryMiddleware`: a session's requests are sent again where that is safe and may help (RFC 9110, 9.2.2)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from inspect import isawaitable
from time import time  # noqa: TID251 - a Retry-After may name a date, and dates are the calendar's
from typing import Final

from drywire_sansio import retries
from drywire_transports import StreamBusy, current_runtime

from .errors import (
    AddressForbiddenError,
    ClientConnectorCertificateError,
    ClientError,
    ClientResponseError,
    ServerFingerprintMismatch,
    TotalTimeoutError,
)
from .middlewares import ClientHandlerType
from .request import ClientRequest
from .response import ClientResponse

__all__ = ["RetryHook", "RetryMiddleware"]

RetryHook = Callable[[ClientRequest, int, float, ClientResponse | ClientError], object]
"""``on_retry(request, attempt, delay, reason)``: a function, or a coroutine function."""

_LASTING: Final = (AddressForbiddenError, ClientConnectorCertificateError, ServerFingerprintMismatch)
"""Errors that the next attempt would meet again."""


class RetryMiddleware:
    """Sends requests again that failed: give it to a session, ``ClientSession(middlewares=(RetryMiddleware(),))``.

    A request is sent at most `attempts` times (an int of 1 or more; 3). It is sent again

    - after an error that is `safe_to_retry`: nothing of the request went out, or its method is idempotent;
    - after a status in `statuses` (429, 502, 503 and 504), if its method is idempotent;
    - in both cases only if its body can be sent again: bytes, a form, a file that can be sought, but no generator.

    `methods` names methods that are taken for idempotent besides those that are (RFC 9110, 9.2.2), such as ``{"POST"}``
    for a server that knows requests by a key of their own. A certificate that is not trusted stays so: its errors are
    not tried again, nor is a response that is not HTTP.

    Before the retry number n (from 0) it waits for a random time between 0 and ``backoff * factor ** n`` seconds (0.1
    and 2), at most `longest` (10); `jitter` returns that chance, a number from 0 to 1. Where the server says
    Retry-After, it waits for that long besides; if that is more than `longest_retry_after` seconds (60), the response
    is the caller's. ``respect_retry_after=False`` passes over the field. `clock` gives the seconds since the epoch, for
    a Retry-After that is a date.

    The total timeout counts over all attempts and waits: a wait that would pass it is not begun. The limit for
    connecting counts for each attempt anew.

    `on_retry` is called before each wait with the request, the number of the attempt that failed (from 1), the seconds
    to wait, and the response or error that is the reason; it may be a coroutine function, may read the response, and
    may change the request's headers. What it raises goes to the caller.

    What the last attempt brought is what the caller gets. An error has a note that tells which attempt it was, and what
    became of those before. Redirects are requests of their own, each with as many attempts. An instance keeps nothing
    of the requests, so sessions and tasks may share it; ``middlewares=()`` leaves it out of one request.

    Raises TypeError and ValueError for arguments that are not valid.
    """

    def __init__(
        self,
        attempts: int = 3,
        *,
        statuses: Collection[int] = frozenset({429, 502, 503, 504}),
        methods: Collection[str] | None = None,
        backoff: float = 0.1,
        factor: float = 2.0,
        longest: float = 10.0,
        respect_retry_after: bool = True,
        longest_retry_after: float = 60.0,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time,
        on_retry: RetryHook | None = None,
    ) -> None:
        if isinstance(methods, str):
            raise TypeError(f"methods must be a collection of names, such as {{{methods!r}}}")
        if attempts < 1:
            raise ValueError(f"attempts must be 1 or more, not {attempts}")
        self._attempts: Final = attempts
        self._statuses: Final = frozenset(statuses)
        self._methods: Final = retries.IDEMPOTENT.union(method.upper() for method in methods or ())
        self._backoff: Final = _checked("backoff", backoff)
        self._factor: Final = _checked("factor", factor, 1000)
        self._longest: Final = _checked("longest", longest)
        self._longest_retry_after: Final = _checked("longest_retry_after", longest_retry_after, math.inf)
        self._respects: Final = respect_retry_after
        self._jitter: Final = jitter
        self._clock: Final = clock
        self._on_retry: Final = on_retry

    def __repr__(self) -> str:
        return f"<RetryMiddleware attempts={self._attempts}>"

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send `request` by `handler`, again where that is safe and may help."""
        runtime = current_runtime()
        earlier: list[str] = []
        while True:
            failed: ClientError | None = None  # forgotten in each turn: it holds this frame, by its traceback
            response: ClientResponse | None = None
            try:
                response = await handler(request)
                delay = self._delay_after(request, response, len(earlier), runtime.now())
                if delay is None:
                    return response
            except ClientError as error:
                delay = self._delay_after(request, error, len(earlier), runtime.now())
                if delay is None:
                    self._note(error, earlier)
                    raise
                failed = error
            except TotalTimeoutError as error:
                self._note(error, earlier)
                raise
            until = runtime.now() + delay
            if response is not None:
                earlier.append(f"status {response.status}")
                async with response:
                    await self._tell(request, len(earlier), delay, response)
                    with suppress(StreamBusy):  # read ahead for those who wait for its place: they get it at once
                        await response.drain()
            elif failed is not None:
                earlier.append(type(failed).__name__)
                await self._tell(request, len(earlier), delay, failed)
            await runtime.sleep_until(until)
            request.deadlines.for_attempt(runtime)

    def _delay_after(
        self, request: ClientRequest, result: ClientResponse | ClientError, retried: int, now: float
    ) -> float | None:
        """Return the seconds to wait before `request` is sent again after `result`, None where it is not."""
        if retried + 1 >= self._attempts or not self._is_passing(result) or not self._may_repeat(request, result):
            return None
        delay = retries.backoff(
            retried, base=self._backoff, factor=self._factor, longest=self._longest, jitter=self._jitter
        )
        asked = self._asked_for(getattr(result, "headers", None))
        if asked > self._longest_retry_after or now + asked + delay >= request.deadlines.total:
            return None
        return asked + delay

    def _is_passing(self, result: ClientResponse | ClientError) -> bool:
        """Return whether the next attempt may end in another way than this."""
        if isinstance(result, ClientResponse | ClientResponseError):
            return result.status in self._statuses
        return not isinstance(result, _LASTING)

    def _may_repeat(self, request: ClientRequest, result: ClientResponse | ClientError) -> bool:
        """Return whether `request` may be sent again without harm, and can be."""
        payload = request.payload
        if payload is not None and (payload.consumed or not payload.replayable):
            return False
        if isinstance(result, ClientError):
            if result.safe_to_retry:
                return True
            if result.phase is None and not isinstance(result, ClientResponseError):
                return False  # no request was under way: it is wrong in itself
        return request.method in self._methods

    def _asked_for(self, headers: Mapping[str, str] | None) -> float:
        """Return the seconds that the server wants to be left alone for."""
        if headers is None or not self._respects:
            return 0.0
        return retries.retry_after(headers.get("Retry-After"), self._clock()) or 0.0

    async def _tell(
        self, request: ClientRequest, attempt: int, delay: float, reason: ClientResponse | ClientError
    ) -> None:
        if self._on_retry is not None:
            told = self._on_retry(request, attempt, delay, reason)
            if isawaitable(told):
                await told

    def _note(self, error: ClientError | TotalTimeoutError, earlier: list[str]) -> None:
        before = f", after {', '.join(earlier)}" if earlier else ""
        error.add_note(f"RetryMiddleware: attempt {len(earlier) + 1} of {self._attempts}{before}")


def _checked(name: str, value: float, most: float = 1e9) -> float:
    """Return `value`. Raises ValueError unless it lies between 0 and `most`, which keeps the bound a finite number."""
    if not 0 <= value <= most:
        raise ValueError(f"{name} must be a number from 0 to {most:g}, not {value!r}")
    return value
