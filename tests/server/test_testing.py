"""Servers for tests beyond what aiohttp has: in memory, with settings, and closed whatever happens."""

import pytest

import drywire
from drywire import web
from drywire.test_utils import RawTestServer, TestClient, TestServer, make_mocked_request
from drywire_transports import current_runtime, memory_pair


async def told(request):
    return web.json_response([request.scheme, request.host, request.secure, request.remote])


async def silent(request):
    """Read the body, which does not come."""
    await request.read()


def app_of(handler):
    app = web.Application()
    app.router.add_route("*", "/", handler)
    app.on_cleanup.append(note)
    return app


cleaned_up = []


async def note(app):
    cleaned_up.append(app)


@pytest.mark.parametrize(
    ("options", "url", "said"),
    [
        ({}, "http://127.0.0.1/", ["http", "127.0.0.1", False, "127.0.0.1"]),
        ({"scheme": "https"}, "https://127.0.0.1/", ["https", "127.0.0.1", True, "127.0.0.1"]),
        ({"host": "example.com"}, "http://example.com/", ["http", "example.com", False, "127.0.0.1"]),
        ({"host": "::1", "port": 81}, "http://[::1]:81/", ["http", "[::1]:81", False, "127.0.0.1"]),
    ],
)
async def test_in_memory_a_server_is_where_it_is_said_to_be(options, url, said):
    for server in (TestServer(app_of(told), in_memory=True, **options), RawTestServer(told, in_memory=True, **options)):
        async with TestClient(server) as client:
            assert str(client.make_url("/")) == url
            for _ in range(2):
                async with client.get("/") as response:
                    assert await response.json() == said
            assert server.runner.addresses == []


async def test_in_memory_connections_may_come_from_elsewhere():
    server = TestServer(app_of(told), in_memory=True)
    ours, theirs = memory_pair(current_runtime())
    with pytest.raises(RuntimeError, match="does not run"):
        server.accept(theirs)
    async with server:
        server.accept(theirs)
        await ours.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert (await ours.receive()).startswith(b"HTTP/1.1 200 OK\r\n")
    ours.abort()
    with pytest.raises(RuntimeError, match="does not run"):
        server.accept(theirs)


async def test_a_connector_of_ones_own_is_used():
    connector = drywire.TCPConnector(limit=1)
    async with TestClient(TestServer(app_of(told)), connector=connector) as client:
        assert client.session.connector is connector
        assert (await client.get("/")).status == 200


@pytest.mark.parametrize("in_memory", [False, True])
async def test_a_handler_ends_with_its_client_so_that_the_end_is_not_waited_for(in_memory):
    runtime = current_runtime()
    reached, ended = runtime.wake(), []

    async def handler(request):
        reached.set()
        try:
            await runtime.park(runtime.wake())
        finally:
            ended.append(request.path)

    async def ask(client):
        await client.get("/")

    client = TestClient(TestServer(app_of(handler), in_memory=in_memory))
    await client.start_server()
    asking = runtime.spawn(ask, client)
    await runtime.park(reached)
    begun = runtime.now()
    asking.cancel()
    await asking.wait()
    await client.close()
    assert ended == ["/"]
    assert runtime.now() - begun < 5  # the shutdown timeout is sixty seconds


@pytest.mark.parametrize("in_memory", [False, True])
async def test_a_test_that_is_cancelled_leaves_nothing_running(in_memory):
    runtime = current_runtime()
    inside = runtime.wake()
    app = app_of(told)
    server = TestServer(app, in_memory=in_memory)

    async def test():
        async with TestClient(server) as client:
            await client.get("/")
            inside.set()
            await runtime.park(runtime.wake())

    task = runtime.spawn(test)
    await runtime.park(inside)
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    assert server.closed
    assert app in cleaned_up
    assert server.runner.server is None


async def test_deadlines_of_the_server_can_be_tested():
    async with TestClient(TestServer(app_of(silent), body_timeout=0.05)) as client:
        body = drywire.StreamReader()  # never fed
        with pytest.raises(drywire.ClientResponseError, match="408"):
            await client.post("/", data=body.iter_any(), raise_for_status=True)


async def test_middlewares_can_be_tried_with_a_request_that_is_made_up():
    @web.middleware
    async def authorised(request, handler):
        if "Authorization" not in request.headers:
            raise web.HTTPUnauthorized
        return await handler(request)

    async def handler(request):
        return web.Response(text=request.match_info["name"])

    with pytest.raises(web.HTTPUnauthorized):
        await authorised(make_mocked_request("GET", "/"), handler)
    request = make_mocked_request("GET", "/a", {"Authorization": "x"}, match_info={"name": "a"})
    assert (await authorised(request, handler)).text == "a"


def test_a_path_that_is_made_up_is_quoted_where_it_cannot_be_sent():
    request = make_mocked_request("GET", "/\u00e4 b?c=\u00e9")
    assert (request.path, request.query["c"], request.raw_path) == ("/\u00e4 b", "\u00e9", "/%C3%A4%20b?c=%C3%A9")
