"""Each quirk lets through the one deviation that it names, puts it right, and nothing that could frame a message."""

import inspect
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio.http1 import (
    NEED_DATA,
    ClientConnection,
    Data,
    EndOfMessage,
    InformationalResponse,
    LimitExceeded,
    Limits,
    Quirk,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

from .case import cut, read_pieces
from .response_cases import RESPONSE_CASES
from .test_mutations import GRAFTS

EVERY = frozenset(Quirk)
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n"


def client(quirks=(), limits=None):
    connection = ClientConnection(limits, quirks)
    connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    return connection


def verdict(wire, quirks, size=None, limits=None):
    return read_pieces(client(quirks, limits), cut(wire, size or len(wire)))


def ok(*fields):
    return Response(200, [*fields, (b"Content-Length", b"0")], b"OK")


# A quirk, what it lets through, and what that is read as.
TOLERATED = [
    (Quirk.BARE_LF, b"HTTP/1.1 200 OK\nX: y\nContent-Length: 0\n\n", ok((b"X", b"y"))),
    (Quirk.BARE_LF, b"HTTP/1.1 204\n\n", Response(204)),
    (Quirk.BARE_LF, b"HTTP/1.1 103\nX: y\n\nHTTP/1.1 204\n\n", InformationalResponse(103, [(b"X", b"y")])),
    (Quirk.OBS_FOLD, OK + b"X: y\r\n z\r\n" + EMPTY + b"\r\n", ok((b"X", b"y z"))),
    (Quirk.OBS_FOLD, OK + b"X: y\r\n\t \tz\t\r\n  w\r\n" + EMPTY + b"\r\n", ok((b"X", b"y z w"))),
    (Quirk.OBS_FOLD, OK + b"X: y\r\n \r\n" + EMPTY + b"\r\n", ok((b"X", b"y"))),
    (Quirk.SPACE_BEFORE_COLON, OK + b"X \t: y\r\n" + EMPTY + b"\r\n", ok((b"X", b"y"))),
    (Quirk.CONTROL_BYTES, OK + b"X: a\0b\x01c\rd\x7fe\tf\r\n" + EMPTY + b"\r\n", ok((b"X", b"a b c d e\tf"))),
    (Quirk.REPEATED_LENGTH, OK + EMPTY + EMPTY + b"\r\n", ok()),
    (Quirk.REPEATED_LENGTH, OK + b"X: y\r\ncontent-length:0 , 0\r\n" + EMPTY + b"\r\n", None),
    (Quirk.EMPTY_LINES, b"\r\n\r\n" + OK + EMPTY + b"\r\n", ok()),
    (Quirk.ICY_STATUS_LINE, b"ICY 200 OK\r\n" + EMPTY + b"\r\n", replace(ok(), http_version=b"1.0")),
]


@pytest.mark.parametrize(("quirk", "wire", "event"), TOLERATED)
@pytest.mark.parametrize("size", [None, 1, 2, 5])
def test_a_quirk_is_refused_unless_named_and_put_right_if_named(quirk, wire, event, size):
    for quirks in ((), EVERY - {quirk}):
        refused = verdict(wire, quirks, size)
        assert refused.error is not None
        assert refused.events == ()
    for quirks in ({quirk}, EVERY):
        accepted = verdict(wire, quirks, size)
        assert accepted.error is None
        if event is not None:
            assert accepted.events[0] == event
    assert isinstance(accepted.events[-1], EndOfMessage)


@pytest.mark.parametrize("size", [None, 1, 3])
def test_spaces_after_a_chunk_size(size):
    wire = OK + b"Transfer-Encoding: chunked\r\n\r\n3  \t\r\nabc\r\n2;x \r\nde\r\n0 \r\nX: y\r\n\r\n"
    assert verdict(wire, EVERY - {Quirk.SPACE_AFTER_CHUNK_SIZE}, size).error[0] == "bad-chunk-size"
    events = verdict(wire, {Quirk.SPACE_AFTER_CHUNK_SIZE}, size).events
    assert events[1:] == (Data(b"abcde"), EndOfMessage([(b"X", b"y")]))
    limited = verdict(wire, {Quirk.SPACE_AFTER_CHUNK_SIZE}, size, Limits(chunk_extensions=2))
    assert limited.error[0] == "limit-chunk_extensions"


# What stays refused with every quirk: (rule, offset marked by @@, bytes).
NEVER = [
    ("bare-lf", OK + b"X: y@@\nContent-Length: 5\r\n\r\n"),
    ("bare-lf", OK + b"X: y\r\n@@\n"),
    ("mixed-line-ends", b"HTTP/1.1 200 OK\nX: y@@\r\nContent-Length: 5\n\n"),
    ("mixed-line-ends", b"HTTP/1.1 200 OK\nX: y\n@@\r\n"),
    ("obs-fold", OK + b"@@ X: y\r\n\r\n"),
    ("obs-fold", OK + b"Content-Length: 1\r\n@@ 0\r\n\r\n"),
    ("obs-fold", OK + b"Transfer-Encoding:\r\n@@ chunked\r\n\r\n"),
    ("obs-fold", OK + b"X: y\r\n@@ Transfer-Encoding: chunked\r\n\r\n"),
    ("control-byte", OK + b"X: y\r\n content-length@@\0 : 5\r\n\r\n"),
    ("space-before-colon", OK + b"@@Content-Length : 5\r\n\r\n"),
    ("space-before-colon", OK + b"@@Transfer-Encoding\t: chunked\r\n\r\n"),
    ("control-byte", OK + b"Transfer-Encoding: @@\x0bchunked\r\n\r\n"),
    ("control-byte", OK + b"Content-Length: 5@@\0\r\n\r\n"),
    ("bare-cr", OK + b"Content-Length: 5@@\r0\r\n\r\n"),
    ("control-byte", OK + b"X@@\x01: y\r\n\r\n"),
    ("bad-field-name", OK + b"X: y\r\n@@X Y: y\r\n\r\n"),
    ("no-colon", OK + b"@@X\r\n\r\n"),
    ("repeated-field", OK + b"@@Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ("repeated-field", OK + b"@@Content-Length: 5\r\nContent-Length: 05\r\n\r\n"),
    ("repeated-field", OK + b"@@Content-Length: 5\r\nX: y\r\nContent-Length: 6, 6\r\n\r\n"),
    ("bad-content-length", OK + b"@@Content-Length: 5, 6\r\n\r\n"),
    ("bad-content-length", OK + b"@@Content-Length: +5, +5\r\n\r\n"),
    ("length-and-coding", OK + b"@@Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("transfer-encoding-1.0", b"ICY 200 OK\r\n@@Transfer-Encoding: chunked\r\n\r\n"),
    ("bad-version", b"@@ICYC 200 OK\r\n\r\n"),
    ("bad-status-line", b"@@ICY 2000 OK\r\n\r\n"),
    ("control-byte", b"HTTP/1.1 200 @@\x01\r\n\r\n"),
]


@pytest.mark.parametrize(("rule", "wire"), NEVER)
@pytest.mark.parametrize("size", [None, 1, 4])
def test_no_quirk_lets_through_what_frames_a_message_or_is_another_mistake(rule, wire, size):
    offset, wire = wire.index(b"@@"), wire.replace(b"@@", b"")
    error = verdict(wire, EVERY, size).error
    assert (error[0], error[1], error[2]) == (rule, 502, offset)


def test_an_error_in_a_repaired_head_names_the_byte_as_it_arrived():
    wire = b"\r\n" + OK + b"A  : b\r\n c\r\nD\0: e\r\n\r\n"
    assert verdict(wire, EVERY).error[:3] == ("control-byte", 502, wire.index(b"\0"))
    icy = b"ICY 200 \0\r\n"
    assert verdict(icy, EVERY).error[:3] == ("control-byte", 502, icy.index(b"\0"))
    second = OK + b"A : b\r\n" + EMPTY + b"\r\n"
    connection = client({Quirk.SPACE_BEFORE_COLON})
    assert read_pieces(connection, [second]).error is None
    connection.start_next_cycle()
    connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    error = read_pieces(connection, [OK + b"A : b\r\nC\r\n\r\n"]).error
    assert error[:3] == ("no-colon", 502, len(second) + len(OK + b"A : b\r\n"))


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize(
    ("limits", "wire", "name", "offset"),
    [
        (Limits(start_line=20), b"HTTP/1.1 200 " + b"a" * 20 + b"\r\n\r\n", "start_line", 20),
        (Limits(field_line=10), OK + b"A: b\r\nC" + b" " * 20 + b": d\r\n\r\n", "field_line", 33),
        (Limits(head=60), OK + (b"X: y\r\n" + b" z\r\n" * 30), "head", 60),
        (Limits(head=60), OK + EMPTY * 5 + b"\r\n", "head", 60),
        (Limits(head=30), b"\r\n" * 40, "head", 30),
        (Limits(field_count=2), OK + b"A : b\r\n" * 3 + b"\r\n", "field_count", 31),
    ],
)
def test_limits_count_what_arrives_not_what_is_left_of_it(limits, wire, name, offset, size):
    error = verdict(wire, EVERY, size, limits).error
    assert error is not None
    assert (error[0], error[1], error[2]) == (f"limit-{name}", 502, offset)


def test_an_end_inside_a_tolerated_head_is_no_clean_end():
    connection = client(EVERY)
    connection.receive_data(OK + b"X : y\r\n")
    assert connection.next_event() is NEED_DATA
    assert connection.trailing_data[0] == OK + b"X : y\r\n"
    connection.receive_data(b"")
    with pytest.raises(RemoteProtocolError, match="inside a head"):
        connection.next_event()


def test_a_server_tolerates_nothing():
    assert "quirks" not in inspect.signature(ServerConnection).parameters
    with pytest.raises(TypeError):
        ServerConnection(quirks=[Quirk.BARE_LF])


def test_each_quirk_says_what_it_is():
    assert ClientConnection().quirks == frozenset()
    assert ClientConnection(quirks=[Quirk.BARE_LF]).quirks == {Quirk.BARE_LF}
    source = inspect.getsource(Quirk)
    for quirk in Quirk:
        assert source.count(f'    {quirk.name} = enum.auto()\n    """') == 1


@pytest.mark.parametrize("case", [case for case in RESPONSE_CASES if not case.rule and case.sent], ids=str)
def test_what_is_right_is_read_the_same_with_every_quirk(case):
    for size in (len(case.wire) or 1, 1, 3):
        connection = ClientConnection(None, EVERY)
        for event in case.sent:
            connection.send(event)
        said = read_pieces(connection, cut(case.wire, size) + [b""] * case.eof)
        assert said.error is None
        assert said.events == case.events


quirk_sets = st.sets(st.sampled_from(sorted(Quirk, key=lambda quirk: quirk.name))).map(frozenset)
MANGLED = [wire for _, wire, _ in TOLERATED] + [wire.replace(b"@@", b"") for _, wire in NEVER]


@st.composite
def damaged(draw):
    data = draw(st.sampled_from(MANGLED)) + draw(st.sampled_from([b"", *MANGLED]))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        graft = draw(st.sampled_from(GRAFTS) | st.binary(max_size=2))
        data = data[:place] + graft + data[place + draw(st.integers(0, 3)) :]
    return data


small = st.builds(
    Limits,
    start_line=st.integers(0, 30),
    field_line=st.integers(0, 40),
    field_count=st.integers(0, 5),
    head=st.integers(0, 100),
    chunk_extensions=st.integers(0, 12),
)


@settings(max_examples=400, deadline=None)
@given(damaged(), quirk_sets, st.none() | small, st.integers(2, 20), st.booleans())
def test_one_verdict_however_the_bytes_are_split(data, quirks, limits, size, eof):
    whole, *others = (
        read_pieces(client(quirks, limits), cut(data, each) + [b""] * eof) for each in (len(data) or 1, 1, size)
    )
    assert all(other == whole for other in others)
    if whole.error is not None:
        assert whole.error[1] == 502
        assert 0 <= whole.error[2] <= len(data)


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_what_the_strict_reader_accepts_the_tolerant_accepts_alike(data):
    strict = read_pieces(client(), [data])
    tolerant = read_pieces(client(EVERY), [data])
    for ours, theirs in zip(strict.events, tolerant.events, strict=False):
        assert ours == theirs
    assert len(tolerant.events) >= len(strict.events)


def test_limit_errors_are_limit_errors():
    connection = client(EVERY, Limits(head=5))
    connection.receive_data(OK)
    with pytest.raises(LimitExceeded, match=r"Limits\.head"):
        connection.next_event()
