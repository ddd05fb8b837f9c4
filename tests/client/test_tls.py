"""What TLS a request gets, when it is refused, how it ends, and which sessions are kept."""

import hashlib
import pickle
import socket
import ssl
import struct

import pytest

import drywire
from drywire import web
from drywire_client.tls_settings import SERVERS, SESSIONS_EACH, TLSSessions, certificate_name
from drywire_transports import current_runtime

from .conftest import OK


def digest_of(server_tls, port):
    pem = ssl.get_server_certificate(("127.0.0.1", port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()


def contexts(ca, **protocols):
    """Return a context for a server and one for a client that trusts it, which offer what `protocols` say by ALPN."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    ca.configure_trust(client)
    for side, context in (("server", server), ("client", client)):
        if side in protocols:
            context.set_alpn_protocols(protocols[side])
    return server, client


async def get(session, url, **options):
    async with session.get(url, **options) as response:
        return await response.read()


# What is asked for


@pytest.mark.parametrize("setting", [None, True, False, "context", "pin"])
@pytest.mark.parametrize("where", ["connector", "request"])
async def test_each_form_of_ssl_holds_for_a_connector_and_for_a_request(
    scripted, answering, server_tls, client_tls, where, setting
):
    async with scripted(answering(), server_tls) as script:
        pin = await current_runtime().in_thread(digest_of, server_tls, script.port)
        value = {"context": client_tls, "pin": drywire.Fingerprint(pin)}.get(setting, setting)
        of_connector, of_request = ({"ssl": value}, {}) if where == "connector" else ({}, {"ssl": value})
        async with drywire.ClientSession(connector=drywire.TCPConnector(**of_connector)) as session:
            if value is None or value is True:
                with pytest.raises(drywire.ClientConnectorCertificateError):
                    await get(session, script.url, **of_request)
            else:
                assert await get(session, script.url, **of_request) == b"ok"


@pytest.mark.parametrize("wrong", ["yes", 1, b"x" * 32, object()])
async def test_what_is_no_setting_is_refused(wrong):
    with pytest.raises(TypeError, match="ssl must be a bool, an SSLContext or a Fingerprint"):
        drywire.TCPConnector(ssl=wrong)
    async with drywire.ClientSession() as session:
        with pytest.raises(TypeError, match="ssl must be a bool, an SSLContext or a Fingerprint"):
            await session.get("https://localhost:1/", ssl=wrong)


@pytest.mark.parametrize("setting", [False, "context"])
async def test_http_1_1_is_what_alpn_offers_and_h2_never(scripted, ca, setting):
    server, client = contexts(ca, server=["h2", "http/1.1"])
    agreed = []

    async def talk(peer, script):
        agreed.append(peer.stream.extra_info("ssl_object").selected_alpn_protocol())
        await peer.request()
        await peer.send(OK)

    async with scripted(talk, server) as script, drywire.ClientSession() as session:
        assert await get(session, script.url, ssl=client if setting == "context" else setting) == b"ok"
    # A context of the user's own is used as it is, without ALPN where it has none.
    assert agreed == [None if setting == "context" else "http/1.1"]


async def test_a_context_that_offers_h2_to_a_server_that_takes_it_is_refused_before_anything_is_sent(
    scripted, ca, eventually
):
    server, client = contexts(ca, server=["h2"], client=["h2", "http/1.1"])
    heard = []

    async def talk(peer, script):
        heard.append(await peer.head())

    async with scripted(talk, server) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ClientConnectorSSLError, match=r"wants to speak 'h2'.*set_alpn_protocols"):
            await get(session, script.url, ssl=client)
        await eventually(lambda: heard)
    assert heard == [b""]


async def test_a_server_that_is_not_the_pinned_one_is_sent_nothing(scripted, server_tls, eventually):
    heard = []

    async def talk(peer, script):
        heard.append(await peer.head())

    async with scripted(talk, server_tls) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ServerFingerprintMismatch) as caught:
            await session.post(script.url, data=b"secret", ssl=drywire.Fingerprint(b"x" * 32))
        await eventually(lambda: heard)
        assert heard == [b""]
        got = await current_runtime().in_thread(digest_of, server_tls, script.port)
    error = caught.value
    assert (error.expected, error.got, error.host, error.port) == (b"x" * 32, got, "127.0.0.1", script.port)
    assert error.phase == "tls"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "example.com"),
        ("example.com.", "example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_certificates_have_names_without_their_dot_and_addresses_without_a_zone(host, name):
    assert certificate_name(host) == name


async def test_a_name_that_cannot_be_asked_for_is_an_error_of_the_connection(scripted, answering, server_tls):
    async with scripted(answering(), server_tls) as script, drywire.ClientSession() as session:
        for name in (".example.com", "a" * 64 + ".example", "x..y"):
            with pytest.raises(drywire.ClientConnectorSSLError, match="cannot be asked for as a server's name"):
                await session.get(script.url, ssl=False, server_hostname=name)


# Handshakes that fail


@pytest.mark.parametrize("how", ["ends", "resets", "talks"])
async def test_a_handshake_that_is_cut_is_an_error_of_tls(scripted, how):
    async def talk(peer, script):
        await peer.stream.receive()
        if how == "talks":
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await peer.ended()
        elif how == "resets":
            sock = peer.stream.extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.stream.abort()

    async with scripted(talk) as script, drywire.ClientSession() as session:
        advice = "does not speak TLS" if how == "talks" else "hung up in the handshake"
        with pytest.raises(drywire.ClientConnectorSSLError, match=advice) as caught:
            await session.get(script.url.replace("http:", "https:"))
        assert (caught.value.host, caught.value.port, caught.value.phase) == ("127.0.0.1", script.port, "tls")
        assert caught.value.safe_to_retry
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (type(copy), str(copy), copy.advice) == (type(caught.value), str(caught.value), caught.value.advice)


async def test_a_peer_that_never_answers_the_handshake_is_left_in_time(scripted):
    async def talk(peer, script):
        await peer.ended()

    timeout = drywire.ClientTimeout(sock_connect=0.05)
    async with scripted(talk) as script, drywire.ClientSession(timeout=timeout) as session:
        with pytest.raises(drywire.ConnectionTimeoutError) as caught:
            await session.get(script.url.replace("http:", "https:"))
    assert caught.value.phase == "tls"


# Ends


async def test_pitfall_8_closing_does_not_wait_for_a_peer_that_never_says_goodbye(scripted, server_tls):
    async def talk(peer, script):
        below = peer.stream
        secure = await below.start_tls(server_tls, server_side=True)
        await secure.receive()
        await secure.send(OK)
        while await below.receive():  # hears the client's goodbye as bytes, and says nothing
            pass

    runtime = current_runtime()
    async with scripted(talk) as script:
        session = drywire.ClientSession()
        await get(session, script.url.replace("http:", "https:"), ssl=False)
        before = runtime.now()
        await session.close()
        assert runtime.now() - before < 0.5


UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"
WITH_LENGTH = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nall of it"


def ending(response, server_tls, goodbye):
    async def talk(peer, script):
        secure = await peer.stream.start_tls(server_tls, server_side=True)
        await secure.receive()
        await secure.send(response)
        await (secure if goodbye else peer.stream).aclose()

    return talk


@pytest.mark.parametrize("response", [UNTIL_CLOSE, WITH_LENGTH])
@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_body_that_ends_with_the_connection_needs_the_tls_close(scripted, server_tls, response, goodbye):
    async with scripted(ending(response, server_tls, goodbye)) as script, drywire.ClientSession() as session:
        async with session.get(script.url.replace("http:", "https:"), ssl=False) as answer:
            if goodbye or response is WITH_LENGTH:
                assert await answer.read() == b"all of it"
            else:
                with pytest.raises(drywire.ClientPayloadError, match=r"without a TLS close.*OP_IGNORE_UNEXPECTED_EOF"):
                    await answer.read()


@pytest.mark.skipif(not hasattr(ssl, "OP_IGNORE_UNEXPECTED_EOF"), reason="OpenSSL 3 brought the option")
async def test_a_context_may_forgive_a_missing_tls_close(scripted, server_tls):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    async with scripted(ending(UNTIL_CLOSE, server_tls, False)) as script, drywire.ClientSession() as session:
        assert await get(session, script.url.replace("http:", "https:"), ssl=context) == b"all of it"


async def test_a_server_that_ends_without_an_answer_disconnects_also_without_a_tls_close(scripted, server_tls):
    async with scripted(ending(b"", server_tls, False)) as script, drywire.ClientSession() as session:
        with pytest.raises(drywire.ServerDisconnectedError):
            await session.post(script.url.replace("http:", "https:"), ssl=False)


# Sessions


class Session:
    """Stands for a session of OpenSSL, which is never looked into."""


def test_sessions_of_tls_1_3_serve_once_and_the_last_first():
    sessions, one, two = TLSSessions(), Session(), Session()
    sessions.keep("here", True, one)
    sessions.keep("here", True, two)
    assert [sessions.take("here") for _ in range(3)] == [two, one, None]
    assert sessions.take("there") is None


def test_sessions_of_tls_1_2_serve_until_the_next_comes():
    sessions, one, two = TLSSessions(), Session(), Session()
    sessions.keep("here", False, one)
    assert [sessions.take("here") for _ in range(2)] == [one, one]
    sessions.keep("here", False, two)
    assert sessions.take("here") is two
    assert len(sessions) == 1


def test_a_server_is_asked_for_a_few_sessions_at_once_and_then_for_one_a_second():
    sessions = TLSSessions()
    assert [sessions.wants("one", 100.0) for _ in range(SESSIONS_EACH + 2)] == [True] * SESSIONS_EACH + [False] * 2
    assert not sessions.wants("one", 100.5)
    assert sessions.wants("one", 101.25)
    assert not sessions.wants("one", 101.5)
    assert sessions.wants("another", 101.5)
    assert [sessions.wants("one", 900.0) for _ in range(SESSIONS_EACH + 1)] == [True] * SESSIONS_EACH + [False]
    assert not sessions.wants("one", 5.0)  # the clock of another loop


def test_sessions_are_few_for_each_server_and_servers_are_few():
    sessions = TLSSessions()
    for _ in range(SESSIONS_EACH + 3):
        sessions.keep("one", True, Session())
    assert len(sessions) == SESSIONS_EACH
    for number in range(SERVERS - 1):
        sessions.keep(number, False, Session())
    assert sessions.take("one") is not None  # and is now the one that was used last
    sessions.keep("one more", False, Session())
    assert sessions.take(0) is None
    assert sessions.take("one") is not None
    sessions.clear()
    assert len(sessions) == 0


async def test_a_closed_connector_keeps_no_session(scripted, answering, server_tls, client_tls):
    connector = drywire.TCPConnector(ssl=client_tls)
    async with scripted(answering(), server_tls) as script, drywire.ClientSession(connector=connector) as session:
        await get(session, script.url)
        assert len(connector._sessions) == 1
    assert len(connector._sessions) == 0


@pytest.mark.parametrize("fails", [False, True])
async def test_our_server_says_goodbye_after_a_body_that_ends_with_the_connection_and_only_then(
    serving, server_tls, fails
):
    async def handler(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"all of it")
        if fails:
            raise ConnectionResetError
        return response

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app, ssl_context=server_tls) as url:
        async with drywire.ClientSession(version=drywire.HttpVersion10) as session:
            async with session.get(url, ssl=False) as response:
                assert "Content-Length" not in response.headers
                assert "Transfer-Encoding" not in response.headers
                if fails:
                    with pytest.raises(drywire.ClientPayloadError, match="without a TLS close"):
                        await response.read()
                else:
                    assert await response.read() == b"all of it"
