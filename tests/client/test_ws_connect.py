"""`ws_connect` and servers that do not do as they should."""

import pytest

import drywire

from ..websocketing import accept_for, raw_server


def answer(**changes):
    def make(request):
        fields = {
            b"Upgrade": b"websocket",
            b"Connection": b"upgrade",
            b"Sec-WebSocket-Accept": accept_for(request),
        } | {name.encode().replace(b"_", b"-"): value for name, value in changes.items()}
        lines = b"".join(b"%b: %b\r\n" % field for field in fields.items() if field[1] is not None)
        return b"HTTP/1.1 101 Switching Protocols\r\n" + lines + b"\r\n"

    return make


async def talk(peer):
    pass


@pytest.mark.parametrize(
    ("response", "status", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "Invalid response status"),
        (b"HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 2\r\n\r\nno", 403, "Invalid response status"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", 302, "Invalid response status"),
        (answer(Upgrade=b"h2c"), 101, "Invalid upgrade header"),
        (answer(Upgrade=None), 101, "Invalid upgrade header"),
        (answer(Connection=b"close"), 101, "Invalid connection header"),
        (answer(Sec_WebSocket_Accept=b"AAAA"), 101, "Invalid challenge response"),
        (answer(Sec_WebSocket_Accept=None), 101, "Invalid challenge response"),
        (answer(Sec_WebSocket_Protocol=b"soap"), 101, "the server chose a subprotocol that was not asked for"),
        (answer(Sec_WebSocket_Extensions=b"foo"), 101, "the server uses an extension that was not offered"),
    ],
)
async def test_a_handshake_that_does_not_hold(response, status, message):
    async with raw_server(talk, response) as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=["chat"])
        error = refused.value
        assert (error.status, error.message) == (status, message)
        assert isinstance(error, drywire.ClientResponseError)
        assert str(error.request_info.url) == url
        if status == 403:
            assert error.headers["X-Why"] == "no"
        assert "0 in use" in repr(session.connector)


async def test_a_server_that_hangs_up_is_a_connection_error():
    async with raw_server(talk, b" ") as url, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientError):
            await session.ws_connect(url)


async def test_a_server_that_never_answers_is_a_timeout():
    async def never(stream):
        await stream.receive()

    async with raw_server(talk, b"HTTP/1.1 100 Continue\r\n\r\n") as url:
        async with drywire.ClientSession(timeout=drywire.ClientTimeout(total=0.2)) as session:
            with pytest.raises((TimeoutError, drywire.ClientError)):
                await session.ws_connect(url)


@pytest.mark.parametrize("url", ["ftp://localhost/", "localhost", "ws://", 7])
async def test_what_is_no_url_of_a_websocket(url):
    async with drywire.ClientSession() as session:
        with pytest.raises((ValueError, TypeError, drywire.NonHttpUrlClientError)):
            await session.ws_connect(url)


async def test_a_status_that_raises_elsewhere_is_a_handshake_error_here():
    response = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(talk, response) as url, drywire.ClientSession(raise_for_status=True) as session:
        with pytest.raises(drywire.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        assert refused.value.status == 500


async def test_a_plain_request_may_get_101_too():
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    async with raw_server(talk) as url, drywire.ClientSession() as session:
        async with session.get(url, headers=headers) as response:
            assert response.status == 101
            assert response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "0 in use" in repr(session.connector)


async def test_a_closed_session_opens_nothing():
    session = drywire.ClientSession()
    await session.close()
    with pytest.raises(RuntimeError, match="Session is closed"):
        await session.ws_connect("ws://localhost/")
