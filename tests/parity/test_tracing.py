"""Rows Q-01 to Q-14: signals of what happens on the way of a request."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import dataclasses
from types import SimpleNamespace

import pytest
from multidict import CIMultiDict
from yarl import URL

import drywire
from drywire import web
from drywire_transports import current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401
from .mirror import asked, mirror  # noqa: F401

CLASSES = {
    "request_start": drywire.TraceRequestStartParams,
    "request_chunk_sent": drywire.TraceRequestChunkSentParams,
    "request_headers_sent": drywire.TraceRequestHeadersSentParams,
    "response_chunk_received": drywire.TraceResponseChunkReceivedParams,
    "request_end": drywire.TraceRequestEndParams,
    "request_exception": drywire.TraceRequestExceptionParams,
    "request_redirect": drywire.TraceRequestRedirectParams,
    "connection_queued_start": drywire.TraceConnectionQueuedStartParams,
    "connection_queued_end": drywire.TraceConnectionQueuedEndParams,
    "connection_create_start": drywire.TraceConnectionCreateStartParams,
    "connection_create_end": drywire.TraceConnectionCreateEndParams,
    "connection_reuseconn": drywire.TraceConnectionReuseconnParams,
    "dns_resolvehost_start": drywire.TraceDnsResolveHostStartParams,
    "dns_resolvehost_end": drywire.TraceDnsResolveHostEndParams,
    "dns_cache_hit": drywire.TraceDnsCacheHitParams,
    "dns_cache_miss": drywire.TraceDnsCacheMissParams,
}


class Recorder:
    """Follows requests by all signals."""

    def __init__(self):
        self.events = []
        self.contexts = []
        self.config = drywire.TraceConfig()
        for name in CLASSES:
            getattr(self.config, f"on_{name}").append(self._receiver(name))

    def _receiver(self, name):
        async def receive(session, trace_config_ctx, params):
            assert isinstance(session, drywire.ClientSession)
            assert type(params) is CLASSES[name]
            self.events.append((name, params))
            self.contexts.append(trace_config_ctx)

        return receive

    @property
    def names(self):
        return [name for name, _ in self.events]

    def all(self, name):
        return [params for seen, params in self.events if seen == name]

    def one(self, name):
        (params,) = self.all(name)
        return params


@pytest.fixture
def recorder():
    return Recorder()


def tracing(recorder, **options):
    """Return a session that the recorder follows."""
    return drywire.ClientSession(trace_configs=[recorder.config], **options)


async def got(request):
    """Return the body of what comes of `request`."""
    async with request as response:
        return await response.read()


# What callbacks are and get


async def test_q_01_a_config_is_frozen_by_its_session(recorder):
    async def late(session, context, params):
        pass

    config = drywire.TraceConfig()
    config.on_request_start.append(late)
    async with drywire.ClientSession(trace_configs=[config]) as session:
        for name in CLASSES:
            with pytest.raises(RuntimeError, match=r"[Ff]rozen"):
                getattr(config, f"on_{name}").append(late)
        assert list(session.trace_configs) == [config]
    async with drywire.ClientSession(trace_configs=[config]):
        pass  # a config may follow several sessions


async def test_q_01_the_factory_makes_the_context_of_each_request(mirror):
    made, seen = [], []

    def factory(trace_request_ctx=None):
        made.append(trace_request_ctx)
        return object()

    async def start(session, context, params):
        seen.append(context)

    config = drywire.TraceConfig(trace_config_ctx_factory=factory)
    config.on_request_start.append(start)
    config.on_request_end.append(start)
    async with mirror() as url, drywire.ClientSession(trace_configs=[config]) as session:
        await got(session.get(url, trace_request_ctx={"id": 1}))
        await got(session.get(url))
    assert made == [{"id": 1}, None]
    assert seen[0] is seen[1]
    assert seen[2] is seen[3]
    assert seen[0] is not seen[2]


def test_q_02_a_context_is_a_namespace_with_what_the_request_was_given():
    given = {"id": 1}
    context = drywire.TraceConfig().trace_config_ctx(trace_request_ctx=given)
    assert type(context) is SimpleNamespace
    assert context.trace_request_ctx is given
    assert drywire.TraceConfig().trace_config_ctx().trace_request_ctx is None


async def test_q_02_a_context_carries_what_callbacks_put_in(mirror):
    async def start(session, context, params):
        context.began = current_runtime().now()

    async def end(session, context, params):
        context.trace_request_ctx["took"] = current_runtime().now() - context.began

    config = drywire.TraceConfig()
    config.on_request_start.append(start)
    config.on_request_end.append(end)
    told = {}
    async with mirror() as url, drywire.ClientSession(trace_configs=[config]) as session:
        await got(session.get(url, trace_request_ctx=told))
    assert told["took"] >= 0


async def test_q_03_callbacks_get_session_context_and_params_in_their_order(mirror):
    seen = []

    def receiver(number):
        async def receive(session, trace_config_ctx, params):
            seen.append((number, session, trace_config_ctx, params))

        return receive

    configs = [drywire.TraceConfig(), drywire.TraceConfig()]
    for number in (1, 2):
        configs[0].on_request_start.append(receiver(number))
    configs[1].on_request_start.append(receiver(3))
    async with mirror() as url, drywire.ClientSession(trace_configs=configs) as session:
        await got(session.get(url))
        assert [number for number, *_ in seen] == [1, 2, 3]
        assert all(call[1] is session for call in seen)
        assert seen[0][2] is seen[1][2]
        assert seen[0][2] is not seen[2][2]  # each config has a context of its own
        assert seen[0][3] == seen[2][3]


async def test_q_03_what_a_callback_raises_ends_the_request(mirror):
    async def refuse(session, context, params):
        raise LookupError("not today")

    config = drywire.TraceConfig()
    config.on_request_headers_sent.append(refuse)
    async with mirror() as url, drywire.ClientSession(trace_configs=[config]) as session:
        for _ in range(3):
            with pytest.raises(LookupError, match="not today"):
                await session.get(url)
        assert "0 in use" in repr(session.connector)


# A request


async def test_q_04_request_start_tells_method_url_and_headers(mirror, recorder):
    async with mirror() as url, tracing(recorder, headers={"X-Session": "1"}) as session:
        await got(session.get(url + "/path?a=1", params={"b": "2"}, headers={"X-Call": "2"}))
        params = recorder.one("request_start")
        assert (params.method, params.url) == ("GET", URL(url + "/path?a=1&b=2"))
        assert (params.headers["x-session"], params.headers["X-CALL"]) == ("1", "2")
        assert recorder.names[0] == "request_start"


@pytest.mark.parametrize("size", [10, 1_000_000], ids=["small", "large"])
async def test_q_05_request_chunk_sent_tells_each_chunk(mirror, recorder, size):
    async with mirror() as url, tracing(recorder) as session:
        await got(session.post(url + "/up", data=b"x" * size))
        chunks = recorder.all("request_chunk_sent")
        assert b"".join(bytes(params.chunk) for params in chunks) == b"x" * size
        assert all((params.method, params.url) == ("POST", URL(url + "/up")) for params in chunks)


async def test_q_05_request_chunk_sent_tells_the_pieces_of_a_stream(mirror, recorder):
    async def stream():
        yield b"one"
        yield b"two"

    async with mirror() as url, tracing(recorder) as session:
        await got(session.post(url, data=stream()))
        assert [params.chunk for params in recorder.all("request_chunk_sent")] == [b"one", b"two"]


async def test_q_05_without_a_body_there_is_no_chunk(mirror, recorder):
    async with mirror() as url, tracing(recorder) as session:
        await got(session.get(url))
        assert not recorder.all("request_chunk_sent")


async def test_q_06_request_headers_sent_tells_the_headers_as_they_went_out(mirror, recorder):
    async with mirror() as url, tracing(recorder) as session:
        seen = await asked(session.post(url, data=b"body"))
        params = recorder.one("request_headers_sent")
        assert (params.method, params.url) == ("POST", URL(url))
        assert CIMultiDict(params.headers) == seen.headers
        assert {"Host", "User-Agent", "Content-Length"} <= set(params.headers)


async def test_q_07_response_chunk_received_comes_with_the_whole_body(mirror, recorder):
    async def much(request):
        return web.Response(body=b"much" * 100_000)

    async with mirror(web.get("/much", much)) as url, tracing(recorder) as session:
        async with session.get(url + "/much") as response:
            assert not recorder.all("response_chunk_received")
            await response.read()
            await response.text()
        params = recorder.one("response_chunk_received")
        assert (params.method, params.url, params.chunk) == ("GET", URL(url + "/much"), b"much" * 100_000)


async def test_q_08_request_end_comes_with_the_head_before_the_body(scripted, recorder):
    ended = current_runtime().wake()

    async def end(session, context, params):
        ended.set()

    recorder.config.on_request_end.append(end)

    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n")
        runtime = current_runtime()
        await runtime.park(ended, runtime.now() + 5)  # the body waits for the signal
        await peer.send(b"body")
        await peer.ended()

    async with scripted(talk) as script, tracing(recorder) as session:
        async with session.get(script.url, headers={"X-A": "1"}) as response:
            assert await response.read() == b"body"
        params = recorder.one("request_end")
        assert (params.method, params.url, params.headers["X-A"]) == ("GET", URL(script.url), "1")
        assert params.response is response
        assert recorder.names[-2:] == ["request_end", "response_chunk_received"]


async def test_q_08_a_status_that_raises_is_a_response_all_the_same(mirror, recorder):
    async with mirror(web.get("/gone", gone)) as url, tracing(recorder, raise_for_status=True) as session:
        with pytest.raises(drywire.ClientResponseError):
            await session.get(url + "/gone")
        assert "request_headers_sent" in recorder.names


async def gone(request):
    raise web.HTTPGone


async def test_q_09_request_exception_tells_what_went_wrong(scripted, recorder):
    async def hang_up(peer, script):
        await peer.request()

    async with scripted(hang_up) as script, tracing(recorder) as session:
        with pytest.raises(drywire.ClientError) as failed:
            await session.get(script.url, headers={"X-A": "1"})
        params = recorder.one("request_exception")
        assert params.exception is failed.value
        assert (params.method, params.url, params.headers["X-A"]) == ("GET", URL(script.url), "1")
        assert "request_end" not in recorder.names


async def test_q_09_request_exception_tells_of_a_server_that_is_not_there(free_tcp_port, recorder):
    async with tracing(recorder) as session:
        with pytest.raises(drywire.ClientConnectorError) as failed:
            await session.get(f"http://127.0.0.1:{free_tcp_port}/")
        assert recorder.one("request_exception").exception is failed.value
        assert recorder.names == ["request_start", "connection_create_start", "request_exception"]


async def test_q_09_request_exception_tells_of_time_that_ran_out(scripted, recorder):
    async def silent(peer, script):
        await peer.ended()

    async with scripted(silent) as script, tracing(recorder) as session:
        with pytest.raises(TimeoutError) as failed:
            await session.get(script.url, timeout=drywire.ClientTimeout(total=0.05))
        assert recorder.one("request_exception").exception is failed.value


async def test_q_10_request_redirect_tells_of_each_hop(mirror, recorder):
    async def first(request):
        raise web.HTTPFound("/second")

    async def second(request):
        raise web.HTTPSeeOther("/third")

    routes = [web.post("/first", first), web.get("/second", second)]
    async with mirror(*routes) as url, tracing(recorder) as session:
        await got(session.post(url + "/first", data=b"x", headers={"X-A": "1"}))
        hops = recorder.all("request_redirect")
        assert [(params.method, params.url.path, params.response.status) for params in hops] == [
            ("POST", "/first", 302),
            ("GET", "/second", 303),
        ]
        assert all(params.headers["X-A"] == "1" for params in hops)
        assert recorder.one("request_start").url.path == "/first"
        assert recorder.one("request_end").url.path == "/third"
        assert len(recorder.all("request_headers_sent")) == 3


async def test_q_10_a_redirect_that_is_not_followed_is_none(mirror, recorder):
    async def away(request):
        raise web.HTTPFound("/elsewhere")

    async with mirror(web.get("/away", away)) as url, tracing(recorder) as session:
        async with session.get(url + "/away", allow_redirects=False) as response:
            assert response.status == 302
        assert not recorder.all("request_redirect")
        assert recorder.one("request_end").response.status == 302


# A connection


async def test_q_11_connection_queued_tells_of_a_wait_for_a_place(scripted, recorder, eventually):
    runtime = current_runtime()
    go = runtime.wake()

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request[0])
            if len(script.heads) == 1:
                await runtime.park(go, runtime.now() + 5)
            await peer.send(OK)

    async with scripted(talk) as script:
        async with tracing(recorder, connector=drywire.TCPConnector(limit=1)) as session:
            tasks = [runtime.spawn(got, session.get(script.url))]
            await eventually(lambda: script.heads)
            tasks.append(runtime.spawn(got, session.get(script.url)))
            await eventually(lambda: "connection_queued_start" in recorder.names)
            assert "connection_queued_end" not in recorder.names
            go.set()
            for task in tasks:
                assert await task.wait(runtime.now() + 5)
                assert task.exception() is None
        assert dataclasses.fields(recorder.one("connection_queued_start")) == ()
        assert dataclasses.fields(recorder.one("connection_queued_end")) == ()
        queued = recorder.names.index("connection_queued_end")
        assert recorder.names.index("connection_queued_start") < queued
        assert recorder.names[queued:].count("connection_reuseconn") == 1


async def test_q_12_connection_create_and_reuseconn_tell_where_a_connection_comes_from(scripted, answering, recorder):
    async with scripted(answering()) as script, tracing(recorder) as session:
        await got(session.get(script.url))
        assert recorder.names[1:3] == ["connection_create_start", "connection_create_end"]
        assert "connection_reuseconn" not in recorder.names
        recorder.events.clear()
        await got(session.get(script.url))
        assert recorder.names == [
            "request_start",
            "connection_reuseconn",
            "request_headers_sent",
            "request_end",
            "response_chunk_received",
        ]
        assert script.connections == 1


def named(url):
    """Return `url` with a name as its host: an address is not looked up."""
    return URL(url).with_host("localhost")


DNS = ["dns_cache_miss", "dns_resolvehost_start", "dns_resolvehost_end"]


async def test_q_13_dns_signals_tell_of_the_resolver_and_its_cache(scripted, answering, recorder):
    connector = drywire.TCPConnector(force_close=True)
    async with scripted(answering()) as script, tracing(recorder, connector=connector) as session:
        await got(session.get(named(script.url)))
        assert recorder.names[1:6] == ["connection_create_start", *DNS, "connection_create_end"]
        assert {recorder.one(name).host for name in DNS} == {"localhost"}
        recorder.events.clear()
        await got(session.get(named(script.url)))
        assert recorder.names[1:4] == ["connection_create_start", "dns_cache_hit", "connection_create_end"]
        assert recorder.one("dns_cache_hit").host == "localhost"


async def test_q_13_without_a_cache_only_the_resolver_is_told_of(scripted, answering, recorder):
    connector = drywire.TCPConnector(use_dns_cache=False, force_close=True)
    async with scripted(answering()) as script, tracing(recorder, connector=connector) as session:
        for _ in range(2):
            await got(session.get(named(script.url)))
        found = [name for name in recorder.names if name.startswith("dns")]
        assert found == ["dns_resolvehost_start", "dns_resolvehost_end"] * 2


async def test_q_13_an_address_is_not_looked_up(scripted, answering, recorder):
    async with scripted(answering()) as script, tracing(recorder) as session:
        await got(session.get(script.url))
        assert not [name for name in recorder.names if name.startswith("dns")]


# All of them


FIELDS = {
    "request_start": ["method", "url", "headers"],
    "request_chunk_sent": ["method", "url", "chunk"],
    "request_headers_sent": ["method", "url", "headers"],
    "response_chunk_received": ["method", "url", "chunk"],
    "request_end": ["method", "url", "headers", "response"],
    "request_exception": ["method", "url", "headers", "exception"],
    "request_redirect": ["method", "url", "headers", "response"],
    "dns_resolvehost_start": ["host"],
    "dns_resolvehost_end": ["host"],
    "dns_cache_hit": ["host"],
    "dns_cache_miss": ["host"],
}


@pytest.mark.parametrize("name", CLASSES)
def test_q_14_params_are_frozen_values(name):
    names = FIELDS.get(name, [])
    params = CLASSES[name](*names)
    assert params == CLASSES[name](**{field: field for field in names})
    assert [getattr(params, field) for field in names] == names
    for field in names:
        with pytest.raises(AttributeError):
            setattr(params, field, "other")


def test_q_14_there_are_sixteen_classes():
    assert len(set(CLASSES.values())) == 16
    assert all(hasattr(drywire.TraceConfig(), f"on_{name}") for name in CLASSES)


async def test_q_14_signals_come_in_their_order(mirror, recorder):
    async with mirror() as url, tracing(recorder) as session:
        await got(session.post(url, data=b"body"))
        assert recorder.names == [
            "request_start",
            "connection_create_start",
            "connection_create_end",
            "request_headers_sent",
            "request_chunk_sent",
            "request_end",
            "response_chunk_received",
        ]
        assert all(context is recorder.contexts[0] for context in recorder.contexts)
