"""Compressed messages (RFC 7692)."""

import zlib

from drywire_sansio import websocket

from .case import Case, binary, bye, error, frame, ping, text, texts

TAKEOVER = websocket.Deflate()
NO_TAKEOVER = websocket.Deflate(server_no_context_takeover=True, client_no_context_takeover=True)
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692, 7.2.3.1
AGAIN = bytes.fromhex("f200110000")  # 7.2.3.2: "Hello" once more, by reference


def compressed(*contents, bits=15, flush=zlib.Z_SYNC_FLUSH):
    """The payloads of messages compressed by one stream, each without its tail."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -bits)
    return [(stream.compress(content) + stream.flush(flush))[:-4] for content in contents]


def windows():
    content = bytes(range(256)) * 20
    for bits in range(9, 16):
        agreed = websocket.Deflate(server_max_window_bits=bits, client_max_window_bits=bits)
        wire = b"".join(frame(0xC2, payload) for payload in compressed(content, content, bits=bits))
        yield Case(f"a window of {bits} bits", wire, (binary(content),) * 2, agreed)
    eight = websocket.Deflate(server_max_window_bits=8, client_max_window_bits=8)
    yield Case("a window of 8 bits, which we can read", frame(0xC1, HELLO), texts("Hello"), eight)


def refused():
    whole, rest = HELLO[:3], HELLO[3:]
    for bits in (2, 3, 1):
        wire = frame(0x80 | bits << 4 | 0x01, HELLO)
        yield Case(f"reserved bits {bits:03b}, which the extension does not use", wire, (error(1002),), TAKEOVER)
    yield Case("the bit in a continuation", frame(0x41, whole) + frame(0xC0, rest), (error(1002),), TAKEOVER)
    for opcode, name in ((0x8, "close"), (0x9, "ping"), (0xA, "pong")):
        yield Case(f"the bit in a {name} frame", frame(0xC0 | opcode, b"\x03\xe8"), (error(1002),), TAKEOVER)
    for name, payload in (
        ("a block of a kind that is none", b"\x07"),
        ("a stored block whose sizes disagree", b"\x00\x05\x00\x00\x00hello"),
        ("a reference to before the beginning", AGAIN),
        ("bytes that are not compressed", b"\xff" * 20),
    ):
        yield Case(f"{name}", frame(0xC1, payload), (error(1007),), TAKEOVER)
    second = frame(0xC1, HELLO) + frame(0xC1, AGAIN)
    yield Case(
        "a reference to the message before, with no context kept", second, (text("Hello"), error(1007)), NO_TAKEOVER
    )
    ends = frame(0xC1, b"\x03\x00" * 9)
    yield Case("more ended streams than a message may have", ends, (error(1007),), TAKEOVER)
    (wrong,) = compressed(b"ok \xff")
    yield Case("compressed text that is not UTF-8", frame(0xC1, wrong), (error(1007),), TAKEOVER)
    small = websocket.Limits(message=100)
    (bomb,) = compressed(bytes(10_000_000))
    yield Case(
        "a message that inflates to more than the limit", frame(0xC2, bomb), (error(1009, "message"),), TAKEOVER, small
    )
    (first, more) = compressed(b"x" * 60, b"y" * 60)
    wire = frame(0x42, first + b"\0\0\xff\xff") + frame(0x80, more)
    yield Case("fragments that inflate to more than the limit", wire, (error(1009, "message"),), TAKEOVER, small)
    exact = compressed(b"x" * 100, b"y" * 100)
    wire = b"".join(frame(0xC2, payload) for payload in exact)
    yield Case("messages that inflate to the limit", wire, (binary(b"x" * 100), binary(b"y" * 100)), TAKEOVER, small)
    yield Case("the bit without the extension", frame(0xC1, HELLO), (error(1002),))


def accepted():
    yield Case("one message", frame(0xC1, HELLO), texts("Hello"), TAKEOVER)
    yield Case("two compressed fragments", frame(0x41, HELLO[:3]) + frame(0x80, HELLO[3:]), texts("Hello"), TAKEOVER)
    single = b"".join(frame(0x00, HELLO[place : place + 1]) for place in range(len(HELLO)))
    yield Case("fragments of a byte", b"\x41" + single[1:] + frame(0x80), texts("Hello"), TAKEOVER)
    yield Case("context kept", frame(0xC1, HELLO) + frame(0xC1, AGAIN), texts("Hello", "Hello"), TAKEOVER)
    yield Case("no context kept", frame(0xC1, HELLO) * 2, texts("Hello", "Hello"), NO_TAKEOVER)
    stored = bytes.fromhex("000500faff48656c6c6f00")
    yield Case("a stored block", frame(0xC1, stored), texts("Hello"), TAKEOVER)
    final = bytes.fromhex("f348cdc9c9070000")
    yield Case("a block that is the last", frame(0xC1, final), texts("Hello"), TAKEOVER)
    yield Case(
        "messages after a last block", frame(0xC1, final) + frame(0xC1, HELLO), texts("Hello", "Hello"), TAKEOVER
    )
    two = bytes.fromhex("f248050000 00ffffcac9c90700".replace(" ", ""))
    yield Case("two blocks", frame(0xC1, two), texts("Hello"), TAKEOVER)
    yield Case("an empty message", frame(0xC1, b"\0"), texts(""), TAKEOVER)
    yield Case("an empty message as an empty frame", frame(0xC1) + frame(0xC1, HELLO), texts("", "Hello"), TAKEOVER)
    yield Case(
        "plain and compressed in turn",
        frame(0x81, b"a") + frame(0xC1, HELLO) + frame(0x82, b"b"),
        (*texts("a", "Hello"), binary(b"b")),
        TAKEOVER,
    )
    yield Case("plain fragments with the extension", frame(0x01, b"a") + frame(0x80, b"b"), texts("ab"), TAKEOVER)
    between = frame(0x41, HELLO[:3]) + frame(0x89, b"p") + frame(0x80, HELLO[3:])
    yield Case("a ping inside a compressed message", between, (ping(b"p"), text("Hello")), TAKEOVER)
    yield Case(
        "a close frame inside a compressed message", frame(0x41, HELLO[:3]) + frame(0x88), (bye(1005),), TAKEOVER
    )
    (large,) = compressed(b"abc" * 100_000)
    yield Case("a large message", frame(0xC2, large), (binary(b"abc" * 100_000),), TAKEOVER)
    yield Case("nothing compressed after all", frame(0x81, b"a") * 2, texts("a", "a"), TAKEOVER)


CASES = [*windows(), *refused(), *accepted()]
