"""The case table, for both roles, whole, in halves and byte by byte, by the direct path and by wsproto alone."""

import pytest

from fuzz.inputs import cut
from fuzz.ws_verdicts import connection_of, masked, verdict_of

from . import deflate_cases, frame_cases, message_cases

CASES = [*frame_cases.CASES, *message_cases.CASES, *deflate_cases.CASES]


def test_the_table_is_as_large_as_it_claims_to_be():
    assert len({case.id for case in CASES}) == len(CASES) >= 250
    assert len({(case.wire, case.deflate, case.limits) for case in CASES}) >= 250


def ways(wire):
    yield [wire]
    yield cut(wire, 1) if len(wire) < 5000 else cut(wire, 1000)
    yield cut(wire, len(wire) // 2 or 1)


@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_frames_mean(case, role):
    client = role == "client"
    wire = case.wire if client else masked(case.wire)[0]
    for arrivals in ways(wire):
        for direct in (True, False):
            for parts in (False, True):
                connection = connection_of(
                    client=client, limits=case.limits, deflate=case.deflate, direct=direct, parts=parts
                )
                said = [entry for entry in verdict_of(connection, arrivals) if entry[0] != "part"]
                assert tuple(said) == case.expected, (len(arrivals), direct, parts)


@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x88, 0x89, 0xC1, 0x8A])
def test_a_masked_frame_to_a_client_is_refused(first):
    assert verdict_of(connection_of(client=True), [bytes([first, 0x80, 1, 2, 3, 4])]) == [("error", 1002, "")]


@pytest.mark.parametrize("first", [0x81, 0x82, 0x01, 0x88, 0x89, 0xC1, 0x8A])
def test_an_unmasked_frame_to_a_server_is_refused(first):
    assert verdict_of(connection_of(client=False), [bytes([first, 0])]) == [("error", 1002, "")]


@pytest.mark.parametrize("key", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
def test_any_masking_key_does(key):
    payload = bytes(byte ^ key[at & 3] for at, byte in enumerate(b"Hello, world!"))
    wire = bytes([0x81, 0x80 | len(payload)]) + key + payload
    for arrivals in ways(wire):
        assert verdict_of(connection_of(client=False), arrivals) == [("message", "Hello, world!")]


def test_a_close_code_that_was_registered_later_is_taken():
    # By wsproto it is not, so this is no case of the table: 1014, bad gateway.
    wire = bytes([0x88, 2]) + (1014).to_bytes(2, "big")
    assert verdict_of(connection_of(client=True), [wire]) == [("close", 1014, "")]
