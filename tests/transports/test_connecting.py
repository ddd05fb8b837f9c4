"""Opening connections: what each failure is called, happy eyeballs, and no socket left behind."""

import gc
import math
import socket
import ssl

import pytest

from drywire_transports import (
    Address,
    ClientTLS,
    ConnectFailed,
    NameNotResolved,
    StreamTimeout,
    TLSFailed,
    current_runtime,
)
from drywire_transports.dialling import dial

pytestmark = pytest.mark.anyio


async def echo(stream):
    while data := await stream.receive():
        await stream.send(data)


@pytest.fixture
def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def full_port():
    """A port whose backlog is full: connecting to it hangs."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]
        for filler in fillers:
            filler.close()


async def test_connections_send_without_delay():
    runtime = current_runtime()
    options = []

    async def handle(stream):
        options.append(stream.extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await echo(stream)

    listener = await runtime.listen_tcp(handle, "127.0.0.1")
    stream = await runtime.connect_tcp("127.0.0.1", listener.addresses[0][1])
    options.append(stream.extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    assert stream.extra_info("peername") == listener.addresses[0]
    assert stream.extra_info("sockname")[0] == "127.0.0.1"
    assert stream.extra_info("nothing", "default") == "default"
    await stream.send(b"x")
    assert await stream.receive() == b"x"
    assert all(options)
    assert len(options) == 2
    await stream.aclose()
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_a_name_is_resolved_and_each_of_its_addresses_tried(closed_port):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    stream = await runtime.connect_tcp("localhost", listener.addresses[0][1])
    await stream.aclose()
    listener.close()
    with pytest.raises(ConnectFailed, match=f"could not connect to localhost:{closed_port}") as caught:
        await runtime.connect_tcp("localhost", closed_port)
    assert len(caught.value.attempts) == len(await runtime.resolve("localhost", closed_port))
    assert await listener.join(runtime.now() + 5)


async def test_resolving_a_literal_asks_nobody():
    runtime = current_runtime()
    assert await runtime.resolve("127.0.0.1", 80) == [Address(socket.AF_INET, ("127.0.0.1", 80))]
    assert await runtime.resolve("::1", 80) == [Address(socket.AF_INET6, ("::1", 80))]


@pytest.mark.parametrize("name", ["does-not-exist.invalid", "label-" + "x" * 70 + ".test", "a..b"])
async def test_a_name_without_addresses_says_so(name):
    runtime = current_runtime()
    with pytest.raises(NameNotResolved, match="could not connect to"):
        await runtime.connect_tcp(name, 80)


async def test_a_refused_connection_says_who_refused(closed_port):
    runtime = current_runtime()
    with pytest.raises(ConnectFailed, match=f"127.0.0.1:{closed_port}") as caught:
        await runtime.connect_tcp("127.0.0.1", closed_port)
    assert isinstance(caught.value.attempts[0], ConnectionRefusedError)
    assert caught.value.errno == caught.value.attempts[0].errno


async def test_a_unix_socket_that_is_not_there_says_so(tmp_path):
    runtime = current_runtime()
    with pytest.raises(ConnectFailed, match="nothing-here"):
        await runtime.connect_unix(str(tmp_path / "nothing-here"))


async def test_connecting_ends_at_its_deadline(full_port):
    runtime = current_runtime()
    with pytest.raises(StreamTimeout, match="connecting to"):
        await runtime.connect_tcp("127.0.0.1", full_port, deadline=runtime.now() + 0.03)


async def test_a_handshake_ends_at_its_deadline_and_the_socket_with_it():
    runtime = current_runtime()
    ended = runtime.wake()

    async def silent(stream):
        while await stream.receive():
            pass
        ended.set()

    listener = await runtime.listen_tcp(silent, "127.0.0.1")
    tls = ClientTLS(ssl.create_default_context())
    with pytest.raises(StreamTimeout):
        await runtime.connect_tcp("127.0.0.1", listener.addresses[0][1], tls=tls, deadline=runtime.now() + 0.05)
    await runtime.park(ended, runtime.now() + 5)
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_an_unknown_authority_fails_the_handshake(server_tls):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1", tls=server_tls)
    with pytest.raises(TLSFailed) as caught:
        await runtime.connect_tcp(*listener.addresses[0], tls=ClientTLS(ssl.create_default_context()))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_a_certificate_for_another_host_fails_the_handshake(server_tls, client_tls):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1", tls=server_tls)
    tls = ClientTLS(client_tls, server_hostname="example.org")
    with pytest.raises(TLSFailed, match=r"example\.org"):
        await runtime.connect_tcp(*listener.addresses[0], tls=tls)
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_a_peer_that_does_not_speak_tls_fails_the_handshake(client_tls):
    runtime = current_runtime()

    async def plain(stream):
        await stream.send(b"SSH-2.0-not-tls\r\n")
        await stream.receive()

    async def hangs_up(stream):
        await stream.receive()

    for handle in (plain, hangs_up):
        listener = await runtime.listen_tcp(handle, "127.0.0.1")
        with pytest.raises(TLSFailed) as caught:
            await runtime.connect_tcp(*listener.addresses[0], tls=ClientTLS(client_tls))
        assert isinstance(caught.value.__cause__, OSError)
        listener.close()
        assert await listener.join(runtime.now() + 5)


async def test_cancelled_connecting_leaves_nothing_behind(full_port):
    runtime = current_runtime()
    addresses = [Address(socket.AF_INET, ("127.0.0.1", full_port)), Address(socket.AF_INET, ("127.0.0.2", full_port))]
    task = runtime.spawn(_connect_forever, runtime, addresses)
    await runtime.sleep_until(runtime.now() + 0.03)
    assert not task.done
    task.cancel()
    assert await task.wait(runtime.now() + 5)
    await runtime.sleep_until(runtime.now() + 0.01)
    gc.collect()  # a socket left open would warn here


async def _connect_forever(runtime, addresses):
    await runtime.connect_tcp("example.test", 1, addresses=addresses, stagger=0.001)


async def test_addresses_given_are_tried_in_their_order_and_the_stagger_keeps_no_one_waiting(full_port):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    addresses = [
        Address(socket.AF_INET, ("127.0.0.1", full_port)),
        Address(socket.AF_INET, listener.addresses[0]),
    ]
    stream = await runtime.connect_tcp("example.test", 1, addresses=addresses, stagger=0.01)
    assert stream.extra_info("peername") == listener.addresses[0]
    await stream.aclose()
    deadline = runtime.now() + 0.05
    with pytest.raises(StreamTimeout):
        await runtime.connect_tcp("example.test", 1, addresses=addresses, stagger=math.inf, deadline=deadline)
    listener.close()
    assert await listener.join(runtime.now() + 5)


async def test_a_local_address_is_bound(full_port):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    stream = await runtime.connect_tcp(*listener.addresses[0], local_address=("127.0.0.3", 0))
    assert stream.extra_info("sockname")[0] == "127.0.0.3"
    await stream.aclose()
    with pytest.raises(ConnectFailed):
        await runtime.connect_tcp(*listener.addresses[0], local_address=("192.0.2.1", 0))
    listener.close()
    assert await listener.join(runtime.now() + 5)


# The race itself, over attempts that are no sockets


class Attempts:
    def __init__(self, runtime, script):
        self.runtime = runtime
        self.script = script
        self.started = []
        self.discarded = []
        self.cancelled = []

    async def connect(self, address):
        self.started.append(address)
        delay, outcome = self.script[address]
        try:
            await self.runtime.sleep_until(self.runtime.now() + delay)
        except BaseException:
            self.cancelled.append(address)
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def run(self, stagger=0.25):
        return await dial(self.runtime, "target", list(self.script), self.connect, self.discarded.append, stagger)


async def test_a_failed_attempt_starts_the_next_at_once():
    attempts = Attempts(current_runtime(), {"a": (0, OSError("no")), "b": (0, OSError("no")), "c": (0, "won")})
    assert await attempts.run(stagger=60) == "won"
    assert attempts.started == ["a", "b", "c"]


async def test_a_slow_attempt_is_overtaken_and_cancelled():
    runtime = current_runtime()
    attempts = Attempts(runtime, {"a": (60, "late"), "b": (0, "won"), "c": (0, "never tried")})
    assert await attempts.run(stagger=0.01) == "won"
    await runtime.sleep_until(runtime.now() + 0.01)
    assert attempts.started == ["a", "b"]
    assert attempts.cancelled == ["a"]
    assert attempts.discarded == []


async def test_a_slow_attempt_may_still_win():
    attempts = Attempts(current_runtime(), {"a": (0.03, "won"), "b": (60, "late")})
    assert await attempts.run(stagger=0.01) == "won"


async def test_all_failing_names_each_in_the_order_tried():
    first, second = OSError(1, "first"), OSError(2, "second")
    attempts = Attempts(current_runtime(), {"a": (0.03, first), "b": (0, second)})
    with pytest.raises(ConnectFailed) as caught:
        await attempts.run(stagger=0.01)
    assert caught.value.attempts == (first, second)


async def test_an_attempt_that_fails_in_an_unforeseen_way_ends_the_race():
    attempts = Attempts(current_runtime(), {"a": (0, OverflowError("port")), "b": (60, "late")})
    with pytest.raises(OverflowError):
        await attempts.run(stagger=0.01)


async def test_two_that_win_at_once_leave_one_connection():
    runtime = current_runtime()
    attempts = Attempts(runtime, {"a": (0.02, "one"), "b": (0.01, "two")})
    won = await attempts.run(stagger=0.01)
    await runtime.sleep_until(runtime.now() + 0.02)
    assert won in ("one", "two")
    assert set(attempts.discarded) | set(attempts.cancelled) | {won} >= {won}
    assert won not in attempts.discarded


async def test_no_address_at_all_is_a_failed_connection():
    attempts = Attempts(current_runtime(), {})
    with pytest.raises(ConnectFailed, match="no address"):
        await attempts.run()
