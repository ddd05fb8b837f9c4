"""The states of a WebSocket: everything happens as the table says, and what it does not say is refused."""

import pytest

from drywire_sansio import websocket
from drywire_sansio.websocket import (
    CLOSED,
    FAILED,
    LOCAL_CLOSING,
    NEED_DATA,
    OPEN,
    REMOTE_CLOSING,
    Binary,
    Close,
    ConnectionClosed,
    LocalProtocolError,
    Ping,
    Pong,
    RemoteProtocolError,
    ServerConnection,
    Text,
)
from drywire_sansio.websocket.states import RECEIVED, SENT, STATES

KEY = b"\0\0\0\0"
EVENTS = {Text: Text("a"), Binary: Binary(b"a"), Ping: Ping(b"a"), Pong: Pong(b"a"), Close: Close(1000)}
WIRES = {
    Text: b"\x81\x81" + KEY + b"a",
    Binary: b"\x82\x81" + KEY + b"a",
    Ping: b"\x89\x81" + KEY + b"a",
    Pong: b"\x8a\x81" + KEY + b"a",
    Close: b"\x88\x82" + KEY + b"\x03\xe8",
    ConnectionClosed: b"",
}


def receive(connection, kind):
    connection.receive_data(WIRES[kind])
    return connection.next_event()


def in_state(state):
    connection = ServerConnection()
    if state in (LOCAL_CLOSING, CLOSED):
        connection.send(Close())
    if state in (REMOTE_CLOSING, CLOSED):
        receive(connection, Close)
    if state is FAILED:
        connection.receive_data(b"\xff\xff" + KEY + bytes(8))
        with pytest.raises(RemoteProtocolError):
            connection.next_event()
    assert connection.state is state
    return connection


@pytest.mark.parametrize("state", STATES, ids=repr)
@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_what_may_be_sent(state, kind):
    connection = in_state(state)
    after = SENT[state].get(kind)
    if after is None:
        with pytest.raises(LocalProtocolError, match=f"cannot be sent: the WebSocket is {state!r}"):
            connection.send(EVENTS[kind])
        assert connection.state is state
    else:
        assert connection.send(EVENTS[kind])
        assert connection.state is after


@pytest.mark.parametrize("state", STATES, ids=repr)
@pytest.mark.parametrize("content", ["a", b"a"])
def test_a_whole_message_goes_out_only_while_open(state, content):
    connection = in_state(state)
    if state is OPEN:
        assert b"".join(connection.send_whole(content)) == (b"\x81\x01a" if content == "a" else b"\x82\x01a")
    else:
        with pytest.raises(LocalProtocolError, match=repr(state)):
            connection.send_whole(content)


@pytest.mark.parametrize("state", [state for state in STATES if state is not FAILED], ids=repr)
@pytest.mark.parametrize("kind", WIRES, ids=lambda kind: kind.__name__)
def test_what_is_received(state, kind):
    connection = in_state(state)
    event = receive(connection, kind)
    after = RECEIVED[state].get(kind)
    if after is None:
        # Dropped: the peer has said its last word.
        assert event is NEED_DATA
        assert connection.state is state
    else:
        assert type(event) is kind
        assert connection.state is after


def test_after_an_error_comes_the_same_error_again():
    connection = in_state(FAILED)
    connection.receive_data(WIRES[Text])
    with pytest.raises(RemoteProtocolError) as first:
        connection.next_event()
    with pytest.raises(RemoteProtocolError) as second:
        connection.next_event()
    assert first.value is second.value
    assert connection.close_code == first.value.close_code == 1002
    assert connection.send(Close(first.value.close_code, "why")) == b"\x88\x05\x03\xeawhy"
    assert connection.state is CLOSED


def test_close_code_tells_how_it_ended():
    connection = ServerConnection()
    assert (connection.close_code, connection.close_reason) == (None, "")
    connection.send(Close(4000))
    assert connection.close_code is None
    connection.receive_data(b"\x88\x86" + KEY + b"\x0f\xa1gone")
    assert connection.next_event() == Close(4001, "gone")
    assert (connection.close_code, connection.close_reason) == (4001, "gone")


def test_a_close_frame_without_a_code_is_1005():
    connection = ServerConnection()
    connection.receive_data(b"\x88\x80" + KEY)
    event = connection.next_event()
    assert event == Close(1005)
    assert connection.close_code == 1005
    assert connection.send(event.answer()) == b"\x88\x00"


@pytest.mark.parametrize("begun", [b"", b"\x81", b"\x81\x85" + KEY + b"hel", b"\x01\x81" + KEY + b"a"])
def test_an_end_without_a_close_frame_is_1006(begun):
    connection = ServerConnection()
    if begun:
        connection.receive_data(begun)
        assert connection.next_event() is NEED_DATA
    connection.receive_data(b"")
    assert connection.next_event() == ConnectionClosed()
    assert connection.next_event() == ConnectionClosed()
    assert (connection.state, connection.close_code) == (CLOSED, 1006)
    with pytest.raises(ValueError, match="after the end"):
        connection.receive_data(b"x")
    with pytest.raises(ValueError, match="after the end"):
        connection.receive_whole(WIRES[Text])


def test_a_send_that_failed_ends_it():
    connection = ServerConnection()
    connection.send_failed()
    assert (connection.state, connection.close_code) == (CLOSED, 1006)
    with pytest.raises(LocalProtocolError):
        connection.send(Text("a"))


def test_events_know_their_answers():
    assert Ping(b"x").answer() == Pong(b"x")
    assert Close(1001, "bye").answer() == Close(1001)


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (Ping(b"x" * 126), "at most 125 bytes"),
        (Pong(b"x" * 126), "at most 125 bytes"),
        (Close(1000, "x" * 124), "at most 125 bytes"),
        (Close(1000, "ü" * 62), "at most 125 bytes"),
        (Close(1005, "why"), "has no reason"),
        (Close(999), "the code 999"),
        (Close(1006), "the code 1006"),
        (Close(2000), "the code 2000"),
        (Close(5000), "the code 5000"),
    ],
)
def test_what_no_frame_can_carry_is_refused_and_changes_nothing(event, what):
    connection = ServerConnection()
    with pytest.raises(LocalProtocolError, match=what):
        connection.send(event)
    assert connection.state is OPEN
    assert connection.send(Text("a")) == b"\x81\x01a"


def test_a_part_of_another_kind_cannot_follow():
    connection = ServerConnection()
    connection.send(Text("a", final=False))
    with pytest.raises(LocalProtocolError, match="a binary part cannot follow in a text message"):
        connection.send(Binary(b"b"))
    assert connection.send(Ping()) == b"\x89\x00"
    assert connection.send(Text("b")) == b"\x80\x01b"
    assert connection.send(Binary(b"c")) == b"\x82\x01c"


def test_text_that_utf8_cannot_say_is_refused_and_changes_nothing():
    connection = ServerConnection()
    with pytest.raises(UnicodeEncodeError):
        connection.send(Text("\ud800"))
    assert connection.send(Text("a")) == b"\x81\x01a"


def test_an_error_says_at_which_byte():
    connection = ServerConnection()
    assert connection.receive_whole(WIRES[Text]) == "a"
    connection.receive_data(WIRES[Binary] + b"\x83\x80" + KEY)
    assert connection.next_event() == Binary(b"a")
    with pytest.raises(RemoteProtocolError) as refused:
        connection.next_event()
    assert refused.value.offset == len(WIRES[Text] + WIRES[Binary])


def test_nothing_is_looked_at_before_next_event():
    connection = websocket.ServerConnection()
    connection.receive_data(b"\xff" * 100)
    assert connection.state is OPEN


def test_parts_are_given_out_as_they_come():
    connection = ServerConnection(parts=True)
    connection.receive_data(b"\x01\x82" + KEY + b"ab" + b"\x80\x84" + KEY + b"cd")
    assert connection.next_event() == Text("ab", final=False)
    assert connection.next_event() == Text("cd", final=False)
    assert connection.next_event() is NEED_DATA
    connection.receive_data(b"ef")
    assert connection.next_event() == Text("ef", final=True)
