"""Asking a proxy for a tunnel: one that speaks HTTP by CONNECT (RFC 9110, 9.3.6), over TLS or not, and one of SOCKS."""

from __future__ import annotations

import math
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from drywire_sansio import http1
from drywire_sansio.errors import LocalProtocolError, RemoteProtocolError
from drywire_sansio.socks import SocksHandshake, SocksRefused
from drywire_transports import ByteStream, TLSFailed, TransportError
from drywire_transports.http_channel import HTTPChannel
from drywire_transports.message_fields import fields_to_map

from .errors import ClientHttpProxyError, shortened
from .proxies import ProxyRoute, connect_request, socks_login
from .request import RequestInfo
from .tls_settings import certificate_name

__all__ = ["TunnelBroken", "TunnelRefused", "open_tunnel", "tls_to_proxy", "tunnel_by_addresses"]

_UNFINISHED: Final = frozenset({"closed-without-response", "incomplete-head"})
_ADDRESSES: Final = 4
"""Addresses of a server that a SOCKS proxy is asked for at most, each over a connection of its own."""


class TunnelBroken(TransportError):
    """The proxy ended the connection in place of an answer, or said more than its answer."""


class TunnelRefused(TransportError):
    """A SOCKS proxy does not open the connection; `other_address_may_do` tells whether to ask for another address."""

    def __init__(self, message: str, other_address_may_do: bool = False) -> None:
        super().__init__(message)
        self.other_address_may_do = other_address_may_do


async def open_tunnel(
    stream: ByteStream,
    route: ProxyRoute,
    url: URL,
    limits: http1.Limits | None,
    deadline: float,
    address: str | None = None,
) -> None:
    """Have the proxy at the other end of `stream` connect it with the host of `url`, until `deadline`.

    `address` is that of the host where it was resolved here. The stream is without a deadline then. Raises
    ClientHttpProxyError where an HTTP proxy refuses or is not understood, TunnelRefused where a SOCKS proxy refuses,
    ValueError for what cannot be asked, TunnelBroken and what a stream raises; the stream is aborted then.
    """
    opened = False
    stream.read_deadline = stream.write_deadline = deadline
    try:
        if route.is_socks:
            await _ask_socks(stream, route, url, address)
        else:
            await _ask(stream, route, url, limits)
        stream.read_deadline = stream.write_deadline = math.inf
        opened = True
    finally:
        if not opened:
            stream.abort()


async def tunnel_by_addresses(
    dial: Callable[[], Awaitable[ByteStream]],
    route: ProxyRoute,
    url: URL,
    addresses: Sequence[str],
    limits: http1.Limits | None,
    deadline: float,
) -> ByteStream:
    """Return a tunnel to the first of `addresses`, those of the host of `url`, that the proxy can reach.

    `dial` opens a connection to the proxy. Raises as `open_tunnel` does, and TunnelRefused where SOCKS 4 has none of
    its own kind among the addresses.
    """
    known = [one for one in addresses if route.scheme != "socks4" or ":" not in one][:_ADDRESSES]
    if not known:
        raise TunnelRefused(f"{_host_of(url)} has no IPv4 address, and SOCKS 4 knows no other: use SOCKS 5")
    refusals: list[TunnelRefused] = []
    for address in known:
        stream = await dial()
        try:
            await open_tunnel(stream, route, url, limits, deadline, address)
        except TunnelRefused as error:
            refusals.append(error)
            if not error.other_address_may_do:
                raise
        else:
            return stream
    if len(refusals) == 1:
        raise refusals[0]
    raise TunnelRefused("; ".join(map(str, refusals))) from refusals[0]


async def tls_to_proxy(stream: ByteStream, route: ProxyRoute, context: ssl.SSLContext, deadline: float) -> ByteStream:
    """Return a stream to the proxy over TLS where that is how it is reached, else `stream` itself.

    The proxy's certificate is checked for its own host as `context` says. Raises TLSFailed, StreamTimeout at
    `deadline`; the stream is aborted then.
    """
    if route.scheme != "https":
        return stream
    stream.read_deadline = stream.write_deadline = deadline
    name = certificate_name(route.host)
    try:
        stream = await stream.start_tls(context, server_hostname=name)
    except ValueError as error:
        stream.abort()
        raise TLSFailed(f"{shortened(name)!r} cannot be asked for as a proxy's name: {error}") from error
    stream.read_deadline = stream.write_deadline = math.inf
    return stream


async def _ask_socks(stream: ByteStream, route: ProxyRoute, url: URL, address: str | None) -> None:
    host, port, asked = (
        address or url.raw_host or "",
        url.port or 80,
        f"the proxy {route.url}, asked for {_host_of(url)}",
    )
    if address is not None and address != url.raw_host:
        asked += f" at {address}"
    try:
        login = socks_login(route)
        handshake = SocksHandshake(4 if route.scheme.startswith("socks4") else 5, host, port, *login)
        await stream.send(handshake.start())
        while not handshake.done:
            answer = handshake.receive_data(await stream.receive())
            if answer:
                await stream.send(answer)
    except LocalProtocolError as error:
        raise ValueError(f"the proxy cannot be asked for a tunnel: {error}") from error
    except RemoteProtocolError as error:
        raise TunnelBroken(f"{asked}: {error}") from error
    except SocksRefused as error:
        raise TunnelRefused(f"{asked}: {error}", error.other_address_may_do) from error
    if handshake.trailing_data:
        raise TunnelBroken(f"{asked}, sent bytes of its own through the tunnel")


async def _ask(stream: ByteStream, route: ProxyRoute, url: URL, limits: http1.Limits | None) -> None:
    channel = HTTPChannel(stream, http1.ClientConnection(limits))
    try:
        request = connect_request(route, url.raw_host or "", url.port or 80)
        await channel.send(request, http1.EndOfMessage())
        response = await _final_response(channel)
    except http1.LocalProtocolError as error:
        raise ValueError(f"the proxy cannot be asked for a tunnel: {error}") from error
    except http1.RemoteProtocolError as error:
        if error.rule in _UNFINISHED:
            asked = f"the proxy {route.url}, asked for {_host_of(url)},"
            raise TunnelBroken(f"{asked} closed the connection without an answer to CONNECT") from error
        raise _refusal(route, url, request, 400, str(error)) from error
    if not 200 <= response.status < 300:
        reason = response.reason.decode("utf-8", "replace")
        raise _refusal(route, url, request, response.status, reason, fields_to_map(response.headers))
    if channel.connection.trailing_data[0]:
        # The client speaks first, in TLS as in HTTP: whatever this is, it does not come from the server.
        raise TunnelBroken(f"the proxy {route.url} sent bytes of its own through the tunnel to {_host_of(url)}")


async def _final_response(channel: HTTPChannel) -> http1.Response:
    while True:
        event = await channel.next_event()
        if isinstance(event, http1.Response):
            return event


def _host_of(url: URL) -> str:
    return f"{url.host_subcomponent}:{url.port or 80}"


def _refusal(
    route: ProxyRoute,
    url: URL,
    request: http1.Request,
    status: int,
    message: str,
    headers: CIMultiDictProxy[str] | None = None,
) -> ClientHttpProxyError:
    # The login is left out: errors come into logs.
    asked = CIMultiDict(fields_to_map(request.headers))
    asked.popall("Proxy-Authorization", None)
    info = RequestInfo(url, "CONNECT", CIMultiDictProxy(asked))
    error = ClientHttpProxyError(info, (), status=status, message=message, headers=headers)
    error.phase, error.proxy = "proxy", route.url
    return error
