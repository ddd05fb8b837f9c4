"""One request to its response: take a connection, send, read the head, and once more where that is safe."""

from __future__ import annotations

import math
from typing import Final

from drywire_sansio import http1
from drywire_sansio.retries import may_repeat_unanswered
from drywire_transports import Runtime, StreamTimeout, TransportError

from .connector import Connection, TCPConnector
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


async def exchange(connector: TCPConnector, request: ClientRequest, runtime: Runtime) -> ClientResponse:
    """Send `request` and return its response, the body still to come.

    A request that meets a kept connection which the server has just closed is sent again if it is idempotent, its body
    can be sent again, and nothing was received: at most as often as there are kept connections, then on a fresh one.

    Raises the errors of `errors.py`, and TimeoutError where the total timeout has passed.
    """
    key = connector.key_of(request)
    while True:
        try:
            connection = await connector.connect(key, request.deadlines, request.settings.traces)
        except (ClientError, TotalTimeoutError) as error:
            note_progress(error, request, None, "connect")
            raise
        try:
            return await _attempt(connection, request, runtime)
        except _Stale as stale:
            connection.close()
            if not _may_repeat(connection, request):
                broken = stale.args[0]
                note_progress(broken, request, connection, "head")
                raise broken from broken.__cause__
            request.deadlines.for_attempt(runtime.now())
        except BaseException as error:
            connection.close()
            if isinstance(error, ClientError | TotalTimeoutError):
                note_progress(error, request, connection, "head")
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
        try:
            body = inline_body(request)
            head: http1.Response | None = None
            if body is not None:
                await _send_whole(connection, request, body)
            else:
                head = await _send_head(connection, request, runtime)
                if head is None:
                    assert request.payload is not None
                    upload = Upload(connection, request, request.payload)
                    upload.start(runtime)
            if head is None:
                head = await _receive_final_head(connection, request, runtime)
        except StreamTimeout as error:
            raise request.deadlines.blame(runtime.now(), "read") from error
        except http1.LocalProtocolError as error:
            raise ValueError(f"the request cannot be sent as it is: {error}") from error
        except http1.RemoteProtocolError as error:
            _raise_upload_error(upload, error)
            raise _protocol_error(request, error) from error
        except TransportError as error:
            _raise_upload_error(upload, error)
            text = f"{error}: {request.method} {request.url}"
            errno = getattr(error, "errno", None)
            broken = ClientOSError(text) if errno is None else ClientOSError(errno, text)
            broken.__cause__ = error
            raise _Stale(broken) from error
        made: ClientResponse = (request.settings.response_class or ClientResponse)(
            request, head, connection, runtime, upload
        )
        return made
    except BaseException:
        if upload is not None:
            upload.cancel()
        raise


async def _send_whole(connection: Connection, request: ClientRequest, body: bytes | memoryview) -> None:
    """Send the head and a body that lies in memory in one go."""
    stream, settings = connection.stream, request.settings
    stream.write_deadline = request.deadlines.total
    head = request.head()
    buffers = connection.channel.connection.send_whole(head, body)
    connection.sent = len(buffers[0]) + len(body)
    await stream.send(*buffers)
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


async def _receive_final_head(connection: Connection, request: ClientRequest, runtime: Runtime) -> http1.Response:
    """Return the head of the final response; interim ones are passed over."""
    while True:
        head = await _receive_head(connection, request, runtime)
        if head is not None:
            return head


async def _receive_head(
    connection: Connection, request: ClientRequest, runtime: Runtime, patience: float = math.inf
) -> http1.Response | None:
    """Return the next head but 102, 103 and their like: the final response, 101 to a request to switch, None for 100.

    `patience` is when to stop waiting for anything.
    """
    stream, core = connection.stream, connection.channel.connection
    while True:
        event = core.next_event()
        if event is _NEED_DATA:
            stream.read_deadline = min(request.deadlines.read(runtime.now()), patience)
            data = await stream.receive()
            if data:
                connection.answered = True
            core.receive_data(data)
        elif isinstance(event, http1.Response):
            return event
        elif not isinstance(event, http1.InformationalResponse):
            raise ClientOSError(f"the server switched protocols unasked: {event!r}")
        elif event.status == 101:
            return http1.Response(event.status, event.headers, event.reason, event.http_version)
        elif event.status == 100:
            return None


def _raise_upload_error(upload: Upload | None, error: Exception) -> None:
    if upload is not None and upload.error is not None:
        raise upload.error from upload.error.__cause__ or error


def _protocol_error(request: ClientRequest, error: http1.RemoteProtocolError) -> Exception:
    if error.rule in _UNFINISHED:
        where = "" if error.rule == "closed-without-response" else " inside the head of its response"
        disconnected = ServerDisconnectedError(where=f"{where}: {request.method} {request.url}")
        disconnected.__cause__ = error
        return _Stale(disconnected) if error.rule == "closed-without-response" else disconnected
    return ClientResponseError(request.request_info, (), status=400, message=str(error))
