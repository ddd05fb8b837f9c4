"""Every case of the wire tables: read whole, in pieces, cut short, with bytes before and behind, and written back."""

from itertools import pairwise
from random import Random

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
    ConnectionClosed,
    Data,
    EndOfMessage,
    InformationalResponse,
    LocalProtocolError,
    Request,
    Response,
)

from . import h11_oracle
from .case import CLIENT, cut, get, joined, read, read_pieces, write
from .chunk_cases import CHUNK_CASES
from .head_cases import HEAD_CASES
from .octet_cases import OCTET_CASES
from .request_cases import REQUEST_CASES
from .response_cases import RESPONSE_CASES
from .response_framing_cases import RESPONSE_FRAMING_CASES
from .smuggling_cases import SMUGGLING_CASES
from .status_line_cases import STATUS_LINE_CASES

CASES = [
    *REQUEST_CASES,
    *HEAD_CASES,
    *SMUGGLING_CASES,
    *OCTET_CASES,
    *CHUNK_CASES,
    *RESPONSE_CASES,
    *STATUS_LINE_CASES,
    *RESPONSE_FRAMING_CASES,
]
TRAILING = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"

ACCEPTED = [case for case in CASES if not case.rule]
REFUSED = [case for case in CASES if case.rule]
BETWEEN_MESSAGES = (DONE, MUST_CLOSE, MIGHT_SWITCH_PROTOCOL, SWITCHED_PROTOCOL)


TOGETHER = 25
"""Cases to an item of pytest's: one by one they took it longer than they take."""


def each(cases):
    """Run a test for each of `cases`; one that fails is named in a note."""

    def of_batches(test):
        def run(batch):
            for case in batch:
                try:
                    test(case)
                except BaseException as error:
                    error.add_note(f"the case is: {case}")
                    raise

        run.__name__ = run.__qualname__ = test.__name__
        batches = [cases[at : at + TOGETHER] for at in range(0, len(cases), TOGETHER)]
        return pytest.mark.parametrize("batch", batches, ids=[f"from {batch[0]}" for batch in batches])(run)

    return of_batches


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


def bytes_of(case):
    """Return what no other case has: what is sent and what is received."""
    return case.reader, case.sent and str(case.sent), case.wire, case.eof


def test_no_case_comes_twice_and_there_are_enough_of_both_roles():
    first = {}
    again = [case.name for case in CASES if first.setdefault(bytes_of(case), case) is not case]
    assert again == []
    assert len(CASES) >= 470
    for role in (SERVER, CLIENT):
        assert sum(case.reader is role for case in CASES) >= 200
        assert sum(case.reader is role for case in ACCEPTED) >= 100


@each(CASES)
def test_a_case_is_read_whole(case):
    connection = case.connection()
    check(case, read_pieces(connection, pieces_of(case, len(case.wire) or 1)), connection)


@each(CASES)
def test_a_case_is_read_in_pieces(case):
    for size in (1, 2, 3, 7):
        connection = case.connection()
        check(case, read_pieces(connection, pieces_of(case, size)), connection)


def split(data, random):
    """Return `data` in a few pieces, some of which may be of one byte; none is empty."""
    count = random.randint(1, 8)
    places = {random.randrange(1, len(data)) for _ in range(count)} if len(data) > 1 else ()
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])] if data else []


@each(CASES)
def test_a_case_is_read_split_at_random(case):
    random = Random(case.name)
    for _ in range(8):
        pieces = split(case.wire, random)
        assert b"".join(pieces) == case.wire
        connection = case.connection()
        check(case, read_pieces(connection, pieces + [b""] * case.eof), connection)


def begins(events, whole):
    """Whether `events` are what `whole` begins with; of data that comes last, a part is enough."""
    if not events or not isinstance(events[-1], Data):
        return events == whole[: len(events)]
    *before, last = events
    if tuple(before) != whole[: len(before)] or len(whole) == len(before):
        return False
    other = whole[len(before)]
    return isinstance(other, Data) and other.data.startswith(last.data)


def end_at(case, wire, events):
    """Return what the end of the connection is right behind `wire`, read as `events`: events, or a rule."""
    last = events[-1] if events else None
    if last is None or isinstance(last, InformationalResponse):
        if case.reader is SERVER:
            return (ConnectionClosed(),) if wire in (b"", b"\r\n") else "incomplete-head"
        return "closed-without-response" if wire == b"" or wire.endswith(b"\r\n\r\n") else "incomplete-head"
    if isinstance(last, EndOfMessage):
        return (ConnectionClosed(),)
    (head,) = (event for event in events if isinstance(event, Request | Response))
    names = {name.lower() for name, _ in head.headers}
    if isinstance(head, Response) and names.isdisjoint({b"content-length", b"transfer-encoding"}):
        return (EndOfMessage(), ConnectionClosed())
    return "incomplete-body"


@each(ACCEPTED)
def test_a_message_cut_at_any_byte_is_known_for_one(case):
    for length in range(len(case.wire) + (not case.eof and case.state is not SWITCHED_PROTOCOL)):
        wire = case.wire[:length]
        connection = case.connection()
        verdict = read_pieces(connection, [wire] * bool(wire))
        assert verdict.error is None, wire
        assert begins(verdict.events, case.events), wire
        connection.receive_data(b"")
        ended = read(connection)
        expected = end_at(case, wire, verdict.events)
        if isinstance(expected, tuple):
            assert (ended.events, ended.error) == (expected, None), wire
        else:
            assert ended.events == (), wire
            status = 400 if case.reader is SERVER else 502
            assert ended.error[:4] == (expected, status, length, "RFC 9112, 8"), wire


FIRST = (get(b"/first"), EndOfMessage())
FIRST_WIRE = {
    SERVER: b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n",
    CLIENT: b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
}
ANSWER = (Response(200, [(b"Content-Length", b"2")]), Data(b"ok"), EndOfMessage())


def second_cycle(case, connection, received):
    """Make `connection` ready for a second message after a good first, behind which `received` has come already."""
    if case.reader is CLIENT:
        write(connection, FIRST)
    assert read_pieces(connection, [FIRST_WIRE[case.reader] + received]).events == (
        FIRST if case.reader is SERVER else ANSWER
    )
    if case.reader is SERVER:
        write(connection, ANSWER)
    connection.start_next_cycle()
    write(connection, case.sent)


@each(CASES)
def test_a_case_is_the_same_behind_another_message(case):
    before = len(FIRST_WIRE[case.reader])
    for pipelined in (False, True) if case.reader is SERVER else (False,):
        connection = type(case.connection())()
        second_cycle(case, connection, case.wire if pipelined else b"")
        for piece in [case.wire] * (bool(case.wire) and not pipelined) + [b""] * case.eof:
            connection.receive_data(piece)
        verdict = read(connection)
        if verdict.error is not None:
            rule, status, offset, *rest = verdict.error
            verdict = verdict._replace(error=(rule, status, offset - before, *rest))
        check(case, verdict, connection)


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


@each([case for case in REFUSED if not case.eof])
def test_nothing_is_read_behind_an_error(case):
    """Not a good request in the same arrival nor in later ones, not in this cycle, and there is no next."""
    for pieces in ([case.wire, TRAILING], [case.wire + TRAILING, TRAILING], [case.wire, *cut(TRAILING, 1)]):
        connection = case.connection()
        first, *later = pieces
        error = read_pieces(connection, [first]).error
        for piece in later:
            connection.receive_data(piece)
            again = read(connection)
            assert (again.events, again.error) == ((), error)
        assert connection.their_state is ERROR
        assert connection.trailing_data[0].endswith(TRAILING)
        with pytest.raises(LocalProtocolError):
            connection.start_next_cycle()
        if case.reader is CLIENT:
            with pytest.raises(LocalProtocolError):
                connection.send(get(b"/next"))


@each([case for case in ACCEPTED if case.reader is CLIENT and case.state is DONE and not case.eof])
def test_a_second_response_that_nobody_asked_for_is_not_read(case):
    connection = case.connection()
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    verdict = read_pieces(connection, [case.wire + second])
    assert (verdict.events, verdict.error, verdict.waits) == (case.events, None, PAUSED)
    if set(connection.states.values()) == {DONE}:
        connection.start_next_cycle()
        with pytest.raises(LocalProtocolError):
            connection.send(get(b"/next"))


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
