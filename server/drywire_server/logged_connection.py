"""`LoggedConnection`: a connection whose requests are logged."""

from __future__ import annotations

from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import ByteStream

from .access_log import AbstractAccessLogger, AbstractAsyncAccessLogger
from .base_request import BaseRequest
from .connection import EMPTY_BODY, Owner, ServerConnection
from .request import Request
from .response import Response

__all__ = ["LoggedConnection"]

UNREADABLE: Final = http1.Request(b"UNKNOWN", b"/", (), b"1.0")
"""What stands in the log for a request that could not be read."""

CLIENT_GONE: Final = 499
"""What stands in the log for a status, where the client went away before it got one."""

SWITCHING: Final = 101
STATUS_LINE: Final = len("HTTP/1.1 200 \r\n\r\n")
FIELD_MARKS: Final = len(": \r\n")


class LoggedConnection(ServerConnection):
    """Logs each request once, after its response, whichever way that ended."""

    __slots__ = ("_access", "_answer", "_sent_body", "_sent_head", "head_size")

    def __init__(
        self, stream: ByteStream, server: Owner, access: AbstractAccessLogger | AbstractAsyncAccessLogger
    ) -> None:
        super().__init__(stream, server)
        self.head_size = 0
        """Bytes of the head that was sent last."""
        self._access = access
        self._answer: Any = None
        self._sent_body = 0
        self._sent_head: http1.Response | http1.InformationalResponse | None = None

    async def send(self, *events: http1.Event) -> None:
        """Send `events` to the client."""
        if events and isinstance(head := events[0], http1.Response | http1.InformationalResponse):
            self.head_size = STATUS_LINE + len(head.reason)
            self.head_size += sum(len(name) + len(value) + FIELD_MARKS for name, value in head.headers)
            if head.status >= 200 or head.status == SWITCHING:
                self._sent_head = head
        self._sent_body += sum(len(event.data) for event in events if isinstance(event, http1.Data))
        await super().send(*events)

    async def _respond(self, request: Request) -> bool:
        began = self._now()
        self._forget()
        try:
            answered = await super()._respond(request)
        except BaseException as error:
            # A coroutine that is being cancelled must not wait, and only the user knows whether this one would.
            if isinstance(error, Exception) or isinstance(self._access, AbstractAccessLogger):
                await self._log(request, began)
            raise
        await self._log(request, began)
        return answered

    async def _sent(self, response: object, request: Request, is_raised: bool = True) -> bool:
        self._answer = response
        return await super()._sent(response, request, is_raised)

    async def _refuse(self, status: int, reason: str) -> None:
        self._forget()
        await super()._refuse(status, reason)
        if self._sent_head is not None:
            await self._log(BaseRequest(UNREADABLE, EMPTY_BODY, self), self._now())

    def _forget(self) -> None:
        self._answer = self._sent_head = None
        self.head_size = self._sent_body = 0

    async def _log(self, request: BaseRequest, began: float) -> None:
        answer, access = self._answer, self._access
        self._answer = None
        if answer is None or not hasattr(answer, "body_length"):
            head = self._sent_head
            answer = Response(status=CLIENT_GONE if head is None else head.status)
            answer._body_length = self._sent_body
        try:
            if isinstance(access, AbstractAsyncAccessLogger):
                await access.log(request, answer, began)
            else:
                access.log(request, answer, self._now() - began)
        except Exception:
            self._server.logger.exception("the access log failed")
