"""Rows B-01 to B-08: servers, clients and requests for tests. The rest is in tests/server/test_pytest_plugin.py."""

import socket
import ssl
import unittest
from unittest import mock

import pytest
from multidict import CIMultiDictProxy
from yarl import URL

import drywire
from drywire import web
from drywire.test_utils import (
    AioHTTPTestCase,
    BaseTestServer,
    RawTestServer,
    TestClient,
    TestServer,
    get_port_socket,
    get_unused_port_socket,
    loop_context,
    make_mocked_coro,
    make_mocked_request,
    setup_test_loop,
    teardown_test_loop,
    unittest_run_loop,
    unused_port,
)
from drywire_server.runner import ServerRunner
from drywire_transports import current_runtime


async def hello(request):
    return web.json_response([request.method, request.path_qs, await request.text()])


async def go_home(request):
    raise web.HTTPFound("/")


async def remember(request):
    response = web.Response(text=request.cookies.get("seen", "never"))
    response.set_cookie("seen", "once")
    return response


async def echo(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    request.app["ends"].append(ws.close_code)
    return ws


@pytest.fixture
def app():
    app = web.Application()
    app.router.add_route("*", "/", hello)
    app.router.add_get("/away", go_home)
    app.router.add_get("/cookie", remember)
    app.router.add_get("/ws", echo)
    with pytest.warns(web.NotAppKeyWarning):
        app["ends"] = []
    app.on_startup.append(make_mocked_coro())
    app.on_cleanup.append(make_mocked_coro())
    return app


def kinds():
    return pytest.mark.parametrize("in_memory", [False, True], ids=["socket", "memory"])


# B-01, B-02: servers


async def test_b_01_a_server_of_an_application(app):
    server = TestServer(app)
    assert (server.app, server.host, server.port, server.scheme) == (app, "127.0.0.1", None, "")
    assert not server.started
    await server.start_server()
    async with drywire.ClientSession() as session:
        assert server.started
        assert not server.closed
        assert server.make_url("/a?b=c") == URL(f"http://127.0.0.1:{server.port}/a?b=c")
        async with session.get(server.make_url("/")) as response:
            assert await response.json() == ["GET", "/", ""]
        assert server.handler.requests_count == 1
        runner = server.runner
        await server.start_server()
        assert server.runner is runner
        assert isinstance(runner, web.AppRunner)
    port = server.port
    await server.close()
    await server.close()
    assert (server.started, server.closed, server.port) == (True, True, None)
    assert app.on_startup[0].call_count == app.on_cleanup[0].call_count == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


async def test_b_01_settings_of_the_runner_may_come_with_either_call(app, answer_to):
    server = TestServer(app, max_field_size=100, keepalive_timeout=7)
    await server.start_server(keepalive_timeout=8, debug=True)
    assert (server.handler.settings.keepalive_timeout, server.handler.settings.handler_cancellation) == (8, True)
    answer = await answer_to(str(server.make_url("")).rstrip("/"), b"GET / HTTP/1.1\r\nA: " + b"a" * 200 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    await server.close()
    with pytest.raises(TypeError, match="no_such"):
        await TestServer(web.Application()).start_server(no_such=1)


async def test_b_01_host_port_scheme_and_socket_can_be_chosen(app):
    asked = []

    def make_socket(host, port, family):
        asked.append((host, port, family))
        return get_port_socket(host, port, family)

    port = unused_port()
    server = TestServer(app, host="localhost", port=port, scheme="https", socket_factory=make_socket)
    async with server:
        assert asked == [("localhost", port, socket.AF_INET)]
        assert server.make_url("/") == URL(f"https://localhost:{port}/")
    asked.clear()
    async with TestServer(web.Application(), host="::1", socket_factory=make_socket) as server:
        assert asked == [("::1", 0, socket.AF_INET6)]
        assert server.make_url("/x") == URL(f"http://[::1]:{server.port}/x")


async def test_b_01_with_tls(app, server_tls, client_tls):
    server = TestServer(app)
    await server.start_server(ssl=server_tls)
    client = TestClient(server, connector=drywire.TCPConnector(ssl=client_tls))
    try:
        assert server.scheme == "https"
        assert (await client.get("/")).status == 200
    finally:
        await client.close()


async def test_b_01_urls_are_of_this_server_only(app):
    server = TestServer(app)
    with pytest.raises(RuntimeError, match="start it first"):
        server.make_url("/")
    with pytest.raises(RuntimeError, match="start it first"):
        server.handler  # noqa: B018 - asking is what fails
    async with server:
        with pytest.raises(ValueError, match=r"whole URL: http://example\.com/x"):
            server.make_url("http://user:secret@example.com/x")
    with pytest.raises(RuntimeError, match="closed"):
        server.make_url("/")
    async with TestServer(web.Application(), skip_url_asserts=True) as server:
        assert str(server.make_url("//a")) == f"http://127.0.0.1:{server.port}//a"


@kinds()
async def test_b_01_a_start_that_fails_leaves_nothing_behind(app, in_memory):
    app.on_startup.append(make_mocked_coro(raise_exception=LookupError("no database")))
    client = TestClient(TestServer(app, in_memory=in_memory))
    with pytest.raises(LookupError):
        async with client:
            pytest.fail("it has not started")
    assert client.session.closed
    assert not client.server.started


async def test_b_01_a_port_that_cannot_be_had(app):
    with get_unused_port_socket("127.0.0.1") as taken:
        taken.listen()
        server = TestServer(app, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await server.start_server()
        assert not server.started
        assert app.on_cleanup[0].call_count == 1  # it had started


@kinds()
async def test_b_02_a_server_of_a_bare_handler(in_memory):
    async def handle(request):
        assert type(request) is web.BaseRequest
        return web.Response(text=request.path)

    server = RawTestServer(handle, in_memory=in_memory, shutdown_timeout=3)
    assert isinstance(server, BaseTestServer)
    async with TestClient(server) as client:
        assert isinstance(server.runner, ServerRunner)
        assert client.app is None
        for path in ("/a", "/b/c"):
            async with client.get(path) as response:
                assert (response.status, await response.text()) == (200, path)


# B-03, B-04: the client


@kinds()
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_b_03_a_client_has_the_methods_of_a_session(app, method, in_memory):
    async with TestClient(TestServer(app, in_memory=in_memory)) as client:
        async with getattr(client, method.lower())("/?a=1", data=b"body") as response:
            assert await response.json() == [method, "/?a=1", "body"]
        response = await client.request(method, "/", params={"b": "2"})
        assert await response.json() == [method, "/?b=2", ""]


async def test_b_03_head_follows_redirects(app):
    async with TestClient(TestServer(app)) as client:
        response = await client.head("/away")
        assert (response.status, response.url.path, len(response.history)) == (200, "/", 1)
        assert (await client.session.head(client.make_url("/away"))).status == 302


async def test_b_03_it_tells_of_its_server(app):
    server = TestServer(app)
    client = TestClient(server)
    assert client.server is server
    assert client.app is app
    await client.start_server()
    assert (client.host, client.port) == ("127.0.0.1", server.port)
    assert client.make_url("/x") == server.make_url("/x")
    assert isinstance(client.session, drywire.ClientSession)
    await client.close()
    await client.close()
    assert client.session.closed
    assert server.closed
    with pytest.raises(TypeError, match="must be a TestServer"):
        TestClient(app)


@kinds()
async def test_b_03_websockets_are_closed_with_it(app, in_memory):
    async with TestClient(TestServer(app, in_memory=in_memory)) as client:
        async with client.ws_connect("/ws") as ws:
            await ws.send_str("hello")
            assert await ws.receive_str() == "hello"
        ws = await client.ws_connect("/ws")
        await ws.send_str("again")
        assert await ws.receive_str() == "again"
    assert ws.closed
    assert app["ends"] == [1000, 1000]


@kinds()
async def test_b_03_cookies_are_kept_though_the_host_is_an_address(app, in_memory):
    async with TestClient(TestServer(app, in_memory=in_memory)) as client:
        assert [await (await client.get("/cookie")).text() for _ in range(2)] == ["never", "once"]
    jar = drywire.DummyCookieJar()
    async with TestClient(TestServer(web.Application()), cookie_jar=jar, headers={"X-Own": "1"}) as client:
        assert client.session.cookie_jar is jar
        assert client.session.headers["X-Own"] == "1"


async def test_b_03_what_is_not_read_or_closed_is_closed_with_it(app):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            ended.set()

    app.router.add_get("/endless", endless)
    runtime = current_runtime()
    ended = runtime.wake()
    async with TestClient(TestServer(app, shutdown_timeout=10)) as client:
        response = await client.get("/endless")
        assert await response.content.read(3) == b"xxx"
    await runtime.park(ended, runtime.now() + 5)


async def test_b_04_neither_is_entered_by_a_plain_with(app):
    client = TestClient(TestServer(app))
    for thing in (client, client.server):
        with pytest.raises(TypeError, match="async with"):
            with thing:
                pass
    await client.close()


# B-05: unittest


def results(case):
    """Run the tests of `case`; return its result and, for a failure, what was said."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result, [text for _, text in result.failures + result.errors]


def test_b_05_a_case_has_application_server_and_client():
    seen = []

    class Case(AioHTTPTestCase):
        async def get_application(self):
            app = web.Application()
            app.router.add_route("*", "/", hello)
            return app

        async def test_get(self):
            seen.append((self.client.app is self.app, self.client.server is self.server, self.loop.is_running()))
            async with self.client.get("/") as response:
                assert await response.json() == ["GET", "/", ""]

        async def asyncTearDown(self):
            await super().asyncTearDown()
            seen.append(self.server.closed)

        def test_without_a_coroutine(self):
            seen.append("plain")

    result, said = results(Case)
    assert said == []
    assert result.testsRun == 2
    assert seen == [(True, True, True), True, "plain", True]


def test_b_05_old_cases_and_servers_and_clients_of_ones_own():
    class Client(TestClient):
        async def text(self, path):
            return await (await self.get(path)).text()

    class Case(AioHTTPTestCase):
        def get_app(self):
            app = web.Application()
            app.router.add_route("*", "/", hello)
            return app

        async def get_server(self, app):
            return TestServer(app, in_memory=True)

        async def get_client(self, server):
            return Client(server)

        async def setUpAsync(self):
            await super().setUpAsync()
            self.text = await self.client.text("/")

        async def tearDownAsync(self):
            await super().tearDownAsync()
            assert self.server.closed

        async def test_it(self):
            assert "GET" in self.text

    assert results(Case)[1] == []


def test_b_05_a_case_that_names_no_application_and_one_that_does_not_start():
    class Nameless(AioHTTPTestCase):
        async def test_it(self):
            pass

    class Broken(AioHTTPTestCase):
        async def get_application(self):
            app = web.Application()
            app.on_startup.append(make_mocked_coro(raise_exception=LookupError("no database")))
            return app

        async def test_it(self):
            pass

    assert "define get_application()" in results(Nameless)[1][0]
    assert "LookupError: no database" in results(Broken)[1][0]


# B-06: requests that are made up


def test_b_06_a_request_that_nobody_sent():
    request = make_mocked_request("get", "/a/b?c=d", {"X-Own": "1", "Host": "example.com"}, match_info={"name": "b"})
    assert isinstance(request, web.Request)
    assert (request.method, request.path, request.query["c"]) == ("GET", "/a/b", "d")
    assert (request.url, request.scheme) == (URL("http://example.com/a/b?c=d"), "http")
    assert request.headers == {"X-Own": "1", "Host": "example.com"}
    assert isinstance(request.headers, CIMultiDictProxy)
    assert request.match_info["name"] == "b"
    assert (request.version, request.keep_alive, request.remote) == ((1, 1), True, None)
    assert not request.can_read_body
    assert isinstance(request.app, web.Application)
    assert request.client_max_size == 1024**2
    assert request.transport.get_extra_info("sockname") == ("127.0.0.1", 80)
    key = web.RequestKey("key", int)
    request[key] = 1
    assert request[key] == 1
    assert make_mocked_request("GET", "/").headers == {}
    assert dict(make_mocked_request("GET", "/").match_info) == {}


def test_b_06_each_part_of_it_can_be_given(server_tls):
    app, transport, protocol, writer = web.Application(), mock.Mock(), mock.Mock(), mock.Mock()
    transport.get_extra_info.side_effect = {"peername": ("10.0.0.7", 5)}.get
    request = make_mocked_request(
        "POST",
        "/",
        version=drywire.HttpVersion10,
        app=app,
        transport=transport,
        protocol=protocol,
        writer=writer,
        sslcontext=server_tls,
        client_max_size=7,
        client_max_fields=3,
        loop=object(),
    )
    assert request.app is request.match_info.current_app is app
    assert (request.transport, request.protocol, request.writer) == (transport, protocol, writer)
    assert (request.remote, request.get_extra_info("peername")) == ("10.0.0.7", ("10.0.0.7", 5))
    assert (request.scheme, request.secure) == ("https", True)
    assert isinstance(request.get_extra_info("sslcontext"), ssl.SSLContext)
    assert (request.client_max_size, request.client_max_fields) == (7, 3)
    assert (request.version, request.keep_alive) == ((1, 0), False)
    assert not make_mocked_request("GET", "/", closing=True).keep_alive
    clone = request.clone(method="PUT")
    assert (clone.method, clone.transport, clone.app) == ("PUT", transport, app)


async def test_b_06_its_body_is_what_was_fed():
    body = drywire.StreamReader(mock.Mock(), 2**16)
    body.feed_data(b'{"a": 1}')
    body.feed_eof()
    request = make_mocked_request("POST", "/", {"Content-Type": "application/json"}, payload=body)
    assert request.can_read_body
    assert await request.json() == {"a": 1}
    body = drywire.StreamReader()
    body.feed_data(b"12345678")
    body.feed_eof()
    with pytest.raises(web.HTTPRequestEntityTooLarge):
        await make_mocked_request("POST", "/", payload=body, client_max_size=7).read()


async def test_b_06_a_response_to_it_goes_to_the_writer():
    seen = []
    app = web.Application()
    app.on_response_prepare.append(make_mocked_coro())

    async def handle(request):
        response = web.StreamResponse(headers={"X-Own": "1"})
        await response.prepare(request)
        await response.write(b"some")
        await response.write(b"thing")
        await response.write_eof(b"!")
        return response

    request = make_mocked_request("GET", "/", app=app)
    response = await handle(request)
    (line, fields), _ = request.writer.write_headers.call_args
    assert line == "HTTP/1.1 200 OK"
    assert fields["x-own"] == "1"
    assert [call.args for call in request.writer.write.call_args_list] == [(b"some",), (b"thing",)]
    request.writer.write_eof.assert_called_once_with(b"!")
    app.on_response_prepare[0].assert_called_once_with(request, response)

    writer = mock.Mock()
    writer.write_eof.side_effect = seen.append  # not a coroutine function
    request = make_mocked_request("GET", "/", writer=writer)
    response = web.Response(text="hello")
    await response.prepare(request)
    await response.write_eof()
    assert b"".join(seen) == b"hello"


async def test_b_06_a_coroutine_that_is_made_up():
    answer = make_mocked_coro(5)
    assert await answer(1, a=2) == 5
    answer.assert_called_once_with(1, a=2)
    assert await make_mocked_coro()() is None
    assert await make_mocked_coro(make_mocked_coro(6)())() == 6
    with pytest.raises(LookupError):
        await make_mocked_coro(raise_exception=LookupError())()


# B-07, B-08


def test_b_07_free_ports():
    port = unused_port()
    with get_port_socket("127.0.0.1", port, socket.AF_INET) as sock:
        assert sock.getsockname() == ("127.0.0.1", port)
        sock.listen()
        with pytest.raises(OSError, match="in use"):
            get_port_socket("127.0.0.1", port, socket.AF_INET)
    with get_unused_port_socket("127.0.0.1") as sock, get_unused_port_socket("::1", socket.AF_INET6) as other:
        assert sock.getsockname()[1] != 0
        assert other.getsockname()[0] == "::1"


def test_b_07_loops_to_run_by_hand():
    import asyncio

    async def current():
        return asyncio.get_running_loop()

    with loop_context() as loop:
        assert loop.run_until_complete(current()) is loop
    assert loop.is_closed()
    made = []
    loop = setup_test_loop(lambda: made.append(asyncio.new_event_loop()) or made[0])
    assert made == [loop]
    teardown_test_loop(loop, fast=True)
    assert loop.is_closed()
    with pytest.raises(LookupError), loop_context() as loop:
        raise LookupError
    assert loop.is_closed()


def test_b_08_a_decorator_that_is_needed_no_more():
    async def test():
        pass

    with pytest.warns(DeprecationWarning, match="not needed"):
        assert unittest_run_loop(test) is test
