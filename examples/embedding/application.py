"""What the examples of this folder serve: an echo, as a conversation that does no I/O either.

`Conversation` is the loop over `ServerConnection` that every server has, cut at the points where it has to wait. Each
example asks it for the next `Step`, writes what the step says, and reads, asks again or closes as it says. So the five
examples differ only in how they wait, and that is all that an embedder has to bring.

    step = conversation.advance()
    write all of step.output                        buffers, to be written in this order and before the next step
    READ:  connection.receive_data(what came)       bytes as the network cut them; b"" once, for its end
    ASK:   call advance() again
    CLOSE: end our direction, drop a bounded amount of what still comes, close

Whoever keeps to "write, then ask for the next step" has back-pressure: the core holds what it was given and not asked
for, so a server that reads faster than it answers keeps the difference in memory.
"""

from __future__ import annotations

import enum
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple

from drywire_sansio.http1 import (
    DONE,
    IDLE,
    SEND_BODY,
    SEND_RESPONSE,
    Buffer,
    ConnectionClosed,
    Data,
    EndOfMessage,
    InformationalResponse,
    NeedData,
    Paused,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)


class Then(enum.Enum):
    """What a conversation needs once the output of its step is written."""

    READ = "bytes from the client"
    ASK = "to be asked for its next step"
    CLOSE = "its connection closed"


class Step(NamedTuple):
    """One step of a conversation: write `output`, then do what `then` says."""

    output: list[Buffer]
    then: Then


class Conversation:
    """One client's requests and their answers: GET / is greeted, a POST gets its body back while it still comes."""

    def __init__(self) -> None:
        self.connection = ServerConnection()
        self._request: Request | None = None
        self._echoes = False

    def advance(self) -> Step:
        """Read one event and return what to do about it."""
        connection = self.connection
        try:
            event = connection.next_event()
        except RemoteProtocolError as error:
            return Step(self._refuse(error.status, str(error)), Then.CLOSE)
        match event:
            case NeedData():
                return Step(self._invite(), Then.READ)
            case ConnectionClosed() | Paused():
                # PAUSED means that the next request waits for our response, or that the client would like to change
                # protocols. Neither lasts here: each request is answered as soon as its end is read.
                return Step([], Then.CLOSE)
            case Request():
                output = self._begin(event)
            case Data(data):
                output = self._echo(data)
            case _:
                output = self._finish()
        return Step(output, self._what_then())

    def timed_out(self) -> list[Buffer]:
        """Return what to write before closing on a client that was silent for too long: nothing if it owes nothing."""
        connection = self.connection
        if connection.their_state is IDLE and not connection.trailing_data[0]:
            return []
        return self._refuse(408, "the request took too long")

    def _what_then(self) -> Then:
        connection = self.connection
        if connection.our_state is DONE and connection.their_state is DONE:
            connection.start_next_cycle()
            self._request = None
            return Then.ASK
        # DONE alone: the response is out, and the rest of the request must be read before the next one begins.
        # Everything else, MUST_CLOSE above all, means that this connection has served its last request.
        return Then.ASK if connection.our_state in (IDLE, SEND_RESPONSE, SEND_BODY, DONE) else Then.CLOSE

    def _invite(self) -> list[Buffer]:
        # Only now: had the body come with its head, there would be nobody to invite (RFC 9110, 10.1.1).
        if self.connection.client_is_waiting_for_100_continue:
            return self.connection.send_buffers(InformationalResponse(100, [], b"Continue"))
        return []

    def _begin(self, request: Request) -> list[Buffer]:
        self._request = request
        self._echoes = request.method in (b"POST", b"PUT")
        if self._echoes:
            return []  # the response begins with the first piece of the body
        if request.method not in (b"GET", b"HEAD"):
            return self._whole(405, "GET, HEAD, POST and PUT are served here", [(b"Allow", b"GET, HEAD, POST, PUT")])
        if request.target != b"/":
            return self._whole(404, "there is only /")
        return self._whole(200, "hello")

    def _echo(self, data: Buffer) -> list[Buffer]:
        if not self._echoes:
            return []  # the body of a request that was answered already: read, and dropped
        return self._begin_echo() + self.connection.send_buffers(Data(data))

    def _finish(self) -> list[Buffer]:
        if not self._echoes:
            return []
        return self._begin_echo() + self.connection.send_buffers(EndOfMessage())

    def _begin_echo(self) -> list[Buffer]:
        if self.connection.our_state is not SEND_RESPONSE or self._request is None:
            return []
        # The same length as the request's, if it has one. If not, the core says "chunked".
        length = [pair for pair in self._request.headers if pair[0].lower() == b"content-length"]
        return self.connection.send_buffers(_head(200, [(b"Content-Type", b"application/octet-stream"), *length]))

    def _refuse(self, status: int, why: str) -> list[Buffer]:
        # Behind half a response a second head would be read as its body. Closed early, it is seen to be cut short.
        if self.connection.our_state not in (IDLE, SEND_RESPONSE):
            return []
        return self._whole(status, why, [(b"Connection", b"close")])

    def _whole(self, status: int, text: str, more: list[tuple[bytes, bytes]] | None = None) -> list[Buffer]:
        body = f"{text}\n".encode()
        fields = [(b"Content-Type", b"text/plain; charset=utf-8"), (b"Content-Length", b"%d" % len(body))]
        is_head = self._request is not None and self._request.method == b"HEAD"
        return self.connection.send_whole(_head(status, fields + (more or [])), b"" if is_head else body)


def _head(status: int, fields: list[tuple[bytes, bytes]]) -> Response:
    # The core reads no clock: the Date that an origin server owes (RFC 9110, 6.6.1) is ours to add.
    date = formatdate(usegmt=True).encode()
    return Response(status, [(b"Date", date), *fields], HTTPStatus(status).phrase.encode())
