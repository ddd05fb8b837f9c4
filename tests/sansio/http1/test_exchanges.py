"""Whole exchanges, one end at a time: what a message means for its connection."""

import pytest

from drywire_sansio.http1 import (
    CLOSED,
    DONE,
    ERROR,
    IDLE,
    MIGHT_SWITCH_PROTOCOL,
    MUST_CLOSE,
    NEED_DATA,
    PAUSED,
    SEND_BODY,
    SEND_RESPONSE,
    SWITCHED_PROTOCOL,
    ClientConnection,
    ConnectionClosed,
    Data,
    EndOfMessage,
    FieldLines,
    InformationalResponse,
    LocalProtocolError,
    RemoteProtocolError,
    Request,
    Response,
    ServerConnection,
)

from .case import read, read_pieces

HOST = (b"Host", b"a")
EMPTY = (b"Content-Length", b"0")
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
UPLOAD = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n%b\r\n"
EXPECTING = UPLOAD % b"Expect: 100-continue\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: b\r\n\r\n"
CONNECT = b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"


def server_that_read(data):
    server = ServerConnection()
    read_pieces(server, [data])
    return server


def client_that_sent(*fields, method=b"GET", target=b"/", body=b"", version=b"1.1"):
    client = ClientConnection()
    client.send_whole(Request(method, target, [HOST, *fields], version), body)
    return client


# Keep-alive and pipelining


def test_pipelined_requests_wait_for_each_other():
    server = server_that_read(GET + NEXT + b"GET /part")
    assert server.next_event() is PAUSED
    assert server.trailing_data == (NEXT + b"GET /part", False)
    with pytest.raises(LocalProtocolError):
        server.start_next_cycle()
    server.send_whole(Response(200), b"ok")
    server.start_next_cycle()
    assert read(server).events == (Request(b"GET", b"/next", [HOST]), EndOfMessage())
    server.send_whole(Response(200), b"ok")
    server.start_next_cycle()
    assert server.next_event() is NEED_DATA
    server.receive_data(b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read(server).events == (Request(b"GET", b"/part", [HOST]), EndOfMessage())


def test_the_end_behind_pipelined_requests_is_told_last():
    server = server_that_read(GET + NEXT)
    server.receive_data(b"")
    server.send_whole(Response(204))
    server.start_next_cycle()
    assert read(server).events == (Request(b"GET", b"/next", [HOST]), EndOfMessage(), ConnectionClosed())
    assert server.our_state is SEND_RESPONSE
    server.send_whole(Response(204))
    assert (server.our_state, server.their_state) == (MUST_CLOSE, CLOSED)


def test_a_last_message_is_answered_with_close_and_nothing_may_follow():
    server = server_that_read(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert not server.keep_alive
    assert server.send(Response(200, [EMPTY])) == b"HTTP/1.1 200 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert server.send(EndOfMessage()) == b""
    assert server.our_state is MUST_CLOSE
    with pytest.raises(LocalProtocolError, match="cannot be used again"):
        server.start_next_cycle()
    server.receive_data(NEXT)
    with pytest.raises(RemoteProtocolError, match="data after the peer's last message"):
        server.next_event()


def test_a_server_that_says_close_itself_says_it_once():
    server = server_that_read(GET)
    wire = b"".join(server.send_whole(Response(200, [EMPTY, (b"connection", b"te, Close")])))
    assert wire.lower().count(b"close") == 1
    assert server.our_state is MUST_CLOSE


def test_close_is_added_beside_a_keep_alive_that_cannot_be_kept():
    server = server_that_read(b"GET / HTTP/1.0\r\n\r\n")
    wire = b"".join(server.send_whole(Response(200, [EMPTY, (b"Connection", b"keep-alive")])))
    client = client_that_sent(version=b"1.0")
    read_pieces(client, [wire])
    assert not client.keep_alive


@pytest.mark.parametrize(
    ("asked", "fields", "body", "answer", "state"),
    [
        (b"", [EMPTY], b"", b"Content-Length: 0\r\nConnection: close\r\n\r\n", MUST_CLOSE),
        (b"Connection: keep-alive\r\n", [EMPTY], b"", b"Content-Length: 0\r\nConnection: keep-alive\r\n\r\n", DONE),
        (b"Connection: keep-alive\r\n", [], b"ab", b"Connection: close\r\n\r\nab", MUST_CLOSE),
        (
            b"Connection: keep-alive\r\n",
            [(b"A", b"b"), (b"Transfer-Encoding", b"chunked")],
            b"ab",
            b"A: b\r\nConnection: close\r\n\r\nab",
            MUST_CLOSE,
        ),
    ],
)
def test_a_client_of_http_1_0_is_answered_in_a_way_it_understands(asked, fields, body, answer, state):
    server = server_that_read(b"GET / HTTP/1.0\r\n" + asked + b"\r\n")
    assert server.their_http_version == b"1.0"
    assert b"".join(server.send_whole(Response(200, fields), body)) == b"HTTP/1.1 200 \r\n" + answer
    assert server.our_state is state


def test_a_client_of_http_1_0_is_not_sent_interim_responses():
    server = server_that_read(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(LocalProtocolError, match=r"HTTP/1\.0 client"):
        server.send(InformationalResponse(103))


def test_a_response_without_a_length_is_chunked():
    server = server_that_read(GET)
    assert b"".join(server.send_whole(Response(200), b"ab")) == (
        b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )
    assert server.our_state is DONE


# Early responses, and the end of either side


def test_a_response_may_end_before_its_request_has():
    server = server_that_read(UPLOAD % b"" + b"a")
    server.send_whole(Response(413), b"no")
    assert (server.our_state, server.their_state) == (DONE, SEND_BODY)
    with pytest.raises(LocalProtocolError):
        server.start_next_cycle()
    server.receive_data(b"bc" + NEXT)
    assert read(server).events == (Data(b"bc"), EndOfMessage())
    server.start_next_cycle()
    assert read(server).events[0].target == b"/next"


def test_a_client_may_finish_or_leave_a_request_that_was_answered_early():
    client = ClientConnection()
    client.send(Request(b"PUT", b"/", [HOST, (b"Content-Length", b"2")]))
    client.receive_data(b"HTTP/1.1 413 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert [type(event) for event in read(client).events] == [Response, EndOfMessage]
    assert (client.our_state, client.their_state) == (SEND_BODY, MUST_CLOSE)
    assert client.send(Data(b"ab")) == b"ab"
    client.send(EndOfMessage())
    assert client.our_state is MUST_CLOSE


def test_a_client_that_ends_its_side_is_still_answered():
    server = server_that_read(GET)
    server.receive_data(b"")
    assert server.next_event() == ConnectionClosed()
    assert server.our_state is SEND_RESPONSE
    assert server.send_whole(Response(200, [EMPTY]))
    assert server.our_state is MUST_CLOSE
    assert server.send(ConnectionClosed()) == b""
    assert server.our_state is CLOSED


def test_a_server_that_has_closed_cannot_be_asked():
    client = ClientConnection()
    client.receive_data(b"")
    assert client.next_event() == ConnectionClosed()
    assert client.our_state is MUST_CLOSE
    with pytest.raises(LocalProtocolError):
        client.send(Request(b"GET", b"/", [HOST]))


def test_a_response_to_no_request_is_the_last():
    server = ServerConnection()
    wire = b"".join(server.send_whole(Response(408, [EMPTY])))
    assert wire == b"HTTP/1.1 408 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert server.our_state is MUST_CLOSE
    server = server_that_read(GET)
    server.send_whole(Response(204))
    server.start_next_cycle()
    assert b"Connection: close" in server.send(Response(408, [EMPTY]))


def test_a_client_takes_no_response_to_no_request_for_the_answer_to_its_next():
    client = ClientConnection()
    client.receive_data(b"HTTP/1.1 408 \r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(LocalProtocolError, match="bytes have arrived that answer none"):
        client.send(Request(b"GET", b"/", [HOST]))
    assert [type(event) for event in read(client).events] == [Response, EndOfMessage]
    assert not client.keep_alive
    with pytest.raises(LocalProtocolError, match="no request can be sent"):
        client.send(Request(b"GET", b"/", [HOST]))


@pytest.mark.parametrize("surplus", [b"\r\n", b"x", OK])
def test_bytes_behind_a_response_are_not_taken_for_the_answer_to_the_next_request(surplus):
    client = client_that_sent()
    client.receive_data(OK + surplus)
    assert [type(event) for event in read(client).events] == [Response, EndOfMessage]
    assert client.next_event() is PAUSED
    client.start_next_cycle()
    with pytest.raises(LocalProtocolError, match="bytes have arrived that answer none"):
        client.send_whole(Request(b"GET", b"/", [HOST]))
    assert client.our_state is IDLE


def test_an_interim_response_to_no_request_is_refused():
    client = ClientConnection()
    client.receive_data(b"HTTP/1.1 100 \r\n\r\n")
    with pytest.raises(RemoteProtocolError) as raised:
        client.next_event()
    assert raised.value.rule == "out-of-order"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


# 100-continue


def test_a_client_that_waits_is_told_to_go_on_once():
    server = server_that_read(EXPECTING)
    assert server.client_is_waiting_for_100_continue
    server.send(InformationalResponse(103))
    assert server.client_is_waiting_for_100_continue
    assert server.send(InformationalResponse(100)) == b"HTTP/1.1 100 \r\n\r\n"
    assert not server.client_is_waiting_for_100_continue
    assert b"close" not in server.send(Response(200, [EMPTY]))
    assert server.keep_alive


def test_a_client_that_does_not_wait_needs_no_100():
    server = server_that_read(EXPECTING + b"a")
    assert not server.client_is_waiting_for_100_continue
    server = server_that_read(
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    assert server.client_is_waiting_for_100_continue
    server.receive_data(b"0\r\n\r\n")
    read(server)
    assert not server.client_is_waiting_for_100_continue


def test_a_final_response_to_a_client_that_waits_closes():
    server = server_that_read(EXPECTING)
    assert server.send(Response(417, [EMPTY])).endswith(b"\r\nConnection: close\r\n\r\n")
    assert not server.client_is_waiting_for_100_continue
    server.send(EndOfMessage())
    assert (server.our_state, server.their_state) == (MUST_CLOSE, SEND_BODY)


@pytest.mark.parametrize(
    "head",
    [
        GET.replace(b"Host", b"Expect: 100-continue\r\nHost"),
        UPLOAD % b"Expect: 200-ok\r\n",
        EXPECTING.replace(b"1.1", b"1.0"),
        EXPECTING.replace(b": 3", b": 0"),
    ],
    ids=["no body", "another expectation", "HTTP/1.0", "an empty body"],
)
def test_not_every_expectation_waits(head):
    assert not server_that_read(head).client_is_waiting_for_100_continue


def test_a_client_waits_until_it_is_told_or_sends():
    def waiting():
        client = ClientConnection()
        client.send(Request(b"PUT", b"/", [HOST, (b"Content-Length", b"1"), (b"Expect", b"100-Continue")]))
        assert client.client_is_waiting_for_100_continue
        return client

    client = waiting()
    read_pieces(client, [b"HTTP/1.1 103 \r\n\r\n"])
    assert client.client_is_waiting_for_100_continue
    read_pieces(client, [b"HTTP/1.1 100 \r\n\r\n"])
    assert not client.client_is_waiting_for_100_continue
    client = waiting()
    client.send(Data(b"a"))
    assert not client.client_is_waiting_for_100_continue
    client = waiting()
    read_pieces(client, [OK])
    assert not client.client_is_waiting_for_100_continue
    whole = ClientConnection()
    whole.send_whole(Request(b"PUT", b"/", [HOST, (b"Content-Length", b"1"), (b"Expect", b"100-continue")]), b"a")
    assert not whole.client_is_waiting_for_100_continue


# Upgrade and CONNECT


def test_an_upgrade_hands_over_what_came_behind_it():
    server = server_that_read(UPGRADE + b"first bytes")
    assert server.their_state is MIGHT_SWITCH_PROTOCOL
    assert server.next_event() is PAUSED
    assert server.send(InformationalResponse(101, [(b"Upgrade", b"b")])) == b"HTTP/1.1 101 \r\nUpgrade: b\r\n\r\n"
    assert set(server.states.values()) == {SWITCHED_PROTOCOL}
    assert server.next_event() is PAUSED
    server.receive_data(b" and more")
    server.receive_data(b"")
    assert server.next_event() is PAUSED
    assert server.trailing_data == (b"first bytes and more", True)
    for event in (Response(200), Data(b"a"), EndOfMessage(), ConnectionClosed()):
        with pytest.raises(LocalProtocolError):
            server.send(event)


def test_a_client_finds_the_first_bytes_of_the_new_protocol():
    client = client_that_sent((b"Connection", b"upgrade"), (b"Upgrade", b"b"))
    assert client.our_state is MIGHT_SWITCH_PROTOCOL
    client.receive_data(b"HTTP/1.1 101 \r\nUpgrade: b\r\n\r\nhello")
    assert client.next_event() == InformationalResponse(101, [(b"Upgrade", b"b")])
    assert client.next_event() is PAUSED
    assert client.trailing_data == (b"hello", False)


def test_an_upgrade_that_is_declined_is_a_request_like_any_other():
    server = server_that_read(UPGRADE + NEXT)
    server.send_whole(Response(200, [EMPTY]))
    assert server.keep_alive
    server.start_next_cycle()
    assert read(server).events == (Request(b"GET", b"/next", [HOST]), EndOfMessage())


def test_the_body_of_an_upgrade_is_read_before_the_switch_or_after_it():
    head = UPGRADE.replace(b"Host", b"Content-Length: 1\r\nHost")
    for switch_first in (True, False):
        server = server_that_read(head)
        if switch_first:
            server.send(InformationalResponse(101, [(b"Upgrade", b"b")]))
            assert (server.our_state, server.their_state) == (SWITCHED_PROTOCOL, SEND_BODY)
        server.receive_data(b"xhello")
        assert read(server).events == (Data(b"x"), EndOfMessage())
        if not switch_first:
            server.send(InformationalResponse(101, [(b"Upgrade", b"b")]))
        assert set(server.states.values()) == {SWITCHED_PROTOCOL}
        assert server.trailing_data == (b"hello", False)


def test_a_switch_must_be_asked_for_and_say_to_what():
    switch = InformationalResponse(101, [(b"Upgrade", b"b")])
    for data in (GET, CONNECT):
        with pytest.raises(LocalProtocolError, match="101 needs a request to upgrade"):
            server_that_read(data).send(switch)
    with pytest.raises(LocalProtocolError, match="and an Upgrade field"):
        server_that_read(UPGRADE).send(InformationalResponse(101))


def test_a_client_that_waits_is_told_to_go_on_before_the_switch():
    server = server_that_read(EXPECTING.replace(b"Host", b"Connection: upgrade\r\nUpgrade: b\r\nHost"))
    switch = InformationalResponse(101, [(b"Upgrade", b"b")])
    with pytest.raises(LocalProtocolError, match="100 Continue must be sent before 101"):
        server.send(switch)
    server.send(InformationalResponse(100))
    assert server.send(switch)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_2xx_opens_a_tunnel(status):
    server = server_that_read(CONNECT + b"tls")
    assert server.send(Response(status)) == b"HTTP/1.1 %d \r\n\r\n" % status
    assert set(server.states.values()) == {SWITCHED_PROTOCOL}
    assert server.trailing_data == (b"tls", False)
    client = client_that_sent(method=b"CONNECT", target=b"a:1")
    client.receive_data(b"HTTP/1.1 %d \r\nContent-Length: 5\r\n\r\ntls" % status)
    assert isinstance(client.next_event(), Response)
    assert client.next_event() is PAUSED
    assert client.trailing_data == (b"tls", False)


@pytest.mark.parametrize("field", [EMPTY, (b"Transfer-Encoding", b"chunked")])
def test_a_tunnel_has_no_length(field):
    with pytest.raises(LocalProtocolError, match="to CONNECT cannot have Content-Length or Transfer-Encoding"):
        server_that_read(CONNECT).send(Response(200, [field]))


def test_what_was_meant_for_a_refused_tunnel_is_never_taken_for_a_request():
    server = server_that_read(CONNECT + NEXT)
    assert b"Connection: close\r\n" in b"".join(server.send_whole(Response(407, [EMPTY])))
    assert set(server.states.values()) == {MUST_CLOSE}
    with pytest.raises(LocalProtocolError):
        server.start_next_cycle()


def test_a_whole_response_cannot_switch():
    server = server_that_read(CONNECT)
    before = server.states
    with pytest.raises(LocalProtocolError):
        server.send_whole(Response(200))
    assert server.states == before
    assert server.send(Response(200))


def test_the_end_while_a_switch_is_proposed_is_told():
    server = server_that_read(UPGRADE)
    assert server.next_event() is PAUSED
    server.receive_data(b"")
    assert server.next_event() == ConnectionClosed()
    assert server.their_state is CLOSED
    assert server.send_whole(Response(400, [EMPTY]))
    assert server.our_state is MUST_CLOSE


# After errors


def test_the_same_error_is_raised_again_and_does_not_grow():
    server = server_that_read(b"GET / HTTP/1.1\n")
    first, depths = None, set()
    for _ in range(3):
        with pytest.raises(RemoteProtocolError) as raised:
            server.next_event()
        assert first is None or raised.value is first
        first = raised.value
        depths.add(len(raised.traceback))
    assert len(depths) == 1


def test_a_server_whose_response_is_under_way_can_finish_it_after_an_error():
    server = server_that_read(UPLOAD % b"")
    server.send(Response(200, [(b"Content-Length", b"2")]))
    server.receive_data(b"")
    with pytest.raises(RemoteProtocolError):
        server.next_event()
    assert server.their_state is ERROR
    assert server.send(Data(b"ab")) == b"ab"
    server.send(EndOfMessage())
    assert server.our_state is MUST_CLOSE


def test_an_error_says_what_where_and_why():
    server = server_that_read(b"GET / HTTP/1.1\r\nHost: a\r\nX : " + b"y" * 100 + b"\r\n")
    with pytest.raises(RemoteProtocolError) as raised:
        server.next_event()
    error = raised.value
    assert (error.rule, error.section, error.status, error.offset) == ("space-before-colon", "RFC 9112, 5.1", 400, 25)
    assert error.excerpt == b"X : " + b"y" * 56
    text = str(error)
    assert text.startswith("white space before the colon, at byte 25 (b'X : yyy")
    assert text.endswith("yyy') [RFC 9112, 5.1]")


def test_offsets_count_from_the_beginning_of_the_connection():
    server = server_that_read(GET)
    server.send_whole(Response(204))
    server.start_next_cycle()
    server.receive_data(b"\r\nGET / HTTP/3.0\r\n\r\n")
    with pytest.raises(RemoteProtocolError) as raised:
        server.next_event()
    assert raised.value.offset == len(GET) + len(b"\r\nGET / ")


def test_the_method_of_the_present_request_is_known_until_the_next_cycle():
    for connection in (asked_server(b"HEAD"), asking_client(b"HEAD")):
        assert connection.request_method == b"HEAD"
    fresh = ServerConnection()
    assert fresh.request_method is None
    server = asked_server(b"GET")
    server.send_whole(Response(204))
    server.start_next_cycle()
    assert server.request_method is None


def asked_server(method):
    connection = ServerConnection()
    connection.receive_data(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
    connection.next_event()
    connection.next_event()
    return connection


def asking_client(method):
    connection = ClientConnection()
    connection.send_whole(Request(method, b"/", [(b"Host", b"a")]))
    return connection


def test_only_who_asks_to_wait_is_waited_for():
    plain = ServerConnection()
    plain.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
    assert isinstance(plain.next_event(), Request)
    assert not plain.client_is_waiting_for_100_continue
    client = ClientConnection()
    client.send(Request(b"POST", b"/", [(b"Host", b"a"), (b"Content-Length", b"1")]))
    assert not client.client_is_waiting_for_100_continue


def test_a_chunk_with_an_extension_is_of_its_size_and_begins_where_it_begins():
    server = ServerConnection()
    server.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1a;b=c\r\n" + b"x" * 10)
    server.next_event()
    assert server.next_event() == Data(b"x" * 10, chunk_start=True)
    server.receive_data(b"x" * 16 + b"\r\n")
    assert server.next_event() == Data(b"x" * 16, chunk_end=True)


def test_fields_that_suited_a_request_of_http_1_0_need_not_suit_one_of_1_1():
    fields = FieldLines([(b"X", b"y")])
    for _ in range(2):
        ClientConnection().send(Request(b"GET", b"/", fields, b"1.0"))
        with pytest.raises(LocalProtocolError, match="without Host"):
            ClientConnection().send(Request(b"GET", b"/", fields))
    server = ServerConnection()
    for _ in range(2):
        server.receive_data(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        server.next_event()
        server.next_event()
        server.send_whole(Response(204))
        server.start_next_cycle()
    server.receive_data(b"GET / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n")
    with pytest.raises(RemoteProtocolError, match="without Host"):
        server.next_event()
