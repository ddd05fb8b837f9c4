"""A session over connections in memory: everything above the stream is real, and there is no socket."""

import logging
import re
import socket

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire import web
from drywire.testing import (
    ApplicationInMemory,
    Delayed,
    EndsAfter,
    MemoryConnector,
    Reply,
    ResetsAfter,
    Split,
    app_connector,
    in_turn,
    session_for,
)
from drywire_client.memory_peer import HandlerPeer
from drywire_transports import current_runtime, memory_pair

USERS = "https://api.example.com/users"


@pytest.fixture(autouse=True)
def no_socket(monkeypatch):
    """Whoever resolves a name or connects a socket fails."""

    def refuse(*args, **options):
        raise AssertionError("a socket was wanted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def session_with(answers, **options):
    return drywire.ClientSession(connector=MemoryConnector(answers, **options))


async def fetch(session, url=USERS, method="GET", **options):
    async with session.request(method, url, **options) as response:
        return response.status, await response.read()


# A handler


async def test_a_handler_sees_what_the_client_asks_and_its_reply_arrives():
    seen = []

    async def handler(request):
        seen.append(request)
        return Reply(201, json={"id": 7}, headers={"X-Kind": "new"}, reason="Made")

    async with session_with(handler) as session:
        async with session.post(f"{USERS}?a=1&b=%20#top", json={"name": "Ada"}, headers={"X-A": "é"}) as response:
            assert (response.status, response.reason, await response.json()) == (201, "Made", {"id": 7})
            assert response.headers["X-Kind"] == "new"
            assert response.content_type == "application/json"
        assert session.connector.calls == seen
    (request,) = seen
    assert (request.method, request.url) == ("POST", URL(f"{USERS}?a=1&b=%20", encoded=True))
    assert (request.json(), request.text()) == ({"name": "Ada"}, '{"name": "Ada"}')
    assert (request.headers["host"], request.headers["x-a"]) == ("api.example.com", "é")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("é", (200, "é".encode(), "text/plain")),
        (b"\x00", (200, b"\x00", "application/octet-stream")),
        (404, (404, b"", "application/octet-stream")),
        ({"a": 1}, (200, b'{"a": 1}', "application/json")),
        ([1], (200, b"[1]", "application/json")),
        (Reply(json=None), (200, b"null", "application/json")),
        (Reply(body="<p>", headers={"content-type": "text/html"}), (200, b"<p>", "text/html")),
    ],
)
async def test_what_may_stand_for_a_reply(answer, expected):
    async with session_with(lambda request: answer) as session:
        async with session.get(USERS) as response:
            assert (response.status, await response.read(), response.content_type) == expected


@pytest.mark.parametrize("answer", [None, True, 1.5, object()])
async def test_what_is_no_reply_is_a_type_error_that_names_the_request(answer):
    async with session_with(lambda request: answer) as session:
        with pytest.raises(TypeError, match=re.escape(f"GET {USERS} must be a Reply")):
            await session.get(USERS)


@pytest.mark.parametrize("status", [101, 199, 600])
def test_a_reply_is_a_final_one(status):
    with pytest.raises(ValueError, match="200 to 599"):
        Reply(status)


def test_a_reply_has_one_body_made_of_bytes():
    with pytest.raises(ValueError, match="both"):
        Reply(body=b"x", json=None)
    for body in ({"a": 1}, ["text"], 3):
        with pytest.raises(TypeError, match="list of bytes"):
            Reply(body=body)


async def test_a_list_goes_out_in_these_chunks():
    async with session_with(lambda request: Reply(body=[b"one", b"", b"two"])) as session:
        async with session.get(USERS) as response:
            assert response.headers["Transfer-Encoding"] == "chunked"
            chunks = [piece async for piece, at_end in response.content.iter_chunks() if at_end]
    assert chunks == [b"one", b"two"]


async def test_head_has_a_length_and_no_body_and_204_has_neither():
    replies = {("HEAD", USERS): "twelve bytes", ("DELETE", USERS): 204}
    async with session_with(replies) as session:
        async with session.head(USERS) as response:
            assert (response.content_length, await response.read()) == (12, b"")
        async with session.delete(USERS) as response:
            assert (response.status, "Content-Length" in response.headers) == (204, False)
        assert session.connector.opened == 1


@pytest.mark.parametrize("expect", [False, True])
@pytest.mark.parametrize("known", [False, True])
async def test_a_large_body_arrives_whole(known, expect):
    piece = bytes(range(256)) * 400

    async def pieces():
        for _ in range(5):
            yield piece

    async with session_with(lambda request: request.body) as session:
        data = piece * 5 if known else pieces()
        assert await fetch(session, method="POST", data=data, expect100=expect) == (200, piece * 5)
        assert ("Expect" in session.connector.calls[0].headers) is expect


async def test_connections_are_kept_and_are_one_for_each_origin():
    async with session_with(lambda request: str(request.url.origin())) as session:
        for _ in range(3):
            assert await fetch(session, "http://a.test/x") == (200, b"http://a.test")
            assert await fetch(session, "https://a.test/x") == (200, b"https://a.test")
            assert await fetch(session, "http://[::1]:81/x") == (200, b"http://[::1]:81")
        assert session.connector.opened == 3


async def test_a_reply_that_says_close_ends_its_connection():
    async with session_with(lambda request: Reply(headers={"Connection": "close"})) as session:
        await fetch(session)
        await fetch(session)
        assert session.connector.opened == 2


async def test_redirects_and_cookies_work_as_over_a_socket():
    table = {
        ("POST", "https://a.test/login"): Reply(
            303, headers=CIMultiDict([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Location", "/home")])
        ),
        ("GET", "https://a.test/home"): lambda request: request.headers["Cookie"],
    }
    async with session_with(table) as session:
        assert await fetch(session, "https://a.test/login", "POST", data=b"x") == (200, b"a=1; b=2")
        assert [call.method for call in session.connector.calls] == ["POST", "GET"]


async def test_a_reply_that_cannot_be_sent_is_said_to_the_client():
    async with session_with(lambda request: Reply(body=b"x", headers={"Content-Length": "5"})) as session:
        with pytest.raises(ValueError, match=r"<Reply 200 OK> to GET .* cannot be sent"):
            await session.get(USERS)


async def test_a_request_line_of_any_length_is_read():
    async with session_with(lambda request: str(len(request.url.raw_query_string))) as session:
        assert await fetch(session, f"{USERS}?{'q' * 100_000}") == (200, b"100000")


# Errors


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("a bug"),
        drywire.ClientConnectionError("no"),
        drywire.ClientConnectionResetError("my own"),
        TimeoutError("slow"),
        ValueError,
    ],
)
@pytest.mark.parametrize("raised", [True, False])
async def test_what_a_handler_raises_or_returns_as_an_error_is_raised_by_the_session(error, raised):
    def handler(request):
        if raised:
            raise error
        return error

    async with session_with(handler) as session:
        with pytest.raises(error if isinstance(error, type) else type(error)) as caught:
            await session.post(USERS, data=b"x")
        assert isinstance(error, type) or caught.value is error
        assert len(session.connector.calls) == 1


@pytest.mark.parametrize("error", [ConnectionResetError, ConnectionResetError("by peer"), BrokenPipeError()])
async def test_a_connection_error_resets_the_connection(error):
    async with session_with(in_turn(error, "ok")) as session:
        with pytest.raises(drywire.ClientOSError, match="the connection was lost"):
            await session.get(USERS)
        assert await fetch(session) == (200, b"ok")
        assert session.connector.opened == 2


async def test_a_get_on_a_kept_connection_that_is_reset_is_sent_again_and_seen_twice():
    async with session_with(in_turn("one", ConnectionResetError, "two")) as session:
        assert [await fetch(session), await fetch(session)] == [(200, b"one"), (200, b"two")]
        assert (len(session.connector.calls), session.connector.opened) == (3, 2)


async def test_an_error_after_the_client_has_gone_is_logged(caplog):
    runtime = current_runtime()
    came, gone, failed = runtime.wake(), runtime.wake(), runtime.wake()

    async def handler(request):
        came.set()
        await runtime.park(gone)
        failed.set()
        raise ValueError("too late")

    async with session_with(handler) as session:
        with pytest.raises(TimeoutError):
            await session.get(USERS, timeout=drywire.ClientTimeout(total=0.02))
        await runtime.park(came)
        with caplog.at_level(logging.ERROR, "drywire.client"):
            gone.set()
            await runtime.park(failed)
            await runtime.sleep_until(runtime.now())
    (record,) = caplog.records
    assert str(record.exc_info[1]) == "too late"


# Routes


async def test_a_table_answers_by_method_and_url():
    async def made(request):
        return f"{request.method} {request.match_info['id']} {request.match_info['file']}"

    table = {
        ("GET", USERS): "users",
        ("POST", USERS): 201,
        ("*", "https://api.example.com/users/{id}/{file}.json"): made,
        ("GET", "/anywhere"): "path",
        ("GET", URL("http://a.test/é")): "IRI",
        ("GET", "http://a.test/q?a=1"): "with a query",
        ("GET", "http://{name}.test:8080/"): lambda request: request.match_info["name"],
        ("GET", "ws://ws.test/"): "ws",
        ("GET", re.compile(r"http://re\.test/(?P<number>[0-9]+)(\?.*)?")): lambda request: str(request.match_info),
    }
    async with session_with(table) as session:
        assert await fetch(session) == (200, b"users")
        assert await fetch(session, f"{USERS}?page=2") == (200, b"users")
        assert await fetch(session, method="POST") == (201, b"")
        assert await fetch(session, f"{USERS}/1%2F2/x.json", "PUT") == (200, b"PUT 1/2 x")
        assert await fetch(session, "http://b.test/anywhere?x=1") == (200, b"path")
        assert await fetch(session, "http://a.test/%C3%A9") == (200, b"IRI")
        assert await fetch(session, "http://a.test/q?a=1") == (200, b"with a query")
        assert await fetch(session, "http://some.test:8080") == (200, b"some")
        assert await fetch(session, "http://ws.test/") == (200, b"ws")
        assert await fetch(session, "http://re.test/12?x") == (200, b"{'number': '12'}")
        assert len(session.connector.calls) == 10


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("DELETE", USERS),
        ("GET", f"{USERS}/"),
        ("GET", "http://api.example.com/users"),
        ("GET", "https://api.example.com:444/users"),
        ("GET", "https://api.example.com.evil.test/users"),
        ("GET", "https://api-example.com/users"),
        ("GET", "https://api.example.com/q?a=2"),
        ("GET", "https://api.example.com/items/1/2"),
    ],
)
async def test_a_request_that_nothing_answers_is_an_error_that_names_it_and_what_there_is(method, url):
    table = {
        ("GET", USERS): "x",
        ("GET", "https://api.example.com/q?a=1"): "x",
        ("GET", "https://api.example.com/items/{id}"): "x",
    }
    async with session_with(table) as session:
        with pytest.raises(drywire.ClientConnectionError) as caught:
            await session.request(method, url)
        there_is = "GET https://api.example.com/q?a=1, GET https://api.example.com/items/{id}"
        assert str(caught.value) == f"nothing answers {method} {url}; there is: GET {USERS}, {there_is}"
        assert len(session.connector.calls) == 1


async def test_the_error_lists_a_few_routes_of_many_and_says_if_there_are_none():
    async with session_with({("GET", f"/{number}"): "x" for number in range(25)}) as session:
        with pytest.raises(drywire.ClientConnectionError, match=r"GET /0, .*, GET /19 and 5 more$"):
            await session.get(USERS)
    async with session_with({}) as session:
        with pytest.raises(drywire.ClientConnectionError, match=r"there are no routes$"):
            await session.get(USERS)


async def test_answers_in_turn_end_with_an_error():
    turn = in_turn(503, "ok")
    async with session_with({("GET", USERS): turn}) as session:
        assert [await fetch(session), turn.left, await fetch(session)] == [(503, b""), 1, (200, b"ok")]
        with pytest.raises(drywire.ClientConnectionError, match="all 2 were given"):
            await session.get(USERS)


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("GET /", TypeError),
        (("GET",), TypeError),
        (("GET", b"/"), TypeError),
        (("get", "/"), ValueError),
        (("GET", "users"), ValueError),
        (("GET", "/{a}/{a}"), ValueError),
        (("GET", "/{}"), ValueError),
        (("GET", "/{a-b}"), ValueError),
    ],
)
def test_a_route_is_checked_when_it_is_made(key, error):
    with pytest.raises(error):
        MemoryConnector({key: "x"})


@pytest.mark.parametrize("answers", [None, 3, web.Application()])
def test_a_connector_needs_something_that_answers(answers):
    with pytest.raises(TypeError, match="app_connector"):
        MemoryConnector(answers)


# Faults


async def test_whatever_pieces_come_in_the_exchange_is_the_same():
    def split(stream, runtime):
        return Split(stream, [1, 3, 2])

    async with session_with(lambda request: request.body * 2, client_fault=split, peer_fault=split) as session:
        assert await fetch(session, method="POST", data=b"x" * 500) == (200, b"x" * 1000)


async def test_a_reset_inside_a_body_is_a_payload_error():
    fault = {"client_fault": lambda stream, runtime: ResetsAfter(stream, received=100)}
    async with session_with(lambda request: b"x" * 1000, **fault) as session, session.get(USERS) as response:
        with pytest.raises(drywire.ClientPayloadError):
            await response.read()


async def test_a_peer_that_ends_without_a_response_has_disconnected():
    fault = {"client_fault": lambda stream, runtime: EndsAfter(stream, 0)}
    async with session_with(lambda request: b"x", **fault) as session:
        with pytest.raises(drywire.ServerDisconnectedError):
            await session.get(USERS)


async def test_a_slow_peer_makes_a_read_time_out():
    fault = {"peer_fault": lambda stream, runtime: Delayed(stream, runtime, 30)}
    async with session_with(lambda request: b"x", **fault) as session:
        with pytest.raises(drywire.SocketTimeoutError):
            await session.get(USERS, timeout=drywire.ClientTimeout(sock_read=0.02))


async def test_a_fault_that_fails_fails_the_request_and_frees_its_place():
    def broken(stream, runtime):
        raise LookupError("no such fault")

    async with session_with(lambda request: b"x", client_fault=broken, limit=1) as session:
        for _ in range(2):
            with pytest.raises(LookupError):
                await session.get(USERS)


# The end


async def test_close_ends_handlers_that_are_at_work_and_their_clients():
    runtime = current_runtime()
    came, ended = runtime.wake(), []

    async def handler(request):
        came.set()
        try:
            await runtime.sleep_until(float("inf"))
        finally:
            ended.append(request.method)

    async def client():
        try:
            await session.get(USERS)
        except drywire.ClientError as error:
            ended.append(type(error))

    session = session_with(handler)
    task = runtime.spawn(client)
    await runtime.park(came)
    await session.close()
    assert "GET" in ended
    assert await task.wait(runtime.now() + 5)
    assert drywire.ClientOSError in ended
    await session.close()


async def test_a_closed_connector_opens_nothing():
    connector = MemoryConnector(lambda request: b"x")
    await connector.close()
    async with drywire.ClientSession(connector=connector) as session:
        with pytest.raises(drywire.ClientConnectionError, match="closed"):
            await session.get(USERS)
    assert connector.opened == 0


# An application


def app_with(*routes, **options):
    app = web.Application(**options)
    app.add_routes(routes)
    return app


async def test_an_application_answers_without_a_socket():
    async def hello(request):
        body = await request.text()
        return web.json_response([request.method, str(request.url), request.secure, request.remote, body])

    async with session_for(app_with(web.post("/hello/{name}", hello))) as session:
        async with session.post("/hello/ada?x=1", data="é") as response:
            assert await response.json() == ["POST", "http://localhost/hello/ada?x=1", False, "127.0.0.1", "é"]
            assert "drywire" in response.headers["Server"]
        async with session.post("https://shop.test:444/hello/x", data=b"") as response:
            assert (await response.json())[1:3] == ["https://shop.test:444/hello/x", True]
        assert await fetch(session, "/nowhere") == (404, b"404: Not Found")
        assert session.connector.calls == []


async def test_an_application_is_started_once_and_cleaned_up_at_the_end():
    runtime, events = current_runtime(), []

    async def note(name):
        await runtime.sleep_until(runtime.now())
        events.append(name)

    async def handler(request):
        return web.Response(text=",".join(events))

    app = app_with(web.get("/", handler))
    app.on_startup.append(lambda app: note("startup"))
    app.on_shutdown.append(lambda app: note("shutdown"))
    app.on_cleanup.append(lambda app: note("cleanup"))
    connector = app_connector(app)
    async with drywire.ClientSession("http://x.test", connector=connector) as session:
        assert events == []
        results = []

        async def one():
            results.append(await fetch(session, "/"))

        tasks = [runtime.spawn(one) for _ in range(3)]
        for task in tasks:
            assert await task.wait(runtime.now() + 5)
        assert results == [(200, b"startup")] * 3
        assert connector.opened == 3
    assert events == ["startup", "shutdown", "cleanup"]


async def test_a_block_of_session_for_begins_with_the_start():
    events = []

    async def note(app):
        events.append("startup")

    app = app_with()
    app.on_startup.append(note)
    async with session_for(app):
        assert events == ["startup"]


async def test_an_application_that_does_not_start_says_so_to_whoever_asks():
    async def fail(app):
        raise LookupError("no database")

    app = app_with()
    app.on_startup.append(fail)
    with pytest.raises(LookupError, match="no database"):
        async with session_for(app):
            pytest.fail("it has begun")
    async with drywire.ClientSession(connector=app_connector(app)) as session:
        with pytest.raises(LookupError, match="no database"):
            await session.get("http://x.test/")


async def test_a_crash_of_a_handler_is_a_500_and_one_log_record(caplog):
    async def crash(request):
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        async with session_for(app_with(web.get("/", crash))) as session:
            status, body = await fetch(session, "/")
    assert (status, b"got itself in trouble" in body) == (500, True)
    assert [record.name for record in caplog.records] == ["drywire.server"]


async def test_websockets_work_in_memory():
    async def shout(request):
        ws = web.WebSocketResponse(protocols=["loud"])
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(message.data.upper())
        return ws

    async with session_for(app_with(web.get("/ws", shout))) as session:
        async with session.ws_connect("/ws", protocols=["loud"], compress=15) as ws:
            for text in ("hello", "é" * 100_000):
                await ws.send_str(text)
                assert await ws.receive_str() == text.upper()
            assert ws.protocol == "loud"
        assert ws.close_code == 1000


async def test_a_websocket_that_is_open_at_the_end_does_not_hold_it_up():
    ended = []

    async def listen(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for _ in ws:
            pass
        ended.append(ws.close_code)
        return ws

    async with session_for(app_with(web.get("/ws", listen))) as session:
        await session.ws_connect("/ws")
    assert ended == [1006]


@pytest.mark.parametrize("patience", [0, 0.01])
async def test_a_handler_that_does_not_end_is_cancelled_before_the_clean_up(patience):
    runtime = current_runtime()
    came, events = runtime.wake(), []

    async def hang(request):
        came.set()
        try:
            await runtime.sleep_until(float("inf"))
        finally:
            try:
                for _ in range(5):  # on trio the first of these is cancelled, too
                    await runtime.sleep_until(runtime.now())
            finally:
                events.append("cancelled")

    async def clean(app):
        events.append("cleanup")

    app = app_with(web.get("/", hang))
    app.on_cleanup.append(clean)
    async with drywire.ClientSession(connector=app_connector(app, shutdown_timeout=patience)) as session:
        with pytest.raises(TimeoutError):
            await session.get("http://x.test/", timeout=drywire.ClientTimeout(total=0.02))
        await runtime.park(came)
    assert events == ["cancelled", "cleanup"]


async def test_what_a_handler_does_after_its_response_is_given_its_time():
    runtime, events = current_runtime(), []

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write_eof(b"done")
        await runtime.sleep_until(runtime.now() + 0.02)
        events.append("saved")
        return response

    async with session_for(app_with(web.get("/", handler))) as session:
        assert await fetch(session, "/") == (200, b"done")
    assert events == ["saved"]


async def test_an_application_has_to_run_to_accept():
    peer = ApplicationInMemory(app_with())
    with pytest.raises(RuntimeError, match="start"):
        peer.accept(None)
    with pytest.raises(TypeError, match=r"web\.Application"):
        ApplicationInMemory(lambda request: None)


async def test_limits_of_the_pool_hold_in_memory():
    runtime = current_runtime()
    present, most, tasks = [0], [0], []

    async def handler(request):
        present[0] += 1
        most[0] = max(most[0], present[0])
        await runtime.sleep_until(runtime.now() + 0.002)
        present[0] -= 1
        return "x"

    async with session_with(handler, limit=2) as session:
        tasks = [runtime.spawn(fetch, session) for _ in range(8)]
        for task in tasks:
            assert await task.wait(runtime.now() + 5)
            assert task.exception() is None
    assert most == [2]


async def test_a_connector_that_is_closed_while_its_application_starts_ends_it():
    runtime, events = current_runtime(), []
    starts, go = runtime.wake(), runtime.wake()

    async def start(app):
        starts.set()
        await runtime.park(go)
        events.append("startup")

    async def clean(app):
        events.append("cleanup")

    async def ask():
        with pytest.raises(drywire.ClientConnectionError, match="closed"):
            await session.get("http://x.test/")
        events.append("refused")

    app = app_with()
    app.on_startup.append(start)
    app.on_cleanup.append(clean)
    session = drywire.ClientSession(connector=app_connector(app))
    asking = runtime.spawn(ask)
    await runtime.park(starts)
    closing = runtime.spawn(session.close)
    for _ in range(5):
        await runtime.sleep_until(runtime.now())
    assert not closing.done
    go.set()
    assert await closing.wait(runtime.now() + 5)
    assert await asking.wait(runtime.now() + 5)
    assert events == ["startup", "cleanup", "refused"]


async def test_a_request_that_waits_for_the_start_may_time_out():
    runtime = current_runtime()
    starts, go = runtime.wake(), runtime.wake()

    async def start(app):
        starts.set()
        await runtime.park(go)

    app = app_with()
    app.on_startup.append(start)
    async with drywire.ClientSession("http://x.test", connector=app_connector(app)) as session:
        first = runtime.spawn(fetch, session, "/")
        await runtime.park(starts)
        with pytest.raises(drywire.ConnectionTimeoutError):
            await session.get("/", timeout=drywire.ClientTimeout(connect=0.02))
        go.set()
        assert await first.wait(runtime.now() + 5)
        assert await fetch(session, "/") == (404, b"404: Not Found")


@pytest.mark.parametrize("whose", ["handler", "application"])
async def test_a_close_that_is_cancelled_still_ends_what_runs(whose):
    runtime = current_runtime()
    came, events = runtime.wake(), []

    async def hang(request):
        came.set()
        try:
            await runtime.sleep_until(float("inf"))
        finally:
            events.append("cancelled")

    async def ask():
        with pytest.raises(drywire.ClientError):
            await session.get("http://x.test/")

    connector = MemoryConnector(hang) if whose == "handler" else app_connector(app_with(web.get("/", hang)))
    session = drywire.ClientSession(connector=connector)
    asking = runtime.spawn(ask)
    await runtime.park(came)
    closing = runtime.spawn(session.close)
    await runtime.sleep_until(runtime.now())
    closing.cancel()
    assert await closing.wait(runtime.now() + 5)
    await session.close()
    await connector.close()
    assert await asking.wait(runtime.now() + 5)
    assert events == ["cancelled"]


async def test_a_handler_may_close_the_connector_that_it_answers():
    async def handler(request):
        await session.close()
        return "too late"

    session = session_with(handler)
    with pytest.raises(drywire.ClientError):
        await session.get(USERS)
    await session.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_request_through_a_proxy_is_seen_as_the_client_asked_it(scheme):
    async with session_with(lambda request: str(request.url)) as session:
        url = f"{scheme}://a.test/x?y=1"
        assert await fetch(session, url, proxy="http://proxy.test:3128") == (200, url.encode())


async def test_a_status_without_a_registered_reason_has_none():
    async with session_with(lambda request: 299) as session, session.get(USERS) as response:
        assert (response.status, response.reason) == (299, "")


async def test_close_waits_for_what_a_handler_does_at_its_end():
    runtime = current_runtime()
    came, events = runtime.wake(), []

    async def handler(request):
        came.set()
        try:
            await runtime.sleep_until(float("inf"))
        finally:
            try:
                for _ in range(5):  # on trio the first of these is cancelled, too
                    await runtime.sleep_until(runtime.now())
            finally:
                events.append("ended")

    async def ask():
        with pytest.raises(drywire.ClientError):
            await session.get(USERS)

    session = session_with(handler)
    asking = runtime.spawn(ask)
    await runtime.park(came)
    await session.close()
    assert events == ["ended"]
    assert await asking.wait(runtime.now() + 5)


async def test_what_runs_is_cancelled_before_the_first_wait_of_close():
    runtime = current_runtime()
    came, ended = runtime.wake(), runtime.wake()

    async def handler(request):
        came.set()
        try:
            await runtime.sleep_until(float("inf"))
        finally:
            ended.set()

    async def ask():
        with pytest.raises(drywire.ClientError):
            await session.get(USERS)

    session = session_with(handler)
    connector = session.connector
    asking = runtime.spawn(ask)
    await runtime.park(came)
    connector._close()
    await runtime.park(ended, runtime.now() + 5)
    assert await asking.wait(runtime.now() + 5)
    await session.close()


async def test_a_client_that_expects_100_continue_is_told_to_go_on():
    runtime, errors = current_runtime(), []
    peer = HandlerPeer(lambda request: request.body)
    ours, theirs = memory_pair(runtime)
    peer.accept(theirs, URL("http://a.test"), errors.append)
    ours.read_deadline = runtime.now() + 5
    await ours.send(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await ours.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await ours.send(b"ok")
    assert (await ours.receive()).endswith(b"\r\n\r\nok")
    await peer.stop()
    assert (errors, [call.body for call in peer.calls]) == ([], [b"ok"])
    ours.abort()
