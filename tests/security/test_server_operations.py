"""Must-not-have (a) 6, (b) 17, 18, 20 and the log lines of (c): running a server."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import asyncio
import contextlib
import json
import logging
import re
import signal

import pytest

import drywire
from drywire import web
from drywire_transports import StreamClosed, current_runtime

from ..server.programs import LOOPS, program  # noqa: F401 - a fixture


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def logger_of(*handlers):
    logger = logging.Logger("test", logging.DEBUG)
    for handler in handlers:
        logger.addHandler(handler)
    return logger


# (a) 6


async def test_a_6_shutdown_works_by_default():
    """Idle ones closed at once, ``Connection: close`` on the rest, 1001 to WebSockets, the result reported."""
    runtime = current_runtime()
    on, begun = runtime.wake(), runtime.wake()

    async def slow(request):
        begun.set()
        await runtime.park(on)
        return web.Response(text="done")

    async def socket(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for _ in ws:
            pass
        return ws

    app = web.Application()
    app.router.add_get("/slow", slow)
    app.router.add_get("/ws", socket)

    app.on_shutdown.append(lambda app: let_on(on))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    idle = await runtime.connect_tcp("127.0.0.1", site.port)
    heads = []
    async with drywire.ClientSession() as session, session.ws_connect(f"{site.name}/ws") as ws:
        asking = runtime.spawn(ask, session, f"{site.name}/slow", heads)
        await runtime.park(begun, runtime.now() + 5)
        started = runtime.now()
        ending = runtime.spawn(runner.cleanup)
        message = await ws.receive(timeout=5)
        assert (message.type, message.data) == (web.WSMsgType.CLOSE, 1001)
        await ws.close()
        assert await ending.wait(started + 5)
        assert await asking.wait(started + 5)
    assert heads == [("done", "close")]
    idle.read_deadline = started + 5
    with contextlib.suppress(StreamClosed):
        assert await idle.receive() == b""
    idle.abort()
    assert runtime.now() - started < 5
    assert await runner.cleanup() == web.ShutdownReport()


async def let_on(wake):
    wake.set()


async def ask(session, url, heads):
    async with session.get(url) as response:
        heads.append((await response.text(), response.headers["Connection"]))


# (b) 17


@pytest.mark.parametrize("cancels", [False, True])
async def test_b_17_a_handler_whose_client_has_gone_runs_on_unless_it_is_to_be_cancelled(serving, cancels):
    runtime = current_runtime()
    begun, on, over = runtime.wake(), runtime.wake(), runtime.wake()
    outcome = []

    async def handle(request):
        begun.set()
        try:
            await runtime.park(on, runtime.now() + 5)
            outcome.append("finished")
        except BaseException as error:
            outcome.append(type(error).__name__)
            raise
        finally:
            over.set()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    async with serving(app, handler_cancellation=cancels) as url:
        stream = await runtime.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))
        await stream.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await runtime.park(begun, runtime.now() + 5)
        stream.abort()
        if not cancels:
            on.set()
        await runtime.park(over, runtime.now() + 5)
    assert outcome == [("Cancelled" if runtime.name == "trio" else "CancelledError") if cancels else "finished"]


# (b) 18


async def test_b_18_what_one_handler_raises_is_the_end_of_its_own_connection_at_most(serving, answer_to, caplog):
    class Own(BaseException):
        pass

    errors = {
        "/group": lambda: ExceptionGroup("several", [LookupError(), ExceptionGroup("more", [ValueError()])]),
        "/base-group": lambda: BaseExceptionGroup("several", [asyncio.CancelledError(), ValueError()]),
        "/cancelled": asyncio.CancelledError,
        "/memory": MemoryError,
        "/recursion": RecursionError,
        "/stop": StopAsyncIteration,
        "/own": Own,
        "/generator": GeneratorExit,
    }

    async def answer(request):
        if request.path in errors:
            raise errors[request.path]()
        return web.Response(text="fine")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with serving(app) as url:
        for path in errors:
            answer_ = await answer_to(url, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert answer_ == b"" or answer_.startswith(b"HTTP/1.1 500"), path
            assert b"fine" in await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")


STARVED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
import logging
logging.basicConfig(format="LOG %(message)s")
from drywire import web
async def hello(request):
    return web.Response(text="hello")
app = web.Application()
app.router.add_get("/", hello)
web.run_app(app, host="127.0.0.1", port=0, backend=sys.argv[1], shutdown_timeout=1)
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_b_18_and_b_20_without_file_descriptors_it_goes_on_accepting_and_says_so_once(program, loop):
    server = program("-c", STARVED, loop)
    assert server.get() == (200, "hello")
    held = [server.connect() for _ in range(60)]
    for sock in held[:10]:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"hello" in sock.recv(1000)
    for sock in held:
        sock.close()
    server.until(lambda: answers(server))
    code, errors = server.end(signal.SIGTERM)
    assert code == 0
    assert errors.count("LOG") <= 5, errors


# (c) logs


def answers(server):
    try:
        return server.get() == (200, "hello")
    except ConnectionError:  # libuv closes what it cannot hold, until it has seen that others are gone
        return False


EVIL = (
    b"GET /a%0d%0a127.0.0.1%20-%20forged?\x22 HTTP/1.1\r\nHost: a\r\n"
    b"User-Agent: x\x22 200 1 \x22forged\x22 \\\r\n"
    b"Referer: \xc2\x85\xe2\x80\xa8\xff\xed\xa0\x80\r\nConnection: close\r\n\r\n"
)


@pytest.mark.parametrize("kind", [web.AccessLogger, web.JSONAccessLogger])
async def test_cve_2020_7694_no_request_forges_a_line_of_the_access_log(serving, answer_to, kind):
    lines = Lines()

    async def echo(request):
        return web.Response(headers={"X-Path": request.headers["User-Agent"]})

    app = web.Application()
    app.router.add_get("/{path:.*}", echo)
    log_format = '%a "%r" %s "%{Referer}i" "%{User-Agent}i" "%{X-Path}o"'
    settings = {"access_log": logger_of(lines), "access_log_class": kind, "access_log_format": log_format}
    async with serving(app, **settings) as url:
        for request in (EVIL, EVIL.replace(b"?\x22", b""), b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n"):
            await answer_to(url, request)
    assert len(lines.lines) == 3
    for line in lines.lines:
        assert line.isprintable()
        assert line.encode("utf-8")
        if kind is web.JSONAccessLogger:
            assert json.loads(line)["remote_address"] == "127.0.0.1"
        else:
            quoted = r'"(?:[^"\\]|\\.)*"'
            assert re.fullmatch(rf"127\.0\.0\.1 {quoted} \d+ {quoted} {quoted} {quoted}", line)


async def test_cve_2025_69230_and_47287_a_request_full_of_mistakes_is_one_line_at_most(serving, answer_to, caplog):
    lines = Lines()

    async def read(request):
        str(request.cookies)
        await request.post()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", read)
    cookies = b"; ".join(b"\x01bad name%d=\x7f" % number for number in range(200)).replace(b"\x01", b"@")
    parts = b"".join(b"--x\r\nContent-Disposition: nonsense; =%d\r\n\r\n1\r\n" % number for number in range(200))
    body = parts + b"--x--\r\n"
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nCookie: %b\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n"
    ) % (cookies.replace(b"\x7f", b"\\"), len(body))
    with caplog.at_level(logging.INFO):
        async with serving(app, access_log=logger_of(lines)) as url:
            caplog.clear()
            assert (await answer_to(url, head + body)).startswith(b"HTTP/1.1 ")
    assert len(lines.lines) == 1
    assert len([record for record in caplog.records if record.levelno >= logging.INFO]) <= 1
