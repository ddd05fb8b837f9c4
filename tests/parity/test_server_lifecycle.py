"""Rows G-01 to G-07, and A-17 to A-19: what runs at an application's start and end, and before each response."""

import contextlib
import contextvars

import pytest

import drywire
from drywire import web
from drywire.testing import session_for
from drywire_transports import current_runtime


def noting(calls, what):
    async def callback(app):
        calls.append(what)

    return callback


def context_of(calls, what):
    async def context(app):
        calls.append(f"{what} in")
        yield
        calls.append(f"{what} out")

    return context


def signalled(calls, name):
    app = web.Application()
    for signal in ("on_startup", "on_shutdown", "on_cleanup"):
        getattr(app, signal).append(noting(calls, f"{name} {signal}"))
    app.cleanup_ctx.append(context_of(calls, f"{name} context"))
    return app


async def test_g_01_start_and_end():
    calls = []
    async with session_for(signalled(calls, "app")):
        assert calls == ["app context in", "app on_startup"]
        calls.clear()
    assert calls == ["app on_shutdown", "app context out", "app on_cleanup"]


async def test_a_17_signals_run_in_order_and_can_be_decorators():
    calls = []
    app = web.Application()

    @app.on_startup
    async def first(app):
        calls.append(1)

    app.on_startup.append(noting(calls, 2))
    async with session_for(app):
        assert calls == [1, 2]


async def test_a_17_those_of_an_application_within_another_run_with_it():
    calls = []
    outer, inner = signalled(calls, "outer"), signalled(calls, "inner")
    outer.add_subapp("/in", inner)
    outer.on_startup.append(noting(calls, "last"))
    async with session_for(outer):
        assert calls == ["outer context in", "outer on_startup", "inner context in", "inner on_startup", "last"]
        calls.clear()
    assert calls == [
        "outer on_shutdown", "inner on_shutdown",
        "outer context out", "outer on_cleanup", "inner context out", "inner on_cleanup",
    ]  # fmt: skip


async def test_a_17_what_is_kept_in_the_application_at_its_start_is_there_for_handlers():
    key = web.AppKey("value", int)

    async def start(app):
        app[key] = 42

    async def handler(request):
        return web.Response(text=str(request.app[key]))

    app = web.Application()
    app.on_startup.append(start)
    app.router.add_get("/", handler)
    async with session_for(app) as session, session.get("/") as response:
        assert await response.text() == "42"


@pytest.mark.parametrize("prepared", ["by the server", "by the handler", "raised", "404", "crash", "compressed"])
async def test_a_18_before_each_head(prepared, caplog):
    seen = []

    async def sign(request, response):
        seen.append((request.path, response.status, response.prepared))
        response.headers["X-Signed"] = "yes"
        response.headers["Server"] = "mine"

    async def handler(request):
        if prepared == "by the handler":
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write_eof(b"text")
            return response
        if prepared == "raised":
            raise web.HTTPConflict
        if prepared == "crash":
            raise RuntimeError
        response = web.Response(text="text")
        if prepared == "compressed":
            response.enable_compression(web.ContentCoding.gzip)
        return response

    app = web.Application()
    app.on_response_prepare.append(sign)
    app.router.add_get("/x", handler)
    path = "/none" if prepared == "404" else "/x"
    async with session_for(app) as session, session.get(path) as response:
        assert (response.headers["X-Signed"], response.headers.getall("Server")) == ("yes", ["mine"])
        assert seen == [(path, response.status, False)]
        assert response.headers.getall("Date")


async def test_g_02_responses_of_an_application_within_another():
    calls = []

    def signing(name):
        async def sign(request, response):
            calls.append(name)

        return sign

    async def handler(request):
        return web.Response()

    outer, inner = web.Application(), web.Application()
    outer.on_response_prepare.append(signing("outer"))
    inner.on_response_prepare.append(signing("inner"))
    for app in (outer, inner):
        app.router.add_get("/x", handler)
    outer.add_subapp("/in", inner)
    async with session_for(outer) as session:
        async with session.get("/in/x"):
            assert calls == ["outer", "inner"]
        calls.clear()
        async with session.get("/x"):
            assert calls == ["outer"]


async def test_a_19_contexts_are_left_in_reverse():
    calls = []
    app = web.Application()
    app.cleanup_ctx.append(context_of(calls, "a"))

    @contextlib.asynccontextmanager
    async def manager(app):
        calls.append("b in")
        yield
        calls.append("b out")

    app.cleanup_ctx.append(manager)
    async with session_for(app):
        assert calls == ["a in", "b in"]
        calls.clear()
    assert calls == ["b out", "a out"]


async def test_a_19_errors_of_contexts_keep_none_from_being_left():
    calls = []

    def failing(error):
        async def context(app):
            yield
            raise error

        return context

    for errors, expected in (([ValueError("a")], ValueError), ([ValueError("a"), KeyError("b")], web.CleanupError)):
        app = web.Application()
        app.cleanup_ctx.append(context_of(calls, "first"))
        app.cleanup_ctx.extend(map(failing, errors))
        app.on_cleanup.append(noting(calls, "on_cleanup"))
        with pytest.raises(expected) as caught:
            async with session_for(app):
                calls.clear()
        assert calls == ["first out", "on_cleanup"]
        if expected is web.CleanupError:
            assert caught.value.exceptions == errors[::-1]


async def test_a_19_a_context_with_two_yields_is_an_error():
    async def twice(app):
        yield
        yield

    app = web.Application()
    app.cleanup_ctx.append(twice)
    with pytest.raises(RuntimeError, match="more than one 'yield'"):
        async with session_for(app):
            pass


@pytest.mark.parametrize("within", [False, True])
async def test_a_19_a_start_that_fails_leaves_what_was_entered(within):
    calls = []

    async def fail(app):
        raise OSError("no database")

    app = web.Application()
    app.cleanup_ctx.append(context_of(calls, "app"))
    app.on_cleanup.append(noting(calls, "never"))
    outer = app
    if within:
        outer = web.Application()
        outer.add_subapp("/in", app)
    outer.on_startup.append(fail)
    runner = web.AppRunner(outer)
    with pytest.raises(OSError, match="no database"):
        await runner.setup()
    assert calls == ["app in", "app out"]
    await runner.cleanup()
    assert calls == ["app in", "app out"]


async def test_g_03_work_in_the_background():
    runtime = current_runtime()
    done = []

    async def background(app):
        wake = runtime.wake()

        async def work():
            try:
                await runtime.park(wake)
            finally:
                done.append("ended")

        task = runtime.spawn(work)
        yield
        wake.set()
        await task.wait()

    app = web.Application()
    app.cleanup_ctx.append(background)
    async with session_for(app):
        assert done == []
    assert done == ["ended"]


async def test_g_04_how_an_application_ends(serving):
    runtime = current_runtime()
    calls, begun, go_on = [], runtime.wake(), runtime.wake()

    async def handler(request):
        begun.set()
        await runtime.park(go_on)
        calls.append("answered")
        return web.Response(text="late")

    async def shut_down(app):
        calls.append("shutdown")
        go_on.set()

    app = web.Application()
    app.on_shutdown.append(shut_down)
    app.on_cleanup.append(noting(calls, "cleanup"))
    app.router.add_get("/", handler)
    texts = []

    async def ask(url):
        async with drywire.ClientSession() as session, session.get(url) as response:
            texts.append((await response.text(), response.headers["Connection"]))

    async with serving(app) as url:
        task = runtime.spawn(ask, url)
        await runtime.park(begun)
    await task.wait()
    assert calls == ["shutdown", "answered", "cleanup"]
    assert texts == [("late", "close")]


async def test_g_05_context_variables_of_a_request_are_its_own(serving):
    from_start = contextvars.ContextVar("from_start", default="unset")
    own = contextvars.ContextVar("own", default="unset")

    async def start(app):
        from_start.set("set")

    async def handler(request):
        before = own.get()
        own.set(request.query["own"])
        await current_runtime().sleep_until(0)
        return web.Response(text=f"{from_start.get()} {before} {own.get()}")

    app = web.Application()
    app.on_startup.append(start)
    app.router.add_get("/", handler)
    async with serving(app) as url, drywire.ClientSession() as session:
        for value in ("a", "b", "c"):  # over one connection
            async with session.get(url, params={"own": value}) as response:
                assert await response.text() == f"set unset {value}"
        assert own.get() == "unset"


async def test_g_05_what_a_handler_raises_comes_out_of_its_own_context(serving):
    own = contextvars.ContextVar("own", default="unset")

    async def handler(request):
        own.set("set")
        raise web.HTTPConflict(text=own.get())

    app = web.Application()
    app.router.add_post("/", handler)
    async with serving(app) as url, drywire.ClientSession() as session:
        for _ in range(3):
            async with session.post(url, data=b"x" * 100) as response:
                assert (response.status, await response.text()) == (409, "set")


async def test_g_06_an_application_made_by_a_coroutine():
    calls = []

    async def make():
        app = web.Application()
        app.on_startup.append(noting(calls, "start"))
        return app

    async with session_for(await make()):
        assert calls == ["start"]


def test_g_06_run_app_awaits_it():
    # What comes of it is in tests/server/test_run_app.py: here, that the coroutine runs on the loop of the server.
    loops = []

    async def make():
        loops.append(current_runtime())
        app = web.Application()

        async def leave(app):
            assert current_runtime() is loops[0]
            raise web.GracefulExit

        app.on_startup.append(leave)
        return app

    web.run_app(make(), print=None, host="127.0.0.1", port=0)
    assert len(loops) == 1


async def test_g_07_signals_are_frozen_after_the_start():
    app = web.Application()
    signals = [app.on_startup, app.on_shutdown, app.on_cleanup, app.on_response_prepare, app.cleanup_ctx]
    async with session_for(app):
        for signal in [*signals, app.middlewares]:
            assert signal.frozen
            with pytest.raises(RuntimeError, match=r"Cannot modify frozen list\."):
                signal.append(noting([], ""))


async def test_g_07_signals_are_not_sent_before_they_are_frozen():
    with pytest.raises(RuntimeError, match="Cannot send non-frozen signal"):
        await web.Application().startup()
