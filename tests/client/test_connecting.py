"""Opening a connection: what each dead end costs and is called, what errors tell, and connectors of one's own."""

import copy
import errno
import pickle
import ssl
from types import SimpleNamespace

import pytest

import drywire
from drywire import ClientSession, ClientTimeout, TCPConnector
from drywire_client.connections import ConnectionKey
from drywire_client.errors import AddressForbiddenError, ConnectAttempt, UnixClientConnectorError
from drywire_client.proxies import ProxyRoute
from drywire_transports import current_runtime

from ..dead_ends import open_sockets, refusing, unanswered
from ..names import Names

SLACK = 2.0
"""Seconds that a loaded machine may take for what takes none."""


def session_to(addresses, timeout=None, **options):
    """A session for which ``http://host.test/`` is at these addresses and ports."""
    connector = TCPConnector(resolver=Names({"host.test": addresses}), **options)
    return ClientSession(connector=connector, timeout=timeout or ClientTimeout(total=30))


async def failing(session, error, url="http://host.test/", **options):
    """Request, and return the error and the seconds that it took."""
    runtime = current_runtime()
    started = runtime.now()
    with pytest.raises(error) as caught:
        await session.get(url, **options)
    assert session.connector.figures.open == 0
    return caught.value, runtime.now() - started


async def test_a_dead_first_address_costs_no_more_than_the_happy_eyeballs_delay(scripted, answering):
    runtime = current_runtime()
    async with scripted(answering()) as script:
        with unanswered("127.0.0.2") as dead:
            for options, delay in [({}, 0.25), ({"happy_eyeballs_delay": 0.05}, 0.05)]:
                async with session_to([("127.0.0.2", dead), ("127.0.0.1", script.port)], **options) as session:
                    started = runtime.now()
                    async with session.get("http://host.test/") as response:
                        assert await response.read() == b"ok"
                    assert delay - 0.01 < runtime.now() - started < delay + SLACK


@pytest.mark.parametrize("limit", ["sock_connect", "connect"])
async def test_all_addresses_dead_is_a_connection_timeout_at_its_time(limit):
    before = open_sockets()
    with unanswered("127.0.0.2", "127.0.0.3") as dead, refusing("127.0.0.4") as closed:
        addresses = [("127.0.0.4", closed), ("127.0.0.2", dead), ("127.0.0.3", dead)]
        timeout = ClientTimeout(**{limit: 0.2})
        async with session_to(addresses, timeout, happy_eyeballs_delay=0.02) as session:
            error, spent = await failing(session, drywire.ConnectionTimeoutError)
    assert 0.19 < spent < 0.2 + SLACK
    assert f"(ClientTimeout.{limit})" in str(error)
    assert f"tried 127.0.0.4:{closed}, 127.0.0.2:{dead}, 127.0.0.3:{dead}" in str(error)
    assert (error.host, error.port, error.phase) == ("host.test", 80, "connect")
    assert [one[:2] for one in error.attempts] == addresses
    assert isinstance(error.attempts[0].error, ConnectionRefusedError)
    assert [one.error for one in error.attempts[1:]] == [None, None]
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.host, len(again.attempts)) == (str(error), "host.test", 3)
    assert open_sockets() == before


async def test_the_total_timeout_passes_while_addresses_are_dead_too():
    with unanswered() as dead:
        async with session_to([("127.0.0.1", dead)], ClientTimeout(total=0.05)) as session:
            await failing(session, drywire.TotalTimeoutError)


async def test_a_peer_that_takes_the_connection_and_never_answers_is_a_socket_timeout(scripted):
    async def silent(peer, script):
        await peer.ended()

    async with scripted(silent) as script:
        async with session_to([("127.0.0.1", script.port)], ClientTimeout(sock_read=0.05)) as session:
            error, _ = await failing(session, drywire.SocketTimeoutError)
    assert "(ClientTimeout.sock_read)" in str(error)
    assert error.bytes_sent


async def test_refused_everywhere_names_every_address():
    with refusing("127.0.0.2") as first, refusing("127.0.0.3") as second:
        addresses = [("127.0.0.2", first), ("127.0.0.3", second)]
        async with session_to(addresses) as session:
            error, spent = await failing(session, drywire.ClientConnectorError)
    assert type(error) is drywire.ClientConnectorError
    assert spent < 0.25 + SLACK
    assert str(error) == (
        "Cannot connect to host host.test:80 ssl:default "
        f"[Connection refused at 127.0.0.2:{first}; Connection refused at 127.0.0.3:{second}]"
    )
    assert [(one.host, one.port, type(one.error)) for one in error.attempts] == [
        (*address, ConnectionRefusedError) for address in addresses
    ]
    assert (error.errno, error.phase, error.safe_to_retry) == (errno.ECONNREFUSED, "connect", True)
    assert isinstance(error.os_error, ConnectionRefusedError)
    assert error.strerror == error.os_error.strerror
    assert error.__cause__.__cause__ is error.attempts[-1].error


async def test_many_addresses_make_no_long_text():
    with refusing("127.0.0.2") as closed:
        async with session_to([(f"127.0.1.{number}", closed) for number in range(250)]) as session:
            error, _ = await failing(session, drywire.ClientConnectorError)
    assert len(str(error)) < 700
    assert "and 56 more" in str(error)
    assert len(error.attempts) == 64


async def test_addresses_that_did_not_do_are_asked_for_again(scripted, answering):
    async with scripted(answering()) as script:
        with refusing("127.0.0.2") as closed:
            answers = [[("127.0.0.2", closed)], [("127.0.0.1", script.port)]]
            async with session_to(lambda: answers.pop(0)) as session:
                await failing(session, drywire.ClientConnectorError)
                async with session.get("http://host.test/") as response:
                    assert response.status == 200
    assert answers == []


async def test_addresses_that_did_not_answer_are_asked_for_again(scripted, answering):
    async with scripted(answering()) as script:
        with unanswered("127.0.0.2") as dead:
            answers = [[("127.0.0.2", dead)], [("127.0.0.1", script.port)]]
            async with session_to(lambda: answers.pop(0), ClientTimeout(sock_connect=0.05)) as session:
                await failing(session, drywire.ConnectionTimeoutError)
                async with session.get("http://host.test/") as response:
                    assert response.status == 200
    assert answers == []


async def test_a_request_that_is_cancelled_while_it_connects_leaves_no_socket(eventually):
    runtime, before = current_runtime(), open_sockets()
    with unanswered("127.0.0.2", "127.0.0.3") as dead:
        async with session_to([("127.0.0.2", dead), ("127.0.0.3", dead)], happy_eyeballs_delay=0) as session:
            during = open_sockets()
            task = runtime.spawn(fetch_forever, session)
            await eventually(lambda: open_sockets() == during + 2)
            task.cancel()
            assert await task.wait(runtime.now() + 5)
            assert open_sockets() == during
            assert session.connector.figures.in_use == 0
    assert open_sockets() == before


async def fetch_forever(session):
    await session.get("http://host.test/")


# What errors are made of

KEY = ConnectionKey("host.test", 443, True, True, None)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


@pytest.mark.parametrize(
    "kind",
    [
        drywire.ClientConnectorError,
        drywire.ClientConnectorDNSError,
        drywire.ClientProxyConnectionError,
        drywire.ClientSSLError,
        AddressForbiddenError,
    ],
)
def test_connector_errors_are_made_as_in_aiohttp(kind):
    error = kind(connection_key=KEY, os_error=REFUSED)
    assert (error.host, error.port, error.ssl, error.os_error) == ("host.test", 443, True, REFUSED)
    assert (error.errno, error.strerror) == (errno.ECONNREFUSED, "Connection refused")
    assert str(error) == "Cannot connect to host host.test:443 ssl:default [Connection refused]"
    error.attempts = (ConnectAttempt("127.0.0.1", 443, REFUSED),)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert (str(again), again.host, again.errno) == (str(error), "host.test", errno.ECONNREFUSED)
        assert str(again.attempts[0]) == "127.0.0.1:443"
        assert again.attempts[0].error.errno == errno.ECONNREFUSED


def test_a_connector_error_is_made_of_whatever_a_test_has_at_hand():
    for key in (None, object(), SimpleNamespace(host="x", port=1, ssl=False)):
        assert "Cannot connect to host" in str(drywire.ClientConnectorError(key, OSError()))
    assert "[why]" in str(drywire.ClientConnectorError(None, OSError("why")))


def test_a_unix_and_a_certificate_error_are_made_as_in_aiohttp():
    error = UnixClientConnectorError("\0abstract", KEY, REFUSED)
    assert (error.path, error.host, error.errno) == ("\0abstract", "host.test", errno.ECONNREFUSED)
    assert str(error) == "Cannot connect to unix socket @abstract ssl:default [Connection refused]"
    assert pickle.loads(pickle.dumps(error)).path == "\0abstract"
    reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
    for certificate_error in (reason, ValueError("no OSError at all")):
        error = drywire.ClientConnectorCertificateError(connection_key=KEY, certificate_error=certificate_error)
        assert error.certificate_error is certificate_error
        assert (error.host, error.port) == ("host.test", 443)
        assert str(certificate_error.args[-1]) in str(error)
        assert "host.test" in str(pickle.loads(pickle.dumps(error)))


def test_an_attempt_is_shown_as_an_address():
    assert str(ConnectAttempt("127.0.0.1", 80, None)) == "127.0.0.1:80"
    assert str(ConnectAttempt("::1", 80, None)) == "[::1]:80"
    assert str(ConnectAttempt("/run/socket", 0, None)) == "/run/socket"


def test_an_error_tells_no_password():
    fields = {name: None for name in ProxyRoute._fields} | {"host": "proxy", "port": 1, "headers": ()}
    route = ProxyRoute(**fields | {"authorization": "Basic c2VjcmV0"})
    error = drywire.ClientConnectorError(KEY._replace(proxy=route), REFUSED)
    assert b"c2VjcmV0" not in pickle.dumps(error)
    assert "c2VjcmV0" not in repr(error) + str(error)


# Connectors of one's own


async def test_a_connector_of_ones_own_opens_streams_as_it_likes(scripted, answering):
    class Elsewhere(drywire.BaseConnector):
        """Goes to one port, whatever the URL says."""

        def __init__(self, port, **options):
            super().__init__(**options)
            self.port = port
            self.asked = []

        async def _create_connection(self, req, traces, timeout):
            self.asked.append((req.url.host, timeout.sock_connect))
            runtime = current_runtime()
            return await runtime.connect_tcp("127.0.0.1", self.port, deadline=req.deadlines.dial(runtime.now()))

    async with scripted(answering()) as script:
        connector = Elsewhere(script.port, limit=1)
        async with ClientSession(connector=connector, timeout=ClientTimeout(sock_connect=7)) as session:
            for _ in range(3):
                async with session.get("http://anywhere.invalid/") as response:
                    assert await response.read() == b"ok"
            assert connector.asked == [("anywhere.invalid", 7)]
            assert connector.figures.idle == 1
    assert script.connections == 1
    assert b"Host: anywhere.invalid\r\n" in script.heads[0]


async def test_a_tcp_connector_can_be_derived_from(scripted, answering):
    class Counting(TCPConnector):
        opened = 0

        async def _create_connection(self, req, traces, timeout):
            self.opened += 1
            return await super()._create_connection(req, traces, timeout)

    async with scripted(answering()) as script:
        async with ClientSession(connector=Counting(force_close=True)) as session:
            for _ in range(2):
                async with session.get(script.url) as response:
                    assert response.status == 200
            assert session.connector.opened == 2


async def test_an_error_of_a_connector_of_ones_own_frees_its_place():
    class Broken(drywire.BaseConnector):
        async def _create_connection(self, req, traces, timeout):
            raise drywire.ClientConnectorError(self.key_of(req), OSError(errno.EIO, "broken"))

    async with ClientSession(connector=Broken(limit=1)) as session:
        for _ in range(3):
            error, _ = await failing(session, drywire.ClientConnectorError)
            assert str(error) == "Cannot connect to host host.test:80 ssl:default [broken]"
