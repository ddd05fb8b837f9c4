"""`RetryMiddleware`: what is sent again and what is not, after which wait, and what the caller gets."""

import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drywire
from drywire import web
from drywire_transports import current_runtime

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def busy(after, status=503):
    return b"HTTP/1.1 %d Busy\r\nRetry-After: %s\r\nContent-Length: 4\r\n\r\nbusy" % (status, after)


class Hooked:
    """Hooks that remember: the middlewares of these tests wait for no time unless they are told to."""

    def __init__(self):
        self.told = []

    def __call__(self, request, attempt, delay, reason):
        status = getattr(reason, "status", None)
        self.told.append((request.method, attempt, delay, type(reason).__name__ if status is None else status))

    @property
    def reasons(self):
        return [reason for *_, reason in self.told]


def retrying(attempts=3, **options):
    options.setdefault("backoff", 0)
    return drywire.RetryMiddleware(attempts, **options)


def one_after_another(*answers):
    """Return a script that gives each request the next answer: bytes, or None to hang up on it."""
    left = list(answers)

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request)
            answer = left.pop(0)
            if answer is None:
                return
            await peer.send(answer)

    return talk


async def asked(scripted, middleware, *answers, method="GET", **options):
    """Return status and text of what a request of such a server ends with, and all that the server was sent."""
    async with (
        scripted(one_after_another(*answers)) as script,
        drywire.ClientSession(middlewares=(middleware,)) as session,
        session.request(method, script.url, **options) as response,
    ):
        result = response.status, await response.text()
    return result, script


# What is sent again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE"])
async def test_a_status_that_passes_is_tried_again_for_idempotent_methods(scripted, method, status):
    hook = Hooked()
    again = busy(b"0", status)
    result, script = await asked(scripted, retrying(on_retry=hook), again, again, OK, method=method)
    assert result == (200, "ok")
    assert hook.told == [(method, 1, 0, status), (method, 2, 0, status)]
    assert len(script.heads) == 3
    assert len(set(script.heads)) == 1, "each attempt sends the same"
    assert script.connections == 1, "a response that is not wanted is drained, not cut off"


@pytest.mark.parametrize("status", [200, 304, 400, 404, 408, 500, 501])
async def test_another_status_is_the_callers_at_once(scripted, status):
    answer = b"HTTP/1.1 %d Fine\r\nContent-Length: 0\r\n\r\n" % status
    result, script = await asked(scripted, retrying(), answer, OK)
    assert result == (status, "")
    assert len(script.heads) == 1


async def test_statuses_are_those_that_are_given(scripted):
    result, _ = await asked(scripted, retrying(statuses={500}), b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", OK)
    assert result == (200, "ok")
    result, _ = await asked(scripted, retrying(statuses=()), BUSY, OK)
    assert result == (503, "busy")


async def test_the_last_response_is_the_callers_body_and_all(scripted):
    hook = Hooked()
    result, script = await asked(scripted, retrying(2, on_retry=hook), BUSY, BUSY, OK)
    assert result == (503, "busy")
    assert len(script.heads) == 2
    assert hook.reasons == [503]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_other_methods_are_sent_again_only_where_they_are_named(scripted, method):
    result, script = await asked(scripted, retrying(), BUSY, OK, method=method, data=b"once")
    assert result == (503, "busy")
    assert len(script.heads) == 1
    middleware = retrying(methods=[method.lower()])
    result, script = await asked(scripted, middleware, BUSY, None, OK, method=method, data=b"twice")
    assert result == (200, "ok")
    assert [body for _, body in script.heads] == [b"twice"] * 3


async def test_a_server_that_hangs_up_is_asked_again(scripted):
    hook = Hooked()
    result, script = await asked(scripted, retrying(on_retry=hook), None, None, OK)
    assert result == (200, "ok")
    assert hook.reasons == ["ServerDisconnectedError", "ServerDisconnectedError"]
    assert script.connections == 3


async def test_a_method_that_is_not_idempotent_is_not_sent_again_once_it_went_out(scripted):
    async with (
        scripted(one_after_another(None, OK)) as script,
        drywire.ClientSession(middlewares=(retrying(),)) as session,
    ):
        with pytest.raises(drywire.ServerDisconnectedError) as caught:
            await session.post(script.url, data=b"an order")
        assert len(script.heads) == 1
    assert caught.value.__notes__ == ["RetryMiddleware: attempt 1 of 3"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nobody_to_connect_to_is_tried_again_whatever_the_method(method, free_tcp_port):
    hook = Hooked()
    async with drywire.ClientSession(middlewares=(retrying(3, on_retry=hook),)) as session:
        with pytest.raises(drywire.ClientConnectorError) as caught:
            await session.request(method, f"http://127.0.0.1:{free_tcp_port}/", data=b"nothing of it went out")
    assert hook.reasons == ["ClientConnectorError"] * 2
    assert caught.value.__notes__ == [
        "RetryMiddleware: attempt 3 of 3, after ClientConnectorError, ClientConnectorError"
    ]


async def test_what_became_of_earlier_attempts_is_noted_with_the_error(scripted):
    hook = Hooked()
    # The second attempt meets a kept connection that ends: that is repeated on a fresh one, middlewares or not.
    async with (
        scripted(one_after_another(BUSY, None, None, None)) as script,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook),)) as session,
    ):
        with pytest.raises(drywire.ServerDisconnectedError) as caught:
            await session.get(script.url)
        assert len(script.heads) == 4
    assert hook.reasons == [503, "ServerDisconnectedError"]
    assert caught.value.__notes__ == ["RetryMiddleware: attempt 3 of 3, after status 503, ServerDisconnectedError"]
    chain, error = [], caught.value.__context__
    while error is not None:
        chain.append(error)
        error = error.__context__
    assert not [error for error in chain if isinstance(error, drywire.ClientError)], "it stands by itself"


async def test_a_server_that_is_silent_is_asked_again(scripted):
    async def talk(peer, script):
        await peer.request()
        if peer.number == 1:
            await peer.ended()
        else:
            await peer.send(OK)

    hook = Hooked()
    timeout = drywire.ClientTimeout(sock_read=0.05)
    async with (
        scripted(talk) as script,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook),), timeout=timeout) as session,
        session.get(script.url) as response,
    ):
        assert await response.text() == "ok"
    assert hook.reasons == ["SocketTimeoutError"]


# Bodies


@pytest.mark.parametrize(
    "body", [lambda: b"bytes", lambda: io.BytesIO(b"bytes"), lambda: "bytes"], ids=["bytes", "file", "str"]
)
async def test_a_body_that_can_be_sent_again_is(scripted, body):
    result, script = await asked(scripted, retrying(), BUSY, None, OK, method="PUT", data=body())
    assert result == (200, "ok")
    assert [body for _, body in script.heads] == [b"bytes"] * 3


async def test_a_large_body_is_sent_whole_in_each_attempt(scripted, tmp_path):
    content = bytes(range(256)) * 1024
    path = tmp_path / "large"
    path.write_bytes(content)
    with path.open("rb") as file:
        result, script = await asked(scripted, retrying(), BUSY, OK, method="PUT", data=file)
    assert result == (200, "ok")
    assert [body == content for _, body in script.heads] == [True, True]


@pytest.mark.parametrize("answer", [BUSY, None], ids=["busy", "hung up"])
async def test_a_body_that_is_made_while_it_is_sent_is_not_sent_again(scripted, answer):
    async def body():
        yield b"only "
        yield b"once"

    async with (
        scripted(one_after_another(answer, OK)) as script,
        drywire.ClientSession(middlewares=(retrying(methods=["POST"]),)) as session,
    ):
        if answer is None:
            with pytest.raises(drywire.ClientConnectionError):
                await session.put(script.url, data=body())
        else:
            async with session.put(script.url, data=body()) as response:
                assert (response.status, await response.text()) == (503, "busy")
        assert [body for _, body in script.heads] == [b"only once"]


async def test_a_body_that_is_made_while_it_is_sent_is_not_begun_twice(free_tcp_port):
    async def body():
        yield b"never asked for"

    hook = Hooked()
    async with drywire.ClientSession(middlewares=(retrying(on_retry=hook),)) as session:
        with pytest.raises(drywire.ClientConnectorError):
            await session.put(f"http://127.0.0.1:{free_tcp_port}/", data=body())
    assert hook.told == []


async def test_a_body_that_says_it_is_consumed_is_not_sent_again(scripted):
    class Once(drywire.BytesPayload):
        consumed = True

    result, script = await asked(scripted, retrying(), BUSY, OK, method="PUT", data=Once(b"once"))
    assert result == (503, "busy")
    assert len(script.heads) == 1


async def test_a_response_whose_body_is_still_to_come_keeps_its_connection(scripted):
    gate = current_runtime().wake()

    async def talk(peer, script):
        await peer.request()
        await peer.send(BUSY[:-4])
        await current_runtime().park(gate)
        await peer.send(BUSY[-4:])
        await peer.request()
        await peer.send(OK)

    middleware = retrying(on_retry=lambda *_: gate.set())
    async with (
        scripted(talk) as script,
        drywire.ClientSession(middlewares=(middleware,)) as session,
        session.get(script.url) as response,
    ):
        assert await response.text() == "ok"
        assert script.connections == 1


async def test_an_upload_that_is_refused_early_is_stopped_before_it_is_sent_again(scripted):
    content = bytes(8 * 1024 * 1024)  # more than sockets hold
    again = current_runtime().wake()

    async def talk(peer, script):
        if peer.number == 1:
            script.heads.append(await peer.head())
            await peer.send(BUSY)
            await current_runtime().park(again)  # and reads nothing meanwhile
            return
        again.set()
        script.heads.append(await peer.request())
        await peer.send(OK)

    async with (
        scripted(talk) as script,
        drywire.ClientSession(middlewares=(retrying(),)) as session,
        session.put(script.url, data=io.BytesIO(content)) as response,
    ):
        assert await response.text() == "ok"
    assert script.heads[1][1] == content


# What is not worth another attempt


async def test_a_certificate_that_is_not_trusted_is_not_tried_again(serving, server_tls):
    hook = Hooked()
    async with (
        serving(web.Application(), ssl_context=server_tls) as url,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook),)) as session,
    ):
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(url)
    assert hook.told == []


async def test_what_is_not_http_is_not_tried_again(scripted):
    hook = Hooked()
    with pytest.raises(drywire.ClientResponseError, match="400"):
        await asked(scripted, retrying(on_retry=hook), b"SSH-2.0-OpenSSH\r\n\r\n", OK)
    assert hook.told == []


@pytest.mark.parametrize("error", [drywire.ClientError("mine"), drywire.InvalidURL("ftp:"), KeyError("mine")])
async def test_an_error_of_no_request_goes_by(scripted, error):
    async def failing(request, handler):
        raise error

    hook = Hooked()
    async with (
        scripted(one_after_another(OK)) as script,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook), failing)) as session,
    ):
        with pytest.raises(type(error)) as caught:
            await session.get(script.url)
    assert caught.value is error
    assert hook.told == []


async def test_an_error_made_of_a_status_counts_as_that_status(scripted):
    async def raising(request, handler):
        response = await handler(request)
        response.raise_for_status()
        return response

    hook = Hooked()
    async with (
        scripted(one_after_another(busy(b"0"), busy(b"70"))) as script,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook), raising)) as session,
    ):
        with pytest.raises(drywire.ClientResponseError) as caught:
            await session.get(script.url)
    assert (caught.value.status, hook.reasons) == (503, [503]), "and its Retry-After as that of the response"


async def test_middlewares_of_a_call_leave_it_out(scripted):
    result, _ = await asked(scripted, retrying(), BUSY, OK, middlewares=())
    assert result == (503, "busy")


# Waits


@given(
    attempts=st.integers(2, 6),
    backoff=st.floats(0, 1e9),
    factor=st.floats(0, 1000),
    longest=st.floats(0, 1e9),
    chance=st.floats(0, 1),
)
def test_a_wait_is_a_number_and_never_longer_than_allowed(attempts, backoff, factor, longest, chance):
    middleware = drywire.RetryMiddleware(
        attempts, backoff=backoff, factor=factor, longest=longest, jitter=lambda: chance
    )
    for retried in range(attempts - 1):
        delay = middleware._delay_after(Requested("GET"), Answered(503), retried, 0.0)
        assert 0 <= delay <= longest
        assert delay <= backoff * factor**retried * 1.000001


class Requested:
    """As much of a request as the decision looks at."""

    payload = None

    class deadlines:
        total = math.inf

    def __init__(self, method):
        self.method = method


class Answered(drywire.ClientResponseError):
    """An error with a status, as the decision looks at it."""

    def __init__(self, status, retry_after=None):
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}


async def test_waits_grow_by_the_factor_up_to_the_longest(scripted):
    hook = Hooked()
    middleware = drywire.RetryMiddleware(5, backoff=0.01, factor=3, longest=0.05, jitter=lambda: 0.5, on_retry=hook)
    before = current_runtime().now()
    result, _ = await asked(scripted, middleware, BUSY, BUSY, BUSY, BUSY, OK)
    assert result == (200, "ok")
    assert [delay for _, _, delay, _ in hook.told] == pytest.approx([0.005, 0.015, 0.025, 0.025])
    assert current_runtime().now() - before >= 0.07 - 0.01, "less what four timers may ring early"


@pytest.mark.parametrize(
    ("field", "waits"),
    [
        ("0", 0.25),
        ("7", 7.25),
        ("60", 60.25),
        ("61", None),
        ("999999999", None),
        ("9999999999999999", 0.25),
        ("-1", 0.25),
        ("soon", 0.25),
        ("٣", 0.25),
        ("Sun, 06 Nov 1994 08:50:00 GMT", 23.25),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.25),
        ("Sun, 06 Nov 1994 08:51:00 GMT", None),
    ],
)
def test_retry_after_is_waited_for_unless_it_is_too_long(field, waits):
    middleware = drywire.RetryMiddleware(backoff=1, jitter=lambda: 0.25, clock=lambda: NOW)
    assert middleware._delay_after(Requested("GET"), Answered(503, field), 0, 0.0) == waits
    deaf = drywire.RetryMiddleware(backoff=1, jitter=lambda: 0.25, respect_retry_after=False)
    assert deaf._delay_after(Requested("GET"), Answered(503, field), 0, 0.0) == 0.25


async def test_a_response_that_asks_for_too_long_a_wait_is_the_callers(scripted):
    result, script = await asked(scripted, retrying(), busy(b"61"), OK)
    assert result == (503, "busy")
    assert len(script.heads) == 1
    result, _ = await asked(scripted, retrying(longest_retry_after=0.5), busy(b"1"), OK)
    assert result == (503, "busy")


async def test_retry_after_is_waited_for(scripted):
    hook = Hooked()
    before = current_runtime().now()
    result, _ = await asked(scripted, retrying(on_retry=hook), busy(b"1"), OK)
    assert result == (200, "ok")
    assert hook.told == [("GET", 1, 1.0, 503)]
    assert current_runtime().now() - before >= 0.99


async def test_the_connection_is_free_while_it_waits(scripted):
    async with scripted(one_after_another(BUSY, OK, OK)) as script:

        async def hook(request, attempt, delay, reason):
            assert await reason.text() == "busy", "a hook may read the response"

        connector = drywire.TCPConnector(limit=1)
        middleware = retrying(backoff=0.1, jitter=lambda: 1, on_retry=hook)
        async with drywire.ClientSession(middlewares=(middleware,), connector=connector) as session:
            runtime = current_runtime()

            async def one():
                async with session.get(script.url) as response:
                    order.append((await response.text(), len(script.heads)))

            order = []
            waits = runtime.spawn(one)
            while not script.heads:
                await runtime.sleep_until(runtime.now())
            async with session.get(script.url, middlewares=()) as response:
                assert await response.text() == "ok"
            assert len(script.heads) == 2
            await waits.wait()
            assert waits.exception() is None
    assert order == [("ok", 3)]


# The total timeout


async def test_the_total_timeout_counts_over_all_attempts(scripted):
    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request)
            if len(script.heads) == 1:
                await peer.send(BUSY)

    async with (
        scripted(talk) as script,
        drywire.ClientSession(middlewares=(retrying(),)) as session,
    ):
        with pytest.raises(drywire.TotalTimeoutError) as caught:
            await session.get(script.url, timeout=drywire.ClientTimeout(total=0.2))
        assert len(script.heads) == 2
    assert caught.value.__notes__ == ["RetryMiddleware: attempt 2 of 3, after status 503"]


async def test_a_wait_that_would_pass_the_total_timeout_is_not_begun(scripted):
    before = current_runtime().now()
    result, script = await asked(scripted, retrying(), busy(b"30"), OK, timeout=drywire.ClientTimeout(total=20))
    assert result == (503, "busy")
    assert current_runtime().now() - before < 10
    assert len(script.heads) == 1


async def test_the_limit_for_connecting_counts_for_each_attempt(scripted):
    """The wait is longer than `connect`: were that not begun anew, no second connection could be opened."""
    middleware = retrying(backoff=0.3, jitter=lambda: 1)
    result, script = await asked(scripted, middleware, None, OK, timeout=drywire.ClientTimeout(connect=0.2, total=20))
    assert result == (200, "ok")
    assert script.connections == 2


async def test_a_cancelled_wait_sends_nothing_more_and_holds_nothing(scripted):
    async with scripted(one_after_another(BUSY, OK)) as script:
        hook = Hooked()
        middleware = retrying(backoff=1000, longest=1000, jitter=lambda: 1, on_retry=hook)
        timeout = drywire.ClientTimeout()
        async with drywire.ClientSession(middlewares=(middleware,), timeout=timeout) as session:
            runtime = current_runtime()

            async def one():
                await session.get(script.url)

            task = runtime.spawn(one)
            while not hook.told:
                await runtime.sleep_until(runtime.now())
            task.cancel()
            assert await task.wait(runtime.now() + 5)
            assert "0 in use" in repr(session.connector)
        assert len(script.heads) == 1


# Beside other things


async def test_a_hook_may_change_the_headers_of_what_is_sent_again(scripted):
    def hook(request, attempt, delay, reason):
        request.headers["X-Attempt"] = str(attempt + 1)

    _, script = await asked(scripted, retrying(on_retry=hook), BUSY, BUSY, OK)
    marks = [b"X-Attempt: %d\r\n" % number in head for number, (head, _) in enumerate(script.heads, 1)]
    assert marks == [False, True, True]


async def test_what_a_hook_raises_is_the_callers_and_leaves_the_pool_whole(scripted):
    def hook(request, attempt, delay, reason):
        raise LookupError("enough")

    async with (
        scripted(one_after_another(BUSY, OK)) as script,
        drywire.ClientSession(middlewares=(retrying(on_retry=hook),)) as session,
    ):
        with pytest.raises(LookupError, match="enough"):
            await session.get(script.url)
        assert "0 in use" in repr(session.connector)


async def test_each_redirect_has_its_own_attempts(scripted):
    found = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    hook = Hooked()
    result, script = await asked(scripted, retrying(2, on_retry=hook), BUSY, found, BUSY, OK)
    assert result == (200, "ok")
    assert [head.split()[1] for head, _ in script.heads] == [b"/", b"/", b"/there", b"/there"]
    assert [attempt for _, attempt, _, _ in hook.told] == [1, 1]


async def test_an_upload_tracker_counts_the_attempts(scripted):
    async with (
        scripted(one_after_another(BUSY, OK)) as script,
        drywire.ClientSession(middlewares=(retrying(),)) as session,
    ):
        tracker = drywire.UploadTracker()
        async with session.put(script.url, data=b"12345", upload_tracker=tracker) as response:
            assert response.status == 200
        await tracker.upload_complete
    assert (tracker.attempts, tracker.bytes_written) == (2, 5)


async def test_a_handshake_of_a_web_socket_is_tried_again(serving):
    calls = []

    async def handler(request):
        calls.append(request)
        if len(calls) == 1:
            raise web.HTTPServiceUnavailable
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("hello")
        return ws

    app = web.Application()
    app.add_routes([web.get("/", handler)])
    async with (
        serving(app) as url,
        drywire.ClientSession(middlewares=(retrying(),)) as session,
        session.ws_connect(url) as ws,
    ):
        assert await ws.receive_str() == "hello"
    assert len(calls) == 2


# Arguments


def test_by_default_it_is_patient_and_polite():
    middleware = drywire.RetryMiddleware()
    assert repr(middleware) == "<RetryMiddleware attempts=3>"
    for retried, bound in enumerate([0.1, 0.2]):
        delay = middleware._delay_after(Requested("GET"), Answered(503), retried, 0.0)
        assert 0 <= delay <= bound
    assert middleware._delay_after(Requested("GET"), Answered(503), 2, 0.0) is None


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"backoff": -1},
        {"backoff": math.nan},
        {"backoff": math.inf},
        {"factor": 1e300},
        {"longest": -0.1},
        {"longest": math.inf},
        {"longest_retry_after": math.nan},
    ],
    ids=repr,
)
def test_arguments_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        drywire.RetryMiddleware(**options)


def test_methods_are_names_and_not_one_name():
    with pytest.raises(TypeError, match=r"such as \{'POST'\}"):
        drywire.RetryMiddleware(methods="POST")


async def test_a_response_that_is_being_read_ahead_for_others_is_let_go_of_all_the_same(scripted, eventually):
    """The only connection is wanted, so its body is taken in beside the program when the retry lets go of it."""

    async def talk(peer, script):
        while (request := await peer.request())[0]:
            script.heads.append(request)
            if len(script.heads) > 1:
                await peer.send(OK)
                continue
            await eventually(lambda: "1 waiting" in repr(session.connector))
            await peer.send(BUSY[:-4])
            await peer.ended()
            return

    async def hook(request, attempt, delay, reason):
        runtime = current_runtime()
        for _ in range(10):
            await runtime.sleep_until(runtime.now())  # the reader has its turns

    connector = drywire.TCPConnector(limit=1)
    session = drywire.ClientSession(middlewares=(retrying(on_retry=hook),), connector=connector)
    async with scripted(talk) as script, session:
        runtime, texts = current_runtime(), []

        async def one():
            async with session.get(script.url) as response:
                texts.append((response.status, await response.text()))

        first = runtime.spawn(one)
        await eventually(lambda: script.heads)
        second = runtime.spawn(one)
        for task in (first, second):
            await task.wait()
            assert task.exception() is None
    assert texts == [(200, "ok")] * 2
