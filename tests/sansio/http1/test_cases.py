"""Every case of the wire tables, read whole, byte by byte and with bytes behind it, and written back."""

import pytest

from drywire_sansio.http1 import (
    DONE,
    ERROR,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    NEED_DATA,
    PAUSED,
    SERVER,
    SWITCHED_PROTOCOL,
    Data,
    EndOfMessage,
    Request,
    Response,
)

from . import h11_oracle
from .case import cut, joined, read, read_pieces, write
from .request_cases import REQUEST_CASES
from .response_cases import RESPONSE_CASES

CASES = [*REQUEST_CASES, *RESPONSE_CASES]
TRAILING = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"

ACCEPTED = [case for case in CASES if not case.rule]
REFUSED = [case for case in CASES if case.rule]
BETWEEN_MESSAGES = (DONE, MUST_CLOSE, MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL)


def each(cases):
    """Run a test for each of `cases`."""
    return pytest.mark.parametrize("case", cases, ids=str)


def check(case, verdict, connection):
    assert verdict.events == case.events
    if not case.rule:
        assert verdict.error is None
        assert connection.their_state is case.state
        return
    rule, status, offset, section, _ = verdict.error
    assert (rule, status, section) == (case.rule, case.status, case.section)
    assert offset == case.offset
    assert connection.their_state is ERROR


def pieces_of(case, size):
    return cut(case.wire, size) + [b""] * case.eof


def test_names_tell_the_cases_apart():
    names = [(case.reader, case.name) for case in CASES]
    assert len(set(names)) == len(names)
    assert len(CASES) > 200


@each(CASES)
def test_a_case_is_read_whole(case):
    connection = case.connection()
    check(case, read_pieces(connection, pieces_of(case, len(case.wire) or 1)), connection)


@each(CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_case_is_read_in_pieces(case, size):
    connection = case.connection()
    check(case, read_pieces(connection, pieces_of(case, size)), connection)


@each([case for case in ACCEPTED if case.state in BETWEEN_MESSAGES and not case.eof])
def test_bytes_behind_a_message_are_not_touched(case):
    for pieces in ([case.wire + TRAILING], cut(case.wire + TRAILING, 1)):
        connection = case.connection()
        verdict = read_pieces(connection, pieces)
        assert verdict.events == case.events
        if case.state is MUST_CLOSE:
            assert verdict.error[::2][:2] == ("data-after-end", len(case.wire))
        else:
            assert verdict.error is None
            assert verdict.waits is PAUSED
            assert connection.trailing_data == (TRAILING, False)


@each([case for case in REFUSED if not case.eof])
def test_bytes_behind_an_error_do_not_change_it(case):
    connection = case.connection()
    check(case, read_pieces(connection, [case.wire + TRAILING]), connection)


@each(REFUSED)
def test_an_error_is_said_again_and_nothing_else(case):
    connection = case.connection()
    first = read_pieces(connection, pieces_of(case, len(case.wire) or 1))
    if not case.eof:
        connection.receive_data(TRAILING)
    again = read(connection)
    assert (again.events, again.error) == ((), first.error)
    assert connection.keep_alive is False


@each([case for case in ACCEPTED if case.writable])
def test_what_is_read_can_be_written(case):
    wire = write(case.writer(), case.events)
    if case.exact and not case.eof:
        assert wire == case.wire
    connection = case.connection()
    check(case, read_pieces(connection, [wire] * bool(wire) + [b""] * case.eof), connection)


@each([case for case in ACCEPTED if not case.eof])
def test_a_second_reader_agrees(case):
    """h11 reads the same events, but for what it is known to refuse."""
    theirs = h11_oracle.read(case.reader is SERVER, case.sent, case.wire)
    assert theirs in (h11_oracle.STRICTER, h11_oracle.plain(joined(case.events)))


def test_nothing_comes_of_nothing():
    for case in CASES:
        assert read(case.connection()).waits is NEED_DATA


@pytest.mark.parametrize("status", sorted({case.status for case in CASES if case.rule and case.reader is SERVER}))
def test_a_server_can_still_answer_a_request_it_refused(status):
    case = next(case for case in CASES if case.status == status and case.reader is SERVER)
    connection = case.connection()
    read_pieces(connection, [case.wire])
    answer = write(connection, [Response(status, [(b"Content-Length", b"2")]), Data(b"no"), EndOfMessage()])
    assert answer == b"HTTP/1.1 %d \r\nContent-Length: 2\r\nConnection: close\r\n\r\nno" % status
    assert connection.our_state is MUST_CLOSE


def test_a_table_that_is_wrong_is_noticed():
    case = next(case for case in CASES if case.rule == "bad-target")
    connection = case.connection()
    verdict = read_pieces(connection, [case.wire.replace(b"/1.1", b"/2.0")])
    with pytest.raises(AssertionError):
        check(case, verdict, connection)
    case = next(case for case in CASES if isinstance(case.events[0], Request))
    connection = case.connection()
    with pytest.raises(AssertionError):
        check(case, read_pieces(connection, [case.wire.replace(b"GET", b"PUT")]), connection)
