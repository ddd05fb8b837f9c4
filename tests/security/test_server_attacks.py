"""What an attack on the server has found: each test is one way that was open."""

import contextlib
import json
import logging
import re
import tracemalloc
from contextvars import ContextVar

import pytest

from drywire import web
from drywire_server.compression import choose_coding
from drywire_server.file_types import liked_codings
from drywire_transports import TransportError, current_runtime
from drywire_transports.json_text import from_json, to_json

USER = ContextVar("user", default="nobody")
AGAIN = web.HTTPForbidden(text="no")


def get(target, version="1.1", **fields):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {"Host": "a", **fields}.items())
    return f"GET {target} HTTP/{version}\r\n{lines}\r\n".encode()


async def pause(seconds):
    runtime = current_runtime()
    await runtime.sleep_until(runtime.now() + seconds)


async def turns(count):
    for _ in range(count):
        await pause(0)


@contextlib.asynccontextmanager
async def connected(url, patience=10):
    runtime = current_runtime()
    host, _, port = url.removeprefix("http://").partition(":")
    stream = await runtime.connect_tcp(host, int(port))
    stream.read_deadline = runtime.now() + patience
    try:
        yield stream
    finally:
        stream.abort()


async def rest(stream):
    answer = b""
    while piece := await stream.receive():
        answer += piece
    return answer


# What one request leaves to another


@pytest.mark.parametrize("logged", [False, True], ids=["plain", "logged"])
async def test_variables_that_a_request_sets_are_seen_by_no_response_to_a_later_one(serving, answer_to, logged):
    seen = []

    class Log(web.AbstractAccessLogger):
        def log(self, request, response, time):
            seen.append((request.query["user"], USER.get()))

    @web.middleware
    async def login(request, handler):
        USER.set(request.query["user"])
        return await handler(request)

    async def streamed(request):
        async def body():
            yield f"for {USER.get()}".encode()

        return web.Response(body=body())

    async def sign(request, response):
        response.headers["X-User"] = USER.get()

    app = web.Application(middlewares=[login])
    app.router.add_get("/", streamed)
    app.on_response_prepare.append(sign)
    logger = logging.getLogger("drywire.test.attacks")
    logger.setLevel(logging.INFO)
    settings = {"access_log": logger, "access_log_class": Log} if logged else {"access_log": None}
    async with serving(app, **settings) as url:
        answer = await answer_to(url, b"".join(get(f"/?user={name}") for name in ("ada", "bob", "eve")))
    assert re.findall(rb"X-User: (\w+)", answer) == [b"ada", b"bob", b"eve"]
    assert re.findall(rb"for (\w+)", answer) == [b"ada", b"bob", b"eve"]
    assert all(logged_as in (user, "nobody") for user, logged_as in seen)


async def test_variables_that_cannot_be_compared_end_no_connection(serving, answer_to):
    class Array:
        def __eq__(self, other):
            raise ValueError("the truth value of an array is ambiguous")

        __hash__ = None

    variable = ContextVar("array")
    token = variable.set(Array())

    async def handler(request):
        variable.set(Array())
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", handler)
    try:
        async with serving(app) as url:
            assert (await answer_to(url, 3 * get("/"))).count(b"HTTP/1.1 200") == 3
    finally:
        variable.reset(token)


async def test_a_reader_that_a_handler_left_behind_gets_nothing_of_the_next_request(serving):
    stolen = []

    async def leave_reader(request):
        async def read_on():
            with contextlib.suppress(Exception):
                while piece := await request.content.readany():
                    stolen.append(piece)

        readers.append(current_runtime().spawn(read_on))
        await turns(1)
        return web.Response(text="first")

    async def read_late(request):
        await pause(0.05)
        return web.Response(body=await request.read())

    readers = []
    app = web.Application()
    app.router.add_post("/1", leave_reader)
    app.router.add_post("/2", read_late)
    head = b"POST /%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app) as url:
        # As many pieces as are given out in one turn, and one turn more: the reader waits for that.
        for pieces in range(6, 11):
            async with connected(url) as stream:
                await stream.send(head % 1 + pieces * b"1\r\nx\r\n" + b"0\r\n\r\n" + head % 2)
                await pause(0.02)
                await stream.send(b"6\r\nSECRET\r\n0\r\n\r\n")
                answer = b""
                stream.read_deadline = current_runtime().now() + 0.5
                with contextlib.suppress(TransportError):
                    while b"SECRET" not in answer:
                        answer += await stream.receive() or b"SECRET"
            for reader in readers:
                await reader.wait()
            assert b"SECRET" not in b"".join(stolen), pieces


@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
async def test_what_is_put_back_into_no_body_is_no_other_requests_body(serving, answer_to):
    async def put_back(request):
        with contextlib.suppress(Exception):
            request.content.unread_data(b"of one")
        return web.Response(text="ok")

    async def read(request):
        return web.Response(body=b"<" + await request.read() + b">")

    app = web.Application()
    app.router.add_get("/put", put_back)
    app.router.add_get("/read", read)
    async with serving(app) as url:
        await answer_to(url, get("/put"))
        assert (await answer_to(url, get("/read"))).endswith(b"<>")


# Framing


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=0-99999"}, {"Range": "bytes=0-60,90000-99999"}], ids=str)
async def test_a_file_without_a_length_cannot_pass_for_chunks(serving, answer_to, tmp_path, fields):
    forged = b"0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!"
    path = tmp_path / "upload"
    path.write_bytes(forged.ljust(200_000, b"x"))

    async def file(request):
        return web.FileResponse(path)

    async def drop_length(request, response):
        response.headers.popall("Content-Length", None)

    app = web.Application()
    app.router.add_get("/", file)
    app.on_response_prepare.append(drop_length)
    async with serving(app) as url:
        answer = await answer_to(url, get("/", **fields))
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" in head:
        content = b""
        while size := int((line := body.partition(b"\r\n"))[0], 16):
            content, body = content + line[2][:size], line[2][size:]
            assert body.startswith(b"\r\n")
            body = body[2:]
        assert body == b"0\r\n\r\n"
        assert forged in content or fields.get("Range", "").count("-") == 2
    else:
        assert head.startswith(b"HTTP/1.1 500")


@pytest.mark.parametrize("later", [b"\r\n", get("/")], ids=["an empty line", "a request"])
@pytest.mark.parametrize("first", [get("/", "1.0"), get("/", Connection="close")], ids=["1.0", "close"])
async def test_a_client_that_sends_on_gets_all_of_the_last_response(serving, first, later):
    async def large(request):
        return web.Response(body=bytes(4_000_000))

    app = web.Application()
    app.router.add_get("/", large)
    async with serving(app) as url, connected(url) as stream:
        await stream.send(first)
        answer = await stream.receive()
        await stream.send(later)
        await pause(0.02)
        answer += await rest(stream)
    assert len(answer.partition(b"\r\n\r\n")[2]) == 4_000_000


@pytest.mark.parametrize("wire", [get("/", "1.0") + b"\r\n", b"BAD\r\n\r\n"], ids=["an empty line", "no request"])
async def test_over_tls_a_client_that_sends_on_is_told_of_the_end(serving, server_tls, client_tls, wire):
    app = web.Application()
    app.router.add_get("/", fail_over)
    async with serving(app, ssl_context=server_tls, lingering_time=0.2) as url:
        async with connected(url.replace("https", "http")) as plain:
            stream = await plain.start_tls(client_tls, server_hostname="127.0.0.1")
            stream.read_deadline = current_runtime().now() + 10
            await stream.send(wire)
            assert (await rest(stream)).startswith(b"HTTP/1.1 ")
            assert not stream.cut_off
            stream.abort()


# Responses that cannot be sent


async def hello(request):
    return web.Response(text="hello" * 1000, headers={"Content-Length": "3"}, compress=request.query.get("as", False))


async def fail_over(request):
    return web.Response(text="ok")


async def see(request, response):
    """Be there."""


async def refuse_badly(request, response):
    if response.status == 200:
        raise web.HTTPForbidden(headers={"X": "a\r\nb"})


async def refuse_again(request, response):
    if response.status == 200:
        raise AGAIN


@pytest.mark.parametrize(
    ("target", "signal", "logged"),
    [
        ("/hello", None, False),
        ("/hello", None, True),
        ("/hello", see, False),
        ("/hello?as=gzip", None, False),
        ("/ok", refuse_badly, False),
        ("/ok", refuse_again, False),
    ],
)
async def test_a_response_that_cannot_be_sent_is_500_and_goes_no_further(
    serving, answer_to, caplog, target, signal, logged
):
    app = web.Application()
    app.router.add_get("/hello", hello)
    app.router.add_get("/ok", fail_over)
    if signal is not None:
        app.on_response_prepare.append(signal)
    logger = logging.getLogger("drywire.test.attacks")
    logger.setLevel(logging.INFO)
    async with serving(app, access_log=logger if logged else None) as url:
        await answer_to(url, get(target))
        answer = await answer_to(url, get(target))
    assert answer[:12] in (b"HTTP/1.1 500", b"HTTP/1.1 403")
    assert not [record for record in caplog.records if record.name == "drywire.transports"]


# Cancellation


async def test_a_handler_whose_client_has_gone_is_cancelled_once(serving):
    runtime = current_runtime()
    begun, ended = runtime.wake(), runtime.wake()
    outcome = []

    async def handler(request):
        begun.set()
        try:
            await pause(30)
        finally:
            try:
                with web_shield():
                    await turns(5)
                outcome.append("cleaned up")
            finally:
                ended.set()

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, handler_cancellation=True) as url:
        async with connected(url) as stream:
            await stream.send(get("/"))
            await runtime.park(begun, runtime.now() + 5)
        await runtime.park(ended, runtime.now() + 5)
    assert outcome == ["cleaned up"]


async def test_a_handler_that_is_watched_ends_before_the_application_does(serving):
    runtime = current_runtime()
    begun = runtime.wake()
    order = []

    async def handler(request):
        begun.set()
        try:
            await pause(30)
        finally:
            with web_shield():
                await turns(5)
            order.append("handler")

    async def cleanup(app):
        order.append("application")

    app = web.Application()
    app.router.add_get("/", handler)
    app.on_cleanup.append(cleanup)
    runner = web.AppRunner(app, shutdown_timeout=0.3, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with connected(site.name) as stream:
            await stream.send(get("/"))
            await runtime.park(begun, runtime.now() + 5)
            await runner.cleanup()
            await turns(20)
    finally:
        await runner.cleanup()
    assert order == ["handler", "application"]


def web_shield():
    """Return what lets a cleanup wait on trio, where a cancellation comes again at each await."""
    if current_runtime().name != "trio":
        return contextlib.nullcontext()
    import trio

    return trio.CancelScope(shield=True)


# Bounds


@pytest.mark.parametrize(("charset", "between"), [("cp037", "&".encode("cp037")), ("utf-7", b"+ACY-")])
async def test_fields_of_a_form_are_counted_in_every_charset(serving, answer_to, charset, between):
    async def form(request):
        return web.Response(text=str(len(await request.post())))

    app = web.Application()
    app.router.add_post("/", form)
    body = between.join(2000 * ["a=b".encode("cp037") if charset == "cp037" else b"a=b"])
    head = (
        "POST / HTTP/1.1\r\nHost: a\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset={charset}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    async with serving(app) as url:
        assert (await answer_to(url, head.encode() + body)).startswith(b"HTTP/1.1 413")


async def test_a_body_that_is_too_large_is_so_each_time_it_is_read(serving, answer_to):
    async def handler(request):
        for _ in range(2):
            try:
                return web.Response(body=b"read " + await request.read())
            except web.HTTPRequestEntityTooLarge:
                pass
        return web.Response(text="refused twice")

    app = web.Application(client_max_size=4)
    app.router.add_post("/", handler)
    async with serving(app) as url:
        answer = await answer_to(url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ntoo large")
    assert answer.endswith(b"refused twice")


async def test_an_idle_connection_holds_little_of_the_largest_head(serving):
    async def handler(request):
        return web.Response(text=request.headers["X-0"][:1])

    app = web.Application()
    app.router.add_get("/", handler)
    head = get("/", **{f"X-{number}": 8000 * "v" for number in range(8)})
    connections = 20
    async with serving(app) as url, contextlib.AsyncExitStack() as stack:
        tracemalloc.start()
        try:
            for number in range(connections + 1):
                stream = await stack.enter_async_context(connected(url))
                await stream.send(head)
                await stream.receive()
                if not number:
                    before = tracemalloc.get_traced_memory()[0]
            held = (tracemalloc.get_traced_memory()[0] - before) // connections
        finally:
            tracemalloc.stop()
    print(f"{held} bytes for each idle connection that has sent a head of {len(head)}")
    assert held < 2 * len(head)


@pytest.mark.parametrize("choose", [choose_coding, liked_codings])
def test_what_clients_say_they_accept_fills_no_memory(choose):
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(300):
            choose(f"gzip, {50_000 * 'x'}{number}")
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


def peak_of(function, value):
    tracemalloc.start()
    try:
        with contextlib.suppress(ValueError):
            function(value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_refers_to_itself_is_not_written_a_thousand_times():
    data = ["x" * 50_000]
    data.append(data)
    assert peak_of(to_json, data) < 4 * peak_of(json.dumps, data)


def test_a_line_feed_behind_a_document_makes_nobody_read_it_twice():
    text = json.dumps([{"name": str(number)} for number in range(3000)]) + "\n"
    assert peak_of(from_json, text) < 1.5 * peak_of(json.loads, text)
