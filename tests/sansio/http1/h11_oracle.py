"""h11 as a second opinion: what it makes of bytes that we read or wrote."""

import h11

from drywire_sansio.http1 import Data, EndOfMessage, InformationalResponse, Request, Response
from drywire_sansio.http1.bodies import FORBIDDEN_TRAILERS

STRICTER = "h11 refuses what we accept, for a reason that we know"
REASONS = (
    "no request line received",  # an empty line before it
    "illegal request line",  # a target with bytes that a URI cannot hold
    "illegal header line",  # a value with such bytes as 0x85
    "illegal chunk header",  # white space and quotes in an extension, which h11 does not know
)
TRAILER_REASONS = (  # h11 looks at what a trailer says of framing, which we drop unread
    "bad Content-Length",
    "conflicting Content-Length headers",
    "Only Transfer-Encoding: chunked is supported",
)


def plain(events):
    """Return `events` as values that both sides can be turned into: names in lower case, data joined."""
    return [_plain(event) for event in events]


def _plain(event):
    match event:
        case Request(method, target, headers, version):
            return ("request", method, target, _fields(headers), version)
        case InformationalResponse(status, headers, reason, version) | Response(status, headers, reason, version):
            return ("response", status, _fields(headers), reason, version)
        case Data(data):
            return ("data", bytes(data))
        case EndOfMessage(trailers):
            return ("end", _fields(trailers))


def _fields(headers):
    # h11 gives a Transfer-Encoding in lower case, and every trailer.
    lowered = [(name.lower(), value) for name, value in headers]
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in lowered]


def read(by_server, sent, wire):
    """Return what h11 reads in `wire`, as `plain` puts it, or STRICTER. Raises h11.RemoteProtocolError."""
    connection = h11.Connection(h11.SERVER if by_server else h11.CLIENT, max_incomplete_event_size=1 << 20)
    for event in sent:
        if isinstance(event, Request):
            # What h11 sends is always 1.1; the version that a client said is of no importance to its reader.
            connection.send(h11.Request(method=event.method, target=event.target, headers=list(event.headers)))
        else:
            connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    events = []
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return events
            _add(events, event)
    except h11.RemoteProtocolError as error:
        reasons = REASONS + TRAILER_REASONS * _is_inside_body(events)
        if any(reason in str(error) for reason in reasons):
            return STRICTER
        raise


def _is_inside_body(events):
    match events:
        case [*_, ("request", *_) | ("data", _)]:
            return True
        case [*_, ("response", status, *_)]:
            return status >= 200
    return False


def _add(events, event):
    match event:
        case h11.Request():
            value = ("request", event.method, event.target, list(event.headers), event.http_version)
        case h11.InformationalResponse() | h11.Response():
            value = ("response", event.status_code, list(event.headers), event.reason, event.http_version)
        case h11.Data():
            value = ("data", bytes(event.data))
            if events and events[-1][0] == "data":
                value = ("data", events.pop()[1] + value[1])
        case h11.EndOfMessage():
            value = ("end", [pair for pair in event.headers if pair[0] not in FORBIDDEN_TRAILERS])
    events.append(value)
