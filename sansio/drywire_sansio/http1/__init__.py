"""HTTP/1.1 as a pair of state machines: bytes in, events out, nothing else (RFC 9110, RFC 9112).

    from drywire_sansio import http1

    connection = http1.ServerConnection()
    connection.receive_data(b"GET / HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n")
    connection.next_event()     # Request(method=b'GET', target=b'/', headers=[(b'Host', b'example.com')], ...)
    connection.next_event()     # EndOfMessage()
    connection.send(http1.Response(200, [(b"Content-Length", b"2")], b"OK"))

The loop of any program over it: ask `next_event`; on `NEED_DATA` read from the network and `receive_data` what came
(``b""`` for its end); on `PAUSED` finish the response and call `start_next_cycle`.
"""

from ..errors import LimitExceeded, LocalProtocolError, ProtocolError, RemoteProtocolError
from ..fields import FieldLines
from ..limits import Limits
from .client import ClientConnection
from .connection import Connection
from .events import (
    NEED_DATA,
    PAUSED,
    Buffer,
    ConnectionClosed,
    Data,
    EndOfMessage,
    Event,
    Fields,
    InformationalResponse,
    NeedData,
    Paused,
    Request,
    Response,
)
from .head import request_field_lines
from .quirks import Quirk
from .server import ServerConnection
from .states import (
    CLIENT,
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    SEND_BODY,
    SEND_RESPONSE,
    SERVER,
    SWITCHED_PROTOCOL,
    Role,
    State,
)

__all__ = [
    "CLIENT",
    "CLOSED",
    "DONE",
    "ERROR",
    "IDLE",
    "MIGHT_SWITCH_PROTOCOL",
    "MUST_CLOSE",
    "NEED_DATA",
    "PAUSED",
    "SEND_BODY",
    "SEND_RESPONSE",
    "SERVER",
    "SWITCHED_PROTOCOL",
    "Buffer",
    "ClientConnection",
    "Connection",
    "ConnectionClosed",
    "Data",
    "EndOfMessage",
    "Event",
    "FieldLines",
    "Fields",
    "InformationalResponse",
    "LimitExceeded",
    "Limits",
    "LocalProtocolError",
    "NeedData",
    "Paused",
    "ProtocolError",
    "Quirk",
    "RemoteProtocolError",
    "Request",
    "Response",
    "Role",
    "ServerConnection",
    "State",
    "request_field_lines",
]
