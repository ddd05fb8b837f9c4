"""Requests over Unix sockets, with TLS and without."""

import contextlib
import errno
import os
import socket

import pytest

import drywire
from drywire import ClientSession, ClientTimeout, web
from drywire_client.errors import UnixClientConnectorError
from drywire_client.unix_connector import NamedPipeConnector, UnixConnector
from drywire_transports import TransportError, current_runtime

from ..dead_ends import open_sockets, unanswered_unix


@contextlib.asynccontextmanager
async def served(path, tls=None):
    """A server at the Unix socket `path` that says which host it was asked for; gives the hosts."""
    runtime, hosts = current_runtime(), []

    async def handle(stream):
        stream.read_deadline = runtime.now() + 10
        buffered = b""
        try:
            while data := await stream.receive():
                buffered += data
                while b"\r\n\r\n" in buffered:
                    head, _, buffered = buffered.partition(b"\r\n\r\n")
                    hosts.append(head.partition(b"\r\nHost: ")[2].partition(b"\r\n")[0].decode())
                    await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except TransportError:
            pass
        finally:
            stream.abort()

    listener = await runtime.listen_unix(handle, path, tls=tls)
    try:
        yield hosts
    finally:
        listener.cancel()
        assert await listener.join(runtime.now() + 10)


async def ok(session, url, **options):
    async with session.get(url, **options) as response:
        assert await response.read() == b"ok"


@pytest.mark.parametrize("kind", ["path", "path-like", "abstract"])
async def test_requests_go_to_the_path_whatever_the_host(tmp_path, kind):
    path = f"\0drywire-{os.getpid()}-{id(tmp_path)}" if kind == "abstract" else str(tmp_path / "socket")
    before = open_sockets()
    async with served(path) as hosts:
        connector = UnixConnector(path=tmp_path / "socket" if kind == "path-like" else path)
        assert connector.path == path
        async with ClientSession(connector=connector) as session:
            await ok(session, "http://one.invalid/")
            await ok(session, "http://one.invalid:8080/")
            await ok(session, "http://one.invalid/again")
            assert connector.figures.idle == 2
            assert {key.unix_path for key in connector.figures.by_key} == {path}
        assert hosts == ["one.invalid", "one.invalid:8080", "one.invalid"]
    assert open_sockets() == before


async def test_tls_over_a_unix_socket(tmp_path, server_tls, client_tls):
    path = str(tmp_path / "socket")
    async with served(path, server_tls) as hosts, ClientSession(connector=UnixConnector(path)) as session:
        for _ in range(2):
            await ok(session, "https://localhost/", ssl=client_tls)
        await ok(session, "https://anything.invalid/", ssl=False)
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get("https://localhost/")
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get("https://other.invalid/", ssl=client_tls)
        await ok(session, "https://other.invalid/", ssl=client_tls, server_hostname="localhost")
    assert hosts == ["localhost", "localhost", "anything.invalid", "other.invalid"]


async def test_a_server_of_ours_at_a_unix_socket(tmp_path):
    path = str(tmp_path / "socket")

    async def hello(request):
        return web.json_response({"host": request.host, "got": await request.text()})

    app = web.Application()
    app.router.add_post("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.UnixSite(runner, path).start()
        async with ClientSession("http://service.test", connector=UnixConnector(path)) as session:
            async with session.post("/", data=b"x" * 100_000) as response:
                assert await response.json() == {"host": "service.test", "got": "x" * 100_000}
    finally:
        await runner.cleanup()


async def test_a_socket_that_is_not_there_is_a_unix_client_connector_error(tmp_path):
    path = str(tmp_path / "nothing")
    async with ClientSession(connector=UnixConnector(path, limit=1)) as session:
        for _ in range(2):
            with pytest.raises(UnixClientConnectorError) as caught:
                await session.get("http://host.test:81/")
            error = caught.value
            assert (error.path, error.host, error.port, error.errno) == (path, "host.test", 81, errno.ENOENT)
            assert str(error) == f"Cannot connect to unix socket {path} ssl:default [No such file or directory]"
            assert isinstance(error, drywire.ClientConnectorError)
            assert (error.phase, error.attempts[0].host) == ("connect", path)
        assert session.connector.figures.open == 0


async def test_a_full_queue_is_a_connection_timeout_and_room_in_it_a_connection(tmp_path):
    path, runtime = str(tmp_path / "full"), current_runtime()
    with unanswered_unix(path) as listener:
        async with ClientSession(connector=UnixConnector(path)) as session:
            with pytest.raises(drywire.ConnectionTimeoutError, match=r"sock_connect.*tried .*full") as caught:
                await session.get("http://host.test/", timeout=ClientTimeout(sock_connect=0.05))
            assert caught.value.host == "host.test"
        with pytest.warns(DeprecationWarning, match="sock_connect"):
            connector = UnixConnector(path, conn_timeout=0.05)
        async with ClientSession(connector=connector) as session:
            with pytest.raises(drywire.ConnectionTimeoutError, match=r"within conn_timeout=0\.05 s"):
                await session.get("http://host.test/", timeout=ClientTimeout(sock_connect=5))
            with pytest.raises(drywire.ConnectionTimeoutError, match="sock_connect"):
                await session.get("http://host.test/", timeout=ClientTimeout(sock_connect=0.01))
        async with ClientSession(connector=UnixConnector(path)) as session:
            task = runtime.spawn(_get, session)
            await runtime.sleep_until(runtime.now() + 0.01)
            listener.accept()[0].close()
            assert await task.wait(runtime.now() + 5)


async def _get(session):
    # Connected at last; nobody answers there.
    with pytest.raises(drywire.SocketTimeoutError):
        await session.get("http://host.test/", timeout=ClientTimeout(sock_read=0.05, sock_connect=5))


async def test_a_proxy_is_refused_and_not_ignored(tmp_path):
    async with ClientSession(connector=UnixConnector(str(tmp_path / "socket"))) as session:
        with pytest.raises(ValueError, match="goes through no proxy"):
            await session.get("http://host.test/", proxy="http://proxy.test:3128")


def test_a_path_is_a_path():
    for wrong in ("", b"bytes", 7, None):
        with pytest.raises((TypeError, ValueError)):
            UnixConnector(wrong)


@pytest.mark.skipif(os.name == "nt", reason="this is Windows")
def test_named_pipes_are_for_windows():
    with pytest.raises(RuntimeError, match="only available on Windows"):
        NamedPipeConnector(r"\\.\pipe\drywire")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
async def test_unix_connections_are_pooled_by_their_limits(tmp_path):
    path = str(tmp_path / "socket")
    async with served(path) as hosts:
        async with ClientSession(connector=UnixConnector(path, True)) as session:
            assert session.connector.force_close
            await ok(session, "http://host.test/")
            assert session.connector.figures.open == 0
        connector = UnixConnector(path, False, 30, 1, 1)
        assert (connector.limit, connector.limit_per_host) == (1, 1)
        async with ClientSession(connector=connector) as session:
            await ok(session, "http://host.test/")
            await ok(session, "http://host.test/")
            assert connector.figures.open == 1
    assert len(hosts) == 3
