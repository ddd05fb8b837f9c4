"""examples/reconnecting_client.py: its decisions as values, and its loop without any real waiting, on each loop."""

import contextlib
import functools
import itertools
import re
import signal
import subprocess
import sys

import anyio
import pytest

import drywire
from drywire import web
from drywire_sansio.websocket import Close

from ..tree import ROOT, environment
from ..websocketing import app_of, raw_server
from .programs import PATIENCE, load, running

client = load("reconnecting_client.py")
chat = load("chat/server.py")
Next = client.Next

# How long to wait


def first(count, waits):
    return list(itertools.islice(waits, count))


def test_the_bound_doubles_up_to_the_longest():
    assert first(8, client.full_jitter(first=0.5, longest=10, chance=lambda: 1)) == [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert first(3, client.full_jitter(first=5, longest=2, chance=lambda: 1)) == [2, 2, 2]


def test_a_wait_is_anywhere_between_nothing_and_the_bound():
    chances = iter([0, 0.5, 1, 0.25])
    assert first(4, client.full_jitter(first=1, longest=4, chance=lambda: next(chances))) == [0, 1, 4, 1]


def test_it_is_left_to_chance():
    for _ in range(20):
        waits = first(10, client.full_jitter())
        assert all(0 <= wait <= bound for wait, bound in zip(waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True))
        assert len(set(waits)) > 1


# What an end means


@pytest.mark.parametrize(
    ("what", "codes"),
    [
        (Next.STOP, [1000, 1005]),
        (Next.RETRY, [1001, 1006, 1011, 1012, 1013, 1014, 4001]),
        (Next.GIVE_UP, [1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4999]),
    ],
    ids=lambda value: value.name if isinstance(value, Next) else None,
)
def test_what_a_close_code_means(what, codes):
    assert {code: client.after_close(code) for code in codes} == dict.fromkeys(codes, what)


@pytest.mark.parametrize(
    ("what", "statuses"),
    [(Next.RETRY, [408, 425, 429, 500, 502, 503, 504]), (Next.GIVE_UP, [200, 301, 400, 401, 403, 404, 426])],
    ids=lambda value: value.name if isinstance(value, Next) else None,
)
def test_what_a_refusal_means(what, statuses):
    assert {status: client.after_refusal(status) for status in statuses} == dict.fromkeys(statuses, what)


def test_all_codes_of_the_chat_are_known():
    assert client.after_close(chat.NAME_TAKEN) is Next.RETRY
    assert client.after_close(chat.NAME_REFUSED) is Next.GIVE_UP


# What is shown


def test_what_is_said_is_shown_without_what_a_terminal_obeys():
    said = '{"kind": "said", "name": "ada", "text": "\\u001b[2Jhi\\n\\ud800"}'
    assert client.lines_of(said) == ["ada: \ufffd[2Jhi\ufffd\ufffd"]


def test_what_the_client_does_not_know_is_not_shown():
    assert client.lines_of('{"kind": "new", "name": "ada"}') == []


# The loop


class Attempts:
    """What the loop is given in place of time: a sleep that takes none, and says what has been waited for."""

    def __init__(self, *, clock=lambda: 0):
        self.waited = []
        self.said = []
        self._clock = clock
        self.when_asleep = self._nothing

    async def _nothing(self):
        """Let time pass."""

    async def _sleep(self, seconds):
        self.waited.append(seconds)
        await self.when_asleep()

    async def run(self, connect, talk=client.listen, **options):
        options.setdefault("stable", 10)
        await client.stay_connected(
            connect, talk, waits=itertools.count, sleep=self._sleep, clock=self._clock, say=self.said.append, **options
        )


def closing_with(*codes):
    """A handler that closes its first connection with the first code, and so on; None cuts it off."""
    left = list(codes)

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        code = left.pop(0)
        if code is None:
            request.link.stream.abort()
        else:
            await ws.close(code=code)
        return ws

    handler.left = left
    return handler


@contextlib.asynccontextmanager
async def connecting(serving, handler):
    """A function that connects to a server of one handler."""
    async with serving(app_of(handler)) as url, drywire.ClientSession() as session:
        yield lambda: session.ws_connect(url)


async def test_it_comes_back_until_the_end_is_meant(serving):
    attempts = Attempts()
    handler = closing_with(1001, None, 1011, 4001, 1000, 1001)
    async with connecting(serving, handler) as connect:
        await attempts.run(connect)
    assert handler.left == [1001]
    assert attempts.waited == [0, 1, 2, 3]
    assert attempts.said == [
        f"closed with {code}; again in {wait}.0 s" for wait, code in enumerate([1001, 1006, 1011, 4001])
    ]


async def test_it_gives_up_where_it_would_end_the_same_way_again(serving):
    attempts = Attempts()
    handler = closing_with(1001, 1008, 1001)
    async with connecting(serving, handler) as connect:
        with pytest.raises(client.GivenUp, match="closed with 1008"):
            await attempts.run(connect)
    assert handler.left == [1001]
    assert attempts.waited == [0]


async def test_what_it_does_itself_to_end_is_meant(serving):
    async def talk(ws):
        await ws.send_str("that was all")

    async def handler(request):
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            heard.append(message.data)
        return ws

    heard = []
    attempts = Attempts()
    async with connecting(serving, handler) as connect:
        await attempts.run(connect, talk)
    assert heard == ["that was all"]
    assert attempts.waited == []


async def test_being_cut_off_in_the_middle_of_a_sentence_is_no_error(serving):
    async def talk(ws):
        while True:
            await ws.send_str("and so on " * 1000)  # the sooner the socket is full, and the server has its turn

    attempts = Attempts()
    handler = closing_with(None, 1000)
    async with connecting(serving, handler) as connect:
        await attempts.run(connect, talk)
    assert attempts.waited == [0]


async def test_the_waits_begin_anew_after_a_connection_that_lasted():
    times = iter([0, 9, 100, 109, 200, 210, 300, 309, 400, 400])  # of each connection: its beginning and its end
    codes = iter([1001, 1001, 1001, 1001, 1000])

    async def talk(peer):
        await peer.send(Close(next(codes)))
        await peer.event()

    attempts = Attempts(clock=lambda: next(times))
    async with raw_server(talk) as url, drywire.ClientSession() as session:
        await attempts.run(lambda: session.ws_connect(url))
    assert attempts.waited == [0, 1, 0, 1]


async def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not(serving):
    answers = [web.HTTPServiceUnavailable, web.HTTPTooManyRequests, web.HTTPForbidden]

    async def handler(request):
        raise answers.pop(0)()

    attempts = Attempts()
    async with connecting(serving, handler) as connect:
        with pytest.raises(client.GivenUp, match="refused: 403"):
            await attempts.run(connect)
    assert attempts.waited == [0, 1]
    assert attempts.said[0].startswith("refused: 503")


async def test_a_server_that_cannot_prove_who_it_is_is_given_up(serving, server_tls):
    attempts = Attempts()
    async with serving(app_of(closing_with()), ssl_context=server_tls) as url, drywire.ClientSession() as session:
        with pytest.raises(client.GivenUp, match="not the right server"):
            await attempts.run(lambda: session.ws_connect(url))
    assert attempts.waited == []


@contextlib.asynccontextmanager
async def chat_on(port):
    """The chat on a port that others have had before."""
    runner = web.AppRunner(chat.make_app(), shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()


async def test_it_finds_the_chat_that_has_gone_away_and_come_back(free_tcp_port):
    heard = [anyio.Event(), anyio.Event()]
    away, back = anyio.Event(), anyio.Event()
    attempts = Attempts()

    def hear(line):
        if line == "ada: hello":
            heard[len(attempts.waited) > 0].set()

    async def the_server_comes_back():
        if len(attempts.waited) == 3:
            away.set()
            await back.wait()

    attempts.when_asleep = the_server_comes_back
    url = f"http://127.0.0.1:{free_tcp_port}/chat?name=ada"
    async with drywire.ClientSession() as session, anyio.create_task_group() as tasks:
        talk = functools.partial(client.listen, greeting="hello", say=hear)
        async with chat_on(free_tcp_port):
            tasks.start_soon(attempts.run, lambda: session.ws_connect(url), talk)
            await heard[0].wait()
        await away.wait()
        async with chat_on(free_tcp_port):
            back.set()
            await heard[1].wait()
            tasks.cancel_scope.cancel()
    assert attempts.waited == [0, 1, 2]
    assert attempts.said[0] == "closed with 1001; again in 0.0 s"
    assert all(line.startswith("no connection: ") for line in attempts.said[1:])


# The program


@pytest.mark.parametrize("loop", [[], ["--trio"]], ids=["asyncio", "trio"])
def test_the_program_listens_to_the_chat_and_ends_by_ctrl_c(loop):
    with running("chat/server.py", "--port", "0") as server:
        address = re.search(r"http://(\S+)", server.stdout.readline())[1]
        options = ["--url", f"ws://{address}/chat", "--name", "ada lovelace", "--say", "hello", *loop]
        with running("reconnecting_client.py", *options) as process:
            assert process.stdout.readline() == "here: ada lovelace\n"
            assert process.stdout.readline() == "ada lovelace: hello\n"
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "bye\n"
        server.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("loop", [[], ["--trio"]], ids=["asyncio", "trio"])
def test_ctrl_c_ends_a_program_that_waits_for_the_next_attempt(loop, free_tcp_port):
    with running("reconnecting_client.py", "--url", f"ws://127.0.0.1:{free_tcp_port}/chat", *loop) as process:
        assert process.stdout.readline().startswith("no connection: ")
        process.send_signal(signal.SIGINT)
        while (line := process.stdout.readline()).startswith("no connection: "):
            pass
        assert line == "bye\n"


def test_the_program_says_why_it_gives_up():
    with running("chat/server.py", "--port", "0") as server:
        address = re.search(r"http://(\S+)", server.stdout.readline())[1]
        command = [ROOT / "examples" / "reconnecting_client.py", "--url", f"ws://{address}/chat", "--name", "x" * 25]
        done = subprocess.run(
            [sys.executable, *command], env=environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        server.send_signal(signal.SIGTERM)
    assert done.stdout == "the server says: a name has 1 to 24 printable characters\n"
    assert (done.returncode, done.stderr) == (1, "given up: closed with 4000\n")
