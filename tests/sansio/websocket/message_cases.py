"""Messages of many frames, text as UTF-8 and close frames (RFC 6455, 5.4, 5.5.1, 7.4 and 8.1)."""

from .case import Case, binary, bye, error, frame, ping, pong, text, texts

FAILED = (error(1002),)
NOT_TEXT = (error(1007),)

FRAGMENTATION = [
    Case("two fragments", frame(0x01, b"a") + frame(0x80, b"b"), texts("ab")),
    Case("three fragments", frame(0x02, b"a") + frame(0x00, b"b") + frame(0x80, b"c"), (binary(b"abc"),)),
    Case("empty fragments", frame(0x01) + frame(0x00) + frame(0x80), texts("")),
    Case("an empty fragment in the middle", frame(0x01, b"a") + frame(0x00) + frame(0x80, b"b"), texts("ab")),
    Case("an empty last fragment", frame(0x02, b"a") + frame(0x80), (binary(b"a"),)),
    Case(
        "a ping between fragments", frame(0x01, b"a") + frame(0x89, b"p") + frame(0x80, b"b"), (ping(b"p"), text("ab"))
    ),
    Case(
        "pings and pongs between fragments",
        frame(0x01, b"a") + frame(0x89) + frame(0x8A) + frame(0x00, b"b") + frame(0x89) + frame(0x80, b"c"),
        (ping(), pong(), ping(), text("abc")),
    ),
    Case("a close frame between fragments", frame(0x01, b"a") + frame(0x88, b"\x03\xe8"), (bye(1000),)),
    Case("messages after a fragmented one", (frame(0x01, b"a") + frame(0x80, b"b")) * 3, texts("ab", "ab", "ab")),
    Case(
        "whole and fragmented in turn",
        frame(0x81, b"a") + frame(0x01, b"b") + frame(0x80) + frame(0x82, b"c"),
        (*texts("a", "b"), binary(b"c")),
    ),
    Case("a continuation of nothing", frame(0x80, b"a"), FAILED),
    Case("a continuation of nothing that goes on", frame(0x00, b"a"), FAILED),
    Case("a continuation after a whole message", frame(0x81, b"a") + frame(0x80, b"b"), (text("a"), *FAILED)),
    Case("a continuation after the last fragment", frame(0x01, b"a") + frame(0x80) + frame(0x80), (text("a"), *FAILED)),
    Case("a text inside a text", frame(0x01, b"a") + frame(0x81, b"b"), FAILED),
    Case("a first fragment inside a text", frame(0x01, b"a") + frame(0x01, b"b"), FAILED),
    Case("a binary message inside a text", frame(0x01, b"a") + frame(0x82, b"b"), FAILED),
    Case("a text inside a binary message", frame(0x02, b"a") + frame(0x00, b"b") + frame(0x81, b"c"), FAILED),
    Case(
        "a thousand fragments",
        frame(0x02, b"a") + frame(0x00, b"b") * 998 + frame(0x80, b"c"),
        (binary(b"a" + b"b" * 998 + b"c"),),
    ),
]

VALID = "κόσμε €😀 z\u0000\ud7ff\ue000\uffff\U0010ffff"
INVALID = {
    "a byte that none begins with": b"\xff",
    "a continuation byte alone": b"\x80",
    "two bytes for one (C0)": b"\xc0\xaf",
    "two bytes for one (C1)": b"\xc1\xbf",
    "three bytes for two": b"\xe0\x9f\xbf",
    "four bytes for three": b"\xf0\x8f\xbf\xbf",
    "a high surrogate": b"\xed\xa0\x80",
    "a low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "far above U+10FFFF": b"\xf5\x80\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "two of three bytes, then ASCII": b"\xe2\x82A",
    "three of four bytes, then ASCII": b"\xf0\x9f\x98A",
    "one of two bytes, then another one": b"\xc3\xc3\xa9",
    "latin-1": b"caf\xe9 au lait",
}
CUT_OFF = {
    "one of two bytes": b"\xc3",
    "one of three bytes": b"\xe2",
    "two of three bytes": b"\xe2\x82",
    "one of four bytes": b"\xf0",
    "three of four bytes": b"\xf0\x9f\x98",
}


def utf8():
    wire = VALID.encode()
    yield Case("text in many scripts", frame(0x81, wire), texts(VALID))
    for place in range(1, len(wire)):
        parts = frame(0x01, wire[:place]) + frame(0x80, wire[place:])
        yield Case(f"text in fragments, cut at byte {place}", parts, texts(VALID))
    single = b"".join(frame(0x00, wire[place : place + 1]) for place in range(len(wire)))
    yield Case("text in fragments of a byte", b"\x01" + single[1:] + frame(0x80), texts(VALID))
    for name, content in INVALID.items():
        yield Case(f"text with {name}", frame(0x81, b"ok " + content + b" ok"), NOT_TEXT)
        yield Case(f"a fragment with {name}, not the last", frame(0x01, content), NOT_TEXT)
        for place in range(1, len(content)):
            parts = frame(0x01, content[:place]) + frame(0x80, content[place:] + b" ok")
            yield Case(f"fragments with {name}, cut at byte {place}", parts, NOT_TEXT)
        yield Case(f"{name} in a binary message", frame(0x82, content), (binary(content),))
    for name, content in CUT_OFF.items():
        yield Case(f"text that ends in {name}", frame(0x81, b"ok" + content), NOT_TEXT)
        yield Case(f"a message whose last fragment ends in {name}", frame(0x01, b"a") + frame(0x80, content), NOT_TEXT)
        yield Case(f"a message that ends in {name} and an empty fragment", frame(0x01, content) + frame(0x80), NOT_TEXT)
    yield Case("text that is wrong before it is whole", frame(0x81, b"\xff" + b"x" * 500)[:10], NOT_TEXT)
    yield Case("a large text, wrong at its end", frame(0x81, b"x" * 70_000 + b"\xff"), NOT_TEXT)


def code(number, reason=b""):
    return frame(0x88, number.to_bytes(2, "big") + reason)


def closing():
    for number in (1000, 1001, 1002, 1003, *range(1007, 1014), 3000, 3333, 3999, 4000, 4999):
        yield Case(f"close code {number}", code(number), (bye(number),))
    for number in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65_535):
        yield Case(f"close code {number}, which none may send", code(number), FAILED)
    yield Case("a close frame without a code", frame(0x88), (bye(1005),))
    yield Case("a close frame with half a code", frame(0x88, b"\x03"), FAILED)
    yield Case("a reason", code(1001, b"gone"), (bye(1001, "gone"),))
    yield Case("a reason in UTF-8", code(1000, "größer".encode()), (bye(1000, "größer"),))
    yield Case("the longest reason", code(1000, b"x" * 123), (bye(1000, "x" * 123),))
    yield Case("a reason that is too long", code(1000, b"x" * 124), FAILED)
    for name, content in {**INVALID, **CUT_OFF}.items():
        yield Case(f"a reason with {name}", code(1000, content), NOT_TEXT)
    yield Case("what comes behind a close frame is dropped", code(1000) + frame(0x81, b"a") + b"\xff\xff", (bye(1000),))
    yield Case("a second close frame is dropped", code(1000) + code(1001), (bye(1000),))
    yield Case("messages before a close frame", frame(0x81, b"a") + code(4000), (text("a"), bye(4000)))


CASES = [*FRAGMENTATION, *utf8(), *closing()]
