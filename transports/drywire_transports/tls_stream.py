"""TLS over any `ByteStream`: an `ssl.SSLObject` between two memory buffers.

asyncio and uvloop bring their own TLS for sockets; this is for everything else: trio, pipes in memory, streams of
your own, and TLS inside TLS.
"""

from __future__ import annotations

import contextlib
import math
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO, Final

from .errors import StreamBroken, StreamBusy, StreamClosed, StreamTimeout, TLSFailed, TransportError
from .file_pieces import send_pieces
from .gathering import joined, pieces
from .stream import Buffer, ByteStream

__all__ = ["TLSStream", "check_host_name", "start_tls_over"]

RECORD: Final = 16 * 1024
"""Bytes of plaintext that a record holds at most (RFC 8446, 5.1): what one read of the session can give."""

GATHER_LIMIT: Final = 256 * 1024
"""Bytes of plaintext after which `receive()` stops looking for the next record."""

CLOSE_GRACE: Final = 5.0
"""Seconds that `aclose()` gives the goodbye where no write deadline is set."""


def check_host_name(context: ssl.SSLContext, server_side: bool, server_hostname: str | None) -> None:
    """Refuse a client's handshake that would compare the certificate with no name at all.

    `ssl.SSLSocket` does so itself; `ssl.SSLObject`, and with it `loop.start_tls`, would believe any valid certificate.
    Raises ValueError.
    """
    if context.check_hostname and not server_side and not server_hostname:
        raise ValueError("this SSL context checks host names, so start_tls() needs a server_hostname")


async def start_tls_over(
    below: ByteStream,
    context: ssl.SSLContext,
    *,
    server_side: bool,
    server_hostname: str | None,
    now: Callable[[], float],
    in_thread: Callable[..., Awaitable[Any]],
) -> TLSStream:
    """Shake hands over `below` and return the TLS stream; whatever goes wrong aborts `below`.

    `now` and `in_thread` are those of the runtime that `below` lives on. Raises TLSFailed, StreamTimeout (at the
    earlier of the deadlines of `below`).
    """
    established = False
    try:
        stream = TLSStream(below, context, server_side, server_hostname, now, in_thread)
        await stream.handshake()
        established = True
    except StreamTimeout:
        raise StreamTimeout("the TLS handshake did not end before the deadline") from None
    except OSError as error:
        raise TLSFailed(f"the TLS handshake failed: {error}") from error
    finally:
        if not established:
            below.abort()
    return stream


class TLSStream:
    """A TLS session over `below`, as `ByteStream`; made by `start_tls_over`."""

    def __init__(
        self,
        below: ByteStream,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
        now: Callable[[], float],
        in_thread: Callable[..., Awaitable[Any]],
    ) -> None:
        check_host_name(context, server_side, server_hostname)
        self._below = below
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._now = now
        self._in_thread = in_thread
        self._receiving = False
        self._sending = False
        self._closed = False

    @property
    def read_deadline(self) -> float:
        """The read deadline of the stream below."""
        return self._below.read_deadline

    @read_deadline.setter
    def read_deadline(self, when: float) -> None:
        self._below.read_deadline = when

    @property
    def write_deadline(self) -> float:
        """The write deadline of the stream below."""
        return self._below.write_deadline

    @write_deadline.setter
    def write_deadline(self, when: float) -> None:
        self._below.write_deadline = when

    def apply_deadlines(self) -> None:
        """Make a deadline that was moved closer hold for a wait that has begun."""
        self._below.apply_deadlines()

    async def handshake(self) -> None:
        """Shake hands. Raises ssl.SSLError, and what the stream below raises."""
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                # The peer learns from the alert why it is refused; an abort might overtake it.
                with contextlib.suppress(TransportError):
                    await self._flush()
                    await self._below.aclose()
                raise
            else:
                await self._flush()
                return

    async def receive(self) -> bytes:
        """Return the next bytes; ``b""`` at the end, with a TLS close before it or without, as on asyncio."""
        if self._receiving:
            raise StreamBusy("another task is receiving from this stream")
        self._check_open()
        self._receiving = True
        try:
            while True:
                try:
                    data = self._decrypt()
                except ssl.SSLWantReadError:
                    if self._outgoing.pending and not self._sending:
                        await self._flush()  # an answer of the session's own, after a request of the peer's (rare)
                    await self._fill()
                else:
                    return data
        finally:
            self._receiving = False

    def _decrypt(self) -> bytes:
        """Return what the session can decrypt now, ``b""`` at the end. Raises ssl.SSLWantReadError for nothing."""
        chunks: list[bytes] = []
        size = 0
        try:
            while size < GATHER_LIMIT:
                chunk = self._session.read(RECORD)
                if not chunk:
                    break
                chunks.append(chunk)
                size += len(chunk)
                if not self._incoming.pending and not self._session.pending():
                    break
        except ssl.SSLWantReadError:
            if not chunks:
                raise
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        except ssl.SSLError as error:
            if not chunks:
                self.abort()
                raise StreamBroken(f"the TLS session broke: {error}") from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _fill(self) -> None:
        data = await self._below.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        while self._outgoing.pending:
            await self._below.send(self._outgoing.read())

    async def send(self, *buffers: Buffer) -> None:
        """Send `buffers` in order, encrypted; return when what is unsent is below the high-water mark."""
        if self._sending:
            raise StreamBusy("another task is sending to this stream")
        self._check_open()
        self._sending = True
        try:
            small = joined(buffers)
            for piece in pieces(buffers) if small is None else (small,):
                if piece:
                    self._session.write(piece)
                await self._flush()
        except ssl.SSLError as error:
            self.abort()
            raise StreamBroken(f"the TLS session broke: {error}") from error
        finally:
            self._sending = False

    async def send_eof(self) -> None:
        """Do nothing on an open stream: a TLS session has no half-closed state that peers agree on."""
        await self._below.send(b"")  # refuses where the stream is closed or broken

    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send `count` bytes of `file` from `offset`. Raises EOFError where the file is shorter; breaks the stream."""
        try:
            await send_pieces(self.send, self._in_thread, file, offset, count)
        except BaseException:
            self.abort()
            raise

    async def start_tls(
        self, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> ByteStream:
        """Return a stream that speaks TLS inside this TLS, as to a server behind an HTTPS proxy. Raises TLSFailed."""
        return await start_tls_over(
            self,
            context,
            server_side=server_side,
            server_hostname=server_hostname,
            now=self._now,
            in_thread=self._in_thread,
        )

    @property
    def readable(self) -> bool:
        """True when there is plaintext, or the stream below has something: it may be part of a record only."""
        return self._session.pending() > 0 or self._incoming.pending > 0 or self._below.readable

    @property
    def closed(self) -> bool:
        """True once the stream was aborted, closed or broken."""
        return self._closed or self._below.closed

    def _check_open(self) -> None:
        if self._closed:
            raise StreamClosed("this side has closed the stream")

    def abort(self) -> None:
        """Drop the connection without a TLS close."""
        self._closed = True
        self._below.abort()

    async def aclose(self) -> None:
        """Send the TLS close, do not wait for the peer's (RFC 8446, 6.1, does not ask for it), and close."""
        self._closed = True
        try:
            if not self._below.closed and not self._sending:
                if self.write_deadline == math.inf:
                    self.write_deadline = self._now() + CLOSE_GRACE
                with contextlib.suppress(ssl.SSLError):
                    self._session.unwrap()
                with contextlib.suppress(TransportError):
                    await self._flush()
            await self._below.aclose()
        finally:
            self._below.abort()

    def extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``"ssl_object"``, ``"sslcontext"``, ``"peercert"``, ``"cipher"``, or what the stream below knows."""
        match name:
            case "ssl_object":
                return self._session
            case "sslcontext":
                return self._session.context
            case "peercert":
                return self._session.getpeercert()
            case "cipher":
                return self._session.cipher()
            case _:
                return self._below.extra_info(name, default)
