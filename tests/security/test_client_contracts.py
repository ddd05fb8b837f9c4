"""What an error tells whoever wants to try again, which time has passed, and what may share a connection."""
# ruff: noqa: F811 - pytest hands fixtures over by their names

import socket

import pytest
from yarl import URL

import drywire
from drywire_client.name_cache import MOST_NAMES, NameCache
from drywire_transports import Address, current_runtime

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


async def test_34513_the_cache_of_names_is_bounded(monkeypatch):
    runtime, cache = current_runtime(), NameCache(True, None)

    async def resolve(self, host, port, *, family=0):
        return [Address(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr(type(runtime), "resolve", resolve)
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
