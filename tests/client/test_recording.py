"""Conversations over real sockets are written to a file, and replayed from it without one."""

import base64
import gzip
import json
import os
import socket
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import drywire
from drywire import web
from drywire.testing import (
    Exchange,
    MemoryConnector,
    RecordedResponse,
    RecordingError,
    Reply,
    SeenRequest,
    UnusedRecordingWarning,
    app_connector,
    in_turn,
    method_and_url,
    record,
    replay,
)
from drywire_client.conversation import Conversation, Log
from drywire_client.recording_file import load, save
from drywire_client.redaction import Redaction
from drywire_sansio import http1
from drywire_sansio.strategies import splits
from drywire_transports import current_runtime

USERS = "https://api.example.com/users"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "conversation.json"


async def told(session, url, method="GET", **options):
    """Return all that the program can tell of a response."""
    async with session.request(method, url, **options) as response:
        chunks = [piece async for piece in response.content.iter_chunks() if piece[0]]
        body = b"".join(piece for piece, _ in chunks)
        if "chunked" in response.headers.get("Transfer-Encoding", ""):
            chunks = [end for _, end in chunks]
        return response.status, response.reason, response.version, list(response.headers.items()), body, len(chunks)


async def recorded(path, answers, talk, **options):
    """Record what ``talk(session)`` says to answers in memory; return its result and the file's content."""
    connector = record(path, MemoryConnector(answers), **options)
    async with drywire.ClientSession(connector=connector) as session:
        result = await talk(session)
    return result, json.loads(path.read_text("utf-8"))


async def replayed(path, talk, **options):
    async with drywire.ClientSession(connector=replay(path, **options)) as session:
        return await talk(session)


def forbid_sockets(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a socket was wanted")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


async def page(request):
    headers = {"Content-Encoding": "gzip", "Set-Cookie": "sid=hidden-in-a-cookie; Path=/; HttpOnly"}
    return web.Response(body=gzip.compress(b"zipped" * 100, mtime=0), headers=headers)


async def stream(request):
    response = web.StreamResponse(headers={"X-Bytes": "é"})
    await response.prepare(request)
    for chunk in (b"one", b"\xff\x00", "drei é".encode()):
        await response.write(chunk)
    await response.write_eof()
    return response


async def echo(request):
    return web.json_response({"body": await request.text(), "cookie": "Cookie" in request.headers})


async def leave(request):
    raise web.HTTPFound("/echo?after=redirect")


@pytest.mark.parametrize("tls", [False, True])
async def test_what_goes_over_sockets_is_told_again_from_the_file(
    tls, path, serving, server_tls, client_tls, monkeypatch
):
    async def talk(session):
        return [
            await told(session, "/page"),
            await told(session, "/stream"),
            await told(session, "/echo", "POST", data="grün", expect100=True),
            await told(session, "/leave"),
            await told(session, "/page", "HEAD"),
            await told(session, "/nowhere"),
        ]

    app = web.Application()
    app.add_routes([web.get("/page", page), web.get("/stream", stream), web.get("/leave", leave)])
    app.router.add_route("*", "/echo", echo)
    async with serving(app, ssl_context=server_tls if tls else None) as url:
        url = url.replace("127.0.0.1", "localhost")
        connector = record(path, drywire.TCPConnector(ssl=client_tls))
        async with drywire.ClientSession(url, connector=connector) as session:
            live = await talk(session)
    text = path.read_text("utf-8")
    assert "hidden-in-a-cookie" not in text
    exchanges = json.loads(text)["exchanges"]
    assert [exchange["request"]["url"] for exchange in exchanges] == [
        f"{url}{target}"
        for target in ("/page", "/stream", "/echo", "/leave", "/echo?after=redirect", "/page", "/nowhere")
    ]
    assert exchanges[1]["response"]["chunks"] == ["one", {"base64": "/wA="}, "drei é"]
    forbid_sockets(monkeypatch)
    async with drywire.ClientSession(url, connector=replay(path)) as session:
        again = await talk(session)
        assert session.connector.unused == []

    def without_secrets(parts):
        headers = [(name, "" if name == "Set-Cookie" else value) for name, value in parts[3]]
        return (*parts[:3], headers, *parts[4:])

    assert list(map(without_secrets, again)) == list(map(without_secrets, live))
    assert json.loads(again[2][4]) == {"body": "grün", "cookie": True}


async def test_the_file_is_the_same_however_often_it_is_recorded(path):
    async def talk(session):
        for number in range(3):
            await told(session, f"{USERS}/{number}", "POST", json={"é": number})

    await recorded(path, lambda request: Reply(json=request.json()), talk)
    first = path.read_bytes()
    await recorded(path, lambda request: Reply(json=request.json()), talk)
    assert path.read_bytes() == first
    assert first.endswith(b"}\n")
    assert b'\n          ["Host", "api.example.com"],\n' in first
    assert [name.name for name in path.parent.iterdir()] == [path.name]


async def test_the_file_says_its_format_and_version_and_what_was_asked_and_answered(path):
    async def talk(session):
        await told(session, f"{USERS}?q=%20", "PUT", data=b"\xff", headers={"X-A": "é"})

    _, document = await recorded(path, lambda request: Reply(201, "made", headers={"X-B": "2"}), talk)
    assert '["X-A", "é"]' in path.read_text("utf-8")
    (exchange,) = document.pop("exchanges")
    assert document == {"format": "drywire recording", "version": 1}
    assert exchange["request"]["method"] == "PUT"
    assert exchange["request"]["url"] == f"{USERS}?q=%20"
    assert ["X-A", "é"] in exchange["request"]["headers"]
    assert exchange["request"]["body"] == {"base64": "/w=="}
    assert exchange["response"] == {
        "version": "1.1",
        "status": 201,
        "reason": "Created",
        "headers": [["X-B", "2"], ["Content-Type", "text/plain; charset=utf-8"], ["Content-Length", "4"]],
        "body": "made",
    }


# Secrets


async def test_secrets_are_not_in_the_file(path):
    headers = {
        "Authorization": "Bearer s3cret",
        "Proxy-Authorization": "s3cret",
        "Cookie": 'a=s3cret; b="s3cret"; s3cret',
        "X-Api-Key": "s3cret",
        "X-Plain": "plain",
    }
    answer = Reply(
        headers=[
            ("Set-Cookie", "sid=s3cret; Path=/; HttpOnly; SameSite=Lax"),
            ("Set-Cookie", 'q="a;s3cret"; Max-Age=5'),
            ("Set-Cookie", "s3cret"),
            ("x-api-key", "s3cret"),
        ]
    )

    async def talk(session):
        return await told(session, USERS, headers=headers)

    live, document = await recorded(path, lambda request: answer, talk, secrets=["x-API-key"])
    assert "s3cret" not in path.read_text("utf-8")
    assert ("X-Api-Key", "s3cret") in [(name.title(), value) for name, value in live[3]]
    ((request, response),) = [
        (dict(one["request"]["headers"]), one["response"]["headers"]) for one in document["exchanges"]
    ]
    assert request["Cookie"] == "a=REDACTED; b=REDACTED; REDACTED"
    assert (request["Authorization"], request["X-Plain"]) == ("REDACTED", "plain")
    assert [value for name, value in response if name == "Set-Cookie"] == [
        "sid=REDACTED; Path=/; HttpOnly; SameSite=Lax",
        "q=REDACTED; Max-Age=5",
        "REDACTED",
    ]


async def test_a_session_by_cookie_still_works_when_it_is_replayed(path):
    def answer(request):
        if request.url.path == "/login":
            return Reply(headers={"Set-Cookie": "sid=s3cret; Path=/"})
        return 200 if "sid=" in request.headers.get("Cookie", "") else 401

    async def talk(session):
        await told(session, "https://a.test/login", "POST")
        await told(session, "https://a.test/home")
        return session.cookie_jar.filter_cookies(URL("https://a.test/"))["sid"].value

    live, _ = await recorded(path, answer, talk)
    assert live == "s3cret"
    connector = replay(path)
    async with drywire.ClientSession(connector=connector) as session:
        assert await talk(session) == "REDACTED"
        assert connector.calls[1].headers["Cookie"] == "sid=REDACTED"


async def test_hooks_take_out_what_else_is_secret_and_the_request_is_still_found(path):
    def scrub_request(request):
        return replace(request, url=request.url.update_query(key="K"), body=request.body.replace(b"s3cret", b"S"))

    def scrub_response(response):
        return replace(response, body=tuple(piece.replace(b"s3cret", b"a longer word") for piece in response.body))

    async def talk(session):
        return (await told(session, f"{USERS}?key=s3cret", "POST", data="my s3cret"))[4]

    hooks = {"scrub_request": scrub_request, "scrub_response": scrub_response}
    live, _ = await recorded(path, lambda request: "your s3cret", talk, **hooks)
    assert live == b"your s3cret"
    assert "s3cret" not in path.read_text("utf-8")
    assert await replayed(path, talk, scrub_request=scrub_request) == b"your a longer word"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1))
def test_no_value_of_a_secret_field_is_kept(value):
    marked = f"s3cret{value}s3cret"
    headers = CIMultiDictProxy(CIMultiDict([(name, marked) for name in ("Authorization", "X-Key")]))
    request = SeenRequest("GET", URL(USERS), headers)
    clean = Redaction(["x-key"])(Exchange(request, RecordedResponse(200, headers, trailers=headers)))
    for kept in (clean.request.headers, clean.response.headers, clean.response.trailers):
        assert set(kept.values()) == {"REDACTED"}


# Order, and what is not there


async def test_the_same_request_is_answered_in_the_order_of_the_recording(path):
    async def talk(session):
        return [(await told(session, url))[4] for url in (USERS, f"{USERS}/x", USERS)]

    live, _ = await recorded(path, in_turn("one", "two", "three"), talk)
    assert live == [b"one", b"two", b"three"]

    async def otherwise(session):
        return [(await told(session, url))[4] for url in (USERS, USERS, f"{USERS}/x")]

    assert await replayed(path, talk) == live
    assert await replayed(path, otherwise) == [b"one", b"three", b"two"]


async def test_a_request_that_was_not_recorded_is_an_error_that_says_what_was(path):
    async def talk(session):
        await told(session, USERS)
        await told(session, USERS)
        await told(session, f"{USERS}/1", "DELETE")

    await recorded(path, lambda request: 200, talk)

    async def more(session):
        await talk(session)
        with pytest.raises(drywire.ClientConnectionError) as missing:
            await session.get(f"{USERS}/2")
        with pytest.raises(drywire.ClientConnectionError) as spent:
            await session.get(USERS)
        return str(missing.value), str(spent.value)

    assert await replayed(path, more) == (
        f"{path}: GET {USERS}/2 was not recorded; recorded is: GET {USERS}, DELETE {USERS}/1",
        f"{path}: GET {USERS} was recorded 2 times, and is asked for once more",
    )


async def test_what_was_not_asked_for_is_said_at_the_end_once(path):
    async def talk(session):
        for number in range(3):
            await told(session, f"{USERS}/{number}")

    await recorded(path, lambda request: 200, talk)
    connector = replay(path)
    session = drywire.ClientSession(connector=connector)
    await told(session, f"{USERS}/1")
    assert connector.unused == [f"GET {USERS}/0", f"GET {USERS}/2"]
    with pytest.warns(UnusedRecordingWarning) as caught:
        await session.close()
    assert [str(one.message) for one in caught] == [
        f"{path}: 2 recorded and not asked for: GET {USERS}/0, GET {USERS}/2"
    ]
    await connector.close()


async def test_a_key_of_ones_own_tells_requests_apart(path):
    def key(request):
        return method_and_url(request), request.body

    async def talk(session, texts=("a", "b")):
        return [(await told(session, USERS, "POST", data=text))[4] for text in texts]

    await recorded(path, lambda request: request.body, talk)

    async def backwards(session):
        return await talk(session, ("b", "a"))

    assert await replayed(path, backwards) == [b"a", b"b"]
    assert await replayed(path, backwards, key=key) == [b"b", b"a"]


async def test_an_empty_recording_answers_nothing(path):
    async def nothing(session):
        pass

    _, document = await recorded(path, lambda request: 200, nothing)
    assert document["exchanges"] == []

    async def ask(session):
        with pytest.raises(drywire.ClientConnectionError, match="recorded is: nothing"):
            await session.get(USERS)

    await replayed(path, ask)


async def test_requests_at_the_same_time_are_kept_in_the_order_in_which_they_began(path):
    runtime = current_runtime()
    second_is_answered = runtime.wake()

    async def answer(request):
        if request.url.path == "/first":
            await runtime.park(second_is_answered)
        return 200

    async def talk(session):
        first = runtime.spawn(told, session, "http://a.test/first")
        while not session.connector._below.calls:
            await runtime.sleep_until(runtime.now())
        await told(session, "http://a.test/second")
        second_is_answered.set()
        assert await first.wait(runtime.now() + 5)

    _, document = await recorded(path, answer, talk)
    assert [one["request"]["url"] for one in document["exchanges"]] == ["http://a.test/first", "http://a.test/second"]


# On the wire


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 Fine\r\nX-A: \xff\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 299 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 Gone\xe9\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=1\r\nbc\r\n0\r\nX-T: 1\r\n\r\n", b"abc"),
        (b"HTTP/1.1 103 Hint\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
    ids=["until close", "1.0", "length", "204", "chunked", "interim"],
)
async def test_each_framing_comes_back_as_it_was(wire, body, path, scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(wire)

    async with scripted(talk) as script:
        async with drywire.ClientSession(connector=record(path)) as session:
            live = await told(session, script.url)
        assert live[4] == body
        exchange = load(path)[0]

    async def again(session):
        return await told(session, script.url)

    assert await replayed(path, again) == live
    assert dict(exchange.response.trailers) == ({"X-T": "1"} if b"X-T" in wire else {})


async def test_a_body_that_broke_off_breaks_off_again(path, scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")

    async def ask(session):
        async with session.get(script.url) as response:
            with pytest.raises(drywire.ClientPayloadError):
                await response.read()
            return response.headers["Content-Length"]

    async with scripted(talk) as script:
        async with drywire.ClientSession(connector=record(path)) as session:
            assert await ask(session) == "100"
    (exchange,) = load(path)
    assert (exchange.response.cut, exchange.response.body) == (True, (b"begun",))
    assert await replayed(path, ask) == "100"


async def test_a_response_that_the_client_does_not_read_is_recorded_as_far_as_it_came(path):
    async def ask(session):
        async with session.get(USERS) as response:
            return response.status, await response.content.readexactly(3)

    live, document = await recorded(path, lambda request: Reply(200, [b"abc"] * 100_000), ask)
    assert live == (200, b"abc")
    assert document["exchanges"][0]["response"]["cut"] is True
    assert await replayed(path, ask) == live


async def test_a_request_that_got_no_response_is_not_recorded_and_its_repetition_is(path):
    async def talk(session):
        return [(await told(session, USERS))[4] for _ in range(2)]

    live, document = await recorded(path, in_turn("one", ConnectionResetError, "two"), talk)
    assert live == [b"one", b"two"]
    assert len(document["exchanges"]) == 2
    assert await replayed(path, talk) == live


async def test_a_streamed_upload_is_recorded_whole_and_a_large_response_comes_back(path):
    piece = os.urandom(50_000)

    async def pieces():
        for _ in range(5):
            yield piece

    async def talk(session):
        return await told(session, USERS, "POST", data=pieces())

    live, document = await recorded(path, lambda request: request.body, talk)
    assert live[4] == piece * 5
    assert base64.b64decode(document["exchanges"][0]["request"]["body"]["base64"]) == piece * 5
    assert await replayed(path, talk) == live


async def test_an_early_answer_to_an_upload_is_recorded(path, scripted):
    async def talk(peer, script):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await peer.ended()

    async def pieces():
        for _ in range(10):
            yield b"x" * 1000

    async with scripted(talk) as script:
        async with drywire.ClientSession(connector=record(path)) as session:
            assert (await told(session, script.url, "POST", data=pieces()))[0] == 413
    assert [exchange.response.status for exchange in load(path)] == [413]


async def test_a_websocket_cannot_be_recorded(path):
    async def shout(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        return ws

    app = web.Application()
    app.add_routes([web.get("/ws", shout)])
    async with drywire.ClientSession("http://a.test", connector=record(path, app_connector(app))) as session:
        with pytest.raises(drywire.ClientConnectionError, match=r"GET http://a\.test/ws: a switch of protocols"):
            await session.ws_connect("/ws")
    assert load(path) == []


# The file


async def test_nothing_is_written_before_the_end_and_a_file_that_is_there_is_replaced(path):
    path.write_text("what was there")
    connector = record(path, MemoryConnector(lambda request: 200))
    async with drywire.ClientSession(connector=connector) as session:
        await told(session, USERS)
        assert [exchange.request.method for exchange in connector.exchanges] == ["GET"]
        assert path.read_text() == "what was there"
    assert len(load(path)) == 1
    path.unlink()
    await connector.close()
    assert not path.exists()


def test_a_write_that_fails_leaves_what_was_there(path, monkeypatch):
    path.write_text("what was there")

    def fail(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        save(path, [])
    assert path.read_text() == "what was there"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_missed_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder"):
        record(tmp_path / "nowhere" / "a.json")


def test_a_file_that_is_not_there_is_missed_at_once(path):
    with pytest.raises(FileNotFoundError):
        replay(path)


async def test_a_recording_may_be_edited_by_hand(path):
    async def talk(session):
        return (await told(session, USERS))[4]

    await recorded(path, lambda request: "short", talk)
    path.write_text(path.read_text("utf-8").replace('"short"', '"a longer text"'), "utf-8")
    assert await replayed(path, talk) == b"a longer text"


def document(**changes):
    exchange = {
        "request": {"method": "GET", "url": USERS, "headers": [], "body": ""},
        "response": {"version": "1.1", "status": 200, "reason": "", "headers": [], "body": ""},
    }
    for place, value in changes.items():
        side, _, name = place.partition("_")
        exchange[side][name] = value
    return {"format": "drywire recording", "version": 1, "exchanges": [exchange]}


def test_the_smallest_recording_is_read(path):
    path.write_text(json.dumps(document()))
    assert [exchange.response.status for exchange in load(path)] == [200]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "must be an object"),
        ("{}", "'format'"),
        ({**document(), "format": "VCR"}, "no recording"),
        ({**document(), "version": 2}, "of version 2; this drywire reads version 1"),
        ({**document(), "version": True}, "'version'"),
        ({**document(), "exchanges": {}}, "'exchanges'"),
        ({**document(), "exchanges": [1]}, "number 1 must be an object"),
        ({**document(), "exchanges": [{}]}, "'request' must be an object"),
        (document(request_method=1), "'method'"),
        (document(request_url="http://[1"), "'url' must be a URL"),
        (document(request_headers=[["a"]]), "'headers' must be a list of pairs"),
        (document(request_headers=[["a", 1]]), "'headers' must be text"),
        (document(request_body=None), "'body' must be text"),
        (document(request_body={"base64": "?"}), "'body' must be text"),
        (document(request_body="\ud800"), "'body' must be text"),
        (document(response_status="200"), "'status'"),
        (document(response_status=101), "'status'"),
        (document(response_version="2"), "'version' must be 1.0 or 1.1"),
        (document(response_reason="a\r\nb"), "'reason'"),
        (document(response_chunks=[1]), "'chunks' must be text"),
        (document(response_cut=1), "'cut'"),
    ],
)
def test_what_is_no_recording_says_where_it_is_wrong(content, rule, path):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(RecordingError) as caught:
        replay(path)
    assert rule in str(caught.value)
    assert str(path) in str(caught.value)


async def test_a_recorded_header_cannot_break_the_wire(path):
    path.write_text(json.dumps(document(response_headers=[["X-A", "1\r\nSet-Cookie: a=b"]])))

    async def ask(session):
        with pytest.raises(ValueError, match="recorded header cannot be sent"):
            await session.get(USERS)

    await replayed(path, ask)


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('"[],\\\n \udcff'))
HEADERS = st.lists(st.tuples(st.sampled_from(["A", "b", "X-c"]), TEXTS)).map(
    lambda pairs: CIMultiDictProxy(CIMultiDict(pairs))
)
RESPONSES = st.builds(
    RecordedResponse,
    st.integers(200, 599),
    HEADERS,
    st.lists(st.binary(min_size=1)).map(tuple),
    st.just("") | st.just("OK"),
    st.sampled_from(["1.0", "1.1"]),
    st.just(True),
    HEADERS,
    st.booleans(),
) | st.builds(lambda body: RecordedResponse(200, CIMultiDictProxy(CIMultiDict()), (body,)), st.binary())
REQUESTS = st.builds(
    SeenRequest, st.sampled_from(["GET", "M"]), st.just(URL(f"{USERS}?a=%C3%A9")), HEADERS, st.binary()
)


@given(st.lists(st.builds(Exchange, REQUESTS, RESPONSES), max_size=5))
def test_what_is_saved_is_loaded_as_it_was(tmp_path_factory, exchanges):
    path = tmp_path_factory.getbasetemp() / "property.json"
    save(path, exchanges)
    assert load(path) == exchanges


async def test_the_login_at_a_proxy_is_not_in_the_file(path):
    async def talk(session):
        await told(session, "http://a.test/x", proxy="http://me:s3cret@proxy.test:3128")

    _, document = await recorded(path, lambda request: 200, talk)
    (exchange,) = document["exchanges"]
    assert exchange["request"]["url"] == "http://a.test/x"
    assert ["Proxy-Authorization", "REDACTED"] in exchange["request"]["headers"]
    assert base64.b64encode(b"me:s3cret").decode() not in path.read_text("utf-8")


async def test_a_recording_of_an_application_starts_it_when_the_block_begins(path):
    events = []

    async def note(app):
        events.append("startup")

    app = web.Application()
    app.on_startup.append(note)
    async with record(path, app_connector(app)) as connector:
        assert events == ["startup"]
        async with drywire.ClientSession(connector=connector, connector_owner=False) as session:
            assert (await told(session, "http://a.test/"))[0] == 404
    assert [exchange.response.status for exchange in load(path)] == [404]


async def test_a_recorded_session_has_the_limits_of_the_connector_below(path):
    for below in (drywire.TCPConnector(limit=3, force_close=True), drywire.TCPConnector(limit_per_host=2)):
        async with record(path, below) as connector:
            for name in ("limit", "limit_per_host", "force_close", "_keepalive_timeout"):
                assert getattr(connector, name) == getattr(below, name)
        assert below.closed


@given(st.data())
def test_a_conversation_is_heard_the_same_in_whatever_pieces_it_comes(data):
    sent = b"POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n3\r\nfgh\r\n0\r\nX: 1\r\n\r\n"
    log = Log()
    conversation = Conversation(log, URL("http://a.test"), http1.ClientConnection)
    for _ in range(2):
        for piece in data.draw(splits(sent)):
            conversation.sent(piece)
        for piece in data.draw(splits(answer)):
            conversation.received(piece)
    conversation.ended()
    first, second = log.exchanges()
    assert first == second
    assert (first.request.method, str(first.request.url), first.request.body) == ("POST", "http://a.test/a", b"abc")
    assert (first.response.body, dict(first.response.trailers)) == ((b"de", b"fgh"), {"X": "1"})
    assert (first.response.chunked, first.response.cut) == (True, False)


def test_a_request_that_cannot_be_read_is_an_error_that_says_so():
    conversation = Conversation(Log(), URL("http://a.test"), http1.ClientConnection)
    with pytest.raises(drywire.ClientConnectionError, match="cannot be recorded"):
        conversation.sent(b"nonsense\r\n\r\n")


def test_what_is_sent_after_an_early_response_belongs_to_the_same_exchange():
    log = Log()
    conversation = Conversation(log, URL("http://a.test"), http1.ClientConnection)
    conversation.sent(b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nab")
    conversation.received(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
    conversation.sent(b"cd\r\n\r\n")
    conversation.ended()
    assert [(one.request.body, one.response.status, one.response.cut) for one in log.exchanges()] == [
        (b"ab", 413, False)
    ]


async def test_the_connector_below_is_closed_even_if_the_file_cannot_be_written(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    below = MemoryConnector(lambda request: 200)
    connector = record(folder / "a.json", below)
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        await connector.close()
    assert below.closed
