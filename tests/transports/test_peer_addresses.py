"""Who was at the other end is known after it has gone."""

import socket
import struct
import sys

import pytest

from drywire_transports import current_runtime

from .pairs import KINDS, Pairs

NO_LINGERING = struct.pack("ii", 1, 0)
NAMES = ["peername", "sockname", "socket", "ssl_object", "sslcontext", "no such name"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells uvloop who has reset")


def reset(client):
    """Close so that the peer is told of a broken connection, not of its end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGERING)
    client.close()


async def until_told(runtime, told):
    await runtime.park(told, runtime.now() + 10)


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_client_that_has_reset_before_it_was_accepted(host):
    runtime = current_runtime()
    told, seen = runtime.wake(), []

    async def look(stream):
        seen.append(stream.extra_info("peername"))
        stream.abort()
        await runtime.sleep_until(runtime.now() + 0.01)
        seen.append(stream.extra_info("peername"))
        told.set()

    listening = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setblocking(False)
    client = socket.create_connection(listening.getsockname()[:2])
    address = client.getsockname()
    client.sendall(b"x")
    reset(client)
    listener = await runtime.listen_sockets(look, [listening])
    try:
        await until_told(runtime, told)
    finally:
        listener.cancel()
        assert await listener.join(runtime.now() + 10)
    assert seen == [address, address]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_client_that_has_gone_is_known_though_nobody_has_asked_before(tls, server_tls, client_tls):
    runtime = current_runtime()
    pairs = Pairs(runtime, "tls" if tls else "tcp", server_tls, client_tls)
    here, there = await pairs.make()
    try:
        address = here.extra_info("sockname")
        there.abort()
        here.abort()
        await runtime.sleep_until(runtime.now() + 0.01)
        assert there.extra_info("peername") == address
        assert there.extra_info("peername", "nobody") == address
    finally:
        await pairs.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_asked_of_a_lost_stream_is_no_error(kind, server_tls, client_tls):
    runtime = current_runtime()
    pairs = Pairs(runtime, kind, server_tls, client_tls)
    here, there = await pairs.make()
    here.abort()
    there.abort()
    await runtime.sleep_until(runtime.now() + 0.01)
    try:
        told = [(stream.extra_info(name), stream.extra_info(name, 0)) for stream in (here, there) for name in NAMES]
    finally:
        await pairs.close()
    assert told[len(NAMES) - 1] == (None, 0)


async def test_the_sockets_of_a_listener():
    runtime = current_runtime()

    async def nothing(stream):
        stream.abort()

    listener = await runtime.listen_tcp(nothing, "127.0.0.1")
    assert [sock.getsockname() for sock in listener.sockets] == list(listener.addresses)
    listener.close()
    assert listener.sockets == ()
    assert len(listener.addresses) == 1
