"""What goes wrong is one of aiohttp's errors, says where, and keeps its cause."""

import socket
import ssl
import struct

import pytest

import drywire
from drywire_transports import current_runtime

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        ("ClientConnectionError", ("ClientError",)),
        ("ClientConnectionResetError", ("ClientConnectionError", ConnectionResetError)),
        ("ClientOSError", ("ClientConnectionError", OSError)),
        ("ClientConnectorError", ("ClientOSError",)),
        ("ClientConnectorDNSError", ("ClientConnectorError",)),
        ("UnixClientConnectorError", ("ClientConnectorError",)),
        ("ClientSSLError", ("ClientConnectorError",)),
        ("ClientConnectorSSLError", ("ClientSSLError", ssl.SSLError)),
        ("ClientConnectorCertificateError", ("ClientSSLError", ssl.CertificateError, ValueError)),
        ("ServerConnectionError", ("ClientConnectionError",)),
        ("ServerDisconnectedError", ("ServerConnectionError",)),
        ("ServerTimeoutError", ("ServerConnectionError", TimeoutError)),
        ("ConnectionTimeoutError", ("ServerTimeoutError",)),
        ("SocketTimeoutError", ("ServerTimeoutError",)),
        ("ClientPayloadError", ("ClientError",)),
        ("ClientResponseError", ("ClientError",)),
        ("ContentTypeError", ("ClientResponseError",)),
        ("InvalidURL", ("ClientError", ValueError)),
        ("InvalidUrlClientError", ("InvalidURL",)),
        ("NonHttpUrlClientError", ("ClientError",)),
    ],
)
def test_each_error_has_the_bases_it_has_in_aiohttp(error, bases):
    for base in bases:
        assert issubclass(getattr(drywire, error), getattr(drywire, base) if isinstance(base, str) else base)


@pytest.fixture
def unused_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def test_a_refused_connection_says_who_refused(unused_port):
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorError) as caught:
            await session.get(f"http://127.0.0.1:{unused_port}/")
        error = caught.value
        assert (error.host, error.port, error.ssl) == ("127.0.0.1", unused_port, True)
        assert isinstance(error.os_error, OSError)
        assert error.errno == error.os_error.errno
        assert str(error).startswith(f"Cannot connect to host 127.0.0.1:{unused_port} ssl:default [")
        assert error.__cause__ is not None


async def test_a_name_without_an_address_is_a_dns_error():
    async with drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorDNSError) as caught:
            await session.get("http://name.invalid/")
        assert (caught.value.host, caught.value.port) == ("name.invalid", 80)
        assert "name.invalid" in str(caught.value)


async def fails(scripted, talk, error, method="GET", **options):
    """Request once of a server that runs `talk`, and return what comes of it; the pool must be whole then."""
    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(error) as caught:
            async with session.request(method, script.url, **options) as response:
                await response.read()
        assert "0 in use, 0 idle" in repr(session.connector)
        assert script.connections == 1
    return caught.value


async def test_a_server_that_hangs_up_without_a_word_has_disconnected(scripted):
    async def talk(peer, script):
        await peer.request()

    error = await fails(scripted, talk, drywire.ServerDisconnectedError)
    assert error.message == "Server disconnected"
    assert str(error).startswith("Server disconnected: GET http://127.0.0.1:")


@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"])
async def test_a_server_that_hangs_up_within_the_head_has_disconnected(scripted, start):
    async def talk(peer, script):
        await peer.request()
        await peer.send(start)

    await fails(scripted, talk, drywire.ServerDisconnectedError)


def reset(stream):
    stream.extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.abort()


async def test_a_reset_before_the_response_is_an_os_error(scripted):
    async def talk(peer, script):
        await peer.request()
        reset(peer.stream)

    error = await fails(scripted, talk, (drywire.ClientOSError, drywire.ServerDisconnectedError))
    assert error.__cause__ is not None


async def test_a_reset_within_the_body_is_a_payload_error(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await current_runtime().sleep_until(current_runtime().now() + 0.02)
        reset(peer.stream)

    await fails(scripted, talk, drywire.ClientPayloadError)


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=["not http", "status", "field", "folded", "two lengths", "negative length", "too long"],
)
async def test_a_malformed_head_is_a_response_error_with_status_400(scripted, head):
    async def talk(peer, script):
        await peer.request()
        await peer.send(head)
        await peer.ended()

    error = await fails(scripted, talk, drywire.ClientResponseError)
    assert error.status == 400
    assert error.message
    assert error.request_info.method == "GET"
    assert str(error.request_info.real_url) in str(error)


async def test_a_switch_of_protocols_that_nobody_asked_for_is_an_error(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        await peer.ended()

    await fails(scripted, talk, drywire.ClientError)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 10\r\n\r\nshort",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
    ids=["short", "no last chunk", "cut chunk", "bad size", "bad end"],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "in two"])
async def test_a_broken_body_is_a_payload_error_when_it_is_read(scripted, rest, at_once):
    async def talk(peer, script):
        await peer.request()
        head, body = (
            b"HTTP/1.1 200 OK\r\n" + rest.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
            rest.partition(b"\r\n\r\n")[2],
        )
        if at_once:
            await peer.send(head + body)
        else:
            await peer.send(head)
            await current_runtime().sleep_until(current_runtime().now() + 0.01)
            await peer.send(body)

    error = await fails(scripted, talk, drywire.ClientPayloadError)
    assert "not completed" in str(error)
    assert error.__cause__ is not None


async def test_what_came_of_a_broken_body_can_be_read_before_the_error(scripted):
    async def talk(peer, script):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async with scripted(talk) as script, drywire.ClientSession() as session:
        async with session.get(script.url) as response:
            assert await response.content.readany() == b"half"
            for _ in range(2):
                with pytest.raises(drywire.ClientPayloadError):
                    await response.content.readany()


async def test_a_certificate_that_is_not_trusted_is_a_certificate_error(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorCertificateError) as caught:
            await session.get(script.url)
        assert isinstance(caught.value.certificate_error, ssl.SSLCertVerificationError)
        assert caught.value.port == script.port


async def test_a_server_without_tls_is_a_tls_error(scripted):
    async def talk(peer, script):
        await peer.stream.receive()
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.ended()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorSSLError):
            await session.get(script.url.replace("http:", "https:"))
        assert "0 in use" in repr(session.connector)


async def test_tls_settings_come_from_the_connector_or_the_request(scripted, answering, server_tls, client_tls):
    async with scripted(answering(), server_tls) as script:
        for connector, ssl_of_request in [(client_tls, True), (True, client_tls), (True, False), (False, True)]:
            async with drywire.ClientSession(connector=drywire.TCPConnector(ssl=connector)) as session:
                for _ in range(2):
                    async with session.get(script.url, ssl=ssl_of_request) as response:
                        assert await response.read() == b"ok"
        assert script.connections == 4


async def test_connections_that_differ_in_tls_are_never_shared(scripted, answering, server_tls, client_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        await (await session.get(script.url, ssl=False)).read()
        await (await session.get(script.url, ssl=client_tls)).read()
        assert script.connections == 2
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(script.url)
        with pytest.raises(drywire.ClientConnectorCertificateError):
            await session.get(script.url, ssl=client_tls, server_hostname="other.example")
