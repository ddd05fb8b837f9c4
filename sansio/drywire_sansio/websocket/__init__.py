"""WebSocket: a handshake between HTTP's events, then a connection, bytes in and events out (RFC 6455, RFC 7692).

    from drywire_sansio import http1, websocket

    accepted = websocket.accept(request)        # an http1.Request; raises HandshakeRefused
    data = http.send(accepted.response)         # 101
    connection = websocket.ServerConnection(deflate=accepted.deflate)
    if http.trailing_data[0]:                   # b"" would say that the peer has ended its direction
        connection.receive_data(http.trailing_data[0])
    connection.next_event()                     # Text(data='hello', final=True), NEED_DATA, ...
    data = connection.send(websocket.Text("hello"))

The loop of any program over it: ask `next_event`; on `NEED_DATA` read from the network and `receive_data` what came
(``b""`` for its end). A `Ping` is yours to answer (`event.answer()`), and a `Close`, too; on a RemoteProtocolError send
a `Close` with its `close_code`, and close.
"""

from ..errors import LimitExceeded, LocalProtocolError, ProtocolError, RemoteProtocolError
from ..http1.events import Buffer
from ..limits import Limits
from .close_codes import WSCloseCode
from .connection import ClientConnection, Connection, ServerConnection
from .deflate import Deflate
from .events import NEED_DATA, Binary, Close, ConnectionClosed, Event, NeedData, Ping, Pong, Text
from .handshake import Accepted, Agreement, HandshakeRefused, accept, accept_value, confirm, request_fields
from .states import CLOSED, FAILED, LOCAL_CLOSING, OPEN, REMOTE_CLOSING, State

__all__ = [
    "CLOSED",
    "FAILED",
    "LOCAL_CLOSING",
    "NEED_DATA",
    "OPEN",
    "REMOTE_CLOSING",
    "Accepted",
    "Agreement",
    "Binary",
    "Buffer",
    "ClientConnection",
    "Close",
    "Connection",
    "ConnectionClosed",
    "Deflate",
    "Event",
    "HandshakeRefused",
    "LimitExceeded",
    "Limits",
    "LocalProtocolError",
    "NeedData",
    "Ping",
    "Pong",
    "ProtocolError",
    "RemoteProtocolError",
    "ServerConnection",
    "State",
    "Text",
    "WSCloseCode",
    "accept",
    "accept_value",
    "confirm",
    "request_fields",
]
