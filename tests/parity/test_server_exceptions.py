"""Rows E-38 to E-42, E-45 and E-46: what goes wrong at the server. Rows E-01 to E-37 are the client's."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import contextlib
import importlib.util
import logging
import socket
import struct
import subprocess
import sys
import warnings

import pytest

from drywire import web
from drywire_transports import StreamTimeout, current_runtime

from ..client.conftest import eventually  # noqa: F401
from ..tree import environment

LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"

loops = pytest.mark.parametrize(
    "loop",
    [
        "asyncio",
        *(
            pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"no {name}"))
            for name in ("uvloop", "trio")
        ),
    ],
)


def app_of(handler, **settings):
    app = web.Application(**settings)
    app.router.add_route("*", "/", handler)
    return app


@contextlib.asynccontextmanager
async def connected(url):
    """A raw connection to `url`."""
    runtime = current_runtime()
    host, _, port = url.removeprefix("http://").partition(":")
    stream = await runtime.connect_tcp(host, int(port))
    stream.read_deadline = stream.write_deadline = runtime.now() + 10
    try:
        yield stream
    finally:
        stream.abort()


# E-38: web.HTTPException


def test_e_38_http_exception_is_a_response_and_an_exception():
    error = web.HTTPNotFound(headers={"X-Why": "gone"}, reason="Nowhere", text="not here")
    assert isinstance(error, web.HTTPException)
    assert isinstance(error, web.Response)
    assert isinstance(error, Exception)
    assert (error.status, error.status_code, error.reason, error.text) == (404, 404, "Nowhere", "not here")
    assert error.headers["X-Why"] == "gone"
    assert str(error) == "Nowhere"
    assert error.args == ("Nowhere",)
    assert web.HTTPNotFound().text == "404: Not Found"
    assert web.HTTPNoContent().body is None
    assert web.HTTPException.status_code == -1


@pytest.mark.parametrize("how", ["raised", "returned"])
async def test_e_38_http_exception_is_answered_with(serving, answer_to, how):
    async def handler(request):
        error = web.HTTPForbidden(text="no", headers={"X-Why": "because"})
        if how == "raised":
            raise error
        return error

    warned = pytest.warns(DeprecationWarning, match="returning HTTPForbidden is deprecated: raise it")
    async with serving(app_of(handler)) as url:
        with warned if how == "returned" else contextlib.nullcontext():
            answer = await answer_to(url, LAST)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"\r\nX-Why: because\r\n" in answer
    assert answer.endswith(b"\r\n\r\nno")


# E-39: web.GracefulExit

PROGRAM = """
import sys
from drywire import web
loop, where = sys.argv[1:]
async def leave(request):
    raise web.GracefulExit
async def fail(app):
    raise web.GracefulExit
async def cleanup(app):
    print("cleaned up", flush=True)
app = web.Application()
app.router.add_get("/", leave)
app.on_cleanup.append(cleanup)
if where == "startup":
    app.on_startup.append(fail)
factory = None
if loop == "uvloop":
    import uvloop
    factory = uvloop.new_event_loop
web.run_app(
    app, host="127.0.0.1", port=0, backend="trio" if loop == "trio" else "asyncio", loop_factory=factory,
    print=lambda text: print(text.split()[3], flush=True),
)
print("returned", flush=True)
"""


def test_e_39_graceful_exit_is_a_system_exit_of_code_1():
    assert issubclass(web.GracefulExit, SystemExit)
    assert web.GracefulExit().code == 1


@loops
def test_e_39_graceful_exit_of_a_handler_ends_run_app(loop):
    command = [sys.executable, "-W", "error", "-c", PROGRAM, loop, "handler"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            url = process.stdout.readline().strip()
            ask = "import sys, urllib.request, http.client\ntry: urllib.request.urlopen(sys.argv[1], timeout=10)\n"
            ask += "except (http.client.RemoteDisconnected, ConnectionError): print('cut')"
            asked = subprocess.run([sys.executable, "-c", ask, url], capture_output=True, text=True, timeout=15)
            assert (asked.stdout, asked.stderr) == ("cut\n", "")
            output, errors = process.communicate(timeout=15)
        finally:
            process.kill()
    assert (output, errors, process.returncode) == ("cleaned up\nreturned\n", "", 0)


@loops
def test_e_39_graceful_exit_of_the_start_ends_run_app(loop):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, loop, "startup"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=20,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("returned\n", "", 0)


# E-40: web.CleanupError


def context(log, name, fails=False):
    async def run(app):
        log.append(f"{name} in")
        yield
        log.append(f"{name} out")
        if fails:
            raise ValueError(name)

    return run


async def run_once(app):
    runner = web.AppRunner(app)
    await runner.setup()
    await runner.cleanup()


async def test_e_40_cleanup_error_has_the_errors_of_several_contexts():
    app, log = web.Application(), []
    app.cleanup_ctx.extend([context(log, "a", fails=True), context(log, "b"), context(log, "c", fails=True)])

    async def started(app):
        log.append("startup")

    async def cleaned(app):
        log.append("cleanup")

    app.on_startup.append(started)
    app.on_cleanup.append(cleaned)
    with pytest.raises(web.CleanupError) as caught:
        await run_once(app)
    assert log == ["a in", "b in", "c in", "startup", "c out", "b out", "a out", "cleanup"]
    assert isinstance(caught.value, RuntimeError)
    assert [(type(error), str(error)) for error in caught.value.exceptions] == [(ValueError, "c"), (ValueError, "a")]


async def test_e_40_one_error_of_a_context_is_raised_as_it_is():
    app, log = web.Application(), []
    app.cleanup_ctx.extend([context(log, "a"), context(log, "b", fails=True)])
    with pytest.raises(ValueError, match=r"^b$"):
        await run_once(app)
    assert log == ["a in", "b in", "b out", "a out"]


async def test_e_40_contexts_that_were_entered_are_left_where_the_start_fails():
    app, log = web.Application(), []

    async def broken(app):
        raise LookupError("no database")
        yield

    app.cleanup_ctx.extend([context(log, "a"), broken, context(log, "c")])
    with pytest.raises(LookupError, match="no database"):
        await web.AppRunner(app).setup()
    assert log == ["a in", "a out"]


async def test_e_40_a_context_may_be_a_context_manager_and_yields_once():
    app, log = web.Application(), []

    @contextlib.asynccontextmanager
    async def manager(app):
        log.append("in")
        yield
        log.append("out")

    async def twice(app):
        yield
        yield

    app.cleanup_ctx.extend([manager, twice])
    with pytest.raises(RuntimeError, match="more than one 'yield'") as caught:
        await run_once(app)
    assert not isinstance(caught.value, web.CleanupError)
    assert log == ["in", "out"]


# E-41: web.RequestPayloadError, web.PayloadAccessError


@pytest.mark.parametrize(
    ("body", "raised", "is_cut_off"),
    [
        (b"Content-Length: 5\r\n\r\nhal", "2 bytes of the body still to come", True),
        (b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nxyz\r\n", "chunk", False),
    ],
)
async def test_e_41_request_payload_error_is_raised_of_a_broken_body(serving, answer_to, body, raised, is_cut_off):
    """One that is cut off is a ConnectionResetError, too: handlers of uploads catch the one or the other."""
    seen = []

    async def handler(request):
        for _ in range(2):  # it is raised as often as the body is read
            with pytest.raises(web.RequestPayloadError) as caught:
                await request.read()
            seen.append(caught.value)
        raise seen[0]

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, b"POST / HTTP/1.1\r\nHost: a\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert seen[0] is seen[1]
    assert isinstance(seen[0], Exception)
    assert isinstance(seen[0], ConnectionResetError) is isinstance(seen[0], OSError) is is_cut_off
    assert raised in str(seen[0])


@pytest.mark.parametrize("kind", ["length", "chunked"])
async def test_e_41_payload_access_error_is_raised_of_a_body_that_is_read_too_late(serving, kind):
    """The next request's body is not taken for the one before."""
    requests = []

    async def handler(request):
        requests.append(request)
        if len(requests) == 1:
            return web.Response(text="early")
        for _ in range(2):
            with pytest.raises(web.PayloadAccessError, match="after its response"):
                await requests[0].content.readexactly(10)
        with pytest.raises(web.PayloadAccessError):
            await requests[0].read()
        return web.Response(body=await request.read())

    framed = {
        "length": b"Content-Length: 6\r\n\r\n%b",
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n6\r\n%b\r\n0\r\n\r\n",
    }[kind]
    async with serving(app_of(handler)) as url, connected(url) as stream:
        await stream.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framed % b"first!")
        answer = b""
        while not answer.endswith(b"early"):
            answer += await stream.receive()
        await stream.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + framed % b"second")
        while piece := await stream.receive():
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.endswith(b"\r\n\r\nsecond")


async def test_e_41_a_body_that_was_read_in_time_can_be_had_afterwards(serving, answer_to):
    requests = []

    async def handler(request):
        requests.append(request)
        return web.Response(body=await request.read())

    async with serving(app_of(handler)) as url:
        await answer_to(url, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert await requests[0].read() == b"abc"


# E-42: web.NotAppKeyWarning


def test_e_42_not_app_key_warning_is_given_of_a_str_key():
    app = web.Application()
    with pytest.warns(web.NotAppKeyWarning, match="'database'") as caught:
        app["database"] = 1
    assert caught[0].filename == __file__
    assert issubclass(web.NotAppKeyWarning, UserWarning)
    assert app["database"] == 1


def test_e_42_not_app_key_warning_is_hidden_unless_it_is_asked_for():
    code = "from drywire import web\nweb.Application()['a'] = 1\nimport warnings\n"
    code += "warnings.simplefilter('default', web.NotAppKeyWarning)\nweb.Application()['b'] = 1\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=20, check=True
    )
    assert "NotAppKeyWarning" in done.stderr
    assert "'b'" in done.stderr
    assert "'a'" not in done.stderr


def test_e_42_an_app_key_warns_of_nothing():
    app, key, other = web.Application(), web.AppKey("number", int), web.AppKey("number", int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        app[key] = 5
    assert app[key] == 5
    assert other not in app
    assert repr(key) == f"<AppKey({__name__}.number, type=int)>"
    assert repr(web.AppKey("any")) == f"<AppKey({__name__}.any, type=unknown)>"
    assert "web.Application" not in repr(web.AppKey("app", web.Application))
    assert repr(web.AppKey("app", web.Application)).endswith("app.Application)>")


# E-45: a client that goes away


async def test_e_45_reading_from_a_client_that_reset_its_connection_is_an_os_error(serving, eventually):
    reading, seen = [], []

    async def handler(request):
        reading.append(await request.content.read(4))
        try:
            await request.read()
        except Exception as error:
            seen.append(error)
            raise

    async with serving(app_of(handler)) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its close is a reset
            client.sendall(HALF)
            await eventually(lambda: reading)
        await eventually(lambda: seen)
    assert isinstance(seen[0], ConnectionResetError)
    assert isinstance(seen[0], OSError)


async def test_e_45_a_body_that_a_client_ends_in_the_middle_is_a_payload_error(serving, answer_to):
    """Differs: aiohttp takes half a close for a lost connection; here the client is told, by 400."""
    seen = []

    async def handler(request):
        try:
            await request.read()
        except web.RequestPayloadError as error:
            seen.append(error)
            raise

    async with serving(app_of(handler)) as url:
        answer = await answer_to(url, HALF)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert seen


async def test_e_45_writing_to_a_client_that_has_gone_is_a_connection_reset_error(serving, eventually):
    seen = []

    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionResetError as error:
            seen.append(error)
            with pytest.raises(ConnectionResetError):  # again and again
                await response.write(b"x")
            raise

    async with serving(app_of(handler)) as url:
        async with connected(url) as stream:
            await stream.send(LAST)
            assert await stream.receive()
        await eventually(lambda: seen)
    assert isinstance(seen[0], OSError)


async def test_e_45_a_handler_is_not_cancelled_by_a_client_that_goes_away(serving, eventually):
    seen, runtime = [], current_runtime()
    go_on = runtime.wake()

    async def handler(request):
        seen.append("begun")
        await runtime.park(go_on, runtime.now() + 10)
        seen.append("done")
        return web.Response()

    async with serving(app_of(handler)) as url:
        async with connected(url) as stream:
            await stream.send(LAST)
            await eventually(lambda: seen == ["begun"])
        go_on.set()
        await eventually(lambda: seen == ["begun", "done"])


# E-46: a handler that takes too long


class Slow(TimeoutError):
    """A timeout of the handler's own."""


@pytest.mark.parametrize("error", [TimeoutError("no answer"), Slow()])
async def test_e_46_a_timeout_error_of_a_handler_becomes_504(serving, answer_to, caplog, error):
    """Differs: the answer says what it is in its body, too, which aiohttp leaves empty."""

    async def handler(request):
        raise error

    with caplog.at_level(logging.INFO, "drywire.server"):
        async with serving(app_of(handler)) as url:
            answer = await answer_to(url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", eof=False)
    assert answer.startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\n504: Gateway Timeout\n")
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "the handler of GET / timed out")
    assert record.exc_info[1] is error


async def test_e_46_a_timeout_that_a_handler_catches_is_its_own_business(serving, answer_to):
    async def handler(request):
        runtime = current_runtime()
        try:
            await runtime.park(runtime.wake(), runtime.now())
        except StreamTimeout:
            return web.Response(text="in time")

    async with serving(app_of(handler)) as url:
        assert (await answer_to(url, LAST)).endswith(b"in time")
