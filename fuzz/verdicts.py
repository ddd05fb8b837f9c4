"""What a connection of ours says of bytes: its events in a form that can be compared, then its error if it has one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drywire_sansio import http1

__all__ = ["Verdict", "answer", "client_after", "client_verdict", "server_verdict", "verdict_of"]

Verdict = list[Any]
"""Events, with adjacent data joined to ``("data", bytes)``; at the end ``("error", ...)`` or ``("paused", ...)``."""


def verdict_of(connection: http1.Connection, arrivals: Iterable[bytes], eof: bool = True) -> Verdict:
    """Return what `connection` makes of `arrivals`; as a server it answers each request so that the next is read."""
    said: Verdict = []
    feed = [*arrivals, b""] if eof else list(arrivals)
    for number, arrival in enumerate(feed):
        connection.receive_data(arrival)
        try:
            goes_on = _said_by(connection, said)
        except http1.RemoteProtocolError as error:
            return [*said, ("error", error.rule, error.status, error.offset, error.section)]
        if not goes_on:
            for later in feed[number + 1 :]:
                connection.receive_data(later)
            return [*said, ("paused", connection.trailing_data)]
    return said


def _said_by(connection: http1.Connection, said: Verdict) -> bool:
    """Add what `connection` says now to `said`; False where it pauses for good."""
    while (event := connection.next_event()) is not http1.NEED_DATA:
        if event is http1.PAUSED:
            answer(connection)
            if connection.their_state is not http1.IDLE:
                return False
        elif isinstance(event, http1.Data):
            before = said.pop()[1] if said and said[-1][0] == "data" else b""
            said.append(("data", before + bytes(event.data)))
        else:
            said.append(("event", event))
            if isinstance(event, http1.EndOfMessage):
                answer(connection)
            if isinstance(event, http1.ConnectionClosed):
                break
    return True


def answer(connection: http1.Connection) -> None:
    """As a server, answer the request that was read, so that the next can be."""
    if isinstance(connection, http1.ServerConnection) and connection.our_state is http1.SEND_RESPONSE:
        connection.send_whole(http1.Response(404, [(b"Content-Length", b"0")], b"Not Found"))
        if connection.our_state is http1.DONE and connection.their_state is http1.DONE:
            connection.start_next_cycle()


def server_verdict(arrivals: Iterable[bytes], limits: http1.Limits | None = None, eof: bool = True) -> Verdict:
    """Return what a server makes of `arrivals`."""
    return verdict_of(http1.ServerConnection(limits), arrivals, eof)


def client_after(
    method: bytes = b"GET", limits: http1.Limits | None = None, fields: Iterable[tuple[bytes, bytes]] = ()
) -> http1.ClientConnection:
    """Return a client that has sent a request."""
    connection = http1.ClientConnection(limits)
    target = b"a:1" if method == b"CONNECT" else b"/"
    connection.send_whole(http1.Request(method, target, [(b"Host", b"a"), *fields]))
    return connection


def client_verdict(
    arrivals: Iterable[bytes], method: bytes = b"GET", limits: http1.Limits | None = None, eof: bool = True
) -> Verdict:
    """Return what a client that has sent a request with `method` makes of `arrivals`."""
    return verdict_of(client_after(method, limits), arrivals, eof)
