"""`LoggedConnection`: a connection whose requests are logged."""

from __future__ import annotations

from typing import Any, Final

from drywire_sansio import http1
from drywire_transports import ByteStream
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import fields_to_map

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


class TellingCore(http1.ServerConnection):
    """A protocol core that knows what it has written of the present response."""

    __slots__ = ("beside_body", "body_size", "head")

    def __init__(self, limits: http1.Limits | None = None) -> None:
        super().__init__(limits)
        self.forget()

    def forget(self) -> None:
        """Begin with another response."""
        self.head: http1.Response | http1.InformationalResponse | None = None
        """The final head that went out, or that of a switch to another protocol."""
        self.body_size = 0
        """Bytes of the body that went out."""
        self.beside_body = 0
        """Bytes of what went out beside it: of the head, as it was sent last, and of the chunked coding."""

    def send_buffers(self, event: http1.Event) -> list[http1.Buffer]:
        """Return the buffers that carry `event`, counted."""
        buffers = super().send_buffers(event)
        if isinstance(event, http1.Data):
            size = _size(event.data)
            self.body_size += size
            self.beside_body += _size(*buffers) - size
        elif isinstance(event, http1.EndOfMessage):
            self.beside_body += _size(*buffers)
        elif isinstance(event, http1.Response | http1.InformationalResponse):
            self._tell_head(event, buffers)
        return buffers

    def send_whole(self, head: http1.Request | http1.Response, body: http1.Buffer = b"") -> list[http1.Buffer]:
        """Return the buffers of a whole response, counted."""
        buffers = super().send_whole(head, body)
        if isinstance(head, http1.Response):
            self._tell_head(head, buffers)
            self.body_size = _size(body)
            self.beside_body -= self.body_size
        return buffers

    def _tell_head(self, head: http1.Response | http1.InformationalResponse, buffers: list[http1.Buffer]) -> None:
        self.beside_body = _size(*buffers)
        if head.status >= 200 or head.status == SWITCHING:
            self.head = head


def _size(*buffers: http1.Buffer) -> int:
    return sum(buffer.nbytes if isinstance(buffer, memoryview) else len(buffer) for buffer in buffers)


class LoggedConnection(ServerConnection):
    """Logs each request once, after its response, whichever way that ended."""

    __slots__ = ("_access", "_answer", "_told")

    def __init__(
        self, stream: ByteStream, server: Owner, access: AbstractAccessLogger | AbstractAsyncAccessLogger
    ) -> None:
        super().__init__(stream, server)
        self.core = self._told = TellingCore(server.limits)
        self._channel = HTTPChannel(stream, self.core)
        self._access = access
        self._answer: Any = None

    @property
    def head_size(self) -> int:
        """Bytes of the present response beside its body: of its head, and of the chunked coding."""
        return self._told.beside_body

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
        if self._told.head is not None:
            await self._log(BaseRequest(UNREADABLE, EMPTY_BODY, self), self._now())

    def _forget(self) -> None:
        self._answer = None
        self._told.forget()

    async def _log(self, request: BaseRequest, began: float) -> None:
        answer, access = self._answer, self._access
        self._answer = None
        if not getattr(answer, "prepared", False):  # what went out is another response, or none
            answer = self._as_sent()
        try:
            if isinstance(access, AbstractAsyncAccessLogger):
                await access.log(request, answer, began)
            else:
                access.log(request, answer, self._now() - began)
        except Exception:
            self._server.logger.exception("the access log failed")

    def _as_sent(self) -> Response:
        """Return a response that says what went out."""
        told = self._told
        if told.head is None:
            return Response(status=CLIENT_GONE)
        answer = Response(status=told.head.status, headers=fields_to_map(told.head.headers))
        answer._body_length = told.body_size
        return answer
