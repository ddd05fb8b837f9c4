"""What a server must never send, and what it must let go of."""

import pytest

from drywire import web
from drywire_transports import current_runtime

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SPLIT = "a\r\nX-Injected: 1"


def app_of(handler, method="GET", **settings):
    app = web.Application(**settings)
    app.router.add_route(method, "/{rest:.*}", handler)
    return app


async def connected(url):
    host, _, port = url.removeprefix("http://").partition(":")
    return await current_runtime().connect_tcp(host, int(port))


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(
    "headers", [{"X-Own": SPLIT}, {"X-Own\r\nX-Injected": "1"}, {"X": "a\x00"}, {"X": "a\nb"}, {"Content-Type": SPLIT}]
)
async def test_cve_2026_50269_34514_a_head_with_a_line_break_is_not_sent(serving, answer_to, headers, prepared, caplog):
    raised = []

    async def handler(request):
        response = web.Response(text="x", headers=headers)
        if prepared:
            try:
                await response.prepare(request)
            except ValueError as error:
                raised.append(error)
                assert not response.prepared
                raise
        return response

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, LAST)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"Injected" not in answer
    assert len(raised) == prepared
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("a", SPLIT, {}),
        ("a\r\n", "b", {}),
        ("a", "b", {"path": SPLIT}),
        ("a", "b", {"path": "/; Domain=test"}),
        ("a", "b", {"domain": "a.test; Secure"}),
        ("a", "b", {"expires": "\x00"}),
        ("a", "b", {"samesite": "Lax\n"}),
        ("a", "b", {"max_age": "1; Path=/x"}),
    ],
)
def test_aiohttp_12689_a_cookie_cannot_smuggle_in_anything(name, value, options):
    with pytest.raises(ValueError, match="control character"):
        web.Response().set_cookie(name, value, **options)


async def test_aiohttp_12689_nor_can_one_of_the_cookies_themselves(serving, answer_to):
    async def handler(request):
        response = web.Response(text="x")
        response.cookies["a"] = "b"
        response.cookies["a"]["path"] = SPLIT
        return response

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, LAST)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Injected" not in answer


async def test_cve_2026_54282_2024_48710_routing_and_url_see_the_same_path(serving, answer_to):
    """The URL is never pieced together as text: neither path nor host can move into the other."""
    seen = []

    async def handler(request):
        seen.append(
            (request.url.host, request.url.raw_path, request.rel_url.raw_path, request.url.path == request.path)
        )
        return web.Response()

    targets = ["//evil.test/x", "/../x", "/a/./b", "/@evil.test/", "/\\evil.test", "/x:80", "/%2e%2e/x", "/a?b=//c"]
    async with serving(app_of(handler)) as url:
        for target in targets:
            await answer_to(url, LAST.replace(b"/", target.encode(), 1).replace(b"Host: a", b"Host: good.test:81"))
    paths = [target.partition("?")[0] for target in targets]
    assert seen == [("good.test", path, path, True) for path in paths]


@pytest.mark.parametrize("host", ["a:99999", "a@b", "a/b", "a b", "[::1", "a\\b", "a?b", "a#b"])
async def test_cve_2024_48710_a_host_that_is_none_is_refused(serving, answer_to, host):
    async def handler(request):
        return web.Response(text=str(request.url))

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, LAST.replace(b"Host: a", b"Host: " + host.encode()))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


class Watched:
    """A body that says when it is closed."""

    def __init__(self, runtime):
        self.closed = runtime.wake()
        self.is_closed = False

    def close(self):
        self.is_closed = True
        self.closed.set()

    async def pieces(self):
        try:
            while True:
                yield b"x" * 50_000
        finally:
            self.close()


@pytest.mark.parametrize("coding", [None, "gzip"])
async def test_cve_2026_54280_the_body_of_a_response_is_closed_when_the_client_leaves(serving, coding):
    runtime = current_runtime()
    body = Watched(runtime)

    async def handler(request):
        response = web.Response(body=body.pieces())
        if coding is not None:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async with serving(app_of(handler)) as url:
        stream = await connected(url)
        await stream.send(LAST)
        stream.abort()
        await runtime.park(body.closed, runtime.now() + 10)
    assert body.is_closed


@pytest.mark.parametrize("how", ["sent", "head", "broken head", "replaced", "client gone"])
async def test_cve_2026_54280_a_file_is_closed_however_its_response_ends(serving, answer_to, tmp_path, how):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 300_000)
    files = []

    async def handler(request):
        files.append(path.open("rb"))
        response = web.Response(body=files[0], headers={"X": SPLIT} if how == "broken head" else None)
        if how == "replaced":
            response.body = b"other"
        if how == "client gone":
            request.transport.abort()
        return response

    data = LAST.replace(b"GET", b"HEAD") if how == "head" else LAST
    async with serving(app_of(handler, "*")) as url:
        answer = await answer_to(url, data)
    assert files[0].closed
    assert answer.startswith({"broken head": b"HTTP/1.1 500", "client gone": b""}.get(how, b"HTTP/1.1 200"))


async def test_pitfall_16_a_client_that_waits_for_100_continue_is_answered_and_let_go_at_once(serving):
    runtime = current_runtime()

    async def handler(request):
        raise web.HTTPForbidden

    async with serving(app_of(handler, "POST"), body_timeout=60, lingering_time=60) as url:
        stream = await connected(url)
        stream.read_deadline = runtime.now() + 5
        await stream.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        answer = b""
        while piece := await stream.receive():  # ends at once: the server does not wait for the body
            answer += piece
        stream.abort()
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"\r\nConnection: close\r\n" in answer


async def test_pitfall_20_a_large_piece_is_compressed_off_the_loop(serving, answer_to, monkeypatch):
    import threading

    from drywire_server import compression

    threads = []

    class Encoder(compression.ContentEncoder):
        def encode(self, data):
            threads.append((len(data), threading.current_thread() is threading.main_thread()))
            return super().encode(data)

    monkeypatch.setattr(compression, "ContentEncoder", Encoder)

    async def handler(request):
        response = web.StreamResponse()
        response.enable_compression(web.ContentCoding.gzip)
        await response.prepare(request)
        await response.write(b"small")
        await response.write(b"x" * 1_000_000)
        return response

    async with serving(app_of(handler)) as url:
        await answer_to(url, LAST)
    assert (5, True) in threads
    assert (1_000_000, False) in threads
