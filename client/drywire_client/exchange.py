"""One request to its response: take a connection, send, read the head, and once more where that is safe."""

from __future__ import annotations

import math
from typing import Final

from drywire_sansio import http1
from drywire_sansio.retries import may_repeat_unanswered
from drywire_transports import Runtime, StreamTimeout, TransportError, current_runtime

from .connections import Connection
from .connector import BaseConnector
from .errors import (
    ClientError,
    ClientOSError,
    ClientResponseError,
    Phase,
    ServerDisconnectedError,
    TotalTimeoutError,
)
from .request import ClientRequest
from .response import ClientResponse
from .tracing import TraceRequestChunkSentParams, TraceRequestHeadersSentParams, emit
from .upload import Upload, inline_body

__all__ = ["exchange"]

_UNFINISHED: Final = frozenset({"closed-without-response", "incomplete-head"})
_NEED_DATA: Final = http1.NEED_DATA
CONTINUE_WAIT: Final = 1.0
"""Seconds that a body waits for 100 Continue: a server that does not know it must not make it wait for ever (RFC 9110,
10.1.1)."""


class _Stale(Exception):
    """The server closed a kept connection before it answered: `args[0]` is the error if nothing else can be done."""


async def exchange(request: ClientRequest) -> ClientResponse:
    """Send `request` and return its response, the body still to come; its session keeps the cookies.

    A request that meets a kept connection which the server has just closed is sent again if it is idempotent, its body
    can be sent again, and nothing was received: at most as often as there are kept connections, then on a fresh one.

    Raises the errors of `errors.py`, TimeoutError where the total timeout has passed, and RuntimeError where the
    session is closed.
    """
    connector: BaseConnector | None = request.session.connector
    if connector is None:
        raise RuntimeError("Session is closed")
    runtime = connector.runtime or current_runtime()
    request.deadlines.for_attempt(runtime)
    if request.was_sent:
        request.renew_cookies()  # a middleware sends it again: after a challenge that set one, or to retry
    request.was_sent = True
    key = connector.key_of(request)
    response: ClientResponse | None = None
    while response is None:
        connection = None if request.settings.traces else connector.take_idle(key, request.is_idempotent)
        if connection is None:
            connection = await _connected(connector, request)
        try:
            response = await _attempt(connection, request, runtime)
        except _Stale as stale:
            connection.close()
            if not _may_repeat(connection, request):
                broken = stale.args[0]
                note_progress(broken, request, connection, "head")
                raise broken from broken.__cause__
            request.deadlines.for_attempt(runtime)
        except BaseException as error:
            connection.close()
            if isinstance(error, ClientError | TotalTimeoutError):
                note_progress(error, request, connection, "head")
            raise
    if response.sets_cookies:
        _keep_cookies(request, response)
    return response


async def _connected(connector: BaseConnector, request: ClientRequest) -> Connection:
    try:
        return await connector.connect(request, request.settings.traces, request.deadlines.timeout)
    except (ClientError, TotalTimeoutError) as error:
        note_progress(error, request, None, "connect")
        raise


def _keep_cookies(request: ClientRequest, response: ClientResponse) -> None:
    cookies = response.headers.getall("Set-Cookie", ())
    try:
        request.session.cookie_jar.update_cookies_from_headers(cookies, response.url)
    except BaseException:
        response.close()  # a jar of the user's own may raise
        raise


def _may_repeat(connection: Connection, request: ClientRequest) -> bool:
    return may_repeat_unanswered(
        request.method, replayable=request.replayable, reused=connection.reused, answered=connection.answered
    )


def note_progress(
    error: ClientError | TotalTimeoutError, request: ClientRequest, connection: Connection | None, phase: Phase
) -> None:
    """Write down in `error` how far `request` had come when it failed in `phase`."""
    if error.phase is not None:
        phase = error.phase
    elif connection is not None and not connection.sent:
        phase = "send"
    error.phase = phase
    if connection is not None:
        error.bytes_sent = connection.sent
        error.response_started = connection.answered
        error.connection_reused = connection.reused
    error.safe_to_retry = request.replayable and (not error.bytes_sent or request.is_idempotent)


async def _attempt(connection: Connection, request: ClientRequest, runtime: Runtime) -> ClientResponse:
    """Send `request` on `connection`. Raises _Stale where the connection ended before a byte of the response."""
    upload: Upload | None = None
    try:
        body = b"" if request.payload is None else inline_body(request)
        head: http1.Response | None = None
        if body is not None:
            await connection.stream.send(*_whole(connection, request, body))
            if request.settings.traces or request.settings.upload_tracker is not None:
                await _tell_of_sending(request, body)
        else:
            head = await _send_head(connection, request, runtime)
            if head is None:
                upload = Upload(connection, request)
                upload.start(runtime)
        while head is None:
            head = await _receive_head(connection, request, runtime, upload=upload)
        made: ClientResponse = (request.settings.response_class or ClientResponse)(
            request, head, connection, runtime, upload
        )
        return made
    except BaseException as error:
        if upload is not None:
            upload.cancel()
        failed = _translated(error, request, upload, runtime)
        if failed is error:
            raise
        raise failed from failed.__cause__ or error


def _translated(error: BaseException, request: ClientRequest, upload: Upload | None, runtime: Runtime) -> BaseException:
    """Return the client's own error for `error`; the same where it is one, or none of ours."""
    if isinstance(error, StreamTimeout):
        return request.deadlines.blame(runtime.now(), "read")
    if isinstance(error, http1.LocalProtocolError):
        return ValueError(f"the request cannot be sent as it is: {error}")
    if not isinstance(error, http1.RemoteProtocolError | TransportError):
        return error
    if upload is not None and upload.error is not None:
        return upload.error
    if isinstance(error, http1.RemoteProtocolError):
        return _protocol_error(request, error)
    text = f"{error}: {request.method} {request.url}"
    errno = getattr(error, "errno", None) or getattr(error.__cause__, "errno", None)
    broken = ClientOSError(text) if errno is None else ClientOSError(errno, text)
    broken.__cause__ = error
    return _Stale(broken)


def _whole(connection: Connection, request: ClientRequest, body: bytes | memoryview) -> list[http1.Buffer]:
    """Return the head, and a body that lies in memory, to be sent in one go."""
    connection.stream.write_deadline = request.deadlines.total
    buffers = connection.channel.connection.send_whole(request.head(), body)
    connection.sent = len(buffers[0]) + len(body)
    return buffers


async def _tell_of_sending(request: ClientRequest, body: bytes | memoryview) -> None:
    settings = request.settings
    if settings.upload_tracker is not None:
        settings.upload_tracker.begin()
        settings.upload_tracker.bytes_written = len(body)
        settings.upload_tracker.upload_complete.settle()
    if settings.traces:
        await _trace_head(request)
        if body:
            params = TraceRequestChunkSentParams(request.method, request.url, bytes(body))
            await emit(settings.traces, "request_chunk_sent", params)


async def _send_head(connection: Connection, request: ClientRequest, runtime: Runtime) -> http1.Response | None:
    """Send the head alone. Where the server is asked first whether it wants the body, return its response if it has one
    instead, and None once the body may follow.
    """
    stream, core = connection.stream, connection.channel.connection
    stream.write_deadline = request.deadlines.total
    buffers = core.send_buffers(request.head())
    connection.sent = len(buffers[0])
    await stream.send(*buffers)
    if request.settings.traces:
        await _trace_head(request)
    if not core.client_is_waiting_for_100_continue:
        return None
    patience = runtime.now() + CONTINUE_WAIT
    try:
        return await _receive_head(connection, request, runtime, patience)
    except StreamTimeout:
        if runtime.now() >= min(request.deadlines.total, request.deadlines.read(patience)):
            raise
        return None


async def _trace_head(request: ClientRequest) -> None:
    params = TraceRequestHeadersSentParams(request.method, request.url, request.headers)
    await emit(request.settings.traces, "request_headers_sent", params)


async def _receive_head(
    connection: Connection,
    request: ClientRequest,
    runtime: Runtime,
    patience: float = math.inf,
    upload: Upload | None = None,
) -> http1.Response | None:
    """Return the next head but 102, 103 and their like: the final response, 101 to a request to switch, None for 100.

    `patience` is when to stop waiting for anything.
    """
    stream, core = connection.stream, connection.channel.connection
    while True:
        event = core.next_event() if core.has_unread else _NEED_DATA
        while event is _NEED_DATA:
            is_sent = upload is None or upload.done
            deadline = request.deadlines.read(runtime.now()) if is_sent else request.deadlines.total
            stream.read_deadline = min(deadline, patience)
            data = await stream.receive()
            if data:
                connection.answered = True
            core.receive_data(data)
            event = core.next_event()
        if isinstance(event, http1.Response):
            return event
        if not isinstance(event, http1.InformationalResponse):
            raise ClientOSError(f"the server switched protocols unasked: {event!r}")
        if event.status == 101:
            return http1.Response(event.status, event.headers, event.reason, event.http_version)
        if event.status == 100:
            return None


def _protocol_error(request: ClientRequest, error: http1.RemoteProtocolError) -> Exception:
    if error.rule in _UNFINISHED:
        where = "" if error.rule == "closed-without-response" else " inside the head of its response"
        disconnected = ServerDisconnectedError(where=f"{where}: {request.method} {request.url}")
        disconnected.__cause__ = error
        return _Stale(disconnected) if error.rule == "closed-without-response" else disconnected
    return ClientResponseError(request.request_info, (), status=400, message=str(error))
