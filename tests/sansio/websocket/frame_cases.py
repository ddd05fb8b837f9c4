"""Single frames: opcodes, reserved bits, sizes and control frames (RFC 6455, 5.2 and 5.5)."""

from drywire_sansio import websocket

from .case import Case, binary, bye, error, frame, ping, pong, text

FAILED = (error(1002),)
CONTROLS = {0x8: "close", 0x9: "ping", 0xA: "pong"}
KINDS = {0x0: "continuation", 0x1: "text", 0x2: "binary", **CONTROLS}
MEANINGS = {
    0x0: FAILED,  # nothing to continue
    0x1: (text("hi"),),
    0x2: (binary(b"hi"),),
    0x8: (bye(1000),),
    0x9: (ping(b"hi"),),
    0xA: (pong(b"hi"),),
}


def opcodes():
    for opcode in range(16):
        payload = b"\x03\xe8" if opcode == 0x8 else b"hi"
        name = KINDS.get(opcode, "reserved")
        yield Case(f"opcode {opcode:#x} is {name}", frame(0x80 | opcode, payload), MEANINGS.get(opcode, FAILED))


def reserved_bits():
    for bits in range(1, 8):
        for opcode, name in KINDS.items():
            wire = frame(0x80 | bits << 4 | opcode, b"\x03\xe8")
            yield Case(f"reserved bits {bits:03b} in a {name} frame without an extension", wire, FAILED)
        after = frame(0x01, b"a") + frame(0x80 | bits << 4, b"b")
        yield Case(f"reserved bits {bits:03b} in the second frame of a message", after, FAILED)


def sizes():
    for size in (0, 1, 2, 124, 125, 126, 127, 255, 256, 65_535, 65_536, 65_537):
        yield Case(f"a text of {size} bytes", frame(0x81, b"x" * size), (text("x" * size),))
        yield Case(f"a binary message of {size} bytes", frame(0x82, b"\xff" * size), (binary(b"\xff" * size),))
        parts = frame(0x02, b"\0" * size) + frame(0x80, b"\1" * size)
        yield Case(f"two fragments of {size} bytes", parts, (binary(b"\0" * size + b"\1" * size),))


def wrong_sizes():
    for size in (0, 1, 125):
        wire = bytes([0x82, 126]) + size.to_bytes(2, "big") + b"x" * size
        yield Case(f"{size} said in two bytes more than it needs", wire, FAILED)
    for size in (0, 125, 126, 65_535):
        wire = bytes([0x82, 127]) + size.to_bytes(8, "big") + b"x" * size
        yield Case(f"{size} said in eight bytes more than it needs", wire, FAILED)
    for size in (1 << 63, (1 << 63) + 1, (1 << 64) - 1):
        yield Case(
            f"a size of {size:#x}, whose first bit must be 0", bytes([0x82, 127]) + size.to_bytes(8, "big"), FAILED
        )
    for size in (1 << 31, 1 << 40, (1 << 63) - 1):
        wire = bytes([0x82, 127]) + size.to_bytes(8, "big")
        yield Case(f"a size of {size:#x}, over the limit", wire, (error(1009, "frame"),))


def controls():
    for opcode, name in CONTROLS.items():
        if name != "close":
            event = ping if name == "ping" else pong
            for size in (0, 1, 124, 125):
                wire = frame(0x80 | opcode, b"x" * size)
                yield Case(f"a {name} of {size} bytes", wire, (event(b"x" * size),))
        for size in (126, 127, 65_536):
            yield Case(f"a {name} of {size} bytes, which are too many", frame(0x80 | opcode, b"\x03" * size), FAILED)
        yield Case(f"a {name} that is a first fragment", frame(opcode, b"\x03\xe8"), FAILED)
        inside = frame(0x01, b"a") + frame(opcode, b"\x03\xe8")
        yield Case(f"a fragmented {name} inside a message", inside, FAILED)
    many = b"".join(frame(0x89, b"%d" % number) for number in range(20))
    yield Case("twenty pings", many, tuple(ping(b"%d" % number) for number in range(20)))
    yield Case("a pong that nobody asked for", frame(0x8A, b"why") + frame(0x81, b"a"), (pong(b"why"), text("a")))


def limits():
    small = websocket.Limits(frame=10, message=15, message_frames=3, control_frames=2)
    for first, name in ((0x81, "text"), (0x82, "binary")):
        eleven = frame(first, b"x" * 11)
        yield Case(f"a {name} frame over the limit", eleven, (error(1009, "frame"),), limits=small)
        three = frame(first & 0x0F, b"x" * 8) + frame(0x80, b"x" * 8)
        yield Case(f"a fragmented {name} over the limit", three, (error(1009, "message"),), limits=small)
        ten = frame(first, b"x" * 10)
        content = "x" * 10 if first == 0x81 else b"x" * 10
        yield Case(f"a {name} frame at the limit", ten, (text(content),), limits=small)
    exact = frame(0x02, b"x" * 8) + frame(0x00, b"x" * 7) + frame(0x80)
    yield Case("a message at the limits of size and fragments", exact, (binary(b"x" * 15),), limits=small)
    many = frame(0x02) + frame(0x00) + frame(0x00) + frame(0x80)
    yield Case("one fragment too many", many, (error(1008, "message_frames"),), limits=small)
    three = frame(0x89) * 3
    yield Case("pings too fast", three, (ping(), ping(), error(1008, "control_frames")), limits=small)
    mixed = frame(0x8A) + frame(0x89) + frame(0x8A)
    yield Case("pings and pongs too fast", mixed, (pong(), ping(), error(1008, "control_frames")), limits=small)
    again = (frame(0x02, b"x" * 8) + frame(0x80, b"x" * 7)) * 3
    yield Case("each message has a limit of its own", again, (binary(b"x" * 15),) * 3, limits=small)
    between = frame(0x02, b"x") + frame(0x88, b"\x03\xe8")
    yield Case("a close frame is no ping", frame(0x89) * 2 + between, (ping(), ping(), bye(1000)), limits=small)


CASES = [*opcodes(), *reserved_bits(), *sizes(), *wrong_sizes(), *controls(), *limits()]
