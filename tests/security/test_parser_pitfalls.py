"""Pitfalls of parsers, designed out: limits that count, one implementation, Python's own traps, linear work, drains."""

import ast
import gzip
import re
import sys

import pytest

from drywire import web
from drywire_sansio.http1 import (
    NEED_DATA,
    PAUSED,
    ClientConnection,
    EndOfMessage,
    LimitExceeded,
    Limits,
    Request,
    Response,
    ServerConnection,
)
from drywire_server.connection import LINGER_BYTES

from ..tree import ROOT, module_name, source_files

CORE = ROOT / "sansio" / "drywire_sansio" / "http1"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


# 9: limits count what came, over fragments, fields and chunks, before it is stored


@pytest.mark.parametrize(
    ("limit", "start", "piece"),
    [
        ("start_line", b"GET /", b"a"),
        ("field_line", b"GET / HTTP/1.1\r\nX: ", b"a"),
        ("head", b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
        ("field_count", b"GET / HTTP/1.1\r\n", b"X:\r\n"),
        ("chunk_extensions", CHUNKED, b"1;a\r\nx\r\n"),
        ("chunk_extensions", CHUNKED + b"1", b";a"),
        ("trailers", CHUNKED + b"0\r\n", b"X: yyyyyyyyyyyyyyy\r\n"),
        ("trailer_count", CHUNKED + b"0\r\n", b"X:\r\n"),
        ("body", CHUNKED, b"5\r\nhello\r\n"),
    ],
)
def test_pitfall_9_54277_54274_34517_a_limit_counts_over_pieces_and_stores_no_more(limit, start, piece):
    bound = 40
    roomy = {"start_line": 200, "field_line": 200, "head": 4000, "field_count": 500, "trailer_count": 500}
    connection = ServerConnection(Limits(**{**roomy, limit: bound}))
    connection.receive_data(start)
    fed = 0
    refused = None
    while refused is None and fed < 2000:
        try:
            while connection.next_event() is not NEED_DATA:
                pass
        except LimitExceeded as error:
            refused = error
        assert len(connection.trailing_data[0]) <= len(start) + (bound + 1) * len(piece)
        connection.receive_data(piece)
        fed += len(piece)
    assert refused is not None
    assert refused.limit == limit
    assert fed <= (bound + 2) * len(piece)


# 10: one implementation, whose verdict is compared with others' before each release


def test_pitfall_10_47641_23829_one_implementation_of_the_parser():
    """Two that differed were the cause of CVE-2025-53643 and 2026-34525, and of aiohttp 13246 and 13171 as well."""
    readers = [path.name for path in source_files(CORE) if "    def read(self" in path.read_text()]
    assert sorted(readers) == ["bodies.py", "head.py", "tolerance.py"]
    # The tolerant reader reads nothing itself: it repairs lines and hands them to the strict one.
    assert "self._reader = HeadReader(" in (CORE / "tolerance.py").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    assert "differential-requests" in ci


# 11: Python's own idea of digits, white space and lines never decides


def test_pitfall_11_69225_numbers_are_matched_before_they_are_converted():
    """`int` takes signs, underscores, white space and other alphabets' digits: what reaches it was matched."""
    for path in source_files(CORE):
        text = path.read_text()
        for call in re.findall(r"\bint\(([^)]*)\)", text):
            assert call in ("value", "match[1], 16", "status_code"), f"{path.name}: int({call})"


def test_pitfall_11_69224_no_str_and_no_unicode_pattern_takes_part_in_reading():
    for path in [*source_files(CORE), CORE.parent / "grammar.py", CORE.parent / "fields.py"]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = node.func.attr
                assert called not in ("isdigit", "isdecimal", "splitlines", "isspace"), f"{path.name}: {called}"
                if called in ("strip", "lstrip", "rstrip", "split") and not node.args:
                    raise AssertionError(f"{path.name}, line {node.lineno}: {called}() splits at what Python likes")
    for name in ("\\d", "\\s", "\\w"):
        assert name not in (CORE.parent / "grammar.py").read_text().partition('"""')[2].partition('"""')[2]


def test_pitfall_11_no_assert_decides():
    """Under ``python -O`` an assert is gone: what it says may be of use to a type checker, and to nobody else."""
    for path in source_files():
        if path.is_relative_to(CORE.parent / "strategies"):  # for tests: whoever runs them has asserts
            continue
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "assert " in text else ():
            if isinstance(node, ast.Assert):
                told = ast.unparse(node.test)
                assert told.endswith(" is not None") or told.startswith("isinstance("), f"{module_name(path)}: {told}"


# 12: work is linear, in bytes one at a time too: counted in calls, not in seconds


def calls_for(pieces):
    """Return how many functions of ours are called to read `pieces`, each as it arrives."""
    connection = ServerConnection(Limits(field_line=1 << 20, head=1 << 20))
    count = 0

    def counting(frame, kind, _):
        nonlocal count
        count += kind == "call"

    sys.setprofile(counting)
    try:
        for piece in pieces:
            connection.receive_data(piece)
            while connection.next_event() is not NEED_DATA:
                pass
    finally:
        sys.setprofile(None)
    return count


def bytewise(data):
    return [data[place : place + 1] for place in range(len(data))]


@pytest.mark.parametrize(
    "make",
    [
        lambda size: b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * size,
        lambda size: b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * (size // 60),
        lambda size: CHUNKED + b"%x\r\n" % (size * 2) + b"x" * size,
        lambda size: CHUNKED + b"1\r\nx\r\n" * (size // 6),
        lambda size: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * size,
    ],
    ids=["a long value", "many fields", "one chunk", "many chunks", "a length"],
)
def test_pitfall_12_69229_single_bytes_cost_a_bounded_number_of_calls_each(make):
    once, twice = (calls_for(bytewise(make(size))) for size in (2000, 4000))
    assert twice < 2.1 * once
    assert twice / len(make(4000)) < 25


def test_pitfall_12_tiny_pieces_leave_no_object_each():
    connection = ServerConnection()
    connection.receive_data(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(5000):
        connection.receive_data(b"y")
        assert connection.next_event() is NEED_DATA
    data = connection._buffer.data
    assert type(data) is bytearray
    assert len(data) == 5019


# 13: a body that nobody read is dropped raw and bounded, or the connection ends


@pytest.mark.anyio
async def test_pitfall_13_54278_an_unread_body_is_dropped_undecoded_and_only_so_far(serving, answer_to):
    async def ignore(request):
        return web.Response(text="ignored")

    app = web.Application()
    app.router.add_post("/", ignore)
    bomb = gzip.compress(bytes(50_000_000))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    assert len(bomb) < LINGER_BYTES
    async with serving(app) as url:
        dropped = await answer_to(url, head % len(bomb) + bomb + GET)
        assert dropped.count(b"HTTP/1.1 200 OK") == 1
        assert dropped.count(b"HTTP/1.1 405 ") == 1  # the GET behind the body
        endless = await answer_to(url, head % (1 << 30) + bytes(LINGER_BYTES // 2) + GET)
        assert endless.count(b"HTTP/1.1 ") == 1


# 14: the edges of Upgrade and CONNECT


def paused_server(wire):
    connection = ServerConnection()
    connection.receive_data(wire)
    while connection.next_event() is not PAUSED:
        pass
    return connection


def test_pitfall_14_bytes_behind_an_upgrade_belong_to_the_new_protocol():
    connection = paused_server(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n\x81\x00")
    from drywire_sansio.http1 import InformationalResponse

    connection.send(InformationalResponse(101, [(b"Upgrade", b"b"), (b"Connection", b"upgrade")]))
    assert connection.next_event() is PAUSED
    assert connection.trailing_data == (b"\x81\x00", False)


def test_pitfall_14_bytes_behind_a_refused_connect_are_never_requests():
    connection = paused_server(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
    wire = b"".join(connection.send_whole(Response(403, [(b"Content-Length", b"0")])))
    assert b"Connection: close\r\n" in wire
    with pytest.raises(Exception, match="data after"):
        connection.next_event()


def test_pitfall_14_a_connect_has_no_body():
    connection = ServerConnection()
    connection.receive_data(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
    with pytest.raises(Exception, match="CONNECT request cannot have a body"):
        connection.next_event()


def test_pitfall_14_a_successor_waits_for_the_answer_to_an_upgrade():
    connection = paused_server(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n" + GET)
    connection.send_whole(Response(404, [(b"Content-Length", b"0")]))
    connection.start_next_cycle()
    assert connection.next_event() == Request(b"GET", b"/", [(b"Host", b"a")])
    assert connection.next_event() == EndOfMessage()


def test_pitfall_14_a_client_that_proposed_takes_a_plain_answer():
    client = ClientConnection()
    client.send_whole(Request(b"GET", b"/", [(b"Host", b"a"), (b"Connection", b"upgrade"), (b"Upgrade", b"b")]))
    client.receive_data(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    assert isinstance(client.next_event(), Response)
    assert client.next_event().data == b"hi"
    assert client.next_event() == EndOfMessage()
    client.start_next_cycle()
