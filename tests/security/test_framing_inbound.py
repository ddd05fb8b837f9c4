"""Framing of what comes in: one test for each line of the list of what must never happen, with its CVE or source.

A message that two parsers could frame differently is refused; after that the connection is never read again.
"""

import time

import pytest

from drywire import web
from drywire_sansio.http1 import (
    DONE,
    ERROR,
    MUST_CLOSE,
    NEED_DATA,
    PAUSED,
    SERVER,
    ClientConnection,
    EndOfMessage,
    InformationalResponse,
    LimitExceeded,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def refusal(wire, connection=None):
    """Return the error for `wire`, which is the same whole and byte by byte, and sticks."""
    errors = []
    for size in (len(wire), 1):
        reader = connection() if connection else ServerConnection()
        error = None
        for start in range(0, len(wire), size):
            reader.receive_data(wire[start : start + size])
            error = error_of(reader)
            if error is not None:
                break
        assert error is not None, f"{wire!r} is accepted"
        assert reader.their_state is ERROR
        reader.receive_data(GET)
        assert error_of(reader) is error
        errors.append(error)
    whole, split = errors
    assert (whole.rule, whole.status, whole.offset, whole.section) == (
        split.rule,
        split.status,
        split.offset,
        split.section,
    )
    return whole


def error_of(reader):
    try:
        while (event := reader.next_event()) is not NEED_DATA and event is not PAUSED:
            pass
    except RemoteProtocolError as error:
        return error
    return None


def client():
    connection = ClientConnection()
    connection.send_whole(Request(b"GET", b"/", [(b"Host", b"a")]))
    return connection


CODINGS = [
    *(b"gzip", b"identity", b"chunked, gzip", b"chunked, chunked", b",chunked", b"chunked,", b"xchunked", b"chunke"),
    *(b"", b'"chunked"', b"chunked;q=1", b"chunked\t", b"chunked x", b"cow", b"gzip, chunked", b"chunked chunked"),
]


@pytest.mark.parametrize("value", CODINGS)
def test_47641_a_transfer_encoding_that_is_not_one_final_chunked(value):
    assert refusal(POST + b"Transfer-Encoding: %b\r\n\r\n" % value).status in (400, 501)
    assert refusal(OK + b"Transfer-Encoding: %b\r\n\r\n" % value, client).status == 502


@pytest.mark.parametrize(
    "lines",
    [
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    ],
)
def test_gunicorn_1135_6827_llhttp_32213_32215_length_beside_coding_and_two_codings(lines):
    assert refusal(POST + lines + b"\r\n").status in (400, 501)
    assert refusal(OK + lines + b"\r\n", client).status == 502


def test_garden_44_a_transfer_encoding_in_http_1_0():
    wire = b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert refusal(wire).rule == "transfer-encoding-1.0"
    assert refusal(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", client).rule == "transfer-encoding-1.0"


LENGTHS = [
    *(b"", b"+1", b"-1", b"-0", b"1_0", b"0x1", b"1 1", b"1,1", b"1, 2", b",1", b"1,", b"1.0", b"1e1", b"01x", b'"1"'),
    *(b"\xd9\xa1", b"\xb2", b"1\t", b"9" * 19, b"1" + b"0" * 400, b"0b1", b"one", b"1;", b"\xa01", b"1\x85"),
]


@pytest.mark.parametrize("value", LENGTHS)
def test_47627_a_content_length_that_is_not_only_ascii_digits(value):
    assert refusal(POST + b"Content-Length: %b\r\n\r\n" % value).status == 400
    assert refusal(OK + b"Content-Length: %b\r\n\r\n" % value, client).status == 502


@pytest.mark.parametrize("second", [b"5", b"6", b"05", b""])
def test_h11_181_a_content_length_said_twice(second):
    assert refusal(POST + b"Content-Length: 5\r\nContent-Length: %b\r\n\r\n" % second).rule == "repeated-field"


SIZES = [
    *(b"", b"+1", b"-1", b"0x1", b"1_0", b" 1", b"1 ", b"1\t", b"g", b"1g", b"1.", b"\xd9\xa1", b"1" * 17, b"\x001"),
    *(b";a", b"1;", b"1;=b", b'1;a="', b"1;a\xff", b"1 1", b"0x", b"1;a=b c", b"1,a"),
]


@pytest.mark.parametrize("size", SIZES)
def test_garden_1_17_22_a_chunk_size_that_is_not_only_hexadecimal_digits(size):
    assert refusal(CHUNKED + size + b"\r\na\r\n0\r\n\r\n").status == 400


@pytest.mark.parametrize("end", [b"a\n0", b"a\r0", b"aX\r\n0", b"a\r\r\n0", b"a0", b"a \r\n0", b"ab\r\n0", b"a\n\r0"])
def test_h11_43859_chunk_data_without_its_crlf(end):
    assert refusal(CHUNKED + b"1\r\n" + end + b"\r\n\r\n").rule == "bad-chunk-end"


@pytest.mark.parametrize("byte", [b"\r", b"\n", b"\0", b"\x01", b"\x7f"])
@pytest.mark.parametrize("quote", [b"", b'"'])
def test_52304_garden_31_36_39_control_bytes_in_chunk_extensions(byte, quote):
    wire = CHUNKED + b"1;a=" + quote + b"b" + byte + b"c" + quote + b"\r\na\r\n0\r\n\r\n"
    assert refusal(wire).rule in ("bare-cr", "bare-lf", "control-byte")


def test_chunk_extensions_are_counted_over_the_whole_body():
    wire = CHUNKED + b"1;abcdefg\r\nx\r\n" * 1000
    error = refusal(wire)
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.status) == ("chunk_extensions", 400)
    assert error.offset < len(CHUNKED) + Limits().chunk_extensions * 2


@pytest.mark.parametrize(
    "line", [b" X: y", b"X : y", b"X\n: y", b"X", b": y", b"X: \0", b"X: a\rb", b"\xff: y", b"X: y\n", b"X\0: y"]
)
def test_53643_trailers_follow_the_rules_of_header_fields(line):
    assert refusal(CHUNKED + b"0\r\nA: b\r\n" + line + b"\r\n\r\n").status == 400


def test_22815_trailers_are_limited():
    for wire in (b"X: y\r\n" * 1000, b"X: " + b"y" * 20_000, b"X: " + b"y" * 7000 + b"\r\nY: " + b"y" * 9500):
        error = refusal(CHUNKED + b"0\r\n" + wire)
        assert isinstance(error, LimitExceeded)
        assert error.status == 431


def test_53643_forbidden_trailers_are_dropped():
    lines = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nCookie: c\r\nX: y\r\nConnection: close\r\n"
    connection = ServerConnection()
    connection.receive_data(CHUNKED + b"0\r\n" + lines + b"\r\n")
    assert isinstance(connection.next_event(), Request)
    assert connection.next_event() == EndOfMessage([(b"X", b"y")])
    assert connection.keep_alive


AT_ONCE = [
    pytest.param(b"GET / HTTP/1.1\n", "bare-lf", id="bare LF"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\n", "bare-lf", id="bare LF behind a field"),
    pytest.param(b"GET / HTTP/1.1\rX", "bare-cr", id="bare CR"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n\rX", "bare-cr", id="bare CR for the empty line"),
    pytest.param(b"GET / HTTP/1.1\r\nX: a\r\n b\r\n", "obs-fold", id="obs-fold"),
    pytest.param(b"GET / HTTP/1.1\r\n X: a\r\n", "obs-fold", id="white space before the first field"),
    pytest.param(b"GET / HTTP/1.1\r\nX : a\r\n", "space-before-colon", id="space before colon"),
    pytest.param(b"GET / HTTP/1.1\r\nX\t: a\r\n", "space-before-colon", id="tab before colon"),
    pytest.param(b"GET / HTTP/1.1\r\n: a\r\n", "bad-field-name", id="empty name"),
    pytest.param(b" GET / HTTP/1.1\r\n", "bad-method", id="leading space"),
    pytest.param(b"GET / HTTP/1.1\r\nX: \0", "control-byte", id="NUL"),
]


@pytest.mark.parametrize(("wire", "rule"), AT_ONCE)
def test_llhttp_22959_32214_aiohttp_13136_line_ends_folds_and_spaces_are_refused_at_once_even_if_split(wire, rule):
    assert refusal(wire).rule == rule  # nothing need follow: `refusal` has fed it byte by byte too


@pytest.mark.parametrize("start", [CHUNKED + b"1", CHUNKED + b"1\r\na", CHUNKED + b"0", CHUNKED + b"0\r\nX: y"])
def test_13136_a_bare_lf_in_a_chunked_body_is_refused_at_once(start):
    error = refusal(start + b"\n")
    assert error.rule in ("bare-lf", "bad-chunk-end")
    assert error.offset == len(start)


# Bytes that are refused where they stand keep nobody waiting for what might follow.


@pytest.mark.anyio
@pytest.mark.parametrize("end", [b"\n", b"\r\nHost: a\n", b"\r\nHost: a\r\nX: \0"])
async def test_13136_a_server_answers_a_bare_lf_before_the_head_is_whole(serving, answer_to, end):
    async with serving(web.Application()) as url:
        answer = await answer_to(url, b"GET / HTTP/1.1" + end, eof=False)  # answered, though more could come
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("byte", [b"\x10", b"\r", b""])
@pytest.mark.parametrize("piece", [b"x", b"\t ", b'"\\', b"\x80"])
def test_waitress_5236_a_field_with_a_bad_byte_at_its_end_takes_linear_time(piece, byte):
    """A pattern that tried each division of the value anew would take years; this one takes milliseconds."""
    size = 300_000 // len(piece)
    for start in (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", CHUNKED + b"0\r\nX: "):
        reader = ServerConnection(Limits(field_line=1 << 20, head=1 << 20, trailers=1 << 20))
        began = time.process_time()
        reader.receive_data(start + piece * size + byte + b"x\r\n\r\n")
        assert (error_of(reader) is None) == (byte == b"")
        assert time.process_time() - began < 1


NAMES = [b"", b" ", b"X Y", b"X\x00", b"X\x85", b"X\xa0", b"X\xff", b"(X)", b"X/", b"X@", b"[X]", b"X=", b'X"', b"X{"]


@pytest.mark.parametrize("name", NAMES)
def test_37276_garden_2_a_name_is_a_token(name):
    assert refusal(b"GET / HTTP/1.1\r\nHost: a\r\n" + name + b": y\r\n\r\n").status == 400
    assert refusal(OK + name + b": y\r\n\r\n", client).status == 502


@pytest.mark.parametrize("byte", [*range(9), *range(10, 32), 127])
def test_34520_garden_8_a_value_has_no_control_byte_but_tab(byte):
    # The bytes behind show a bare CR or LF for what it is.
    line = b"X: a" + bytes([byte]) + b"b\r\n"
    assert refusal(b"GET / HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n").status == 400
    assert refusal(OK + line + b"\r\n", client).status == 502


@pytest.mark.parametrize("value", [b"\x85", b"\xa0", b"\x85a\xa0", b"\xe2\x80\x83", b"\x1fa"[1:] + b"\xff"])
def test_garden_41_46_bytes_above_ascii_are_not_white_space(value):
    connection = ServerConnection()
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % value)
    assert connection.next_event().headers[1] == (b"X", value)
    assert refusal(POST + b"Content-Length: \x855\r\n\r\n").status == 400
    assert refusal(POST + b"Transfer-Encoding: \xa0chunked\r\n\r\n").status in (400, 501)


HOSTS = [
    *(b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nhost: b\r\n", b"Host: a b\r\n", b"Host: a/b\r\n", b"Host: a@b\r\n"),
    *(
        b"Host: a,\tb\r\n",
        b"Host: a:b\r\n",
        b"Host: a:80:80\r\n",
        b"Host: [::1\r\n",
        b"Host: a\t\r\n",
        b"Host: a#b\r\n",
    ),
]


@pytest.mark.parametrize("lines", HOSTS)
def test_34525_exactly_one_valid_host(lines):
    assert refusal(b"GET / HTTP/1.1\r\n" + lines + b"\r\n").status == 400


ONCE = [b"Authorization", b"Content-Type", b"Range", b"Proxy-Authorization", b"Origin", b"Max-Forwards", b"If-Range"]


@pytest.mark.parametrize("name", ONCE)
def test_34525_what_a_request_says_once_is_not_said_twice(name):
    wire = b"GET / HTTP/1.1\r\nHost: a\r\n%b: 1\r\nX: y\r\n%b: 1\r\n\r\n"
    assert refusal(wire % (name, name.upper())).rule == "repeated-field"
    with pytest.raises(LocalProtocolError, match="more than one"):
        ClientConnection().send(Request(b"GET", b"/", [(b"Host", b"a"), (name, b"1"), (name.lower(), b"2")]))


VERSIONS = [
    *(b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/1.10", b"HTTP/1", b"HTTP/11", b"HTTP/01.1"),
    *(b"http/1.1", b"HTTP/1.1 ", b"HTTP /1.1", b"HTTPS/1.1", b"", b"HTTP/1,1", b"HTTP/\xd9\xa1.1", b"ICE/1.0"),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_threat_1_5_the_version_is_exactly_http_1_0_or_1_1(version):
    assert refusal(b"GET / %b\r\nHost: a\r\n\r\n" % version).status in (400, 505)
    assert refusal(b"%b 200 OK\r\n\r\n" % version, client).status == 502


@pytest.mark.parametrize(
    "target",
    [
        b"a",
        b"@a",
        b"?",
        b"#",
        b"/#",
        b"/a b",
        b"/\t",
        b"/\xff",
        b"/\x7f",
        b"*",
        b"http://",
        b"http:///",
        b"http://a@b/",
    ],
)
def test_garden_5_7_9_the_target_is_validated(target):
    assert refusal(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n").status == 400


def test_garden_47_after_a_framing_error_nothing_is_read_any_more():
    connection = ServerConnection()
    connection.receive_data(POST + b"Content-Length: x\r\n\r\n" + GET)
    error = error_of(connection)
    connection.receive_data(GET)
    assert error_of(connection) is error
    answer = connection.send_whole(Response(error.status, [(b"Content-Length", b"0")]))
    assert b"Connection: close\r\n" in b"".join(answer)
    assert connection.our_state is MUST_CLOSE
    with pytest.raises(LocalProtocolError):
        connection.start_next_cycle()


def test_69243_the_body_of_a_refused_upgrade_is_read_as_a_body():
    upgrade = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\nContent-Length: %d\r\n\r\n" % len(
        GET
    )
    connection = ServerConnection()
    connection.receive_data(upgrade + GET + GET)
    assert isinstance(connection.next_event(), Request)
    assert connection.next_event().data == GET
    assert isinstance(connection.next_event(), EndOfMessage)
    assert connection.next_event() is PAUSED
    connection.send_whole(Response(404, [(b"Content-Length", b"0")]))
    connection.start_next_cycle()
    assert isinstance(connection.next_event(), Request)  # the second GET, once
    assert isinstance(connection.next_event(), EndOfMessage)
    assert connection.trailing_data == (b"", False)


def test_aiohttp_13356_a_declined_upgrade_never_serves_what_was_buffered_twice():
    connection = ServerConnection()
    connection.receive_data(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n" + GET)
    first = connection.next_event()
    assert isinstance(connection.next_event(), EndOfMessage)
    for _ in range(3):
        assert connection.next_event() is PAUSED
    connection.send_whole(Response(200, [(b"Content-Length", b"0")]))
    connection.start_next_cycle()
    second = connection.next_event()
    assert (first.target, second.target) == (b"/1", b"/")
    assert isinstance(connection.next_event(), EndOfMessage)
    assert connection.next_event() is NEED_DATA
    connection.send_whole(Response(204))
    connection.start_next_cycle()
    assert connection.next_event() is NEED_DATA


def test_http1mustdie_0_cl_an_early_final_response_to_a_client_that_waits_ends_the_connection():
    connection = ServerConnection()
    connection.receive_data(POST + b"Content-Length: 40\r\nExpect: 100-continue\r\n\r\n")
    assert isinstance(connection.next_event(), Request)
    assert connection.client_is_waiting_for_100_continue
    wire = b"".join(connection.send_whole(Response(413, [(b"Content-Length", b"0")])))
    assert b"Connection: close\r\n" in wire
    connection.receive_data(GET)  # a body, or a request? Nobody can tell, so nobody is told.
    assert connection.states[SERVER] is MUST_CLOSE
    with pytest.raises(LocalProtocolError):
        connection.start_next_cycle()


def test_54273_a_pipeline_is_paused_until_the_response_is_out():
    connection = ServerConnection()
    connection.receive_data(GET * 1000)
    for number in range(3):
        assert isinstance(connection.next_event(), Request)
        assert isinstance(connection.next_event(), EndOfMessage)
        assert connection.next_event() is PAUSED
        assert len(connection.trailing_data[0]) == len(GET) * (999 - number)
        connection.send_whole(Response(204))
        assert connection.our_state is DONE
        connection.start_next_cycle()


def test_threat_an_unasked_response_is_never_taken_for_the_next_answer():
    connection = client()
    connection.receive_data(b"HTTP/1.1 204\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(connection.next_event(), Response)
    assert isinstance(connection.next_event(), EndOfMessage)
    connection.start_next_cycle()
    with pytest.raises(LocalProtocolError, match="bytes have arrived that answer none"):
        connection.send(Request(b"GET", b"/", [(b"Host", b"a")]))


def test_a_flood_of_interim_responses_ends():
    connection = client()
    connection.receive_data(b"HTTP/1.1 103\r\n\r\n" * 1000)
    for _ in range(Limits().informational):
        assert isinstance(connection.next_event(), InformationalResponse)
    with pytest.raises(LimitExceeded, match=r"Limits\.informational"):
        connection.next_event()
