"""What the strategies call valid is read by our core, and by h11, as what they say that it means."""

import subprocess
import sys

import h11
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from drywire_sansio import strategies as http
from drywire_sansio.http1 import (
    CLOSED,
    DONE,
    MUST_CLOSE,
    ClientConnection,
    ConnectionClosed,
    Request,
    Response,
    ServerConnection,
)

from ..http1 import h11_oracle
from ..http1.case import joined, read, read_pieces


def client(method):
    connection = ClientConnection()
    connection.send_whole(Request(method, b"/", [(b"Host", b"a")]))
    return connection


@given(http.requests(), st.data())
def test_each_request_is_read_as_what_it_means_however_it_arrives(message, data):
    connection = ServerConnection()
    verdict = read_pieces(connection, data.draw(http.splits(message.wire)))
    assert verdict.error is None
    assert verdict.events == tuple(message.events)
    assert connection.their_state in (DONE, MUST_CLOSE)
    assert connection.keep_alive is not message.last


@given(st.sampled_from([b"GET", b"HEAD", b"POST"]), st.data())
def test_each_response_is_read_as_what_it_means_however_it_arrives(method, data):
    message = data.draw(http.responses(method))
    connection = client(method)
    ends = [b""] if message.ends_with_connection else []
    verdict = read_pieces(connection, data.draw(http.splits(message.wire)) + ends)
    assert verdict.error is None
    assert verdict.events == (*message.events, *([ConnectionClosed()] if ends else []))
    assert connection.their_state in (DONE, MUST_CLOSE, CLOSED)
    assert connection.keep_alive is not message.last


@given(http.pipelines())
def test_each_pipeline_is_read_request_by_request(messages):
    connection = ServerConnection()
    connection.receive_data(b"".join(message.wire for message in messages))
    for message in messages:
        assert joined(read(connection).events) == tuple(message.events)
        if message is not messages[-1]:
            connection.send_whole(Response(204))
            connection.start_next_cycle()
    assert connection.trailing_data == (b"", False)


@given(http.requests())
def test_h11_agrees(message):
    try:
        theirs = h11_oracle.read(True, (), message.wire)
    except h11.RemoteProtocolError as error:
        raise AssertionError(f"{error}: {message.wire!r}") from error
    assert theirs in (h11_oracle.STRICTER, h11_oracle.plain(message.events))


@given(st.binary(max_size=30), st.data())
def test_a_split_loses_nothing_and_has_no_empty_piece(data, more):
    pieces = more.draw(http.splits(data))
    assert b"".join(pieces) == data
    assert all(pieces)


@pytest.mark.parametrize(
    ("strategy", "connection"),
    [(http.near_valid_requests(), ServerConnection), (http.near_valid_responses(), lambda: client(b"GET"))],
    ids=["requests", "responses"],
)
def test_what_is_nearly_valid_is_now_accepted_and_now_refused_for_many_reasons(strategy, connection):
    rules = set()

    @settings(max_examples=400, database=None, derandomize=True, phases=[Phase.generate], deadline=None)
    @given(strategy)
    def gather(wire):
        verdict = read_pieces(connection(), [wire])
        rules.add(verdict.error[0] if verdict.error else "")

    gather()
    assert "" in rules
    assert {"bare-lf", "bad-field-name", "control-byte"} <= rules
    assert len(rules) > 8


# The first that is found will do: making it smaller takes most of the time.
quick = settings(
    database=None, suppress_health_check=list(HealthCheck), deadline=None, phases=[Phase.generate], max_examples=5000
)


@pytest.mark.parametrize(
    "feature",
    [
        lambda message: message.trailers,
        lambda message: b";" in message.wire and message.body,
        lambda message: message.head.http_version == b"1.0",
        lambda message: message.head.target.startswith(b"http://["),
        lambda message: message.head.target == b"*",
        lambda message: message.last,
        lambda message: b"Content-Length: 0" in message.wire,
        lambda message: message.body.startswith(b"GET "),
    ],
)
def test_each_spelling_comes_up(feature):
    assert feature(find(http.requests(), feature, settings=quick))


def test_without_hypothesis_the_error_names_the_extra():
    program = (
        f"import sys; sys.path[:] = {sys.path}; sys.modules['hypothesis'] = None; import drywire_sansio.strategies"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "pip install 'drywire[hypothesis]'" in done.stderr
