"""Opening connections: what each failure is called, happy eyeballs, and no socket left behind."""

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
from drywire_transports.runtime import DialOptions

from ..dead_ends import refusing, unanswered

pytestmark = pytest.mark.anyio


async def echo(stream):
    while data := await stream.receive():
        await stream.send(data)


@pytest.fixture
def closed_port():
    with refusing() as port:
        yield port


@pytest.fixture
def full_port():
    """A port that answers nothing: connecting to it hangs."""
    with unanswered() as port:
        yield port


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


async def test_a_local_address_is_bound():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    stream = await runtime.connect_tcp(*listener.addresses[0], options=DialOptions(local_address=("127.0.0.3", 0)))
    assert stream.extra_info("sockname")[0] == "127.0.0.3"
    await stream.aclose()
    with pytest.raises(ConnectFailed):
        await runtime.connect_tcp(*listener.addresses[0], options=DialOptions(local_address=("192.0.2.1", 0)))
    listener.close()
    assert await listener.join(runtime.now() + 5)
