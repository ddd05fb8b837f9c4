"""What goes over one connection, heard from beside it: the bytes of both directions in, whole exchanges out.

Both directions are read by the core, anew for each exchange: a client that does not pipeline begins a request only
when the response before it is complete.
"""

from __future__ import annotations

from collections.abc import Callable

from yarl import URL

from drywire_sansio import http1
from drywire_transports.message_fields import fields_to_map

from .errors import ClientConnectionError
from .memory_peer import GENEROUS, SeenRequest, url_of
from .recording_file import Exchange, RecordedResponse

__all__ = ["Conversation", "Log"]

_NOTHING: tuple[http1.NeedData, http1.Paused] = (http1.NEED_DATA, http1.PAUSED)


class Log:
    """The exchanges of all connections, by the order in which they began."""

    def __init__(self) -> None:
        self._begun = 0
        self._found: dict[int, Exchange] = {}

    def begin(self) -> int:
        """Return the number of an exchange that begins."""
        self._begun += 1
        return self._begun

    def add(self, number: int, exchange: Exchange) -> None:
        """Keep the exchange with this `number`."""
        self._found[number] = exchange

    def exchanges(self) -> list[Exchange]:
        """Return what was kept, in order."""
        return [self._found[number] for number in sorted(self._found)]


class Conversation:
    """The conversation on a connection to `origin`. `reader` makes what reads a response as the client does."""

    def __init__(self, log: Log, origin: URL, reader: Callable[[], http1.ClientConnection]) -> None:
        self._log = log
        self._origin = origin
        self._reader = reader
        self._present: _Present | None = None

    def sent(self, data: bytes) -> None:
        """Hear what the client sends. Raises ClientConnectionError for a request to switch protocols."""
        present = self._present
        if present is None or (present.request_read and present.response_read):
            present = self._present = _Present(self._origin, self._reader())
            present.number = self._log.begin()
        present.sent(data)

    def received(self, data: bytes) -> None:
        """Hear what the client receives; ``b""`` is the end."""
        if self._present is not None and not self._present.response_read:
            self._present.received(data)
            self._keep(self._present)

    def ended(self) -> None:
        """Hear that the connection is no more: what there is of a response, there is."""
        if self._present is not None and not self._present.response_read:
            self._present.cut()
            self._keep(self._present)

    def _keep(self, present: _Present) -> None:
        if present.response_read and present.response is not None:
            self._log.add(present.number, Exchange(present.request(), present.recorded()))


class _Present:
    """The exchange that is under way."""

    def __init__(self, origin: URL, reader: http1.ClientConnection) -> None:
        self.number = 0
        self.request_read = False
        self.response_read = False
        """Whether no more of the response will be heard."""
        self.response: http1.Response | None = None
        self._origin = origin
        self._from_client = http1.ServerConnection(GENEROUS)
        self._from_server = reader
        self._head = http1.Request(b"", b"")
        self._body: list[bytes] = []
        self._chunks: list[bytes] = []
        self._chunk = bytearray()
        self._chunked = False
        self._trailers: http1.Fields = ()
        self._cut = False

    # The request

    def sent(self, data: bytes) -> None:
        if self.request_read:
            return
        self._from_client.receive_data(data)
        try:
            while not self.request_read:
                event = self._from_client.next_event()
                if event in _NOTHING:
                    return
                self._hear_client(event)
        except http1.RemoteProtocolError as error:
            self.request_read = self.response_read = True
            raise ClientConnectionError(f"a request to {self._origin} cannot be recorded: {error}") from error

    def _hear_client(self, event: object) -> None:
        if isinstance(event, http1.Request):
            self._refuse_switch(event)
            self._head = event
        elif isinstance(event, http1.Data):
            self._body.append(bytes(event.data))
        self.request_read = isinstance(event, http1.EndOfMessage)
        self._tell_reader(event)

    def _refuse_switch(self, head: http1.Request) -> None:
        if head.method == b"CONNECT" or any(name.lower() == b"upgrade" for name, _ in head.headers):
            self.response_read = True  # there is nothing to hear
            raise ClientConnectionError(
                f"{head.method.decode()} {url_of(self._origin, head.target)}: a switch of protocols cannot be recorded"
            )

    def _tell_reader(self, event: object) -> None:
        """Let the reader of the response know the request; what the response means depends on it (RFC 9112, 6.3)."""
        if isinstance(event, http1.Request | http1.Data | http1.EndOfMessage) and not self.response_read:
            try:
                self._from_server.send_buffers(event)
            except http1.LocalProtocolError:
                return  # the server has said already that it will not have the rest

    def request(self) -> SeenRequest:
        head = self._head
        url = url_of(self._origin, head.target)
        return SeenRequest(head.method.decode(), url, fields_to_map(head.headers), b"".join(self._body))

    # The response

    def received(self, data: bytes) -> None:
        reader = self._from_server
        reader.receive_data(data)
        try:
            while not self.response_read:
                event = reader.next_event()
                if event in _NOTHING:
                    return
                self._hear(event)
        except http1.RemoteProtocolError:  # the client finds the same
            self.cut()

    def _hear(self, event: object) -> None:
        match event:
            case http1.Response():
                self.response = event
            case http1.Data():
                self._chunked = self._chunked or event.chunk_start
                self._chunk += event.data
                if event.chunk_end:
                    self._end_chunk()
            case http1.EndOfMessage():
                self._trailers = event.trailers
                self._end_chunk()
                self.response_read = True
            case http1.ConnectionClosed():
                self.response_read = True
            case _:
                pass  # an interim response

    def _end_chunk(self) -> None:
        if self._chunk:
            self._chunks.append(bytes(self._chunk))
            self._chunk.clear()

    def cut(self) -> None:
        self._end_chunk()
        self.response_read = self._cut = True

    def recorded(self) -> RecordedResponse:
        head = self.response
        assert head is not None
        headers = fields_to_map(head.headers)
        chunked = self._chunked or "chunked" in headers.get("Transfer-Encoding", "").lower()
        return RecordedResponse(
            head.status,
            headers,
            tuple(self._chunks),
            head.reason.decode("utf-8", "surrogateescape"),
            head.http_version.decode("ascii"),
            chunked,
            fields_to_map(self._trailers),
            self._cut,
        )
