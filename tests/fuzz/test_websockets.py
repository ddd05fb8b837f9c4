"""The WebSocket targets: what is planted in the core is found by their seeds, and each known difference is shown."""

import pytest
from hypothesis import given, settings

from drywire_sansio import websocket
from drywire_sansio.websocket import connection, deflate, engine, extensions, handshake, plain, reader, writer
from fuzz import held
from fuzz.findings import Finding
from fuzz.held import watched
from fuzz.inventions import inventions
from fuzz.targets import ALL, HERE, websockets
from fuzz.ws_explained import EXPLAINED, Case, frames_of
from fuzz.ws_verdicts import connection_of, verdict_of, wsproto_verdict


def no_close_checks(monkeypatch):
    """A close frame may carry any code."""
    monkeypatch.setattr(reader, "may_be_sent", lambda code: True)


def reads_too_much(monkeypatch):
    """What is behind a close frame is read."""
    monkeypatch.setattr(connection.Connection, "_drop_input", lambda self: None)
    monkeypatch.setitem(connection.OPEN.received, websocket.Close, connection.OPEN)


def plain_without_utf8(monkeypatch):
    """The quick path takes text that is not UTF-8."""
    monkeypatch.setattr(connection, "read_plain", lambda data, masked, longest: data[2:].decode("latin-1"))


def helpers_differ(monkeypatch):
    """The C helper and the Python one do not say the same."""
    monkeypatch.setattr(websockets, "read_plain", lambda data, masked, longest: None)


def no_mask_when_sending(monkeypatch):
    """A client's payload goes out as it is."""
    monkeypatch.setattr(writer, "apply_mask", lambda data, key: bytes(data))


def key_does_not_turn(monkeypatch):
    """Each piece of a frame is unmasked from the key's first byte on."""

    def add(self, data, original=plain.PlainContent.add):
        key = self._key
        original(self, data)
        self._key = key

    monkeypatch.setattr(plain.PlainContent, "add", add)


def pieces_are_kept(monkeypatch):
    """Each arrival is kept for ever."""
    kept = []

    def receive_data(self, data, original=connection.Connection.receive_data):
        kept.append(bytes(data) * 100)
        original(self, data)
        self.close_reason = b"".join(kept)

    monkeypatch.setattr(connection.Connection, "receive_data", receive_data)


def no_message_limit(monkeypatch):
    """Compressed messages have all the room that they want."""

    def feed(self, data, room, original=engine.Engine.feed):
        return original(self, data, 1 << 30)

    monkeypatch.setattr(engine.Engine, "feed", feed)


def sides_swapped(monkeypatch):
    """A client inflates by what was agreed for clients."""

    def compression(agreed, *, client, original=connection._compression):
        return original(agreed, client=not client)

    monkeypatch.setattr(connection, "_compression", compression)


def context_is_kept(monkeypatch):
    """The deflater keeps its context although it was agreed that it does not."""

    def compress(self, data, *, final, level=None, original=deflate.Deflater.compress):
        self._keeps_context = True
        return original(self, data, final=final, level=level)

    monkeypatch.setattr(deflate.Deflater, "compress", compress)


def end_is_forgotten(monkeypatch):
    """After the end of the stream it is read on."""
    monkeypatch.setattr(connection.ReceiveBuffer, "eof", property(lambda self: False, lambda self, value: None))


def first_error_is_forgotten(monkeypatch):
    """An error is raised once."""

    def fail(self, error, original=connection.Connection._fail):
        original(self, error)
        self._error = None

    monkeypatch.setattr(connection.Connection, "_fail", fail)


def reserved_bits_on_continuations(monkeypatch):
    """Each frame of a compressed message may say that it is compressed."""
    monkeypatch.setattr(engine, "_NO_BITS", engine._COMPRESSION_BIT)


def undocumented_error(monkeypatch):
    """What is not deflate raises what zlib raises."""
    monkeypatch.setattr(deflate, "_broken", lambda message: deflate.zlib.error(message))


def any_method(monkeypatch):
    """A handshake may be a POST, and have any key."""
    monkeypatch.setattr(handshake, "_checked_key", lambda request: b"AAAAAAAAAAAAAAAAAAAAAA==")


def answer_without_window(monkeypatch):
    """The server does not say which window it has agreed to."""
    monkeypatch.setattr(deflate, "_answer", lambda asked, agreed: extensions.ExtensionOffer(deflate.NAME, ()))


PLANTED = [
    *((ALL["websocket"], plant) for plant in (no_close_checks, reads_too_much, plain_without_utf8, helpers_differ)),
    *((ALL["websocket"], plant) for plant in (no_mask_when_sending, key_does_not_turn, pieces_are_kept)),
    *((ALL["websocket"], plant) for plant in (end_is_forgotten, first_error_is_forgotten)),
    *((ALL["websocket-deflate"], plant) for plant in (no_message_limit, sides_swapped, context_is_kept)),
    *((ALL["websocket-deflate"], plant) for plant in (reserved_bits_on_continuations, undocumented_error)),
    *((ALL["websocket-handshake"], plant) for plant in (any_method, answer_without_window)),
]


@pytest.mark.parametrize(
    ("target", "plant"), [pytest.param(*pair, id=f"{pair[0].name}-{pair[1].__name__}") for pair in PLANTED]
)
def test_the_seeds_find_what_is_planted(target, plant, monkeypatch):
    found = []
    plant(monkeypatch)
    for path in sorted((HERE / "corpus" / target.name).iterdir()):
        try:
            target.check(path.read_bytes())
        except Exception:
            found.append(path.name)
    assert found


def case(wire, agreed=None, client=True):
    side = websockets._Side(client, wire, agreed)
    ours, theirs = (
        [entry for entry in verdict if entry[0] != "part"]
        for verdict in (
            verdict_of(side.connection(websockets.LARGE), [wire]),
            wsproto_verdict(wire, client=client, extensions=side.extensions()),
        )
    )
    return Case(wire, client, agreed, websockets.LARGE, side.extensions, ours, theirs)


AGREED = websocket.Deflate()
HELLO = b"\xf2H\xcd\xc9\xc9\x07\x00"
DIFFERENCES = [
    ("by its first two bytes", case(b"\x83\x7e")),
    ("out of turn", case(b"\x01\x01a\x81\x01")),
    ("1014", case(b"\x88\x02\x03\xf6")),
    ("after a ping inside", case(b"\x41\x03" + HELLO[:3] + b"\x89\x00\x80\x04" + HELLO[3:], AGREED)),
    ("a last deflate block", case(b"\xc1\x09\xf3H\xcd\xc9\xc9\x07\x00\xc1\x02\xc1\x09" + HELLO + b"\x01\x00", AGREED)),
    ("no bytes at all", case(b"\xc1\x00\xc1\x07" + HELLO, AGREED)),
]


@pytest.mark.parametrize(("words", "shown"), DIFFERENCES, ids=[words for words, _ in DIFFERENCES])
def test_each_known_difference_is_shown_and_explained_by_its_reason(words, shown):
    assert shown.ours != shown.theirs
    reasons = [known.reason for known in EXPLAINED if known.applies(shown)]
    assert len(reasons) == 1
    assert words in reasons[0]


def test_each_reason_has_an_example():
    for known in EXPLAINED:
        assert any(known.applies(shown) for _, shown in DIFFERENCES), known.reason


@pytest.mark.parametrize("wire", [b"\x81\x01a", b"\x81\x02a", b"\x01\x01a\x80\x01b", b"\x83\x01a", b"\x88\x02\x03\xe8"])
def test_what_is_alike_is_not_explained(wire):
    alike = case(wire)
    assert alike.ours == alike.theirs
    assert not any(known.applies(alike) for known in EXPLAINED)


def test_frames_are_found_whole_and_cut():
    wire = b"\x81\x81\x01\x02\x03\x04`\x82\x7e\x00\x80ab"
    assert [(header.first, header.size, payload) for header, payload in frames_of(wire)] == [
        (0x81, 1, b"a"),
        (0x82, 128, b"ab"),
    ]


def test_a_connection_that_gathers_without_a_limit_is_seen(monkeypatch):
    monkeypatch.setattr(held, "FIXED", 3000)
    small = connection_of(client=True, limits=websockets.SMALL)
    assert verdict_of(small, watched(small, [b"\x01\x30" + b"a" * 48, b"\x80\x01b"])) == [("message", "a" * 48 + "b")]
    large = connection_of(client=True)
    wire = [b"\x01\x7e\x40\x00", b"a" * 0x4000]
    large.limits = websockets.SMALL
    with pytest.raises(Finding, match=r"^\d+ bytes are held after arrival \d+, where \d+ will do$"):
        verdict_of(large, watched(large, [*wire[:1], *(wire[1][at : at + 512] for at in range(0, 0x4000, 512))]))


@pytest.mark.parametrize("kind", ["frames", "deflated"])
def test_inventions_reach_messages_and_errors(kind):
    outcomes = set()

    @settings(max_examples=60, database=None, derandomize=True)
    @given(inventions(kind))
    def run(data):
        for client in (True, False):
            agreed = AGREED if kind == "deflated" else None
            said = verdict_of(connection_of(client=client, deflate=agreed), [data[:-1]] if data[:-1] else [])
            outcomes.update((client, entry[0]) for entry in said)

    run()
    assert (True, "message") in outcomes
    assert (True, "error") in outcomes
    if kind == "frames":
        assert (False, "message") in outcomes
