"""What a case of the wire tables is, and how one is read and written.

A case says: these bytes are these events, or are refused at this byte by this rule. It is read whole, byte by byte
and with bytes behind it, and written back where our side could have sent it.
"""

import re
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from drywire_sansio.http1 import (
    CLIENT,
    DONE,
    NEED_DATA,
    PAUSED,
    SERVER,
    ClientConnection,
    ConnectionClosed,
    Data,
    RemoteProtocolError,
    Request,
    ServerConnection,
)

from .messages import MESSAGES

MARK = b"@@"
"""Stands before the byte that is to blame in the bytes of a refused case."""
HOST = (b"Host", b"a")


@dataclass(frozen=True)
class Case:
    name: str
    section: str
    reader: object  # the role that reads `wire`
    wire: bytes
    events: tuple
    rule: str = ""  # of the error that follows the events, none if empty
    status: int = 0
    offset: int = 0
    state: object = DONE  # of the peer, once all is read
    sent: tuple = ()  # by the reader, before anything arrives
    eof: bool = False
    writable: bool = True  # whether our other side, given the events, sends something that reads the same
    exact: bool = True  # whether that is `wire` itself

    def __str__(self):
        return self.name.replace(" ", "-")

    def connection(self, limits=None):
        """Return a connection that expects `wire`."""
        if self.reader is SERVER:
            return ServerConnection(limits)
        connection = ClientConnection(limits)
        for event in self.sent:
            connection.send(event)
        return connection

    def writer(self):
        """Return a connection of the other side that may send `events`."""
        if self.reader is SERVER:
            return ClientConnection()
        connection = ServerConnection()
        client = ClientConnection()
        for event in self.sent:
            connection.receive_data(client.send(event) or b"")
            read(connection)
        return connection


def accepted(name, section, reader, wire, *events, **options):
    """Return a case whose bytes are `events`."""
    return Case(name, section, reader, wire, events, **options)


def refused(name, section, reader, wire, rule, *events, status=400, **options):
    """Return a case whose bytes break `rule` at the mark, after `events`; a bad response is always answered 502."""
    if reader is CLIENT:
        status = 502
    assert wire.count(MARK) == 1, f"{name}: say with {MARK!r} which byte is to blame"
    offset, wire = wire.index(MARK), wire.replace(MARK, b"")
    return Case(name, section, reader, wire, events, rule, status, offset, **options)


def both_for(reader):
    """Return `accepted` and `refused` for the cases of one reader."""

    def accepted_here(name, section, wire, *events, **options):
        return accepted(name, section, reader, wire, *events, **options)

    def refused_here(name, section, wire, rule, *events, **options):
        return refused(name, section, reader, wire, rule, *events, **options)

    return accepted_here, refused_here


class Verdict(NamedTuple):
    """All that a reader said: its events with adjacent data joined, then its error or what it waits for."""

    events: tuple
    error: tuple | None = None
    waits: object = NEED_DATA

    @classmethod
    def of_error(cls, events, error):
        """Return the verdict of `error`, which says what `messages.py` has for its rule."""
        message = str(error.args[0])
        assert re.fullmatch(MESSAGES[error.rule], message), message
        return cls(events, (error.rule, error.status, error.offset, error.section, str(error.args[0])), None)


def read(connection):
    """Return what `connection` says of what it has, as a `Verdict`."""
    events = []
    try:
        while (event := connection.next_event()) is not NEED_DATA and event is not PAUSED:
            _add(events, event)
            if isinstance(event, ConnectionClosed):
                break
    except RemoteProtocolError as error:
        return Verdict.of_error(tuple(events), error)
    return Verdict(tuple(events), None, event)


def read_pieces(connection, pieces):
    """Return what `connection` says of `pieces` that arrive one after the other, read after each."""
    events = []
    verdict = Verdict(())
    for piece in pieces:
        connection.receive_data(piece)
        verdict = read(connection)
        for event in verdict.events:
            _add(events, event)
        if verdict.error is not None:
            break
    return Verdict(tuple(events), verdict.error, verdict.waits)


def _add(events, event):
    if isinstance(event, Data):
        event = Data(bytes(event.data))
        if events and isinstance(events[-1], Data):
            event = Data(events.pop().data + event.data)
    events.append(event)


def cut(data, size):
    """Return `data` in pieces of `size` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def write(connection, events):
    """Return the bytes that carry `events`."""
    return b"".join(map(connection.send, events))


get = partial(Request, b"GET", headers=[HOST])
post = partial(Request, b"POST", b"/")


def joined(events):
    """Return `events` with adjacent data joined and empty data left out."""
    result = []
    for event in events:
        if not isinstance(event, Data) or event.data:
            _add(result, event)
    return tuple(result)


__all__ = [
    "CLIENT",
    "HOST",
    "SERVER",
    "Case",
    "Verdict",
    "accepted",
    "both_for",
    "cut",
    "get",
    "joined",
    "post",
    "read",
    "read_pieces",
    "refused",
    "write",
]
