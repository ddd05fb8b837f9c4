"""What code that was written for aiohttp does around requests: log, test, look for a port, keep things, make requests.

The services themselves are in test_moved_services.py.
"""

import inspect
import logging
import socket
import struct
import sys
import warnings

import pytest

from drywire import web
from drywire.test_utils import make_mocked_request
from drywire_server import storage
from drywire_server.storage import LONGEST_NAME, MOST_NAMES
from drywire_transports import current_runtime

NO_LINGERING = struct.pack("ii", 1, 0)
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


# Who asked


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells uvloop who has reset")
async def test_the_log_names_a_client_that_has_reset_before_it_was_accepted(caplog):
    caplog.set_level(logging.INFO, "drywire.access")
    runtime = current_runtime()
    asked, seen = runtime.wake(), []

    async def handler(request):
        seen.append(request.remote)
        asked.set()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            with socket.create_connection(listening.getsockname()) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
            listening.setblocking(False)
            await web.SockSite(runner, listening).start()
            await runtime.park(asked, runtime.now() + 10)
    finally:
        await runner.cleanup()
    assert seen == ["127.0.0.1"]
    assert [record.remote_address for record in caplog.records if record.name == "drywire.access"] == ["127.0.0.1"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_the_log_names_a_client_whose_connection_was_ended_before_its_line(serving, caplog):
    caplog.set_level(logging.INFO, "drywire.access")

    async def handler(request):
        request.transport.abort()
        await current_runtime().sleep_until(current_runtime().now() + 0.01)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        client = await current_runtime().connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        client.read_deadline = current_runtime().now() + 10
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.receive() == b""
        client.abort()
    assert [record.remote_address for record in caplog.records if record.name == "drywire.access"] == ["127.0.0.1"]


# Tests of WebSockets


async def test_a_websocket_of_a_mocked_request_sends_to_the_mocks():
    request = make_mocked_request("GET", "/", headers=HANDSHAKE)
    ws = web.WebSocketResponse(protocols=("a",))
    assert ws.can_prepare(request)
    await ws.prepare(request)
    [line, headers], _ = request.writer.write_headers.call_args
    assert line == "HTTP/1.1 101 Switching Protocols"
    assert headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    await ws.send_str("hello")
    assert request.transport.write.call_args.args == (b"\x81\x05hello",)
    assert await ws.close(code=4000, message=b"enough")
    assert (ws.closed, ws.close_code, request.transport.close.call_count) == (True, 4000, 1)


async def test_a_websocket_of_a_mocked_request_hears_nothing():
    ws = web.WebSocketResponse(autoping=False)
    await ws.prepare(make_mocked_request("GET", "/", headers=HANDSHAKE))
    with pytest.raises(TimeoutError):
        await ws.receive(timeout=0.01)
    assert not ws.closed
    await ws.close()
    assert (await ws.receive()).type is web.WSMsgType.CLOSED


async def test_a_mocked_request_that_is_no_handshake():
    with pytest.raises(web.HTTPBadRequest):
        await web.WebSocketResponse().prepare(make_mocked_request("GET", "/"))


# Where it listens


async def test_the_port_is_found_where_old_code_looks_for_it():
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    assert site._server is None
    await site.start()
    try:
        found = [sock.getsockname() for sock in site._server.sockets]
        assert found == runner.addresses == list(site.addresses)
        assert site.name == f"http://127.0.0.1:{found[0][1]}"
    finally:
        await runner.cleanup()
    assert not site._server.sockets


# What is kept under a str


def warned(change):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", web.NotAppKeyWarning)
        change()
    return caught


@pytest.fixture
def untold(monkeypatch):
    monkeypatch.setattr(storage, "_told", type(storage._told)(set))


@pytest.mark.parametrize("kind", ["Request", "Response"])
def test_a_name_is_warned_of_once(kind, untold):
    def make():
        return web.Response() if kind == "Response" else make_mocked_request("GET", "/")

    def keep():
        for kept in (make(), make()):
            kept["user"] = 1
            kept["user"] = 2
            kept["other"] = 3

    caught = warned(keep)
    assert [str(one.message) for one in caught] == [
        f"use a web.{kind}Key in place of the str '{name}'" for name in ("user", "other")
    ]
    assert {one.filename for one in caught} == {__file__}
    assert not warned(keep)


def test_what_was_said_of_requests_is_said_of_responses_too(untold):
    request, response = make_mocked_request("GET", "/"), web.Response()
    assert [len(warned(lambda kept=kept: kept.update(user=1))) for kept in (request, response)] == [1, 1]


def test_a_warning_that_is_an_error_stays_one(untold):
    response = web.Response()
    with warnings.catch_warnings():
        warnings.simplefilter("error", web.NotAppKeyWarning)
        for _ in range(2):
            with pytest.raises(web.NotAppKeyWarning):
                response["user"] = 1
    assert "user" not in response


def test_names_that_clients_make_up_are_not_kept_for_ever(untold):
    response = web.Response()
    long = "x" * (LONGEST_NAME + 1)
    assert not warned(lambda: response.update({long: 1}))
    caught = warned(lambda: response.update({f"name {number}": 1 for number in range(MOST_NAMES + 10)}))
    assert len(caught) == MOST_NAMES
    assert len(response) == MOST_NAMES + 11


# Requests of one's own making


async def nobody(request):
    raise NotImplementedError


def five(message, payload, protocol, writer, task):
    raise NotImplementedError


class Five(web.BaseRequest):
    def __init__(self, message, payload, protocol, writer, task):
        raise NotImplementedError


class Mine(web.BaseRequest):
    pass


@pytest.mark.parametrize("factory", [five, Five, lambda: None, lambda head, content, *, connection: None])
def test_a_request_factory_that_takes_other_arguments_is_refused_where_it_is_given(factory):
    with pytest.raises(TypeError, match=r"request_factory is called with three arguments, the head, the content"):
        web.Server(nobody, request_factory=factory)


@pytest.mark.parametrize(
    "factory",
    [None, Mine, web.Request, lambda *args: Mine(*args), lambda head, content, connection, more=1: None, dict],
)
def test_a_request_factory_that_can_be_called_is_taken(factory):
    server = web.Server(nobody, request_factory=factory)
    assert server.request_factory is (factory or web.BaseRequest)


# Refusals


def test_the_link_of_a_451_is_known_of_the_class():
    assert inspect.isdatadescriptor(web.HTTPUnavailableForLegalReasons.link)
    refusal = web.HTTPUnavailableForLegalReasons("https://law.example/")
    assert (str(refusal.link), refusal.headers["Link"]) == (
        "https://law.example/",
        '<https://law.example/>; rel="blocked-by"',
    )
    for nobody_demands in (None, ""):
        refusal = web.HTTPUnavailableForLegalReasons(nobody_demands)
        assert (refusal.link, "Link" in refusal.headers) == (None, False)


async def test_handle_of_a_subclass_is_called_for_the_outermost_application(serving, answer_to):
    """As some have it that measure, or sign."""
    with pytest.warns(DeprecationWarning, match="discouraged"):

        class Signing(web.Application):
            async def _handle(self, request):
                response = await super()._handle(request)
                response.headers["X-Signed"] = "yes"
                return response

    async def hello(request):
        return web.Response(text="hello")

    for outer, inner, signed in ((Signing(), web.Application(), True), (web.Application(), Signing(), False)):
        inner.router.add_get("/", hello)
        outer.add_subapp("/in/", inner)
        outer.router.add_get("/", hello)
        async with serving(outer) as url:
            for path in (b"/", b"/in/"):
                answer = await answer_to(url, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert answer.endswith(b"hello")
                assert (b"X-Signed: yes" in answer) is signed


async def test_a_response_that_prepares_itself_as_libraries_of_events_do(serving, answer_to):
    """They hand on the writer that prepare() returns, ask for chunks late, and are prepared twice."""

    class Events(web.StreamResponse):
        async def prepare(self, request):
            if self.prepared:
                assert request.protocol.transport is not None
                return self._payload_writer
            writer = await super().prepare(request)
            self.enable_chunked_encoding()
            return writer

    async def handler(request):
        response = Events(headers={"Content-Type": "text/event-stream"})
        assert response._payload_writer is None
        writer = await response.prepare(request)
        await writer.write(b"data: 1\r\n\r\n")
        assert await response.prepare(request) is not None
        await response.write(b"data: 2\r\n\r\n")
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as url:
        answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"b\r\ndata: 1\r\n\r\n\r\nb\r\ndata: 2\r\n\r\n\r\n0\r\n\r\n")
