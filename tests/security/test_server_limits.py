"""What one client can cost the server, and the others: time, turns and memory (must-not-have, parts (b) and (c))."""

import gzip
import logging
import re
import time

import pytest

from drywire import web
from drywire_sansio import http1
from drywire_transports import current_runtime

CHUNKED = b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def connected(url):
    runtime = current_runtime()
    stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
    stream.read_deadline = stream.write_deadline = runtime.now() + 15
    return stream


async def rest_of(stream):
    answer = b""
    while piece := await stream.receive():
        answer += piece
    return answer


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


class Turns:
    """An application whose handlers say when they begin and when they are done."""

    def __init__(self):
        self.seen = []
        self.app = web.Application(client_max_size=10_000_000)
        self.app.router.add_get("/", self.quick)
        self.app.router.add_post("/read", self.read)
        self.app.router.add_post("/stream", self.stream)
        self.app.router.add_post("/form", self.form)

    async def quick(self, request):
        self.seen.append("another")
        return web.Response(text="hello")

    async def read(self, request):
        self.seen.append("begun")
        body = await request.read()
        self.seen.append("done")
        return web.Response(text=str(len(body)))

    async def stream(self, request):
        self.seen.append("begun")
        size = 0
        try:
            async for piece in request.content.iter_any():
                size += len(piece)
        finally:
            self.seen.append("done")
        return web.Response(text=str(size))

    async def form(self, request):
        self.seen.append("begun")
        try:
            return web.Response(text=str(len(await request.post())))
        finally:
            self.seen.append("done")


# Turns


def part(number):
    return b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % number


def post(path, field, body):
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: %d\r\n\r\n" % (path, field, len(body)) + body


MULTIPART = b"".join(part(number) for number in range(900)) + b"--b--\r\n"
BOMB = gzip.compress(bytes(30_000_000))
LONG = {
    "chunks of a byte, read": CHUNKED % b"/read" + b"1\r\na\r\n" * 40_000 + b"0\r\n\r\n",
    "chunks of a byte, streamed": CHUNKED % b"/stream" + b"1\r\na\r\n" * 40_000 + b"0\r\n\r\n",
    "gzip": post(b"/stream", b"Content-Encoding: gzip", BOMB),
    "form": post(b"/form", b"Content-Type: multipart/form-data; boundary=b", MULTIPART),
}


@pytest.mark.parametrize("kind", LONG)
async def test_69229_69223_what_takes_long_lets_others_have_their_turn(serving, kind):
    turns = Turns()
    async with serving(turns.app) as url:
        offender, other = await connected(url), await connected(url)
        await other.send(GET)
        await other.receive()
        turns.seen.clear()
        await offender.send(LONG[kind])
        while not turns.seen:  # each await lets the server run for a turn
            await current_runtime().sleep_until(current_runtime().now())
        await other.send(GET)
        assert b"hello" in await other.receive()
        assert 200 in statuses(await offender.receive())
        offender.abort()
        other.abort()
    assert turns.seen == ["begun", "another", "done"]


async def test_54273_requests_that_are_sent_ahead_wait_for_their_answers_to_be_taken(serving):
    begun = []

    async def large(request):
        begun.append(request.query_string)
        return web.Response(body=bytes(100_000))

    app = web.Application()
    app.router.add_get("/", large)
    async with serving(app) as url:
        stream = await connected(url)
        requests = [b"GET /?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(1000)]
        await stream.send(b"".join(requests) + b"GET /?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        runtime = current_runtime()
        before = -1
        while before != len(begun):
            before = len(begun)
            await runtime.sleep_until(runtime.now() + 0.1)
        assert 0 < len(begun) < 500  # what the kernel takes, and no more
        size = 0
        while piece := await stream.receive():
            size += len(piece)
        stream.abort()
    assert size > 1001 * 100_000
    assert begun == [*map(str, range(1000)), "last"]


# Time


async def test_a_slow_body_is_held_to_a_rate(serving):
    async with serving(Turns().app, body_timeout=0.2, lingering_time=0.2) as url:
        stream, runtime = await connected(url), current_runtime()
        begun = runtime.now()
        await stream.send(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        stream.read_deadline = begun
        for _ in range(1000):
            await stream.send(b"a")
            await runtime.sleep_until(runtime.now() + 0.02)
            if stream.readable:
                break
        stream.read_deadline = runtime.now() + 10
        assert statuses(await stream.receive()) == [408]
        assert 0.2 <= runtime.now() - begun < 5
        stream.abort()


async def test_a_slow_body_is_borne_where_no_rate_is_asked_for(serving):
    async with serving(Turns().app, body_timeout=0.4, body_rate=0) as url:
        stream, runtime = await connected(url), current_runtime()
        begun = runtime.now()
        await stream.send(b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\nConnection: close\r\n\r\n")
        for _ in range(25):
            await stream.send(b"a")
            await runtime.sleep_until(runtime.now() + 0.02)
        assert statuses(await rest_of(stream)) == [200]
        assert runtime.now() - begun > 0.5
        stream.abort()


@pytest.mark.parametrize("kind", ["whole", "written", "chunked"])
async def test_a_client_that_takes_a_large_body_slowly_but_steadily_gets_all_of_it(serving, kind):
    body = bytes(30_000_000)

    async def large(request):
        if kind == "whole":
            return web.Response(body=body)
        response = web.StreamResponse()
        if kind == "written":
            response.content_length = len(body)
        await response.prepare(request)
        await response.write(body)
        return response

    app = web.Application()
    app.router.add_get("/", large)
    async with serving(app, write_timeout=0.2) as url:
        stream, runtime = await connected(url), current_runtime()
        begun = runtime.now()
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        size = 0
        while piece := await stream.receive():
            size += len(piece)
            # this is how slow it is: 60 MB a second
            await runtime.sleep_until(max(runtime.now(), begun + size / 60_000_000))
        stream.abort()
        assert runtime.now() - begun > 0.45
    assert size > len(body)


# Early answers


@pytest.mark.parametrize("status", [401, 413, 417])
async def test_pitfall_16_a_client_that_goes_on_uploading_gets_its_refusal_whole(serving, status):
    async def refuse(request):
        return web.Response(status=status, text="no, thank you " * 100)

    app = web.Application()
    app.router.add_post("/", refuse)
    async with serving(app, lingering_time=0.5) as url:
        stream = await connected(url)
        await stream.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + bytes(50_000))
        answer = await stream.receive()
        await stream.send(bytes(50_000))
        answer += await rest_of(stream)
        stream.abort()
    assert statuses(answer) == [status]
    assert answer.endswith(b"no, thank you ")


@pytest.mark.parametrize("sent", [b"zz\r\n", b"5;" + b"x" * 5000])
async def test_pitfall_16_after_100_continue_an_error_is_still_sent(serving, sent):
    async with serving(Turns().app, lingering_time=0.5) as url:
        stream = await connected(url)
        await stream.send((CHUNKED % b"/read").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert await stream.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send(sent)
        assert statuses(await rest_of(stream)) == [400]
        stream.abort()


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"RFC 9112"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", b"field_line"),
        (CHUNKED % b"/read" + b"xyz\r\n", b"chunk"),
    ],
)
async def test_pitfall_20_a_refusal_says_why(serving, answer_to, data, names, caplog):
    async with serving(Turns().app) as url:
        answer = await answer_to(url, data, eof=False)
    assert statuses(answer)[0] in (400, 431)
    assert names in answer.partition(b"\r\n\r\n")[2]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_69244_a_refusal_quotes_little_of_what_it_refuses(serving, answer_to):
    long = b"<a>\\" * 1900
    host = b" HTTP/1.1\r\nHost: a\r\n"
    mistakes = {
        "method": long + b" /" + host,
        "target": b"GET " + long + host,
        "version": b"GET / " + long + b"\r\n",
        "host": b"GET / HTTP/1.1\r\nHost: " + long + b"\r\n",
        "length": b"GET /" + host + b"Content-Length: " + long + b"\r\n",
        "coding": b"GET /" + host + b"Transfer-Encoding: " + long + b"\r\n",
        "name": b"GET /" + host + long + b": x\r\n",
        "chunk": b"POST /read" + host + b"Transfer-Encoding: chunked\r\n\r\n1;" + long,
        "unknown method": b"A" * 7000 + b" /" + host + b"Connection: close\r\n",
    }
    async with serving(Turns().app) as url:
        for mistake, data in mistakes.items():
            answer = await answer_to(url, data + b"\r\n")
            assert statuses(answer)[0] in (400, 405), mistake
            assert len(answer) < 500, mistake
            assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in answer, mistake


# Codings


@pytest.mark.parametrize("path", [b"/read", b"/stream"])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip, gzip, gzip, gzip, gzip, gzip", gzip.compress(b"a")),
        (b"gzip", gzip.compress(b"") * 1100),
        (b"gzip", gzip.compress(b"hello" * 100)[:-9]),
    ],
    ids=["six codings", "members", "cut"],
)
async def test_13362_69223_codings_and_members_are_counted_and_checked(serving, answer_to, path, coding, body):
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    async with serving(Turns().app) as url:
        assert statuses(await answer_to(url, head % (path, coding, len(body)) + body)) == [400]


@pytest.mark.parametrize(("path", "status"), [(b"/read", 413), (b"/stream", 400)])
async def test_69223_a_bomb_is_refused_by_its_size_or_by_its_ratio(serving, answer_to, path, status):
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    limits = http1.Limits(decoded_free=1_000_000)
    async with serving(Turns().app, limits=limits) as url:
        assert statuses(await answer_to(url, head % (path, len(BOMB)) + BOMB)) == [400]
    async with serving(Turns().app) as url:
        answer = await answer_to(url, head % (path, len(BOMB)) + BOMB)
    assert statuses(answer) == ([413] if path == b"/read" else [200])


@pytest.mark.parametrize("piece", [b";", b'"', b"a=b;", b"a*0=b;", b"=?utf-8?q?", b'filename="\\', b" "])
async def test_tornado_67726_the_fields_of_a_part_take_linear_time(serving, answer_to, piece):
    disposition = b"form-data; name=a; " + piece * (7000 // len(piece))
    body = b"--b\r\nContent-Disposition: " + disposition + b"\r\n\r\nx\r\n--b--\r\n"
    head = b"POST /form HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
    async with serving(Turns().app) as url:
        begun = time.process_time()
        answer = await answer_to(url, head + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n" + body)
        assert time.process_time() - begun < 0.5
    assert statuses(answer)[0] in (200, 400)


# Outbound


@pytest.mark.parametrize("size", [3, 7])
async def test_threat_2_4_a_body_that_is_not_as_long_as_announced_ends_its_connection(serving, answer_to, size, caplog):
    async def wrong(request):
        response = web.StreamResponse()
        response.content_length = 5
        await response.prepare(request)
        await response.write(b"x" * size)
        return response

    app = web.Application()
    app.router.add_get("/", wrong)
    async with serving(app) as url:
        answer = await answer_to(url, GET * 2)
    assert statuses(answer) == [200]  # the second request is not answered into the body of the first
    assert len(answer.partition(b"\r\n\r\n")[2]) in (0, 3)
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
@pytest.mark.parametrize("kind", ["whole", "written"])
async def test_threat_2_6_no_body_follows_a_head_that_has_none(serving, answer_to, method, status, kind):
    async def bodily(request):
        if kind == "whole":
            return web.Response(status=status, body=b"smuggled")
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        await response.write(b"smuggled")
        return response

    app = web.Application()
    app.router.add_route("*", "/", bodily)
    async with serving(app) as url:
        answer = await answer_to(url, b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method.encode() * 2)
    assert b"smuggled" not in answer
    assert statuses(answer) == [status, status]
