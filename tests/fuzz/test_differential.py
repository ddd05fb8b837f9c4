"""Other parsers beside ours: how a disagreement is classed, and that what we send suits them all."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drywire_sansio import strategies as http
from drywire_sansio.http1 import ClientConnection, Data, EndOfMessage, Request
from fuzz.differential import AGREE, THEY_ARE_STRICTER, WE_ARE_STRICTER, classify
from fuzz.explained import EXPLAINED, explanation
from fuzz.inventions import inventions
from fuzz.peers import REQUEST_PEERS, RESPONSE_PEERS, Framed, Reading, our_requests, our_responses
from fuzz.targets import ALL


def get(body=b"", complete=True, target=b"/"):
    return Framed((b"GET", target), [], body, complete)


CLASSES = [
    (Reading([get()]), Reading([get()]), AGREE),
    (Reading([get()], "no"), Reading([get()], "neither"), AGREE),
    (Reading([get()], "no"), Reading([get(), get()]), WE_ARE_STRICTER),
    (Reading([], "no"), Reading([]), WE_ARE_STRICTER),
    (Reading([get(b"a", False)], "no"), Reading([get(b"ab")]), WE_ARE_STRICTER),
    (Reading([get()]), Reading([], "no"), THEY_ARE_STRICTER),
    (Reading([get()]), Reading([get(complete=False)], "no"), THEY_ARE_STRICTER),
    (Reading([get(), get()]), Reading([get()], "no"), THEY_ARE_STRICTER),
    (Reading([get()], stopped=True), Reading([get(), get()]), AGREE),
    (Reading([get(), get()]), Reading([get()], stopped=True), AGREE),
    (Reading([get(b"a", False)]), Reading([get(b"ab", False)]), AGREE),
    (Reading([get(b"ab")]), Reading([get(b"a")]), "differs in message 0: has the body"),
    (Reading([get(target=b"/a")]), Reading([get()], "no"), "differs in message 0: begins with"),
    (Reading([get(), get()]), Reading([get(), get(b"c")], "no"), "differs in message 1: has the body"),
    (Reading([get()]), Reading([get(complete=False)]), "differs in message 0: only we find its end"),
    (Reading([get(complete=False)]), Reading([get()]), "differs in message 0: only they find its end"),
    (Reading([get(), get()]), Reading([get()]), "differs: they wait"),
    (Reading([get()]), Reading([get(), get()]), "differs: they have read"),
    (Reading([get(b"ab", False)]), Reading([get(b"c", False)]), "differs in message 0"),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), CLASSES)
def test_a_pair_of_readings_falls_into_a_class(ours, theirs, expected):
    assert classify(ours, theirs).startswith(expected)


@pytest.mark.parametrize("peer", REQUEST_PEERS)
def test_each_peer_reads_requests(peer):
    first = b"POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    wire = first + b"GET /c HTTP/1.1\r\nHost: d\r\n\r\n"
    reading = REQUEST_PEERS[peer](wire)
    assert [(message.start, message.body, message.complete) for message in reading.messages] == [
        ((b"POST", b"/a"), b"hi", True),
        ((b"GET", b"/c"), b"", True),
    ]
    assert not reading.refused
    assert REQUEST_PEERS[peer](wire + b"?\r\n\r\n").refused


@pytest.mark.parametrize("peer", RESPONSE_PEERS)
def test_each_peer_reads_responses(peer):
    wire = b"HTTP/1.1 103 \r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    reading = RESPONSE_PEERS[peer](wire)
    assert [(message.start, message.body, message.complete) for message in reading.messages] == [
        ((103,), b"", True),
        ((200,), b"hi", True),
    ]
    assert RESPONSE_PEERS[peer](b"HTTQ/1.1 200 OK\r\n\r\n").refused


EXAMPLES = {
    "llhttp": [b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\nContent-Length: 1\r\n\r\nc"],
}


@pytest.mark.parametrize("known", EXPLAINED, ids=lambda known: known.reason)
def test_each_explained_difference_is_there_and_names_its_section(known):
    assert re.search(r"RFC 9\d\d\d, \d", known.reason)
    shown = []
    for wire in EXAMPLES[known.peer]:
        ours, theirs = our_requests(wire), REQUEST_PEERS[known.peer](wire)
        assert classify(ours, theirs).startswith("differs")
        shown.append(explanation(known.peer, wire, ours, theirs))
    assert known.reason in shown


def test_what_is_not_explained_is_not_explained_away():
    ours, theirs = Reading([get(b"a")]), Reading([get(b"b")])
    assert all(explanation(peer, b"", ours, theirs) is None for peer in REQUEST_PEERS)


@settings(deadline=None)
@pytest.mark.parametrize("name", ["differential-requests", "differential-responses"])
@given(st.data())
def test_no_generated_message_is_framed_differently(name, data):
    target = ALL[name]
    wire = data.draw(inventions(target.messages))
    target.check(wire)
    target.check(data.draw(http.damaged(wire)))


# What every peer takes: its list of methods is short, and h11's idea of a target is that of a URI.
METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"])
TARGETS = st.sampled_from([b"/", b"/a/b?c=d&e=%20", b"/~a;b=c/(d)", b"http://example.com/a", b"http://[::1]:80/"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20).map(
    lambda text: text.strip().encode()
)
NAMES = http.field_names().filter(lambda name: name.lower() not in (b"keep-alive", b"proxy-connection", b"host"))


FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=5, unique_by=lambda pair: pair[0].lower())


@settings(deadline=None)
@given(METHODS, TARGETS, http.hosts(), FIELDS, http.bodies(), st.booleans())
def test_what_our_client_sends_our_server_and_every_peer_accept(method, target, host, fields, body, chunked):
    framing = (b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", b"%d" % len(body))
    client = ClientConnection()
    middle = len(body) // 2
    events = [
        Request(method, target, [(b"Host", host), *fields, framing]),
        Data(body[:middle]),
        Data(body[middle:]),
        EndOfMessage(),
    ]
    wire = b"".join(map(client.send, events))
    for name, read in {"drywire": our_requests, **REQUEST_PEERS}.items():
        reading = read(wire)
        assert not reading.refused, f"{name} refuses {wire!r}: {reading.refused}"
        (message,) = reading.messages
        assert (message.start, message.body, message.complete) == ((method, target), body, True), name


@settings(deadline=None)
@given(http.responses())
def test_what_we_accept_of_responses_no_peer_frames_differently(message):
    ours = our_responses(message.wire)
    assert not ours.refused
    for name, read in RESPONSE_PEERS.items():
        theirs = read(message.wire)
        verdict = classify(ours, theirs)
        assert verdict in (AGREE, THEY_ARE_STRICTER) or explanation(name, message.wire, ours, theirs), verdict
