"""Other parsers, each as a function from bytes to the messages it finds in them, in one form for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import h11
import httptools
from aiohttp import http_exceptions, http_parser
from aiohttp.base_protocol import BaseProtocol

from drywire_sansio import http1

__all__ = ["REQUEST_PEERS", "RESPONSE_PEERS", "Framed", "Reading", "our_requests", "our_responses"]


@dataclass
class Framed:
    """A message as a parser framed it. `start` is (method, target) or (status,)."""

    start: tuple[object, ...]
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    complete: bool = False


@dataclass
class Reading:
    """What a parser found: the messages whose heads it read, and why it stopped if it did."""

    messages: list[Framed] = field(default_factory=list)
    refused: str = ""
    """Why it refuses what follows."""
    stopped: bool = False
    """Whether it leaves what follows alone: the connection ends, or another protocol begins."""


Peer = Callable[[bytes], Reading]


# drywire


def our_requests(wire: bytes) -> Reading:
    """Read pipelined requests as our server does, each answered with 404."""
    connection = http1.ServerConnection()
    connection.receive_data(wire)
    return _ours(connection)


def our_responses(wire: bytes) -> Reading:
    """Read what answers a GET as our client does."""
    connection = http1.ClientConnection()
    connection.send_whole(http1.Request(b"GET", b"/", [(b"Host", b"a")]))
    connection.receive_data(wire)
    return _ours(connection)


def _ours(connection: http1.Connection) -> Reading:
    reading = Reading()
    messages = reading.messages
    while True:
        try:
            event = connection.next_event()
        except http1.RemoteProtocolError as error:
            reading.refused = str(error)
            return reading
        match event:
            case http1.Request(method, target, headers):
                messages.append(Framed((method, target), _lowered(headers)))
            case http1.InformationalResponse(status, headers):
                messages.append(Framed((status,), _lowered(headers), complete=True))
            case http1.Response(status, headers):
                messages.append(Framed((status,), _lowered(headers)))
            case http1.Data(data):
                messages[-1].body += bytes(data)
            case http1.EndOfMessage():
                messages[-1].complete = True
                if not _goes_on(connection):
                    reading.stopped = True
                    return reading
            case _:
                return reading


def _goes_on(connection: http1.Connection) -> bool:
    """Answer the request just read; whether another may follow."""
    if isinstance(connection, http1.ClientConnection):
        return False
    connection.send_whole(http1.Response(404, [(b"Content-Length", b"0")]))
    if connection.states != {http1.CLIENT: http1.DONE, http1.SERVER: http1.DONE}:
        return False
    connection.start_next_cycle()
    return True


def _lowered(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value.strip(b" \t")) for name, value in headers]


# h11


def h11_requests(wire: bytes) -> Reading:
    """Read pipelined requests as h11 does."""
    return _h11(h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), wire)


def h11_responses(wire: bytes) -> Reading:
    """Read what answers a GET as h11 does."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    return _h11(connection, wire)


def _h11(connection: h11.Connection, wire: bytes) -> Reading:
    reading = Reading()
    messages = reading.messages
    connection.receive_data(wire)
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            reading.refused = str(error) or "refused"
            return reading
        match event:
            case h11.Request():
                messages.append(Framed((event.method, event.target), list(event.headers)))
            case h11.InformationalResponse():
                messages.append(Framed((event.status_code,), list(event.headers), complete=True))
            case h11.Response():
                messages.append(Framed((event.status_code,), list(event.headers)))
            case h11.Data():
                messages[-1].body += bytes(event.data)
            case h11.EndOfMessage():
                messages[-1].complete = True
                if not _h11_goes_on(connection):
                    reading.stopped = True
                    return reading
            case _:
                return reading


def _h11_goes_on(connection: h11.Connection) -> bool:
    if connection.our_role is h11.CLIENT:
        return False
    connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
        return False
    connection.start_next_cycle()
    return True


# llhttp, as httptools has it: strict


class _Collector:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.parser: Any = None
        self.start: bytes = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_message_begin(self) -> None:
        self.start, self.fields = b"", []

    def on_url(self, url: bytes) -> None:
        self.start += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), (value or b"").strip(b" \t")))

    def on_headers_complete(self) -> None:
        if isinstance(self.parser, httptools.HttpRequestParser):
            start: tuple[object, ...] = (self.parser.get_method(), self.start)
        else:
            start = (self.parser.get_status_code(),)
        self.reading.messages.append(Framed(start, self.fields))

    def on_body(self, body: bytes) -> None:
        self.reading.messages[-1].body += body

    def on_message_complete(self) -> None:
        self.reading.messages[-1].complete = True


def _llhttp(kind: Callable[[_Collector], Any], wire: bytes) -> Reading:
    reading = Reading()
    collector = _Collector(reading)
    parser = collector.parser = kind(collector)
    try:
        parser.feed_data(wire)
    except httptools.HttpParserUpgrade:
        reading.stopped = True
    except httptools.HttpParserError as error:
        reading.refused = str(error) or type(error).__name__
    return reading


def llhttp_requests(wire: bytes) -> Reading:
    """Read pipelined requests as llhttp does."""
    return _llhttp(httptools.HttpRequestParser, wire)


def llhttp_responses(wire: bytes) -> Reading:
    """Read responses as llhttp does; it does not know what was asked for."""
    return _up_to_final(_llhttp(httptools.HttpResponseParser, wire))


def _up_to_final(reading: Reading) -> Reading:
    """Return `reading` up to its first final response: what follows is no concern of a client that asked once."""
    for number, message in enumerate(reading.messages):
        status = message.start[0]
        if isinstance(status, int) and status >= 200 and message.complete:
            return Reading(reading.messages[: number + 1], stopped=True)
    return reading


# aiohttp


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _aiohttp(parser: Any, wire: bytes) -> Reading:
    reading = Reading()
    payloads = []
    try:
        # It holds back the messages before one that it refuses, so it is fed in pieces that end with lines.
        for piece in wire.splitlines(keepends=True):
            messages, upgraded, _ = parser.feed_data(piece)
            for message, payload in messages:
                start: tuple[object, ...] = (getattr(message, "code", 0),)
                if isinstance(message, http_parser.RawRequestMessage):
                    start = (message.method.encode(), (message.path or "").encode("utf-8", "surrogateescape"))
                fields = [(name.lower(), value) for name, value in message.raw_headers]
                framed = Framed(start, fields)
                reading.messages.append(framed)
                payloads.append(payload)
            if upgraded:
                reading.stopped = True
                break
    except http_exceptions.HttpProcessingError as error:
        reading.refused = str(error) or type(error).__name__
    for framed, payload in zip(reading.messages, payloads, strict=True):
        if payload.exception() is not None:
            reading.refused = reading.refused or str(payload.exception())
        if hasattr(payload, "read_nowait") and payload.exception() is None:
            framed.body = payload.read_nowait()
        framed.complete = payload.is_eof()
    return reading


def _options() -> dict[str, Any]:
    return {"limit": 2**16, "max_line_size": 8190, "max_field_size": 8190}


def aiohttp_requests(wire: bytes) -> Reading:
    """Read pipelined requests as aiohttp's server does."""
    loop = _loop()
    return _aiohttp(http_parser.HttpRequestParser(BaseProtocol(loop), loop, **_options()), wire)


def aiohttp_responses(wire: bytes) -> Reading:
    """Read responses as aiohttp's client does."""
    loop = _loop()
    parser = http_parser.HttpResponseParser(BaseProtocol(loop), loop, **_options(), read_until_eof=True)
    return _up_to_final(_aiohttp(parser, wire))


REQUEST_PEERS: dict[str, Peer] = {"h11": h11_requests, "llhttp": llhttp_requests, "aiohttp": aiohttp_requests}
RESPONSE_PEERS: dict[str, Peer] = {"h11": h11_responses, "llhttp": llhttp_responses, "aiohttp": aiohttp_responses}
