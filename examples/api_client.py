"""A client of an API: tokens that expire, keys that make a POST safe to repeat, retries that are logged, typed errors.

It shows how middlewares share the work. From the outside in:

- `idempotency_key` gives each POST a key, once, so that the server can tell a repetition from a second order;
- `RetryMiddleware` sends again what failed in passing, POST too, since the key makes it safe;
- `BearerToken` puts the token on, and gets another one when the server no longer takes it: at each attempt anew.

Calls return values; what goes wrong is an `ApiError`, or one of drywire's errors of the connection.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final

from yarl import URL

import drywire
from drywire import ClientHandlerType, ClientRequest, ClientResponse
from drywire_transports import Wake, current_runtime

logger = logging.getLogger("api_client")

KEY: Final = "Idempotency-Key"
TIMEOUT: Final = drywire.ClientTimeout(total=30, sock_connect=5, sock_read=10)


class ApiError(Exception):
    """The API said no: its `status`, and `detail`, the JSON that it said it with, or the beginning of its text."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}"


async def idempotency_key(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Give a POST a key of its own, the same one for all its attempts."""
    if request.method == "POST" and KEY not in request.headers:
        request.headers[KEY] = uuid.uuid4().hex
    return await handler(request)


class BearerToken:
    """Sends a token that `fetch` gets, and gets another one after 401, once for all the requests that meet it.

    The token is for one origin: a redirect elsewhere does not take it along.
    """

    def __init__(self, origin: URL, fetch: Callable[[], Awaitable[str]]) -> None:
        self._origin = origin
        self._fetch = fetch
        self._token: str | None = None
        self._waiting: list[Wake] | None = None  # a list while one of the requests is fetching

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        if request.url.origin() != self._origin:
            return await handler(request)
        token = await self._other_than(None)
        response = await self._sent(request, handler, token)
        if response.status == 401 and request.replayable:
            async with response:  # its connection is free again, and nothing of the body is under way
                pass
            response = await self._sent(request, handler, await self._other_than(token))
        return response

    async def _sent(self, request: ClientRequest, handler: ClientHandlerType, token: str) -> ClientResponse:
        request.headers["Authorization"] = f"Bearer {token}"
        return await handler(request)

    async def _other_than(self, refused: str | None) -> str:
        """Return a token that is not `refused`; many requests that want one wait for the first to get it."""
        while self._token is None or self._token == refused:
            if self._waiting is None:
                return await self._renew()
            wake = current_runtime().wake()
            self._waiting.append(wake)
            await current_runtime().park(wake)
        return self._token

    async def _renew(self) -> str:
        self._token, self._waiting = None, []
        try:
            self._token = token = await self._fetch()
            return token
        finally:  # after an error or a cancellation the next one in the loop tries
            waiting, self._waiting = self._waiting, None
            for wake in waiting:
                wake.set()


def _log(request: ClientRequest, attempt: int, delay: float, reason: ClientResponse | drywire.ClientError) -> None:
    what = f"status {reason.status}" if isinstance(reason, ClientResponse) else repr(reason)
    logger.warning("attempt %d of %s %s: %s; again in %.2f s", attempt, request.method, request.url, what, delay)


class Api:
    """The API below `base_url`, which ends in a slash, for the holder of `secret`."""

    def __init__(self, base_url: str, secret: str, *, attempts: int = 4, backoff: float = 0.2) -> None:
        self._secret = secret
        self._session = drywire.ClientSession(
            base_url,
            timeout=TIMEOUT,
            headers={"Accept": "application/json"},
            middlewares=(
                idempotency_key,
                drywire.RetryMiddleware(attempts, methods={"POST"}, backoff=backoff, on_retry=_log),
                BearerToken(URL(base_url).origin(), self._new_token),
            ),
        )

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def _new_token(self) -> str:
        """Return a token for the secret; without the middlewares, that would want one."""
        async with self._session.post("token", json={"secret": self._secret}, middlewares=()) as response:
            token: str = (await _value(response))["token"]
            return token

    async def order(self, item: str, amount: int) -> str:
        """Order `amount` of `item` once, however often it has to be said, and return the number of the order."""
        async with self._session.post("orders", json={"item": item, "amount": amount}) as response:
            number: str = (await _value(response))["number"]
            return number

    async def orders(self) -> list[dict[str, Any]]:
        """Return all orders."""
        async with self._session.get("orders") as response:
            found: list[dict[str, Any]] = await _value(response)
            return found


async def _value(response: ClientResponse) -> Any:
    """Return the JSON of `response`. Raises ApiError for 400 and more, with what the API has to say of it."""
    if response.ok:
        return await response.json()
    is_json = response.content_type in ("application/json", "application/problem+json")
    raise ApiError(response.status, await response.json() if is_json else (await response.text())[:200])
