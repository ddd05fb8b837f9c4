"""The access log: what is in a line, that there is one for each request, and none where nobody listens."""

import json
import logging
import os
import re

import pytest

import drywire
from drywire import web
from drywire_server.access_log import make_access_logger
from drywire_server.logged_connection import LoggedConnection
from drywire_transports import current_runtime


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    @property
    def lines(self):
        return [record.getMessage() for record in self.records]


@pytest.fixture
def log():
    """A logger of its own, and what it gets."""
    logger = logging.Logger("test.access", logging.INFO)
    logger.records = Records()
    logger.addHandler(logger.records)
    return logger


async def answer(request):
    match request.path:
        case "/crash":
            raise LookupError
        case "/none":
            return None
        case "/missing":
            raise web.HTTPNotFound
        case "/stream":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"12345")
            return response
        case "/half":
            response = web.StreamResponse(status=206)
            await response.prepare(request)
            await response.write(b"123")
            raise LookupError
        case "/ws":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
    return web.Response(text="hello", headers={"X-Kind": 'a "quoted" one'})


def app():
    application = web.Application(logger=logging.Logger("test"))
    application.router.add_route("*", "/{path:.*}", answer)
    return application


FORMAT = '%% %a %P %r %s %b %T %Tf %D "%{User-Agent}i" "%{X-Kind}o" "%{X-None}i" %{HOME}e %z %{x}q'


async def test_each_atom_is_in_the_line(serving, log):
    async with serving(app(), access_log=log, access_log_format=FORMAT) as url, drywire.ClientSession() as session:
        async with session.get(url + "/a%20b?c=d", headers={"User-Agent": "t"}) as response:
            head = sum(len(name) + len(value) + 4 for name, value in response.raw_headers) + len(
                "HTTP/1.1 200 OK\r\n\r\n"
            )
            assert await response.read() == b"hello"
    (record,) = log.records.records
    number = r"\d+"
    assert re.fullmatch(
        rf"% 127\.0\.0\.1 <{os.getpid()}> GET /a%20b\?c=d HTTP/1\.1 200 {head + 5} 0 0\.\d{{6}} {number} "
        rf'"t" "a \\"quoted\\" one" "-" {re.escape(os.environ["HOME"])} %z %{{x}}q',
        record.getMessage(),
    )
    assert record.response_status == 200
    assert record.remote_address == "127.0.0.1"
    assert record.first_request_line == "GET /a%20b?c=d HTTP/1.1"
    assert record.request_header == {"User-Agent": "t", "X-None": "-"}
    assert record.levelno == logging.INFO


async def test_each_request_has_one_line_whatever_becomes_of_it(serving, log, answer_to):
    settings = {"access_log": log, "access_log_format": "%r %s", "logger": logging.Logger("test")}
    async with serving(app(), **settings) as url, drywire.ClientSession() as session:
        for path in ("/", "/crash", "/none", "/missing", "/stream"):
            async with session.get(url + path) as response:
                await response.read()
        with pytest.raises(drywire.ClientPayloadError):
            async with session.get(url + "/half") as response:
                await response.read()
        async with session.ws_connect(url + "/ws") as socket:
            await socket.close()
        assert (await answer_to(url, b"NONSENSE\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
    assert log.records.lines == [
        "GET / HTTP/1.1 200",
        "GET /crash HTTP/1.1 500",
        "GET /none HTTP/1.1 500",
        "GET /missing HTTP/1.1 404",
        "GET /stream HTTP/1.1 200",
        "GET /half HTTP/1.1 206",
        "GET /ws HTTP/1.1 101",
        "UNKNOWN / HTTP/1.0 400",
        "GET / HTTP/1.1 200",
        "GET / HTTP/1.1 200",
    ]


async def test_a_client_that_goes_away_has_its_line(serving, log):
    async def wait(request):
        await request.content.read()

    application = web.Application()
    application.router.add_post("/", wait)
    async with serving(application, access_log=log, access_log_format="%m %r %s") as url:
        stream = await current_runtime().connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        await stream.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
        stream.abort()
        for _ in range(1000):
            if log.records.lines:
                break
            await current_runtime().sleep_until(current_runtime().now() + 0.005)
    assert log.records.lines in (["%m POST / HTTP/1.1 499"], ["%m POST / HTTP/1.1 400"])


async def test_json_lines_have_the_same_names_and_real_values(serving, log):
    settings = {"access_log": log, "access_log_class": web.JSONAccessLogger}
    async with serving(app(), **settings) as url, drywire.ClientSession() as session:
        async with session.get(url, headers={"User-Agent": "caf\u00e9"}) as response:
            await response.read()
    (line,) = log.records.lines
    assert line.isascii()
    told = json.loads(line)
    assert told["remote_address"] == "127.0.0.1"
    assert told["response_status"] == 200
    assert isinstance(told["response_size"], int)
    assert told["request_time_frac"] < 5
    assert told["request_header"] == {"Referer": None, "User-Agent": "caf\u00e9"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", told["request_start_time"])


async def test_a_class_of_ones_own_waits_if_it_wants_to(serving):
    told = []

    class Waiting(web.AbstractAsyncAccessLogger):
        async def log(self, request, response, request_start):
            runtime = current_runtime()
            await runtime.sleep_until(runtime.now())
            told.append((request.path, response.status, 0 <= runtime.now() - request_start < 5))

    class Plain(web.AbstractAccessLogger):
        def log(self, request, response, time):
            told.append((self.log_format, response.body_length))

    for kind in (Waiting, Plain):
        async with serving(app(), access_log_class=kind) as url, drywire.ClientSession() as session:
            async with session.get(url + "/x") as response:
                await response.read()
    assert told == [("/x", 200, True), (web.AccessLogger.LOG_FORMAT, 5)]


async def test_a_log_that_fails_harms_no_request(serving, log):
    class Failing(web.AbstractAccessLogger):
        def log(self, request, response, time):
            raise LookupError("no log today")

    settings = {"access_log_class": Failing, "logger": log}
    async with serving(app(), **settings) as url, drywire.ClientSession() as session:
        for _ in range(2):
            async with session.get(url) as response:
                assert await response.text() == "hello"
    assert log.records.lines == ["the access log failed"] * 2
    broken = web.AccessLogger(log, "%a")
    broken.log(object(), object(), 0)
    assert log.records.lines[-1] == "Error in logging"


async def test_nothing_is_done_where_nobody_listens(serving, log):
    kinds = []

    async def look(request):
        kinds.append((type(request.link) is LoggedConnection, request.link._server.direct))
        return web.Response()

    application = [web.Application() for _ in range(3)]
    for one in application:
        one.router.add_get("/", look)
    log.setLevel(logging.WARNING)
    for one, settings in zip(application, [{}, {"access_log": None}, {"access_log": log}], strict=True):
        async with serving(one, **settings) as url, drywire.ClientSession() as session:
            async with session.get(url) as response:
                await response.read()
    assert kinds == [(False, True)] * 3


def test_a_request_that_is_not_there_is_logged_with_dashes(log):
    web.AccessLogger(log, "%a %r %s %b %{A}i").log(None, web.Response(status=400), 0)
    assert log.records.lines == ["- - 400 0 -"]


def test_what_is_no_logger_is_refused():
    with pytest.raises(TypeError, match="access_log_class must be a class derived from"):
        make_access_logger(logging.getLogger("x"), logging.Logger, "")
    with pytest.raises(TypeError, match="access_log_class must be a class"):
        web.AppRunner(web.Application(), access_log_class="AccessLogger")
