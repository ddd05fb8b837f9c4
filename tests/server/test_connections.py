"""The server byte by byte: what it answers, in which order, and what becomes of the connection."""

import contextlib
import logging
import re

import pytest

from drywire import web
from drywire_transports import current_runtime

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def hello(request):
    return web.Response(text="hello")


async def read(request):
    return web.Response(body=await request.read())


async def ignore(request):
    return web.Response(text="ignored")


async def crash(request):
    raise ZeroDivisionError("a handler's own fault")


async def crash_late(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"part")
    raise ZeroDivisionError("too late for a 500")


async def nothing(request):
    return None


async def variables(request):
    return web.json_response(dict(request.match_info))


@pytest.fixture
def app():
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_post("/read", read)
    app.router.add_post("/ignore", ignore)
    app.router.add_get("/crash", crash)
    app.router.add_get("/crash-late", crash_late)
    app.router.add_get("/nothing", nothing)
    app.router.add_get("/of/{name}", variables)
    app.router.add_get(r"/number/{n:\d+}/{rest}", variables)
    return app


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


async def test_pipelined_requests_are_answered_in_order(serving, answer_to, app):
    async with serving(app) as url:
        answer = await answer_to(
            url, b"GET /of/1 HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /of/2 HTTP/1.1\r\nHost: a\r\n\r\n" + LAST
        )
    assert statuses(answer) == [200, 200, 200]
    assert answer.index(b'{"name": "1"}') < answer.index(b'{"name": "2"}') < answer.index(b"hello")


async def test_many_pipelined_requests_are_all_answered(serving, answer_to, app):
    async with serving(app) as url:
        assert statuses(await answer_to(url, GET * 300 + LAST)) == [200] * 301


async def test_an_http_1_0_client_gets_its_answer_and_the_end(serving, answer_to, app):
    async with serving(app) as url:
        answer = await answer_to(url, b"GET / HTTP/1.0\r\n\r\n", eof=False)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhello")


async def test_an_http_1_0_client_may_keep_its_connection(serving, answer_to, app):
    async with serving(app) as url:
        answer = await answer_to(url, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + b"GET / HTTP/1.0\r\n\r\n")
    assert statuses(answer) == [200, 200]
    assert b"\r\nConnection: keep-alive\r\n" in answer


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/of/x", b'{"name": "x"}'),
        (b"/of/%C3%A9%2Fb", b'{"name": "\\u00e9/b"}'),
        (b"/of/a?name=b", b'{"name": "a"}'),
        (b"/%6Ff/x", b'{"name": "x"}'),
        (b"http://a/of/x", b'{"name": "x"}'),
        (b"/number/42/z", b'{"n": "42", "rest": "z"}'),
    ],
)
async def test_a_path_with_variables_gives_them_decoded(serving, answer_to, app, path, expected):
    async with serving(app) as url:
        answer = await answer_to(url, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.endswith(expected)


@pytest.mark.parametrize("path", [b"/of/", b"/of/a/b", b"/number/x/z", b"/nowhere", b"/of"])
async def test_a_path_that_is_not_there_is_answered_with_404(serving, answer_to, app, path):
    async with serving(app) as url:
        assert statuses(await answer_to(url, b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")) == [404]


async def test_another_method_is_answered_with_405_and_those_allowed(serving, answer_to, app):
    async with serving(app) as url:
        answer = await answer_to(url, b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(answer) == [405]
    assert b"\r\nAllow: GET,HEAD\r\n" in answer


async def test_a_crash_is_one_500_and_one_record_and_the_end_of_its_connection(serving, answer_to, app, caplog):
    caplog.set_level(logging.DEBUG, "drywire.server")
    async with serving(app) as url:
        assert statuses(await answer_to(url, b"GET /crash HTTP/1.1\r\nHost: a\r\n\r\n" + GET)) == [500]
        assert statuses(await answer_to(url, LAST)) == [200]
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(errors) == 1
    assert errors[0].exc_info[0] is ZeroDivisionError


async def test_a_crash_after_the_head_cuts_the_connection_so_that_the_client_can_tell(serving, answer_to, app, caplog):
    async with serving(app) as url:
        answer = await answer_to(url, b"GET /crash-late HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"part" in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_a_handler_without_a_response_is_a_500(serving, answer_to, app, caplog):
    async with serving(app) as url:
        assert statuses(await answer_to(url, b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")) == [500]
    assert "must return a response" in caplog.text


async def test_continue_is_sent_when_the_body_is_first_read(serving, answer_to, app):
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    async with serving(app) as url:
        runtime = current_runtime()
        stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        stream.read_deadline = runtime.now() + 10
        await stream.send(head + b"Connection: close\r\n\r\n")
        assert await stream.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send(b"ok")
        answer = b""
        while piece := await stream.receive():
            answer += piece
        stream.abort()
    assert statuses(answer) == [200]
    assert answer.endswith(b"ok")


async def test_a_handler_that_reads_no_awaited_body_ends_the_connection(serving, answer_to, app):
    head = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    async with serving(app) as url:
        answer = await answer_to(url, head, eof=False)
    assert statuses(answer) == [200]
    assert b"\r\nConnection: close\r\n" in answer


async def test_a_small_body_that_was_not_read_is_passed_over(serving, answer_to, app):
    post = b"POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
    async with serving(app) as url:
        assert statuses(await answer_to(url, post + b"hello" + LAST)) == [200, 200]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\n\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    ],
)
async def test_a_malformed_request_gets_its_status_and_the_end(serving, answer_to, app, request_bytes, status, caplog):
    async with serving(app) as url:
        answer = await answer_to(url, request_bytes, eof=False)
    assert statuses(answer) == [status]
    assert b"\r\nConnection: close\r\n" in answer
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_malformed_body_is_answered_with_400(serving, answer_to, app):
    post = b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(app) as url:
        assert statuses(await answer_to(url, post + b"zz\r\n", eof=False)) == [400]
        assert statuses(await answer_to(url, post + b"2\r\nab", eof=True)) in ([400], [])


async def test_a_head_that_does_not_come_to_its_end_is_answered_with_408(serving, answer_to, app):
    async with serving(app, head_timeout=0.05) as url:
        assert statuses(await answer_to(url, b"GET / HTTP/1.1\r\n", eof=False)) == [408]


async def test_a_body_that_does_not_come_is_answered_with_408(serving, answer_to, app):
    post = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
    async with serving(app, body_timeout=0.05, lingering_time=0.05) as url:
        assert statuses(await answer_to(url, post, eof=False)) == [408]


async def test_an_idle_connection_is_closed(serving, answer_to, app):
    async with serving(app, keepalive_timeout=0.05) as url:
        assert await answer_to(url, b"", eof=False) == b""
        assert statuses(await answer_to(url, GET, eof=False)) == [200]


async def test_a_client_that_does_not_read_is_cut_off(serving, app):
    seen = []

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(256 * 1024))
        except BaseException as error:
            seen.append(error)
            raise

    app.router.add_get("/endless", endless)
    async with serving(app, write_timeout=0.1) as url:
        runtime = current_runtime()
        stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        await stream.send(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        until = runtime.now() + 10
        while not seen and runtime.now() < until:
            await runtime.sleep_until(runtime.now() + 0.01)
        stream.abort()
    assert isinstance(seen[0], TimeoutError)


async def test_clean_up_ends_idle_connections_at_once_and_lets_requests_finish(serving, app):
    runtime = current_runtime()
    began, go_on = runtime.wake(), runtime.wake()

    async def slow(request):
        began.set()
        await runtime.park(go_on)
        return web.Response(text="finished")

    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    idle = await runtime.connect_tcp("127.0.0.1", site.port)
    busy = await runtime.connect_tcp("127.0.0.1", site.port)
    for stream in (idle, busy):
        stream.read_deadline = runtime.now() + 10
    await idle.send(GET)
    assert b"hello" in await idle.receive()
    await busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    await runtime.park(began, runtime.now() + 10)
    cleaning = runtime.spawn(runner.cleanup)
    with contextlib.suppress(ConnectionError):  # a reset tells as much
        assert await idle.receive() == b""
    go_on.set()
    answer = b""
    while piece := await busy.receive():
        answer += piece
    assert b"finished" in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert await cleaning.wait(runtime.now() + 10)
    idle.abort()
    busy.abort()
