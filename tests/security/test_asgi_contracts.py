"""ASGI both ways: what must-not-have.md asks for, and what must not get through from one side to the other."""

import pytest

from drywire import web
from drywire.testing import session_for

SCOPE = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"a")]}


async def own(request):
    return web.Response(text=f"{request.method} {request.path_qs} {await request.text()}")


async def guest(scope, receive, send):
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": scope["headers"][:0]})
    await send({"type": "http.response.body", "body": scope["raw_path"] + b" " + message["body"]})


async def ask(app, scope, body=b""):
    """Ask an application by ASGI; return what it sent."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


# (a) 15: an ASGI application is mounted, ours is exported as one, and a client calls either without a socket


async def test_a_15_an_asgi_application_is_mounted_and_called_by_our_client():
    app = web.Application()
    web.mount_asgi(app, "/guest", guest, lifespan="off")
    app.router.add_route("*", "/own", own)
    async with session_for(app) as session:
        async with session.post("/guest/x%2Fy", data=b"body") as response:
            assert await response.text() == "/guest/x%2Fy body"
        async with session.post("/own?q=1", data=b"body") as response:
            assert await response.text() == "POST /own?q=1 body"
    async with session_for(web.asgi_application(guest, lifespan="off")) as session, session.get("/") as response:
        assert await response.text() == "/ "


async def test_a_15_our_application_is_one_of_asgi():
    app = web.Application()
    app.router.add_route("*", "/own", own)
    sent = await ask(app, {**SCOPE, "path": "/own"})
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"GET /own ")
    async with session_for(web.asgi_application(app)) as session:  # of ours, within one of ours
        async with session.post("/own", data=b"body") as response:
            assert await response.text() == "POST /own body"


# A scope is what a client said: nothing in it becomes a second line, a second field, or a second request.


@pytest.mark.parametrize(
    "changes",
    [
        {"raw_path": b"/ HTTP/1.1\r\nHost: b\r\n\r\nGET /own"},
        {"query_string": b"a HTTP/1.1\r\nX: y"},
        {"method": "GET /x HTTP/1.1\r\nX: y\r\n\r\nGET"},
        {"headers": [(b"host", b"a"), (b"x: y\r\nz", b"1")]},
        {"headers": [(b"host", b"a"), (b"x", b"1\n\n")]},
        {"headers": [(b"host", b"a\r\nx: y")]},
        {"headers": [(b"host", b"a"), (b"content-length", b"1"), (b"content-length", b"2")]},
    ],
)
async def test_a_scope_cannot_smuggle_a_request(changes):
    asked = []

    async def handler(request):
        asked.append(request)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    sent = await ask(app, {**SCOPE, **changes})
    assert (sent[0]["status"], asked) == (400, [])


@pytest.mark.parametrize(
    "scope",
    [
        {"path": "@evil.test"},
        {"path": ":80@evil.test/"},
        {"path": ".evil.test"},
        {"path": ""},
        {"path": "/x", "raw_path": b"@evil.test"},
        {"path": "//evil.test/"},
        {"path": "/@evil.test"},
        {"path": "/\\evil.test"},
    ],
)
async def test_starlette_cve_2026_54282_the_path_of_a_scope_never_moves_into_the_host(scope):
    seen = []

    async def handler(request):
        seen.append((request.url.host, request.host, request.url.path == request.path, request.path))
        return web.Response()

    app = web.Application()
    app.router.add_get("/{any:.*}", handler)
    sent = await ask(app, {**SCOPE, **scope, "headers": [(b"host", b"good.test")]})
    begins_with_slash = scope.get("raw_path", scope["path"].encode()).startswith(b"/")
    assert sent[0]["status"] == (200 if begins_with_slash else 400)
    assert seen == ([("good.test", "good.test", True, scope["path"])] if begins_with_slash else [])


async def test_a_body_is_no_longer_than_it_was_said_to_be():
    """What is too much does not become a second request."""
    asked = []

    async def handler(request):
        asked.append(request.path)
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    scope = {**SCOPE, "method": "POST", "headers": [*SCOPE["headers"], (b"content-length", b"2")]}
    assert await ask(app, scope, b"abGET /x HTTP/1.1\r\nHost: a\r\n\r\n") == []
    assert asked == ["/"]


@pytest.mark.parametrize(
    "field", [(b"x", b"1\r\nset-cookie: a=b"), (b"x\r\ny", b"1"), (b"x", b"\x00"), (b"", b"1"), (b"x y", b"1")]
)
async def test_a_guest_cannot_split_its_response(field):
    async def splitting(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [field]})
        await send({"type": "http.response.body", "body": b""})

    async with session_for(web.asgi_application(splitting, lifespan="off")) as session, session.get("/") as response:
        assert response.status == 500
        assert "Set-Cookie" not in response.headers
