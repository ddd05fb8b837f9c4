"""A request is cancelled at each of its checkpoints in turn, by every way a cancellation can come.

The coroutine is driven through `Stepped`, which sees each of its suspensions, and has it cancelled at the n-th: for n
of 1, 2, ... until it comes to its end. What it leaves behind must be what was there before it.
"""

import base64
import gzip
import hashlib
import re
import types

import pytest

import drywire
from drywire_transports import current_runtime

LARGE = bytes(range(256)) * 1200
"""A body that is sent by a task of its own, in more pieces than one."""
ZIPPED = gzip.compress(bytes(range(256)) * 4000)
MOST = 400
"""Checkpoints after which a scenario must have come to its end."""
CHALLENGE = b'WWW-Authenticate: Digest realm="r", nonce="n%d", qop="auth"\r\n'
MOMENTS = ["waiting", "woken", "twice"]
"""When the cancellation comes: as the task begins to wait; when what it waits for is there and it has not run yet; and
once more while it is being cleaned up."""


class Stepped:
    """Awaits `coroutine`, and calls `cancel` at the suspension number `at`, counted from 1."""

    def __init__(self, coroutine, at, moment):
        self._coroutine = coroutine
        self._at = at
        self._moment = moment
        self.count = 0
        self.cancel = None

    def _suspended(self, what):
        self.count += 1
        if self.count == self._at:
            # On asyncio callbacks are called in order, and the task's own comes once it waits: this one is earlier.
            if self._moment == "woken" and hasattr(what, "add_done_callback"):
                what.add_done_callback(lambda _: self.cancel())
            else:
                self.cancel()
        elif self.count == self._at + 1 and self._moment == "twice":
            self.cancel()

    @types.coroutine
    def run(self):
        inner = self._coroutine.__await__()
        step, value = inner.send, None
        while True:
            try:
                what = step(value)
            except StopIteration as end:
                return end.value
            self._suspended(what)
            try:
                value = yield what
                step = inner.send
            except BaseException as error:
                step, value = inner.throw, error


async def turns(count=2):
    runtime = current_runtime()
    for _ in range(count):
        await runtime.sleep_until(runtime.now())


# The server


def response(*lines, body=b"ok", status=b"200 OK"):
    fields = b"".join(line + b"\r\n" for line in (*lines, b"Content-Length: %d" % len(body)))
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n" + body


def accept(head):
    key = re.search(rb"\r\nSec-WebSocket-Key: ([^\r]+)\r\n", head, re.IGNORECASE)[1]
    proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + proof
    return b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n\r\n"


ANSWERS = {
    b"/plain": [response()],
    b"/pieces": [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 6\r\n\r\nab", b"cd", b"ef"],
    b"/held": [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab"],
    b"/gzip": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED),
        *(ZIPPED[start : start + len(ZIPPED) // 3 + 1] for start in range(0, len(ZIPPED), len(ZIPPED) // 3 + 1)),
    ],
    b"/303": [response(b"Location: /307", status=b"303 See Other", body=b"moved")],
    b"/307": [response(b"Location: /plain", status=b"307 Temporary Redirect", body=b"moved")],
}
SENT = {
    (b"GET", b""),
    (b"POST", LARGE),
    (b"POST", b"small"),
}
"""What the scenarios send; anything else is made of pieces of several requests."""


def answer(head, target, script):
    if target == b"/ws":
        return [accept(head)]
    if target == b"/digest" and b"\r\nAuthorization: Digest " not in head:
        script.challenges += 1
        return [response(CHALLENGE[:-2] % script.challenges, status=b"401 Unauthorized")]
    return ANSWERS.get(target, ANSWERS[b"/plain"])


async def talk(peer, script):
    while head := await peer.head():
        line, fields = head.split(b"\r\n", 1)
        method, target, version = line.split(b" ")
        assert version == b"HTTP/1.1"
        assert fields.startswith(b"Host: ")
        if b"\r\nexpect: 100-continue\r\n" in head.lower():
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            await turns()
        if target == b"/early":
            await peer.send(response(b"Connection: close"))
            await peer.ended()
            return
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head, re.IGNORECASE)
        if length is not None:
            body = await peer.exactly(int(length[1]))
            if len(body) < int(length[1]):
                return  # the request was cancelled
        else:
            chunked = b"\r\ntransfer-encoding: chunked\r\n" in head.lower()
            body = b"".join(await peer.chunks()) if chunked else b""
        assert (method, body) in SENT, f"no request of ours: {method!r} with {len(body)} bytes"
        script.heads.append((method, target))
        for piece in answer(head, target, script):
            await peer.send(piece)
            await turns(1)


# The scenarios


class World:
    """What a scenario works with, and what it must leave behind."""

    def __init__(self, session, script, path):
        self.session = session
        self.script = script
        self.path = path
        self.files = []
        self.generators_begun = 0
        self.generators_ended = 0

    def url(self, path="plain", host="127.0.0.1"):
        scheme = self.script.url.partition(":")[0]
        return f"{scheme}://{host}:{self.script.port}/{path}"

    async def pieces(self):
        self.generators_begun += 1
        try:
            for start in range(0, len(LARGE), 50_000):
                yield LARGE[start : start + 50_000]
                await turns(1)
        finally:
            self.generators_ended += 1

    async def endless(self):
        """One piece, and then a wait for what never comes."""
        self.generators_begun += 1
        try:
            yield LARGE
            await current_runtime().park(current_runtime().wake())
        finally:
            self.generators_ended += 1

    def file(self):
        self.files.append(open(self.path, "rb"))  # noqa: SIM115 - the session closes it
        return self.files[-1]

    def whole(self):
        """Whether nothing is left of the scenario."""
        return self.generators_begun == self.generators_ended and all(file.closed for file in self.files)


async def get(world):
    async with world.session.get(world.url()) as got:
        return await got.read()


async def get_by_name(world):
    async with world.session.get(world.url(host="localhost")) as got:
        return await got.read()


async def get_twice(world):
    """The second on the connection of the first."""
    await get(world)
    return await get(world)


async def _post(world, data, path="plain", **options):
    async with world.session.post(world.url(path), data=data, **options) as got:
        return await got.read()


async def post_bytes(world):
    return await _post(world, LARGE)


async def post_file(world):
    return await _post(world, world.file())


async def post_pieces(world):
    return await _post(world, world.pieces())


async def post_endless(world):
    """The server answers before it has the body, which would never be whole."""
    return await _post(world, world.endless(), "early")


async def post_expecting(world):
    return await _post(world, LARGE, expect100=True)


async def post_pieces_expecting(world):
    return await _post(world, world.pieces(), expect100=True)


async def redirected(world):
    """303, then 307."""
    return await _post(world, b"small", "303")


async def redirected_with_a_body(world):
    return await _post(world, world.file(), "307")


async def read_in_pieces(world):
    read = b""
    async with world.session.get(world.url("pieces")) as got:
        async for piece in got.content.iter_chunked(1):
            read += piece
    return read


async def decoded(world):
    size = 0
    async with world.session.get(world.url("gzip")) as got:
        async for piece in got.content.iter_chunked(100_000):
            size += len(piece)
    return b"%d" % size


async def digest(world):
    login = (drywire.DigestAuthMiddleware("user", "password"),)
    async with world.session.get(world.url("digest"), middlewares=login) as got:
        return await got.read()


async def digest_with_a_body(world):
    return await _post(world, world.file(), "digest", middlewares=(drywire.DigestAuthMiddleware("user", "password"),))


async def websocket(world):
    """The server does not know the close handshake, so that its timeout is met too."""
    async with world.session.ws_connect(world.url("ws"), timeout=drywire.ClientWSTimeout(ws_close=0.001)):
        await turns(1)
    return b"closed"


OK = b"ok"
SCENARIOS = {
    get: (OK, 2),
    get_by_name: (OK, 3),
    get_twice: (OK, 3),
    post_bytes: (OK, 2),
    post_file: (OK, 2),
    post_pieces: (OK, 2),
    post_endless: (OK, 2),
    post_expecting: (OK, 3),
    post_pieces_expecting: (OK, 3),
    redirected: (OK, 3),
    redirected_with_a_body: (OK, 3),
    read_in_pieces: (b"abcdef", 2),
    decoded: (b"%d" % (256 * 4000), 2),
    digest: (OK, 3),
    digest_with_a_body: (OK, 3),
    websocket: (b"closed", 2),
}
"""What each returns, and how many checkpoints it has at least."""


def traced():
    """What follows a session and takes its time at each signal."""

    async def wait(*_):
        await turns(1)

    config = drywire.TraceConfig()
    for name in dir(config):
        if name.startswith("on_"):
            getattr(config, name).append(wait)
    return config


# The sweep


def places(connector):
    figures = connector.figures
    return figures.in_use, {key: one.in_use for key, one in figures.by_key.items() if one.in_use}, figures.waiting


NOBODY = (0, {}, 0)


async def interrupted(world, scenario, at, moment):
    """Run `scenario`, cancelled at the checkpoint `at`; return what it returned, and its checkpoints."""
    runtime, results = current_runtime(), []
    stepped = Stepped(scenario(world), at, moment)

    async def run():
        results.append(await stepped.run())

    task = runtime.spawn(run)
    stepped.cancel = task.cancel
    assert await task.wait(runtime.now() + 10), "a cancelled request does not end"
    assert task.exception() is None
    return results, stepped.count


async def sweep(scenario, expected, least, script, eventually, path, moment, **settings):
    script.challenges = 0
    for at in range(1, MOST):
        connector = drywire.TCPConnector(limit=1)
        async with drywire.ClientSession(connector=connector, **settings) as session:
            world = World(session, script, path)
            results, count = await interrupted(world, scenario, at, moment)
            await eventually(world.whole)
            assert places(connector) == NOBODY
            if count >= at:
                assert results == [], "a cancellation was swallowed"
            else:
                assert results == [expected]
            async with session.get(world.url(), timeout=5) as got:
                assert await got.read() == b"ok"
            assert places(connector) == NOBODY
        await eventually(lambda: script.open == 0)
        if count < at:
            assert at > least
            return
    pytest.fail(f"{scenario.__name__} does not come to its end")


def skip_unless_it_can(moment, backend):
    if backend == "trio" and moment != "waiting":
        pytest.skip("on trio a cancelled scope stays so, and a task that was woken is not cancelled before it has run")


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(LARGE)
    return path


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_a_scenario_cancelled_at_each_checkpoint_leaves_nothing(
    scripted, eventually, anyio_backend_name, large_file, scenario, moment
):
    skip_unless_it_can(moment, anyio_backend_name)
    async with scripted(talk) as script:
        await sweep(scenario, *SCENARIOS[scenario], script, eventually, large_file, moment)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("scenario", [get_by_name, post_pieces], ids=lambda scenario: scenario.__name__)
async def test_over_tls_too(
    scripted, eventually, anyio_backend_name, large_file, server_tls, client_tls, scenario, moment
):
    skip_unless_it_can(moment, anyio_backend_name)
    async with scripted(talk, server_tls) as script:
        await sweep(scenario, *SCENARIOS[scenario], script, eventually, large_file, moment, ssl=client_tls)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "scenario",
    [get_by_name, get_twice, post_pieces, redirected_with_a_body, digest, websocket],
    ids=lambda scenario: scenario.__name__,
)
async def test_with_receivers_of_traces_that_take_their_time(
    scripted, eventually, anyio_backend_name, large_file, scenario, moment
):
    skip_unless_it_can(moment, anyio_backend_name)
    expected, least = SCENARIOS[scenario]
    async with scripted(talk) as script:
        await sweep(scenario, expected, least + 4, script, eventually, large_file, moment, trace_configs=[traced()])


async def wait_in_line(world, eventually, at, moment):
    """Run `get` while another has the only place, cancelled at the checkpoint `at`; return whether it was."""
    runtime, connector = current_runtime(), world.session.connector
    holder = await world.session.get(world.url("held"))
    stepped, results = Stepped(get(world), at, moment), []

    async def run():
        results.append(await stepped.run())

    task = runtime.spawn(run)
    stepped.cancel = task.cancel
    await eventually(lambda: task.done or connector.figures.waiting)
    assert connector.figures.in_use == 1
    other = runtime.spawn(get, world)  # behind it in the queue
    await turns(1)
    holder.close()
    assert await task.wait(runtime.now() + 10)
    assert await other.wait(runtime.now() + 10), "the one behind it has lost its turn"
    assert task.exception() is None is other.exception()
    assert places(connector) == NOBODY
    assert results == ([] if stepped.count >= at else [b"ok"])
    return stepped.count >= at


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("trace_configs", [[], [traced]], ids=["plain", "traced"])
async def test_a_wait_for_a_place_that_is_cancelled_keeps_no_place_and_no_turn(
    scripted, eventually, anyio_backend_name, large_file, moment, trace_configs
):
    """The place becomes free once the request waits for it, so that each checkpoint before and after is met."""
    skip_unless_it_can(moment, anyio_backend_name)
    async with scripted(talk) as script:
        for at in range(1, MOST):
            connector = drywire.TCPConnector(limit=1)
            configs = [make() for make in trace_configs]
            async with drywire.ClientSession(connector=connector, trace_configs=configs) as session:
                was_cancelled = await wait_in_line(World(session, script, large_file), eventually, at, moment)
            await eventually(lambda: script.open == 0)
            if not was_cancelled:
                assert at > 2
                return
    pytest.fail("the request does not come to its end")
