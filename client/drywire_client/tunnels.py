"""Asking an HTTP proxy for a tunnel (RFC 9110, 9.3.6)."""

from __future__ import annotations

import math
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_transports import ByteStream, ClientTLS, TransportError
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import fields_to_map

from .errors import ClientHttpProxyError
from .proxies import ProxyRoute, connect_request
from .request import RequestInfo

__all__ = ["TunnelBroken", "open_tunnel", "tls_inside"]

_UNFINISHED: Final = frozenset({"closed-without-response", "incomplete-head"})


class TunnelBroken(TransportError):
    """The proxy ended the connection in place of an answer, or said more than its answer."""


async def open_tunnel(
    stream: ByteStream, route: ProxyRoute, url: URL, limits: http1.Limits | None, deadline: float
) -> None:
    """Have the proxy at the other end of `stream` connect it with the host of `url`, until `deadline`.

    `deadline` holds for the stream from then on. Raises ClientHttpProxyError where the proxy refuses or is not
    understood, ValueError for what cannot be asked, TunnelBroken and what a stream raises; the stream is aborted then.
    """
    opened = False
    try:
        await _ask(stream, route, url, limits, deadline)
        opened = True
    finally:
        if not opened:
            stream.abort()


async def tls_inside(stream: ByteStream, tls: ClientTLS | None, host: str) -> ByteStream:
    """Return the stream to `host` inside the tunnel `stream`: over TLS, if there is any, and without a deadline.

    Raises TLSFailed, StreamTimeout; the stream is aborted then.
    """
    if tls is not None:
        stream = await stream.start_tls(tls.context, server_hostname=tls.server_hostname or host)
    stream.read_deadline = stream.write_deadline = math.inf
    return stream


async def _ask(stream: ByteStream, route: ProxyRoute, url: URL, limits: http1.Limits | None, deadline: float) -> None:
    channel = HTTPChannel(stream, http1.ClientConnection(limits))
    stream.read_deadline = stream.write_deadline = deadline
    try:
        request = connect_request(route, url.raw_host or "", url.port or 80)
        await channel.send(request, http1.EndOfMessage())
        response = await _final_response(channel)
    except http1.LocalProtocolError as error:
        raise ValueError(f"the proxy cannot be asked for a tunnel: {error}") from error
    except http1.RemoteProtocolError as error:
        if error.rule in _UNFINISHED:
            raise TunnelBroken("the proxy closed the connection without an answer to CONNECT") from error
        raise _refusal(url, request, 400, str(error)) from error
    if not 200 <= response.status < 300:
        reason = response.reason.decode("utf-8", "replace")
        raise _refusal(url, request, response.status, reason, fields_to_map(response.headers))
    if channel.connection.trailing_data[0]:
        # The client speaks first, in TLS as in HTTP: whatever this is, it does not come from the server.
        raise TunnelBroken("the proxy sent bytes of its own through the tunnel")


async def _final_response(channel: HTTPChannel) -> http1.Response:
    while True:
        event = await channel.next_event()
        if isinstance(event, http1.Response):
            return event


def _refusal(
    url: URL, request: http1.Request, status: int, message: str, headers: CIMultiDictProxy[str] | None = None
) -> ClientHttpProxyError:
    # The login is left out: errors come into logs.
    asked = CIMultiDict(fields_to_map(request.headers))
    asked.popall("Proxy-Authorization", None)
    info = RequestInfo(url, "CONNECT", CIMultiDictProxy(asked))
    error = ClientHttpProxyError(info, (), status=status, message=message, headers=headers)
    error.phase = "proxy"
    return error
