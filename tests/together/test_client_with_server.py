"""Our client and our server over real sockets, on each loop."""

import hashlib
import json

import pytest

import drywire
from drywire import web
from drywire_transports import ClientTLS, current_runtime


def app_with(method, path, handler):
    app = web.Application()
    app.router.add_route(method, path, handler)
    return app


async def hello(request):
    return web.Response(text="Hello, world!")


async def test_json_goes_there_and_back(serving):
    async def echo(request):
        return web.json_response({"body": await request.json(), "query": dict(request.query)})

    async with serving(app_with("POST", "/echo", echo)) as url, drywire.ClientSession(url) as session:
        async with session.post("/echo", json={"a": ["é", None]}, params={"x": "1 2", "y": "ü"}) as response:
            assert response.status == 200
            assert response.content_type == "application/json"
            assert await response.json() == {"body": {"a": ["é", None]}, "query": {"x": "1 2", "y": "ü"}}
            assert json.loads(await response.text()) == await response.json()


@pytest.mark.parametrize("verb", ["get", "post", "put", "patch", "delete", "options"])
async def test_each_verb_arrives_as_its_method(serving, verb):
    async def name(request):
        return web.Response(text=request.method)

    async with serving(app_with("*", "/", name)) as url, drywire.ClientSession() as session:
        async with getattr(session, verb)(url) as response:
            assert await response.text() == verb.upper()
        async with session.request(verb, url) as response:
            assert await response.text() == verb.upper()


async def test_head_has_the_length_of_get_but_no_body(serving):
    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app) as url, drywire.ClientSession() as session, session.head(url) as response:
        assert (response.status, response.content_length, await response.read()) == (200, 13, b"")


async def digest_of(request):
    digest, size = hashlib.sha256(), 0
    async for piece in request.content.iter_chunked(65536):
        digest.update(piece)
        size += len(piece)
    return web.json_response({"size": size, "sha256": digest.hexdigest()})


BIG = bytes(range(256)) * 32768  # 8 MiB


@pytest.mark.parametrize("kind", ["bytes", "view", "generator"])
async def test_a_large_upload_arrives_whole(serving, kind):
    async def pieces():
        for start in range(0, len(BIG), 100_000):
            yield BIG[start : start + 100_000]

    data = {"bytes": BIG, "view": memoryview(BIG), "generator": pieces()}[kind]
    async with serving(app_with("POST", "/", digest_of)) as url, drywire.ClientSession() as session:
        async with session.post(url, data=data) as response:
            assert await response.json() == {"size": len(BIG), "sha256": hashlib.sha256(BIG).hexdigest()}


@pytest.mark.parametrize("known", [True, False], ids=["with a length", "chunked"])
async def test_a_large_download_arrives_whole(serving, known):
    async def send(request):
        response = web.StreamResponse()
        if known:
            response.content_length = len(BIG)
        await response.prepare(request)
        for start in range(0, len(BIG), 100_000):
            await response.write(BIG[start : start + 100_000])
        await response.write_eof()
        return response

    async with serving(app_with("GET", "/", send)) as url, drywire.ClientSession() as session:
        digest = hashlib.sha256()
        async with session.get(url) as response:
            assert (response.content_length == len(BIG)) is known
            async for piece in response.content.iter_chunked(65536):
                assert len(piece) <= 65536
                digest.update(piece)
        assert digest.digest() == hashlib.sha256(BIG).digest()


async def test_many_requests_at_once_share_a_bounded_number_of_connections(serving):
    peers = set()

    async def note(request):
        peers.add(request.get_extra_info("peername"))
        return web.Response(text="ok")

    async with serving(app_with("GET", "/", note)) as url:
        connector = drywire.TCPConnector(limit=5)
        async with drywire.ClientSession(connector=connector) as session:

            async def one():
                async with session.get(url) as response:
                    assert await response.text() == "ok"

            runtime = current_runtime()
            tasks = [runtime.spawn(one) for _ in range(200)]
            for task in tasks:
                assert await task.wait()
                assert task.exception() is None
            assert 1 <= len(peers) <= 5


async def test_requests_one_after_another_use_one_connection(serving):
    peers = []

    async def note(request):
        peers.append(request.get_extra_info("peername"))
        return web.Response(text="ok")

    async with serving(app_with("GET", "/", note)) as url, drywire.ClientSession() as session:
        for _ in range(3):
            await (await session.get(url)).read()
        assert len(set(peers)) == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_leaves_the_connection_usable(serving, status):
    async def nothing(request):
        return web.Response(status=status)

    async with serving(app_with("GET", "/", nothing)) as url, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.get(url) as response:
                assert (response.status, await response.read()) == (status, b"")


async def test_an_early_answer_reaches_a_client_that_is_still_uploading(serving):
    async def refuse(request):
        return web.Response(status=413, text="too much")

    async def endless():
        while True:
            yield bytes(100_000)

    async with serving(app_with("POST", "/", refuse), lingering_time=0.2) as url, drywire.ClientSession() as session:
        async with session.post(url, data=endless()) as response:
            assert (response.status, await response.text()) == (413, "too much")


async def test_a_body_over_the_limit_is_answered_with_413(serving):
    async def read(request):
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=1000)
    app.router.add_post("/", read)
    async with serving(app) as url, drywire.ClientSession() as session:
        async with session.post(url, data=bytes(1000)) as response:
            assert response.status == 200
        async with session.post(url, data=bytes(1001)) as response:
            assert response.status == 413


async def test_tls_works_on_both_sides(serving, server_tls, client_tls):
    app = web.Application()
    app.router.add_get("/", hello)
    async with serving(app, server_tls) as url:
        async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=client_tls)) as session:
            async with session.get(url) as response:
                assert await response.text() == "Hello, world!"
                assert response.url.scheme == "https"
        async with drywire.ClientSession() as session:
            with pytest.raises(drywire.ClientConnectorCertificateError):
                await session.get(url)
    assert ClientTLS(client_tls).server_hostname is None


async def test_a_client_that_leaves_in_the_middle_harms_nobody(serving):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    app = web.Application()
    app.router.add_get("/endless", endless)
    app.router.add_get("/", hello)
    async with serving(app) as url, drywire.ClientSession(url) as session:
        async with session.get("/endless") as response:
            assert len(await response.content.readexactly(300_000)) == 300_000
        async with session.get("/") as response:
            assert await response.text() == "Hello, world!"
