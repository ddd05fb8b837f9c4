"""The edges of an upgrade: what lies behind the handshake belongs to one protocol only, and is read once.

Test names carry the numbers of the advisories and threads they keep from coming back.
"""

import pytest

import drywire
from drywire import WSMsgType, web

from ..websocketing import app_of, echo, raw_client

HANDSHAKE = (
    b"%b / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: %b\r\n%b\r\n"
)
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"


def counting():
    """An application that counts the requests it was given by path."""
    seen = []

    async def handler(request):
        seen.append(request.path)
        return await echo(request) if request.path == "/" else web.Response(text="next")

    app = app_of(handler)
    app.router.add_get("/next", handler)
    return app, seen


async def test_bytes_behind_the_handshake_are_frames_and_no_request_hypercorn_225(serving, answer_to):
    app, seen = counting()
    async with serving(app) as url:
        # What looks like a request is the WebSocket's first bytes: an unmasked frame of an unknown kind.
        answer = await answer_to(url, HANDSHAKE % (b"GET", b"13", b"") + NEXT)
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert frames[:1] == b"\x88"
    assert frames[2:4] == (1002).to_bytes(2, "big")
    assert seen == ["/"]


async def test_a_declined_upgrade_serves_each_request_once_13356(serving, answer_to):
    app, seen = counting()
    async with serving(app) as url:
        answer = await answer_to(url, HANDSHAKE % (b"GET", b"12", b"") + NEXT)
    assert answer.count(b"HTTP/1.1 ") == 2
    assert answer.startswith(b"HTTP/1.1 426 ")
    assert seen == ["/", "/next"]


@pytest.mark.parametrize("body", [NEXT, b"x" * 100_000])
async def test_the_body_of_a_refused_upgrade_is_no_request_69243(serving, answer_to, body):
    app, seen = counting()
    app.router.add_post("/", echo)
    fields = b"Content-Length: %d\r\n" % len(body)
    async with serving(app) as url:
        answer = await answer_to(url, HANDSHAKE % (b"POST", b"13", fields) + body + NEXT)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert seen == ["/next"]  # behind the body, and nothing in it
    assert answer.count(b"HTTP/1.1 ") == 2


async def test_an_upgrade_with_a_body_is_refused_13501(serving, answer_to):
    app, seen = counting()
    async with serving(app) as url:
        answer = await answer_to(
            url, HANDSHAKE % (b"GET", b"13", b"Content-Length: %d\r\n" % len(CLOSE)) + CLOSE + NEXT
        )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"has no body" in answer
    assert seen == ["/", "/next"]


async def test_after_the_close_handshake_nothing_is_served(serving, answer_to):
    app, seen = counting()
    async with serving(app) as url:
        answer = await answer_to(url, HANDSHAKE % (b"GET", b"13", b"") + CLOSE + NEXT)
    assert answer.endswith(b"\x88\x02\x03\xe8")
    assert seen == ["/"]


async def test_a_cross_site_page_is_the_applications_to_refuse_and_its_origin_is_passed_through(serving):
    origins = []

    async def handler(request):
        origins.append(request.headers.get("Origin"))
        return await echo(request)

    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        async with session.ws_connect(url, origin="null"):
            pass
        async with session.ws_connect(url):
            pass
    assert origins == ["null", None]


@pytest.mark.parametrize("header", ["X\r\nY: 1", "é\n"])
async def test_a_subprotocol_cannot_smuggle_in_a_header(header):
    async with drywire.ClientSession() as session:
        with pytest.raises(ValueError, match="not a token"):
            await session.ws_connect("ws://localhost/", protocols=[header])


async def test_a_subprotocol_of_the_client_is_answered_only_if_it_is_known(serving):
    async with serving(app_of(echo)) as url, raw_client(url, protocols=["a", "b"]) as peer:
        await peer.stream.send(CLOSE)
        assert (await peer.event()).code == 1000


async def test_a_full_queue_does_not_keep_close_from_ending_websockets_1555(serving):
    async def handler(request):
        ws = web.WebSocketResponse(timeout=5)
        await ws.prepare(request)
        handler.first = await ws.receive()
        return ws  # with far more unread than is kept for it

    async with serving(app_of(handler)) as url, raw_client(url) as peer:
        frame = b"\x82\xfe" + (50_000).to_bytes(2, "big") + bytes(4) + bytes(50_000)
        for _ in range(20):
            await peer.stream.send(frame)
        assert (await peer.event()).code == 1000
        await peer.stream.send(CLOSE)
        assert not await peer.stream.receive()
    assert handler.first.type is WSMsgType.BINARY
