"""Listening: addresses, a task a connection, close, cancel and join."""

import contextlib
import errno
import logging
import math
import socket
import ssl

import anyio
import pytest

from drywire_transports import ClientTLS, StreamBroken, current_runtime

pytestmark = pytest.mark.anyio


async def echo(stream):
    while data := await stream.receive():
        await stream.send(data)
    await stream.aclose()


async def ask(runtime, address, text=b"hello", tls=None):
    stream = await runtime.connect_tcp(*address[:2], tls=tls)
    stream.read_deadline = runtime.now() + 10
    await stream.send(text)
    answer = b""
    while len(answer) < len(text):
        answer += await stream.receive()
    await stream.aclose()
    return answer


async def finish(runtime, listener):
    listener.cancel()
    assert await listener.join(runtime.now() + 10)


async def test_every_connection_is_served():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    for text in (b"one", b"two"):
        assert await ask(runtime, listener.addresses[0], text) == text
    await finish(runtime, listener)


async def test_all_interfaces_share_one_free_port():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo)
    assert len({address[1] for address in listener.addresses}) == 1
    assert listener.addresses[0][1] > 0
    await finish(runtime, listener)


async def test_a_port_in_use_is_an_error_that_names_it():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    port = listener.addresses[0][1]
    with pytest.raises(OSError, match=str(port)) as caught:
        await runtime.listen_tcp(echo, "127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE
    await finish(runtime, listener)


async def test_a_unix_socket_file_goes_with_its_listener(tmp_path):
    runtime = current_runtime()
    file = tmp_path / "socket"
    path = str(file)
    first = await runtime.listen_unix(echo, path)
    await finish(runtime, first)
    assert not file.exists()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    assert file.exists()
    again = await runtime.listen_unix(echo, path)
    stream = await runtime.connect_unix(path)
    await stream.send(b"x")
    assert await stream.receive() == b"x"
    await stream.aclose()
    await finish(runtime, again)


async def test_a_listener_takes_sockets_that_were_bound_before():
    runtime = current_runtime()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    listener = await runtime.listen_sockets(echo, [bound])
    assert await ask(runtime, listener.addresses[0]) == b"hello"
    await finish(runtime, listener)
    assert bound.fileno() == -1


async def test_close_stops_accepting_and_lets_connections_go_on():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    stream = await runtime.connect_tcp(*listener.addresses[0])
    await stream.send(b"before")
    assert await stream.receive() == b"before"
    listener.close()
    listener.close()
    assert not await listener.join(runtime.now() + 0.02)
    await runtime.sleep_until(runtime.now() + 0.01)
    with pytest.raises(OSError, match="could not connect"):
        await runtime.connect_tcp(*listener.addresses[0])
    await stream.send(b"after")
    assert await stream.receive() == b"after"
    await stream.aclose()
    assert await listener.join(runtime.now() + 10)


async def test_cancel_ends_every_connection_even_one_that_cleans_up():
    runtime = current_runtime()
    running, cleaned = runtime.wake(), []

    async def handle(stream):
        try:
            running.set()
            await runtime.sleep_until(math.inf)
        finally:
            cleaned.append(stream)

    listener = await runtime.listen_tcp(handle, "127.0.0.1")
    stream = await runtime.connect_tcp(*listener.addresses[0])
    await runtime.park(running, runtime.now() + 5)
    listener.cancel()
    listener.cancel()
    assert await listener.join(runtime.now() + 10)
    assert len(cleaned) == 1
    assert cleaned[0].closed
    stream.read_deadline = runtime.now() + 5
    with contextlib.suppress(StreamBroken):
        assert await stream.receive() == b""
    await stream.aclose()


async def test_join_without_connections_returns_at_once():
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    assert await listener.join()
    listener.close()
    assert await listener.join()


async def test_a_handler_that_fails_is_logged_once_and_harms_no_other(caplog):
    runtime = current_runtime()

    async def handle(stream):
        if await stream.receive() == b"fail":
            raise ValueError("on purpose")
        await stream.send(b"fine")

    listener = await runtime.listen_tcp(handle, "127.0.0.1")
    with caplog.at_level(logging.INFO, "drywire.transports"):
        bad = await runtime.connect_tcp(*listener.addresses[0])
        await bad.send(b"fail")
        assert await bad.receive() == b""
        assert await ask(runtime, listener.addresses[0], b"well") == b"fine"
    assert [record.message for record in caplog.records] == ["the handler of a connection failed"]
    await bad.aclose()
    await finish(runtime, listener)


async def test_a_connection_ends_with_its_handler():
    runtime = current_runtime()

    async def handle(stream):
        await stream.receive()

    listener = await runtime.listen_tcp(handle, "127.0.0.1")
    stream = await runtime.connect_tcp(*listener.addresses[0])
    await stream.send(b"x")
    assert await stream.receive() == b""
    await stream.aclose()
    await finish(runtime, listener)


async def test_a_task_group_inside_a_handler_works(anyio_backend_name):
    runtime = current_runtime()

    async def handle(stream):
        async with anyio.create_task_group() as group:
            group.start_soon(echo, stream)

    listener = await runtime.listen_tcp(handle, "127.0.0.1")
    assert await ask(runtime, listener.addresses[0]) == b"hello"
    await finish(runtime, listener)


async def test_a_client_that_never_shakes_hands_blocks_no_one_and_leaves_nothing_behind(server_tls, client_tls):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1", tls=server_tls)
    silent = await runtime.connect_tcp(*listener.addresses[0])
    tls = ClientTLS(client_tls)
    assert await ask(runtime, ("127.0.0.1", listener.addresses[0][1]), tls=tls) == b"hello"
    await finish(runtime, listener)
    silent.abort()


async def test_garbage_in_place_of_a_handshake_is_dropped_quietly(server_tls, client_tls, caplog):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1", tls=server_tls)
    stream = await runtime.connect_tcp(*listener.addresses[0])
    await stream.send(b"GET / HTTP/1.1\r\n\r\n")
    stream.read_deadline = runtime.now() + 5
    with contextlib.suppress(StreamBroken):
        while await stream.receive():
            pass
    assert await ask(runtime, listener.addresses[0], tls=ClientTLS(client_tls)) == b"hello"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    await stream.aclose()
    await finish(runtime, listener)


async def test_the_server_sees_what_the_tls_client_is(server_tls, client_tls):
    runtime = current_runtime()

    async def handle(stream):
        await stream.send(stream.extra_info("ssl_object").version().encode())
        await stream.aclose()

    listener = await runtime.listen_tcp(handle, "127.0.0.1", tls=server_tls)
    stream = await runtime.connect_tcp(*listener.addresses[0], tls=ClientTLS(client_tls))
    assert (await stream.receive()).startswith(b"TLSv1")
    assert isinstance(stream.extra_info("sslcontext"), ssl.SSLContext)
    assert stream.extra_info("peercert")["subject"] is not None
    assert stream.extra_info("cipher")[0]
    await stream.aclose()
    await finish(runtime, listener)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])  # uvloop accepts by itself
async def test_running_out_of_descriptors_does_not_stop_the_accepting(caplog, monkeypatch):
    runtime = current_runtime()
    listener = await runtime.listen_tcp(echo, "127.0.0.1")
    failures = [errno.EMFILE, errno.EMFILE, errno.ENFILE, errno.ECONNABORTED]
    genuine = socket.socket.accept

    def accept(sock):
        if failures:
            raise OSError(failures.pop(), "on purpose")
        return genuine(sock)

    monkeypatch.setattr(socket.socket, "accept", accept)
    with caplog.at_level(logging.INFO, "drywire.transports"):
        assert await ask(runtime, listener.addresses[0]) == b"hello"
    assert failures == []
    assert len(caplog.records) == 1
    assert "cannot accept connections for now" in caplog.text
    await finish(runtime, listener)
