"""One request to its final response: take a connection, send, read the head, and once more where that is safe."""

from __future__ import annotations

from typing import Final

from drywire_sansio import http1
from drywire_transports import Runtime, StreamTimeout, TransportError
from drywire_transports.message_fields import fields_to_map

from .connector import Connection, TCPConnector
from .errors import ClientOSError, ClientResponseError, ServerDisconnectedError
from .request import ClientRequest, RequestInfo
from .response import ClientResponse
from .timeouts import Deadlines
from .upload import Upload, sent_inline

__all__ = ["exchange"]

# RFC 9110, 9.2.2
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_UNFINISHED: Final = frozenset({"closed-without-response", "incomplete-head"})
_NEED_DATA: Final = http1.NEED_DATA


class _Stale(Exception):
    """The server closed a kept connection before it answered: `args[0]` is the error if nothing else can be done."""


async def exchange(
    connector: TCPConnector, request: ClientRequest, deadlines: Deadlines, runtime: Runtime
) -> ClientResponse:
    """Send `request` and return its response, the body still to come.

    A request that meets a kept connection which the server has just closed is sent again if it is idempotent, its body
    can be sent again, and nothing was received: at most as often as there are kept connections, then on a fresh one.

    Raises the errors of `errors.py`, and TimeoutError where the total timeout has passed.
    """
    url = request.url
    key = connector.key(url.raw_host or "", url.port or 80, url.scheme == "https", request.ssl, request.server_hostname)
    while True:
        connection = await connector.connect(key, deadlines)
        try:
            return await _attempt(connection, request, deadlines, runtime)
        except _Stale as stale:
            connection.close()
            if not _may_repeat(connection, request):
                raise stale.args[0] from stale.args[0].__cause__
        except BaseException:
            connection.close()
            raise


def _may_repeat(connection: Connection, request: ClientRequest) -> bool:
    replayable = request.payload is None or request.payload.replayable
    return connection.reused and not connection.answered and request.method in IDEMPOTENT and replayable


async def _attempt(
    connection: Connection, request: ClientRequest, deadlines: Deadlines, runtime: Runtime
) -> ClientResponse:
    """Send `request` on `connection`. Raises _Stale where the connection ended before a byte of the response."""
    payload = request.payload
    upload: Upload | None = None
    stream, core = connection.stream, connection.channel.connection
    try:
        try:
            stream.write_deadline = deadlines.total
            if sent_inline(payload):
                body = b"" if payload is None else payload.data  # type: ignore[union-attr]  # bytes if sent inline
                await stream.send(*core.send_whole(request.head(), body))
            else:
                assert payload is not None
                await stream.send(*core.send_buffers(request.head()))
                upload = Upload(connection, payload, deadlines)
                upload.start(runtime)
            head = await _receive_head(connection, deadlines, runtime)
        except StreamTimeout as error:
            raise deadlines.blame(runtime.now(), "read") from error
        except http1.LocalProtocolError as error:
            raise ValueError(f"the request cannot be sent as it is: {error}") from error
        except http1.RemoteProtocolError as error:
            _raise_upload_error(upload, error)
            raise _protocol_error(request, error) from error
        except TransportError as error:
            _raise_upload_error(upload, error)
            broken = ClientOSError(getattr(error, "errno", None), str(error))
            broken.__cause__ = error
            raise _Stale(broken) from error
        return ClientResponse(request, head, connection, deadlines, runtime, upload)
    except BaseException:
        if upload is not None:
            upload.cancel()
        raise


async def _receive_head(connection: Connection, deadlines: Deadlines, runtime: Runtime) -> http1.Response:
    """Return the head of the final response, or of 101 to a request to switch; interim ones are passed over."""
    stream, core = connection.stream, connection.channel.connection
    while True:
        event = core.next_event()
        if event is _NEED_DATA:
            stream.read_deadline = deadlines.read(runtime.now())
            data = await stream.receive()
            if data:
                connection.answered = True
            core.receive_data(data)
        elif isinstance(event, http1.Response):
            return event
        elif not isinstance(event, http1.InformationalResponse):
            raise ClientOSError(None, f"the server switched protocols unasked: {event!r}")
        elif event.status == 101:
            return http1.Response(event.status, event.headers, event.reason, event.http_version)


def _raise_upload_error(upload: Upload | None, error: Exception) -> None:
    if upload is not None and upload.error is not None:
        raise upload.error from upload.error.__cause__ or error


def _protocol_error(request: ClientRequest, error: http1.RemoteProtocolError) -> Exception:
    if error.rule in _UNFINISHED:
        disconnected = ServerDisconnectedError()
        disconnected.__cause__ = error
        return _Stale(disconnected) if error.rule == "closed-without-response" else disconnected
    url = request.url
    info = RequestInfo(url.with_fragment(None), request.method, fields_to_map(request.fields), url)
    return ClientResponseError(info, (), status=400, message=str(error))
