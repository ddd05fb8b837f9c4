"""What a peer may make us hold or do while we read a multipart body, and that a limit is met at its byte."""

import sys
from dataclasses import fields

import pytest

from drywire_sansio.errors import LimitExceeded
from drywire_sansio.multipart import NEED_DATA, MultipartLimits, MultipartParser, PartData

from ...tree import run_python
from .drive import events, parts, refusal, single_bytes, verdict

# Each as (limits, a body that just keeps to them, one that does not, status, offset of the byte over the limit)
EDGES = {
    "parts": (
        MultipartLimits(parts=2),
        b"--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b--",
        b"--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b\r\n\r\n\r\n--b--",
        413,
        23,
    ),
    "field_count": (
        MultipartLimits(field_count=2),
        b"--b\r\nA: 1\r\nB: 2\r\n\r\n\r\n--b--",
        b"--b\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n\r\n--b--",
        431,
        17,
    ),
    "field_line": (
        MultipartLimits(field_line=6),
        b"--b\r\nA: 123\r\n\r\n\r\n--b--",
        b"--b\r\nA: 1234\r\n\r\n\r\n--b--",
        431,
        11,
    ),
    "head": (
        MultipartLimits(head=13),
        b"--b\r\nA: 1\r\nB: 23\r\n\r\n\r\n--b--",
        b"--b\r\nA: 1\r\nB: 234\r\n\r\n\r\n--b--",
        431,
        16,
    ),
    "part": (
        MultipartLimits(part=3),
        b"--b\r\n\r\nabc\r\n--b\r\n\r\ndef\r\n--b--",
        b"--b\r\n\r\nabcd\r\n--b--",
        413,
        10,
    ),
    "body": (MultipartLimits(body=16), b"--b\r\n\r\nabc\r\n--b-", b"--b\r\n\r\nabc\r\n--b--", 413, 16),
    "preamble": (MultipartLimits(preamble=3), b"abc\r\n--b--", b"abcd\r\n--b--", 400, 3),
    "epilogue": (MultipartLimits(epilogue=3), b"--b--\r\nabc", b"--b--\r\nabcd", 400, 10),
    "padding": (MultipartLimits(padding=2), b"--b \t\r\n\r\n\r\n--b-- \t", b"--b \t \r\n\r\n\r\n--b--", 400, 5),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_limit_is_met_at_its_byte_however_the_body_is_split(name):
    limits, good, bad, status, offset = EDGES[name]
    for pieces in [good], single_bytes(good):
        assert "limit" not in str(verdict(pieces, limits=limits)[1])
    assert refusal(bad, limits) == f"limit-{name}"
    said, (kind, _, _, where, answer, message) = verdict([bad], limits=limits)
    assert kind is LimitExceeded
    assert (answer, where) == (status, offset)
    assert f"MultipartLimits.{name}" in message
    assert str(getattr(limits, name)) in message
    held = sum(len(event.data) for event in said if isinstance(event, PartData))
    assert held <= limits.part


def test_each_limit_of_the_parser_has_an_edge():
    # nesting is counted by whoever puts parsers into one another
    assert set(EDGES) | {"nesting"} == {field.name for field in fields(MultipartLimits)}


@pytest.mark.parametrize("name", ["parts", "field_count", "field_line", "head", "preamble", "epilogue", "padding"])
def test_the_defaults_end_what_would_not_end(name):
    endless = {
        "parts": (b"", b"--b\r\n\r\n\r\n"),
        "field_count": (b"--b\r\n", b"A: 1\r\n"),
        "field_line": (b"--b\r\nA: ", b"x" * 100),
        "head": (b"--b\r\n", b"A: " + b"x" * 1000 + b"\r\n"),
        "preamble": (b"", b"x" * 1000 + b"\r\n"),
        "epilogue": (b"--b--\r\n", b"x" * 1000),
        "padding": (b"--b", b" "),
    }
    start, more = endless[name]
    parser = MultipartParser(b"b")
    parser.receive_data(start or more)

    def feed():
        for _ in range(2000):
            events(parser)
            parser.receive_data(more)

    with pytest.raises(LimitExceeded) as raised:
        feed()
    assert raised.value.limit == name
    assert raised.value.value == getattr(MultipartLimits(), name)


def test_the_content_of_all_parts_together_is_bounded():
    # CVE-2026-34517: each part alone was small enough
    limits = MultipartLimits(part=1000, body=5000)
    part = b"--b\r\n\r\n" + b"x" * 990 + b"\r\n"
    assert refusal(part * 6 + b"--b--", limits) == "limit-body"
    said, _ = verdict([part * 6], limits=limits)
    assert sum(len(event.data) for event in said if isinstance(event, PartData)) <= 5000


def test_what_is_held_is_bounded_while_content_comes():
    parser = MultipartParser(b"b" * 70)
    parser.receive_data(b"--" + b"b" * 70 + b"\r\n\r\n")
    events(parser)
    most = 0
    for _ in range(3000):
        parser.receive_data(b"\r\n--" + b"b" * 69)
        events(parser)
        most = max(most, sys.getsizeof(parser._data))
    assert most < 2000


def test_a_truncated_body_ends_with_an_error_and_not_in_a_loop_under_dash_O():
    # CVE-2025-69227: the check was an assert, and without it the reader never came to an end
    script = (
        "from drywire_sansio.multipart import MultipartParser, MultipartLimits, NEED_DATA\n"
        "from drywire_sansio.errors import RemoteProtocolError\n"
        "assert False, 'asserts are to be off here'\n"
        "def rule(data, limits=MultipartLimits(parts=2, field_count=1)):\n"
        "    parser = MultipartParser(b'b', limits)\n"
        "    try:\n"
        "        for piece in (data, b''):\n"
        "            parser.receive_data(piece)\n"
        "            for _ in range(100):\n"
        "                if parser.next_event() is NEED_DATA: break\n"
        "            else: return 'endless'\n"
        "    except RemoteProtocolError as error: return error.rule\n"
        "    return 'accepted'\n"
        "body = b'pre\\r\\n--b\\r\\nX: 1\\r\\n\\r\\nx\\r\\n--b--\\r\\n'\n"
        "print(*{rule(body[:size]) for size in range(len(body) - 2)})\n"
        "print(rule(body), rule(b'--b\\r\\n\\r\\n\\r\\n' * 3), rule(b'--b\\r\\nX: 1\\r\\nY: 1\\r\\n'))\n"
    )
    printed = run_python("-O", "-c", script).split()
    assert printed == ["truncated", "accepted", "limit-parts", "limit-field_count"]


def test_large_but_allowed_things_are_read():
    head = b"".join(b"A%d: %b\r\n" % (number, b"x" * 400) for number in range(128))
    data = (b"--b\r\n" + head + b"\r\n" + b"\r\n--" * 10_000 + b"\r\n") * 3 + b"--b--"
    found = parts([data])
    assert [(len(headers), len(content)) for headers, content in found] == [(128, 40_000)] * 3
    parser = MultipartParser(b"b")
    assert parser.next_event() is NEED_DATA
