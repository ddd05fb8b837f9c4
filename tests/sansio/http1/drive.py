"""Feeds connections and takes down what they say, for the tests of `http1`."""

from drywire_sansio import http1

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def pieces(data, cuts):
    """Cut `data` at the given places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} - {0, len(data)})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]


def single_bytes(data):
    return [data[i : i + 1] for i in range(len(data))]


def verdict_of(connection, arrivals, eof=True):
    """Return what `connection` makes of `arrivals`: events with their data joined, and the error if there was one."""
    said = []
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


def _said_by(connection, said):
    """Add what the connection says now to `said`; False where it pauses for good."""
    while (event := connection.next_event()) is not http1.NEED_DATA:
        if event is http1.PAUSED:
            answer(connection)
            if connection.their_state is not http1.IDLE:
                return False
        elif isinstance(event, http1.Data):
            before = said.pop()[1] if said[-1][0] == "data" else b""
            said.append(("data", before + bytes(event.data)))
        else:
            said.append(("event", event))
            if isinstance(event, http1.EndOfMessage):
                answer(connection)
            if isinstance(event, http1.ConnectionClosed):
                break
    return True


def answer(connection):
    """As a server, answer the request that was read, so that the next can be."""
    if isinstance(connection, http1.ServerConnection) and connection.our_state is http1.SEND_RESPONSE:
        connection.send_whole(http1.Response(404, [(b"Content-Length", b"0")], b"Not Found"))
        if connection.our_state is http1.DONE and connection.their_state is http1.DONE:
            connection.start_next_cycle()


def server_verdict(arrivals, limits=None, eof=True):
    return verdict_of(http1.ServerConnection(limits), arrivals, eof)


def client_verdict(arrivals, method=b"GET", limits=None, eof=True):
    return verdict_of(client_after(method, limits), arrivals, eof)


def client_after(method=b"GET", limits=None, fields=()):
    """Return a client that has sent a request."""
    connection = http1.ClientConnection(limits)
    target = b"a:1" if method == b"CONNECT" else b"/"
    connection.send_whole(http1.Request(method, target, [(b"Host", b"a"), *fields]))
    return connection
