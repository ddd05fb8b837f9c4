"""What holds for every conversation: it arrives as it was sent, however it is cut, compressed and fragmented."""

import itertools
import os

from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection as WsprotoConnection
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, Message, Ping, Pong, TextMessage
from wsproto.extensions import PerMessageDeflate

from drywire_sansio import strategies as http
from drywire_sansio import websocket
from drywire_sansio.websocket import Binary, Deflate, Text
from drywire_sansio.websocket.frames import pack_header
from fuzz.ws_verdicts import connection_of, masked, verdict_of, wsproto_verdict

AGREEMENTS = st.none() | st.builds(
    Deflate,
    server_no_context_takeover=st.booleans(),
    client_no_context_takeover=st.booleans(),
    server_max_window_bits=st.integers(8, 15),
    client_max_window_bits=st.integers(8, 15),
    level=st.integers(-1, 9),
)
CONTENTS = st.text(max_size=200) | st.binary(max_size=200) | st.integers(0, 70_000).map(lambda size: "é" * size)
MESSAGES = st.tuples(CONTENTS, st.lists(st.integers(0, 200), max_size=4), st.none() | st.integers(0, 9))
CONTROLS = st.builds(websocket.Ping, st.binary(max_size=125)) | st.builds(websocket.Pong, st.binary(max_size=125))
CONVERSATIONS = st.lists(MESSAGES | CONTROLS, max_size=6)


def parts_of(content, cuts):
    """The content in parts, some of them empty."""
    places = [0, *sorted(min(place, len(content)) for place in cuts), len(content)]
    kind = Text if isinstance(content, str) else Binary
    parts = [content[start:end] for start, end in itertools.pairwise(places)]
    return [kind(part, final=number == len(parts) - 1) for number, part in enumerate(parts)]


def sent_by(connection, conversation):
    """The wire of a conversation, and what must be read of it."""
    wire, expected = b"", []
    for item in conversation:
        if isinstance(item, tuple):
            content, cuts, compress = item
            for part in parts_of(content, cuts):
                wire += connection.send(part, compress)
            expected.append(("message", content))
        else:
            wire += connection.send(item)
            expected.append((type(item).__name__, item.payload))
    return wire, expected


@given(CONVERSATIONS, AGREEMENTS, st.booleans(), st.data())
@settings(max_examples=150)
def test_what_is_sent_arrives(conversation, agreed, client, data):
    wire, expected = sent_by(connection_of(client=client, deflate=agreed), conversation)
    arrivals = data.draw(http.splits(wire)) if len(wire) < 2000 else [wire[:700], wire[700:]]
    for direct in (True, False):
        reader = connection_of(client=not client, deflate=agreed, direct=direct)
        assert verdict_of(reader, arrivals) == expected
    parts = verdict_of(connection_of(client=not client, deflate=agreed, parts=True), arrivals)
    assert parts == expected


@given(st.lists(st.tuples(CONTENTS, st.none() | st.integers(0, 9)), max_size=5), AGREEMENTS, st.booleans())
@settings(max_examples=60)
def test_whole_messages_go_out_as_their_events_do(messages, agreed, client):
    by_event, whole = (connection_of(client=client, deflate=agreed) for _ in range(2))
    for content, compress in messages:
        kind = Text if isinstance(content, str) else Binary
        assert b"".join(whole.send_whole(content, compress)) == by_event.send(kind(content), compress)


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0x83, 0xC1, 0xC2, 0x41, 0x09])
        | st.integers(0, 255),
        st.binary(max_size=140) | st.text(max_size=60).map(str.encode),
    ).map(lambda parts: pack_header(parts[0], len(parts[1]), masked=False) + parts[1]),
    max_size=5,
).map(b"".join)


@given(FRAMES | st.binary(max_size=60), st.booleans(), AGREEMENTS, st.data())
@settings(max_examples=300)
def test_any_bytes_are_events_or_one_error_the_same_for_every_way_to_read_them(wire, client, agreed, data):
    if not client:
        wire = masked(wire)[0]
    verdict = verdict_of(connection_of(client=client, deflate=agreed), [wire] if wire else [])
    if verdict and verdict[-1][0] == "error":
        assert verdict[-1][1] in (1002, 1007, 1008, 1009)
    pieces = data.draw(http.splits(wire))
    for direct in (True, False):
        for arrivals in ([wire] if wire else [], pieces):
            assert verdict_of(connection_of(client=client, deflate=agreed, direct=direct), arrivals) == verdict


@given(FRAMES, st.booleans())
@settings(max_examples=200)
def test_wsproto_agrees(wire, client):
    wire = wire if client else masked(wire)[0]
    ours = verdict_of(connection_of(client=client), [wire] if wire else [])
    theirs = [entry for entry in wsproto_verdict(wire, client=client, extensions=[]) if entry[0] != "part"]
    assert theirs == ours


def wsproto_deflate(agreed):
    if agreed is None:
        return []
    extension = PerMessageDeflate(
        client_no_context_takeover=agreed.client_no_context_takeover,
        client_max_window_bits=max(9, agreed.client_max_window_bits),
        server_no_context_takeover=agreed.server_no_context_takeover,
        server_max_window_bits=max(9, agreed.server_max_window_bits),
    )
    extension._enabled = True
    return [extension]


@given(CONVERSATIONS, AGREEMENTS, st.booleans())
@settings(max_examples=60)
def test_wsproto_reads_what_we_send(conversation, agreed, client):
    wire, expected = sent_by(connection_of(client=client, deflate=agreed), conversation)
    assert wsproto_verdict(wire, client=not client, extensions=wsproto_deflate(agreed)) == expected


def wsproto_events(item):
    if not isinstance(item, tuple):
        return [(Ping if isinstance(item, websocket.Ping) else Pong)(payload=item.payload)]
    content, cuts, _ = item
    kind = TextMessage if isinstance(content, str) else BytesMessage
    return [kind(data=part.data, message_finished=part.final) for part in parts_of(content, cuts)]


@given(CONVERSATIONS, AGREEMENTS, st.booleans())
@settings(max_examples=60)
def test_we_read_what_wsproto_sends(conversation, agreed, client):
    if agreed is not None and min(agreed.client_max_window_bits, agreed.server_max_window_bits) < 9:
        agreed = Deflate()
    role = ConnectionType.CLIENT if client else ConnectionType.SERVER
    sender = WsprotoConnection(role, wsproto_deflate(agreed))
    wire = b""
    for item in conversation:
        for event in wsproto_events(item):
            # Its extension can compress nothing of a part that holds nothing: zlib does not flush twice.
            if not (isinstance(event, Message) and not event.data and agreed is not None):
                wire += sender.send(event)
            else:
                return
    _, expected = sent_by(connection_of(client=client), conversation)
    assert verdict_of(connection_of(client=not client, deflate=agreed), [wire] if wire else []) == expected


def test_a_client_takes_a_fresh_key_for_each_frame():
    keys = []

    def mask():
        keys.append(os.urandom(4))
        return keys[-1]

    connection = websocket.ClientConnection(mask)
    wire = connection.send(Text("a")) + b"".join(connection.send_whole(b"b")) + connection.send(websocket.Ping())
    assert wire == b"".join(
        [
            b"\x81\x81" + keys[0] + bytes([ord("a") ^ keys[0][0]]),
            b"\x82\x81" + keys[1] + bytes([ord("b") ^ keys[1][0]]),
            b"\x89\x80" + keys[2],
        ]
    )


def test_payloads_of_any_kind_of_buffer_go_out_as_their_bytes():
    numbers = memoryview(bytes(range(12))).cast("I")
    for payload in (bytes(range(12)), bytearray(range(12)), memoryview(bytes(range(12))), numbers):
        for client in (True, False):
            wire = connection_of(client=client).send(Binary(payload))
            assert verdict_of(connection_of(client=not client), [wire]) == [("message", bytes(range(12)))]
            whole = b"".join(connection_of(client=client).send_whole(payload))
            assert whole == wire


def test_a_large_payload_goes_out_uncopied():
    payload = bytes(1 << 20)
    buffers = websocket.ServerConnection().send_buffers(Binary(payload))
    assert buffers[-1] is payload
