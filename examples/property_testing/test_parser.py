"""Any parser can be tested with drywire's strategies: what is valid must be understood, what is not must be refused.

Run it with pytest, in this folder. Needs ``pip install drywire[hypothesis]``.
"""

from __future__ import annotations

from hypothesis import given
from parser import parse

from drywire_sansio import http1
from drywire_sansio import strategies as http

FRAMING = {"bad-chunk-end", "bad-content-length", "bad-transfer-encoding", "length-and-coding"}
"""Rules of drywire that say where a body ends: who breaks one may see another end than the next parser."""


@given(http.requests())
def test_valid_requests_are_understood(message: http.Message) -> None:
    parsed = parse(message.wire)
    assert isinstance(message.head, http1.Request)
    assert (parsed.method, parsed.target) == (message.head.method, message.head.target)
    assert parsed.body == message.body


@given(http.near_valid_requests())
def test_it_accepts_no_framing_that_a_strict_parser_refuses(wire: bytes) -> None:
    try:
        parse(wire)
    except ValueError:
        return
    rule = rule_broken_by(wire)
    assert rule not in FRAMING, f"accepted {wire!r}, which breaks {rule}"


def rule_broken_by(wire: bytes) -> str:
    """Return the rule that drywire names for the first request in `wire`, "" where it breaks none."""
    connection = http1.ServerConnection()
    connection.receive_data(wire)
    try:
        while not isinstance(connection.next_event(), http1.NeedData | http1.Paused):
            pass
    except http1.RemoteProtocolError as error:
        return error.rule
    return ""
