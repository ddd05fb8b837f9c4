"""What an error tells whoever wants to try again, which time has passed, and what may share a connection."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import socket

import pytest
from yarl import URL

import drywire
from drywire import web
from drywire.testing import MemoryConnector, record, replay, session_for
from drywire_client.name_cache import MOST_NAMES, NameCache
from drywire_transports import current_runtime

from ..client.conftest import OK, answering, eventually, scripted  # noqa: F401


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def failure(session, method, url, **options):
    with pytest.raises((drywire.ClientError, TimeoutError)) as caught:
        async with session.request(method, url, **options) as response:
            await response.read()
    return caught.value


def told(error):
    return error.phase, bool(error.bytes_sent), error.response_started, error.connection_reused, error.safe_to_retry


# (a) 3: phase, whether bytes went out, whether a response began, whether the connection was used before


METHODS = [("GET", None, True), ("POST", b"body", False), ("PUT", b"body", True), ("DELETE", None, True)]


@pytest.mark.parametrize(("method", "body", "idempotent"), METHODS)
async def test_a_3_what_never_went_out_is_safe_to_retry(unused_port, scripted, method, body, idempotent):
    async def no_tls(peer, script):
        await peer.send(OK)
        await peer.ended()

    async with drywire.ClientSession() as session:
        refused = await failure(session, method, f"http://127.0.0.1:{unused_port}/", data=body)
        assert told(refused) == ("connect", False, False, False, True)
        nameless = await failure(session, method, "http://nothing.invalid/", data=body)
        assert told(nameless) == ("dns", False, False, False, True)
        async with scripted(no_tls) as script:
            plain = await failure(session, method, f"https://127.0.0.1:{script.port}/", data=body)
            assert told(plain) == ("tls", False, False, False, True)


@pytest.mark.parametrize(("method", "body", "idempotent"), METHODS)
async def test_a_3_the_wait_for_a_place_is_a_phase_of_its_own(scripted, answering, method, body, idempotent):
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"
    async with scripted(answering(half)) as script:
        async with drywire.ClientSession(connector=drywire.TCPConnector(limit=1)) as session:
            async with session.get(script.url):
                full = await failure(
                    session, method, script.url, data=body, timeout=drywire.ClientTimeout(connect=0.02)
                )
                assert isinstance(full, drywire.ConnectionTimeoutError)
                assert told(full) == ("pool", False, False, False, True)


RESPONSES = {
    "nothing": (b"", ("head", False)),
    "part of a head": (b"HTTP/1.1 200 OK\r\nContent-", ("head", True)),
    "no head": (b"nonsense\r\n\r\n", ("head", True)),
    "part of a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", ("body", True)),
    "no chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ("body", True)),
}


@pytest.mark.parametrize(("method", "body", "idempotent"), METHODS)
@pytest.mark.parametrize("what", RESPONSES)
async def test_a_3_what_went_out_is_safe_to_retry_by_an_idempotent_method_only(
    scripted, method, body, idempotent, what
):
    answer, (phase, started) = RESPONSES[what]

    async def talk(peer, script):
        await peer.request()
        await peer.send(answer)

    async with scripted(talk) as script, drywire.ClientSession() as session:
        error = await failure(session, method, script.url, data=body)
    assert told(error) == (phase, True, started, False, idempotent)


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_3_a_body_that_cannot_be_made_again_is_never_safe(scripted, unused_port, method):
    async def body():
        yield b"once"

    async def talk(peer, script):
        await peer.request()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        error = await failure(session, method, script.url, data=body())
        assert told(error) == ("head", True, False, False, False)


# (a) 12: times


async def test_a_12_an_error_names_the_setting_that_passed_and_its_seconds(scripted, answering):
    async def silent(peer, script):
        await peer.ended()

    limits = {
        "total": (drywire.ClientTimeout(total=0.05), drywire.TotalTimeoutError),
        "sock_read": (drywire.ClientTimeout(sock_read=0.05), drywire.SocketTimeoutError),
    }
    async with scripted(silent) as script, drywire.ClientSession() as session:
        for name, (timeout, kind) in limits.items():
            error = await failure(session, "GET", script.url, timeout=timeout)
            assert isinstance(error, kind)
            assert f"ClientTimeout.{name}" in str(error)
            assert "0.05 s" in str(error)
        for name in ("sock_connect", "connect"):
            timeout = drywire.ClientTimeout(**{name: 0.05})
            error = await failure(session, "GET", f"https://127.0.0.1:{script.port}/", timeout=timeout)
            assert isinstance(error, drywire.ConnectionTimeoutError)
            assert f"ClientTimeout.{name}" in str(error)


@pytest.mark.parametrize("total", [5, 5.0])
async def test_a_12_a_plain_number_is_a_total(scripted, answering, total):
    async with scripted(answering()) as script, drywire.ClientSession(timeout=total) as session:
        assert session.timeout.total == total
        async with session.get(script.url, timeout=total) as response:
            assert await response.read() == b"ok"


# Part (c): names, addresses, and what may share a connection


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "127.000.000.001",
        "1.2.3.4.5",
    ],
)
async def test_12827_only_an_address_in_its_usual_form_is_one(scripted, answering, host):
    """What old resolvers take for 127.0.0.1 must not get past whoever compares hosts."""
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        with pytest.raises((drywire.InvalidURL, drywire.ClientConnectorDNSError)):
            await session.get(URL.build(scheme="http", authority=f"{host}:{script.port}", path="/", encoded=True))
        assert script.connections == 0


async def test_54275_requests_that_differ_in_what_a_connection_is_do_not_share_one(
    scripted, answering, server_tls, client_tls
):
    differing = [
        {"ssl": client_tls},
        {"ssl": False},
        {"ssl": client_tls, "server_hostname": "localhost"},
        {"ssl": client_tls, "max_line_size": 4000},
        {"ssl": client_tls, "max_field_size": 4000},
    ]
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        for _ in range(2):
            for options in differing:
                async with session.get(script.url, **options) as response:
                    assert await response.read() == b"ok"
        assert script.connections == len(differing)


async def test_54275_nor_do_those_to_other_hosts_though_they_are_one_address(scripted, answering):
    async with scripted(answering()) as script, drywire.ClientSession() as session:
        for host in ("127.0.0.1", "localhost", "LOCALHOST", "127.0.0.1"):
            async with session.get(f"http://{host}:{script.port}/") as response:
                await response.read()
        assert script.connections == 2


async def test_34513_the_cache_of_names_is_bounded():
    class Anywhere:
        async def resolve(self, host, port=0, family=0):
            return [{"host": "127.0.0.1", "port": port}]

    runtime, cache = current_runtime(), NameCache(True, None, resolver=Anywhere())
    for number in range(MOST_NAMES + 50):
        await cache.addresses(runtime, f"host-{number}", 80, runtime.now() + 5, ())
    assert len(cache) == MOST_NAMES
    cache.close()


async def test_a_12_a_tls_handshake_that_takes_too_long_says_tls(scripted):
    async def silent(peer, script):
        await peer.ended()

    async with scripted(silent) as script, drywire.ClientSession() as session:
        timeout = drywire.ClientTimeout(sock_connect=0.05)
        error = await failure(session, "GET", f"https://127.0.0.1:{script.port}/", timeout=timeout)
        assert error.phase == "tls"


# (a) 4: the same client over a memory, and over what was recorded; no socket is opened


@pytest.fixture
def no_sockets(monkeypatch, anyio_backend_name):
    """Let nobody connect: a loop's own sockets exist already."""

    def refuse(*_):
        raise AssertionError("a socket was to be connected")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("drywire_client.tcp_connector.TCPConnector._open", refuse)


async def test_a_4_a_session_talks_to_a_handler_without_a_socket(no_sockets):
    routes = {("GET", "https://api.example.com/me"): {"name": "Ada"}}
    connector = MemoryConnector(routes)
    async with drywire.ClientSession("https://api.example.com/", connector=connector) as session:
        async with session.get("me", headers={"X-A": "1"}) as response:
            assert await response.json() == {"name": "Ada"}
        with pytest.raises(drywire.ClientConnectionError, match="nothing answers"):
            await session.get("you")
    assert [(call.method, str(call.url), call.headers["X-A"]) for call in connector.calls[:1]] == [
        ("GET", "https://api.example.com/me", "1")
    ]


async def test_a_4_a_session_talks_to_an_application_without_a_socket(no_sockets):
    async def echo(request):
        return web.Response(body=await request.read(), headers={"X-Host": request.host})

    app = web.Application()
    app.add_routes([web.post("/", echo)])
    async with session_for(app) as session, session.post("/", data=b"body") as response:
        assert (response.status, await response.read(), response.headers["X-Host"]) == (200, b"body", "localhost")


async def test_a_4_a_conversation_is_recorded_and_replayed(scripted, answering, tmp_path):
    path = tmp_path / "conversation.json"
    async with scripted(answering()) as script:
        async with drywire.ClientSession(connector=record(path)) as session:
            async with session.get(script.url, headers={"Authorization": "Bearer secret"}) as response:
                assert await response.read() == b"ok"
    assert "secret" not in path.read_text()
    async with drywire.ClientSession(connector=replay(path)) as session:
        async with session.get(script.url) as response:
            assert (response.status, await response.read()) == (200, b"ok")


# (a) 13: the jar is a module of its own, keeps what servers say as they say it, and its file runs no code


async def test_a_13_a_session_keeps_cookies_as_they_came_and_over_a_restart(scripted, tmp_path):
    heads = []

    async def talk(peer, script):
        while head := await peer.head():
            heads.append(head)
            await peer.send(
                b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a="x y"; Path=/\r\nSet-Cookie: b=1=2/3\r\n'
                b"Set-Cookie: =nameless\r\nSet-Cookie: c\r\nSet-Cookie: d=4; Domain=elsewhere.example\r\n\r\n"
            )

    async with scripted(talk) as script:
        jar = drywire.CookieJar(unsafe=True, quote_cookie=False)
        async with drywire.ClientSession(cookie_jar=jar) as session:
            await session.get(script.url)
            jar.save(tmp_path / "jar.json")
        assert b"{" in (tmp_path / "jar.json").read_bytes()[:1]
        again = drywire.CookieJar(unsafe=True, quote_cookie=False)
        again.load(tmp_path / "jar.json")
        async with drywire.ClientSession(cookie_jar=again) as session:
            await session.get(script.url)
            await session.get(f"http://localhost:{script.port}/")
    assert b"Cookie: " not in heads[0]
    assert b'\r\nCookie: a="x y"; b=1=2/3\r\n' in heads[1]
    assert b"Cookie: " not in heads[2]
