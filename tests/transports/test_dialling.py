"""Happy eyeballs on every loop: who is tried when, what each end of a race leaves behind, and Unix sockets."""

import asyncio
import errno
import gc
import math
import socket
from dataclasses import replace

import pytest

from drywire_transports import Address, ConnectFailed, StreamTimeout, current_runtime
from drywire_transports.dialling import MOST_ADDRESSES, dial, in_order, local_socket_address
from drywire_transports.errors import ConnectTimedOut
from drywire_transports.on_asyncio.runtime import AsyncioRuntime
from drywire_transports.runtime import DialOptions

from ..client.test_cancellation_sweep import MOMENTS, Stepped
from ..dead_ends import ipv6_here, open_sockets, refusing, unanswered, unanswered_unix

V4, V6 = socket.AF_INET, socket.AF_INET6
SLACK = 2.0
"""Seconds that a loaded machine may take for what takes none."""


def at(host, port):
    return Address(V6 if ":" in host else V4, (host, port))


class Made:
    """A socket factory that remembers."""

    def __init__(self):
        self.sockets = []
        self.infos = []

    def __call__(self, info):
        self.infos.append(info)
        self.sockets.append(socket.socket(*info[:3]))
        return self.sockets[-1]

    @property
    def open(self):
        return [sock for sock in self.sockets if sock.fileno() != -1]


@pytest.fixture
def live():
    """Gives the port of a listener of 127.0.0.1."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        yield listener.getsockname()[1]


async def connected(addresses, options=None, **settings):
    """Connect; return the stream and the seconds that it took."""
    runtime = current_runtime()
    started = runtime.now()
    stream = await runtime.connect_tcp(
        "example.test", 1, addresses=addresses, options=options or DialOptions(), **settings
    )
    return stream, runtime.now() - started


# Sockets


async def test_a_dead_first_address_costs_the_stagger_and_little_more(live):
    made = Made()
    with unanswered("127.0.0.2") as dead:
        options = DialOptions(stagger=0.1, make_socket=made)
        stream, spent = await connected([at("127.0.0.2", dead), at("127.0.0.1", live)], options)
    assert stream.extra_info("peername") == ("127.0.0.1", live)
    assert 0.09 < spent < 0.1 + SLACK
    assert len(made.sockets) == 2
    assert [sock.fileno() for sock in made.open] == [stream.extra_info("socket").fileno()]
    stream.abort()


async def test_a_refused_address_costs_nothing_whatever_the_stagger(live):
    with refusing("127.0.0.2") as port:
        for stagger in (60, math.inf):
            addresses = [at("127.0.0.2", port), at("127.0.0.1", live)]
            stream, spent = await connected(addresses, DialOptions(stagger=stagger))
            assert spent < SLACK
            stream.abort()


async def test_without_a_stagger_a_dead_address_is_waited_for_to_the_deadline(live):
    runtime, made = current_runtime(), Made()
    with unanswered("127.0.0.2") as dead, refusing("127.0.0.3") as closed:
        addresses = [at("127.0.0.3", closed), at("127.0.0.2", dead), at("127.0.0.1", live)]
        options = DialOptions(stagger=math.inf, make_socket=made)
        with pytest.raises(ConnectTimedOut, match=r"connecting to example\.test:1 ") as caught:
            await connected(addresses, options, deadline=runtime.now() + 0.05)
    assert isinstance(caught.value, StreamTimeout)
    assert caught.value.addresses == (("127.0.0.3", closed), ("127.0.0.2", dead))
    assert {index: error.errno for index, error in caught.value.attempts.items()} == {0: errno.ECONNREFUSED}
    assert len(made.sockets) == 2
    assert made.open == []


async def test_with_a_stagger_of_none_at_all_every_address_is_tried_at_once():
    runtime, made = current_runtime(), Made()
    hosts = [f"127.0.0.{number}" for number in range(2, 7)]
    with unanswered(*hosts) as dead:
        options = DialOptions(stagger=0, make_socket=made)
        with pytest.raises(ConnectTimedOut) as caught:
            await connected([at(host, dead) for host in hosts], options, deadline=runtime.now() + 0.1)
    assert [host for host, _ in caught.value.addresses] == hosts
    assert len(made.sockets) == 5
    assert made.open == []


async def test_refused_everywhere_names_every_address_and_what_it_said():
    made = Made()
    with refusing("127.0.0.2") as first, refusing("127.0.0.3") as second:
        with pytest.raises(ConnectFailed) as caught:
            await connected([at("127.0.0.2", first), at("127.0.0.3", second)], DialOptions(make_socket=made))
    error = caught.value
    assert error.addresses == (("127.0.0.2", first), ("127.0.0.3", second))
    assert [type(one) for one in error.attempts] == [ConnectionRefusedError] * 2
    assert str(error) == (
        f"could not connect to example.test:1: Connection refused at 127.0.0.2:{first}; "
        f"Connection refused at 127.0.0.3:{second}"
    )
    assert error.errno == errno.ECONNREFUSED
    assert error.__cause__ is error.attempts[-1]
    assert made.open == []


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelled_at_every_moment_it_leaves_no_socket(live, moment):
    runtime = current_runtime()
    with unanswered("127.0.0.2", "127.0.0.3") as dead, refusing("127.0.0.4") as closed:
        hosts = [at("127.0.0.2", dead), at("127.0.0.4", closed), at("127.0.0.3", dead), at("127.0.0.1", live)]
        before = open_sockets()
        for number in range(1, 100):
            made, streams = Made(), []
            options = DialOptions(stagger=0.002, make_socket=made)
            dialling = runtime.connect_tcp("example.test", 1, addresses=hosts, options=options)
            stepped = Stepped(dialling, number, moment)
            task = runtime.spawn(_keep, stepped, streams)
            stepped.cancel = task.cancel
            assert await task.wait(runtime.now() + 5)
            left = [sock.fileno() for sock in made.open]
            if streams:
                assert left == [streams[0].extra_info("socket").fileno()]
                streams[0].abort()
                await runtime.sleep_until(runtime.now() + 0.001)
            elif runtime.name == "asyncio":  # its transport lets go of the socket in the loop's next turn
                await runtime.sleep_until(runtime.now() + 0.001)
                left = made.open
            assert streams or left == []
            assert open_sockets() == before
            if stepped.count < number:
                break
        else:
            raise AssertionError("it never came to its end")
        assert number > 3
    gc.collect()


async def _keep(stepped, streams):
    streams.append(await stepped.run())


async def test_a_cancelled_race_has_closed_its_sockets_before_anybody_else_runs():
    runtime, made, left = current_runtime(), Made(), []
    with unanswered("127.0.0.2", "127.0.0.3") as dead:
        options = DialOptions(stagger=0, make_socket=made)

        async def race():
            try:
                await connected([at("127.0.0.2", dead), at("127.0.0.3", dead)], options)
            finally:
                left.append(list(made.open))

        task = runtime.spawn(race)
        while len(made.sockets) < 2:
            await runtime.sleep_until(runtime.now() + 0.001)
        assert len(made.open) == 2
        task.cancel()
        assert await task.wait(runtime.now() + 5)
    assert left == [[]]


async def test_addresses_are_interleaved_by_the_count_of_the_first_family():
    found = [at("::1", 1), at("::2", 1), at("::3", 1), at("10.0.0.1", 1), at("10.0.0.2", 1), at("::1", 1)]

    def order(**options):
        return " ".join(one.sockaddr[0] for one in in_order("target", found, DialOptions(**options)))

    assert order() == "::1 10.0.0.1 ::2 10.0.0.2 ::3"
    assert order(first_family_count=2) == "::1 ::2 10.0.0.1 ::3 10.0.0.2"
    assert order(first_family_count=0) == "::1 ::2 ::3 10.0.0.1 10.0.0.2"
    assert order(family=V4) == order(local_address=("127.0.0.1", 0)) == "10.0.0.1 10.0.0.2"
    assert order(family=V6) == order(local_address=("::1", 0)) == "::1 ::2 ::3"
    many = [at(f"10.0.{number // 250}.{number % 250}", 1) for number in range(500)]
    assert in_order("target", many) == many[:MOST_ADDRESSES]


async def test_a_family_that_no_address_has_says_so():
    with pytest.raises(ConnectFailed, match="no address of the family AF_INET6"):
        await connected([at("127.0.0.1", 1)], DialOptions(family=V6))
    with pytest.raises(ConnectFailed, match="no address of the family AF_INET6"):
        await connected([at("127.0.0.1", 1)], DialOptions(local_address=("::1", 0)))
    with pytest.raises(ConnectFailed, match="local address is of another family"):
        await connected([at("127.0.0.1", 1)], DialOptions(local_address=("::1", 0), family=V4))
    with pytest.raises(ConnectFailed, match="no address to connect to"):
        await connected([])


@pytest.mark.skipif(not ipv6_here(), reason="this machine has no address ::1")
async def test_ipv6_and_its_literals_and_families_on_real_sockets():
    runtime = current_runtime()
    with socket.socket(V6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        for host, options in [
            ("::1", DialOptions()),
            ("localhost", DialOptions(family=V6)),
            ("::1", DialOptions(local_address=("::1", 0))),
        ]:
            addresses = [at("::1", port), at("127.0.0.1", port)] if host == "localhost" else None
            stream = await runtime.connect_tcp(host, port, options=options, addresses=addresses)
            assert stream.extra_info("peername")[:2] == ("::1", port)
            stream.abort()
        with pytest.raises(ConnectFailed, match=rf"refused at \[::1\]:{port - 1}|refused at \[::1\]:"):
            with refusing("::1") as closed:
                await runtime.connect_tcp("::1", closed)


def test_a_local_address_is_an_ip_address():
    assert local_socket_address(("127.0.0.1", 0)) == at("127.0.0.1", 0)
    assert local_socket_address(("::1", 5)).sockaddr[:2] == ("::1", 5)
    for wrong in [
        ("localhost", 0),
        ("", 0),
        ("::1", -1),
        ("127.0.0.1", 70000),
        ("127.0.0.1",),
        7,
        ("a\0b", 1),
        (None, "port"),
    ]:
        with pytest.raises(ValueError, match="an IP address and a port"):
            local_socket_address(wrong)


async def test_a_local_port_that_is_taken_says_which(live):
    with pytest.raises(ConnectFailed, match=f"cannot connect from 127.0.0.1:{live}: Address already in use"):
        await connected([at("127.0.0.1", live)], DialOptions(local_address=("127.0.0.1", live)))


async def test_what_is_no_ip_address_is_never_connected_to(live):
    """`socket.connect` would resolve it: in the loop, and past whoever has looked at the address."""
    seen = []
    for wrong in ("localhost", "127.1", "2130706433", "::1", "127.0.0.1\0", ""):
        with pytest.raises(ConnectFailed, match="no IP address"):
            await connected([Address(V4, (wrong, live))], admit=seen.append)
    with pytest.raises(ConnectFailed, match="no IP address"):
        await connected([Address(V6, ("127.0.0.1", live))], admit=seen.append)
    assert seen == []


# A factory of sockets


async def test_a_factory_is_told_the_address_and_its_socket_is_the_connection(live):
    made = Made()
    stream, _ = await connected([at("127.0.0.1", live)], DialOptions(make_socket=made))
    assert made.infos == [(V4, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", live))]
    assert not made.sockets[0].getblocking()
    assert made.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    stream.abort()


async def test_an_error_of_a_factory_is_that_of_the_attempt(live):
    made = Made()

    def not_the_first(info):
        if info[4][0] == "127.0.0.2":
            raise PermissionError(errno.EPERM, "not from here")
        return made(info)

    addresses = [at("127.0.0.2", live), at("127.0.0.1", live)]
    stream, _ = await connected(addresses, DialOptions(make_socket=not_the_first, stagger=math.inf))
    stream.abort()
    with pytest.raises(ConnectFailed, match="not from here"):
        await connected(addresses[:1], DialOptions(make_socket=not_the_first))


async def test_a_factory_that_breaks_ends_the_race_and_every_socket():
    async def no_factory(info):
        raise AssertionError

    with unanswered() as dead:
        for broken, error in [
            (lambda info: 1 // 0, ZeroDivisionError),
            (lambda info: "socket", TypeError),
            (no_factory, TypeError),
        ]:
            made = Made()

            def factory(info, made=made, broken=broken):
                return made(info) if not made.sockets else broken(info)

            addresses = [at("127.0.0.1", dead), at("127.0.0.2", dead)]
            with pytest.raises(error):
                await connected(addresses, DialOptions(make_socket=factory, stagger=0))
            assert len(made.sockets) == 1
            assert made.open == []


# Who is let be dialled


async def test_what_is_not_admitted_is_not_dialled(live):
    def refuse(address):
        seen.append(address)
        if address.sockaddr[0] != "127.0.0.1":
            raise PermissionError(errno.EACCES, f"not {address.sockaddr[0]}")

    seen, made = [], Made()
    options = DialOptions(make_socket=made)
    stream, _ = await connected([at("127.0.0.2", live), at("127.0.0.1", live)], options, admit=refuse)
    assert stream.extra_info("peername") == ("127.0.0.1", live)
    assert [address.sockaddr[0] for address in seen] == ["127.0.0.2", "127.0.0.1"]
    assert len(made.sockets) == 1
    stream.abort()
    with pytest.raises(ConnectFailed, match=r"not 127\.0\.0\.2; not 127\.0\.0\.3") as caught:
        await connected([at("127.0.0.2", live), at("127.0.0.3", live)], options, admit=refuse)
    assert caught.value.errno == errno.EACCES
    assert len(made.sockets) == 1


# The race, over connecting by a script


class Scripted:
    """Connects as a script says: after how many seconds, and with which error."""

    def __init__(self, **script):
        self.runtime = current_runtime()
        self.script = {f"127.0.0.{ord(name) - 96}": what for name, what in script.items()}
        self.made = Made()
        self.won = {}
        self.stopped = []

    def connect(self, sock, sockaddr, done):
        delay, error = self.script[sockaddr[0]]
        self.won[sockaddr[0]] = sock
        if delay == 0 and error is None:
            return None
        if delay == 0:
            raise error

        timer = self.runtime.call_at(self.runtime.now() + delay, lambda: done(error))

        def stop():
            self.stopped.append(sockaddr[0])
            timer.cancel()

        return stop

    async def run(self, stagger=0.25, **settings):
        addresses = [at(host, 1) for host in self.script]
        options = DialOptions(stagger=stagger, make_socket=self.made)
        sock = await dial(self.runtime, "target", addresses, self.connect, options=options, **settings)
        name = next(chr(96 + int(host[-1])) for host, one in self.won.items() if one is sock)
        assert self.made.open == [sock]
        sock.close()
        return name


NO = OSError(errno.EHOSTUNREACH, "no")


async def test_a_failed_attempt_starts_the_next_at_once():
    race = Scripted(a=(0, NO), b=(0.001, NO), c=(0, None))
    assert await race.run(stagger=60) == "c"


async def test_a_slow_attempt_is_overtaken_and_stopped():
    race = Scripted(a=(60, None), b=(0, None), c=(0, None))
    assert await race.run(stagger=0.01) == "b"
    assert race.stopped == ["127.0.0.1"]
    assert list(race.won) == ["127.0.0.1", "127.0.0.2"]


async def test_a_slow_attempt_may_still_win():
    race = Scripted(a=(0.03, None), b=(60, None))
    assert await race.run(stagger=0.01) == "a"
    assert race.stopped == ["127.0.0.2"]


async def test_all_failing_names_each_in_the_order_tried():
    race = Scripted(a=(0.03, NO), b=(0.001, OSError(errno.EPERM, "never")), c=(0, NO))
    with pytest.raises(ConnectFailed, match=r"no at 127\.0\.0\.1:1; never at 127\.0\.0\.2:1; no at 127\.0\.0\.3:1"):
        await race.run(stagger=0.005)
    assert race.made.open == []
    assert race.stopped == []


async def test_two_that_win_at_once_leave_one_connection():
    race = Scripted(a=(0.02, None), b=(0.01, None))
    assert await race.run(stagger=0.01) in ("a", "b")


async def test_a_text_of_many_reasons_is_short():
    race = Scripted(**{name: (0, OSError(errno.EPERM, f"reason {name}")) for name in "abcdefghi"})
    with pytest.raises(ConnectFailed, match=r"reason h at 127\.0\.0\.8:1; and 1 more$"):
        await race.run()


def test_a_loop_that_cannot_watch_sockets_connects_by_a_task(live):
    """As Windows' own does not. The sockets here are those of a loop that can, so that it can be tried anywhere."""

    class Blind(asyncio.SelectorEventLoop):
        add_writer = asyncio.AbstractEventLoop.add_writer

    async def main():
        runtime = AsyncioRuntime()
        with refusing("127.0.0.2") as closed, unanswered("127.0.0.3") as dead:
            addresses = [at("127.0.0.2", closed), at("127.0.0.1", live)]
            stream = await runtime.connect_tcp("example.test", 1, addresses=addresses)
            assert stream.extra_info("peername") == ("127.0.0.1", live)
            stream.abort()
            with pytest.raises(ConnectFailed, match=r"refused|failed"):
                await runtime.connect_tcp("127.0.0.2", closed)
            with pytest.raises(ConnectTimedOut):
                await runtime.connect_tcp("127.0.0.3", dead, deadline=runtime.now() + 0.02)
            with pytest.raises(ConnectFailed, match="no named pipes"):
                await runtime.connect_pipe(r"\\.\pipe\drywire")

    with asyncio.Runner(loop_factory=Blind) as runner:
        runner.run(main())


# Unix sockets


async def test_a_unix_socket_by_a_path_and_by_an_abstract_name(tmp_path):
    runtime = current_runtime()
    for path in (str(tmp_path / "here"), f"\0drywire-{id(tmp_path)}"):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            stream = await runtime.connect_unix(path)
            await stream.send(b"hello")
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(9) == b"hello"
            stream.abort()
    with pytest.raises(ConnectFailed, match=r"connect to @drywire-nobody: Connection refused"):
        await runtime.connect_unix("\0drywire-nobody")


async def test_a_unix_socket_whose_queue_is_full_is_waited_for(tmp_path):
    runtime, path = current_runtime(), str(tmp_path / "full")
    with unanswered_unix(path) as listener:
        before = open_sockets()
        with pytest.raises(ConnectTimedOut, match="full"):
            await runtime.connect_unix(path, deadline=runtime.now() + 0.05)
        assert open_sockets() == before
        streams = []

        async def connect():
            streams.append(await runtime.connect_unix(path))

        task = runtime.spawn(connect)
        await runtime.sleep_until(runtime.now() + 0.01)
        assert not streams
        listener.accept()[0].close()
        assert await task.wait(runtime.now() + 5)
        streams[0].abort()


async def test_a_unix_socket_that_cannot_be_says_why(tmp_path):
    runtime = current_runtime()
    (tmp_path / "file").touch()
    before = open_sockets()
    for path, why in [
        (str(tmp_path / "nothing"), "No such file"),
        (str(tmp_path / "file"), "refused"),
        (str(tmp_path / ("x" * 200)), "too long"),
        (str(tmp_path / "file\0b"), "null"),
    ]:
        with pytest.raises(ConnectFailed, match=why):
            await runtime.connect_unix(path)
    assert open_sockets() == before


def test_options_can_be_varied():
    assert replace(DialOptions(), stagger=1).first_family_count == 1


async def test_cancelled_at_every_turn_of_the_loop_it_leaves_no_socket_and_no_word(live, caplog):
    """Also in the turn in which the loop has seen that the socket is connected, and nobody has been told yet."""
    runtime, before = current_runtime(), open_sockets()
    for turns in range(8):
        for _ in range(20):
            made, streams = Made(), []
            options = DialOptions(make_socket=made)
            task = runtime.spawn(_connect_to, live, options, streams)
            for _ in range(turns):
                await runtime.sleep_until(runtime.now())
            task.cancel()
            assert await task.wait(runtime.now() + 5)
            for stream in streams:
                stream.abort()
    await runtime.sleep_until(runtime.now() + 0.001)
    assert open_sockets() == before
    assert caplog.records == []


async def _connect_to(port, options, streams):
    stream, _ = await connected([at("127.0.0.1", port)], options)
    streams.append(stream)
