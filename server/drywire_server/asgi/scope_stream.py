"""`ScopeStream`: what ASGI calls receive and send, as a stream of bytes that a connection of ours can be served over.

The other end of that stream is a client's connection of the protocol core, which turns messages into bytes and bytes
into messages. So requests, responses and WebSockets follow the same rules, in the same code, as over a socket.
"""

from __future__ import annotations

import logging
import math
import ssl
from collections import deque
from typing import Any, BinaryIO, Final

from drywire_transports import (
    Buffer,
    ByteStream,
    Runtime,
    StreamBroken,
    StreamBusy,
    StreamClosed,
    StreamTimeout,
    TaskHandle,
    Wake,
)
from drywire_transports.file_pieces import send_file_in_pieces

from .messages import Message, Receive, Scope, Send

__all__ = ["ScopeStream"]

logger = logging.getLogger("drywire.asgi")

READ_AHEAD: Final = 64 * 1024
"""Bytes that are received before they are asked for; then the server has to wait, and through it the client."""
GONE: Final = "the client has ended the connection"


class ScopeStream:
    """A `ByteStream` over one scope. Deadlines of reading hold; how long a send may take is the outer server's to say.

    Messages are received by a task of its own, since only so can a wait for them end at a deadline, or be cancelled,
    and nothing be lost. It begins when something is waited for, ends when all has come that was to come, until somebody
    wants to know whether the client is still there, and ends with `end` for good.
    """

    def __init__(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
        self.read_deadline = math.inf
        self.write_deadline = math.inf
        self.gone = False
        """Whether the client has ended the connection."""
        self._runtime = runtime
        self._scope = scope
        self._receive = receive
        self._send = send
        self._chunks: deque[Buffer] = deque()
        self._size = 0
        self._ended = False  # no more will come
        self._closed = False
        self._sending = False
        self._pump: TaskHandle | None = None
        self._pumps = False
        self._reader: Wake | None = None
        self._room: Wake | None = None

    # What the two kinds of scopes differ in

    @property
    def _is_whole(self) -> bool:
        """Whether all that the client has to send has come, so that only its leaving is left to happen."""
        return False

    def _take_in(self, message: Message) -> None:
        """Put what a message of the client's means among the bytes to be received."""
        raise NotImplementedError

    async def _pass_on(self, buffers: tuple[Buffer, ...]) -> None:
        """Send what our bytes mean as messages."""
        raise NotImplementedError

    # As a stream

    async def receive(self) -> bytes:
        """Return the next bytes; ``b""`` once nothing more can come (see `ByteStream.receive`)."""
        if self._reader is not None:
            raise StreamBusy("another task is receiving from this stream")
        while True:
            self._check_open()
            if self._chunks:
                return self._taken()
            if self._ended:
                return b""
            if self.gone:
                raise StreamBroken(GONE)
            self._watch()
            self._reader = self._runtime.wake()
            try:
                await self._runtime.park(self._reader, self.read_deadline)
            except StreamTimeout:
                if self._runtime.now() >= self.read_deadline:
                    raise StreamTimeout("nothing was received before the read deadline") from None
            finally:
                self._reader = None

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` as the messages that they mean; return when the outer server has taken those."""
        if self._sending:
            raise StreamBusy("another task is sending to this stream")
        self._check_open()
        if self.gone:
            raise StreamBroken(GONE)
        self._sending = True
        try:
            await self._pass_on(buffers)
        except BaseException:
            self.abort()
            raise
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Do nothing: every message says by itself whether it is the last."""

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset`. Raises EOFError where the file is shorter; breaks the stream."""
        await send_file_in_pieces(self, self._runtime.in_thread, file, offset, count)

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> ByteStream:
        """Raise StreamBroken: there is no socket here."""
        raise StreamBroken("there is no TLS within ASGI: the outer server sees to it")

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun."""
        self._wake()

    @property
    def readable(self) -> bool:
        """True when `receive()` would return or raise without waiting."""
        return self._closed or self._ended or self.gone or bool(self._chunks)

    @property
    def closed(self) -> bool:
        """True once it was closed, or the client has gone."""
        return self._closed or self.gone

    def abort(self) -> None:
        """Receive and send no more."""
        self._closed = True
        self._chunks.clear()
        self._size = 0
        self.end()
        self._wake()

    async def aclose(self) -> None:
        """Receive and send no more: all that was sent has been handed over."""
        self.abort()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``"peername"`` and ``"sockname"`` where they are known, and the scope as ``"asgi.scope"``."""
        match name:
            case "asgi.scope":
                return self._scope
            case "peername" | "sockname":
                address = self._scope.get("client" if name == "peername" else "server")
                if not address:
                    return default
                return address[0] if address[1] is None else tuple(address)
            case _:
                return default

    # Receiving

    def end(self) -> TaskHandle | None:
        """Receive no more messages, and return the task that did, to be waited for."""
        if self._pump is not None:
            self._pump.cancel()
        return self._pump

    def _watch(self) -> None:
        """Receive messages from now on, or at least the one that says that the client has gone."""
        if not self._pumps:
            self._pumps = True
            self._pump = self._runtime.spawn(self._receive_messages, name="drywire receives from ASGI")

    async def _receive_messages(self) -> None:
        try:
            while not (self.gone or self._ended or self._closed):
                self._take_in(await self._receive())
                self._wake()
                if self._is_whole:
                    break
                while self._size > READ_AHEAD and not self._closed:
                    self._room = self._runtime.wake()
                    await self._runtime.park(self._room)
        except Exception:
            self.gone = True
            raise
        finally:
            self._pumps = False
            self._wake()

    def _put(self, data: Buffer) -> None:
        self._chunks.append(data)
        self._size += len(data)

    def _taken(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        if self._room is not None:
            self._room.set()
        return data

    def _wake(self) -> None:
        for waiting in (self._reader, self._room):
            if waiting is not None:
                waiting.set()

    def _check_open(self) -> None:
        if self._closed:
            raise StreamClosed("this side has closed the stream")

    # Sending

    async def _say(self, message: Message) -> None:
        """Send one message. Raises StreamBroken where the server will not take it, mostly since the client has gone."""
        try:
            await self._send(message)
        except OSError as error:
            self.gone = True
            raise StreamBroken(f"{GONE}: {error}") from error
        except Exception as error:
            self.gone = True
            logger.exception("the server does not take the ASGI message %r", message["type"])
            raise StreamBroken(f"the server does not take {message['type']!r}: {error}") from error
